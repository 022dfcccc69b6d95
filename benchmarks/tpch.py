"""TPC-H's `lineitem`: its queries of one table, and a few more, against PostgreSQL.

Rows are made by tpchgen-cli, which is no dependency: without it, or without PostgreSQL, the part is skipped.
"""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from decimal import Decimal
from importlib import metadata
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import charts, report
from benchmarks.data import Measured
from benchmarks.measure import Ask, Pace, same, seconds_each, settle
from sqlmem import CachingEngine, last_status

_SCALE, _QUICK_SCALE = 0.2, 0.02  # about 1,200,000 rows, and 120,000
_ROUNDS = 5
# Of an answer that takes longer, the way in is no part: Core isn't measured too.
_LONG_SECONDS = 0.05

_TABLE = """CREATE TABLE lineitem (
    l_orderkey BIGINT NOT NULL, l_partkey BIGINT NOT NULL, l_suppkey BIGINT NOT NULL,
    l_linenumber INTEGER NOT NULL, l_quantity NUMERIC(15,2) NOT NULL, l_extendedprice NUMERIC(15,2) NOT NULL,
    l_discount NUMERIC(15,2) NOT NULL, l_tax NUMERIC(15,2) NOT NULL, l_returnflag CHAR(1) NOT NULL,
    l_linestatus CHAR(1) NOT NULL, l_shipdate DATE NOT NULL, l_commitdate DATE NOT NULL,
    l_receiptdate DATE NOT NULL, l_shipinstruct CHAR(25) NOT NULL, l_shipmode CHAR(10) NOT NULL,
    l_comment VARCHAR(44) NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber))"""


def _year(number: int) -> dict[str, Any]:
    # Not always the first of January: there would be five years, and their answers would be kept.
    low = dt.date(1993 + number % 5, 1, 1) + dt.timedelta(days=number % 331)
    discount = Decimal(2 + number % 8).scaleb(-2)
    return {
        "low": low,
        "high": low + dt.timedelta(days=365),
        "least": discount - Decimal("0.01"),
        "most": discount + Decimal("0.01"),
        "quantity": 24 + number % 2,
    }


