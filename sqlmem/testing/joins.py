"""Joins by chance: two to four sources, every kind of join, conditions of every sort.

A joined source has the ids of all its tables as its key: by all of them an order is total, also over
rows that an outer join has extended.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlmem.testing.expressions import Expressions, Scope, scope_of
from sqlmem.testing.tables import Column, Table
from sqlmem.testing.tree import Maybe, Node, Part

_ONE, _TWO = Column("one", "int", "INTEGER", ()), Column("two", "int", "INTEGER", ())
# What is compared with what in a condition: mostly columns of one sort.
_SORTS = ("int", "int", "int", "text", "num", "date")
_MIXED = (("int", "num"), ("id", "int"), ("int", "id"), ("text", "int"), ("int", "float"))


class Joins:
    """Sources for FROM, drawn from the statements' own generator."""

    def __init__(
        self, rng: random.Random, family: str, make: Expressions, table: Callable[[], Table]
    ) -> None:
        self.rng = rng
        self.family = family
        self._make = make
        self._table = table

    def source(self) -> tuple[Part, Scope]:
        """FROM with several sources, and what may be named behind it."""
        rng = self.rng
        aliases = [f"t{number + 1}" for number in range(rng.choice((2, 2, 2, 3, 3, 4)))]
        scopes = [self._one(alias) for alias in aliases]
        if len(scopes) > 2 and rng.random() < 0.2:
            return self._in_parentheses(scopes)
        parts: list[Part] = [" FROM ", scopes[0][0]]
        seen = [scopes[0][1]]
        merged: list[str] = []
        for written, scope in scopes[1:]:
            parts += self._joined(written, seen, scope, merged)
            seen.append(scope)
        return Node("source", tuple(parts)), _together(seen, merged)

    def star(self, scope: Scope) -> Part:
        """All columns, or those of one source."""
        if not scope.ids or self.rng.random() < 0.5:
            return "*"
        return f"{self.rng.choice(scope.ids).partition('.')[0]}.*"

    def _one(self, alias: str) -> tuple[Part, Scope]:
        """A table, or now and then a query over one, and its scope under an alias."""
        rng = self.rng
        table = self._table()
        scope = scope_of(table, alias, is_qualified=True)
        if rng.random() < 0.85:
            return f"{table.name} AS {alias}", scope
        if rng.random() < 0.5:
            return f"(SELECT * FROM {table.name}) AS {alias}", scope
        columns = rng.sample(table.columns[1:], min(3, len(table.columns) - 1))
        inner = scope_of(table, table.name, is_qualified=False)
        kept = table.only(["id", *(column.name for column in columns)])
        listed = ", ".join(column.name for column in kept.columns)
        if rng.random() < 0.4:
            # What stays NULL in a row that an outer join adds, whatever it is computed from.
            ints = [column.name for column in kept.columns if column.sort == "int"] or ["id"]
            listed += f", 1 AS one, {rng.choice(ints)} + 1 AS two"
            kept = replace(kept, columns=(*kept.columns, _ONE, _TWO))
        where = Maybe((" WHERE ", self._make.make("bool", 0, inner))) if rng.random() < 0.4 else ""
        written = Node("inner", (f"(SELECT {listed} FROM {table.name}", where, f") AS {alias}"))
        return written, scope_of(kept, alias, is_qualified=True)

    def _joined(self, written: Part, seen: Sequence[Scope], scope: Scope, merged: list[str]) -> list[Part]:
        rng = self.rng
        kind = rng.random()
        if kind < 0.06 and len(seen) == 1:
            return [rng.choice((", ", " CROSS JOIN ")), written]
        if kind < 0.12:
            return [" NATURAL ", rng.choice(("", "LEFT ", "RIGHT ")), "JOIN ", written]
        common = _common(seen, scope)
        if kind < 0.27 and common:
            names = rng.sample(common, min(len(common), rng.choice((1, 1, 2))))
            merged += names
            return [self._word(), written, f" USING ({', '.join(names)})"]
        word = " STRAIGHT_JOIN " if self.family == "mysql" and rng.random() < 0.05 else self._word()
        return [word, written, " ON ", self._condition(seen, scope)]

    def _word(self) -> str:
        rng = self.rng
        words = [
            " JOIN ",
            " JOIN ",
            " INNER JOIN ",
            " LEFT JOIN ",
            " LEFT JOIN ",
            " LEFT OUTER JOIN ",
            " RIGHT JOIN ",
        ]
        return rng.choice(words if self.family == "mysql" else [*words, " FULL JOIN "])

    def _condition(self, seen: Sequence[Scope], scope: Scope) -> Part:
        rng = self.rng
        kind = rng.random()
        if kind < 0.04:
            return "1 = 1"
        other = rng.choice(seen) if rng.random() < 0.4 else seen[-1]
        sorts = (sort := rng.choice(_SORTS), sort) if rng.random() < 0.8 else rng.choice(_MIXED)
        one = self._make.column(sorts[0], other) or other.id
        two = self._make.column(sorts[1], scope) or scope.id
        equal = rng.choice((" = ", " = ", " = ", " = ", " < ", " <> "))
        first: tuple[Part, ...] = (one, equal, two) if rng.random() < 0.5 else (two, equal, one)
        if rng.random() < 0.25:
            both = _together([*seen, scope], [])
            first = (
                *first,
                Maybe((rng.choice((" AND ", " AND ", " OR ")), self._make.make("bool", 0, both))),
            )
        return Node("on", first)

    def _in_parentheses(self, scopes: Sequence[tuple[Part, Scope]]) -> tuple[Part, Scope]:
        rng = self.rng
        (first, one), (second, two), (third, three) = scopes[:3]
        inner: tuple[Part, ...] = (
            "(",
            second,
            self._word(),
            third,
            " ON ",
            self._condition([two], three),
            ")",
        )
        if rng.random() < 0.5:
            condition = self._condition([one], rng.choice((two, three)))
            parts = (" FROM ", first, self._word(), *inner, " ON ", condition)
        else:
            condition = self._condition([rng.choice((two, three))], one)
            parts = (" FROM ", *inner, self._word(), first, " ON ", condition)
        return Node("source", parts), _together([one, two, three], [])


def _common(seen: Sequence[Scope], scope: Scope) -> list[str]:
    """Names, but for the key, that both sides have."""
    left = {column.name for each in seen for column in each.table.columns[1:]}
    return [column.name for column in scope.table.columns[1:] if column.name in left]


def _together(scopes: Sequence[Scope], merged: Sequence[str]) -> Scope:
    """What may be named of all of them."""
    columns: dict[str, tuple[str, ...]] = {}
    for scope in scopes:
        for sort, names in scope.columns.items():
            columns[sort] = (*columns.get(sort, ()), *names)
    sorts = {column.name: column.sort for column in scopes[0].table.columns}
    for name in merged:
        if name in sorts:
            columns[sorts[name]] = (*columns[sorts[name]], name)
    return Scope(scopes[0].table, scopes[0].qualifier, columns, tuple(scope.id for scope in scopes))
