"""From the origin to a generation: one statement, read in batches, encoded column by column.

All registered columns come from one statement, so that a row is one moment's row. What was
not read to its end is never published.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlmem.alongside import Alongside
from sqlmem.clock import Clock
from sqlmem.codecs import OPAQUE
from sqlmem.encoders import Encoder, Uncacheable
from sqlmem.model import Column, Kind, TableName, TableSchema
from sqlmem.origin_connection import OriginConnection, driver_errors, is_read_by_cursor
from sqlmem.pacing import Unpaced
from sqlmem.store import Generation, Store, StoredColumn
from sqlmem.stored import stored_names, wanted_indexes
from sqlmem.wire import known_of
from sqlmem.writing import Writer

# Rows per batch: large enough that Python's per-batch work vanishes, small enough that a
# fork, or a bound on memory, waits for a few milliseconds.
BATCH = 2_048
# How wide the rows are is known after the first of them: 2,000 large ones could be gigabytes.
FIRST_BATCH = 100
# Of one batch. Three may be in memory, and that there is no room for one is known when it is written.
BATCH_BYTES = 1_300_000
# Batches that may be written, or wait for it, while the next one is fetched. With one, the fetch begins when
# the thread that writes has just begun another and has the interpreter's lock: too late for that one's end.
AHEAD = 2
# After so much a batch is written beside the next one's fetch: below, to start a thread costs more.
ALONGSIDE_BYTES = 256 * 1024
# Those whose fetch waits for the server each time, and works in C. Where one lets go of the interpreter's
# lock at each row, or works in Python, two threads only fight for it (SQLite, asyncpg: nothing gained).
ALONGSIDE_DRIVERS = frozenset({"psycopg", "psycopg2"})

_NO_PACE = Unpaced()


class TooLarge(Exception):
    """The table alone is larger than the store may be. `bytes` is what it had come to."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.bytes = size


