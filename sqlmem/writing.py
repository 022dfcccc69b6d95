"""A generation while it is written: rows from the origin or of a snapshot, then indexes, then sealed.

Rule: nobody else sees it before `seal`; what isn't sealed is abandoned, and its memory goes.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

from sqlmem.errors import StoreError
from sqlmem.model import Index, TableName
from sqlmem.store import Generation, Store, StoredColumn, next_moment, open_database
from sqlmem.stored import DATA, quoted

_serials = itertools.count(1)
# Rows that one INSERT appends: it costs less than so many, and SQLite lets other threads into the interpreter
# at each of them, who may let us wait for milliseconds, and then have to wait themselves.
_GROUPS = (1_024, 512, 64, 8, 1)
_MOST_VALUES = 8_000  # of one INSERT: to prepare more takes milliseconds


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
        self.serial = next(_serials)
        # The VFS shares a database between connections only if its name begins with a slash.
        self.uri = f"file:/sqlmem-{os.getpid()}-{self.serial}?vfs=memdb"
        self.rows = 0
        self._connection = open_database(self.uri)
        most_values = min(_MOST_VALUES, self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))
        execute = self._connection.execute
        self._page_bytes = int(execute("PRAGMA page_size").fetchone()[0])
        execute("PRAGMA journal_mode=OFF")
        execute("PRAGMA synchronous=OFF")
        definitions = ", ".join(
            f"{quoted(name)} {'INTEGER PRIMARY KEY' if name == key else declaration}"
            for name, declaration in columns
        )
        execute(f"CREATE TABLE {DATA} ({definitions})")
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
            values: of all of them, row after row.

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

    def copy_from(
        self, uri: str, table: str, columns: Sequence[str], *, row_id: str | None
    ) -> Generator[None, None, None]:
        """Append all rows of a table of another database, for instance of a snapshot.

        Yields after each slice of rows, outside of `activity`: a fork waits for one slice only.
        The caller takes the iterator to its end, or closes it and abandons the writer.

        Args:
            uri: names its `vfs` too: SQLite's default is the one of this connection, memory.
            row_id: as for `copy_rows`.
        """
        execute = self._connection.execute
        with self._store.activity():
            execute("COMMIT")
            execute("ATTACH ? AS source", (uri,))
            execute("BEGIN")
        try:
            source = f"source.{quoted(table)}"
            for copied in copy_rows(self._store, self._connection, source, DATA, columns, row_id):
                self.rows += copied
                yield
        finally:
            # After an error there may be no transaction, and nothing that is worth one.
            with self._store.activity(), contextlib.suppress(sqlite3.Error):
                execute("COMMIT")
                execute("DETACH source")
                execute("BEGIN")

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
            for number in self._largest_first(stored):
                if stored[number] == [self._key]:
                    continue  # the row id is one already
                # Never UNIQUE: the origin's notion of equal may be finer than the store's.
                execute(f"CREATE INDEX i{number} ON {DATA} ({', '.join(map(quoted, stored[number]))})")
            execute("COMMIT")
            # Another connection is to keep the database: this one's page cache and prepared statements,
            # which nobody needs any more, are megabytes.
            anchor = open_database(self.uri)
            anchor.execute("PRAGMA query_only=1")
            self._connection.close()
            self._connection = anchor
        self._store.keep(self.serial, anchor)
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


# Rows whose size stands for that of all.
_SAMPLE = 100
# Rows of one slice: some milliseconds, for which a fork has to wait.
_SLICE = 5_000


def copy_rows(
    store: Store,
    connection: sqlite3.Connection,
    source: str,
    target: str,
    columns: Sequence[str],
    row_id: str | None,
) -> Iterator[int]:
    """Copy a table into an empty one, in slices of which each is one `activity`.

    Args:
        source: a table of another attached database, quoted, with the database's name.
        target: a table of `main`, quoted.
        row_id: a column that is the table's INTEGER PRIMARY KEY, or a name under which a table
            without one lets its row id be seen; None if its columns hide all of them.

    Yields:
        The rows of each slice.
    """
    is_column = row_id is None or row_id in columns
    names = [quoted(name) for name in columns] if is_column else [quoted(str(row_id)), *map(quoted, columns)]
    selected = ", ".join(f"t.{name}" for name in names)
    statement = f"INSERT INTO main.{target} ({', '.join(names)}) SELECT {selected} FROM {source} AS t"
    if row_id is None:
        with store.activity():
            copied = connection.execute(statement).rowcount
        yield copied
        return
    key = quoted(row_id)
    order = f"ORDER BY t.{key} LIMIT {_SLICE}"
    last = -(2**63)
    comparison = ">="  # the least of all row ids may be used too, and nothing is below it
    while True:
        with store.activity():
            copied = connection.execute(f"{statement} WHERE t.{key} {comparison} ? {order}", (last,)).rowcount
            comparison = ">"
            if copied == _SLICE:
                last = connection.execute(f"SELECT max(t.{key}) FROM main.{target} AS t").fetchone()[0]
        yield copied
        if copied < _SLICE:
            return
