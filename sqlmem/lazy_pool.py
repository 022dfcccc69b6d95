"""The pool of a `CachingEngine`: idle lazy connections, which hold nothing of the origin's.

Nobody waits here: what is scarce is the wrapped engine's pool.

SQLAlchemy's own way through a pool costs as much as a hit. It is gone where somebody listens to this pool;
else what it does is done in fewer steps (`checked_out`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from sqlalchemy import pool
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.pool import PoolProxiedConnection

from sqlmem.checked_out import CheckedOut


class LazyPool(pool.Pool):
    """Idle lazy connections, without a bound and without waiting: they hold nothing.

    A list's append and pop are atomic, so that it needs no lock.

    Args:
        origin_pool: gives the wrapped engine's pool, where lazy connections stand for its own: events are
            that pool's, and it is told when a connection was lost.
    """

    def __init__(
        self, *arguments: Any, origin_pool: Callable[[], pool.Pool] | None = None, **keywords: Any
    ) -> None:
        super().__init__(*arguments, **keywords)
        self._idle: list[Any] = []
        self.is_async = self._is_asyncio
        self._origin_pool = origin_pool
        self.is_strict = origin_pool is None
        # What the pool of the wrapped engine does with a connection that comes back, this one does with ours.
        self._resets = {"reset_rollback": "do_rollback", "reset_commit": "do_commit"}.get(
            getattr(self._reset_on_return, "name", "")
        )
        if origin_pool is not None:
            self.dispatch = _Silent()  # type: ignore[assignment]
            self._dialect = _Dialect(self._dialect)  # type: ignore[assignment]

    def connect(self) -> PoolProxiedConnection:
        told = self.dispatch
        if self._origin_pool is None and (told.checkout or told.checkin or told.reset):
            return super().connect()
        try:
            record = self._idle.pop()
        except IndexError:
            record = self._create_connection()
        return LazyCheckedOut(self, record, record.get_connection())

    def reset(self, checked_out: LazyCheckedOut) -> None:
        """End what its user has begun and not ended."""
        if self._resets is not None:
            getattr(self._dialect, self._resets)(checked_out)

    def take_back(self, record: Any) -> None:
        """A connection that somebody was given."""
        while record.finalize_callback:
            restore = record.finalize_callback.pop()
            if record.dbapi_connection is not None:
                restore(record.dbapi_connection)
        self._do_return_conn(record)

    def _do_get(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            return self._create_connection()

    def _do_return_conn(self, record: Any) -> None:
        connection = record.dbapi_connection
        if connection is not None:
            connection.behind.reset_options()
        self._idle.append(record)

    def _invalidate(
        self,
        connection: Any,
        exception: BaseException | None = None,
        _checkin: bool = True,  # noqa: FBT001, FBT002 - SQLAlchemy's signature
    ) -> None:
        if self._origin_pool is not None and connection.dbapi_connection is not None:
            fairy = connection.dbapi_connection.behind.fairy
            if fairy is not None:
                # Its other connections are as old, and lost as well.
                self._origin_pool()._invalidate(fairy, exception, _checkin=False)
        super()._invalidate(connection, exception, _checkin)

    def recreate(self) -> LazyPool:
        raise NotImplementedError("a lazy pool is used for as long as its engine")

    def dispose(self) -> None:
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def status(self) -> str:
        return f"LazyPool, {len(self._idle)} idle"


class LazyCheckedOut(CheckedOut):
    """One of a lazy pool.

    Attributes:
        cursor: makes a cursor. The connection's own method, as the next two, since one is made for each
            statement.
        commit: ends a transaction.
        rollback: likewise.
    """

    __slots__ = ("commit", "cursor", "rollback")

    def __init__(self, owner: LazyPool, record: Any, connection: Any) -> None:
        self._pool = owner
        self._connection_record = record
        self.dbapi_connection = connection
        behind = connection.behind
        self.cursor: Callable[..., Any] = behind.cursor
        self.commit: Callable[[], None] = behind.commit
        self.rollback: Callable[[], None] = behind.rollback

    @property
    def info(self) -> Any:
        """What is kept with the driver's connection, in transparent mode: it is taken for that.

        Listeners to the wrapped engine's pool are given the same. Where it can't be taken here (an
        AsyncConnection is asked, outside of a task's switches), what is kept with ours.
        """
        fairy = self._drivers()
        return super().info if fairy is None else fairy.info

    @property
    def record_info(self) -> Any:
        """As `info`, of what outlives the driver's connection."""
        fairy = self._drivers()
        return super().record_info if fairy is None else fairy.record_info

    def _drivers(self) -> Any:
        """The wrapped engine's pool's own, in transparent mode; None if it can't be taken here."""
        connection = self.dbapi_connection
        if connection is None or self._pool.is_strict or not connection.behind.can_take:
            return None
        connection.behind.take()
        return connection.behind.fairy

    def _close_special(self, transaction_reset: bool = False) -> None:  # noqa: FBT001, FBT002 - SQLAlchemy's
        owner, record, connection = self._pool, self._connection_record, self.dbapi_connection
        if not transaction_reset and connection is not None and connection.behind.has_begun:
            try:
                owner.reset(self)
            except BaseException as error:
                self._failed(error)
                if not isinstance(error, Exception):
                    raise
                return
        self._forget()
        if record is None:
            if connection is not None:
                self._close_detached(connection)
        elif record.finalize_callback or connection is None:
            owner.take_back(record)
        else:
            # As `_do_return_conn`.
            connection.behind.reset_options()
            owner._idle.append(record)

    close = _close_special

    def _take_back(self, record: Any) -> None:
        self._pool.take_back(record)

    _leave = _take_back

    def _forget(self) -> None:
        self.dbapi_connection = self._connection_record = None
        self.cursor = self.commit = self.rollback = _gone

    def _abandon(self) -> None:
        if self._pool.is_async:
            # Nothing can be awaited here: what it holds, the wrapped engine's pool takes back as it can.
            self.dbapi_connection.behind.abandon()
        else:
            self.close()


def _gone(*_: Any, **__: Any) -> NoReturn:
    raise ResourceClosedError("this connection was given back")


class _Nobody(tuple[()]):
    """An event without listeners, as SQLAlchemy's pools look at one: false, which a tuple is in C."""

    __slots__ = ()

    def __call__(self, *_: Any, **__: Any) -> None:
        """Nobody is told."""

    def for_modify(self, _: Any) -> _Nobody:
        return self

    exec_once = exec_once_unless_exception = _exec_w_sync_on_first_run = __call__


_NOBODY = _Nobody()


class _Silent:
    """A dispatcher that nobody listens to: listeners are for the driver's connections, not for ours."""

    # What is looked at for each statement; the others are found below.
    checkout = checkin = reset = _NOBODY

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _NOBODY


class _Dialect:
    """The dialect, but for who wants the driver's own connection: it is taken then, and out of our sight."""

    def __init__(self, dialect: Any) -> None:
        self._dialect = dialect
        # What is asked each time that a connection comes back.
        self.is_async = dialect.is_async

    def do_rollback(self, connection: Any) -> None:
        """The pool's reset."""
        if connection.dbapi_connection.behind.has_begun:
            self._dialect.do_rollback(connection)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dialect, name)

    def get_driver_connection(self, connection: Any) -> Any:
        return self._dialect.get_driver_connection(connection.behind.hand_out())
