"""Invariant: who asks the store gets an answer, or hears that what it asks is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sqlmem.codecs import codec_by_name
from sqlmem.model import Index, TableName
from sqlmem.store import Generation, Retired, Store, StoredColumn
from sqlmem.writing import Writer, bound

SQL = "SELECT t.a FROM main.data AS t WHERE t.a = ?"


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.abandon()


@pytest.fixture
def generation(store: Store) -> Generation:
    codec = codec_by_name("integer")
    assert codec is not None
    writer = Writer(store, TableName(None, "t"), [("a", "")], None)
    writer.insert([1, 2])
    column = StoredColumn("a", "a", "", codec, (None,) * 6)
    return writer.seal({"a": column}, [], 0.0)


def test_a_lane_of_what_is_gone_says_so(store: Store, generation: Generation) -> None:
    """One that was taken before, and one that is asked for now; and nothing stays open."""
    lane = store.lane((generation,))
    assert lane.rows(SQL, (1,)) == [(1,)]
    store.retire(generation)
    with pytest.raises(Retired):
        lane.rows(SQL, (1,))
    with pytest.raises(Retired):
        store.lane((generation,))
    assert not lane.idle


def test_values_are_stored_as_they_were_before_they_were_bound(store: Store) -> None:
    """NULL is no number, and bytes are bytes, under any affinity."""
    values = [None, b"", b"a\0b", 1, 1.5, "1", ""]
    columns = [(name, name) for name in ("BLOB", "TEXT", "REAL", "INTEGER", "NUMERIC")]
    writer = Writer(store, TableName(None, "t"), [("n", ""), *columns], None)
    for value in values:
        writer.insert(bound([value] * 6))
        writer.insert([value] * 6)
    codec = codec_by_name("dynamic:BLOB")
    names = ["n", *(name for name, _ in columns)]
    stored = {name: StoredColumn(name, name, "", codec, (None,) * 6) for name in names}
    generation = writer.seal(stored, [], 0.0)

    kinds = ", ".join(f'quote(t."{name}"), typeof(t."{name}")' for name in names)
    rows = store.query((generation,), f"SELECT {kinds} FROM main.data AS t ORDER BY t.rowid", ())

    assert rows[::2] == rows[1::2]
    assert rows[0] == ("NULL", "null") * 6


def filled(store: Store, values: list[int]) -> Generation:
    codec = codec_by_name("integer")
    assert codec is not None
    writer = Writer(store, TableName(None, "t"), [("a", "")], None)
    if values:
        writer.insert(values)
    column = StoredColumn("a", "a", "", codec, (None,) * 6)
    return writer.seal({"a": column}, [Index(("a",), is_primary_key=False, is_unique=False)], 0.0)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], 0),
        ([7], 1),
        (list(range(5_000)), 1),
        ([number % 500 for number in range(5_000)], 10),
        ([number // 4_000 for number in range(5_000)], 1_001),
    ],
)
def test_how_many_rows_a_value_has_is_found_by_samples(store: Store, values: list[int], found: int) -> None:
    """Once, and no more than are asked for."""
    generation = filled(store, values)
    assert store.most_rows_of_a_value(generation, "a", 1_000) == found
    if values:
        assert generation.samples == {"a": found}
