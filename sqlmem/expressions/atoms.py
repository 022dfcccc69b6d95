"""Names, literals, parameters and casts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from sqlmem.conversions import codec_of
from sqlmem.expressions.folded import is_of_constants
from sqlmem.expressions.opened import DYNAMIC
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.expressions.ruled import by_rules
from sqlmem.model import Column, Kind
from sqlmem.plan import Argument, Refuse
from sqlmem.scopes import Scope
from sqlmem.values import NULL, Literal, Value


def column(render: Expressions, node: exp.Column, scope: Scope) -> Value:
    return render.context.column(node, scope)


def literal(render: Expressions, node: exp.Literal, scope: Scope) -> Value:
    return render.literal_of(Literal(str(node.this), bool(node.is_string), render.context.place(node)))


def negative(render: Expressions, node: exp.Neg, scope: Scope) -> Value:
    inner = node.this
    if isinstance(inner, exp.Literal) and not inner.is_string:
        return render.literal_of(Literal(f"-{inner.this}", is_text=False, place=render.context.place(inner)))
    if render.semantics.is_dynamic:
        return render.dynamic(f"-{render.value(inner, scope).sql}")
    if render.semantics.name == "mysql" and is_of_constants(inner):
        # -(1 - 2) is DECIMAL there, -(2 - 1) isn't.
        raise Refuse("the negative of a constant, whose type follows from its value")
    return by_rules(render, "unary -", [render.value(inner, scope)])


def boolean(render: Expressions, node: exp.Boolean, scope: Scope) -> Value:
    if render.semantics.comparison.type.kind is Kind.OPAQUE:
        raise Refuse("a truth value whose type isn't known")
    return Value(
        "1" if node.this else "0",
        render.semantics.comparison.type,
        result=render.semantics.comparison,
        is_condition=True,
    )


def null(render: Expressions, node: exp.Null, scope: Scope) -> Value:
    return NULL


def placeholder(render: Expressions, node: exp.Placeholder, scope: Scope) -> Value:
    name = str(node.this or "")
    if not (name.startswith("p") and name[1:].isdigit()):
        raise Refuse("a form of parameter that the planner doesn't know")
    index = int(name[1:])
    if render.semantics.is_dynamic:
        convert = codec_of(DYNAMIC, render.context.facts.driver).parameter
        return Value(
            render.context.argument(Argument(render.context.parameters[index], None, convert)), DYNAMIC
        )
    return Value("", parameter=index)


def parenthesis(render: Expressions, node: exp.Paren, scope: Scope) -> Value:
    # A predicate's text has its parentheses already; a column's affinity and collation
    # pass through them.
    return render.value(node.this, scope)


_MOST_FRACTION_DIGITS = 6


def sized(known: Column, to: exp.Expr) -> Column:
    sizes = [int(str(size.this)) for size in to.expressions if str(size.this).isdigit()]
    if known.kind is Kind.NUMERIC:
        return replace(known, precision=sizes[0], scale=sizes[1] if len(sizes) > 1 else 0) if sizes else known
    if known.kind is Kind.TEXT:
        return replace(known, precision=sizes[0]) if sizes else known
    if known.kind is Kind.TIMESTAMP and len(sizes) == 1 and sizes[0] <= _MOST_FRACTION_DIGITS:
        return replace(known, precision=sizes[0])
    if sizes:
        raise Refuse(f"a cast to {to.sql()}")
    return known


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.Column: column,
    exp.Literal: literal,
    exp.Neg: negative,
    exp.Boolean: boolean,
    exp.Null: null,
    exp.Placeholder: placeholder,
    exp.Paren: parenthesis,
}
