"""One of several values: CASE, COALESCE, NULLIF, GREATEST, LEAST.

Each of them is what it is by itself; all become one type, by the dialect's rule, and are brought to
that type's stored form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeGuard

from sqlglot import exp

from sqlmem.codecs import Unrepresentable
from sqlmem.dialects.base import Result
from sqlmem.dialects.numbers import scale_of
from sqlmem.dialects.parameters import ParameterType, Untyped
from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.expressions.ruled import by_rules
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import NULL, Value, as_text, check_ordered

_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMERIC, Kind.DECIMAL, Kind.FLOAT})

# kind of number -> those that are wider
_WIDENED = {
    Kind.INTEGER: frozenset({Kind.NUMERIC, Kind.DECIMAL, Kind.FLOAT}),
    Kind.NUMERIC: frozenset({Kind.FLOAT}),
    Kind.DECIMAL: frozenset({Kind.FLOAT}),
}

# MariaDB: of more characters a result is no VARCHAR.
_LONGEST_TEXT = 4000

# Drivers whose parameters the server types by what they stand beside, whatever their values are.
_TYPED_BY_THE_SERVER = frozenset({"asyncpg"})


def case(render: Expressions, node: exp.Case, scope: Scope) -> Value:
    only(node, "this", "ifs", "default")
    subject = render.value(node.this, scope) if node.args.get("this") is not None else None
    if subject is not None and subject.is_open:
        raise Refuse("CASE of a value whose type only the origin knows")
    conditions = []
    for branch in node.args["ifs"]:
        if subject is None:
            conditions.append(render.condition(branch.this, scope))
        else:
            left, right = render.pair(subject, render.value(branch.this, scope), "CASE", is_ordered=False)
            conditions.append(f"{left.sql} = {right.sql}")
    default = node.args.get("default")
    results = [render.value(default, scope) if default is not None else NULL]
    results += [render.value(branch.args["true"], scope) for branch in node.args["ifs"]]
    results, value = chosen(render, results, "CASE")
    branches = " ".join(
        f"WHEN {condition} THEN {result.sql}"
        for condition, result in zip(conditions, results[1:], strict=True)
    )
    return replace(value, sql=f"CASE {branches} ELSE {results[0].sql} END")


def if_(render: Expressions, node: exp.If, scope: Scope) -> Value:
    only(node, "this", "true", "false")
    if "if" not in render.semantics.rules:
        raise Refuse("IF is computed by the origin")
    condition = render.condition(node.this, scope)
    results = [render.value(node.args[key], scope) for key in ("true", "false")]
    results, value = chosen(render, results, "IF")
    return replace(value, sql=f"CASE WHEN {condition} THEN {results[0].sql} ELSE {results[1].sql} END")


def coalesce(render: Expressions, node: exp.Coalesce, scope: Scope) -> Value:
    only(node, "this", "expressions", "is_nvl", "is_null")
    results = [render.value(item, scope) for item in (node.this, *node.expressions)]
    if len(results) < 2:
        raise Refuse("COALESCE of one value")
    results, value = chosen(render, results, "COALESCE")
    render.not_overridden("coalesce")
    return replace(value, sql=f"coalesce({', '.join(result.sql for result in results)})")


def nullif(render: Expressions, node: exp.Nullif, scope: Scope) -> Value:
    only(node, "this", "expression")
    left, right = render.value(node.this, scope), render.value(node.expression, scope)
    if left.type is None or right is NULL:
        raise Refuse("NULLIF of a value whose type only the origin knows")
    literal = right.literal
    if (
        render.semantics.name == "mysql"
        and literal is not None
        and "e" in literal.text
        and not literal.is_text
    ):
        # nullif(count(*), 0e0) is NULL.
        raise Refuse("NULLIF and a float that is written")
    if render.semantics.text is not None and left.type.kind in _WIDENED:
        type_ = _own_type(render, right)
        if _is_number(type_) and type_.kind in _WIDENED[left.type.kind]:
            # It is compared as the wider type, and given back as that.
            raise Refuse(f"NULLIF of {_described(left.type)} and {_described(type_)}")
    one, other = render.pair(left, right, "NULLIF", is_ordered=False)
    # In PostgreSQL the type is that of the comparison's left side: text, of varchar.
    column = left.type
    if render.semantics.text is not None and column.kind is Kind.TEXT:
        column = as_text(column, render.semantics.text.type)
    code = render.semantics.code_of(column)
    if code is None:
        raise Refuse(f"NULLIF of {column.type_name or column.kind.value}")
    # A value or NULL: what stands for it elsewhere (a rank) isn't given back.
    sql = f"CASE WHEN {one.sql} = {other.sql} THEN NULL ELSE {left.sql} END"
    return Value(f"({sql})", column, left.source, Result(column, code), is_distinct=left.is_distinct)


def extreme(render: Expressions, node: exp.Greatest | exp.Least, scope: Scope) -> Value:
    only(node, "this", "expressions", "ignore_nulls")
    name = "greatest" if isinstance(node, exp.Greatest) else "least"
    if name not in render.semantics.rules:
        raise Refuse(f"{name.upper()} is computed by the origin")
    results = [render.value(item, scope) for item in (node.this, *node.expressions)]
    if len(results) < 2 or any(result is NULL for result in results):
        raise Refuse(f"{name.upper()} of NULL")
    if _has_numbers(render, name) and all(_is_number(_own_type(render, result)) for result in results):
        return by_rules(render, name, results)
    skips_null = render.semantics.text is not None
    if not skips_null and any(_own_type(render, result) is Untyped.NULL for result in results):
        # MariaDB makes it a float or a text.
        raise Refuse(f"{name.upper()} of NULL")
    results, value = chosen(render, results, name.upper())
    column = value.type
    assert column is not None
    check_ordered(column, name.upper(), render.semantics)
    texts = [result.sql for result in results]
    if not skips_null:
        return replace(value, sql=f"{'max' if name == 'greatest' else 'min'}({', '.join(texts)})")
    return replace(value, sql=f"sqlmem_{name}({', '.join(texts)})")


def _is_number(type_: ParameterType | None) -> TypeGuard[Column]:
    return isinstance(type_, Column) and type_.kind in _NUMBERS


def _has_numbers(render: Expressions, name: str) -> bool:
    """Whether the dialect's table has a row of its own for numbers."""
    return any(rule.render is not None for rule in render.semantics.rules[name])


