"""After a fork the child has its own locks, connections and thread, and the parent loses nothing."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest
from support.clock import ManualClock
from support.held import OWNER, closing_stores
from support.keeper import environment

from sqlmem import snapshot
from sqlmem.store import Store

HEAD = """
import multiprocessing, os, sys, threading
from support.keeper import Keeper, say
path = sys.argv[1]

def forked(task):
    pid = os.fork()
    if not pid:
        try:
            task()
        except BaseException as error:
            say("child failed", repr(error))
        os._exit(0)
    os.waitpid(pid, 0)
"""


@pytest.fixture(autouse=True)
def _closed():
    with closing_stores():
        yield


def run(script, path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", HEAD + script, path],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


def rows_in(path):
    loaded = snapshot.load(path, Store(), owner=OWNER, clock=ManualClock())
    return loaded.tables[0].generation.rows if isinstance(loaded, snapshot.Loaded) else None


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache.db"


def test_a_child_serves_what_the_parent_held(path):
    """From memory of its own; the parent goes on too."""
    script = """
keeper = Keeper(path)
keeper.publish(3)
keeper.rows()
forked(lambda: say("child", keeper.rows()))
say("parent", keeper.rows())
"""

    assert run(script, path) == ["child 3", "parent 3"]


def test_a_child_fills_and_the_parent_does_not_see_it(path):
    """A generation of the child's is in the child's memory."""
    script = """
keeper = Keeper(path)
keeper.publish(3)
def task():
    keeper.publish(5)
    say("child", keeper.rows())
forked(task)
say("parent", keeper.rows())
"""

    assert run(script, path) == ["child 5", "parent 3"]


def test_a_child_has_a_thread_of_its_own(path):
    """And writes what it changed itself, when asked."""
    script = """
keeper = Keeper(path)
keeper.publish(3)
keeper.maintenance.flush()
def task():
    thread = keeper.maintenance._thread
    say("child", thread.is_alive(), thread in threading.enumerate())
    say("unchanged", os.stat(path).st_ino == inode)
    keeper.publish(5)
    say("written", keeper.maintenance.flush(), os.stat(path).st_ino == inode)
inode = os.stat(path).st_ino
forked(task)
"""

    assert run(script, path) == ["child True True", "unchanged True", "written True False"]
    assert rows_in(path) == 5


def test_a_child_that_changed_nothing_writes_nothing(path):
    """What the parent has not written yet is the parent's; also if the child closes or exits."""
    script = """
keeper = Keeper(path)
keeper.publish(3)
def task():
    keeper.maintenance.close()
    say("child", os.path.exists(path))
forked(task)
pid = os.fork()
if not pid:
    sys.exit(0)
os.waitpid(pid, 0)
say("parent", os.path.exists(path))
"""

    assert run(script, path) == ["child False", "parent False"]
    assert rows_in(path) == 3


def test_a_child_of_multiprocessing_writes_nothing(path):
    """Its end is os._exit, and so without the hook at exit."""
    script = """
keeper = Keeper(path)
keeper.publish(3)
child = multiprocessing.get_context("fork").Process(target=lambda: say("child", keeper.rows()))
child.start()
child.join()
say(child.exitcode, os.path.exists(path))
"""

    assert run(script, path) == ["child 3", "0 False"]


def test_locks_that_other_threads_held_are_free_in_the_child(path):
    """The child would wait for threads that it doesn't have."""
    script = """
keeper = Keeper(path)
keeper.publish(3)
held, forked_already = threading.Event(), threading.Event()
def hold():
    with keeper.maintenance._writing, keeper.maintenance._disk, keeper.registry._lock:
        held.set()
        forked_already.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
def task():
    keeper.publish(5)
    say("child", keeper.maintenance.flush(), keeper.rows())
forked(task)
forked_already.set()
thread.join()
say("parent", keeper.maintenance.flush(), keeper.rows())
"""

    assert run(script, path) == ["child True 5", "parent True 3"]


def test_forks_while_other_threads_read_and_write_a_snapshot(path):
    """Twenty children, each of which reads, fills and writes: none of them hangs."""
    script = """
keeper = Keeper(path)
keeper.publish(2_000)
end = threading.Event()
def read():
    while not end.is_set():
        keeper.rows()
def write():
    while not end.is_set():
        keeper.registry.changes += 1
        keeper.maintenance.flush()
threads = [threading.Thread(target=task) for task in (read, read, write)]
for thread in threads:
    thread.start()
def task():
    keeper.publish(5)
    say("child", keeper.rows(), keeper.maintenance.flush())
for _ in range(20):
    forked(task)
end.set()
for thread in threads:
    thread.join()
"""

    assert run(script, path) == ["child 5 True"] * 20


