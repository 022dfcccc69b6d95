"""Transparent mode in an event loop, through asyncpg, psycopg and aiosqlite.

Invariant: what holds for threads holds for tasks, the loop is never blocked, and a task that is
cancelled leaves nobody waiting and nothing old behind. Tasks are ordered by steps; nothing sleeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload
from sqlalchemy.util import await_only
from support.clock import ManualClock
from support.counting import is_data
from support.origins import Origin

from sqlmem import CachingEngine, last_status
from sqlmem.model import Outcome

ASK = "SELECT id, version FROM items ORDER BY id"
ASK_TAGS = "SELECT id, name FROM tags ORDER BY id"
WRITE = text("UPDATE items SET version = version + 1")


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int]
    tags: Mapped[list[Tag]] = relationship(order_by="Tag.id")


class Tag(Base):
    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20))
    item_id: Mapped[int] = mapped_column(sa.ForeignKey("items.id"))


@pytest.fixture
def items(async_origin: Origin) -> Origin:
    """Two tables: two items of version 0, one tag."""
    if async_origin.family == "sqlite":
        async_origin.execute("PRAGMA journal_mode=WAL")
    async_origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER NOT NULL)",
        "CREATE TABLE tags (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL, item_id INTEGER NOT NULL)",
        "INSERT INTO items VALUES (1, 0), (2, 0)",
        "INSERT INTO tags VALUES (1, 'red', 1)",
    )
    return async_origin


class Engines:
    """What a test is given in its loop."""

    def __init__(self, origin: Origin, **options: Any) -> None:
        self.bare = origin.async_engine(**options)
        self.clock = ManualClock()
        self.caching = CachingEngine(self.bare.sync_engine, mode="transparent", clock=self.clock)
        self.engine = AsyncEngine(self.caching)

    async def ask(self, statement: str = ASK) -> tuple[list[Any], Outcome]:
        async with self.engine.connect() as connection:
            return await within(connection, statement)

    async def warm(self) -> None:
        """Both tables are in the store."""
        await self.ask()
        await self.ask(ASK_TAGS)

    async def write(self) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(WRITE)

    def hold_fill(self, table: str = "items") -> tuple[asyncio.Event, asyncio.Event]:
        """The first fill of a table sets "fetched" when the origin has answered, and waits for "go"."""
        fetched, go = asyncio.Event(), asyncio.Event()
        left = iter([None])

        @event.listens_for(self.bare.sync_engine, "after_cursor_execute")
        def held(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            is_fill = connection.engine is self.bare.sync_engine and is_data(statement) and table in statement
            if is_fill and next(left, "none") is None:
                fetched.set()
                await_only(go.wait())

        return fetched, go


@contextlib.asynccontextmanager
async def engines_of(origin: Origin, **options: Any) -> AsyncIterator[Engines]:
    engines = Engines(origin, **options)
    try:
        yield engines
    finally:
        await engines.engine.dispose()
        engines.caching.close()


Test = Callable[[Origin, Engines], Awaitable[None]]


def in_a_loop(test: Test) -> Callable[[Origin], None]:
    """Run a test in an event loop of its own, with engines on the two tables."""

    @functools.wraps(test)
    def run(items: Origin) -> None:
        async def main() -> None:
            # Far above any scheduling delay: only what hangs is ended by it.
            async with asyncio.timeout(60), engines_of(items) as engines:
                await test(items, engines)

        asyncio.run(main())

    del run.__wrapped__  # pytest would ask for the test's own arguments
    return run


async def within(connection: AsyncConnection, statement: str = ASK) -> tuple[list[Any], Outcome]:
    """Ask on a connection at hand."""
    rows = (await connection.execute(text(statement))).all()
    status = last_status()
    assert status is not None
    return [tuple(row) for row in rows], status.outcome


def versions(*numbers: int) -> list[tuple[int, int]]:
    return [(index + 1, number) for index, number in enumerate(numbers)]


# -- hits and fills --------------------------------------------------------------------------------


@in_a_loop
async def test_a_hit_awaits_once_and_needs_no_origin(items: Origin, engines: Engines) -> None:
    """Another task runs exactly once while a hit is answered."""
    await engines.warm()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with engines.engine.connect() as connection:
        counting = asyncio.create_task(count())
        await asyncio.sleep(0)
        turns = 0
        with items.expect_silence():
            rows = await within(connection)
        turned = turns
        counting.cancel()

    assert rows == (versions(0, 0), Outcome.HIT)
    assert turned == 1


@in_a_loop
async def test_a_fill_that_waits_for_the_origin_lets_other_tasks_run(items: Origin, engines: Engines) -> None:
    """The fill waits for a lock that only another task of the same loop will give up."""
    if items.family == "sqlite":
        # With a rollback journal, readers wait for who has the whole file.
        items.execute("PRAGMA journal_mode=DELETE")
    await engines.warm()
    await engines.write()
    async with engines.bare.connect() as locking:
        if items.family == "sqlite":
            await locking.exec_driver_sql("BEGIN EXCLUSIVE")
        else:
            await locking.exec_driver_sql("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
        fetched = asyncio.create_task(engines.ask())
        await until(lambda: is_filling(engines, "items"))

        meanwhile = await engines.ask(ASK_TAGS)
        is_over = fetched.done()
        await locking.rollback()
        rows = await fetched

    assert not is_over
    assert meanwhile == ([(1, "red")], Outcome.HIT)
    assert rows == (versions(1, 1), Outcome.MISS)


async def until(is_so: Callable[[], bool]) -> None:
    """Let other tasks run until something is so."""
    while not is_so():
        await asyncio.sleep(0)


def is_filling(engines: Engines, table: str) -> bool:
    return any(
        state.name.name == table and state.flight is not None
        for state in engines.caching._core.registry.states()
    )


@in_a_loop
async def test_tasks_that_miss_together_share_one_fill(items: Origin, engines: Engines) -> None:
    fetched, go = engines.hold_fill()
    with items.expect(1):
        tasks = [asyncio.create_task(engines.ask()) for _ in range(8)]
        await fetched.wait()
        go.set()
        answers = await asyncio.gather(*tasks)

    assert [rows for rows, _ in answers] == [versions(0, 0)] * 8


# -- writes ----------------------------------------------------------------------------------------


@in_a_loop
async def test_a_committed_write_is_seen_by_every_tasks_next_read(items: Origin, engines: Engines) -> None:
    await engines.warm()

    await engines.write()
    with items.expect(1):
        answers = await asyncio.gather(*(asyncio.create_task(engines.ask()) for _ in range(5)))
    others = await engines.ask(ASK_TAGS)

    assert [rows for rows, _ in answers] == [versions(1, 1)] * 5
    assert others == ([(1, "red")], Outcome.HIT)


@in_a_loop
async def test_what_isnt_committed_is_seen_by_its_own_task_only(items: Origin, engines: Engines) -> None:
    """After the rollback nobody has seen it; a savepoint's rollback forgets its part."""
    await engines.warm()

    async with engines.engine.connect() as connection:
        await connection.execute(WRITE)
        own, meanwhile = await within(connection), await asyncio.create_task(engines.ask())
        await connection.rollback()
        with items.expect_silence():
            after = await engines.ask()

        savepoint = await connection.begin_nested()
        await connection.execute(WRITE)
        in_savepoint = await within(connection)
        await savepoint.rollback()
        past_savepoint = await within(connection)
        await connection.commit()

    assert own == in_savepoint == (versions(1, 1), Outcome.BYPASS)
    assert meanwhile == after == (versions(0, 0), Outcome.HIT)
    assert past_savepoint == (versions(0, 0), Outcome.HIT)


