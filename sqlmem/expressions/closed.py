"""The closed list's two tools: what a handler accepts on a node, and how a refusal names a node."""

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
