"""Which statements wait to be planned until the origin can be asked what isn't known of their tables.

Without this, each of them would be parsed and planned as far as that again each time, while a pool is
exhausted, and the cache would cost most where it serves least.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlmem.entries import Entry

# Whether what wasn't known still isn't; it may be called at any time, by any thread.
Lacks = Callable[[], bool]

Key = tuple[str, bool]


@dataclass(frozen=True, slots=True)
class _Postponed:
    entry: Entry
    lacks: Lacks


class Postponements:
    """Safe for use by many threads: operations on a dictionary, which are atomic."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        # text -> what becomes of it meanwhile; dropped as a whole when full
        self._by_key: dict[Key, _Postponed] = {}

    def add(self, key: Key, entry: Entry, lacks: Lacks) -> None:
        if len(self._by_key) >= self._capacity:
            self._by_key = {}
        self._by_key[key] = _Postponed(entry, lacks)

    def find(self, key: Key, obstacle: Callable[[], str | None]) -> Entry | None:
        """What becomes of a statement that waits.

        Args:
            obstacle: why the origin can't be asked now; None if it can.

        Returns:
            None if it doesn't wait, or needn't any more.
        """
        postponed = self._by_key.get(key)
        if postponed is None:
            return None
        if postponed.lacks() and obstacle() is not None:
            return postponed.entry
        self._by_key.pop(key, None)
        return None
