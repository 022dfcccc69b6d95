"""Dates and timestamps moved by an interval: stored text in, stored text out.

What leaves the years 1 to 9999 raises: one origin goes on counting, another gives NULL.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

_MONTHS_IN_A_YEAR = 12


def moved(moment: Any, months: int, days: int, microseconds: int) -> Any:
    """A date or datetime moved: first by months, where the last day of a month stays in it.

    A date that is moved by less than a day becomes a datetime.
    """
    if months:
        total = moment.year * _MONTHS_IN_A_YEAR + moment.month - 1 + months
        year, month = divmod(total, _MONTHS_IN_A_YEAR)
        if not dt.MINYEAR <= year <= dt.MAXYEAR:
            raise OverflowError("beyond the years 1 to 9999")
        last = calendar.monthrange(year, month + 1)[1]
        moment = moment.replace(year=year, month=month + 1, day=min(moment.day, last))
    if microseconds and type(moment) is dt.date:
        moment = dt.datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  # without zone, as stored
    return moment + dt.timedelta(days, 0, microseconds)


def move(text: str | None, months: int | None, days: int | None, microseconds: int | None) -> str | None:
    """`moved`, of a date or a timestamp as they are stored."""
    if text is None or months is None or days is None or microseconds is None:
        return None
    if len(text) == len("2024-01-01"):
        moment = moved(dt.date.fromisoformat(text), months, days, microseconds)
    else:
        moment = moved(dt.datetime.fromisoformat(text), months, days, microseconds)
    if type(moment) is dt.date:
        return moment.isoformat()
    return str(moment.isoformat(" ", "microseconds"))


def between(later: str | None, earlier: str | None) -> int | None:
    """Microseconds from one timestamp to another; of a date from its midnight."""
    if later is None or earlier is None:
        return None
    gone = dt.datetime.fromisoformat(later) - dt.datetime.fromisoformat(earlier)
    return (gone.days * 86400 + gone.seconds) * 1_000_000 + gone.microseconds


def days(later: str | None, earlier: str | None) -> int | None:
    """Days from one date to another."""
    if later is None or earlier is None:
        return None
    return (dt.date.fromisoformat(later) - dt.date.fromisoformat(earlier)).days


def time_of_day(text: str | None) -> int | None:
    """Microseconds since midnight."""
    return None if text is None else between(text, text[:10])


SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "sqlmem_move": (4, move),
    "sqlmem_between": (2, between),
    "sqlmem_days": (2, days),
    "sqlmem_time_of_day": (1, time_of_day),
}
