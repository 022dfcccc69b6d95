"""How long the store takes for a plan, how long the origin does, and which of them answers it.

Rule 1: what is decided is decided by measured times only, of both sides for the same parameters.
Rule 2: whatever isn't known, or couldn't be found out, means the store.
Rule 3: a decision is looked at again: after a while, and when the tables have half or twice as many rows.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from sqlmem.model import TableName
from sqlmem.plan import Plan
from sqlmem.store import Generation

# Over fewer rows nothing is measured: what the store could lose there is less than a round trip.
LEAST_ROWS = 1_000
# An answer that took no longer is quick, whatever the origin would take.
LEAST_SECONDS = 0.001
# An answer of so many rows is measured with its decoding, even if the store's step was quick.
MANY_ROWS = 200
# After so many slow answers, or so many seconds of them, the origin is asked for comparison; but only if
# there were not a third as many quick ones: a plan has one answer for all of its parameters.
_SLOW_ANSWERS = 3
_SLOW_SECONDS = 1.0
# The origin must be clearly faster: a tie is the store's. And what a bypass costs beside its statement.
_CLEARLY = 0.9
_BESIDE_SECONDS = 0.0003
# Seconds until a decision for the origin is looked at again; and until there is another trial after one
# for the store, or one that couldn't be: a busy minute may have been all that was measured.
AGAIN_SECONDS = 600.0
PUT_OFF_SECONDS = 60.0

REASON = "the origin is faster at it"


class Pace:
    """What is known of one plan. Written under `Paces`' lock, but for `quick`.

    `quick` is counted by readers without a lock: one that gets lost among threads changes nothing.
    `is_origins` is read without it.
    """

    __slots__ = (
        "again_at",
        "is_on_trial",
        "is_origins",
        "origin_seconds",
        "quick",
        "rows",
        "slow",
        "slow_seconds",
        "store_seconds",
    )

    def __init__(self) -> None:
        self.is_origins = False
        self.is_on_trial = False
        self.quick = 0  # answers since it was decided last
        self.slow = 0
        self.slow_seconds = 0.0
        self.store_seconds = 0.0  # of the trial that decided; 0.0 before one
        self.origin_seconds = 0.0
        self.rows = 0  # of the plan's tables, when it was decided
        self.again_at = 0.0  # monotonic seconds; not before then there is another trial

    @property
    def is_due(self) -> bool:
        is_slow = self.slow >= _SLOW_ANSWERS or self.slow_seconds >= _SLOW_SECONDS
        return is_slow and self.slow >= 3 * self.quick

    def told(self) -> str:
        """The reason, with the times that it was decided by."""
        return f"{REASON}: {_milliseconds(self.origin_seconds)} against {_milliseconds(self.store_seconds)}"


class Paces:
    """One for each plan over large tables. Safe for use by many threads.

    Args:
        capacity: how many plans are remembered; the longest known goes first.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        # The store's statement and its tables: the same for texts that differ in constants, and before and
        # after an invalidation.
        self._paces: OrderedDict[tuple[str, tuple[TableName, ...]], Pace] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, plan: Plan) -> Pace | None:
        """What is known of a plan; None before it was ever asked over large tables."""
        return self._paces.get((plan.sql, plan.tables))

    def of(self, plan: Plan, generations: Sequence[Generation]) -> Pace | None:
        """The plan's pace over these generations; None if they are too small to measure."""
        if rows_of(generations) < LEAST_ROWS:
            return None
        key = (plan.sql, plan.tables)
        with self._lock:
            pace = self._paces.get(key)
            if pace is None:
                pace = self._paces[key] = Pace()
                if len(self._paces) > self._capacity:
                    self._paces.popitem(last=False)
            return pace

    def took(self, pace: Pace, seconds: float, rows: int, now: float) -> bool:
        """An answer of the store that took so long, over so many rows.

        Returns:
            Whether the caller is to see to a trial, which ends with `decide` or `put_off`.
        """
        if seconds < LEAST_SECONDS:
            pace.quick += 1
            return False
        with self._lock:
            pace.slow += 1
            pace.slow_seconds += seconds
            is_early = now < pace.again_at and not _is_another(pace.rows, rows)
            if pace.is_on_trial or is_early or not pace.is_due:
                return False
            pace.is_on_trial = True
            return True

    def decide(
        self, pace: Pace, *, store_seconds: float, origin_seconds: float, rows: int, now: float
    ) -> None:
        """End a trial with what both have taken; infinity for an origin that took too long."""
        with self._lock:
            pace.is_on_trial = False
            pace.is_origins = origin_seconds + _BESIDE_SECONDS < _CLEARLY * store_seconds
            pace.store_seconds, pace.origin_seconds = store_seconds, origin_seconds
            pace.rows = rows
            pace.again_at = now + (AGAIN_SECONDS if pace.is_origins else PUT_OFF_SECONDS)
            pace.quick = pace.slow = 0
            pace.slow_seconds = 0.0

    def let_go(self, pace: Pace) -> None:
        """There was no trial; the next slow answer may see to one."""
        with self._lock:
            pace.is_on_trial = False

    def put_off(self, pace: Pace, now: float) -> None:
        """The origin couldn't be asked: the store answers, and it is tried again later."""
        with self._lock:
            pace.is_on_trial = pace.is_origins = False
            pace.again_at = now + PUT_OFF_SECONDS
            pace.rows = 0

    def holds(self, pace: Pace, generations: Sequence[Generation | None], now: float) -> bool:
        """Whether it is decided for the origin, and not to be looked at again now."""
        present = [generation for generation in generations if generation is not None]
        return pace.is_origins and (
            len(present) < len(generations)
            or (now < pace.again_at and not _is_another(pace.rows, rows_of(present)))
        )

    def is_origins(self, pace: Pace, generations: Sequence[Generation | None], now: float) -> bool:
        """Whether the origin is to answer now.

        A decision that is to be looked at again falls, once the tables are there to look at it: the next
        slow answer of the store makes another trial.
        """
        if not pace.is_origins or self.holds(pace, generations, now):
            return pace.is_origins
        with self._lock:
            if pace.is_origins:
                pace.is_origins = False
                pace.again_at = 0.0
                pace.quick, pace.slow = 0, _SLOW_ANSWERS - 1
        return False

    def reset_after_fork(self) -> None:
        """In the child: a trial under way is the parent's."""
        self._lock = threading.Lock()
        for pace in self._paces.values():
            pace.is_on_trial = False


def rows_of(generations: Sequence[Generation]) -> int:
    return sum([generation.rows for generation in generations])


def _is_another(before: int, now: int) -> bool:
    """Whether tables have so many more or fewer rows that what was measured says nothing any more."""
    return before > 0 and not before < 2 * now < 4 * before


def _milliseconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"
