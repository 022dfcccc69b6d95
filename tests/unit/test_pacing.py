"""A long work rests for those who hit meanwhile, in proportion, and not at all where nobody does."""

from __future__ import annotations

import contextlib

import pytest
from support.clock import ManualClock

from sqlmem.pacing import (
    ENOUGH_HITS,
    LONGEST_REST_SECONDS,
    MOST_FOR_HITS_SECONDS,
    REST_SHARE,
    SLICE_SECONDS,
    Pace,
)


class Work:
    """A thread's work and its hits, by hand. `rate`: hits per second of a rest."""

    def __init__(self, rate: float = 0.0) -> None:
        self.clock = ManualClock()
        self.rate = rate
        self.busy = 0.0
        self.hits = 0
        self.rests: list[float] = []
        self.pace = Pace(self.clock, busy=lambda: self.busy, hit_count=lambda: self.hits, rest=self.rest)

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.clock.advance(seconds)
        self.hits += round(self.rate * seconds)

    def piece(self, seconds: float, *, waits: float = 0.0, hits: int = 0) -> None:
        with self.pace:
            self.piece_without_rest(seconds, waits=waits, hits=hits)

    def piece_without_rest(self, seconds: float, *, waits: float = 0.0, hits: int = 0) -> None:
        self.busy += seconds
        self.clock.advance(seconds + waits)
        self.hits += hits


def test_nobody_hits_and_nothing_rests() -> None:
    """Full speed for a fill that is alone."""
    work = Work()

    for _ in range(100):
        work.piece(SLICE_SECONDS)

    assert work.rests == []


def test_a_slice_with_a_hit_is_followed_by_a_rest_of_its_share() -> None:
    """Of the hits that follow each other, few meet a slice; and the work takes a bounded share more."""
    work = Work()

    work.piece(SLICE_SECONDS, hits=1)
    work.piece(SLICE_SECONDS)

    assert work.rests == [pytest.approx(SLICE_SECONDS * REST_SHARE)]


def test_short_pieces_are_one_slice() -> None:
    """A rest per piece would be more resting than hits ask for."""
    work = Work()

    work.piece(SLICE_SECONDS * 0.6, hits=1)
    assert work.rests == []
    work.piece(SLICE_SECONDS * 0.6)

    assert work.rests == [pytest.approx(SLICE_SECONDS * 1.2 * REST_SHARE)]


def test_what_was_waited_for_is_rest() -> None:
    """While it waits for the origin, or for who hits, everybody else goes on."""
    work = Work()

    work.piece(SLICE_SECONDS, waits=SLICE_SECONDS * REST_SHARE * 1.1, hits=5)

    assert work.rests == []


def test_no_rest_is_long() -> None:
    """However long a piece was: an origin's transaction stays open meanwhile."""
    work = Work()

    work.piece(10.0, hits=1)

    assert work.rests == [LONGEST_REST_SECONDS]


def test_a_slice_is_followed_by_enough_hits_where_they_follow_each_other_closely() -> None:
    """Each slice keeps one or two of them waiting: of a hundred that is to be less than one."""
    work = Work(rate=15_000.0)

    for _ in range(10):
        work.hits += 1
        before = work.hits
        work.piece(SLICE_SECONDS)
        assert ENOUGH_HITS <= work.hits - before <= 2 * ENOUGH_HITS

    assert len(work.rests) == 20


def test_who_hits_seldom_is_not_waited_for() -> None:
    """It would take too long; and of one that takes so long, a slice more is no multiple."""
    work = Work(rate=0.5 * ENOUGH_HITS / (MOST_FOR_HITS_SECONDS + SLICE_SECONDS * (1 + REST_SHARE)))

    for _ in range(10):
        work.piece(SLICE_SECONDS, hits=1)

    assert work.rests == [pytest.approx(SLICE_SECONDS * REST_SHARE)] * 10


def test_a_work_that_fails_does_not_rest() -> None:
    """Its error is on its way."""
    work = Work()

    with contextlib.suppress(ValueError), work.pace:
        work.busy += 1.0
        work.hits += 1
        raise ValueError

    assert work.rests == []


def test_a_piece_in_another_thread_is_counted_and_rested_for_by_the_first() -> None:
    """Who does it may not be able to rest: an event loop's rest is a task's."""
    work = Work()

    _, worked = work.pace.counted(lambda: work.piece_without_rest(SLICE_SECONDS, hits=1))
    assert work.rests == []
    work.pace.give_way(worked)

    assert work.rests == [pytest.approx(SLICE_SECONDS * REST_SHARE)]


def test_who_is_alone_knows_it() -> None:
    """A second thread helps only where nobody else wants the interpreter."""
    work = Work()
    assert work.pace.is_alone

    work.piece(SLICE_SECONDS, hits=1)
    assert not work.pace.is_alone
    work.piece(SLICE_SECONDS)

    assert work.pace.is_alone
