"""A piece of work beside its caller: one at a time, its error the caller's, and no thread left behind."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest
from sqlalchemy.util import greenlet_spawn

from sqlmem.alongside import Alongside


def test_a_piece_goes_on_beside_the_caller() -> None:
    """The caller does something that the piece waits for, and gets what it has returned."""
    alongside = Alongside(is_async=False)
    is_fetched = threading.Event()

    alongside.begin(lambda: (is_fetched.wait(10), threading.get_ident()))
    is_fetched.set()
    was_fetched, thread = alongside.end()
    alongside.stop()

    assert was_fetched
    assert thread != threading.get_ident()


def test_one_thread_does_all_pieces_and_ends_with_the_work() -> None:
    """A thread per batch would cost more than the batch's share of the waiting."""
    alongside = Alongside(is_async=False)
    threads = set()

    for _ in range(5):
        alongside.begin(threading.current_thread)
        threads.add(alongside.end())
    alongside.stop()

    assert len(threads) == 1
    assert not threads.pop().is_alive()


def test_what_a_piece_raises_is_the_callers() -> None:
    """As if the caller had done it itself; the next piece is done all the same."""
    alongside = Alongside(is_async=False)

    def fail() -> None:
        raise KeyError("no such row")

    alongside.begin(fail)
    with pytest.raises(KeyError, match="no such row"):
        alongside.end()
    alongside.begin(lambda: 1)

    assert alongside.end() == 1
    alongside.stop()


def test_pieces_handed_over_ahead_are_done_in_their_order() -> None:
    """The thread goes on to the next one while the caller is at something else."""
    alongside = Alongside(is_async=False)
    done: list[int] = []
    is_third = threading.Event()

    for number in range(3):
        alongside.begin(lambda number=number: done.append(number) or (number == 2 and is_third.set()))
    was_waited_for = is_third.wait(10)
    ends = alongside.begun
    for _ in range(3):
        alongside.end()
    alongside.stop()

    assert was_waited_for
    assert ends == 3
    assert done == [0, 1, 2]
    assert alongside.begun == 0


@pytest.mark.parametrize("has_thread", [True, False])
def test_what_is_behind_a_piece_that_fails_is_not_done(
    has_thread: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go on with what the failure has left, and nobody asks for it any more."""
    alongside = Alongside(is_async=False)
    if not has_thread:
        monkeypatch.setattr(Alongside, "_has_thread", lambda _: False)
    done: list[str] = []

    def fail() -> None:
        raise KeyError("no such row")

    alongside.begin(fail)
    alongside.begin(lambda: done.append("second"))
    alongside.begin(lambda: done.append("third"))
    with pytest.raises(KeyError, match="no such row"):
        alongside.end()
    alongside.stop()

    assert done == []


def test_stop_leaves_what_was_not_begun() -> None:
    """After an error of the caller's nobody wants it, and who stops would wait for it."""
    alongside = Alongside(is_async=False)
    is_begun, done = threading.Event(), []
    behind: list[bool] = []

    def first() -> None:
        is_begun.set()
        # Stopping has begun when the caller waits for the thread.
        while not behind:
            behind.extend([True] if alongside.begun and alongside._begun[-1].has_failed else [])
        done.append("first")

    alongside.begin(first)
    alongside.begin(lambda: done.append("second"))
    is_begun.wait(10)
    alongside.stop()

    assert done == ["first"]


def test_stop_waits_for_the_piece_that_nobody_looked_at() -> None:
    """After an error of the caller's, what the piece works on is taken apart: nobody may be at it."""
    alongside = Alongside(is_async=False)
    is_begun, may_go_on, steps = threading.Event(), threading.Event(), []

    def work() -> None:
        is_begun.set()
        may_go_on.wait(10)
        steps.append("worked")
        raise KeyError

    alongside.begin(work)
    assert is_begun.wait(10)
    threading.Thread(target=may_go_on.set).start()
    alongside.stop()
    steps.append("stopped")

    assert steps == ["worked", "stopped"]


def test_stop_without_a_piece_does_nothing() -> None:
    """Most fills are too small for a thread."""
    alongside = Alongside(is_async=False)

    before = threading.active_count()
    alongside.stop()

    assert threading.active_count() == before


def test_without_another_thread_the_caller_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the interpreter's end, or at a limit of the system's, a fill is slower and no worse."""
    alongside = Alongside(is_async=False)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    alongside.begin(threading.get_ident)

    assert alongside.end() == threading.get_ident()
    alongside.stop()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_does_it_itself() -> None:
    """A fork in a callback between two pieces: the thread stays with the parent, and nobody waits for it."""
    alongside = Alongside(is_async=False)
    alongside.begin(int)
    alongside.end()

    child = os.fork()
    if child == 0:
        try:
            alongside.begin(threading.get_ident)
            found = alongside.end()
            alongside.stop()
            os._exit(0 if found == threading.get_ident() else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    alongside.stop()

    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_waits_for_no_piece_of_its_parents() -> None:
    """A fork while the thread is at one: in the child nobody ends it, and how far it has come isn't known."""
    alongside = Alongside(is_async=False)
    may_go_on = threading.Event()
    alongside.begin(lambda: may_go_on.wait(10))

    child = os.fork()
    if child == 0:
        try:
            with pytest.raises(RuntimeError):
                alongside.end()
            alongside.stop()
            os._exit(0)
        finally:
            os._exit(2)
    may_go_on.set()
    _, status = os.waitpid(child, 0)
    alongside.end()
    alongside.stop()

    assert os.waitstatus_to_exitcode(status) == 0


def test_a_loop_goes_on_meanwhile() -> None:
    """Who waits in an event loop lets the others in it work."""

    async def run() -> int:
        is_ready = threading.Event()
        alongside = Alongside(is_async=True)

        def ask() -> int:
            alongside.begin(lambda: is_ready.wait(10))
            return int(alongside.end())

        async def other() -> None:
            is_ready.set()

        waited, _ = await asyncio.gather(greenlet_spawn(ask), other())
        alongside.stop()
        return waited

    assert asyncio.run(run()) == 1
