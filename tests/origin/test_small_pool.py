"""Transparent mode where the pool has no connection to spare: those that there are, programs hold.

Invariant: what is cached then is what everybody sees, the program's transaction is as it was, and what can't
be cached costs no more than to find that out once. Everything is counted; nothing is timed.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine
from support.origins import Origin
from support.sequencer import Sequencer

import sqlmem.planning
from sqlmem import CachingEngine, last_status
from sqlmem.model import Outcome

ASK = "SELECT id, version FROM items ORDER BY id"
WRITE = text("UPDATE items SET version = version + 1")
NO_OTHER = "the pool has no second connection to spare"
# The origin's to answer: from here on the connection is held.
HOLD = text("SELECT CURRENT_TIMESTAMP")


def prepare(origin: Origin) -> None:
    if origin.family == "sqlite":
        origin.execute("PRAGMA journal_mode=WAL")
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)",
        "INSERT INTO items VALUES (1, 0), (2, 0)",
    )


@pytest.fixture
def items(origin: Origin) -> Origin:
    prepare(origin)
    return origin


@pytest.fixture
def driver_items(driver_origin: Origin) -> Origin:
    prepare(driver_origin)
    return driver_origin


@pytest.fixture
def engine_on() -> Iterator[Callable[..., CachingEngine]]:
    engines = []

    def make(origin: Origin, *, size: int = 1, **options: Any) -> CachingEngine:
        base = origin.engine(pool_size=size, max_overflow=0, poolclass=sa.QueuePool)
        engines.append(CachingEngine(base, mode="transparent", **options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def within(connection: sa.Connection, statement: str = ASK) -> tuple[list[Any], Outcome, str | None]:
    rows = connection.execute(text(statement)).all()
    status = last_status()
    assert status is not None
    return [tuple(row) for row in rows], status.outcome, status.reason


def ask(engine: CachingEngine, statement: str = ASK) -> tuple[list[Any], Outcome, str | None]:
    with engine.connect() as connection:
        return within(connection, statement)


def versions(*numbers: int) -> list[tuple[int, int]]:
    return [(index + 1, number) for index, number in enumerate(numbers)]


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were parsed."""
    parsed: list[str] = []
    parse = sqlmem.planning.parse

    def counted(statement: str, *arguments: Any, **keywords: Any) -> Any:
        parsed.append(statement)
        return parse(statement, *arguments, **keywords)

    monkeypatch.setattr(sqlmem.planning, "parse", counted)
    return parsed


