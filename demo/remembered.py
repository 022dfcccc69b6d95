"""The part of the demo about `Memo`: functions over the shop's tables, remembered until these change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from demo import table
from demo.shop import Shop
from sqlmem import CachingEngine, Memo

COLUMNS = (
    table.Column("", 2),
    table.Column("call", 44),
    table.Column("what happens", 24),
    table.Column("time", 8, is_right=True),
    table.Column("tables read", 24),
)

Rows = list[dict[str, Any]]


def show(engine: CachingEngine, base: sa.Engine, shop: Shop, path: Path) -> Iterator[str]:
    """Print the calls one by one; gives what isn't as it must be."""
    bodies: list[str] = []
    orders = shop.tables["orders"].name
    by_status = shop.sql("SELECT status, count(*) AS n, sum(total) AS s FROM {orders} GROUP BY status")
    by_country = shop.sql("SELECT country, count(*) AS n FROM {customers} GROUP BY country")
    with Memo(path, engine=engine) as memo:

        @memo(name="report", ignore=("bodies", "by_status", "engine"))
        def report(least: int) -> Rows:
            bodies.append("report")
            return [row for row in engine.execute(by_status) if row["n"] >= least]

        @memo(name="customers", ignore=("bodies", "by_country", "engine"))
        def customers() -> Rows:
            bodies.append("customers")
            return list(engine.execute(by_country))

        def call(text: str, function: Any, *, is_computed: bool, **arguments: Any) -> Iterator[str]:
            before = len(bodies)
            began = time.perf_counter()
            found = function(**arguments) if "=" in text else function(*arguments.values())
            seconds = time.perf_counter() - began
            has_run = len(bodies) > before
            tables = ", ".join(function.records().order("time").one().tables)
            says = "computed" if has_run else "from the memo"
            print(table.row(COLUMNS, ("", text, says, table.duration(seconds), tables)))
            if has_run is not is_computed:
                yield f"{text}: {says}, which it should not be"
            if _sorted(found) != _sorted(function.__wrapped__(**arguments)):
                yield f"{text}: another answer than the function gives"

        print(table.heading(COLUMNS))
        yield from call("report(1)", report, least=1, is_computed=True)
        yield from call("report(least=1)", report, least=1, is_computed=False)
        yield from call("customers()", customers, is_computed=True)
        _touch(base, orders)
        print(table.note("one order is written through the wrapped engine"))
        engine.invalidate(orders)
        print(table.note(f'engine.invalidate("{orders}")'))
        yield from call("report(1)", report, least=1, is_computed=True)
        yield from call("report(1)", report, least=1, is_computed=False)
        yield from call("customers()", customers, is_computed=False)


def _touch(base: sa.Engine, orders: str) -> None:
    with base.begin() as connection:
        connection.execute(sa.text(f"UPDATE {orders} SET status = 'shipped' WHERE order_id = 1"))


def _sorted(rows: Rows) -> list[str]:
    order: Callable[[Any], str] = repr
    return sorted(map(order, rows))
