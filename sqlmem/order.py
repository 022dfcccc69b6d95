"""Whether the store adds up in the order in which SQLite as origin does, so that even last digits agree.

The origin and the store are the same engine. It reads a table by row id, or by an index whose equal
entries are in the order of the row id, and its sorts keep the order of equals. So the rows of one
group come in the order of the row id, whatever way either of them chooses, if no index that could be
used tells rows of one group apart.
"""

from __future__ import annotations

from sqlglot import exp

from sqlmem.expressions.closed import is_total
from sqlmem.model import TableSchema
from sqlmem.outputs import ROW_IDS
from sqlmem.scopes import Context


def is_added_in_order(context: Context, schema: TableSchema, node: exp.Select) -> bool:
    """Whether each group's rows of a SELECT from this table alone come in the order of the row id."""
    if not schema.is_scanned_by_row_id or not context.facts.scans_forward:
        return False
    key = next((index.columns[0] for index in schema.indexes if index.is_primary_key), None)
    if key is None:
        return False
    names = {column.name.lower() for column in schema.columns}
    # Names only: what another table's column of the same name adds is taken for this one's.
    used = {
        str(column.name).lower()
        for column in node.find_all(exp.Column)
        if str(column.name).lower() in names or str(column.name).lower() in ROW_IDS
    }
    beside = used - {key.lower(), *ROW_IDS}
    if not beside:
        return False  # any index holds the row id, and could be read in its place
    touched = _touched(schema, used)
    where = node.args.get("where")
    if where is not None:
        if where.find(exp.Query) is not None:
            return False  # newer versions make joins of subqueries
        if where.find(exp.Or) is not None and (touched or used & {key.lower(), *ROW_IDS}):
            return False  # OR may be taken one side after the other
    if not touched:
        return True
    if any(beside <= columns for columns in touched):
        return False  # an index that holds all could be read whole, under a collation of its own
    order = node.args.get("order")
    if order is not None and any(term.args.get("desc") for term in order.expressions):
        return False  # an index may be read backwards, and the rows of a group with it
    pinned = _grouped(node) | (_equated(where.this) if where is not None else set())
    return all(columns <= pinned for columns in touched)


def picks_row(node: exp.Select, key: str) -> bool:
    """Whether the SELECT's only aggregate is the MIN or MAX of this key.

    SQLite then takes columns that are neither grouped nor aggregated from the row that has it.
    """
    if node.find(exp.Window, exp.Filter) is not None or len(list(node.find_all(exp.Query))) > 1:
        return False
    aggregates = [each for each in node.find_all(exp.AggFunc, exp.Anonymous) if _is_aggregate(each)]
    if len(aggregates) != 1 or not isinstance(aggregates[0], exp.Min | exp.Max):
        return False
    of = aggregates[0].this
    return isinstance(of, exp.Column) and str(of.name).lower() in (key.lower(), *ROW_IDS)


def _is_aggregate(node: exp.Expr) -> bool:
    return isinstance(node, exp.AggFunc) or is_total(node)


def _touched(schema: TableSchema, used: set[str]) -> list[set[str]]:
    """The columns of the indexes that have a used one; the key's too, if it is used."""
    found = [{name.lower() for name in index.columns} for index in schema.indexes if not index.is_primary_key]
    return [columns for columns in found if columns & used]


def _grouped(node: exp.Select) -> set[str]:
    group = node.args.get("group")
    terms = group.expressions if group is not None else []
    return {str(term.name).lower() for term in terms if isinstance(term, exp.Column)}


def _equated(condition: exp.Expr) -> set[str]:
    """The columns that a chain of ANDs holds equal to a constant."""
    if isinstance(condition, exp.Paren):
        return _equated(condition.this)
    if isinstance(condition, exp.And):
        return _equated(condition.this) | _equated(condition.expression)
    if isinstance(condition, exp.EQ):
        for one, other in ((condition.this, condition.expression), (condition.expression, condition.this)):
            if isinstance(one, exp.Column) and isinstance(other, exp.Literal | exp.Placeholder):
                return {str(one.name).lower()}
    return set()
