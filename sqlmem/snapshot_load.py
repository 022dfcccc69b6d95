"""From a snapshot's file to generations, whoever may have made the file.

Rule 1: a file is used only if everything in it is what `snapshot.prepare` writes: the objects,
        their texts, the types of the values, the codecs that the columns' definitions call for.
        Else the file or the table is left out, and the cache rebuilds from the origin.
Rule 2: nothing in a file is ever run or imported: it is opened read-only and immutable, its
        definitions and names are parsed strictly, and codecs come from the closed list.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmem.clock import Clock
from sqlmem.codecs import Codec, codec_by_name
from sqlmem.dialects import Facts
from sqlmem.logs import log
from sqlmem.model import Kind, TableName, TableSchema
from sqlmem.snapshot_file import Broken, Opened, remove_leftovers
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
    create_text,
    open_file,
    row_id_name,
    storage_classes,
)
from sqlmem.snapshot_results import NO_RESULTS, HeldResults, read_definitions, read_results
from sqlmem.snapshot_text import from_text
from sqlmem.store import Store, StoredColumn
from sqlmem.stored import quoted, wanted_indexes
from sqlmem.writing import Writer

_MOST_TABLES = 100_000
_ALL_CLASSES = 4  # beside null
_FIRST_READS = 3  # another process may replace the file while it is read


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a snapshot brought.

    Attributes:
        left_out: one line for each table that could not be used.
        results: kept answers, and the definitions of tables that they read and aren't among `tables`.
    """

    facts: Facts | None
    tables: tuple[Held, ...]
    left_out: tuple[str, ...]
    results: HeldResults = NO_RESULTS


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
    reason = "another process keeps replacing it"
    for _ in range(_FIRST_READS):
        tables: list[Held] = []
        is_kept = False
        try:
            with contextlib.closing(Opened(path, VERSION)) as opened:
                reader = _Reader(path, store, owner, clock, max_bytes, max_result_bytes)
                try:
                    reader.read(tables)
                except Broken:
                    if opened.is_unchanged():
                        raise
                is_kept = opened.is_unchanged()
            if not is_kept:
                continue
        except FileNotFoundError:
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
        return Loaded(reader.facts, tuple(tables), tuple(reader.left_out), reader.results)
    log.warning("snapshot {} discarded: {}", path, reason)
    return Discarded(reason)


class _Reader:
    """One reading of one file whose digest is right; it may have been made by anybody."""

    def __init__(
        self,
        path: Path,
        store: Store,
        owner: Owner,
        clock: Clock,
        max_bytes: int | None,
        max_result_bytes: int,
    ) -> None:
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
        objects = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchmany(
            _MOST_TABLES
        )
        found = {name: (kind, table, sql) for kind, name, table, sql in objects}
        rows = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        for name, sql in OWN_TABLES.items():
            if found.pop(name, None) != ("table", name, sql):
                raise Broken(f"it has no table {name} as it should be")
        self._check_owner(connection)
        listed = list(self._listed(connection))
        expected = {name: ("table", name, create_text(name, definition)) for name, _, _, definition in listed}
        # A view, a trigger, an index or an expression in a definition would be code.
        if found != expected or len(expected) != len(listed) or rows != len(expected) + len(OWN_TABLES):
            raise Broken("it has other objects than those that it lists")
        for name, filled_at, row_count, definition in listed:
            try:
                held = self._table(connection, name, filled_at, row_count, definition)
            except Unusable as unusable:
                self.left_out.append(f"{definition.schema.name} ({unusable})")
            else:
                if held is not None:
                    tables.append(held)
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

    def _listed(self, connection: sqlite3.Connection) -> Iterator[tuple[str, float, int, TableText]]:
        seen = set()
        for name, filled_at, row_count, definition in connection.execute(
            "SELECT stored_as, filled_at, row_count, substr(definition, 1, ?)"
            " FROM sqlmem_tables ORDER BY position",
            (LONGEST_TEXT,),
        ):
            parsed = from_text(TableText, _text(definition))
            if type(row_count) is not int or parsed.schema.name in seen:
                raise Broken("it lists a table wrongly")
            seen.add(parsed.schema.name)
            if not parsed.columns or len({c.name for c in parsed.columns}) != len(parsed.columns):
                raise Broken("it lists a table's columns wrongly")
            defined = (*parsed.schema.columns, *parsed.schema.expressions)
            if len({c.name for c in defined}) != len(defined):
                raise Broken("it defines a table's columns wrongly")
            if any(column.expression is not None for column in defined):
                raise Broken("it has a text to be sent to the origin")
            if any(len(column.description) != 6 for column in parsed.columns):
                raise Broken("it describes a table's columns wrongly")
            yield _text(name), _moment(filled_at), row_count, parsed

    def _table(
        self,
        connection: sqlite3.Connection,
        name: str,
        filled_at: float,
        row_count: int,
        definition: TableText,
    ) -> Held | None:
        schema = definition.schema
        stored = {
            c.name: StoredColumn(c.name, c.stored_name, c.declaration, _codec(c), c.description)
            for c in definition.columns
        }
        allowed = [
            (column, storage_classes(schema, column, self._owner.driver)) for column in stored.values()
        ]
        self._check_key(schema, stored, definition.key)
        # The first condition that holds ends it: three times as fast as asking all rows for all.
        conditions = [
            f"(t.{quoted(column.stored_name)} IS NOT NULL AND typeof(t.{quoted(column.stored_name)}) NOT IN"
            f" ({', '.join(map(repr, classes))}))"
            for column, classes in allowed
            if len(classes) < _ALL_CLASSES
        ]
        # In groups: SQLite bounds how deep an expression is.
        for start in range(0, len(conditions), 100):
            part = " OR ".join(conditions[start : start + 100])
            if connection.execute(f"SELECT 1 FROM main.{quoted(name)} AS t WHERE {part} LIMIT 1").fetchone():
                raise Broken(f"values of {schema.name} aren't of the types that they should be")
        return self._copied(name, filled_at, row_count, definition, stored)

    def _copied(
        self,
        name: str,
        filled_at: float,
        row_count: int,
        definition: TableText,
        stored: dict[str, StoredColumn],
    ) -> Held | None:
        schema, key = definition.schema, definition.key
        columns = [(column.stored_name, column.declaration) for column in stored.values()]
        names = [column.stored_name for column in stored.values()]
        writer = Writer(self._store, schema.name, columns, key)
        generation = None
        try:
            slices = writer.copy_from(self._uri, name, names, row_id=key or row_id_name(names))
            with contextlib.closing(slices):
                for _ in slices:
                    if writer.bytes > self._room:
                        break
            # Not below the age that it had when it was written: the wall clock may have been set back.
            age = max(0.0, self._clock.wall() - filled_at, self._written_at - filled_at)
            if writer.bytes <= self._room:
                generation = writer.seal(stored, wanted_indexes(schema), self._clock.monotonic() - age)
        except sqlite3.OperationalError as error:
            if "full" not in str(error):  # as large as one in-memory database may be
                raise
        finally:
            if generation is None:
                writer.abandon()
        if generation is None or generation.bytes > self._room:
            if generation is not None:
                self._store.retire(generation)
            log.info("snapshot: {} left out, there is no room for it", schema.name)
            return None
        if generation.rows != row_count:
            self._store.retire(generation)
            raise Broken(f"{schema.name} doesn't have as many rows as it should")
        self._room -= generation.bytes
        return Held(schema, generation, definition.spellings, definition.tokens)

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
