"""Fills against the least that they could cost, the driver's own fetch; and the ways to a file and back."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from benchmarks.data import BIG, COLUMNS, ROWS, TABLE, Measured, make_big
from benchmarks.measure import ratio, seconds_each, write_result
from sqlmem import CachingEngine

# name, rows, rounds
Tables = tuple[tuple[str, int, int], ...]

_TIMES = 10


def run(measured: Measured) -> None:
    tables = ((TABLE, ROWS, 5), (BIG, make_big(measured.engine, _TIMES), 2))
    fills(measured, tables)
    snapshots(measured, tables)


def fills(measured: Measured, tables: Tables) -> None:
    rows = []
    for table, count, rounds in tables:
        with CachingEngine(measured.engine, cache_db="", max_memory="2GB") as engine:
            taken = seconds_each(
                {"fill": partial(_fill, engine, table), "fetch": partial(_fetch, measured.engine, table)},
                calls=1,
                rounds=rounds,
            )
            held = engine.stats().bytes
        rows.append(
            (
                f"{count:,}",
                f"{taken['fill'] * 1000:,.0f} ms",
                f"{taken['fetch'] * 1000:,.0f} ms",
                ratio(taken["fill"], taken["fetch"]),
                f"{held / count:.0f}",
            )
        )
    write_result(
        "fills",
        "Fills",
        f"All six columns of a table, read from {measured.name} into the store, against the driver's "
        "`fetchall` of the same SELECT. A fill also encodes the values, writes them and mirrors the indexes.",
        ("rows", "fill", "fetchall", "fill / fetchall", "bytes per row held"),
        rows,
        measured.version,
    )


def snapshots(measured: Measured, tables: Tables) -> None:
    rows = []
    for table, count, rounds in tables:
        taken: dict[str, list[float]] = {"fill": [], "write": [], "load": []}
        with tempfile.TemporaryDirectory(prefix="sqlmem-bench-") as folder:
            file = Path(folder) / "cache.db"
            for _ in range(rounds):
                engine = CachingEngine(measured.engine, cache_db=str(file), max_memory="2GB")
                taken["fill"].append(_seconds(partial(_fill, engine, table)))
                taken["write"].append(_seconds(engine.close))
                began = time.perf_counter()
                engine = CachingEngine(measured.engine, cache_db=str(file), max_memory="2GB")
                if engine.execute(f"SELECT count(*) AS n FROM {table}").status.outcome != "hit":
                    raise RuntimeError("the snapshot was not served")
                taken["load"].append(time.perf_counter() - began)
                engine.invalidate()
                engine.close()
        fill, write, load = (statistics.median(taken[name]) for name in ("fill", "write", "load"))
        rows.append(
            (
                f"{count:,}",
                f"{fill * 1000:,.0f} ms",
                f"{write * 1000:,.0f} ms",
                f"{load * 1000:,.0f} ms",
                ratio(fill, load),
            )
        )
    write_result(
        "snapshots",
        "Snapshots",
        "All six columns of a table: filled, written on `close()`, and loaded by a new engine up to its "
        "first hit, which includes the comparison of the table's definition with the origin's.",
        ("rows", "fill", "write", "load to the first hit", "fill / load"),
        rows,
        measured.version,
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _fill(engine: CachingEngine, table: str, _: int = 0) -> None:
    engine.invalidate(table)
    engine.warm(table, COLUMNS)


def _fetch(engine: sa.Engine, table: str, _: int = 0) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"SELECT {', '.join(COLUMNS)} FROM {table}").cursor.fetchall()
