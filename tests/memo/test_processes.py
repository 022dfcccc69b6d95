"""Several processes on one store: one body per key, the dead are survived, all agree on what is in force."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid

import pytest
import sqlalchemy as sa
from support.program import Program

from sqlmem import CachingEngine, Memo
from sqlmem.dependencies import is_alive, process_name

SHOP = """
import sqlalchemy as sa
from sqlmem import CachingEngine, Memo

path, url, cache_db = sys.argv[1:4]
base = sa.create_engine(url)
engine = CachingEngine(base, cache_db=cache_db)
memo = Memo(path)
calls = []

@memo(name="total")
def total(region):
    calls.append(region)
    return int(engine.execute("SELECT sum(total) AS s FROM orders WHERE region = :r", {"r": region})[0]["s"])

def write(statement):
    with base.begin() as connection:
        connection.exec_driver_sql(statement)

def end():
    memo.close()
    engine.close()
    base.dispose()
"""

COUNTING = """
from sqlmem import Memo
from support.memo_stores import store_of

calls = []
memo = Memo(store_of(sys.argv[1]))

@memo(name="square")
def square(x):
    calls.append(x)
    return x * x

say("ready")
wait()
for x in range(25):
    assert square(x) == x * x
say(len(calls))
memo.close()
"""


@pytest.fixture
def shop(sqlite_origin):
    sqlite_origin.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, region TEXT, total INTEGER)",
        "INSERT INTO orders VALUES (1, 'north', 10), (2, 'south', 20)",
    )
    return sqlite_origin.url.render_as_string(hide_password=False)


def total_at(url):
    """The function of `SHOP`, in this process."""

    def make(memo, engine):
        calls = []

        # The same as there: what a function closes over tells it from others of its name.
        @memo(name="total", ignore=("calls", "engine"))
        def total(region):
            calls.append(region)
            rows = engine.execute("SELECT sum(total) AS s FROM orders WHERE region = :r", {"r": region})
            return int(rows[0]["s"])

        return total, calls

    return make


@pytest.mark.parametrize("kind", ["file", "postgresql", "mariadb", "redis"])
def test_four_processes_on_25_keys_run_the_body_25_times(request, tmp_path, kind):
    """Each key once, whoever comes first."""
    with contextlib.ExitStack() as stack:
        if kind == "file":
            store = tmp_path / "memo.db"
        elif kind == "redis":
            store = f"redis {request.getfixturevalue('redis_url')} {uuid.uuid4().hex}"
        else:
            driver = {"postgresql": "psycopg", "mariadb": "pymysql"}[kind]
            origin = request.getfixturevalue("_servers").origin(driver, tmp_path)
            stack.callback(origin.dispose)
            store = origin.url.render_as_string(hide_password=False)
        programs = [stack.enter_context(Program(COUNTING, store)) for _ in range(4)]
        for program in programs:
            program.expect("ready")
        for program in programs:
            program.tell()
        counts = [int(line) for program in programs for line in program.end()]

    assert sum(counts) == 25


def test_a_dead_owners_claim_is_taken_over(tmp_path):
    """The process was killed while its body ran; nobody waits for it."""
    script = """
from sqlmem import Memo
memo = Memo(sys.argv[1])

@memo(name="f")
def f(x):
    say("runs")
    wait()

f(1)
"""
    path = tmp_path / "memo.db"
    with Memo(path) as memo, Program(script, path) as program:
        program.expect("runs")

        @memo(name="f")
        def f(x):
            return x

        program.kill()
        assert f(1) == 1
        assert f.has(1)

    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM sqlmem_claims").fetchone()[0] == 0
    connection.close()


def test_a_living_owner_is_waited_for(tmp_path):
    """And its result is this process's, too."""
    script = """
from sqlmem import Memo
memo = Memo(sys.argv[1])

@memo(name="f")
def f(x):
    say("runs")
    wait()
    return "theirs"

f(1)
memo.close()
"""
    path = tmp_path / "memo.db"
    with Memo(path) as memo, Program(script, path) as program:
        program.expect("runs")
        looked = []
        store = memo._shared.store
        claim = store.claim

        def watched(*arguments):
            looked.append(1)
            if len(looked) == 3:
                program.tell()
            return claim(*arguments)

        store.claim = watched

        @memo(name="f")
        def f(x):
            return "ours"

        assert f(1) == "theirs"
        assert program.end() == []


