"""Generations and snapshots without an engine: tables made by hand, as a fill would make them."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import itertools
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlmem.store as store_module
import sqlmem.writing as writing_module
from sqlmem.clock import Clock
from sqlmem.codecs import codec_by_name
from sqlmem.dialects import Facts
from sqlmem.model import Collation, Column, Index, Kind, TableName, TableSchema
from sqlmem.snapshot import Held, Owner
from sqlmem.snapshot_file import MARK, PAGE_BYTES
from sqlmem.store import Generation, Store, StoredColumn
from sqlmem.stored import declaration
from sqlmem.writing import Writer

OWNER = Owner("f" * 64, "postgresql+psycopg://user@host:5432/shop?", "postgresql", "psycopg")
OTHER = Owner("e" * 64, "postgresql+psycopg://user@elsewhere:5432/shop?", "postgresql", "psycopg")
FACTS = Facts(driver="psycopg", overridden=frozenset({"lower", "abs"}))

ORDERS = TableSchema(
    TableName("public", "orders"),
    (
        Column("id", Kind.INTEGER, "bigint", nullable=False),
        Column("name", Kind.TEXT, "text", collation=Collation.BINARY),
        Column("price", Kind.NUMERIC, "numeric(10,2)", precision=10, scale=2),
        Column("at", Kind.TIMESTAMP, "timestamp"),
        Column("is_paid", Kind.BOOLEAN, "boolean"),
        Column("weight", Kind.FLOAT, "double precision"),
        Column("photo", Kind.BYTES, "bytea"),
        Column("extra", Kind.OPAQUE, "int4range"),
        Column("unread", Kind.TEXT, "text"),
    ),
    (Index(("id",), is_primary_key=True, is_unique=True), Index(("name", "at"))),
    depends_on=frozenset({TableName("public", "lines"), TableName(None, "a")}),
)
ORDER_CODECS = ("integer", "text", "numeric:10:2", "timestamp", "boolean", "float", "bytes", "opaque")
ORDER_TYPES = (20, 25, 1700, 1114, 16, 701, 17, 3904)

NOTES = TableSchema(
    TableName(None, "Notes"),
    (
        Column("rowid", Kind.DYNAMIC, "TEXT", affinity="TEXT", collation=Collation.NOCASE),
        Column("Value", Kind.DYNAMIC, "", affinity="BLOB", collation=Collation.BINARY),
    ),
)


@contextlib.contextmanager
def closing_stores() -> Iterator[None]:
    """Close every store connection that is made meanwhile: Python 3.13 warns of those that aren't."""
    made = []
    plain = store_module.open_database

    def recording(uri: str) -> sqlite3.Connection:
        made.append(plain(uri))
        return made[-1]

    store_module.open_database = writing_module.open_database = recording
    try:
        yield
    finally:
        store_module.open_database = writing_module.open_database = plain
        for connection in made:
            connection.close()


def order_row(number: int) -> tuple[Any, ...]:
    return (
        number,
        f"name {number} é",
        Decimal(number).scaleb(-2),
        dt.datetime(2024, 1, 1) + dt.timedelta(seconds=number, microseconds=number),
        None if number % 7 == 0 else number % 2 == 0,
        number * 0.25,
        bytes([number % 256, 0]),
        [number, Decimal("1.50"), None],
    )


