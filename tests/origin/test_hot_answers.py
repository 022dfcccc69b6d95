"""Invariant: an answer that is asked for again and again is the store's own, each time a new one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from support import exact
from support.clock import ManualClock
from support.origins import Origin

from sqlmem import CachingEngine, shortcuts
from sqlmem.model import Outcome

ASK = "SELECT id, name FROM items WHERE id = :id"


@pytest.fixture
def items(origin: Origin) -> Origin:
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20), price NUMERIC(10, 2))",
        "INSERT INTO items VALUES (1, 'one', 1.50), (2, 'two', 2.50), (3, NULL, NULL)",
    )
    return origin


@pytest.fixture
def engine(items: Origin) -> Iterator[CachingEngine]:
    with CachingEngine(items.engine()) as engine:
        yield engine


def hot(engine: CachingEngine, statement: str = ASK) -> dict[Any, Any]:
    return engine._core.shortcuts[statement]._hot


def same(rows: Any, expected: Any) -> bool:
    return exact.same(list(rows), list(expected))


def test_what_is_asked_again_is_copied(items: Origin, engine: CachingEngine) -> None:
    """The counters are exact, the rows are the caller's own."""
    expected = [{"id": 1, "name": "one"}]
    engine.execute(ASK, {"id": 1})
    with items.expect_silence():
        for _ in range(10):
            rows = engine.execute(ASK, {"id": 1})
            assert same(rows, expected)
            assert rows.status.outcome is Outcome.HIT
            assert rows.status.tables == engine.execute(ASK, {"id": 2}).status.tables
            rows[0]["name"] = "changed"
            rows.append({})
    assert len(hot(engine)) == 2
    assert engine.stats().hits == 20
    assert engine.stats().misses == 1
    (table,) = [stats for name, stats in engine.stats().tables.items() if name.endswith("items")]
    assert table.hits == 20


def test_an_invalidation_ends_it(items: Origin, engine: CachingEngine) -> None:
    """At once, and a widening too: it is another generation."""
    for _ in range(4):
        engine.execute(ASK, {"id": 1})
    assert hot(engine)
    items.execute("UPDATE items SET name = 'new' WHERE id = 1")
    engine.invalidate("items")
    assert same(engine.execute(ASK, {"id": 1}), [{"id": 1, "name": "new"}])
    for _ in range(3):
        engine.execute(ASK, {"id": 1})
    items.execute("UPDATE items SET name = 'newer' WHERE id = 1")
    engine.execute("SELECT id, price FROM items")
    assert same(engine.execute(ASK, {"id": 1}), [{"id": 1, "name": "newer"}])


def test_a_ttl_ends_it(items: Origin, clock: ManualClock) -> None:
    """Its age is the rows', not its own."""
    with CachingEngine(items.engine(), ttl=10, clock=clock) as engine:
        for _ in range(4):
            engine.execute(ASK, {"id": 1})
        clock.advance(9)
        assert engine.execute(ASK, {"id": 1}).status.age == 9.0
        items.execute("UPDATE items SET name = 'new' WHERE id = 1")
        clock.advance(2)
        assert same(engine.execute(ASK, {"id": 1}), [{"id": 1, "name": "new"}])


@pytest.mark.families("sqlite")
def test_a_parameters_type_tells_it_from_an_equal_one(items: Origin) -> None:
    """1, 1.0 and True are equal, and other answers; 0.0 and -0.0 are never kept here."""
    ask = "SELECT id, :x AS x FROM items WHERE id = 1"
    base = items.engine()
    with CachingEngine(base) as engine:
        for value in (1, 1.0, True, 1, 1.0, True, 0.0, -0.0, 0.0, -0.0, 1, True):
            with base.connect() as connection:
                expected = [dict(row._mapping) for row in connection.execute(sa.text(ask), {"x": value})]
            for _ in range(3):
                assert same(engine.execute(ask, {"x": value}), expected)


@pytest.mark.families("postgresql")
def test_values_that_could_be_changed_arent_copied(items: Origin) -> None:
    """JSON is made anew each time."""
    items.execute("ALTER TABLE items ADD COLUMN body jsonb DEFAULT '{\"a\": [1]}'")
    with CachingEngine(items.engine()) as engine:
        for _ in range(5):
            rows = engine.execute("SELECT body FROM items WHERE id = :id", {"id": 1})
            assert rows == [{"body": {"a": [1]}}]
            rows[0]["body"]["a"].append(2)


@pytest.mark.families("postgresql")
def test_a_list_is_no_key(engine: CachingEngine) -> None:
    """Whoever is given one may change it: its answers aren't kept here."""
    ask = "SELECT id FROM items WHERE id = ANY(:ids) ORDER BY id"
    ids = [1, 2]
    for _ in range(4):
        assert engine.execute(ask, {"ids": ids}) == [{"id": each} for each in ids]
    ids.append(3)
    assert len(engine.execute(ask, {"ids": ids})) == 3


def test_it_is_bounded(engine: CachingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """In parameters, and in rows of one answer."""
    monkeypatch.setattr(shortcuts, "_MOST_HOT", 3)
    monkeypatch.setattr(shortcuts, "_MOST_MET", 8)
    for number in range(40):
        for _ in range(3):
            engine.execute(ASK, {"id": number})
        assert len(hot(engine)) <= 3
    monkeypatch.setattr(shortcuts, "_MOST_ROWS", 2)
    everything = "SELECT id, name FROM items"
    for _ in range(4):
        engine.execute(everything)
    assert not hot(engine, everything)


def test_verified_hits_are_asked_of_the_store(items: Origin) -> None:
    """Live verification sees each of them."""
    with CachingEngine(items.engine(), verify=1.0) as engine:
        for _ in range(6):
            engine.execute(ASK, {"id": 1})
        assert engine.stats().verification.sampled == 5


# -- turns -------------------------------------------------------------------------------------


def test_threads_that_take_turns_get_their_own_answers(engine: CachingEngine) -> None:
    """By both of the ways whose short statements take turns, and while the table is read anew."""
    for _ in range(3):
        engine.execute(ASK, {"id": 1})
    expected = {1: (1, "one"), 2: (2, "two"), 3: (3, None)}
    barrier = threading.Barrier(8)
    statement = sa.text(ASK)

    def work(number: int) -> None:
        barrier.wait()
        for turn in range(2_000):
            key = (number + turn) % 3 + 1
            if number % 2:
                rows = [tuple(row.values()) for row in engine.execute(ASK, {"id": key})]
            else:
                with engine.connect() as connection:
                    rows = [tuple(row) for row in connection.execute(statement, {"id": key})]
            assert same(rows, [expected[key]])
            if number == 0 and turn % 500 == 250:
                engine.invalidate("items")

    with ThreadPoolExecutor(8) as threads:
        for future in [threads.submit(work, number) for number in range(8)]:
            future.result()


def test_an_error_of_the_store_leaves_the_turn_as_it_is(engine: CachingEngine) -> None:
    """Nothing is held."""
    for _ in range(3):
        engine.execute(ASK, {"id": 1})
    for lane in engine._core.store._lanes.values():
        for reader in lane.idle:
            reader.connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
    assert engine.execute(ASK, {"id": 3}).status.outcome is not Outcome.HIT
    assert not engine._core.store.turns._waiting
