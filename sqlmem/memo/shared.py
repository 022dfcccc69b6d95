"""What the functions of one memo share."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlmem.clock import Clock
from sqlmem.dependencies import Source
from sqlmem.logs import log
from sqlmem.memo.claims import Claims
from sqlmem.memo.eras import Eras
from sqlmem.memo.flights import Flights
from sqlmem.memo.life import Life
from sqlmem.memo.store import Store

T = TypeVar("T")


class Shared:
    """Safe for use by many threads.

    Attributes:
        sources: the engines that the memo was made with.
        unwritten: called to write what a function has not written yet.
    """

    def __init__(self, store: Store, clock: Clock, secret: bytes | None, sources: Sequence[Source]) -> None:
        self.store = store
        self.clock = clock
        self.secret = secret
        self.sources = sources
        self.flights = Flights()
        self.claims = Claims(store, clock)
        self.eras = Eras(store, clock)
        self.unwritten: list[Callable[[], None]] = []
        self._has_warned = False
        self._life = Life(self)

    def ask(self, action: Callable[[], T]) -> T | None:
        """What the store says; None if it can't."""
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - whatever a database raises costs a computation, no more
            self.failed(error)
            return None

    def failed(self, error: Exception) -> None:
        # A database's own text may quote values of the statement.
        text = f": {error}" if isinstance(error, OSError | sqlite3.Error) else ""
        log.warning("memo: the store failed ({}{})", type(error).__name__, text)
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"a memo's store failed ({type(error).__name__}{text}); what it can't give is computed",
                RuntimeWarning,
                stacklevel=3,
            )

    def flush(self) -> None:
        for write in self.unwritten:
            self.ask(write)

    def close(self) -> None:
        self.flush()
        self._has_warned = True  # that nothing can be asked of it now is what was wanted
        self._life.end()
        self.eras.close()
        self.claims.close()
        self.store.close()

    def flush_at_end(self, seconds: float) -> None:
        """When the process ends. Not over a network: an order of use isn't worth waiting for it."""
        del seconds
        if self.store.is_quick:
            self.flush()

    def after_fork_in_child(self) -> None:
        self.flights.reset_after_fork()
        self.claims.reset_after_fork()


def secret_of(given: Any) -> bytes | None:
    if given is None:
        return None
    secret = given.encode() if isinstance(given, str) else bytes(given)
    if not secret:
        raise ValueError("secret must not be empty")
    return secret
