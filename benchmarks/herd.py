"""Many threads that miss on one table at once: what reaches the origin."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import charts, report
from benchmarks.data import TABLE, Measured
from benchmarks.measure import Pace, together
from sqlmem import CachingEngine

_HERD = 100
_AIM = report.at_most(1)
_READS = re.compile(rf"\bFROM\b.*\b{TABLE}\b", re.DOTALL)


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    measured.table()
    statement = f"SELECT count(*) AS n, max(id) AS last FROM {TABLE}"
    count = 0
    lock = threading.Lock()

    def seen(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        nonlocal count
        # The catalogue's queries name the table as a parameter, or not after FROM.
        if _READS.search(text) and "pg_catalog" not in text:
            with lock:
                count += 1

    rows = []
    sa.event.listen(measured.engine, "before_cursor_execute", seen)
    with CachingEngine(measured.engine, slow_statements="store") as engine:
        asks: dict[str, Callable[[int], object]] = {
            "bare engine": lambda _: _ask_bare(measured.engine, statement),
            "sqlmem, nothing cached": lambda _: engine.execute(statement),
        }
        for name, ask in asks.items():
            most = 0
            for _ in range(pace.rounds(4)):
                engine.invalidate()
                count = 0
                together(_HERD, ask)
                most = max(most, count)
            rows.append(
                report.Row(
                    (name, str(_HERD)), float(most), None if name.startswith("bare") else _AIM, label=name
                )
            )
    sa.event.remove(measured.engine, "before_cursor_execute", seen)
    report.write(
        report.Result(
            name="herd",
            title="A herd",
            about=f"The same statement in {_HERD} threads at once, through one engine; the most of several "
            "times. Without the engine's own look whether the origin is faster at it "
            '(`slow_statements="store"`), which asks it the same up to three times afterwards.',
            heading=("engine", "threads"),
            figure="statements that reach the table",
            rows=rows,
            versions=(measured.version,),
            number=lambda value: f"{value:.0f}",
        ),
        folder,
        charts.bars("statements that reach the table"),
    )


def _ask_bare(engine: sa.Engine, text: str) -> object:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(text)).mappings()]
