"""Clauses by chance: sources, conditions, select lists, orders, limits, and what they say of each other."""

from __future__ import annotations

import random
from collections.abc import Sequence

from sqlmem.testing.expressions import Expressions, Scope, scope_of
from sqlmem.testing.productions import Productions
from sqlmem.testing.tables import Table
from sqlmem.testing.tree import Bind, Many, Maybe, Node, Part


class Clauses:
    """What statements are put together from; all of it drawn from one random generator."""

    def __init__(
        self, rng: random.Random, family: str, productions: Productions, tables: Sequence[Table]
    ) -> None:
        self.rng = rng
        self.family = family
        self._tables = [table for table in tables for _ in range(table.weight)]
        self._is_plain = False  # whether the statement keeps to what programs mostly ask
        self._make = Expressions(rng, productions)

    def _source(self) -> tuple[Part, Scope]:
        rng = self.rng
        table = self._table()
        kind = rng.random()
        if kind < 0.6:
            return f" FROM {table.name}", scope_of(table, table.name, is_qualified=False)
        if kind < 0.75:
            return f" FROM {table.name}", scope_of(table, table.name, is_qualified=True)
        word = rng.choice((" AS", ""))
        return f" FROM {table.name}{word} t", scope_of(table, "t", is_qualified=kind < 0.95)

    def _inner(self, name: str) -> tuple[Part, Scope]:
        """A query whose columns are named, and the scope that it gives under a name."""
        rng = self.rng
        source, scope = self._source()
        chosen = rng.sample(scope.table.columns[1:], min(len(scope.table.columns) - 1, rng.randint(3, 7)))
        columns: dict[str, list[str]] = {"id": [f"{name}.id"]}
        written: list[Part] = [scope.id]
        for column in chosen:
            plain = f"{scope.id[:-2]}{column.name}"
            written.append(plain)
            columns.setdefault(column.sort, []).append(f"{name}.{column.name}")
        for number in range(rng.randint(0, 2)):
            sort = rng.choice(("int", "num", "text"))
            made = self._make.make(sort, 1, scope)
            written.append(Node("named", (made, f" AS y{number}")))
            columns.setdefault(f"loose_{sort}" if sort == "num" else sort, []).append(f"{name}.y{number}")
        tail: Part = ""
        if rng.random() < 0.15:
            tail = Maybe((" ORDER BY ", scope.id, f" LIMIT {rng.randint(1, 20)}"))
        inner = Node("inner", ("SELECT ", Many(tuple(written)), source, self._where(scope), tail))
        return inner, Scope(scope.table, name, {sort: tuple(names) for sort, names in columns.items()})

    def _where(self, scope: Scope) -> Maybe:
        rng = self.rng
        if rng.random() < 0.35:
            return Maybe(())
        if rng.random() < 0.1:
            return Maybe((" WHERE ", scope.id, " = ", self._make.constant("int")))
        if self._is_plain:
            return Maybe((" WHERE ", self._make.make("plain_bool", rng.choice((0, 0, 1)), scope)))
        return Maybe((" WHERE ", self._make.make("bool", rng.choice((0, 0, 1, 1, 2)), scope)))

    def _items(self, items: Sequence[Part], *, least: int = 1) -> Many:
        """A select list; most have aliases, since the others' names are the origin's to give."""
        named: list[Part] = []
        for number, item in enumerate(items):
            kind = self.rng.random()
            if kind < 0.65:
                named.append(Node("named", (item, f" AS x{number}")))
            elif kind < 0.7:
                named.append(Node("named", (item, f" x{number}")))
            else:
                named.append(item)
        return Many(tuple(named), least)

    def _some(self, sort: str, scope: Scope, least: int, most: int, *, binds: bool = True) -> list[Part]:
        rng = self.rng
        rate = self._make.bind_rate
        if not binds:
            self._make.bind_rate = 0.0
        made: list[Part] = []
        for _ in range(rng.randint(least, most)):
            plain = None
            if sort in ("item", "key") and rng.random() < (0.7 if self._is_plain else 0.3):
                plain = self._make.column("anything" if sort == "item" else "key", scope)
            depth = 0 if self._is_plain else rng.choice((0, 1, 1, 2))
            made.append(plain if plain is not None else self._make.make(sort, depth, scope))
        self._make.bind_rate = rate
        return made

    def _total_order(self, scope: Scope, items: Many) -> Part:
        rng = self.rng
        if rng.random() < 0.4:
            return Maybe(())
        keys: list[Part] = []
        for _ in range(rng.choice((0, 1, 1, 2))):
            kind = rng.random()
            number = rng.randrange(len(items.items))
            alias = alias_of(items.items[number])
            if kind < 0.1:
                key: Part = str(number + 1)
            elif kind < 0.25 and alias is not None:
                key = alias
            elif kind < 0.4:
                key = self._make.make("item", 1, scope)
            else:
                key = self._make.column("anything", scope) or scope.id
            keys.append(Node("sorted", (key, self._direction())))
        last = Node("last", (scope.id, self._direction()))
        # Only the key that makes the order total can't be left out.
        leading = Many(tuple(Node("lead", (key, ", ")) for key in keys), least=0, separator="")
        return Maybe((" ORDER BY ", leading, last, self._limit()), orders=True)

    def _order_by_all(self, items: Many, numbers: Sequence[int] | None = None) -> Part:
        """By every item that tells the rows apart: total, since equal rows look the same."""
        rng = self.rng
        if rng.random() < 0.55:
            return Maybe(())
        keys: list[Part] = []
        for number in numbers if numbers is not None else range(len(items.items)):
            alias = alias_of(items.items[number])
            written = alias if alias is not None and rng.random() < 0.5 else str(number + 1)
            keys.append(Node("sorted", (written, self._direction())))
        # Left out together or not at all: the order is total by all of them.
        return Maybe((" ORDER BY ", Many(tuple(keys), least=len(keys)), self._limit()), orders=True)

    def _direction(self) -> str:
        rng = self.rng
        text = rng.choice(("", "", " ASC", " DESC", " DESC"))
        if self.family != "mysql" and rng.random() < 0.15:
            text += rng.choice((" NULLS FIRST", " NULLS LAST"))
        return text

    def _limit(self) -> Part:
        rng = self.rng
        if rng.random() < 0.55:
            return Maybe(())
        limit = self._count(rng.choice((0, 1, 2, 3, 5, 10, 100)))
        if rng.random() < 0.6:
            return Maybe((" LIMIT ", limit))
        return Maybe((" LIMIT ", limit, Maybe((" OFFSET ", self._count(rng.choice((0, 1, 2, 7, 50)))))))

    def _count(self, number: int) -> Part:
        return Bind("count", number) if self.rng.random() < self._make.bind_rate else str(number)

    def _table(self) -> Table:
        return self.rng.choice(self._tables)


def alias_of(item: Part) -> str | None:
    if isinstance(item, Node) and item.sort == "named":
        written = item.parts[-1]
        assert isinstance(written, str)
        return written.split()[-1]
    return None
