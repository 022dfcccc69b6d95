"""Hits per second with many threads, against one."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import charts, data, report
from benchmarks.data import PLAIN, ROWS, TABLE, Measured, Order, walk
from benchmarks.measure import Pace, medians, together
from sqlmem import CachingEngine

# Of all threads together: for more than a second, beside which it doesn't count who ends last.
_CALLS = 400_000
_ROUNDS = 5
_THREADS = (1, 2, 4, 8)
_AIM = report.at_least(0.9)
_TEXT = f"SELECT {', '.join(PLAIN)} FROM {TABLE} WHERE id = :id"
_HOT = 16

Ask = Callable[[dict[str, int]], object]


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    measured.table()
    with CachingEngine(measured.engine) as engine, _memory() as sqlite:
        engine.warm(Order)
        table = Order.__table__
        statement = table.select().with_only_columns(*(table.c[name] for name in PLAIN))
        statement = statement.where(table.c.id == sa.bindparam("id"))
        contestants: dict[str, tuple[Callable[[], Ask], bool]] = {
            "execute, another key each": (lambda: lambda given: engine.execute(_TEXT, given), False),
            f"execute, {_HOT} keys again and again": (
                lambda: lambda given: engine.execute(_TEXT, given),
                True,
            ),
            "Core, connect and close": (lambda: _core(engine, statement), False),
            "sqlite3, a connection each": (sqlite, False),
        }
        rates: dict[tuple[str, int], list[float]] = {}
        serial = itertools.count()
        for _ in range(pace.rounds(_ROUNDS)):
            for name, (make, is_hot) in contestants.items():
                for threads in _THREADS:
                    calls = _CALLS // 8 if name.startswith("Core") else _CALLS
                    first = next(serial) * _CALLS
                    rates.setdefault((name, threads), []).append(
                        _rate(threads, calls, make, first, is_hot=is_hot)
                    )
    rows = []
    for name in contestants:
        usual = medians({threads: rates[name, threads] for threads in _THREADS})
        for threads in _THREADS:
            rate, one = usual[threads], usual[1]
            aim = _AIM if not name.startswith("sqlite3") and threads > 1 else None
            rows.append(
                report.Row(
                    (name, str(threads), f"{rate:,.0f}"), rate / one, aim, label=str(threads), series=name
                )
            )
    report.write(
        report.Result(
            name="threads",
            title="Hits per second by threads",
            about="One row by its key. All threads share one engine and one interpreter lock. For "
            "orientation the standard library's sqlite3 over the same rows in memory (`vfs=memdb`), with "
            "a connection per thread, which shares nothing but the interpreter lock and SQLite's lock of "
            "that database.",
            heading=("way in", "threads", "hits per second"),
            figure="/ one thread",
            rows=rows,
            versions=(measured.version,),
        ),
        folder,
        charts.lines("threads", "hits per second / those of one thread"),
    )


def _rate(threads: int, calls: int, make: Callable[[], Ask], first: int, *, is_hot: bool) -> float:
    share = calls // threads
    asks = [make() for _ in range(threads)]
    given = [
        [
            {"id": walk(number % _HOT if is_hot else number)}
            for number in range(first + nth * share, first + (nth + 1) * share)
        ]
        for nth in range(threads)
    ]
    for ask in asks:
        ask({"id": 1})

    def work(nth: int) -> None:
        ask = asks[nth]
        for parameters in given[nth]:
            ask(parameters)

    return threads * share / together(threads, work)


def _core(engine: CachingEngine, statement: Any) -> Ask:
    def ask(given: dict[str, int]) -> object:
        with engine.connect() as connection:
            return connection.execute(statement, given).all()

    return ask


@contextlib.contextmanager
def _memory() -> Iterator[Callable[[], Ask]]:
    """One database in memory; a new connection to it per call. All are closed at the end."""
    with contextlib.ExitStack() as closing:

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect("file:/sqlmem-bench?vfs=memdb", uri=True, check_same_thread=False)
            return closing.enter_context(contextlib.closing(connection))

        def make() -> Ask:
            execute = connect().execute
            return lambda given: [
                dict(zip(PLAIN, row, strict=False)) for row in execute(_TEXT, given).fetchall()
            ]

        first = connect()
        first.execute(f"CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY, customer INTEGER, name TEXT)")
        rows = (data.row(number) for number in range(1, ROWS + 1))
        first.executemany(
            f"INSERT INTO {TABLE} VALUES (?, ?, ?)", (tuple(row[name] for name in PLAIN) for row in rows)
        )
        first.commit()
        yield make
