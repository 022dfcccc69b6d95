"""Hits asked of the origin too: what is compared, what is done about a difference, what it costs.

Wrongness is planted: a planner whose statement for the store asks something else, a decoder that
gives another type. Everything else is real. Nothing is timed: `drain` waits for the thread.
"""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from support import corpus, sample_chinook
from support.clock import ManualClock
from support.origins import Origin
from support.sequencer import DEADLINE_SECONDS, Sequencer

from sqlmem import CachingEngine, add_sink, entries, live_verification, planning, remove_sink, second_look
from sqlmem.codecs import row_decoder
from sqlmem.comparison import Failed
from sqlmem.model import Outcome, VerificationStats
from sqlmem.origin import FAMILIES
from sqlmem.planning import QUARANTINED
from sqlmem.sampling import Share, _kept

ASK = "SELECT id, version FROM items WHERE id > :least ORDER BY id"
ALL = "SELECT id, version FROM items"
TWO = [{"id": 1, "version": 0}, {"id": 2, "version": 0}]


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
def warnings() -> Iterator[list[str]]:
    """What was logged as a warning."""
    told: list[str] = []
    sink = add_sink(lambda message: told.append(message.record["message"]), level="WARNING")
    yield told
    remove_sink(sink)


Make = Callable[..., CachingEngine]


@pytest.fixture
def make(items: Origin, clock: ManualClock) -> Iterator[Make]:
    """Makes verifying engines, by a clock that stands: a second look is always allowed."""
    made = []

    def make(base: sa.Engine | None = None, **settings: Any) -> CachingEngine:
        engine = CachingEngine(base or items.engine(), **{"verify": 1, "clock": clock, **settings})
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()


def drained(engine: CachingEngine) -> VerificationStats:
    """What verification has come to, once nothing waits any more."""
    live = engine._core.live
    assert live is not None
    assert live.drain(DEADLINE_SECONDS), "verification hangs"
    return engine.stats().verification


def plant(monkeypatch: pytest.MonkeyPatch, *, was: str = " > ", becomes: str = " >= ") -> None:
    """From now on the planner's statements for the store ask something else."""
    make_plan = planning.make_plan

    def wrong(*arguments: Any, **options: Any) -> Any:
        plan = make_plan(*arguments, **options)
        return replace(plan, sql=plan.sql.replace(was, becomes))

    monkeypatch.setattr(planning, "make_plan", wrong)


def write(origin: Origin, version: int) -> None:
    origin.execute(f"UPDATE items SET version = {version}")


# -- what is asked -----------------------------------------------------------------------------


def test_each_hit_costs_one_statement_at_the_origin(items: Origin, make: Make) -> None:
    """All ways in; the miss isn't verified, since the origin has just answered it."""
    engine = make()
    engine.execute(ALL)

    with items.expect(3):
        engine.execute(ALL)
        engine.execute(ALL)
        with engine.connect() as connection:
            connection.execute(text(ALL)).all()
        found = drained(engine)

    assert found == VerificationStats(sampled=3, verified=3)
    assert engine.stats().hits == 3
    assert engine.stats().bypasses == 0


@pytest.mark.families("sqlite")
def test_without_verification_there_is_nothing_of_it(items: Origin) -> None:
    """No subclass on the hot path, no thread, no counting."""
    from sqlmem.executor import Executor
    from sqlmem.shortcuts import Shortcut

    with CachingEngine(items.engine()) as engine:
        engine.execute(ALL)
        with items.expect_silence():
            engine.execute(ALL)

        assert type(engine._core.executor) is Executor
        assert {type(shortcut) for shortcut in engine._core.shortcuts.values()} == {Shortcut}
        assert engine._core.live is None
        assert engine.stats().verification == VerificationStats()


@pytest.mark.families("sqlite")
@pytest.mark.parametrize(("share", "count", "expected"), [(0.25, 10, 2), (0.5, 9, 4), (0.3, 100, 30)])
def test_the_share_is_exact(items: Origin, make: Make, share: float, count: int, expected: int) -> None:
    """Of each four hits one, spread evenly, whichever way they come in."""
    engine = make(verify=share)
    engine.execute(ALL)

    for number in range(count):
        if number % 2:
            engine.execute(ALL)
        else:
            with engine.connect() as connection:
                connection.execute(text(ALL)).all()

    assert drained(engine) == VerificationStats(sampled=expected, verified=expected)