class ConnectionLost(Exception):
    """The connection broke under the fill. `error` is the driver's own."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, slots=True)
class Moment:
    """When a transaction that stands still saw the origin: `Generation.read_at` and `moment`."""

    read_at: float
    number: int


@dataclass(frozen=True, slots=True)
class Filled:
    """A generation, and the columns whose values went over to the opaque codec."""

    generation: Generation
    opaque: tuple[str, ...]


def fill(
    store: Store,
    clock: Clock,
    connection: OriginConnection,
    schema: TableSchema,
    columns: Sequence[str],
    *,
    has_room: Callable[[int], bool],
    on_rows: Callable[[int], None] | None = None,
    moment: Moment | None = None,
    pace: Unpaced = _NO_PACE,
) -> Filled:
    """Fetch these columns of a table into a generation that nobody else sees yet.

    Args:
        moment: that of the connection's transaction, which stands still; None: this fetch's own.
        has_room: asked with the bytes so far, after each batch; False ends the fill.
        on_rows: told the rows so far, after each batch.
        pace: around each piece of the work; see `pacing`.

    Raises:
        TooLarge, Uncacheable, StoreError, ConnectionLost: nothing is kept.
        The driver's own exceptions: likewise.
    """
    names = stored_names(schema)
    plain = [schema.by_name[column] for column in columns]
    encoders = [Encoder(column, names[column.name], connection.origin.dialect.driver) for column in plain]
    key = _row_id(schema, columns, names)
    table = connection.table_text(schema.name)
    # Qualified for SQLite: to it "gone" is the string 'gone', once there is no such column any more.
    prefix = f"{table}." if connection.origin.family == "sqlite" else ""
    text = ", ".join(
        prefix + connection.column_text(column.name)
        if column.expression is None
        else connection.expression_text(column.expression)
        for column in plain
    )
    statement = _apart_from_ranks(connection, schema, plain) or f"SELECT {text} FROM {table}"
    read_at = clock.monotonic() if moment is None else moment.read_at
    try:
        result = connection.execute(statement, (), is_streamed=True)
    except Exception as error:
        # Asked of SQLAlchemy's connection: some dialects can't tell it from the error alone.
        if not connection.is_usable:
            raise ConnectionLost(error) from None
        raise
    writer: Writer | None = None
    alongside = Alongside(is_async=connection.origin.is_async)
    is_alongside = connection.origin.dialect.driver in ALONGSIDE_DRIVERS
    is_read_to_the_end = False
    try:
        description = tuple(tuple(item) for item in _described(result))
        writer = Writer(
            store, schema.name, [(encoder.name, encoder.declaration) for encoder in encoders], key
        )
        # In a loop this thread does others' work while it waits for the origin.
        fetching = _NO_PACE if connection.origin.is_async else pace
        way = _Way(result, writer, encoders, pace, fetching, alongside if is_alongside else None)
        first = way.fetched(1)
        if first:
            known = known_of(result.cursor, connection.origin.dialect.driver)
            for encoder, item in zip(encoders, description, strict=True):
                encoder.known = known.get(item[1])
        size = _copy(way, first, has_room, on_rows)
        is_read_to_the_end = True
        with driver_errors():
            result.close()
        stored = {
            encoder.column.name: StoredColumn(
                encoder.column.name,
                encoder.name,
                encoder.declaration,
                encoder.codec or OPAQUE,
                encoder.column.description or item[1:7],
            )
            for encoder, item in zip(encoders, description, strict=True)
        }
        number = None if moment is None else moment.number
        seal = partial(writer.seal, stored, wanted_indexes(schema), read_at, number)
        if connection.origin.is_async and size >= ALONGSIDE_BYTES:
            # Indexes take longer than a batch, and everybody else in the loop would wait for them.
            alongside.begin(seal)
            generation: Generation = alongside.end()
        else:
            generation = seal()
        alongside.stop()
    except BaseException as error:
        alongside.stop()
        if writer is not None:
            writer.abandon()
        if not is_read_to_the_end:
            is_lost = not connection.is_usable
            connection.give_up(result)
            if not connection.is_usable:
                _forget(result, connection.origin.dialect.driver)
            if is_lost and isinstance(error, Exception):
                raise ConnectionLost(error) from None
        raise
    if not has_room(generation.bytes):
        store.retire(generation)
        raise TooLarge(generation.bytes)
    return Filled(generation, tuple(encoder.column.name for encoder in encoders if encoder.went_opaque))


@dataclass(frozen=True, slots=True)
class _Way:
    """From a result into a generation. What is read and written is the values of some rows, row after row.

    Attributes:
        pace: around what is written, `fetching` around a fetch.
        alongside: by whom it is written beside the fetch; None for nobody.
    """

    result: Any
    writer: Writer
    encoders: Sequence[Encoder]
    pace: Unpaced
    fetching: Unpaced
    alongside: Alongside | None

    def fetched(self, size: int) -> list[Any]:
        """Of the next rows."""
        rows = _fetched(self.result, size)
        # In one list, of which a column is each so manieth value: a tuple per column or row would cost as
        # much as encoding them.
        values: list[Any] = []
        for row in rows:
            values += row
        if len(values) != len(self.encoders) * len(rows):
            raise ValueError("a row of another width than the statement's")
        return values

    def write(self, values: list[Any]) -> tuple[int, int]:
        """Returns: the rows and the bytes so far."""
        _insert(self.writer, self.encoders, values)
        return self.writer.rows, self.writer.bytes


def _copy(
    way: _Way, values: list[Any], has_room: Callable[[int], bool], on_rows: Callable[[int], None] | None
) -> int:
    """The values of these first rows and of all others of a result. Returns the bytes that they take."""
    written, size = 0, 0

    def look(progress: tuple[int, int]) -> None:
        nonlocal written, size
        written, size = progress
        if not has_room(size):
            raise TooLarge(size)
        if on_rows is not None:
            on_rows(written)

    def look_at(alongside: Alongside) -> None:
        progress, worked = alongside.end()
        way.pace.give_way(worked)
        look(progress)

    alongside = way.alongside
    while values:
        work = partial(way.write, values)
        # Who works on them lets go of them as soon as they are written.
        values = []
        # Beside somebody who hits, a second thread of ours would be one more in the way.
        if alongside is not None and size >= ALONGSIDE_BYTES and way.pace.is_alone:
            alongside.begin(partial(way.pace.counted, work))
            del work
            if alongside.begun > AHEAD:
                look_at(alongside)
            values = way.fetched(_batch(written, size))
        else:
            while alongside is not None and alongside.begun:
                look_at(alongside)
            with way.pace:
                progress = work()
            del work
            look(progress)
            with way.fetching:
                values = way.fetched(_batch(written, size))
    while alongside is not None and alongside.begun:
        look_at(alongside)
    return size


def _apart_from_ranks(
    connection: OriginConnection, schema: TableSchema, columns: Sequence[Column]
) -> str | None:
    """MariaDB's statement for expressions beside ranks; None if the usual one will do.

    Ranks are made in a temporary table, and an expression that is put into it may be cut: to the type that
    its function says (ORD), to what the session's mode takes for a date. So only the table's own columns
    and the ranks go into it, and the expressions are computed of what comes out.
    """
    computed = [column for column in columns if column.expression is not None]
    ranks = [column for column in computed if column.rank_of is not None]
    if connection.origin.family != "mysql" or not ranks or len(ranks) == len(computed):
        return None
    texts = {column.name: connection.expression_text(column.expression or "") for column in computed}
    own = {column.name for column in columns if column.expression is None}
    told = " ".join(texts[column.name] for column in computed if column.rank_of is None).lower()
    own.update(column.name for column in schema.columns if column.name.lower() in told)
    aliases = {rank.name: f"sqlmem_rank_{number}" for number, rank in enumerate(ranks)}
    inner = [connection.column_text(column.name) for column in schema.columns if column.name in own]
    inner += [f"{texts[name]} AS {alias}" for name, alias in aliases.items()]
    outer = ", ".join(
        aliases.get(column.name)
        or (texts[column.name] if column.name in texts else connection.column_text(column.name))
        for column in columns
    )
    table = connection.table_text(schema.name)
    return f"SELECT {outer} FROM (SELECT {', '.join(inner)} FROM {table}) AS sqlmem_rows"


def is_readable(connection: OriginConnection, schema: TableSchema, name: str) -> bool:
    """Whether the driver can give all values of one column or expression; they aren't kept.

    Raises:
        ConnectionLost: nothing can be said of it.
    """
    column = schema.by_name[name]
    text = (
        connection.column_text(name)
        if column.expression is None
        else connection.expression_text(column.expression)
    )
    result: Any = None
    try:
        with driver_errors():
            result = connection.execute(f"SELECT {text} FROM {connection.table_text(schema.name)}", ())
            while result.fetchmany(BATCH):
                pass
    except Exception as error:  # noqa: BLE001 - whatever the driver raises: its values can't be read
        if not connection.is_usable:
            raise ConnectionLost(error) from None
        connection.recover()
        return False
    finally:
        if result is not None:
            with contextlib.suppress(Exception):
                result.close()
    return True


def _forget(result: Any, driver: str) -> None:
    """Keep the drivers from complaining, when they are collected, of what the closed connection left."""
    with contextlib.suppress(Exception):
        if driver == "psycopg":
            result.close()  # on a closed connection it sends nothing
        elif driver == "pymysql":
            result.cursor._result.unbuffered_active = False  # noqa: SLF001 - nothing public stops it


def _batch(rows: int, size: int) -> int:
    """How many rows to ask for next, after so many of so many bytes."""
    if rows < FIRST_BATCH:
        return FIRST_BATCH
    return max(1, min(BATCH, BATCH_BYTES * rows // size))


def _fetched(result: Any, size: int) -> Sequence[Any]:
    """The next rows, as the driver gives them: SQLAlchemy's own would be taken apart again.

    The first that SQLAlchemy has read already are for a call of their own, of one row.
    """
    cursor, strategy = result.cursor, result.cursor_strategy
    if cursor is None:
        return ()  # SQLAlchemy has met the end, and closed it
    with driver_errors():
        if size == 1 or not is_read_by_cursor(result):
            rows: Sequence[Any] = strategy.fetchmany(result, cursor, size)
            return rows
        try:
            return cursor.fetchmany(size)  # type: ignore[no-any-return]
        except BaseException as error:
            strategy.handle_exception(result, cursor, error)
            raise


def _described(result: Any) -> Any:
    description = result.cursor.description if result.cursor is not None else None
    if description is None:
        # A server-side cursor may learn it with its first rows only.
        description = [(key, None, None, None, None, None, None) for key in tuple(result.keys())]
    return description


def _insert(writer: Writer, encoders: Sequence[Encoder], values: list[Any]) -> None:
    width = len(encoders)
    for number, encoder in enumerate(encoders):
        column = values[number::width]
        encoded = encoder.encode(writer, column)
        if encoded is not column:
            values[number::width] = encoded
    try:
        writer.insert(values)
    except (OverflowError, sqlite3.Error, UnicodeEncodeError) as error:
        # Which column it was isn't told; none of them is exact any more.
        raise Uncacheable(
            encoders[0].column.name, f"SQLite can't hold a value ({type(error).__name__})"
        ) from None


def _row_id(schema: TableSchema, columns: Sequence[str], names: dict[str, str]) -> str | None:
    """The stored column that can be the row id: a primary key of one whole-number column."""
    for index in schema.indexes:
        if index.is_primary_key and len(index.columns) == 1 and index.columns[0] in columns:
            column = schema.by_name[index.columns[0]]
            if column.kind is Kind.INTEGER or (
                column.kind is Kind.DYNAMIC and column.type_name.upper() == "INTEGER"
            ):
                return names[column.name]
    return None


__all__ = ["Filled", "Moment", "TableName", "TooLarge", "Uncacheable", "fill"]
