"""Invariant: no statement that begins after `invalidate` returned is answered with rows read before.

Threads are ordered by steps. Where a fill must stand still, a listener of the wrapped engine's
`after_cursor_execute` holds it: the origin has answered then, and what was read is old from now on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
import sqlalchemy.orm
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from support.clock import ManualClock
from support.counting import is_data
from support.exact import same
from support.origins import Origin
from support.sequencer import DEADLINE_SECONDS, Sequencer

from sqlmem import CachingEngine, filling, last_status
from sqlmem.model import Outcome

ASK = "SELECT id, version FROM items ORDER BY id"
OLD = [{"id": 1, "version": 0}, {"id": 2, "version": 0}]
NEW = [{"id": 1, "version": 1}, {"id": 2, "version": 1}]


@pytest.fixture
def items(origin: Origin) -> Origin:
    """An origin with the table `items`, both rows of version 0."""
    if origin.family == "sqlite":
        # A writer goes on while a fill stands still, as on the servers.
        origin.execute("PRAGMA journal_mode=WAL")
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER, label VARCHAR(20))",
        "INSERT INTO items VALUES (1, 0, 'one'), (2, 0, 'two')",
    )
    return origin


@pytest.fixture
def base(items: Origin) -> sa.Engine:
    return items.engine()


@pytest.fixture
def engine(base: sa.Engine) -> Iterator[CachingEngine]:
    with CachingEngine(base) as engine:
        yield engine


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released once for each thread that waits for another's fill: no event tells it."""
    joined = threading.Semaphore(0)
    wait = filling.wait

    def telling(subscribe: Callable[[Callable[[], None]], None], **keywords: Any) -> None:
        def subscribe_and_tell(callback: Callable[[], None]) -> None:
            subscribe(callback)
            joined.release()

        wait(subscribe_and_tell, **keywords)

    monkeypatch.setattr(filling, "wait", telling)
    return joined


def write(origin: Origin, version: int) -> None:
    origin.execute(f"UPDATE items SET version = {version}")


