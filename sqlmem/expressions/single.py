"""Whether a query gives one row at most: by its text, by the primary key, or by the values at hand."""

from __future__ import annotations

from sqlglot import exp

from sqlmem.context import Context
from sqlmem.expressions.closed import has_aggregate
from sqlmem.expressions.rendering import Expressions
from sqlmem.model import TableSchema
from sqlmem.plan import Refuse, UniqueCheck
from sqlmem.values import check_equal
from sqlmem.with_names import definition


def gives_one_row(node: exp.Expr) -> bool:
    """Whether the text says so, whatever the data are."""
    if not isinstance(node, exp.Select):
        return False
    if not node.args.get("group") and any(map(has_aggregate, node.expressions)):
        return True
    limit = node.args.get("limit")
    if limit_parameter(node) is not None:
        # Looked at when it arrives: the caller sees to that.
        return True
    return (
        isinstance(limit, exp.Limit)
        and isinstance(limit.expression, exp.Literal)
        and str(limit.expression.this) in ("0", "1")
    )


def limit_parameter(node: exp.Expr) -> exp.Placeholder | None:
    """The parameter that says how many rows there are."""
    limit = node.args.get("limit")
    count = limit.expression if isinstance(limit, exp.Limit) else None
    count = count.this if isinstance(count, exp.Cast) else count
    return count if isinstance(count, exp.Placeholder) else None


def is_one_by_key(render: Expressions, node: exp.Expr) -> bool:
    """Whether WHERE says what each column of the primary key is, or of what is grouped by."""
    read = _read(render.context, node)
    if read is None:
        return False
    schema, names = read
    fixed = names.fixed()
    if _is_one_group(names, fixed):
        return True
    # A key holds for one table, not for what inherits from it, nor for a view.
    if schema.is_view or schema.depends_on != frozenset():
        return False
    key = next((index.columns for index in schema.indexes if index.is_primary_key), ())
    return bool(key) and fixed.issuperset(key)


def check_one(render: Expressions, node: exp.Expr) -> bool:
    """Have it looked up in the values at hand, when the plan is used; False if these wouldn't tell."""
    read = _read(render.context, node)
    if read is None:
        return False
    schema, names = read
    columns = []
    for name in sorted(names.fixed()):
        try:
            check_equal(schema.by_name[name], "a key")
        except Refuse:
            continue
        columns.append(name)
    context = render.context
    index = context.table(schema)
    for name in columns:
        context.need_column(index, name)
    context.checks.append(UniqueCheck(index, tuple(columns)))
    return True


class _Names:
    """What the names in a SELECT over one table mean."""

    def __init__(self, context: Context, node: exp.Select, table: exp.Table, schema: TableSchema) -> None:
        self.node = node
        self._context = context
        alias = table.args.get("alias")
        self._alias = context.fold_table(alias.this if alias is not None else table.this)
        self._spelled = {context.spelling(column): column.name for column in schema.columns}

    def own(self, column: exp.Expr) -> str | None:
        """The column of this table that an expression is."""
        if not isinstance(column, exp.Column) or not isinstance(column.this, exp.Identifier):
            return None
        qualifier = column.args.get("table")
        if column.args.get("db") or (
            qualifier is not None and self._context.fold_table(qualifier) != self._alias
        ):
            return None
        return self._spelled.get(self._context.fold_column(column.this))

    def is_outer(self, value: exp.Expr) -> bool:
        """Whether it is one value, whatever the table's row is."""
        return value.find(exp.Query, exp.AggFunc, exp.Window) is None and not any(
            self.own(column) is not None for column in value.find_all(exp.Column)
        )

    def fixed(self) -> frozenset[str]:
        """The columns that WHERE says to be equal to one value."""
        where = self.node.args.get("where")
        if where is None:
            return frozenset()
        found: set[str] = set()
        for condition in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
            inner = condition.unnest()
            if isinstance(inner, exp.EQ):
                for one, other in ((inner.this, inner.expression), (inner.expression, inner.this)):
                    column = self.own(one.unnest())
                    if column is not None and self.is_outer(other):
                        found.add(column)
        return frozenset(found)


def _read(context: Context, node: exp.Expr) -> tuple[TableSchema, _Names] | None:
    """The one table that a SELECT reads."""
    if not isinstance(node, exp.Select):
        return None
    clause = node.args.get("from_")
    table = clause.this if clause is not None else None
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        return None
    if node.args.get("joins"):
        return None
    if definition(table, context.fold_table, sees_later=context.semantics.is_dynamic) is not None:
        return None
    database = table.args.get("db")
    schema = context.schemas.get(
        (context.fold_table(database) if database is not None else None, context.fold_table(table.this))
    )
    return None if schema is None else (schema, _Names(context, node, table, schema))


def _is_one_group(names: _Names, fixed: frozenset[str]) -> bool:
    """Whether all rows are of one group, or DISTINCT leaves one."""
    node = names.node
    group, distinct = node.args.get("group"), node.args.get("distinct")
    terms: list[exp.Expr] = []
    if group is not None:
        if any(value for key, value in group.args.items() if key != "expressions"):
            return False
        terms = group.expressions
    elif distinct is not None and not distinct.args.get("on"):
        terms = [item.this if isinstance(item, exp.Alias) else item for item in node.expressions]
    return bool(terms) and all(
        names.own(term) in fixed or (isinstance(term, exp.Column) and names.is_outer(term)) for term in terms
    )
