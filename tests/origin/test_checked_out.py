"""Invariant: what was checked out of the wrapped engine's pool in fewer steps is SQLAlchemy's own wrapper to
whoever could tell: the pool, its events, a Connection over it.
"""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.pool.base import _ConnectionFairy
from support.origins import Origin

from sqlmem import CachingEngine
from sqlmem.checked_out import CheckedOut, check_out

WRITE = "UPDATE t SET n = n + 1"
ASK = "SELECT n FROM t"
EVENTS = ("checkin", "close", "close_detached", "connect", "detach", "invalidate", "reset", "soft_invalidate")


@pytest.fixture
def table(origin: Origin) -> Origin:
    origin.execute("CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (0)")
    return origin


@pytest.fixture
def engine_of(table: Origin) -> Iterator[Callable[..., sa.Engine]]:
    """Engines that nobody listens to."""
    made = []

    def make(**options: Any) -> sa.Engine:
        made.append(sa.create_engine(table.url, **options))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def run(connection: Any, statement: str = WRITE) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute(statement)
    rows = list(cursor.fetchall()) if cursor.description is not None else []
    cursor.close()
    return rows


def in_use(engine: sa.Engine) -> int:
    owner: Any = engine.pool
    return int(owner.checkedout())


# What is done with one, and whether it is the pool's afterwards.


def closed(connection: Any) -> None:
    run(connection)
    connection.close()
    connection.close()


def closed_after_its_end(connection: Any) -> None:
    run(connection)
    connection.rollback()
    connection._close_special(transaction_reset=True)


def forgotten(connection: Any) -> None:
    run(connection)


def invalidated(connection: Any) -> None:
    run(connection)
    connection.invalidate()


def invalidated_softly(connection: Any) -> None:
    run(connection)
    connection.invalidate(soft=True)
    connection.close()


def detached(connection: Any) -> None:
    connection.info["mine"] = 1
    connection.detach()
    assert connection.is_detached
    assert connection.info == {"mine": 1}
    run(connection)
    connection.close()


def lost(connection: Any) -> None:
    run(connection)
    connection.dbapi_connection.close()
    connection.close()
    assert not connection.is_valid


WORKS = (closed, closed_after_its_end, forgotten, invalidated, invalidated_softly, detached, lost)
# A pool that resets nothing doesn't notice that one was lost.
CASES = [
    (work, reset) for work in WORKS for reset in ("rollback", "commit", None) if (work, reset) != (lost, None)
]


@pytest.mark.parametrize(("work", "reset"), CASES)
def test_what_is_done_with_it_the_pool_is_told(
    engine_of: Callable[..., sa.Engine],
    table: Origin,
    caplog: pytest.LogCaptureFixture,
    work: Callable[[Any], None],
    reset: str | None,
) -> None:
    """The same events in the same order, the same rows, and the same connection or another one afterwards."""
    seen = []
    with caplog.at_level(logging.ERROR):
        for take in (lambda engine: engine.raw_connection(), check_out):
            table.execute("UPDATE t SET n = 0")
            caplog.clear()
            engine = engine_of(pool_size=1, max_overflow=0, pool_reset_on_return=reset)
            heard = hear(engine)
            first = take(engine)
            driver = first.dbapi_connection
            assert in_use(engine) == 1
            work(first)
            del first
            gc.collect()
            counted = in_use(engine)
            with contextlib.closing(take(engine)) as second:
                is_same = second.dbapi_connection is driver
                rows = run(second, ASK)
            logged = [record.getMessage().split("<")[0] for record in caplog.records]
            seen.append((heard, counted, is_same, rows, logged))
            engine.dispose()

    assert seen[0] == seen[1]
    assert seen[1][1] == 0


def hear(engine: sa.Engine) -> list[Any]:
    heard: list[Any] = []
    for name in EVENTS:
        event.listen(engine, name, lambda *given, name=name: heard.append((name, _told(given))))
    return heard


