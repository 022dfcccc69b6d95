"""What was counted. The sums are exact, also under threads.

Hits are counted without a lock, the rest under one that is held for a few additions.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable

from sqlmem.model import Outcome, Verdict


class Tally:
    """A number that many threads count up, without a lock.

    Attributes:
        count: counts one up; what it gives back means nothing. One call into C, so no other thread's
            is between its reading and its writing.
    """

    __slots__ = ("_looks", "count")

    def __init__(self) -> None:
        self.count = itertools.count().__next__
        self._looks = 0

    def look(self) -> int:
        """How often `count` was called. For one thread at a time: looking counts too, and is taken off."""
        number = self.count() - self._looks
        self._looks += 1
        return number


class Counters:
    """Safe for use by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By the tables that they read. Entered under the lock.
        self._hits: dict[tuple[str, ...], Tally] = {}
        self._others: Counter[Outcome] = Counter()
        self._reasons: Counter[str] = Counter()
        # Of what is said again and again, by outcome and reason. Entered under the lock.
        self._tallies: dict[tuple[Outcome, str | None], Tally] = {}
        self._sampled = 0
        self._verdicts: Counter[Verdict] = Counter()
        self._skipped: Counter[str] = Counter()

    def hits_on(self, tables: tuple[str, ...]) -> Tally:
        """What counts the hits that read these tables; keep it, it stays the same."""
        with self._lock:
            return self._hits.setdefault(tables, Tally())

    def hit(self, tables: tuple[str, ...]) -> None:
        self.hits_on(tables).count()

    def hit_count(self) -> int:
        """All hits so far."""
        with self._lock:
            return sum(tally.look() for tally in self._hits.values())

    def hits_of(self, table: str) -> int:
        """Hits that have read a table so far."""
        with self._lock:
            return sum(tally.look() for tables, tally in self._hits.items() if table in tables)

    def other(self, outcome: Outcome, reason: str | None = None) -> None:
        with self._lock:
            self._others[outcome] += 1
            if reason is not None:
                self._reasons[reason] += 1

    def counts(self, outcome: Outcome, reason: str | None = None) -> Callable[[], object]:
        """What counts as `other` does, without a lock; keep it, it stays the same."""
        with self._lock:
            return self._tallies.setdefault((outcome, reason), Tally()).count

    def take_back(self, outcome: Outcome, reason: str) -> None:
        """What was counted so came out otherwise."""
        with self._lock:
            self._others[outcome] -= 1
            self._reasons[reason] -= 1

    def sampled(self) -> None:
        with self._lock:
            self._sampled += 1

    def verdict(self, verdict: Verdict, reason: str | None = None) -> None:
        """What became of one sample; `reason` of a skipped one."""
        with self._lock:
            self._verdicts[verdict] += 1
            if verdict is Verdict.SKIPPED and reason is not None:
                self._skipped[reason] += 1

    def read_verdicts(self) -> tuple[int, dict[Verdict, int], dict[str, int]]:
        """Samples taken, what became of them, the skipped ones by reason: all of one moment."""
        with self._lock:
            return self._sampled, dict(self._verdicts), dict(self._skipped)

    def read(self) -> tuple[int, dict[Outcome, int], dict[str, int], dict[str, int]]:
        """Hits, the other outcomes, bypasses by reason, hits by table."""
        table_hits: Counter[str] = Counter()
        hits = 0
        with self._lock:
            for tables, tally in self._hits.items():
                number = tally.look()
                hits += number
                for table in tables:
                    table_hits[table] += number
            others, reasons = self._others.copy(), self._reasons.copy()
            for (outcome, reason), tally in self._tallies.items():
                number = tally.look()
                others[outcome] += number
                if reason is not None:
                    reasons[reason] += number
            # Without those that are none: they were taken back.
            return hits, dict(others), dict(+reasons), dict(table_hits)

    def reset_after_fork(self) -> None:
        self._lock = threading.Lock()
