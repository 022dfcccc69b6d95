"""JSON made of values: json_build_object and its like, where the driver takes JSON apart."""

from __future__ import annotations

from sqlglot import exp

from sqlmem.dialects.base import Result
from sqlmem.expressions.rendering import Expressions
from sqlmem.functions.json_texts import KINDS
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import NULL, Value

# name -> the function of ours, and what it gives
BUILDERS = {
    "json_build_object": ("sqlmem_json_object", Result(Column("", Kind.JSON, "JSON"), 114, "json")),
    "jsonb_build_object": ("sqlmem_jsonb_object", Result(Column("", Kind.JSON, "JSONB"), 3802, "json")),
}


def built(render: Expressions, node: exp.Anonymous, scope: Scope) -> Value:
    """An object of keys that are constants."""
    name = str(node.this).lower()
    function, result = BUILDERS[name]
    if not render.context.facts.json_is_parsed:
        raise Refuse("JSON, which the driver gives in a way of its own")
    if len(node.expressions) % 2:
        raise Refuse(f"{name} of a key without a value")
    arguments = []
    for key, item in zip(node.expressions[::2], node.expressions[1::2], strict=True):
        if not (isinstance(key, exp.Literal) and key.is_string and "\\" not in str(key.this)):
            raise Refuse(f"{name} with a key that isn't a constant text")
        arguments += [render.context.constant(str(key.this)), json_text(render, render.value(item, scope))]
    return Value(f"{function}({', '.join(arguments)})", result.type, result=result, is_distinct=False)


def json_text(render: Expressions, value: Value) -> str:
    """A value as JSON."""
    if value is NULL:
        return "'null'"
    if value.literal is not None and value.cast is None:
        value = render.settle(value)
    column = value.type
    if column is None:
        raise Refuse("JSON of a value whose type only the origin knows")
    if column.kind is Kind.JSON and (value.result is None or value.result.codec != "json"):
        # A column's own JSON is kept in one of several forms; a list isn't kept as JSON.
        raise Refuse(f"JSON of {column.type_name}")
    is_held = column.kind is not Kind.NUMERIC or column.scale is not None
    if column.kind.value not in KINDS or not is_held or not (column.is_compared or column.kind is Kind.JSON):
        raise Refuse(f"JSON of {column.type_name or column.kind.value}")
    sizes = f"{column.precision}, {column.scale}" if column.kind is Kind.NUMERIC else "NULL, NULL"
    return f"sqlmem_json({value.sql}, '{column.kind.value}', {sizes})"
