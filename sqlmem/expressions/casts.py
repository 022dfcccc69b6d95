"""Casts: of what is open, which takes the type; and of values, by the dialect's rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from sqlmem.dialects.base import Result
from sqlmem.expressions import atoms
from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import NULL, Value


def cast(render: Expressions, node: exp.Cast, scope: Scope) -> Value:
    only(node, "this", "to")
    known = target(render, node.args["to"])
    value = render.value(node.this, scope)
    if value is NULL:
        raise Refuse("a NULL whose type only the origin knows")
    if value.is_open:
        if value.cast is not None or value.adapt is not None:
            raise Refuse("a cast of a cast")
        if value.literal is not None and known.kind is Kind.TEXT and known.precision is not None:
            raise Refuse("a literal that may be cut")
        return replace(value, cast=known)
    own = value.type
    assert own is not None
    if value.has_hidden_digits or value.is_final:
        raise Refuse("a cast of a quotient")
    if own.kind is known.kind and own.type_name == known.type_name and known.precision is None:
        return value
    found = None if render.semantics.cast is None else render.semantics.cast(value.sql, own, known)
    if found is None:
        raise Refuse(f"a cast to {known.type_name}")
    sql, column = found
    code = render.semantics.code_of(column)
    return Value(sql, column, result=None if code is None else Result(column, code))


def target(render: Expressions, to: exp.Expr) -> Column:
    """The type that a cast names."""
    known = render.semantics.casts.get(to.this.value if isinstance(to.this, exp.DType) else "")
    if known is None:
        raise Refuse(f"a cast to {to.sql()}")
    return atoms.sized(known, to)


HANDLERS: Mapping[type[exp.Expr], Handler] = {exp.Cast: cast}
