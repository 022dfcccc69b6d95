"""The pool of a `CachingEngine`: idle lazy connections, which hold nothing of the origin's.

Nobody waits here: what is scarce is the wrapped engine's pool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import pool


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
        self._origin_pool = origin_pool
        if origin_pool is not None:
            self.dispatch = _Silent()  # type: ignore[assignment]
            self._dialect = _Dialect(self._dialect)  # type: ignore[assignment]

    def _do_get(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:
            return self._create_connection()

    def _do_return_conn(self, record: Any) -> None:
        connection = record.dbapi_connection
        if connection is not None:
            connection.reset_options()
        self._idle.append(record)

    def _invalidate(
        self,
        connection: Any,
        exception: BaseException | None = None,
        _checkin: bool = True,  # noqa: FBT001, FBT002 - SQLAlchemy's signature
    ) -> None:
        if self._origin_pool is not None and connection.dbapi_connection is not None:
            fairy = connection.dbapi_connection.fairy
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
        if connection.dbapi_connection.has_begun:
            self._dialect.do_rollback(connection)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dialect, name)

    def get_driver_connection(self, connection: Any) -> Any:
        return self._dialect.get_driver_connection(connection.hand_out())
