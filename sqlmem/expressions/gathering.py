"""Aggregates that put values together or choose among them by an order, and those of spread and bits.

Whether the order settles the result is seen when the values are there: `functions.gathering` fails where two
that differ stand at one place, and the origin answers.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlglot import exp

from sqlmem.codecs import Unrepresentable, codec_for
from sqlmem.dialects.aggregates import ARRAYS, Aggregate
from sqlmem.dialects.base import Result
from sqlmem.dialects.numbers import size
from sqlmem.expressions.closed import only
from sqlmem.expressions.jsons import json_text
from sqlmem.expressions.rendering import Expressions
from sqlmem.functions.numbers import OWN_SCALE
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import Value, as_text

# The parser's class -> the names in the tables, of which a dialect has one.
NODES: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.GroupConcat: ("string_agg", "group_concat"),
    exp.ArrayAgg: ("array_agg",),
    exp.JSONArrayAgg: ("json_agg",),
    exp.Stddev: ("stddev_samp",),
    exp.StddevSamp: ("stddev_samp",),
    exp.StddevPop: ("stddev_pop",),
    exp.Variance: ("var_samp",),
    exp.VariancePop: ("var_pop",),
    exp.BitwiseAndAgg: ("bit_and",),
    exp.BitwiseOrAgg: ("bit_or",),
    exp.BitwiseXorAgg: ("bit_xor",),
    exp.PercentileDisc: ("percentile_disc",),
    exp.PercentileCont: ("percentile_cont",),
    exp.Mode: ("mode",),
}
_BY_PLACE = (exp.PercentileDisc, exp.PercentileCont, exp.Mode)


def gathered(render: Expressions, node: exp.Expr, scope: Scope) -> Value:
    """One of `NODES`, or WITHIN GROUP around one; the scope is as within an aggregate."""
    inner = node.this if isinstance(node, exp.WithinGroup) else node
    rows = render.semantics.aggregates
    name = next((name for name in NODES.get(type(inner), ()) if name in rows), None)
    if name is None or isinstance(inner, _BY_PLACE) != isinstance(node, exp.WithinGroup):
        raise Refuse(f"{inner.key.upper()} is computed by the origin")
    row = rows[name]
    if not row.store:
        raise Refuse(f"{name.upper()} is computed by the origin: {row.wrong}")
    if isinstance(node, exp.WithinGroup):
        return _by_place(render, node, row, name, scope)
    if name in ("string_agg", "group_concat", "array_agg", "json_agg"):
        return _in_order(render, inner, row, name, scope)
    only(inner, "this")
    if not isinstance(inner.this, exp.Expr):
        raise Refuse(f"{name.upper()} of several arguments")
    value = _operand(render, inner.this, row, name, scope)
    if row.result is None:
        return Value(f"{row.store}({value.sql})", value.type, result=_described(render, value))
    assert value.type is not None
    scale = OWN_SCALE if value.type.kind is Kind.DECIMAL else size(value.type)[1]
    return Value(f"{row.store}({value.sql}, {scale})", row.result.type, result=row.result, is_distinct=False)


def _operand(render: Expressions, node: exp.Expr, row: Aggregate, name: str, scope: Scope) -> Value:
    value = render.value(node, scope)
    column = value.type
    if column is None or column.kind not in row.kinds or value.is_final or value.has_hidden_digits:
        described = "NULL or a constant" if column is None else column.type_name or column.kind.value
        raise Refuse(f"{name.upper()} of {described}")
    if not column.is_compared and column.kind is not Kind.JSON:
        raise Refuse(f"{name.upper()} of {column.type_name}")
    return value


def _described(render: Expressions, value: Value) -> Result:
    if value.result is not None and value.result.code is not None:
        return value.result
    # The result of MIN or MAX is described as its column is, which it isn't any more.
    assert value.type is not None
    return render.result_of(value.type, "an aggregate")


def _in_order(render: Expressions, node: exp.Expr, row: Aggregate, name: str, scope: Scope) -> Value:
    """STRING_AGG, GROUP_CONCAT, ARRAY_AGG, JSON_AGG."""
    only(node, "this", "separator", "nulls_excluded")
    argument, terms = node.this, []
    if isinstance(argument, exp.Order):
        only(argument, "this", "expressions")
        argument, terms = argument.this, argument.expressions
    is_distinct = isinstance(argument, exp.Distinct)
    if is_distinct:
        only(argument, "expressions")
        if len(argument.expressions) != 1:
            raise Refuse(f"{name.upper()} of several distinct values")
        argument = argument.expressions[0]
        if any(not isinstance(term, exp.Ordered) or term.this != argument for term in terms):
            # An error in PostgreSQL; in MariaDB one of equal values stands for all, at its own place.
            raise Refuse(f"{name.upper()} of distinct values in the order of others")
    if not terms:
        raise Refuse(f"{name.upper()} without an order: it is the origin's choice")
    value = _operand(render, argument, row, name, scope)
    if is_distinct:
        render.check_same(value, f"{name.upper()}(DISTINCT)")
    column = value.type
    assert column is not None
    order = _order(render, terms, scope)
    if name == "json_agg":
        if is_distinct or not render.context.facts.json_is_parsed:
            raise Refuse("JSON_AGG of distinct values, or where the driver gives JSON in a way of its own")
        assert row.result is not None
        return _call(row.store, [json_text(render, value), *order], row.result)
    if name == "array_agg":
        codec = codec_for(column, render.context.facts.driver)
        code = ARRAYS.get(_described(render, value).code or 0)
        if codec is None or code is None:
            raise Refuse(f"ARRAY_AGG of {column.type_name}")
        listed = Result(Column("", Kind.JSON, f"{column.type_name}[]"), code, "opaque")
        arguments = [value.sql, render.context.constant(codec.name), str(int(is_distinct)), *order]
        return _call(row.store, arguments, listed)
    return _joined(render, node, row, name, value, order, is_distinct=is_distinct)


def _joined(
    render: Expressions,
    node: exp.Expr,
    row: Aggregate,
    name: str,
    value: Value,
    order: list[str],
    *,
    is_distinct: bool,
) -> Value:
    column = value.type
    assert column is not None
    assert row.result is not None
    separator = node.args.get("separator")
    if separator is None and name == "group_concat":
        text = ","
    elif isinstance(separator, exp.Literal) and separator.is_string and "\\" not in str(separator.this):
        text = str(separator.this)
    else:
        raise Refuse(f"{name.upper()} with a separator that isn't a constant text")
    limit = 0
    if name == "group_concat":
        limit = render.context.facts.concat_bytes or 0
        if limit < _LEAST_LIMIT:
            # The type depends on it, and so does where the text ends.
            raise Refuse("GROUP_CONCAT under a setting that isn't known")
    sql = value.sql
    if column.kind is Kind.NUMERIC:
        sql = f"sqlmem_decimal({sql}, {column.precision}, {column.scale})"
    result = row.result
    if column.kind is Kind.TEXT and render.semantics.text is not None:
        result = replace(result, type=as_text(column, render.semantics.text.type))
    arguments = [sql, render.context.constant(text), str(limit), str(int(is_distinct)), *order]
    return _call(row.store, arguments, result)


# Below, MariaDB makes another type of GROUP_CONCAT.
_LEAST_LIMIT = 1024


def _order(render: Expressions, terms: list[exp.Expr], scope: Scope) -> list[str]:
    """The order's directions, and its keys, as arguments of the store's function."""
    directions, keys = [], []
    for term in terms:
        if isinstance(term, exp.Ordered) and isinstance(term.this, exp.Literal | exp.Placeholder):
            raise Refuse("an order of an aggregate by a constant")
        key, direction, _, nulls = render.ordered(term, scope, None).rsplit(" ", 3)
        directions.append(direction[0].lower() + nulls[0].lower())
        keys.append(key)
    return [render.context.constant(",".join(directions)), *keys]


def _call(function: str, arguments: list[str], result: Result) -> Value:
    return Value(f"{function}({', '.join(arguments)})", result.type, result=result)


def _by_place(render: Expressions, node: exp.WithinGroup, row: Aggregate, name: str, scope: Scope) -> Value:
    """PERCENTILE_DISC, PERCENTILE_CONT and MODE."""
    only(node, "this", "expression")
    order = node.expression
    if not isinstance(order, exp.Order) or len(order.expressions) != 1:
        raise Refuse(f"{name.upper()} in an order of several terms")
    term = order.expressions[0]
    if not isinstance(term, exp.Ordered):
        raise Refuse("a form of ORDER BY that the planner doesn't know")
    value = _operand(render, term.this, row, name, scope)
    directions, key = _order(render, [term], scope)
    share = [] if isinstance(node.this, exp.Mode) else [_share(render, node.this, scope)]
    if name == "percentile_cont":
        return _interpolated(value, row, [*share, directions])
    arguments = [value.sql, *share, directions, key]
    return Value(f"{row.store}({', '.join(arguments)})", value.type, result=_described(render, value))


def _interpolated(value: Value, row: Aggregate, arguments: list[str]) -> Value:
    column, sql = value.type, value.sql
    assert column is not None
    assert row.result is not None
    if column.kind is Kind.INTEGER:
        sql = f"CAST({sql} AS REAL)"
    elif column.kind is Kind.NUMERIC:
        sql = f"sqlmem_float({sql}, {column.precision}, {column.scale})"
    return _call(row.store, [sql, *arguments, sql], row.result)


def _share(render: Expressions, node: exp.Expr, scope: Scope) -> str:
    only(node, "this", "expression")
    given = node.this
    if isinstance(given, exp.Literal) and not given.is_string:
        try:
            return render.context.constant(_fraction(Decimal(str(given.this))))
        except (ArithmeticError, Unrepresentable):
            raise Refuse("a percentile that isn't between 0 and 1") from None
    value = render.value(given, scope)
    if value.parameter is None or value.adapt is not None or value.cast is not None:
        raise Refuse("a percentile that is computed")
    return render.argument(value, _fraction)


def _fraction(given: Any) -> float:
    if type(given) not in (int, float, Decimal) or not 0 <= given <= 1:
        raise Unrepresentable("a percentile that isn't a number between 0 and 1")
    return float(given)
