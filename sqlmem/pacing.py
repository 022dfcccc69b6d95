"""How a long work of ours gives way to those who hit meanwhile.

The interpreter's lock is one: whoever works in Python lets go of it every five milliseconds only, and a hit,
which takes some microseconds, asks for it several times. So a fill works in slices, and where somebody has
hit during the last one it rests for longer than that took: of the hits that follow each other, few meet a
slice. Where nobody does, it never rests.

What it has waited for meanwhile (the origin, the lock that somebody who hits has) counts as rest: a fill
among hits takes no more than some times its own work, beside what it waits for anyway.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlmem.clock import Clock

# A slice isn't ended before. The longer one is, the fewer hits meet one, and the longer those wait.
SLICE_SECONDS = 0.002
# Of a slice's own work.
REST_SHARE = 2.0
LONGEST_REST_SECONDS = 0.02


class Pace:
    """For one thread and one work, as a context around each piece of it, of some milliseconds at most.

    It may rest where it is left.
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
            busy: seconds for which this thread has had a processor so far.
            hit_count: how many hits there were so far, by anybody.
            rest: does nothing for so many seconds.
        """
        self._clock = clock
        self._busy = busy
        self._hit_count = hit_count
        self._rest = rest
        self._worked = 0.0  # in this slice
        self._begun = busy()
        self._hits = hit_count()
        self._since = clock.monotonic()

    def __enter__(self) -> None:
        self._begun = self._busy()

    def __exit__(self, error: object, *_: object) -> None:
        if error is None:
            self._rest_if_due()

    def _rest_if_due(self) -> None:
        self._worked += self._busy() - self._begun
        if self._worked < SLICE_SECONDS:
            return
        if self._hit_count() != self._hits:
            passed = self._clock.monotonic() - self._since
            seconds = min(LONGEST_REST_SECONDS, self._worked * (1 + REST_SHARE) - passed)
            if seconds > 0:
                self._rest(seconds)
        self._worked = 0.0
        self._hits = self._hit_count()
        self._since = self._clock.monotonic()
