"""Invariant: rows are those of the origin where it has ended a transaction that nobody ended by a word.

What follows is committed by itself then.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

import pytest
from sqlalchemy import create_engine, exc, text
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import StaticPool
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status

QUESTION = text("SELECT id FROM t ORDER BY id")


def asked(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(QUESTION).scalars())


def hit(engine: CachingEngine) -> list[Any]:
    for _ in range(3):
        found = asked(engine)
    status = last_status()
    assert status is not None
    assert status.outcome is Outcome.HIT
    return found


@pytest.mark.families("sqlite")
def test_sqlite_ends_it_with_an_error(origin: Origin) -> None:
    origin.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    with CachingEngine(origin.engine(), mode="transparent", cache_db="") as engine:
        hit(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("BEGIN")
            with pytest.raises(exc.IntegrityError):
                connection.exec_driver_sql("INSERT OR ROLLBACK INTO t VALUES (1)")
            connection.exec_driver_sql("INSERT INTO t VALUES (2)")

            assert asked(engine) == [1, 2]
        assert asked(engine) == [1, 2]


@pytest.mark.families("mariadb")
@pytest.mark.parametrize("statement", ["CALL ends()", "RESET QUERY CACHE"])
def test_a_statement_ends_it(origin: Origin, statement: str) -> None:
    origin.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "CREATE TABLE u (id INTEGER PRIMARY KEY)",
        "CREATE PROCEDURE ends() BEGIN INSERT INTO u VALUES (1); COMMIT; END",
    )
    with CachingEngine(origin.engine(), mode="transparent", cache_db="") as engine:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("START TRANSACTION")
            connection.exec_driver_sql(statement)
            hit(engine)
            connection.exec_driver_sql("INSERT INTO t VALUES (2)")

            assert asked(engine) == [2]
        assert asked(engine) == [2]


@pytest.mark.families("mariadb")
def test_a_deadlock_ends_it(origin: Origin) -> None:
    """InnoDB takes back the transaction that has written less."""
    rows = ", ".join(f"({number}, 0)" for number in range(1, 20))
    origin.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "CREATE TABLE u (id INTEGER PRIMARY KEY, v INTEGER)",
        f"INSERT INTO u VALUES {rows}",
    )
    bare = origin.engine()
    with (
        CachingEngine(origin.engine(), mode="transparent", cache_db="") as engine,
        bare.connect() as other,
        bare.connect() as watching,
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        connection.exec_driver_sql("START TRANSACTION")
        connection.exec_driver_sql("UPDATE u SET v = 1 WHERE id = 1")
        other.exec_driver_sql("UPDATE u SET v = 2 WHERE id > 5")
        number = other.exec_driver_sql("SELECT CONNECTION_ID()").scalar()
        waiting = threading.Thread(target=other.exec_driver_sql, args=("UPDATE u SET v = 2 WHERE id = 1",))
        waiting.start()
        waits = f"SELECT trx_state FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = {number}"
        while watching.exec_driver_sql(waits).scalar() != "LOCK WAIT":
            watching.rollback()
        with pytest.raises(exc.OperationalError):
            connection.exec_driver_sql("UPDATE u SET v = 1 WHERE id = 6")
        waiting.join()
        other.rollback()
        hit(engine)
        connection.exec_driver_sql("INSERT INTO t VALUES (2)")

        assert asked(engine) == [2]


def test_asyncpg_begins_none_after_a_commit_as_text(async_origin: Origin) -> None:
    if async_origin.driver != "asyncpg":
        pytest.skip("others begin one with the next statement")
    async_origin.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")

    async def check() -> None:
        bare = async_origin.async_engine()
        engine = AsyncEngine(CachingEngine(bare.sync_engine, mode="transparent", cache_db=""))

        async def ask() -> list[Any]:
            async with engine.connect() as connection:
                return list((await connection.execute(QUESTION)).scalars())

        try:
            async with engine.connect() as connection:
                await connection.execute(text("INSERT INTO t VALUES (1)"))
                await connection.execute(text("COMMIT"))
                for _ in range(3):
                    assert await ask() == [1]
                await connection.execute(text("INSERT INTO t VALUES (2)"))
                with contextlib.suppress(exc.DBAPIError):
                    await connection.rollback()
            assert await ask() == [1, 2]
        finally:
            engine.sync_engine.close()  # type: ignore[attr-defined]
            await bare.dispose()

    asyncio.run(check())


def test_another_that_shares_the_connection_ends_it() -> None:
    """What is written on it is committed by whoever commits."""
    base = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with CachingEngine(base, mode="transparent", cache_db="") as engine:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY)")
            connection.exec_driver_sql("CREATE TABLE u (id INTEGER PRIMARY KEY)")
        hit(engine)
        with engine.connect() as one:
            one.exec_driver_sql("INSERT INTO t VALUES (1)")
            with engine.connect() as other:
                assert list(other.execute(QUESTION).scalars()) == [1]
                other.exec_driver_sql("INSERT INTO u VALUES (5)")
                other.commit()
            one.rollback()

        assert asked(engine) == [1]
    base.dispose()
