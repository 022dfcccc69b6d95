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

Some statements are the one before with other constants, for which a plan may be there already. Some are made
of what other origins have: the answer, mostly an error, must be the same.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlmem.testing.damaged import damaged
from sqlmem.testing.expressions import Expressions, Scope, scope_of
from sqlmem.testing.families import Family
from sqlmem.testing.joins import Joins
from sqlmem.testing.nested import cte, derived, nested, stacked
from sqlmem.testing.recursion import Recursions
from sqlmem.testing.subqueries import Subqueries
from sqlmem.testing.tables import Table
from sqlmem.testing.tree import Bind, Many, Maybe, Node, Part, Statement
from sqlmem.testing.unreached import unreached

_SHAPES = {
    "plain": 34,
    "grouped": 22,
    "windowed": 11,
    "distinct": 6,
    "combined": 8,
    "derived": 6,
    "cte": 6,
    "nested": 8,
    "foreign": 4,
    "stacked": 5,
    "recursive": 5,
    "unreached": 6,
    "values": 1,
    "tableless": 2,
    "wrong": 2,
}
# The chance that a statement is the one before with other constants.
_AGAIN = 0.25
# The chance that one is damaged.
_DAMAGED = 0.05
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


class Statements:
    """An endless supply, drawn from one random generator.

    Args:
        family: the tables, and what statements are made of.
        with_joins: joins and * are among them.
    """

    def __init__(self, rng: random.Random, family: Family, *, with_joins: bool = False) -> None:
        self.rng = rng
        self.family = family.name
        self._tables = [table for table in family.tables for _ in range(table.weight)]
        self._before: Any = None  # the generator's state before the latest statement
        self._is_plain = False  # whether the statement keeps to what programs mostly ask
        self._constants = random.Random(rng.random())
        self.make = Expressions(rng, self._constants, family.productions)
        self._subqueries = Subqueries(rng, self.make, self._tables, with_stars=with_joins)
        self._joins = Joins(rng, family.name, self.make, self.table) if with_joins else None
        self._recursions = Recursions(rng, self.make, self._tables)
        self._foreign_makes = [Expressions(rng, self._constants, each) for each in family.foreign]
        for make in self._foreign_makes:
            Subqueries(rng, make, self._tables)
        shapes: dict[str, Callable[[], Node]] = {
            "plain": self._plain,
            "grouped": self._grouped,
            "windowed": self._windowed,
            "distinct": self._distinct,
            "combined": self._combined,
            "derived": lambda: derived(self, with_stars=with_joins),
            "cte": lambda: cte(self),
            "nested": lambda: nested(self),
            "foreign": self._foreign,
            "stacked": lambda: stacked(self),
            "recursive": self._recursive,
            "unreached": lambda: unreached(self, with_joins=with_joins),
            "values": self._values,
            "tableless": self._tableless,
            "wrong": self._wrong,
        }
        self._shapes = [(name, shapes[name]) for name in _SHAPES]
        self._weights = list(_SHAPES.values())

    def next(self) -> Statement:
        """The next statement."""
        rng = self.rng
        if self._before is not None and rng.random() < _AGAIN:
            going_on = rng.getstate()
            rng.setstate(self._before)
            statement = self._statement()
            rng.setstate(going_on)
            return statement
        self._before = rng.getstate()
        statement = self._statement()
        if rng.random() < _DAMAGED:
            return damaged(rng, statement) or statement
        return statement

    def _statement(self) -> Statement:
        rng = self.rng
        self._subqueries.start()
        self.make.bind_rate = rng.choice((0.0, 0.0, 0.3, 0.9))
        self._is_plain = rng.random() < 0.4
        ((name, shape),) = rng.choices(self._shapes, self._weights)
        return Statement(shape(), name, self._constants.choice(_WAYS))

    # -- shapes ------------------------------------------------------------------------------

    def _plain(self) -> Node:
        source, scope = self.source(may_join=True)
        items = self.items(self.some("item", scope, 1, 4))
        if self._joins is not None and self.rng.random() < 0.25:
            others = items.items if self.rng.random() < 0.3 else ()
            items = Many((self._joins.star(scope), *others))
        return Node("query", ("SELECT ", items, source, self.where(scope), self.total_order(scope, items)))

    def _distinct(self) -> Node:
        source, scope = self.source(may_join=True)
        rng = self.rng
        if not scope.ids and self.family == "postgresql" and rng.random() < 0.3:
            key = self.make.make("key", 1, scope)
            items = self.items(self.some("item", scope, 1, 3))
            order = Maybe((" ORDER BY ", key, ", ", scope.id, self._limit()), orders=True)
            # The clause decides which row stays: it can't be left out, and the root keeps it as one.
            return Node("query", ("SELECT DISTINCT ON (", key, ") ", items, source, self.where(scope), order))
        items = self.items(self.some("key", scope, 1, 3, binds=False))
        return Node(
            "query", ("SELECT DISTINCT ", items, source, self.where(scope), self._order_by_all(items))
        )

    def _grouped(self) -> Node:
        rng = self.rng
        source, scope = self.source(may_join=True)
        keys = self.some("key", scope, 0, 2, binds=False)
        summaries = self.some("summary", scope, 1, 3)
        while scope.ids and any(map(_is_in_an_order, summaries)):
            # No one column orders the rows of a join.
            summaries = self.some("summary", scope, 1, 3)
        if keys and rng.random() < 0.1:
            # Values that are equal and look different may be grouped, if none of them is shown.
            group: Part = self.make.column("anything", scope) or scope.id
            items = self.items([self.make.make("counted", 1, scope) for _ in summaries])
            return Node("query", ("SELECT ", items, source, self.where(scope), " GROUP BY ", group))
        shown = [*keys, *summaries] if rng.random() < 0.85 else summaries
        items = self.items(shown)
        parts: list[Part] = ["SELECT ", items, source, self.where(scope)]
        is_rolled = bool(keys) and self.family != "sqlite" and rng.random() < 0.06
        if is_rolled:
            parts.append(self._rolled_up(keys))
        elif keys:
            parts.append(self._group_by(keys, items, is_shown=shown is not summaries))
        if (keys or rng.random() < 0.1) and rng.random() < 0.3:
            parts.append(Maybe((" HAVING ", self.make.make("having", 1, scope))))
        if keys and shown is not summaries and not is_rolled:  # a rolled-up NULL looks like a key's
            parts.append(self._order_by_all(items, range(len(keys))))
        return Node("query", tuple(parts))

    def _group_by(self, keys: Sequence[Part], items: Many, *, is_shown: bool) -> Part:
        rng = self.rng
        written: list[Part] = []
        for number, key in enumerate(keys):
            kind = rng.random()
            alias = _alias_of(items.items[number]) if is_shown else None
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

    def _windowed(self) -> Node:
        if self.rng.random() < 0.25:
            return self._named_windows()
        source, scope = self.source()
        windows = self.some("window", scope, 1, 2)
        items = self.items([scope.id, *windows, *self.some("item", scope, 0, 1)])
        return Node("query", ("SELECT ", items, source, self.where(scope), self.total_order(scope, items)))

    def _combined(self) -> Node:
        rng = self.rng
        operators = ["UNION", "UNION ALL", "UNION ALL", "INTERSECT", "EXCEPT"]
        if self.family == "postgresql":
            operators += ["INTERSECT ALL", "EXCEPT ALL"]
        sorts = [rng.choice(("int", "text", "num", "date", "bool", "key")) for _ in range(rng.randint(1, 2))]
        arms: list[Part] = []
        for number in range(rng.choice((2, 2, 2, 3))):
            source, scope = self.source(may_join=True)
            listed = Many(tuple(self._subqueries.strict(sort, scope) for sort in sorts), least=len(sorts))
            if number == 0:
                listed = self.items(listed.items, least=len(sorts))
            else:
                arms.append(f" {rng.choice(operators)} ")
            arms.append(Node("arm", ("SELECT ", listed, source, self.where(scope))))
        # PostgreSQL's numbers keep the scale of their arm: 1.50 and 1.500 are equal, and in either order.
        is_settled = sorts != ["num"] or self.family != "postgresql"
        if len(sorts) == 1 and rng.random() < 0.3 and is_settled:
            arms.append(Maybe((" ORDER BY 1", rng.choice(("", " DESC")), self._limit()), orders=True))
        return Node("query", tuple(arms))

    def _foreign(self) -> Node:
        """Expressions as another origin has them."""
        rng = self.rng
        source, scope = self.source()
        make = rng.choice(self._foreign_makes)
        made = [make.make(rng.choice(("item", "bool", "int", "text", "num")), 1, scope)]
        items = self.items([scope.id, *made])
        where = Maybe((" WHERE ", make.make("bool", rng.choice((0, 1)), scope))) if rng.random() < 0.5 else ""
        return Node("query", ("SELECT ", items, source, where))

    def _recursive(self) -> Node:
        rng = self.rng
        clause, scope = self._recursions.next()
        kind = rng.random()
        if kind < 0.2:
            _, outer = source = self.source()
            column = self.make.column("int", outer) or outer.id
            items = self.items(self.some("item", outer, 1, 2))
            query: tuple[Part, ...] = (
                clause,
                "SELECT ",
                items,
                source[0],
                " WHERE ",
                column,
                " IN (SELECT n FROM r)",
            )
            return Node("query", (*query, self.total_order(outer, items)))
        is_listed = kind < 0.7
        items = self.items(self.some("item" if is_listed else "summary", scope, 1, 3))
        tail: Part = self.total_order(scope, items) if is_listed else ""
        return Node("query", (clause, "SELECT ", items, " FROM r", self.where(scope), tail))

    def _named_windows(self) -> Node:
        """Windows with a name, named alone, in parentheses and with something added."""
        rng = self.rng
        source, scope = self.source()
        make = self.make.make
        partition, total = make("partition", 0, scope), make("total", 0, scope)
        is_whole = rng.random() < 0.6
        definition = Node("window", (partition, total) if is_whole else (partition,))
        windows: list[Part] = []
        for _ in range(rng.randint(1, 2)):
            call = rng.choice(("row_number()", "rank()", "count(*)", "sum({})", "lag({})", "max({})"))
            before, hole, after = call.partition("{}")
            column: Part = (self.make.column("int", scope) or scope.id) if hole else ""
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
        items = self.items([scope.id, *windows])
        named = Node("named_windows", (" WINDOW w AS (", definition, ")"))
        return Node(
            "query", ("SELECT ", items, source, self.where(scope), named, self.total_order(scope, items))
        )

    def _values(self) -> Node:
        rows = [
            Node("row", ("(", self.make.constant("int"), ", ", self.make.constant("text"), ")"))
            for _ in range(self.rng.randint(1, 3))
        ]
        return Node("query", ("VALUES ", Many(tuple(rows))))

    def _tableless(self) -> Node:
        empty = Scope(self._tables[0], "", {})
        sorts = ("int", "num", "text", "number", "bool", "date")
        items = [self.make.make(self.rng.choice(sorts), 1, empty) for _ in range(self.rng.randint(1, 3))]
        if self.rng.random() < 0.1:
            items.append(self.make.make("volatile", 0, empty))
        return Node("query", ("SELECT ", self.items(items)))

    def _wrong(self) -> Node:
        return Node("query", (self.rng.choice(_WRONG).replace("{table}", self.table().name),))

    # -- clauses -----------------------------------------------------------------------------

    def source(self, *, may_join: bool = False) -> tuple[Part, Scope]:
        rng = self.rng
        if may_join and self._joins is not None and rng.random() < 0.75:
            return self._joins.source()
        table = self.table()
        kind = rng.random()
        if kind < 0.6:
            return f" FROM {table.name}", scope_of(table, table.name, is_qualified=False)
        if kind < 0.75:
            return f" FROM {table.name}", scope_of(table, table.name, is_qualified=True)
        word = rng.choice((" AS", ""))
        return f" FROM {table.name}{word} t", scope_of(table, "t", is_qualified=kind < 0.95)

    def inner(self, name: str) -> tuple[Part, Scope]:
        """A query whose columns are named, and the scope that it gives under a name."""
        rng = self.rng
        source, scope = self.source()
        chosen = rng.sample(scope.table.columns[1:], min(len(scope.table.columns) - 1, rng.randint(3, 7)))
        columns: dict[str, list[str]] = {"id": [f"{name}.id"]}
        written: list[Part] = [scope.id]
        for column in chosen:
            plain = f"{scope.id[:-2]}{column.name}"
            written.append(plain)
            columns.setdefault(column.sort, []).append(f"{name}.{column.name}")
        for number in range(rng.randint(0, 2)):
            sort = rng.choice(("int", "num", "text"))
            made = self.make.make(sort, 1, scope)
            written.append(Node("named", (made, f" AS y{number}")))
            columns.setdefault(f"loose_{sort}" if sort == "num" else sort, []).append(f"{name}.y{number}")
        tail: Part = ""
        if rng.random() < 0.15:
            tail = Maybe((" ORDER BY ", scope.id, f" LIMIT {rng.randint(1, 20)}"))
        inner = Node("inner", ("SELECT ", Many(tuple(written)), source, self.where(scope), tail))
        return inner, Scope(scope.table, name, {sort: tuple(names) for sort, names in columns.items()})

    def where(self, scope: Scope) -> Maybe:
        rng = self.rng
        if rng.random() < 0.35:
            return Maybe(())
        if rng.random() < 0.1:
            return Maybe((" WHERE ", scope.id, " = ", self.make.constant("int")))
        if self._is_plain:
            return Maybe((" WHERE ", self.make.make("plain_bool", rng.choice((0, 0, 1)), scope)))
        return Maybe((" WHERE ", self.make.make("bool", rng.choice((0, 0, 1, 1, 2)), scope)))

    def items(self, items: Sequence[Part], *, least: int = 1) -> Many:
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

    def some(self, sort: str, scope: Scope, least: int, most: int, *, binds: bool = True) -> list[Part]:
        rng = self.rng
        rate = self.make.bind_rate
        if not binds:
            self.make.bind_rate = 0.0
        made: list[Part] = []
        for _ in range(rng.randint(least, most)):
            plain = None
            if sort in ("item", "key") and rng.random() < (0.7 if self._is_plain else 0.3):
                plain = self.make.column("anything" if sort == "item" else "key", scope)
            depth = 0 if self._is_plain else rng.choice((0, 1, 1, 2))
            made.append(plain if plain is not None else self.make.make(sort, depth, scope))
        self.make.bind_rate = rate
        return made

    def total_order(self, scope: Scope, items: Many) -> Part:
        rng = self.rng
        if rng.random() < 0.4:
            return Maybe(())
        keys: list[Part] = []
        for _ in range(rng.choice((0, 1, 1, 2))):
            kind = rng.random()
            number = rng.randrange(len(items.items))
            alias = _alias_of(items.items[number])
            if kind < 0.1:
                key: Part = str(number + 1)
            elif kind < 0.25 and alias is not None:
                key = alias
            elif kind < 0.4:
                key = self.make.make("item", 1, scope)
            else:
                key = self.make.column("anything", scope) or scope.id
            keys.append(Node("sorted", (key, self._direction())))
        last = Node("last", (scope.id, self._direction()))
        if scope.ids:
            last = Node("last", (f"{', '.join(scope.ids)}", self._direction()))
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
            alias = _alias_of(items.items[number])
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
        limit = self._count((0, 1, 2, 3, 5, 10, 100))
        if rng.random() < 0.6:
            return Maybe((" LIMIT ", limit))
        return Maybe((" LIMIT ", limit, Maybe((" OFFSET ", self._count((0, 1, 2, 7, 50))))))

    def _count(self, numbers: Sequence[int]) -> Part:
        number = self._constants.choice(numbers)
        return Bind("count", number) if self.rng.random() < self.make.bind_rate else str(number)

    def table(self) -> Table:
        return self.rng.choice(self._tables)


def _alias_of(item: Part) -> str | None:
    if isinstance(item, Node) and item.sort == "named":
        written = item.parts[-1]
        assert isinstance(written, str)
        return written.split()[-1]
    return None


def _is_in_an_order(part: Part) -> bool:
    """Whether it is an aggregate that shows in which order its rows came."""
    match part:
        case str():
            return _ORDERED.search(part) is not None
        case Bind():
            return False
        case Many(items):
            return any(map(_is_in_an_order, items))
        case Node() | Maybe():
            return any(map(_is_in_an_order, part.parts))


_ORDERED = re.compile(
    r"(?i)concat\(|_agg\(|arrayagg|group_array|group_object|first_value|last_value|variance|var_|stddev|std\("
)
