"""What the families' reflectors have in common."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sqlmem.model import Index, TableName

Spelling = tuple[str | None, str]


class UnknownTable(Exception):
    """The origin has no such table or view; the statement is its own to refuse."""


def inspected(
    connection: Connection, name: TableName, *, is_view: bool
) -> tuple[dict[str, Any], tuple[Index, ...]]:
    inspector = sa.inspect(connection)
    reflected = {column["name"]: column for column in inspector.get_columns(name.name, schema=name.schema)}
    indexes: dict[tuple[str, ...], Index] = {}
    if not is_view:
        key = inspector.get_pk_constraint(name.name, schema=name.schema)
        if key["constrained_columns"]:
            columns = tuple(key["constrained_columns"])
            indexes[columns] = Index(columns, is_primary_key=True, is_unique=True)
        for found in inspector.get_indexes(name.name, schema=name.schema):
            names = found["column_names"]
            if not names or any(column is None or column not in reflected for column in names):
                continue  # over an expression: nothing to mirror
            columns = tuple(column for column in names if column is not None)
            indexes.setdefault(columns, Index(columns, is_unique=bool(found["unique"])))
    return reflected, tuple(indexes.values())
