"""Invariant: however a transaction ends, no read that begins afterwards sees older rows.

Nor does anybody see what isn't committed. The driver's connection tells whether a transaction is open; where
it doesn't, whatever may have been written is taken to be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
import sqlalchemy.ext.asyncio
from pymysql.constants import CLIENT
from sqlalchemy import event, text
from sqlalchemy.orm import Session
from support.origins import Origin

from sqlmem import CachingEngine, last_status
from sqlmem.model import Outcome

ASK = "SELECT id, version FROM items ORDER BY id"
WRITE = "UPDATE items SET version = version + 1"
# A table that is written again and again rests, and its answers are kept instead.
HITS = (Outcome.HIT, Outcome.RESULT_HIT)


def prepare(origin: Origin) -> None:
    """Two rows of version 0. A reader doesn't wait for who writes."""
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
def engine(items: Origin) -> Iterator[CachingEngine]:
    with CachingEngine(items.engine(), mode="transparent") as engine:
        ask(engine)
        yield engine


def ask(engine: CachingEngine) -> tuple[list[Any], Outcome]:
    with engine.connect() as connection:
        rows = connection.execute(text(ASK)).all()
    status = last_status()
    assert status is not None
    return [tuple(row) for row in rows], status.outcome


def found(version: int, outcome: Outcome) -> tuple[list[Any], Outcome]:
    return [(1, version), (2, version)], outcome