def encoded(codecs: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    encoders: list[Callable[[Any], Any]] = [codec_by_name(c).encode or (lambda value: value) for c in codecs]
    return [
        tuple(None if v is None else encode(v) for encode, v in zip(encoders, row, strict=True))
        for row in rows
    ]


def orders(store: Store, clock: Clock, numbers: Sequence[int]) -> Held:
    """Eight of the nine columns of orders."""
    names = [column.name for column in ORDERS.columns[:8]]
    declared = {name: declaration(ORDERS.by_name[name]) for name in names}
    writer = Writer(store, ORDERS.name, list(declared.items()), "id")
    for start in range(0, len(numbers), 2_000):
        rows = [order_row(number) for number in numbers[start : start + 2_000]]
        writer.insert(list(itertools.chain.from_iterable(encoded(ORDER_CODECS, rows))))
    stored = {
        name: StoredColumn(
            name, name, declared[name], codec_by_name(codec), (code, None, 8, None, None, True)
        )
        for name, codec, code in zip(names, ORDER_CODECS, ORDER_TYPES, strict=True)
    }
    generation = writer.seal(stored, ORDERS.indexes, clock.monotonic())
    return Held(ORDERS, generation, ((None, "orders"), ("public", "orders")))


def notes(store: Store, clock: Clock) -> Held:
    """A table of an SQLite origin, with a column that hides the row id."""
    writer = Writer(store, NOTES.name, [("rowid", "TEXT COLLATE NOCASE"), ("Value", "BLOB")], None)
    writer.insert(["b", 1, "a", "1", "c", 1.0, "", b"1", "z", None, "y", 2**63 - 1])
    stored = {
        "rowid": StoredColumn(
            "rowid", "rowid", "TEXT COLLATE NOCASE", codec_by_name("dynamic:TEXT"), (None,) * 6
        ),
        "Value": StoredColumn("Value", "Value", "BLOB", codec_by_name("dynamic:BLOB"), (None,) * 6),
    }
    return Held(NOTES, writer.seal(stored, (), clock.monotonic()))


def stored_rows(store: Store, generation: Generation) -> list[tuple[Any, ...]]:
    """The rows as stored, with their types, in the order of the row ids."""
    names = ", ".join(f'main.data."{c.stored_name}"' for c in generation.columns.values())
    types = ", ".join(f'typeof(main.data."{c.stored_name}")' for c in generation.columns.values())
    return store.query((generation,), f"SELECT {names}, {types} FROM main.data", ())


def values(store: Store, held: Held) -> list[tuple[Any, ...]]:
    """The rows as a caller gets them."""
    decoders = [column.codec.decode or (lambda value: value) for column in held.generation.columns.values()]
    return [
        tuple(None if v is None else decode(v) for decode, v in zip(decoders, row, strict=False))
        for row in stored_rows(store, held.generation)
    ]


def images(path: Path) -> dict[str, Path]:
    """A snapshot's tables, by their names as people read them, and their images."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT name, image FROM sqlmem_tables ORDER BY position").fetchall()
    finally:
        connection.close()
    return {name: path.with_name(f"{path.name}.tables") / image for name, image in rows}


def files(path: Path) -> set[str]:
    """What is in a snapshot's folder and in the folder of its images, but for the lock files."""
    folder = path.parent
    return {
        str(each.relative_to(folder))
        for each in folder.rglob("*")
        if each.is_file() and not each.name.endswith("lock")
    }


def edit(path: Path, *statements: str | tuple[str, Sequence[Any]]) -> None:
    """Change a manifest or an image, as somebody who knows the form; `reseal` makes it pass for whole."""
    connection = sqlite3.connect(path)
    try:
        for statement in statements:
            text, arguments = (statement, ()) if isinstance(statement, str) else statement
            connection.execute(text, arguments)
        connection.commit()
    finally:
        connection.close()


def reseal_images(path: Path) -> None:
    """Enter size and digest of the images that are there now, and reseal the manifest."""
    for name, image in images(path).items():
        data = image.read_bytes()
        arguments = (len(data), hashlib.sha256(data).hexdigest(), name)
        edit(path, ("UPDATE sqlmem_tables SET image_bytes = ?, image_sha256 = ? WHERE name = ?", arguments))
    reseal(path)


def reseal(path: Path) -> None:
    """Enter the digest of what is in the manifest now."""
    data = bytearray(path.read_bytes())
    place = data.index(MARK, PAGE_BYTES, 2 * PAGE_BYTES) + len(MARK)
    data[place : place + 64] = b"0" * 64
    data[place : place + 64] = hashlib.sha256(data).hexdigest().encode()
    path.write_bytes(data)
