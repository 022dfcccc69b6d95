"""Windows: what is computed over them, their partitions, orders and frames.

Rule: a row's place among its ties is anybody's choice at the origin, and is the store's here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from sqlmem.codecs import Unrepresentable
from sqlmem.expressions.aggregates import aggregate, aggregate_of
from sqlmem.expressions.choices import chosen
from sqlmem.expressions.closed import described, is_total, only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.model import Column, Kind
from sqlmem.plan import Argument, Refuse
from sqlmem.ranges import reads_a_range, unindexed
from sqlmem.scopes import Scope
from sqlmem.values import Literal, Value, check_equal

_PLACES: dict[type[exp.Expr], str] = {
    exp.RowNumber: "row_number",
    exp.Rank: "rank",
    exp.DenseRank: "dense_rank",
    exp.PercentRank: "percent_rank",
    exp.CumeDist: "cume_dist",
    exp.Ntile: "ntile",
}
_RANKS = (exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist)
_NEIGHBOURS: dict[type[exp.Expr], str] = {exp.Lag: "lag", exp.Lead: "lead"}
_MEMBERS: dict[type[exp.Expr], str] = {
    exp.FirstValue: "first_value",
    exp.LastValue: "last_value",
    exp.NthValue: "nth_value",
}
_AGGREGATES = (exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg, exp.LogicalAnd, exp.LogicalOr)

# The store's aggregates that it can also compute over a window.
_NATIVE = ("count(", "sum(", "min(", "max(", "avg(", "total(")

_LARGEST_OFFSET = 2**31 - 1
_SIDES = frozenset({"PRECEDING", "FOLLOWING"})
# Kinds whose stored values have the distance of the origin's: RANGE with an offset.
_MEASURED = {"SMALLINT", "INTEGER", "TINYINT", "MEDIUMINT"}
_MEASURED_DIGITS = 17


def window(render: Expressions, node: exp.Window, scope: Scope) -> Value:
    only(node, "this", "partition_by", "order", "over", "spec", "alias")
    partition, order, frame = _definition(render, node, scope)
    value, takes_frame = _function(render, node.this, scope, has_order=order is not None)
    parts = [_partition(render, partition, scope)]
    if order is not None:
        for item in order.expressions:
            _check_own_name(render, item.this, scope)
        terms = ", ".join(render.ordered(item, scope, None) for item in order.expressions)
        parts.append(f"ORDER BY {terms}")
    if frame is not None:
        if not takes_frame and "frame everywhere" not in render.semantics.shapes:
            raise Refuse(f"a frame with {described(node.this)} is an error at the origin")
        parts.append(_frame(render, frame, order, scope))
    parts = [part for part in parts if part]
    if parts and _had_better_sort(render, node):
        clause, by, terms = parts[0].partition(" BY ")
        parts[0] = f"{clause}{by}{unindexed(terms)}"
    return replace(value.with_suffix(f" OVER ({' '.join(parts)})"), alias=None)


def _had_better_sort(render: Expressions, node: exp.Window) -> bool:
    """Whether no index is to be taken for a window's order, see `ranges`."""
    context = render.context
    if context.semantics.is_dynamic or not reads_a_range(context, node.parent_select):
        return False
    # Of an order by an index a few rows may be enough.
    counts = node.root().find_all(exp.Limit, exp.Fetch)
    return all(count.parent is not None and count.parent.args.get("order") for count in counts)


def _check_own_name(render: Expressions, term: exp.Expr, scope: Scope) -> None:
    """A name alone, in a window's order, is an output to MariaDB before it is a column."""
    if render.semantics.name != "mysql" or not isinstance(term, exp.Column) or term.args.get("table"):
        return
    output = scope.outputs.get(render.context.fold_column(term.this))
    if output is not None and output != term:
        raise Refuse("a window ordered by a name that is both a column and an output")


def filtered(render: Expressions, node: exp.Filter, scope: Scope) -> Value:
    _check_filter(render, node)
    return _with_filter(render, node, aggregate(render, node.this, scope), scope, is_window=False)


