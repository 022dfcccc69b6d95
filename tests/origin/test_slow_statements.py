"""Statements that the store is slower at than the origin: found out by a clock, answered by the origin.

The clock stands still but for what the test lets a store's or an origin's statement take. Nothing is timed,
and `wait` waits for the trial's thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from support.clock import ManualClock
from support.counting import is_data
from support.origins import Origin
from support.sequencer import DEADLINE_SECONDS

from sqlmem import CachingEngine, NotCachedError, last_status
from sqlmem.executor import Executor
from sqlmem.model import Outcome
from sqlmem.paces import AGAIN_SECONDS, LEAST_ROWS, PUT_OFF_SECONDS, REASON, Paces
from sqlmem.store import Lane
from sqlmem.trials import PAUSE_TIMES

pytestmark = pytest.mark.families("postgresql", "mariadb")

ASK = "SELECT id, version FROM items WHERE id < :most ORDER BY id"
SLOW = 3  # so many slow answers make a trial due
MODES = pytest.mark.parametrize("mode", ["strict", "transparent"])


class Timed:
    """An origin and engines over it, by a clock that only their statements move."""

    def __init__(self, origin: Origin, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.origin = origin
        self.clock = clock
        self.store_seconds = 0.0
        self.origin_seconds = 0.0
        # Called with each statement on its way to the origin's data; it may raise or wait.
        self.on_sent: Callable[[], None] = lambda: None
        self.made: list[CachingEngine] = []
        record = origin.counter.record

        def recorded(statement: object) -> None:
            record(statement)
            if is_data(str(statement)) and "sqlmem" not in threading.current_thread().name:
                self.on_sent()
            if " < " in str(statement):
                clock.advance(self.origin_seconds)

        monkeypatch.setattr(origin.counter, "record", recorded)
        rows = Lane.rows

        def asked(lane: Lane, sql: str, arguments: Any) -> Any:
            if " < " in sql and not sql.startswith("EXPLAIN"):
                clock.advance(self.store_seconds)
            return rows(lane, sql, arguments)

        monkeypatch.setattr(Lane, "rows", asked)

    def engine(self, base: sa.Engine | None = None, **settings: Any) -> CachingEngine:
        engine = CachingEngine(base or self.origin.engine(), clock=self.clock, **settings)
        self.made.append(engine)
        return engine

    def ask(self, engine: CachingEngine, most: int, **options: Any) -> Outcome:
        """One answer, checked; the trial that it may have begun is over when this returns."""
        rows = engine.execute(ASK, {"most": most}, **options)
        assert [row["id"] for row in rows] == list(range(most))
        self.settle(engine)
        assert rows.status is not None
        return rows.status.outcome

    def settle(self, engine: CachingEngine) -> None:
        trials = engine._core.trials
        assert trials is None or trials.wait(DEADLINE_SECONDS), "a trial hangs"

    def lose(self, engine: CachingEngine) -> None:
        """Let the store be slow and the origin fast, until it is known."""
        self.store_seconds, self.origin_seconds = 0.012, 0.003
        for most in range(2, 2 + SLOW):
            self.ask(engine, most)


def make_items(origin: Origin) -> None:
    assert LEAST_ROWS == 1_000
    origin.execute(
        "CREATE TABLE digits (d INTEGER)",
        "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)",
        "INSERT INTO items SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d, 0"
        " FROM digits a, digits b, digits c, digits e WHERE e.d < 2",
    )


@pytest.fixture
def timed(origin: Origin, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Timed]:
    """A table `items` of more rows than are looked at in no time."""
    make_items(origin)
    timed = Timed(origin, clock, monkeypatch)
    yield timed
    for engine in timed.made:
        engine.close()


# -- what is found out -------------------------------------------------------------------------


def test_what_the_origin_is_faster_at_becomes_its_own(timed: Timed) -> None:
    """Three slow answers, one trial; then the origin answers, and its answer is kept."""
    engine = timed.engine()
    timed.lose(engine)

    with timed.origin.expect(1):
        found = [timed.ask(engine, 50), timed.ask(engine, 50)]

    assert found == [Outcome.BYPASS, Outcome.RESULT_HIT]
    assert engine.stats().bypass_reasons == {REASON: 1}
    status = last_status()
    assert status is not None
    assert status.reason == REASON


def test_explain_says_why_and_by_what(timed: Timed) -> None:
    """The two times that it was decided by; to explain changes nothing."""
    engine = timed.engine()
    timed.lose(engine)

    explained = engine.explain(ASK, {"most": 60})

    assert explained.outcome is Outcome.BYPASS
    assert explained.reasons == ("the origin is faster at it: 3.0 ms against 12 ms",)
    timed.clock.advance(AGAIN_SECONDS)
    assert engine.explain(ASK, {"most": 60}).outcome is Outcome.HIT
    assert engine.explain(ASK, {"most": 60}).outcome is Outcome.HIT


@pytest.mark.parametrize("origin_seconds", [0.0119, 0.012, 1.0])
def test_what_the_origin_is_not_faster_at_stays_the_stores(timed: Timed, origin_seconds: float) -> None:
    """One trial, and no other for a while. A bypass takes a connection beside its statement."""
    engine = timed.engine()
    timed.store_seconds, timed.origin_seconds = 0.012, origin_seconds
    for most in range(2, 2 + SLOW):
        timed.ask(engine, most)

    with timed.origin.expect(0):
        found = {timed.ask(engine, most) for most in range(10, 30)}

    assert found == {Outcome.HIT}


def test_the_fastest_of_several_turns_counts(timed: Timed) -> None:
    """An origin that is slow once, since its cache was cold, isn't slow."""
    engine = timed.engine()
    timed.store_seconds, timed.origin_seconds = 0.012, 0.030
    trials = engine._core.trials
    assert trials is not None
    compare = trials._ask_store

    def asked(trial: Any) -> None:
        timed.origin_seconds = 0.003
        compare(trial)

    trials._ask_store = asked  # type: ignore[method-assign]
    for most in range(2, 2 + SLOW):
        timed.ask(engine, most)

    assert timed.ask(engine, 50) is Outcome.BYPASS


