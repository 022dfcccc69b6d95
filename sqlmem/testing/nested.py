"""Statements over what another query gives: groups, windows, set operations, a CTE, one column of several."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol

from sqlmem.testing.expressions import Expressions, Scope, scope_of
from sqlmem.testing.tables import Table
from sqlmem.testing.tree import Many, Maybe, Node, Part


class Clauses(Protocol):
    """What makes the clauses."""

    rng: random.Random
    make: Expressions

    def table(self) -> Table: ...
    def source(self) -> tuple[Part, Scope]: ...
    def inner(self, name: str) -> tuple[Part, Scope]: ...
    def where(self, scope: Scope) -> Maybe: ...
    def items(self, items: Sequence[Part], *, least: int = 1) -> Many: ...
    def some(self, sort: str, scope: Scope, least: int, most: int, *, binds: bool = True) -> list[Part]: ...
    def total_order(self, scope: Scope, items: Many) -> Part: ...


def nested(clauses: Clauses) -> Node:
    """One statement."""
    shapes: tuple[Callable[[Clauses], Node], ...] = (_groups, _groups, _windows, _combined, _twice)
    return clauses.rng.choice(shapes)(clauses)


def _groups(clauses: Clauses) -> Node:
    """Of groups by one key, which tells their rows apart."""
    rng = clauses.rng
    source, scope = clauses.source()
    (key,) = clauses.some("key", scope, 1, 1, binds=False)
    columns: dict[str, tuple[str, ...]] = {"id": ("g.k",), "int": ("g.n",)}
    written: list[Part] = [Node("named", (key, " AS k")), "count(*) AS n"]
    for number in range(rng.randint(0, 2)):
        sort, template = rng.choice(
            (("int", "max({})"), ("int", "count({})"), ("loose_num", "sum({})"), ("date", "min({})"))
        )
        of = {"int": "int", "loose_num": "num", "date": "date"}[sort]
        column = clauses.make.column(of, scope) or scope.id
        before, after = template.split("{}")
        written.append(Node("named", (before, column, after, f" AS a{number}")))
        columns[sort] = (*columns.get(sort, ()), f"g.a{number}")
    inner = Node(
        "inner",
        ("SELECT ", Many(tuple(written)), source, clauses.where(scope), " GROUP BY ", key),
    )
    return _around(clauses, inner, Scope(scope.table, "g", columns))


def _windows(clauses: Clauses) -> Node:
    source, scope = clauses.source()
    place = clauses.make.make("place", 1, scope)
    other = clauses.make.column("int", scope) or scope.id
    listed = Many((Node("named", (scope.id, " AS id")), Node("named", (other, " AS i")), place), 3)
    inner = Node("inner", ("SELECT ", listed, " AS place", source, clauses.where(scope)))
    columns = {"id": ("w.id",), "int": ("w.place", "w.i")}
    return _around(clauses, inner, Scope(scope.table, "w", columns))


def _around(clauses: Clauses, inner: Part, scope: Scope) -> Node:
    rng = clauses.rng
    name = scope.qualifier
    if rng.random() < 0.25:
        summaries = clauses.items(clauses.some("summary", scope, 1, 2))
        return Node("query", ("SELECT ", summaries, " FROM (", inner, f") AS {name}", clauses.where(scope)))
    items = clauses.items([scope.id, *clauses.some("item", scope, 1, 2)])
    order = clauses.total_order(scope, items)
    if rng.random() < 0.5:
        return Node(
            "query", ("SELECT ", items, " FROM (", inner, f") AS {name}", clauses.where(scope), order)
        )
    return Node(
        "query",
        (f"WITH {name} AS (", inner, ") SELECT ", items, f" FROM {name}", clauses.where(scope), order),
    )


def _combined(clauses: Clauses) -> Node:
    """Over a set operation: its rows counted, or summed up by group."""
    rng = clauses.rng
    arms: list[Part] = []
    first: Scope | None = None
    for number in range(2):
        source, scope = clauses.source()
        first = first or scope
        listed = [clauses.make.column(sort, scope) or scope.id for sort in ("only_int", "only_text")]
        if number == 0:
            listed = [Node("named", (item, f" AS {name}")) for item, name in zip(listed, "ab", strict=True)]
        else:
            arms.append(rng.choice((" UNION ", " UNION ALL ", " INTERSECT ", " EXCEPT ")))
        arms.append(Node("arm", ("SELECT ", Many(tuple(listed), 2), source, clauses.where(scope))))
    assert first is not None
    scope = Scope(first.table, "u", {"id": ("u.a",), "int": ("u.a",), "text": ("u.b",)})
    summaries = clauses.items(clauses.some("summary", scope, 1, 2))
    around = (" FROM (", *arms, ") AS u", clauses.where(scope))
    if rng.random() < 0.5:
        return Node("query", ("SELECT ", summaries, *around))
    return Node("query", ("SELECT u.a, ", summaries, *around, " GROUP BY u.a"))


def _twice(clauses: Clauses) -> Node:
    rng = clauses.rng
    inner, scope = clauses.inner("c")
    items = clauses.items(clauses.some("item", scope, 1, 3))
    again = Scope(
        scope.table,
        "e",
        {
            sort: tuple(f"e.{name.rpartition('.')[2]}" for name in names)
            for sort, names in scope.columns.items()
        },
    )
    column = rng.choice(again.columns.get("int", again.columns["id"]))
    word = rng.choice(("IN", "NOT IN"))
    of = f"c.{column.rpartition('.')[2]}"
    where = Maybe((f" WHERE {of} {word} (SELECT {column} FROM c AS e", clauses.where(again), ")"))
    order = clauses.total_order(scope, items)
    return Node("query", ("WITH c AS (", inner, ") SELECT ", items, " FROM c", where, order))


def derived(clauses: Clauses, *, with_stars: bool = False) -> Node:
    inner, scope = clauses.inner("d")
    if clauses.rng.random() < 0.5:
        items = clauses.items(clauses.some("item", scope, 1, 3))
        if with_stars and clauses.rng.random() < 0.3:
            items = Many((clauses.rng.choice(("*", "d.*")),))
        tail: Part = clauses.total_order(scope, items)
    else:
        items = clauses.items(clauses.some("summary", scope, 1, 2))
        tail = ""
    return Node("query", ("SELECT ", items, " FROM (", inner, ") AS d", clauses.where(scope), tail))


def cte(clauses: Clauses) -> Node:
    rng = clauses.rng
    inner, scope = clauses.inner("c")
    if rng.random() < 0.6:
        items = clauses.items(clauses.some("item", scope, 1, 3))
        tail: Part = clauses.total_order(scope, items)
    else:
        items = clauses.items(clauses.some("summary", scope, 1, 2))
        tail = ""
    where: Part = clauses.where(scope)
    if rng.random() < 0.2:
        column = clauses.make.column("int", scope) or scope.id
        where = Maybe((" WHERE ", column, " >= (SELECT min(", column, ") FROM c)"))
    return Node("query", ("WITH c AS (", inner, ") SELECT ", items, " FROM c", where, tail))


def stacked(clauses: Clauses) -> Node:
    """Orders and greatest values of what one table's column gives in several SELECTs."""
    rng = clauses.rng
    table = clauses.table()
    column = rng.choice(table.columns[1:])
    plain = scope_of(table, table.name, is_qualified=False)
    word = "UNION ALL" if column.sort.startswith("loose") else rng.choice(("UNION ALL", "UNION"))
    arms: list[Part] = []
    for number in range(rng.choice((1, 2, 2))):
        listed = f"SELECT id, {column.name} AS x FROM {table.name}"
        arms += [f" {word} " if number else "", Node("arm", (listed, clauses.where(plain)))]
    scope = Scope(table, "d", {"id": ("d.id",), column.sort: ("d.x",)})
    is_listed = rng.random() < 0.6
    items = clauses.items(clauses.some("item" if is_listed else "summary", scope, 1, 2))
    tail: Part = clauses.total_order(scope, items) if is_listed else ""
    inner = Node("inner", tuple(arms))
    return Node("query", ("SELECT ", items, " FROM (", inner, ") AS d", clauses.where(scope), tail))