def _check_filter(render: Expressions, node: exp.Filter) -> None:
    only(node, "this", "expression")
    if "filter" not in render.semantics.shapes:
        raise Refuse("FILTER is an error at the origin")
    if not (isinstance(node.this, exp.AggFunc) or is_total(node.this)) or not isinstance(
        node.expression, exp.Where
    ):
        raise Refuse("FILTER without an aggregate")


def _with_filter(
    render: Expressions, node: exp.Filter, value: Value, scope: Scope, *, is_window: bool
) -> Value:
    was_in_aggregate, scope.is_in_aggregate = scope.is_in_aggregate, not is_window
    try:
        condition = render.condition(node.expression.this, scope)
    finally:
        scope.is_in_aggregate = was_in_aggregate
    return value.with_suffix(f" FILTER (WHERE {condition})")


# -- what is computed ----------------------------------------------------------------------


def _function(render: Expressions, inner: exp.Expr, scope: Scope, *, has_order: bool) -> tuple[Value, bool]:
    """The function's text before OVER, and whether a frame means something to it."""
    kind = type(inner)
    needs_order = kind in _NEIGHBOURS or (kind in _PLACES and kind is not exp.RowNumber)
    if needs_order and not has_order and "rank without order" not in render.semantics.shapes:
        raise Refuse(f"{described(inner)} without an order is an error at the origin")
    if kind in _PLACES:
        return _place(render, inner, scope), False
    if kind in _NEIGHBOURS:
        return _neighbour(render, inner, scope), False
    if kind in _MEMBERS:
        return _member(render, inner, scope), True
    if isinstance(inner, exp.Filter):
        _check_filter(render, inner)
        if not (isinstance(inner.this, _AGGREGATES) or _is_dynamic_total(render, inner.this)):
            raise Refuse(f"a window over {described(inner.this)}")
        value = _over(render, inner.this, scope)
        return _with_filter(render, inner, value, scope, is_window=True), True
    if isinstance(inner, _AGGREGATES) or _is_dynamic_total(render, inner):
        return _over(render, inner, scope), True
    raise Refuse(f"a window over {described(inner)}")


def _is_dynamic_total(render: Expressions, inner: exp.Expr) -> bool:
    return render.semantics.is_dynamic and is_total(inner)


def _over(render: Expressions, inner: exp.Expr, scope: Scope) -> Value:
    value = aggregate_of(render, inner, scope, is_window=True)
    if any(not call.startswith(_NATIVE) for call in value.calls or (value.sql,)):
        raise Refuse(f"a window over {described(inner)}")
    if render.semantics.name == "mysql" and value.type is not None and value.type.kind is Kind.TEXT:
        raise Refuse(f"a window over {described(inner)} of text, which may become another type")
    if render.context.sums_floats and value.type is not None and value.type.kind is Kind.FLOAT:
        # What a frame leaves behind is subtracted, and the error of that grows.
        raise Refuse(f"a window over {described(inner)} of floats")
    return value


def _place(render: Expressions, inner: exp.Expr, scope: Scope) -> Value:
    name = _PLACES[type(inner)]
    only(inner, *(("this",) if name == "ntile" else ()))
    if inner.args.get("expressions"):
        raise Refuse("a hypothetical rank")
    result = render.semantics.window_functions.get(name)
    if result is None:
        raise Refuse(f"{name.upper()} is computed by the origin")
    argument = _count(render, inner.this, least=1) if name == "ntile" else ""
    return Value(f"{name}({argument})", result.type, result=result)


def _neighbour(render: Expressions, inner: exp.Expr, scope: Scope) -> Value:
    name = _NEIGHBOURS[type(inner)]
    only(inner, "this", "offset", "default")
    value = _settled(render, inner.this, scope)
    offset, default = inner.args.get("offset"), inner.args.get("default")
    arguments = [value.sql]
    if offset is not None:
        arguments.append(_count(render, offset, least=0))
    if default is None:
        return _taken(render, name, value, arguments[1:])
    if "neighbour default" not in render.semantics.shapes:
        raise Refuse(f"{name.upper()} with a default is an error at the origin")
    (taken, other), result = chosen(render, [value, render.value(default, scope)], name.upper())
    return replace(result, sql=f"{name}({taken.sql}, {arguments[1]}, {other.sql})")


