"""A connection of a pool, while somebody has it: as SQLAlchemy's own wrapper of it, in fewer steps.

SQLAlchemy's registers a finalizer for each, which takes as long as all else that a pool does. Here whoever is
forgotten gives back what he had by `__del__`.

Rule 1: who has given a connection back, or forgets it, doesn't reach it any more.
Rule 2: of the wrapped engine's pool only where nobody could tell: a plain pool, to whose check-outs nobody
listens and that isn't logged. What ends one, or loses it, is the pool's own and its records' all the same.
"""

from __future__ import annotations

import contextlib
import logging
import weakref
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.pool import NullPool, Pool, PoolProxiedConnection, PoolResetState, QueuePool
from sqlalchemy.pool.base import ResetStyle
from sqlalchemy.util import warn_deprecated

# Each of their connections belongs to who has checked it out. Not AssertionPool, which is for finding faults.
_PLAIN = frozenset({NullPool, QueuePool})


class CheckedOut(PoolProxiedConnection):
    """For one thread at a time.

    Attributes:
        dbapi_connection: the pool's; None when it was given back or invalidated.
    """

    # SQLAlchemy's own takes attributes of any name, and keeps them to itself.
    __slots__ = ("__dict__", "__weakref__", "_connection_record", "_own_info", "_pool", "dbapi_connection")

    _pool: Any
    _connection_record: Any
    dbapi_connection: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.dbapi_connection, name)

    @property
    def connection(self) -> Any:
        """An old name of `dbapi_connection`, which SQLAlchemy's own still has."""
        warn_deprecated("connection is deprecated; please use driver_connection", "2.0")
        return self.dbapi_connection

    @property
    def is_valid(self) -> bool:
        return self.dbapi_connection is not None

    @property
    def is_detached(self) -> bool:
        return self._connection_record is None

    @property
    def driver_connection(self) -> Any:  # type: ignore[override] # as SQLAlchemy's own
        record = self._connection_record
        return None if record is None else record.driver_connection

    @property
    def info(self) -> Any:
        record = self._connection_record
        return self._own_info if record is None else record.info

    @property
    def record_info(self) -> Any:
        record = self._connection_record
        return None if record is None else record.record_info

    def _end(self, *, was_ended: bool) -> None:
        """End what its user has begun and not ended, as the pool resets what comes back."""
        raise NotImplementedError

    def _take_back(self, record: Any) -> None:
        """The pool has it again."""
        raise NotImplementedError

    def _close_special(self, transaction_reset: bool = False) -> None:  # noqa: FBT001, FBT002 - SQLAlchemy's
        """SQLAlchemy's Connection says so if it has ended the transaction itself."""
        record, connection = self._connection_record, self.dbapi_connection
        if connection is not None:
            try:
                self._end(was_ended=transaction_reset)
            except BaseException as error:
                self._failed(error)
                if not isinstance(error, Exception):
                    raise
                return
        self._forget()
        if record is not None:
            self._take_back(record)
        elif connection is not None:
            self._close_detached(connection)

    close = _close_special

    def _failed(self, error: BaseException) -> None:
        """What its user has begun couldn't be ended."""
        self._pool.logger.error("Exception during reset or similar", exc_info=error)
        self._discard(error)

    def _forget(self) -> None:
        self.dbapi_connection = self._connection_record = None

    def _discard(self, error: BaseException | None) -> None:
        """Close the connection; the pool makes another one in its place."""
        record, connection = self._connection_record, self.dbapi_connection
        self._forget()
        if record is not None:
            try:
                record.invalidate(e=error)
            finally:
                self._take_back(record)
        elif connection is not None:
            self._close_detached(connection)

    def _close_detached(self, connection: Any) -> None:
        """A connection that isn't the pool's any more."""
        owner, dialect = self._pool, self._pool._dialect
        if owner.dispatch.close_detached:
            owner.dispatch.close_detached(connection)
        owner._close_connection(connection, terminate=dialect.is_async and dialect.has_terminate)

    def invalidate(self, e: BaseException | None = None, soft: bool = False) -> None:  # noqa: FBT001, FBT002 - likewise
        record = self._connection_record
        if soft and record is not None:
            record.invalidate(e=e, soft=True)
        else:
            self._discard(e)

    def detach(self) -> None:
        record = self._connection_record
        if record is not None:
            self._own_info = dict(record.info)
            self._connection_record = record.dbapi_connection = None
            self._leave(record)
            if self._pool.dispatch.detach:
                self._pool.dispatch.detach(self.dbapi_connection, record)

    def _leave(self, record: Any) -> None:
        """The pool has a record again whose connection stays with who has it."""
        self._pool._do_return_conn(record)

    def __del__(self) -> None:
        """Forgotten by its user."""
        if self._connection_record is not None:
            with contextlib.suppress(Exception):  # nobody is there to be told
                self._abandon()

    def _abandon(self) -> None:
        self.close()


class PlainCheckedOut(CheckedOut):
    """One of the wrapped engine's pool."""

    __slots__ = ()

    def __init__(self, owner: Pool, record: Any, connection: Any) -> None:
        self._pool = owner
        self._connection_record = record
        self.dbapi_connection = connection
        record.fairy_ref = weakref.ref(self)  # by which it says that it is in use

    def _close_special(self, transaction_reset: bool = False) -> None:  # noqa: FBT001, FBT002 - SQLAlchemy's
        owner, record = self._pool, self._connection_record
        if (
            transaction_reset
            and record is not None
            and self.dbapi_connection is not None
            and owner._reset_on_return is not ResetStyle.reset_commit
            and not owner.dispatch.reset
        ):
            # Nearly each time: nothing is left to be ended.
            self.dbapi_connection = self._connection_record = None
            record.checkin()
        else:
            super()._close_special(transaction_reset)

    close = _close_special

    def _end(self, *, was_ended: bool) -> None:
        owner = self._pool
        resets = owner._reset_on_return
        if owner.dispatch.reset:
            # Who has begun to listen since it was checked out.
            state = PoolResetState(
                transaction_was_reset=was_ended,
                terminate_only=self._connection_record is None,
                asyncio_safe=True,
            )
            owner.dispatch.reset(self.dbapi_connection, self._connection_record, state)
        if resets is ResetStyle.reset_rollback:
            if not was_ended:
                owner._dialect.do_rollback(self)
        elif resets is ResetStyle.reset_commit:
            owner._dialect.do_commit(self)

    def _take_back(self, record: Any) -> None:
        record.checkin()

    def _leave(self, record: Any) -> None:
        record.fairy_ref = None
        super()._leave(record)


def check_out(engine: Engine) -> PoolProxiedConnection:
    """A connection of an engine's pool, as `Engine.raw_connection` gives it.

    Raises:
        sqlalchemy.exc.TimeoutError: there is none to spare.
        The driver's exceptions.
    """
    owner: Any = engine.pool
    if (
        type(owner) not in _PLAIN
        or type(engine) is not Engine
        or owner._pre_ping
        or owner._dialect.is_async
        or owner.dispatch.checkout
        or owner.logger.isEnabledFor(logging.DEBUG)
    ):
        return engine.raw_connection()
    record = owner._do_get()
    try:
        connection = record.get_connection()
    except BaseException as error:
        record._checkin_failed(error, _fairy_was_created=False)
        raise
    return PlainCheckedOut(owner, record, connection)
