"""Damaged, foreign and forged snapshots: always a clean start, never a wrong row.

Two kinds. Damage leaves the digests as they were: of the manifest it costs everything, of an image
its table. A forgery comes with digests that are right, made by somebody who knows the form: it may
bring whatever rows it likes, as its maker could to the origin's own file, but only of the types, of
the tables and under the definitions that the program would have written, and it never runs anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import sqlite3
import struct

import pytest
from support.clock import ManualClock
from support.held import (
    FACTS,
    NOTES,
    ORDERS,
    OWNER,
    closing_stores,
    edit,
    images,
    notes,
    order_row,
    orders,
    reseal,
    reseal_images,
    stored_rows,
    values,
)

from sqlmem import snapshot, snapshot_images
from sqlmem.store import Store

ROWS = 400
PAGE = 4096
NAMES = {"public.orders": ORDERS, "Notes": NOTES}


@pytest.fixture(autouse=True)
def _closed():
    with closing_stores():
        yield


class Whole:
    """A good snapshot: its manifest, its images by the tables' names, and the rows that it holds."""

    def __init__(self, path):
        store, clock = Store(), ManualClock()
        held = [orders(store, clock, range(ROWS)), notes(store, clock)]
        snapshot.write(path, store, owner=OWNER, facts=FACTS, held=held, clock=clock)
        self.rows = {each.schema: stored_rows(store, each.generation) for each in held}
        self.manifest = path.read_bytes()
        self.images = {name: (file.name, file.read_bytes()) for name, file in images(path).items()}

    def put(self, path, manifest=None, **changed):
        """Write it out; some images otherwise, or not at all."""
        folder = path.with_name(f"{path.name}.tables")
        folder.mkdir(exist_ok=True)
        for name, (file, plain) in self.images.items():
            data = changed.get(name, plain)
            if data is None:
                (folder / file).unlink(missing_ok=True)
            else:
                (folder / file).write_bytes(data)
        path.write_bytes(self.manifest if manifest is None else manifest)

    def without(self, *names):
        return {schema: rows for schema, rows in self.rows.items() if schema not in map(NAMES.get, names)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with closing_stores():
        return Whole(tmp_path_factory.mktemp("whole") / "cache.db")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache.db"


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


def damaged(data, generator):
    """Truncations at each page's edges and anywhere between; bits; pages zeroed, swapped, repeated."""
    edges = [edge + shift for edge in range(0, len(data), PAGE) for shift in (-1, 0, 1)]
    lengths = {length for length in edges if 0 <= length < len(data)}
    while len(lengths) < 200:
        lengths.add(generator.randrange(len(data)))
    for length in sorted(lengths):
        yield ("truncated", length), data[:length]
    # Each bit of the first hundred bytes' most telling ones, and any other.
    places = [
        (place, bit) for place in (0, 16, 18, 20, 21, 28, 31, 40, 44, 56, 60, 68, 96, 99) for bit in range(8)
    ]
    while len(places) < 300:
        places.append((generator.randrange(len(data)), generator.randrange(8)))
    for place, bit in places:
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        yield ("flipped", place, bit), bytes(changed)
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
        yield ("pages", number), variant


def test_the_whole_one_is_loaded(path, whole):
    """The measure of the tests below: untouched, everything comes back."""
    whole.put(path)

    assert start(path) == whole.rows


def test_a_damaged_manifest_is_used_for_nothing(path, whole):
    """What a disk or a broken copy does: 200 truncations, 300 flipped bits, pages mixed up."""
    whole.put(path)

    for what, data in damaged(whole.manifest, random.Random(1)):
        path.write_bytes(data)
        assert start(path) == {}, what


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_image_costs_its_table_and_no_other(path, whole, name):
    """The same of an image: nothing of it is used, and the other table is what it was."""
    whole.put(path)
    (file, plain), rest = whole.images[name], whole.without(name)
    image = path.with_name("cache.db.tables") / file

    for what, data in damaged(plain, random.Random(2)):
        image.write_bytes(data)
        assert start(path) == rest, what


@pytest.mark.parametrize("name", NAMES)
def test_an_image_that_is_missing_costs_its_table_and_no_other(path, whole, name):
    """Somebody has cleaned up."""
    whole.put(path, **{name: None})

    assert start(path) == whole.without(name)


def test_images_that_were_swapped_are_used_for_nothing(path, whole):
    """Each is whole, and of another table."""
    one, other = (data for _, data in whole.images.values())
    whole.put(path, **dict(zip(NAMES, (other, one), strict=True)))

    assert start(path) == {}


def test_swapped_images_under_right_digests_are_used_for_nothing(path, whole):
    """The manifest says so too, with sizes and digests; the objects in them say otherwise."""
    one, other = (data for _, data in whole.images.values())
    whole.put(path, **dict(zip(NAMES, (other, one), strict=True)))
    reseal_images(path)

    assert start(path) == {}


def test_an_image_of_an_older_generation_is_used_for_nothing(path, whole):
    """The same table, the same definition, as many rows, whole: but not what the manifest means."""
    whole.put(path)
    image = images(path)["public.orders"]
    edit(image, "UPDATE data SET name = 'older' WHERE id = 1")

    assert start(path) == whole.without("public.orders")


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "link to a folder of images"])
def test_something_else_in_the_place_of_an_image_is_not_followed(path, whole, kind, tmp_path):
    """Nor waited for, if it is a pipe that nobody writes to."""
    whole.put(path)
    image = images(path)["public.orders"]
    moved = tmp_path / "moved"
    match kind:
        case "link":
            image.rename(moved)
            image.symlink_to(moved)
        case "folder":
            image.unlink()
            image.mkdir()
        case "pipe":
            image.unlink()
            os.mkfifo(image)
        case _:
            image.parent.rename(moved)
            image.parent.symlink_to(moved)

    rest = {} if "folder of" in kind else whole.without("public.orders")
    assert start(path) == rest


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
def test_what_was_never_a_snapshot(path, whole, data):
    """Empty, zeros, half a header, JSON, a pickle: as the manifest, and as an image."""
    whole.put(path, data)
    as_manifest = start(path)
    whole.put(path, **{"public.orders": data})
    as_image = start(path)

    assert as_manifest == {}
    assert as_image == whole.without("public.orders")


