"""Which table a caller means by a name, a `Table` or a mapped class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from sqlmem.model import TableName
from sqlmem.pending import matcher_of

_NO_FILES: Mapping[str, str] = MappingProxyType({})


def spelling_of(table: Any) -> tuple[str | None, str]:
    """(schema or None, name) of a name, a Table or a mapped class.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(table, TableName):
        return table.schema, table.name
    if isinstance(table, str):
        schema, dot, name = table.rpartition(".")
        return (_unquoted(schema), _unquoted(name)) if dot else (None, _unquoted(table))
    found = (
        table
        if isinstance(table, sa.Table)
        else getattr(sa.inspect(table, raiseerr=False), "local_table", None)
    )
    if not isinstance(found, sa.Table):
        raise TypeError(f"table must be a name, a Table or a mapped class, got {type(table).__name__}")
    # SQLAlchemy's names are a class of their own, which isn't kept in a file.
    return None if found.schema is None else str(found.schema), str(found.name)


def spellings_of(table: Any) -> list[tuple[str | None, str]]:
    """All tables that a caller means: a class that inherits is stored in several."""
    mapper = sa.inspect(table, raiseerr=False) if isinstance(table, type) else None
    mapped = getattr(mapper, "tables", None)
    spellings = [spelling_of(item) for item in mapped] if mapped else [spelling_of(table)]
    if isinstance(table, str):
        # A name may have a dot of its own.
        spellings.append((None, _unquoted(table)))
    return spellings


def matcher(table: Any, files: Mapping[str, str] = _NO_FILES) -> Callable[[TableName], bool]:
    """Which tables `invalidate` means. In doubt more of them: case isn't regarded.

    Args:
        files: SQLite's, see `Origin.files`: by whichever name of its database a table is meant.
    """
    spelled = frozenset(spellings_of(table))
    if files:
        spelled |= {
            (other, name)
            for schema, name in spelled
            if schema is not None and schema.lower() in files
            for other, file in files.items()
            if file == files[schema.lower()]
        }
    matches = matcher_of(spelled)
    assert matches is not None
    return matches


def _unquoted(name: str) -> str:
    if len(name) > 1 and name[0] == name[-1] and name[0] in '"`':
        return name[1:-1].replace(name[0] * 2, name[0])
    return name
