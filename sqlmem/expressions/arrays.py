"""`= ANY(array)` and `<> ALL(array)`: a membership whose list is one parameter."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from sqlmem.codecs import Unrepresentable
from sqlmem.expressions import predicates
from sqlmem.expressions.casts import target
from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.expressions.subqueries import is_quantified
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import Value, check_equal

# Kinds whose stored values JSON has a form for. A float's text may be read as its neighbour.
_IN_JSON = frozenset(
    {
        Kind.INTEGER,
        Kind.BOOLEAN,
        Kind.NUMERIC,
        Kind.TEXT,
        Kind.DATE,
        Kind.TIME,
        Kind.TIMESTAMP,
        Kind.TIMESTAMPTZ,
    }
)
_AS_HEX = frozenset({Kind.UUID, Kind.BYTES})


def comparison(render: Expressions, node: exp.Binary, scope: Scope) -> Value:
    array = _array_of(node)
    if array is None or not render.semantics.has_arrays or is_quantified(node.expression):
        return predicates.comparison(render, node, scope)
    operator = "IN" if isinstance(node, exp.EQ) else "NOT IN"
    value = render.value(node.this, scope)
    column = value.type
    if column is None:
        raise Refuse("ANY beside a value whose type only the origin knows")
    check_equal(column, "ANY")
    if isinstance(array, exp.Array):
        return _listed(render, value, column, array, operator, scope)
    item: Column | None = None
    if isinstance(array, exp.Cast) and array.args["to"].this is exp.DType.ARRAY:
        # CAST(:ids AS integer[])
        only(array, "this", "to")
        item = target(render, array.args["to"].expressions[0])
        array = array.this
    given = replace(render.value(array, scope), cast=item)
    if given.parameter is None or given.adapt is not None:
        raise Refuse("ANY of what isn't a parameter")
    convert = _converter(render, given, column)
    text = render.argument(given, convert, refuses_null=True)
    read = "sqlmem_unhex(value)" if column.kind in _AS_HEX else "value"
    return render.predicate(f"{value.sql} {operator} (SELECT {read} FROM json_each({text}))")


def _array_of(node: exp.Binary) -> exp.Expr | None:
    """What stands in the parentheses of = ANY, = SOME and <> ALL; None if it is no such comparison."""
    right = node.expression
    if isinstance(right, exp.Any) and isinstance(node, exp.EQ):
        only(right, "this")
        inner: exp.Expr = right.this
        while isinstance(inner, exp.Paren):
            inner = inner.this
        return None if isinstance(inner, exp.Query) else inner
    name = {exp.EQ: "SOME", exp.NEQ: "ALL"}[type(node)]
    if isinstance(right, exp.All) and isinstance(node, exp.NEQ):
        # What the parser of some versions makes of it.
        whole: exp.Expr = right.this
        while isinstance(whole, exp.Paren):
            whole = whole.this
        return None if isinstance(whole, exp.Query) else whole
    if isinstance(right, exp.Anonymous) and str(right.this).upper() == name and len(right.expressions) == 1:
        found: exp.Expr = right.expressions[0]
        return None if isinstance(found, exp.Query) else found
    return None


def _listed(
    render: Expressions, value: Value, column: Column, array: exp.Array, operator: str, scope: Scope
) -> Value:
    """ARRAY[…] of constants, each plainly of the column's type."""
    texts = []
    for item in array.expressions:
        if not (isinstance(item, exp.Literal) and bool(item.is_string) == (column.kind is Kind.TEXT)):
            raise Refuse("ANY of an array that isn't made of plain constants")
        if column.kind not in (Kind.TEXT, Kind.INTEGER):
            raise Refuse(f"ANY of an array beside {column.type_name or column.kind.value}")
        texts.append(render.bound(render.value(item, scope), column).sql)
    if not texts:
        raise Refuse("ANY of an empty array")
    return render.predicate(f"{value.sql} {operator} ({', '.join(texts)})")


def _converter(render: Expressions, given: Value, column: Column) -> Callable[[Any], str]:
    if column.kind not in _IN_JSON | _AS_HEX:
        raise Refuse(f"ANY beside {column.type_name or column.kind.value}")
    # The array's own cast is that of its items.
    convert = render.converter(given, column)
    is_text, as_hex = column.kind is Kind.TEXT, column.kind in _AS_HEX

    def convert_items(items: Any) -> str:
        if type(items) is not list:
            raise Unrepresentable("a parameter that isn't a list")
        # Drivers make the array's type of the items'; of none, or of texts for other types, in their own way.
        types = {type(item) for item in items if item is not None}
        if len(types) > 1 or (items and not types) or (str in types) != (is_text and bool(types)):
            raise Unrepresentable("a list whose items aren't all of the column's type")
        stored = [None if item is None else convert(item) for item in items]
        if as_hex:
            stored = [None if item is None else item.hex() for item in stored]
        return json.dumps(stored, ensure_ascii=False)

    return convert_items


HANDLERS: Mapping[type[exp.Expr], Handler] = {exp.EQ: comparison, exp.NEQ: comparison}
