"""What sqlite3's and psycopg's connections execute by themselves is answered and followed like a cursor's."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status

ASK = "SELECT id, version FROM items ORDER BY id"
BUMP = "UPDATE items SET version = version + 1"
OTHER = "SELECT id FROM tags"


def prepare(origin: Origin) -> None:
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)",
        "INSERT INTO items VALUES (1, 1), (2, 2)",
        "CREATE TABLE tags (id INTEGER PRIMARY KEY)",
        "INSERT INTO tags VALUES (7)",
    )


@pytest.fixture
def engine(driver_origin: Origin) -> Iterator[CachingEngine]:
    prepare(driver_origin)
    with CachingEngine(driver_origin.engine(), mode="transparent") as engine:
        for statement in (ASK, OTHER):
            asked(engine, statement)
        yield engine


def asked(engine: sa.Engine, statement: str) -> tuple[list[tuple[Any, ...]], Outcome | None]:
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.exec_driver_sql(statement)]
    return rows, outcome()


def outcome() -> Outcome | None:
    status = last_status()
    return None if status is None else status.outcome


def has_execute(origin: Origin) -> bool:
    return origin.driver in ("pysqlite", "psycopg")


def test_what_it_reads_is_a_hit_and_what_it_writes_ends_its_tables(
    driver_origin: Origin, engine: CachingEngine
) -> None:
    bare = driver_origin.engine()
    if not has_execute(driver_origin):
        for each in (bare, engine):
            connection = each.raw_connection()
            assert not hasattr(connection, "execute")
            connection.close()
        assert asked(engine, ASK)[1] is Outcome.HIT
        return

    found = []
    for each in (bare, engine):
        connection: Any = each.raw_connection()
        cursor = connection.execute(ASK)
        found.append(([name for name, *_ in cursor.description], cursor.fetchall()))
        connection.close()
    read = outcome()
    connection = engine.raw_connection()
    connection.execute(BUMP)
    within = connection.execute(ASK).fetchall()
    own = outcome()
    connection.commit()
    connection.close()

    assert found[0] == found[1]
    assert read is Outcome.HIT
    assert (within, own) == ([(1, 2), (2, 3)], Outcome.BYPASS)
    assert asked(engine, OTHER)[1] is Outcome.HIT
    assert asked(engine, ASK) == ([(1, 2), (2, 3)], Outcome.MISS)
    assert asked(engine, ASK)[1] is Outcome.HIT


def test_batches_and_scripts_of_sqlites(sqlite_origin: Origin) -> None:
    """A script commits by itself."""
    prepare(sqlite_origin)
    with CachingEngine(sqlite_origin.engine(), mode="transparent") as engine:
        asked(engine, ASK)
        asked(engine, OTHER)
        connection: Any = engine.raw_connection()
        batch = connection.executemany("UPDATE items SET version = ? WHERE id = ?", [(5, 1), (6, 2)])
        connection.commit()
        after_batch = asked(engine, ASK)
        connection.executescript("UPDATE items SET version = 8 WHERE id = 1; DELETE FROM items WHERE id = 2")
        after_script = asked(engine, ASK)
        connection.close()
        others = asked(engine, OTHER)

    assert batch.rowcount == 2
    assert after_batch == ([(1, 5), (2, 6)], Outcome.MISS)
    assert after_script == ([(1, 8)], Outcome.MISS)
    assert others == ([(7,)], Outcome.HIT)


def test_an_error_is_the_drivers(driver_origin: Origin, engine: CachingEngine) -> None:
    if not has_execute(driver_origin):
        return
    errors = []
    for each in (driver_origin.engine(), engine):
        connection: Any = each.raw_connection()
        with pytest.raises(Exception) as caught:
            connection.execute("SELECT nothing FROM items")
        errors.append((type(caught.value), str(caught.value)))
        connection.close()

    assert errors[0] == errors[1]
    assert asked(engine, ASK)[1] is Outcome.HIT


def test_a_programs_own_way_to_execute_is_its_own(sqlite_origin: Origin) -> None:
    """A connection of another class does what that class says, and may have done anything."""
    prepare(sqlite_origin)
    noted: list[str] = []

    class Noting(sqlite3.Connection):
        def execute(self, *given: Any) -> sqlite3.Cursor:
            noted.append(given[0])
            return super().execute(*given)

    base = sqlite_origin.engine(connect_args={"factory": Noting})
    with CachingEngine(base, mode="transparent") as engine:
        asked(engine, ASK)
        connection: Any = engine.raw_connection()
        connection.execute(BUMP)
        connection.commit()
        connection.close()
        after = asked(engine, ASK)

    assert noted == [BUMP]
    assert after[0] == [(1, 2), (2, 3)]


def test_of_asyncios_connections_likewise(async_origin: Origin) -> None:
    """SQLAlchemy's adapters have it for each driver."""
    prepare(async_origin)

    def work(connection: sa.Connection) -> Any:
        driver: Any = connection.connection.dbapi_connection
        if not hasattr(driver, "execute"):  # some of SQLAlchemy 2.0's
            return None
        before = [tuple(row) for row in driver.execute(ASK).fetchall()]
        read = outcome()
        driver.execute(BUMP)
        return before, read

    async def run() -> None:
        base = async_origin.async_engine()
        caching = CachingEngine(base.sync_engine, mode="transparent")
        engine = AsyncEngine(caching)

        async def ask() -> Any:
            async with engine.connect() as connection:
                rows = (await connection.exec_driver_sql(ASK)).all()
            return [tuple(row) for row in rows], outcome()

        await ask()
        async with engine.begin() as connection:
            found = await connection.run_sync(work)
        after = await ask()
        await engine.dispose()
        caching.close()

        if found is None:
            assert sa.__version__.startswith("2.0.")
            assert after == ([(1, 1), (2, 2)], Outcome.HIT)
        else:
            assert found == ([(1, 1), (2, 2)], Outcome.HIT)
            assert after == ([(1, 2), (2, 3)], Outcome.MISS)

    asyncio.run(run())