def _told(given: tuple[Any, ...]) -> Any:
    """Whether it is in use; of a reset, what is said of it; of an invalidation, with what error."""
    last = given[-1]
    told: list[Any] = [each.in_use for each in given if hasattr(each, "in_use")]
    if hasattr(last, "terminate_only"):
        told += [last.transaction_was_reset, last.terminate_only, last.asyncio_safe]
    return [*told, type(last).__name__ if isinstance(last, BaseException) else None]


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_the_pools_own_wrapper_is_not_made(
    engine_of: Callable[..., sa.Engine], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = engine_of(poolclass=sa.QueuePool)

    def unexpected(*_: Any) -> NoReturn:
        raise AssertionError("it was made")

    with CachingEngine(base, cache_db="", mode=mode) as engine:
        engine.execute(ASK)
        monkeypatch.setattr(_ConnectionFairy, "__init__", unexpected)
        with engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT n FROM t WHERE CURRENT_TIMESTAMP > '2020-01-01'")).all()
            if mode == "transparent":
                connection.execute(sa.text(WRITE))
                connection.commit()

    assert rows == [(0,)]
    assert in_use(base) == 0


class Another(sa.QueuePool):
    """Somebody's own."""


UNLIKE: dict[str, dict[str, Any]] = {
    "pinged": {"poolclass": sa.QueuePool, "pool_pre_ping": True},
    "logged": {"poolclass": sa.QueuePool, "echo_pool": "debug"},
    "one for all": {"poolclass": sa.StaticPool},
    "somebody's": {"poolclass": Another},
    "asserting": {"poolclass": sa.AssertionPool},
}


@pytest.mark.parametrize("name", UNLIKE)
def test_where_somebody_could_tell_it_is_the_pools_own(
    engine_of: Callable[..., sa.Engine], name: str
) -> None:
    with contextlib.closing(check_out(engine_of(**UNLIKE[name]))) as connection:
        assert type(connection) is _ConnectionFairy
        run(connection)


def test_who_listens_for_check_outs_hears_them(engine_of: Callable[..., sa.Engine]) -> None:
    """Also who begins in between: to the engine, or to all pools."""
    engine = engine_of(poolclass=sa.QueuePool)
    heard: list[str] = []

    def on_checkout(*_: Any) -> None:
        heard.append("checkout")

    check_out(engine).close()
    event.listen(sa.Pool, "checkout", on_checkout)
    try:
        check_out(engine).close()
    finally:
        event.remove(sa.Pool, "checkout", on_checkout)
    is_quick = isinstance(check_out(engine), CheckedOut)
    event.listen(engine, "checkout", on_checkout)
    check_out(engine).close()

    assert heard == ["checkout", "checkout"]
    assert is_quick


@pytest.mark.parametrize("poolclass", [sa.QueuePool, sa.NullPool])
def test_a_connection_that_cant_be_made_leaves_the_pool_as_it_was(
    table: Origin, poolclass: type[sa.Pool]
) -> None:
    """The driver's own error, at each attempt; and when the origin is back, a connection."""
    options = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0} if poolclass is sa.QueuePool else {}
    engine = table.engine(poolclass=poolclass, **options)
    dialect: Any = engine.dialect
    check_out(engine).invalidate()
    with table.down():
        for _ in range(3):
            with pytest.raises(dialect.loaded_dbapi.OperationalError):
                check_out(engine)

    with contextlib.closing(check_out(engine)) as connection:
        assert run(connection, ASK) == [(0,)] or run(connection, ASK) == [[0]]


def test_a_pool_without_one_to_spare_says_so(engine_of: Callable[..., sa.Engine]) -> None:
    engine = engine_of(poolclass=sa.QueuePool, pool_size=1, max_overflow=0, pool_timeout=0)
    with contextlib.closing(check_out(engine)), pytest.raises(sa.exc.TimeoutError, match="limit of size 1"):
        check_out(engine)


def test_what_was_checked_out_goes_back_to_its_pool_when_the_engine_has_another_one(
    engine_of: Callable[..., sa.Engine],
) -> None:
    """As SQLAlchemy's own; its place in the new one is another connection's."""
    seen = []
    for take in (lambda engine: engine.raw_connection(), check_out):
        engine = engine_of(poolclass=sa.QueuePool, pool_size=1, max_overflow=0, pool_timeout=0)
        before: Any = engine.pool
        connection = take(engine)
        run(connection)
        engine.dispose()
        connection.close()
        with contextlib.closing(take(engine)) as other:
            seen.append((before.status(), in_use(engine), [tuple(row) for row in run(other, ASK)]))
        before.dispose()

    assert seen[0] == seen[1]
    assert seen[1][1:] == (1, [(0,)])


def test_what_a_listener_has_given_back_is_not_used_any_more(origin: Origin) -> None:
    """A watchdog closes what was checked out for long: another one has the driver's connection then."""
    origin.execute("CREATE TABLE watched (id INTEGER PRIMARY KEY)")
    base = origin.engine(pool_size=1, max_overflow=0)
    seen: list[PoolProxiedConnection] = []
    event.listen(base, "checkout", lambda _, __, proxy: seen.append(proxy))
    insert = "INSERT INTO watched (id) VALUES ({})"
    with (
        CachingEngine(base, mode="transparent", cache_db="") as engine,
        engine.connect() as late,
        engine.connect() as other,
    ):
        late.execute(sa.text(insert.format(1)))
        seen[-1].close()
        other.execute(sa.text(insert.format(2)))

        with pytest.raises(ResourceClosedError):
            late.execute(sa.text(insert.format(3)))
        with pytest.raises(ResourceClosedError):
            late.commit()
        late.rollback()
        other.commit()

    with origin.engine().connect() as connection:
        assert connection.execute(sa.text("SELECT id FROM watched")).scalars().all() == [2]