def chosen(render: Expressions, results: Sequence[Value], what: str) -> tuple[list[Value], Value]:
    """Values of which one is the result, brought to one type; and the result without its text."""
    if render.semantics.choice is None:
        return render.alternatives(results, what)
    results = [render.shown(result) for result in results]
    types = [_own_type(render, result) for result in results]
    column = render.semantics.choice([type_ for type_ in types if type_ is not None])
    if column is None:
        raise Refuse(f"{what} of {' and '.join(_described(type_) for type_ in types if type_ is not None)}")
    code = render.semantics.code_of(column)
    has_null = any(type_ is None or type_ is Untyped.NULL for type_ in types)
    if code is None or (column.type_name == "MEDIUMINT" and has_null):
        # MariaDB makes a BIGINT of NULL and MEDIUMINT, in that order.
        raise Refuse(f"{what} of {column.type_name or column.kind.value}")
    brought = [
        _brought(render, result, type_, column, what) for result, type_ in zip(results, types, strict=True)
    ]
    is_final = any(result.is_final for result in results)
    return brought, Value("", column, result=Result(column, code), is_final=is_final)


def _own_type(render: Expressions, value: Value) -> ParameterType | None:
    if value is NULL:
        return None
    if (
        value.parameter is not None
        and value.cast is None
        and render.context.facts.driver in _TYPED_BY_THE_SERVER
    ):
        return Untyped.TEXT
    type_ = render.own_type(value)
    if isinstance(type_, Column) and (type_.refusal is not None or type_.kind is Kind.OPAQUE):
        raise Refuse(f"a choice of {_described(type_)}")
    return type_


