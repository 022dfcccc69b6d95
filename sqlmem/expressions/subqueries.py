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
    limit = _limit_parameter(node.this)
    if limit is not None and not render.semantics.is_dynamic:
        render.context.single_counts.add(id(limit))
    sql, outputs = render.subquery(node.this, scope)
    if len(outputs) != 1:
        raise Refuse("a subquery of several columns as a value")
    if not render.semantics.is_dynamic and not _gives_one_row(render, node.this):
        _count_first(render, sql, scope)
    value = render.settle(outputs[0])
    given = replace(value, sql=f"({sql})", is_condition=False, alias=None)
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
    output = replace(outputs[0], sql=f"{alias}.c0", alias=None)
    left, right = render.pair(value, output, "ANY or ALL", is_ordered=operator not in ("=", "<>"))
    if right.sql == output.sql and (operator, is_any) == ("=", True):
        return render.predicate(f"{left.sql} IN ({sql})")
    if right.sql == output.sql and (operator, is_any) == ("<>", False):
        return render.predicate(f"{left.sql} NOT IN ({sql})")
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


def _count_first(render: Expressions, sql: str, scope: Scope) -> None:
    if not scope.may_guard:
        raise Refuse("a subquery that may give several rows as a value")
    own = {source.stored for source in scope.sources}
    if any(f"{alias}." in sql for alias in own):
        # Looked at per row: which rows the origin looks at is its own choice.
        raise Refuse("a subquery that may give several rows as a value, by the row around it")
    render.context.guards.append(
        f"SELECT sqlmem_at_most(count(*), 1) AS ok FROM (SELECT 1 FROM ({sql}) LIMIT 2)"
    )


def _gives_one_row(render: Expressions, node: exp.Expr) -> bool:
    """Whether a SELECT gives at most one row whatever the data are."""
    if not isinstance(node, exp.Select):
        return False
    if not node.args.get("group") and any(_is_aggregate(item) for item in node.expressions):
        return True
    limit = node.args.get("limit")
    if _limit_parameter(node) is not None:
        # Looked at when it arrives.
        return True
    if (
        isinstance(limit, exp.Limit)
        and isinstance(limit.expression, exp.Literal)
        and str(limit.expression.this) in ("0", "1")
    ):
        return True
    return _is_one_by_key(render, node)


def _limit_parameter(node: exp.Expr) -> exp.Placeholder | None:
    limit = node.args.get("limit")
    count = limit.expression if isinstance(limit, exp.Limit) else None
    count = count.this if isinstance(count, exp.Cast) else count
    return count if isinstance(count, exp.Placeholder) else None


def _is_aggregate(item: exp.Expr) -> bool:
    inner = item.this if isinstance(item, exp.Alias) else item
    return isinstance(inner, exp.AggFunc) and not isinstance(inner, exp.RowNumber)


def _is_one_by_key(render: Expressions, node: exp.Select) -> bool:
    """Whether WHERE says what each column of the primary key is."""
    clause, where = node.args.get("from_"), node.args.get("where")
    table = clause.this if clause is not None else None
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier) or where is None:
        return False
    if node.args.get("joins"):
        return False
    context = render.context
    database = table.args.get("db")
    name = context.fold_table(table.this)
    schema = context.schemas.get((context.fold_table(database) if database is not None else None, name))
    # A key holds for one table, not for what inherits from it, nor for a view.
    if schema is None or schema.is_view or schema.depends_on != frozenset():
        return False
    key = next((index.columns for index in schema.indexes if index.is_primary_key), ())
    alias_node = table.args.get("alias")
    alias = context.fold_table(alias_node.this) if alias_node is not None else name
    spelled = {context.spelling(column): column.name for column in schema.columns}

    def own(column: exp.Expr) -> str | None:
        """The column of this table that an expression is."""
        if not isinstance(column, exp.Column) or not isinstance(column.this, exp.Identifier):
            return None
        qualifier = column.args.get("table")
        if column.args.get("db") or (qualifier is not None and context.fold_table(qualifier) != alias):
            return None
        return spelled.get(context.fold_column(column.this))

    def is_fixed(value: exp.Expr) -> bool:
        return value.find(exp.Query) is None and not any(
            own(column) is not None for column in value.find_all(exp.Column)
        )

    fixed: set[str] = set()
    for condition in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        inner = condition.unnest()
        if isinstance(inner, exp.EQ):
            for one, other in ((inner.this, inner.expression), (inner.expression, inner.this)):
                column = own(one.unnest())
                if column is not None and is_fixed(other):
                    fixed.add(column)
    return bool(key) and fixed.issuperset(key)


HANDLERS: Mapping[type[exp.Expr], Handler] = {exp.Subquery: scalar_subquery}
