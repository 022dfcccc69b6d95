"""The copy of the store on disk: an ordinary SQLite file, written aside and read strictly.

This module writes it and is what the others import; `snapshot_load` reads, `snapshot_form` has
what both agree on, `snapshot_file` the ways of files and locks, `snapshot_text` the JSON.

Rule 1: no lock is held while a file is written; readers go on, and a fork waits for one slice.
Rule 2: the age belongs to the data. A table that comes from a snapshot and goes into the next
        one keeps the moment at which the origin was read.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlmem.clock import Clock
from sqlmem.dialects import Facts
from sqlmem.errors import StoreError
from sqlmem.model import TableName
from sqlmem.snapshot_file import APPLICATION_ID, PAGE_BYTES, UNSEALED, Temporary, sync_folder
from sqlmem.snapshot_form import (
    FILE_VFS,
    OWN_TABLES,
    VERSION,
    ColumnText,
    Held,
    Owner,
    TableText,
    Unusable,
    create_text,
    open_file,
    row_id_name,
    storage_classes,
)
from sqlmem.snapshot_load import Discarded, Loaded, load
from sqlmem.snapshot_results import NO_RESULTS, HeldResults, write_results
from sqlmem.snapshot_text import to_text
from sqlmem.store import Store
from sqlmem.stored import DATA, quoted
from sqlmem.writing import copy_rows

__all__ = ["VERSION", "Discarded", "Held", "Loaded", "Owner", "Prepared", "load", "prepare", "write"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A whole, synced file beside the snapshot: `temporary.replace` or `temporary.remove` it."""

    temporary: Temporary
    tables: tuple[TableName, ...]
    bytes: int


def write(
    path: Path,
    store: Store,
    *,
    owner: Owner,
    facts: Facts | None,
    held: Sequence[Held],
    clock: Clock,
    results: HeldResults = NO_RESULTS,
) -> Prepared:
    """Write a snapshot in place of the one that is there. Raises as `prepare`."""
    prepared = prepare(path, store, owner=owner, facts=facts, held=held, clock=clock, results=results)
    try:
        prepared.temporary.replace()
    finally:
        prepared.temporary.remove()
    sync_folder(path)
    return prepared


def prepare(
    path: Path,
    store: Store,
    *,
    owner: Owner,
    facts: Facts | None,
    held: Sequence[Held],
    clock: Clock,
    results: HeldResults = NO_RESULTS,
) -> Prepared:
    """Write a snapshot aside. No lock is held; readers go on, and a fork waits for one slice.

    Args:
        held: in the order in which they should be loaded, as far as there is room. A generation
            that is retired meanwhile, or isn't what the definition calls for, is left out.
        results: kept answers, likewise; one that has no exact form in a file is left out.

    Raises:
        OSError: no permission, no space.
        StoreError: SQLite could not write; mostly no space.
        Nothing is left behind after either.
    """
    temporary = Temporary(path)
    try:
        try:
            tables = _fill_file(temporary.path, store, owner, facts, held, clock, results)
        except sqlite3.Error as error:
            raise StoreError(f"SQLite can't write it: {error}") from error
        return Prepared(temporary, tables, temporary.seal())
    except BaseException:
        temporary.remove()
        raise


def _fill_file(
    file: Path,
    store: Store,
    owner: Owner,
    facts: Facts | None,
    held: Sequence[Held],
    clock: Clock,
    results: HeldResults,
) -> tuple[TableName, ...]:
    taken = set(OWN_TABLES)
    # nolock: nobody else knows the file, and on some systems SQLite's lock and ours are one.
    with store.activity():
        connection = open_file(f"{file.as_uri()}?mode=rw&nolock=1&vfs={FILE_VFS}")
    execute = connection.execute
    try:
        with store.activity():
            for setting in (
                f"page_size={PAGE_BYTES}",
                "auto_vacuum=NONE",
                "encoding='UTF-8'",
                # Nobody sees the file before it is whole: no journal, and one sync at the end.
                "journal_mode=OFF",
                "synchronous=OFF",
                f"application_id={APPLICATION_ID}",
                f"user_version={VERSION}",
            ):
                execute(f"PRAGMA {setting}")
            execute("BEGIN")
            for sql in OWN_TABLES.values():
                execute(sql)
            execute("INSERT INTO sqlmem_digest VALUES (?)", (UNSEALED,))
            known = None if facts is None else to_text(facts)
            values = (owner.fingerprint, owner.identity, owner.dialect, owner.driver, known, clock.wall())
            execute("INSERT INTO sqlmem_snapshot VALUES (?, ?, ?, ?, ?, ?)", values)
            execute("COMMIT")
        written = [
            each.schema.name for each in held if _write_table(connection, store, owner, each, taken, clock)
        ]
        write_results(connection, store, results, frozenset(written), clock)
    finally:
        with store.activity():
            connection.close()
    return tuple(written)


def _write_table(
    connection: sqlite3.Connection, store: Store, owner: Owner, held: Held, taken: set[str], clock: Clock
) -> bool:
    generation = held.generation
    columns = list(generation.columns.values())
    execute = connection.execute
    try:
        for column in columns:
            storage_classes(held.schema, column, owner.driver)
        texts = tuple(
            ColumnText(c.name, c.stored_name, c.declaration, c.codec.name, c.description) for c in columns
        )
        to_text(TableText(held.schema, (), texts, None))
    except (Unusable, ValueError):
        # A column's type code is an object of the driver's, or the table's definition has
        # changed since it was filled: it wouldn't be loaded again.
        return False
    with store.activity():
        execute("ATTACH ? AS source", (generation.uri,))
    try:
        # Only after attaching: without its anchor the name opens a new and empty database.
        if generation.is_retired:
            return False
        with store.activity():
            info = execute("PRAGMA source.table_info(data)").fetchall()
            key = next((row[1] for row in info if row[5]), None)
            reading = generation.reading
            tokens = tuple(sorted(reading.tokens.items())) if reading is not None else ()
            definition = TableText(held.schema, held.spellings, texts, key, tokens)
            name = _legible(held.schema.name, taken)
            execute("BEGIN")
            execute(create_text(name, definition))
        names = [column.stored_name for column in columns]
        row_count = sum(
            copy_rows(store, connection, f"source.{DATA}", quoted(name), names, key or row_id_name(names))
        )
        # The age now, to the wall clock of now: that is what both still agree on later.
        filled_at = clock.wall() - max(0.0, clock.monotonic() - generation.read_at)
        with store.activity():
            execute(
                "INSERT INTO sqlmem_tables (stored_as, filled_at, row_count, definition) VALUES (?, ?, ?, ?)",
                (name, filled_at, row_count, to_text(definition)),
            )
            execute("COMMIT")
        return True
    finally:
        with store.activity(), contextlib.suppress(sqlite3.Error):
            # After a failed write the file is given up, whatever this does to it.
            if connection.in_transaction:
                execute("ROLLBACK")
            execute("DETACH source")


def _legible(table: TableName, taken: set[str]) -> str:
    """A table's name in the file: its own, as far as SQLite has it."""
    name = base = str(table).replace("\0", "\ufffd")
    if base.lower().startswith(("sqlite_", "sqlmem_")):
        name = base = f"table_{base}"
    number = 2
    while name.lower() in taken:
        name = f"{base}__{number}"
        number += 1
    taken.add(name.lower())
    return name
