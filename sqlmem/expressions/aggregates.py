"""Aggregates and windows."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from sqlmem.dialects.base import Result
from sqlmem.expressions.closed import described, only
from sqlmem.expressions.rendering import DYNAMIC, Expressions, Handler
from sqlmem.expressions.sums import mean, total
from sqlmem.model import Collation, Kind
from sqlmem.plan import Refuse, SumCheck
from sqlmem.scopes import Scope
from sqlmem.values import Value, as_text, check_null, check_ordered

_WINDOW_NAMES: dict[type[exp.Expr], str] = {
    exp.RowNumber: "row_number",
    exp.Rank: "rank",
    exp.DenseRank: "dense_rank",
    exp.Lag: "lag",
    exp.Lead: "lead",
    exp.FirstValue: "first_value",
    exp.LastValue: "last_value",
}
# SQLite's own, which it also computes over a window.
_NATIVE = ("count(", "sum(", "min(", "max(", "avg(")


def aggregate(render: Expressions, node: exp.AggFunc, scope: Scope) -> Value:
    return _aggregate(render, node, scope, is_window=False)


def _aggregate(render: Expressions, node: exp.Expr, scope: Scope, *, is_window: bool) -> Value:
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
        return _aggregate_of(render, node, argument, scope, is_distinct=is_distinct)
    finally:
        scope.is_in_aggregate = was_in_aggregate


def _aggregate_of(
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
    if value.is_final:
        raise Refuse(f"{node.key.upper()} of a quotient that was rounded")
    if isinstance(node, exp.Sum | exp.Avg):
        return _added(render, node, value, distinct)
    if value.type is None:
        raise Refuse("an aggregate of a value whose type only the origin knows")
    if isinstance(node, exp.Min | exp.Max):
        return _extreme(render, "min" if isinstance(node, exp.Min) else "max", value)
    raise Refuse(render.refused(node.key.upper(), f"{node.key.upper()} is computed by the origin"))


def _added(render: Expressions, node: exp.Sum | exp.Avg, value: Value, distinct: str) -> Value:
    is_mean = isinstance(node, exp.Avg)
    if not render.semantics.is_dynamic:
        value = render.own(value)
        if value.type is None:
            raise Refuse("an aggregate of a value whose type only the origin knows")
        return mean(render, distinct, value) if is_mean else total(render, distinct, value)
    if distinct:
        raise Refuse(f"{node.key.upper()}(DISTINCT) is computed by the origin")
    _check_sum(render, value, is_mean=is_mean)
    if is_mean:
        return Value(f"avg({value.sql})", DYNAMIC, is_distinct=False)
    return Value(f"sum({value.sql})", DYNAMIC)


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
    if value.source is None and column.kind is Kind.INTEGER and render.semantics.minmax_integer is not None:
        result = render.semantics.minmax_integer
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


def _check_sum(render: Expressions, value: Value, *, is_mean: bool) -> None:
    if value.source is None:
        raise Refuse("a sum of computed values that may be floats")
    render.context.checks.append(SumCheck(*value.source, is_mean))


def filtered(render: Expressions, node: exp.Filter, scope: Scope) -> Value:
    only(node, "this", "expression")
    if not isinstance(node.this, exp.AggFunc) or not isinstance(node.expression, exp.Where):
        raise Refuse("FILTER without an aggregate")
    value = aggregate(render, node.this, scope)
    scope.is_in_aggregate = True
    try:
        condition = render.condition(node.expression.this, scope)
    finally:
        scope.is_in_aggregate = False
    return value.with_suffix(f" FILTER (WHERE {condition})")


def window(render: Expressions, node: exp.Window, scope: Scope) -> Value:
    only(node, "this", "partition_by", "order", "over")
    inner = node.this
    ordering = node.args.get("order")
    if isinstance(inner, exp.RowNumber | exp.Rank | exp.DenseRank):
        only(inner)
        if inner.args.get("expressions"):
            raise Refuse("a hypothetical rank")
        result = render.semantics.window_functions.get(_WINDOW_NAMES[type(inner)])
        if result is None:
            raise Refuse(f"{inner.key.upper()} is computed by the origin")
        value = Value(f"{_WINDOW_NAMES[type(inner)]}()", result.type, result=result)
    elif isinstance(inner, exp.Lag | exp.Lead | exp.FirstValue | exp.LastValue):
        only(inner, "this", "offset")
        of = render.value(inner.this, scope)
        if of.source is None or of.type is None:
            raise Refuse("a window function of a computed value")
        offset = inner.args.get("offset")
        if offset is not None and not (isinstance(offset, exp.Literal) and str(offset.this).isdigit()):
            raise Refuse("a window function with a computed offset")
        more = "" if offset is None else f", {offset.this}"
        value = Value(
            f"{_WINDOW_NAMES[type(inner)]}({of.sql}{more})",
            of.type,
            of.source,
            is_distinct=of.is_distinct,
        )
    elif isinstance(inner, exp.Count | exp.Sum | exp.Min | exp.Max | exp.Avg):
        value = _aggregate(render, inner, scope, is_window=True)
        if any(not call.startswith(_NATIVE) for call in value.calls or (value.sql,)):
            raise Refuse(f"a window over {described(inner)}")
    else:
        raise Refuse(f"a window over {described(inner)}")
    parts = []
    keys = node.args.get("partition_by") or []
    if keys:
        texts = []
        for key in keys:
            item = render.value(key, scope)
            if item.type is None:
                raise Refuse("a window partitioned by a constant")
            render.check_same(item, "PARTITION BY")
            texts.append(item.sql)
        parts.append(f"PARTITION BY {', '.join(texts)}")
    if ordering is not None:
        parts.append(
            f"ORDER BY {', '.join(render.ordered(item, scope, None) for item in ordering.expressions)}"
        )
    return value.with_suffix(f" OVER ({' '.join(parts)})")


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.Window: window,
    exp.Filter: filtered,
    exp.Count: aggregate,
    exp.Min: aggregate,
    exp.Max: aggregate,
    exp.Sum: aggregate,
    exp.Avg: aggregate,
    exp.LogicalAnd: aggregate,
    exp.LogicalOr: aggregate,
}