@pytest.mark.parametrize("share", [1, 0.5, 0.1, 0.3, 1 / 3, 0.07, 1e-6, 0.999999])
def test_a_share_is_even(share: float) -> None:
    """After n of them n times the share were taken, rounded down: never two at once, never too few."""
    from fractions import Fraction

    chosen = Share(share)
    taken = 0

    for number in range(1, 2_000):
        taken += chosen.next()
        assert taken == int(Fraction(str(share)) * number)


# -- no false alarm ----------------------------------------------------------------------------


def test_the_corpus_gives_no_false_alarm(origin: Origin, warnings: list[str]) -> None:
    """Every hit of the corpus, by both ways in, is verified or has a reason why it can't be."""
    base = origin.engine()
    sample_chinook.create(base)
    schema = sa.inspect(base).default_schema_name or "main"
    dialect = {"mariadb": "mysql"}.get(origin.family, origin.family)
    with CachingEngine(base, verify=1, mode="transparent") as engine:
        for statement in corpus.load(dialect):
            if statement.is_error:
                continue
            sql, parameters = statement.text(schema), statement.bind(dialect)
            for _ in range(2):
                try:
                    engine.execute(sql, parameters)
                except sa.exc.DBAPIError:
                    break  # a build of the origin may lack what a dialect's own statement uses
            found = drained(engine)

            assert (found.differences, found.stale, found.superseded) == (0, 0, 0), sql
        hits = engine.stats().hits

    assert warnings == []
    assert found.sampled == hits
    assert found.verified + found.skipped == hits
    assert found.verified > 0.85 * hits
    assert not [reason for reason in found.skip_reasons if "can't be" in reason], found.skip_reasons


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("SELECT id FROM items ORDER BY version LIMIT 1", "LIMIT under an order that may leave ties"),
        (
            "SELECT id, row_number() OVER (ORDER BY version) AS n FROM items",
            "ROWNUMBER over rows that may be tied",
        ),
    ],
)
def test_an_answer_that_is_left_open_isnt_compared(
    items: Origin, make: Make, statement: str, reason: str
) -> None:
    """Nor is the origin asked for it."""
    engine = make()
    engine.execute(statement)

    with items.expect(0):
        assert engine.execute(statement).status.outcome is Outcome.HIT
        found = drained(engine)

    assert found == VerificationStats(sampled=1, skipped=1, skip_reasons={reason: 1})


def test_tied_rows_may_stand_in_any_order(items: Origin, make: Make) -> None:
    """The origin gives them in another order than the store after an update; that is no difference."""
    items.execute("UPDATE items SET version = 1 WHERE id = 1", "UPDATE items SET version = 0 WHERE id = 1")
    ask = "SELECT id, version FROM items ORDER BY version"
    engine = make()
    engine.execute(ask)

    engine.execute(ask)

    assert drained(engine) == VerificationStats(sampled=1, verified=1)


# -- age is no wrongness -----------------------------------------------------------------------


def test_a_change_that_nobody_told_of_is_stale(items: Origin, make: Make, warnings: list[str]) -> None:
    """The old answer is allowed until an invalidation: nothing is quarantined, and it is counted apart."""
    engine = make()
    engine.execute(ASK, {"least": 0})
    write(items, 1)

    # The statement, and in a second look: the statement, the fetch, the statement.
    with items.expect(4):
        engine.execute(ASK, {"least": 0})
        found = drained(engine)

    assert found == VerificationStats(sampled=1, stale=1)
    assert warnings == []
    assert engine.execute(ASK, {"least": 0}).status.outcome is Outcome.HIT


def test_a_stale_generation_is_fetched_once_per_plan(items: Origin, make: Make) -> None:
    """What is known to be old costs no second fetch; another plan gets its own look."""
    engine = make()
    engine.execute(ASK, {"least": 0})
    write(items, 1)
    engine.execute(ASK, {"least": 0})
    drained(engine)

    with items.expect(1):
        engine.execute(ASK, {"least": 0})
        drained(engine)
    with items.expect(4):
        engine.execute(ALL)
        found = drained(engine)

    assert found == VerificationStats(sampled=3, stale=3)