def _member(render: Expressions, inner: exp.Expr, scope: Scope) -> Value:
    name = _MEMBERS[type(inner)]
    only(inner, "this", *(("offset",) if name == "nth_value" else ()))
    value = _settled(render, inner.this, scope)
    more = [_count(render, inner.args.get("offset"), least=1)] if name == "nth_value" else []
    return _taken(render, name, value, more)


def _taken(render: Expressions, name: str, value: Value, more: list[str]) -> Value:
    """The value that another row has, whose rank is that row's."""
    sql = f"{name}({', '.join([value.sql, *more])})"

    def find() -> Value | None:
        rank = render.rank(value)
        if rank is None:
            return None
        return replace(rank, sql=f"{name}({', '.join([rank.sql, *more])})", alias=None)

    return replace(value, sql=sql, is_condition=False, alias=None, ranked=(sql, find))


def _settled(render: Expressions, node: exp.Expr, scope: Scope) -> Value:
    value = render.value(node, scope)
    if value.is_open or value.type is None:
        raise Refuse("a window function of a constant")
    if (
        value.source is None
        and value.alias is None
        and value.type.kind is Kind.INTEGER
        and value.type.type_name not in render.semantics.window_integers
    ):
        # MariaDB: BIGINT of whatever isn't a column.
        raise Refuse(f"a window function of a computed {value.type.type_name}")
    if render.semantics.name == "mysql":
        column, source = value.type, value.source
        is_plain = column.is_compared and column.type_name.startswith(("varchar", "char"))
        if column.kind is Kind.OPAQUE:
            # A date that there isn't becomes 0000-00-00.
            raise Refuse("a window function of values that the origin may change")
        if column.kind is Kind.TEXT and not is_plain:
            # An ENUM becomes a VARCHAR, a JSON a BLOB.
            raise Refuse(f"a window function of {column.type_name}, which becomes another type")
        if source is not None and render.context.tables[source[0]].by_name[source[1]].expression is not None:
            raise Refuse("a window function of what the origin computes, of a type that only it knows")
    return value


def _count(render: Expressions, node: exp.Expr | None, *, least: int) -> str:
    """A whole number that the origin takes as an offset, a literal or a parameter."""
    if isinstance(node, exp.Literal) and not node.is_string and str(node.this).isdigit():
        if least <= int(str(node.this)) <= _LARGEST_OFFSET:
            return str(int(str(node.this)))
    elif isinstance(node, exp.Placeholder) and str(node.this or "")[1:].isdigit():

        def convert(value: object) -> int:
            if type(value) is not int or not least <= value <= _LARGEST_OFFSET:
                raise Unrepresentable("an offset that isn't a whole number in its bounds")
            return value

        key = render.context.parameters[int(str(node.this)[1:])]
        return render.context.argument(Argument(key, None, convert, refuses_null=True))
    raise Refuse("a window function with a computed offset")


# -- the window ----------------------------------------------------------------------------


def _definition(
    render: Expressions, node: exp.Window, scope: Scope
) -> tuple[list[exp.Expr], exp.Order | None, exp.WindowSpec | None]:
    """Partition, order and frame, a named window's with what is added to it."""
    needs_own = type(node.this) in _NEIGHBOURS or type(node.this) in _RANKS
    partition = list(node.args.get("partition_by") or [])
    order, frame = node.args.get("order"), node.args.get("spec")
    name = node.args.get("alias")
    seen: set[str] = set()
    while name is not None:
        key = render.context.fold_column(name)
        base = scope.windows.get(key)
        if base is None or key in seen:
            raise Refuse(f"window {key!r} isn't known")
        seen.add(key)
        is_copied = base.args.get("order") is not None and order is not None
        if partition or is_copied or (base.args.get("spec") is not None and _adds(node)):
            # Each is an error at the origins, or a rule of their own.
            raise Refuse("a window that redefines another")
        is_borrowed = order is None and node.arg_key == "windows" and base.args.get("order") is not None
        if is_borrowed and needs_own and "rank without order" not in render.semantics.shapes:
            # MariaDB doesn't find it there for a function that needs one.
            raise Refuse("a window whose order is that of the window that it copies")
        partition = list(base.args.get("partition_by") or [])
        order = order if order is not None else base.args.get("order")
        frame = frame if frame is not None else base.args.get("spec")
        node, name = base, base.args.get("alias")
    return partition, order, frame


