"""Which query of WITH a name in FROM means, where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

Fold = Callable[[exp.Identifier], str]


def definition(table: exp.Table, fold: Fold, *, sees_later: bool) -> exp.CTE | None:
    """The query of WITH that a name means; None if it is a table's.

    Args:
        fold: a name as the origin looks it up.
        sees_later: a query of WITH sees itself and those after it also without RECURSIVE, as in SQLite.
    """
    if table.args.get("db") or not isinstance(table.this, exp.Identifier):
        return None
    name = fold(table.this)
    child: exp.Expr = table
    node = table.parent
    while node is not None:
        if isinstance(node, exp.With):
            ctes = node.expressions
            if not (sees_later or node.args.get("recursive")):
                ctes = ctes[: next(index for index, cte in enumerate(ctes) if cte is child)]
            found = _named(ctes, name, fold)
            # Past the query to which the WITH belongs: inside of it only these are seen.
            child, node = node, node.parent
        else:
            clause = node.args.get("with_")
            found = _named(clause.expressions, name, fold) if clause is not None else None
        if found is not None:
            return found
        assert node is not None
        child, node = node, node.parent
    return None


def _named(ctes: Sequence[exp.CTE], name: str, fold: Fold) -> exp.CTE | None:
    return next((cte for cte in ctes if fold(cte.args["alias"].this) == name), None)