# label -> text, and a call's parameters by its number and the largest order's key
_QUERIES: dict[str, tuple[str, Callable[[int, int], dict[str, Any]]]] = {
    "Q1, pricing summary": (
        (
            "SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, "
            "sum(l_extendedprice) AS sum_base_price, "
            "sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price, "
            "sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge, "
            "avg(l_quantity) AS avg_qty, avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc, "
            "count(*) AS count_order FROM lineitem WHERE l_shipdate <= :until "
            "GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus"
        ),
        lambda number, _: {"until": dt.date(1998, 12, 1) - dt.timedelta(days=60 + number % 61)},
    ),
    "Q6, forecast of revenue": (
        (
            "SELECT sum(l_extendedprice * l_discount) AS revenue FROM lineitem WHERE l_shipdate >= :low "
            "AND l_shipdate < :high AND l_discount BETWEEN :least AND :most AND l_quantity < :quantity"
        ),
        lambda number, _: _year(number),
    ),
    "an order's lines": (
        (
            "SELECT l_linenumber, l_partkey, l_quantity, l_extendedprice, l_shipdate FROM lineitem "
            "WHERE l_orderkey = :order ORDER BY l_linenumber"
        ),
        # Of eight keys in a row, TPC-H uses every first eighth's four times over.
        lambda number, most: {"order": (number * 7919 % (most // 32)) * 32 + 1},
    ),
    "revenue by ship mode in a year": (
        (
            "SELECT l_shipmode, count(*) AS n, sum(l_extendedprice) AS revenue FROM lineitem "
            "WHERE l_shipdate >= :low AND l_shipdate < :high GROUP BY l_shipmode ORDER BY l_shipmode"
        ),
        lambda number, _: {key: value for key, value in _year(number).items() if key in {"low", "high"}},
    ),
    "count by month": (
        (
            "SELECT date_trunc('month', l_shipdate) AS month, count(*) AS n FROM lineitem WHERE l_orderkey > "
            ":order GROUP BY date_trunc('month', l_shipdate) ORDER BY month"
        ),
        lambda number, _: {"order": number % 1000},
    ),
    "the ten most expensive lines": (
        (
            "SELECT l_orderkey, l_linenumber, l_extendedprice FROM lineitem WHERE l_orderkey > :order "
            "ORDER BY l_extendedprice DESC, l_orderkey, l_linenumber LIMIT 10"
        ),
        lambda number, _: {"order": number % 1000},
    ),
    "parts by what they have brought, the first ten": (
        (
            "SELECT l_partkey, sum(l_extendedprice) AS revenue FROM lineitem WHERE l_shipdate >= :low "
            "GROUP BY l_partkey ORDER BY revenue DESC, l_partkey LIMIT 10"
        ),
        lambda number, _: {"low": _year(number)["low"]},
    ),
    "late lines, counted": (
        "SELECT count(*) AS n FROM lineitem WHERE l_receiptdate > l_commitdate AND l_orderkey > :order",
        lambda number, _: {"order": number % 1000},
    ),
}


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    program = _program()
    if program is None or not measured.is_postgresql:
        missing = (
            "tpchgen-cli isn't installed (pip install tpchgen-cli)" if program is None else "no PostgreSQL"
        )
        print(f"tpch: skipped, {missing}\n")
        return
    scale = _QUICK_SCALE if pace.is_quick else _SCALE
    count = _load(measured, program, scale)
    rows = []
    with CachingEngine(measured.engine, max_memory="4GB") as engine:
        most = engine.execute("SELECT max(l_orderkey) AS k FROM lineitem")[0]["k"]
        for label, (text, parameters) in _QUERIES.items():
            rows += _rows(
                label, text, lambda number, made=parameters: made(number, most), engine, measured, pace
            )
    report.write(
        report.Result(
            name="tpch",
            title="TPC-H's lineitem, against PostgreSQL",
            about=f"{count:,} rows (scale factor {scale}), a primary key and no other index, on "
            f"{measured.name}. `execute` against Core with connect and close, rows as dicts; Core against "
            "Core. Parameters differ from call to call. Core only where an answer takes less than "
            f"{_LONG_SECONDS * 1000:.0f} ms: beyond, the way in makes no difference. *answered by*: what "
            "`last_status().outcome` says; a bypass has a bypass's aim. "
            "Not a TPC-H result: of its 22 queries, two are over one table.",
            heading=("query", "way in", "answered by", "sqlmem", "bare"),
            figure="bare / sqlmem",
            rows=rows,
            versions=(measured.version, f"tpchgen-cli {metadata.version('tpchgen-cli')}"),
        ),
        folder,
        charts.bars("the bare engine's time in multiples of sqlmem's"),
    )


def _program() -> str | None:
    # Beside the interpreter, whether or not that folder is in PATH.
    return shutil.which("tpchgen-cli", path=str(Path(sys.executable).parent)) or shutil.which("tpchgen-cli")


def _load(measured: Measured, program: str, scale: float) -> int:
    with tempfile.TemporaryDirectory(prefix="sqlmem-bench-") as name:
        command = [program, "csv", "-s", str(scale), "-T", "lineitem", "-o", name, "--quiet"]
        subprocess.run(command, check=True)  # noqa: S603
        connection: Any = measured.engine.raw_connection()
        driver = connection.driver_connection
        with driver.cursor() as cursor, (Path(name) / "lineitem.csv").open("rb") as file:
            cursor.execute(_TABLE)
            with cursor.copy("COPY lineitem FROM STDIN (FORMAT csv, HEADER)") as copy:
                while chunk := file.read(1 << 20):
                    copy.write(chunk)
            count: int = cursor.execute("SELECT count(*) FROM lineitem").fetchone()[0]
        driver.commit()
        driver.autocommit = True
        driver.execute("VACUUM ANALYZE lineitem")
        driver.autocommit = False
        connection.close()
    return count


def _rows(
    label: str,
    text: str,
    arguments: Callable[[int], dict[str, Any]],
    engine: CachingEngine,
    measured: Measured,
    pace: Pace,
) -> list[report.Row]:
    statement = sa.text(text)
    ways: dict[str, dict[str, Ask]] = {
        "execute": {
            "ours": lambda parameters: list(engine.execute(text, parameters)),
            "bare": lambda parameters: [
                row._asdict() for row in _core(measured.engine, statement, parameters)
            ],
        },
        "Core": {
            "ours": lambda parameters: _core(engine, statement, parameters),
            "bare": lambda parameters: _core(measured.engine, statement, parameters),
        },
    }
    made = []
    for nth, (way, contestants) in enumerate(ways.items()):

        def given(number: int, first: int = 500 * nth) -> dict[str, Any]:
            # One way's answers may be kept: they would be the other's.
            return arguments(first + number)

        same(*(ask(given(7)) for ask in contestants.values()))
        settle(engine, contestants["ours"], lambda number, given=given: given(300 + number))
        taken = seconds_each(
            contestants, rounds=pace.rounds(_ROUNDS), arguments=given, round_seconds=0.03
        ).wall
        outcome = last_status().outcome
        made.append(
            report.Row(
                (label, way, str(outcome), report.seconds(taken["ours"]), report.seconds(taken["bare"])),
                taken["bare"] / taken["ours"],
                report.no_slower(outcome),
                label=f"{label}, {way}",
            )
        )
        if taken["ours"] > _LONG_SECONDS:
            break
    return made


def _core(engine: sa.Engine, statement: Any, parameters: dict[str, Any]) -> Any:
    with engine.connect() as connection:
        return connection.execute(statement, parameters).all()
