"""Invariant: who invalidates all the time keeps nobody waiting, and an error of the origin's stays that."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import AsyncEngine
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status
from sqlmem.origin_connection import OriginConnection


@pytest.mark.parametrize("mode", ["strict", "transparent"])
@pytest.mark.parametrize("table", ["t", "another"])
def test_a_definition_that_cant_be_read_in_peace_makes_a_bypass(
    origin: Origin, mode: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table is invalidated each time that the definition was read; when that ends the store answers."""
    origin.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    reflect, read = OriginConnection.reflect, []
    with CachingEngine(origin.engine(), mode=mode, cache_db="") as engine:

        def invalidated(self: OriginConnection, spelling: Any) -> Any:
            schema = reflect(self, spelling)
            read.append(schema)
            assert len(read) < 100
            engine.invalidate(table)
            return schema

        def asked() -> tuple[list[Any], Outcome]:
            with engine.connect() as connection:
                rows = connection.execute(text("SELECT id FROM t")).all()
            status = last_status()
            assert status is not None
            return rows, status.outcome

        monkeypatch.setattr(OriginConnection, "reflect", invalidated)
        assert asked() == ([(1,)], Outcome.BYPASS)
        monkeypatch.undo()

        assert [asked()[1] for _ in range(3)][-1] is Outcome.HIT
        assert asked()[0] == [(1,)]


def test_a_database_that_is_locked_is_an_error_of_sqlites(async_origin: Origin) -> None:
    """Through SQLAlchemy's adapter of aiosqlite too, which names fewer classes of errors."""
    if async_origin.driver != "aiosqlite":
        pytest.skip("the lock is SQLite's")
    async_origin.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")

    async def check() -> None:
        bare = async_origin.async_engine(connect_args={"timeout": 0})
        engine = AsyncEngine(CachingEngine(bare.sync_engine, mode="transparent", cache_db=""))
        locking = sqlite3.connect(Path(str(async_origin.url.database)), isolation_level=None)
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT id FROM t"))
            locking.execute("BEGIN EXCLUSIVE")
            with pytest.raises(exc.OperationalError, match="locked"):
                async with engine.connect() as connection:
                    await connection.execute(
                        text("SELECT id FROM t"), execution_options={"sqlmem": "refresh"}
                    )
        finally:
            locking.close()
            engine.sync_engine.close()  # type: ignore[attr-defined]
            await bare.dispose()

    asyncio.run(check())