# -- forgeries -------------------------------------------------------------------------------


CANARY = "SELECT load_extension('x')"
OBJECTS = {
    "a view": [f"CREATE VIEW v AS {CANARY}"],
    "a trigger": [f"CREATE TRIGGER t AFTER INSERT ON {{table}} BEGIN {CANARY}; END"],
    "an index": ["CREATE INDEX i ON {table} ({column})"],
    "an index on an expression": ["CREATE INDEX i ON {table} (upper({column}))"],
    "another table": ["CREATE TABLE more (x)"],
    "a virtual table": ["CREATE VIRTUAL TABLE f USING fts5(x)"],
    "a sequence": ["CREATE TABLE s (i INTEGER PRIMARY KEY AUTOINCREMENT)"],
    "statistics": ["ANALYZE"],
    "a column more": ["ALTER TABLE {table} ADD COLUMN more"],
    "a column less": ["ALTER TABLE {table} DROP COLUMN {column}"],
    "a default": ["ALTER TABLE {table} ADD COLUMN more DEFAULT 7"],
    "a generated column": ["ALTER TABLE {table} ADD COLUMN more AS (upper({column}))"],
    "another name": ["ALTER TABLE {table} RENAME TO n2"],
    "a view for a table": ["ALTER TABLE {table} RENAME TO n2", "CREATE VIEW {table} AS SELECT * FROM n2"],
    "table missing": ["DROP TABLE {table}"],
}


def objects(table, column):
    return {
        name: [text.format(table=table, column=column) for text in texts] for name, texts in OBJECTS.items()
    }


OF_THE_MANIFEST = {
    **objects("sqlmem_definitions", "definition"),
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
    "row count a text": ["UPDATE sqlmem_tables SET row_count = 'many'"],
    "row count negative": ["UPDATE sqlmem_tables SET row_count = -1"],
    "named like another": ["UPDATE sqlmem_tables SET name = 'Notes'"],
    "named by a blob": ["UPDATE sqlmem_tables SET name = x'00'"],
    "an image of two tables": ["UPDATE sqlmem_tables SET image = (SELECT min(image) FROM sqlmem_tables)"],
    "an image by a path": ["UPDATE sqlmem_tables SET image = '../cache.db' WHERE name = 'Notes'"],
    "an image by a whole path": ["UPDATE sqlmem_tables SET image = '/etc/passwd' WHERE name = 'Notes'"],
    "an image by a path in the folder": ["UPDATE sqlmem_tables SET image = './' || image"],
    "an image by an address": ["UPDATE sqlmem_tables SET image = 'file:' || image"],
    "an image by a name and a line": ["UPDATE sqlmem_tables SET image = image || char(10)"],
    "an image by a blob": ["UPDATE sqlmem_tables SET image = CAST(image AS BLOB)"],
    "no image": ["UPDATE sqlmem_tables SET image = NULL"],
    "size a text": ["UPDATE sqlmem_tables SET image_bytes = 'large'"],
    "size nothing": ["UPDATE sqlmem_tables SET image_bytes = 0"],
    "size wrong": ["UPDATE sqlmem_tables SET image_bytes = image_bytes + 4096"],
    "digest of another form": ["UPDATE sqlmem_tables SET image_sha256 = upper(image_sha256)"],
    "digest wrong": ["UPDATE sqlmem_tables SET image_sha256 = replace(image_sha256, 'a', 'b')"],
    "no digest": ["UPDATE sqlmem_tables SET image_sha256 = NULL"],
    "listed twice": [
        """INSERT INTO sqlmem_tables SELECT position + 9, name, image, image_bytes, image_sha256, filled_at,
        row_count, definition FROM sqlmem_tables"""
    ],
    "no digest table": ["ALTER TABLE sqlmem_digest RENAME TO digest"],
    "a column of the lists more": ["ALTER TABLE sqlmem_tables ADD COLUMN more"],
}  # fmt: skip

