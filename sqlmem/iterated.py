"""What each of our cursors is beside PEP 249's: an iterator over its rows, and a context that closes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self


class Iterated:
    """As most drivers' cursors are; sqlite3's are no contexts. For one thread at a time."""

    __slots__ = ()

    def fetchone(self) -> Any:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row

    def __next__(self) -> Any:
        if (row := self.fetchone()) is None:
            raise StopIteration
        return row

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
