"""Threads that loop take turns; nobody waits for a thread that does other things, and nobody for ever."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from support.clock import ManualClock

from sqlmem import turns as turns_module
from sqlmem.turns import CLOSE_SECONDS, GIVE_WAY_EVERY_SECONDS, TRIAL_SECONDS, TURN_SECONDS, Turns

DEADLINE_SECONDS = 60.0


class Queue(deque[Any]):
    """Tells when somebody has begun to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.came = threading.Semaphore(0)

    def append(self, entry: Any) -> None:
        super().append(entry)
        self.came.release()


class Scene:
    """Turns with the time and the processor time made by hand, and threads to take them.

    `share`: of the time that passes, so much is processor time of whoever has the turn.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.used = 0.0
        self.given_way: list[float] = []
        self.turns = Turns(lambda: self.used, self.given_way.append)
        self.queue = self.turns._waiting = Queue()
        self.threads: list[ThreadPoolExecutor] = []

    def thread(self) -> Callable[[Callable[[], Any]], Future[Any]]:
        """A thread of its own, which does what it is given."""
        thread = ThreadPoolExecutor(max_workers=1)
        self.threads.append(thread)
        return thread.submit

    def passes(self, seconds: float, *, share: float = 1.0) -> None:
        self.clock.advance(seconds)
        self.used += seconds * share

    def ask(self) -> int:
        """As `hot` does before a short statement. Returns: which thread it was."""
        me = threading.get_ident()
        now = self.clock.monotonic()
        if self.turns.owner == me and now < self.turns.until:
            self.turns.asked_at = now
        else:
            self.turns.take(me, now, self.clock.monotonic)
        return me

    def wait_until_one_waits(self) -> None:
        assert self.queue.came.acquire(timeout=DEADLINE_SECONDS)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Nobody who waits looks for himself before he is called."""
    monkeypatch.setattr(turns_module, "LATE_SECONDS", DEADLINE_SECONDS)
    scene = Scene()
    yield scene
    scene.turns._dismiss()
    for thread in scene.threads:
        thread.shutdown()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    """Whoever waits looks at once."""
    monkeypatch.setattr(turns_module, "LATE_SECONDS", 0.0)


def done(future: Future[Any]) -> Any:
    return future.result(DEADLINE_SECONDS)


def meet(scene: Scene, one: Any, other: Any) -> Future[Any]:
    """Of two unknown threads one asks again and again, the other comes until it waits."""
    done(one(scene.ask))
    for _ in range(turns_module._MEETINGS - 1):
        done(one(scene.ask))
        done(other(scene.ask))
        scene.passes(CLOSE_SECONDS / 10)
    waiting: Future[Any] = other(scene.ask)
    scene.wait_until_one_waits()
    assert not waiting.done()
    return waiting


def test_a_thread_alone_has_the_turn(scene: Scene) -> None:
    """It looks up nothing but whether it is its own."""
    me = scene.ask()
    assert scene.turns.owner == me
    for _ in range(10):
        scene.passes(TURN_SECONDS / 2)
        scene.ask()
    assert scene.turns.owner == me
    assert not scene.queue


def test_who_meets_an_owner_at_work_goes_ahead(scene: Scene) -> None:
    """Nothing is known of it: it may do one statement and go."""
    one, other = scene.thread(), scene.thread()
    owner = done(one(scene.ask))
    for _ in range(turns_module._MEETINGS - 1):
        done(other(scene.ask))
        assert scene.turns.owner == owner


def test_an_owner_that_has_not_asked_just_now_is_not_waited_for(scene: Scene) -> None:
    """It does something else; the turn is free."""
    one, other = scene.thread(), scene.thread()
    done(one(scene.ask))
    scene.passes(CLOSE_SECONDS * 2)
    taker = done(other(scene.ask))
    assert scene.turns.owner == taker


def test_two_that_loop_take_turns(scene: Scene) -> None:
    """The owner calls who waits, and waits until it is called itself."""
    one, other = scene.thread(), scene.thread()
    waiting = meet(scene, one, other)
    scene.passes(TRIAL_SECONDS * 2)
    first = one(scene.ask)
    second = done(waiting)
    scene.wait_until_one_waits()
    assert scene.turns.owner == second
    assert not first.done()

    scene.passes(TRIAL_SECONDS * 2)
    again = other(scene.ask)
    called = done(first)
    assert scene.turns.owner == called
    scene.wait_until_one_waits()
    assert not again.done()


def test_a_turn_of_threads_known_to_loop_is_longer(scene: Scene) -> None:
    """Each change costs a switch of threads."""
    one, other = scene.thread(), scene.thread()
    waiting = meet(scene, one, other)
    scene.passes(TRIAL_SECONDS * 2)
    first = one(scene.ask)
    done(waiting)
    scene.wait_until_one_waits()
    scene.passes(TRIAL_SECONDS * 2)
    again = other(scene.ask)
    done(first)
    scene.wait_until_one_waits()

    scene.passes(TRIAL_SECONDS * 2)
    done(one(scene.ask))
    assert not again.done()
    scene.passes(TURN_SECONDS)
    one(scene.ask)
    called = done(again)
    assert scene.turns.owner == called


