"""What a failed fill means for its table, and for those who wait for it.

cannot connect, connection lost   the caller gets the driver's error; stale_if_error may answer
a lock that isn't to be had       likewise for a few seconds; see `locks`
any other error of the origin     no fill of this table for a while; the origin answers statements
larger than the store may be      likewise
a value without an exact form     the column isn't cached until its table is invalidated
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import exc

from sqlmem.encoders import Uncacheable
from sqlmem.errors import StoreError
from sqlmem.fill import ConnectionLost, TooLarge, is_readable
from sqlmem.locks import is_lock_timeout
from sqlmem.logs import log
from sqlmem.origin import Origin
from sqlmem.origin_connection import OriginConnection
from sqlmem.registry import Lease, Registry
from sqlmem.residency import Residency

# After a failed fill the table's statements are the origin's for so long, unless it is
# invalidated: a fill that fails each time would cost the origin more than no cache.
RETRY_SECONDS = 60.0
RETRY_TOO_LARGE_SECONDS = 600.0
# Each try waits a second for the lock.
RETRY_LOCKED_SECONDS = 10.0
# Classes of SQLSTATE: connection exceptions, and a server that shuts down.
_WENT_AWAY = ("08", "57P")
LOCKED = "it is locked at the origin"


class GiveUp(Exception):
    """The store can't answer this statement now; the origin does, for this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Replan(Exception):
    """A table's definition changed since the plan was made. `has_filled`: a fill taught it."""

    def __init__(self, *, has_filled: bool = False) -> None:
        super().__init__()
        self.has_filled = has_filled


class Borrower(Protocol):
    @property
    def has_lost_its_own(self) -> bool:
        """Whether a connection was lost that nobody else would have been given."""

    def borrowed(self) -> AbstractContextManager[OriginConnection]: ...


class Verdicts:
    """Safe for use by many threads."""

    def __init__(self, origin: Origin, registry: Registry, residency: Residency) -> None:
        self._origin = origin
        self._registry = registry
        self._residency = residency

    def of(self, borrower: Borrower, lease: Lease, error: Exception, *, is_over: bool) -> Exception:
        """Note what a failed fill means for its table, and say what to raise.

        Args:
            is_over: the fetch was.
        """
        state = lease.table
        match error:
            case GiveUp() | Replan():
                return error
            case TooLarge() if error.bytes <= self._residency.max_bytes:
                # It would fit on its own: those who wait are the origin's too, or each of them
                # would begin the fill again beside the same others.
                crowded = GiveUp("max_memory is taken by other fills under way")
                self._registry.fail(lease, crowded)
                return crowded
            case TooLarge():
                reason = f"the table is larger than max_memory ({self._residency.max_bytes} bytes)"
                log.info("not cached {}: {} bytes and more", state.name, error.bytes)
                self._registry.refuse(lease, reason, seconds=RETRY_TOO_LARGE_SECONDS)
                return GiveUp(reason)
            case StoreError():
                self._registry.refuse(lease, str(error), seconds=RETRY_TOO_LARGE_SECONDS)
                return GiveUp(str(error))
            case Uncacheable():
                log.info("not cached {}.{}: {}", state.name, error.column, error.reason)
                self._registry.learn(lease, error.column, refusal=error.reason)
                return Replan()
            case ConnectionLost():
                # Those who wait have connections of their own, which may be there.
                self._registry.fail(lease, None if borrower.has_lost_its_own else error.error)
                return error.error
            case exc.DBAPIError():
                # From checking out a connection: SQLAlchemy has wrapped it already.
                self._registry.fail(lease, error)
                return error
        if is_lock_timeout(error):
            log.info("not cached {}: it is locked", state.name)
            self._registry.refuse(lease, LOCKED, seconds=RETRY_LOCKED_SECONDS)
            return GiveUp(LOCKED)
        if not is_over and self._is_about_the_statement(error):
            if self._leave_out_guilty(borrower, lease, error):
                return Replan()
            reason = f"the origin refused the fill ({type(error).__name__})"
            log.warning("not cached {}: {}", state.name, reason)
            self._registry.refuse(lease, reason, seconds=RETRY_SECONDS)
            return GiveUp(reason)
        self._registry.fail(lease, error)
        return error

    def _leave_out_guilty(self, borrower: Borrower, lease: Lease, error: Exception) -> bool:
        """After a fill that failed: cache no more those columns that fail alone; False if none does.

        On a connection of its own, since the fill's was given up in the middle of its result.
        """
        try:
            with borrower.borrowed() as connection:
                guilty = _guilty(connection, lease)
        except Exception:  # noqa: BLE001 - whatever keeps the origin from being asked, nothing is known then
            return False
        reason = f"its values can't be read ({type(error).__name__})"
        for name in guilty:
            log.info("not cached {}.{}: {}", lease.table.name, name, reason)
            self._registry.learn(lease, name, refusal=reason)
        return bool(guilty)

    def _is_about_the_statement(self, error: Exception) -> bool:
        """Whether the origin is there and objects to this fetch: then it may still answer statements."""
        dbapi: Any = self._origin.dialect.loaded_dbapi
        if isinstance(error, _CONVERSIONS):
            return True
        if not isinstance(error, dbapi.Error):
            # asyncpg's own, which SQLAlchemy's adapter lets out of a fetch.
            state = getattr(error, "sqlstate", None)
            return isinstance(state, str) and not state.startswith(_WENT_AWAY)
        # aiosqlite, as SQLAlchemy has it, names no such class.
        if isinstance(error, getattr(dbapi, "InterfaceError", ())):
            return False
        return not self._origin.dialect.is_disconnect(error, None, None)


# What a driver's conversion of a value raises, its own or an application's: a year beyond 9999 in psycopg2, a
# DateStyle that psycopg doesn't read.
_CONVERSIONS = (ValueError, ArithmeticError, NotImplementedError, TypeError, LookupError, AttributeError)
# So many columns are looked at one by one after a fill failed; each look reads the table once.
_MOST_SUSPECTS = 40


def _guilty(connection: OriginConnection, lease: Lease) -> list[str]:
    """Those columns of a fill that failed which fail alone."""
    present = lease.table.generation
    suspects = [name for name in lease.columns if present is None or name not in present.columns]
    suspects = suspects or list(lease.columns)
    return [name for name in suspects[:_MOST_SUSPECTS] if not is_readable(connection, lease.schema, name)]
