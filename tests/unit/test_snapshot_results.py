"""Invariant: kept answers come back from a file as they went in, with their age, and a file that somebody
made otherwise is discarded whole: it never runs code and never gives rows that aren't rows."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.clock import ManualClock
from support.held import closing_stores, edit, notes, orders, reseal

from sqlmem import snapshot
from sqlmem.codecs.opaque import pack
from sqlmem.model import Column, Kind, TableName, TableSchema
from sqlmem.snapshot import Discarded, Loaded, Owner
from sqlmem.snapshot_form import DefinitionText, HeldResult, ResultText
from sqlmem.snapshot_results import HeldResults
from sqlmem.store import Store

OWNER = Owner("f", "postgresql://host/db", "postgresql", "psycopg")
LARGE = TableName("public", "large")
DESCRIPTION = (("n", 20, None, None, None, None, None), ("tags", 1009, None, None, None, None, True))


def answer(number: int, *tables: TableName, rows: list[Any] | None = None, age: float = 0.0) -> HeldResult:
    text = ResultText(
        f"SELECT n, tags FROM x WHERE id = {number}",
        True,
        pack((number,)),
        tables or (LARGE,),
        (("**", "e.1.p"), ("large", "f.1.p")),
        DESCRIPTION,
        (1,),
    )
    return HeldResult(
        text, 1000.0 - age, rows or [(number, pack(["a", {"b": Decimal("1.50")}])), (None, None)]
    )


DEFINITION = DefinitionText(
    TableSchema(LARGE, (Column("n", Kind.INTEGER, "bigint"),)), ((None, "large"), ("public", "large"))
)


def write(
    path: Path, store: Store, clock: ManualClock, held: HeldResults, tables: list[Any] | None = None
) -> None:
    snapshot.write(path, store, owner=OWNER, facts=None, held=tables or [], clock=clock, results=held)


def load(path: Path, clock: ManualClock, room: int = 1_000_000) -> Loaded | Discarded | None:
    return snapshot.load(path, Store(), owner=OWNER, clock=clock, max_result_bytes=room)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    with closing_stores():
        yield


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


def test_what_was_written_is_loaded(path: Path, store: Store, clock: ManualClock) -> None:
    """Statement, parameters, tokens, rows and age; the definition of a table that isn't there itself."""
    there = orders(store, clock, range(3))
    results = (answer(1, age=5), answer(2, LARGE, there.schema.name))
    known = DefinitionText(there.schema, ())
    write(path, store, clock, HeldResults((DEFINITION, known), results), [there])
    clock.advance(60)
    loaded = load(path, clock)

    assert isinstance(loaded, Loaded)
    assert loaded.results.definitions == (DEFINITION,)
    assert [each.text for each in loaded.results.results] == [each.text for each in results]
    assert [list(each.rows) for each in loaded.results.results] == [list(each.rows) for each in results]
    assert [clock.monotonic() - each.read_at for each in loaded.results.results] == [65.0, 60.0]


def test_a_definition_that_nobody_needs_isnt_written(path: Path, store: Store, clock: ManualClock) -> None:
    """An answer that has no exact form, or is too large, doesn't take one with it."""
    odd = answer(1, rows=[(object(), None)])
    write(path, store, clock, HeldResults((DEFINITION,), (odd,)))
    loaded = load(path, clock)

    assert isinstance(loaded, Loaded)
    assert loaded.results == HeldResults()


def test_they_are_loaded_as_far_as_there_is_room(path: Path, store: Store, clock: ManualClock) -> None:
    """The first ones, which were used last; none where none are kept."""
    write(path, store, clock, HeldResults((DEFINITION,), tuple(answer(number) for number in range(20))))
    loaded = load(path, clock, room=10_000)
    none = load(path, clock, room=0)

    assert isinstance(loaded, Loaded)
    numbers = [each.rows[0][0] for each in loaded.results.results]
    assert numbers == list(range(len(numbers)))
    assert 2 < len(numbers) < 20
    assert isinstance(none, Loaded)
    assert none.results == HeldResults()


