"""Invariant: rows come from our cursors as from the driver's, however they are asked for, and never twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from support.origins import Origin

from sqlmem import CachingEngine, last_status
from sqlmem.model import Outcome

HIT = "SELECT id, n FROM things WHERE id < 8 ORDER BY id"
BYPASS = "SELECT id, n FROM things WHERE id < 9 AND CURRENT_TIMESTAMP > '2020-01-01' ORDER BY id"
KEPT = {
    "postgresql": "SELECT id, n FROM things WHERE (date '2020-01-01', date '2020-02-01')"
    " OVERLAPS (date '2020-01-15', date '2020-03-01') ORDER BY id",
    "mariadb": "SELECT id, n FROM things WHERE soundex('a') = soundex('a') ORDER BY id",
}
NONE = "SELECT id, n FROM things WHERE id < 0"

# What is asked of a cursor, by name; each gives all that it got.
STEPS: dict[str, Callable[[Any], list[Any]]] = {
    "one": lambda cursor: [cursor.fetchone()],
    "two, by ones": lambda cursor: [cursor.fetchone(), cursor.fetchone()],
    "two": lambda cursor: list(cursor.fetchmany(2)),
    "some": lambda cursor: list(cursor.fetchmany()),
    "the next": lambda cursor: [next(iter(cursor), None)],
    "all": lambda cursor: list(cursor.fetchall()),
}


@pytest.fixture
def base(origin: Origin) -> sa.Engine:
    rows = ", ".join(f"({number}, {number * 3})" for number in range(12))
    origin.execute(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER)", f"INSERT INTO things VALUES {rows}"
    )
    return origin.engine()


@pytest.fixture(params=["strict", "transparent"])
def engine(base: sa.Engine, request: pytest.FixtureRequest) -> Iterator[CachingEngine]:
    with CachingEngine(base, cache_db="", mode=request.param) as engine:
        engine.warm("things")
        yield engine


def works(origin: Origin) -> list[list[tuple[str, list[str]]]]:
    """Statements with steps after each; one cursor for all of a work."""
    pick = random.Random(7)
    texts = [HIT, BYPASS, NONE, *([KEPT[origin.family]] if origin.family in KEPT else [])]
    fixed = [
        [(text, steps)]
        for text in texts
        for steps in (
            ["one"] * 13,
            ["one", "two", "all", "one", "all"],
            ["two", "one", "some"],
            ["all", "one"],
        )
    ]
    return fixed + [
        [(pick.choice(texts), pick.choices(list(STEPS), k=pick.randrange(6))) for _ in range(4)]
        for _ in range(60)
    ]


def answers(engine: sa.Engine, work: list[tuple[str, list[str]]]) -> list[Any]:
    connection = engine.raw_connection()
    cursor: Any = connection.cursor()
    found = []
    for text, steps in work:
        cursor.execute(text)
        found.append([[row and tuple(row) for row in STEPS[step](cursor)] for step in steps])
    cursor.close()
    connection.close()
    return found


def test_rows_come_as_from_the_drivers_cursor(origin: Origin, engine: CachingEngine, base: sa.Engine) -> None:
    for work in works(origin):
        expected = answers(base, work)

        assert [answers(engine, work) for _ in range(2)] == [expected] * 2, work


@pytest.mark.parametrize("statement", [HIT, BYPASS])
def test_an_execution_ends_what_was_being_read(engine: CachingEngine, statement: str) -> None:
    """Whichever of the two it was; a method that somebody holds goes on with what it was of."""
    connection = engine.raw_connection()
    cursor: Any = connection.cursor()
    for text in (HIT, BYPASS):
        cursor.execute(text)
        assert tuple(cursor.fetchone()) == (0, 0)
        assert tuple(cursor.fetchone()) == (1, 3)
        cursor.execute(statement)
        assert [tuple(row) for row in cursor.fetchmany(2)] == [(0, 0), (1, 3)]
        assert tuple(cursor.fetchone()) == (2, 6)
    connection.close()

    status = last_status()
    assert status is not None
    assert status.outcome is (Outcome.HIT if statement == HIT else Outcome.BYPASS)


def test_a_closed_cursor_has_no_rows(engine: CachingEngine) -> None:
    """Of a hit; what a driver's says, it says itself."""
    connection = engine.raw_connection()
    cursor: Any = connection.cursor()
    cursor.execute(HIT)
    cursor.fetchone()
    cursor.close()

    assert cursor.fetchone() is None
    assert list(cursor.fetchall()) == []
    connection.close()