def _brought(
    render: Expressions, value: Value, type_: ParameterType | None, column: Column, what: str
) -> Value:
    if value is NULL or type_ is Untyped.NULL:
        return NULL
    if not isinstance(type_, Column) or (value.literal is not None and column.kind is not Kind.NUMERIC):
        if column.kind in (Kind.DECIMAL, Kind.NUMERIC):
            # '1.5' keeps its own scale beside numeric(10,2).
            return _literal_decimal(render, value, type_, what)
        return _bound(render, value, column)
    if column.kind is Kind.TEXT:
        return _bound(render, value, column)
    own = render.own(value)
    assert own.type is not None
    sql = _converted(own.sql, own.type, column)
    if sql is None:
        raise Refuse(f"{what} of {_described(own.type)} and {_described(column)}")
    return Value(sql, column)


def _bound(render: Expressions, value: Value, column: Column) -> Value:
    if value.parameter is None or column.kind is not Kind.TEXT or not render.semantics.text_has_nul:
        return render.bound(value, column)
    convert = render.converter(value, column)

    def convert_short(given: Any) -> Any:
        if len(given) > _LONGEST_TEXT:
            raise Unrepresentable("a text so long that it may change the result's type")
        return convert(given)

    return Value(render.argument(value, convert_short), column)


def _literal_decimal(render: Expressions, value: Value, type_: ParameterType | None, what: str) -> Value:
    literal = value.literal
    if (
        literal is None
        or literal.is_text
        or not isinstance(type_, Column)
        or value.cast is not None
        or "e" in literal.text.lower()
    ):
        raise Refuse(f"{what} of numbers of different scale and a text")
    # An exact zero has no sign.
    text = literal.text if Decimal(literal.text) else literal.text.lstrip("-")
    return Value(render.context.constant(text), type_)


def _converted(sql: str, own: Column, column: Column) -> str | None:
    """The stored form of one type as that of another; None if it isn't known here."""
    kinds = (own.kind, column.kind)
    if kinds == (Kind.INTEGER, Kind.DECIMAL):
        return f"CAST({sql} AS TEXT)"
    if kinds == (Kind.NUMERIC, Kind.DECIMAL):
        return f"sqlmem_decimal({sql}, {own.precision}, {own.scale})"
    if kinds == (Kind.INTEGER, Kind.FLOAT):
        return f"CAST({sql} AS REAL)"
    if column.kind is Kind.FLOAT and own.kind in (Kind.NUMERIC, Kind.DECIMAL):
        return f"sqlmem_to_float({sql}, {scale_of(own)})"
    if kinds == (Kind.DATE, Kind.TIMESTAMP):
        return f"({sql} || ' 00:00:00.000000')"
    if kinds in ((Kind.INTEGER, Kind.NUMERIC), (Kind.NUMERIC, Kind.NUMERIC)):
        return _scaled(sql, own, column)
    return sql if own.kind is column.kind else None


def _scaled(sql: str, own: Column, column: Column) -> str | None:
    scale, wanted = (own.scale or 0) if own.kind is Kind.NUMERIC else 0, column.scale or 0
    if _is_wide(own) or _is_wide(column):
        return sql if own.precision == column.precision and scale == wanted else None
    if scale == wanted:
        return sql
    return f"({sql} * {10 ** (wanted - scale)})" if scale < wanted else None


def _is_wide(column: Column) -> bool:
    return column.kind is Kind.NUMERIC and (column.precision or 0) > 18


def _described(type_: ParameterType) -> str:
    return (type_.type_name or type_.kind.value) if isinstance(type_, Column) else type_.value


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.Case: case,
    exp.If: if_,
    exp.Coalesce: coalesce,
    exp.Nullif: nullif,
    exp.Greatest: extreme,
    exp.Least: extreme,
}
