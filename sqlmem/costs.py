"""How many rows the store would look at for a plan, by SQLite's own account of its way.

A join that the origin hashes may be a loop within a loop here: without an index that fits, SQLite makes one
for an equality of columns, but not within EXISTS, nor for FULL JOIN, OR, or a comparison. What would take
much longer than reading its tables is the origin's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlmem.plan import Plan
from sqlmem.store import Generation, Store

# Looked at in about half a second.
_MOST_STEPS = 10_000_000
# Reading what there is, so many times over, is never too much.
_MOST_READINGS = 20
# Looked at in some tenths of a millisecond.
_SHORT = 1_000
# What an equality by an index is taken to find, before it is counted.
_FOUND = 10

_SOURCE = re.compile(r"\b(main|s\d+)\.data AS ([a-z]\d+)\b")
_LIMITED = re.compile(r"LIMIT (\d+|\?)(?: OFFSET (?:\d+|\?))?\) AS ([a-z]\d+)\b")
_STEP = re.compile(r"(SCAN|SEARCH) (?:TABLE \S+ AS )?(\S+)")
_EQUAL = re.compile(r"\((?:rowid|(?P<column>.*?))=\?(?: AND |\))")

# How many rows of a table, by its name in the statement, have one value of a stored column.
Found = Callable[[str, str], int]


def obstacle(
    store: Store, plan: Plan, generations: Sequence[Generation], arguments: Sequence[Any]
) -> str | None:
    """Why the store shouldn't run the plan over these generations; None if it may.

    Raises:
        sqlite3.Error, Retired: as for a query.
    """
    if plan.uses == 1:
        return None  # it reads one table, and that once
    total = sum(generation.rows for generation in generations)
    named = {
        alias: generations[0 if database == "main" else int(database[1:])]
        for database, alias in _SOURCE.findall(plan.sql)
    }
    rows = {alias: generation.rows for alias, generation in named.items()}
    rows.update(_limits(plan.sql, arguments))
    told = store.query(generations, f"EXPLAIN QUERY PLAN {plan.sql}", arguments)
    most = max(_MOST_STEPS, _MOST_READINGS * total)

    def found(alias: str, column: str) -> int:
        generation = named.get(alias)
        return _FOUND if generation is None else store.rows_of_a_value(generation, column)

    # The rough look first: the other asks the store about columns.
    if steps(told, rows, total, lambda *_: _FOUND) > most and steps(told, rows, total, found) > most:
        return "the store would go through its tables row by row for each other's rows"
    return None


def is_short(store: Store, plan: Plan, generations: Sequence[Generation], arguments: Sequence[Any]) -> bool:
    """Whether the store has looked at all rows that a plan needs within some tenths of a millisecond.

    Of an equality by an index it looks at a few values, how many rows those have.

    Raises:
        sqlite3.Error, Retired: as for a query.
    """
    total = sum(generation.rows for generation in generations)
    if total * plan.uses <= _SHORT:
        return True
    named = {
        alias: generations[0 if database == "main" else int(database[1:])]
        for database, alias in _SOURCE.findall(plan.sql)
    }
    rows = {alias: generation.rows for alias, generation in named.items()}
    told = store.query(generations, f"EXPLAIN QUERY PLAN {plan.sql}", arguments)
    if any("AUTOMATIC" in words for *_, words in told):
        return False  # an index made for this one time: it reads all rows

    def found(alias: str, column: str) -> int:
        generation = named.get(alias)
        return total if generation is None else store.most_rows_of_a_value(generation, column, _SHORT)

    return steps(told, rows, total, found) <= _SHORT


def _limits(sql: str, arguments: Sequence[Any]) -> dict[str, int]:
    """How many rows a derived table with a LIMIT has at most."""
    limits: dict[str, int] = {}
    for match in _LIMITED.finditer(sql):
        number = sql.count("?", 0, match.start())
        count = arguments[number] if match[1] == "?" else int(match[1])
        if type(count) is int:
            limits[match[2]] = count
    return limits


def steps(told: Sequence[tuple[int, int, int, str]], rows: Mapping[str, int], most: int, found: Found) -> int:
    """How many rows are looked at, roughly and rather too many.

    Args:
        told: the rows of EXPLAIN QUERY PLAN: id, parent, a number without meaning, and the step in words.
        rows: of each source, by its name in the statement.
        most: rows of what has no such name.
    """
    children: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for number, parent, _, words in told:
        children[parent].append((number, words))

    def looked_at(kind: str, name: str, words: str) -> int:
        count = rows.get(name, most)
        equal = _EQUAL.search(words) if kind == "SEARCH" else None
        if equal is None:
            return count
        return 1 if equal["column"] is None else min(count, found(name, equal["column"]))

    def cost(parent: int) -> int:
        times, total = 1, 0
        for number, words in children[parent]:
            step = _STEP.match(words)
            if step is not None and words != "SCAN CONSTANT ROW":
                times *= max(1, looked_at(step[1], step[2], words))
                total += times
            inner = cost(number)
            total += inner * times if words.startswith("CORRELATED") else inner
        return total

    return cost(0)


__all__ = ["is_short", "obstacle", "steps"]
