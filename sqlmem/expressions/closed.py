"""The closed list's tools: what a handler accepts on a node, how a refusal names it, what aggregates."""

from __future__ import annotations

from sqlglot import exp

from sqlmem.plan import Refuse


def only(node: exp.Expr, *known: str) -> None:
    """Raises `Refuse` if the parser found something on the node that the handler doesn't know of."""
    for key, argument in node.args.items():
        if key not in known and argument not in (None, False, [], ""):
            raise Refuse(f"{described(node)} with {key.rstrip('_').replace('_', ' ')}")


def is_total(node: exp.Expr) -> bool:
    """Whether it is SQLite's TOTAL or EVERY, aggregates that the parser takes for functions of anybody's."""
    return isinstance(node, exp.Anonymous) and str(node.this).lower() in ("total", "every")


def described(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"the function {str(node.this).lower()}"
    return node.sql_name() if isinstance(node, exp.Func) else str(node.key).upper()


# Most nodes; nothing is called in them.
_WITHOUT = frozenset(
    {exp.Column, exp.Identifier, exp.Literal, exp.Placeholder, exp.Null, exp.Boolean, exp.Star}
)


def has_aggregate(node: exp.Expr) -> bool:
    """Whether an aggregate of this SELECT's own stands in the expression: no subquery's, no window's."""
    if type(node) in _WITHOUT or isinstance(node, exp.Query):
        return False
    if isinstance(node, exp.Window):
        children = [child for key, child in node.args.items() if key != "this"]
        inner = node.this
        if isinstance(inner, exp.Filter):
            children.append(inner.expression)
            inner = inner.this
        return any(has_aggregate(child) for child in _flat(children)) or any(
            has_aggregate(child) for child in _flat(inner.args.values())
        )
    if (isinstance(node, exp.AggFunc) and not isinstance(node, exp.RowNumber | exp.Grouping)) or is_total(
        node
    ):
        return True
    return any(has_aggregate(child) for child in _flat(node.args.values()))


def _flat(values: object) -> list[exp.Expr]:
    found: list[exp.Expr] = []
    for value in values if isinstance(values, list) else list(values):  # type: ignore[call-overload]
        if isinstance(value, exp.Expr):
            found.append(value)
        elif isinstance(value, list):
            found.extend(item for item in value if isinstance(item, exp.Expr))
    return found
