"""Invariant: the store stays within `max_memory`, what it lets go of is gone, and what it counts is true."""

from __future__ import annotations

import gc
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from support.clock import ManualClock
from support.counting import is_data
from support.origins import Origin
from support.sequencer import Sequencer

from sqlmem import CachingEngine, ReadOnlyError, UnsupportedQueryError
from sqlmem.model import Index, Outcome, TableName, TableSchema
from sqlmem.registry import Lease, Registry
from sqlmem.residency import Residency
from sqlmem.store import Generation, Store
from sqlmem.writing import Writer

KIB = 1024


def make(origin: Origin, *names: str, rows: int = 2_000, width: int = 100) -> None:
    """Tables of about rows × width bytes."""
    counted = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {min(rows, 900)})"
    padding = "x" * width
    for name in names:
        origin.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, a VARCHAR(16000))")
        origin.execute(f"INSERT INTO {name} {counted} SELECT i, '{padding}' FROM n")
        for start in range(900, rows, 900):
            more = min(900, rows - start)
            origin.execute(f"INSERT INTO {name} SELECT id + {start}, a FROM {name} WHERE id <= {more}")


def ask(engine: CachingEngine, table: str) -> Outcome:
    rows = engine.execute(f"SELECT id, a FROM {table}")
    return rows.status.outcome


def used(engine: CachingEngine) -> int:
    """Bytes of all copies, published or being made, by SQLite's own count."""
    core = engine._core
    return engine.stats().bytes + sum(core.residency._filling.values())


# -- the bound ---------------------------------------------------------------------------------


def test_least_recently_used_table_goes_first(origin: Origin, clock: ManualClock) -> None:
    """Of three tables that fit, a fourth replaces the one used longest ago."""
    make(origin, "one", "two", "three", "four")
    with CachingEngine(origin.engine(), max_memory=800 * KIB, clock=clock) as engine:
        for table in ("one", "two", "three", "one"):
            ask(engine, table)
            clock.advance(1)

        ask(engine, "four")

        outcomes = {table: ask_silently(engine, table) for table in ("one", "three", "four", "two")}
        assert outcomes == {"one": "hit", "three": "hit", "four": "hit", "two": "miss"}
        assert engine.stats().bytes <= 800 * KIB


def ask_silently(engine: CachingEngine, table: str) -> str:
    """What would happen, without letting it happen."""
    return str(engine.explain(f"SELECT id, a FROM {table}").outcome)


def test_bound_holds_after_every_statement(origin: Origin, clock: ManualClock) -> None:
    """Many tables in turn, of unequal size, widened on the way: the sum of all copies is in the bound."""
    bound = 600 * KIB
    for number in range(6):
        make(origin, f"t{number}", rows=200 * (number + 1), width=150)
    with CachingEngine(origin.engine(), max_memory=bound, clock=clock) as engine:
        for turn in range(24):
            table = f"t{turn * 5 % 6}"
            clock.advance(1)
            columns = ("id", "a", "id, a")[turn % 3]

            engine.execute(f"SELECT {columns} FROM {table}")

            assert engine.stats().bytes <= bound
            assert engine.stats().tables
        assert engine.stats().fills >= 6


def test_bound_holds_while_a_table_is_filled(origin: Origin) -> None:
    """Others make way during the fill; at each step the sum exceeds the bound by no more than a batch."""
    bound, batch = 3_000 * KIB, 4_000 * KIB // 3
    make(origin, "old", rows=3_000, width=500)
    make(origin, "new", rows=4_500, width=500)
    peaks = []
    with CachingEngine(origin.engine(), max_memory=bound) as engine:
        ask(engine, "old")
        before = engine.stats().bytes

        engine.warm("new", on_progress=lambda rows, expected: peaks.append(used(engine)))

        assert before > 1_000 * KIB
        assert len(peaks) >= 3
        assert max(peaks) <= bound + batch
        assert engine.stats().bytes <= bound
        assert engine.stats().tables[name_of(origin, "old")].rows == 0


def name_of(origin: Origin, table: str) -> str:
    schema = {"sqlite": "main", "postgresql": "public", "mariadb": origin.url.database}[origin.family]
    return f"{schema}.{table}"


def test_table_larger_than_the_bound_is_bypassed_and_the_others_stay(origin: Origin) -> None:
    """It is answered by the origin with that reason, and evicts nobody."""
    make(origin, "small", rows=300)
    make(origin, "large", rows=4_000, width=400)
    with CachingEngine(origin.engine(), max_memory=500 * KIB) as engine:
        ask(engine, "small")

        first = engine.execute("SELECT id, a FROM large")
        second = engine.execute("SELECT count(*) AS n FROM large WHERE id > 0")

        assert first.status.outcome is Outcome.BYPASS
        assert "max_memory" in str(first.status.reason)
        assert len(first) == 4_000
        assert second == [{"n": 4_000}]
        assert ask(engine, "small") is Outcome.HIT
        assert used(engine) <= 500 * KIB


