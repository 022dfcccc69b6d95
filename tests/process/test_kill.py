"""kill -9 while a snapshot is written: the next start finds the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

from support.clock import ManualClock
from support.held import OWNER, order_row, orders, values

from sqlmem import snapshot
from sqlmem.store import Store

KILLS = 60

# Writes snapshots for ever: the one of number n has ROWS + n rows, all of number n. Says what
# it is about to do, so that the parent can choose its moment.
WRITER = """
import os, sys
from pathlib import Path
from support.clock import ManualClock
from support.held import FACTS, OWNER, orders
from sqlmem import snapshot, snapshot_file
from sqlmem.store import Store

path, number = Path(sys.argv[1]), int(sys.argv[2])
store, clock = Store(), ManualClock()

def told(module, name, word):
    plain = getattr(module, name)
    def tell(*arguments, **keywords):
        os.write(1, word.encode() + b"\\n")
        return plain(*arguments, **keywords)
    setattr(module, name, tell)

told(snapshot, "copy_rows", "copy")
told(snapshot_file, "_digest", "digest")
told(snapshot_file.os, "fsync", "sync")
told(snapshot_file.Path, "replace", "rename")
told(snapshot, "sync_folder", "folder")
while True:
    number += 1
    held = orders(store, clock, range(number, number + 6_000 + number % 7))
    os.write(1, b"begin %d\\n" % number)
    snapshot.write(path, store, owner=OWNER, facts=FACTS, held=[held], clock=clock)
    os.write(1, b"done %d\\n" % number)
    store.retire(held.generation)
"""


def numbers_of(rows):
    first = rows[0][0]
    return range(first, first + 6_000 + first % 7)


def test_a_kill_at_any_moment_of_a_write_leaves_a_whole_snapshot(tmp_path):
    """Sixty kills, at each step of a write and some lines after: a clean start each time."""
    path = tmp_path / "cache.db"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    words = [b"begin", b"copy", b"digest", b"sync", b"rename", b"folder", b"done"]
    done = 0

    for kill in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, path, str(done)],
            stdout=subprocess.PIPE,
            env=environment,
        )
        word, skipped = words[kill % len(words)], kill // len(words) % 4
        for line in child.stdout:
            if line.startswith(b"done"):
                done = int(line.split()[1])
            if line.startswith(word):
                if not skipped:
                    break
                skipped -= 1
        child.send_signal(signal.SIGKILL)
        for line in child.stdout:
            if line.startswith(b"done"):
                done = int(line.split()[1])
        child.wait()
        child.stdout.close()

        store = Store()
        loaded = snapshot.load(path, store, owner=OWNER, clock=ManualClock())
        if not done and loaded is None:
            continue
        assert isinstance(loaded, snapshot.Loaded), (kill, word)
        (held,) = loaded.tables
        found = values(store, held)
        # The last one that was done, or the one after it, whose rename the kill came too late for.
        assert found[0][0] in (done, done + 1), (kill, word)
        assert found == [order_row(number) for number in numbers_of(found)], (kill, word)
        assert [each.name for each in tmp_path.iterdir()] == ["cache.db"], (kill, word)
        done = found[0][0]

    assert done > 0


def test_a_kill_while_a_snapshot_is_loaded_changes_nothing(tmp_path):
    """Loading reads only."""
    path = tmp_path / "cache.db"
    store, clock = Store(), ManualClock()
    held = orders(store, clock, range(20_000))
    snapshot.write(path, store, owner=OWNER, facts=None, held=[held], clock=clock)
    before = path.read_bytes()
    reader = (
        "import sys; from pathlib import Path; from support.clock import ManualClock;"
        " from support.held import OWNER; from sqlmem import snapshot; from sqlmem.store import Store;"
        " print('begin', flush=True);"
        " snapshot.load(Path(sys.argv[1]), Store(), owner=OWNER, clock=ManualClock())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}

    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", reader, path], stdout=subprocess.PIPE, env=environment)
        child.stdout.readline()
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        child.communicate()

    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["cache.db"]
