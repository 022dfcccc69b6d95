"""From a snapshot's files to generations, whoever may have made the files.

Rule 1: the manifest is used only if everything in it is what `snapshot.prepare` writes: the
        objects, their texts, the codecs that the columns' definitions call for. A table is used
        only if its image is the one that the manifest means (`snapshot_images`). Else the whole or
        the table is left out, and the cache rebuilds from the origin.
Rule 2: nothing in a file is ever run or imported: files are opened read-only and immutable, their
        definitions and names are parsed strictly, and codecs come from the closed list.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlmem.clock import Clock
from sqlmem.codecs import Codec, codec_by_name
from sqlmem.dialects import Facts
from sqlmem.logs import log
from sqlmem.model import Kind, TableName, TableSchema
from sqlmem.snapshot_file import Broken, Opened, remove_leftovers
from sqlmem.snapshot_folder import Folder, is_image_name
from sqlmem.snapshot_form import (
    FILE_VFS,
    LONGEST_TEXT,
    OWN_TABLES,
    VERSION,
    ColumnText,
    Held,
    HeldResult,
    Owner,
    TableText,
    Unusable,
    objects,
    open_file,
    printed_name,
    storage_classes,
)
from sqlmem.snapshot_images import Expected, Image, read_image
from sqlmem.snapshot_results import NO_RESULTS, HeldResults, read_definitions, read_results
from sqlmem.snapshot_text import from_text
from sqlmem.store import Generation, Store, StoredColumn, next_moment
from sqlmem.workers import processors, side_by_side

_MOST_OBJECTS = 1_000
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FIRST_READS = 3  # another process may replace the file while it is read


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a snapshot brought.

    Attributes:
        left_out: one line for each table that could not be used.
        results: kept answers, and the definitions of tables that they read and aren't among `tables`.
        images: serial of a generation -> the image that it came from.
    """

    facts: Facts | None
    tables: tuple[Held, ...]
    left_out: tuple[str, ...]
    results: HeldResults = NO_RESULTS
    images: dict[int, Image] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Discarded:
    """There is a file, and it can't be used.

    Attributes:
        is_ours: whether it may be overwritten; what isn't ours may be somebody's database.
        is_file: whether a new snapshot can take its place at all.
    """

    reason: str
    is_ours: bool = True
    is_file: bool = True


