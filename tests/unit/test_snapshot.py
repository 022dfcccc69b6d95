"""A snapshot holds what the store held, is an ordinary SQLite file, and is used only if it is right."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
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
    notes,
    order_row,
    orders,
    reseal,
    stored_rows,
    values,
)

import sqlmem.snapshot as snapshot
from sqlmem.logs import log
from sqlmem.maintenance import Maintenance
from sqlmem.model import TableName
from sqlmem.registry import Registry
from sqlmem.snapshot_file import Taken, claim
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
    writer = Writer(store, schema.name, [(name, "") for name in names], None)
    writer.insert([value for number in range(12_000) for value in (number % 3, -number, None)])
    stored = {name: StoredColumn(name, name, "", codec_by_name("integer"), (None,) * 6) for name in names}
    held = snapshot.Held(schema, writer.seal(stored, (), 0.0))

    write(path, store, [held], clock)
    new, loaded = load(path, clock)

    assert stored_rows(new, loaded.tables[0].generation) == stored_rows(store, held.generation)


def test_the_file_is_an_ordinary_one_that_people_can_read(path, store, clock):
    """Tables and columns have their names, also for other programs; nobody else may read it."""
    write(path, store, [orders(store, clock, range(10)), notes(store, clock)], clock)

    with sqlite3.connect(path) as connection:
        named = connection.execute('SELECT "id", "name" FROM "public.orders" LIMIT 2').fetchall()
        check = connection.execute("PRAGMA integrity_check").fetchall()
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    connection.close()

    assert named == [(0, "name 0 é"), (1, "name 1 é")]
    assert check == [("ok",)]
    own = {"sqlmem_digest", "sqlmem_snapshot", "sqlmem_tables", "sqlmem_definitions", "sqlmem_results"}
    assert tables == own | {"public.orders", "Notes"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["cache.db"]


def test_names_that_the_file_has_no_place_for_are_changed(path, store, clock):
    """Two tables that differ in case, and one with a name of ours, are all kept."""
    from dataclasses import replace

    named = [
        TableName(None, "T"),
        TableName(None, "t"),
        TableName(None, "sqlmem_tables"),
        TableName("a", 'q"\0'),
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
        (lambda path: edit(path, "PRAGMA user_version=1"), "format version 1, this is version 5"),
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


def test_a_full_disk_leaves_the_old_file_and_no_other(path, store, clock):
    """A limit on the size of files stands for the full disk, in a process of its own."""
    write(path, store, [notes(store, clock)], clock)
    before = path.read_bytes()
    script = """
import resource, sys
from pathlib import Path
from support.clock import ManualClock
from support.held import FACTS, OWNER, orders
from sqlmem.errors import StoreError
from sqlmem.snapshot import write
from sqlmem.store import Store
store, clock = Store(), ManualClock()
held = orders(store, clock, range(5_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write(Path(sys.argv[1]), store, owner=OWNER, facts=FACTS, held=[held], clock=clock)
except (OSError, StoreError) as error:
    print("failed as it should")
"""

    done = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, env=environment(), check=False
    )

    assert (done.stdout, done.stderr) == ("failed as it should\n", "")
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["cache.db"]


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


def test_an_invalidation_while_a_snapshot_is_written_wins(path, engine_on, clock, monkeypatch):
    """What was written aside holds the old rows: it doesn't become the file."""
    import sqlmem.maintenance as module

    engine = engine_on(path)
    engine.publish(orders(engine.store, clock, range(5)))

    def prepare(*arguments, **keywords):
        prepared = snapshot.prepare(*arguments, **keywords)
        engine.registry.invalidate(None)
        engine.maintenance.lost()
        return prepared

    monkeypatch.setattr(module, "prepare", prepare)
    is_written = engine.maintenance.flush()

    assert not is_written
    assert [each.name for each in path.parent.iterdir()] == ["cache.db.lock"]


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
