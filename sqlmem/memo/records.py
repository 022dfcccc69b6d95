"""The stored calls of a function, to look at and to delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sqlmem.memo.record import Record, to_json

Load = Callable[[], list[Record]]
Delete = Callable[[list[str]], int]


class Records:
    """A question; asked anew each time that it is looped over. Immutable."""

    def __init__(
        self,
        load: Load,
        delete: Delete,
        tests: tuple[Callable[[Record], bool], ...] = (),
        order: tuple[Callable[[Record], Any], bool] | None = None,
    ) -> None:
        self._load = load
        self._delete = delete
        self._tests = tests
        self._order = order

    def filter(self, test: Callable[[Record], bool] | None = None, /, **arguments: Any) -> Records:
        """Those for which `test` is true, and whose recorded arguments are these."""
        tests = self._tests
        if test is not None:
            tests = (*tests, test)
        if arguments:
            tests = (*tests, _has(arguments))
        return Records(self._load, self._delete, tests, self._order)

    def order(self, by: str | Callable[[Record], Any], *, descending: bool = False) -> Records:
        """By an attribute of the record, a recorded argument of that name, or a function."""
        key = by if callable(by) else _getter(by)
        return Records(self._load, self._delete, self._tests, (key, descending))

    def __iter__(self) -> Iterator[Record]:
        found = [record for record in self._load() if all(test(record) for test in self._tests)]
        if self._order is not None:
            key, descending = self._order
            found.sort(key=key, reverse=descending)
        return iter(found)

    def one(self) -> Record:
        """The only one.

        Raises:
            LookupError: there is none, or more than one.
        """
        found = list(self)
        if len(found) != 1:
            raise LookupError(f"one record expected, there are {len(found)}")
        return found[0]

    def count(self) -> int:
        return sum(1 for _ in self)

    def __len__(self) -> int:
        return self.count()

    def delete(self) -> int:
        """Forget these calls; returns how many."""
        keys = [record.key for record in self]
        return self._delete(keys) if keys else 0


def _has(arguments: Mapping[str, Any]) -> Callable[[Record], bool]:
    wanted = {name: to_json(value) for name, value in arguments.items()}

    def test(record: Record) -> bool:
        recorded = record.arguments
        return recorded is not None and all(
            name in recorded and recorded[name] == value for name, value in wanted.items()
        )

    return test


def _getter(name: str) -> Callable[[Record], Any]:
    def get(record: Record) -> Any:
        if name in ("time", "runtime", "key", "tables", "used", "value"):
            return getattr(record, name)
        return (record.arguments or {})[name]

    return get
