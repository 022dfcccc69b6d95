"""What a cursor of transparent mode gives: the rows of an answer, or those of the driver's cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from sqlmem.entries import Bound
from sqlmem.iterated import Iterated
from sqlmem.sent import Pieces
from sqlmem.waiting import give_way


class Made:
    """How a cursor is made, and what was set on it that the driver's must be told.

    Attributes:
        arguments: that the driver's cursor is made with.
        keywords: likewise.
        sizes: `setinputsizes`'s arguments; None if it wasn't called.
        pieces: that a batch may be put together of.
    """

    __slots__ = ("arguments", "arraysize", "keywords", "pieces", "sizes")

    def __init__(self, arguments: tuple[Any, ...] = (), keywords: dict[str, Any] | None = None) -> None:
        self.arguments = arguments
        self.keywords: dict[str, Any] = {} if keywords is None else keywords
        self.arraysize = 1
        self.sizes: tuple[tuple[Any, ...], dict[str, Any]] | None = None
        self.pieces: Pieces | None = None


# In place of the driver's cursor its rows are given by `_rows` and what is beside it: an answer of the store.
HERE = object()

# Without arguments, and nothing set: nearly each. Never changed.
PLAIN = Made()


class PassingRows(Iterated):
    """The reading half of a cursor; what executes is built on it. For one thread at a time.

    Attributes:
        fetchone: PEP 249's. A slot: who asks for one row asks for the next, and is given them by C. Where it
            isn't set, nor those that follow, `__getattr__` of who executes finds it out.
        description: likewise.
        rowcount: likewise.
    """

    __slots__ = (
        "_driver",
        "_instead",
        "_is_bound",
        "_is_closed",
        "_is_told",
        "_made",
        "_owner",
        "_position",
        "_rest",
        "_rows",
        "description",
        "fetchone",
        "rowcount",
    )

    # All are set by who executes.
    _owner: Any
    _made: Made
    _driver: Any  # the driver's cursor; still when it is closed: `lastrowid` is asked for then
    _is_closed: bool  # it
    # What gives its rows in place of that: None, an `Ahead` with what was fetched to be kept, or `HERE`.
    _instead: Any
    _rows: Sequence[Any]  # of the type that the driver gives
    _position: int
    _rest: Iterator[Any] | None
    _is_told: bool  # whether `description` is of this answer, and `rowcount` if that is known
    # Whether `fetchone` is, or the others are only as long as it isn't closed.
    _is_bound: bool
    description: Any
    rowcount: Any
    fetchone: Callable[[], Any]

    def _over(self) -> Any:
        """The driver's cursor, which is made if there is none."""
        raise NotImplementedError

    def _take_rows(self, rows: list[Any], bound: Bound) -> None:
        origin = self._owner.origin
        # As the driver's usual cursors give them; those with arguments give lists.
        self._rows = tuple(rows) if origin.manners.gives_tuples and not self._made.arguments else rows
        self._instead = HERE
        self._position = 0
        self._rest = None
        self.description, self._is_told = bound.description, True
        self.rowcount = len(rows) if origin.family != "sqlite" else -1
        if origin.is_async:
            give_way()

    @property
    def is_reading(self) -> bool:
        """Whether the driver's cursor may still have rows to give."""
        return self._driver is not None and not (self._instead is HERE or self._is_closed)

    def _told(self, name: str) -> Any:
        """`description` or `rowcount` of what the driver's cursor is over; it is asked each time."""
        driver = self._driver
        if driver is None:
            return None if name == "description" else -1
        return getattr(driver, name)

    def _untell(self) -> None:
        """There is another answer now."""
        self._is_told = False
        del self.description
        try:  # noqa: SIM105 - for each statement of some drivers: a call less
            del self.rowcount
        except AttributeError:
            pass

    @property
    def lastrowid(self) -> Any:
        return None if self._driver is None or self._instead is HERE else self._driver.lastrowid

    def _fetch_one(self) -> Any:
        """The first row that is asked for alone; `fetchone` gives the others."""
        if self._instead is HERE:
            rest = self._rest = iter(self._rows[self._position :] if self._position else self._rows)
            fetchone = partial(next, rest, None)
        elif self._driver is None or self._instead is not None:
            return self._source().fetchone()
        else:
            fetchone = self._driver.fetchone
        self.fetchone, self._is_bound = fetchone, True
        return fetchone()

    def _unbind(self) -> None:
        self._is_bound = False
        try:  # noqa: SIM105 - likewise
            del self.fetchone
        except AttributeError:
            pass
        if self._is_told and self._instead is not HERE:
            self._untell()

    def _forget(self) -> None:
        if self._instead is HERE:
            self._rows, self._position, self._rest, self.description = [], 0, None, None
        else:
            self._instead = None
        if self._is_bound:
            self._unbind()

    def fetchmany(self, size: int | None = None) -> Any:
        if self._instead is not HERE:
            source = self._source()
            rows = source.fetchmany() if size is None else source.fetchmany(size)
            return rows if self._instead is None else self._sequence(rows)
        size = self._made.arraysize if size is None else size
        if self._rest is not None:
            return self._sequence(list(islice(self._rest, size)))
        rows = self._rows[self._position : self._position + size]
        self._position += len(rows)
        return rows

    def fetchall(self) -> Any:
        instead = self._instead
        if instead is None and (driver := self._driver) is not None:
            return driver.fetchall()
        if instead is not HERE:
            return self._sequence(self._source().fetchall())
        if self._rest is not None:
            return self._sequence(list(self._rest))
        rows = self._rows[self._position :] if self._position else self._rows
        self._rows, self._position = rows[:0], 0
        return rows

    def _sequence(self, rows: Any) -> Any:
        """Rows that are ours, as the driver's usual cursors give them; others give lists."""
        return tuple(rows) if self._owner.manners.gives_tuples and not self._made.arguments else rows

    def _source(self) -> Any:
        return self._over() if self._instead is None else self._instead

    def close(self) -> None:
        if self._instead is not None or self._is_bound:
            self._forget()
        if (driver := self._driver) is not None:
            self._is_closed = True
            driver.close()