_ROWS = "UPDATE sqlmem_results SET answer = ?"
_EXPRESSION = ('"expression":null', '"expression":"f()"')
_DEFINED = "UPDATE sqlmem_results SET definition = replace(definition, ?, ?)"


@pytest.mark.parametrize(
    "forged",
    [
        (_ROWS, ("{}",)),
        (_ROWS, ("[]",)),
        (_ROWS, ('["l"]x',)),
        (_ROWS, ('["l",["l",1,2]]',)),
        (_ROWS, ('["l",["t",1]]',)),
        (_ROWS, ('["l",["t",1,["l"]]]',)),
        (_ROWS, ('["l",["t",1,"{}"]]',)),
        (_ROWS, ('["l",["t",1,"[\\"os.system\\",1]"]]',)),
        (_ROWS, ('["l",["t",["os.system","x"],null]]',)),
        (_ROWS, (b"x",)),
        (_ROWS, (None,)),
        ("UPDATE sqlmem_results SET read_at = 'now'", ()),
        ("UPDATE sqlmem_results SET read_at = 9e999", ()),
        ("UPDATE sqlmem_results SET definition = NULL", ()),
        ("UPDATE sqlmem_results SET definition = '{}'", ()),
        (_DEFINED, ('"packed":[1]', '"packed":[2]')),
        (_DEFINED, ('"packed":[1]', '"packed":[-1]')),
        (_DEFINED, ('"packed":[1]', '"packed":["1"]')),
        (_DEFINED, ('["n",20,', "[7,20,")),
        (_DEFINED, ('"has_parameters":true', '"has_parameters":1')),
        (
            "INSERT INTO sqlmem_results SELECT position + 9, read_at, definition, answer FROM sqlmem_results",
            (),
        ),
        ("UPDATE sqlmem_definitions SET definition = '[]'", ()),
        ("INSERT INTO sqlmem_definitions SELECT definition FROM sqlmem_definitions", ()),
        ("UPDATE sqlmem_definitions SET definition = replace(definition, ?, ?)", _EXPRESSION),
        ("DROP TABLE sqlmem_results", ()),
        ("ALTER TABLE sqlmem_results ADD COLUMN more", ()),
        ("CREATE TRIGGER x AFTER INSERT ON sqlmem_results BEGIN SELECT 1; END", ()),
    ],
)
def test_a_forged_file_is_discarded(path: Path, store: Store, clock: ManualClock, forged: Any) -> None:
    """Each as somebody would make it who knows the form and the digest."""
    write(path, store, clock, HeldResults((DEFINITION,), (answer(1),)), [notes(store, clock)])
    edit(path, forged)
    reseal(path)
    loaded = load(path, clock)

    if isinstance(loaded, Loaded):
        # A text that reads as another of the same form is another answer, as a forged row would be.
        assert forged[0] in (_ROWS, _DEFINED)
        assert not loaded.results.results or loaded.results.results[0].rows == []
    else:
        assert isinstance(loaded, Discarded)


def test_an_answer_over_a_table_without_a_definition_is_left_out(
    path: Path, store: Store, clock: ManualClock
) -> None:
    """What it was made of couldn't be compared with the origin."""
    write(path, store, clock, HeldResults((), (answer(1),)))
    loaded = load(path, clock)

    assert isinstance(loaded, Loaded)
    assert loaded.results.results == ()


def test_damage_anywhere_is_found(path: Path, store: Store, clock: ManualClock) -> None:
    """One byte of each of 200 places of a file with answers; seed 1."""
    write(path, store, clock, HeldResults((DEFINITION,), tuple(answer(number) for number in range(30))))
    whole = path.read_bytes()
    rng = random.Random(1)
    for _ in range(200):
        place = rng.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        with contextlib.suppress(FileNotFoundError):
            assert isinstance(load(path, clock), Discarded), place


def test_moments_and_bytes_come_back(path: Path, store: Store, clock: ManualClock) -> None:
    """Every type that may be shared has its form in the file."""
    row = (dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC), pack([b"\x00"]))
    write(path, store, clock, HeldResults((DEFINITION,), (answer(1, rows=[row]),)))
    loaded = load(path, clock)

    assert isinstance(loaded, Loaded)
    assert loaded.results.results[0].rows == [row]
