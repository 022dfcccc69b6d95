"""Recursive queries by chance: WITH RECURSIVE and the columns that it gives. None of them goes on for ever.

Numbers are counted up to a bound; a table's values are handed on from round to round, unchanged, swapped or
with an expression beside them; a reference from row to row is followed, where UNION ends what is a ring.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from sqlmem.testing.expressions import Expressions, Scope, scope_of
from sqlmem.testing.tables import Table
from sqlmem.testing.tree import Node, Part


class Recursions:
    """An endless supply of WITH clauses that define `r`, whose first column is the number `n`."""

    def __init__(self, rng: random.Random, make: Expressions, tables: Sequence[Table]) -> None:
        self.rng = rng
        self._make = make
        self._tables = tables
        self._kinds: list[Callable[[], tuple[Node, Scope]]] = [
            self._counted,
            self._counted,
            self._handed_on,
            self._handed_on,
            self._followed,
        ]

    def next(self) -> tuple[Node, Scope]:
        """A WITH clause, and what `r` gives: rows that are equal in `n` look the same."""
        return self.rng.choice(self._kinds)()

    def _counted(self) -> tuple[Node, Scope]:
        rng = self.rng
        table = rng.choice(self._tables)
        first = rng.choice(
            (
                "SELECT 1",
                "SELECT 0",
                f"SELECT min(id) FROM {table.name}",
                f"SELECT count(*) FROM {table.name}",
                f"SELECT id FROM {table.name} WHERE id BETWEEN 1 AND 4",
            )
        )
        word = rng.choice(("UNION", "UNION ALL"))
        step = rng.choice(("n + 1", "n + 2", "n + 7", "1 + n"))
        bound = f" WHERE n < {rng.choice((0, 1, 5, 20, 50))}"
        return (
            Node("with", (f"WITH RECURSIVE r(n) AS ({first} {word} SELECT {step} FROM r{bound}) ",)),
            Scope(table, "r", {"id": ("r.n",), "int": ("r.n",)}),
        )

    def _handed_on(self) -> tuple[Node, Scope]:
        """A table's columns beside a number; UNION ALL, so that no two values stand for each other."""
        rng = self.rng
        table = rng.choice(self._tables)
        column = rng.choice(table.columns[1:])
        others = [each for each in table.columns[1:] if each.sort == column.sort]
        other = rng.choice(others)
        source = f" FROM {table.name} WHERE id BETWEEN 1 AND {rng.choice((2, 9, 30))}"
        first = f"SELECT id AS n, {column.name} AS x, {other.name} AS y{source}"
        inner = Scope(table, "r", {"id": ("r.n",), "int": ("r.n",), column.sort: ("r.x", "r.y")})
        kind = rng.random()
        given: Part = ("x, y", "y, x", "x, x")[int(kind * 3)]
        if kind > 0.85 and column.sort in ("int", "text", "date"):
            given = Node("pair", ("x, ", self._make.make(column.sort, 1, inner)))
        bound: Part = " WHERE n < 300"
        if rng.random() < 0.3:
            bound = Node("bound", (bound, " AND ", self._make.make("plain_bool", 0, inner)))
        return (
            Node(
                "with",
                (f"WITH RECURSIVE r AS ({first} UNION ALL SELECT n + 100, ", given, " FROM r", bound, ") "),
            ),
            inner,
        )

    def _followed(self) -> tuple[Node, Scope]:
        rng = self.rng
        table = rng.choice(self._tables)
        columns = scope_of(table, table.name, is_qualified=False).columns.get("int", ("id",))
        column = rng.choice(columns)
        name, least = table.name, rng.choice((1, 3, 8))
        first = f"SELECT id, {column} FROM {name} WHERE id <= {least}"
        step = f"SELECT x, (SELECT q.{column} FROM {name} AS q WHERE q.id = r.x) FROM r WHERE x IS NOT NULL"
        return (
            Node("with", (f"WITH RECURSIVE r(n, x) AS ({first} UNION {step}) ",)),
            Scope(table, "r", {"id": ("r.n",), "int": ("r.n", "r.x")}),
        )
