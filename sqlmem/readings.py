"""How a constant's text, or a parameter that is sent as one, reads as a value of a type.

Closed forms only: what every setting of the origin reads alike. 01/02/2024 follows DateStyle, ' 5'
may have blanks around it, and each origin forgives other things.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlmem.model import Column, Kind

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)?", re.ASCII)
_TIMESTAMPTZ = re.compile(
    r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:\d{2})", re.ASCII
)
_TIME = re.compile(r"\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Of more digits a float is compared, in MariaDB, and no integer.
_INTEGER = re.compile(r"-?\d{1,15}", re.ASCII)
_NUMERIC = re.compile(r"-?\d{1,100}(?:\.\d{1,100})?", re.ASCII)
_FLOAT = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?(?:e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)

_TRUTHS = {"t": True, "true": True, "f": False, "false": False}

_Read = Callable[[str], Any]


def _matching(pattern: re.Pattern[str], read: _Read) -> _Read:
    def read_matching(text: str) -> Any:
        if pattern.fullmatch(text) is None:
            raise ValueError("not in a form that is read alike everywhere")
        return read(text)

    return read_matching


def _since_midnight(value: time) -> timedelta:
    return timedelta(0, (value.hour * 60 + value.minute) * 60 + value.second, value.microsecond)


_QUOTED: Mapping[Kind, _Read] = {
    Kind.DATE: _matching(_DATE, date.fromisoformat),
    Kind.TIMESTAMP: _matching(_TIMESTAMP, datetime.fromisoformat),
    # Without an offset it would depend on the session's time zone.
    Kind.TIMESTAMPTZ: _matching(_TIMESTAMPTZ, datetime.fromisoformat),
    Kind.TIME: _matching(_TIME, time.fromisoformat),
    Kind.INTERVAL: _matching(_TIME, lambda text: _since_midnight(time.fromisoformat(text))),
    Kind.UUID: _matching(_UUID, uuid.UUID),
    Kind.INTEGER: _matching(_INTEGER, int),
}
# Where a text in quotes has no type but that of what it stands beside (PostgreSQL).
_UNTYPED: Mapping[Kind, _Read] = {
    Kind.NUMERIC: _matching(_NUMERIC, Decimal),
    Kind.FLOAT: _matching(_FLOAT, float),
    Kind.BOOLEAN: _TRUTHS.__getitem__,
}


def read_text(text: str, column: Column, *, is_untyped: bool, integer_bound: int | None) -> Any:
    """A text in quotes beside a column of another type than text.

    Args:
        is_untyped: the text has the column's type; else it is a text, and compared with it.
        integer_bound: the column's largest value, beyond which the text is an error.

    Raises:
        ValueError, LookupError, ArithmeticError: it isn't plainly a value of that type.
    """
    read = _QUOTED.get(column.kind) or (_UNTYPED.get(column.kind) if is_untyped else None)
    if read is None:
        raise LookupError("a text has no value of that type")
    value = read(text)
    if type(value) is int and integer_bound is not None and not -integer_bound - 1 <= value <= integer_bound:
        raise ValueError("beyond the type's bounds")
    return value


def as_interval(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What stands beside MariaDB's TIME: a time of day too, which is sent as the same text."""

    def convert_time(value: Any) -> Any:
        is_time = type(value) is time and value.tzinfo is None and not value.fold
        return convert(_since_midnight(value) if is_time else value)

    return convert_time


def as_moment(value: Any, column: Column) -> Any:
    """A date or timestamp that is compared with a column of the other type, as the column's own.

    Both origins compare them as timestamps, a date being its midnight. A timestamp within a day lies
    between two dates: it is given back as it is.
    """
    if column.kind is Kind.TIMESTAMP and type(value) is date:
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  # without zone, as compared
    if column.kind is Kind.DATE and type(value) is datetime and value.tzinfo is None and not value.fold:
        is_midnight = not (value.hour or value.minute or value.second or value.microsecond)
        return value.date() if is_midnight else value
    return value
