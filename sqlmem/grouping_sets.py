"""GROUPING SETS, ROLLUP and CUBE: one SELECT per set, put together by UNION ALL.

In each the columns that its set leaves out are NULL, outside of aggregates.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from sqlglot import exp

from sqlmem.expressions import only
from sqlmem.lanes import given_out, taken_in, together
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.set_operations import Queries, Rendered
from sqlmem.stars import has_stars
from sqlmem.values import Value

Sets = list[tuple[exp.Expr, ...]]

_SPECIAL = (exp.Rollup, exp.Cube, exp.GroupingSets, exp.Tuple)
_MOST_SETS = 32

# Renders one SELECT by one set: the SELECT, and the columns that its set leaves out.
Arm = Callable[[exp.Select, list[exp.Expr], Scope], Rendered]


def has_sets(node: exp.Select) -> bool:
    group = node.args.get("group")
    return group is not None and (
        bool(group.args.get("rollup")) or any(isinstance(term, _SPECIAL) for term in group.expressions)
    )


def by_sets(queries: Queries, node: exp.Select, around: Scope, arm: Arm) -> Rendered:
    """The SELECT's text and columns."""
    shapes = queries.context.semantics.shapes
    group = node.args["group"]
    only(group, "expressions", "rollup")
    if group.args.get("rollup"):
        if "with rollup" not in shapes or any(node.args.get(key) for key in ("order", "limit", "offset")):
            # An order is an error there, and without one the sums stand behind what they sum up.
            raise Refuse("WITH ROLLUP is computed by the origin")
        if len(set(group.expressions)) != len(group.expressions):
            raise Refuse("a column twice in WITH ROLLUP")
        sets = _prefixes([(term,) for term in group.expressions])
    else:
        if "grouping sets" not in shapes:
            raise Refuse("GROUPING SETS are an error at the origin")
        sets = _product([_sets(term) for term in group.expressions])
    if len(sets) > _MOST_SETS:
        raise Refuse(f"more than {_MOST_SETS} grouping sets")
    if has_stars(node):
        raise Refuse("* over grouping sets")
    if node.args.get("distinct") is not None or node.find(exp.Window) is not None:
        raise Refuse("DISTINCT or a window over grouping sets")
    columns = list(dict.fromkeys(column for each in sets for column in each))
    if not all(isinstance(column, exp.Column) for column in columns):
        # NULL would have to stand for each place where the expression is written.
        raise Refuse("grouping sets of expressions")
    prefix, around = queries.with_clause(node, around)
    texts: list[str] = []
    values: tuple[Value, ...] = ()
    arms: list[tuple[Value, ...]] = []
    for each in sets:
        select = node.copy()
        for key in ("with_", "order", "limit", "offset"):
            select.set(key, None)
        select.set("group", exp.Group(expressions=[column.copy() for column in dict.fromkeys(each)]))
        # Not outermost, whatever the whole is; what is around the whole is around it.
        exp.Subquery(this=select).parent = node
        sql, values = arm(select, [column for column in columns if column not in each], around)
        texts.append(sql)
        arms.append(values)
    if group.args.get("rollup"):
        _check_described(values)
    stored = queries.context.alias("d")
    outer = [
        taken_in(together(column), f"{stored}.c{number}")
        for number, column in enumerate(zip(*arms, strict=True))
    ]
    order = _order(queries, node, around, outer)
    listed = ", ".join(f"{value.sql} AS c{number}" for number, value in enumerate(outer))
    union = " UNION ALL ".join(texts)
    opening, more = queries.context.opening()
    sql = f"{prefix}SELECT {listed}{more} FROM ({union}) AS {stored}{order}{queries.limit(node)}"
    return sql, given_out(outer, opening)


def _check_described(values: Sequence[Value]) -> None:
    for value in values:
        if value.source is not None and value.type is not None:
            name = value.type.type_name.lower()
            if name.startswith(("enum", "set(", "json")):
                # Of a table of which its condition leaves one row, MariaDB describes them as other texts.
                raise Refuse("an enum, a set or JSON under WITH ROLLUP")


def _order(queries: Queries, node: exp.Select, around: Scope, outer: list[Value]) -> str:
    clause = node.args.get("order")
    if clause is None:
        return ""
    terms = []
    for ordered in clause.expressions:
        output = queries.output_of(ordered.this, node, outer)
        if output is None:
            items = [item.this if isinstance(item, exp.Alias) else item for item in node.expressions]
            if ordered.this not in items:
                raise Refuse("ORDER BY what grouping sets don't give out")
            output = outer[items.index(ordered.this)]
        terms.append(queries.expressions.ordered(ordered, Scope(around, ctes=around.ctes), output))
    return f" ORDER BY {', '.join(terms)}"


# -- which sets ----------------------------------------------------------------------------


def _sets(term: exp.Expr) -> Sets:
    """The sets that one element of GROUP BY stands for."""
    if isinstance(term, exp.Rollup):
        return _prefixes([_columns(item) for item in term.expressions])
    if isinstance(term, exp.Cube):
        items = [_columns(item) for item in term.expressions]
        return [
            tuple(itertools.chain(*chosen))
            for size in range(len(items), -1, -1)
            for chosen in itertools.combinations(items, size)
        ]
    if isinstance(term, exp.GroupingSets):
        return [each for item in term.expressions for each in _sets(item)]
    return [_columns(term)]


def _columns(item: exp.Expr) -> tuple[exp.Expr, ...]:
    return tuple(item.expressions) if isinstance(item, exp.Tuple) else (item.unnest(),)


def _prefixes(items: Sets) -> Sets:
    return [tuple(itertools.chain(*items[:size])) for size in range(len(items), -1, -1)]


def _product(elements: list[Sets]) -> Sets:
    return [tuple(itertools.chain(*chosen)) for chosen in itertools.product(*elements)]