@in_a_loop
async def test_a_fill_under_way_while_a_commit_happens_is_not_published(
    items: Origin, engines: Engines
) -> None:
    fetched, go = engines.hold_fill()
    early = asyncio.create_task(engines.ask())
    await fetched.wait()

    await engines.write()
    late = await engines.ask()  # the old fill still stands: nobody joins it
    go.set()
    old = await early
    after = await engines.ask()

    assert late == (versions(1, 1), Outcome.MISS)
    assert old == (versions(0, 0), Outcome.MISS)  # it began before
    assert after == (versions(1, 1), Outcome.HIT)


@in_a_loop
async def test_no_read_that_begins_after_a_commit_is_older(items: Origin, engines: Engines) -> None:
    """Four tasks write and four read: a read sees at least what had been committed when it began."""
    committed = 0
    seen: list[tuple[int, int]] = []

    async def write() -> None:
        nonlocal committed
        for _ in range(20):
            async with engines.engine.begin() as connection:
                number = await connection.scalar(
                    text("UPDATE items SET version = version + 1 WHERE id = 1 RETURNING version")
                )
            committed = max(committed, number)

    async def read() -> None:
        for _ in range(60):
            least = committed
            rows, _ = await engines.ask()
            seen.append((least, rows[0][1]))

    writers = 1 if items.family == "sqlite" else 4  # SQLite's writers would only wait for each other
    await asyncio.gather(*(write() for _ in range(writers)), *(read() for _ in range(4)))

    assert [pair for pair in seen if pair[1] < pair[0]] == []
    assert (await engines.ask())[0] == [(1, 20 * writers), (2, 0)]


