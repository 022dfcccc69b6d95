"""Invariant: our connections come and go as SQLAlchemy's pool has it, whoever holds on to one, or listens."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from sqlalchemy.exc import ResourceClosedError, SADeprecationWarning
from support.origins import Origin

from sqlmem import CachingEngine

ASK = "SELECT id, n FROM things ORDER BY id"
WRITE = "UPDATE things SET n = n + 1"
PASSED = text(WRITE)


@pytest.fixture
def base(origin: Origin) -> sa.Engine:
    origin.execute(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER)", "INSERT INTO things VALUES (1, 0)"
    )
    return origin.engine(pool_size=1, max_overflow=0, pool_timeout=1)


@pytest.fixture
def engine(base: sa.Engine) -> Iterator[CachingEngine]:
    with CachingEngine(base, cache_db="", mode="transparent") as engine:
        yield engine


def held(base: sa.Engine) -> int:
    owner: Any = base.pool
    return int(owner.checkedout())


def test_who_has_given_a_connection_back_does_not_reach_it(engine: CachingEngine) -> None:
    """Nor does giving it back twice disturb who has it now."""
    first = engine.raw_connection()
    ours = first.dbapi_connection
    first.close()
    second = engine.raw_connection()

    first.close()
    first.invalidate()
    with pytest.raises(ResourceClosedError):
        first.cursor()

    assert second.dbapi_connection is ours
    assert (first.is_valid, second.is_valid) == (False, True)
    second.cursor().execute(ASK)
    second.close()


def test_a_connection_that_nobody_closed_comes_back_with_its_transaction_ended(
    engine: CachingEngine, base: sa.Engine
) -> None:
    connection = engine.connect()
    connection.execute(PASSED)
    assert held(base) == 1

    del connection
    gc.collect()

    assert held(base) == 0
    assert engine.execute(ASK) == [{"id": 1, "n": 0}]


def test_what_is_kept_with_a_connection_stays_with_it(engine: CachingEngine) -> None:
    with engine.connect() as connection:
        connection.info["mine"] = 1
    with engine.connect() as connection:
        before = dict(connection.info)
        connection.invalidate()
        after = dict(connection.info)

    assert (before, after) == ({"mine": 1}, {})


def test_what_is_kept_with_a_connection_is_kept_with_the_drivers(base: sa.Engine) -> None:
    """So whoever listens to the pool, or holds the same one by a StaticPool, sees it, too."""

    @event.listens_for(base, "connect")
    def connected(driver: Any, record: Any) -> None:
        record.info["made by"] = "a listener"

    with CachingEngine(base, mode="transparent") as engine, engine.connect() as connection:
        connection.execute(text(ASK)).all()
        idle = held(base)
        assert connection.info["made by"] == "a listener"
        assert (idle, held(base)) == (0, 1)
        connection.info["mine"] = 1
        driver = connection.connection.driver_connection
    with base.connect() as connection:
        assert connection.connection.driver_connection is driver
        assert connection.info["mine"] == 1


def test_one_connection_for_all_has_one_info() -> None:
    """SQLAlchemy's recipe for SQLite's transactions, as programs of OpenStack's have it: BEGIN only once."""
    base = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    engine = CachingEngine(base, mode="transparent", cache_db="")

    @event.listens_for(engine, "connect")
    def connected(driver: Any, _: Any) -> None:
        driver.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        if "in_transaction" not in connection.info:
            connection.exec_driver_sql("BEGIN")
            connection.info["in_transaction"] = True

    @event.listens_for(engine, "rollback")
    @event.listens_for(engine, "commit")
    def ended(connection: sa.Connection) -> None:
        connection.info.pop("in_transaction", None)

    with engine, engine.connect() as one:
        one.exec_driver_sql("CREATE TABLE items (id INTEGER PRIMARY KEY)")
        with engine.connect() as other:
            assert other.exec_driver_sql("SELECT count(*) FROM items").scalar() == 0
    base.dispose()


