"""The kept answers of a snapshot: written beside the tables, and read as strictly as they are.

What an answer reads need not be in the file itself, since it may be a table that isn't cached; then its
definition is, so that it can be compared with the origin's before the answer is given again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlmem.clock import Clock
from sqlmem.codecs import Unrepresentable
from sqlmem.codecs.opaque import pack, unpack
from sqlmem.exactness import UNCHANGING
from sqlmem.model import TableName
from sqlmem.results import weigh
from sqlmem.snapshot_file import Broken
from sqlmem.snapshot_form import LONGEST_TEXT, DefinitionText, HeldResult, ResultText
from sqlmem.snapshot_text import from_text, to_text
from sqlmem.store import Store

_MOST_RESULTS = 1_000_000


@dataclass(frozen=True, slots=True)
class HeldResults:
    """All of them.

    Attributes:
        definitions: of the tables that they read.
        results: in the order in which they should be loaded, as far as there is room.
    """

    definitions: tuple[DefinitionText, ...] = ()
    results: tuple[HeldResult, ...] = ()


NO_RESULTS = HeldResults()


def write_results(
    connection: sqlite3.Connection,
    store: Store,
    held: HeldResults,
    written: frozenset[TableName],
    clock: Clock,
) -> None:
    """Into a snapshot's file.

    Args:
        written: the tables whose rows, and so definitions, are in it.

    Raises:
        sqlite3.Error: mostly no space.
    """
    execute = connection.execute
    needed: set[TableName] = set()
    with store.activity():
        execute("BEGIN")
    for each in held.results:
        try:
            definition, answer = to_text(each.text), pack(list(each.rows))
        except (Unrepresentable, ValueError):
            continue  # a type code that is an object of the driver's
        if max(len(definition), len(answer)) >= LONGEST_TEXT:
            continue
        read_at = clock.wall() - max(0.0, clock.monotonic() - each.read_at)
        with store.activity():
            execute(
                "INSERT INTO sqlmem_results (read_at, definition, answer) VALUES (?, ?, ?)",
                (read_at, definition, answer),
            )
        needed.update(each.text.tables)
    with store.activity():
        for text in held.definitions:
            if text.schema.name in needed and text.schema.name not in written:
                execute("INSERT INTO sqlmem_definitions VALUES (?)", (to_text(text),))
        execute("COMMIT")


def read_definitions(
    connection: sqlite3.Connection, tables: frozenset[TableName]
) -> tuple[DefinitionText, ...]:
    """Of a file whose digest is right, and which may have been made by anybody.

    Args:
        tables: those that are in the file themselves.

    Raises:
        Broken: they aren't of the form that `write_results` gives them.
    """
    found: dict[TableName, DefinitionText] = {}
    for (definition,) in connection.execute(
        "SELECT substr(definition, 1, ?) FROM sqlmem_definitions", (LONGEST_TEXT,)
    ):
        text = from_text(DefinitionText, _text(definition))
        name = text.schema.name
        names = [column.name for column in text.schema.columns]
        if name in found or name in tables or len(set(names)) != len(names) or text.schema.expressions:
            raise Broken("it defines a table wrongly")
        if any(column.expression is not None for column in text.schema.columns):
            raise Broken("it has a text to be sent to the origin")
        found[name] = text
    return tuple(found.values())


def read_results(
    connection: sqlite3.Connection, known: frozenset[TableName], *, max_bytes: int
) -> Iterator[tuple[ResultText, float, list[tuple[Any, ...]]]]:
    """Likewise: what an answer is, when it was read by the wall clock, and its rows.

    Args:
        known: the tables of which there is a definition; others' answers are left out.
        max_bytes: of all of them; what goes beyond is left out.

    Raises:
        Broken: as `read_definitions`.
    """
    room = max_bytes
    seen = set()
    for read_at, definition, answer in connection.execute(
        "SELECT read_at, substr(definition, 1, ?), substr(answer, 1, ?) FROM sqlmem_results"
        " ORDER BY position LIMIT ?",
        (LONGEST_TEXT, LONGEST_TEXT, _MOST_RESULTS),
    ):
        text = from_text(ResultText, _text(definition))
        key = (text.statement, text.has_parameters, text.parameters)
        if key in seen or type(read_at) is not float or not -1e18 < read_at < 1e18:
            raise Broken("it lists an answer wrongly")
        seen.add(key)
        rows = _rows(text, _text(answer))
        if not text.tables or not known.issuperset(text.tables):
            continue
        size = weigh(rows, at_most=room)
        if size is None:
            return
        room -= size
        yield text, read_at, rows


def _rows(text: ResultText, answer: str) -> list[tuple[Any, ...]]:
    width = len(text.description)
    if not width or any(len(column) != 7 or type(column[0]) is not str for column in text.description):
        raise Broken("it describes an answer wrongly")
    if any(not 0 <= number < width for number in text.packed):
        raise Broken("it lists an answer wrongly")
    rows: list[tuple[Any, ...]] = []
    try:
        rows = unpack(answer)
        fits = type(rows) is list and all(
            type(row) is tuple and len(row) == width and all(type(value) in UNCHANGING for value in row)
            for row in rows
        )
        for row in rows if fits else ():
            for number in text.packed:
                if row[number] is not None:
                    unpack(row[number])
    except Exception:  # noqa: BLE001 - whatever reading it raises: it isn't what `pack` wrote
        fits = False
    if not fits:
        raise Broken("it has an answer whose rows aren't rows")
    return rows


def _text(value: Any) -> str:
    if type(value) is not str or len(value) >= LONGEST_TEXT:
        raise Broken("it has something else where a text should be")
    return value


__all__ = [
    "NO_RESULTS",
    "HeldResults",
    "read_definitions",
    "read_results",
    "write_results",
]
