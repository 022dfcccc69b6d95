"""Hits through Core and the ORM, against the same over SQLite in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks import charts, data, report
from benchmarks.data import PLAIN, ROWS, TABLE, Measured, Order, walk
from benchmarks.measure import Ask, Pace, Seconds, same, seconds_each, settle
from sqlmem import CachingEngine, last_status

_ROUNDS = 15
_AIM = report.at_most(1.15)
_COUNTS = (1, 100, 10_000)


class Turns(NamedTuple):
    """What the contestants took, and who answers sqlmem's once that is settled."""

    taken: Seconds
    answered_by: str


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    measured.table()
    memory = data.memory_engine()
    with CachingEngine(measured.engine) as engine:
        engine.warm(Order)
        engines = {"ours": engine, "sqlite": memory, "origin": measured.engine}
        _core(measured, pace, folder, engines)
        _orm(measured, pace, folder, engines)
    memory.dispose()


def _core(measured: Measured, pace: Pace, folder: Path, engines: dict[str, Any]) -> None:
    table = Order.__table__
    plain = ", ".join(PLAIN)
    statements: dict[str, tuple[Any, Any]] = {
        "text(), integers and text": (
            sa.text(f"SELECT {plain} FROM {TABLE} WHERE id = :id"),
            sa.text(f"SELECT {plain} FROM {TABLE} WHERE id >= :low AND id < :high"),
        ),
        "select(), integers and text": _selects(*(table.c[name] for name in PLAIN)),
        "select(), all six": _selects(*table.c),
    }
    rows = []
    for label, (by_key, by_range) in statements.items():
        for count in _COUNTS:
            statement = by_key if count == 1 else by_range
            connections = {name: engine.connect() for name, engine in engines.items()}
            opened = {name: _open(connection, statement) for name, connection in connections.items()}
            rows.append(
                _row(("open connection", label, f"{count:,}"), _turns(engines["ours"], opened, count, pace))
            )
            # Before the others: SQLite's usual pool in memory would hand out what the thread has already.
            for connection in connections.values():
                connection.close()
            closing = {name: _closing(engine, statement) for name, engine in engines.items()}
            rows.append(
                _row(
                    ("connect and close", label, f"{count:,}"), _turns(engines["ours"], closing, count, pace)
                )
            )
    _write(
        "core",
        "A hit through Core, against Core over SQLite in memory",
        "`connection.execute(statement, parameters).all()`. Both give the same values: what is a NUMERIC, "
        "a TIMESTAMP or a BOOLEAN is a Decimal, a datetime and a bool, made over SQLite by SQLAlchemy's "
        "types and by sqlmem as the driver would. Another key at each call.",
        ("way in", "statement", "rows"),
        rows,
        measured,
        folder,
    )


def _orm(measured: Measured, pace: Pace, folder: Path, engines: dict[str, Any]) -> None:
    rows = []
    contestants = {name: _get(engine) for name, engine in engines.items()}
    rows.append(_row(("session.get", "1"), _turns(engines["ours"], contestants, 1, pace)))
    by_key, by_range = _selects(Order)
    for count in _COUNTS:
        statement = by_key if count == 1 else by_range
        contestants = {name: _scalars(engine, statement) for name, engine in engines.items()}
        rows.append(
            _row(
                ("session.scalars(select(Order))", f"{count:,}"),
                _turns(engines["ours"], contestants, count, pace),
            )
        )
    _write(
        "orm",
        "A hit through the ORM, against the ORM over SQLite in memory",
        "A session for each call, whole entities of six columns. Another key at each call.",
        ("way in", "rows"),
        rows,
        measured,
        folder,
    )


def _write(
    name: str,
    title: str,
    about: str,
    heading: tuple[str, ...],
    rows: list[report.Row],
    measured: Measured,
    folder: Path,
) -> None:
    result = report.Result(
        name=name,
        title=title,
        about=f"{about} A table of {ROWS:,} rows. *bare / sqlmem*: how many times as long the bare engine "
        f"takes on {measured.name}. *answered by*: what `last_status().outcome` says; where that is not a "
        "hit, the library lets PostgreSQL answer. Its CPU time isn't in the figures: there is no aim then.",
        heading=(*heading, "answered by", "sqlmem", "SQLite in memory"),
        figure="sqlmem / SQLite",
        rows=rows,
        versions=(measured.version,),
        after=("bare / sqlmem",),
    )
    report.write(result, folder, charts.bars("time in multiples of that over SQLite in memory"))


def _row(cells: tuple[str, ...], turns: Turns) -> report.Row:
    *names, count = cells
    taken = turns.taken
    return report.Row(
        (*cells, turns.answered_by, report.seconds(taken.cpu["ours"]), report.seconds(taken.cpu["sqlite"])),
        taken.cpu["ours"] / taken.cpu["sqlite"],
        _AIM if turns.answered_by == "hit" else None,
        (report.plain(taken.wall["origin"] / taken.wall["ours"]),),
        label=f"{', '.join(names)}, {count} row{'' if count == '1' else 's'}",
    )


def _turns(engine: CachingEngine, contestants: dict[str, Ask], count: int, pace: Pace) -> Turns:
    arguments = _arguments(count)
    answers = [ask(arguments(3)) for ask in contestants.values()]
    same(*([_values(each) if isinstance(each, Order) else each for each in answer] for answer in answers))
    settle(engine, contestants["ours"], arguments)
    contestants["ours"](arguments(5))
    taken = seconds_each(contestants, rounds=pace.rounds(_ROUNDS), arguments=arguments)
    contestants["ours"](arguments(7))
    return Turns(taken, str(last_status().outcome))


def _arguments(count: int) -> Callable[[int], dict[str, int]]:
    def given(number: int) -> dict[str, int]:
        if count == 1:
            return {"id": walk(number)}
        low = number * 7919 % (ROWS - count) + 1
        return {"low": low, "high": low + count}

    return given


def _selects(*what: Any) -> tuple[Any, Any]:
    key = Order.__table__.c.id
    low, high = sa.bindparam("low", type_=sa.Integer), sa.bindparam("high", type_=sa.Integer)
    by_key = sa.select(*what).where(key == sa.bindparam("id", type_=sa.Integer))
    return by_key, sa.select(*what).where(key >= low, key < high)


def _open(connection: sa.Connection, statement: Any) -> Ask:
    return lambda parameters: connection.execute(statement, parameters).all()


def _closing(engine: sa.Engine, statement: Any) -> Ask:
    def ask(parameters: dict[str, int]) -> Sequence[Any]:
        with engine.connect() as connection:
            return connection.execute(statement, parameters).all()

    return ask


def _values(order: Any) -> tuple[Any, ...]:
    """What is compared of an entity."""
    return (order.id, order.customer, order.amount, order.placed_at, order.is_paid, order.name)


def _get(engine: sa.Engine) -> Ask:
    def ask(parameters: dict[str, int]) -> Sequence[Any]:
        with Session(engine) as session:
            return [session.get(Order, parameters["id"])]

    return ask


def _scalars(engine: sa.Engine, statement: Any) -> Ask:
    def ask(parameters: dict[str, int]) -> Sequence[Any]:
        with Session(engine) as session:
            return session.scalars(statement, parameters).all()

    return ask
