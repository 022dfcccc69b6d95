"""Whether an expression stands where its text is ordered or grouped: as a fetched column it has a rank."""

from __future__ import annotations

from sqlglot import exp

from sqlmem.dialects.base import Semantics
from sqlmem.model import Kind
from sqlmem.values import EQUAL_TEXT, Value

# What a whole expression of a clause stands in.
_OUTERMOST = (exp.Select, exp.Alias, exp.Group, exp.Ordered, exp.Min, exp.Max, exp.Paren)


def is_compared_as_text(semantics: Semantics, node: exp.Expr, value: Value) -> bool:
    """Whether a text that was put together stands where only its origin can compare it."""
    column = value.type
    if column is None or column.kind is not Kind.TEXT or column.collation in semantics.text_order:
        return False
    if value.source is not None or value.is_open or not isinstance(node.parent, _OUTERMOST):
        return False
    if isinstance(node.parent, exp.Ordered | exp.Min | exp.Max):
        return True
    select = node.find_ancestor(exp.Select)
    if select is None:
        return False
    if _orders_by(select, node):
        return True
    is_grouped = bool(select.args.get("group") or select.args.get("distinct"))
    # Groups need equality only, which is the same as the store's where code points decide.
    return is_grouped and (column.collation not in EQUAL_TEXT or bool(select.args.get("order")))


def _orders_by(select: exp.Select, node: exp.Expr) -> bool:
    """Whether a SELECT is ordered by an output, by its name, its place or as it is written."""
    item = node.parent if isinstance(node.parent, exp.Alias) else node
    order = select.args.get("order")
    if order is None or item.arg_key != "expressions" or item.parent is not select:
        return False
    place = str(select.expressions.index(item) + 1)
    terms = [term.this for term in order.expressions if isinstance(term, exp.Ordered)]
    return any(
        term == node or (bool(term.name) and term.name.lower() in (item.alias.lower(), place))
        for term in terms
    )