def on_fetch(base: sa.Engine, act: Callable[[], None], *, table: str = "items", times: int = 1) -> None:
    """Call back in the fetching thread, when the origin has executed the first fetches of a table."""
    left = iter(range(times))

    @event.listens_for(base, "after_cursor_execute")
    def fetched(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if is_data(statement) and table in statement and next(left, None) is not None:
            act()


def hold_first_fetch(base: sa.Engine, sequence: Sequencer, *, table: str = "items") -> None:
    """The first fetch reaches "fetched", and stands still until "go"."""

    def act() -> None:
        sequence.reach("fetched")
        sequence.wait("go")

    on_fetch(base, act, table=table)


def meet(joined: threading.Semaphore, count: int) -> None:
    for _ in range(count):
        assert joined.acquire(timeout=DEADLINE_SECONDS), "nobody else joined the fill"


# -- invalidation against a fill ---------------------------------------------------------------


def test_invalidation_during_a_fetch_discards_the_fill(
    items: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer
) -> None:
    """Rows fetched before the invalidation are never published; their own statement may have them."""
    hold_first_fetch(base, sequence)
    leader = sequence.spawn(engine.execute, ASK)
    sequence.wait("fetched")
    write(items, 1)
    engine.invalidate("items")
    sequence.reach("go")
    answered = leader.result()
    engine.explain(ASK)

    with items.expect(1):
        later = engine.execute(ASK)

    assert answered in (OLD, NEW)
    assert later == NEW
    assert later.status.outcome is Outcome.MISS


def test_statement_after_an_invalidation_never_joins_an_older_fetch(
    items: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer
) -> None:
    """It fetches by itself, also while the older fetch still runs."""
    hold_first_fetch(base, sequence)
    leader = sequence.spawn(engine.execute, ASK)
    sequence.wait("fetched")
    write(items, 1)
    engine.invalidate("items")

    late = sequence.spawn(engine.execute, ASK).result()

    sequence.reach("go")
    assert leader.result() in (OLD, NEW)
    assert late == NEW
    assert engine.execute(ASK) == NEW


def test_old_fetch_that_ends_last_doesnt_replace_the_newer_one(
    items: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer
) -> None:
    """Two fills of one table, the older one published last: the newer one stays."""
    hold_first_fetch(base, sequence)
    leader = sequence.spawn(engine.execute, ASK)
    sequence.wait("fetched")
    write(items, 1)
    engine.invalidate()
    engine.execute(ASK)
    sequence.reach("go")
    leader.result()

    with items.expect_silence():
        rows = engine.execute(ASK)

    assert rows == NEW
    assert rows.status.outcome is Outcome.HIT


def test_everybody_who_joined_before_the_invalidation_is_answered(
    items: Origin,
    base: sa.Engine,
    engine: CachingEngine,
    sequence: Sequencer,
    joined: threading.Semaphore,
) -> None:
    """The discarded rows are used by the leader and by those who wait, each in its own time."""
    engine.explain(ASK)
    hold_first_fetch(base, sequence)
    leader = sequence.spawn(engine.execute, ASK)
    sequence.wait("fetched")
    waiters = [sequence.spawn(engine.execute, ASK) for _ in range(10)]
    meet(joined, 10)
    write(items, 1)
    engine.invalidate("items")
    sequence.reach("go")

    answers = [task.result() for task in (leader, *waiters)]

    assert all(answer in (OLD, NEW) for answer in answers)
    assert engine.execute(ASK) == NEW


def test_invalidation_between_two_tables_of_a_statement(
    items: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer
) -> None:
    """A statement over two tables, one invalidated while the other is fetched: nothing old stays."""
    items.execute("CREATE TABLE extras (id INTEGER PRIMARY KEY)", "INSERT INTO extras VALUES (1), (2)")
    both = "SELECT id, version FROM items WHERE id IN (SELECT id FROM extras) ORDER BY id"
    engine.execute(ASK)
    hold_first_fetch(base, sequence, table="extras")
    reader = sequence.spawn(engine.execute, both)
    sequence.wait("fetched")
    write(items, 1)
    engine.invalidate("items")
    sequence.reach("go")
    answered = reader.result()

    later = engine.execute(both)

    assert answered in (OLD, NEW)
    assert later == NEW


def test_definition_that_changes_during_a_fetch_discards_the_fill(
    items: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer
) -> None:
    """A column added while the old columns are read is there for the next statement."""
    hold_first_fetch(base, sequence)
    leader = sequence.spawn(engine.execute, ASK)
    sequence.wait("fetched")
    engine.invalidate("items")
    sequence.reach("go")
    leader.result()
    items.execute("ALTER TABLE items ADD COLUMN extra INTEGER DEFAULT 7")
    engine.invalidate("items")

    rows = engine.execute("SELECT id, extra FROM items ORDER BY id")

    assert rows == [{"id": 1, "extra": 7}, {"id": 2, "extra": 7}]


def test_fetch_of_a_dropped_column_doesnt_condemn_the_table(
    items: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer
) -> None:
    """A fill that fails because the definition it knew is gone says nothing of the new definition."""
    first = [True]

    @event.listens_for(base, "before_cursor_execute")
    def fetching(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if is_data(statement) and "label" in statement and first:
            first.clear()
            sequence.reach("fetching")
            sequence.wait("go")

    reader = sequence.spawn(engine.execute, "SELECT id, label FROM items")
    sequence.wait("fetching")
    items.execute("ALTER TABLE items DROP COLUMN label")
    engine.invalidate("items")
    sequence.reach("go")
    with pytest.raises(sa.exc.DBAPIError):
        reader.result()

    engine.execute(ASK)

    assert engine.execute(ASK).status.outcome is Outcome.HIT


# -- transactions of the origin ----------------------------------------------------------------


@pytest.mark.families("mariadb")
def test_fill_inside_an_older_transaction_isnt_published(items: Origin, engine: CachingEngine) -> None:
    """A transaction that reads its own snapshot (MariaDB's default) must not fill for the others."""
    with engine.connect() as connection:
        connection.execute(text("SELECT id, rand() AS r FROM items")).all()
        write(items, 1)
        engine.invalidate("items")
        connection.execute(text(ASK)).all()

        others = engine.execute(ASK)

    assert others == NEW
    assert engine.execute(ASK) == NEW


@pytest.mark.families("postgresql")
def test_fill_inside_an_older_transaction_of_a_repeatable_read_engine_isnt_published(items: Origin) -> None:
    """The same where the engine asks for snapshots."""
    with CachingEngine(items.engine(isolation_level="REPEATABLE READ")) as engine:
        with engine.connect() as connection:
            connection.execute(text("SELECT id, random() AS r FROM items")).all()
            write(items, 1)
            engine.invalidate("items")
            connection.execute(text(ASK)).all()

            others = engine.execute(ASK)

        assert others == NEW
        assert engine.execute(ASK) == NEW


@pytest.mark.families("sqlite")
def test_fill_beside_an_open_streamed_result_isnt_published(items: Origin, engine: CachingEngine) -> None:
    """An unread result holds SQLite's snapshot open, for what else its connection reads too."""
    items.execute(
        "WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
        " INSERT INTO items SELECT i, 0, 'more' FROM n"
    )
    ask = "SELECT max(version) AS v FROM items"
    with engine.connect() as connection:
        streaming = connection.execution_options(stream_results=True).execute(
            text("SELECT id, random() AS r FROM items")
        )
        streaming.fetchone()
        write(items, 1)
        engine.invalidate("items")
        connection.execute(text(ask)).all()

        others = engine.execute(ask)

    assert others == [{"v": 1}]
    assert engine.execute(ask) == [{"v": 1}]


@pytest.mark.families("mariadb")
@pytest.mark.parametrize("asked_by", ["engine", "connection"])
def test_uncommitted_rows_are_never_cached(items: Origin, asked_by: str) -> None:
    """Who reads uncommitted rows gets them; nobody gets them from the store after the rollback."""
    level = "READ UNCOMMITTED"
    base = items.engine(isolation_level=level) if asked_by == "engine" else items.engine()
    with (
        CachingEngine(base) as engine,
        sa.create_engine(items.url).connect() as writer,
        engine.connect() as connection,
    ):
        writer.exec_driver_sql("UPDATE items SET version = 99")
        reader = connection.execution_options(isolation_level=level)
        reader.execute(text(ASK)).all()
        writer.rollback()

        rows = engine.execute(ASK)

    assert rows == OLD


@pytest.mark.families("postgresql", "mariadb")
def test_uncommitted_rows_of_another_transaction_arent_seen(items: Origin, engine: CachingEngine) -> None:
    """A fill reads what is committed; after commit and invalidation it reads the rest."""
    writer_engine = sa.create_engine(items.url, poolclass=sa.NullPool)
    with writer_engine.connect() as writer:
        writer.exec_driver_sql("UPDATE items SET version = 1")
        before = engine.execute(ASK)
        writer.commit()
        engine.invalidate("items")

        after = engine.execute(ASK)

    assert before == OLD
    assert after == NEW


# -- waiting, failing --------------------------------------------------------------------------


def test_a_hundred_threads_that_miss_fetch_once(
    items: Origin,
    base: sa.Engine,
    engine: CachingEngine,
    sequence: Sequencer,
    joined: threading.Semaphore,
) -> None:
    """One of them fetches, and all are answered."""
    engine.explain(ASK)
    hold_first_fetch(base, sequence)

    with items.expect(1):
        tasks = [sequence.spawn(engine.execute, ASK) for _ in range(100)]
        meet(joined, 99)
        sequence.reach("go")
        answers = [task.result() for task in tasks]

    assert answers == [OLD] * 100
    assert engine.stats().fills == 1


def test_a_hundred_threads_after_one_invalidation_fetch_once(
    items: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer, joined: threading.Semaphore
) -> None:
    """No flush cliff: the fetch that follows an invalidation is shared too."""
    engine.execute(ASK)
    write(items, 1)
    engine.invalidate("items")
    engine.explain(ASK)
    hold_first_fetch(base, sequence)

    with items.expect(1):
        tasks = [sequence.spawn(engine.execute, ASK) for _ in range(100)]
        meet(joined, 99)
        sequence.reach("go")
        answers = [task.result() for task in tasks]

    assert answers == [NEW] * 100


def test_waiter_that_needs_other_columns_fetches_them(
    items: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer, joined: threading.Semaphore
) -> None:
    """Who joined a fill without its column widens the table afterwards, and keeps the others' columns."""
    labels = "SELECT label FROM items ORDER BY id"
    engine.explain(ASK), engine.explain(labels)
    hold_first_fetch(base, sequence)
    leader = sequence.spawn(engine.execute, ASK)
    sequence.wait("fetched")
    waiter = sequence.spawn(engine.execute, labels)
    meet(joined, 1)

    with items.expect(1):
        sequence.reach("go")
        answers = leader.result(), waiter.result()

    assert answers == (OLD, [{"label": "one"}, {"label": "two"}])
    with items.expect_silence():
        assert engine.execute(ASK) == OLD


# SQLAlchemy 2.0 leaves the cursor open on which an event raised; 2.1 closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_failing_fetch_wakes_everybody_who_waits(
    items: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer, joined: threading.Semaphore
) -> None:
    """The origin goes down under the leader: all get its error, none hangs, and the next fill works."""
    engine.explain(ASK)
    error = base.dialect.loaded_dbapi.OperationalError

    def fail() -> None:
        sequence.reach("fetched")
        sequence.wait("go")
        raise error("server closed the connection unexpectedly (2013, 'Lost connection')")

    first = [True]

    @event.listens_for(base, "before_cursor_execute")
    def fetching(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if is_data(statement) and "items" in statement and first:
            first.clear()
            fail()

    tasks = [sequence.spawn(engine.execute, ASK) for _ in range(10)]
    sequence.wait("fetched")
    meet(joined, 9)
    sequence.reach("go")

    outcomes = []
    for task in tasks:
        try:
            outcomes.append(task.result())
        except OperationalError as caught:
            outcomes.append(caught)

    # An error that is about the statement sends all to the origin, one about the connection reaches all.
    assert all(isinstance(outcome, OperationalError) or outcome == OLD for outcome in outcomes)
    engine.invalidate("items")
    assert engine.execute(ASK) == OLD


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_leader_that_is_killed_leaves_nobody_waiting(
    items: Origin,
    base: sa.Engine,
    engine: CachingEngine,
    sequence: Sequencer,
    joined: threading.Semaphore,
    error: type[BaseException],
) -> None:
    """An exception that nobody catches ends the leader: one of the others fetches instead."""
    engine.explain(ASK)

    first = iter([True])

    @event.listens_for(base, "before_cursor_execute")
    def fetching(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if is_data(statement) and "items" in statement and next(first, None):
            sequence.reach("fetching")
            sequence.wait("go")
            cursor.close()
            raise error

    leader = sequence.spawn(engine.execute, ASK)
    sequence.wait("fetching")
    waiters = [sequence.spawn(engine.execute, ASK) for _ in range(10)]
    meet(joined, 10)

    with items.expect(1):
        sequence.reach("go")
        answers = [task.result() for task in waiters]

    assert answers == [OLD] * 10
    with pytest.raises(error):
        leader.result()


def test_empty_answer_isnt_kept_for_ever(items: Origin, engine: CachingEngine) -> None:
    """A table that was empty when it was cached is refilled after its invalidation."""
    items.execute("DELETE FROM items")
    assert engine.execute(ASK) == []
    assert engine.execute(ASK).status.outcome is Outcome.HIT
    items.execute("INSERT INTO items VALUES (5, 1, 'five')")
    engine.invalidate("items")

    rows = engine.execute(ASK)

    assert rows == [{"id": 5, "version": 1}]


def test_table_that_didnt_exist_is_found_once_it_does(items: Origin, engine: CachingEngine) -> None:
    """An unknown table is the origin's error each time, and never remembered."""
    ask = "SELECT id FROM later"
    for _ in range(2):
        with pytest.raises(sa.exc.DBAPIError):
            engine.execute(ask)
    items.execute("CREATE TABLE later (id INTEGER)", "INSERT INTO later VALUES (3)")

    rows = engine.execute(ask)

    assert rows == [{"id": 3}]


# -- a checked history -------------------------------------------------------------------------

READERS = 8
READS = 20_000
WRITES = 40


def test_no_read_is_older_than_the_last_invalidation_before_it(
    items: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer
) -> None:
    """Eight readers against a writer: each read sees at least what was invalidated before it began."""
    statements = (ASK, "SELECT version FROM items WHERE id = 1", "SELECT max(version) AS version FROM items")
    lock = threading.Condition()
    reads = 0
    floor = 0  # the version whose invalidation has returned
    written = 0
    is_over = False
    violations: list[str] = []

    def read(number: int) -> int:
        nonlocal reads
        count = 0
        while not is_over:
            before = floor
            seen = engine.execute(statements[(number + count) % 3])
            versions = {row["version"] for row in seen}
            if len(versions) != 1 or not before <= min(versions) <= written:
                violations.append(f"{versions} read at floor {before}: {seen.status}")
                return count
            count += 1
            if count % 25 == 0:
                with lock:
                    reads += 25
                    lock.notify_all()
        return count

    tasks = [sequence.spawn(read, number) for number in range(READERS)]
    with base.connect() as connection:
        while (reads < READS or written < WRITES) and not violations:
            mark = reads + 250
            with lock:
                assert lock.wait_for(lambda: reads >= mark or violations, DEADLINE_SECONDS)  # noqa: B023
            written += 1
            connection.exec_driver_sql(f"UPDATE items SET version = {written}")
            connection.commit()
            engine.invalidate("items" if written % 5 else None)
            floor = written
    is_over = True
    total = sum(task.result() for task in tasks)

    assert violations == []
    assert total >= READS
    assert engine.stats().hits > total / 4


# -- age ---------------------------------------------------------------------------------------


def test_data_older_than_the_ttl_is_fetched_again(items: Origin, base: sa.Engine, clock: ManualClock) -> None:
    with CachingEngine(base, ttl=10, clock=clock) as engine:
        engine.execute(ASK)
        write(items, 1)
        clock.advance(10)

        with items.expect_silence():
            within = engine.execute(ASK)
        clock.advance(0.5)
        with items.expect(1):
            after = engine.execute(ASK)

    assert within == OLD
    assert within.status.age == 10
    assert after == NEW
    assert after.status.age == 0


def test_ttl_is_that_of_the_table(items: Origin, base: sa.Engine, clock: ManualClock) -> None:
    """Of two tables only the one whose ttl is over is fetched again."""
    items.execute("CREATE TABLE slow (id INTEGER)", "INSERT INTO slow VALUES (1)")
    with CachingEngine(base, ttl={"items": 10}, clock=clock) as engine:
        engine.execute(ASK), engine.execute("SELECT id FROM slow")
        clock.advance(11)

        fast, slow = engine.execute(ASK), engine.execute("SELECT id FROM slow")

    assert (fast.status.outcome, slow.status.outcome) == (Outcome.MISS, Outcome.HIT)
    assert slow.status.age == 11


def test_view_is_as_old_as_the_ttl_of_its_tables_allows(
    items: Origin, base: sa.Engine, clock: ManualClock
) -> None:
    """A table's ttl holds for what a view shows of it."""
    items.execute("CREATE VIEW shown AS SELECT id, version FROM items")
    ask = "SELECT id, version FROM shown"
    with CachingEngine(base, ttl={"items": 10}, clock=clock) as engine:
        first = engine.execute(ask)
        write(items, 1)
        clock.advance(11)

        second = engine.execute(ask)

    assert sorted(row["version"] for row in first) == [0, 0]
    assert sorted(row["version"] for row in second) == [1, 1]


def test_age_of_an_answer_is_that_of_its_oldest_table(
    items: Origin, base: sa.Engine, clock: ManualClock
) -> None:
    items.execute("CREATE TABLE extras (id INTEGER)", "INSERT INTO extras VALUES (1)")
    with CachingEngine(base, clock=clock) as engine:
        engine.execute(ASK)
        clock.advance(5)
        engine.execute("SELECT id FROM extras")
        clock.advance(2)

        rows = engine.execute("SELECT id FROM items WHERE id IN (SELECT id FROM extras)")

    assert rows == [{"id": 1}]
    assert rows.status.age == 7


def test_wall_clock_that_jumps_changes_no_age(items: Origin, base: sa.Engine, clock: ManualClock) -> None:
    """Ages are of the monotonic clock."""
    with CachingEngine(base, ttl=10, clock=clock) as engine:
        engine.execute(ASK)
        ages = []
        for jump in (86_400 * 365, -86_400 * 730):
            clock.jump_wall(jump)
            clock.advance(2)
            rows = engine.execute(ASK)
            assert rows.status.outcome is Outcome.HIT
            ages.append(rows.status.age)

    assert ages == [2, 4]


def test_age_counts_from_before_the_fetch(items: Origin, base: sa.Engine, clock: ManualClock) -> None:
    """A fetch that takes long is old when it is there: its rows are those of its beginning."""
    on_fetch(base, lambda: clock.advance(4))
    with CachingEngine(base, ttl=10, clock=clock) as engine:
        first = engine.execute(ASK)
        clock.advance(7)

        second = engine.execute(ASK)

    assert first.status.age == 4
    assert second.status.outcome is Outcome.MISS


def test_stale_rows_are_served_only_while_the_refill_fails(
    items: Origin, base: sa.Engine, clock: ManualClock
) -> None:
    """stale_if_error: expired rows for so many seconds more, and the status says so."""
    with CachingEngine(base, ttl=10, stale_if_error=5, clock=clock) as engine:
        engine.execute(ASK)
        write(items, 1)
        clock.advance(12)

        with items.down():
            stale = engine.execute(ASK)
            clock.advance(4)
            with pytest.raises(DBAPIError):
                engine.execute(ASK)
        fresh = engine.execute(ASK)

    assert stale == OLD
    assert stale.status.is_stale
    assert stale.status.age == 12
    assert fresh == NEW
    assert not fresh.status.is_stale


def test_stale_rows_are_never_those_from_before_an_invalidation(
    items: Origin, base: sa.Engine, clock: ManualClock
) -> None:
    """Too old may be served when the origin is down; known to have changed may not."""
    with CachingEngine(base, ttl=10, stale_if_error=1000, clock=clock) as engine:
        engine.execute(ASK)
        clock.advance(11)
        engine.invalidate("items")

        with items.down(), pytest.raises(DBAPIError):
            engine.execute(ASK)


# -- an origin that is down --------------------------------------------------------------------


def test_hits_go_on_while_the_origin_is_down(items: Origin, base: sa.Engine, engine: CachingEngine) -> None:
    """Hits are answered, misses raise the driver's error as SQLAlchemy wraps it, fills work afterwards."""
    engine.execute(ASK)
    labels = "SELECT label FROM items ORDER BY id"

    with items.down():
        during = engine.execute(ASK)
        with engine.connect() as connection:
            core = connection.execute(text(ASK)).mappings().all()
        # The first use of a broken connection has an error of its own.
        with pytest.raises(DBAPIError), base.connect() as connection:
            connection.exec_driver_sql(labels)
        with pytest.raises(OperationalError) as bare, base.connect() as connection:
            connection.exec_driver_sql(labels)
        with pytest.raises(OperationalError) as caught:
            engine.execute(labels)
        still = engine.execute(ASK)
    after = engine.execute(labels)

    assert during == still == list(map(dict, core)) == OLD
    assert type(caught.value.orig) is type(bare.value.orig)
    assert after == [{"label": "one"}, {"label": "two"}]
    assert engine.execute(labels).status.outcome is Outcome.HIT


def test_invalidation_while_the_origin_is_down_holds(items: Origin, engine: CachingEngine) -> None:
    engine.execute(ASK)

    with items.down():
        engine.invalidate("items")
        with pytest.raises(DBAPIError):
            engine.execute(ASK)
    write(items, 1)

    assert engine.execute(ASK) == NEW


# -- which tables a statement reads ------------------------------------------------------------

WAYS_TO_READ = {
    "where in": "SELECT id FROM plain WHERE id IN (SELECT version + 1 FROM items)",
    "exists": "SELECT id FROM plain WHERE EXISTS (SELECT 1 FROM items WHERE version + 1 = plain.id)",
    "scalar": "SELECT id, (SELECT max(version) FROM items) AS v FROM plain",
    "cte": "WITH recent AS (SELECT version FROM items) SELECT max(version) AS v FROM recent",
    "unused column of a cte": "WITH r AS (SELECT id, version FROM items) SELECT id FROM r WHERE version > 0",
    "derived table": "SELECT d.v FROM (SELECT max(version) AS v FROM items) AS d",
    "union arm": "SELECT id FROM plain UNION SELECT version FROM items",
    "union all arm": "SELECT id FROM plain UNION ALL SELECT version FROM items",
    "except": "SELECT id FROM plain EXCEPT SELECT version FROM items",
    "order by": "SELECT id FROM plain ORDER BY (SELECT max(version) FROM items) * -id, id LIMIT 1",
    "having": "SELECT count(id) AS n FROM plain HAVING count(id) > (SELECT max(version) FROM items) + 1",
    "case": "SELECT CASE WHEN (SELECT max(version) FROM items) > 0 THEN 'n' ELSE 'o' END AS x FROM plain",
    "cte in a subquery": "SELECT id FROM plain WHERE id > (WITH r AS (SELECT max(version) AS v FROM items)"
    " SELECT v FROM r)",
    "schema": "SELECT version FROM {schema}.items",
    "capitals": "SELECT VERSION AS v FROM {upper}",
}


@pytest.mark.parametrize("way", WAYS_TO_READ)
@pytest.mark.parametrize("whole", [False, True], ids=["one table", "everything"])
def test_table_read_anywhere_in_a_statement_is_invalidated(
    items: Origin, base: sa.Engine, engine: CachingEngine, way: str, whole: bool
) -> None:
    """The set of tables that an answer depends on misses none."""
    items.execute("CREATE TABLE plain (id INTEGER)", "INSERT INTO plain VALUES (1), (2)")
    schema = {"sqlite": "main", "postgresql": "public", "mariadb": items.url.database}[items.family]
    upper = "items" if items.family == "mariadb" else "ITEMS"
    ask = WAYS_TO_READ[way].format(schema=schema, upper=upper)
    before = engine.execute(ask), engine.execute(ask)
    write(items, 1)
    engine.invalidate(None if whole else "items")

    after = engine.execute(ask)

    assert same_rows(before[0], before[1])
    with base.connect() as connection:
        bare = [dict(row) for row in connection.execute(text(ask)).mappings()]
    assert same_rows(after, bare)
    assert not same_rows(after, before[0])


def same_rows(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    """Rows in any order; they are few, and of values that have one."""
    return same(sorted(map(dict, one), key=repr), sorted(map(dict, other), key=repr))


def test_invalidation_takes_every_spelling_of_a_table(items: Origin, engine: CachingEngine) -> None:
    """A name, with schema, quoted, a Table, a mapped class, in another case."""

    class Base(sa.orm.DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "items"
        id = sa.Column(sa.Integer, primary_key=True)

    schema = {"sqlite": "main", "postgresql": "public", "mariadb": items.url.database}[items.family]
    spellings = ("items", f"{schema}.items", '"items"', "ITEMS", Item.__table__, Item, None)

    for version, spelling in enumerate(spellings, 1):
        engine.execute(ASK)
        write(items, version)
        engine.invalidate(spelling)

        assert engine.execute(ASK)[0]["version"] == version, spelling


def test_invalidation_of_another_table_costs_nothing(items: Origin, engine: CachingEngine) -> None:
    """A table that was never cached is no error, and the others stay."""
    engine.execute(ASK)

    engine.invalidate("nothing")
    engine.invalidate("elsewhere.items_archive")

    with items.expect_silence():
        assert engine.execute(ASK) == OLD


# -- views, partitions, inheritance ------------------------------------------------------------


def test_invalidating_a_table_drops_the_views_that_read_it(items: Origin, engine: CachingEngine) -> None:
    """Also through views of views, also where the table stands only in a subquery."""
    items.execute(
        "CREATE TABLE plain (id INTEGER)",
        "INSERT INTO plain VALUES (1), (2)",
        "CREATE VIEW first_view AS SELECT id, version FROM items",
        "CREATE VIEW second_view AS SELECT version FROM first_view WHERE id = 1",
        "CREATE VIEW hidden_view AS SELECT id FROM plain WHERE id > (SELECT max(version) FROM items)",
    )
    asks = [
        "SELECT max(version) AS version FROM first_view",
        "SELECT version FROM second_view",
        "SELECT count(id) AS n FROM hidden_view",
    ]
    before = [engine.execute(ask)[0] for ask in asks]
    engine.execute("SELECT id FROM plain")
    write(items, 1)
    engine.invalidate("items")

    after = [engine.execute(ask)[0] for ask in asks]

    assert before == [{"version": 0}, {"version": 0}, {"n": 2}]
    assert after == [{"version": 1}, {"version": 1}, {"n": 1}]
    assert engine.execute(asks[1]).status.outcome is Outcome.HIT
    assert engine.execute("SELECT id FROM plain").status.outcome is Outcome.HIT


def test_invalidation_of_a_table_during_the_fetch_of_its_view(
    items: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer
) -> None:
    """The stale fill, through a view."""
    items.execute("CREATE VIEW shown AS SELECT id, version FROM items")
    ask = "SELECT id, version FROM shown ORDER BY id"
    hold_first_fetch(base, sequence, table="shown")
    reader = sequence.spawn(engine.execute, ask)
    sequence.wait("fetched")
    write(items, 1)
    engine.invalidate("items")
    sequence.reach("go")
    reader.result()

    rows = engine.execute(ask)

    assert rows == NEW


@pytest.mark.parametrize(
    "expression",
    {
        "sqlite": ["random()", "datetime('now')", "changes()", "CURRENT_TIMESTAMP"],
        "postgresql": [
            "random()",
            "now()",
            "CURRENT_TIMESTAMP",
            "current_user",
            "clock_timestamp()",
            "pg_backend_pid()",
            "own_volatile()",
            "current_setting('TimeZone')",
            "CURRENT_DATE",
            "LOCALTIMESTAMP",
        ],
        "mariadb": ["rand()", "now()", "CURRENT_TIMESTAMP", "user()", "uuid()", "connection_id()"],
    }.items(),
    ids=lambda item: item[0],
)
def test_view_that_may_change_without_its_tables_isnt_cached(
    items: Origin, engine: CachingEngine, expression: tuple[str, list[str]]
) -> None:
    """What a view calls may give another result at each read."""
    family, expressions = expression
    if family != items.family:
        return
    if family == "postgresql":
        items.execute("CREATE FUNCTION own_volatile() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1'")
    for number, volatile in enumerate(expressions):
        items.execute(f"CREATE VIEW v{number} AS SELECT id, {volatile} AS x FROM items")

        for column in ("id", "x"):
            for _ in range(2):
                rows = engine.execute(f"SELECT {column} FROM v{number}")

            assert rows.status.outcome is Outcome.BYPASS, (volatile, column)


def test_redefined_view_is_read_anew_after_its_invalidation(items: Origin, engine: CachingEngine) -> None:
    items.execute("CREATE VIEW shown AS SELECT id FROM items")
    ask = "SELECT id FROM shown ORDER BY id"
    engine.execute(ask)
    items.execute("DROP VIEW shown", "CREATE VIEW shown AS SELECT id + 10 AS id FROM items")
    engine.invalidate("shown")

    rows = engine.execute(ask)

    assert [row["id"] for row in rows] == [11, 12]


@pytest.mark.families("postgresql")
def test_materialized_view_is_refreshed_by_either_name(items: Origin, engine: CachingEngine) -> None:
    """It is invalidated by its own name, and with the table that it was made of."""
    items.execute("CREATE MATERIALIZED VIEW stored_view AS SELECT id, version FROM items")
    ask = "SELECT id, version FROM stored_view ORDER BY id"

    for version, name in enumerate(("stored_view", "items"), 1):
        engine.execute(ask)
        write(items, version)
        items.execute("REFRESH MATERIALIZED VIEW stored_view")
        engine.invalidate(name)

        assert engine.execute(ask)[0]["version"] == version


@pytest.mark.families("postgresql")
def test_partitions_are_invalidated_with_the_whole_and_the_whole_with_them(
    items: Origin, engine: CachingEngine
) -> None:
    items.execute(
        "CREATE TABLE measured (id int, at int) PARTITION BY RANGE (at)",
        "CREATE TABLE measured_low PARTITION OF measured FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE measured_high PARTITION OF measured FOR VALUES FROM (100) TO (200)",
        "CREATE VIEW high_view AS SELECT id FROM measured_high",
        "INSERT INTO measured VALUES (1, 1), (2, 101)",
    )
    asks = [
        f"SELECT count(id) AS n FROM {name}"
        for name in ("measured", "measured_low", "measured_high", "high_view")
    ]
    for name, written, expected in (
        ("measured", "measured", [3, 1, 2, 2]),
        ("measured_high", "measured_high", [4, 1, 3, 3]),
    ):
        for ask in asks:
            engine.execute(ask)
        items.execute(f"INSERT INTO {written} VALUES (9, 150)")
        engine.invalidate(name)

        assert [engine.execute(ask)[0]["n"] for ask in asks] == expected


@pytest.mark.families("postgresql")
def test_inheritance_is_invalidated_both_ways(items: Origin, engine: CachingEngine) -> None:
    items.execute(
        "CREATE TABLE parent (id int)",
        "CREATE TABLE child (extra int) INHERITS (parent)",
        "INSERT INTO child VALUES (1, 1)",
    )
    asks = ["SELECT count(id) AS n FROM parent", "SELECT count(id) AS n FROM child"]
    for expected, name in ((2, "child"), (3, "parent")):
        for ask in asks:
            engine.execute(ask)
        items.execute("INSERT INTO child VALUES (2, 2)")
        engine.invalidate(name)

        assert [engine.execute(ask)[0]["n"] for ask in asks] == [expected] * 2


@pytest.mark.families("postgresql")
def test_table_that_gains_a_child_is_read_with_it(items: Origin, engine: CachingEngine) -> None:
    """What a table depends on is asked again after each invalidation."""
    items.execute("CREATE TABLE parent (id int)", "INSERT INTO parent VALUES (1)")
    ask = "SELECT count(id) AS n FROM parent"
    engine.execute(ask)
    items.execute("CREATE TABLE child () INHERITS (parent)", "INSERT INTO child VALUES (2)")
    engine.invalidate("parent")
    engine.execute(ask)
    items.execute("INSERT INTO child VALUES (3)")
    engine.invalidate("child")

    rows = engine.execute(ask)

    assert rows == [{"n": 3}]


def test_status_of_a_statement_is_its_own_threads(
    items: Origin, engine: CachingEngine, sequence: Sequencer
) -> None:
    """`last_status` isn't shared between threads."""
    engine.execute(ASK)
    engine.execute(ASK)

    def elsewhere() -> Outcome | None:
        engine.execute("SELECT label FROM items")
        status = last_status()
        return status.outcome if status else None

    other = sequence.spawn(elsewhere).result()
    status = last_status()

    assert other is Outcome.MISS
    assert status is not None
    assert status.outcome is Outcome.HIT
