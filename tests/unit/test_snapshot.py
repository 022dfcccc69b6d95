"""A snapshot holds what the store held, is an ordinary SQLite file, and is used only if it is right."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import warnings as python_warnings
from dataclasses import replace
from pathlib import Path

import pytest
from support.held import (
    FACTS,
    NOTES,
    ORDERS,
    OTHER,
    OWNER,
    closing_stores,
    edit,
    files,
    images,
    notes,
    order_row,
    orders,
    reseal,
    stored_rows,
    values,
)

import sqlmem.snapshot as snapshot
from sqlmem import snapshot_images, snapshot_load
from sqlmem.logs import log
from sqlmem.maintenance import Maintenance
from sqlmem.model import TableName
from sqlmem.registry import Registry
from sqlmem.snapshot_file import Taken, claim
from sqlmem.snapshot_folder import Folder
from sqlmem.store import Store


@pytest.fixture(autouse=True)
def _closed():
    with closing_stores():
        yield


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache.db"


@pytest.fixture
def warnings():
    found = []
    sink = log.add(lambda message: found.append(message.record["message"]), level="WARNING")
    yield found
    log.remove(sink)


def write(path, store, held, clock, owner=OWNER):
    return snapshot.write(path, store, owner=owner, facts=FACTS, held=held, clock=clock)


def load(path, clock, owner=OWNER, **more):
    store = Store()
    return store, snapshot.load(path, store, owner=owner, clock=clock, **more)


# -- what comes back -------------------------------------------------------------------------


def test_what_was_written_is_loaded(path, store, clock):
    """Rows with their types, definitions, spellings, codecs, descriptions and facts are the same."""
    before = [orders(store, clock, range(-6_000, 6_000)), notes(store, clock)]

    write(path, store, before, clock)
    new, loaded = load(path, clock)

    assert loaded.facts == FACTS
    assert loaded.left_out == ()
    assert [(h.schema, h.spellings) for h in loaded.tables] == [(h.schema, h.spellings) for h in before]
    for was, now in zip(before, loaded.tables, strict=True):
        assert stored_rows(new, now.generation) == stored_rows(store, was.generation)
        assert now.generation.columns == was.generation.columns
        assert now.generation.indexes == was.generation.indexes
        assert now.generation.rows == was.generation.rows
        assert now.generation.serial > was.generation.serial
    assert values(new, loaded.tables[0]) == [order_row(number) for number in range(-6_000, 6_000)]


def test_the_key_and_the_indexes_are_used_again(path, store, clock):
    """What was an index look-up before a restart is one after it."""
    write(path, store, [orders(store, clock, range(100))], clock)

    new, loaded = load(path, clock)

    def plan(where):
        sql = f"EXPLAIN QUERY PLAN SELECT main.data.price FROM main.data WHERE {where}"
        return new.query((loaded.tables[0].generation,), sql, ())[0][3]

    assert "INTEGER PRIMARY KEY" in plan('main.data."id" = 3')
    assert "USING INDEX" in plan("main.data.\"name\" = 'x'")


def test_an_empty_table_is_a_table(path, store, clock):
    """No rows is what the origin said, and not nothing."""
    write(path, store, [orders(store, clock, [])], clock)

    _, loaded = load(path, clock)

    assert [held.generation.rows for held in loaded.tables] == [0]


def test_a_table_that_hides_the_row_id_is_copied_whole(path, store, clock):
    """Columns called rowid, _rowid_ and oid leave no name for SQLite's own."""
    from sqlmem.codecs import codec_by_name
    from sqlmem.model import Column, Kind, TableSchema
    from sqlmem.store import StoredColumn
    from sqlmem.writing import Writer

    names = ("rowid", "_rowid_", "OID")
    schema = TableSchema(TableName(None, "x"), tuple(Column(name, Kind.INTEGER, "int") for name in names))
    writer = Writer(store, schema.name, [(name, "INTEGER") for name in names], None)
    writer.insert([value for number in range(12_000) for value in (number % 3, -number, None)])
    codec = codec_by_name("integer")
    stored = {name: StoredColumn(name, name, "INTEGER", codec, (None,) * 6) for name in names}
    held = snapshot.Held(schema, writer.seal(stored, (), 0.0))

    write(path, store, [held], clock)
    new, loaded = load(path, clock)

    assert stored_rows(new, loaded.tables[0].generation) == stored_rows(store, held.generation)


