"""The copy of the store on disk: an image per generation, and a manifest that names them.

This module writes it and is what the others import; `snapshot_load` reads, `snapshot_form` has
what both agree on, `snapshot_images` the images, `snapshot_folder` their folder, `snapshot_file`
the manifest's ways of files and locks, `snapshot_text` the JSON.

Rule 1: no lock is held while a file is written, but the folder's shared one, which says that
        somebody writes; readers go on, and a fork waits for one step.
Rule 2: images are on the disk before the manifest that names them, and a generation that has one
        is never written again.
Rule 3: the age belongs to the data. A table that comes from a snapshot and goes into the next
        one keeps the moment at which the origin was read.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
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
    open_file,
    printed_name,
    storage_classes,
)
from sqlmem.snapshot_images import Image, Images, Writing
from sqlmem.snapshot_load import Discarded, Loaded, load
from sqlmem.snapshot_results import NO_RESULTS, HeldResults, write_results
from sqlmem.snapshot_text import to_text
from sqlmem.store import Store
from sqlmem.workers import side_by_side

__all__ = ["VERSION", "Discarded", "Held", "Loaded", "Owner", "Prepared", "load", "prepare", "write"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A whole, synced manifest beside the snapshot, and the images that it names: `replace` it, then `end`.

    Attributes:
        bytes: of the manifest and of all images that it names.
        written: how many of the images are new.
    """

    tables: tuple[TableName, ...]
    bytes: int
    written: int
    _path: Path
    _temporary: Temporary
    _images: Images
    _writing: Writing | None
    _names: frozenset[str]

    def replace(self) -> None:
        """Become the snapshot.

        Raises:
            OSError: the old one stands.
        """
        self._temporary.replace()
        if self._writing is not None:
            self._writing.keep()

    def end(self, *, is_outdated: bool = False) -> None:
        """Without `replace` leave nothing behind, and let others clean up in any case. Idempotent.

        Args:
            is_outdated: it doesn't become the snapshot since a table was invalidated meanwhile; the
                images of the others stay, for the next one to name.
        """
        self._temporary.remove()
        if self._writing is not None:
            self._writing.end(is_failed=not is_outdated)

    def settle(self) -> None:
        """After `replace` and `end`: bring it to the disk, and remove the images that it doesn't name."""
        sync_folder(self._path)
        self._images.forget_others(self._names)
        self._images.folder.clean(self._names, self._temporary.is_in_place)


def write(
    path: Path,
    store: Store,
    *,
    owner: Owner,
    facts: Facts | None,
    held: Sequence[Held],
    clock: Clock,
    results: HeldResults = NO_RESULTS,
    images: Images | None = None,
) -> Prepared:
    """Write a snapshot in place of the one that is there. Raises as `prepare`."""
    prepared = prepare(
        path, store, owner=owner, facts=facts, held=held, clock=clock, results=results, images=images
    )
    try:
        prepared.replace()
    finally:
        prepared.end()
    prepared.settle()
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
    images: Images | None = None,
    threads: int = 1,
) -> Prepared:
    """Write a snapshot's images and, aside, its manifest. Readers go on, and a fork waits for one step.

    Args:
        held: in the order in which they should be loaded, as far as there is room. A generation
            that is retired meanwhile, or isn't what the definition calls for, is left out.
        results: kept answers, likewise; one that has no exact form in a file is left out.
        images: those that are there already; None if none are known.
        threads: how many may write images at once.

    Raises:
        OSError: no permission, no space.
        StoreError: SQLite could not write; mostly no space.
        Nothing is left behind after either.
    """
    if images is None:
        images = Images(path)
    definitions = {number: _definition(each, owner) for number, each in enumerate(held)}
    wanted = {number: text for number, text in definitions.items() if text is not None}
    temporary = Temporary(path)
    writing = None
    try:
        try:
            found: dict[int, Image | None] = {}
            if wanted:
                writing = Writing(images, store)

                def write_image(number: int) -> None:
                    found[number] = writing.image(held[number].generation)

                # The largest first, so that no thread is at one when the others have nothing left to do.
                ordered = sorted(wanted, key=lambda number: -held[number].generation.bytes)
                side_by_side([partial(write_image, number) for number in ordered], threads)
                writing.sync()
            tables = [
                (held[number], text, image)
                for number, text in wanted.items()
                if (image := found.get(number)) is not None
            ]
            _fill_file(temporary.path, store, owner, facts, tables, clock, results)
        except sqlite3.Error as error:
            raise StoreError(f"SQLite can't write it: {error}") from error
        size = temporary.seal() + sum(image.bytes for _, _, image in tables)
    except BaseException:
        temporary.remove()
        if writing is not None:
            writing.end(is_failed=True)
        raise
    return Prepared(
        tuple(each.schema.name for each, _, _ in tables),
        size,
        0 if writing is None else writing.count,
        path,
        temporary,
        images,
        writing,
        frozenset(image.name for _, _, image in tables),
    )


def _definition(held: Held, owner: Owner) -> TableText | None:
    generation = held.generation
    reading = generation.reading
    columns = generation.columns.values()
    try:
        for column in columns:
            storage_classes(held.schema, column, owner.driver)
        text = TableText(
            held.schema,
            held.spellings,
            tuple(
                ColumnText(c.name, c.stored_name, c.declaration, c.codec.name, c.description) for c in columns
            ),
            generation.indexes,
            generation.key,
            tuple(sorted(reading.tokens.items())) if reading is not None else (),
        )
        to_text(text)
    except (Unusable, ValueError):
        # A column's type code is an object of the driver's, or the table's definition has
        # changed since it was filled: it wouldn't be loaded again.
        return None
    return text


def _fill_file(
    file: Path,
    store: Store,
    owner: Owner,
    facts: Facts | None,
    tables: Sequence[tuple[Held, TableText, Image]],
    clock: Clock,
    results: HeldResults,
) -> None:
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
            for held, text, image in tables:
                # The age now, to the wall clock of now: that is what both still agree on later.
                filled_at = clock.wall() - max(0.0, clock.monotonic() - held.generation.read_at)
                execute(
                    "INSERT INTO sqlmem_tables (name, image, image_bytes, image_sha256, filled_at, row_count,"
                    " definition) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        printed_name(held.schema.name),
                        image.name,
                        image.bytes,
                        image.digest,
                        filled_at,
                        held.generation.rows,
                        to_text(text),
                    ),
                )
            execute("COMMIT")
        names = frozenset(held.schema.name for held, _, _ in tables)
        write_results(connection, store, results, names, clock)
    finally:
        with store.activity(), contextlib.suppress(sqlite3.Error):
            # After a failed write the file is given up, whatever this does to it.
            connection.close()