def test_an_invalidation_in_another_process_drops_the_result_here(tmp_path, shop):
    """When it has returned there, this process computes anew, from rows that it fetches anew."""
    path = tmp_path / "memo.db"
    base = sa.create_engine(shop)
    script = (
        SHOP
        + """
say("ready")
wait()
write("UPDATE orders SET total = 11 WHERE id = 1")
engine.invalidate("orders")
say("invalidated")
end()
"""
    )
    with (
        Program(script, path, shop, "") as program,
        Memo(path) as memo,
        CachingEngine(base, cache_db="") as engine,
    ):
        total, calls = total_at(shop)(memo, engine)
        assert [total("north"), total("north")] == [10, 10]
        program.expect("ready")
        program.tell()
        program.expect("invalidated")
        assert total("north") == 11
        assert total("north") == 11
        assert len(calls) == 2
        assert program.end() == []
    base.dispose()


def test_a_process_that_is_behind_does_not_store_what_it_read_before(tmp_path, shop):
    """Another process invalidates while this one's body runs."""
    path = tmp_path / "memo.db"
    base = sa.create_engine(shop)
    script = (
        SHOP
        + """
assert total("south") == 20
say("ready")
wait()
write("UPDATE orders SET total = 11 WHERE id = 1")
engine.invalidate("orders")
say("invalidated")
wait()
assert total("north") == 11
say(len(calls))
end()
"""
    )
    with (
        Program(script, path, shop, "") as program,
        Memo(path) as memo,
        CachingEngine(base, cache_db="") as engine,
    ):
        calls = []
        program.expect("ready")

        @memo(name="total", ignore=("program", "engine", "calls"))
        def total(region):
            calls.append(region)
            rows = engine.execute("SELECT sum(total) AS s FROM orders WHERE region = :r", {"r": region})
            if len(calls) == 1:
                program.tell()
                program.expect("invalidated")
            return int(rows[0]["s"])

        assert total("north") == 10
        assert not total.has("north")
        program.tell()
        program.expect("2")
        assert total("north") == 11
        assert len(calls) == 1
        assert program.end() == []
    base.dispose()


def test_a_living_processs_results_are_shared(tmp_path, shop):
    """One that starts later, without a snapshot, finds them: the rows they came from are still held."""
    path = tmp_path / "memo.db"
    base = sa.create_engine(shop)
    script = SHOP + "\nassert total('north') == 10\nsay('computed')\nwait()\nend()\n"
    with Program(script, path, shop, "") as program:
        program.expect("computed")
        with Memo(path) as memo, CachingEngine(base, cache_db="") as engine:
            total, calls = total_at(shop)(memo, engine)
            assert total("north") == 10
            assert calls == []
            assert total("south") == 20
            assert total("south") == 20
            assert len(calls) == 1
        program.tell()
        assert program.end() == []
    base.dispose()


def test_results_survive_a_restart_of_the_process_with_its_snapshot_and_not_without(tmp_path, shop):
    """The snapshot brings the tokens back; without it they are nobody's."""
    path, cache_db = tmp_path / "memo.db", tmp_path / "cache.db"
    script = SHOP + "\nassert total('north') == 10\nsay(len(calls))\nend()\n"
    ran = []
    for number in range(3):
        if number == 2:
            cache_db.unlink()
        with Program(script, path, shop, cache_db) as program:
            ran += program.end()

    assert ran == ["1", "0", "1"]


def test_a_process_that_was_killed_leaves_results_of_no_living_era(tmp_path, shop):
    """Without a snapshot its rows are gone, whatever it had time to write."""
    path = tmp_path / "memo.db"
    base = sa.create_engine(shop)
    script = SHOP + "\nassert total('north') == 10\nsay('computed')\nwait()\n"
    with Program(script, path, shop, "") as program:
        program.expect("computed")
        program.kill()
    with Memo(path) as memo, CachingEngine(base, cache_db="") as engine:
        total, calls = total_at(shop)(memo, engine)
        assert total("north") == 10
        assert total("north") == 10
        assert len(calls) == 1
    base.dispose()