def test_the_files_are_ordinary_ones_that_people_can_read(path, store, clock):
    """Tables and columns have their names, also for other programs; nobody else may read them."""
    write(path, store, [orders(store, clock, range(10)), notes(store, clock)], clock)

    found = images(path)
    with sqlite3.connect(path) as connection:
        checks = connection.execute("PRAGMA integrity_check").fetchall()
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    connection.close()
    with sqlite3.connect(found["public.orders"]) as connection:
        named = connection.execute('SELECT "id", "name" FROM data LIMIT 2').fetchall()
        checks += connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()

    assert named == [(0, "name 0 é"), (1, "name 1 é")]
    assert checks == [("ok",), ("ok",)]
    assert tables == {
        "sqlmem_digest",
        "sqlmem_snapshot",
        "sqlmem_tables",
        "sqlmem_definitions",
        "sqlmem_results",
    }
    assert list(found) == ["public.orders", "Notes"]
    assert files(path) == {"cache.db", *(f"cache.db.tables/{image.name}" for image in found.values())}
    assert {stat.S_IMODE(file.stat().st_mode) for file in (path, *found.values())} == {0o600}
    assert stat.S_IMODE(path.with_name("cache.db.tables").stat().st_mode) == 0o700


def test_any_name_of_a_table_is_kept(path, store, clock):
    """Two tables that differ in case, one with a name of ours, one with what no file may be called."""
    named = [
        TableName(None, "T"),
        TableName(None, "t"),
        TableName(None, "sqlmem_tables"),
        TableName("a", 'q"\0/../x'),
    ]
    held = [snapshot.Held(replace(NOTES, name=name), notes(store, clock).generation) for name in named]

    write(path, store, held, clock)
    _, loaded = load(path, clock)

    assert [each.schema.name for each in loaded.tables] == named


def test_a_column_that_a_fill_found_to_be_opaque_stays_so(path, store, clock):
    """NaN among floats: the column is held under the opaque codec, and loaded so."""
    import math

    from sqlmem.codecs import OPAQUE
    from sqlmem.model import Column, Kind, TableSchema
    from sqlmem.store import StoredColumn
    from sqlmem.writing import Writer

    schema = TableSchema(TableName("public", "x"), (Column("f", Kind.FLOAT, "double precision"),))
    writer = Writer(store, schema.name, [("f", "")], None)
    writer.insert([OPAQUE.encode(value) for value in (1.5, math.nan, -0.0)])
    stored = {"f": StoredColumn("f", "f", "", OPAQUE, (None,) * 6)}
    held = snapshot.Held(schema, writer.seal(stored, (), 0.0))

    write(path, store, [held], clock)
    new, loaded = load(path, clock)

    assert repr(values(new, loaded.tables[0])) == "[(1.5,), (nan,), (-0.0,)]"


# -- age -------------------------------------------------------------------------------------


def test_the_age_survives_a_restart(path, store, clock):
    """The time in which no process ran counts."""
    from support.clock import ManualClock

    held = orders(store, clock, range(3))
    clock.advance(100)
    write(path, store, [held], clock)

    later = ManualClock(monotonic=5.0, wall=clock.wall() + 50)
    _, loaded = load(path, later)

    assert later.monotonic() - loaded.tables[0].generation.read_at == pytest.approx(150)


def test_writing_a_loaded_table_again_does_not_reset_its_age(path, store, clock):
    """The age belongs to the data, not to the file."""
    write(path, store, [orders(store, clock, range(3))], clock)
    clock.advance(70)
    new, loaded = load(path, clock)
    clock.advance(7)

    write(path, new, loaded.tables, clock)
    _, again = load(path, clock)

    assert clock.monotonic() - again.tables[0].generation.read_at == pytest.approx(77)


def test_a_wall_clock_that_was_set_back_makes_nothing_younger(path, store, clock):
    """The age is at least what it was when the file was written."""
    held = orders(store, clock, range(3))
    clock.advance(100)
    write(path, store, [held], clock)
    clock.jump_wall(-10_000)

    _, loaded = load(path, clock)

    assert clock.monotonic() - loaded.tables[0].generation.read_at == pytest.approx(100)


# -- what is discarded -----------------------------------------------------------------------


