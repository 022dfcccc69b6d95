"""Joins and what looks from one table at another, in transparent mode, against PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from benchmarks import charts, report
from benchmarks.data import ROWS, TABLE, Measured, walk
from benchmarks.measure import Ask, Pace, same, seconds_each, settle
from sqlmem import CachingEngine, last_status

_ROUNDS = 7
_CUSTOMERS = ROWS // 10  # with ten orders each
_SOME = 50

_Parameters = Callable[[int], dict[str, Any]]


class _Shape(NamedTuple):
    """A statement; its parameters are never the same twice in a row."""

    label: str
    text: str
    parameters: _Parameters


def _one(number: int) -> dict[str, Any]:
    return {"id": walk(number, _CUSTOMERS - 1)}


def _range(count: int) -> _Parameters:
    def some(number: int) -> dict[str, Any]:
        low = walk(number, _CUSTOMERS - count - 1)
        return {"low": low, "high": low + count - 1}

    return some


_SHAPES = (
    _Shape(
        "a customer's orders, by the customer's key",
        f"SELECT c.city, o.id, o.amount FROM customers c JOIN {TABLE} o ON o.customer = c.id "
        "WHERE c.id = :id ORDER BY o.id",
        _one,
    ),
    _Shape(
        "an order's customer, by the order's key",
        f"SELECT o.amount, c.city FROM {TABLE} o JOIN customers c ON c.id = o.customer WHERE o.id = :id",
        _one,
    ),
    _Shape(
        f"{_SOME} customers and their orders, LEFT JOIN",
        f"SELECT c.id, o.id AS number FROM customers c LEFT JOIN {TABLE} o ON o.customer = c.id "
        "WHERE c.id BETWEEN :low AND :high ORDER BY c.id, o.id",
        _range(_SOME),
    ),
    _Shape(
        f"of {_SOME} customers each one's last order, a scalar subquery",
        f"SELECT c.id, (SELECT max(o.placed_at) FROM {TABLE} o WHERE o.customer = c.id) AS last "
        "FROM customers c WHERE c.id BETWEEN :low AND :high ORDER BY c.id",
        _range(_SOME),
    ),
    _Shape(
        "of 1,000 customers those with an unpaid order, EXISTS",
        "SELECT c.id FROM customers c WHERE c.id BETWEEN :low AND :high "
        f"AND EXISTS (SELECT 1 FROM {TABLE} o WHERE o.customer = c.id AND NOT o.is_paid) ORDER BY c.id",
        _range(1_000),
    ),
    _Shape(
        "of 1,000 customers those with a dear order, IN (SELECT …)",
        "SELECT c.id FROM customers c WHERE c.id BETWEEN :low AND :high "
        f"AND c.id IN (SELECT o.customer FROM {TABLE} o WHERE o.amount > 990) ORDER BY c.id",
        _range(1_000),
    ),
    _Shape(
        "1,000 customers' orders by city",
        f"SELECT c.city, count(*) AS n, sum(o.amount) AS total FROM customers c JOIN {TABLE} o "
        "ON o.customer = c.id WHERE c.id BETWEEN :low AND :high GROUP BY c.city ORDER BY c.city",
        _range(1_000),
    ),
    _Shape(
        "all orders by city, the largest 5",
        f"SELECT c.city, count(*) AS n FROM customers c JOIN {TABLE} o ON o.customer = c.id "
        "WHERE o.id > :id GROUP BY c.city ORDER BY n DESC, c.city LIMIT 5",
        _one,
    ),
)


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    if not measured.is_postgresql:
        print("joins: skipped, the origin isn't PostgreSQL\n")
        return
    measured.table()
    _customers(measured.engine)
    with CachingEngine(measured.engine, mode="transparent") as engine:
        engine.warm("customers")
        engine.warm(TABLE)
        rows = [_row(shape, measured.engine, engine, pace) for shape in _SHAPES]
    report.write(
        report.Result(
            name="joins",
            title="Joins, against PostgreSQL",
            about=f"How many times as long the bare engine takes, over its Unix socket. {ROWS:,} orders of "
            f"{_CUSTOMERS:,} customers; the index on the orders' customer is the origin's. Core with connect "
            "and close, `text()`, transparent mode; parameters differ from call to call. *answered by*: what "
            "`last_status().outcome` says; a bypass: PostgreSQL was found to be faster and answers, for "
            "which the aim is a bypass's.",
            heading=("statement", "answered by", "sqlmem", "bare"),
            figure="bare / sqlmem",
            rows=rows,
            versions=(measured.version,),
        ),
        folder,
        charts.bars("the bare engine's time in multiples of sqlmem's"),
    )


def _customers(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE customers AS SELECT i::integer AS id, 'City ' || i % 40 AS city"
            f" FROM generate_series(0, {_CUSTOMERS - 1}) AS x(i)",
            execution_options={"no_parameters": True},
        )
        connection.exec_driver_sql("ALTER TABLE customers ADD PRIMARY KEY (id)")
        connection.exec_driver_sql("ANALYZE customers")


def _row(shape: _Shape, bare: sa.Engine, engine: CachingEngine, pace: Pace) -> report.Row:
    statement = sa.text(shape.text)
    ours, theirs = _ask(engine, statement), _ask(bare, statement)
    same(*([tuple(row) for row in ask(shape.parameters(7))] for ask in (ours, theirs)))  # type: ignore[attr-defined]
    settle(engine, ours, lambda number: shape.parameters(300 + number))
    taken = seconds_each(
        {"ours": ours, "bare": theirs}, rounds=pace.rounds(_ROUNDS), arguments=shape.parameters
    ).wall
    outcome = last_status().outcome
    ratio = taken["bare"] / taken["ours"]
    times = report.seconds(taken["ours"]), report.seconds(taken["bare"])
    return report.Row((shape.label, outcome, *times), ratio, report.no_slower(outcome), label=shape.label)


def _ask(engine: sa.Engine, statement: sa.TextClause) -> Ask:
    def ask(parameters: dict[str, Any]) -> object:
        with engine.connect() as connection:
            return connection.execute(statement, parameters).all()

    return ask
