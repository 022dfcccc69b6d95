"""Statements with constants that fail, or don't, where few rows or none need them.

An origin may compute constants before it looks at a row, also those in a branch that is never taken and in
a column that nobody selects. Whether it does is its own affair: the answer must be the same.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlmem.testing.expressions import Scope
from sqlmem.testing.nested import Clauses
from sqlmem.testing.tree import Many, Maybe, Node, Part

_NOBODY = ("{id} < -1", "{id} < -1", "1 = 0", "{id} IS NULL", "{id} > 3")


def unreached(clauses: Clauses, *, with_joins: bool = False) -> Node:
    """One statement."""
    shapes: list[Callable[[Clauses], Node]] = [
        _items,
        _items,
        _items,
        _where,
        _where,
        _order,
        _groups,
        _inner,
        _arms,
    ]
    if with_joins:
        shapes.append(_join)
    return clauses.rng.choice(shapes)(clauses)


def _failing(clauses: Clauses, sort: str = "failing") -> Part:
    """An expression without columns."""
    empty = Scope(clauses.table(), "", {})
    return clauses.make.make(sort, clauses.rng.choice((1, 1, 2)), empty)


def _nobody(clauses: Clauses, scope: Scope) -> str:
    """A condition that no row meets, or few do."""
    return clauses.rng.choice(_NOBODY).replace("{id}", scope.id)


def _within(clauses: Clauses, scope: Scope, sort: str = "failing") -> Part:
    """A constant, or what may not need it."""
    rng = clauses.rng
    constant = _failing(clauses, sort)
    kind = rng.random()
    if kind < 0.6:
        return constant
    column = clauses.make.column("int", scope) or scope.id
    if kind < 0.75:
        words = ("CASE WHEN ", column, " > 5 THEN ", constant, " END")
        return Node(sort, words)
    if kind < 0.85 and sort == "failing_number":
        return Node(sort, ("coalesce(", column, ", ", constant, ")"))
    if sort == "failing_number":
        return Node(sort, (column, clauses.rng.choice((" + ", " * ", " - ")), constant))
    return constant


def _items(clauses: Clauses) -> Node:
    source, scope = clauses.source()
    sort = clauses.rng.choice(("failing", "failing_number"))
    items = clauses.items([_within(clauses, scope, sort), *clauses.some("item", scope, 0, 1)])
    if clauses.rng.random() < 0.15:
        return Node("query", ("SELECT ", items, source, " LIMIT 0"))
    return Node("query", ("SELECT ", items, source, " WHERE ", _nobody(clauses, scope)))


def _where(clauses: Clauses) -> Node:
    source, scope = clauses.source()
    column = clauses.make.column("int", scope) or scope.id
    compared = Node(
        "bool",
        (column, clauses.rng.choice((" = ", " > ", " <= ")), _within(clauses, scope, "failing_number")),
    )
    parts: list[Part] = [_nobody(clauses, scope), compared]
    clauses.rng.shuffle(parts)
    if clauses.rng.random() < 0.3:
        parts[-1] = Node(
            "bool",
            (
                column,
                " BETWEEN ",
                _failing(clauses, "failing_number"),
                " AND ",
                _failing(clauses, "failing_number"),
            ),
        )
    listed = clauses.items([scope.id, *clauses.some("item", scope, 0, 1)])
    order: Part = Maybe((f" ORDER BY {scope.id}",), orders=True) if clauses.rng.random() < 0.4 else ""
    word = clauses.rng.choice((" AND ", " AND ", " OR "))
    return Node("query", ("SELECT ", listed, source, " WHERE ", parts[0], word, parts[1], order))


def _order(clauses: Clauses) -> Node:
    source, scope = clauses.source()
    term = _within(clauses, scope, "failing_number")
    listed = Many((scope.id,))
    return Node(
        "query",
        ("SELECT ", listed, source, " WHERE ", _nobody(clauses, scope), " ORDER BY ", term, f", {scope.id}"),
    )


def _groups(clauses: Clauses) -> Node:
    rng = clauses.rng
    source, scope = clauses.source()
    key = clauses.make.column("int", scope) or scope.id
    constant = _within(clauses, scope, "failing_number")
    call = rng.choice(("sum({})", "max({})", "count({})"))
    before, after = call.split("{}")
    kind = rng.random()
    if kind < 0.4:
        items: tuple[Part, ...] = (Node("named", (before, constant, after)),)
        tail: tuple[Part, ...] = ()
    elif kind < 0.7:
        items = (key, Node("named", (before, constant, after)))
        tail = (" GROUP BY ", key)
    else:
        items = (key, "count(*)")
        tail = (" GROUP BY ", key, " HAVING count(*) > ", _failing(clauses, "failing_number"))
    return Node(
        "query", ("SELECT ", Many(items, len(items)), source, " WHERE ", _nobody(clauses, scope), *tail)
    )


def _inner(clauses: Clauses) -> Node:
    """In a column of a query within that nobody selects."""
    source, scope = clauses.source()
    listed = Many((Node("named", (scope.id, " AS id")), Node("named", (_within(clauses, scope), " AS x"))), 2)
    inner = Node("inner", ("SELECT ", listed, source, " WHERE ", _nobody(clauses, scope)))
    asked = clauses.rng.choice(("d.id", "count(*)", "d.id, d.x"))
    kind = clauses.rng.random()
    if kind < 0.4:
        return Node("query", (f"SELECT {asked} FROM (", inner, ") AS d"))
    if kind < 0.7:
        return Node("query", ("WITH d AS (", inner, f") SELECT {asked} FROM d"))
    outer, around = clauses.source()
    key = clauses.make.column("int", around) or around.id
    number = Node(
        "inner",
        ("SELECT ", _within(clauses, scope, "failing_number"), source, " WHERE ", _nobody(clauses, scope)),
    )
    return Node("query", (f"SELECT {around.id}", outer, " WHERE ", key, " IN (", number, ")"))


def _arms(clauses: Clauses) -> Node:
    arms: list[Part] = []
    for number in range(2):
        source, scope = clauses.source()
        item = (
            _within(clauses, scope, "failing_number")
            if number
            else (clauses.make.column("int", scope) or scope.id)
        )
        arms += [
            clauses.rng.choice((" UNION ALL ", " UNION ")) if number else "",
            Node("arm", ("SELECT ", item, source, " WHERE ", _nobody(clauses, scope))),
        ]
    return Node("query", tuple(arms))


def _join(clauses: Clauses) -> Node:
    one, other = clauses.table(), clauses.table()
    first = Scope(one, "a", {"id": ("a.id",)})
    on = _within(clauses, first, "failing_number")
    word = clauses.rng.choice((" JOIN ", " LEFT JOIN "))
    return Node(
        "query",
        (
            f"SELECT a.id, b.id FROM {one.name} a{word}{other.name} b ON a.id = b.id AND b.id > ",
            on,
            " WHERE ",
            _nobody(clauses, first),
        ),
    )
