"""What a driver is told to execute, as the text that is judged.

Rule: a text is judged instead of what is sent only if that is made of it and of literals. What can't be read
is judged to do anything.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

# As each text that isn't understood, it may do anything.
UNREADABLE = "\N{REPLACEMENT CHARACTER}"
# Of a batch that is put together; psycopg2's has a hundred, unless it is asked for others.
_MOST_PIECES = 10_000


def text_of(operation: Any, driver: Callable[[], Any]) -> str:
    """What an operation says.

    Args:
        operation: a text, bytes, or a driver's own composed statement.
        driver: gives the driver's connection.
    """
    if isinstance(operation, str):
        return operation
    if isinstance(operation, bytes | bytearray):
        return _decoded(bytes(operation), driver)
    as_string = getattr(operation, "as_string", None)  # psycopg's and psycopg2's composed SQL
    if callable(as_string):
        return str(as_string(driver()))
    return str(operation)


def _decoded(operation: bytes, driver: Callable[[], Any]) -> str:
    if operation.isascii():
        return operation.decode()
    # libpq is told by the server what holds now; other drivers know only what they have set.
    told = getattr(getattr(driver(), "info", None), "parameter_status", None)
    if told is None or told("client_encoding") != "UTF8":
        return UNREADABLE
    return operation.decode(errors="replace")


class Pieces:
    """What a driver has made of one text and of parameters, to be put together by the program."""

    __slots__ = ("_made", "_text")

    def __init__(self) -> None:
        self._text: str | None = None
        self._made: list[bytes] = []

    def add(self, text: str, made: bytes) -> None:
        if text != self._text or len(self._made) >= _MOST_PIECES:
            self._text, self._made = text, []
        self._made.append(made)

    def text_of(self, operation: Any) -> str | None:
        """The text, if the operation is it, once or several times, and nothing else."""
        is_made = isinstance(operation, bytes) and b";".join(self._made) == operation
        return self._text if is_made else None


# What psycopg2 makes a literal of. Of all else it takes what `getquoted` of the adapter for its type says.
_LITERALS = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        str,
        bytes,
        bytearray,
        memoryview,
        Decimal,
        UUID,
        dt.date,
        dt.datetime,
        dt.time,
        dt.timedelta,
    }
)
_LITERAL_CLASSES = frozenset(
    {
        ("psycopg2._json", "Json"),
        ("psycopg2._range", "DateRange"),
        ("psycopg2._range", "DateTimeRange"),
        ("psycopg2._range", "DateTimeTZRange"),
        ("psycopg2._range", "NumericRange"),
        ("psycopg2.extensions", "Binary"),
        ("psycopg2.extras", "Inet"),
    }
)


def are_literals(parameters: Mapping[str, Any] | Iterable[Any]) -> bool:
    """psycopg2: whether each of a statement's parameters becomes a literal there, and nothing else."""
    values = parameters.values() if isinstance(parameters, Mapping) else parameters
    return _LITERALS.issuperset(map(type, values)) or all(map(_is_literal, values))


def _is_literal(value: Any) -> bool:
    kind = type(value)
    if kind in _LITERALS:
        return True
    if kind is list or kind is tuple:
        return all(map(_is_literal, value))
    return (kind.__module__, kind.__name__) in _LITERAL_CLASSES
