"""Invariant: an answer that was kept is the one that the origin would give now, or one from before the
invalidation that somebody still waits for; and nobody asks the origin twice for what was kept.

The statement is one that the store can't answer: a sum of floats whose last digit depends on their order.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from support import exact
from support.clock import ManualClock
from support.counting import is_data
from support.origins import Origin
from support.sequencer import DEADLINE_SECONDS, Sequencer

from sqlmem import CachingEngine, Memo, NotCachedError, keeping, last_status
from sqlmem.model import Outcome
from sqlmem.passing import PassingConnection
from sqlmem.prospects import FIRST_REST, MOST_IN_VAIN, MOST_LOST, WRITTEN_AS_OFTEN

SUM = "SELECT sum(weight) AS total FROM parcels"
BELOW = "SELECT sum(weight) AS total FROM parcels WHERE id < :id"
JOINED = (
    "SELECT s.name, sum(p.weight) AS total FROM parcels p JOIN senders s ON s.id = p.sender"
    " GROUP BY s.name ORDER BY total"
)


@pytest.fixture
def parcels(origin: Origin) -> Origin:
    """Two tables; the weights' sum is another one in another order."""
    if origin.family == "sqlite":
        origin.execute("PRAGMA journal_mode=WAL")
    make(origin)
    return origin


def make(origin: Origin) -> None:
    origin.execute(
        "CREATE TABLE senders (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO senders VALUES (1, 'one'), (2, 'two')",
        "CREATE TABLE parcels (id INTEGER PRIMARY KEY, sender INTEGER, weight DOUBLE PRECISION)",
        "INSERT INTO parcels VALUES (1, 1, 0.1), (2, 1, 0.2), (3, 2, 0.3), (4, 2, 1e16)",
    )


@pytest.fixture
def base(parcels: Origin) -> sa.Engine:
    return parcels.engine()


@pytest.fixture
def engine(base: sa.Engine) -> Iterator[CachingEngine]:
    with CachingEngine(base) as engine:
        yield engine


@pytest.fixture
def app(base: sa.Engine) -> Iterator[CachingEngine]:
    with CachingEngine(base, mode="transparent") as engine:
        yield engine


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released once for each thread that waits for another's question: no event tells it."""
    joined = threading.Semaphore(0)
    wait = keeping.wait

    def telling(subscribe: Callable[[Callable[[], None]], None], **keywords: Any) -> None:
        def subscribe_and_tell(callback: Callable[[], None]) -> None:
            subscribe(callback)
            joined.release()

        wait(subscribe_and_tell, **keywords)

    monkeypatch.setattr(keeping, "wait", telling)
    return joined


def bare(origin: Origin, statement: str = SUM) -> list[dict[str, Any]]:
    engine = origin.engine()
    with engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(text(statement))]
    engine.dispose()
    return rows