def test_no_file_is_no_warning(path, clock, warnings):
    """The first start of all."""
    _, loaded = load(path, clock)

    assert loaded is None
    assert warnings == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:50]), "truncated"),
        (lambda path: path.write_bytes(path.read_bytes()[:-4096]), "torn"),
        (lambda path: path.write_bytes(b"a diary" * 1000), "isn't a snapshot"),
        (lambda path: (path.unlink(), path.mkdir()), "ordinary file"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "ordinary file"),
        (lambda path: edit(path, "PRAGMA user_version=1"), "format version 1, this is version 10"),
        (lambda path: edit(path, "UPDATE sqlmem_tables SET filled_at = filled_at + 9"), "digest"),
    ],
)
def test_a_file_that_cannot_be_used_costs_one_warning(path, store, clock, warnings, change, reason):
    """It says which file and why; nothing of it is used."""
    write(path, store, [orders(store, clock, range(300))], clock)
    change(path)

    _, loaded = load(path, clock)

    assert isinstance(loaded, snapshot.Discarded)
    assert len(warnings) == 1
    assert str(path) in warnings[0]
    assert reason in warnings[0]


def test_a_file_of_another_origin_is_discarded(path, store, clock, warnings):
    """Same tables, same names, another database."""
    write(path, store, [orders(store, clock, range(3))], clock, owner=OTHER)

    _, loaded = load(path, clock)

    assert isinstance(loaded, snapshot.Discarded)
    assert len(warnings) == 1
    assert "another origin (postgresql+psycopg://user@elsewhere:5432/shop?)" in warnings[0]


def test_a_table_that_this_machine_cannot_read_is_left_out_alone(path, store, clock, warnings):
    """The others are used; one warning names the table."""
    write(path, store, [orders(store, clock, range(3)), notes(store, clock)], clock)
    edit(
        path,
        'UPDATE sqlmem_tables SET definition = replace(definition, \'"timestamp","desc\', \'"moon","desc\')',
    )
    reseal(path)

    _, loaded = load(path, clock)

    assert [held.schema for held in loaded.tables] == [NOTES]
    assert len(warnings) == 1
    assert "public.orders" in warnings[0]


def test_tables_are_loaded_as_far_as_there_is_room(path, store, clock, warnings):
    """Those that come first; a limit that was lowered is no damage."""
    write(path, store, [notes(store, clock), orders(store, clock, range(3_000))], clock)

    _, loaded = load(path, clock, max_bytes=50_000)

    assert [held.schema for held in loaded.tables] == [NOTES]
    assert warnings == []


def test_a_generation_that_was_retired_is_left_out(path, store, clock):
    """What went away while the snapshot was prepared isn't replaced by an empty table."""
    gone, here = orders(store, clock, range(3)), notes(store, clock)
    store.retire(gone.generation)

    prepared = write(path, store, [gone, here], clock)
    _, loaded = load(path, clock)

    assert prepared.tables == (NOTES.name,)
    assert [held.schema for held in loaded.tables] == [NOTES]


# -- what a failing disk costs ---------------------------------------------------------------


def test_a_folder_that_is_not_there_leaves_nothing_behind(tmp_path, store, clock):
    """The writer's caller hears of it; there is no file."""
    with pytest.raises(OSError):
        write(tmp_path / "no" / "cache.db", store, [], clock)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("room", [5_000, 15_000, 100_000])
