"""The values that settings take: each function makes one of what a keyword or a variable gives.

Rule: a value that can't be used raises `Unusable`, whose text says what it must be; what it was and
      where it came from is added by `settings`, which knows.
"""

from __future__ import annotations

import math
import numbers
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlmem.model import TableName

# B and the units with a small or capital k, M, G, T and B are powers of 1000, the ones with "i"
# powers of 1024, as SI and IEC have it. A bare "512M" is refused: half the tools mean the one.
_BYTES_PER_UNIT = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "tib": 1024**4,
}
_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[a-z]*)", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


@dataclass(frozen=True, slots=True)
class Ttl:
    """How old a table's data may be, in seconds.

    Attributes:
        rest: for every table that isn't named; None for no limit.
        tables: (table, seconds), the table as the user wrote it, with or without its schema.
    """

    rest: float | None = None
    tables: tuple[tuple[str, float], ...] = ()

    def of(self, table: TableName) -> float | None:
        """The limit for this table; None for no limit.

        A name with its schema wins over one without, the exact spelling over another case.
        """
        for name in (str(table), table.name):
            exact = [seconds for written, seconds in self.tables if written == name]
            # Catalogues that ignore case keep a spelling of their own, and a ttl that doesn't find
            # its table would be data older than was asked for: the other cases count too, and of
            # several the shortest.
            folded = [seconds for written, seconds in self.tables if written.casefold() == name.casefold()]
            if found := exact or folded:
                return min(found)
        return self.rest


class Unusable(Exception):
    """A parser's verdict: what the value must be. The caller adds what it is and its source."""


def flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (word := value.strip().lower()) in _WORDS:
        return _WORDS[word]
    raise Unusable("must be true or false")


def path(value: Any) -> Path | None:
    if value is None:
        return None
    try:
        text = os.fspath(value)
    except TypeError:
        text = None
    if not isinstance(text, str) or "\0" in text:
        raise Unusable("must be a path, or empty to keep nothing on disk")
    if text.strip() == ":memory:":
        # SQLite's word for "no file" would make a file of that name here.
        raise Unusable("must be a path, or empty to keep nothing on disk (not ':memory:')")
    if not text.strip():
        return None
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise Unusable("must be a path whose home directory is known") from None


def seconds(
    *, expected: str, least: float = 0.0, most: float = math.inf, may_be_least: bool = False
) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (str, Decimal, numbers.Real)):
            raise Unusable(expected)
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise Unusable(expected) from None
        in_range = least <= number <= most if may_be_least else least < number <= most
        if not math.isfinite(number) or not in_range:
            raise Unusable(expected)
        return number

    return parse


_ttl_seconds = seconds(expected="must be a positive number of seconds")


def ttl(value: Any) -> Ttl:
    expected = (
        "must be a positive number of seconds, or such a number per table (orders=60,public.users=5.5,*=3600)"
    )
    pairs: list[tuple[Any, Any]]
    match value:
        case None:
            return Ttl()
        case Mapping():
            pairs = list(value.items())
        case str() if not value.strip():
            return Ttl()
        case str() if "=" in value:
            # From the left, so that "orders=5;users=6" is refused and not a table "orders=5;users".
            split = [item.partition("=") for item in value.split(",")]
            pairs = [(name.strip(), seconds) for name, _, seconds in split]
        case _:
            pairs = [("*", value)]
    seconds_by_table: dict[str, float] = {}
    for name, given in pairs:
        if not isinstance(name, str) or not name or name in seconds_by_table:
            raise Unusable(expected)
        try:
            seconds_by_table[name] = _ttl_seconds(given)
        except Unusable:
            raise Unusable(expected) from None
    rest = seconds_by_table.pop("*", None)
    return Ttl(rest, tuple(seconds_by_table.items()))


def _is_whole(value: object) -> bool:
    # Also numpy's integers. True is no number of anything.
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def size(value: Any) -> int:
    """Bytes from a whole number, or from a number with a unit.

    kB, MB, GB and TB are powers of 1000; KiB, MiB, GiB and TiB are powers of 1024. Capital or
    small letters, with or without a blank.
    """
    expected = (
        "must be a positive number of bytes, or one with a unit (512MB is 1000-based, 512MiB 1024-based)"
    )
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip().lower())
        if found is None or found["unit"] not in _BYTES_PER_UNIT:
            raise Unusable(expected)
        number = int(Decimal(found["number"]) * _BYTES_PER_UNIT[found["unit"]])
    elif _is_whole(value):
        number = int(value)
    else:
        raise Unusable(expected)
    if number <= 0:
        raise Unusable(expected)
    return number


def size_or_none(value: Any) -> int:
    """As `size`, or 0."""
    if (isinstance(value, str) and value.strip() == "0") or (_is_whole(value) and int(value) == 0):
        return 0
    try:
        return size(value)
    except Unusable as unusable:
        raise Unusable(str(unusable).replace("bytes, or one", "bytes, or 0, or one")) from None


def patterns(value: Any) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple | set | frozenset) or not all(
        isinstance(name, str) for name in names
    ):
        raise Unusable("must be table names, or patterns with * and ?, as a list or between commas")
    return tuple(name.strip() for name in names if name.strip())


def count(value: Any) -> int:
    expected = "must be a positive whole number"
    if isinstance(value, str):
        if not _WHOLE.fullmatch(value.strip()):
            raise Unusable(expected)
        number = int(value)
    elif _is_whole(value):
        number = int(value)
    else:
        raise Unusable(expected)
    if number <= 0:
        raise Unusable(expected)
    return number


def one_of(*words: str) -> Callable[[Any], str]:
    """One of these words, as it is written here."""
    expected = " or ".join(filter(None, (", ".join(map(repr, words[:-1])), repr(words[-1]))))

    def parse(value: Any) -> str:
        if value not in words:
            raise Unusable(f"must be {expected}")
        return str(value)

    return parse
