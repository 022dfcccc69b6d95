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


def read(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(text("SELECT v FROM t WHERE id = 1")).scalar_one()


def write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE t SET v = v + 1 WHERE id = 1"))


def interrupt(act: Callable[[], object], module: str, function: str) -> None:
    """Interrupt what is done where it enters a function, the first time."""
    was_met = False

    def trace(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal was_met
        code = frame.f_code
        if event == "call" and not was_met and code.co_name == function and code.co_filename.endswith(module):
            was_met = True
            raise KeyboardInterrupt

    tracing = sys.gettrace()
    sys.settrace(trace)
    try:
        with pytest.raises(KeyboardInterrupt):
            act()
    finally:
        sys.settrace(tracing)
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