@in_a_loop
async def test_autocommit_invalidates_at_each_statement(items: Origin, engines: Engines) -> None:
    await engines.warm()

    async with engines.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(WRITE)
        own, others = await within(connection), await engines.ask()

    assert own[0] == others[0] == versions(1, 1)


@in_a_loop
async def test_a_definition_that_changes_is_seen_by_other_connections(
    items: Origin, engines: Engines
) -> None:
    """A driver that keeps prepared statements hears that they are old."""
    statement = text("SELECT * FROM items WHERE id + 0 = :id FOR SHARE" if items.family != "sqlite" else ASK)
    async with engines.engine.connect() as first, engines.engine.connect() as second:
        given = {"id": 1} if items.family != "sqlite" else {}
        before = (await first.execute(statement, given)).all()
        await first.rollback()
        await second.execute(sa.DDL("ALTER TABLE items ADD COLUMN name VARCHAR(9)"))
        await second.commit()
        after = (await first.execute(statement, given)).all()
        everything = (await first.execute(text("SELECT * FROM items ORDER BY id"))).all()

    assert [len(row) for row in before] == [2] * len(before)
    assert [len(row) for row in after] == ([3] if items.family != "sqlite" else [2, 2])
    assert everything == [(1, 0, None), (2, 0, None)]


# -- sessions and streams --------------------------------------------------------------------------


@in_a_loop
async def test_sessions_of_the_orm_work_as_on_the_bare_engine(items: Origin, engines: Engines) -> None:
    """get, refresh, merge, eager loading, savepoints, bulk inserts; then everything is a hit."""

    async def use(engine: AsyncEngine) -> list[Any]:
        found: list[Any] = []
        async with AsyncSession(engine, expire_on_commit=False) as session:
            item = await session.get_one(Item, 1)
            item.version = 5
            async with session.begin_nested():
                session.add_all([Tag(id=number, name=f"t{number}", item_id=2) for number in range(5, 9)])
            await session.commit()
            await session.refresh(item, ["tags"])
            found.append((item.version, [tag.name for tag in item.tags]))
            await session.merge(Item(id=2, version=7))
            await session.commit()
            loaded = await session.scalars(
                sa.select(Item).order_by(Item.id).options(selectinload(Item.tags)),
                execution_options={"populate_existing": True},
            )
            found.append([(each.version, [tag.name for tag in each.tags]) for each in loaded])
            found.append(await session.run_sync(lambda sync: sync.query(Tag).count()))
            with pytest.raises(sa.exc.IntegrityError):
                await session.execute(sa.insert(Tag), [{"id": 1, "name": "double", "item_id": 1}])
            await session.rollback()
        async with AsyncSession(engine) as session:
            statement = sa.select(Item, Tag).join(Tag).where(Tag.name.in_(["red", "t6"])).order_by(Tag.id)
            found.append([(item.id, tag.id) for item, tag in await session.execute(statement)])
            await session.execute(sa.delete(Tag).where(Tag.id > 4))
            await session.execute(sa.update(Item).values(version=0))
            await session.commit()
        return found

    bare = await use(engines.bare)
    cached = await use(engines.engine)
    async with AsyncSession(engines.engine) as session:
        await session.get(Item, 1)
    async with AsyncSession(engines.engine) as session:
        with items.expect_silence():
            again = await session.get_one(Item, 1)

    assert bare == cached
    assert again.version == 0


