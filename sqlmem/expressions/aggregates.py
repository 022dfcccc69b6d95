"""Aggregates. Over windows: `windows`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from sqlmem.dialects.base import Result
from sqlmem.expressions.closed import is_total, only
from sqlmem.expressions.gathering import NODES, gathered
from sqlmem.expressions.jsons import BUILDERS, built
from sqlmem.expressions.opened import DYNAMIC
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.expressions.sums import mean, total
from sqlmem.measures import REALS, Check, Measure, Need, constant, counted, summed
from sqlmem.model import Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import EQUAL_TEXT, Value, as_text, check_equal, check_null, check_ordered, known

_COUNTED = Measure(None, counted, with_rows=True)


def aggregate(render: Expressions, node: exp.Expr, scope: Scope) -> Value:
    return aggregate_of(render, node, scope, is_window=False)


def aggregate_of(render: Expressions, node: exp.Expr, scope: Scope, *, is_window: bool) -> Value:
    """COUNT, MIN, MAX, SUM and, of conditions, BOOL_AND and BOOL_OR."""
    if not is_window:
        if scope.group_keys is None:
            raise Refuse("an aggregate where the origin allows none")
        if scope.is_in_aggregate:
            raise Refuse("an aggregate of an aggregate")
        scope.saw_aggregate = True
    was_in_aggregate, scope.is_in_aggregate = (
        scope.is_in_aggregate,
        scope.is_in_aggregate or not is_window,
    )
    try:
        if type(node) in NODES or isinstance(node, exp.WithinGroup):
            if is_window or render.semantics.is_dynamic:
                raise Refuse(f"{node.key.upper()} is computed by the origin")
            return gathered(render, node, scope)
        only(node, "this", "expressions", "big_int")
        if node.args.get("expressions") and not is_total(node):
            raise Refuse("an aggregate of several arguments")
        argument, is_distinct = node.this, False
        if isinstance(node, exp.Anonymous):
            if len(node.expressions) != 1:
                raise Refuse("an aggregate of several arguments")
            argument = node.expressions[0]
        if isinstance(argument, exp.Distinct):
            only(argument, "expressions")
            if isinstance(node, exp.Count) and len(argument.expressions) > 1 and not is_window:
                return _distinct_rows(render, argument.expressions, scope)
            if len(argument.expressions) != 1 or is_window:
                raise Refuse("an aggregate of several distinct values")
            argument, is_distinct = argument.expressions[0], True
        if argument is None:
            raise Refuse("an aggregate without an argument")
        _check_constant(render, node, argument)
        return _over_argument(render, node, argument, scope, is_distinct=is_distinct)
    finally:
        scope.is_in_aggregate = was_in_aggregate


def _check_constant(render: Expressions, node: exp.Expr, argument: exp.Expr) -> None:
    is_truth = isinstance(node, exp.Min | exp.Max) and isinstance(argument.unnest(), exp.Boolean)
    if is_truth and render.semantics.name == "mysql":
        # An INT over a derived table, a BIGINT over a table.
        raise Refuse("MIN or MAX of a constant, whose type depends on where it stands")


def _over_argument(
    render: Expressions,
    node: exp.Expr,
    argument: exp.Expr,
    scope: Scope,
    *,
    is_distinct: bool,
) -> Value:
    distinct = "DISTINCT " if is_distinct else ""
    if isinstance(node, exp.Count):
        return _counted(render, argument, scope, is_distinct=is_distinct)
    if isinstance(node, exp.LogicalAnd | exp.LogicalOr) or _is_every(node):
        if render.semantics.comparison.type.kind is not Kind.BOOLEAN:
            raise Refuse("an aggregate of conditions is computed by the origin")
        name = "min" if isinstance(node, exp.LogicalOr) is False else "max"
        result = render.semantics.comparison
        return Value(f"{name}({render.condition(argument, scope)})", result.type, result=result)
    value = render.value(argument, scope)
    if render.semantics.is_dynamic:
        return _dynamic(render, node, value, distinct)
    if value.is_final:
        raise Refuse(f"{node.key.upper()} of a quotient that was rounded")
    if isinstance(node, exp.Sum | exp.Avg):
        return _added(render, node, value, distinct)
    if value.type is None:
        raise Refuse("an aggregate of a value whose type only the origin knows")
    if isinstance(node, exp.Min | exp.Max):
        return _extreme(render, "min" if isinstance(node, exp.Min) else "max", value)
    raise Refuse(render.refused(node.key.upper(), f"{node.key.upper()} is computed by the origin"))


def _counted(render: Expressions, argument: exp.Expr, scope: Scope, *, is_distinct: bool) -> Value:
    count = render.semantics.count
    if isinstance(argument, exp.Star):
        if is_distinct:
            raise Refuse("COUNT(DISTINCT *)")
        return Value("count(*)", count.type, result=count, measure=_COUNTED)
    value = render.value(argument, scope)
    if value.literal is not None and not is_distinct:
        if value.cast is not None:
            render.bound(value, value.cast)  # as the origin makes it one of that type, or can't
        return Value("count(*)", count.type, result=count, measure=_COUNTED)
    if value.is_open:
        raise Refuse("COUNT of a parameter")
    if is_distinct and value.type is not None:
        value = _told_apart(render, value)
    check_null(value.type, "COUNT")
    distinct = "DISTINCT " if is_distinct else ""
    return Value(f"count({distinct}{value.sql})", count.type, result=count, measure=_COUNTED)


def _told_apart(render: Expressions, value: Value) -> Value:
    """What is distinct as often as a value is at the origin: the value, or its rank."""
    column = value.type
    is_foreign = column is not None and column.kind is Kind.TEXT and column.collation not in EQUAL_TEXT
    if is_foreign and column is not None and column.is_compared:
        rank = render.rank(value, is_sorted=False)
        if rank is not None:
            return rank
    render.check_same(value, "COUNT(DISTINCT)")
    return value


def _is_every(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).lower() == "every"


def _distinct_rows(render: Expressions, items: list[exp.Expr], scope: Scope) -> Value:
    """MariaDB's COUNT(DISTINCT a, b): rows without a NULL."""
    count = render.semantics.count
    if not render.semantics.booleans_are_integers or render.semantics.is_dynamic:
        raise Refuse("an aggregate of several distinct values")
    values = [render.value(item, scope) for item in items]
    for value in values:
        if value.type is None or value.type.kind is Kind.FLOAT:
            raise Refuse("COUNT(DISTINCT) of floats, or of constants")
        render.check_same(value, "COUNT(DISTINCT)")
    known = " AND ".join(f"{value.sql} IS NOT NULL" for value in values)
    row = " || ',' || ".join(f"hex({value.sql})" for value in values)
    sql = f"count(DISTINCT CASE WHEN {known} THEN {row} END)"
    return Value(sql, count.type, result=count, measure=_COUNTED)


