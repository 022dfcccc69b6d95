"""What the origin's catalogue says of a table: its kinds, collations, keys, and what it depends on.

Columns, types, keys and indexes come from SQLAlchemy's inspector. Its answers are completed,
per family, by what it doesn't tell and an exact answer depends on: which table a name
means, how text compares, row-level security, what a view reads.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.engine import Connection
from sqlalchemy.exc import NoSuchTableError

from sqlmem.catalogue.base import Spelling, UnknownTable
from sqlmem.catalogue.computed import described, foreign_functions, not_immutable
from sqlmem.catalogue.statistics import Estimate, estimate, facts, with_what_was_made
from sqlmem.model import TableSchema

Reflect = Callable[[Connection, Spelling], TableSchema]


def _reflector(family: str) -> Reflect:
    # Imported when it is needed: SQLAlchemy's PostgreSQL dialects take a tenth of the whole import's time.
    match family:
        case "sqlite":
            from sqlmem.catalogue.sqlite import reflect as found
        case "postgresql":
            from sqlmem.catalogue.postgresql import reflect as found
        case "mysql":
            from sqlmem.catalogue.mysql import reflect as found
        case _:
            from sqlmem.catalogue.common import reflect as found
    return found


def reflect(connection: Connection, family: str, spelling: Spelling) -> TableSchema:
    """The definition of the table that a statement means by this spelling.

    Raises:
        UnknownTable: there is none.
        sqlalchemy.exc.SQLAlchemyError: as the origin raises it.
    """
    try:
        return _reflector(family)(connection, spelling)
    except NoSuchTableError:
        raise UnknownTable(spelling) from None


__all__ = [
    "Estimate",
    "Spelling",
    "UnknownTable",
    "described",
    "estimate",
    "facts",
    "foreign_functions",
    "not_immutable",
    "reflect",
    "with_what_was_made",
]
