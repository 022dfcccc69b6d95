"""The snapshot's way to its file and back, against a plain copy of that file."""

from __future__ import annotations

import math
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import charts, report
from benchmarks.data import COLUMNS, MILLION, Measured
from benchmarks.measure import Pace, seconds_of
from sqlmem import CachingEngine

_AIM = report.at_most(3.0)
_FULL_BYTES = 1_000_000_000
_ROUNDS = 5


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    small = measured.table(10_000)
    tables = [measured.table(MILLION)]
    with tempfile.TemporaryDirectory(prefix="sqlmem-bench-") as name:
        file, copied = Path(name) / "cache.db", Path(name) / "copy.db"
        make = partial(CachingEngine, measured.engine, cache_db=file, max_memory="8GB")
        engine = make()
        engine.warm(tables[0], COLUMNS)
        engine.close()
        count = math.ceil(_FULL_BYTES / file.stat().st_size) if pace.is_full else 2
        tables += [_twin(measured, tables[0], number) for number in range(2, count + 1)]
        engine = make()
        for table in tables:
            engine.warm(table, COLUMNS)
        taken: dict[str, list[float]] = {"write": [], "load": [], "copy": []}
        for _ in range(pace.rounds(_ROUNDS)):
            # Something must have changed since the file was written.
            engine.invalidate(small)
            engine.warm(small)
            taken["write"].append(seconds_of(engine.close))
            taken["copy"].append(seconds_of(partial(_copy, file, copied)))
            engine, seconds = _load(make, tables)
            taken["load"].append(seconds)
            taken["copy"].append(seconds_of(partial(_copy, file, copied)))
        size = file.stat().st_size
        engine.close()
    write, load, copy = (statistics.median(taken[name]) for name in ("write", "load", "copy"))
    of_all = f"{len(tables)} tables, {size / 1e6:,.0f} MB"
    rows = [
        report.Row((of_all, what, report.seconds(each), report.seconds(copy)), each / copy, _AIM, label=what)
        for what, each in (("write", write), ("load to the first hit", load))
    ]
    report.write(
        report.Result(
            name="snapshots",
            title="A snapshot, against a plain copy of its file",
            about="Tables of 1,000,000 rows of six columns with three indexes. *write*: `close()` of an "
            "engine whose file is not as its store. *load*: a new engine, until each table has answered; "
            "what is compared with the origin's catalogue is compared meanwhile. *copy*: the same file "
            "beside itself, with fsync; both find the file in the system's cache. Medians of "
            f"{pace.rounds(_ROUNDS)} rounds.{'' if pace.is_full else ' `--full` takes about 1 GB.'}",
            heading=("snapshot", "what", "sqlmem", "copy"),
            figure="sqlmem / copy",
            rows=rows,
            versions=(measured.version,),
        ),
        folder,
        charts.bars("time in multiples of the copy's"),
    )


def _twin(measured: Measured, table: str, number: int) -> str:
    """Another table with the same rows."""
    name = f"{table}_{number}"
    if name not in measured.made:
        if measured.is_postgresql:
            with measured.engine.begin() as connection:
                connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
                connection.exec_driver_sql(f"INSERT INTO {name} SELECT * FROM {table}")
            measured.made[name] = MILLION
        else:
            measured.table(MILLION, name)
    return name


def _load(make: Callable[[], CachingEngine], tables: list[str]) -> tuple[CachingEngine, float]:
    made = []

    def load() -> None:
        made.append(make())
        for table in tables:
            if made[0].execute(f"SELECT name FROM {table} WHERE id = 5").status.outcome != "hit":
                raise RuntimeError("the snapshot was not served")

    taken = seconds_of(load)
    return made[0], taken


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb+") as file:
        os.fsync(file.fileno())