def test_table_too_large_is_not_fetched_each_time(origin: Origin) -> None:
    """Learning that it doesn't fit costs the origin one broken-off fetch, not one for each statement."""
    make(origin, "large", rows=4_000, width=400)
    with CachingEngine(origin.engine(), max_memory=500 * KIB) as engine:
        engine.execute("SELECT id, a FROM large")

        with origin.expect(5):
            for number in range(5):
                engine.execute("SELECT id, a FROM large WHERE id = :id", {"id": number})


def test_table_that_shrank_is_cached_after_its_invalidation(origin: Origin) -> None:
    make(origin, "t", rows=4_000, width=400)
    with CachingEngine(origin.engine(), max_memory=500 * KIB) as engine:
        ask(engine, "t")
        origin.execute("DELETE FROM t WHERE id > 10")
        engine.invalidate("t")

        first, second = ask(engine, "t"), ask(engine, "t")

    assert (first, second) == (Outcome.MISS, Outcome.HIT)


def test_rows_of_a_megabyte_are_fetched_few_at_a_time(origin: Origin) -> None:
    """A batch is bounded in bytes as well as in rows: what is broken off was never much too large."""
    make(origin, "wide", rows=800, width=15_000)
    bound = 2_000 * KIB
    sizes: list[int] = []
    with CachingEngine(origin.engine(), max_memory=bound) as engine:
        make_room = engine._core.residency.make_room

        def watched(lease: Lease, size: int) -> bool:
            sizes.append(size)
            return make_room(lease, size)

        engine._core.residency.make_room = watched  # type: ignore[method-assign]

        rows = engine.execute("SELECT id, a FROM wide")

    assert rows.status.outcome is Outcome.BYPASS
    assert len(rows) == 800
    if sizes:  # otherwise the origin's statistics told before
        assert max(sizes) <= bound + 5_000 * KIB


