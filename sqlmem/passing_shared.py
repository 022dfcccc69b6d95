"""What the transparent connections of one engine share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import pool

from sqlmem.executor import Executor
from sqlmem.front import Front
from sqlmem.origin import Origin
from sqlmem.pending import EVERYTHING, Written
from sqlmem.sessions import Mark, Sessions
from sqlmem.writes import Writes

_EACH_STATEMENT_ANEW = frozenset({"READ COMMITTED", "READ UNCOMMITTED"})


@dataclass(slots=True)
class Passing:
    """What the connections of one engine share.

    Attributes:
        transactions: "never", "until_write" or "always": when a read in a transaction may be a hit.
        prepared: transaction id -> what a prepared transaction has written; operations are atomic.
    """

    origin: Origin
    executor: Executor
    front: Front
    writes: Writes
    sessions: Sessions
    transactions: str
    prepared: dict[str, Written] = field(default_factory=dict)
    # Whether all connections of the wrapped engine are one: a fill would be in its transaction. Those then
    # with a transaction at the origin; operations are atomic.
    shares_connection: bool = field(init=False)
    # Whether a connection may come from the pool in somebody's transaction.
    hands_on: bool = field(init=False)
    busy: set[int] = field(default_factory=set)
    # Whether transactions usually see what everybody sees, so that their connections can be lent.
    lends: bool = True
    # Whether there are tables whose writes no rollback takes back.
    has_tables_without_transactions: bool = field(init=False)
    # Whether each thread has an in-memory database of its own.
    is_thread_bound: bool = field(init=False)
    _thread: int | None = None
    _is_read_committed: bool | None = None

    def __post_init__(self) -> None:
        self.has_tables_without_transactions = self.origin.family == "mysql"
        # Looked at before each statement, and always the same: a pool is replaced by one of its class.
        owner = self.origin.engine.pool
        self.is_thread_bound = self.origin.is_ephemeral and isinstance(owner, pool.SingletonThreadPool)
        self.hands_on = self.origin.hands_on
        self.shares_connection = isinstance(owner, pool.StaticPool | pool.SingletonThreadPool)

    @property
    def is_another_database(self) -> bool:
        """Whether this thread's connection is to a database of its own, if they are bound."""
        if self._thread is None:
            self._thread = threading.get_ident()
        return self._thread != threading.get_ident()

    def reads_each_anew(self, driver: Any, options: Mapping[str, Any]) -> bool:
        """PostgreSQL: whether the level of a connection's transactions is READ COMMITTED.

        Sessions that have set another one are marked, and those that were made with one are told apart by
        their options: the rest have the server's, which is asked for once.
        """
        if options:
            return False
        if self._is_read_committed is None:
            level = str(self.origin.dialect.get_isolation_level(driver))
            self._is_read_committed = level.upper().replace("-", " ") in _EACH_STATEMENT_ANEW
        return self._is_read_committed

    def unsettle(self, why: str) -> Mark:
        """Connections that the pool makes from now on may be set otherwise than those that it has."""
        return self.sessions.unsettle(self.origin.engine.pool, why)

    def is_committed(self, mark: Mark, info: dict[Any, Any]) -> None:
        """What `unsettle` was called for is visible to others, or has come to nothing.

        Args:
            info: of the connection by which it was said.
        """
        owner = self.origin.engine.pool
        if isinstance(owner, pool.NullPool):
            # It keeps none: this is an old one, and all that come are new.
            self.sessions.mark(info, mark.why)
            self.sessions.replaced(owner, mark)

    def why_mixed(self, held: Any) -> str | None:
        """Why connections aren't known to be alike, or the one held to be like the others; None if they are.

        Args:
            held: the pool of the connection that is held; None while there is none.
        """
        sessions = self.sessions
        why = sessions.why_mixed(self.origin.engine.pool)
        if why is None and sessions.unsettled is not None:
            self._settle()
        if why is None and held is not None:
            why = sessions.why_mixed(held)
        return why

    def _settle(self) -> None:
        """Forget what was known by connections that were set otherwise. Twice does no harm."""
        mark = self.sessions.unsettled
        self.origin.forget_facts()
        self._is_read_committed, self.lends = None, True
        with self.writes.window(EVERYTHING, defines=True):
            pass
        # Last: until then, whoever comes does the same before he takes anything for known.
        self.sessions.settle(mark)

    def reset_after_fork(self) -> None:
        """Other threads' connections are the parent's."""
        self.busy.clear()
