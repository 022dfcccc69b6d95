"""What the origin's catalogue says of what a write also changes: the rows that `reach` answers from.

One question to PostgreSQL, two to MariaDB and MySQL, two to SQLite, however many tables there are. None
opens a table's data; MariaDB's information_schema opens definitions, so that there only what is needed is
asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlmem.catalogue import reaching_mysql, reaching_postgresql, reaching_sqlite
from sqlmem.reach import Reach, everything

Ask = Callable[[str], Sequence[tuple[Any, ...]]]


def load_reach(ask: Ask, family: str) -> Reach:
    """Read the catalogue on the caller's connection.

    Args:
        ask: runs a query without parameters and gives all its rows.

    Raises:
        whatever `ask` raises: nothing is known then, and every write must be taken to reach everything.
    """
    match family:
        case "postgresql":
            return Reach(reaching_postgresql.rows(ask))
        case "mysql":
            return Reach(reaching_mysql.rows(ask))
        case "sqlite":
            return Reach(reaching_sqlite.rows(ask))
        case _:
            return everything("other")
