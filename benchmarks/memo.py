"""A memoized function's hit from a file, beside what else remembers results on disk.

The peers are no dependencies: those that aren't installed are left out, with the line that installs them.
"""

from __future__ import annotations

import functools
import importlib.util
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import charts, report
from benchmarks.data import TABLE, Measured
from benchmarks.measure import Pace, seconds_each
from sqlmem import CachingEngine, Memo

_ROUNDS = 15
_KEYS = 50

Ask = Callable[[int], object]
Function = Callable[[int, str], dict[str, Any]]


def compute(number: int, name: str, /) -> dict[str, Any]:
    """What is remembered: the value of a small report."""
    return {"number": number, "name": name, "rows": [number, number + 1]}


# -- the peers: how each is told to keep results in a folder -----------------------------------


def _sqlmemo(folder: Path) -> Function:
    from sqlmemo import SQLMemo

    return SQLMemo(folder / "sqlmemo.db")(_plain())


def _picocache(folder: Path) -> Function:
    from picocache import SQLiteCache

    return SQLiteCache(str(folder / "picocache.db"))(_plain())


def _fleche(folder: Path) -> Function:
    from fleche import cache, fleche
    from fleche.caches import Cache
    from fleche.storage import Sql, ValuePickleFile

    cache(
        Cache(ValuePickleFile.with_pickle(root=str(folder / "fleche")), Sql(f"sqlite:///{folder}/fleche.db"))
    )
    return fleche()(_plain())


def _joblib(folder: Path) -> Function:
    from joblib import Memory

    return Memory(folder / "joblib", verbose=0).cache(_plain())


def _dogpile(folder: Path) -> Function:
    from dogpile.cache import make_region

    region = make_region().configure("dogpile.cache.dbm", arguments={"filename": str(folder / "dogpile.dbm")})
    return region.cache_on_arguments()(_plain())


def _diskcache(folder: Path) -> Function:
    from diskcache import Cache

    return Cache(str(folder / "diskcache")).memoize()(_plain())


# name -> the module, and how
_PEERS: dict[str, tuple[str, Callable[[Path], Function]]] = {
    "SQLMemo": ("sqlmemo", _sqlmemo),
    "PicoCache": ("picocache", _picocache),
    "fleche": ("fleche", _fleche),
    "joblib": ("joblib", _joblib),
    "dogpile.cache": ("dogpile.cache", _dogpile),
    "diskcache": ("diskcache", _diskcache),
}
_RIVALS = ("SQLMemo", "PicoCache", "fleche")


def _plain() -> Function:
    # With names that every peer takes: some bind no positional-only parameters.
    def report(number: int, name: str) -> dict[str, Any]:
        return compute(number, name)

    report.__module__ = __name__
    return report


def _asking(function: Function) -> Ask:
    for number in range(_KEYS):
        function(number, "north")
    return lambda number: function(number % _KEYS, "north")


def run(measured: Measured, pace: Pace, results: Path) -> None:
    measured.table()
    with tempfile.TemporaryDirectory(prefix="sqlmem-bench-") as name:
        _measure(Path(name), measured, pace, results)


def _measure(folder: Path, measured: Measured, pace: Pace, results: Path) -> None:
    contestants: dict[str, Ask] = {}
    missing = []
    for peer, (module, make) in _PEERS.items():
        if importlib.util.find_spec(module.partition(".")[0]) is None:
            missing.append(peer)
        else:
            contestants[peer] = _asking(make(folder))
    if missing:
        packages = " ".join(_PEERS[peer][0] for peer in missing)
        print(f"left out, not installed: {', '.join(missing)} (pip install {packages})")
    contestants["functools.lru_cache"] = _asking(functools.lru_cache(maxsize=None)(_plain()))
    with (
        Memo(folder / "memo.db") as memo,
        Memo(folder / "signed.db", secret=b"of the benchmark") as signed,
        Memo(":memory:") as memory,
        CachingEngine(measured.engine, cache_db="") as engine,
    ):

        @memo(name="tables", ignore=("engine",))
        def with_tables(number: int, name: str) -> dict[str, Any]:
            engine.execute(sa.text(f"SELECT id FROM {TABLE} WHERE id = :id"), {"id": number + 1})
            return compute(number, name)

        contestants["Memo, an SQLite file"] = _asking(memo(_plain()))
        contestants["Memo, with secret="] = _asking(signed(_plain()))
        contestants["Memo, of a function that read a table"] = _asking(with_tables)
        contestants["Memo, in memory"] = _asking(memory(_plain()))
        # The time that passes: files are waited for.
        taken = seconds_each(contestants, rounds=pace.rounds(_ROUNDS), round_seconds=0.02).wall
    ours = taken["Memo, an SQLite file"]
    rivals = [taken[name] for name in _RIVALS if name in taken]
    if rivals:
        print(
            f"the fastest of {', '.join(_RIVALS)}: {report.plain(min(rivals) / ours)} times as long as Memo"
        )
    rows = [report.Row((name, report.seconds(each)), each / ours, label=name) for name, each in taken.items()]
    report.write(
        report.Result(
            name="memo",
            title="A memoized function's hit",
            about=f"A function of a number and a text that returns a small dict; {_KEYS} calls are "
            "remembered, and asked for in turns. Each as its documentation shows it: SQLMemo and "
            "PicoCache in an SQLite file, fleche with calls in SQLite and values in files, joblib in "
            "files, dogpile.cache in a dbm file, diskcache in its folder. functools.lru_cache, in memory "
            "and handing out the same object each time, for orientation.",
            heading=("what remembers", "a hit"),
            figure="in multiples of Memo's",
            rows=rows,
            versions=tuple(f"{name} {metadata.version(_PEERS[name][0])}" for name in _PEERS if name in taken),
        ),
        results,
        charts.bars("time in multiples of Memo's, a file"),
    )
