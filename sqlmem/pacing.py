"""How a long work of ours gives way to those who hit meanwhile.

The interpreter's lock is one: whoever works in Python lets go of it every five milliseconds only, and a hit,
which takes some microseconds, asks for it several times. So a fill works in slices, and where somebody has
hit during the last one it rests for longer than that took, and where hits follow each other closely, until
there were so many that fewer than one of a hundred meets a slice. Where nobody hits, it never rests.

What it has waited for meanwhile (the origin, the lock that somebody who hits has) counts as rest: a fill
among hits takes no more than some times its own work, beside what it waits for anyway, and beside a closed
loop of hits up to `MOST_FOR_HITS_SECONDS` more for each slice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlmem.clock import Clock

# A slice isn't ended before. The longer one is, the fewer hits meet one, and the longer those wait.
SLICE_SECONDS = 0.002
# Of a slice's own work.
REST_SHARE = 2.0
LONGEST_REST_SECONDS = 0.02
# From slice to slice, where no more than so many seconds of rest more are enough for that: a slice keeps one
# or two of the hits waiting, for milliseconds, which is long only for who takes no longer than some 100 µs.
ENOUGH_HITS = 200
MOST_FOR_HITS_SECONDS = 0.03


class Unpaced:
    """Of a work that gives way to nobody."""

    is_alone = True

    def __enter__(self) -> None:
        """Count nothing."""

    def __exit__(self, *_: object) -> None:
        """Rest never."""

    def counted(self, piece: Callable[[], Any]) -> tuple[Any, float]:
        return piece(), 0.0

    def give_way(self, worked: float) -> None:
        """Rest never."""


class Pace(Unpaced):
    """For one work, as a context around each piece of it, of some milliseconds at most.

    It may rest where it is left. Where another thread does a piece, that one calls `counted`, and when it is
    done the first one `give_way`: who rests must be where it may, in an event loop for instance.

    Attributes:
        is_alone: nobody has hit during the last slice.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        busy: Callable[[], float],
        hit_count: Callable[[], int],
        rest: Callable[[float], object],
    ) -> None:
        """Rest nowhere yet.

        Args:
            busy: seconds for which the calling thread has had a processor so far.
            hit_count: how many hits there were so far, by anybody.
            rest: does nothing for so many seconds.
        """
        self._clock = clock
        self._busy = busy
        self._hit_count = hit_count
        self._rest = rest
        self.is_alone = True
        self._worked = 0.0  # in this slice
        self._begun = busy()
        self._hits = hit_count()
        self._since = clock.monotonic()

    def __enter__(self) -> None:
        self._begun = self._busy()

    def __exit__(self, error: object = None, *_: object) -> None:
        if error is None:
            self.give_way(self._busy() - self._begun)

    def counted(self, piece: Callable[[], Any]) -> tuple[Any, float]:
        """Do a piece, in whatever thread this is, without resting after it.

        Returns:
            What it has returned, and the seconds of work, for `give_way`.
        """
        begun = self._busy()
        found = piece()
        return found, self._busy() - begun

    def give_way(self, worked: float) -> None:
        """Rest, if with so many seconds more of work a slice is over, and somebody has hit during it."""
        self._worked += worked
        if self._worked < SLICE_SECONDS:
            return
        self.is_alone = self._hit_count() == self._hits
        if not self.is_alone:
            passed = self._clock.monotonic() - self._since
            seconds = min(LONGEST_REST_SECONDS, self._worked * (1 + REST_SHARE) - passed)
            if seconds > 0:
                self._rest(seconds)
            self._await_hits()
        self._worked = 0.0
        self._hits = self._hit_count()
        self._since = self._clock.monotonic()

    def _await_hits(self) -> None:
        """Rest until there were enough hits since the slice began, if at their pace that isn't for long."""
        found = self._hit_count() - self._hits
        if 0 < found < ENOUGH_HITS:
            passed = self._clock.monotonic() - self._since
            seconds = passed * (ENOUGH_HITS - found) / found
            if seconds <= MOST_FOR_HITS_SECONDS:
                self._rest(seconds)
