"""The walk: which statements are asked in which order, and what came of each.

Rule 1: each answer is compared with the bare engine's; a difference is a failure of the demo.
Rule 2: the origin's statements are counted at the bare engine, for the first asking of each step.
Rule 3: the time of a hit or a bypass is the median of several askings; a miss happens only once.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from demo.shop import Shop
from sqlmem import CachingEngine
from sqlmem.errors import StatementRefused
from sqlmem.model import Stats

REPEATS = 7

_HOUSEKEEPING = re.compile(
    r"^\s*(PRAGMA|SHOW|DESC|DESCRIBE|EXPLAIN|SET)\b|information_schema|pg_catalog|pg_class|sqlite_(?:master|schema)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Step:
    """A statement of the walk; tables are written `{orders}`.

    Attributes:
        expected: the outcome that the walk is there to show.
    """

    sql: str
    expected: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What came of a step. Times are in seconds, None where there is nothing to time.

    Attributes:
        outcome: in the words of `Status`, with "widened" where a table got more columns.
        origin_statements: that reached the origin's data.
        remark: the reason of a bypass or of a refusal.
        problem: what is not as it must be: an unequal answer, a hit that asked the origin.
    """

    sql: str
    outcome: str
    origin_statements: int
    bare_seconds: float | None
    here_seconds: float | None
    remark: str | None = None
    problem: str | None = None


ACCUMULATE = (
    Step("SELECT order_id, customer_id FROM {orders}", "miss"),
    Step("SELECT order_id, item_count FROM {orders}", "miss, widened"),
    Step("SELECT customer_id FROM {orders} WHERE item_count > 12", "hit"),
    Step("SELECT count(*), max(order_id) FROM {orders}", "hit"),
    Step("SELECT item_count FROM {orders} WHERE order_id = :id", "hit", {"id": 4711}),
    Step("SELECT item_count, count(*) AS n FROM {orders} GROUP BY item_count HAVING count(*) > 50", "hit"),
    Step(
        "SELECT order_id, row_number() OVER (PARTITION BY customer_id ORDER BY order_id) AS nth"
        " FROM {orders} WHERE customer_id = :customer",
        "hit",
        {"customer": 42},
    ),
    Step(
        "SELECT count(*) AS n FROM {orders} WHERE customer_id IN"
        " (SELECT customer_id FROM {orders} WHERE item_count > 20)",
        "hit",
    ),
    Step("SELECT order_id, item_count FROM {orders} ORDER BY item_count DESC, order_id LIMIT 5", "hit"),
    Step(
        "SELECT order_id, total, ordered_at FROM {orders} WHERE ordered_at >= '2024-12-24 00:00:00'",
        "miss, widened",
    ),
    Step("SELECT max(total) AS most, min(ordered_at) AS since FROM {orders} WHERE total < 20", "hit"),
    Step("SELECT track_id, sum(quantity) AS sold FROM {order_lines} GROUP BY track_id", "miss"),
    Step(
        "WITH sold AS (SELECT track_id, sum(quantity) AS n FROM {order_lines} GROUP BY track_id)"
        " SELECT max(n) AS most FROM sold",
        "hit",
    ),
    Step("SELECT count(*) AS n FROM {customers} WHERE country = 'PT'", "miss"),
    Step("SELECT country, count(*) AS n FROM {customers} GROUP BY country", "hit"),
)
REFUSE = (
    Step("SELECT * FROM {orders}", "rejected"),
    Step("SELECT o.order_id FROM {orders} o JOIN {customers} c ON c.customer_id = o.customer_id", "rejected"),
    Step("DELETE FROM {orders} WHERE item_count > 20", "rejected"),
)
# The time is the origin's: no copy can know it.
FORWARD = (Step("SELECT count(*) AS n FROM {orders} WHERE ordered_at < CURRENT_TIMESTAMP", "bypass"),)
# Shown with what explain() says of it.
EXPLAINED = (ACCUMULATE[2], FORWARD[0])
INVALIDATED = (
    Step("SELECT count(*), max(order_id) FROM {orders}", "miss"),
    Step("SELECT max(item_count) AS most FROM {orders}", "hit"),
)
RESTARTED = (
    Step("SELECT customer_id FROM {orders} WHERE item_count > 12", "hit"),
    Step("SELECT sum(quantity) AS sold FROM {order_lines}", "hit"),
)


