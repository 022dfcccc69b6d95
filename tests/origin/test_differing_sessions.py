"""Invariant: what is read for all is never read over a pooled connection whose session differs.

Such a session has a temporary table under the name of one of everybody's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text
from support.origins import Origin

from sqlmem import CachingEngine, UnsupportedQueryError, last_status
from sqlmem.model import Outcome

ASK = "SELECT id, version FROM items ORDER BY id"
ASK_BOTH = "SELECT i.id, i.version, t.name FROM items i JOIN tags t ON t.id = i.id ORDER BY i.id"
# The origin's to answer: from here on the connection is held.
HOLD = text("SELECT CURRENT_TIMESTAMP")
DIFFER = "CREATE TEMPORARY TABLE items AS SELECT 7 AS id, 7 AS version"
DIFFERS = "the pool's connection has a session that differs"

Found = tuple[list[Any], Outcome, str | None]


@pytest.fixture
def items(origin: Origin) -> Origin:
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)",
        "CREATE TABLE tags (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO items VALUES (1, 0), (2, 0)",
        "INSERT INTO tags VALUES (1, 'red')",
    )
    return origin


@pytest.fixture
def engine_on() -> Iterator[Callable[..., CachingEngine]]:
    with ExitStack() as stack:

        def make(base: sa.Engine, **options: Any) -> CachingEngine:
            return stack.enter_context(CachingEngine(base, **{"mode": "transparent", **options}))

        yield make


def pool_of(origin: Origin, size: int) -> sa.Engine:
    return origin.engine(pool_size=size, max_overflow=0, poolclass=sa.QueuePool)


def within(connection: sa.Connection, statement: str = ASK) -> Found:
    rows = connection.execute(text(statement)).all()
    status = last_status()
    assert status is not None
    return [tuple(row) for row in rows], status.outcome, status.reason


def ask(engine: CachingEngine, statement: str = ASK) -> Found:
    with engine.connect() as connection:
        return within(connection, statement)


def leave(engine: CachingEngine, *, differing: int, others: int) -> None:
    """Put so many connections back into the pool: those that differ are given first."""
    connections = [engine.connect() for _ in range(differing + others)]
    for connection in connections:
        connection.execute(HOLD)
    for connection in connections[:differing]:
        connection.exec_driver_sql(DIFFER)
        connection.commit()
    for connection in connections:
        connection.close()


ALL = [(1, 0), (2, 0)]


@pytest.mark.parametrize("is_known", [True, False])
def test_another_connection_is_taken_for_it(
    items: Origin, engine_on: Callable[..., CachingEngine], *, is_known: bool
) -> None:
    """For the definition and for the fill; nobody waits, and whoever differs keeps what it has."""
    engine = engine_on(pool_of(items, 4))
    if is_known:
        engine.explain(ASK)
    with engine.connect() as plain:
        plain.execute(HOLD)
        leave(engine, differing=2, others=1)
        filled = within(plain)
        after = within(plain)
        own = [ask(engine)[:2] for _ in range(3)]

    assert filled[:2] == (ALL, Outcome.MISS)
    assert after[:2] == (ALL, Outcome.HIT)
    assert sorted(own) == [(ALL, Outcome.HIT), *[([(7, 7)], Outcome.BYPASS)] * 2]


def test_where_all_differ_the_origin_answers_until_one_does_not(
    items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    """The program's connection is as others, and is answered over itself."""
    engine = engine_on(pool_of(items, 4))
    engine.explain(ASK)
    with engine.connect() as plain:
        plain.execute(HOLD)
        leave(engine, differing=3, others=0)
        by_origin = within(plain)
        missing = engine._core.registry.states()[0].generation
        engine.dispose()
        filled = within(plain)
        plain.invalidate()  # nobody closes what goes back to a pool that was replaced

    assert by_origin == (ALL, Outcome.BYPASS, DIFFERS)
    assert missing is None
    assert filled[:2] == (ALL, Outcome.MISS)
    assert ask(engine) == (ALL, Outcome.HIT, None)


def test_a_definition_that_can_be_read_by_none_is_read_later(
    items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    """Until then it is a bypass, and explained as one; warming says why not."""
    engine = engine_on(pool_of(items, 3))
    with engine.connect() as plain:
        plain.execute(HOLD)
        leave(engine, differing=2, others=0)
        by_origin = within(plain)
        explained = engine.explain(ASK)
        with pytest.raises(UnsupportedQueryError, match=DIFFERS):
            engine.warm("items")
        engine.dispose()
        after = within(plain)
        plain.invalidate()  # nobody closes what goes back to a pool that was replaced

    assert by_origin == (ALL, Outcome.BYPASS, DIFFERS)
    assert (explained.outcome, explained.reasons) == (Outcome.BYPASS, (DIFFERS,))
    assert after[:2] == (ALL, Outcome.MISS)


def test_tables_are_filled_together_over_none_that_differs(
    items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    engine = engine_on(pool_of(items, 5), consistency="snapshot")
    with engine.connect() as plain:
        plain.execute(HOLD)
        leave(engine, differing=1, others=0)
        by_origin = within(plain, ASK_BOTH)
        leave(engine, differing=0, others=3)
        found = [within(plain, ASK_BOTH) for _ in range(3)]

    assert by_origin[:2] == ([(1, 0, "red")], Outcome.BYPASS)
    assert {tuple(rows) for rows, _, _ in found} == {((1, 0, "red"),)}
    assert found[-1][1] is Outcome.HIT


def test_verification_passes_over_what_differs(
    items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    """A hit that is right isn't found wrong."""
    engine = engine_on(pool_of(items, 4), verify=1.0)
    with engine.connect() as plain:
        plain.execute(HOLD)
        within(plain)
        leave(engine, differing=3, others=0)
        within(plain)
        assert engine._core.live.drain()  # type: ignore[union-attr]
        again = within(plain)

    assert again == (ALL, Outcome.HIT, None)


def test_a_strict_engine_over_the_same_pool_fills_over_none_that_differs(
    items: Origin, engine_on: Callable[..., CachingEngine]
) -> None:
    """It shares the marks with the pool."""
    base = pool_of(items, 3)
    transparent, strict = engine_on(base), engine_on(base, mode="strict")
    leave(transparent, differing=1, others=1)
    first = [strict.execute(ASK) for _ in range(2)]

    assert [tuple(row.values()) for row in first[-1]] == ALL
    assert first[-1].status.outcome is Outcome.HIT