def test_an_owner_that_waits_for_other_things_lets_all_go_ahead(scene: Scene) -> None:
    """A thread that serves requests comes back, too; but it has used little of the time."""
    one, other = scene.thread(), scene.thread()
    waiting = meet(scene, one, other)
    scene.passes(TRIAL_SECONDS * 2, share=0.1)
    owner = done(one(scene.ask))
    done(waiting)
    assert scene.turns.owner == owner
    assert not scene.queue
    for _ in range(100):
        scene.passes(CLOSE_SECONDS / 100)
        done(one(scene.ask))
        done(other(scene.ask))
    assert not scene.queue


def test_one_known_to_loop_is_waited_for_until_it_was_found_not_to_twice(scene: Scene) -> None:
    """A busy machine takes the processor away now and then; without turns two fight for each hit."""
    one, other = scene.thread(), scene.thread()
    waiting = meet(scene, one, other)
    for owner in (one, other):
        scene.passes(TRIAL_SECONDS * 2)
        handed_over = owner(scene.ask)
        done(waiting)
        scene.wait_until_one_waits()
        waiting = handed_over
    scene.passes(TURN_SECONDS * 2, share=0.1)
    done(one(scene.ask))
    done(waiting)

    waiting = other(scene.ask)
    scene.wait_until_one_waits()
    scene.passes(TURN_SECONDS * 2, share=0.1)
    done(one(scene.ask))
    done(waiting)
    for _ in range(100):
        scene.passes(CLOSE_SECONDS / 100)
        done(one(scene.ask))
        done(other(scene.ask))
    assert not scene.queue


@pytest.mark.parametrize(("looks", "is_waited_for"), [(1, False), (10, True)])
def test_one_that_loops_now_and_then_is_not_waited_for(
    scene: Scene, looks: int, *, is_waited_for: bool
) -> None:
    """It waits for a network after each burst: that would be waited for, too. A busy machine is so seldom."""
    one, other = scene.thread(), scene.thread()

    def look(share: float) -> None:
        scene.passes(TURN_SECONDS * 2, share=share)
        done(one(scene.ask))

    done(one(scene.ask))
    for share in (1.0, 0.1, *[1.0] * looks, 0.1):
        look(share)
    for _ in range(turns_module._MEETINGS - 1):
        done(other(scene.ask))

    last = other(scene.ask)
    if is_waited_for:
        scene.wait_until_one_waits()
        assert not last.done()
    else:
        done(last)
        assert not scene.queue


@pytest.mark.usefixtures("impatient")
def test_an_owner_that_has_gone_is_waited_for_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has waited in vain takes the turn, and does not wait again for long."""
    one, other = scene.thread(), scene.thread()
    done(one(scene.ask))
    for _ in range(turns_module._MEETINGS - 1):
        done(other(scene.ask))
    # The time goes on while it waits.
    began = scene.clock.monotonic()
    monkeypatch.setattr(scene.clock, "monotonic", lambda: began + len(scene.queue))
    gone = scene.turns.owner
    taker = done(other(scene.ask))
    assert scene.queue.came.acquire(blocking=False)
    assert scene.turns.owner == taker != gone
    assert not scene.queue

    for _ in range(100):
        done(one(scene.ask))
    assert not scene.queue.came.acquire(blocking=False)


@pytest.mark.usefixtures("impatient")
def test_nobody_waits_for_ever(scene: Scene) -> None:
    """Also if the time doesn't go on, and the owner seems to be at work."""
    one, other = scene.thread(), scene.thread()
    done(one(scene.ask))
    for _ in range(turns_module._MEETINGS):
        taker = done(other(scene.ask))
    assert scene.queue.came.acquire(blocking=False)
    assert scene.turns.owner == taker


def test_in_the_child_of_a_fork_nobody_waits(scene: Scene) -> None:
    """The other threads aren't there."""
    one, other = scene.thread(), scene.thread()
    waiting = meet(scene, one, other)
    lost = list(scene.queue)
    scene.turns.reset()
    assert scene.turns.owner == 0
    assert scene.ask() == scene.turns.owner
    for _, bell in lost:
        bell.release()
    done(waiting)


def test_few_threads_are_remembered(scene: Scene) -> None:
    """A program that starts one for each request doesn't fill the memory."""
    done(scene.thread()(scene.ask))
    for thread in range(10 * turns_module._MOST_THREADS):
        scene.turns._waits(-thread)
    assert len(scene.turns._meetings) <= turns_module._MOST_THREADS


def test_who_loops_gives_way_to_a_fill_now_and_then(scene: Scene) -> None:
    """As long as the fill is at work; so seldom that of a hundred statements less than one waits."""
    scene.ask()
    with scene.turns.beside_fill():
        for _ in range(1_000):
            scene.passes(GIVE_WAY_EVERY_SECONDS / 100)
            scene.ask()
    count = len(scene.given_way)
    assert 5 <= count <= 10
    for _ in range(1_000):
        scene.passes(GIVE_WAY_EVERY_SECONDS / 100)
        scene.ask()
    assert len(scene.given_way) == count


def test_who_does_other_things_in_between_gives_no_way(scene: Scene) -> None:
    """While it does them the fill has the interpreter's lock anyway."""
    with scene.turns.beside_fill():
        for _ in range(100):
            scene.passes(GIVE_WAY_EVERY_SECONDS, share=0.1)
            scene.ask()
    assert scene.given_way == []