def hold_question(base: sa.Engine, sequence: Sequencer, *, times: int = 1) -> None:
    """The first questions that the origin has answered reach "asked", and stand still until "go"."""
    left = iter(range(times))

    @event.listens_for(base, "after_cursor_execute")
    def asked(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT sum") and next(left, None) is not None:
            sequence.reach("asked")
            sequence.wait("go")


def same(answer: Any, expected: Any) -> bool:
    return exact.same(list(answer), list(expected))


def write(origin: Origin) -> None:
    origin.execute("UPDATE parcels SET weight = 5.5 WHERE id = 1")


# -- what is kept ------------------------------------------------------------------------------


def test_a_text_that_nobody_asks_twice_is_kept_when_it_is(parcels: Origin, engine: CachingEngine) -> None:
    """Many answers in a row were kept in vain: further ones are kept when they are asked for again."""
    for number in range(MOST_IN_VAIN):
        engine.execute(BELOW, {"id": number})
    before = engine.stats().results
    with parcels.expect(2):
        first, second = (engine.execute(BELOW, {"id": 1000}).status.outcome for _ in range(2))
    with parcels.expect_silence():
        third = engine.execute(BELOW, {"id": 1000}).status.outcome
        of_before = engine.execute(BELOW, {"id": 3}).status.outcome

    assert (first, second, third) == (Outcome.BYPASS, Outcome.BYPASS, Outcome.RESULT_HIT)
    assert of_before is Outcome.RESULT_HIT
    assert engine.stats().results == before + 1

    # That was not in vain.
    with parcels.expect(1):
        for _ in range(2):
            engine.execute(BELOW, {"id": 1001})


def test_a_text_whose_answers_are_lost_each_time_is_asked_of_the_origin(
    parcels: Origin, engine: CachingEngine
) -> None:
    """Written as often as read: nothing is kept for a while, explain says so; then it is tried again."""
    for _ in range(MOST_LOST + 1):  # the last one isn't kept any more
        assert engine.execute(SUM).status.outcome is Outcome.BYPASS
        engine.invalidate("parcels")
    engine.execute(SUM)  # with a fill
    explained = engine.explain(SUM)
    with parcels.expect(FIRST_REST - 1):
        resting = {engine.execute(SUM).status.outcome for _ in range(FIRST_REST - 1)}
    with parcels.expect(1):
        tried = [engine.execute(SUM).status.outcome for _ in range(3)]

    assert explained.outcome is Outcome.BYPASS
    assert explained.unkept == WRITTEN_AS_OFTEN
    assert resting == {Outcome.BYPASS}
    assert tried == [Outcome.BYPASS, Outcome.RESULT_HIT, Outcome.RESULT_HIT]


def test_the_origin_is_asked_once(parcels: Origin, engine: CachingEngine) -> None:
    """The second answer is the first one again, with what was said of it; the caller may change it."""
    expected = bare(parcels)
    first = engine.execute(SUM)
    with parcels.expect_silence():
        second = engine.execute(SUM)
        second[0]["total"] = None
        third = engine.execute(SUM)

    assert first.status.outcome is Outcome.BYPASS
    assert second.status.outcome is Outcome.RESULT_HIT
    assert second.status.reason == first.status.reason
    assert second.status.tables == first.status.tables
    assert same(first, expected)
    assert same(third, expected)
    stats = engine.stats()
    assert (stats.bypasses, stats.result_hits, stats.results) == (1, 2, 1)
    assert 0 < stats.result_bytes < 64_000_000
    assert stats.hit_ratio == 2 / 3


def test_every_way_in_gives_the_bare_engines_rows(
    parcels: Origin, base: sa.Engine, app: CachingEngine
) -> None:
    """Rows, names and what the cursor says of the columns, by Core, by text and one by one."""
    statement = text(JOINED)
    with base.connect() as connection:
        plain = connection.execute(statement)
        description = [tuple(column)[:7] for column in plain.cursor.description]
        rows = plain.all()

    for _ in range(2):
        with app.connect() as connection:
            result = connection.execute(statement)
            assert [tuple(column)[:7] for column in result.cursor.description] == description
            assert same(result.all(), rows)
        with app.connect() as connection:
            result = connection.execute(statement)
            assert [result.fetchone(), *result.fetchmany(1), result.fetchone()] == [*rows, None]
        with app.connect() as connection:
            assert [tuple(row) for row in connection.exec_driver_sql(JOINED)] == [tuple(row) for row in rows]
    assert app.stats().bypasses == 1
    assert app.stats().result_hits == 5


def test_a_parameters_type_is_part_of_the_question(parcels: Origin, engine: CachingEngine) -> None:
    """1, 1.0, True, Decimal('1') and '1' are other questions; the same one twice is the same."""
    values: list[Any] = [3, 3.0, "3"] if parcels.family == "sqlite" else [3, 3.0, Decimal(3), Decimal("3.0")]
    for value in values:
        engine.execute(BELOW, {"id": value})
    asked = engine.stats().bypasses
    with parcels.expect_silence():
        again = [engine.execute(BELOW, {"id": value}).status.outcome for value in values]

    assert asked == len(values)
    assert again == [Outcome.RESULT_HIT] * len(values)
    assert engine.execute(BELOW, {"id": 2}).status.outcome is Outcome.BYPASS


@pytest.mark.families("postgresql")
def test_values_that_could_be_changed_are_the_callers_own(origin: Origin) -> None:
    """Lists and dictionaries of one answer are no other's."""
    origin.execute(
        "CREATE TABLE notes (id integer, tags text[], body jsonb)",
        "INSERT INTO notes VALUES (1, ARRAY['b', 'a'], '{\"x\": [1]}'), (2, ARRAY['c', NULL], NULL)",
    )
    ask = "SELECT array_agg(id) AS ids, jsonb_agg(body) AS bodies, array_agg(tags) AS tags FROM notes"
    with CachingEngine(origin.engine()) as engine:
        expected = bare(origin, ask)
        for _ in range(3):
            rows = engine.execute(ask)
            assert same(rows, expected)
            rows[0]["ids"].append(7)
            rows[0]["bodies"][0]["x"] = "changed"
            rows[0]["tags"][1].clear()
        assert engine.stats().result_hits == 2


_CHANGING = {
    "sqlite": (
        "SELECT sum(weight) * random() AS x FROM parcels",
        "SELECT sum(weight), CURRENT_TIMESTAMP FROM parcels",
        "SELECT sum(weight) FROM parcels WHERE sender < strftime('%Y', 'now')",
        "SELECT sum(weight), date(max(sender)) FROM parcels",
        "SELECT sum(weight), changes() FROM parcels",
        "SELECT sum(weight), total_changes() FROM parcels",
    ),
    "postgresql": (
        "SELECT sum(weight) * random() FROM parcels",
        "SELECT sum(weight), CURRENT_TIMESTAMP FROM parcels",
        "SELECT sum(weight), current_date FROM parcels",
        "SELECT sum(weight), LOCALTIME FROM parcels",
        "SELECT sum(weight), now() FROM parcels",
        "SELECT sum(weight), clock_timestamp() FROM parcels",
        "SELECT sum(weight), current_user FROM parcels",
        "SELECT sum(weight), user FROM parcels",
        "SELECT sum(weight), session_user FROM parcels",
        "SELECT sum(weight), current_setting('TimeZone') FROM parcels",
        "SELECT sum(weight), 'today'::date FROM parcels",
        "SELECT sum(weight), CAST('now' AS timestamp) FROM parcels",
        "SELECT sum(weight), DATE 'tomorrow' FROM parcels",
        "SELECT sum(weight), age(timestamp '2020-01-01') FROM parcels",
        "SELECT sum(weight), max(('to' || 'day')::date) FROM parcels",
        "SELECT sum(weight), pg_backend_pid() FROM parcels",
        "SELECT sum(weight), pg_postmaster_start_time() FROM parcels",
        "SELECT sum(weight) FROM parcels TABLESAMPLE BERNOULLI (50)",
        "SELECT sum(weight), max(xmin::text) FROM parcels",
        "SELECT sum(weight), 'senders'::regclass::text FROM parcels",
        "SELECT sum(weight), pg_catalog.now() FROM parcels",
        "SELECT sum(weight), own.lower('X') FROM parcels",
        "SELECT sum(weight), round(true) FROM parcels",
    ),
    "mariadb": (
        "SELECT sum(weight) * rand() FROM parcels",
        "SELECT sum(weight), CURRENT_TIMESTAMP FROM parcels",
        "SELECT sum(weight), CURRENT_DATE FROM parcels",
        "SELECT sum(weight), now() FROM parcels",
        "SELECT sum(weight), sysdate() FROM parcels",
        "SELECT sum(weight), UTC_DATE FROM parcels",
        "SELECT sum(weight), uuid() FROM parcels",
        "SELECT sum(weight), user() FROM parcels",
        "SELECT sum(weight), connection_id() FROM parcels",
        "SELECT sum(weight), last_insert_id() FROM parcels",
        "SELECT sum(weight), @@sql_mode FROM parcels",
        "SELECT sum(weight), @x FROM parcels",
        "SELECT sum(weight), unix_timestamp() FROM parcels",
        "SELECT sum(weight), found_rows() FROM parcels",
        "SELECT sum(weight), database() FROM parcels",
        "SELECT sum(weight) FROM parcels WHERE '2020-01-01' < CAST('10:00:00' AS TIME)",
        "SELECT sum(weight) FROM parcels WHERE CAST('2020-01-01' AS DATETIME) < str_to_date('10', '%H')",
    ),
}


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_what_changes_by_itself_is_asked_each_time(parcels: Origin, mode: str) -> None:
    """Time, chance, who asks, what a session has set: none of that is kept, and `explain` says why."""
    if parcels.family == "postgresql":
        parcels.execute(
            "CREATE SCHEMA own",
            "CREATE FUNCTION own.lower(text) RETURNS text LANGUAGE sql AS 'SELECT clock_timestamp()::text'",
            "CREATE FUNCTION public.round(boolean) RETURNS text LANGUAGE sql"
            " AS 'SELECT clock_timestamp()::text'",
        )
    with CachingEngine(parcels.engine(), mode=mode) as engine:
        for statement in _CHANGING[parcels.family]:
            for _ in range(2):
                with engine.connect() as connection:
                    connection.exec_driver_sql(statement.replace("%", "%%")).all()
                status = last_status()
                assert status is not None
                assert status.outcome is Outcome.BYPASS, statement
            explained = engine.explain(text(statement.replace("::", "\\:\\:")), {})
            assert explained.outcome is Outcome.BYPASS, statement
            assert explained.unkept, statement
        assert engine.stats().results == 0


@pytest.mark.usefixtures("parcels")
def test_a_parameter_that_means_the_present_is_asked_each_time(engine: CachingEngine) -> None:
    """'now' as a parameter may be read as a moment by the origin."""
    ask = "SELECT sum(weight) AS total FROM parcels WHERE :word = 'x'"
    outcomes = [engine.execute(ask, {"word": "Tomorrow"}).status.outcome for _ in range(2)]
    assert outcomes == [Outcome.BYPASS] * 2
    assert engine.stats().results == 0


def test_an_error_is_never_kept(parcels: Origin, app: CachingEngine) -> None:
    """It is reported each time, as by the bare engine, and doesn't keep others waiting."""
    ask = f"{SUM} WHERE nothing = 1"
    for _ in range(2):
        with pytest.raises(DBAPIError), app.connect() as connection:
            connection.execute(text(ask))
    assert app.stats().results == 0


# -- how long ----------------------------------------------------------------------------------


def test_an_invalidation_ends_it(parcels: Origin, engine: CachingEngine) -> None:
    """Of its own tables; others' don't."""
    engine.execute(SUM)
    engine.execute("SELECT id FROM senders")
    engine.invalidate("senders")
    assert engine.execute(SUM).status.outcome is Outcome.RESULT_HIT
    write(parcels)
    engine.invalidate("parcels")

    assert engine.stats().results == 0
    assert same(engine.execute(SUM), bare(parcels))
    engine.invalidate()
    assert engine.execute(SUM).status.outcome is Outcome.BYPASS


def test_a_table_known_by_a_view_only(parcels: Origin, engine: CachingEngine) -> None:
    """The answer reads a view; its table is invalidated, which no statement has named."""
    parcels.execute("CREATE VIEW heavy AS SELECT id, weight FROM parcels WHERE weight > 0.15")
    ask = "SELECT sum(weight) AS total FROM heavy"
    engine.execute(ask)
    assert engine.execute(ask).status.outcome is Outcome.RESULT_HIT
    parcels.execute("UPDATE parcels SET weight = 7.5 WHERE id = 1")
    engine.invalidate("parcels")

    assert same(engine.execute(ask), bare(parcels, ask))


def test_a_commit_ends_it(parcels: Origin, app: CachingEngine) -> None:
    """The writer reads its own rows before it, nobody else does; after it everybody."""
    old = app.execute(JOINED)
    assert app.execute(JOINED).status.outcome is Outcome.RESULT_HIT
    with app.connect() as writer:
        writer.execute(text("UPDATE parcels SET weight = 5.5 WHERE id = 1"))
        own = [dict(row._mapping) for row in writer.execute(text(JOINED))]
        assert own != old
        assert last_status().outcome is Outcome.BYPASS  # type: ignore[union-attr]
        if parcels.family != "sqlite":
            assert app.execute(JOINED) == old
        writer.commit()

    assert same(app.execute(JOINED), bare(parcels, JOINED))
    assert app.execute(JOINED) == own


def test_what_a_rolled_back_transaction_has_read_is_never_kept(parcels: Origin, app: CachingEngine) -> None:
    """It was true for that transaction only."""
    with app.connect() as writer:
        writer.execute(text("UPDATE parcels SET weight = 5.5 WHERE id = 1"))
        writer.execute(text(JOINED)).all()
        writer.rollback()

    assert same(app.execute(JOINED), bare(parcels, JOINED))


def test_a_ttl_ends_it(parcels: Origin, clock: ManualClock) -> None:
    """By its own age, as of a table's rows."""
    with CachingEngine(parcels.engine(), ttl=10, clock=clock) as engine:
        engine.execute(SUM)
        clock.advance(9)
        kept = engine.execute(SUM)
        assert (kept.status.outcome, kept.status.age) == (Outcome.RESULT_HIT, 9.0)
        write(parcels)
        clock.advance(2)
        assert same(engine.execute(SUM), bare(parcels))


def test_nobody_goes_back_behind_a_refill(parcels: Origin, clock: ManualClock) -> None:
    """The store has read a table anew: what was kept from before isn't given any more."""
    with CachingEngine(parcels.engine(), clock=clock) as engine:
        engine.execute(SUM)
        write(parcels)
        clock.advance(1)
        engine.execute("SELECT id, sender FROM parcels", sqlmem="refresh")

        assert same(engine.execute(SUM), bare(parcels))


def test_what_a_statement_may_ask_for_itself(parcels: Origin, clock: ManualClock) -> None:
    """only: what was kept, or an error; refresh and a greatest age: asked again; bypass: not looked at."""
    with CachingEngine(parcels.engine(), clock=clock) as engine:
        with pytest.raises(NotCachedError):
            engine.execute(SUM, sqlmem="only")
        engine.execute(SUM)
        clock.advance(5)
        with parcels.expect_silence():
            assert engine.execute(SUM, sqlmem="only").status.outcome is Outcome.RESULT_HIT
            assert engine.execute(SUM, sqlmem_max_staleness=6).status.outcome is Outcome.RESULT_HIT
        write(parcels)
        expected = bare(parcels)
        assert same(engine.execute(SUM, sqlmem="bypass"), expected)
        assert not same(engine.execute(SUM), expected)
        assert same(engine.execute(SUM, sqlmem_max_staleness=4), expected)
        assert engine.execute(SUM).status.age == 0.0
        parcels.execute("UPDATE parcels SET weight = 8.5 WHERE id = 1")
        clock.advance(1)
        assert same(engine.execute(SUM, sqlmem="refresh"), bare(parcels))


# -- races -------------------------------------------------------------------------------------


def test_an_answer_from_before_an_invalidation_isnt_kept(
    parcels: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer
) -> None:
    """The table is invalidated while the origin's answer is on its way."""
    engine.explain(SUM, {})
    engine.execute("SELECT id, weight FROM parcels")
    hold_question(base, sequence)
    asker = sequence.spawn(engine.execute, SUM)
    sequence.wait("asked")
    write(parcels)
    engine.invalidate("parcels")
    sequence.reach("go")
    asker.result()

    assert same(engine.execute(SUM), bare(parcels))


def test_who_comes_after_an_invalidation_never_waits_for_an_older_question(
    parcels: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer
) -> None:
    """He asks himself, also while the older one is still under way, and his answer stays."""
    hold_question(base, sequence)
    asker = sequence.spawn(engine.execute, SUM)
    sequence.wait("asked")
    write(parcels)
    engine.invalidate("parcels")
    late = sequence.spawn(engine.execute, SUM).result()
    sequence.reach("go")
    asker.result()

    assert same(late, bare(parcels))
    with parcels.expect_silence():
        assert engine.execute(SUM) == late


def test_a_herd_asks_once(
    parcels: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer, waiting: threading.Semaphore
) -> None:
    """All get their own rows of one answer."""
    engine.execute(BELOW, {"id": 2})  # planned, and its columns filled
    hold_question(base, sequence)
    ask = {"id": 9}
    with parcels.expect(1):
        asker = sequence.spawn(engine.execute, BELOW, ask)
        sequence.wait("asked")
        herd = [sequence.spawn(engine.execute, BELOW, ask) for _ in range(12)]
        for _ in range(12):
            assert waiting.acquire(timeout=DEADLINE_SECONDS)
        sequence.reach("go")
        answers = [asker.result(), *[each.result() for each in herd]]

    assert all(same(answer, answers[0]) for answer in answers)
    assert len({id(answer[0]) for answer in answers}) == len(answers)


def test_those_who_wait_ask_themselves_if_the_question_fails(
    parcels: Origin, base: sa.Engine, engine: CachingEngine, sequence: Sequencer, waiting: threading.Semaphore
) -> None:
    """An error is the asker's alone."""
    engine.execute(BELOW, {"id": 2})
    left = iter(range(1))

    @event.listens_for(base, "before_cursor_execute")
    def failing(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT sum") and next(left, None) is not None:
            sequence.reach("asked")
            sequence.wait("go")
            raise ConnectionError("the network, a test says")

    asker = sequence.spawn(engine.execute, BELOW, {"id": 9})
    sequence.wait("asked")
    waiter = sequence.spawn(engine.execute, BELOW, {"id": 9})
    assert waiting.acquire(timeout=DEADLINE_SECONDS)
    sequence.reach("go")

    with pytest.raises(ConnectionError):
        asker.result()
    assert same(waiter.result(), bare(parcels, BELOW.replace(":id", "9")))


def test_what_isnt_kept_is_waited_for_once(
    parcels: Origin, base: sa.Engine, sequence: Sequencer, waiting: threading.Semaphore
) -> None:
    """Too large for its bound: those who waited ask side by side, later ones don't wait at all."""
    with CachingEngine(base, max_results=1000) as engine:
        hold_question(base, sequence)
        asker = sequence.spawn(engine.execute, SUM)
        sequence.wait("asked")
        waiter = sequence.spawn(engine.execute, SUM)
        assert waiting.acquire(timeout=DEADLINE_SECONDS)
        sequence.reach("go")
        assert same(asker.result(), waiter.result())
        engine.execute(SUM)

        assert engine.stats().results == 0
        assert engine.stats().bypasses == 3
        assert not waiting.acquire(blocking=False)


@pytest.mark.families("postgresql", "mariadb")
def test_who_holds_a_transaction_doesnt_wait_for_anothers_question(
    parcels: Origin, base: sa.Engine, app: CachingEngine, sequence: Sequencer, waiting: threading.Semaphore
) -> None:
    """Its locks may be what the question waits for: it asks itself."""
    app.execute(JOINED)
    with app.connect() as holder:
        holder.execute(text("SELECT name FROM senders WHERE id = 1 FOR UPDATE")).all()
        hold_question(base, sequence)
        ask = text("SELECT sum(weight) AS total FROM parcels WHERE id < 99")
        asker = sequence.spawn(app.execute, ask)
        sequence.wait("asked")
        own = holder.execute(ask).all()
        sequence.reach("go")

        assert own[0].total == asker.result()[0]["total"]
    assert not waiting.acquire(blocking=False)


@pytest.mark.families("mariadb")
def test_a_transaction_that_stands_still_keeps_nothing(parcels: Origin, app: CachingEngine) -> None:
    """REPEATABLE READ, the server's default: its rows are those of an earlier moment."""
    with app.connect() as connection:
        connection.execute(text("SELECT name FROM senders WHERE id = 1 LOCK IN SHARE MODE")).all()
        connection.execute(text("SELECT count(*) FROM parcels LOCK IN SHARE MODE")).all()
        connection.rollback()
        connection.execute(text("SELECT rand(), name FROM senders")).all()
        write(parcels)
        app.invalidate("parcels")
        connection.execute(text(JOINED)).all()

    assert same(app.execute(JOINED), bare(parcels, JOINED))


@pytest.mark.families("sqlite")
@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_a_cursor_that_isnt_read_to_its_end_shows_an_earlier_moment(parcels: Origin, mode: str) -> None:
    """SQLite goes on to show it to all statements of the connection: nothing of them is kept, nor filled."""
    with CachingEngine(parcels.engine(), mode=mode) as engine, engine.connect() as connection:
        random = text("SELECT random() AS r, id FROM parcels")
        streamed = connection.execution_options(stream_results=True).execute(random)
        streamed.fetchone()
        write(parcels)
        engine.invalidate("parcels")
        connection.execute(text(SUM)).all()
        connection.execute(text("SELECT id, weight FROM parcels")).all()
        streamed.close()

        assert same(engine.execute(SUM), bare(parcels))
        weights = "SELECT weight FROM parcels WHERE id = 1"
        assert same(engine.execute(weights), bare(parcels, weights))


@pytest.mark.families("mariadb")
@pytest.mark.parametrize("mode", ["strict", "transparent"])
@pytest.mark.parametrize("asked_by", ["engine", "connection"])
def test_what_isnt_committed_is_never_kept(parcels: Origin, mode: str, asked_by: str) -> None:
    """READ UNCOMMITTED gives it to who asked for that, and to nobody else."""
    level = "READ UNCOMMITTED"
    base = parcels.engine(isolation_level=level) if asked_by == "engine" else parcels.engine()
    other = parcels.engine()
    with CachingEngine(base, mode=mode) as engine, other.connect() as writer, engine.connect() as reader:
        writer.execute(text("UPDATE parcels SET weight = 99.5 WHERE id = 1"))
        dirty = reader.execution_options(isolation_level=level).execute(text(SUM)).scalar_one()
        writer.rollback()

        assert dirty != bare(parcels)[0]["total"]
        assert same(engine.execute(SUM), bare(parcels))


@pytest.mark.families("postgresql")
def test_a_transaction_that_reads_anew_keeps_what_it_reads(parcels: Origin, app: CachingEngine) -> None:
    """READ COMMITTED: the second statement of a transaction is as good as the first."""
    with app.connect() as connection:
        connection.execute(text("SELECT random(), name FROM senders")).all()
        connection.execute(text(JOINED)).all()
    assert app.execute(JOINED).status.outcome is Outcome.RESULT_HIT

    with app.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        connection.execute(text("SELECT random(), name FROM senders")).all()
        write(parcels)
        app.invalidate("parcels")
        connection.execute(text(JOINED)).all()
    assert same(app.execute(JOINED), bare(parcels, JOINED))


@pytest.mark.families("postgresql")
def test_a_session_that_differs_neither_keeps_nor_gets(parcels: Origin, app: CachingEngine) -> None:
    """What it has set may be what the answer depends on."""
    parcels.execute("ALTER TABLE parcels ADD COLUMN at timestamptz DEFAULT '2024-07-01 12:00+00'")
    ask = text("SELECT to_char(max(at), 'HH24') AS hour, sum(weight) AS total FROM parcels")
    with app.connect() as connection:
        connection.execute(text("SET TIME ZONE 'Asia/Tokyo'"))
        assert connection.execute(ask).one().hour == "21"
        connection.commit()
        assert connection.execute(ask).one().hour == "21"
    app.dispose()
    with app.connect() as connection:
        connection.execute(text("SET TIME ZONE 'UTC'"))
        assert connection.execute(ask).one().hour == "12"
    assert app.stats().results == 0


@pytest.mark.families("postgresql")
def test_a_connection_that_differs_is_seen_when_it_is_checked_out(
    parcels: Origin, sequence: Sequencer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a statement waits for the pool's only connection, its holder sets something and gives it back."""
    parcels.execute("ALTER TABLE parcels ADD COLUMN at timestamptz DEFAULT '2024-07-01 12:00+00'")
    ask = text("SELECT to_char(max(at), 'HH24') AS hour, sum(weight) AS total FROM parcels")
    base = parcels.engine(pool_size=1, max_overflow=0)
    make_ready = PassingConnection.make_ready

    def waiting_for_the_pool(connection: PassingConnection) -> bool:
        sequence.reach("asks")
        sequence.wait("set")
        return make_ready(connection)

    with CachingEngine(base, mode="transparent") as app:
        app.execute(SUM)  # the table is known
        app.explain(ask, {})
        monkeypatch.setattr(PassingConnection, "make_ready", waiting_for_the_pool)
        asker = sequence.spawn(app.execute, ask)
        sequence.wait("asks")
        with app.connect() as holder:
            holder.execute(text("SET TIME ZONE 'Asia/Tokyo'"))
            holder.commit()
        sequence.reach("set")
        assert asker.result()[0]["hour"] == "21"  # as on the bare engine
        app.dispose()
        assert app.execute(ask)[0]["hour"] != "21"


def test_memo_notes_what_a_kept_answer_was_read_under(parcels: Origin, engine: CachingEngine) -> None:
    """A function that reads a kept answer depends on the tables of it."""
    memo = Memo("memo.db", engine=engine)

    @memo
    def total() -> float:
        return float(engine.execute(SUM)[0]["total"])

    engine.execute(SUM)
    first = total()
    assert engine.stats().result_hits == 1
    assert total.has()
    write(parcels)
    engine.invalidate("parcels")
    assert not total.has()
    assert total() != first
    memo.close()


# -- the bound ---------------------------------------------------------------------------------


def test_the_least_recently_used_goes_first(parcels: Origin) -> None:
    """The bound holds, and what was used last stays."""
    with CachingEngine(parcels.engine(), max_results=20_000) as engine:
        for number in range(50):
            engine.execute(BELOW, {"id": number})
            engine.execute(BELOW, {"id": 0})
        stats = engine.stats()
        assert 0 < stats.result_bytes <= 20_000
        assert 3 < stats.results < 50
        with parcels.expect_silence():
            engine.execute(BELOW, {"id": 0})
            engine.execute(BELOW, {"id": 49})
        assert engine.execute(BELOW, {"id": 1}).status.outcome is Outcome.BYPASS


def test_a_large_answer_is_given_whole_and_not_kept(parcels: Origin, base: sa.Engine) -> None:
    """More than a tenth of the bound: each way of fetching gives all its rows, in their order."""
    values = ", ".join(f"({number}, 1, {number}.1)" for number in range(10, 2500))
    parcels.execute(f"INSERT INTO parcels VALUES {values}")
    ask = text("SELECT p.id, (SELECT sum(q.weight) FROM parcels q) AS total FROM parcels p ORDER BY p.id")
    with base.connect() as connection:
        expected = connection.execute(ask).all()
    with CachingEngine(base, mode="transparent", max_results=200_000) as engine:
        fetches: list[Callable[[Any], list[Any]]] = [
            lambda result: list(result.all()),
            lambda result: [result.fetchone(), *result.fetchmany(700), *result.fetchall()],
            list,
            lambda result: [row for part in result.partitions(333) for row in part],
        ]
        for fetch in fetches:
            with engine.connect() as connection:
                assert fetch(connection.execute(ask)) == expected
        assert engine.stats().results == 0
        assert engine.stats().bypasses == 4


def test_nothing_is_kept_where_the_bound_is_none(parcels: Origin) -> None:
    """max_results=0 turns it off."""
    with CachingEngine(parcels.engine(), max_results=0) as engine:
        outcomes = [engine.execute(SUM).status.outcome for _ in range(2)]
        assert outcomes == [Outcome.BYPASS, Outcome.BYPASS]
        assert engine.stats().results == 0


def test_a_server_side_cursor_gets_what_was_kept_and_keeps_nothing(
    parcels: Origin, app: CachingEngine
) -> None:
    """Its rows come as they are asked for: to keep them all of them would have to be fetched."""
    ask = text(JOINED)
    with app.connect() as connection:
        streamed = connection.execution_options(stream_results=True).execute(ask).all()
    if parcels.family != "sqlite":  # whose driver has no such cursors
        assert app.stats().results == 0
    rows = app.execute(JOINED)
    with app.connect() as connection:
        again = connection.execution_options(stream_results=True).execute(ask).all()

    assert [row._mapping for row in streamed] == [row._mapping for row in again] == rows
    assert app.stats().result_hits >= 1


# -- the file ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_a_restart_brings_them_back(parcels: Origin, mode: str) -> None:
    """With their age, also of a table that isn't in the file itself; the origin's data isn't asked."""
    with CachingEngine(parcels.engine(), mode=mode, cache_db="kept.db") as engine:
        engine.execute(BELOW, {"id": 3})  # first: it makes the fill a wider one
        expected = engine.execute(SUM)
    with CachingEngine(parcels.engine(), mode=mode, cache_db="kept.db") as engine, parcels.expect(0):
        again = engine.execute(SUM)
        engine.execute(BELOW, {"id": 3})
        assert engine.stats().result_hits == 2
    assert same(again, expected)
    assert again.status.outcome is Outcome.RESULT_HIT


def test_of_a_table_larger_than_the_store_only_answers_are_kept(parcels: Origin) -> None:
    """Its definition is in the file, and compared with the origin's."""
    ask = "SELECT max(sender) AS last FROM parcels"
    options: dict[str, Any] = {"max_memory": 1000, "cache_db": "kept.db"}
    with CachingEngine(parcels.engine(), **options) as engine:
        engine.execute(ask)
        assert engine.execute(ask).status.outcome is Outcome.RESULT_HIT
    with CachingEngine(parcels.engine(), **options) as engine:
        assert engine.execute(ask).status.outcome is Outcome.RESULT_HIT
    parcels.execute("ALTER TABLE parcels ADD COLUMN colour VARCHAR(9)")
    with CachingEngine(parcels.engine(), **options) as engine:
        assert engine.execute(ask).status.outcome is Outcome.BYPASS


def test_an_invalidation_isnt_undone_by_a_restart(parcels: Origin) -> None:
    """Neither where it came after the file was written, nor where a definition has changed meanwhile."""
    with CachingEngine(parcels.engine(), cache_db="kept.db") as engine:
        engine.execute(SUM)
        engine._core.maintenance.flush()
        write(parcels)
        engine.invalidate("parcels")
    with CachingEngine(parcels.engine(), cache_db="kept.db") as engine:
        assert same(engine.execute(SUM), bare(parcels))
        assert engine.stats().result_hits == 0
    parcels.execute("DROP TABLE parcels", "CREATE TABLE parcels (id INTEGER, weight DOUBLE PRECISION)")
    with CachingEngine(parcels.engine(), cache_db="kept.db") as engine:
        assert engine.execute(SUM)[0]["total"] is None


# -- asyncio -----------------------------------------------------------------------------------


def test_a_herd_of_tasks_asks_once(async_origin: Origin) -> None:
    """Who waits doesn't stop the loop in which the question is under way."""
    make(async_origin)

    async def run() -> None:
        base = async_origin.async_engine()
        caching = CachingEngine(base.sync_engine, mode="transparent")
        engine = AsyncEngine(caching)

        async def ask(statement: str) -> Any:
            async with engine.connect() as connection:
                return (await connection.execute(text(statement))).all()

        await ask(SUM)
        other = "SELECT sum(weight) AS total FROM parcels WHERE sender < 99"
        answers = await asyncio.gather(*[ask(other) for _ in range(20)])
        assert all(answer == answers[0] for answer in answers)
        stats = caching.stats()
        assert stats.bypasses + stats.result_hits + stats.misses + stats.hits >= 21
        assert stats.bypasses <= 2
        caching.close()
        await base.dispose()

    asyncio.run(run())


def test_statements_reach_the_data_as_often_as_counted(parcels: Origin, engine: CachingEngine) -> None:
    """The counting that these tests rely on sees the question."""
    with parcels.expect(2):  # the fill that shows what the values are, and the question
        engine.execute(SUM)
    assert all(is_data(each) for each in parcels.counter.data)
