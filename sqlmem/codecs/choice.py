"""Which codec a column gets, by its type, its driver and, where these don't decide, by a value.

A codec's name is all that a snapshot keeps of it, and all that is read back.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any, Final

from sqlmem.codecs.base import Codec, make_codec
from sqlmem.codecs.dynamic import DYNAMIC, affinity_of
from sqlmem.codecs.moments import MOMENTS, timestamptz, timestamptz_name
from sqlmem.codecs.numbers import MAX_DIGITS, NUMBERS, numeric
from sqlmem.codecs.opaque import pack, unpack
from sqlmem.codecs.scalars import SCALARS, asyncpg_uuid, asyncpg_uuid_type
from sqlmem.model import Column, Kind


def codec_for(column: Column, driver: str | None = None) -> Codec | None:
    """The codec for a column's values; None if one of them must be seen first (`codec_for_value`).

    Args:
        driver: SQLAlchemy's name of the driver. Some give two of the origin's values as one, and a
            driver that isn't known might: then fewer columns can be compared.
    """
    kind = column.kind
    if kind in _BY_VALUE:
        return None
    if kind is Kind.NUMERIC:
        precision, scale = column.precision, column.scale
        if precision is None or scale is None:
            return codec_by_name("decimal")
        is_known = 0 < precision <= MAX_DIGITS and 0 <= scale <= MAX_DIGITS
        return codec_by_name(f"numeric:{precision}:{scale}" if is_known else "decimal")
    if kind is Kind.DYNAMIC:
        return codec_by_name(f"dynamic:{affinity_of(column.affinity)}")
    return codec_by_name(kind.value + _flavour(kind, driver))


def codec_for_value(column: Column, value: Any, driver: str | None = None) -> Codec:
    """The codec for a column of which this value, not None, is one. OPAQUE if there is no better."""
    codec = codec_for(column, driver)
    if codec is None:
        name = _BY_VALUE[column.kind](value)
        if name is None:
            return OPAQUE
        codec = codec_by_name(name.replace("timestamptz", "timestamptz" + _flavour(column.kind, driver), 1))
    return codec if codec.takes({type(value)}) else OPAQUE


def codec_by_name(name: str) -> Codec:
    """The codec that has this name.

    Raises:
        ValueError: there is none, on this machine.
    """
    codec = _FIXED.get(name)
    if codec is not None:
        return codec
    if len(name) <= _MAX_NAME:
        for pattern, make in _PARAMETRIC:
            if match := pattern.fullmatch(name):
                return make(*match.groups())
    raise ValueError("no codec of that name")


# Kinds whose least and greatest values also stand for others: -infinity and infinity, and of times
# midnight for 24:00.
_CLAMPING: dict[str, frozenset[Kind]] = {
    "psycopg2": frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}),
    "asyncpg": frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}),
}
# Kinds of which None also stands for a value: 0000-00-00.
_ZERO_AS_NONE: dict[str, frozenset[Kind]] = {"mysqldb": frozenset({Kind.DATE, Kind.TIMESTAMP})}
# Drivers that do neither: they raise, or give text.
_EXACT = frozenset({"psycopg", "psycopg_async", "pymysql", "aiomysql", "pysqlite", "aiosqlite"})

_ANY_CLAMPED = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_ANY_ZERO = frozenset({Kind.DATE, Kind.TIMESTAMP})


def _flavour(kind: Kind, driver: str | None) -> str:
    if driver in _EXACT:
        return ""
    is_known = driver in _CLAMPING or driver in _ZERO_AS_NONE
    is_clamped = kind in (_CLAMPING.get(driver or "", frozenset()) if is_known else _ANY_CLAMPED)
    is_zero = kind in (_ZERO_AS_NONE.get(driver or "", frozenset()) if is_known else _ANY_ZERO)
    return ("-clamped" if is_clamped else "") + ("-zero" if is_zero else "")


def _bytes_name(value: Any) -> str:
    return "bytes:memoryview" if type(value) is memoryview else "bytes"


def _uuid_name(value: Any) -> str | None:
    if type(value) is uuid.UUID:
        return "uuid"
    return "uuid:asyncpg" if type(value) is asyncpg_uuid_type() else None


def _json_name(value: Any) -> str:
    # Text is kept as text: either the driver leaves JSON to others, or it is a JSON string.
    return "json:text" if type(value) is str else "json"


# Kinds of which drivers give more than one Python type -> the name of the codec for a value.
_BY_VALUE: dict[Kind, Callable[[Any], str | None]] = {
    Kind.BYTES: _bytes_name,
    Kind.TIMESTAMPTZ: timestamptz_name,
    Kind.UUID: _uuid_name,
    Kind.JSON: _json_name,
}

OPAQUE: Final = make_codec(
    # Any value may be in it, JSON's null too, and the driver gives that as None.
    "opaque",
    "TEXT",
    frozenset(),
    pack,
    unpack,
    is_ordered=False,
    is_null_exact=False,
)

_FIXED = {codec.name: codec for codec in (OPAQUE, *NUMBERS, *MOMENTS, *SCALARS, *DYNAMIC)}

_MAX_NAME = 200
_PARAMETRIC: tuple[tuple[re.Pattern[str], Callable[..., Codec]], ...] = (
    (re.compile(r"numeric:([1-9][0-9]{0,3}):(0|[1-9][0-9]{0,3})"), numeric),
    (
        re.compile(r"timestamptz(-clamped)?:(utc|fixed:-?[1-9][0-9]{0,4}|zoneinfo:[\w/+-]+)", re.ASCII),
        timestamptz,
    ),
    (re.compile(r"uuid:asyncpg"), asyncpg_uuid),
)