class OriginCounter:
    """Counts the statements that reach the data of the shop's tables through an engine."""

    def __init__(self, engine: sa.Engine, shop: Shop) -> None:
        names = "|".join(re.escape(table.name) for table in shop.tables.values())
        self._reads = re.compile(rf"\bFROM\b.*\b(?:{names})\b", re.IGNORECASE | re.DOTALL)
        self.count = 0
        sa.event.listen(engine, "before_cursor_execute", self._seen)

    def _seen(self, _connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if self._reads.search(statement) and not _HOUSEKEEPING.search(statement):
            self.count += 1


def take(step: Step, engine: CachingEngine, base: sa.Engine, shop: Shop, counter: OriginCounter) -> Result:
    """Ask one statement here and at the bare engine, and compare."""
    sql, parameters = shop.sql(step.sql), dict(step.parameters)
    columns_before = _columns(engine.stats())
    counter.count = 0
    try:
        started = time.perf_counter()
        rows = engine.execute(sql, parameters)
        here_seconds = time.perf_counter() - started
    except StatementRefused as error:
        problem = None if counter.count == 0 else "a refused statement reached the origin"
        if step.expected != "rejected":
            problem = f"expected {step.expected}"
        refusal = f"{type(error).__name__}: {error.reason}. {error.hint}"
        return Result(sql, "rejected", counter.count, None, None, refusal, problem)
    origin_statements, outcome = counter.count, rows.status.outcome.value
    if outcome == "miss" and _is_widened(columns_before, _columns(engine.stats())):
        outcome = "miss, widened"
    if not outcome.startswith("miss"):
        here_seconds = statistics.median(_seconds(engine.execute, sql, parameters) for _ in range(REPEATS))
    bare_seconds = statistics.median(_seconds(_ask_bare, base, sql, parameters) for _ in range(REPEATS))
    problem = None
    if not _are_equal(sql, rows, _ask_bare(base, sql, parameters)):
        problem = "the answer differs from the bare engine's"
    elif outcome == "hit" and origin_statements:
        problem = "a hit reached the origin"
    remark = rows.status.reason
    if outcome != step.expected:
        # Not wrong, and worth a line: less can be computed here on some origins.
        remark = f"{remark or 'no reason given'} (on other origins: {step.expected})"
    return Result(sql, outcome, origin_statements, bare_seconds, here_seconds, remark, problem)


def _seconds(ask: Callable[..., object], *arguments: Any) -> float:
    started = time.perf_counter()
    ask(*arguments)
    return time.perf_counter() - started


def _ask_bare(base: sa.Engine, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    with base.connect() as connection:
        return [dict(row) for row in connection.execute(sa.text(sql), parameters).mappings()]


def _are_equal(sql: str, here: list[dict[str, Any]], there: list[dict[str, Any]]) -> bool:
    """Same rows; in the same order too, if the outermost SELECT orders them."""
    # The text of a row tells its values and their types: 1, True, 1.0 and Decimal('1') differ in it.
    seen, wanted = [repr(row) for row in here], [repr(row) for row in there]
    is_ordered = "ORDER BY" in sql.rpartition(")")[2]
    return seen == wanted if is_ordered else sorted(seen) == sorted(wanted)


def _columns(stats: Stats) -> dict[str, set[str]]:
    return {name: set(table.columns) for name, table in stats.tables.items() if table.columns}


def _is_widened(before: dict[str, set[str]], after: dict[str, set[str]]) -> bool:
    return any(name in before and before[name] < columns for name, columns in after.items())