def test_a_trial_asks_the_very_statement_with_its_parameters(timed: Timed) -> None:
    """Three times at most, beside the fill's."""
    engine = timed.engine()
    timed.store_seconds, timed.origin_seconds = 0.012, 0.003
    for most in range(2, 2 + SLOW - 1):
        timed.ask(engine, most)

    with timed.origin.expect(3):
        timed.ask(engine, 7)


@pytest.mark.parametrize(("origin_seconds", "turns"), [(0.12, 1), (0.16, 3), (0.24, 3)])
def test_two_that_take_long_alike_are_asked_again(timed: Timed, origin_seconds: float, turns: int) -> None:
    """On a busy machine one turn would be decided by what else it does."""
    engine = timed.engine()
    timed.store_seconds, timed.origin_seconds = 0.2, origin_seconds
    for most in range(2, 2 + SLOW - 1):
        timed.ask(engine, most)

    with timed.origin.expect(turns):
        timed.ask(engine, 7)


def test_small_tables_are_not_measured(timed: Timed) -> None:
    """However long it takes: what the store could lose there is less than a round trip."""
    timed.origin.execute("DELETE FROM items WHERE id >= 900")
    engine = timed.engine()
    timed.lose(engine)

    with timed.origin.expect(0):
        assert timed.ask(engine, 50) is Outcome.HIT


def test_quick_answers_are_not_tried(timed: Timed) -> None:
    """Below a millisecond nothing is asked of the origin, however fast it would be."""
    engine = timed.engine()
    timed.store_seconds = 0.0009
    timed.ask(engine, 1)

    with timed.origin.expect(0):
        assert {timed.ask(engine, most) for most in range(2, 20)} == {Outcome.HIT}


def test_what_is_mostly_quick_stays_the_stores(timed: Timed) -> None:
    """One slow answer of three: a plan has one answer for all of its parameters."""
    engine = timed.engine()
    timed.ask(engine, 1)

    with timed.origin.expect(0):
        for most in range(2, 40):
            timed.store_seconds = 0.012 if most % 3 == 0 else 0.0
            assert timed.ask(engine, most) is Outcome.HIT


def test_one_very_slow_answer_is_enough(timed: Timed) -> None:
    """A second of the store's time is as much as three slow answers."""
    engine = timed.engine()
    timed.store_seconds, timed.origin_seconds = 5.0, 0.5
    timed.ask(engine, 1)

    assert timed.ask(engine, 2) is Outcome.BYPASS