def begins_by_itself(base: sa.Engine) -> None:
    """SQLAlchemy's recipe for SQLite: the driver begins nothing, each transaction is begun by text."""

    @event.listens_for(base, "connect")
    def connected(driver: Any, _: object) -> None:
        driver.isolation_level = None

    @event.listens_for(base, "begin")
    def begun(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")


# -- SQLite: a savepoint may begin a transaction ----------------------------------------------------


def by_text(engine: CachingEngine) -> Iterator[None]:
    with engine.connect() as connection:
        connection.exec_driver_sql("SAVEPOINT first")
        connection.exec_driver_sql(WRITE)
        yield
        connection.exec_driver_sql("RELEASE SAVEPOINT First")
        yield
        connection.rollback()


def by_text_in_autocommit(engine: CachingEngine) -> Iterator[None]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SAVEPOINT first")
        connection.exec_driver_sql(WRITE)
        yield
        connection.exec_driver_sql("RELEASE first")
        yield


def by_begin_nested(engine: CachingEngine) -> Iterator[None]:
    with engine.connect() as connection:
        with connection.begin_nested():
            connection.exec_driver_sql(WRITE)
            yield
        yield
        connection.rollback()


def by_a_session(engine: CachingEngine) -> Iterator[None]:
    with Session(engine) as session:
        with session.begin_nested():
            session.execute(text(WRITE))
            yield
        yield
        session.rollback()


def nested_twice(engine: CachingEngine) -> Iterator[None]:
    with engine.connect() as connection:
        with connection.begin_nested():
            with connection.begin_nested():
                connection.exec_driver_sql(WRITE)
            yield
        yield
        connection.rollback()


def of_one_name(engine: CachingEngine) -> Iterator[None]:
    with engine.connect() as connection:
        for statement in ("SAVEPOINT s", "SAVEPOINT s", WRITE, "RELEASE s"):
            connection.exec_driver_sql(statement)
        yield
        connection.exec_driver_sql("RELEASE s")
        yield
        connection.rollback()


def released_with_the_inner_one(engine: CachingEngine) -> Iterator[None]:
    with engine.connect() as connection:
        for statement in ("SAVEPOINT a", "SAVEPOINT b", WRITE):
            connection.exec_driver_sql(statement)
        yield
        connection.exec_driver_sql("RELEASE a")
        yield
        connection.rollback()


def after_a_rollback_to_it(engine: CachingEngine) -> Iterator[None]:
    with engine.connect() as connection:
        for statement in ("SAVEPOINT s", WRITE, "ROLLBACK TO s", WRITE):
            connection.exec_driver_sql(statement)
        yield
        connection.exec_driver_sql("RELEASE s")
        yield
        connection.rollback()


@pytest.mark.families("sqlite")
@pytest.mark.parametrize(
    "steps",
    [
        by_text,
        by_text_in_autocommit,
        by_begin_nested,
        by_a_session,
        nested_twice,
        of_one_name,
        released_with_the_inner_one,
        after_a_rollback_to_it,
    ],
)
def test_the_release_of_a_savepoint_that_began_the_transaction_commits(
    steps: Callable[[CachingEngine], Iterator[None]], items: Origin, engine: CachingEngine
) -> None:
    """Until then nobody sees what was written; then everybody does, whatever is rolled back later."""
    under_way = steps(engine)
    next(under_way)
    before = ask(engine)
    next(under_way)
    after, again = ask(engine), ask(engine)
    next(under_way, None)

    assert before == found(0, Outcome.HIT)
    assert after == found(1, Outcome.MISS)
    assert again == found(1, Outcome.HIT)
    assert ask(engine) == found(1, Outcome.HIT)
    assert items.execute(ASK) == found(1, Outcome.HIT)[0]


@pytest.mark.families("sqlite")
def test_what_was_rolled_back_to_such_a_savepoint_is_forgotten(items: Origin, engine: CachingEngine) -> None:
    """Its release commits nothing that was written."""
    with engine.connect() as connection:
        for statement in ("SAVEPOINT s", WRITE, "ROLLBACK TO s", "RELEASE s"):
            connection.exec_driver_sql(statement)
    with items.expect_silence():
        after = ask(engine)

    assert after == found(0, Outcome.HIT)


@pytest.mark.families("sqlite")
def test_after_such_a_release_the_transaction_is_another_one(engine: CachingEngine) -> None:
    """What is written then is the next commit's, or is rolled back."""
    with engine.connect() as connection:
        with connection.begin_nested():
            connection.exec_driver_sql(WRITE)
        connection.exec_driver_sql(WRITE)
        between = ask(engine)
        connection.rollback()
        rolled_back = ask(engine)
        with connection.begin_nested():
            connection.exec_driver_sql(WRITE)
        connection.exec_driver_sql(WRITE)
        connection.commit()

    assert between == found(1, Outcome.MISS)
    assert rolled_back == found(1, Outcome.HIT)
    assert ask(engine) == found(3, Outcome.MISS)


@pytest.mark.families("sqlite")
@pytest.mark.parametrize("recipe", [False, True], ids=["begun by a write", "begun by the recipe"])
def test_the_release_of_a_savepoint_within_a_transaction_commits_nothing(
    recipe: bool,
    items: Origin,
) -> None:
    """The rows of others stay hits until the commit, as on any other origin."""
    base = items.engine()
    if recipe:
        begins_by_itself(base)
    with CachingEngine(base, mode="transparent") as engine:
        engine.warm("items")
        with engine.connect() as connection:
            if not recipe:
                connection.exec_driver_sql(WRITE)
            with connection.begin_nested(), connection.begin_nested():
                connection.exec_driver_sql(WRITE)
            released = ask(engine)
            connection.rollback()
            rolled_back = ask(engine)
            with connection.begin():
                connection.exec_driver_sql(WRITE)
                with connection.begin_nested():
                    connection.exec_driver_sql(WRITE)
                before = ask(engine)

        assert released == rolled_back == before == found(0, Outcome.HIT)
        assert ask(engine) == found(2, Outcome.MISS)


@pytest.mark.families("sqlite")
def test_in_an_event_loop_a_savepoints_release_commits_as_well(async_origin: Origin) -> None:
    """aiosqlite begins no transaction before a savepoint either."""
    prepare(async_origin)

    async def run() -> None:
        base = async_origin.async_engine()
        with CachingEngine(base.sync_engine, mode="transparent") as caching:
            engine = sa.ext.asyncio.AsyncEngine(caching)

            async def asked() -> tuple[list[Any], Outcome]:
                async with engine.connect() as connection:
                    rows = (await connection.execute(text(ASK))).all()
                status = last_status()
                assert status is not None
                return [tuple(row) for row in rows], status.outcome

            await asked()
            async with engine.connect() as connection:
                async with connection.begin_nested():
                    await connection.execute(text(WRITE))
                    before = await asked()
                after, again = await asked(), await asked()
                await connection.rollback()

            assert before == found(0, Outcome.HIT)
            assert after == found(1, Outcome.MISS)
            assert again == await asked() == found(1, Outcome.HIT)
        await base.dispose()

    asyncio.run(run())


# -- text that ends transactions, and begins others -------------------------------------------------


def together(connection: sa.Connection, *statements: str) -> None:
    """Several statements in one text, as far as the driver takes such."""
    joined = "; ".join(statements)
    cursor: Any = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        cursor.executescript(joined)
    else:
        cursor.execute(joined)
    cursor.close()


@pytest.fixture
def several(driver_origin: Origin) -> Iterator[CachingEngine]:
    """An engine whose driver takes several statements in one text."""
    prepare(driver_origin)
    given: dict[str, Any] = {}
    if driver_origin.driver == "pymysql":
        given = {"connect_args": {"client_flag": CLIENT.MULTI_STATEMENTS}}
    with CachingEngine(driver_origin.engine(**given), mode="transparent") as engine:
        ask(engine)
        yield engine


@pytest.mark.parametrize(
    "texts",
    [
        ("COMMIT", "BEGIN", WRITE),
        ("BEGIN", WRITE),
        ("COMMIT", WRITE),
        ("ROLLBACK", WRITE),
        ("BEGIN", WRITE, "COMMIT", "BEGIN", WRITE),
        ("BEGIN", WRITE, "COMMIT"),
        ("BEGIN", "SAVEPOINT s", WRITE, "ROLLBACK TO SAVEPOINT s", WRITE),
    ],
    ids=lambda texts: ", ".join(each.split()[0] for each in texts),
)
@pytest.mark.parametrize("level", [None, "AUTOCOMMIT"])
def test_how_several_statements_leave_the_transaction_is_seen(
    texts: tuple[str, ...], level: str | None, several: CachingEngine, driver_origin: Origin
) -> None:
    """What is asked after each step is what the origin says then to everybody else."""
    is_sqlite = driver_origin.family == "sqlite"
    if is_sqlite and texts[0] in ("COMMIT", "ROLLBACK"):
        pytest.skip("the driver has committed before that")
    seen: list[tuple[Any, Any]] = []

    def look() -> None:
        seen.append((ask(several)[0], driver_origin.execute(ASK)))

    for is_ended_by_text in (False, True):
        connection = several.connect()
        if level is not None:
            connection = connection.execution_options(isolation_level=level)
        with connection:
            if level is None:
                connection.exec_driver_sql(WRITE)
            together(connection, *texts)
            look()
            if is_ended_by_text and not (is_sqlite and texts[-1] == "COMMIT"):
                connection.exec_driver_sql("COMMIT")
            else:
                connection.connection.commit()
            look()
            connection.exec_driver_sql(WRITE)
            look()
            connection.connection.commit()
            look()
            if driver_origin.driver == "psycopg2" and level is not None:
                connection.exec_driver_sql("COMMIT")  # its commit does nothing in autocommit
        look()

    assert [cached for cached, _ in seen] == [bare for _, bare in seen]
    assert ask(several)[1] in HITS


@pytest.fixture
def driven(driver_origin: Origin) -> Iterator[CachingEngine]:
    prepare(driver_origin)
    with CachingEngine(driver_origin.engine(), mode="transparent") as engine:
        ask(engine)
        yield engine


@pytest.mark.families("postgresql", "mariadb")
@pytest.mark.parametrize("end", ["COMMIT", "ROLLBACK", "COMMIT AND CHAIN"])
@pytest.mark.parametrize("level", [None, "AUTOCOMMIT"])
def test_what_is_written_after_an_end_by_text_is_seen_when_it_is_committed(
    end: str, level: str | None, driven: CachingEngine, driver_origin: Origin
) -> None:
    """Some drivers don't notice such an end, and begin no transaction for what follows."""
    seen: list[tuple[Any, Any]] = []
    connection = driven.connect()
    if level is not None:
        connection = connection.execution_options(isolation_level=level)
    with connection:
        if level is not None:
            connection.exec_driver_sql("BEGIN")
        for step in (WRITE, end, WRITE, WRITE, "COMMIT", WRITE):
            connection.exec_driver_sql(step)
            seen.append((ask(driven)[0], driver_origin.execute(ASK)))
        connection.commit()
        seen.append((ask(driven)[0], driver_origin.execute(ASK)))

    assert [cached for cached, _ in seen] == [bare for _, bare in seen]
    assert ask(driven)[1] in HITS


@pytest.mark.parametrize("is_rollback", [False, True], ids=["commit", "rollback"])
def test_the_drivers_end_of_what_text_has_begun_in_autocommit_is_what_it_is(
    is_rollback: bool, driven: CachingEngine, driver_origin: Origin
) -> None:
    """Some drivers end nothing then, and all go on to commit each statement afterwards."""
    seen: list[tuple[Any, Any]] = []
    with driven.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(2):
            connection.exec_driver_sql(WRITE)
            seen.append((ask(driven)[0], driver_origin.execute(ASK)))
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(WRITE)
            if is_rollback:
                connection.rollback()
            else:
                connection.commit()
            seen.append((ask(driven)[0], driver_origin.execute(ASK)))
            if driver_origin.driver == "psycopg2":
                connection.exec_driver_sql("COMMIT")
                seen.append((ask(driven)[0], driver_origin.execute(ASK)))

    assert [cached for cached, _ in seen] == [bare for _, bare in seen]
    assert ask(driven)[1] in HITS


# -- pools that reset nothing ----------------------------------------------------------------------


@pytest.mark.parametrize("is_wrapped", [False, True], ids=["of this engine", "of the wrapped engine"])
def test_nothing_is_filled_in_a_transaction_that_was_handed_on(
    driver_origin: Origin, is_wrapped: bool
) -> None:
    """Nor is it ended: whoever gets its connection next may commit it, and then it is seen."""
    prepare(driver_origin)
    base = driver_origin.engine(pool_reset_on_return=None, pool_size=1, max_overflow=3)
    with CachingEngine(base, mode="transparent") as engine:
        raw = (base if is_wrapped else engine).raw_connection()
        raw.cursor().execute(WRITE)
        raw.close()
        engine.warm("items")
        before = ask(engine)
        bare = driver_origin.execute(ASK)
        following = engine.raw_connection()
        following.cursor().execute("SELECT 1")
        following.commit()
        following.close()
        after, again = ask(engine), ask(engine)

        assert before == (bare, Outcome.HIT) == found(0, Outcome.HIT)
        assert after == found(1, Outcome.MISS)
        assert again == found(1, Outcome.HIT)
        assert driver_origin.execute(ASK) == found(1, Outcome.HIT)[0]


# -- autocommit that is set in the midst of a transaction -------------------------------------------


@pytest.mark.families("sqlite")
@pytest.mark.parametrize("writes_before", [False, True])
def test_a_transaction_goes_on_when_autocommit_is_set_in_it(
    writes_before: bool, items: Origin, engine: CachingEngine
) -> None:
    """What is written then is seen when it is committed, and what is written afterwards at once."""
    seen: list[tuple[Any, Any]] = []

    def look() -> None:
        seen.append((ask(engine)[0], items.execute(ASK)))

    with engine.connect() as connection:
        raw: Any = connection.connection
        cursor = raw.cursor()
        cursor.execute(WRITE if writes_before else "UPDATE items SET version = version WHERE id = 0")
        raw.dbapi_connection.isolation_level = None
        look()
        cursor.execute(WRITE)
        look()
        raw.commit()
        look()
        cursor.execute(WRITE)
        look()
        cursor.execute(WRITE)
        look()
        cursor.execute("BEGIN")
        cursor.execute(WRITE)
        raw.dbapi_connection.isolation_level = ""
        look()
        raw.rollback()
        look()
        cursor.execute(WRITE)
        look()
        raw.commit()
        look()

    assert [cached for cached, _ in seen] == [bare for _, bare in seen]


@pytest.mark.families("postgresql")
def test_in_an_event_loop_an_end_by_text_is_followed_as_well(async_origin: Origin) -> None:
    """asyncpg's connections as SQLAlchemy has them don't notice it, and begin no other transaction."""
    prepare(async_origin)
    seen: list[tuple[Any, Any]] = []

    async def run() -> None:
        base = async_origin.async_engine()
        with CachingEngine(base.sync_engine, mode="transparent") as caching:
            engine = sa.ext.asyncio.AsyncEngine(caching)
            async with engine.connect() as connection:
                for step in ("SELECT 1", WRITE, "COMMIT", WRITE, WRITE):
                    await connection.execute(text(step))
                    async with engine.connect() as other:
                        rows = (await other.execute(text(ASK))).all()
                    seen.append(([tuple(row) for row in rows], async_origin.execute(ASK)))
                await connection.commit()
        await base.dispose()

    asyncio.run(run())

    assert [cached for cached, _ in seen] == [bare for _, bare in seen]
