"""Many threads: the statements of a herd that misses, and hits per second."""

from __future__ import annotations

import re
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from benchmarks.data import COLUMNS, PLAIN, ROWS, TABLE, Measured, select_text
from benchmarks.measure import ratio, write_result
from sqlmem import CachingEngine

_HERD = 100
_CALLS = 40_000  # of all threads together
_BARE_CALLS = 2_000
_ROUNDS = 7
_THREADS = (1, 2, 4, 8)
_READS = re.compile(rf"\bFROM\b.*\b{TABLE}\b", re.DOTALL)


def run(measured: Measured) -> None:
    herd(measured)
    hits(measured)


def herd(measured: Measured) -> None:
    """The same SELECT in a hundred threads at once, nothing cached."""
    rows = []
    statement = f"SELECT count(*) AS n, max(id) AS last FROM {TABLE}"
    count = 0
    lock = threading.Lock()

    def seen(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        nonlocal count
        # The catalogue's queries name the table as a parameter, or not after FROM.
        if _READS.search(text) and "pg_catalog" not in text:
            with lock:
                count += 1

    sa.event.listen(measured.engine, "before_cursor_execute", seen)
    with CachingEngine(measured.engine, cache_db="") as engine:
        asks: dict[str, Callable[[int], object]] = {
            "bare engine": lambda _: _ask_bare(measured.engine, statement),
            "sqlmem, nothing cached": lambda _: engine.execute(statement),
        }
        for name, ask in asks.items():
            count = 0
            _together(_HERD, ask)
            rows.append((name, str(_HERD), str(count)))
    sa.event.remove(measured.engine, "before_cursor_execute", seen)
    write_result(
        "herd",
        "A herd",
        f"The same statement in {_HERD} threads at once, through one engine.",
        ("engine", "threads", "statements that reach the table"),
        rows,
        measured.version,
    )


def hits(measured: Measured) -> None:
    text = select_text(PLAIN)
    rows = []
    with CachingEngine(measured.engine, cache_db="") as engine:
        engine.warm(TABLE, COLUMNS)
        ours: dict[int, list[float]] = {threads: [] for threads in _THREADS}
        bare: dict[int, list[float]] = {threads: [] for threads in _THREADS}
        for _ in range(_ROUNDS):
            for threads in _THREADS:
                ours[threads].append(
                    _rate(threads, _CALLS, lambda number: engine.execute(text, _one(number)))
                )
                bare[threads].append(
                    _rate(threads, _BARE_CALLS, lambda number: _ask_bare(measured.engine, text, _one(number)))
                )
    first = statistics.median(ours[_THREADS[0]])
    for threads in _THREADS:
        rate, bare_rate = statistics.median(ours[threads]), statistics.median(bare[threads])
        rows.append((str(threads), f"{rate:,.0f}", ratio(rate, first), ratio(rate, bare_rate)))
    write_result(
        "threads",
        "Hits per second by threads",
        "`engine.execute` of one row by its key; all threads share one engine and one interpreter lock. "
        f"The bare engine is {measured.name} with connect and close, at as many threads.",
        ("threads", "hits per second", "/ one thread", "/ bare engine"),
        rows,
        measured.version,
    )


def _one(number: int) -> dict[str, int]:
    low = number * 7919 % (ROWS - 1) + 1
    return {"low": low, "high": low + 1}


def _ask_bare(engine: sa.Engine, text: str, parameters: dict[str, int] | None = None) -> object:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(text), parameters or {}).mappings()]


def _rate(threads: int, calls: int, ask: Callable[[int], object]) -> float:
    share = calls // threads

    def work(thread: int) -> None:
        for number in range(thread * share, (thread + 1) * share):
            ask(number)

    return threads * share / _together(threads, work)


def _together(threads: int, work: Callable[[int], object]) -> float:
    """Seconds from when all begin until the last ends; raises what any of them raised."""
    barrier = threading.Barrier(threads + 1)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            failures.append(error)

    workers = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - began
