"""What it costs beside the answers: imports, and what is refused."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from benchmarks import report
from benchmarks.data import TABLE, Measured
from benchmarks.measure import Ask, Pace, seconds_each
from sqlmem import CachingEngine, ReadOnlyError

_STARTS, _ROUNDS = 9, 9
# As programs are installed: compiled once.
_WITH_BYTECODE = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    measured.table()
    with CachingEngine(measured.engine) as engine:
        refused = seconds_each({"refused": _refused(engine)}, rounds=pace.rounds(_ROUNDS)).cpu["refused"]
    rows = [_imports(pace), report.Row(("a refused DELETE", report.seconds(refused), ""))]
    report.write(
        report.Result(
            name="costs",
            title="What it costs beside the answers",
            about="CPU time. A process that imports sqlmem, and one that imports what it stands on, "
            "SQLAlchemy and sqlglot; the interpreter's start left out. A DELETE in strict mode, with its "
            "error.",
            heading=("what", "sqlmem", "bare"),
            figure="sqlmem / bare",
            rows=rows,
        ),
        folder,
    )


def _imports(pace: Pace) -> report.Row:
    texts = {"start": "pass", "ours": "import sqlmem", "bare": "import sqlalchemy, sqlglot"}
    taken: dict[str, list[float]] = {name: [] for name in texts}
    for _ in range(pace.rounds(_STARTS)):
        for name, text in texts.items():
            taken[name].append(_cpu_seconds(text))
    start = statistics.median(taken["start"])
    ours, bare = (statistics.median(taken[name]) - start for name in ("ours", "bare"))
    return report.Row(("`import sqlmem`", report.seconds(ours), report.seconds(bare)), ours / bare)


def _cpu_seconds(text: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", text], check=True, env=_WITH_BYTECODE)  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _refused(engine: CachingEngine) -> Ask:
    statement = sa.text(f"DELETE FROM {TABLE} WHERE id = :id")

    def ask(number: int) -> object:
        try:
            with engine.connect() as connection:
                return connection.execute(statement, {"id": number})
        except ReadOnlyError as refusal:
            return refusal

    return ask