def test_many_processes_write_and_nothing_is_locked(tmp_path):
    """No "database is locked", no IntegrityError, also while all open the new file at once."""
    script = """
from sqlmem import Memo
say("ready")
wait()
memo = Memo(sys.argv[1])

@memo(name="f", maxsize=20)
def f(x):
    return x

for x in range(150):
    assert f(x % 40) == x % 40
    if x % 30 == 0:
        f.forget(x % 40)
        memo._shared.store.set_tokens("scope", {"orders": str(x)})
f.trim(5)
memo.close()
say("done")
"""
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(Program(script, tmp_path / "memo.db")) for _ in range(4)]
        for program in programs:
            program.expect("ready")
        for program in programs:
            program.tell()
        assert [line for program in programs for line in program.end()] == ["done"] * 4


def test_a_forked_child_has_connections_and_flights_of_its_own(tmp_path):
    """Also if a thread of the parent's was computing; both go on, and share what they store."""
    script = """
import os, threading
from sqlmem import Memo
memo = Memo(sys.argv[1])
runs, go_on = threading.Event(), threading.Event()

@memo(name="f")
def f(x):
    if x == "slow":
        runs.set()
        go_on.wait()
    return x

f(0)
thread = threading.Thread(target=f, args=("slow",))
thread.start()
runs.wait()
pid = os.fork()
if not pid:
    try:
        assert f(0) == 0 and f.cache_info().hits == 1
        assert f("child") == "child"
        assert len(memo._shared.flights) == 0
        assert str(os.getpid()) in memo._shared.claims.owner
    except BaseException as error:
        say("child failed", repr(error))
        os._exit(1)
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
go_on.set()
thread.join()
assert f.has("child") and f.has("slow")
memo.close()
say("done")
"""
    with Program(script, tmp_path / "memo.db") as program:
        assert program.end() == ["done"]


def test_a_fork_while_threads_read_and_write_hangs_nobody(tmp_path):
    """Nobody is inside SQLite at the moment of the fork."""
    script = """
import os, threading
from sqlmem import Memo
memo = Memo(sys.argv[1])

@memo(name="f")
def f(x):
    return x

stop = threading.Event()
def work(number):
    x = 0
    while not stop.is_set():
        x += 1
        f((number, x % 50))
        if x % 7 == 0:
            f.forget((number, x % 50))

threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
for thread in threads:
    thread.start()
for number in range(10):
    pid = os.fork()
    if not pid:
        try:
            f(("child", number))
            assert f.peek(("child", number)) == ("child", number)
        except BaseException as error:
            say("child failed", repr(error))
        os._exit(0)
    os.waitpid(pid, 0)
stop.set()
for thread in threads:
    thread.join()
assert all(f.has(("child", number)) for number in range(10))
memo.close()
say("done")
"""
    with Program(script, tmp_path / "memo.db") as program:
        assert program.end() == ["done"]


def test_what_was_used_is_written_when_the_process_ends(tmp_path):
    """Times are written in batches; the last batch at exit."""
    script = """
from sqlmem import Memo
memo = Memo(sys.argv[1])

@memo(name="f")
def f(x):
    return x

for x in (1, 2, 3):
    f(x)
f(1)
"""
    path = tmp_path / "memo.db"
    with Program(script, path) as program:
        assert program.end() == []
    with Memo(path) as memo:
        f = memo(name="f")(lambda x: x)
        assert f.trim(2) == 1
        assert [f.has(x) for x in (1, 2, 3)] == [True, False, True]


def test_processes_are_told_apart_by_host_number_and_start():
    """A number that was given to another process isn't the same process."""
    host, number, start = process_name().split(".")

    assert is_alive(process_name()) is True
    assert is_alive(f"{host}.{number}.1") is False
    assert is_alive(f"{host}.999999999.{start}") is False
    assert is_alive(f"elsewhere.{number}.{start}") is None
    assert is_alive("nonsense") is None
