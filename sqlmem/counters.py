"""What was counted. One lock, held for a few additions: the sums are exact, also under threads."""

from __future__ import annotations

import threading
from collections import Counter

from sqlmem.model import Outcome, Verdict


class Counters:
    """Safe for use by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hits = 0
        self._others: Counter[Outcome] = Counter()
        self._reasons: Counter[str] = Counter()
        self._table_hits: Counter[str] = Counter()
        self._sampled = 0
        self._verdicts: Counter[Verdict] = Counter()
        self._skipped: Counter[str] = Counter()

    def hit(self, tables: tuple[str, ...]) -> None:
        with self._lock:
            self._hits += 1
            for table in tables:
                self._table_hits[table] += 1

    def hits_of(self, table: str) -> int:
        """Hits that have read a table so far."""
        with self._lock:
            return self._table_hits[table]

    def other(self, outcome: Outcome, reason: str | None = None) -> None:
        with self._lock:
            self._others[outcome] += 1
            if reason is not None:
                self._reasons[reason] += 1

    def take_back(self, outcome: Outcome, reason: str) -> None:
        """What was counted so came out otherwise."""
        with self._lock:
            self._others[outcome] -= 1
            self._reasons[reason] -= 1
            self._reasons += Counter()  # without those that are none

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
        """Hits, the other outcomes, bypasses by reason, hits by table: all of one moment."""
        with self._lock:
            return self._hits, dict(self._others), dict(self._reasons), dict(self._table_hits)

    def reset_after_fork(self) -> None:
        self._lock = threading.Lock()
