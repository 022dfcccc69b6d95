"""Many values of one column at once, as a fill has them: what the codecs do one by one, in a few calls.

Rule 1: each function takes values of its codec's types, no None among them, and gives exactly what the
codec's `encode` gives for each of them.
Rule 2: where it isn't certain of that it gives None, and they are encoded one by one: that tells
which of them has no place.
Rule 3: no call holds the interpreter's lock for longer than a list of them takes: no regular expression or
JSON over all of them in one.

Texts of one form are put together, a line each: what all of them have in common is seen in that one text by
C alone, in a tenth of the time of a look at each.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from collections.abc import Sequence
from decimal import Decimal
from itertools import repeat
from operator import attrgetter

from sqlmem.codecs.base import ListFunction

INT64_DIGITS = 18  # every integer of so many digits fits 64 bits
_SECONDS = 19  # the length of 2020-01-01 00:00:00
_MICROSECONDS = 26
_DAY = 10
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")


def integers(values: Sequence[int]) -> Sequence[int] | None:
    try:
        # Whether all fit 64 bits, in a quarter of the time of the least and the greatest.
        struct.pack(f"{len(values)}q", *values)
    except struct.error:
        return None
    return values


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


def decimals(precision: int, scale: int) -> ListFunction:
    """For Decimals of this scale, to integers of so many digits at most."""
    of_texts = decimals_of_texts(precision, scale)

    def encode(values: Sequence[Decimal]) -> Sequence[int] | None:
        # What is written with an exponent is no such text.
        return of_texts(list(map(str, values)))

    return encode


def decimals_of_texts(precision: int, scale: int) -> ListFunction:
    """For plain decimal texts, with a sign, without needless zeros in front and without an exponent.

    Raises:
        TypeError: one of the values isn't text.
    """
    end = (b"." if scale else b"") + b"0" * scale + b"\n"
    points = 1 if scale else 0
    too_many = b"0" * (precision - scale + 1) + end
    zero = f"-{0:.{scale}f}\n".encode()
    limit = 10**precision

    def encode(values: Sequence[str]) -> Sequence[int] | None:
        lines = "\n".join([*values, ""]).encode()
        form = lines.translate(_DIGITS_AS_ZEROS)
        if form.count(end) != len(values) or form.count(b".") != points * len(values) or zero in lines:
            return None  # NaN, Infinity, 1E+5, another number of digits than the scale's, a zero with a sign
        if precision > scale and too_many in form:
            return None
        try:
            found = list(map(int, lines.translate(None, b".").split()))
        except ValueError:
            return None
        if len(found) != len(values):
            return None
        # A number below 1 has a zero in front that the precision doesn't count.
        return found if precision > scale or (-limit < min(found) and max(found) < limit) else None

    return encode


def written_decimals(values: Sequence[str]) -> Sequence[str]:
    """For plain decimal texts, to the form in which Decimal writes them.

    Raises:
        TypeError: one of the values isn't text.
    """
    return list(map(str, map(Decimal, "\n".join(values).split("\n"))))


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


def _whole_moments(lines: str, count: int, after: str) -> list[str] | None:
    """ISO's texts without a zone, of up to six digits behind the point, brought to all six, then `after`.

    Args:
        lines: so many, each with its end.
    """
    if len(lines) == (_SECONDS + 1) * count and lines[_SECONDS :: _SECONDS + 1] == "\n" * count:
        return lines.replace("\n", f".000000{after}\n").split("\n")[:-1]
    whole = [
        (
            text
            if len(text) == _MICROSECONDS
            else (text + "." * (len(text) == _SECONDS)).ljust(_MICROSECONDS, "0")
        )
        for text in lines.split("\n")[:-1]
    ]
    joined = "\n".join([*whole, ""])
    # None is shorter now, so if that is the length of all, none is longer. A year beyond 9999 moves the
    # point; one before 1 has BC behind it.
    if (
        len(joined) != (_MICROSECONDS + 1) * count
        or joined[_SECONDS :: _MICROSECONDS + 1] != "." * count
        or "C" in joined
    ):
        return None
    return [text + after for text in whole] if after else whole


def timestamps_of_texts(values: Sequence[str]) -> Sequence[str] | None:
    """For PostgreSQL's timestamps under DateStyle ISO.

    Raises:
        TypeError: one of the values isn't text.
    """
    return _whole_moments("\n".join([*values, ""]), len(values), "")


def utc_of_texts(values: Sequence[str]) -> Sequence[str] | None:
    """For PostgreSQL's timestamps with time zone under DateStyle ISO, written in UTC.

    Raises:
        TypeError: one of the values isn't text.
    """
    lines = "\n".join([*values, ""])
    if lines.count("+00\n") != len(values):
        return None  # infinity, BC, another zone
    return _whole_moments(lines.replace("+00\n", "\n"), len(values), "+00:00")


def dates_of_texts(values: Sequence[str]) -> Sequence[str] | None:
    """For PostgreSQL's dates under DateStyle ISO.

    Raises:
        TypeError: one of the values isn't text.
    """
    lines, count = "\n".join([*values, ""]), len(values)
    # Infinity, and years beyond 9999 and before 1, have other lengths.
    is_usual = len(lines) == (_DAY + 1) * count and lines[_DAY :: _DAY + 1] == "\n" * count
    return values if is_usual else None
