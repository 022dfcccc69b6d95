"""Aggregates. Over windows: `windows`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from sqlmem.codecs import codec_by_name
from sqlmem.dialects.base import Result
from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import DYNAMIC, Expressions, Handler
from sqlmem.model import Collation, Kind
from sqlmem.plan import Refuse, SumCheck
from sqlmem.scopes import Scope
from sqlmem.values import Value, as_text, check_null, check_ordered


def aggregate(render: Expressions, node: exp.AggFunc, scope: Scope) -> Value:
    return aggregate_of(render, node, scope, is_window=False)


def aggregate_of(render: Expressions, node: exp.Expr, scope: Scope, *, is_window: bool) -> Value:
    """COUNT, MIN, MAX, SUM and, of conditions, BOOL_AND and BOOL_OR."""
    if not is_window:
        if scope.group_keys is None:
            raise Refuse("an aggregate where the origin allows none")
        if scope.is_in_aggregate:
            raise Refuse("an aggregate of an aggregate")
        scope.saw_aggregate = True
    only(node, "this", "expressions", "big_int")
    if node.args.get("expressions"):
        raise Refuse("an aggregate of several arguments")
    was_in_aggregate, scope.is_in_aggregate = (
        scope.is_in_aggregate,
        scope.is_in_aggregate or not is_window,
    )
    try:
        argument, is_distinct = node.this, False
        if isinstance(argument, exp.Distinct):
            only(argument, "expressions")
            if len(argument.expressions) != 1 or is_window:
                raise Refuse("an aggregate of several distinct values")
            argument, is_distinct = argument.expressions[0], True
        return _over_argument(render, node, argument, scope, is_distinct=is_distinct)
    finally:
        scope.is_in_aggregate = was_in_aggregate


def _over_argument(
    render: Expressions, node: exp.Expr, argument: exp.Expr, scope: Scope, *, is_distinct: bool
) -> Value:
    distinct = "DISTINCT " if is_distinct else ""
    if isinstance(node, exp.Count):
        count = render.semantics.count
        if isinstance(argument, exp.Star):
            if is_distinct:
                raise Refuse("COUNT(DISTINCT *)")
            return Value("count(*)", count.type, result=count)
        value = render.value(argument, scope)
        if value.literal is not None and not is_distinct:
            return Value("count(*)", count.type, result=count)
        if value.is_open:
            raise Refuse("COUNT of a parameter")
        if is_distinct and value.type is not None:
            render.check_same(value, "COUNT(DISTINCT)")
        check_null(value.type, "COUNT")
        return Value(f"count({distinct}{value.sql})", count.type, result=count)
    if isinstance(node, exp.LogicalAnd | exp.LogicalOr):
        if render.semantics.comparison.type.kind is not Kind.BOOLEAN:
            raise Refuse("an aggregate of conditions is computed by the origin")
        name = "min" if isinstance(node, exp.LogicalAnd) else "max"
        result = render.semantics.comparison
        return Value(f"{name}({render.condition(argument, scope)})", result.type, result=result)
    value = render.value(argument, scope)
    if value.type is None:
        raise Refuse("an aggregate of a value whose type only the origin knows")
    if isinstance(node, exp.Min | exp.Max):
        return _extreme(render, "min" if isinstance(node, exp.Min) else "max", value)
    if isinstance(node, exp.Sum):
        return _sum(render, distinct, value)
    if isinstance(node, exp.Avg) and render.semantics.is_dynamic and not is_distinct:
        _check_sum(render, value, is_mean=True)
        return Value(f"avg({value.sql})", DYNAMIC, is_distinct=False)
    raise Refuse(render.refused(node.key.upper(), f"{node.key.upper()} is computed by the origin"))


def _extreme(render: Expressions, name: str, value: Value) -> Value:
    column = value.type
    assert column is not None
    if render.semantics.is_dynamic:
        check_ordered(column, name.upper(), render.semantics)
        if column.collation is not Collation.BINARY or not value.is_distinct:
            raise Refuse(f"{name.upper()} of values that may be equal and not the same")
        return Value(f"{name}({value.sql})", DYNAMIC, is_distinct=value.is_distinct)
    if column.kind not in render.semantics.minmax:
        raise Refuse(f"{name.upper()} of {column.type_name or column.kind.value}")
    code = render.semantics.minmax[column.kind]
    if code is not None and column.kind is Kind.TEXT and render.semantics.text is not None:
        # max(varchar) is text.
        column = as_text(column, render.semantics.text.type)
    result = value.result if value.source is None else Result(column, code)
    try:
        check_ordered(column, name.upper(), render.semantics)
    except Refuse:
        # As MySQL has it, an enum's least label is that of the alphabet, not of its order.
        rank = render.rank(value) if column.kind is Kind.TEXT and column.is_compared else None
        if rank is None:
            raise
        render.check_same(value, name.upper())
        # The rank in front, of one width, decides; what is behind it is the value.
        return Value(
            f"substr({name}(printf('%019d', {rank.sql}) || {value.sql}), 20)", column, value.source, result
        )
    return Value(f"{name}({value.sql})", column, value.source, result)


def _sum(render: Expressions, distinct: str, value: Value) -> Value:
    column = value.type
    assert column is not None
    if render.semantics.is_dynamic:
        if distinct:
            raise Refuse("SUM(DISTINCT) is computed by the origin")
        _check_sum(render, value, is_mean=False)
        return Value(f"sum({value.sql})", DYNAMIC)
    if column.kind is Kind.INTEGER and column.is_compared:
        result = render.semantics.sums.get(column.type_name)
        if result is None:
            raise Refuse(f"SUM of {column.type_name}")
        return Value(f"sum({distinct}{value.sql})", result.type, result=result)
    if column.kind is Kind.NUMERIC and render.semantics.numeric_sum_code is not None:
        if (column.precision or 0) > 18 or column.scale is None:
            raise Refuse("SUM of numbers of more than 18 digits")
        result = Result(replace(column, precision=18), render.semantics.numeric_sum_code)
        codec_by_name(f"numeric:18:{column.scale}")
        return Value(f"sum({distinct}{value.sql})", result.type, result=result)
    # The order of addition shows in a float's last digit.
    raise Refuse(f"SUM of {column.type_name or column.kind.value}")


def _check_sum(render: Expressions, value: Value, *, is_mean: bool) -> None:
    if value.source is None:
        raise Refuse("a sum of computed values that may be floats")
    render.context.checks.append(SumCheck(*value.source, is_mean))


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.Count: aggregate,
    exp.Min: aggregate,
    exp.Max: aggregate,
    exp.Sum: aggregate,
    exp.Avg: aggregate,
    exp.LogicalAnd: aggregate,
    exp.LogicalOr: aggregate,
}
