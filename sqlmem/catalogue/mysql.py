"""The information_schema of MariaDB and MySQL: exact types, collations, what a view reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sqlmem.catalogue.base import Spelling, UnknownTable, inspected
from sqlmem.catalogue.generated import changing
from sqlmem.catalogue.views import view as view_of
from sqlmem.catalogue.views import why_completed
from sqlmem.model import CHANGES_BY_ITSELF, Collation, Column, Kind, TableName, TableSchema

_MYSQL_TABLE = sa.text(
    "SELECT t.table_schema, t.table_name, t.table_type, @@lower_case_table_names"
    " FROM information_schema.tables t"
    " WHERE t.table_schema = COALESCE(:schema, DATABASE()) AND t.table_name = :name"
)
_MYSQL_COLUMNS = sa.text(
    "SELECT c.column_name, c.data_type, c.column_type, c.collation_name, c.numeric_precision,"
    " c.numeric_scale, c.extra, c.generation_expression"
    " FROM information_schema.columns c WHERE c.table_schema = :schema AND c.table_name = :name"
)
_MYSQL_VIEW = sa.text(
    "SELECT v.view_definition FROM information_schema.views v"
    " WHERE v.table_schema = :schema AND v.table_name = :name"
)


def reflect(connection: Connection, spelling: Spelling) -> TableSchema:
    row = _table(connection, spelling)
    if row is None:
        raise UnknownTable(spelling)
    schema, name, kind = row
    full = TableName(schema, name)
    is_view = kind.endswith("VIEW")
    reflected, indexes = inspected(connection, full, is_view=is_view)
    told = {str(item[0]): item for item in _told_of(connection, full)}
    unsteady = _changing(connection, told)
    columns = tuple(
        replace(
            _mysql_column(key, told.get(key)),
            is_hidden=_is_invisible(told.get(key)),
            refusal=CHANGES_BY_ITSELF if key in unsteady else None,
        )
        for key in reflected
    )
    if kind not in ("BASE TABLE", "VIEW"):
        return TableSchema(full, columns, indexes, is_view, None, f"it is a {kind.lower()}")
    depends_on: frozenset[TableName] | None = frozenset()
    refusal = None
    if is_view:
        depends_on, refusal = _mysql_view(connection, full, depth=0)
    return TableSchema(full, columns, indexes, is_view, depends_on, refusal)


def _told_of(connection: Connection, table: TableName) -> Sequence[Any]:
    return connection.execute(_MYSQL_COLUMNS, {"schema": table.schema, "name": table.name}).all()


def _changing(connection: Connection, told: Mapping[str, Any]) -> frozenset[str]:
    """The columns that are computed when they are read, and not always to the same."""
    dialect: Any = connection.dialect
    expressions = {
        name: str(item[7])
        for name, item in told.items()
        if item[7] and "VIRTUAL" in str(item[6]).upper() and dialect.is_mariadb
    }
    if not expressions:
        return frozenset()
    return changing(expressions, _times(told))


def _times(told: Mapping[str, Any]) -> list[str]:
    """The names in lower case of the columns of type TIME."""
    return [name.lower() for name, item in told.items() if str(item[1]).lower() == "time"]


def _table(connection: Connection, spelling: Spelling) -> tuple[str, str, str] | None:
    """Schema, name and type of the table that a spelling means; None if there is none."""
    rows = connection.execute(_MYSQL_TABLE, {"schema": spelling[0], "name": spelling[1]}).all()
    for schema, name, kind, lower_case in rows:
        # The catalogue compares names without case, statements only if the server is set up so.
        if str(name) == spelling[1] or lower_case:
            return str(schema), str(name), str(kind)
    return None


def _mysql_view(
    connection: Connection, view: TableName, *, depth: int
) -> tuple[frozenset[TableName] | None, str | None]:
    definition = connection.execute(_MYSQL_VIEW, {"schema": view.schema, "name": view.name}).scalar()
    if not definition or depth > 20:
        return None, "what it reads isn't told to this user"
    tree, tables, refusal = view_of(str(definition), "mysql")
    found: set[TableName] = set()
    times: set[str] = set()
    for schema, name in tables:
        row = _table(connection, (schema or view.schema, name))
        if row is None:
            return None, refusal or "it reads a table that isn't known"
        other = TableName(row[0], row[1])
        found.add(other)
        if row[2] == "SEQUENCE":
            refusal = refusal or f"it reads {other}, a sequence, whose row changes without a write"
        told = {str(item[0]): item for item in _told_of(connection, other)}
        if unsteady := _changing(connection, told):
            refusal = refusal or f"{min(unsteady)} of {other}: {CHANGES_BY_ITSELF}"
        times.update(_times(told))
        if row[2].endswith("VIEW"):
            deeper, deeper_refusal = _mysql_view(connection, other, depth=depth + 1)
            refusal = refusal or deeper_refusal
            if deeper is None:
                return None, refusal
            found |= deeper
    if tree is not None:
        refusal = refusal or why_completed(tree, times)
    return frozenset(found), refusal


_MYSQL_INTEGERS = {
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "mediumint": "MEDIUMINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
}
# What the names of collations begin with that are of Unicode's character sets.
_OF_UNICODE = ("utf8", "ucs2", "utf16", "utf32", "uca1400")
# Without PAD SPACE; under the other binary collations 'a' = 'a '.
# Each character has one weight of two bytes, whatever stands beside it; blanks at the end don't count.
_MYSQL_FOLDED = frozenset({"utf8mb4_general_ci", "utf8mb3_general_ci", "utf8_general_ci"})
_MYSQL_BINARY = ("_nopad_bin", "utf8mb4_0900_bin")


# The catalogue's data type -> kind, and whether the origin compares it as the store would.
# What isn't here is opaque: kept, never compared.
_KINDS: dict[str, tuple[Kind, bool]] = {
    **dict.fromkeys(("enum", "set", "json", "uuid", "inet6", "inet4"), (Kind.TEXT, False)),
    **dict.fromkeys(("varbinary", "blob", "tinyblob", "mediumblob", "longblob"), (Kind.BYTES, True)),
    **dict.fromkeys(("binary", "bit"), (Kind.BYTES, False)),
    "date": (Kind.DATE, True),
    "datetime": (Kind.TIMESTAMP, True),
    # Compared in the session's time zone, where an hour of the year comes twice.
    "timestamp": (Kind.TIMESTAMP, False),
    "time": (Kind.INTERVAL, True),
    "year": (Kind.INTEGER, False),
}
_TEXTS = frozenset({"varchar", "char", "text", "tinytext", "mediumtext", "longtext"})


def _is_invisible(told: Any) -> bool:
    return told is not None and "INVISIBLE" in str(told[6]).upper().split(", ")


def _encoding(collation: str) -> str | None:
    """What a text can surely be written in that stands beside such a column; None: any can."""
    if collation.startswith(_OF_UNICODE):
        return None
    # Their latin1 is Windows' (MySQL's manual, "West European Character Sets").
    return "cp1252" if collation.startswith("latin1_") else "ascii"


def _mysql_column(name: str, told: Any) -> Column:
    if told is None:
        return Column(name, Kind.OPAQUE, "unknown")
    _, data_type, column_type, collation_name, precision, scale, *_ = told
    data, words = str(data_type).lower(), str(column_type).lower()
    if data in _MYSQL_INTEGERS and "zerofill" not in words:
        if data == "bigint" and "unsigned" in words:
            return Column(name, Kind.UNSIGNED, "BIGINT UNSIGNED")
        # Beside one with a sign, one without makes a type of its own.
        sign = " UNSIGNED" if "unsigned" in words else ""
        return Column(name, Kind.INTEGER, f"{_MYSQL_INTEGERS[data]}{sign}")
    if data == "decimal":
        return Column(name, Kind.NUMERIC, words, precision=int(precision), scale=int(scale))
    if data == "double" and "(" not in words:
        return Column(name, Kind.FLOAT, words)
    if data in _TEXTS:
        binary = str(collation_name).endswith(_MYSQL_BINARY) and str(collation_name).startswith("utf8")
        folded = str(collation_name) in _MYSQL_FOLDED
        known = Collation.BINARY if binary else Collation.FOLDED if folded else Collation.UNKNOWN
        return Column(name, Kind.TEXT, words, collation=known, encoding=_encoding(str(collation_name)))
    kind, is_compared = _KINDS.get(data, (Kind.OPAQUE, True))
    return Column(name, kind, words, is_compared=is_compared)