def test_a_child_holds_no_lock_of_a_write_whose_process_was_killed(path):
    """It has the descriptor of a thread that it hasn't got; what that thread left is removed all the same."""
    script = """
import signal
from pathlib import Path
from support.held import files
from sqlmem.snapshot_folder import Folder
def task():
    keeper = Keeper(path)
    keeper.publish(3)
    keeper.maintenance.flush()
    stay = Folder(Path(path)).enter()
    (Path(path + ".tables") / ("0" * 32 + ".db")).write_bytes(b"left")
    parent = os.getpid()
    if os.fork():
        os.kill(parent, signal.SIGKILL)
    while os.getppid() == parent:
        threading.Event().wait(0.001)
    before = len(files(Path(path)))
    keeper.publish(5)
    say("child", keeper.maintenance.flush(), before, len(files(Path(path))))
    os._exit(0)
forked(task)
"""

    assert run(script, path) == ["child True 3 2"]
    assert rows_in(path) == 5


def test_callbacks_run_in_the_child_only(path):
    """After the store and the registry are ready there."""
    script = """
keeper = Keeper(path, on_child=[lambda: say("callback", keeper.rows())])
keeper.publish(3)
forked(lambda: say("child"))
say("parent")
"""

    assert run(script, path) == ["callback 3", "child", "parent"]


def test_the_path_stays_claimed_while_a_child_lives(path):
    """The parent closes; the child still keeps its snapshot there."""
    script = """
from sqlmem.snapshot_file import Taken, claim
from pathlib import Path
keeper = Keeper(path)
go, gone = os.pipe(), os.pipe()
pid = os.fork()
if not pid:
    os.read(go[0], 1)
    os._exit(0)
keeper.maintenance.close()
try:
    claim(Path(path), "other" * 8)
except Taken:
    say("taken")
os.write(go[1], b"x")
os.waitpid(pid, 0)
claim(Path(path), "other" * 8)
say("free")
"""

    assert run(script, path) == ["taken", "free"]


def test_engines_without_a_file_are_readied_too(tmp_path):
    """Nothing on disk is no reason to hang in a child."""
    from support.held import FACTS, orders

    from sqlmem.maintenance import Maintenance
    from sqlmem.registry import Registry

    store, clock = Store(), ManualClock()
    registry = Registry(clock, lambda table: None)
    maintenance = Maintenance(
        store=store,
        registry=registry,
        clock=clock,
        path=None,
        interval_seconds=1,
        owner=OWNER,
        facts=lambda: FACTS,
    )
    maintenance.start()
    held = orders(store, clock, range(3))
    registry._lock.acquire()

    import os

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: a fork beside threads
        pid = os.fork()
    if not pid:
        is_right = registry._lock.acquire(blocking=False)
        is_right &= store.query((held.generation,), "SELECT count(*) FROM main.data", ()) == [(3,)]
        os._exit(not is_right)
    _, status = os.waitpid(pid, 0)
    registry._lock.release()
    maintenance.close()

    assert status == 0


def test_a_child_verifies_its_own_hits(tmp_path):
    """What waited in the parent stays the parent's; the child has a thread and locks of its own."""
    script = """
from sqlalchemy import create_engine, event
from sqlmem import CachingEngine

base = create_engine("sqlite:///" + path)
with base.begin() as connection:
    connection.exec_driver_sql("CREATE TABLE items (id INTEGER PRIMARY KEY)")
asked, go = threading.Event(), threading.Event()

@event.listens_for(base, "after_cursor_execute")
def executed(connection, cursor, statement, *_):
    if threading.current_thread().name == "sqlmem-live-verification" and "FROM items" in statement:
        asked.set()
        go.wait()

def told(engine):
    found = engine.stats().verification
    return found.sampled, found.verified, found.skipped

engine = CachingEngine(base, cache_db="", verify=1)
live = engine._core.live
for _ in range(4):
    engine.execute("SELECT id FROM items")
asked.wait()
live._lock.acquire()
def task():
    go.set()
    say("child", live.drain(30), *told(engine))
    engine.execute("SELECT id FROM items")
    say("child", live.drain(30), *told(engine), live._thread in threading.enumerate())
    engine.close()
forked(task)
live._lock.release()
go.set()
say("parent", live.drain(30), *told(engine))
engine.close()
base.dispose()
"""

    assert run(script, tmp_path / "origin.db") == [
        "child True 3 0 3",
        "child True 4 1 3 True",
        "parent True 3 3 0",
    ]
