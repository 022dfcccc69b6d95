"""Statements of several shapes over tables of several sizes, against PostgreSQL near and far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import charts, data, proxy, report
from benchmarks.data import SIZES, Measured, walk
from benchmarks.measure import Ask, Pace, same, seconds_each, settle
from sqlmem import CachingEngine, last_status

_ROUNDS = 7
_DELAY_SECONDS = 0.0005
# Of an answer that takes longer, the way in is no part: Core isn't measured too.
_LONG_SECONDS = 0.05
_SOCKET, _AWAY = "the socket", "1 ms more"


@dataclass(frozen=True)
class _Shape:
    """`text` with the table's name to come; its parameters, if any, are never the same twice in a row."""

    kind: str
    label: str
    text: str
    parameters: Callable[[int, int], dict[str, Any]] = lambda _number, _rows: {}


_SHAPES = (
    _Shape(
        "point",
        "point: by primary key",
        "SELECT id, customer, name FROM {} WHERE id = :id",
        lambda number, rows: {"id": walk(number, rows)},
    ),
    _Shape(
        "filter",
        "filter: by an index, 10 rows",
        "SELECT id, amount, placed_at FROM {} WHERE customer = :customer",
        lambda number, rows: {"customer": walk(number, rows // 10)},
    ),
    _Shape(
        "filter",
        "filter: without an index, 20 rows",
        "SELECT id, amount FROM {} WHERE name = :name",
        lambda number, rows: {"name": f"customer number {number * 7919 % (rows // 20)}"},
    ),
    _Shape(
        "filter",
        "filter: LIKE '%…%', counted",
        "SELECT count(*) AS n FROM {} WHERE name LIKE :pattern",
        lambda number, _: {"pattern": f"%r {number % 89 + 10}%"},
    ),
    _Shape(
        "filter",
        "filter: range of an indexed TIMESTAMP, counted",
        "SELECT count(*) AS n FROM {} WHERE placed_at >= :low AND placed_at < :high",
        lambda number, rows: {
            "low": data.row(walk(number, rows // 2))["placed_at"],
            "high": data.row(walk(number, rows // 2) + rows // 100)["placed_at"],
        },
    ),
    _Shape("aggregate", "aggregate: count(*)", "SELECT count(*) AS n FROM {}"),
    _Shape(
        "aggregate",
        "aggregate: SUM of a NUMERIC",
        "SELECT sum(amount) AS total FROM {} WHERE id > :least",
        lambda number, _: {"least": number % 1000},
    ),
    _Shape(
        "aggregate",
        "aggregate: two groups",
        "SELECT is_paid, count(*) AS n, min(placed_at) AS first, max(amount) AS most FROM {} "
        "WHERE id > :least GROUP BY is_paid ORDER BY is_paid",
        lambda number, _: {"least": number % 1000},
    ),
    _Shape(
        "aggregate",
        "aggregate: a group per ten rows, the largest 10",
        "SELECT customer, sum(amount) AS total FROM {} WHERE id > :least "
        "GROUP BY customer ORDER BY total DESC, customer LIMIT 10",
        lambda number, _: {"least": number % 1000},
    ),
    _Shape(
        "top-n",
        "top 10: by an index",
        "SELECT id, placed_at FROM {} WHERE placed_at < :before ORDER BY placed_at DESC LIMIT 10",
        lambda number, rows: {"before": data.row(walk(number, rows))["placed_at"]},
    ),
    _Shape(
        "top-n",
        "top 10: without an index",
        "SELECT id, amount FROM {} WHERE id > :least ORDER BY amount DESC, id LIMIT 10",
        lambda number, _: {"least": number % 1000},
    ),
)


def _aim(kind: str, way: str, outcome: str) -> report.Aim:
    if kind == "point":
        return report.at_least(40 if way == "execute" else 5)
    return report.no_slower(outcome)


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    if not measured.is_postgresql:
        print("questions: skipped, the origin isn't PostgreSQL\n")
        return
    sizes = SIZES[:2] if pace.is_quick else SIZES
    for rows in sizes:
        measured.table(rows)
    with proxy.delayed(measured.engine.url, _DELAY_SECONDS) as url:
        far = sa.create_engine(url)
        origins = {_SOCKET: measured.engine, _AWAY: far}
        engines = {place: CachingEngine(each, max_memory="4GB") for place, each in origins.items()}
        try:
            trips = seconds_each(
                {place: _core(each, sa.text("SELECT 1"), is_open=True) for place, each in origins.items()},
                rounds=pace.rounds(9),
                arguments=lambda _: {},
            ).wall
            result = _measure(measured, sizes, pace, origins, engines, trips)
        finally:
            for engine in engines.values():
                engine.close()
            far.dispose()
    report.write(result, folder, charts.grouped("the bare engine's time in multiples of sqlmem's"))


def _measure(
    measured: Measured,
    sizes: tuple[int, ...],
    pace: Pace,
    origins: dict[str, sa.Engine],
    engines: dict[str, CachingEngine],
    trips: dict[str, float],
) -> report.Result:
    rows: list[report.Row] = []
    for size in sizes:
        for engine in engines.values():
            engine.warm(measured.table(size))
        for shape in _SHAPES:
            rows += _rows(shape, size, measured.table(size), pace, origins, engines)
        for engine in engines.values():
            engine.invalidate(measured.table(size))
    return report.Result(
        name="questions",
        title="Questions to one table, against PostgreSQL",
        about="How many times as long the bare engine takes. `execute`: against Core with connect and "
        "close, rows made into dicts. Core: both with connect and close, `text()`, rows as they come, "
        f"where an answer takes less than {_LONG_SECONDS * 1000:.0f} ms: beyond, the way in matters little. "
        "Parameters differ from call to call (count(*) has none). *answered by*: what "
        "`last_status().outcome` says; a bypass: PostgreSQL was found to be faster "
        "and answers, for which the aim is a bypass's. *1 "
        "ms more*: both engines behind a TCP proxy in a process of its own, which holds each direction's "
        "bytes back for 0.5 ms, and what follows at once follows at once. `SELECT 1` on an open "
        f"connection takes {report.seconds(trips[_SOCKET])}, through the proxy "
        f"{report.seconds(trips[_AWAY])}. An aim is met if it is on the socket, and with "
        "the millisecond sqlmem is no slower, or no more than a bypass.",
        heading=("statement", "rows", "way in", "answered by", "sqlmem", "bare"),
        figure="bare / sqlmem",
        rows=rows,
        versions=(measured.version,),
        after=("with 1 ms more",),
    )


def _rows(
    shape: _Shape,
    size: int,
    table: str,
    pace: Pace,
    origins: dict[str, sa.Engine],
    engines: dict[str, CachingEngine],
) -> list[report.Row]:
    text = shape.text.format(table)
    statement = sa.text(text)

    made = []
    for first, way in ((0, "execute"), (500, "Core")):

        def arguments(number: int, first: int = first) -> dict[str, Any]:
            # One way's answers may be kept: they would be the other's.
            return shape.parameters(first + number, size)

        taken: dict[str, dict[str, float]] = {}
        outcomes: dict[str, str] = {}
        for place, origin in origins.items():
            engine = engines[place]
            contestants: dict[str, Ask] = (
                {"ours": _execute(engine, text), "bare": _dicts(origin, statement)}
                if way == "execute"
                else {"ours": _core(engine, statement), "bare": _core(origin, statement)}
            )
            answers = [_sorted(ask(arguments(7))) for ask in contestants.values()]
            same(*answers)
            settle(engine, contestants["ours"], lambda number: arguments(300 + number))
            taken[place] = seconds_each(
                contestants, rounds=pace.rounds(_ROUNDS), arguments=arguments, round_seconds=0.03
            ).wall
            outcomes[place] = last_status().outcome
        near, away = (taken[place]["bare"] / taken[place]["ours"] for place in origins)
        aim = _aim(shape.kind, way, outcomes[_SOCKET])
        outcome = " / ".join(dict.fromkeys(outcomes.values()))
        made.append(
            report.Row(
                (
                    shape.label,
                    f"{size:,}",
                    way,
                    outcome,
                    report.seconds(taken[_SOCKET]["ours"]),
                    report.seconds(taken[_SOCKET]["bare"]),
                ),
                near,
                aim,
                (report.plain(away),),
                label=shape.label,
                series=way,
                panel=f"{size:,} rows",
                is_met=aim.is_met(near) and report.no_slower(outcomes[_AWAY]).is_met(away),
            )
        )
        if taken[_SOCKET]["ours"] > _LONG_SECONDS:
            break
    return made


def _sorted(answer: Any) -> list[str]:
    return sorted(str(row) for row in answer)


def _execute(engine: CachingEngine, text: str) -> Ask:
    return lambda parameters: engine.execute(text, parameters)


def _dicts(engine: sa.Engine, statement: Any) -> Ask:
    def ask(parameters: dict[str, Any]) -> object:
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement, parameters).mappings()]

    return ask


def _core(engine: sa.Engine, statement: Any, *, is_open: bool = False) -> Ask:
    if is_open:
        connection = engine.connect()
        return lambda parameters: connection.execute(statement, parameters).all()

    def ask(parameters: dict[str, Any]) -> object:
        with engine.connect() as connection:
            return connection.execute(statement, parameters).all()

    return ask
