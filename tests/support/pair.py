"""A bare and a caching engine on one origin, asked the same statements: names, type codes, rows, or errors.

Rows are compared in order where the statement orders them, values with their types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status

ROWS = (
    "(1, 1, 10.00, 100, 'a', 'a', 1.5, '2024-01-01', '2024-01-01 10:00:00', 1.000, true)",
    "(2, 1, 10.50, -100, 'B', 'A', -2.25, '2024-01-02', '2024-01-02 10:00:00.5', -1.000, false)",
    "(3, 2, NULL, 9223372036854775807, '', 'b', 0, NULL, NULL, 1234567890123456789.123, NULL)",
    "(4, 2, -3.00, 0, NULL, NULL, NULL, '2023-12-31', '2024-01-01 10:00:00', NULL, true)",
    "(5, NULL, 10.00, -9223372036854775807, 'a', 'é', 1e300, '2024-01-01', '1999-12-31 23:59:59', 0, false)",
    "(6, NULL, 0.00, 5, ' a', 'é ', 7.125, '2024-01-01', '2024-01-01 10:00:00', 0.000, true)",
    "(7, 3, 0.01, NULL, 'ab', 'zz', -7.125, '2024-02-29', '2024-02-29 10:00:00', 7.500, true)",
)
# Names that are told apart without regard to case, tags that aren't.
PEOPLE = (
    "(1, NULL, 'Zoe', 10.50, 'b')",
    "(2, 1, 'adam', 3.00, 'A')",
    "(3, 1, 'Bob', 4.25, 'a')",
    "(4, 2, 'carl', 1.00, 'b')",
    "(5, 2, 'Dan', 9.99, NULL)",
    "(6, 4, 'eve', 2.00, 'c')",
    "(7, NULL, 'Éva', 2.00, 'c')",
)
OTHERS = (
    "(1, 1, 1, 10.00, 'a')",
    "(2, 1, 2, 10.50, 'b')",
    "(3, 2, 1, NULL, NULL)",
    "(4, NULL, NULL, 3.00, 'a')",
    "(5, 9, 5, 10.00, 'x')",
    "(6, 1, 2, 10.50, 'b')",
)
_TYPES = {
    "postgresql": ('VARCHAR(20) COLLATE "C"', "DOUBLE PRECISION", "TIMESTAMP"),
    "mariadb": ("VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", "DOUBLE", "DATETIME(6)"),
    "sqlite": ("VARCHAR(20)", "REAL", "DATETIME"),
}

Answer = tuple[Any, ...]


class Pair:
    """A bare and a caching engine on one origin."""

    def __init__(self, origin: Origin) -> None:
        self.family = origin.family
        text, double, moment = _TYPES[origin.family]
        origin.execute(
            f"CREATE TABLE t (id INTEGER PRIMARY KEY, g INTEGER, n NUMERIC(10,2), big BIGINT, s {text}, "
            f"tx VARCHAR(20), f {double}, d DATE, ts {moment}, w NUMERIC(25,3), b BOOLEAN)",
            f"INSERT INTO t VALUES {', '.join(ROWS)}",
            f"CREATE TABLE u (id INTEGER PRIMARY KEY, t_id INTEGER, k SMALLINT, n NUMERIC(10,2), s {text})",
            f"INSERT INTO u VALUES {', '.join(OTHERS)}",
            "CREATE TABLE e (id INTEGER PRIMARY KEY, x INTEGER)",
            "CREATE TABLE p (id INTEGER PRIMARY KEY, boss INTEGER, name VARCHAR(20), pay NUMERIC(10,2), "
            "tag VARCHAR(10))",
            f"INSERT INTO p VALUES {', '.join(PEOPLE)}",
        )
        self.bare = origin.engine()
        self.engine = CachingEngine(origin.engine(), cache_db="")
        self.outcomes: dict[str, Outcome | None] = {}

    def check(self, statements: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Ask each line of both; fail with all that differ. A backslash joins two lines."""
        wrong = []
        joined = statements.replace("\\\n", " ")
        for statement in filter(None, map(str.strip, joined.splitlines())):
            expected = given = _asked(self.bare, statement, parameters)
            for _ in ("cold", "warm"):
                given = _asked(self.engine, statement, parameters)
                if not same(expected, given):
                    wrong.append(f"{statement}\n  bare {expected}\n  here {given}")
            status = last_status()
            self.outcomes[statement] = status.outcome if given[0] == "rows" and status is not None else None
        assert not wrong, "\n".join(wrong)

    def check_local(self, statements: str, parameters: Mapping[str, Any] | None = None) -> None:
        """As `check`, and the store answers all of them."""
        before = set(self.outcomes)
        self.check(statements, parameters)
        asked = {
            statement: outcome
            for statement, outcome in self.outcomes.items()
            if statement not in before and outcome is not Outcome.HIT
        }
        assert not asked, "\n".join(f"{outcome}: {statement}" for statement, outcome in asked.items())

    def expect_hits(self, share: float) -> None:
        """At least so much of what the origin answers came from the store."""
        answered = [outcome for outcome in self.outcomes.values() if outcome is not None]
        asked = [statement for statement, outcome in self.outcomes.items() if outcome is Outcome.BYPASS]
        assert answered.count(Outcome.HIT) >= share * len(answered), "\n".join(asked)


def _asked(engine: sa.Engine, statement: str, parameters: Mapping[str, Any] | None) -> Answer:
    try:
        with engine.connect() as connection:
            result = connection.execute(sa.text(statement), dict(parameters or {}))
            codes = [column[1] for column in result.cursor.description]
            rows = [tuple(row) for row in result]
    except DBAPIError as error:
        return "error", type(error).__name__, type(error.orig).__name__
    if not _is_ordered(statement):
        rows.sort(key=repr)
    return "rows", list(result.keys()), codes, rows


def _is_ordered(statement: str) -> bool:
    bare = re.sub(r"'[^']*'", "", statement)
    while (inner := re.sub(r"\([^()]*\)", "", bare)) != bare:
        bare = inner
    return "ORDER BY" in bare