OF_AN_IMAGE = {
    **{f"orders: {name}": ("public.orders", texts) for name, texts in objects("data", "weight").items()},
    **{f"Notes: {name}": ("Notes", texts) for name, texts in objects("data", "Value").items()},
    "fewer rows": ("public.orders", ["DELETE FROM data WHERE id = 7"]),
    "more rows": ("public.orders", ["INSERT INTO data (id) VALUES (-1)"]),
    "an index less": ("public.orders", ["DROP INDEX i1"]),
    "an index of other columns": ("public.orders", ["DROP INDEX i1", "CREATE INDEX i1 ON data (name)"]),
    "a unique index": ("public.orders", ["DROP INDEX i1", 'CREATE UNIQUE INDEX i1 ON data ("name", "at")']),
    "a write-ahead log": ("public.orders", ["PRAGMA journal_mode=WAL"]),
    **{
        f"{column} holds {value}": ("public.orders", [f'UPDATE data SET "{column}" = {value} WHERE id = 5'])
        for column, value in [
            ("name", "x'ff'"), ("name", "7"), ("price", "1.5"), ("price", "'1.50'"), ("at", "7"),
            ("price", "1.0 + 0"), ("price", "'150'"), ("is_paid", "'yes'"), ("weight", "1"),
            ("weight", "'1'"), ("photo", "'text'"), ("extra", "1"),
        ]
    },
}  # fmt: skip


def forged(path, whole, *statements, name=None):
    whole.put(path)
    try:
        edit(path if name is None else images(path)[name], *statements)
    except sqlite3.OperationalError as error:
        pytest.skip(f"this SQLite can't make it ({error})")
    reseal_images(path)


@pytest.mark.parametrize("name", OF_THE_MANIFEST)
def test_a_forged_manifest_is_discarded(path, whole, name):
    """With a digest that is right: nothing of it is used, and nothing is run."""
    whole.put(path)
    try:
        edit(path, *OF_THE_MANIFEST[name])
    except sqlite3.OperationalError as error:
        pytest.skip(f"this SQLite can't make it ({error})")
    reseal(path)

    assert start(path) == {}
    assert "x" not in {entry.name for entry in path.parent.iterdir()}


def test_a_table_that_the_manifest_does_not_list_is_none(path, whole):
    """Its image is a leftover, whose file goes; the other table is what it was."""
    whole.put(path)
    image = images(path)["Notes"]
    edit(path, "DELETE FROM sqlmem_tables WHERE name = 'Notes'")
    reseal(path)

    assert start(path) == whole.without("Notes")
    assert not image.exists()


@pytest.mark.parametrize("is_strict", [True, False])
@pytest.mark.parametrize("name", OF_AN_IMAGE)
def test_a_forged_image_costs_its_table_and_no_other(path, whole, name, is_strict, monkeypatch):
    """With digests that are right: nothing of it is used, whichever way the types are looked at."""
    table, statements = OF_AN_IMAGE[name]
    if not is_strict:
        monkeypatch.setattr(snapshot_images, "_tells_types", lambda: False)
    forged(path, whole, *statements, name=table)

    assert start(path) == whole.without(table)
    assert "x" not in {entry.name for entry in path.parent.iterdir()}


def test_an_image_in_another_encoding_is_not_used(path, whole):
    """Attached to another one it would be an error of each statement."""
    whole.put(path)
    image = images(path)["Notes"]
    connection = sqlite3.connect(image)
    texts = [text for (text,) in connection.execute("SELECT sql FROM sqlite_schema")]
    rows = connection.execute("SELECT * FROM data").fetchall()
    connection.close()
    image.unlink()
    edit(
        image,
        "PRAGMA encoding='UTF-16le'",
        *texts,
        *(("INSERT INTO data VALUES (?, ?)", row) for row in rows),
    )
    reseal_images(path)

    assert start(path) == whole.without("Notes")


