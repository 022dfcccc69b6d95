"""Invariant: what takes effect at once, but not before its rows were fetched, is minded until then.

SQLite commits INSERT … RETURNING with its last row, MariaDB what is streamed, and both only in autocommit; a
procedure and a text of several statements go on behind their first answer.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from support.origins import Origin

from sqlmem import CachingEngine, last_status
from sqlmem.model import Outcome

ASK = "SELECT count(*) AS n, max(id) AS greatest FROM items"
ASK_TAGS = "SELECT name FROM tags"
# So much that the server waits for who reads it.
LARGE = {
    "sqlite": "(SELECT max(name) FROM tags)",
    "postgresql": "repeat('x', 60000)",
    "mariadb": "REPEAT('x', 60000)",
}
ROWS = 200
OLD, NEW = (1, 1), (ROWS + 1, ROWS + 100)


@pytest.fixture(name="items")
def _items(driver_origin: Origin) -> Origin:
    if driver_origin.family == "sqlite":
        driver_origin.execute("PRAGMA journal_mode=WAL")
    numbers = ", ".join(f"({number})" for number in range(1, ROWS + 1))
    driver_origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY)",
        "INSERT INTO items VALUES (1)",
        "CREATE TABLE tags (name VARCHAR(20))",
        "INSERT INTO tags VALUES ('red')",
        "CREATE TABLE numbers (id INTEGER PRIMARY KEY)",
        f"INSERT INTO numbers VALUES {numbers}",
    )
    return driver_origin


@pytest.fixture
def engine(items: Origin) -> Iterator[CachingEngine]:
    with CachingEngine(items.engine(isolation_level="AUTOCOMMIT"), mode="transparent") as engine:
        for _ in range(3):
            ask(engine)
            ask(engine, ASK_TAGS)
        yield engine


def ask(engine: CachingEngine, statement: str = ASK) -> tuple[tuple[Any, ...], Outcome]:
    with engine.connect() as connection:
        row = connection.exec_driver_sql(statement).one()
    status = last_status()
    assert status is not None
    return tuple(row), status.outcome


def insert(items: Origin, more: str = "") -> str:
    return f"INSERT INTO items SELECT id + 100 FROM numbers{more} RETURNING id, {LARGE[items.family]}"


def streaming(items: Origin, engine: CachingEngine) -> sa.Connection:
    """PostgreSQL has no named cursor for an INSERT, and its drivers wait for the end of all else."""
    return engine.connect().execution_options(stream_results=items.family == "mariadb")


def cursor_of(items: Origin, raw: Any) -> Any:
    if items.family != "mariadb":
        return raw.cursor()
    dialect: Any = items.engine().dialect
    assert dialect.supports_server_side_cursors  # which finds the class
    return raw.cursor(dialect._sscursor)


def check_after(engine: CachingEngine, expected: tuple[Any, ...] = NEW) -> None:
    """The rows are there, are fetched once, and are hits again; as ever those of the other table are."""
    assert ask(engine)[0] == expected
    assert ask(engine) == (expected, Outcome.HIT)
    assert ask(engine, ASK_TAGS) == (("red",), Outcome.HIT)


def test_a_write_is_over_with_its_last_row(items: Origin, engine: CachingEngine) -> None:
    with streaming(items, engine) as connection:
        result = connection.exec_driver_sql(insert(items))
        first = result.fetchone()
        meanwhile, others = ask(engine), ask(engine, ASK_TAGS)
        ask(engine)
        rest = result.all()
        check_after(engine)

    assert first is not None
    assert first[0] == 101
    assert len(rest) == ROWS - 1
    assert others == (("red",), Outcome.HIT)
    # PostgreSQL has committed it.
    assert meanwhile == ((NEW, Outcome.MISS) if items.family == "postgresql" else (OLD, Outcome.BYPASS))
    check_after(engine)


def test_a_write_whose_rows_nobody_reads_is_over_with_its_cursor(
    items: Origin, engine: CachingEngine
) -> None:
    """Closed, or forgotten."""
    with streaming(items, engine) as connection:
        result = connection.exec_driver_sql(insert(items, " WHERE id <= 100"))
        ask(engine)
        result.close()
        check_after(engine, (101, 200))

    with streaming(items, engine) as connection:
        result = connection.exec_driver_sql(insert(items, " WHERE id > 100"))
        ask(engine)
        del result
        gc.collect()
        check_after(engine)


@pytest.mark.families("sqlite")
def test_a_write_whose_connection_is_given_back_first(items: Origin, engine: CachingEngine) -> None:
    """Its rollback doesn't reach what is committed by itself, and the cursor is still there."""
    with engine.connect() as connection:
        result = connection.exec_driver_sql(insert(items))
    meanwhile = ask(engine)
    del result
    gc.collect()

    assert meanwhile[1] is Outcome.BYPASS  # on the same connection, which sees it
    check_after(engine)