# -- lent ------------------------------------------------------------------------------------------


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("level", [None, "AUTOCOMMIT"])
def test_the_connection_that_is_held_is_asked_and_gives_hits_to_all(
    level: str | None, driver_items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    """The catalogue once, the table once; then nobody needs the origin."""
    engine = engine_on(driver_items)

    with engine.connect() as plain:
        connection = plain if level is None else plain.execution_options(isolation_level=level)
        connection.execute(HOLD)
        with driver_items.expect(1):
            first = within(connection)
        with driver_items.expect_silence():
            second = within(connection)
    with driver_items.expect_silence():
        other = ask(engine)

    assert first == (versions(0, 0), Outcome.MISS, None)
    assert second == other == (versions(0, 0), Outcome.HIT, None)


@pytest.mark.families("postgresql")
def test_many_threads_on_a_small_pool_plan_once_and_fill_once(
    items: Origin, engine_on: Callable[..., CachingEngine], parses: list[str]
) -> None:
    """Each begins with what only the origin can answer, as applications do that ping, or set something."""
    engine = engine_on(items, size=2)
    barrier = threading.Barrier(16)
    outcomes: Counter[Outcome] = Counter()
    counting = threading.Lock()

    def work() -> None:
        barrier.wait(30)
        for _ in range(5):
            with engine.connect() as connection:
                connection.execute(HOLD)
                rows, outcome, _ = within(connection)
            assert rows == versions(0, 0)
            with counting:
                outcomes[outcome] += 1

    run_all(work, 16)

    assert set(outcomes) <= {Outcome.HIT, Outcome.MISS}
    assert outcomes.total() == 80
    assert outcomes[Outcome.MISS] <= 2  # the one that fills, and one that waits for it
    # Two threads may meet a new text at once, and plan it twice.
    assert len(parses) <= 2 * 16
    assert len([statement for statement in items.counter.data if "items" in statement]) == 1


def run_all(work: Callable[[], None], count: int) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.families("postgresql")
def test_the_transaction_is_as_it_was(driver_items: Origin, engine_on: Callable[..., CachingEngine]) -> None:
    """Its moment, its savepoints, its cursors, and that it may write."""
    engine = engine_on(driver_items)
    with engine.connect() as connection:
        began = connection.execute(HOLD).scalar_one()
        streamed = connection.execute(
            text("SELECT n, random() FROM generate_series(1, 3000) n"),
            execution_options={"stream_results": True, "max_row_buffer": 1},
        )
        numbers = [streamed.fetchone()[0]]  # type: ignore[index]
        connection.execute(text("SAVEPOINT mine"))
        read = within(connection)

        numbers += [row[0] for row in streamed]
        assert connection.execute(text("SHOW transaction_read_only")).scalar_one() == "off"
        assert connection.execute(HOLD).scalar_one() == began
        connection.execute(WRITE)
        connection.execute(text("ROLLBACK TO SAVEPOINT mine"))
        connection.execute(WRITE)
        connection.commit()

    assert read == (versions(0, 0), Outcome.MISS, None)
    assert numbers == list(range(1, 3001))
    assert driver_items.execute(ASK) == versions(1, 1)
    assert ask(engine)[0] == versions(1, 1)


@pytest.mark.families("postgresql")
@pytest.mark.parametrize(
    "before",
    [
        "SELECT id FROM items WHERE id = 1 FOR UPDATE",
        "UPDATE items SET version = 5",
        # Nobody who reads the text knows that it writes.
        "SELECT pg_catalog.pg_current_xact_id()",
    ],
)
def test_what_a_transaction_that_wrote_or_locked_reads_is_nobody_elses(
    before: str, items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    """The server says whether it has; it is asked once in the transaction."""
    engine = engine_on(items)
    with engine.connect() as connection:
        connection.execute(text(before))
        first = within(connection)
        asked = len(items.counter.everything)
        again = within(connection)
        assert len(items.counter.everything) == asked + 1
        connection.rollback()
    after = ask(engine)

    assert first[1] is again[1] is Outcome.BYPASS
    assert after == (versions(0, 0), Outcome.MISS, None)


@pytest.mark.families("postgresql")
def test_a_procedure_that_writes_unseen_publishes_nothing(
    items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    """The program has said that it changes nothing; the server knows better."""
    items.execute("CREATE PROCEDURE sly() LANGUAGE plpgsql AS $$ BEGIN UPDATE items SET version = 7; END $$")
    engine = engine_on(items)
    with engine.connect() as connection:
        connection.execute(text("CALL sly()"), execution_options={"sqlmem_invalidates": []})
        own = within(connection)
        connection.rollback()

    assert own[:2] == (versions(7, 7), Outcome.BYPASS)
    assert ask(engine)[0] == versions(0, 0)


@pytest.mark.families("postgresql")
def test_where_transactions_see_an_earlier_moment_nothing_is_lent(
    items: Origin, engine_on: Callable[..., CachingEngine], parses: list[str]
) -> None:
    """The server's own level is REPEATABLE READ: that is found out once."""
    database = items.url.database
    items.execute(f"ALTER DATABASE {database} SET default_transaction_isolation = 'repeatable read'")
    try:
        engine = engine_on(items)
        with engine.connect() as connection:
            connection.execute(HOLD)
            first = within(connection)
        parses.clear()
        before = len(items.counter.data)
        for _ in range(3):
            with engine.connect() as connection:
                connection.execute(HOLD)
                items.execute("UPDATE items SET version = version + 1")
                again = within(connection)

        assert again[1:] == (Outcome.BYPASS, NO_OTHER)
        assert len(parses) == 1  # it waits from then on
        assert len(items.counter.data) == before + 6
        assert first[1] is Outcome.BYPASS
        assert ask(engine) == (versions(3, 3), Outcome.MISS, None)
    finally:
        items.execute(f"ALTER DATABASE {database} RESET default_transaction_isolation")


@pytest.mark.families("postgresql")
def test_a_fill_that_fails_leaves_the_transaction_alone(
    driver_items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    """In the midst of its rows, and at its first."""
    driver_items.execute(
        "CREATE TABLE large (id INTEGER PRIMARY KEY, body TEXT)",
        "INSERT INTO large SELECT n, repeat('x', 1000) FROM generate_series(1, 3000) n",
        "CREATE TABLE far (id INTEGER PRIMARY KEY, day DATE)",
        "INSERT INTO far VALUES (1, 'infinity')",
        "CREATE VIEW failing AS SELECT id, 10 / (version - version) AS n FROM items",
    )
    engine = engine_on(driver_items, max_memory=200_000)

    with engine.connect() as connection:
        began = connection.execute(HOLD).scalar_one()
        too_large = within(connection, "SELECT max(id) FROM large")
        bodies = within(connection, "SELECT id, body FROM large WHERE id = 1")
        far = within(connection, "SELECT id FROM far WHERE day > '2020-01-01'")
        with pytest.raises(DBAPIError), connection.begin_nested():
            within(connection, "SELECT n FROM failing")
        assert connection.execute(HOLD).scalar_one() == began
        small = within(connection)

    assert too_large[0] == [(3000,)]
    assert bodies == ([(1, "x" * 1000)], Outcome.BYPASS, bodies[2])
    assert far[0] == [(1,)]
    assert small[:2] == (versions(0, 0), Outcome.MISS)


@pytest.mark.families("postgresql")
def test_a_connection_that_is_lost_while_it_is_lent_is_lost_as_on_the_bare_engine(
    driver_items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    """The program gets the driver's error, its connection is invalid, and the pool makes another one."""
    engine = engine_on(driver_items)
    with engine.connect() as connection:
        process = connection.execute(text("SELECT pg_catalog.pg_backend_pid()")).scalar_one()
        driver_items.execute(f"SELECT pg_terminate_backend({process}, 10000)")
        with pytest.raises(OperationalError) as raised:
            within(connection)
        assert raised.value.connection_invalidated
        assert connection.invalidated
        connection.rollback()
        after = within(connection)

    assert after[:2] == (versions(0, 0), Outcome.MISS)


@pytest.mark.families("postgresql")
def test_who_waits_for_a_fill_on_a_lost_connection_fills_on_its_own(
    items: Origin, engine_on: Callable[..., CachingEngine], sequence: Sequencer
) -> None:
    """The error is the one program's; the other one's connection is there."""
    engine = engine_on(items, size=2)
    ask(engine)
    with engine.begin() as connection:
        connection.execute(WRITE)  # its rows are dropped, its definition isn't

    @event.listens_for(engine._core.origin.engine, "before_cursor_execute")
    def held(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement == "SAVEPOINT sqlmem_lent" and "leading" not in sequence.reached:
            sequence.reach("leading")
            sequence.wait("go")

    state = engine._core.registry.states()[0]
    with engine.connect() as losing, engine.connect() as waiting:
        process = losing.execute(text("SELECT pg_catalog.pg_backend_pid()")).scalar_one()
        waiting.execute(HOLD)
        items.execute(f"SELECT pg_terminate_backend({process}, 10000)")
        first = sequence.spawn(within, losing)
        sequence.wait("leading")
        second = sequence.spawn(within, waiting)
        while not (flight := state.flight) or not flight._callbacks:
            assert not second.is_done
        sequence.reach("go")
        with pytest.raises(OperationalError):
            first.result()
        own = second.result()

    assert own[:2] == (versions(1, 1), Outcome.MISS)


@pytest.mark.families("postgresql")
def test_a_transaction_that_failed_unseen_fails_as_on_the_bare_engine(
    items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    """Its reads are refused by the origin, and the fill is nobody's failure."""
    engine = engine_on(items)
    with engine.connect() as connection:
        connection.execute(HOLD)
        lazy: Any = connection.connection.dbapi_connection.behind
        with pytest.raises(Exception, match="division"):
            lazy._held.execute("SELECT 1/0")
        with pytest.raises(DBAPIError, match="aborted"):
            within(connection)
        connection.rollback()
        connection.execute(HOLD)
        after = within(connection)

    assert after[:2] == (versions(0, 0), Outcome.MISS)


@pytest.mark.families("postgresql")
def test_a_session_that_differs_is_not_lent(items: Origin, engine_on: Callable[..., CachingEngine]) -> None:
    """Its search path may have another table of that name."""
    items.execute(
        "CREATE SCHEMA other",
        "CREATE TABLE other.items (id INTEGER PRIMARY KEY, version INTEGER)",
        "INSERT INTO other.items VALUES (1, 9)",
    )
    engine = engine_on(items)
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL search_path TO other, public"))
        local = within(connection)
        connection.rollback()
        connection.execute(HOLD)
        common = within(connection)

    assert local[:2] == ([(1, 9)], Outcome.BYPASS)
    assert common[:2] == (versions(0, 0), Outcome.MISS)


@pytest.mark.families("postgresql")
def test_connections_of_asyncio_are_lent_likewise(async_origin: Origin) -> None:
    """Through its drivers' own cursors, awaited."""
    prepare(async_origin)

    async def main() -> None:
        bare = async_origin.async_engine(pool_size=1, max_overflow=0)
        caching = CachingEngine(bare.sync_engine, mode="transparent")
        engine = AsyncEngine(caching)
        found = []
        for level in (None, "AUTOCOMMIT"):
            async with engine.connect() as plain:
                connection = plain if level is None else await plain.execution_options(isolation_level=level)
                await connection.execute(HOLD)
                for _ in range(2):
                    rows = (await connection.execute(text(ASK))).all()
                    status = last_status()
                    assert status is not None
                    found.append(([tuple(row) for row in rows], status.outcome))
            caching.invalidate("items")
        await engine.dispose()
        caching.close()
        assert found == [(versions(0, 0), Outcome.MISS), (versions(0, 0), Outcome.HIT)] * 2

    asyncio.run(main())


# -- not lent --------------------------------------------------------------------------------------


@pytest.mark.families("sqlite", "mariadb")
def test_what_cant_be_asked_now_is_parsed_once_and_planned_when_it_can(
    items: Origin, engine_on: Callable[..., CachingEngine], parses: list[str]
) -> None:
    """Nothing is sent but the statement itself; as soon as the pool has a connection it is filled."""
    engine = engine_on(items)
    with engine.connect() as connection:
        connection.execute(HOLD)
        parses.clear()
        before = len(items.counter.everything)
        held = [within(connection) for _ in range(5)]
        assert items.counter.everything[before:] == [ASK] * 5
    assert parses == [ASK]
    free = ask(engine)

    assert held == [(versions(0, 0), Outcome.BYPASS, NO_OTHER)] * 5
    assert free == (versions(0, 0), Outcome.MISS, None)
    assert ask(engine) == (versions(0, 0), Outcome.HIT, None)


@pytest.mark.families("sqlite", "mariadb")
def test_what_waits_is_answered_as_soon_as_another_text_has_brought_its_table(
    items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    """Although its own pool is still exhausted."""
    engine = engine_on(items, size=2)
    with engine.connect() as connection:
        connection.execute(HOLD)
        before = within(connection)
        ask(engine, "SELECT version, id FROM items")
        after = within(connection)

    assert before == (versions(0, 0), Outcome.BYPASS, NO_OTHER)
    assert after == (versions(0, 0), Outcome.HIT, None)
