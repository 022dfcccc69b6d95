"""What a result tells of a statement that passes: what the bare engine's does, also when it is read.

Invariant: in transparent mode a program finds in a result, and in the cursor behind it, what it finds without
a cache, also when that cursor is closed: `lastrowid` of an INSERT as text is asked for then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from support.origins import Origin

from sqlmem import CachingEngine, last_status
from sqlmem.model import Outcome

METADATA = sa.MetaData()
ITEMS = sa.Table(
    "items",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("version", sa.Integer),
    sa.Column("name", sa.String(20)),
)
INSERT = "INSERT INTO items (version, name) VALUES (7, 'new')"
NOW = "CURRENT_TIMESTAMP > '2000-01-01'"
# Of a result, and of the cursor that is behind it.
OF_RESULTS = ("rowcount", "lastrowid", "returns_rows", "is_insert", "closed")
OF_CURSORS = ("description", "rowcount", "lastrowid", "arraysize", "rownumber", "statusmessage", "fetchone")

Run = Callable[[sa.Connection], "sa.CursorResult[Any]"]

PASSED: dict[str, Run] = {
    "INSERT as text": lambda one: one.execute(text(INSERT)),
    "INSERT as text with parameters": lambda one: one.execute(
        text("INSERT INTO items (version, name) VALUES (:version, 'new')"), {"version": 8}
    ),
    "INSERT by the driver's text": lambda one: one.exec_driver_sql(INSERT),
    "INSERT of many as text": lambda one: one.execute(
        text("INSERT INTO items (version, name) VALUES (:version, 'new')"), [{"version": 1}, {"version": 2}]
    ),
    "INSERT": lambda one: one.execute(ITEMS.insert().values(version=9, name="new")),
    "INSERT of many": lambda one: one.execute(ITEMS.insert(), [{"version": 1}, {"version": 2}]),
    "INSERT inline": lambda one: one.execute(ITEMS.insert().inline().values(version=9)),
    "INSERT of a SELECT": lambda one: one.execute(
        text("INSERT INTO items (version, name) SELECT version, name FROM items WHERE id < 3")
    ),
    "UPDATE": lambda one: one.execute(ITEMS.update().where(ITEMS.c.id < 4).values(version=5)),
    "UPDATE as text": lambda one: one.execute(text("UPDATE items SET version = 6 WHERE id < 3")),
    "UPDATE of nothing": lambda one: one.execute(text("UPDATE items SET version = 6 WHERE id < 0")),
    "DELETE": lambda one: one.execute(ITEMS.delete().where(ITEMS.c.id == 2)),
    "DELETE as text": lambda one: one.execute(text("DELETE FROM items WHERE id = 1")),
    "CREATE TABLE": lambda one: one.execute(text("CREATE TABLE others (id INTEGER)")),
    "a read": lambda one: one.execute(text(f"SELECT id, name FROM items WHERE {NOW} ORDER BY id")),
    "a read of nothing": lambda one: one.execute(text(f"SELECT id FROM items WHERE id < 0 AND {NOW}")),
}
READ: dict[str, Callable[[sa.CursorResult[Any]], object]] = {
    "all": lambda result: result.all(),
    "first": lambda result: result.first(),
    "one by one": lambda result: [result.fetchone() for _ in range(9)],
    "one, then closed": lambda result: (result.fetchone(), result.close()),
    "mappings": lambda result: [dict(row) for row in result.mappings()],
}


def prepare(connection: sa.Connection) -> None:
    connection.execute(text("DROP TABLE IF EXISTS others"))
    METADATA.drop_all(connection)
    METADATA.create_all(connection)
    connection.execute(ITEMS.insert(), [{"version": number, "name": "old"} for number in range(4)])


def told(of: object, names: tuple[str, ...]) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name in names:
        try:
            value = getattr(of, name)
            found.append((name, value() if name == "fetchone" else value))
        except Exception as error:  # noqa: BLE001 - which one is a part of the answer
            found.append((name, (type(error), str(error))))
    return found


def told_by(
    connection: sa.Connection,
    run: Run,
    read: Callable[[sa.CursorResult[Any]], object],
    *,
    is_later: bool = False,
) -> list[object]:
    if is_later:
        # In a transaction that has begun, and has written: what is said again there goes a shorter way.
        for _ in range(2):
            PASSED["UPDATE as text"](connection)
            PASSED["a read"](connection).all()
    result = run(connection)
    said: list[object] = [told(result, OF_RESULTS[2:]), result.returns_rows and read(result)]
    # Both ask the cursor, which is closed by now; a driver's that has no `lastrowid` reports that.
    said += [told(result, OF_RESULTS), told(result.context.cursor, OF_CURSORS)]
    connection.rollback()
    return said


def cases() -> Iterator[tuple[str, Run, Callable[[sa.CursorResult[Any]], object], bool]]:
    for number, (way, read) in enumerate(READ.items()):
        for what, run in PASSED.items():
            is_later = number % 2 == 1
            yield f"{what}, {way}{', later' if is_later else ''}", run, read, is_later


def test_result_of_what_passes_tells_what_the_bare_engines_does(driver_origin: Origin) -> None:
    # Tables are made by a third: an SQLite connection remembers the last key that it has given.
    third, bare = driver_origin.engine(), driver_origin.engine()
    different = []
    with CachingEngine(driver_origin.engine(), mode="transparent") as engine:
        for label, run, read, is_later in cases():
            said = []
            for each in (bare, engine):
                with third.begin() as connection:
                    prepare(connection)
                with each.connect() as connection:
                    said.append(told_by(connection, run, read, is_later=is_later))
            assert last_status().outcome in {Outcome.PASSED, Outcome.BYPASS}, label
            if said[0] != said[1]:
                different.append(f"{label}:\n  bare {said[0]}\n  here {said[1]}")
    assert not different, "\n".join(different)


def test_it_does_in_an_event_loop(async_origin: Origin) -> None:
    """Where cursors are SQLAlchemy's own, over the driver's."""
    different = []

    async def go() -> None:
        third, bare = async_origin.async_engine(), async_origin.async_engine()
        caching = CachingEngine(async_origin.async_engine().sync_engine, mode="transparent")
        for label, run, read, is_later in cases():
            said = []
            for each in (bare, AsyncEngine(caching)):
                async with third.begin() as connection:
                    await connection.run_sync(prepare)
                async with each.connect() as connection:
                    said.append(await connection.run_sync(partial(told_by, is_later=is_later), run, read))
            if said[0] != said[1]:
                different.append(f"{label}:\n  bare {said[0]}\n  here {said[1]}")
        await AsyncEngine(caching).dispose()
        await bare.dispose()
        await third.dispose()
        caching.close()

    asyncio.run(go())
    assert not different, "\n".join(different)


def test_cursor_that_is_closed_before_its_end_reads_no_more(sqlite_origin: Origin) -> None:
    """SQLite goes on to show the moment of a cursor that is open; one that is closed keeps nobody."""
    with sqlite_origin.engine().begin() as connection:
        prepare(connection)
    with CachingEngine(sqlite_origin.engine(), mode="transparent") as engine, engine.connect() as connection:
        result = connection.execute(text(f"SELECT id FROM items WHERE {NOW}"))
        result.fetchone()
        result.close()
        connection.commit()
        count = text("SELECT count(*) AS n FROM items")
        assert connection.execute(count).scalar_one() == 4
        assert last_status().outcome is Outcome.MISS
        assert result.context.cursor.rowcount == -1
