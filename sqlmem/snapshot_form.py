"""What a snapshot holds: a manifest at its path, and beside it a folder with an image per table.

The manifest's tables, in this order (the digest is looked for in the second page):

    sqlmem_digest     see `snapshot_file`
    sqlmem_snapshot   one row: whose it is
    sqlmem_tables     one row per table: its name for people, its image, its age, its definition
    sqlmem_definitions  of those that kept answers read and that aren't here themselves
    sqlmem_results    one row per kept answer: its statement and parameters, its tables, its rows

Rule: what is written and what is read are held against the same functions here.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlmem.codecs import OPAQUE, codec_for
from sqlmem.model import Column, Index, Kind, TableName, TableSchema
from sqlmem.store import Generation, StoredColumn
from sqlmem.stored import DATA, declaration, index_texts, table_text

# Of the file's form and of what its values mean: one more for every change of either, also of
# a codec's stored form.
VERSION = 10

DIGEST = "CREATE TABLE sqlmem_digest (digest TEXT)"
SNAPSHOT = (
    "CREATE TABLE sqlmem_snapshot (fingerprint TEXT, identity TEXT, dialect TEXT, driver TEXT,"
    " facts TEXT, written_at REAL)"
)
TABLES = (
    "CREATE TABLE sqlmem_tables (position INTEGER PRIMARY KEY, name TEXT, image TEXT, image_bytes INTEGER,"
    " image_sha256 TEXT, filled_at REAL, row_count INTEGER, definition TEXT)"
)
DEFINITIONS = "CREATE TABLE sqlmem_definitions (definition TEXT)"
RESULTS = (
    "CREATE TABLE sqlmem_results (position INTEGER PRIMARY KEY, read_at REAL, definition TEXT, answer TEXT)"
)
OWN_TABLES = {
    "sqlmem_digest": DIGEST,
    "sqlmem_snapshot": SNAPSHOT,
    "sqlmem_tables": TABLES,
    "sqlmem_definitions": DEFINITIONS,
    "sqlmem_results": RESULTS,
}
LONGEST_TEXT = 1 << 24  # of a definition or an answer; far above one with SQLite's 2000 columns
# The file's own VFS by name: beside a database in memory, memory would be the default.
FILE_VFS = "win32" if os.name == "nt" else "unix"

# Kinds whose codec depends on the values -> how the names of those codecs begin.
_BY_VALUE: dict[Kind, tuple[str, ...]] = {
    Kind.BYTES: ("bytes",),
    Kind.TIMESTAMPTZ: ("timestamptz:", "timestamptz-clamped:"),
    Kind.UUID: ("uuid",),
    Kind.JSON: ("json",),
}
_TYPEOF = {
    "INTEGER": ("integer",),
    "REAL": ("real",),
    "TEXT": ("text",),
    "BLOB": ("blob",),
    "": ("integer", "real", "text", "blob"),
}
_DECLARATIONS = frozenset(
    f"{affinity}{collation}"
    for affinity in ("TEXT", "NUMERIC", "INTEGER", "REAL", "BLOB")
    for collation in ("", " COLLATE NOCASE", " COLLATE RTRIM")
)


@dataclass(frozen=True, slots=True)
class Owner:
    """The origin that a snapshot is of.

    Attributes:
        fingerprint: what is compared.
        identity: what people read; has no secret in it.
    """

    fingerprint: str
    identity: str
    dialect: str
    driver: str | None


@dataclass(frozen=True, slots=True)
class Held:
    """A table of a snapshot.

    Attributes:
        spellings: how statements have written it, so that they are answered before the origin
            was ever connected to.
        tokens: of one that was loaded, what it was read under.
    """

    schema: TableSchema
    generation: Generation
    spellings: tuple[tuple[str | None, str], ...] = ()
    tokens: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnText:
    name: str
    stored_name: str
    declaration: str
    codec: str
    description: tuple[str | int | bool | None, ...]


@dataclass(frozen=True, slots=True)
class TableText:
    """What `sqlmem_tables.definition` says."""

    schema: TableSchema
    spellings: tuple[tuple[str | None, str], ...]
    columns: tuple[ColumnText, ...]
    indexes: tuple[Index, ...]
    key: str | None  # stored name of the INTEGER PRIMARY KEY
    tokens: tuple[tuple[str, str], ...] = ()  # name -> token that it was read under, see `dependencies`


@dataclass(frozen=True, slots=True)
class DefinitionText:
    """What `sqlmem_definitions.definition` says."""

    schema: TableSchema
    spellings: tuple[tuple[str | None, str], ...]


@dataclass(frozen=True, slots=True)
class ResultText:
    """What `sqlmem_results.definition` says. See `results.Kept` and `results.Key`."""

    statement: str
    has_parameters: bool
    parameters: str
    tables: tuple[TableName, ...]
    tokens: tuple[tuple[str, str], ...]
    description: tuple[tuple[str | int | bool | None, ...], ...]
    packed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HeldResult:
    """A kept answer of a snapshot.

    Attributes:
        read_at: monotonic seconds.
        rows: with the values of `text.packed` columns as `codecs.opaque` writes them.
    """

    text: ResultText
    read_at: float
    rows: Sequence[tuple[Any, ...]]


class Unusable(Exception):
    """One table can't be used on this machine; the others can."""


def printed_name(table: TableName) -> str:
    """A table's name as people read it in the manifest; SQLite's shell ends a text at NUL."""
    return str(table).replace("\0", "\ufffd")


def objects(definition: TableText) -> dict[str, tuple[str, str]]:
    """What SQLite's catalogue has of an image: name -> type and text.

    Raises:
        Unusable: an index over a column that the image doesn't have.
    """
    stored = {column.name: column.stored_name for column in definition.columns}
    try:
        names = [[stored[name] for name in index.columns] for index in definition.indexes]
    except KeyError:
        raise Unusable("it has an index on a column that isn't stored") from None
    table = table_text([(c.stored_name, c.declaration) for c in definition.columns], definition.key)
    indexes = index_texts(names, definition.key)
    return {DATA: ("table", table), **{name: ("index", text) for name, text in indexes.items()}}


def storage_classes(schema: TableSchema, stored: StoredColumn, driver: str | None) -> tuple[str, ...]:
    """The types that SQLite's typeof may say of the column's values, beside null.

    Raises:
        Unusable: the column's definition doesn't call for such a column in the store.
    """
    column = schema.by_name.get(stored.name)
    if column is None or column.refusal is not None or schema.refusal is not None:
        raise Unusable(f"column {stored.name} can't be cached")
    if stored.declaration != _declaration(column):
        raise Unusable(f"column {stored.name} isn't declared as its type calls for")
    if stored.codec == OPAQUE and column.kind is not Kind.DYNAMIC:
        # Any column's values may have called for it; it is then only projected. An affinity
        # would change its form, so a dynamic column never has it.
        return _TYPEOF[OPAQUE.storage]
    expected = codec_for(column, driver)
    if expected is not None:
        if stored.codec != expected:
            raise Unusable(f"column {stored.name} isn't held as its type calls for")
        return _TYPEOF[stored.codec.storage]
    if not stored.codec.name.startswith(_BY_VALUE.get(column.kind, ())):
        raise Unusable(f"column {stored.name} isn't held as its type calls for")
    return _TYPEOF[stored.codec.storage]


def _declaration(column: Column) -> str:
    declared = declaration(column)
    if column.kind is Kind.DYNAMIC and declared not in _DECLARATIONS:
        raise Unusable(f"column {column.name} has no affinity of SQLite's")
    return declared


def open_file(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
