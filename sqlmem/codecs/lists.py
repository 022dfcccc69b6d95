"""Many values of one column at once, as a fill has them: what the codecs do one by one, in a few calls.

Rule 1: each function takes values of its codec's types, no None among them, and gives exactly what the
codec's `encode` gives for each of them.
Rule 2: where it isn't certain of that it gives None, and they are encoded one by one: that tells
which of them has no place.
Rule 3: no call holds the interpreter's lock for longer than a list of them takes: no regular expression or
JSON over all of them in one.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import repeat
from operator import attrgetter

from sqlmem.codecs.base import INT64_LIMIT, ListFunction

INT64_DIGITS = 18  # every integer of so many digits fits 64 bits
_SECONDS = 19  # the length of 2020-01-01 00:00:00
_MICROSECONDS = 26
_DAY = 10


def integers(values: Sequence[int]) -> Sequence[int] | None:
    return values if min(values) >= -INT64_LIMIT and max(values) < INT64_LIMIT else None


def booleans(values: Sequence[bool]) -> Sequence[int]:
    # SQLite's driver looks for an adapter of whatever isn't exactly an int; that takes longer than the rest.
    return list(bytes(values))


def texts(values: Sequence[str]) -> Sequence[str] | None:
    joined = "".join(values)
    if not joined.isascii():
        try:
            joined.encode()  # in one, no two halves of a surrogate pair become a whole
        except UnicodeEncodeError:
            return None
    return values


def floats(values: Sequence[float]) -> Sequence[float] | None:
    if any(map(math.isnan, values)):
        return None
    if 0.0 in values and any(value == 0.0 and math.copysign(1.0, value) < 0 for value in values):
        return None
    return values


def decimals(scale: int, limit: int) -> ListFunction:
    """For Decimals of this scale, to integers below the limit."""
    of_texts = decimals_of_texts(scale, limit)

    def encode(values: Sequence[Decimal]) -> Sequence[int] | None:
        # What is written with an exponent is no such text.
        return of_texts(list(map(str, values)))

    return encode


def decimals_of_texts(scale: int, limit: int) -> ListFunction:
    """For plain decimal texts, with a sign and without an exponent."""
    place = -scale - 1
    zero = f"-{0:.{scale}f}"

    def encode(values: Sequence[str]) -> Sequence[int] | None:
        try:
            if scale:
                if {text[place] for text in values} != {"."} or zero in values:
                    return None
                found = [int(text.replace(".", "")) for text in values]
            else:
                if zero in values:
                    return None
                found = list(map(int, values))
        except (ValueError, IndexError):  # NaN, Infinity, 1E+5, less digits than the scale's
            return None
        return found if -limit < min(found) and max(found) < limit else None

    return encode


def written_decimals(values: Sequence[str]) -> Sequence[str]:
    """For plain decimal texts, to the form in which Decimal writes them."""
    return list(map(str, map(Decimal, values)))


_plainness = attrgetter("tzinfo", "fold")
_PLAIN = {(None, 0)}
_LEAST, _GREATEST = dt.datetime.min, dt.datetime.max  # noqa: DTZ901  # without zone, as compared


def timestamps(*, is_clamped: bool) -> ListFunction:
    def encode(values: Sequence[dt.datetime]) -> Sequence[str] | None:
        if set(map(_plainness, values)) != _PLAIN:
            return None
        if is_clamped and (min(values) == _LEAST or max(values) == _GREATEST):
            return None
        return list(map(dt.datetime.isoformat, values, repeat(" "), repeat("microseconds")))

    return encode


def _whole_moments(values: Sequence[str], after: str) -> list[str] | None:
    """ISO's texts without a zone, of up to six digits behind the point, brought to all six, then `after`."""
    lengths = set(map(len, values))
    if lengths == {_SECONDS}:
        end = f".000000{after}"
        return [text + end for text in values]
    if not (min(lengths) >= _SECONDS and max(lengths) <= _MICROSECONDS):
        return None
    # A year beyond 9999 moves the point; one before 1 has BC behind it.
    if {text[_SECONDS : _SECONDS + 1] for text in values} - {"", "."} or "C" in {text[-1] for text in values}:
        return None
    return [
        (
            text
            if len(text) == _MICROSECONDS
            else (text + "." * (len(text) == _SECONDS)).ljust(_MICROSECONDS, "0")
        )
        + after
        for text in values
    ]


def timestamps_of_texts(values: Sequence[str]) -> Sequence[str] | None:
    """For PostgreSQL's timestamps under DateStyle ISO."""
    return _whole_moments(values, "")


def utc_of_texts(values: Sequence[str]) -> Sequence[str] | None:
    """For PostgreSQL's timestamps with time zone under DateStyle ISO, written in UTC."""
    if {text[-3:] for text in values} != {"+00"}:
        return None  # infinity, BC, another zone
    return _whole_moments([text[:-3] for text in values], "+00:00")


def dates_of_texts(values: Sequence[str]) -> Sequence[str] | None:
    """For PostgreSQL's dates under DateStyle ISO."""
    # Infinity, and years beyond 9999 and before 1, have other lengths.
    return values if set(map(len, values)) == {_DAY} else None
