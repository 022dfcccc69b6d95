"""Damaged, foreign and forged snapshots: always a clean start, never a wrong row.

Two kinds. Damage leaves the digest as it was, and any of it costs the whole file. A forgery
comes with a digest that is right, made by somebody who knows the form: it may bring whatever
rows it likes, as its maker could to the origin's own file, but only of the types, of the
tables and under the definitions that the program would have written, and it never runs anything.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import struct

import pytest
from support.clock import ManualClock
from support.held import (
    FACTS,
    ORDERS,
    OWNER,
    closing_stores,
    edit,
    notes,
    order_row,
    orders,
    reseal,
    stored_rows,
    values,
)

from sqlmem import snapshot
from sqlmem.store import Store

ROWS = 400
PAGE = 4096


@pytest.fixture(autouse=True)
def _closed():
    with closing_stores():
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a good snapshot, and the rows that it holds."""
    path = tmp_path_factory.mktemp("whole") / "cache.db"
    with closing_stores():
        store, clock = Store(), ManualClock()
        held = [orders(store, clock, range(ROWS)), notes(store, clock)]
        snapshot.write(path, store, owner=OWNER, facts=FACTS, held=held, clock=clock)
        return path.read_bytes(), {each.schema: stored_rows(store, each.generation) for each in held}


def start(path):
    """Load as an engine does, and everything that a program could then do with it."""
    store = Store()
    loaded = snapshot.load(path, store, owner=OWNER, clock=ManualClock())
    if not isinstance(loaded, snapshot.Loaded):
        return {}
    found = {held.schema: stored_rows(store, held.generation) for held in loaded.tables}
    for held in loaded.tables:
        values(store, held)
        store.retire(held.generation)
    return found


def assert_clean(path, data, rows):
    """Nothing, or some of the tables, each exactly as it was."""
    path.write_bytes(data)
    found = start(path)
    assert found.items() <= rows.items()
    return found


def test_the_whole_one_is_loaded(tmp_path, whole):
    """The measure of the tests below: untouched, everything comes back."""
    data, rows = whole

    assert assert_clean(tmp_path / "cache.db", data, rows) == rows


def test_two_hundred_truncations(tmp_path, whole):
    """At each page's edges, and anywhere between: nothing is used."""
    data, rows = whole
    generator = random.Random(1)
    edges = [edge + shift for edge in range(0, len(data), PAGE) for shift in (-1, 0, 1)]
    lengths = {length for length in edges if 0 <= length < len(data)}
    while len(lengths) < 200:
        lengths.add(generator.randrange(len(data)))

    for length in sorted(lengths):
        assert assert_clean(tmp_path / "cache.db", data[:length], rows) == {}, length


def test_three_hundred_flipped_bits(tmp_path, whole):
    """Each bit of the first hundred bytes' most telling ones, and any other: nothing is used."""
    data, rows = whole
    generator = random.Random(2)
    places = [
        (place, bit) for place in (0, 16, 18, 20, 21, 28, 31, 40, 44, 56, 60, 68, 96, 99) for bit in range(8)
    ]
    while len(places) < 300:
        places.append((generator.randrange(len(data)), generator.randrange(8)))

    for place, bit in places:
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        assert assert_clean(tmp_path / "cache.db", changed, rows) == {}, (place, bit)


def test_pages_zeroed_swapped_repeated_and_garbage_appended(tmp_path, whole):
    """What a disk or a broken copy does: nothing is used."""
    data, rows = whole
    pages = [data[at : at + PAGE] for at in range(0, len(data), PAGE)]
    variants = [data + b"\0" * PAGE, data + b"x", data + data[-PAGE:], data + data, data[PAGE:], data[::-1]]
    for number in range(len(pages)):
        following = (number + 1) % len(pages)
        swapped, zeroed, repeated = list(pages), list(pages), list(pages)
        swapped[number], swapped[following] = pages[following], pages[number]
        zeroed[number] = b"\0" * PAGE
        repeated[number] = pages[following]
        # Two tables without rows have pages that are the same.
        made = [b"".join(each) for each in (swapped, zeroed, repeated)]
        variants += [each for each in made if each != data]

    for number, variant in enumerate(variants):
        assert assert_clean(tmp_path / "cache.db", variant, rows) == {}, number


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0" * 3 * PAGE,
        b"SQLite format 3\0",
        b"SQLite format 3\0" + b"\xff" * PAGE,
        b"{}",
        b"\x80\x04K\x01.",
    ],
    ids=range(7),
)
def test_what_was_never_a_snapshot(tmp_path, whole, data):
    """Empty, zeros, half a header, JSON, a pickle."""
    assert assert_clean(tmp_path / "cache.db", data, whole[1]) == {}


# -- forgeries -------------------------------------------------------------------------------


def forged(path, data, *statements):
    path.write_bytes(data)
    edit(path, *statements)
    reseal(path)


CANARY = "SELECT load_extension('x')"

