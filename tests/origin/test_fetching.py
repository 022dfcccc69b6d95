"""Invariant: rows come from our cursors as from the driver's, however they are asked for, and never twice."""

from __future__ import annotations

import io
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from psycopg.rows import namedtuple_row
from psycopg2.extras import DictCursor
from sqlalchemy import event
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy
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
STEPS: dict[str, Callable[[Any], Any]] = {
    "one": lambda cursor: cursor.fetchone(),
    "two, by ones": lambda cursor: [cursor.fetchone(), cursor.fetchone()],
    "two": lambda cursor: cursor.fetchmany(2),
    "some": lambda cursor: cursor.fetchmany(),
    "the next": lambda cursor: next(iter(cursor), None),
    "its next": lambda cursor: next(cursor, None),
    "all": lambda cursor: cursor.fetchall(),
}


@pytest.fixture
def base(driver_origin: Origin) -> sa.Engine:
    rows = ", ".join(f"({number}, {number * 3})" for number in range(12))
    driver_origin.execute(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER)", f"INSERT INTO things VALUES {rows}"
    )
    return driver_origin.engine()


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
        is_itself = cursor.execute(text)
        found.append("itself" if is_itself is cursor else is_itself)
        found.append([STEPS[step](cursor) for step in steps])
    cursor.close()
    connection.close()
    return found


def test_rows_come_as_from_the_drivers_cursor(
    driver_origin: Origin, engine: CachingEngine, base: sa.Engine
) -> None:
    for work in works(driver_origin):
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


def test_a_description_has_names_as_the_drivers(driver_origin: Origin, base: sa.Engine) -> None:
    """By which programs ask psycopg's and psycopg2's, whoever answers."""
    statements = [HIT, BYPASS, KEPT.get(driver_origin.family, HIT)]
    fields = ("name", "type_code", "precision", "scale", "null_ok")

    def described(engine: sa.Engine, statement: str) -> Any:
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(statement)
            return [[getattr(item, field, "none") for field in fields] for item in cursor.description or ()]
        finally:
            connection.close()

    with CachingEngine(driver_origin.engine(), mode="transparent", cache_db="") as engine:
        for statement in statements:
            expected = described(base, statement)
            if expected[0][0] == "none":
                pytest.skip("the driver's have none")
            for _ in range(3):
                assert described(engine, statement) == expected


@pytest.mark.parametrize("statement", [HIT, BYPASS])
def test_a_cursor_is_a_context(engine: CachingEngine, base: sa.Engine, statement: str) -> None:
    """As most drivers' are: `with connection.cursor() as cursor`. It is closed at its end."""
    connection = engine.raw_connection()
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchmany(3)
    assert [tuple(row) for row in rows] == [(0, 0), (1, 3), (2, 6)]
    connection.close()
    assert base.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_what_an_execution_returns_is_the_drivers(driver_origin: Origin, base: sa.Engine) -> None:
    """How many rows, the cursor, or nothing."""
    mark = "?" if driver_origin.family == "sqlite" else "%s"
    insert = f"INSERT INTO things VALUES ({mark}, {mark})"

    def returned(engine: sa.Engine) -> list[Any]:
        connection = engine.raw_connection()
        cursor: Any = connection.cursor()
        given = [
            cursor.execute(HIT),
            cursor.execute(HIT.replace("8", mark), (5,)),
            cursor.execute(BYPASS),
            cursor.execute(insert, (20, 1)),
            cursor.executemany(insert, [(21, 1), (22, 2)]),
            cursor.execute("UPDATE things SET n = 0 WHERE id > 19"),
        ]
        connection.rollback()
        connection.close()
        return ["the cursor" if each is cursor else each for each in given]

    with CachingEngine(driver_origin.engine(), mode="transparent") as engine:
        engine.warm("things")
        assert returned(engine) == returned(base)