@in_a_loop
async def test_scoped_sessions_belong_to_their_tasks(items: Origin, engines: Engines) -> None:
    """Each task's session sees its own uncommitted write, and nobody else's."""
    sessions = async_scoped_session(async_sessionmaker(engines.engine), scopefunc=asyncio.current_task)
    await engines.warm()
    written, read = asyncio.Event(), asyncio.Event()

    async def write() -> int:
        await sessions.execute(WRITE)
        written.set()
        await read.wait()
        own = (await sessions.scalars(sa.select(Item.version))).first()
        await sessions.commit()
        await sessions.remove()
        return own or 0

    async def look() -> int | None:
        await written.wait()
        seen = (await sessions.scalars(sa.select(Item.version))).first()
        await sessions.remove()
        read.set()
        return seen

    own, seen = await asyncio.gather(asyncio.create_task(write()), asyncio.create_task(look()))

    assert (own, seen) == (1, 0)
    assert (await engines.ask())[0] == versions(1, 1)


@in_a_loop
async def test_rows_are_streamed_from_the_origin_and_from_the_store(items: Origin, engines: Engines) -> None:
    """stream(), stream_scalars() and yield_per give the same rows, whoever answers."""
    items.execute(*(f"INSERT INTO items VALUES ({number}, {number % 3})" for number in range(3, 140)))

    async def streamed(engine: AsyncEngine) -> list[Any]:
        found: list[Any] = []
        async with engine.connect() as connection:
            async with connection.stream(text(ASK)) as result:
                found.append([tuple(row) async for row in result])
            result = await connection.stream(
                text("SELECT id FROM items WHERE version = 1 ORDER BY id"), execution_options={"yield_per": 7}
            )
            found.append([[row.id for row in part] async for part in result.partitions()])
            result = await connection.stream(text("SELECT id, random() FROM items ORDER BY id"))
            found.append([(await result.fetchone()).id, [row.id for row in await result.fetchmany(60)]])
            found.append([row.id for row in await result.all()])
            await connection.execute(WRITE)
            async with connection.stream(text(ASK)) as result:  # the transaction has written: a real cursor
                found.append([tuple(row) for row in await result.fetchmany(3)])
            await connection.rollback()
        async with AsyncSession(engine) as session:
            found.append(
                [item.id async for item in await session.stream_scalars(sa.select(Item).order_by("id"))]
            )
        return found

    bare = await streamed(engines.bare)
    first = await streamed(engines.engine)
    second = await streamed(engines.engine)

    assert bare == first == second


@in_a_loop
async def test_a_driver_connection_that_is_handed_out_may_do_anything(
    items: Origin, engines: Engines
) -> None:
    await engines.warm()
    await engines.bare.dispose()  # so that one must be opened, which has to be awaited

    async with engines.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert driver is not None
        await driver.execute("UPDATE items SET version = 9")
        if items.driver == "asyncpg":  # which commits by itself
            own = await within(connection)
        else:
            own = await within(connection)
            await driver.commit()
    after = await engines.ask()

    assert own == (versions(9, 9), Outcome.BYPASS)
    assert after[0] == versions(9, 9)


# -- tasks that are cancelled ----------------------------------------------------------------------


@in_a_loop
async def test_a_fill_that_is_cancelled_leaves_nobody_waiting(items: Origin, engines: Engines) -> None:
    """Those who waited for it fill themselves, and nothing is left of it."""
    fetched, _ = engines.hold_fill()
    leader = asyncio.create_task(engines.ask())
    await fetched.wait()
    waiting = [asyncio.create_task(engines.ask()) for _ in range(3)]
    for _ in range(20):
        await asyncio.sleep(0)

    leader.cancel()
    answers = await asyncio.gather(*waiting)
    with pytest.raises(asyncio.CancelledError):
        await leader
    after = await engines.ask()

    assert [rows for rows, _ in answers] == [versions(0, 0)] * 3
    assert after == (versions(0, 0), Outcome.HIT)
    assert not is_filling(engines, "items")
    assert not isinstance(engines.bare.pool, sa.QueuePool) or engines.bare.pool.checkedout() == 0
    # SQLAlchemy leaves a server-side cursor open whose connection it closes, and psycopg warns of it.
    del leader
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@in_a_loop
async def test_a_task_that_is_cancelled_while_it_waits_for_a_fill_disturbs_nobody(
    items: Origin, engines: Engines
) -> None:
    fetched, go = engines.hold_fill()
    leader = asyncio.create_task(engines.ask())
    await fetched.wait()
    waiting = [asyncio.create_task(engines.ask()) for _ in range(3)]
    for _ in range(20):
        await asyncio.sleep(0)

    waiting[1].cancel()
    go.set()
    answers = await asyncio.gather(leader, *waiting, return_exceptions=True)

    assert isinstance(answers.pop(2), asyncio.CancelledError)
    assert answers == [(versions(0, 0), Outcome.MISS)] * 3


