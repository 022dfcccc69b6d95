"""SIGTERM and the end of the process: the snapshot is written, and the application's own way is gone."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from support.clock import ManualClock
from support.held import OWNER, closing_stores
from support.keeper import environment

from sqlmem import snapshot
from sqlmem.store import Store

HEAD = """
import os, signal, sys, threading
from support.keeper import Keeper, say
path = sys.argv[1]
"""
# Waits as programs do: in the main thread, interrupted by signals only. One that comes just before the wait
# begins ends it too, which with `signal.pause` it wouldn't.
WAIT = """
came, comes = os.pipe()
os.set_blocking(comes, False)
signal.set_wakeup_fd(comes)
say("ready")
while True:
    os.read(came, 1)
"""


@pytest.fixture(autouse=True)
def _closed():
    with closing_stores():
        yield


def run(script, path, *, kill_at=None, times=1):
    """Run it, send SIGTERM when it says the word; what it said and its return code."""
    child = subprocess.Popen(
        [sys.executable, "-c", HEAD + script, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    said = []
    for line in child.stdout:
        said.append(line.strip())
        if line.strip() == kill_at:
            for _ in range(times):
                child.send_signal(signal.SIGTERM)
    errors = child.stderr.read()
    code = child.wait()
    child.stdout.close()
    child.stderr.close()
    assert errors == ""
    return said, code


def rows_in(path):
    loaded = snapshot.load(path, Store(), owner=OWNER, clock=ManualClock())
    return loaded.tables[0].generation.rows if isinstance(loaded, snapshot.Loaded) else None


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache.db"


def test_a_process_without_a_handler_is_flushed_and_killed(path):
    """Its parent sees that it was SIGTERM, as without us."""
    said, code = run("keeper = Keeper(path)\nkeeper.publish(3)" + WAIT, path, kill_at="ready")

    assert (said, code) == (["ready"], -signal.SIGTERM)
    assert rows_in(path) == 3


def test_the_applications_own_handler_runs_after_the_flush(path):
    """Once, in the main thread, with the signal's number, and the file is written by then."""
    script = """
def own(number, frame):
    is_main = threading.current_thread() is threading.main_thread()
    say("own", number == signal.SIGTERM, is_main, os.path.exists(path), frame is not None)
    os._exit(7)
signal.signal(signal.SIGTERM, own)
keeper = Keeper(path)
keeper.publish(3)
"""

    said, code = run(script + WAIT, path, kill_at="ready")

    assert (said, code) == (["ready", "own True True True True"], 7)
    assert rows_in(path) == 3


def test_a_handler_that_goes_on_is_called_at_each_signal(path):
    """Each time after a flush of what changed meanwhile."""
    script = """
from pathlib import Path
from support.held import images
calls = []
def own(number, frame):
    calls.append(sum(image.stat().st_size for image in images(Path(path)).values()))
signal.signal(signal.SIGTERM, own)
keeper = Keeper(path)
for rows in (3, 3_000):
    keeper.publish(rows)
    os.kill(os.getpid(), signal.SIGTERM)
    while len(calls) < 1 + (rows > 3):
        threading.Event().wait(0.001)
say("called", len(calls), calls[0] < calls[1])
os._exit(0)
"""

    said, code = run(script, path)

    assert (said, code) == (["called 2 True"], 0)
    assert rows_in(path) == 3_000


def test_a_process_that_ignores_the_signal_goes_on(path):
    """And what it has is written."""
    script = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
keeper = Keeper(path)
keeper.publish(3)
os.kill(os.getpid(), signal.SIGTERM)
while not os.path.exists(path):
    threading.Event().wait(0.001)
say("alive")
os._exit(0)
"""

    said, code = run(script, path)

    assert (said, code) == (["alive"], 0)
    assert rows_in(path) == 3


def test_a_handler_that_was_installed_later_is_the_only_one(path):
    """Theirs alone; the flush comes at exit."""
    script = """
keeper = Keeper(path)
def own(number, frame):
    say("own", os.path.exists(path))
    sys.exit(3)
