"""Statements by chance: the shapes around the expressions.

What is avoided, because the answer would be the origin's free choice:

- LIMIT and OFFSET without an order that the key makes total; the same for frames, lag, lead, first, last
  and n-th values of a window, and for DISTINCT ON.
- Selecting what GROUP BY, DISTINCT, UNION, INTERSECT, EXCEPT, MIN or MAX keep of values that are equal and
  look different (the sorts `loose_…`): text under a collation that ignores case, accents or trailing blanks,
  numbers of unequal scale, zeros of both signs, SQLite's mixed storage classes. Counting them, comparing
  them, ordering by them before the key and grouping by them without selecting them are all there.
- A column in the select list of a grouped statement that isn't a key of the groups.
- A scalar subquery that could have more than one row: it has an aggregate, or LIMIT 1 under a total order.
- Moments of asking (`now()`) and the random: a few are made, to be counted as not deterministic.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from sqlmem.testing.clauses import Clauses, alias_of
from sqlmem.testing.expressions import Scope, scope_of
from sqlmem.testing.productions import Productions
from sqlmem.testing.recursion import Recursions
from sqlmem.testing.subqueries import Subqueries
from sqlmem.testing.tables import Table
from sqlmem.testing.tree import Many, Maybe, Node, Part, Statement

_SHAPES = {
    "plain": 34,
    "grouped": 22,
    "windowed": 11,
    "distinct": 6,
    "combined": 8,
    "derived": 6,
    "cte": 6,
    "stacked": 5,
    "recursive": 5,
    "values": 1,
    "tableless": 2,
    "wrong": 2,
}
_WAYS = ("text", "text", "driver", "execute")
_WRONG = (
    "SELECT no_such_column FROM {table}",
    "SELECT id FROM sqlmem_testing_no_such_table",
    "SELECT no_such_function(id) FROM {table}",
    "SELECT id FROM {table} WHERE nobody.id = 1",
    "SELECT id, count(*) FROM {table} GROUP BY no_such_column",
    "SELECT id FROM {table} ORDER BY 7",
    "SELECT id FROM {table} WHERE sum(id) > 1",
    "SELECT id AS x FROM {table} WHERE x = 1",
    "SELECT id FROM {table} UNION SELECT id, id FROM {table}",
    'SELECT "no_such_column" FROM {table}',
    "SELECT id FROM {table} LIMIT -1",
    "SELECT (SELECT id, id FROM {table}) FROM {table}",
    "SELECT id FROM {table} WHERE id IN (SELECT id, id FROM {table})",
    "SELECT id FROM {table} WHERE",
    "SELECT sum(count(*)) FROM {table}",
)


class Statements(Clauses):
    """An endless supply, drawn from one random generator.

    Args:
        family: sqlite, postgresql or mysql.
    """

    def __init__(
        self, rng: random.Random, family: str, productions: Productions, tables: Sequence[Table]
    ) -> None:
        super().__init__(rng, family, productions, tables)
        self._subqueries = Subqueries(rng, self._make, self._tables)
        self._recursions = Recursions(rng, self._make, self._tables)
        shapes: dict[str, Callable[[], Node]] = {
            "plain": self._plain,
            "grouped": self._grouped,
            "windowed": self._windowed,
            "distinct": self._distinct,
            "combined": self._combined,
            "derived": self._derived,
            "cte": self._cte,
            "stacked": self._stacked,
            "recursive": self._recursive,
            "values": self._values,
            "tableless": self._tableless,
            "wrong": self._wrong,
        }
        self._shapes = [(name, shapes[name]) for name in _SHAPES]
        self._weights = list(_SHAPES.values())

    def next(self) -> Statement:
        """The next statement."""
        rng = self.rng
        self._subqueries.start()
        self._make.bind_rate = rng.choice((0.0, 0.0, 0.3, 0.9))
        self._is_plain = rng.random() < 0.4
        ((name, shape),) = rng.choices(self._shapes, self._weights)
        return Statement(shape(), name, rng.choice(_WAYS))

    # -- shapes ------------------------------------------------------------------------------

    def _plain(self) -> Node:
        source, scope = self._source()
        items = self._items(self._some("item", scope, 1, 4))
        return Node("query", ("SELECT ", items, source, self._where(scope), self._total_order(scope, items)))

    def _distinct(self) -> Node:
        source, scope = self._source()
        rng = self.rng
        if self.family == "postgresql" and rng.random() < 0.3:
            key = self._make.make("key", 1, scope)
            items = self._items(self._some("item", scope, 1, 3))
            order = Maybe((" ORDER BY ", key, ", ", scope.id, self._limit()), orders=True)
            # The clause decides which row stays: it can't be left out, and the root keeps it as one.
            return Node(
                "query", ("SELECT DISTINCT ON (", key, ") ", items, source, self._where(scope), order)
            )
        items = self._items(self._some("key", scope, 1, 3, binds=False))
        return Node(
            "query", ("SELECT DISTINCT ", items, source, self._where(scope), self._order_by_all(items))
        )

    def _grouped(self) -> Node:
        rng = self.rng
        source, scope = self._source()
        keys = self._some("key", scope, 0, 2, binds=False)
        summaries = self._some("summary", scope, 1, 3)
        if keys and rng.random() < 0.1:
            # Values that are equal and look different may be grouped, if none of them is shown.
            group: Part = self._make.column("anything", scope) or scope.id
            items = self._items([self._make.make("counted", 1, scope) for _ in summaries])
            return Node("query", ("SELECT ", items, source, self._where(scope), " GROUP BY ", group))
        shown = [*keys, *summaries] if rng.random() < 0.85 else summaries
        items = self._items(shown)
        parts: list[Part] = ["SELECT ", items, source, self._where(scope)]
        is_rolled = bool(keys) and self.family != "sqlite" and rng.random() < 0.06
        if is_rolled:
            parts.append(self._rolled_up(keys))
        elif keys:
            parts.append(self._group_by(keys, items, is_shown=shown is not summaries))
        if (keys or rng.random() < 0.1) and rng.random() < 0.3:
            parts.append(Maybe((" HAVING ", self._make.make("having", 1, scope))))
        if keys and shown is not summaries and not is_rolled:  # a rolled-up NULL looks like a key's
            parts.append(self._order_by_all(items, range(len(keys))))
        return Node("query", tuple(parts))

    def _group_by(self, keys: Sequence[Part], items: Many, *, is_shown: bool) -> Part:
        rng = self.rng
        written: list[Part] = []
        for number, key in enumerate(keys):
            kind = rng.random()
            alias = alias_of(items.items[number]) if is_shown else None
            if is_shown and kind < 0.15:
                written.append(str(number + 1))
            elif alias is not None and kind < 0.3:
                written.append(alias)
            else:
                written.append(key)
        return Node("groups", (" GROUP BY ", Many(tuple(written))))

    def _rolled_up(self, keys: Sequence[Part]) -> Part:
        listed = Many(tuple(keys))
        if self.family == "mysql":
            return Node("groups", (" GROUP BY ", listed, " WITH ROLLUP"))
        word = self.rng.choice(("ROLLUP", "CUBE", "GROUPING SETS"))
        return Node("groups", (f" GROUP BY {word} (", listed, ")"))

    def _named_windows(self) -> Node:
        """Windows with a name, named alone, in parentheses and with something added."""
        rng = self.rng
        source, scope = self._source()
        make = self._make.make
        partition, total = make("partition", 0, scope), make("total", 0, scope)
        is_whole = rng.random() < 0.6
        definition = Node("window", (partition, total) if is_whole else (partition,))
        windows: list[Part] = []
        for _ in range(rng.randint(1, 2)):
            call = rng.choice(("row_number()", "rank()", "count(*)", "sum({})", "lag({})", "max({})"))
            before, hole, after = call.partition("{}")
            column: Part = (self._make.column("int", scope) or scope.id) if hole else ""
            added: Part = ""
            if not is_whole:
                added = Node("added", (" ", total))
            elif rng.random() < 0.2:
                added = Node("added", (" ", make("frame", 0, scope)))
            name: Part = (
                rng.choice((" OVER w", " OVER (w)"))
                if added == ""
                else Node("over", (" OVER (w", added, ")"))
            )
            windows.append(Node("window", (before, column, after, name)))
        items = self._items([scope.id, *windows])
        named = Node("named_windows", (" WINDOW w AS (", definition, ")"))
        return Node(
            "query", ("SELECT ", items, source, self._where(scope), named, self._total_order(scope, items))
        )

    def _windowed(self) -> Node:
        if self.rng.random() < 0.25:
            return self._named_windows()
        source, scope = self._source()
        windows = self._some("window", scope, 1, 2)
        items = self._items([scope.id, *windows, *self._some("item", scope, 0, 1)])
        return Node("query", ("SELECT ", items, source, self._where(scope), self._total_order(scope, items)))

    def _combined(self) -> Node:
        rng = self.rng
        operators = ["UNION", "UNION ALL", "UNION ALL", "INTERSECT", "EXCEPT"]
        if self.family == "postgresql":
            operators += ["INTERSECT ALL", "EXCEPT ALL"]
        sorts = [rng.choice(("int", "text", "num", "date", "bool", "key")) for _ in range(rng.randint(1, 2))]
        arms: list[Part] = []
        for number in range(rng.choice((2, 2, 2, 3))):
            source, scope = self._source()
            listed = Many(tuple(self._subqueries.strict(sort, scope) for sort in sorts), least=len(sorts))
            if number == 0:
                listed = self._items(listed.items, least=len(sorts))
            else:
                arms.append(f" {rng.choice(operators)} ")
            arms.append(Node("arm", ("SELECT ", listed, source, self._where(scope))))
        # PostgreSQL's numbers keep the scale of their arm: 1.50 and 1.500 are equal, and in either order.
        is_settled = sorts != ["num"] or self.family != "postgresql"
        if len(sorts) == 1 and rng.random() < 0.3 and is_settled:
            arms.append(Maybe((" ORDER BY 1", rng.choice(("", " DESC")), self._limit()), orders=True))
        return Node("query", tuple(arms))

    def _derived(self) -> Node:
        inner, scope = self._inner("d")
        if self.rng.random() < 0.5:
            items = self._items(self._some("item", scope, 1, 3))
            tail: Part = self._total_order(scope, items)
        else:
            items = self._items(self._some("summary", scope, 1, 2))
            tail = ""
        return Node("query", ("SELECT ", items, " FROM (", inner, ") AS d", self._where(scope), tail))

    def _cte(self) -> Node:
        rng = self.rng
        inner, scope = self._inner("c")
        if rng.random() < 0.6:
            items = self._items(self._some("item", scope, 1, 3))
            tail: Part = self._total_order(scope, items)
        else:
            items = self._items(self._some("summary", scope, 1, 2))
            tail = ""
        where: Part = self._where(scope)
        if rng.random() < 0.2:
            column = self._make.column("int", scope) or scope.id
            where = Maybe((" WHERE ", column, " >= (SELECT min(", column, ") FROM c)"))
        return Node("query", ("WITH c AS (", inner, ") SELECT ", items, " FROM c", where, tail))

    def _recursive(self) -> Node:
        rng = self.rng
        clause, scope = self._recursions.next()
        kind = rng.random()
        if kind < 0.2:
            _, outer = source = self._source()
            column = self._make.column("int", outer) or outer.id
            items = self._items(self._some("item", outer, 1, 2))
            query: tuple[Part, ...] = (
                clause,
                "SELECT ",
                items,
                source[0],
                " WHERE ",
                column,
                " IN (SELECT n FROM r)",
            )
            return Node("query", (*query, self._total_order(outer, items)))
        is_listed = kind < 0.7
        items = self._items(self._some("item" if is_listed else "summary", scope, 1, 3))
        tail: Part = self._total_order(scope, items) if is_listed else ""
        return Node("query", (clause, "SELECT ", items, " FROM r", self._where(scope), tail))

    def _stacked(self) -> Node:
        """Orders and greatest values of what one table's column gives in several SELECTs."""
        rng = self.rng
        table = self._table()
        column = rng.choice(table.columns[1:])
        plain = scope_of(table, table.name, is_qualified=False)
        word = "UNION ALL" if column.sort.startswith("loose") else rng.choice(("UNION ALL", "UNION"))
        arms: list[Part] = []
        for number in range(rng.choice((1, 2, 2))):
            listed = f"SELECT id, {column.name} AS x FROM {table.name}"
            arms += [f" {word} " if number else "", Node("arm", (listed, self._where(plain)))]
        scope = Scope(table, "d", {"id": ("d.id",), column.sort: ("d.x",)})
        is_listed = rng.random() < 0.6
        items = self._items(self._some("item" if is_listed else "summary", scope, 1, 2))
        tail: Part = self._total_order(scope, items) if is_listed else ""
        inner = Node("inner", tuple(arms))
        return Node("query", ("SELECT ", items, " FROM (", inner, ") AS d", self._where(scope), tail))

    def _values(self) -> Node:
        rows = [
            Node("row", ("(", self._make.constant("int"), ", ", self._make.constant("text"), ")"))
            for _ in range(self.rng.randint(1, 3))
        ]
        return Node("query", ("VALUES ", Many(tuple(rows))))

    def _tableless(self) -> Node:
        empty = Scope(self._tables[0], "", {})
        sorts = ("int", "num", "text", "number", "bool", "date")
        items = [self._make.make(self.rng.choice(sorts), 1, empty) for _ in range(self.rng.randint(1, 3))]
        if self.rng.random() < 0.1:
            items.append(self._make.make("volatile", 0, empty))
        return Node("query", ("SELECT ", self._items(items)))

    def _wrong(self) -> Node:
        return Node("query", (self.rng.choice(_WRONG).replace("{table}", self._table().name),))