def _adds(node: exp.Window) -> bool:
    # (w) copies the window, w alone is it: with a frame the first is an error. The parser says
    # the same of both, so that the text decides; see `trust`.
    return any(node.args.get(key) for key in ("partition_by", "order", "spec"))


def _partition(render: Expressions, keys: list[exp.Expr], scope: Scope) -> str:
    texts = []
    for key in keys:
        item = render.value(key, scope)
        if item.type is None:
            raise Refuse("a window partitioned by a constant")
        texts.append(_partition_key(render, item))
    return f"PARTITION BY {', '.join(texts)}" if texts else ""


def _partition_key(render: Expressions, item: Value) -> str:
    assert item.type is not None
    try:
        check_equal(item.type, "PARTITION BY")
    except Refuse:
        # Nothing stands for its equals here: that the origin holds them as equal is enough.
        rank = render.rank(item)
        if rank is None:
            raise
        return rank.sql
    render.check_sorted(item, "PARTITION BY")
    return item.sql


def _frame(render: Expressions, frame: exp.WindowSpec, order: exp.Order | None, scope: Scope) -> str:
    only(frame, "kind", "start", "start_side", "end", "end_side", "exclude")
    shapes = render.semantics.shapes
    kind = str(frame.args.get("kind") or "").upper()
    if kind not in ("ROWS", "RANGE", "GROUPS") or (kind == "GROUPS" and "groups frame" not in shapes):
        raise Refuse(f"a frame of {kind} is an error at the origin")
    if kind == "GROUPS" and order is None:
        raise Refuse("a frame of GROUPS without an order is an error at the origin")
    start = _bound(render, frame, "start", kind, order, scope)
    end = _bound(render, frame, "end", kind, order, scope)
    excluded = frame.args.get("exclude")
    exclusion = ""
    if excluded is not None:
        words = str(excluded.this if isinstance(excluded, exp.Var) else excluded).upper()
        if "frame exclusion" not in shapes or words not in ("CURRENT ROW", "GROUP", "TIES", "NO OTHERS"):
            raise Refuse("EXCLUDE in a frame is an error at the origin")
        exclusion = f" EXCLUDE {words}"
    return f"{kind} BETWEEN {start} AND {end}{exclusion}"


def _bound(
    render: Expressions, frame: exp.WindowSpec, which: str, kind: str, order: exp.Order | None, scope: Scope
) -> str:
    value, side = frame.args.get(which), str(frame.args.get(f"{which}_side") or "").upper()
    if value is None and which == "end":
        return "CURRENT ROW"
    if value == "CURRENT ROW" and not side:
        return "CURRENT ROW"
    if side not in _SIDES:
        raise Refuse("a form of frame that the planner doesn't know")
    if value == "UNBOUNDED":
        return f"UNBOUNDED {side}"
    if not isinstance(value, exp.Expr):
        raise Refuse("a form of frame that the planner doesn't know")
    if kind != "RANGE":
        return f"{_count(render, value, least=0)} {side}"
    return f"{_distance(render, value, order, scope)} {side}"


def _distance(render: Expressions, node: exp.Expr, order: exp.Order | None, scope: Scope) -> str:
    """The offset of a RANGE, in the stored form of what the window is ordered by."""
    if order is None or len(order.expressions) != 1:
        raise Refuse("a RANGE with an offset over another number of columns than one")
    column = render.value(order.expressions[0].this, scope).type
    if render.semantics.is_dynamic:
        return _count(render, node, least=0)
    if column is None or not _is_measured(column):
        # Of floats base + offset rounds otherwise than value - offset; of dates it is an interval.
        raise Refuse("a RANGE with an offset over what isn't a number of few digits")
    if not isinstance(node, exp.Literal) or node.is_string:
        raise Refuse("a RANGE with an offset that isn't a number")
    return render.bound(render.literal_of(Literal(str(node.this), is_text=False)), column).sql


def _is_measured(column: Column) -> bool:
    if column.kind is Kind.INTEGER:
        return column.type_name in _MEASURED
    return column.kind is Kind.NUMERIC and 0 < (column.precision or 0) <= _MEASURED_DIGITS


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.Window: window,
    exp.Filter: filtered,
}
