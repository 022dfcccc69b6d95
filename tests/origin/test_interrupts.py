"""Invariant: who is interrupted, by Ctrl-C or by what else isn't an Exception, leaves nothing behind.

The interrupt comes where a function is entered: there the interpreter looks for signals.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.pool import StaticPool
from support.origins import Origin
from support.sequencer import Sequencer

from sqlmem import CachingEngine, Outcome, last_status
from sqlmem.checkout import Checkout
from sqlmem.origin import Origin as SqlmemOrigin


@pytest.fixture
def base(origin: Origin) -> Engine:
    """A pool of one connection, which the next one gets as it was left."""
    origin.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)", "INSERT INTO t VALUES (1, 0)")
    return origin.engine(pool_size=1, max_overflow=0, pool_timeout=1)


@pytest.fixture
def engine(base: Engine) -> Iterator[CachingEngine]:
    with CachingEngine(base, mode="transparent", cache_db="") as engine:
        yield engine
        # What an interrupt caught in a frame comes back with it, and not to a pool that is closed by then.
        gc.collect()


READ = "SELECT v FROM t WHERE id = 1"
# The store has no plan of it: the origin's answer is kept.
KEPT = "SELECT group_concat(v) FROM t"
KEPT_BY = {"postgresql": "SELECT string_agg(CAST(v AS text), ',') FROM t"}


def read(engine: Engine, statement: str = READ) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(statement)).scalar_one()


def write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE t SET v = v + 1 WHERE id = 1"))


def interrupted(act: Callable[[], object], module: str, function: str, at: str = "call") -> Any:
    """Interrupt what is done where it enters a function, or comes back from it, the first time.

    Returns:
        What was raised: its frames hold what was in them, as while it is handled.
    """
    was_met = False

    def raise_at(event: str) -> None:
        nonlocal was_met
        if event == at and not was_met:
            was_met = True
            raise KeyboardInterrupt

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        code = frame.f_code
        if was_met or code.co_name != function or not code.co_filename.endswith(module):
            return None
        raise_at(event)
        return lambda _frame, event, _argument: raise_at(event)

    tracing = sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises(KeyboardInterrupt) as raised:
            act()
    finally:
        sys.settrace(tracing)
    return raised


def interrupt(act: Callable[[], object], module: str, function: str) -> None:
    """The same, and it has been handled."""
    interrupted(act, module, function)
    gc.collect()


@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("sqlmem/origin_connection.py", "release"),
        ("sqlmem/origin_connection.py", "_to_put_back"),
        ("sqlmem/fill.py", "_copy"),
        ("sqlmem/checkout.py", "close"),
        ("sqlmem/checkout.py", "ask"),
    ],
)
def test_a_fill_gives_its_connection_back_as_it_was(
    base: Engine, engine: CachingEngine, module: str, function: str
) -> None:
    settings = {
        "sqlite": "PRAGMA query_only",
        "mysql": "SELECT @@lock_wait_timeout",
        "postgresql": "SELECT current_setting('transaction_read_only')",
    }
    setting = settings[base.dialect.name if base.dialect.name in settings else "mysql"]

    def set_to() -> Any:
        with base.connect() as connection:
            return connection.exec_driver_sql(setting).scalar()

    before = set_to()

    interrupt(lambda: read(engine), module, function)

    assert set_to() == before
    write(base)
    write(engine)
    assert read(engine) == 2
    assert base.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_write_that_is_interrupted_before_its_commit_is_over(engine: CachingEngine) -> None:
    """Its table is filled again as soon as it is read."""
    read(engine)

    interrupt(lambda: write(engine), "sqlmem/losses.py", "_drop")

    write(engine)
    outcomes = set()
    for _ in range(4):
        assert read(engine) == 1
        status = last_status()
        assert status is not None
        outcomes.add(status.outcome)
    assert Outcome.HIT in outcomes


def test_one_connection_for_all_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that gives everybody the same connection has one record of it, too."""
    base = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with base.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1, 0)")
    origin = SqlmemOrigin(base)
    ask, is_within = Checkout.ask, []

    def meanwhile(self: Checkout, question: str, *further: str) -> Any:
        if not is_within:
            is_within.append(True)
            origin.connect().release()
        return ask(self, question, *further)

    monkeypatch.setattr(Checkout, "ask", meanwhile)
    origin.connect().release()

    assert is_within
    assert read(base) == 0
    write(base)
    base.dispose()


