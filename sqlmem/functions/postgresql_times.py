"""PostgreSQL's to_char of a moment, for the patterns that follow no locale and no time zone."""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONGEST_NAME = 9

_Write = Callable[[dt.datetime], str]


def _number(of: Callable[[dt.datetime], int], digits: int) -> tuple[_Write, _Write]:
    """As it is, and without leading zeros (FM)."""
    return (lambda moment: f"{of(moment):0{digits}d}"), (lambda moment: str(of(moment)))


def _name(of: Callable[[dt.datetime], str]) -> tuple[_Write, _Write]:
    return (lambda moment: of(moment).ljust(_LONGEST_NAME)), of


def _short(of: Callable[[dt.datetime], str]) -> tuple[_Write, _Write]:
    return of, of


def _month(moment: dt.datetime) -> str:
    return _MONTHS[moment.month - 1]


def _day(moment: dt.datetime) -> str:
    return _DAYS[moment.weekday()]


# pattern -> how it is written, and how with FM; in lower or in upper case alike.
_NUMBERS: Mapping[str, tuple[_Write, _Write]] = {
    "YYYY": _number(lambda moment: moment.year, 4),
    "MM": _number(lambda moment: moment.month, 2),
    "DD": _number(lambda moment: moment.day, 2),
    "DDD": _number(lambda moment: moment.timetuple().tm_yday, 3),
    "HH24": _number(lambda moment: moment.hour, 2),
    "HH12": _number(lambda moment: moment.hour % 12 or 12, 2),
    "HH": _number(lambda moment: moment.hour % 12 or 12, 2),
    "MI": _number(lambda moment: moment.minute, 2),
    "SS": _number(lambda moment: moment.second, 2),
    "MS": _number(lambda moment: moment.microsecond // 1000, 3),
    "US": _number(lambda moment: moment.microsecond, 6),
    "Q": _number(lambda moment: (moment.month + 2) // 3, 1),
    "D": _number(lambda moment: moment.isoweekday() % 7 + 1, 1),
    "ID": _number(lambda moment: moment.isoweekday(), 1),
    "IYYY": _number(lambda moment: moment.isocalendar().year, 4),
    "IW": _number(lambda moment: moment.isocalendar().week, 2),
    "WW": _number(lambda moment: (moment.timetuple().tm_yday + 6) // 7, 2),
}
_TIMES = frozenset({"HH24", "HH12", "HH", "MI", "SS", "MS", "US"})
# As the case of the pattern has it.
_NAMES: Mapping[str, tuple[_Write, _Write]] = {
    "Month": _name(_month),
    "MONTH": _name(lambda moment: _month(moment).upper()),
    "month": _name(lambda moment: _month(moment).lower()),
    "Mon": _short(lambda moment: _month(moment)[:3]),
    "MON": _short(lambda moment: _month(moment)[:3].upper()),
    "mon": _short(lambda moment: _month(moment)[:3].lower()),
    "Day": _name(_day),
    "DAY": _name(lambda moment: _day(moment).upper()),
    "day": _name(lambda moment: _day(moment).lower()),
    "Dy": _short(lambda moment: _day(moment)[:3]),
    "DY": _short(lambda moment: _day(moment)[:3].upper()),
    "dy": _short(lambda moment: _day(moment)[:3].lower()),
}
# What else is a pattern to PostgreSQL: no text that has one of these is written here.
_UNKNOWN = (
    *("SSSSS", "SSSS", "YYY", "YY", "Y", "IYY", "IY", "I", "IDDD", "J", "W", "CC", "RM", "TZ", "TZH", "TZM"),
    *("OF", "BC", "AD", "AM", "PM", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "FX", "TM", "SP"),
)
_PATTERN = re.compile(
    "(FM|fm)?("
    + "|".join(
        sorted(
            (*_NAMES, *_NUMBERS, *map(str.lower, _NUMBERS), *_UNKNOWN, *map(str.lower, _UNKNOWN)),
            key=len,
            reverse=True,
        )
    )
    + ")"
)
_BETWEEN = re.compile(r"[-/ :.,_]+")


@functools.lru_cache(maxsize=64)
def writers(form: str) -> tuple[tuple[_Write | str, bool], ...] | None:
    """How the parts of a form are written, and whether by the time of day; None if one isn't known."""
    parts: list[tuple[_Write | str, bool]] = []
    at = 0
    while at < len(form):
        between = _BETWEEN.match(form, at)
        if between is not None:
            parts.append((between[0], False))
            at = between.end()
            continue
        found = _PATTERN.match(form, at)
        if found is None:
            return None
        upper = found[2].upper()
        known = _NAMES.get(found[2]) or (None if upper in _UNKNOWN else _NUMBERS.get(upper))
        if known is None:
            return None
        parts.append((known[found[1] is not None], upper in _TIMES))
        at = found.end()
    return tuple(parts)


def is_of_digits(form: str) -> bool:
    """Whether all that is written in a form differs in digits only, of which there are as many each time."""
    rest = _BETWEEN.sub("", form)
    return all(
        found[1] is None and found[2] not in _NAMES for found in _PATTERN.finditer(rest)
    ) and not _PATTERN.sub("", rest)


def to_char(stored: str | None, form: str) -> str | None:
    """A date or a timestamp, as stored, in a form that `writers` knows."""
    parts = writers(form)
    if parts is None:
        raise ValueError("a form that isn't known")
    if stored is None:
        return None
    moment = dt.datetime.fromisoformat(stored)
    return "".join(part if isinstance(part, str) else part(moment) for part, _ in parts)


SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {"sqlmem_pg_to_char": (2, to_char)}
