"""What the families' reflectors have in common."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from sqlmem.dialects import BY_FAMILY
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


def view_reads(definition: str, family: str) -> tuple[list[Spelling], str | None]:
    """The tables named in a view's definition, and why its rows may change without them."""
    semantics = BY_FAMILY[family]
    try:
        tree = parse_one(definition, read=semantics.sqlglot)
    except (SqlglotError, RecursionError):
        return [], "its definition can't be parsed"
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    tables = [
        (table.db or None, table.name)
        for table in tree.find_all(exp.Table)
        if table.name and (table.db or table.name.lower() not in ctes)
    ]
    for function in tree.find_all(exp.Func):
        name = function.name if isinstance(function, exp.Anonymous) else function.key
        if name.lower().replace("_", "") not in {pure.replace("_", "") for pure in semantics.pure_functions}:
            return tables, f"it calls {name.lower()}, whose result may change between reads"
    if tree.find(exp.SessionParameter, exp.Parameter) is not None:
        return tables, "it reads a variable of the session"
    return tables, None
