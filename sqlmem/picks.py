"""Which row SQLite takes where a grouped SELECT names columns that are neither grouped nor aggregated.

Beside a single MIN or MAX they are those of the row that has it; of a key, that is one row.
"""

from __future__ import annotations

from sqlglot import exp

from sqlmem.expressions.closed import is_total
from sqlmem.outputs import ROW_IDS


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
