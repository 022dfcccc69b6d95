"""The pool of a `CachingEngine`: idle lazy connections, which hold nothing of the origin's.

Nobody waits here: what is scarce is the wrapped engine's pool.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import pool


class LazyPool(pool.Pool):
    """Idle lazy connections, without a bound and without waiting: they hold nothing.

    A list's append and pop are atomic, so that it needs no lock.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._idle: list[Any] = []

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

    def recreate(self) -> LazyPool:
        return self.__class__(
            self._creator,
            echo=self.echo,
            logging_name=self._orig_logging_name,
            reset_on_return=self._reset_on_return,
            _dispatch=self.dispatch,
            dialect=self._dialect,
        )

    def dispose(self) -> None:
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def status(self) -> str:
        return f"LazyPool, {len(self._idle)} idle"
