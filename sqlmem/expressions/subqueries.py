"""Subqueries in expressions: as a value, in IN, and under ANY and ALL.

A subquery as a value gives one row at most, or the origin reports an error where SQLite takes the
first. It is local if its text, the parameter of its LIMIT or the primary key says that it gives one;
else, outside of other subqueries and if it looks at nothing around it, it is counted before anything
is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.expressions.single import check_one, gives_one_row, is_one_by_key, limit_parameter
from sqlmem.lanes import closed, taken_in
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import Value

_OPERATORS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}


def scalar_subquery(render: Expressions, node: exp.Subquery, scope: Scope) -> Value:
    only(node, "this", "alias")
    limit = limit_parameter(_unwrapped(node.this))
    if limit is not None and not render.semantics.is_dynamic:
        render.context.single_counts.add(id(limit))
    sql, outputs = render.subquery(node.this, scope)
    if len(outputs) != 1:
        raise Refuse("a subquery of several columns as a value")
    query = _unwrapped(node.this)
    if not (render.semantics.is_dynamic or gives_one_row(query) or is_one_by_key(render, query)):
        _check_rows(render, query, sql, scope)
    value = render.settle(outputs[0])
    whole_query, sql = sql, closed(sql, outputs)
    given = replace(value, sql=f"({sql})", is_condition=False, alias=None, carried=None)

    def ranks() -> Value | None:
        alias = render.context.alias("q")
        rank = render.rank(taken_in(outputs[0], f"{alias}.c0"))
        text = f"(SELECT {rank.sql} FROM ({whole_query}) AS {alias})" if rank is not None else ""
        return replace(rank, sql=text) if rank is not None else None

    given = replace(given, ranked=(given.sql, ranks))
    whole = value.with_all_digits
    if whole is None:
        return given
    # The same query for all digits of what it gives.
    text = sql.replace(f"{value.sql} AS c0", f"{whole.sql} AS c0", 1)
    return replace(given, hidden=(given.sql, replace(whole, sql=f"({text})")) if text != sql else None)


def is_quantified(node: exp.Expr) -> bool:
    """Whether a comparison's right side is ANY (SELECT …) or ALL (SELECT …)."""
    return isinstance(node, exp.Any | exp.All) and isinstance(_unwrapped(node.this), exp.Query)


def quantified(render: Expressions, node: exp.Binary, scope: Scope) -> Value:
    """ANY: true if one comparison is, else NULL if one is NULL, else false. ALL: false if one is."""
    operator = _OPERATORS.get(type(node))
    if operator is None or render.semantics.is_dynamic:
        raise Refuse(f"{node.expression.key.upper()} is an error at the origin")
    value = render.value(node.this, scope)
    if value.is_open:
        raise Refuse("ANY or ALL beside a value whose type only the origin knows")
    query = _unwrapped(node.expression.this)
    if query.find(exp.Limit, exp.Fetch, exp.Offset) is not None:
        # MariaDB has none there and reports an error.
        raise Refuse("ANY or ALL over a query with LIMIT")
    sql, outputs = render.subquery(query, scope)
    if len(outputs) != 1:
        raise Refuse("ANY or ALL over several columns")
    is_any = isinstance(node.expression, exp.Any)
    alias = render.context.alias("d")
    output = taken_in(outputs[0], f"{alias}.c0")
    left, right = render.pair(value, output, "ANY or ALL", is_ordered=operator not in ("=", "<>"))
    if right.sql == output.sql and (operator, is_any) == ("=", True):
        return render.predicate(f"{left.sql} IN ({closed(sql, outputs)})")
    if right.sql == output.sql and (operator, is_any) == ("<>", False):
        return render.predicate(f"{left.sql} NOT IN ({closed(sql, outputs)})")
    test = f"{left.sql} {operator} {right.sql}"
    rows = f"SELECT 1 FROM ({sql}) AS {alias} WHERE"
    decisive = test if is_any else f"NOT ({test})"
    return render.predicate(
        f"CASE WHEN EXISTS ({rows} {decisive}) THEN {int(is_any)} "
        f"WHEN EXISTS ({rows} ({test}) IS NULL) THEN NULL ELSE {int(not is_any)} END"
    )


def _unwrapped(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Subquery) and not node.alias:
        node = node.this
    return node


# -- how many rows -------------------------------------------------------------------------


def _check_rows(render: Expressions, query: exp.Expr, sql: str, scope: Scope) -> None:
    """Have it made sure that there is one row at most, before any is looked at."""
    own = {source.stored for source in scope.sources}
    is_by_row = any(f"{alias}." in sql for alias in own)
    if is_by_row or not scope.may_guard:
        # Counted per row it would depend on which rows the origin looks at, and that is its own choice.
        if not check_one(render, query):
            raise Refuse("a subquery that may give several rows as a value")
        return
    render.context.guards.append(
        f"SELECT sqlmem_at_most(count(*), 1) AS ok FROM (SELECT 1 FROM ({sql}) LIMIT 2)"
    )


HANDLERS: Mapping[type[exp.Expr], Handler] = {exp.Subquery: scalar_subquery}