@in_a_loop
async def test_a_write_that_is_cancelled_before_its_commit_is_forgotten(
    items: Origin, engines: Engines
) -> None:
    """Its connection is closed, its transaction with it."""
    await engines.warm()
    written = asyncio.Event()

    async def write() -> None:
        async with engines.engine.begin() as connection:
            await connection.execute(WRITE)
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await engines.ask() == (versions(0, 0), Outcome.HIT)
    await engines.write()
    assert (await engines.ask())[0] == versions(1, 1)


# PostgreSQL runs a deferred trigger inside COMMIT. This one waits there, and doesn't let itself be cancelled.
SLOW_COMMIT = """
CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(4711);
    RETURN NULL;
EXCEPTION WHEN query_canceled THEN
    -- A driver may ask more than once, the last time when its connection is closed.
    LOOP
        BEGIN
            PERFORM pg_advisory_xact_lock(4712);
            RETURN NULL;
        EXCEPTION WHEN query_canceled THEN
            NULL;
        END;
    END LOOP;
END $$;
CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON items DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION slow_commit()
"""

WAITS_FOR_LOCK = text(
    "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
    "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted"
)


@pytest.mark.families("postgresql")
@in_a_loop
async def test_a_commit_that_is_cancelled_and_happens_later_leaves_nothing_old(
    items: Origin, engines: Engines
) -> None:
    """The task waits no more, the server goes on. What was read meanwhile isn't kept."""
    items.execute(SLOW_COMMIT)
    await engines.warm()
    async with engines.bare.connect() as blocking:
        await blocking.execute(text("SELECT pg_advisory_lock(4711)"))
        task = asyncio.create_task(engines.write())
        async with engines.bare.connect() as watching:
            while not await watching.scalar(WAITS_FOR_LOCK):
                await watching.rollback()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 30)
        meanwhile = [await engines.ask(), await engines.ask()]
        await blocking.execute(text("SELECT pg_advisory_unlock(4711)"))
        async with engines.bare.connect() as watching:
            # The committing transaction has this lock until its end.
            while (await watching.execute(text(ASK))).all() != versions(1, 1):
                await watching.rollback()
    after = await engines.ask()

    assert [rows for rows, _ in meanwhile] == [versions(0, 0)] * 2
    assert after[0] == versions(1, 1)
    await until(lambda: not engines.caching._core.registry._windows.opened)  # the connection has answered
    assert (await engines.ask())[0] == versions(1, 1)
    assert await engines.ask() == (versions(1, 1), Outcome.HIT)