def test_a_write_is_over_with_the_next_statement_of_its_cursor(items: Origin, engine: CachingEngine) -> None:
    raw = engine.raw_connection()
    cursor = cursor_of(items, raw)
    returned = cursor.execute(insert(items))
    ask(engine)
    list(cursor.fetchmany(3))
    ask(engine)
    if items.family == "mariadb":
        cursor.fetchall()  # its drivers don't begin another one before
    again = cursor.execute("SELECT name FROM tags")
    try:
        check_after(engine)
        assert list(cursor.fetchall()) == [("red",)]
        # sqlite3 and psycopg return the cursor.
        assert (returned is cursor) == (again is cursor) == (items.driver in ("pysqlite", "psycopg"))
        assert cursor.description[0][0] == "name"
        # The same cursor once more.
        cursor.execute("INSERT INTO items VALUES (1000) RETURNING id")
        ask(engine)
        assert list(cursor.fetchall()) == [(1000,)]
        cursor.close()
        check_after(engine, (ROWS + 2, 1000))
    finally:
        raw.close()


@pytest.mark.families("sqlite")
@pytest.mark.parametrize("way", ["fetchall", "fetchone", "fetchmany", "iteration"])
def test_sqlites_last_row_is_the_end_though_the_cursor_stays_open(
    items: Origin, engine: CachingEngine, way: str
) -> None:
    """As programs leave sqlite3's cursors."""
    raw = engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute(insert(items))
    first = cursor.fetchone()
    meanwhile = ask(engine)
    rest = list(
        {
            "fetchall": cursor.fetchall,
            "fetchone": lambda: iter(cursor.fetchone, None),
            "fetchmany": lambda: [row for rows in iter(lambda: cursor.fetchmany(7), []) for row in rows],
            "iteration": lambda: cursor,
        }[way]()
    )
    check_after(engine)
    raw.close()

    assert meanwhile == (OLD, Outcome.BYPASS)
    assert (first[0], len(rest)) == (101, ROWS - 1)


def test_a_write_that_fails_while_its_rows_are_read_is_over(items: Origin, engine: CachingEngine) -> None:
    items.execute("INSERT INTO items VALUES (300)")
    engine.invalidate("items")
    ask(engine)
    with streaming(items, engine) as connection:
        with pytest.raises(DBAPIError) as raised:  # noqa: PT012 - SQLite and PostgreSQL refuse it at once
            result = connection.exec_driver_sql(insert(items))
            ask(engine)
            result.all()
        assert re.search("unique|duplicate", str(raised.value).lower())

    check_after(engine, (2, 300))


@pytest.mark.families("mariadb")
def test_a_procedure_goes_on_behind_its_first_answer(items: Origin, engine: CachingEngine) -> None:
    items.execute(
        "CREATE PROCEDURE first_and_then() BEGIN "
        f"SELECT id, {LARGE['mariadb']} FROM numbers; INSERT INTO items VALUES (300); END"
    )
    raw = engine.raw_connection()
    cursor = cursor_of(items, raw)
    cursor.execute("CALL first_and_then()")
    meanwhile = ask(engine)
    cursor.close()
    after = ask(engine)
    raw.close()

    assert meanwhile == (OLD, Outcome.BYPASS)
    assert after[0] == (2, 300)
    assert ask(engine)[0] == (2, 300)


@pytest.mark.families("mariadb")
def test_several_statements_go_on_behind_the_first_ones_answer(items: Origin, engine: CachingEngine) -> None:
    """mysqlclient sends several by itself; the second one waits for a lock here."""
    if items.driver != "mysqlclient":
        pytest.skip("only mysqlclient sends several statements unasked")
    lock = items.url.database  # locks are the server's
    raw = engine.raw_connection()
    cursor = raw.cursor()
    with items.engine().connect() as holder:
        holder.exec_driver_sql(f"SELECT GET_LOCK('{lock}', 0)").all()
        cursor.execute(
            "UPDATE numbers SET id = 1000 WHERE id = 1;"
            f" INSERT INTO items SELECT 300 FROM tags WHERE GET_LOCK('{lock}', 60)"
        )
        meanwhile = ask(engine)
        holder.exec_driver_sql(f"SELECT RELEASE_LOCK('{lock}')").all()
        cursor.close()
        after = ask(engine)
    raw.close()

    assert meanwhile == (OLD, Outcome.BYPASS)
    assert after[0] == (2, 300)
