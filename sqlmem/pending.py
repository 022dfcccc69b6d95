"""What one connection has written since its transaction began, with its savepoints.

Names are pairs (schema or None, name) as statements or the catalogue spell them; `EVERYTHING` stands for any
table. Pure: for one thread, whoever owns it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlmem.model import TableName

Name = tuple[str | None, str]
# Tables written; None: any.
Written = frozenset[Name] | None

NOTHING: Written = frozenset()
EVERYTHING: Written = None


def joined(one: Written, other: Written) -> Written:
    """All that either means."""
    return None if one is None or other is None else one | other


# A program writes the same few tables again and again.
@functools.lru_cache(maxsize=512)
def matcher_of(written: Written) -> Callable[[TableName], bool] | None:
    """Which tables are meant; None for all. In doubt more of them: case isn't regarded.

    A name without a schema means the tables of that name in every schema.
    """
    if written is None:
        return None
    schemas: dict[str, set[str | None]] = {}
    for schema, name in written:
        schemas.setdefault(name.casefold(), set()).add(None if schema is None else schema.casefold())

    def matches(table: TableName) -> bool:
        meant = schemas.get(table.name.casefold())
        if meant is None:
            return False
        return None in meant or table.schema is None or table.schema.casefold() in meant

    matches.names = frozenset(schemas)  # type: ignore[attr-defined] # see `dependencies.names_of`
    return matches


@dataclass(slots=True)
class Pending:
    """Written and not committed yet."""

    written: Written = NOTHING
    # Open savepoints, outermost first: name, and what had been written when it was set.
    savepoints: list[tuple[str, Written]] = field(default_factory=list)
    # Whether the outermost of them has begun the transaction, which ends with it (SQLite).
    begins: bool = False

    def __bool__(self) -> bool:
        return self.written is None or bool(self.written)

    def add(self, written: Written) -> None:
        if written and self.written == NOTHING:
            self.written = written
        elif written is None or written:
            self.written = joined(self.written, written)

    def clear(self) -> None:
        self.written = NOTHING
        self.forget_savepoints()

    def forget_savepoints(self) -> None:
        if self.savepoints:
            self.savepoints.clear()
            self.begins = False

    def is_ended_by(self, released: str) -> bool:
        """Whether the transaction ends with this savepoint."""
        return self.begins and self._index(released) == 0

    def set_savepoint(self, name: str) -> None:
        self.savepoints.append((name, self.written))

    def roll_back_to(self, name: str) -> None:
        """Forget what was written since the savepoint, which stays. One that isn't known changes nothing."""
        index = self._index(name)
        if index is not None:
            self.written = self.savepoints[index][1]
            del self.savepoints[index + 1 :]

    def release(self, name: str) -> None:
        index = self._index(name)
        if index is not None:
            del self.savepoints[index:]

    def _index(self, name: str) -> int | None:
        # The latest of that name, as the origins have it.
        for index in range(len(self.savepoints) - 1, -1, -1):
            if self.savepoints[index][0] == name:
                return index
        return None
