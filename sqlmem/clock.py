"""What time it is, for whoever is handed a clock.

Monotonic seconds decide what is newer and how old data is; seconds since the epoch are only
for what outlives the process (the snapshot) and for people.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Both readings may be asked from any thread, and never block."""

    def monotonic(self) -> float:
        """Seconds since an unknown moment; never runs backwards in one process."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch; may jump either way."""
        ...


class SystemClock:
    """The machine's own clocks."""

    __slots__ = ()

    # The functions themselves: one is called at each hit.
    monotonic = staticmethod(time.monotonic)
    wall = staticmethod(time.time)
