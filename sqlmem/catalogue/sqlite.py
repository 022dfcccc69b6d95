"""SQLite's own tables: affinities, collations, what a view reads, what is temporary."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlalchemy.engine import Connection
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from sqlmem.catalogue.base import Spelling, UnknownTable, inspected
from sqlmem.catalogue.views import view as view_of
from sqlmem.model import Collation, Column, Kind, TableName, TableSchema

_DEFINITION = (
    "SELECT type, name, sql FROM {}.sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE"
)


def reflect(connection: Connection, spelling: Spelling) -> TableSchema:
    schema = spelling[0] or "main"
    quoted = '"' + schema.replace('"', '""') + '"'
    if spelling[0] is None:
        temporary = connection.exec_driver_sql(
            "SELECT 1 FROM sqlite_temp_master WHERE name = ? COLLATE NOCASE", (spelling[1].lower(),)
        ).first()
        if temporary is not None:
            name = TableName("temp", spelling[1])
            return TableSchema(
                name, (), refusal="it is temporary, and another session's may have the same name"
            )
    databases = {str(row[1]).lower() for row in connection.exec_driver_sql("PRAGMA database_list")}
    if schema.lower() not in databases:
        raise UnknownTable(spelling)
    rows = connection.exec_driver_sql(
        _DEFINITION.format(quoted),
        (spelling[1].lower(),),
    ).all()
    if not rows:
        # Unqualified, it may be one of an attached database.
        raise UnknownTable(spelling)
    kind, name, sql = rows[0]
    full = TableName(schema.lower(), str(name))
    is_view = kind == "view"
    reflected, indexes = inspected(connection, full, is_view=is_view)
    declared = _sqlite_declared(connection, quoted, full.name)
    collations = _sqlite_collations(str(sql))
    columns = tuple(
        Column(
            key,
            Kind.DYNAMIC,
            declared.get(key, ""),
            affinity=_sqlite_affinity(declared.get(key, "")),
            collation=collations.get(key.lower(), Collation.BINARY)
            if collations is not None
            else Collation.UNKNOWN,
            # A view's columns have the affinity and collation of what they are made of.
            is_compared=not is_view,
        )
        for key in reflected
    )
    refusal = "it is a virtual table" if _is_virtual(sql) else None
    depends_on: frozenset[TableName] | None = frozenset()
    if is_view:
        depends_on, refusal = _sqlite_view(connection, quoted, str(sql), full, depth=0)
    # Only a key that is the table's row id can hold nothing but integers, each once. All others have an
    # index of their own, also INTEGER PRIMARY KEY DESC, and hold any number of NULLs.
    has_key_index = _has_key_index(connection, quoted, full.name)
    if has_key_index:
        indexes = tuple(replace(index, is_primary_key=False) for index in indexes)
    if connection.exec_driver_sql("PRAGMA encoding").scalar() != "UTF-8":
        refusal = refusal or "its database isn't in UTF-8, whose texts order otherwise"
    return TableSchema(
        full,
        columns,
        indexes,
        is_view,
        depends_on,
        refusal,
    )


def _is_virtual(sql: object) -> bool:
    return str(sql).lstrip().upper().startswith("CREATE VIRTUAL")


def _has_key_index(connection: Connection, schema: str, table: str) -> bool:
    """Whether the primary key has an index of its own."""
    rows = connection.exec_driver_sql(f"PRAGMA {schema}.index_list({_quoted(table)})").all()
    return any(origin == "pk" for _, _, _, origin, *_ in rows)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sqlite_declared(connection: Connection, schema: str, table: str) -> dict[str, str]:
    name = '"' + table.replace('"', '""') + '"'
    return {
        str(row[1]): str(row[2] or "")
        for row in connection.exec_driver_sql(f"PRAGMA {schema}.table_xinfo({name})")
    }


def _sqlite_affinity(declared: str) -> str:
    """The five rules of section 3.1 of https://sqlite.org/datatype3.html, in their order."""
    words = declared.upper()
    if "INT" in words:
        return "INTEGER"
    if any(part in words for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in words or not words:
        return "BLOB"
    if any(part in words for part in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def _sqlite_collations(sql: str) -> dict[str, Collation] | None:
    """The columns that declare a collation; None if the definition can't be read."""
    if "collate" not in sql.lower():
        return {}
    try:
        tree = parse_one(sql, read="sqlite")
    except (SqlglotError, RecursionError):
        return None
    found: dict[str, Collation] = {}
    for column in tree.find_all(exp.ColumnDef):
        for constraint in column.find_all(exp.CollateColumnConstraint):
            name = str(
                constraint.this.name if isinstance(constraint.this, exp.Expr) else constraint.this
            ).upper()
            found[column.name.lower()] = _SQLITE_COLLATIONS.get(name, Collation.UNKNOWN)
    # Somewhere it says COLLATE, and it wasn't seen.
    return found or None


_SQLITE_COLLATIONS = {"BINARY": Collation.BINARY, "NOCASE": Collation.NOCASE, "RTRIM": Collation.RTRIM}


def _sqlite_view(
    connection: Connection, schema: str, sql: str, view: TableName, *, depth: int
) -> tuple[frozenset[TableName] | None, str | None]:
    match = re.match(r"(?is)\s*create\s+(?:temp\w*\s+)?view\b.*?\bas\b(.*)", sql)
    if match is None or depth > 20:
        return None, "its definition can't be parsed"
    _, tables, refusal = view_of(match[1], "sqlite")
    found: set[TableName] = set()
    for _, name in tables:
        row = connection.exec_driver_sql(
            _DEFINITION.format(schema),
            (name.lower(),),
        ).first()
        if row is None:
            return None, refusal or "it reads a table that isn't known"
        other = TableName(view.schema, str(row[1]))
        found.add(other)
        if _is_virtual(row[2]):
            # Its module may give out another table's rows, or those of a file.
            refusal = refusal or "it reads a virtual table"
        if row[0] == "view":
            deeper, deeper_refusal = _sqlite_view(connection, schema, str(row[2]), other, depth=depth + 1)
            refusal = refusal or deeper_refusal
            if deeper is None:
                return None, refusal
            found |= deeper
    return (frozenset(found) if tables else None), refusal
