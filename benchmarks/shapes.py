"""Statements of many shapes over tables of three sizes, each against the bare engine.

What the origin is faster at is left to it as soon as that is known: each statement is asked until it is
settled who answers, and measured then, with other parameters each time where it has any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from benchmarks.data import Measured
from benchmarks.measure import ratio, seconds_each, write_result
from sqlmem import CachingEngine, last_status

_SIZES = (10_000, 100_000, 1_000_000)
_TABLE = "sqlmem_bench_shapes"
_SETTLING = 8
_ROUNDS = 7
_TRIAL_SECONDS = 60.0

Parameters = Callable[[int, int], Mapping[str, Any]]


def _none(_number: int, _rows: int) -> Mapping[str, Any]:
    return {}


# name -> the statement, and its parameters by the number of the call and the rows of the table
_SHAPES: Mapping[str, tuple[str, Parameters]] = {
    "point": (
        "SELECT id, name, price FROM {} WHERE id = :id",
        lambda number, rows: {"id": number * 7919 % rows + 1},
    ),
    "100 rows by key": (
        "SELECT id, name, price FROM {} WHERE id BETWEEN :low AND :high",
        lambda number, rows: {"low": number * 7919 % rows + 1, "high": number * 7919 % rows + 100},
    ),
    "filter, indexed, 1 %": (
        "SELECT id, name, price FROM {} WHERE grp = :grp",
        lambda number, _: {"grp": number % 100},
    ),
    "filter, no index": (
        "SELECT id, name, price FROM {} WHERE qty = :qty",
        lambda number, _: {"qty": number % 997},
    ),
    "filter, text": (
        "SELECT id, price FROM {} WHERE name = :name",
        lambda number, _: {"name": f"name {number * 37 % 1000}"},
    ),
    "count": ("SELECT count(*) AS n FROM {}", _none),
    "count, filter": (
        "SELECT count(*) AS n FROM {} WHERE qty < :qty",
        lambda number, _: {"qty": number % 997},
    ),
    "sum of NUMERIC": ("SELECT sum(price) AS s FROM {}", _none),
    "avg, min, max": ("SELECT avg(price) AS a, min(price) AS b, max(price) AS c FROM {}", _none),
    "sum of a product": ("SELECT sum(price * qty) AS s FROM {}", _none),
    "100 groups": (
        "SELECT grp, count(*) AS n, sum(price) AS s FROM {} GROUP BY grp ORDER BY grp",
        _none,
    ),
    "997 groups, no index": ("SELECT qty, count(*) AS n FROM {} GROUP BY qty ORDER BY qty", _none),
    "count of distinct": ("SELECT count(DISTINCT qty) AS n FROM {}", _none),
    "top 10": ("SELECT id, name, price FROM {} ORDER BY price DESC, id LIMIT 10", _none),
    "top 10 by key": ("SELECT id, name, price FROM {} ORDER BY id DESC LIMIT 10", _none),
    "10,000 rows": (
        "SELECT id, grp, name, price, day FROM {} WHERE id > :low AND id <= :high",
        lambda number, rows: {"low": number * 50 % max(1, rows - 9_999), "high": number * 50 + 10_000},
    ),
}


def run(measured: Measured) -> None:
    rows = []
    for size in _SIZES:
        _make(measured.engine, size)
        with CachingEngine(measured.engine, cache_db="", max_memory="2GB") as engine:
            rows += [_shape(name, *shape, size, engine, measured) for name, shape in _SHAPES.items()]
    with measured.engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {_TABLE}")
    write_result(
        "shapes",
        "Shapes of statements",
        f"Core with connect and close, all rows fetched, against the bare engine ({measured.name} on the "
        "same machine), once it is settled who answers. *by*: who does; a result hit is the origin's answer, "
        "kept, since each round asks with the same parameters.",
        ("statement", "rows", "by", "faster than the bare engine"),
        rows,
        measured.version,
    )


def _make(engine: sa.Engine, size: int) -> None:
    """As many rows, in the order of their keys; a tenth of the numbers by ten copies each time."""
    least = 10_000
    with engine.begin() as connection:
        execute = connection.exec_driver_sql
        execute(f"DROP TABLE IF EXISTS {_TABLE}")
        execute(
            f"CREATE TABLE {_TABLE} (id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, "
            "name VARCHAR(20) NOT NULL, price NUMERIC(10, 2) NOT NULL, "
            "qty INTEGER NOT NULL, day DATE NOT NULL)"
        )
        execute(
            f"INSERT INTO {_TABLE} VALUES "
            + ", ".join(
                f"({n}, {n * 31 % 100}, 'name {n * 17 % 1000}', {n * 7907 % 1000000 / 100:.2f}, "
                f"{n * 13 % 997}, '20{n % 25:02d}-{n % 12 + 1:02d}-{n % 28 + 1:02d}')"
                for n in range(1, least + 1)
            )
        )
        present = least
        while present < size:
            copies = " UNION ALL ".join(f"SELECT {copy} AS copy" for copy in range(1, 10))
            execute(
                f"INSERT INTO {_TABLE} SELECT id + copy * {present}, grp, name, price, qty, day "
                f"FROM {_TABLE}, ({copies}) AS copies"
            )
            present *= 10
        execute(f"CREATE INDEX {_TABLE}_grp ON {_TABLE} (grp)")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        analyze = "ANALYZE TABLE" if engine.dialect.name in ("mysql", "mariadb") else "ANALYZE"
        connection.exec_driver_sql(f"{analyze} {_TABLE}")


def _shape(
    name: str, text: str, parameters: Parameters, size: int, engine: CachingEngine, measured: Measured
) -> tuple[str, ...]:
    statement = sa.text(text.format(_TABLE))

    def asking(of: sa.Engine) -> Callable[[int], object]:
        def ask(number: int) -> object:
            with of.connect() as connection:
                return connection.execute(statement, parameters(number, size)).all()

        return ask

    ours, trials = asking(engine), engine._core.trials  # noqa: SLF001 - to wait for it
    for number in range(_SETTLING):
        ours(number)
        if trials is not None:
            trials.wait(_TRIAL_SECONDS)
            trials.end_pause()
    calls = 40 if size == _SIZES[0] else 10 if size == _SIZES[1] else 3
    taken = seconds_each({"ours": ours, "bare": asking(measured.engine)}, calls=calls, rounds=_ROUNDS)
    ours(calls + 1)
    status = last_status()
    by = status.outcome.value if status is not None else ""
    return name, f"{size:,}", by, ratio(taken["bare"], taken["ours"])
