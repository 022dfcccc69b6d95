"""Which tables and productions an origin gets, by its dialect."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sqlmem.errors import SqlmemError
from sqlmem.testing import mysql, postgresql, sqlite
from sqlmem.testing.productions import Productions
from sqlmem.testing.tables import Table, filled


class UnknownOrigin(SqlmemError):
    """There are no tables and no grammar for this dialect."""


@dataclass(frozen=True, slots=True)
class Family:
    """What a run at one origin is made of.

    Attributes:
        setting_up: statements for the connection that makes the tables.
        foreign: what other origins' expressions are made of.
    """

    name: str
    tables: tuple[Table, ...]
    productions: Productions
    setting_up: tuple[str, ...] = ()
    foreign: tuple[Productions, ...] = ()


_MODULES = {"postgresql": postgresql, "mysql": mysql, "mariadb": mysql, "sqlite": sqlite}


def family_of(dialect: str, rng: random.Random, rows: int) -> Family:
    """The family of an origin, its tables filled by chance with so many rows.

    Raises:
        UnknownOrigin: neither SQLite, PostgreSQL, MariaDB nor MySQL.
    """
    module = _MODULES.get(dialect)
    if module is None:
        raise UnknownOrigin(f"the harness knows sqlite, postgresql, mysql and mariadb, got {dialect!r}")
    tables = tuple(filled(table, rng, rows) for table in module.tables())
    name = "mysql" if module is mysql else dialect
    # Zero dates are values that a table may have got under another sql_mode.
    setting_up = ("SET SESSION sql_mode = 'ALLOW_INVALID_DATES,NO_ZERO_IN_DATE'",) if module is mysql else ()
    others = [each for each in (sqlite, postgresql, mysql) if each is not module]
    foreign = tuple(each.productions() for each in others)
    return Family(name, tables, module.productions(), setting_up, foreign)