def test_rows_are_copied_in_as_pandas_documentation_does(psycopg2_origin: Origin) -> None:
    """The insertion method for `DataFrame.to_sql`: COPY by a cursor that is a context."""

    def copy(table: Any, connection: Any, keys: list[str], rows: Any) -> None:
        with connection.connection.cursor() as cursor:
            lines = "".join(",".join(map(str, row)) + "\n" for row in rows)
            names = ", ".join(f'"{key}"' for key in keys)
            cursor.copy_expert(f"COPY {table.name} ({names}) FROM STDIN WITH CSV", io.StringIO(lines))

    psycopg2_origin.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER)")
    with CachingEngine(psycopg2_origin.engine(), mode="transparent") as engine:
        count = "SELECT count(*) AS n FROM things"
        assert engine.execute(count) == [{"n": 0}]
        assert engine.execute(count).status.outcome is Outcome.HIT
        frame = pd.DataFrame({"id": [1, 2], "n": [10, 20]})
        frame.to_sql("things", engine, if_exists="append", index=False, method=copy)
        assert engine.execute(count) == [{"n": 2}]
        assert engine.execute("SELECT n FROM things WHERE id = 2") == [{"n": 20}]


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_rows_are_of_the_kind_that_all_connections_give(driver_origin: Origin, mode: str) -> None:
    """sqlite3's Row, named tuples, dictionaries by position: asked for once, when a connection is made."""
    driver_origin.execute(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO things VALUES (1, 3), (2, 6)"
    )
    kinds: dict[str, dict[str, Any]] = {
        "psycopg": {"row_factory": namedtuple_row},
        "psycopg2": {"cursor_factory": DictCursor},
    }
    arguments = kinds.get(driver_origin.driver, {})

    def made() -> sa.Engine:
        engine = driver_origin.engine(connect_args=arguments)
        if driver_origin.family == "sqlite":
            event.listen(engine, "connect", lambda driver, _: setattr(driver, "row_factory", sqlite3.Row))
        return engine

    def rows(engine: sa.Engine) -> list[Any]:
        connection = engine.raw_connection()
        cursor: Any = connection.cursor()
        cursor.execute(HIT)
        found = [(type(row).__name__, tuple(row)) for row in cursor.fetchall()]
        cursor.execute(HIT)
        found.append(type(cursor.fetchone()).__name__)
        connection.close()
        return found

    def through_core(engine: sa.Engine) -> list[Any]:
        with engine.connect() as connection:
            return [(type(row), tuple(row)) for row in connection.execute(sa.text(HIT))]

    bare = made()
    with CachingEngine(made(), mode=mode) as engine:
        for _ in range(2):
            assert rows(engine) == rows(bare)
            assert through_core(engine) == through_core(bare)
        assert last_status().outcome is Outcome.HIT
        assert rows(engine) == rows(bare)
        is_tuple = driver_origin.family == "mariadb"
        status = last_status()
        assert status is not None
        assert status.reason == (None if is_tuple else "its cursor may give other rows than tuples")
        assert status.outcome is (Outcome.HIT if is_tuple else Outcome.BYPASS)


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_first_statement_of_all_is_a_raw_cursors(driver_origin: Origin, mode: str) -> None:
    """Nobody has seen a connection yet: one is looked at, and the answer is the store's all the same."""
    driver_origin.execute(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO things VALUES (1, 3)"
    )
    with CachingEngine(driver_origin.engine(), mode=mode) as engine:
        outcomes = []
        for _ in range(2):
            connection = engine.raw_connection()
            cursor: Any = connection.cursor()
            cursor.execute(HIT)
            assert [tuple(row) for row in cursor.fetchall()] == [(1, 3)]
            status = last_status()
            assert status is not None
            outcomes.append(status.outcome)
            connection.close()
        assert outcomes == [Outcome.MISS, Outcome.HIT]


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_raw_cursor_is_answered_from_a_snapshot_where_the_origin_is_away(
    sqlite_origin: Origin, mode: str, tmp_path: Path
) -> None:
    """No connection is to be had: what the snapshot has is given."""
    sqlite_origin.execute(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO things VALUES (1, 3)"
    )
    snapshot = tmp_path / "cache.db"
    with CachingEngine(sqlite_origin.engine(), mode=mode, cache_db=snapshot) as engine:
        engine.execute(HIT)
    away = sqlite_origin.engine()
    with CachingEngine(away, mode=mode, cache_db=snapshot) as engine:
        engine.execute(HIT)
        assert engine.execute(HIT).status.outcome is Outcome.HIT
        engine._origin.rows_are_plain = None  # as before anybody has seen one
        event.listen(away, "do_connect", refused)
        away.dispose()
        connection = engine.raw_connection()
        cursor: Any = connection.cursor()
        cursor.execute(HIT)
        assert cursor.fetchall() == [(1, 3)]
        connection.close()


def refused(*_: object) -> None:
    raise sqlite3.OperationalError("it is away")


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_dialect_that_has_read_a_result_to_its_end_loses_no_row(base: sa.Engine, mode: str) -> None:
    """A way of executing that leaves nothing to the driver's cursor: fills and bypasses go by it."""

    class Reading(base.dialect.execution_ctx_cls):  # type: ignore[name-defined, misc]
        def post_exec(self) -> None:
            super().post_exec()
            if self.cursor.description is not None:
                description = self.cursor.description
                self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                    self.cursor, description, self.cursor.fetchall()
                )

    base.dialect.execution_ctx_cls = Reading
    with base.connect() as connection:
        expected = [[*connection.execute(sa.text(statement))] for statement in (HIT, BYPASS)]
    assert len(expected[0]) == 8

    with CachingEngine(base, mode=mode, cache_db="") as engine:
        for _ in range(2):
            with engine.connect() as connection:
                for statement, rows in zip((BYPASS, HIT), reversed(expected), strict=True):
                    assert [*connection.execute(sa.text(statement))] == rows
            assert [tuple(row.values()) for row in engine.execute(HIT)] == expected[0]
        assert last_status().outcome is Outcome.HIT