def test_second_looks_take_a_small_share_of_the_time(
    items: Origin, make: Make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch that took a second is followed by none for twenty."""
    engine = make()
    engine.execute(ALL)
    engine.execute(ASK, {"least": 0})
    before = drained(engine)
    write(items, 1)
    fetch = second_look.fill

    def slow(*arguments: Any, **keywords: Any) -> Any:
        clock.advance(1)
        return fetch(*arguments, **keywords)

    monkeypatch.setattr(second_look, "fill", slow)
    engine.execute(ALL)
    drained(engine)

    clock.advance(19)
    engine.execute(ASK, {"least": 0})
    early = drained(engine)
    clock.advance(2)
    engine.execute(ASK, {"least": 0})
    found = drained(engine)

    assert before.verified == 1
    assert early.skip_reasons == {"another difference was looked into shortly before": 1}
    assert (found.stale, found.skipped) == (2, 1)


RETYPE = {
    "sqlite": "UPDATE items SET version = 'text'",
    "postgresql": "ALTER TABLE items ALTER COLUMN version TYPE NUMERIC(10, 2)",
    "mariadb": "ALTER TABLE items MODIFY COLUMN version DECIMAL(10, 2)",
}


@pytest.mark.parametrize("is_wider", [True, False])
def test_a_definition_that_changed_is_stale(items: Origin, make: Make, is_wider: bool) -> None:
    """One more column, or another type of one (in SQLite: of a value): old, and not wrong."""
    engine = make()
    engine.execute(ALL)
    change = "ALTER TABLE items ADD COLUMN extra INTEGER" if is_wider else RETYPE[items.family]
    items.execute(change, "UPDATE items SET version = 5 WHERE id = 2")

    assert engine.execute(ALL) == TWO

    assert drained(engine) == VerificationStats(sampled=1, stale=1)


# -- wrongness ---------------------------------------------------------------------------------


def test_a_wrong_plan_is_quarantined(
    items: Origin, make: Make, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next asking is the origin's and right; counters, explanation and log say why."""
    plant(monkeypatch)
    engine = make()
    engine.execute(ASK, {"least": 1})
    assert engine.execute(ASK, {"least": 1}) == TWO
    found = drained(engine)

    with items.expect(1):
        rows = engine.execute(ASK, {"least": 1})

    assert found == VerificationStats(sampled=1, differences=1)
    assert rows == TWO[1:]
    assert (rows.status.outcome, rows.status.reason) == (Outcome.BYPASS, QUARANTINED)
    assert engine.explain(ASK).reasons == (QUARANTINED,)
    assert engine.stats().bypass_reasons == {QUARANTINED: 1}
    assert len(warnings) == 1
    assert "2 rows, not 1" in warnings[0]


def test_a_wrong_type_is_quarantined(
    items: Origin, make: Make, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.0 for 1: equal, and not the same."""

    def wrong(codecs: Any) -> Any:
        decode = row_decoder(codecs)
        return lambda rows: [
            tuple(float(value) if type(value) is int else value for value in row)
            for row in (rows if decode is None else decode(rows))
        ]

    monkeypatch.setattr(entries, "row_decoder", wrong)
    engine = make()
    engine.execute(ALL)
    with engine.connect() as connection:
        connection.execute(text(ALL)).all()
        found = drained(engine)

        rows = [tuple(row) for row in connection.execute(text(ALL))]

    assert found.differences == 1
    assert rows == [(1, 0), (2, 0)]
    assert all(type(value) is int for row in rows for value in row)
    assert "column id is float, not int" in warnings[0]


def test_no_value_is_logged(
    items: Origin, make: Make, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script has the tables' definitions, the statement and the types of the parameters."""
    plant(monkeypatch)
    items.execute("INSERT INTO items VALUES (424242, 171717, 'secret')")
    ask = "SELECT version FROM items WHERE id > :least ORDER BY id"
    engine = make()
    engine.execute(ask, {"least": 424242})
    engine.execute(ask, {"least": 424242})

    drained(engine)

    (warning,) = warnings
    script = warning[warning.index('"""') :]
    compile(script, "script", "exec")
    assert "CREATE TABLE" in script
    assert "PRIMARY KEY" in script
    assert "label" not in script
    assert "SELECT version FROM items WHERE id > " in script
    assert "...,  # int" in script
    assert not [secret for secret in ("424242", "171717", "secret") if secret in warning]


def test_the_script_shows_the_difference_again(
    items: Origin,
    make: Make,
    warnings: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As it stands, where the statement has no parameter."""
    plant(monkeypatch)
    engine = make()
    ask = "SELECT id FROM items WHERE id > 1"
    engine.execute(ask)
    engine.execute(ask)
    drained(engine)
    script = warnings[0][warnings[0].index('"""') :]
    monkeypatch.setattr("sys.argv", ["script", items.url.render_as_string(hide_password=False)])
    monkeypatch.setattr(sa, "create_engine", lambda url: items.engine())  # closed after the test

    exec(compile(script, "script", "exec"), {})

    told = capsys.readouterr().out.splitlines()
    assert told[2] == "[(2,)]"
    assert told[5] == "[(1,), (2,)]"
    assert told[6].startswith("DIFFERENT")


def test_a_quarantine_is_beyond_invalidation(
    items: Origin, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan is suspect, not the rows; it holds for other literals too, and for no other statement."""
    plant(monkeypatch)
    engine = make()
    for _ in range(2):
        engine.execute("SELECT id, version FROM items WHERE id > 1")
    drained(engine)

    engine.invalidate()

    assert engine.execute("SELECT id, version FROM items WHERE id > 1").status.reason == QUARANTINED
    assert engine.execute("SELECT id, version FROM items  WHERE id > 1").status.reason == QUARANTINED
    assert engine.execute(ALL).status.outcome is Outcome.MISS
    assert engine.execute(ALL).status.outcome is Outcome.HIT


def test_another_definition_lifts_a_quarantine(
    items: Origin, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement is planned anew then; if it is still wrong, it is found again."""
    with monkeypatch.context() as patch:
        plant(patch)
        engine = make()
        for _ in range(2):
            engine.execute(ASK, {"least": 1})
        drained(engine)
    items.execute("ALTER TABLE items ADD COLUMN extra INTEGER")

    engine.invalidate("items")

    assert engine.execute(ASK, {"least": 1}).status.outcome is Outcome.MISS
    assert engine.execute(ASK, {"least": 1}) == TWO[1:]
    assert drained(engine) == VerificationStats(sampled=2, differences=1, verified=1)


def test_one_look_that_says_different_isnt_enough(
    items: Origin, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that were wrong once, as tables without transactions give them while they are written."""
    recompute = second_look.SecondLook._recompute
    first = iter([True])

    def wrong_once(self: Any, *arguments: Any) -> Any:
        return Failed("ValueError") if next(first, False) else recompute(self, *arguments)

    monkeypatch.setattr(second_look.SecondLook, "_recompute", wrong_once)
    engine = make()
    engine.execute(ALL)
    write(items, 1)

    engine.execute(ALL)

    assert drained(engine) == VerificationStats(sampled=1, stale=1)


def test_an_error_at_the_origin_is_an_answer(
    items: Origin, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the origin reports an error about the data and the store answers, the store is wrong."""
    engine = make()
    engine.execute(ALL)
    dbapi: Any = engine.dialect.loaded_dbapi

    def refuse(*_: Any) -> Any:
        raise dbapi.DataError("division by zero")

    event.listen(engine._core.origin.engine, "before_cursor_execute", _on(ALL, refuse))
    engine.execute(ALL)

    assert drained(engine).differences == 1


def _on(statement: str, act: Callable[[], None]) -> Callable[..., None]:
    def listener(connection: Any, cursor: Any, sent: str, *_: Any) -> None:
        if sent == statement:
            act()

    return listener


# -- races -------------------------------------------------------------------------------------


@pytest.fixture
def asking(items: Origin, make: Make, sequence: Sequencer, monkeypatch: pytest.MonkeyPatch) -> CachingEngine:
    """An engine that has answered a hit, whose verification stands still: the origin was asked."""
    asked = second_look.SecondLook._ask
    first = iter([True])

    def stand_still(self: Any, *arguments: Any) -> Any:
        answer = asked(self, *arguments)
        if next(first, False):
            sequence.reach("asked")
            sequence.wait("go")
        return answer

    monkeypatch.setattr(second_look.SecondLook, "_ask", stand_still)
    engine = make()
    engine.execute(ALL)
    engine.execute(ALL)
    sequence.wait("asked")
    return engine


@pytest.mark.parametrize("table", ["items", None])
def test_an_invalidation_meanwhile_supersedes_the_sample(
    items: Origin, asking: CachingEngine, sequence: Sequencer, table: str | None
) -> None:
    """The generation is gone, and with it the question."""
    write(items, 1)
    asking.invalidate(table)
    sequence.reach("go")

    assert drained(asking) == VerificationStats(sampled=1, superseded=1)


def test_a_refill_meanwhile_supersedes_the_sample(
    items: Origin, asking: CachingEngine, sequence: Sequencer
) -> None:
    """A wider generation in its place likewise."""
    asking.execute("SELECT label FROM items")
    sequence.reach("go")

    assert drained(asking) == VerificationStats(sampled=1, superseded=1)


def test_samples_that_find_no_place_are_skipped(
    items: Origin, asking: CachingEngine, sequence: Sequencer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for the thread; what is too much is dropped and counted."""
    monkeypatch.setattr(live_verification, "MOST_SAMPLES", 3)

    for _ in range(10):
        assert asking.execute(ALL) == TWO
    waiting = asking.stats().verification
    sequence.reach("go")

    assert waiting == VerificationStats(sampled=11, skipped=8, skip_reasons={"too many others wait": 8})
    assert drained(asking) == replace(waiting, verified=3)


def test_large_answers_dont_pile_up(
    items: Origin, asking: CachingEngine, sequence: Sequencer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of all that wait are bounded too."""
    monkeypatch.setattr(live_verification, "MOST_ROWS", 5)

    asking.execute(ALL)
    asking.execute(ALL)
    sequence.reach("go")

    assert drained(asking) == VerificationStats(
        sampled=3, verified=2, skipped=1, skip_reasons={"too many others wait": 1}
    )


def test_closing_forgets_what_waits(
    items: Origin, asking: CachingEngine, sequence: Sequencer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread ends with the statement that it is at."""
    for _ in range(5):
        asking.execute(ALL)
    live = asking._core.live
    assert live is not None
    thread = live._thread
    assert thread is not None
    waiting = live._waiting

    def tell() -> Any:
        sequence.reach("closing")
        return waiting()

    monkeypatch.setattr(live, "_waiting", tell)
    closing = sequence.spawn(asking.close)
    sequence.wait("closing")
    sequence.reach("go")
    closing.result()
    thread.join(DEADLINE_SECONDS)

    found = asking.stats().verification

    assert not thread.is_alive()
    assert found.sampled == 6
    assert found.skip_reasons == {"the engine is being closed": 5}


def test_an_origin_that_changes_between_the_looks_is_seen_as_of_one_moment(
    items: Origin, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write in the middle of a second look is in none of its answers."""
    fetch = second_look.fill

    def write_first(*arguments: Any, **keywords: Any) -> Any:
        write(items, 2)
        return fetch(*arguments, **keywords)

    monkeypatch.setattr(second_look, "fill", write_first)
    engine = make()
    engine.execute(ALL)
    write(items, 1)

    engine.execute(ALL)

    assert drained(engine) == VerificationStats(sampled=1, stale=1)


# -- the origin is never worse off -------------------------------------------------------------


def test_a_pool_of_one_is_never_taken_from(items: Origin, make: Make, warnings: list[str]) -> None:
    """Its only connection is the application's; one warning says that nothing is verified."""
    engine = make(items.engine(pool_size=1, max_overflow=0))
    engine.execute(ALL)

    with items.expect(0), engine.connect() as connection:
        for _ in range(3):
            connection.execute(text(ALL)).all()
        found = drained(engine)

    reason = "the origin's pool has no connection to spare"
    assert found == VerificationStats(sampled=3, skipped=3, skip_reasons={reason: 3})
    assert warnings == [f"nothing is verified while {reason}"]


def test_a_pool_of_two_that_is_in_use_is_left_alone(items: Origin, make: Make) -> None:
    """While somebody holds one of two, the other is somebody else's."""
    base = items.engine(pool_size=2, max_overflow=0)
    engine = make(base)
    engine.execute(ALL)
    with base.connect():
        engine.execute(ALL)
        busy = drained(engine)
    engine.execute(ALL)

    assert (busy.verified, busy.skipped) == (0, 1)
    assert drained(engine).verified == 1
    assert base.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_an_origin_that_is_down_is_no_error(items: Origin, make: Make, warnings: list[str]) -> None:
    """Hits go on; what couldn't be asked is counted."""
    engine = make()
    engine.execute(ALL)
    with items.down():
        assert engine.execute(ALL) == TWO
        down = drained(engine)
    engine.execute(ALL)

    (reason,) = down.skip_reasons
    assert reason.startswith("the origin can't be asked (")
    assert down == VerificationStats(sampled=1, skipped=1, skip_reasons={reason: 1})
    assert drained(engine).verified == 1
    assert warnings == []


def test_no_room_for_a_second_look(items: Origin, make: Make) -> None:
    """Fresh rows push out nothing that is cached."""
    engine = make()
    engine.execute(ALL)
    engine._core.residency.max_bytes = engine.stats().bytes + 1
    write(items, 1)

    engine.execute(ALL)

    reason = "no room for fresh rows beside what is cached"
    assert drained(engine) == VerificationStats(sampled=1, skipped=1, skip_reasons={reason: 1})
    assert engine.execute(ALL).status.outcome is Outcome.HIT


def test_nothing_is_left_behind(items: Origin, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a second look: no generation, no reserved memory, no connection, no setting on one."""
    plant(monkeypatch)
    base = items.engine(pool_size=2, max_overflow=0)
    engine = make(base)
    engine.execute(ASK, {"least": 1})
    write(items, 1)
    engine.execute(ASK, {"least": 1})
    drained(engine)
    core = engine._core

    assert len(core.store._anchors) == 1
    assert core.residency._filling == {}
    assert base.pool.checkedout() == 0  # type: ignore[attr-defined]
    with base.begin() as connection:
        level = connection.get_isolation_level()
        assert level == connection.default_isolation_level
        connection.exec_driver_sql("UPDATE items SET version = 3")


def test_a_parameter_that_may_change_isnt_kept() -> None:
    """Of a class of the application's own nobody knows what it will be."""

    class Number(int):
        pass

    assert _kept({"a": 1, "b": [1, 2]}) == {"a": 1, "b": [1, 2]}
    assert _kept((1, "a", None)) == (1, "a", None)
    assert _kept((1, Number(2))) is None
    assert _kept((1, [bytearray(b"x")])) is None


# -- life --------------------------------------------------------------------------------------


@pytest.mark.families("sqlite")
def test_an_engine_that_is_collected_takes_its_thread_along(items: Origin) -> None:
    """Without a close; the thread holds nothing of the engine."""
    base = items.engine()
    engine = CachingEngine(base, verify=1)
    engine.execute(ALL)
    engine.execute(ALL)
    drained(engine)
    live = engine._core.live
    assert live is not None
    thread = live._thread
    assert thread is not None
    gone = weakref.ref(engine)

    del engine, live
    gc.collect()
    thread.join(DEADLINE_SECONDS)

    assert gone() is None
    assert not thread.is_alive()


@pytest.mark.families("sqlite")
def test_the_thread_is_started_with_the_first_sample(items: Origin, make: Make) -> None:
    """An engine that only misses has none; all samples have one."""
    engine = make()
    live = engine._core.live
    assert live is not None
    engine.execute(ALL)
    assert live._thread is None

    engine.execute(ALL)
    first = live._thread
    engine.execute(ALL)

    assert first is not None
    assert live._thread is first
    assert [thread for thread in threading.enumerate() if "live" in thread.name] == [first]


def test_a_failing_log_sink_ends_nothing(
    items: Origin, make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The quarantine stands, and the thread goes on."""
    plant(monkeypatch)

    def failing(message: Any) -> None:
        raise RuntimeError("the disk of the log is full")

    sink = add_sink(failing, level="WARNING")
    try:
        engine = make()
        for _ in range(2):
            engine.execute(ASK, {"least": 1})
        assert drained(engine).differences == 1
    finally:
        remove_sink(sink)
    capsys.readouterr()
    engine.execute(ALL)

    engine.execute(ALL)

    assert engine.execute(ASK, {"least": 1}).status.reason == QUARANTINED
    assert drained(engine).verified >= 1


def test_every_driver_is_asked(driver_origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A right answer, an old one and a wrong one, each known for what it is."""
    driver_origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER, price NUMERIC(8, 2), at DATE)",
        "INSERT INTO items VALUES (1, 0, 1.50, '2024-01-01'), (2, 0, NULL, NULL)",
    )
    ask = "SELECT id, version, price, at FROM items WHERE id > :least ORDER BY id"
    with CachingEngine(driver_origin.engine(), verify=1, clock=ManualClock()) as engine:
        for _ in range(2):
            engine.execute(ask, {"least": 0})
        right = drained(engine)
        write(driver_origin, 1)
        engine.execute(ask, {"least": 0})
        old = drained(engine)
        engine.invalidate()
        plant(monkeypatch)
        engine._core.front.registry.outdate(engine._core.registry.states())
        for _ in range(2):
            engine.execute(ask, {"least": 1})
        wrong = drained(engine)

    assert right == VerificationStats(sampled=1, verified=1)
    assert old == VerificationStats(sampled=2, verified=1, stale=1)
    assert wrong == VerificationStats(sampled=3, verified=1, stale=1, differences=1)


@pytest.mark.families("sqlite")
@pytest.mark.parametrize("is_wrong", [False, True])
def test_an_origin_that_nobody_has_described_is_asked_too(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, is_wrong: bool
) -> None:
    """No way is known to let its transaction stand still: two looks that agree are all there is."""
    origin.execute("CREATE TABLE items (id INTEGER PRIMARY KEY)", "INSERT INTO items VALUES (1), (2)")
    with monkeypatch.context() as patch:
        patch.setitem(FAMILIES, "sqlite", "other")
        engine = CachingEngine(origin.engine(), verify=1, clock=ManualClock())
    if is_wrong:
        plant(monkeypatch)
    with engine:
        for _ in range(2):
            engine.execute("SELECT id FROM items WHERE id > 1")
        found = drained(engine)

    assert (found.verified, found.differences) == (not is_wrong, is_wrong)


def test_an_async_origin_is_asked_in_a_loop_of_its_own(
    asyncpg_origin: Origin, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pool's connections belong to the application's loop; a right answer and a wrong one."""
    import asyncio

    asyncpg_origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)",
        "INSERT INTO items VALUES (1, 0), (2, 0)",
    )

    async def main() -> tuple[VerificationStats, VerificationStats, str | None]:
        base = asyncpg_origin.async_engine()
        caching = CachingEngine(base.sync_engine, verify=1, clock=ManualClock())
        engine = AsyncEngine(caching)
        async with engine.connect() as connection:
            for _ in range(2):
                await connection.execute(text(ALL))
            right = await asyncio.to_thread(drained, caching)
            plant(monkeypatch)
            await connection.execute(text(ASK), {"least": 1})
            wrong = await asyncio.to_thread(drained, caching)
            await connection.execute(text(ASK), {"least": 1})
            reason = next(iter(caching.stats().bypass_reasons), None)
        caching.close()
        await base.dispose()
        return right, wrong, reason

    right, wrong, reason = asyncio.run(main())

    assert right == VerificationStats(sampled=1, verified=1)
    assert wrong == VerificationStats(sampled=2, verified=1, differences=1)
    assert reason == QUARANTINED
    assert "greenlet_spawn" in warnings[0]
