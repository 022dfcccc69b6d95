"""kill -9 while a snapshot is written: the next start finds the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest
from support.clock import ManualClock
from support.held import OWNER, closing_stores, files, images, order_row, orders, values

from sqlmem import snapshot
from sqlmem.store import Store

KILLS = 120
ROWS = 6_000
VERSIONS = 7  # snapshot n has the rows from n % VERSIONS on

# For each number that it is given it forks a writer, which writes the snapshots after that
# number for ever and says what it is about to do, so that the test can choose its moment.
# Forked, because most of a new process would be spent on imports.
NURSERY = """
import os, sys
from pathlib import Path
from support.clock import ManualClock
from support.held import FACTS, OWNER, orders
from sqlmem import snapshot, snapshot_file, snapshot_folder, snapshot_images
from sqlmem.store import Store

path, rows, versions = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
store, clock = Store(), ManualClock()
held = [orders(store, clock, range(version, version + rows + version)) for version in range(versions)]

def say(text):
    os.write(1, text.encode() + b"\\n")

def told(module, name, word):
    plain = getattr(module, name)
    def tell(*arguments, **keywords):
        say(word)
        return plain(*arguments, **keywords)
    setattr(module, name, tell)

def write_for_ever(number):
    told(snapshot_images, "_write", "image")
    told(snapshot_images.Steps, "step", "copy")
    told(snapshot_images, "_digest", "hash")
    told(snapshot_images.os, "fsync", "sync")
    told(snapshot, "_fill_file", "manifest")
    told(snapshot_file, "_digest", "digest")
    told(snapshot_file.Path, "replace", "rename")
    told(snapshot, "sync_folder", "folder")
    told(snapshot_folder.Folder, "clean", "clean")
    while True:
        number += 1
        say(f"begin {number}")
        each = held[number % versions]
        snapshot.write(path, store, owner=OWNER, facts=FACTS, held=[each], clock=clock)
        say(f"done {number}")

for line in sys.stdin:
    child = os.fork()
    if not child:
        write_for_ever(int(line))
    say(f"pid {child}")
    os.waitpid(child, 0)
    say("dead")
"""


@pytest.fixture(autouse=True)
def _closed():
    with closing_stores():
        yield


def environment():
    return {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}


def killed_writer(nursery, done, word, skipped):
    """Kill a writer when it says the word once more than `skipped` times; the last number it has done."""
    nursery.stdin.write(f"{done}\n")
    nursery.stdin.flush()
    pid = None
    is_killed = False
    for line in nursery.stdout:
        said, _, number = line.strip().partition(" ")
        if said == "pid":
            pid = int(number)
        elif said == "dead":
            return done
        elif said == "done":
            done = int(number)
        if said == word:
            skipped -= 1
        if skipped < 0 and pid is not None and not is_killed:
            os.kill(pid, signal.SIGKILL)
            is_killed = True
    raise AssertionError("the nursery has ended")


def test_a_kill_at_any_moment_of_a_write_leaves_a_whole_snapshot(tmp_path):
    """A hundred and twenty kills, ten at each step of a write: a clean start each time."""
    path = tmp_path / "cache.db"
    words = [
        *(
            "begin",
            "image",
            "copy",
            "hash",
            "sync",
            "manifest",
            "digest",
            "rename",
            "folder",
            "clean",
            "done",
        ),
        "sync",
    ]
    expected = {n: [order_row(number) for number in range(n, n + ROWS + n)] for n in range(VERSIONS)}
    arguments = [sys.executable, "-c", NURSERY, path, str(ROWS), str(VERSIONS)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as nursery:
        done = 0

        for kill in range(KILLS):
            word = words[kill % len(words)]
            done = killed_writer(nursery, done, word, kill // len(words) % 4)
            store = Store()
            loaded = snapshot.load(path, store, owner=OWNER, clock=ManualClock())

            if loaded is None:
                assert not done, (kill, word)
                continue
            assert isinstance(loaded, snapshot.Loaded), (kill, word)
            (held,) = loaded.tables
            found = values(store, held)
            # The last one that was done, or the one after it, if the kill came too late for its rename.
            version = found[0][0]
            assert version in (done % VERSIONS, (done + 1) % VERSIONS), (kill, word)
            assert found == expected[version], (kill, word)
            # What the dead has left is gone, images too, and the image that is meant is there.
            (image,) = images(path).values()
            assert files(path) == {"cache.db", f"cache.db.tables/{image.name}"}, (kill, word)
            done += version != done % VERSIONS

        nursery.stdin.close()
    assert done > KILLS / 2


def test_a_kill_while_a_snapshot_is_loaded_changes_nothing(tmp_path):
    """Loading reads only."""
    path = tmp_path / "cache.db"
    store, clock = Store(), ManualClock()
    held = orders(store, clock, range(20_000))
    snapshot.write(path, store, owner=OWNER, facts=None, held=[held], clock=clock)
    before = {name: (tmp_path / name).read_bytes() for name in files(path)}
    reader = (
        "import sys; from pathlib import Path; from support.clock import ManualClock;"
        " from support.held import OWNER; from sqlmem import snapshot; from sqlmem.store import Store;"
        " print('begin', flush=True);"
        " snapshot.load(Path(sys.argv[1]), Store(), owner=OWNER, clock=ManualClock())"
    )

    for _ in range(3):
        arguments = [sys.executable, "-c", reader, path]
        child = subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment())
        child.stdout.readline()
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        child.communicate()

    assert {name: (tmp_path / name).read_bytes() for name in files(path)} == before
