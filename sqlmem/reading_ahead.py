"""A driver's rows, fetched before anybody asks for them, so that they can be kept.

No more is fetched than what may be kept: behind that the driver's cursor goes on. An error that comes with a
row is raised when that row is asked for, as the driver does.
"""

from __future__ import annotations

from typing import Any

from sqlmem.keeping import Keeping

_AT_ONCE = 500


class Ahead:
    """Rows that are here, and the cursor with those that aren't. For one thread at a time."""

    def __init__(self, cursor: Any, rows: list[Any], failure: Exception | None, *, is_over: bool) -> None:
        self._cursor = cursor
        self._rows = rows
        self._position = 0
        self._failure = failure
        self._is_over = is_over

    def fetchone(self) -> Any:
        position = self._position
        if position < len(self._rows):
            self._position = position + 1
            return self._rows[position]
        return None if self._is_done() else self._cursor.fetchone()

    def fetchmany(self, size: int | None = None) -> Any:
        wanted: int = self._cursor.arraysize if size is None else size
        rows = self._rows[self._position : self._position + wanted]
        self._position += len(rows)
        if len(rows) < wanted and not (rows and self._failure is not None) and not self._is_done():
            rows.extend(self._cursor.fetchmany(wanted - len(rows)))
        return rows

    def fetchall(self) -> Any:
        rows = self._rows[self._position :] if self._position else self._rows
        self._rows, self._position = [], 0
        if not self._is_done():
            rows.extend(self._cursor.fetchall())
        return rows

    def _is_done(self) -> bool:
        """Whether there are no more rows; raises what came in place of the next one."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        return self._is_over


def read_ahead(cursor: Any, keeping: Keeping) -> Ahead | None:
    """Fetch the rows of a cursor that has executed, and keep them if they can be.

    None if there are none to fetch: the statement gives no rows.
    """
    description = cursor.description
    if description is None:
        return None
    rows: list[Any] = []
    size: int | None = None
    while True:
        try:
            batch = cursor.fetchmany(_AT_ONCE)
        except Exception as error:  # noqa: BLE001 - the driver's, for whoever fetches that row
            return Ahead(cursor, rows, error, is_over=True)
        if not batch:
            break
        rows.extend(batch)
        size = keeping.weigh(batch, size)
        if size is None:
            return Ahead(cursor, rows, None, is_over=False)
    keeping.keep(description, rows, size)
    return Ahead(cursor, rows, None, is_over=True)
