"""What sqlmem costs where it doesn't help: bypasses, and texts that it has never seen."""

from __future__ import annotations

import itertools
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable

import sqlalchemy as sa

from benchmarks.data import COLUMNS, PLAIN, TABLE, Measured
from benchmarks.measure import microseconds, ratio, seconds_each, write_result
from sqlmem import CachingEngine, ReadOnlyError

_CALLS, _ROUNDS = 200, 9
_fresh = itertools.count(1)
_STARTS = 9
# As programs are installed: compiled once.
_WITH_BYTECODE = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(measured: Measured) -> None:
    # Something else each time: the origin's, whatever the origin is.
    chance = "rand()" if measured.engine.dialect.name in ("mysql", "mariadb") else "random()"
    bypassed = sa.text(f"SELECT id, name, {chance} AS r FROM {TABLE} WHERE id = :id")
    fetched = sa.text(f"SELECT id, name, {chance} AS r FROM {TABLE} WHERE id >= :id AND id < 1001")
    rows = []
    with CachingEngine(measured.engine, cache_db="") as engine:
        engine.warm(TABLE, COLUMNS)
        for name, statement in (("a bypass of one row", bypassed), ("a bypass of 1,000 rows", fetched)):
            rows.append(_row(name, _closing(engine, statement), _closing(measured.engine, statement)))
        with engine.connect() as ours, measured.engine.connect() as bare:
            ask = _asking(ours, bypassed), _asking(bare, bypassed)
            rows.append(_row("the same of one row, on an open connection", *ask))
        rows.append(_row("a hit, each text met for the first time", _new(engine), _new(measured.engine)))
        taken = seconds_each({"refused": _refused(engine)}, calls=_CALLS, rounds=_ROUNDS)
    with CachingEngine(measured.engine, cache_db="", mode="transparent") as engine:
        rows.append(
            _row(
                "transparent: a read of one row that passes",
                _closing(engine, bypassed),
                _closing(measured.engine, bypassed),
            )
        )
        rows.append(
            _row("transparent: an UPDATE and its commit", _writing(engine), _writing(measured.engine))
        )
    rows.append(("a refused DELETE", microseconds(taken["refused"]), "", ""))
    rows.append(_imports())
    write_result(
        "costs",
        "What it costs where it doesn't help",
        f"Core with connect and close, against the bare engine on {measured.name}. A text met for the first "
        "time has a literal of its own: it is parsed and planned, which parameters would have saved.",
        ("statement", "sqlmem", "bare engine", "sqlmem / bare"),
        rows,
        measured.version,
    )


def _row(name: str, ours: Callable[[int], object], bare: Callable[[int], object]) -> tuple[str, ...]:
    taken = seconds_each({"ours": ours, "bare": bare}, calls=_CALLS, rounds=_ROUNDS)
    return (
        name,
        microseconds(taken["ours"]),
        microseconds(taken["bare"]),
        ratio(taken["ours"], taken["bare"]),
    )


def _imports() -> tuple[str, ...]:
    """A process that imports sqlmem, and one that imports what it stands on: CPU time, the start left out."""
    texts = {"start": "pass", "ours": "import sqlmem", "bare": "import sqlalchemy, sqlglot"}
    taken: dict[str, list[float]] = {name: [] for name in texts}
    for _ in range(_STARTS):
        for name, text in texts.items():
            taken[name].append(_cpu_seconds(text))
    start = statistics.median(taken["start"])
    ours, bare = (statistics.median(taken[name]) - start for name in ("ours", "bare"))
    title = "`import sqlmem` (CPU time; bare: SQLAlchemy and sqlglot)"
    return title, microseconds(ours), microseconds(bare), ratio(ours, bare)


def _cpu_seconds(text: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", text], check=True, env=_WITH_BYTECODE)  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _closing(engine: sa.Engine, statement: sa.TextClause) -> Callable[[int], object]:
    def ask(_: int) -> object:
        with engine.connect() as connection:
            return connection.execute(statement, {"id": 1}).all()

    return ask


def _asking(connection: sa.Connection, statement: sa.TextClause) -> Callable[[int], object]:
    return lambda _: connection.execute(statement, {"id": 1}).all()


def _writing(engine: sa.Engine) -> Callable[[int], object]:
    statement = sa.text(f"UPDATE {TABLE} SET customer = :customer WHERE id = 1")

    def write(number: int) -> object:
        with engine.begin() as connection:
            return connection.execute(statement, {"customer": number})

    return write


def _new(engine: sa.Engine) -> Callable[[int], object]:
    def ask(_: int) -> object:
        text = f"SELECT {', '.join(PLAIN)} FROM {TABLE} WHERE id = {next(_fresh)}"
        with engine.connect() as connection:
            return connection.exec_driver_sql(text).all()

    return ask


def _refused(engine: CachingEngine) -> Callable[[int], object]:
    statement = sa.text(f"DELETE FROM {TABLE} WHERE id = :id")

    def ask(number: int) -> object:
        try:
            with engine.connect() as connection:
                return connection.execute(statement, {"id": number})
        except ReadOnlyError as refusal:
            return refusal

    return ask