@pytest.mark.parametrize("column", ["name", "price", "weight", "photo"])
@pytest.mark.parametrize("is_strict", [True, False])
def test_every_storage_class_is_told_from_the_one_it_should_be(path, whole, column, is_strict, monkeypatch):
    """Invariant: a value is taken if, and only if, it is NULL or of the storage class of its column."""
    if not is_strict:
        monkeypatch.setattr(snapshot_images, "_tells_types", lambda: False)
    right = {"name": "text", "price": "integer", "weight": "real", "photo": "blob"}[column]
    kinds = {
        "null": ["NULL"],
        "integer": ["0", "1", "-1", "9223372036854775807"],
        "real": ["0.0", "1.0", "-1.5", "9e999", "9223372036854775807.0"],
        "text": ["''", "'1'", "'x'"],
        "blob": ["x''", "x'31'"],
    }

    for kind, texts in kinds.items():
        for text in texts:
            forged(path, whole, f'UPDATE data SET "{column}" = {text} WHERE id = 5', name="public.orders")
            store = Store()
            loaded = snapshot.load(path, store, owner=OWNER, clock=ManualClock())
            taken = {held.schema for held in loaded.tables}
            assert (ORDERS in taken) == (kind in ("null", right)), text


def definition_of(path):
    connection = sqlite3.connect(path)
    text = connection.execute("SELECT definition FROM sqlmem_tables WHERE name = 'public.orders'").fetchone()[
        0
    ]
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


def test_every_place_of_a_definition_with_junk_in_it(path, whole):
    """Types, codecs, keys, indexes, descriptions, names: what is used anyway has its definition's rows."""
    whole.put(path)
    whole_text = definition_of(path)
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
        path.write_bytes(whole.manifest)
        edit(path, ("UPDATE sqlmem_tables SET definition = ? WHERE name = 'public.orders'", (text,)))
        reseal(path)
        store = Store()
        loaded = snapshot.load(path, store, owner=OWNER, clock=ManualClock())
        for held in loaded.tables if isinstance(loaded, snapshot.Loaded) else ():
            if held.schema in whole.rows and held.schema != ORDERS:
                assert stored_rows(store, held.generation) == whole.rows[held.schema]
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


def test_one_flipped_bit_of_a_manifest_under_a_right_digest(path, whole):
    """Not even a database any more, perhaps: no crash, no error, the right types."""
    whole.put(path)
    generator = random.Random(3)

    for _ in range(250):
        path.write_bytes(flipped(whole.manifest, generator))
        try:
            reseal(path)
        except ValueError:
            continue
        store = Store()
        loaded = snapshot.load(path, store, owner=OWNER, clock=ManualClock())
        for held in loaded.tables if isinstance(loaded, snapshot.Loaded) else ():
            assert held.schema.name in {schema.name for schema in whole.rows}
            store.retire(held.generation)


@pytest.mark.parametrize("is_strict", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_one_flipped_bit_of_an_image_under_right_digests(path, whole, name, is_strict, monkeypatch):
    """The same of a database that is then asked: SQLite's own error at worst, never another type."""
    if not is_strict:
        monkeypatch.setattr(snapshot_images, "_tells_types", lambda: False)
    generator = random.Random(4)
    schema = NAMES[name]
    plain = {row[len(row) // 2 :] for row in whole.rows[schema]}
    classes = [{row[number] for row in plain} | {"null"} for number in range(len(next(iter(plain))))]

    for _ in range(250):
        whole.put(path, **{name: flipped(whole.images[name][1], generator)})
        reseal_images(path)
        store = Store()
        loaded = snapshot.load(path, store, owner=OWNER, clock=ManualClock())
        assert {held.schema for held in loaded.tables} >= whole.without(name).keys()
        for held in loaded.tables:
            if held.schema == schema == ORDERS:
                with contextlib.suppress(sqlite3.Error):
                    for row in stored_rows(store, held.generation):
                        for number, kind in enumerate(row[len(row) // 2 :]):
                            assert kind in classes[number]
            store.retire(held.generation)


def flipped(data, generator):
    changed = bytearray(data)
    place = generator.choice((generator.randrange(len(data)), generator.randrange(PAGE)))
    changed[place] ^= 1 << generator.randrange(8)
    return bytes(changed)


def test_a_value_that_is_not_a_number_is_none(path, whole):
    """NaN written past SQLite's own care: SQLite reads it as NULL, and so does a caller."""
    data = whole.images["public.orders"][1]
    at = data.rindex(struct.pack(">d", 399 * 0.25))
    whole.put(path, **{"public.orders": data[:at] + struct.pack(">d", float("nan")) + data[at + 8 :]})
    reseal_images(path)

    found = start(path)

    assert [row[5] for row in found[ORDERS]][399] is None


def test_files_beside_a_snapshot_mean_nothing(path, whole):
    """A journal or a write-ahead log of that name isn't played back."""
    whole.put(path)
    for file in (path, *images(path).values()):
        for suffix in ("-journal", "-wal", "-shm"):
            file.with_name(f"{file.name}{suffix}").write_bytes(os.urandom(2 * PAGE))

    assert start(path) == whole.rows