def test_bound_holds_under_concurrent_fills(origin: Origin, sequence: Sequencer) -> None:
    """Fills that don't fit side by side: some are the origin's, none is wrong, the sum stays in the bound."""
    bound = 1_000 * KIB
    names = [f"t{number}" for number in range(6)]
    make(origin, *names, rows=3_000, width=150)
    base = origin.engine()
    barrier = threading.Barrier(len(names))
    arriving = iter(names)
    peaks: list[int] = []
    with CachingEngine(base, max_memory=bound) as engine:
        for name in names:
            engine.explain(f"SELECT id, a FROM {name}")
        residency = engine._core.residency

        @event.listens_for(base, "after_cursor_execute")
        def fetched(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if is_data(statement) and next(arriving, None) is not None:
                barrier.wait(30)

        make_room = residency.make_room

        def watched(lease: Lease, size: int) -> bool:
            is_granted = make_room(lease, size)
            if is_granted:
                peaks.append(sum(list(residency._filling.values())))
            return is_granted

        residency.make_room = watched  # type: ignore[method-assign]
        tasks = [sequence.spawn(engine.execute, f"SELECT id, a FROM {name}") for name in names]
        answers = [task.result() for task in tasks]

        assert all(len(rows) == 3_000 for rows in answers)
        # One that asks for too much is still counted until it has ended, hence a batch of each.
        assert max(peaks) <= bound + len(names) * 400 * KIB
        assert engine.stats().bytes <= bound
        assert not residency._filling
        for name in names:
            assert len(engine.execute(f"SELECT id, a FROM {name}")) == 3_000
            assert engine.stats().bytes <= bound


# -- the bound, without an origin --------------------------------------------------------------


def published(registry: Registry, store: Store, name: str, rows: int, clock: ManualClock) -> Generation:
    """A table of `rows` kibibytes in the store, as a fill would have left it."""
    lease = leased(registry, name)
    writer = Writer(store, lease.table.name, [("a", "")], None)
    writer.insert(["x" * 1_000] * rows)
    generation = writer.seal({}, (), clock.monotonic())
    is_published, replaced = registry.publish(lease, generation)
    assert is_published
    if replaced is not None:
        store.retire(replaced)
    return generation


def leased(registry: Registry, name: str) -> Lease:
    state = registry.define((None, name), TableSchema(TableName(None, name), ()))
    assert state is not None
    lease = registry.lease(state, ("a",), version=state.version)
    assert isinstance(lease, Lease)
    return lease


def test_fills_of_one_table_at_two_epochs_count_both(clock: ManualClock) -> None:
    """After an invalidation two fetches of a table may run: the end of one doesn't hide the other."""
    store, registry = Store(), Registry(clock, lambda name: None)
    residency = Residency(store, registry, 1_000)
    old = leased(registry, "t")
    assert residency.make_room(old, 600)
    registry.invalidate(None)
    new = leased(registry, "t")

    assert residency.make_room(new, 400)
    assert not residency.make_room(new, 401)
    residency.end(new)
    other = leased(registry, "other")
    assert not residency.make_room(other, 401)
    residency.end(other)
    residency.end(old)
    assert residency.make_room(leased(registry, "last"), 1_000)


def test_own_old_copy_is_given_up_last(clock: ManualClock) -> None:
    """A refill evicts the others before the copy that readers of this table still use."""
    store, registry = Store(), Registry(clock, lambda name: None)
    mine = published(registry, store, "mine", 100, clock)
    clock.advance(1)
    other = published(registry, store, "other", 100, clock)
    residency = Residency(store, registry, mine.bytes + other.bytes)
    state = registry.resolve((None, "mine"))
    assert state is not None
    refill = registry.lease(state, ("a",), version=state.version)
    assert isinstance(refill, Lease)

    residency.make_room(refill, 1)
    after_little = mine.is_retired, other.is_retired
    residency.make_room(refill, mine.bytes + other.bytes)

    assert after_little == (False, True)
    assert mine.is_retired


# -- what is let go of is gone -----------------------------------------------------------------


@pytest.fixture
def table(origin: Origin) -> Origin:
    make(origin, "t", rows=500)
    return origin


@pytest.fixture
def engine(table: Origin) -> Iterator[CachingEngine]:
    with CachingEngine(table.engine()) as engine:
        yield engine


def open_connections(engine: CachingEngine) -> int:
    return len(engine._core.store._open)


def generation_of(engine: CachingEngine) -> Generation:
    (generation,) = (state.generation for state in engine._core.registry.states() if state.generation)
    return generation


def is_closed(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return True
    return False


def test_retired_copies_have_no_open_connection(engine: CachingEngine, sequence: Sequencer) -> None:
    """Invalidated again and again by many readers' side: one copy at most has connections."""
    retired = []
    for _ in range(10):
        ask(engine, "t")
        generation = generation_of(engine)
        tasks = [sequence.spawn(ask, engine, "t") for _ in range(4)]
        assert [task.result() for task in tasks] == [Outcome.HIT] * 4

        engine.invalidate("t")

        retired.append(generation)
        assert open_connections(engine) == 0
    assert all(generation.is_retired and is_closed(generation.anchor) for generation in retired)
    assert engine._core.store._lanes == {}


def test_memory_of_a_retired_copy_is_given_back(engine: CachingEngine) -> None:
    """A copy that was replaced can't be opened any more: its name is a new and empty database."""
    ask(engine, "t")
    generation = generation_of(engine)
    engine.invalidate("t")

    connection = sqlite3.connect(generation.uri, uri=True)
    try:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    finally:
        connection.close()

    assert tables == (0,)


def test_reader_in_the_middle_of_a_query_finishes_it(
    engine: CachingEngine, table: Origin, sequence: Sequencer
) -> None:
    """A copy retired under a reader is read to its end, and closed by that reader."""
    ask(engine, "t")
    generation = generation_of(engine)
    store = engine._core.store
    lent = threading.local()

    def stop(value: int) -> int:
        if value == 250:
            sequence.reach("reading")
            sequence.wait("go")
        return value

    def read() -> list[Any]:
        lane = store.lane((generation,))
        reader = store.acquire(lane)
        connection = reader.connection
        connection.create_function("stop", 1, stop)
        lane.idle.append(reader)
        lent.connection = connection
        return store.query((generation,), 'SELECT stop("id") FROM data ORDER BY "id"', ())

    reader = sequence.spawn(read)
    sequence.wait("reading")
    table.execute("DELETE FROM t WHERE id > 10")
    engine.invalidate("t")
    others = engine.execute("SELECT count(*) AS n FROM t")
    sequence.reach("go")

    rows = reader.result()

    assert len(rows) == 500
    assert others == [{"n": 10}]
    assert open_connections(engine) == len(
        [state for state in engine._core.registry.states() if state.generation]
    )
    assert not any(generation.serial in key for key in store._lanes)


def test_closed_engine_keeps_no_copy(engine: CachingEngine) -> None:
    ask(engine, "t")
    generation = generation_of(engine)

    engine.close()
    engine.close()

    assert is_closed(generation.anchor)
    assert open_connections(engine) == 0


def test_discarded_fill_leaves_nothing_behind(
    table: Origin, sequence: Sequencer, recwarn: pytest.WarningsRecorder
) -> None:
    """A fill that an invalidation overtook, after its statement was answered."""
    base = table.engine()
    with CachingEngine(base) as engine:
        held = [True]

        @event.listens_for(base, "after_cursor_execute")
        def fetched(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if is_data(statement) and held:
                held.clear()
                sequence.reach("fetched")
                sequence.wait("go")

        reader = sequence.spawn(ask, engine, "t")
        sequence.wait("fetched")
        engine.invalidate("t")
        sequence.reach("go")
        reader.result()

        assert open_connections(engine) == 0
        assert engine.stats().rows == 0
        assert not engine._core.residency._filling
    gc.collect()


# -- counters ----------------------------------------------------------------------------------


def test_counters_are_exact_under_threads(engine: CachingEngine, sequence: Sequencer) -> None:
    """hits + misses + bypasses + rejected is the number of statements, and each is what its status said."""
    random = {"mysql": "rand()", "mariadb": "rand()"}.get(engine.dialect.name, "random()")
    statements = [
        "SELECT id FROM t WHERE id = 5",
        "SELECT a FROM t WHERE id = 6",
        "SELECT count(*) AS n FROM t",
        f"SELECT {random} AS r FROM t WHERE id = 1",
        "SELECT * FROM t",
        "DELETE FROM t",
        "SELECT max(id) AS m FROM t",
    ]

    def work(number: int) -> Counter[str]:
        seen: Counter[str] = Counter()
        for step in range(210):
            statement = statements[(number + step) % len(statements)]
            try:
                if step % 2:
                    outcome = engine.execute(statement).status.outcome
                else:
                    with engine.connect() as connection:
                        connection.execute(text(statement)).all()
                    continue
            except (ReadOnlyError, UnsupportedQueryError):
                outcome = Outcome.REJECTED
            seen[outcome] += 1
            if number == 0 and step % 50 == 0:
                engine.invalidate("t")
        return seen

    tasks = [sequence.spawn(work, number) for number in range(8)]
    for task in tasks:
        task.result()
    stats = engine.stats()

    assert stats.hits + stats.misses + stats.bypasses + stats.rejected == 8 * 210
    assert stats.rejected == 8 * 210 * 2 // 7
    assert stats.bypasses == sum(stats.bypass_reasons.values()) >= 8 * 210 // 7
    assert stats.misses >= stats.fills > 0
    assert stats.hits == sum(table.hits for table in stats.tables.values())
    assert stats.hit_ratio == stats.hits / (stats.hits + stats.misses + stats.bypasses)


def test_each_outcome_is_counted_once(engine: CachingEngine, table: Origin) -> None:
    """By every way in: execute, its short way, Core, a raw cursor."""
    engine.execute("SELECT id FROM t")
    for _ in range(3):
        engine.execute("SELECT id FROM t")
    with engine.connect() as connection:
        connection.execute(text("SELECT id FROM t")).all()
        connection.exec_driver_sql("SELECT a FROM t").all()
    raw = engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute("SELECT a FROM t")
    cursor.close()
    raw.close()
    with pytest.raises(UnsupportedQueryError):
        engine.execute("SELECT * FROM t")

    stats = engine.stats()

    assert (stats.hits, stats.misses, stats.bypasses, stats.rejected, stats.fills) == (5, 2, 0, 1, 2)
    assert stats.tables[name_of(table, "t")].hits == 5


def test_statement_that_fails_is_counted(engine: CachingEngine, table: Origin) -> None:
    """Also those that raised: an error of the origin, and a fill that couldn't be."""
    with pytest.raises(sa.exc.DBAPIError):
        engine.execute("SELECT missing FROM t")
    engine.explain("SELECT id FROM t")
    with table.down(), pytest.raises(sa.exc.DBAPIError):
        engine.execute("SELECT id FROM t")
    with pytest.raises(ReadOnlyError), engine.connect() as connection:
        connection.execute(text("DELETE FROM t WHERE id = :id"), [{"id": 1}, {"id": 2}])

    stats = engine.stats()

    assert stats.hits + stats.misses + stats.bypasses + stats.rejected == 3


def test_index_is_mirrored_where_its_columns_are(engine: CachingEngine, table: Origin) -> None:
    """What is an index look-up at the origin is one here."""
    table.execute(
        "CREATE INDEX by_a ON t (a)" if table.family != "mariadb" else "CREATE INDEX by_a ON t (a(10))"
    )
    engine.execute("SELECT id FROM t")
    without = generation_of(engine).indexes
    engine.execute("SELECT a FROM t")

    indexes = generation_of(engine).indexes

    assert [index.columns for index in without] == [("id",)]
    assert Index(("id",), is_primary_key=True, is_unique=True) in indexes
    assert ("a",) in {index.columns for index in indexes}
