"""Fills against the least that they could cost: the driver's own fetch of the same rows."""

from __future__ import annotations

import sqlalchemy as sa

from benchmarks.data import BIG, COLUMNS, ROWS, TABLE, Measured, make_big
from benchmarks.measure import ratio, seconds_each, write_result
from sqlmem import CachingEngine

_TIMES = 10


def run(measured: Measured) -> None:
    big = make_big(measured.engine, _TIMES)
    rows = []
    for table, count, rounds in ((TABLE, ROWS, 5), (BIG, big, 1)):
        with CachingEngine(measured.engine, cache_db="", max_memory="2GB") as engine:
            taken = seconds_each(
                {
                    "fill": lambda _, engine=engine, table=table: _fill(engine, table),
                    "fetch": lambda _, table=table: _fetch(measured.engine, table),
                },
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


def _fill(engine: CachingEngine, table: str) -> None:
    engine.invalidate(table)
    engine.warm(table, COLUMNS)


def _fetch(engine: sa.Engine, table: str) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"SELECT {', '.join(COLUMNS)} FROM {table}").cursor.fetchall()