def test_texts_that_differ_in_constants_are_one(timed: Timed) -> None:
    """What is known of a plan is known of it with every constant."""
    engine = timed.engine()
    timed.store_seconds, timed.origin_seconds = 0.012, 0.003
    for most in range(2, 2 + SLOW):
        engine.execute(f"SELECT version FROM items WHERE id < {most}")
        timed.settle(engine)

    rows = engine.execute("SELECT version FROM items WHERE id < 77")

    assert rows.status is not None
    assert rows.status.reason == REASON


def test_the_store_may_be_told_to_answer_all_the_same(timed: Timed) -> None:
    """The setting has no trials, and no thread."""
    engine = timed.engine(slow_statements="store")
    timed.lose(engine)

    with timed.origin.expect(0):
        assert timed.ask(engine, 50) is Outcome.HIT
    assert engine._core.trials is None


@pytest.mark.families("sqlite")
def test_an_origin_of_sqlites_is_not_tried(timed: Timed) -> None:
    """It is the store's own engine, and a reader beside the program's may be in a writer's way."""
    engine = timed.engine()
    timed.lose(engine)

    with timed.origin.expect(0):
        assert timed.ask(engine, 50) is Outcome.HIT


def test_what_is_measured_is_answered_at_once_all_the_same(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan over a large table takes the hot path, and its time is taken there."""
    engine = timed.engine()
    runs = []
    run = Executor.run

    def counted(executor: Executor, *arguments: Any, **keywords: Any) -> Any:
        runs.append(arguments)
        return run(executor, *arguments, **keywords)

    with engine.connect() as connection:
        for most in range(2):
            connection.execute(text(ASK), {"most": most}).all()
        monkeypatch.setattr(Executor, "run", counted)
        timed.store_seconds, timed.origin_seconds = 0.012, 0.5
        for most in range(3 * SLOW):
            assert len(connection.execute(text(ASK), {"most": most}).all()) == most
    timed.settle(engine)

    assert not runs, [each[2] for each in runs]
    trials = engine._core.trials
    assert trials is not None
    (pace,) = trials.paces._paces.values()
    assert pace.few.store_seconds == pytest.approx(0.012)


# -- many rows and few -------------------------------------------------------------------------


def lose_many(timed: Timed, engine: CachingEngine) -> None:
    """Let the store be slow at some hundred rows, until it is known."""
    timed.store_seconds, timed.origin_seconds = 0.012, 0.003
    for most in range(400, 400 + SLOW):
        timed.ask(engine, most)


@pytest.mark.parametrize("way", ["execute", "core"])
def test_many_rows_become_the_origins_and_few_stay_the_stores(timed: Timed, way: str) -> None:
    """Of one plan: which it is, is found out from the rows themselves."""
    engine = timed.engine(max_results=0)
    lose_many(timed, engine)

    def ask(most: int) -> Outcome:
        if way == "execute":
            return timed.ask(engine, most)
        with engine.connect() as connection:
            rows = connection.execute(text(ASK), {"most": most}).all()
        assert [row.id for row in rows] == list(range(most))
        timed.settle(engine)
        status = last_status()
        assert status is not None
        return status.outcome

    with timed.origin.expect(0):
        few = {ask(most) for most in (0, 1, 50, 99, 100, 101, 199)}
    with timed.origin.expect(4):
        many = {ask(most) for most in (200, 450, 1000, 2000)}

    assert few == {Outcome.HIT}
    assert many == {Outcome.BYPASS}


@MODES
def test_few_rows_are_answered_at_once_all_the_same(
    timed: Timed, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """The hot path looks how many there are; the whole way is for those that have many."""
    engine = timed.engine(mode=mode, max_results=0)
    lose_many(timed, engine)
    runs = []
    run = Executor.run

    def counted(executor: Executor, *arguments: Any, **keywords: Any) -> Any:
        runs.append(arguments)
        return run(executor, *arguments, **keywords)

    monkeypatch.setattr(Executor, "run", counted)
    timed.store_seconds = 0.0
    before = engine.stats().hits
    with engine.connect() as connection:
        for most in (0, 1, 99, 100, 199):
            rows = connection.execute(text(ASK), {"most": most}).all()
            assert [tuple(row) for row in rows] == [(number, 0) for number in range(most)]
            status = last_status()
            assert status is not None
            assert status.outcome is Outcome.HIT
        assert not runs
        connection.execute(text(ASK), {"most": 300}).all()

    assert len(runs) == 1
    assert engine.stats().hits == before + 5


def test_rows_below_the_bound_are_all_there(timed: Timed) -> None:
    """Whether they were counted or not."""
    engine = timed.engine()
    engine.execute(ASK, {"most": 5})
    entry = engine._core.front.known(
        next(iter(engine._core.front._entries))[0], {"most": 5}, has_parameters=True
    )
    assert entry is not None
    lane = engine._core.store.lane(entry.bound.generations)  # type: ignore[union-attr]
    sql = entry.plan.sql  # type: ignore[union-attr]

    for bound in (1, 100, 200, 201, 300):
        for count in {0, 1, bound - 1, bound, bound + 1}:
            rows = lane.rows_below(sql, (count,), bound)

            expected = None if count >= bound else list(range(count))
            assert (rows if rows is None else [row[0] for row in rows]) == expected, (bound, count)


def test_which_parameters_give_many_rows_is_looked_at_once(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as the same generation is there; nothing is kept of the origin's answers."""
    looks = []
    below = Lane.rows_below

    def looked(lane: Lane, sql: str, arguments: Any, most: int) -> Any:
        looks.append(most)
        return below(lane, sql, arguments, most)

    monkeypatch.setattr(Lane, "rows_below", looked)
    engine = timed.engine(max_results=0)
    lose_many(timed, engine)
    looks.clear()

    found = [timed.ask(engine, most) for most in (500, 500, 500, 501)]

    assert found == [Outcome.BYPASS] * 4
    assert looks == [200, 200]


def test_an_answer_of_many_rows_is_kept_when_it_is_asked_for_again(timed: Timed) -> None:
    """Not before: to keep it costs a look at each value of so many rows."""
    engine = timed.engine()
    lose_many(timed, engine)

    with timed.origin.expect(2):
        found = [timed.ask(engine, 500) for _ in range(4)]

    assert found == [Outcome.BYPASS, Outcome.BYPASS, Outcome.RESULT_HIT, Outcome.RESULT_HIT]


def test_where_looking_takes_as_long_as_answering_nothing_is_told_apart(
    timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sort comes before the first row: then all answers are the origin's, if they are mostly slow."""
    below = Lane.rows_below

    def looked(lane: Lane, sql: str, arguments: Any, most: int) -> Any:
        timed.clock.advance(timed.store_seconds)
        return below(lane, sql, arguments, most)

    monkeypatch.setattr(Lane, "rows_below", looked)
    engine = timed.engine(max_results=0)
    lose_many(timed, engine)

    assert timed.ask(engine, 500) is Outcome.BYPASS
    assert timed.ask(engine, 5) is Outcome.BYPASS


def test_many_rows_are_the_stores_where_it_is_asked_for(timed: Timed) -> None:
    engine = timed.engine(max_results=0)
    lose_many(timed, engine)

    with timed.origin.expect(0):
        assert timed.ask(engine, 500, sqlmem="only") is Outcome.HIT


def test_many_rows_are_the_stores_while_the_origin_is_down(timed: Timed) -> None:
    engine = timed.engine(max_results=0)
    lose_many(timed, engine)

    with timed.origin.down():
        found = [timed.ask(engine, 500), timed.ask(engine, 501)]

    assert found == [Outcome.HIT, Outcome.HIT]


def test_explain_says_from_how_many_rows_on(timed: Timed) -> None:
    """What it is for these parameters it can't say without asking the store."""
    engine = timed.engine()
    lose_many(timed, engine)

    explained = engine.explain(ASK, {"most": 60})

    assert explained.outcome is Outcome.HIT
    assert explained.reasons == ("from 200 rows on the origin is faster at it: 3.0 ms against 12 ms",)


def test_many_rows_are_looked_at_again_after_a_while(timed: Timed) -> None:
    engine = timed.engine(max_results=0)
    lose_many(timed, engine)
    assert timed.ask(engine, 500) is Outcome.BYPASS

    timed.clock.advance(AGAIN_SECONDS)
    timed.origin_seconds = 0.5

    assert [timed.ask(engine, most) for most in (501, 502)] == [Outcome.HIT, Outcome.HIT]


# -- what doesn't last -------------------------------------------------------------------------


def test_it_is_looked_at_again_after_a_while(timed: Timed) -> None:
    """The store answers once; the next trial finds it faster by now."""
    engine = timed.engine()
    timed.lose(engine)
    assert timed.ask(engine, 50) is Outcome.BYPASS

    timed.clock.advance(AGAIN_SECONDS)
    timed.origin_seconds = 0.5
    with timed.origin.expect(1):
        assert timed.ask(engine, 51) is Outcome.HIT
        assert timed.ask(engine, 52) is Outcome.HIT


def test_looked_at_again_it_may_be_the_same(timed: Timed) -> None:
    """One slow answer of the store is enough, and the origin has it back."""
    engine = timed.engine()
    timed.lose(engine)
    timed.clock.advance(AGAIN_SECONDS)

    assert timed.ask(engine, 51) is Outcome.HIT
    assert timed.ask(engine, 52) is Outcome.BYPASS


def test_it_outlasts_an_invalidation(timed: Timed) -> None:
    """A table that is written again and again isn't fetched for what the origin answers anyway."""
    engine = timed.engine()
    timed.lose(engine)
    fills = engine.stats().fills
    engine.invalidate("items")

    assert timed.ask(engine, 50) is Outcome.BYPASS
    assert engine.stats().fills == fills


def test_a_table_of_another_size_is_measured_anew(timed: Timed) -> None:
    """Twice as many rows say that what was measured says nothing any more."""
    engine = timed.engine()
    timed.lose(engine)
    timed.origin.execute("INSERT INTO items SELECT id + 2000, 0 FROM items")
    engine.invalidate("items")
    engine.execute("SELECT id FROM items WHERE id = 1 AND version = 0")
    timed.store_seconds = 0.0

    assert timed.ask(engine, 50) is Outcome.HIT


def test_there_is_a_pause_after_a_trial(timed: Timed) -> None:
    """Another plan waits for its own until the pause is over, and goes on being answered."""
    engine = timed.engine()
    timed.lose(engine)
    other = "SELECT version FROM items WHERE version < :most"
    for most in range(5):
        engine.execute(other, {"most": most})
        timed.settle(engine)
    with timed.origin.expect(0):
        engine.execute(other, {"most": 6})
        timed.settle(engine)

    timed.clock.advance(PAUSE_TIMES * 1.0)
    engine.execute(other, {"most": 7})
    timed.settle(engine)

    rows = engine.execute(other, {"most": 8})
    assert rows.status is not None
    assert rows.status.reason == REASON


def test_plans_are_remembered_up_to_a_number() -> None:
    """The one that is longest known goes; nothing else is said of it."""

    class Some:
        rows = 5_000

    class Plan:
        tables = ()

        def __init__(self, sql: str) -> None:
            self.sql = sql

    paces: Any = Paces(2)
    first, second, third = (Plan(sql) for sql in "abc")
    for plan in (first, second, third):
        paces.of(plan, [Some()])

    assert paces.known(first) is None
    assert paces.known(second) is not paces.known(third)


# -- who asks for something else ---------------------------------------------------------------


def test_only_and_refresh_mean_the_store(timed: Timed) -> None:
    """What a statement asks for itself wins; the decision stays."""
    engine = timed.engine()
    timed.lose(engine)

    assert timed.ask(engine, 50, sqlmem="only") is Outcome.HIT
    assert timed.ask(engine, 50, sqlmem="refresh") is Outcome.MISS
    assert timed.ask(engine, 50) is Outcome.BYPASS


def test_only_raises_where_the_store_has_nothing(timed: Timed) -> None:
    """The origin's speed is no answer."""
    engine = timed.engine()
    timed.lose(engine)
    engine.invalidate("items")

    with pytest.raises(NotCachedError), timed.origin.expect(0):
        timed.ask(engine, 50, sqlmem="only")


def test_a_transaction_that_has_written_reads_its_own(timed: Timed) -> None:
    """Its own reason comes first, and what was committed is what is read after."""
    engine = timed.engine(mode="transparent")
    timed.lose(engine)

    with engine.connect() as connection:
        connection.execute(text("UPDATE items SET version = 1 WHERE id = 0"))
        own = connection.execute(text(ASK), {"most": 1}).all()
        status = last_status()
        connection.commit()

    assert [tuple(row) for row in own] == [(0, 1)]
    assert status is not None
    assert status.reason == "its transaction has written"
    assert engine.execute(ASK, {"most": 1}) == [{"id": 0, "version": 1}]
    assert engine.execute(ASK, {"most": 1}) == [{"id": 0, "version": 1}]


def test_hits_are_verified_as_before(timed: Timed) -> None:
    """An engine with `verify` measures too."""
    engine = timed.engine(verify=1)
    timed.lose(engine)
    live = engine._core.live
    assert live is not None
    assert live.drain(DEADLINE_SECONDS)

    assert timed.ask(engine, 50) is Outcome.BYPASS
    assert engine.stats().verification.differences == 0


# -- an origin that can't be asked -------------------------------------------------------------


@MODES
def test_the_store_answers_while_the_origin_is_down(timed: Timed, mode: str) -> None:
    """As it would have without a decision, and for a while it isn't even tried."""
    engine = timed.engine(mode=mode)
    timed.lose(engine)

    with timed.origin.down():
        found = [timed.ask(engine, 50), timed.ask(engine, 51)]

    assert found == [Outcome.HIT, Outcome.HIT]
    assert engine.stats().bypasses == 0
    timed.clock.advance(PUT_OFF_SECONDS + 1)
    timed.ask(engine, 52)
    assert timed.ask(engine, 53) is Outcome.BYPASS


def said_at_once(engine: CachingEngine) -> list[str]:
    return [statement for statement, _ in engine._core.executor.at_once.resting]


@MODES
def test_what_nobody_keeps_is_said_at_once(timed: Timed, mode: str) -> None:
    """As long as the origin is the faster one, and reachable."""
    engine = timed.engine(mode=mode, max_results=0)
    timed.lose(engine)

    found = [timed.ask(engine, most) for most in (50, 51, 50)]
    was_said = said_at_once(engine)
    with timed.origin.down():
        down = [timed.ask(engine, most) for most in (52, 53)]

    assert found == [Outcome.BYPASS] * 3
    assert len(was_said) == 1
    assert down == [Outcome.HIT] * 2
    assert engine.stats().bypass_reasons == {REASON: 3}
    timed.clock.advance(PUT_OFF_SECONDS + 1)
    timed.ask(engine, 52)
    assert [timed.ask(engine, most) for most in (53, 54)] == [Outcome.BYPASS] * 2
    assert said_at_once(engine) == was_said
    timed.clock.advance(AGAIN_SECONDS)
    timed.origin_seconds = 0.5
    assert [timed.ask(engine, most) for most in (55, 56)] == [Outcome.HIT] * 2


@MODES
def test_what_is_said_at_once_is_of_parameters_of_one_kind(timed: Timed, mode: str) -> None:
    """Another kind is another plan, of which nothing is decided."""
    engine = timed.engine(mode=mode, max_results=0)
    asked = text("SELECT id FROM items WHERE id < :most + 0 ORDER BY id")

    def outcome(most: object) -> Outcome:
        with engine.connect() as connection:
            rows = connection.execute(asked, {"most": most}).all()
        assert [row[0] for row in rows] == list(range(int(str(most))))
        timed.settle(engine)
        status = last_status()
        assert status is not None
        return Outcome(status.outcome)

    timed.store_seconds, timed.origin_seconds = 0.012, 0.003
    for most in range(2, 2 + SLOW):
        outcome(most)

    assert [outcome(most) for most in (5, 6)] == [Outcome.BYPASS] * 2
    assert len(said_at_once(engine)) == 1
    assert outcome(Decimal(5)) is not Outcome.PASSED
    assert outcome(7) is Outcome.BYPASS


@MODES
def test_the_store_answers_what_the_origin_breaks_off(timed: Timed, mode: str) -> None:
    """A time-out, say: of a connection that was taken for this statement, nobody hears."""
    engine = timed.engine(mode=mode)
    timed.lose(engine)

    def fail() -> None:
        timed.on_sent = lambda: None
        raise engine.dialect.loaded_dbapi.OperationalError("broken off (by a test)")

    timed.on_sent = fail
    with engine.connect() as connection:
        found = connection.execute(text(ASK), {"most": 2}).all()
        again = connection.execute(text("SELECT version FROM items WHERE id = 3")).scalar()

    assert [tuple(row) for row in found] == [(0, 0), (1, 0)]
    assert again == 0
    assert engine.stats().bypasses == 0


@MODES
def test_in_a_transaction_at_the_origin_its_error_is_the_callers(timed: Timed, mode: str) -> None:
    """As on the bare engine: what the transaction holds may be lost with it."""
    engine = timed.engine(mode=mode)
    timed.lose(engine)

    def fail() -> None:
        timed.on_sent = lambda: None
        raise engine.dialect.loaded_dbapi.OperationalError("broken off (by a test)")

    with engine.connect() as connection:
        connection.execute(text(ASK), {"most": 2}).all()
        timed.on_sent = fail
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(text(ASK), {"most": 3})


def test_without_a_connection_to_spare_there_is_no_trial(timed: Timed) -> None:
    """The program may hold the pool's only one and wait for us."""
    engine = timed.engine(timed.origin.engine(pool_size=1, max_overflow=0))
    timed.lose(engine)

    with timed.origin.expect(0):
        assert timed.ask(engine, 50) is Outcome.HIT


def test_an_origin_that_fails_the_trial_is_not_asked_again_soon(timed: Timed) -> None:
    """Nobody hears of it."""
    engine = timed.engine()
    timed.ask(engine, 1)

    with timed.origin.down():
        timed.lose(engine)
        assert timed.ask(engine, 50) is Outcome.HIT
    with timed.origin.expect(0):
        assert timed.ask(engine, 51) is Outcome.HIT
    timed.clock.advance(PUT_OFF_SECONDS)
    timed.ask(engine, 52)
    assert timed.ask(engine, 53) is Outcome.BYPASS


# -- threads -----------------------------------------------------------------------------------


def test_nobody_waits_for_a_trial(timed: Timed) -> None:
    """While one hangs at the origin the store answers, and no other begins."""
    engine = timed.engine()
    trials = engine._core.trials
    assert trials is not None
    reached, released = threading.Event(), threading.Event()
    ask = trials._ask_origin

    def hanging(*arguments: Any) -> None:
        reached.set()
        assert released.wait(DEADLINE_SECONDS)
        ask(*arguments)

    trials._ask_origin = hanging  # type: ignore[method-assign]
    timed.store_seconds, timed.origin_seconds = 0.012, 0.003
    for most in range(2, 2 + SLOW):
        engine.execute(ASK, {"most": most})
    assert reached.wait(DEADLINE_SECONDS)

    with timed.origin.expect(0):
        found = {engine.execute(ASK, {"most": most}).status.outcome for most in range(10, 20)}  # type: ignore[union-attr]
    released.set()

    assert found == {Outcome.HIT}
    timed.settle(engine)


def test_close_ends_it(timed: Timed) -> None:
    """A closed engine begins none."""
    engine = timed.engine()
    timed.store_seconds = 0.012
    timed.ask(engine, 1)
    trials = engine._core.trials
    assert trials is not None
    engine.close()

    assert trials.wait(0)
    assert trials._is_closed


def test_the_origin_gets_no_more_time_than_the_store_took(timed: Timed) -> None:
    """What takes longer isn't faster; and no limit stays with the pool's connections."""
    base = timed.origin.engine()
    engine = timed.engine(base)
    timed.store_seconds, timed.origin_seconds = 0.5, 0.003
    for most in range(2, 5):
        timed.ask(engine, most)

    limited = [each for each in timed.origin.counter.everything if "500" in each or "0.500" in each]
    assert limited
    variable = "statement_timeout" if timed.origin.family == "postgresql" else "max_statement_time"
    show = f"SHOW {variable}" if timed.origin.family == "postgresql" else f"SELECT @@{variable}"
    with base.connect() as connection:
        assert str(connection.exec_driver_sql(show).scalar()) in ("0", "0.0", "0.000000")


def test_asyncio(async_origin: Origin, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an event loop the trial is made on a connection of its own."""
    make_items(async_origin)
    timed = Timed(async_origin, clock, monkeypatch)

    async def main() -> tuple[list[Any], str | None]:
        base = async_origin.async_engine()
        engine = timed.engine(base.sync_engine)
        asked = AsyncEngine(engine)
        timed.store_seconds, timed.origin_seconds = 0.012, 0.003
        async with asked.connect() as connection:
            for most in range(2, 2 + SLOW):
                await connection.execute(text(ASK), {"most": most})
        timed.settle(engine)
        async with asked.connect() as connection:
            rows = (await connection.execute(text(ASK), {"most": 2})).all()
            status = last_status()
        engine.close()
        await base.dispose()
        return list(rows), status.reason if status is not None else None

    rows, reason = asyncio.run(main())

    assert [tuple(row) for row in rows] == [(0, 0), (1, 0)]
    assert reason == REASON