def test_a_full_disk_leaves_the_old_files_and_no_others(path, store, clock, room):
    """A limit on the size of files stands for it: in an image, in the second one, in the manifest."""
    write(path, store, [notes(store, clock)], clock)
    before = {name: (path.parent / name).read_bytes() for name in files(path)}
    script = """
import resource, sys
from pathlib import Path
from support.clock import ManualClock
from support.held import FACTS, OWNER, notes, orders
from sqlmem.errors import StoreError
from sqlmem.snapshot import write
from sqlmem.store import Store
store, clock = Store(), ManualClock()
held = [notes(store, clock), orders(store, clock, range(5_000))]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
for some in (held, held[::-1], held[:1]):
    try:
        write(Path(sys.argv[1]), store, owner=OWNER, facts=FACTS, held=some, clock=clock)
    except (OSError, StoreError) as error:
        print("failed as it should")
    if int(sys.argv[2]) > 50_000 and len(some) == 2:
        break
"""

    done = subprocess.run(
        [sys.executable, "-c", script, path, str(room)],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )

    times = 1 if room > 50_000 else 3
    assert (done.stdout, done.stderr) == ("failed as it should\n" * times, "")
    assert {name: (path.parent / name).read_bytes() for name in files(path)} == before
    assert [held.schema for held in load(path, clock)[1].tables] == [NOTES]


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_stay(path, store, clock):
    """A killed process leaves its temporary file; the next start removes it."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    names = {
        "dead": f".cache.db.{child.pid}.0123456789abcdef.tmp",
        "of our number": f".cache.db.{os.getpid()}.0123456789abcdef.tmp",
        "alive": f".cache.db.{living.pid}.0123456789abcdef.tmp",
        "not ours": ".cache.db.x.tmp",
    }
    for name in names.values():
        (path.parent / name).touch()

    load(path, clock)
    living.communicate(b"\n")

    assert {each.name for each in path.parent.iterdir()} == {names["alive"], names["not ours"]}


# -- images ----------------------------------------------------------------------------------


def entries(path):
    """Name -> what tells whether it is the very file that it was."""
    return {
        name: (state.st_ino, state.st_mtime_ns)
        for name in files(path)
        for state in [(path.parent / name).stat()]
    }


def test_a_generation_is_written_once(path, engine_on, clock):
    """A snapshot after one table was filled anew is one image and the manifest."""
    engine = engine_on(path)
    engine.publish(notes(engine.store, clock))
    engine.publish(orders(engine.store, clock, range(5)))
    engine.maintenance.flush()
    before, kept = entries(path), images(path)["Notes"]

    engine.publish(orders(engine.store, clock, range(7)))
    engine.maintenance.flush()
    after = entries(path)

    name = f"cache.db.tables/{kept.name}"
    assert after[name] == before[name]
    assert images(path)["Notes"] == kept
    assert len(after) == 3
    assert len(after.keys() & before.keys()) == 2
    assert len(engine_on(path).served()) == 7


def test_what_was_loaded_keeps_its_image(path, engine_on, clock):
    """After a restart too, only what was filled since is written."""
    first = engine_on(path)
    first.publish(notes(first.store, clock))
    first.publish(orders(first.store, clock, range(5)))
    first.maintenance.close()
    before, kept = entries(path), images(path)["Notes"]

    second = engine_on(path)
    second.publish(orders(second.store, clock, range(7)))
    second.maintenance.close()

    name = f"cache.db.tables/{kept.name}"
    assert entries(path)[name] == before[name]
    assert len(engine_on(path).served()) == 7


@pytest.mark.parametrize("change", ["removed", "replaced", "truncated", "folder removed"])
def test_an_image_that_is_not_there_any_more_is_written_anew(path, engine_on, clock, change):
    """By somebody's hand, or another process's cleaning up; nobody has to be restarted for it."""
    engine = engine_on(path)
    engine.publish(notes(engine.store, clock))
    engine.publish(orders(engine.store, clock, range(5)))
    engine.maintenance.flush()
    image = images(path)["Notes"]
    match change:
        case "removed":
            image.unlink()
        case "replaced":
            image.write_bytes(images(path)["public.orders"].read_bytes())
        case "truncated":
            os.truncate(image, 4096)
        case _:
            shutil.rmtree(image.parent)

    engine.publish(orders(engine.store, clock, range(7)))
    engine.maintenance.flush()

    assert images(path)["Notes"] != image
    assert len(files(path)) == 3
    successor = engine_on(path)
    assert len(successor.served()) == 7
    assert len(successor.served("Notes")) == 6


def test_images_that_no_manifest_names_are_removed_and_nothing_else(path, store, clock):
    """What a killed process has left, at the next start; what is called otherwise is somebody's."""
    write(path, store, [notes(store, clock)], clock)
    folder = path.with_name("cache.db.tables")
    kept = files(path)
    (folder / f"{'0' * 32}.db").write_bytes(b"left")
    others = {"diary.db", f"{'0' * 31}.db", f"{'A' * 32}.db", f"{'0' * 32}.db.bak", "deeper/x"}
    (folder / "deeper").mkdir()
    for name in others:
        (folder / name).write_bytes(b"dear")

    load(path, clock)
    after_load = files(path)
    path.unlink()
    load(path, clock)

    assert after_load == kept | {f"cache.db.tables/{name}" for name in others}
    assert files(path) == {f"cache.db.tables/{name}" for name in others}


def test_what_cannot_be_read_is_no_reason_to_remove_images(path, store, clock, warnings):
    """The manifest of another version may name them; the next write replaces it, and cleans up."""
    write(path, store, [notes(store, clock)], clock)
    before = files(path)
    edit(path, "PRAGMA user_version=7")

    load(path, clock)
    after_load = files(path)
    write(path, store, [], clock)

    assert after_load == before
    assert files(path) == {"cache.db"}


def test_nothing_is_removed_while_another_process_writes(path, engine_on, clock):
    """Its images are named by no manifest yet. Who comes after it cleans up."""
    engine = engine_on(path)
    engine.publish(orders(engine.store, clock, range(5)))
    store = Store()
    prepared = snapshot.prepare(
        path, store, owner=OWNER, facts=FACTS, held=[notes(store, clock)], clock=clock
    )

    engine.maintenance.flush()
    load(path, clock)
    meanwhile = len([name for name in files(path) if "tables" in name])
    prepared.replace()
    prepared.end()
    prepared.settle()

    assert meanwhile == 2
    (image,) = images(path).values()
    assert files(path) == {"cache.db", f"cache.db.tables/{image.name}"}


