"""The snapshot's way to its files and back, against a plain copy of these files."""

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
        kept, copied = Path(name) / "kept", Path(name) / "copy"
        kept.mkdir()
        make = partial(CachingEngine, measured.engine, cache_db=kept / "cache.db", max_memory="8GB")
        engine = make()
        engine.warm(tables[0], COLUMNS)
        engine.close()
        count = math.ceil(_FULL_BYTES / _bytes(kept)) if pace.is_full else 2
        tables += [_twin(measured, tables[0], number) for number in range(2, count + 1)]
        engine = make()
        for table in tables:
            engine.warm(table, COLUMNS)
        taken: dict[str, list[float]] = {"all": [], "one": [], "load": [], "copy": []}
        for _ in range(pace.rounds(_ROUNDS)):
            # Something must have changed since, and nothing of it be there, or all but what has changed.
            engine.invalidate(small)
            engine.warm(small)
            _empty(kept)
            taken["all"].append(seconds_of(engine.close))
            taken["copy"].append(seconds_of(partial(_copy, kept, copied)))
            engine, seconds = _load(make, tables)
            taken["load"].append(seconds)
            engine.invalidate(small)
            engine.warm(small)
            taken["one"].append(seconds_of(engine.close))
            engine = make()
            taken["copy"].append(seconds_of(partial(_copy, kept, copied)))
        size = _bytes(kept)
        engine.close()
    whole, one, load, copy = (statistics.median(taken[name]) for name in ("all", "one", "load", "copy"))
    of_all = f"{len(tables)} tables, {size / 1e6:,.0f} MB"
    rows = [
        report.Row((of_all, what, report.seconds(each), report.seconds(copy)), each / copy, _AIM, label=what)
        for what, each in (
            ("write", whole),
            ("write, one small table changed", one),
            ("load, each table answers", load),
        )
    ]
    report.write(
        report.Result(
            name="snapshots",
            title="A snapshot, against a plain copy of its files",
            about="Tables of 1,000,000 rows of six columns with three indexes. *write*: `close()` of an "
            "engine of whose tables none is on the disk, and of one of whose tables all are but one of "
            "10,000 rows. *load*: a new engine, until each table has answered; what is compared with the "
            "origin's catalogue is compared meanwhile. *copy*: all of the snapshot's files beside "
            "themselves, each with fsync; both find the files in the system's cache. Medians of "
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


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


def _empty(folder: Path) -> None:
    """Remove the snapshot, but not the lock file that says whose it is."""
    for path in _files(folder):
        if path.suffix == ".db":
            path.unlink()


def _copy(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    # Under the same names each time, as images have another one each time: to write over a file takes
    # half as long as to make one.
    for number, path in enumerate(sorted(_files(source), key=lambda path: path.stat().st_size)):
        copied = target / f"{number}.db"
        shutil.copyfile(path, copied)
        with copied.open("rb+") as file:
            os.fsync(file.fileno())