def _anonymous(render: Expressions, node: exp.Anonymous, scope: Scope) -> Value:
    """What the parser has no class for."""
    name = str(node.this).lower()
    if name in BUILDERS and name in render.semantics.called:
        return built(render, node, scope)
    if _is_every(node) and not render.semantics.is_dynamic:
        return aggregate(render, node, scope)
    raise Refuse(f"the function {name} is computed by the origin")


def _added(render: Expressions, node: exp.Sum | exp.Avg, value: Value, distinct: str) -> Value:
    """SUM and AVG of a typed value."""
    value = render.own(value)
    if value.type is None:
        raise Refuse("an aggregate of a value whose type only the origin knows")
    is_mean = isinstance(node, exp.Avg)
    if value.type.kind is Kind.FLOAT:
        return _float_sum(render, "avg" if is_mean else "sum", distinct, value)
    return mean(render, distinct, value) if is_mean else total(render, distinct, value)


def _extreme(render: Expressions, name: str, value: Value) -> Value:
    column = value.type
    assert column is not None
    if column.kind not in render.semantics.minmax:
        raise Refuse(f"{name.upper()} of {column.type_name or column.kind.value}")
    code = render.semantics.minmax[column.kind]
    if code is not None and column.kind is Kind.TEXT and render.semantics.text is not None:
        # max(varchar) is text.
        column = as_text(column, render.semantics.text.type)
    result = value.result if value.source is None else Result(column, code)
    if result is not None and code is not None and column.kind is Kind.TEXT:
        # Also of a column that two tables' became by a set operation.
        result = replace(result, type=column, code=code)
    is_column = value.source is not None or value.alias is not None
    is_computed = not is_column or column.expression is not None
    if is_computed and column.kind is Kind.INTEGER and render.semantics.minmax_integer is not None:
        if value.sql.startswith("d") and column.type_name != "BIGINT":
            # MariaDB's greatest of what is computed is a BIGINT, that of a temporary table's column is
            # of the column's type; and which of the two a derived table is, is for its planner to say.
            raise Refuse(f"{name.upper()} of a computed {column.type_name} of a derived table")
        result = render.semantics.minmax_integer
    try:
        check_ordered(column, name.upper(), render.semantics)
    except Refuse:
        # As MySQL has it, an enum's least label is that of the alphabet, not of its order.
        rank = (
            render.rank(value, is_sorted=False) if column.kind is Kind.TEXT and column.is_compared else None
        )
        if rank is None:
            raise
        render.check_same(value, name.upper())
        # The rank in front, of one width, decides; what is behind it is the value.
        call = f"{name}(printf('%019d', {rank.sql}) || {value.sql})"
        sql = f"substr({call}, 20)"
        of_it = replace(rank, sql=f"{name}({rank.sql})", alias=None)
        return Value(sql, column, value.source, result, calls=(call,), ranked=(sql, lambda: of_it))
    return Value(f"{name}({value.sql})", column, value.source, result)


