"""The slowest hits while another table fills, and while the snapshot is written, against those in quiet."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import charts, report
from benchmarks.data import COLUMNS, MILLION, PLAIN, TABLE, Measured, Order, walk
from benchmarks.measure import Pace, percentile
from sqlmem import CachingEngine

_RUNS = 7
_QUIET_SECONDS = 2.0
_PAUSE_SECONDS = 0.001
_RATIO, _STALL = report.at_most(3.0), report.at_most(50.0, " ms")
_TEXT = f"SELECT {', '.join(PLAIN)} FROM {TABLE} WHERE id = :id"
_QUIET, _FILLING, _WRITING = "in quiet", "while a table fills", "while the snapshot is written"
_BUSY = (_FILLING, _WRITING)

_numbers = itertools.count()


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    measured.table()
    big, small = measured.table(MILLION), measured.table(10_000)
    # way in, moment -> the hits' seconds, run by run
    taken: dict[tuple[str, str], list[Sequence[float]]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="sqlmem-bench-") as name,
        CachingEngine(measured.engine, cache_db=Path(name) / "cache.db", max_memory="4GB") as engine,
    ):
        engine.warm(Order)
        engine.warm(big, COLUMNS)

        def fill() -> None:
            engine.invalidate(big)
            engine.warm(big, COLUMNS)

        def write() -> None:
            # Something has changed since the files were written, and all tables are to be written, not
            # only that one. What the engine's own thread calls then:
            engine.invalidate(small)
            engine.warm(small)
            for image in Path(name).glob("cache.db.tables/*.db"):
                image.unlink()
            if not engine._core.maintenance.flush():  # noqa: SLF001 - no hour is waited for
                raise RuntimeError("no snapshot was written")

        ways: dict[str, tuple[Callable[[], object], float]] = {
            "execute, without pause": (lambda: engine.execute(_TEXT, _next()), 0.0),
            "execute, one a millisecond": (lambda: engine.execute(_TEXT, _next()), _PAUSE_SECONDS),
            "Core, without pause": (_core(engine), 0.0),
        }
        write()
        for _ in range(1 if pace.is_quick else _RUNS):
            for way, (ask, pause) in ways.items():
                for moment, work in ((_QUIET, None), (_FILLING, fill), (_WRITING, write)):
                    taken.setdefault((way, moment), []).append(_beside(work, ask, pause))
    rows = []
    for way in ways:
        quiet = statistics.median(percentile(each, 99) for each in taken[way, _QUIET])
        rows.append(report.Row((way, _QUIET, "99th percentile", f"{quiet * 1e6:,.0f} µs"), None))
        for moment in _BUSY:
            slow = statistics.median(percentile(each, 99) for each in taken[way, moment])
            rows.append(
                report.Row(
                    (way, moment, "99th percentile", f"{slow * 1e6:,.0f} µs"),
                    slow / quiet,
                    _RATIO,
                    label=f"{way}, {moment}",
                    series="99th percentile",
                )
            )
        for moment in (_QUIET, *_BUSY):
            largest = max(max(each) for each in taken[way, moment])
            hits = statistics.median(len(each) for each in taken[way, moment])
            rows.append(
                report.Row(
                    (
                        way,
                        moment,
                        f"the largest of all runs (each {hits:,.0f} hits)",
                        f"{largest * 1e3:.1f} ms",
                    ),
                    largest * 1e3,
                    _STALL if moment != _QUIET else None,
                )
            )
    report.write(
        report.Result(
            name="tails",
            title="The slowest hits while something else goes on",
            about="One row by its key in one thread, while another thread of the same engine fetches a "
            "table of 1,000,000 rows of six columns, or writes the snapshot with that table. *99th "
            f"percentile*: the figure is its multiple of that in quiet, medians of {_RUNS} runs. *the "
            "largest*: of all runs, in milliseconds.",
            heading=("way in", "moment", "what", "measured"),
            figure="multiple, or ms",
            rows=rows,
            versions=(measured.version,),
        ),
        folder,
        charts.bars("99th percentile in multiples of that in quiet"),
    )


def _next() -> dict[str, int]:
    return {"id": walk(next(_numbers))}


def _core(engine: CachingEngine) -> Callable[[], object]:
    table = Order.__table__
    statement: Any = sa.select(*(table.c[name] for name in PLAIN)).where(table.c.id == sa.bindparam("id"))

    def ask() -> object:
        with engine.connect() as connection:
            return connection.execute(statement, _next()).all()

    return ask


def _beside(work: Callable[[], None] | None, ask: Callable[[], object], pause: float) -> Sequence[float]:
    """What each call took, for as long as the work goes on; without work for a fixed time."""
    is_over = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            if work is None:
                time.sleep(_QUIET_SECONDS)
            else:
                work()
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            failures.append(error)
        finally:
            is_over.set()

    for _ in range(50):
        ask()
    # Not a list: Python's collector would go through millions of numbers, and be what is measured.
    times = array("d")
    worker = threading.Thread(target=run)
    worker.start()
    while not is_over.is_set():
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
        if pause:
            time.sleep(pause)
    worker.join()
    if failures:
        raise failures[0]
    return times
