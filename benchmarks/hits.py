"""Hits through `engine.execute`, against the standard library's sqlite3 with rows made into dicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import charts, data, report
from benchmarks.data import COLUMNS, PLAIN, ROWS, TABLE, Measured, Order, walk
from benchmarks.measure import Ask, Pace, same, seconds_each
from sqlmem import CachingEngine

_ROUNDS = 21
_LABELS = {PLAIN: "integers, text", COLUMNS: "all six"}


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    measured.table()
    memory = data.memory_engine()
    # A hit is what is measured, also where PostgreSQL would be faster.
    with CachingEngine(measured.engine, slow_statements="store") as engine:
        engine.warm(Order)
        _hits(measured, pace, folder, engine, memory)
        _repeats(measured, pace, folder, engine, memory)
    memory.dispose()


def _hits(measured: Measured, pace: Pace, folder: Path, engine: CachingEngine, memory: sa.Engine) -> None:
    rows = []
    for columns, label in _LABELS.items():
        for count in (1, 100, 10_000):
            # One row by its key; several as a range of keys.
            text = _by_key(columns) if count == 1 else _range(columns)
            taken = _turns(engine, memory, text, columns, pace, _arguments(count))
            aim = report.at_most(2.0) if count == 1 else None
            rows.append(_row(label, count, taken, aim))
    report.write(
        report.Result(
            name="hits",
            title="A hit through execute, against sqlite3",
            about=f"`engine.execute(text, parameters)` on a table of {ROWS:,} rows, against `execute` and "
            "`fetchall` of the standard library's sqlite3 on the same rows in memory, each row made into "
            "a dict of names that are known. Each call asks for another key; none comes again before all "
            "others were asked for, so that no answer is remembered. *all six* has a NUMERIC, a TIMESTAMP "
            "and a BOOLEAN, of which sqlmem makes the driver's Decimal, datetime and bool; sqlite3 hands "
            "out the float, the text and the integer that it holds.",
            heading=("columns", "rows", "sqlmem", "sqlite3"),
            figure="sqlmem / sqlite3",
            rows=rows,
            versions=(measured.version,),
        ),
        folder,
        charts.bars("time in multiples of sqlite3's"),
    )


def _repeats(measured: Measured, pace: Pace, folder: Path, engine: CachingEngine, memory: sa.Engine) -> None:
    rows = []
    for columns, label in _LABELS.items():
        for count in (1, 10, 20):
            text = _by_key(columns) if count == 1 else _range(columns)
            given = _arguments(count)(4711)
            taken = _turns(engine, memory, text, columns, pace, lambda _, given=given: given)
            rows.append(_row(label, count, taken, report.at_most(1.0)))
    report.write(
        report.Result(
            name="repeats",
            title="The same statement again and again, against sqlite3",
            about="As in [hits](hits.md), but each call has the same parameters. Both hand out new dicts "
            "each time.",
            heading=("columns", "rows", "sqlmem", "sqlite3"),
            figure="sqlmem / sqlite3",
            rows=rows,
            versions=(measured.version,),
        ),
        folder,
        charts.bars("time in multiples of sqlite3's"),
    )


def _row(label: str, count: int, taken: dict[str, float], aim: report.Aim | None) -> report.Row:
    return report.Row(
        (label, f"{count:,}", report.seconds(taken["ours"]), report.seconds(taken["sqlite3"])),
        taken["ours"] / taken["sqlite3"],
        aim,
        label=f"{count:,} row{'s' if count > 1 else ''}, {label}",
    )


def _turns(
    engine: CachingEngine,
    memory: sa.Engine,
    text: str,
    columns: Sequence[str],
    pace: Pace,
    arguments: Callable[[int], dict[str, int]],
) -> dict[str, float]:
    """CPU seconds."""
    fairy: Any = memory.raw_connection()
    execute = fairy.driver_connection.execute

    def ours(parameters: dict[str, int]) -> object:
        return engine.execute(text, parameters)

    # By name and by place: the dict is what both are given.
    def plain(parameters: dict[str, int]) -> object:
        return [dict(zip(columns, row, strict=False)) for row in execute(text, parameters).fetchall()]

    if columns is PLAIN:
        same(list(engine.execute(text, arguments(1))), plain(arguments(1)))
    contestants: dict[str, Ask] = {"ours": ours, "sqlite3": plain}
    taken = seconds_each(contestants, rounds=pace.rounds(_ROUNDS), arguments=arguments).cpu
    if engine.execute(text, arguments(1)).status.outcome != "hit":
        raise RuntimeError("no hit was measured")
    fairy.close()
    return taken


def _by_key(columns: Sequence[str]) -> str:
    return f"SELECT {', '.join(columns)} FROM {TABLE} WHERE id = :id"


def _range(columns: Sequence[str]) -> str:
    return f"SELECT {', '.join(columns)} FROM {TABLE} WHERE id >= :low AND id < :high"


def _arguments(count: int) -> Callable[[int], dict[str, int]]:
    if count == 1:
        return lambda number: {"id": walk(number)}

    def bounds(number: int) -> dict[str, int]:
        low = number * 7919 % (ROWS - count) + 1
        return {"low": low, "high": low + count}

    return bounds