def test_an_image_that_another_process_has_removed_is_written_anew(path, engine_on, clock):
    """Two processes in turns: the manifest never names what isn't there."""
    one, two = engine_on(path), engine_on(path)
    one.publish(notes(one.store, clock))
    for number in range(4):
        one.publish(orders(one.store, clock, range(number)))
        assert one.maintenance.flush()
        two.publish(orders(two.store, clock, range(10 + number)))
        assert two.maintenance.flush()

        assert all(image.exists() for image in images(path).values())
        assert len(files(path)) == 1 + len(images(path))
    one.publish(orders(one.store, clock, range(3)))
    assert one.maintenance.flush()

    assert len(engine_on(path).served("Notes")) == 6


def test_two_writers_at_once_never_take_each_others_images(path, engine_on, clock):
    """Whoever is the last one: all that its manifest names is there, and nothing else in the end."""
    engines = [engine_on(path), engine_on(path)]
    problems = []

    def write_often(engine):
        try:
            for number in range(25):
                engine.publish(notes(engine.store, clock))
                engine.publish(orders(engine.store, clock, range(number)))
                assert engine.maintenance.flush()
        except Exception as problem:  # noqa: BLE001 - shown by the test's own thread
            problems.append(problem)

    threads = [threading.Thread(target=write_often, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _, loaded = load(path, clock)

    assert problems == []
    assert loaded.left_out == ()
    assert len(loaded.tables) == 2
    assert files(path) == {"cache.db", *(f"cache.db.tables/{each.name}" for each in images(path).values())}


def test_a_manifest_that_is_replaced_while_its_images_are_read_is_read_anew(path, store, clock, monkeypatch):
    """Another process has written, and removed what the old one named: no table is lost for it."""
    write(path, store, [notes(store, clock)], clock)
    plain = snapshot_load.read_image

    def read(*arguments):
        monkeypatch.setattr(snapshot_load, "read_image", plain)
        write(path, store, [notes(store, clock), orders(store, clock, range(3))], clock)
        return plain(*arguments)

    monkeypatch.setattr(snapshot_load, "read_image", read)
    _, loaded = load(path, clock)

    assert loaded.left_out == ()
    assert [held.schema for held in loaded.tables] == [NOTES, ORDERS]


def test_an_image_that_is_changed_between_its_digest_and_its_copy_is_not_used(
    path, store, clock, monkeypatch, warnings
):
    """SQLite opens a file by its name: it must have been the one that was looked at."""
    write(path, store, [notes(store, clock), orders(store, clock, range(3))], clock)
    image = images(path)["Notes"]
    plain = snapshot_images._digest

    def digest(descriptor):
        found = plain(descriptor)
        if os.fstat(descriptor).st_ino == image.stat().st_ino:
            other = image.with_name("other")
            other.write_bytes(image.read_bytes())
            other.replace(image)
        return found

    monkeypatch.setattr(snapshot_images, "_digest", digest)
    _, loaded = load(path, clock)

    assert [held.schema for held in loaded.tables] == [ORDERS]
    assert len(warnings) == 1
    assert "Notes (its image was changed while it was read)" in warnings[0]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_in_the_way_of_the_folder_is_kept(path, engine_on, clock, warnings, kind, tmp_path):
    """A file of that name, or a link: moved aside, like a file in the place of the snapshot."""
    folder = path.with_name("cache.db.tables")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if kind == "file":
        folder.write_text("dear diary")
    else:
        folder.symlink_to(elsewhere)
    engine = engine_on(path)
    engine.publish(orders(engine.store, clock, range(5)))

    assert engine.maintenance.flush()

    aside = path.with_name("cache.db.tables.set-aside")
    assert aside.read_text() == "dear diary" if kind == "file" else aside.readlink() == elsewhere
    assert list(elsewhere.iterdir()) == []
    assert len(warnings) == 1
    assert len(engine_on(path).served()) == 5


def test_a_folder_that_cannot_be_written_leaves_the_old_snapshot(path, store, clock, monkeypatch):
    """One that is another user's: the caller hears of it, and nothing has changed."""
    write(path, store, [notes(store, clock)], clock)
    before = files(path)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Folder, "new_file", refuse)
    with pytest.raises(PermissionError):
        write(path, store, [orders(store, clock, range(3))], clock)

    assert files(path) == before
    assert [held.schema for held in load(path, clock)[1].tables] == [NOTES]


def test_a_manifest_that_cannot_be_put_in_place_leaves_no_images(path, engine_on, clock, warnings):
    """A folder has come in its way: nothing of the write is left, however often it is tried."""
    engine = engine_on(path)
    path.mkdir()
    engine.publish(orders(engine.store, clock, range(5)))

    is_written = [engine.maintenance.flush(), engine.maintenance.flush()]
    left = files(path)
    path.rmdir()

    assert is_written == [False, False]
    assert left == set()
    assert len(warnings) == 1
    assert engine.maintenance.flush()


def test_the_folder_is_not_locked_by_a_child_that_was_forked_meanwhile(path, store, clock):
    """It has the parent's descriptor; the lock goes with the parent's write all the same."""
    stay = Folder(path).enter()
    go, gone = os.pipe(), os.pipe()
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        os.read(go[0], 1)
        os._exit(0)
    stay.end()
    left = path.with_name("cache.db.tables") / f"{'0' * 32}.db"
    left.write_bytes(b"left")

    Folder(path).clean(frozenset(), lambda: True)
    is_there = left.exists()
    os.write(go[1], b"x")
    os.waitpid(pid, 0)
    for descriptor in (*go, *gone):
        os.close(descriptor)

    assert not is_there


def test_tables_are_written_and_loaded_by_several_threads(path, store, clock, monkeypatch):
    """As many as there are processors; the order is what it was."""
    monkeypatch.setattr(snapshot_load, "processors", lambda: 4)
    held = [replace_name(notes(store, clock), f"n{number}") for number in range(20)]

    prepared = snapshot.prepare(path, store, owner=OWNER, facts=FACTS, held=held, clock=clock, threads=4)
    prepared.replace()
    prepared.end()
    new, loaded = load(path, clock)

    assert prepared.written == 20
    assert [each.schema for each in loaded.tables] == [each.schema for each in held]
    assert len({each.generation.serial for each in loaded.tables}) == 20
    assert {tuple(stored_rows(new, each.generation)) for each in loaded.tables} == {
        tuple(stored_rows(store, held[0].generation))
    }


def replace_name(held, name):
    return replace(held, schema=replace(held.schema, name=TableName(None, name)))


# -- whose file it is ------------------------------------------------------------------------


def test_a_path_is_one_origins_while_anybody_lives(path):
    """Two of one origin share it, one of another is told; after the last one it is free."""
    first, second = claim(path, "a" * 64), claim(path, "a" * 64)

    with pytest.raises(Taken):
        claim(path, "b" * 64)
    first.release()
    with pytest.raises(Taken):
        claim(path, "b" * 64)
    second.release()
    second.release()

    claim(path, "b" * 64).release()
    assert stat.S_IMODE(Path(f"{path}.lock").stat().st_mode) == 0o600


# -- when it is written ----------------------------------------------------------------------


class Engine:
    """What an engine has of it: a store, a registry, and the maintenance of its snapshot."""

    def __init__(self, path, clock, owner=OWNER, **more):
        self.store = Store()
        self.clock = clock
        self.registry = Registry(clock, lambda table: None)
        self.maintenance = Maintenance(
            store=self.store,
            registry=self.registry,
            clock=clock,
            path=path,
            interval_seconds=3600,
            owner=owner,
            facts=lambda: FACTS,
            **more,
        )
        self.loaded = self.maintenance.start()

    def publish(self, held):
        state = self.registry.define((None, held.schema.name.name), held.schema)
        if state.generation is not None:
            old = state.generation
            self.registry.evict(state, old)  # what is fresh isn't filled again
            self.store.retire(old)
        lease = self.registry.lease(state, list(held.generation.columns), version=state.version)
        self.registry.publish(lease, held.generation)

    def served(self, name="orders"):
        state = self.registry.resolve((None, name))
        return (
            None if state is None or state.generation is None else stored_rows(self.store, state.generation)
        )


@pytest.fixture
def engine_on(clock):
    made = []

    def make(path, owner=OWNER, **more):
        made.append(Engine(path, clock, owner, **more))
        return made[-1]

    yield make
    for engine in made:
        engine.maintenance.close()


def test_a_restored_cache_serves(path, engine_on, clock):
    """Not only listed: found by the spelling that statements used, with its rows, unverified."""
    first = engine_on(path)
    first.publish(orders(first.store, clock, range(5)))
    first.maintenance.close()

    second = engine_on(path)

    assert second.served() == first.served()
    state = second.registry.resolve((None, "orders"))
    assert not state.is_verified
    assert state.covers(["id", "price"])
    assert not state.covers(["unread"])


def test_it_is_written_when_it_is_due_and_something_changed(path, engine_on, clock):
    """Not before the interval, not without a change."""
    engine = engine_on(path)
    engine.publish(orders(engine.store, clock, range(5)))

    engine.maintenance.run_pending()
    assert not path.exists()
    clock.advance(3600)
    engine.maintenance.run_pending()
    assert path.exists()
    path.unlink()
    clock.advance(3600)
    engine.maintenance.run_pending()
    assert not path.exists()


def test_a_loaded_snapshot_is_not_a_change(path, engine_on, clock):
    """A program that only reads what was loaded writes nothing."""
    first = engine_on(path)
    first.publish(orders(first.store, clock, range(5)))
    first.maintenance.close()
    before = path.stat().st_ino

    engine_on(path).maintenance.close()

    assert path.stat().st_ino == before


def test_two_engines_on_one_origin_share_a_file(path, engine_on, clock):
    """Each write is whole, the last one stands."""
    one, two = engine_on(path), engine_on(path)
    one.publish(orders(one.store, clock, range(5)))
    two.publish(orders(two.store, clock, range(7)))

    assert two.maintenance.flush()
    assert one.maintenance.flush()

    assert len(engine_on(path).served()) == 5


def test_the_second_of_two_origins_is_told_and_keeps_no_snapshot(path, engine_on, clock, warnings):
    """One warning; the first one's file is left as it is."""
    one = engine_on(path)
    two = engine_on(path, OTHER)
    two.publish(orders(two.store, clock, range(7)))
    one.publish(orders(one.store, clock, range(5)))

    assert not two.maintenance.flush()
    one.maintenance.close()
    two.maintenance.close()

    assert len(warnings) == 1
    assert "another origin" in warnings[0]
    assert len(engine_on(path).served()) == 5


def test_the_file_of_an_origin_that_is_gone_is_taken_over(path, engine_on, clock, warnings):
    """Discarded with one warning, and written anew."""
    one = engine_on(path, OTHER)
    one.publish(orders(one.store, clock, range(7)))
    one.maintenance.close()

    two = engine_on(path)
    assert two.loaded is None
    assert len(warnings) == 1
    two.publish(orders(two.store, clock, range(5)))
    two.maintenance.close()

    assert len(engine_on(path).served()) == 5


def test_a_folder_that_cannot_be_written_costs_one_warning(tmp_path, engine_on, clock, warnings):
    """However often it is tried; when it can be written again, it is."""
    path = tmp_path / "folder" / "cache.db"
    engine = engine_on(path)
    engine.publish(orders(engine.store, clock, range(5)))

    tried = [engine.maintenance.flush(), engine.maintenance.flush()]
    told = list(warnings)
    path.parent.mkdir()
    tried.append(engine.maintenance.flush())

    assert tried == [False, False, True]
    assert len(told) == len(warnings) == 1
    assert str(path) in told[0]
    assert len(engine.served()) == 5


def test_a_file_that_is_somebody_elses_is_kept(path, engine_on, clock, warnings):
    """A database of the application's under the default name is moved, not overwritten."""
    edit(path, "CREATE TABLE diary (text)", "INSERT INTO diary VALUES ('dear')")
    engine = engine_on(path)
    assert engine.loaded is None
    engine.publish(orders(engine.store, clock, range(5)))

    engine.maintenance.close()

    kept = sqlite3.connect(f"{path}.set-aside")
    assert kept.execute("SELECT text FROM diary").fetchall() == [("dear",)]
    kept.close()
    assert len(engine_on(path).served()) == 5


def test_the_origins_own_file_is_never_a_snapshot(path, engine_on, clock, warnings):
    """An SQLite origin called cache.db, beside the default of the setting."""
    edit(path, "CREATE TABLE orders (id)")
    before = path.read_bytes()
    engine = engine_on(path, origin_file=str(path))
    engine.publish(orders(engine.store, clock, range(5)))

    engine.maintenance.close()

    assert path.read_bytes() == before
    assert len(warnings) == 1
    assert [each.name for each in path.parent.iterdir()] == ["cache.db"]


def test_an_invalidation_reaches_the_file_before_it_returns(path, engine_on, clock):
    """A process that is killed right after doesn't bring the old rows back."""
    engine = engine_on(path)
    engine.publish(orders(engine.store, clock, range(5)))
    engine.maintenance.flush()

    engine.registry.invalidate(lambda name: name.name == "orders")
    engine.maintenance.lost()

    assert not path.exists()
    clock.advance(10)
    engine.maintenance.run_pending()
    assert engine_on(path).served() is None


def test_an_invalidation_reaches_what_another_process_has_written_since(path, engine_on, clock):
    """Though this one has removed the file before, and written none."""
    engine, other = engine_on(path), engine_on(path)
    other.publish(orders(other.store, clock, range(5)))
    engine.maintenance.lost()
    other.maintenance.flush()
    assert path.exists()

    engine.maintenance.lost()

    assert not path.exists()


def test_after_each_loss_a_new_one_is_written_soon(path, engine_on, clock):
    """Not only after the first; and not once for each of several."""
    engine = engine_on(path)
    for _ in range(3):
        for _ in range(2):
            engine.registry.invalidate(lambda name: name.name == "orders")
            engine.maintenance.lost()
        engine.publish(orders(engine.store, clock, range(5)))
        clock.advance(9)
        engine.maintenance.run_pending()
        assert not path.exists()
        clock.advance(1)
        engine.maintenance.run_pending()
        assert path.exists()


def test_an_invalidation_costs_the_images_of_its_own_tables_only(path, engine_on, clock):
    """The manifest is gone at once; the next one names what is left, where it is."""
    engine = engine_on(path)
    engine.publish(notes(engine.store, clock))
    engine.publish(orders(engine.store, clock, range(5)))
    engine.maintenance.flush()
    before, kept = entries(path), images(path)["Notes"]

    _, lost = engine.registry.invalidate(lambda name: name.name == "orders")
    for generation in lost:
        engine.store.retire(generation)
    engine.maintenance.lost()
    engine.maintenance.flush()

    name = f"cache.db.tables/{kept.name}"
    assert entries(path)[name] == before[name]
    assert files(path) == {"cache.db", name}


def test_an_invalidation_while_a_snapshot_is_written_wins(path, engine_on, clock, monkeypatch):
    """What was written aside holds the old rows: it doesn't become the file."""
    import sqlmem.maintenance as module

    engine = engine_on(path)
    engine.publish(orders(engine.store, clock, range(5)))

    def prepare(*arguments, **keywords):
        prepared = snapshot.prepare(*arguments, **keywords)
        for generation in engine.registry.invalidate(None)[1]:
            engine.store.retire(generation)
        engine.maintenance.lost()
        return prepared

    monkeypatch.setattr(module, "prepare", prepare)
    is_written = engine.maintenance.flush()

    assert not is_written
    assert files(path) == set()


def test_an_invalidation_while_a_snapshot_is_written_keeps_the_other_images(
    path, engine_on, clock, monkeypatch
):
    """The lost table's image is removed, the other one's serves the next write."""
    import sqlmem.maintenance as module

    engine = engine_on(path)
    engine.publish(notes(engine.store, clock))
    engine.publish(orders(engine.store, clock, range(5)))

    def prepare(*arguments, **keywords):
        prepared = snapshot.prepare(*arguments, **keywords)
        for generation in engine.registry.invalidate(lambda name: name.name == "orders")[1]:
            engine.store.retire(generation)
        engine.maintenance.lost()
        return prepared

    with monkeypatch.context() as patch:
        patch.setattr(module, "prepare", prepare)
        is_written = engine.maintenance.flush()
    (kept,) = files(path)
    engine.maintenance.flush()

    assert not is_written
    assert files(path) == {"cache.db", kept}
    assert kept.endswith(images(path)["Notes"].name)


def test_an_engine_that_is_collected_is_flushed_by_its_thread(path, clock):
    """Nobody called close; the thread does, and ends."""

    class Owner:
        pass

    engine = Engine(path, clock)
    engine.publish(orders(engine.store, clock, range(5)))
    owner = Owner()
    other = Maintenance(
        store=engine.store,
        registry=engine.registry,
        clock=clock,
        path=path,
        interval_seconds=3600,
        owner=OWNER,
        facts=lambda: None,
    )
    other._written = -1
    other.start(owner)
    thread = other._thread

    del owner
    thread.join(30)
    is_written = path.exists()
    engine.maintenance.close()

    assert not thread.is_alive()
    assert is_written


def test_the_schema_is_what_it_was_to_the_last_field(path, store, clock):
    """The definition is compared with the origin's later on: nothing of it may be lost."""
    write(path, store, [orders(store, clock, range(1))], clock)

    _, loaded = load(path, clock)

    assert loaded.tables[0].schema == ORDERS
    assert repr(loaded.tables[0].schema.columns) == repr(ORDERS.columns)
