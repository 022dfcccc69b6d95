"""Pieces of work by several threads: each once, and an error ends it all."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from sqlmem.workers import processors, side_by_side


@pytest.mark.parametrize("threads", [1, 2, 4, 100])
def test_each_piece_is_done_once(threads):
    """However many threads there are, and none is left afterwards."""
    done = []
    before = threading.active_count()

    side_by_side([partial(done.append, number) for number in range(50)], threads)

    assert sorted(done) == list(range(50))
    assert threading.active_count() == before


def test_pieces_are_done_at_the_same_time():
    """Two that wait for each other both end."""
    barrier = threading.Barrier(2)

    side_by_side([barrier.wait, barrier.wait], 2)

    assert barrier.n_waiting == 0


def test_an_error_is_raised_and_ends_it():
    """What wasn't begun by then is left out."""
    done = []

    with pytest.raises(ValueError, match="the second"):
        side_by_side([partial(done.append, 1), fail, partial(done.append, 3)], 1)

    assert done == [1]


def test_an_error_of_another_thread_is_raised_when_all_have_ended():
    """Nobody is at a piece any more when the caller hears of it."""
    ended = []
    begun, failed = threading.Event(), threading.Event()

    def last():
        begun.set()
        failed.wait()
        ended.append("last")

    def fail_first():
        begun.wait()
        failed.set()
        fail()

    with pytest.raises(ValueError, match="the second"):
        side_by_side([last, fail_first], 2)

    assert ended == ["last"]


def fail():
    raise ValueError("the second")


def test_without_more_threads_the_caller_does_it_all(monkeypatch):
    """As at the interpreter's end, where none can be started any more."""
    done = []

    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    side_by_side([partial(done.append, number) for number in range(5)], 4)

    assert done == list(range(5))


def test_there_is_a_processor():
    """And no more threads than are of use."""
    assert 1 <= processors() <= 4
