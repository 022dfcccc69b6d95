"""One body at a time for a key, among threads and tasks; none waits for itself."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest
from support.sequencer import Sequencer

from sqlmem import Memo
from sqlmem.memo.flights import Flights, Node
from sqlmem.memo.steps import Bell, Wait, _take

HERD = 12


def wait_for(memo, key, waiters):
    """Until so many wait for the flight of a key."""
    flights = memo._shared.flights
    while len(flights._flying[key].wake) < waiters:
        threading.Event().wait(0.001)


def claims(path):
    connection = sqlite3.connect(path)
    try:
        return connection.execute("SELECT count(*) FROM sqlmem_claims").fetchone()[0]
    finally:
        connection.close()


def test_a_herd_of_threads_computes_once(store, opened, sequence):
    """The others wait, and get objects of their own."""
    memo = opened(store)
    calls = []

    @memo(ignore=("sequence",))
    def report(x):
        calls.append(x)
        sequence.reach("runs")
        sequence.wait("go on")
        return [x]

    tasks = [sequence.spawn(report, 1)]
    sequence.wait("runs")
    tasks += [sequence.spawn(report, 1) for _ in range(HERD)]
    wait_for(memo, report.key(1), HERD)
    sequence.reach("go on")
    results = [task.result() for task in tasks]

    assert calls == [1]
    assert results == [[1]] * (HERD + 1)
    assert len({id(result) for result in results}) == HERD + 1
    assert report.cache_info()[:2] == (HERD, 1)


def test_different_arguments_run_side_by_side(store, opened, sequence):
    """Each body waits for the other to run."""

    @opened(store)(ignore=("sequence",))
    def report(x):
        sequence.reach(f"runs {x}")
        sequence.wait(f"runs {1 - x}")
        return x

    tasks = [sequence.spawn(report, x) for x in (0, 1)]

    assert [task.result() for task in tasks] == [0, 1]


def test_recursion_works(store, opened):
    """Each number once."""
    calls = []

    @opened(store)
    def fibonacci(n):
        calls.append(n)
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    assert fibonacci(20) == 6765
    assert sorted(calls) == list(range(21))


def test_a_call_that_comes_back_to_itself_computes_it(memo):
    """Where an ignored argument ends the recursion, it would wait for itself for ever."""
    calls = []

    @memo(ignore=("depth",))
    def count(x, depth=0):
        calls.append(depth)
        return depth if depth == 3 else count(x, depth + 1)

    assert count("a") == 3
    assert calls == [0, 1, 2, 3]
    assert count("a") == 3
    assert len(calls) == 4


def test_two_calls_that_need_each_other_do_not_wait_in_a_ring(memo, sequence):
    """Two threads, each holding what the other wants: one of them computes it itself."""

    @memo(ignore=("sequence", "depth"))
    def left(depth=0):
        if depth == 0:
            sequence.reach("left")
            sequence.wait("right")
            return "l" + right(1)
        return "l"

    @memo(ignore=("sequence", "depth", "left"))
    def right(depth=0):
        if depth == 0:
            sequence.reach("right")
            sequence.wait("left")
            return "r" + left(1)
        return "r"

    tasks = [sequence.spawn(left), sequence.spawn(right)]
    results = sorted(task.result() for task in tasks)

    assert results in (["lr", "rlr"], ["lr", "rl"], ["lrl", "rl"])


def test_a_ring_is_seen_whoever_closes_it():
    """Flights over three bodies; and siblings of one body may wait for each other."""
    flights = Flights()

    def nothing():
        raise AssertionError

    top = [Node(None) for _ in range(3)]
    led = [flights.join(f"k{number}", node, nothing) for number, node in enumerate(top)]
    assert [flight.node for flight in led] == top

    assert flights.join("k1", Node(top[0]), nothing) is led[1]
    assert flights.join("k2", Node(top[1]), nothing) is led[2]
    assert flights.join("k0", Node(top[2]), nothing) is None
    assert flights.join("k0", Node(Node(top[2])), nothing) is None
    assert flights.join("k0", Node(None), nothing) is led[0]
    sibling = Node(top[2])
    inner = flights.join("inner", sibling, nothing)
    assert flights.join("inner", Node(top[2]), nothing) is inner
    assert flights.join("inner", Node(sibling), nothing) is None


def test_those_who_waited_for_a_failure_run_side_by_side(memo, sequence):
    """As without a memo: each gets an error of its own, and nobody queues."""
    running = threading.Barrier(HERD, timeout=30)
    calls = []

    @memo(ignore=("sequence", "running"))
    def fail():
        calls.append(1)
        if len(calls) == 1:
            sequence.reach("runs")
            sequence.wait("go on")
        else:
            running.wait()
        raise ValueError

    tasks = [sequence.spawn(fail)]
    sequence.wait("runs")
    tasks += [sequence.spawn(fail) for _ in range(HERD)]
    wait_for(memo, fail.key(), HERD)
    sequence.reach("go on")
    for task in tasks:
        with pytest.raises(ValueError):
            task.result()

    assert len(calls) == HERD + 1


def test_those_who_waited_for_what_is_not_kept_run_side_by_side(memo, sequence):
    """A result that cache_if refuses, or that can't be stored, makes no convoy."""
    running = threading.Barrier(HERD, timeout=30)
    calls = []

    @memo(ignore=("sequence", "running"), cache_if=lambda value: False)
    def report():
        calls.append(1)
        if len(calls) == 1:
            sequence.reach("runs")
            sequence.wait("go on")
        else:
            running.wait()
        return 1

    tasks = [sequence.spawn(report)]
    sequence.wait("runs")
    tasks += [sequence.spawn(report) for _ in range(HERD)]
    wait_for(memo, report.key(), HERD)
    sequence.reach("go on")

    assert [task.result() for task in tasks] == [1] * (HERD + 1)


