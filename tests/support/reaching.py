"""What a statement really changes, by comparing all that an origin holds before and after.

Used by the tests of `sqlmem.effects` and `sqlmem.reach`: the origin itself is the judge of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from support.origins import Origin

from sqlmem.catalogue.reaching import load_reach
from sqlmem.effects import effect_of
from sqlmem.lexer import Family, Syntax
from sqlmem.reach import Name, Reach

SYNTAXES: Mapping[str, Syntax] = {
    "sqlite": Syntax("sqlite", False, True, "qmark", False),
    "postgresql": Syntax("postgresql", False, True, "pyformat", False),
    "mysql": Syntax("mysql", True, False, "pyformat", False),
}
FAMILIES: Mapping[str, Family] = {"sqlite": "sqlite", "postgresql": "postgresql", "mariadb": "mysql"}

# What has rows of its own, so that they can be seen to change.
_TABLES = {
    "sqlite": "SELECT 'main', name FROM sqlite_master "
    "WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'",
    "postgresql": "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p', 'm') "
    "AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')",
    "mysql": "SELECT table_schema, table_name FROM information_schema.tables "
    "WHERE table_schema = database() AND table_type = 'BASE TABLE'",
}
_QUOTES = {"sqlite": '"', "postgresql": '"', "mysql": "`"}


@dataclass(frozen=True)
class Change:
    """What a statement was said to change, and what it did.

    Attributes:
        said: None: everything.
        seen: the tables whose rows were others afterwards.
        error: what the origin said instead of running it.
    """

    said: frozenset[Name] | None
    seen: frozenset[Name]
    error: str | None

    @property
    def is_told(self) -> bool:
        """Whether all that changed had been said to."""
        return self.said is None or self.seen <= self.said


class Judge:
    """One origin, whose statements are tried and taken back."""

    def __init__(self, origin: Origin, connection: Connection) -> None:
        self.connection = connection
        self.family = FAMILIES[origin.family]

    def reach(self) -> Reach:
        return load_reach(self.ask, self.family)

    def ask(self, sql: str) -> Sequence[tuple[Any, ...]]:
        result = self.connection.exec_driver_sql(sql)
        return [tuple(row) for row in result] if result.returns_rows else []

    def try_out(self, statement: str, reach: Reach) -> Change:
        """Run a statement, look at all tables, and roll it back as far as that goes."""
        effect = effect_of(statement, SYNTAXES[self.family])
        said = reach.of(effect, statement)
        if said is not None and self.family == "mysql":
            # An unqualified name means the tables of other tests' databases, too.
            own = self.connection.exec_driver_sql("SELECT database()").scalar()
            said = frozenset(name for name in said if name[0] == own)
        before = self._contents()
        error = None
        self.connection.rollback()
        try:
            result = self.connection.exec_driver_sql(statement)
            if result.returns_rows:
                result.all()
        except DBAPIError as raised:
            error = str(raised.orig)
            self.connection.rollback()
        after = self._contents()
        self.connection.rollback()
        seen = frozenset(name for name in before | after if before.get(name) != after.get(name))
        return Change(said, seen, error)

    def _contents(self) -> dict[Name, list[str]]:
        quote = _QUOTES[self.family]
        found: dict[Name, list[str]] = {}
        for schema, name in self.ask(_TABLES[self.family]):
            rows = self.ask(f"SELECT * FROM {quote}{schema}{quote}.{quote}{name}{quote}")
            found[str(schema), str(name)] = sorted(map(repr, rows))
        return found


def names(change: Change) -> set[str] | None:
    """The names that were said, without schemas; None for everything."""
    return None if change.said is None else {name for _, name in change.said}
