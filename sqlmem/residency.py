"""The bound on the store's memory: who must go so that a fill has room.

Rule: the sum of the published generations and of those being filled stays within the bound.
The tables used longest ago go first; the one being filled gives up its old generation last.
"""

from __future__ import annotations

import threading

from sqlmem.registry import Lease, Registry
from sqlmem.store import Store


class Residency:
    """Safe for use by many threads."""

    def __init__(self, store: Store, registry: Registry, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._store = store
        self._registry = registry
        self._lock = threading.Lock()
        # Fills under way -> bytes so far. By lease: of one table there may be two, when it was
        # invalidated while the first was reading. Also who reserved some -> bytes.
        self._filling: dict[object, int] = {}

    def make_room(self, lease: Lease, size: int) -> bool:
        """Whether a fill that has come to `size` bytes may go on.

        False if it alone is over the bound, and also if it is together with the other fills
        under way: of these the one that asks first gives way.
        """
        state = lease.table
        retired = []
        with self._lock:
            self._filling[lease] = size
            if sum(self._filling.values()) > self.max_bytes:
                return False
            resident = [known for known in self._registry.states() if known.generation is not None]
            # Its own old generation last: readers still use it.
            resident.sort(key=lambda known: (known is state, known.last_used))
            total = sum(self._filling.values()) + sum(
                known.generation.bytes for known in resident if known.generation is not None
            )
            for victim in resident:
                if total <= self.max_bytes:
                    break
                generation = victim.generation
                if generation is not None and self._registry.evict(victim, generation):
                    total -= generation.bytes
                    retired.append(generation)
        for generation in retired:
            self._store.retire(generation)
        return True

    def reserve(self, holder: object, size: int) -> bool:
        """Whether `size` bytes that are no table's have room, without anybody going for them.

        They count until `end(holder)`.
        """
        with self._lock:
            others = sum(taken for key, taken in self._filling.items() if key is not holder)
            resident = sum(
                known.generation.bytes for known in self._registry.states() if known.generation is not None
            )
            if others + resident + size > self.max_bytes:
                return False
            self._filling[holder] = size
            return True

    def end(self, holder: object) -> None:
        """The fill is over, whatever came of it."""
        with self._lock:
            self._filling.pop(holder, None)

    def reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._filling.clear()