def test_a_keyboard_interrupt_leaves_no_claim_and_the_next_one_computes(memo, sequence, tmp_path):
    """One of those who waited takes over."""
    calls = []

    @memo(ignore=("sequence",))
    def report():
        calls.append(1)
        if len(calls) == 1:
            sequence.reach("runs")
            sequence.wait("go on")
            raise KeyboardInterrupt
        return len(calls)

    stopped = sequence.spawn(report)
    sequence.wait("runs")
    waiting = [sequence.spawn(report) for _ in range(3)]
    wait_for(memo, report.key(), 3)
    sequence.reach("go on")

    with pytest.raises(KeyboardInterrupt):
        stopped.result()
    assert [task.result() for task in waiting] == [2, 2, 2]
    assert len(calls) == 2
    assert claims(tmp_path / "memo.db") == 0
    assert len(memo._shared.flights) == 0


def test_an_interrupt_while_waiting_leaves_the_flight_alone(memo, sequence):
    """Who is stopped is only one who waited."""

    @memo(ignore=("sequence",))
    def report():
        sequence.reach("runs")
        sequence.wait("go on")
        return 1

    leader = sequence.spawn(report)
    sequence.wait("runs")
    function = next(write.__self__ for write in memo._shared.unwritten if "report" in write.__self__.name)
    way = function.way(report.key(), (), {})
    next(way)
    assert isinstance(way.send(Bell(lambda: None, None)), Wait)
    with pytest.raises(KeyboardInterrupt):
        way.throw(KeyboardInterrupt())
    sequence.reach("go on")

    assert leader.result() == 1
    assert report.has()


def test_an_interrupt_at_any_step_of_the_way_leaves_nothing_behind(memo, tmp_path):
    """Between two steps too: no flight, no claim, and the next call computes."""

    @memo
    def report():
        return 1

    (function,) = [write.__self__ for write in memo._shared.unwritten]
    for steps in range(1, 8):
        report.cache_clear()
        way = function.way(report.key(), (), {})
        step = next(way)
        try:
            for _ in range(steps):
                step = way.send(_take(step, report.__wrapped__))
            with pytest.raises(KeyboardInterrupt):
                way.throw(KeyboardInterrupt())
        except StopIteration:
            break
        assert len(memo._shared.flights) == 0
        assert claims(tmp_path / "memo.db") == 0
        assert report() == 1
    assert steps > 4


# -- asyncio ---------------------------------------------------------------------------------


def test_a_herd_of_tasks_computes_once(store, opened):
    """The loop goes on meanwhile."""
    memo = opened(store)
    calls = []

    async def main():
        go_on = asyncio.Event()

        @memo(ignore=("go_on",))
        async def report(x):
            calls.append(x)
            await go_on.wait()
            return [x]

        tasks = [asyncio.create_task(report(1)) for _ in range(HERD)]
        while not calls or len(memo._shared.flights._flying[report.key(1)].wake) < HERD - 1:
            await asyncio.sleep(0.001)
        go_on.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == [[1]] * HERD
    assert calls == [1]


def test_sibling_tasks_of_one_body_share_its_calls(memo):
    """They belong to one caller, and don't wait for themselves."""
    calls = []

    @memo
    async def inner(x):
        calls.append(x)
        await asyncio.sleep(0)
        return x

    @memo(ignore=("inner",))
    async def outer():
        return await asyncio.gather(*(inner(1) for _ in range(5)))

    assert asyncio.run(outer()) == [1] * 5
    assert calls == [1]


def test_a_cancelled_task_leaves_no_claim_and_another_one_computes(memo, tmp_path):
    """One of those who waited takes over."""
    calls = []

    async def main():
        @memo
        async def report():
            calls.append(1)
            if len(calls) == 1:
                await asyncio.sleep(3600)
            return len(calls)

        first = asyncio.create_task(report())
        while not calls:
            await asyncio.sleep(0)
        second = asyncio.create_task(report())
        while not memo._shared.flights._flying[report.key()].wake:
            await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert asyncio.run(main()) == 2
    assert claims(tmp_path / "memo.db") == 0


def test_two_loops_share_a_flight(memo):
    """The task of one is woken from the thread of the other."""
    sequence = Sequencer()
    calls = []

    @memo(ignore=("sequence",))
    async def report():
        calls.append(1)
        sequence.reach("runs")
        while "go on" not in sequence.reached:
            await asyncio.sleep(0.001)
        return 1

    def run():
        return asyncio.run(report())

    one = sequence.spawn(run)
    sequence.wait("runs")
    other = sequence.spawn(run)
    wait_for(memo, report.key(), 1)
    sequence.reach("go on")

    assert (one.result(), other.result()) == (1, 1)
    assert calls == [1]


# -- a store that fails ----------------------------------------------------------------------


def test_a_store_that_fails_costs_time_and_one_warning(tmp_path):
    """Every call computes, whatever it is that can't be done."""
    path = tmp_path / "memo.db"
    path.write_bytes(b"this is no database, and it is longer than a header of one would be" * 20)
    with Memo(path) as memo:
        calls = []

        @memo
        def report():
            calls.append(1)
            return 1

        with pytest.warns(RuntimeWarning, match="a memo's store failed") as caught:
            assert [report(), report()] == [1, 1]

    assert len(calls) == 2
    assert len(caught) == 1
    assert path.read_bytes().startswith(b"this is no database")
