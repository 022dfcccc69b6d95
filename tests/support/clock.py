"""A clock that moves when a test says so."""

from __future__ import annotations

import threading


class ManualClock:
    """A `Clock` that stands still between calls of `advance`. Usable from any thread."""

    def __init__(self, *, monotonic: float = 1_000.0, wall: float = 1_800_000_000.0) -> None:
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._wall = wall

    def monotonic(self) -> float:
        with self._lock:
            return self._monotonic

    def wall(self) -> float:
        with self._lock:
            return self._wall

    def advance(self, seconds: float) -> None:
        """Let time pass, on both readings. Never backwards: that is `jump_wall`."""
        if seconds < 0:
            raise ValueError(f"a monotonic clock never runs backwards, got {seconds}")
        with self._lock:
            self._monotonic += seconds
            self._wall += seconds

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock forwards or back, as an administrator does; the monotonic one stays."""
        with self._lock:
            self._wall += seconds