def load(
    path: Path,
    store: Store,
    *,
    owner: Owner,
    clock: Clock,
    max_bytes: int | None = None,
    max_result_bytes: int = 0,
) -> Loaded | Discarded | None:
    """Bring back what a snapshot holds. Never raises for what is in the file; one warning says it.

    Args:
        max_bytes: tables that don't fit into what is left of it are left out, without a warning.
        max_result_bytes: kept answers likewise.

    Returns:
        None if there is no file.
    """
    remove_leftovers(path)
    folder = Folder(path)
    reason = "another process keeps replacing it"
    for _ in range(_FIRST_READS):
        tables: list[Held] = []
        is_kept = False
        try:
            with contextlib.closing(Opened(path, VERSION)) as opened:
                reader = _Reader(path, folder, store, owner, clock, max_bytes, max_result_bytes)
                try:
                    reader.read(tables)
                except Broken:
                    if opened.is_unchanged():
                        raise
                is_kept = opened.is_unchanged()
                if is_kept:
                    # What a killed process has left; an image that is missing means no leftover less.
                    folder.clean(reader.names, opened.is_unchanged)
            if not is_kept:
                continue
        except FileNotFoundError:
            folder.clean(frozenset(), lambda: not os.path.lexists(path))
            return None
        except Broken as broken:
            log.warning("snapshot {} discarded: {}", path, broken)
            return Discarded(str(broken), is_ours=broken.is_ours, is_file=broken.is_file)
        finally:
            if not is_kept:
                for held in tables:
                    store.retire(held.generation)
        if reader.left_out:
            log.warning("snapshot {}: discarded of it: {}", path, "; ".join(reader.left_out))
        return Loaded(reader.facts, tuple(tables), tuple(reader.left_out), reader.results, reader.images)
    log.warning("snapshot {} discarded: {}", path, reason)
    return Discarded(reason)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A row of `sqlmem_tables`, as far as it can be believed."""

    image: str
    bytes: int
    digest: str
    filled_at: float
    row_count: int
    definition: TableText


@dataclass(frozen=True, slots=True)
class _Wanted:
    listed: _Listed
    stored: dict[str, StoredColumn]
    expected: Expected


class _Reader:
    """One reading of one file whose digest is right; it may have been made by anybody."""

    def __init__(
        self,
        path: Path,
        folder: Folder,
        store: Store,
        owner: Owner,
        clock: Clock,
        max_bytes: int | None,
        max_result_bytes: int,
    ) -> None:
        self.names: frozenset[str] = frozenset()
        self.images: dict[int, Image] = {}
        self._folder = folder
        self.facts: Facts | None = None
        self.results = NO_RESULTS
        self._result_room = max_result_bytes
        self.left_out: list[str] = []
        self._store = store
        self._owner = owner
        self._clock = clock
        self._room = math.inf if max_bytes is None else max_bytes
        # immutable: no lock, no journal, no WAL of a file that may be anybody's.
        self._uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1&vfs={FILE_VFS}"
        self._written_at = 0.0

    def read(self, tables: list[Held]) -> None:
        """Append the tables.

        Raises:
            Broken: the file isn't what `prepare` writes; the tables so far are the caller's to retire.
        """
        connection = None
        try:
            connection = open_file(self._uri)
            # Two of them matter only if a file has what is refused below; mmap would turn a
            # file that is truncated meanwhile into a signal.
            for setting in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "query_only=1"):
                connection.execute(f"PRAGMA {setting}")
            self._read(connection, tables)
        except sqlite3.Error as error:
            raise Broken(f"SQLite can't read it: {error}") from None
        except (ValueError, OverflowError, RecursionError) as error:
            # UnicodeDecodeError of a text, a number out of range, a definition that isn't one.
            raise Broken(f"its content isn't of the form that it should have ({error})") from None
        finally:
            if connection is not None:
                connection.close()

    def _read(self, connection: sqlite3.Connection, tables: list[Held]) -> None:
        rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchmany(
            _MOST_OBJECTS
        )
        found = {name: (kind, table, sql) for kind, name, table, sql in rows}
        # A view, a trigger, an index or an expression in a definition would be code.
        if found != {name: ("table", name, sql) for name, sql in OWN_TABLES.items()} or len(rows) != len(
            found
        ):
            raise Broken("it has other tables than it should")
        self._check_owner(connection)
        listed = list(self._listed(connection))
        self.names = frozenset(each.image for each in listed)
        # One after the other what it may take, and side by side what takes long.
        wanted = [each for each in map(self._wanted, listed) if each is not None]
        loaded: dict[str, Generation | Unusable] = {}
        try:
            # The largest first, so that no thread is at one when the others have nothing left to do.
            ordered = sorted(wanted, key=lambda each: -each.listed.bytes)
            side_by_side([partial(self._load, each, loaded) for each in ordered], processors())
        finally:
            for each in wanted:
                text = each.listed.definition
                match loaded.get(each.listed.image):
                    case Generation() as generation:
                        tables.append(Held(text.schema, generation, text.spellings, text.tokens))
                    case Unusable() as unusable:
                        self.left_out.append(f"{text.schema.name} ({unusable})")
                    case None:
                        pass  # never begun: another one's error ends it all
        if self._result_room:
            self._read_results(connection, frozenset(held.schema.name for held in tables))

    def _read_results(self, connection: sqlite3.Connection, tables: frozenset[TableName]) -> None:
        definitions = read_definitions(connection, tables)
        known = tables | {text.schema.name for text in definitions}
        results = []
        for text, read_at, rows in read_results(connection, known, max_bytes=self._result_room):
            age = max(0.0, self._clock.wall() - read_at, self._written_at - read_at)
            results.append(HeldResult(text, self._clock.monotonic() - age, rows))
        self.results = HeldResults(definitions, tuple(results))

    def _check_owner(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute(
            "SELECT fingerprint, identity, dialect, driver, facts, written_at FROM sqlmem_snapshot"
        ).fetchmany(2)
        if len(rows) != 1:
            raise Broken("it doesn't say whose it is")
        fingerprint, identity, dialect, driver, facts, written_at = rows[0]
        owner = self._owner
        if (fingerprint, identity, dialect, driver) != (
            owner.fingerprint,
            owner.identity,
            owner.dialect,
            owner.driver,
        ):
            raise Broken(f"it is of another origin ({_printable(identity)}); this one is {owner.identity}")
        self._written_at = _moment(written_at)
        if facts is not None:
            self.facts = from_text(Facts, _text(facts))

    def _listed(self, connection: sqlite3.Connection) -> Iterator[_Listed]:
        seen: set[TableName] = set()
        images: set[str] = set()
        for name, image, size, digest, filled_at, row_count, definition in connection.execute(
            "SELECT name, image, image_bytes, image_sha256, filled_at, row_count, substr(definition, 1, ?)"
            " FROM sqlmem_tables ORDER BY position",
            (LONGEST_TEXT,),
        ):
            parsed = from_text(TableText, _text(definition))
            if type(row_count) is not int or parsed.schema.name in seen:
                raise Broken("it lists a table wrongly")
            seen.add(parsed.schema.name)
            # Nothing but a name of our own form: with another one it would lead out of the folder.
            if not is_image_name(_text(image)) or image in images or not _DIGEST.fullmatch(_text(digest)):
                raise Broken("it names an image wrongly")
            images.add(image)
            if type(size) is not int or size <= 0 or name != printed_name(parsed.schema.name):
                raise Broken("it lists a table wrongly")
            if not parsed.columns or len({c.name for c in parsed.columns}) != len(parsed.columns):
                raise Broken("it lists a table's columns wrongly")
            defined = (*parsed.schema.columns, *parsed.schema.expressions)
            if len({c.name for c in defined}) != len(defined):
                raise Broken("it defines a table's columns wrongly")
            if any(column.expression is not None for column in defined):
                raise Broken("it has a text to be sent to the origin")
            if any(len(column.description) != 6 for column in parsed.columns):
                raise Broken("it describes a table's columns wrongly")
            yield _Listed(image, size, digest, _moment(filled_at), row_count, parsed)

    def _wanted(self, listed: _Listed) -> _Wanted | None:
        """What its image must be; None if there is no room or no use for it."""
        definition = listed.definition
        schema = definition.schema
        try:
            stored = {
                c.name: StoredColumn(c.name, c.stored_name, c.declaration, _codec(c), c.description)
                for c in definition.columns
            }
            classes = {
                column.stored_name: storage_classes(schema, column, self._owner.driver)
                for column in stored.values()
            }
            self._check_key(schema, stored, definition.key)
            expected = Expected(
                listed.image,
                listed.bytes,
                listed.digest,
                objects(definition),
                listed.row_count,
                classes,
                definition.key,
            )
        except Unusable as unusable:
            self.left_out.append(f"{schema.name} ({unusable})")
            return None
        if listed.bytes > self._room:
            log.info("snapshot: {} left out, there is no room for it", schema.name)
            return None
        self._room -= listed.bytes
        return _Wanted(listed, stored, expected)

    def _load(self, wanted: _Wanted, loaded: dict[str, Generation | Unusable]) -> None:
        """Called by several threads at once."""
        listed, definition = wanted.listed, wanted.listed.definition
        try:
            found = read_image(self._folder, self._store, wanted.expected)
        except Unusable as unusable:
            loaded[listed.image] = unusable
            return
        # Not below the age that it had when it was written: the wall clock may have been set back.
        age = max(0.0, self._clock.wall() - listed.filled_at, self._written_at - listed.filled_at)
        self.images[found.serial] = found.image
        loaded[listed.image] = Generation(
            table=definition.schema.name,
            serial=found.serial,
            uri=found.uri,
            columns=wanted.stored,
            indexes=definition.indexes,
            rows=listed.row_count,
            bytes=found.bytes,
            read_at=self._clock.monotonic() - age,
            moment=next_moment(),
            anchor=found.anchor,
            key=definition.key,
        )

    def _check_key(self, schema: TableSchema, stored: dict[str, StoredColumn], key: str | None) -> None:
        if key is None:
            return
        for column in stored.values():
            if column.stored_name == key:
                kind = schema.by_name[column.name].kind
                # The row id turns 1.0 into 1, and NULL into a number.
                if kind is Kind.INTEGER or kind is Kind.DYNAMIC:
                    return
        raise Broken(f"{schema.name} has a key that it can't have")


def _codec(column: ColumnText) -> Codec:
    try:
        return codec_by_name(column.codec)
    except ValueError:
        # A driver or a time zone that this machine doesn't have, or junk.
        raise Unusable(f"this machine can't read column {column.name}") from None


def _text(value: Any) -> str:
    if type(value) is not str or len(value) >= LONGEST_TEXT:
        raise Broken("it has something else where a text should be")
    return value


def _moment(value: Any) -> float:
    if type(value) is not float or not math.isfinite(value):
        raise Broken("it has something else where a time should be")
    return value


def _printable(identity: Any) -> str:
    text = "".join(c if c.isprintable() else "?" for c in str(identity))
    return text if len(text) <= 200 else f"{text[:200]}…"
