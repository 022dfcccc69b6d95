"""Bytes per row in the store, against an SQLite file of the same data."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import charts, data, report
from benchmarks.data import COLUMNS, MILLION, PLAIN, ROWS, Measured
from benchmarks.measure import Pace
from sqlmem import CachingEngine

_AIM = report.at_most(1.3)


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    rows = []
    cases = [(ROWS, COLUMNS), (ROWS, PLAIN), (MILLION, COLUMNS)]
    for count, columns in cases[:2] if pace.is_quick else cases:
        table = measured.table(count)
        # Without `placed_at` there is no index on it in either.
        label = "all six" if columns is COLUMNS else "integers, text"
        with CachingEngine(measured.engine, max_memory="4GB") as engine:
            engine.warm(table, columns)
            held = engine.stats().bytes / count
        with tempfile.TemporaryDirectory(prefix="sqlmem-bench-") as name:
            file = data.plain_file(Path(name) / "plain.db", count, table, columns) / count
        rows.append(
            report.Row(
                (f"{count:,}", label, f"{held:.1f}", f"{file:.1f}"),
                held / file,
                _AIM,
                label=f"{count:,} rows, {label}",
            )
        )
    report.write(
        report.Result(
            name="sizes",
            title="Bytes per row in the store, against an SQLite file",
            about="`stats().bytes` after a fill, against a file that SQLAlchemy has made of the same "
            "table with its own types for SQLite (a NUMERIC is a float there, a TIMESTAMP a text), "
            "vacuumed. Both have the table's indexes over these columns.",
            heading=("rows", "columns", "sqlmem", "SQLite file"),
            figure="sqlmem / file",
            rows=rows,
            versions=(measured.version,),
        ),
        folder,
        charts.bars("bytes in multiples of the file's"),
    )