@pytest.mark.families("postgresql")
@in_a_loop
async def test_a_statement_in_autocommit_that_is_cancelled_and_happens_later_leaves_nothing_old(
    items: Origin, engines: Engines
) -> None:
    """The driver asks the server to cancel it; the server needn't. psycopg gives the connection up then."""
    items.execute(SLOW_COMMIT.replace("DEFERRABLE INITIALLY DEFERRED", "NOT DEFERRABLE"))
    await engines.warm()
    registry = engines.caching._core.registry
    given_up = items.driver == "psycopg_async"

    async def write() -> None:
        async with engines.engine.connect() as plain:
            await (await plain.execution_options(isolation_level="AUTOCOMMIT")).execute(WRITE)

    async with engines.bare.connect() as blocking:
        await blocking.execute(text("SELECT pg_advisory_lock(4711), pg_advisory_lock(4712)"))
        task = asyncio.create_task(write())
        async with engines.bare.connect() as watching:
            while not await watching.scalar(WAITS_FOR_LOCK):
                await watching.rollback()
        with impatient_psycopg():
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(task, 30)
        async with engines.bare.connect() as watching:
            # The request to cancel has come; later it could meet the statement where it heeds it.
            while not await watching.scalar(WAITS_AGAIN):
                await watching.rollback()
        meanwhile = [await engines.ask(), await engines.ask()]
        if given_up:
            # The connection doesn't answer any more: nobody knows, and after a while the server is asked.
            await until(lambda: not registry._windows.opened)
            meanwhile.append(await engines.ask())
            for _ in range(3):
                engines.clock.advance(31)
                meanwhile += [await engines.ask(), await engines.ask()]
        await blocking.execute(text("SELECT pg_advisory_unlock(4711), pg_advisory_unlock(4712)"))
        async with engines.bare.connect() as watching:
            while (await watching.execute(text(ASK))).all() != versions(1, 1):
                await watching.rollback()
            while given_up and await watching.scalar(IS_LEFT):
                await watching.rollback()
    after = await engines.ask()
    await until(lambda: not registry._windows.opened)
    engines.clock.advance(31)

    assert meanwhile == [(versions(0, 0), Outcome.BYPASS)] * len(meanwhile)
    assert after[0] == versions(1, 1)
    assert (await engines.ask())[0] == versions(1, 1)
    assert await engines.ask() == (versions(1, 1), Outcome.HIT)


WAITS_AGAIN = text(f"{WAITS_FOR_LOCK.text} AND l.objid = 4712")
# The process of the statement that was given up.
IS_LEFT = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' "
    "AND query LIKE 'UPDATE items%'"
)


@contextlib.contextmanager
def impatient_psycopg() -> Iterator[None]:
    """It doesn't wait five seconds for a server that a lock keeps from answering."""
    import psycopg

    waiting = psycopg.waiting.wait_async

    async def wait(*arguments: Any, **keywords: Any) -> Any:
        if keywords.get("timeout") is not None and "interval" in keywords:  # not the request to cancel
            keywords["timeout"] = 0.01
        return await waiting(*arguments, **keywords)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.waiting, "wait_async", wait)
        yield


@in_a_loop
async def test_a_connection_that_nobody_closed_is_given_up_with_its_transaction(
    items: Origin, engines: Engines
) -> None:
    """As SQLAlchemy does it: with a warning, when the collector finds it. What it wrote is forgotten."""
    await engines.warm()

    async def forget() -> None:
        connection = await engines.engine.connect()
        await connection.execute(WRITE)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        await asyncio.create_task(forget())
        gc.collect()
    after = await engines.ask()
    await engines.write()

    assert after == (versions(0, 0), Outcome.HIT)
    assert (await engines.ask())[0] == versions(1, 1)


@pytest.mark.families("sqlite")
@in_a_loop
async def test_a_commit_that_is_cancelled_goes_on_in_the_drivers_thread(
    items: Origin, engines: Engines
) -> None:
    """aiosqlite's thread commits, whether a task waits for it or not."""
    await engines.warm()
    reader = sa.create_engine(items.url_for("pysqlite"))
    async with engines.engine.connect() as connection:
        await connection.execute(WRITE)
        task = asyncio.create_task(connection.commit())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await until(lambda: not engines.caching._core.registry._windows.opened)
    with reader.connect() as direct:
        expected = [tuple(row) for row in direct.execute(text(ASK))]
    reader.dispose()

    assert (await engines.ask())[0] == expected
    assert (await engines.ask())[0] == expected


@pytest.mark.families("postgresql")
@in_a_loop
async def test_a_commit_of_nothing_that_is_cancelled_keeps_no_connection(
    items: Origin, engines: Engines
) -> None:
    """Whether the origin answers it shows nobody anything: the pool has its own back with the task's end."""
    async with engines.engine.connect() as connection:
        await connection.execute(text(f"{ASK} FOR UPDATE".replace("ORDER BY id", "")))
        task = asyncio.create_task(connection.commit())
        await asyncio.sleep(0)
        assert engines.caching.pool.checkedout() == 1  # type: ignore[attr-defined]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert engines.caching.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert (await engines.ask())[0] == versions(0, 0)
