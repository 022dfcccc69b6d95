"""How long the store takes for a plan, how long the origin does, and which of them answers it.

Rule 1: what is decided is decided by measured times only, of both sides for the same parameters.
Rule 2: whatever isn't known, or couldn't be found out, means the store.
Rule 3: a decision is looked at again: after a while, and when the tables have half or twice as many rows.
Rule 4: what holds for answers of some thousand rows isn't said of those of one row: answers of many rows are
        judged by bands. That an answer belongs to one or to a later one is found out by counting so many of
        its rows; so what is decided is from how many rows on the origin answers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from math import inf

from sqlmem.model import TableName
from sqlmem.plan import Plan
from sqlmem.store import Generation

# Over fewer rows nothing is measured: what the store could lose there is less than a round trip.
LEAST_ROWS = 1_000
# An answer that took no longer is quick, whatever the origin would take.
LEAST_SECONDS = 0.001
# An answer of so many rows is measured with its decoding, even if the store's step was quick.
MANY_ROWS = 200
# Answers of many rows are judged by bands, each of so many times as many rows as the one before.
_BAND = 4
# After so many slow answers, or so many seconds of them, the origin is asked for comparison; but only if
# there were not a third as many quick ones: answers of one band have one answer for all their parameters.
_SLOW_ANSWERS = 3
_SLOW_SECONDS = 1.0
# What a bypass costs beside its statement: a connection taken and given back, a transaction begun and ended.
_BESIDE_SECONDS = 0.0002
# Seconds until a decision for the origin is looked at again; and until there is another trial after one
# for the store, or one that couldn't be: a busy minute may have been all that was measured.
AGAIN_SECONDS = 600.0
PUT_OFF_SECONDS = 60.0

REASON = "the origin is faster at it"


class Band:
    """What is known of a plan's answers of about so many rows. Written under `Paces`' lock, but for `quick`.

    `quick` is counted by readers without a lock: one that gets lost among threads changes nothing.

    Attributes:
        least: the fewest rows of such an answer; 0 of the first band, which has those below `MANY_ROWS`.
    """

    __slots__ = (
        "again_at",
        "least",
        "origin_seconds",
        "quick",
        "rows",
        "slow",
        "slow_seconds",
        "store_seconds",
    )

    def __init__(self, least: int) -> None:
        self.least = least
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


class Pace:
    """What is known of one plan. Written under `Paces`' lock.

    `origins_from` is read without it.

    Attributes:
        few: the band of answers of few rows.
        origins_from: the origin answers what has so many rows or more: 0 for everything, infinity for
            nothing.
        decided: the band that this was decided for last; None as long as it is infinity.
    """

    __slots__ = ("_bands", "again_at", "decided", "few", "is_on_trial", "origins_from")

    def __init__(self) -> None:
        self.few = Band(0)
        self._bands = {0: self.few}
        self.origins_from: float = inf
        self.decided: Band | None = None
        self.is_on_trial = False
        self.again_at = 0.0  # monotonic seconds; not before then there is a trial of any band

    def band(self, rows: int) -> Band:
        """That of an answer of so many rows. Under the lock."""
        least = 0
        if rows >= MANY_ROWS:
            least = MANY_ROWS
            while rows >= least * _BAND:
                least *= _BAND
        band = self._bands.get(least)
        if band is None:
            band = self._bands[least] = Band(least)
        return band

    @property
    def bands(self) -> list[Band]:
        return list(self._bands.values())

    def told(self) -> str:
        """The reason, with the times that it was decided by."""
        band = self.decided
        if band is None:
            return REASON
        return f"{REASON}: {_milliseconds(band.origin_seconds)} against {_milliseconds(band.store_seconds)}"


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

    def took(self, pace: Pace, seconds: float, answered: int, rows: int, now: float) -> Band | None:
        """An answer of the store, of `answered` rows out of tables of `rows`, that took so long.

        Returns:
            The band for which the caller is to see to a trial, which ends with `decide` or `put_off`.
        """
        with self._lock:
            band = pace.band(answered)
            if seconds < LEAST_SECONDS:
                band.quick += 1
                return None
            band.slow += 1
            band.slow_seconds += seconds
            is_early = now < pace.again_at or (now < band.again_at and not _is_another(band.rows, rows))
            if pace.is_on_trial or is_early or not band.is_due:
                return None
            pace.is_on_trial = True
            return band

    def decide(
        self,
        pace: Pace,
        band: Band,
        *,
        store_seconds: float,
        origin_seconds: float,
        look_seconds: float,
        keep_seconds: float,
        rows: int,
        now: float,
    ) -> None:
        """End a trial with what both have taken; infinity for an origin that took too long.

        Args:
            look_seconds: what the store takes to find out that an answer belongs to the band.
            keep_seconds: what it takes to keep the origin's answer. Of one that was found out so, that is
                done only when it is asked for again.
        """
        with self._lock:
            pace.is_on_trial = False
            most = store_seconds - _BESIDE_SECONDS
            origins_from = inf
            if band.least and origin_seconds + look_seconds < most:
                origins_from = band.least
            elif origin_seconds + keep_seconds < most and (not band.least or _is_mostly_slow(pace)):
                # Where the look takes too long to tell an answer from others, all are the origin's, or none.
                origins_from = 0
            band.store_seconds, band.origin_seconds = store_seconds, origin_seconds
            band.rows = rows
            band.again_at = now + (PUT_OFF_SECONDS if origins_from == inf else AGAIN_SECONDS)
            band.quick = band.slow = 0
            band.slow_seconds = 0.0
            if origins_from < pace.origins_from:
                pace.decided = band
                pace.origins_from = origins_from

    def let_go(self, pace: Pace) -> None:
        """There was no trial; the next slow answer may see to one."""
        with self._lock:
            pace.is_on_trial = False

    def put_off(self, pace: Pace, now: float) -> None:
        """The origin couldn't be asked: the store answers, and it is tried again later."""
        with self._lock:
            pace.is_on_trial = False
            pace.origins_from, pace.decided = inf, None
            pace.again_at = now + PUT_OFF_SECONDS
            for band in pace.bands:
                band.again_at = 0.0

    def holds(self, pace: Pace, generations: Sequence[Generation | None], now: float) -> bool:
        """Whether something is decided for the origin, and not to be looked at again now."""
        band = pace.decided
        present = [generation for generation in generations if generation is not None]
        return band is not None and (
            len(present) < len(generations)
            or (now < band.again_at and not _is_another(band.rows, rows_of(present)))
        )

    def origins_from(self, pace: Pace, generations: Sequence[Generation | None], now: float) -> float:
        """From how many rows on the origin is to answer now; see `Pace`.

        A decision that is to be looked at again falls, once the tables are there to look at it: the next
        slow answer of the store makes another trial.
        """
        if pace.decided is None or self.holds(pace, generations, now):
            return pace.origins_from
        with self._lock:
            if pace.decided is not None:
                pace.origins_from, pace.decided = inf, None
                for band in pace.bands:
                    band.again_at = 0.0
                    band.quick, band.slow = 0, _SLOW_ANSWERS - 1
        return pace.origins_from

    def reset_after_fork(self) -> None:
        """In the child: a trial under way is the parent's."""
        self._lock = threading.Lock()
        for pace in self._paces.values():
            pace.is_on_trial = False


def _is_mostly_slow(pace: Pace) -> bool:
    bands = pace.bands
    return sum([band.slow for band in bands]) >= 3 * sum([band.quick for band in bands])


def rows_of(generations: Sequence[Generation]) -> int:
    return sum([generation.rows for generation in generations])


def _is_another(before: int, now: int) -> bool:
    """Whether tables have so many more or fewer rows that what was measured says nothing any more."""
    return before > 0 and not before < 2 * now < 4 * before


def _milliseconds(seconds: float) -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"
