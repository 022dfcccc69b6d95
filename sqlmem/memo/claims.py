"""Among processes: who computes a key. A claim is also the permission to store what was computed.

Rule 1: whose owner is dead is taken over: on this machine the process is looked for by its number and
        start, elsewhere the lease says it.
Rule 2: a lease is renewed while the body runs, by a thread that is there only as long as there are claims
        which others can tell by nothing else.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import weakref
from typing import Any

from sqlmem.clock import Clock
from sqlmem.dependencies import is_alive, process_name
from sqlmem.memo.store import Store

LEASE_SECONDS = 60.0
# How long one waits for a claim whose owner can't be looked for, or while others may wait for oneself.
PATIENCE_SECONDS = 60.0
NESTED_PATIENCE_SECONDS = 5.0

_serials = itertools.count(1)


class Claims:
    """Those of one memo. Safe for use by many threads."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._serial = next(_serials)
        self._lock = threading.Lock()
        self._taken: set[str] = set()  # changed by single operations
        self._held: set[str] = set()  # of them, those whose lease is renewed
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def owner(self) -> str:
        return f"{process_name()}/{self._serial}"

    def is_dead(self, owner: str, until: float) -> bool:
        alive = is_alive(owner.partition("/")[0])
        return until < self._clock.wall() if alive is None else not alive

    def take(self, key: str, function: str) -> bool:
        """Whether the key is ours to compute."""
        until = self._clock.wall() + LEASE_SECONDS
        # Before: whatever stops us in between, `release` will look.
        self._taken.add(key)
        if not self._store.claim(key, function, self.owner, until, self.is_dead):
            self._taken.discard(key)
            return False
        if self._store.needs_lease:
            self._keep(key)
        return True

    def ended(self, key: str) -> None:
        """The claim is gone: the record was stored."""
        self._taken.discard(key)
        with self._lock:
            self._held.discard(key)

    def release(self, key: str) -> None:
        """Give a claim back, if it is still ours. Never raises: nothing hides the caller's own error."""
        if key not in self._taken:
            return
        self.ended(key)
        with contextlib.suppress(Exception):  # the lease will run out
            self._store.release(key, self.owner)

    # -- leases ----------------------------------------------------------------------------

    def _keep(self, key: str) -> None:
        with self._lock:
            self._held.add(key)
            if self._thread is None:
                # The thread holds no memo: one that nobody has any more must be collected.
                self._thread = threading.Thread(
                    target=_renew,
                    args=(weakref.ref(self), self._wake),
                    name="sqlmem-memo-leases",
                    daemon=True,
                )
                self._thread.start()

    def renew(self) -> bool:
        """Renew what is held; False if nothing is, and the thread may go."""
        with self._lock:
            if not self._held:
                self._thread = None
                return False
        with contextlib.suppress(Exception):  # the next time it may succeed
            self._store.renew(self.owner, self._clock.wall() + LEASE_SECONDS)
        return True

    def close(self) -> None:
        with self._lock:
            self._held = set()
        self._wake.set()

    def reset_after_fork(self) -> None:
        self._lock = threading.Lock()
        self._taken = set()
        self._held = set()
        self._wake = threading.Event()
        self._thread = None


def _renew(claims: weakref.ref[Any], wake: threading.Event) -> None:
    while not wake.wait(LEASE_SECONDS / 3):
        held = claims()
        if held is None or not held.renew():
            return
        del held