signal.signal(signal.SIGTERM, own)
keeper.publish(3)
"""

    said, code = run(script + WAIT, path, kill_at="ready")

    assert (said, code) == (["ready", "own False"], 3)
    assert rows_in(path) == 3


def test_a_later_handler_that_calls_ours_ends_all_the_same(path):
    """No ring, also when another engine is made after it."""
    script = """
keeper = Keeper(path)
ours = signal.getsignal(signal.SIGTERM)
def own(number, frame):
    ours(number, frame)
signal.signal(signal.SIGTERM, own)
other = Keeper(path + ".2")
keeper.publish(3)
"""

    said, code = run(script + WAIT, path, kill_at="ready")

    assert (said, code) == (["ready"], -signal.SIGTERM)
    assert rows_in(path) == 3


def test_an_engine_made_in_another_thread_installs_nothing(path):
    """And is no error."""
    script = """
before = signal.getsignal(signal.SIGTERM)
thread = threading.Thread(target=lambda: Keeper(path))
thread.start()
thread.join()
say(signal.getsignal(signal.SIGTERM) is before)
"""

    said, code = run(script, path)

    assert (said, code) == (["True"], 0)


def test_the_handler_goes_with_the_last_engine(path):
    """What was there before is there again."""
    script = """
before = signal.getsignal(signal.SIGTERM)
one, two = Keeper(path), Keeper(path + ".2")
one.maintenance.close()
say(signal.getsignal(signal.SIGTERM) is before)
two.maintenance.close()
say(signal.getsignal(signal.SIGTERM) is before)
"""

    said, code = run(script, path)

    assert (said, code) == (["False", "True"], 0)


def test_the_signal_comes_while_the_main_thread_holds_our_locks(path):
    """The handler takes none: the main thread goes on, lets them go, and the flush follows."""
    script = """
keeper = Keeper(path)
keeper.publish(3)
with keeper.maintenance._writing, keeper.maintenance._disk, keeper.store._lock, keeper.registry._lock:
    with threading._active_limbo_lock:
        os.kill(os.getpid(), signal.SIGTERM)
        say("handled")
"""

    said, code = run(script + WAIT, path)

    assert (said[0], code) == ("handled", -signal.SIGTERM)
    assert rows_in(path) == 3


def test_a_flush_that_hangs_does_not_keep_the_process(path):
    """The wait is bounded."""
    script = """
from sqlmem import process
process.TERM_SECONDS = 0.05
keeper = Keeper(path)
keeper.publish(3)
keeper.maintenance._writing.acquire()
"""

    said, code = run(script + WAIT, path, kill_at="ready")

    assert (said, code) == (["ready"], -signal.SIGTERM)
    assert rows_in(path) is None


def test_the_second_signal_of_somebody_in_a_hurry_is_handed_on_at_once(path):
    """A flush that takes long doesn't keep it."""
    script = """
keeper = Keeper(path)
keeper.publish(3)
keeper.maintenance._writing.acquire()
os.kill(os.getpid(), signal.SIGTERM)
say("first")
os.kill(os.getpid(), signal.SIGTERM)
say("second")
"""

    said, code = run(script, path)

    assert (said, code) == (["first"], -signal.SIGTERM)


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "raise SystemExit"])
def test_what_is_unwritten_is_written_at_exit(path, end):
    """However the program's text ends, and though nobody called close."""
    said, code = run(f"keeper = Keeper(path)\nkeeper.publish(3)\n{end}", path)

    assert (said, code) == ([], 0)
    assert rows_in(path) == 3


def test_a_folder_that_is_gone_at_exit_costs_one_warning(path):
    """Also with the flush of SIGTERM before it."""
    script = """
os.mkdir(path)
keeper = Keeper(path + "/cache.db")
keeper.publish(3)
os.unlink(path + "/cache.db.lock")
os.rmdir(path)
"""

    said, code = run(script, path)

    assert len(said) == 1
    assert said[0].startswith("warning snapshot")
    assert code == 0
