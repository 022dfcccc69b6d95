"""Queries that fail, or not, before a statement's first row is looked at.

An error in a row that the store needn't compute is the origin's to report all the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from sqlmem.context import Context
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import Value


def guard_all(
    context: Context, scope: Scope, values: Sequence[Value], source: str, where: str, groups: str | None
) -> None:
    """Have all rows computed, also those beyond the limit, or skipped.

    The origin computes them before it sorts, or doesn't: an error in one of them is its to report.

    Args:
        groups: GROUP BY and HAVING; None if the query doesn't aggregate.
    """
    if context.semantics.is_dynamic or not source:
        return
    failing = [value.sql for value in values if "sqlmem_" in value.sql or "sqlmem_" in source]
    if not failing or any(" OVER (" in text for text in failing):
        return
    if not scope.may_guard:
        raise Refuse("a computation that may be an error, in rows beyond a limit")
    if groups is None:
        counts = " + ".join(f"count({text})" for text in failing)
        context.guards.append(f"SELECT {counts} >= 0 AS ok{source}{where}")
        return
    computed = ", ".join(f"{text} AS f{number}" for number, text in enumerate(failing))
    counts = " + ".join(f"count(f{number})" for number in range(len(failing)))
    context.guards.append(f"SELECT {counts} >= 0 AS ok FROM (SELECT {computed}{source}{where}{groups})")


def guarded(context: Context, source: str, where: str) -> tuple[str, str]:
    """FROM and WHERE with the guards, which the store looks at before the first row."""
    if " FULL JOIN " in source:
        raise Refuse("a subquery that may give several rows as a value, beside FULL JOIN")
    aliases = [context.alias("g") for _ in context.guards]
    # CROSS JOIN keeps the order in which they are written.
    before = " CROSS JOIN ".join(
        f"({guard}) AS {alias}" for guard, alias in zip(context.guards, aliases, strict=True)
    )
    tests = " AND ".join(f"{alias}.ok" for alias in aliases)
    condition = where.removeprefix(" WHERE ")
    return (
        f" FROM {before} CROSS JOIN {source.removeprefix(' FROM ')}",
        f" WHERE {tests}" + (f" AND {condition}" if where else ""),
    )


# Behind the outermost query, if it has one; one within is in parentheses.
_LIMIT = re.compile(r"(?: LIMIT (\S+))?( OFFSET \S+)?$")


def computed_first(context: Context, sql: str) -> str:
    """A finished statement that computes what is `folded` before its first row, or for none.

    In its LIMIT: that is computed once, whatever else the statement does.
    """
    texts = dict.fromkeys(text for _, text in context.folded)
    if not texts:
        return sql
    limit = _LIMIT.search(sql)
    assert limit is not None
    computed = " + ".join(f"(({text}) IS NULL)" for text in texts)
    count = f" LIMIT CASE WHEN {computed} >= 0 THEN {limit[1] or -1} END"
    return f"{sql[: limit.start()]}{count}{limit[2] or ''}"


def gives_rows(node: exp.Select) -> bool:
    """Whether its limit says that it gives a row, if there is one: of LIMIT 0 nothing is looked at."""
    limit = node.args.get("limit")
    if limit is None:
        return True
    count = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.expression
    return isinstance(count, exp.Literal) and str(count.this).isdigit() and int(str(count.this)) > 0
