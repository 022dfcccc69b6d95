"""A generation while it is written: rows from the origin, then indexes, then sealed.

Rule: nobody else sees it before `seal`; what isn't sealed is abandoned, and its memory goes.
"""

from __future__ import annotations

import itertools
import math
import os
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmem.errors import StoreError
from sqlmem.model import Index, TableName
from sqlmem.store import Generation, Store, StoredColumn, next_moment, open_database
from sqlmem.stored import DATA, index_texts, quoted, table_text

_serials = itertools.count(1)
# Rows that one INSERT appends: it costs less than so many, and SQLite lets other threads into the interpreter
# at each of them, who may let us wait for milliseconds, and then have to wait themselves.
_GROUPS = (2_048, 1_024, 512, 64, 8, 1)
_SAMPLE = 100  # rows whose size stands for that of all
_MOST_VALUES = 16_000  # of one INSERT: to prepare more takes milliseconds
_NULL = math.nan  # SQLite keeps NULL for it


def bound(values: Sequence[Any]) -> list[Any]:
    """Encoded values as they cost least to bind.

    SQLite's driver looks for an adapter of whatever isn't exactly an int, a float, a str or a bytearray, and
    that takes longer than all else.
    """
    return [
        _NULL if value is None else bytearray(value) if type(value) is bytes else value for value in values
    ]


def new_database() -> tuple[int, str, sqlite3.Connection]:
    """An empty database in memory: its serial, its URI and a connection to write it by."""
    serial = next(_serials)
    # The VFS shares a database between connections only if its name begins with a slash.
    uri = f"file:/sqlmem-{os.getpid()}-{serial}?vfs=memdb"
    connection = open_database(uri)
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    return serial, uri, connection


def kept_open(store: Store, serial: int, uri: str, writer: sqlite3.Connection) -> sqlite3.Connection:
    """What keeps a database that is written; its writer is closed. Within `Store.activity`.

    Another connection is to keep it: the writer's page cache and prepared statements, which nobody
    needs any more, are megabytes.
    """
    anchor = open_database(uri)
    anchor.execute("PRAGMA query_only=1")
    writer.close()
    store.keep(serial, anchor)
    return anchor


class Writer:
    """Fills a generation aside; nobody else sees it before `seal`. For one thread."""

    def __init__(
        self, store: Store, table: TableName, columns: Sequence[tuple[str, str]], key: str | None
    ) -> None:
        """Begin an empty database.

        Args:
            columns: stored name and declaration, in the order of the rows to come.
            key: the stored column that is the table's INTEGER PRIMARY KEY, so that it is the
                row id and needs no index; None for none.
        """
        self._store = store
        self._key = key
        self._width = len(columns)
        self.table = table
        self.serial, self.uri, self._connection = new_database()
        self.rows = 0
        most_values = min(_MOST_VALUES, self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))
        execute = self._connection.execute
        self._page_bytes = int(execute("PRAGMA page_size").fetchone()[0])
        execute(table_text(columns, key))
        self._inserts = [
            (group, f"INSERT INTO {DATA} VALUES {', '.join([f'({marks})'] * group)}")
            for marks in (", ".join("?" * len(columns)),)
            for group in _GROUPS
            if group == 1 or group * len(columns) <= most_values
        ]
        execute("BEGIN")

    def insert(self, values: Sequence[Any]) -> None:
        """Append encoded rows.

        Args:
            values: of all of them, row after row, as `bound` has them or None and bytes as they are.

        Raises:
            StoreError: no space left in this generation.
            OverflowError, sqlite3.Error: a value that SQLite has no place for.
        """
        width = self._width
        with self._store.activity():
            execute = self._connection.execute
            start = 0
            try:
                for group, statement in self._inserts:
                    size = width * group
                    while start + size <= len(values):
                        execute(statement, values[start : start + size])
                        start += size
            except sqlite3.OperationalError as error:
                if "full" in str(error):
                    raise StoreError(
                        f"{self.table} is larger than one in-memory database may be (1 GiB)"
                    ) from None
                raise
        self.rows += len(values) // width

    def recode(self, stored_name: str, convert: Any) -> None:
        """Replace the stored values of a column by `convert(value)`; NULLs stay."""
        with self._store.activity():
            self._connection.create_function("sqlmem_recode", 1, convert, deterministic=True)
            column = quoted(stored_name)
            self._connection.execute(
                f"UPDATE {DATA} SET {column} = sqlmem_recode({column}) WHERE {column} IS NOT NULL"
            )

    @property
    def bytes(self) -> int:
        with self._store.activity():
            pages = self._connection.execute("PRAGMA page_count").fetchone()[0]
        return int(pages) * self._page_bytes

    def seal(
        self,
        columns: Mapping[str, StoredColumn],
        indexes: Sequence[Index],
        read_at: float,
        moment: int | None = None,
    ) -> Generation:
        """End the writing; the result can be published.

        Args:
            moment: of a fill together with others; None for one of its own.
            indexes: those to mirror; one whose columns are not all stored is left out.
        """
        mirrored = tuple(index for index in indexes if all(name in columns for name in index.columns))
        with self._store.activity():
            execute = self._connection.execute
            stored = [[columns[name].stored_name for name in index.columns] for index in mirrored]
            texts = index_texts(stored, self._key)
            for number in self._largest_first(stored):
                if (text := texts.get(f"i{number}")) is not None:
                    execute(text)
            execute("COMMIT")
            anchor = kept_open(self._store, self.serial, self.uri, self._connection)
            self._connection = anchor
        return Generation(
            table=self.table,
            serial=self.serial,
            uri=self.uri,
            columns=dict(columns),
            indexes=mirrored,
            rows=self.rows,
            bytes=self.bytes,
            read_at=read_at,
            moment=next_moment() if moment is None else moment,
            anchor=anchor,
            key=self._key,
        )

    def _largest_first(self, indexes: Sequence[Sequence[str]]) -> list[int]:
        """The indexes' numbers, by what a row takes in them, the most first.

        To sort one takes twice the memory of what it will be, and the last one is sorted beside all else.

        Args:
            indexes: of each its stored columns.
        """
        if len(indexes) < 2:
            return list(range(len(indexes)))
        sizes = ", ".join(
            " + ".join(f"total(length(CAST(d.{quoted(name)} AS BLOB)))" for name in names)
            for names in indexes
        )
        sample = f"(SELECT * FROM {DATA} LIMIT {_SAMPLE})"
        found = self._connection.execute(f"SELECT {sizes} FROM {sample} AS d").fetchone()
        return sorted(range(len(indexes)), key=lambda number: -found[number])

    def abandon(self) -> None:
        with self._store.activity():
            self._connection.close()
