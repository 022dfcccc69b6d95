"""An origin that nobody has described: what SQLAlchemy's inspector tells, by its generic types."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import types
from sqlalchemy.engine import Connection

from sqlmem.catalogue.base import Spelling, inspected
from sqlmem.model import Column, Kind, TableName, TableSchema


def _common_kind(type_: Any) -> Kind:
    """A kind by SQLAlchemy's generic types, for an origin that nobody has described."""
    if isinstance(type_, types.Boolean | types.Enum):
        return Kind.OPAQUE
    return Kind.INTEGER if isinstance(type_, types.Integer) else Kind.OPAQUE


def reflect(connection: Connection, spelling: Spelling) -> TableSchema:
    schema, name = spelling
    inspector = sa.inspect(connection)
    is_view = name in inspector.get_view_names(schema=schema)
    table = TableName(schema, name)
    reflected, indexes = inspected(connection, table, is_view=is_view)
    columns = tuple(
        Column(key, _common_kind(found["type"]), str(found["type"].__class__.__name__))
        for key, found in reflected.items()
    )
    return TableSchema(
        table,
        columns,
        indexes,
        is_view=is_view,
        depends_on=None if is_view else frozenset(),
        refusal="it is a view, of which it isn't known what it reads" if is_view else None,
    )
