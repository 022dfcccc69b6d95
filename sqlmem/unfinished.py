"""A driver's cursor whose statement may not be over when `execute` returns, though it takes effect at once.

SQLite commits INSERT … RETURNING with its last row, MariaDB what is streamed (SSCursor) likewise, and goes on
with a procedure, or with the next of several statements, while its first answer is read. So the window around
the statement is open until the cursor is closed, or SQLite's has given its last row. Its owner closes it
before it executes the next one: a driver's cursor ends the one then, and the answer to the next may be the
store's, of which it isn't told.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import Any


class Abandoned(Exception):
    """Nobody knows when the statement was over: it is no answer of the origin's."""


class Unfinished:
    """Stands for the driver's cursor. For one thread at a time.

    Args:
        cursor: the driver's.
        window: open; closed when the statement is over.
        ends_with_rows: it is over with its last row; else another answer may follow.
    """

    _cursor: Any
    _window: AbstractContextManager[None] | None
    _ends_with_rows: bool

    def __init__(self, cursor: Any, window: AbstractContextManager[None], *, ends_with_rows: bool) -> None:
        # Past `__setattr__`: all else is the driver's cursor's.
        vars(self).update(_cursor=cursor, _window=window, _ends_with_rows=ends_with_rows)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._cursor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._cursor, name, value)

    def fetchone(self) -> Any:
        row = self._cursor.fetchone()
        if row is None:
            self._had_all()
        return row

    def fetchmany(self, *size: int) -> Any:
        rows = self._cursor.fetchmany(*size)
        if not rows and size != (0,):
            self._had_all()
        return rows

    def fetchall(self) -> Any:
        rows = self._cursor.fetchall()
        self._had_all()
        return rows

    def _had_all(self) -> None:
        window = self._window
        if window is not None and self._ends_with_rows:
            vars(self)["_window"] = None
            window.__exit__(None, None, None)

    def close(self) -> None:
        """End the statement, as the driver does. The second time there is nothing more to mind."""
        window, vars(self)["_window"] = self._window, None
        with contextlib.ExitStack() as stack:
            if window is not None:
                stack.push(window)
            self._cursor.close()

    def __del__(self) -> None:
        window = vars(self).get("_window")
        if window is None:
            return
        with contextlib.suppress(Abandoned), contextlib.ExitStack() as stack:
            stack.push(window)
            try:
                self._cursor.close()
            except Exception as error:
                raise Abandoned from error