def test_a_detached_connection_is_closed_and_its_slot_free(engine: CachingEngine, base: sa.Engine) -> None:
    """What it was told stays with it."""
    with engine.connect() as connection:
        connection.execute(PASSED)
        connection.commit()
        connection.info["mine"] = 1
        connection.detach()
        told = dict(connection.info)
        is_detached = connection.connection.is_detached
        connection.execute(PASSED)
        connection.commit()

    assert (told["mine"], is_detached) == (1, True)
    assert held(base) == 0
    assert engine.execute(ASK) == [{"id": 1, "n": 2}]


def test_an_error_at_the_end_gives_up_the_connection(
    engine: CachingEngine, base: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """The pool says so as SQLAlchemy's does, and goes on with another one."""
    raw = engine.raw_connection()
    raw.cursor().execute(WRITE)
    behind: Any = raw.dbapi_connection
    behind.behind._held.close()

    with caplog.at_level("ERROR"):
        raw.close()

    assert not raw.is_valid
    assert held(base) == 0
    assert engine.execute(ASK) == [{"id": 1, "n": 0}]


def test_who_listens_to_strict_modes_pool_hears_ours(base: sa.Engine) -> None:
    """Before and after he listens it is the same connection."""
    heard: list[str] = []
    with CachingEngine(base, cache_db="") as engine:
        engine.execute(ASK)
        for name in ("checkout", "checkin", "reset"):
            event.listen(engine.pool, name, lambda *_, name=name: heard.append(name))
        with engine.connect() as connection:
            connection.execute(text(ASK)).all()

    assert heard[0] == "checkout"
    assert set(heard) == {"checkout", "checkin", "reset"}


def test_listeners_of_an_engine_are_heard_from_then_on(engine: CachingEngine, base: sa.Engine) -> None:
    """Whether they listen to it, to the wrapped one or to one with other options."""
    heard: list[str] = []
    other = engine.execution_options(isolation_level="AUTOCOMMIT")

    def listen(to: sa.Engine, name: str) -> None:
        event.listen(to, "before_cursor_execute", lambda *_: heard.append(name))

    for to, name in ((other, "other"), (base, "base"), (engine, "itself")):
        listen(to, name)
        for each in (engine, other):
            with each.connect() as connection:
                connection.execute(text(ASK)).all()
            heard.append("|")

    assert [sorted(part) for part in _parts(heard)] == [
        *([], ["other"]),
        *(["base"], ["base", "other"]),
        *(["base", "itself"], ["base", "itself", "other"]),
    ]


def _parts(heard: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for each in heard:
        if each == "|":
            parts.append([])
        else:
            parts[-1].append(each)
    return parts[:-1]


@pytest.mark.families("mariadb")
def test_a_statement_is_visible_at_once_when_autocommit_was_set_before_it(
    engine: CachingEngine, origin: Origin
) -> None:
    """Though the one before it, of the same text, waited for the transaction's end."""
    other = CachingEngine(origin.engine(), cache_db="")
    engine.warm("things")
    raw = engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute(WRITE)
    before = len(other.execute(ASK, sqlmem="bypass"))
    cursor.execute("SET autocommit = 1")
    cursor.execute(WRITE)
    seen = other.execute(ASK, sqlmem="bypass")
    raw.close()
    other.close()

    assert before == 1
    assert seen == [{"id": 1, "n": 2}]
    assert engine.execute(ASK) == seen


def test_what_passes_is_counted_exactly(engine: CachingEngine) -> None:
    """Also what is said again of a text."""
    for _ in range(7):
        with engine.begin() as connection:
            connection.execute(PASSED)

    assert engine.stats().passed == 7


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_old_name_of_the_connection_is_still_there(base: sa.Engine, mode: str) -> None:
    """With SQLAlchemy's warning: `raw_connection().connection` was the way in for years."""
    with CachingEngine(base, mode=mode) as engine:
        for each in (base, engine):
            connection: Any = each.raw_connection()
            with pytest.warns(SADeprecationWarning, match="connection .*is deprecated"):
                assert connection.connection is connection.dbapi_connection
            cursor = connection.dbapi_connection.cursor()
            cursor.execute(ASK)
            assert [tuple(row) for row in cursor.fetchall()] == [(1, 0)]
            connection.close()
