"""LATERAL where it is no more than values beside each row: one row of aggregates, computed by its neighbours.

SQLite has no derived table that looks at its neighbours, but a scalar subquery does. A query of
aggregates alone gives exactly one row, so that its columns are as many scalar subqueries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from sqlmem.expressions import only
from sqlmem.joins import Joined, combined_columns, is_comma
from sqlmem.outputs import callable_names, shown_names
from sqlmem.plan import Refuse
from sqlmem.scopes import Listed, Scope, Source
from sqlmem.set_operations import Queries

_CLAUSES = ("with_", "distinct", "group", "having", "order", "limit", "offset", "windows")


def beside(
    queries: Queries, left: Joined, visible: Sequence[Joined], join: exp.Join, around: Scope
) -> Joined:
    """What stands left of it, with its columns.

    Args:
        left: its left operand.
        visible: all that stands left of it in FROM, the operand too.
    """
    lateral = join.this
    only(lateral, "this", "alias", "view", "outer")
    _check_form(queries, lateral, join)
    query = lateral.this.this
    alias = lateral.args["alias"]
    only(alias, "this")
    name = queries.context.fold_table(alias.this)
    sources = tuple(source for each in visible for source in each.sources)
    if any(source.alias == name for source in sources):
        raise Refuse("two sources of one name")
    columns = visible[0].columns
    for each in visible[1:]:
        columns = combined_columns(columns, each.columns)
    scope = Scope(around, sources, columns, ctes=around.ctes)
    names, given = callable_names(queries.context, query), shown_names(queries.context, query)
    listed = []
    for number in range(len(query.expressions)):
        single = query.copy()
        single.set("expressions", [query.expressions[number].copy()])
        exp.Subquery(this=single)  # not outermost, whatever the whole is
        sql, values = queries.query(single, scope)
        value = queries.expressions.settle(values[0])
        own = replace(value, sql=f"({sql})", is_condition=False, alias=None)
        listed.append(Listed(names[number], given[number], own))
    if len(set(names)) != len(names):
        raise Refuse("two columns of one name beside LATERAL")
    source = Source(
        name, queries.context.alias("l"), {each.name: each.value for each in listed}, tuple(listed)
    )
    return replace(
        left,
        sources=(*left.sources, source),
        listed=(*left.listed, *source.listed),
        columns=combined_columns(left.columns, dict(source.columns)),
        is_flat=False,
        has_lateral=True,
    )


def _check_form(queries: Queries, lateral: exp.Lateral, join: exp.Join) -> None:
    if queries.context.semantics.name != "postgresql":
        raise Refuse("LATERAL is an error at the origin")
    query = lateral.this.this if isinstance(lateral.this, exp.Subquery) else None
    if not isinstance(query, exp.Select) or lateral.args.get("outer") or lateral.args.get("view"):
        raise Refuse("LATERAL is computed by the origin")
    on, side = join.args.get("on"), join.args.get("side")
    is_always = isinstance(on, exp.Boolean) and bool(on.this)
    if join.args.get("method") or join.args.get("using") or side not in (None, "", "LEFT"):
        raise Refuse("LATERAL in a join that leaves out rows")
    is_cross = str(join.args.get("kind") or "").upper() == "CROSS"
    is_free = on is None and not side and (is_cross or is_comma(join))
    if not (is_free or (is_always and not is_cross)):
        raise Refuse("LATERAL in a join that leaves out rows")
    items = [item.this if isinstance(item, exp.Alias) else item for item in query.expressions]
    is_one_row = all(isinstance(item, exp.AggFunc) and not isinstance(item, exp.RowNumber) for item in items)
    if not is_one_row or any(query.args.get(clause) for clause in _CLAUSES):
        raise Refuse("LATERAL over what may give no row, or several")
