"""Invariant: what an SQLite connection is set up with, and the store isn't, makes no answer another one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status

CREATE = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, k TEXT COLLATE NOCASE, r TEXT COLLATE RTRIM,"
    ' d DATE, "x[d" INTEGER)'
)
INSERT = (
    "INSERT INTO t VALUES (1, 'ä', 'Ä', 'a', '2024-01-01', 1), (2, 'Ä', 'ä', 'a ', '2023-01-01', 2),"
    " (3, 'a10', 'B', 'b', NULL, 3), (4, CAST(x'ff41' AS TEXT), 'x', 'x', NULL, 4),"
    " (5, 'a9', 'b', 'c', NULL, 5)"
)
OF_TEXTS = (
    "SELECT id FROM t WHERE k = 'ä' AND id <> 4 ORDER BY id",
    "SELECT count(DISTINCT k) AS n FROM t WHERE id <> 4",
    "SELECT id FROM t WHERE id <> 4 ORDER BY k, id",
    "SELECT id FROM t WHERE id <> 4 ORDER BY a, id",
    "SELECT max(a) AS m FROM t WHERE id <> 4",
    "SELECT id FROM t WHERE r = 'a' ORDER BY id",
    "SELECT hex(a) AS h FROM t WHERE id = 4",
    "SELECT id FROM t WHERE a = CAST(x'ff41' AS TEXT)",
    "SELECT length(a) AS n, typeof(a) AS y FROM t WHERE id = 1",
)
SetUp = Callable[[sqlite3.Connection], object]


def set_up(origin: Origin, *settings: SetUp, **options: Any) -> sa.Engine:
    engine = origin.engine(connect_args=options)

    @event.listens_for(engine, "connect")
    def connected(driver: sqlite3.Connection, _: object) -> None:
        for each in settings:
            each(driver)

    return engine


def collation(name: str, key: Callable[[str], Any]) -> SetUp:
    return lambda driver: driver.create_collation(
        name, lambda one, other: (key(one) > key(other)) - (key(one) < key(other))
    )


def pragma(*texts: str) -> SetUp:
    return lambda driver: [driver.execute(f"PRAGMA {each}") for each in texts]


def reading(factory: Any) -> SetUp:
    return lambda driver: setattr(driver, "text_factory", factory)


def folded(text: str) -> str:
    return "".join(each.lower() if each.isascii() else each for each in text)


def natural(text: str) -> tuple[int, str]:
    return (len(text), text)


def answer(engine: sa.Engine, statement: str) -> Any:
    with engine.connect() as connection:
        try:
            result = connection.exec_driver_sql(statement)
            return tuple(result.keys()), [tuple(map(repr, row)) for row in result]
        except Exception as error:  # noqa: BLE001 - whose class is the answer
            return type(error)


def outcomes(
    origin: Origin, statements: tuple[str, ...], *settings: SetUp, mode: str = "strict", **options: Any
) -> set[Outcome]:
    """Of engines set up so, whose answers are the bare engine's: how the last of several was answered."""
    origin.execute(CREATE, INSERT)
    bare = set_up(origin, *settings, **options)
    found = set()
    with CachingEngine(set_up(origin, *settings, **options), mode=mode) as engine:
        for statement in statements:
            expected = answer(bare, statement)
            assert [answer(engine, statement) for _ in range(3)] == [expected] * 3, statement
            status = last_status()
            assert status is not None
            found.add(status.outcome)
    return found


@pytest.mark.parametrize("mode", ["strict", "transparent"])
@pytest.mark.parametrize(
    "setting",
    [
        collation("NOCASE", str.lower),
        collation("NOCASE", str.casefold),
        collation("NOCASE", str.upper),
        collation("nocase", lambda text: text),
        collation("BINARY", str.lower),
        collation("BINARY", natural),
        collation("BINARY", lambda text: text.replace("ä", "a")),
        collation("RTRIM", str.rstrip),
        collation("RTRIM", str.strip),
        pragma("full_column_names = ON", "short_column_names = OFF"),
        pragma("full_column_names = ON"),
        reading(lambda given: given.decode("utf-8", "replace")),
        reading(lambda given: given.decode("utf-8", "ignore")),
        reading(lambda given: given.decode("latin-1")),
    ],
)
def test_setting_by_which_answers_differ(sqlite_origin: Origin, mode: str, setting: SetUp) -> None:
    """All are the origin's."""
    statements = ("SELECT id FROM t WHERE id = 1", *OF_TEXTS)
    assert outcomes(sqlite_origin, statements, setting, mode=mode) <= {Outcome.BYPASS, Outcome.RESULT_HIT}


@pytest.mark.parametrize(
    "setting",
    [
        collation("NOCASE", folded),
        collation("BINARY", lambda text: text),
        collation("RTRIM", lambda text: text.rstrip(" ")),
        collation("german", str.casefold),
        pragma("full_column_names = OFF"),
        pragma("short_column_names = OFF"),
        reading(str),
        reading(lambda given: given.decode()),
        reading(lambda given: given.decode("utf-8", "surrogateescape")),
    ],
)
def test_setting_by_which_none_differs(sqlite_origin: Origin, setting: SetUp) -> None:
    """What does as SQLite itself does leaves the hits."""
    statements = ("SELECT id FROM t WHERE id = 1", "SELECT id, k FROM t WHERE k = 'B' ORDER BY id")
    assert outcomes(sqlite_origin, statements, setting) == {Outcome.HIT}


TYPED = (
    "SELECT d AS 'd [date]' FROM t WHERE id < 3 ORDER BY id",
    "SELECT d AS 'd [nothing]' FROM t WHERE id < 3 ORDER BY id",
    "SELECT [id] + 1 FROM t ORDER BY id",
    'SELECT "x[d" FROM t ORDER BY id',
)


@pytest.mark.filterwarnings("ignore:The default date converter:DeprecationWarning")
@pytest.mark.parametrize("mode", ["strict", "transparent"])
@pytest.mark.parametrize("types", [sqlite3.PARSE_COLNAMES, sqlite3.PARSE_COLNAMES | sqlite3.PARSE_DECLTYPES])
def test_name_that_sqlite3_takes_for_a_type(sqlite_origin: Origin, mode: str, types: int) -> None:
    statements = TYPED if mode == "strict" else (*TYPED, "SELECT * FROM t WHERE id < 3 ORDER BY id")

    found = outcomes(sqlite_origin, statements, mode=mode, detect_types=types)

    assert found <= {Outcome.BYPASS, Outcome.RESULT_HIT}


@pytest.mark.filterwarnings("ignore:The default date converter:DeprecationWarning")
def test_name_that_sqlite3_takes_for_nothing_more(sqlite_origin: Origin) -> None:
    sqlite_origin.execute(
        "CREATE TABLE u (id INTEGER PRIMARY KEY, d TEXT)", "INSERT INTO u VALUES (1, 'x'), (2, 'y')"
    )
    statements = ("SELECT d AS day FROM u ORDER BY id", "SELECT id FROM u WHERE d <> '[' ORDER BY id")

    assert outcomes(sqlite_origin, statements, detect_types=sqlite3.PARSE_COLNAMES) == {Outcome.HIT}