FORGERIES = {
    "no version": ["PRAGMA user_version=0"],
    "later version": ["PRAGMA user_version=99"],
    "other fingerprint": ["UPDATE sqlmem_snapshot SET fingerprint = 'abc'"],
    "other identity": ["UPDATE sqlmem_snapshot SET identity = 'abc'"],
    "other dialect": ["UPDATE sqlmem_snapshot SET dialect = 'mysql'"],
    "other driver": ["UPDATE sqlmem_snapshot SET driver = NULL"],
    "blob for a text": ["UPDATE sqlmem_snapshot SET identity = x'ff'"],
    "text that isn't UTF-8": ["UPDATE sqlmem_snapshot SET facts = CAST(x'ff80' AS TEXT)"],
    "nobody's": ["DELETE FROM sqlmem_snapshot"],
    "two owners": ["INSERT INTO sqlmem_snapshot SELECT * FROM sqlmem_snapshot"],
    "facts as a number": ["UPDATE sqlmem_snapshot SET facts = 1"],
    "facts of another form": ["UPDATE sqlmem_snapshot SET facts = '{}'"],
    "facts nested deep": ["UPDATE sqlmem_snapshot SET facts = replace(hex(zeroblob(100000)), '0', '[')"],
    "written never": ["UPDATE sqlmem_snapshot SET written_at = NULL"],
    "written at infinity": ["UPDATE sqlmem_snapshot SET written_at = 9e999"],
    "filled at infinity": ["UPDATE sqlmem_tables SET filled_at = -9e999"],
    "filled never": ["UPDATE sqlmem_tables SET filled_at = NULL"],
    "filled at a text": ["UPDATE sqlmem_tables SET filled_at = 'noon'"],
    "filled at NaN": [("UPDATE sqlmem_tables SET filled_at = ?", (float("nan"),))],
    "fewer rows": ["DELETE FROM \"public.orders\" WHERE id = 7"],
    "more rows": ["INSERT INTO \"public.orders\" (id) VALUES (-1)"],
    "row count a text": ["UPDATE sqlmem_tables SET row_count = 'many'"],
    "row count negative": ["UPDATE sqlmem_tables SET row_count = -1"],
    "named like another": ["UPDATE sqlmem_tables SET stored_as = 'Notes'"],
    "named like one of ours": ["UPDATE sqlmem_tables SET stored_as = 'sqlmem_digest'"],
    "named by a blob": ["UPDATE sqlmem_tables SET stored_as = x'00'"],
    "named by injection": ["UPDATE sqlmem_tables SET stored_as = 'Notes\"; DROP TABLE x; --'"],
    "listed twice": [
        """INSERT INTO sqlmem_tables (stored_as, filled_at, row_count, definition)
        SELECT stored_as, filled_at, row_count, definition FROM sqlmem_tables"""
    ],
    "not listed": ["DELETE FROM sqlmem_tables WHERE stored_as = 'Notes'"],
    "table missing": ["DROP TABLE Notes"],
    "a view": [f"CREATE VIEW v AS {CANARY}"],
    "a view for a table": ["ALTER TABLE Notes RENAME TO n2", 'CREATE VIEW Notes AS SELECT * FROM n2'],
    "a trigger": [f"CREATE TRIGGER t AFTER INSERT ON Notes BEGIN {CANARY}; END"],
    "an index": ["CREATE INDEX i ON Notes (Value)"],
    "an index on an expression": ["CREATE INDEX i ON Notes (upper(Value))"],
    "another table": ["CREATE TABLE more (x)"],
    "a virtual table": ["CREATE VIRTUAL TABLE f USING fts5(x)"],
    "a sequence": ["CREATE TABLE s (i INTEGER PRIMARY KEY AUTOINCREMENT)"],
    "statistics": ["ANALYZE"],
    "a column more": ["ALTER TABLE Notes ADD COLUMN more"],
    "a column less": ["ALTER TABLE Notes DROP COLUMN Value"],
    "a default": ["ALTER TABLE Notes ADD COLUMN more DEFAULT 7"],
    "a generated column": ["ALTER TABLE Notes ADD COLUMN more AS (upper(Value))"],
    "no digest table": ["ALTER TABLE sqlmem_digest RENAME TO digest"],
    "a column of the lists more": ["ALTER TABLE sqlmem_tables ADD COLUMN more"],
    **{
        f"{column} holds {value}": [f'UPDATE "public.orders" SET "{column}" = {value} WHERE id = 5']
        for column, value in [
            ("name", "x'ff'"), ("name", "7"), ("price", "1.5"), ("price", "'1.50'"), ("at", "7"),
            ("is_paid", "'yes'"), ("weight", "1"), ("weight", "'1'"), ("photo", "'text'"), ("extra", "1"),
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_discarded(tmp_path, whole, name):
    """With a digest that is right: the file, or the table, is left out."""
    data, _ = whole
    path = tmp_path / "cache.db"

    try:
        forged(path, data, *FORGERIES[name])
    except sqlite3.OperationalError as error:
        pytest.skip(f"this SQLite can't make it ({error})")

    assert start(path) == {}
    assert "x" not in {entry.name for entry in tmp_path.iterdir()}


def definition_of(data, tmp_path):
    path = tmp_path / "read.db"
    path.write_bytes(data)
    connection = sqlite3.connect(path)
    text = connection.execute(
        "SELECT definition FROM sqlmem_tables WHERE stored_as = 'public.orders'"
    ).fetchone()[0]
    connection.close()
    return text


def mutations(node, path=()):
    """Every place of the JSON, and what may stand there instead."""
    if isinstance(node, dict):
        yield path, {}
        yield path, {**node, "more": 1}
        for key in node:
            yield path, {other: value for other, value in node.items() if other != key}
            yield from mutations(node[key], (*path, key))
    elif isinstance(node, list):
        yield path, [*node, {}]
        for index, item in enumerate(node[:2]):
            yield path, [other for number, other in enumerate(node) if number != index]
            yield from mutations(item, (*path, index))
    for junk in (
        None,
        True,
        1,
        1.5,
        "",
        "x",
        [],
        "integer",
        "opaque",
        "numeric:0:0",
        "numeric:5000:2",
        -(2**70),
    ):
        yield path, junk


def replaced(node, path, value):
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = replaced(node[path[0]], path[1:], value)
    return copy


def test_every_place_of_a_definition_with_junk_in_it(tmp_path, whole):
    """Types, codecs, keys, descriptions, names: what is used anyway has its definition's rows."""
    data, rows = whole
    path = tmp_path / "cache.db"
    whole_text = definition_of(data, tmp_path)
    tree = json.loads(whole_text)
    texts = {
        json.dumps(replaced(tree, *each), ensure_ascii=False, separators=(",", ":"))
        for each in mutations(tree)
    }
    texts |= {
        whole_text[: len(whole_text) // 2],
        whole_text + " ",
        whole_text.replace(":2", ":NaN", 1),
        "[" * 100_000,
    }
    texts.discard(whole_text)
    right = dict(
        zip([c.name for c in ORDERS.columns[:8]], zip(*map(order_row, range(ROWS)), strict=True), strict=True)
    )

    used = 0
    for text in sorted(texts):
        forged(
            path, data, ("UPDATE sqlmem_tables SET definition = ? WHERE stored_as = 'public.orders'", (text,))
        )
        store = Store()
        loaded = snapshot.load(path, store, owner=OWNER, clock=ManualClock())
        for held in loaded.tables if isinstance(loaded, snapshot.Loaded) else ():
            if held.schema in rows and held.schema != ORDERS:
                assert stored_rows(store, held.generation) == rows[held.schema]
            else:
                # A change that means nothing for the rows: a type's name, a description, another
                # table's. The values are still those that were written, to the type.
                try:
                    found = values(store, held)
                except ValueError:
                    # Text that is said to be opaque: what a codec raises, and whoever decodes
                    # takes for a miss.
                    continue
                used += 1
                for column, now in zip(
                    held.generation.columns.values(), zip(*found, strict=True), strict=True
                ):
                    assert column.name not in right or list(map(repr, now)) == list(
                        map(repr, right[column.name])
                    )

    assert len(texts) >= 500
    assert used < len(texts) / 2


def test_one_flipped_bit_anywhere_under_a_right_digest(tmp_path, whole):
    """Not even a database any more, perhaps: no crash, no error, the right types."""
    data, rows = whole
    generator = random.Random(3)
    path = tmp_path / "cache.db"

    for _ in range(250):
        changed = bytearray(data)
        changed[generator.choice((generator.randrange(len(data)), generator.randrange(PAGE)))] ^= 1 << (
            generator.randrange(8)
        )
        path.write_bytes(changed)
        try:
            reseal(path)
        except ValueError:
            continue
        store = Store()
        loaded = snapshot.load(path, store, owner=OWNER, clock=ManualClock())
        for held in loaded.tables if isinstance(loaded, snapshot.Loaded) else ():
            assert held.schema.name in {schema.name for schema in rows}
            store.retire(held.generation)


def test_a_value_that_is_not_a_number_is_none(tmp_path, whole):
    """NaN written past SQLite's own care: SQLite reads it as NULL, and so does a caller."""
    data, _ = whole
    path = tmp_path / "cache.db"
    right = struct.pack(">d", 399 * 0.25)
    at = data.rindex(right)
    path.write_bytes(data[:at] + struct.pack(">d", float("nan")) + data[at + 8 :])
    reseal(path)

    found = start(path)

    assert [row[5] for row in found[ORDERS]][399] is None


def test_files_beside_a_snapshot_mean_nothing(tmp_path, whole):
    """A journal or a write-ahead log of that name isn't played back."""
    data, rows = whole
    path = tmp_path / "cache.db"
    for suffix in ("-journal", "-wal", "-shm"):
        (tmp_path / f"cache.db{suffix}").write_bytes(os.urandom(2 * PAGE))

    assert assert_clean(path, data, rows) == rows
