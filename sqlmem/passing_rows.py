"""What a cursor of transparent mode gives: the rows of an answer, or those of the driver's cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from sqlmem.entries import Bound
from sqlmem.iterated import Iterated
from sqlmem.origin import Origin
from sqlmem.reading_ahead import Ahead
from sqlmem.waiting import give_way


class PassingRows(Iterated):
    """The reading half of a cursor; what executes is built on it. For one thread at a time.

    Attributes:
        fetchone: PEP 249's. A slot: who asks for one row asks for the next, and is given them by C.
    """

    __slots__ = (
        "_ahead",
        "_arguments",
        "_arraysize",
        "_description",
        "_driver",
        "_is_bound",
        "_is_closed",
        "_is_local",
        "_origin",
        "_position",
        "_rest",
        "_rowcount",
        "_rows",
        "fetchone",
    )

    # All are set by who executes.
    _origin: Origin
    _arguments: tuple[Any, ...]  # that the driver's cursor is made with
    _arraysize: int
    _driver: Any  # the driver's cursor; still when it is closed: `lastrowid` is asked for then
    _is_closed: bool  # it
    _ahead: Ahead | None  # its rows, as far as they were fetched to be kept
    # Whether it is over an answer of the store, of which those tell that follow.
    _is_local: bool
    _rows: Sequence[Any]  # of the type that the driver gives
    _position: int
    _rest: Iterator[Any] | None
    _description: Sequence[Any] | None
    _rowcount: int
    _is_bound: bool  # whether `fetchone` is of this answer
    fetchone: Callable[[], Any]

    def _over(self) -> Any:
        """The driver's cursor, which is made if there is none."""
        raise NotImplementedError

    def _take_rows(self, rows: list[Any], bound: Bound) -> None:
        origin = self._origin
        # As the driver's usual cursors give them; those with arguments give lists.
        self._rows = tuple(rows) if origin.manners.gives_tuples and not self._arguments else rows
        self._is_local = True
        self._ahead = None
        self._position = 0
        self._rest = None
        self._description = bound.description
        self._rowcount = len(rows) if origin.family != "sqlite" else -1
        if origin.is_async:
            give_way()

    @property
    def is_reading(self) -> bool:
        """Whether the driver's cursor may still have rows to give."""
        return self._driver is not None and not (self._is_local or self._is_closed)

    @property
    def description(self) -> Any:
        if self._is_local:
            return self._description
        driver = self._driver
        return None if driver is None else driver.description

    @property
    def rowcount(self) -> Any:
        if self._is_local:
            return self._rowcount
        driver = self._driver
        return -1 if driver is None else driver.rowcount

    @property
    def lastrowid(self) -> Any:
        return None if self._driver is None or self._is_local else self._driver.lastrowid

    def _fetch_one(self) -> Any:
        """The first row that is asked for alone; `fetchone` gives the others."""
        if self._is_local:
            rest = self._rest = iter(self._rows[self._position :] if self._position else self._rows)
            fetchone = partial(next, rest, None)
        elif self._driver is None or self._ahead is not None:
            return self._source().fetchone()
        else:
            fetchone = self._driver.fetchone
        self.fetchone, self._is_bound = fetchone, True
        return fetchone()

    def _unbind(self) -> None:
        del self.fetchone
        self._is_bound = False

    def fetchmany(self, size: int | None = None) -> Any:
        if not self._is_local:
            source = self._source()
            rows = source.fetchmany() if size is None else source.fetchmany(size)
            return rows if self._ahead is None else self._sequence(rows)
        size = self._arraysize if size is None else size
        if self._rest is not None:
            return self._sequence(list(islice(self._rest, size)))
        rows = self._rows[self._position : self._position + size]
        self._position += len(rows)
        return rows

    def fetchall(self) -> Any:
        if not self._is_local:
            driver = self._driver
            if driver is not None and self._ahead is None:
                return driver.fetchall()
            return self._sequence(self._source().fetchall())
        if self._rest is not None:
            return self._sequence(list(self._rest))
        rows = self._rows[self._position :] if self._position else self._rows
        self._rows, self._position = rows[:0], 0
        return rows

    def _sequence(self, rows: Any) -> Any:
        """Rows that are ours, as the driver's usual cursors give them; others give lists."""
        return tuple(rows) if self._origin.manners.gives_tuples and not self._arguments else rows

    def _source(self) -> Any:
        return self._over() if self._ahead is None else self._ahead

    def close(self) -> None:
        if self._is_local:
            self._rows, self._position, self._description, self._rest = [], 0, None, None
        if self._is_bound:
            self._unbind()
        self._ahead = None
        if (driver := self._driver) is not None:
            self._is_closed = True
            driver.close()