BOTH = "SELECT t.v FROM t JOIN u ON u.id = t.id"


def check_nobody_waits(
    sequence: Sequencer, engine: CachingEngine, statement: str, module: str, function: str, at: str
) -> None:
    """Neither the same thread, nor another one, also while the interrupt is being handled."""
    raised = interrupted(lambda: read(engine, statement), module, function, at)

    assert str(sequence.spawn(read, engine, statement).result()) == "0"
    assert str(read(engine, statement)) == "0"
    status = last_status()
    assert status is not None
    assert status.outcome in (Outcome.HIT, Outcome.RESULT_HIT)
    assert raised.value is not None


@pytest.mark.parametrize("at", ["call", "return"])
@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("sqlmem/registry.py", "lease"),
        ("sqlmem/registry.py", "publish"),
        ("sqlmem/filling.py", "_joined_or_filled"),
        ("sqlmem/filling.py", "_lead"),
        ("sqlmem/filling.py", "_fill"),
        ("sqlmem/filling.py", "_publish"),
        ("sqlmem/residency.py", "end"),
        ("sqlmem/table_state.py", "finish"),
        ("sqlmem/dependencies.py", "names_under"),
    ],
)
def test_nobody_waits_for_a_fill_of_who_has_gone(
    engine: CachingEngine, sequence: Sequencer, module: str, function: str, at: str
) -> None:
    check_nobody_waits(sequence, engine, READ, module, function, at)


@pytest.mark.parametrize("function", ["fail", "let_go"])
def test_nobody_waits_for_a_fill_that_failed(
    engine: CachingEngine, sequence: Sequencer, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    """Whoever is interrupted while he says so, too."""

    def failing(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("sqlmem.filling.fill", failing)
        raised = interrupted(lambda: read(engine), "sqlmem/registry.py", function)
    after = sequence.spawn(read, engine).result()

    assert after == 0
    assert raised.value is not None


@pytest.mark.parametrize("at", ["call", "return"])
@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("sqlmem/results.py", "ask"),
        ("sqlmem/results.py", "finish"),
        ("sqlmem/table_state.py", "finish"),
        ("sqlmem/keeping.py", "find"),
        ("sqlmem/keeping.py", "keep"),
        ("sqlmem/keeping.py", "__init__"),
        ("sqlmem/keeping.py", "__enter__"),
        ("sqlmem/keeping.py", "__exit__"),
        ("sqlmem/by_origin.py", "kept_or_bypass"),
        ("sqlmem/by_origin.py", "bypass"),
        ("sqlmem/executor.py", "_not_local"),
        ("sqlmem/executor.py", "run"),
        ("sqlmem/passing_cursor.py", "_answer"),
        ("sqlmem/passing_cursor.py", "_ask_or_instead"),
        ("sqlmem/passing_cursor.py", "_ask"),
        ("sqlmem/reading_ahead.py", "read_ahead"),
    ],
)
def test_nobody_waits_for_a_question_of_who_has_gone(
    base: Engine, engine: CachingEngine, sequence: Sequencer, module: str, function: str, at: str
) -> None:
    engine.explain(KEPT_BY.get(base.dialect.name, KEPT))

    check_nobody_waits(sequence, engine, KEPT_BY.get(base.dialect.name, KEPT), module, function, at)


@pytest.mark.parametrize("at", ["call", "return"])
@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("sqlmem/registry.py", "lease"),
        ("sqlmem/moments.py", "lease_anew"),
        ("sqlmem/moments.py", "publish_together"),
        ("sqlmem/together.py", "_lease"),
        ("sqlmem/filling.py", "lead_together"),
        ("sqlmem/filling.py", "_standing_still"),
        ("sqlmem/residency.py", "end"),
        ("sqlmem/table_state.py", "finish"),
    ],
)
def test_nobody_waits_for_tables_that_were_filled_together(
    origin: Origin, sequence: Sequencer, module: str, function: str, at: str
) -> None:
    origin.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER)",
        "CREATE TABLE u (id INTEGER PRIMARY KEY)",
        "INSERT INTO t VALUES (1, 0)",
        "INSERT INTO u VALUES (1)",
    )
    base = origin.engine(pool_size=3, max_overflow=0)
    with CachingEngine(base, mode="transparent", consistency="snapshot") as engine:
        check_nobody_waits(sequence, engine, BOTH, module, function, at)
