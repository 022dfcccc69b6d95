"""Hits through every way in, against plain sqlite3, SQLAlchemy over SQLite in memory, and the origin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from benchmarks.data import COLUMNS, PLAIN, ROWS, Measured, Order, make, select_text
from benchmarks.measure import microseconds, ratio, seconds_each, write_result
from sqlmem import CachingEngine

Ask = Callable[[int], object]

# rows of the answer -> calls in a round
_CALLS = {1: 300, 100: 100, 10_000: 4}
_ROUNDS = 9


def run(measured: Measured) -> None:
    memory = sa.create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    make(memory)
    with CachingEngine(measured.engine, cache_db="") as engine:
        engine.warm(Order)
        rows = []
        for label, columns in (("integers, text", PLAIN), ("all six", COLUMNS)):
            for count, calls in _CALLS.items():
                rows += _ways(label, columns, count, calls, engine, memory, measured)
    write_result(
        "hits",
        "Hits",
        f"A range of primary keys of a table of {ROWS:,} rows. *all six* adds a NUMERIC, a TIMESTAMP and a "
        "BOOLEAN, which sqlmem turns back into the driver's Decimal, datetime and bool; over plain SQLite "
        "they are left as SQLite has them, except by the ORM. *vs SQLite*: sqlmem's time in multiples of "
        "the same way in over SQLite in memory (for `execute`: of the standard library's sqlite3, rows as "
        f"dicts). *faster than the origin*: the bare engine's time in multiples of sqlmem's; the origin is "
        f"{measured.name} on the same machine (for `execute`: Core with connect and close, rows as dicts).",
        ("way in", "columns", "rows", "sqlmem", "vs SQLite", "faster than the origin"),
        rows,
        measured.version,
    )
    memory.dispose()


def _ways(
    label: str,
    columns: Sequence[str],
    count: int,
    calls: int,
    engine: CachingEngine,
    memory: sa.Engine,
    measured: Measured,
) -> list[tuple[str, ...]]:
    statement = sa.text(select_text(columns))
    ways: dict[str, dict[str, Ask]] = {
        "execute": {
            "ours": _execute(engine, columns, count),
            "sqlite": _sqlite3(memory, columns, count),
            "origin": _closing(measured.engine, statement, count, is_dicts=True),
        },
        "Core, connect and close": {
            "ours": _closing(engine, statement, count),
            "sqlite": _closing(memory, statement, count),
            "origin": _closing(measured.engine, statement, count),
        },
    }
    if columns is COLUMNS:
        ways["ORM, a session each"] = {
            "ours": _orm(engine, count),
            "sqlite": _orm(memory, count),
            "origin": _orm(measured.engine, count),
        }
    rows: list[tuple[str, ...]] = []
    with engine.connect() as ours, memory.connect() as theirs, measured.engine.connect() as bare:
        ways["Core, open connection"] = {
            "ours": _open(ours, statement, count),
            "sqlite": _open(theirs, statement, count),
            "origin": _open(bare, statement, count),
        }
        for way, contestants in ways.items():
            taken = seconds_each(contestants, calls=calls, rounds=_ROUNDS)
            rows.append(
                (
                    way,
                    label,
                    f"{count:,}",
                    microseconds(taken["ours"]),
                    ratio(taken["ours"], taken["sqlite"]),
                    ratio(taken["origin"], taken["ours"]),
                )
            )
    return rows


def _bounds(number: int, count: int) -> dict[str, int]:
    low = number * 7919 % (ROWS - count) + 1
    return {"low": low, "high": low + count}


def _execute(engine: CachingEngine, columns: Sequence[str], count: int) -> Ask:
    text = select_text(columns)
    return lambda number: engine.execute(text, _bounds(number, count))


def _sqlite3(memory: sa.Engine, columns: Sequence[str], count: int) -> Ask:
    connection: Any = memory.raw_connection().driver_connection
    text = select_text(columns)

    def ask(number: int) -> object:
        return [
            dict(zip(columns, row, strict=True))
            for row in connection.execute(text, _bounds(number, count)).fetchall()
        ]

    return ask


def _closing(engine: sa.Engine, statement: sa.TextClause, count: int, *, is_dicts: bool = False) -> Ask:
    def ask(number: int) -> object:
        with engine.connect() as connection:
            result = connection.execute(statement, _bounds(number, count))
            return [dict(row) for row in result.mappings()] if is_dicts else result.all()

    return ask


def _open(connection: sa.Connection, statement: sa.TextClause, count: int) -> Ask:
    return lambda number: connection.execute(statement, _bounds(number, count)).all()


def _orm(engine: sa.Engine, count: int) -> Ask:
    def ask(number: int) -> object:
        bounds = _bounds(number, count)
        with Session(engine) as session:
            statement = sa.select(Order).where(Order.id >= bounds["low"], Order.id < bounds["high"])
            return session.scalars(statement).all()

    return ask