def _float_sum(render: Expressions, name: str, distinct: str, value: Value) -> Value:
    """A sum or mean of floats: the order of addition shows in the last digit, unless every step is exact."""
    result = render.semantics.float_sum
    if (
        result is None
        or value.type is None
        or not value.type.is_compared
        or value.source is None
        # MariaDB rounds the sum of DOUBLE(10, 2) to two places.
        or value.type.type_name.upper() != result.type.type_name
    ):
        raise Refuse(render.refused("float sum", f"{name.upper()} of floats"))
    if distinct:
        check_equal(value.type, f"{name.upper()}(DISTINCT)")
    # An infinite value is NaN beside its opposite, an error or NULL: FINITE looks for it too.
    need = Need.FINITE if render.context.sums_floats else Need.MEAN
    render.context.checks.append(Check(need, known(value)))
    return Value(f"{name}({distinct}{value.sql})", result.type, result=result)


# The dynamic dialect's aggregates whose addends must be exact -> what they need.
_ADDING = {"sum": Need.SUM, "avg": Need.MEAN, "total": Need.MEAN}


def _dynamic(render: Expressions, node: exp.Expr, value: Value, distinct: str) -> Value:
    """MIN, MAX, SUM, AVG and TOTAL of dynamically typed values."""
    name = str(node.this if isinstance(node, exp.Anonymous) else node.key).lower()
    render.not_overridden(name)
    column = value.type or DYNAMIC
    if name in ("min", "max"):
        check_ordered(column, name.upper(), render.semantics)
        render.distinct(value, name.upper())
        return replace(
            value,
            sql=f"{name}({value.sql})",
            type=replace(column, affinity=None),
            source=None,
            measure=known(value),
        )
    need = _ADDING.get(name)
    if need is None:
        raise Refuse(f"{name.upper()} is computed by the origin")
    if distinct:
        check_equal(column, f"{name.upper()}(DISTINCT)")
        # The sum is a whole number or a float by which of 1 and 1.0 stands for both.
        render.context.checks.append(Check(Need.SINGLE, known(value)))
    if not render.context.sums_floats:
        if value.measure is None and value.source is None and not value.is_condition:
            raise Refuse("a sum of computed values that may be floats")
        render.context.checks.append(Check(need, known(value)))
    measure = Measure(None, summed, (known(value),), with_rows=True) if name == "sum" else constant(REALS)
    return Value(f"{name}({distinct}{value.sql})", DYNAMIC, is_distinct=False, measure=measure)


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.Count: aggregate,
    exp.Min: aggregate,
    exp.Max: aggregate,
    exp.Sum: aggregate,
    exp.Avg: aggregate,
    exp.LogicalAnd: aggregate,
    exp.LogicalOr: aggregate,
    exp.WithinGroup: aggregate,
    exp.Anonymous: _anonymous,
    **dict.fromkeys(NODES, aggregate),
}
