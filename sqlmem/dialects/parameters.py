"""What a literal or a parameter is to the origin by itself, by how it is written or sent.

Most plans don't ask: either takes the type of what it stands beside. Where it doesn't
(`price * :x`, `COALESCE(price, :x)`), its own type decides the result's, and the plan is made for
that type. Drivers differ: psycopg sends an integer as the least of smallint, integer, bigint and
numeric that holds it, psycopg2 and MariaDB's write a literal into the text.
"""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlmem.codecs.base import Unrepresentable
from sqlmem.model import Collation, Column, Kind


class Untyped(enum.Enum):
    """A parameter that the origin gives a type by what it stands beside, as it does a quoted literal."""

    TEXT = "a text"
    NULL = "NULL"


# Hashable: it is part of a plan's key.
ParameterType = Column | Untyped
# The type of a parameter; raises Unrepresentable where it isn't known.
Classify = Callable[[Any], ParameterType]

_SMALLINT = Column("", Kind.INTEGER, "SMALLINT")
_INTEGER = Column("", Kind.INTEGER, "INTEGER")
_BIGINT = Column("", Kind.INTEGER, "BIGINT")
_BOOLEAN = Column("", Kind.BOOLEAN, "BOOLEAN")
_DOUBLE = Column("", Kind.FLOAT, "DOUBLE PRECISION")
_DATE = Column("", Kind.DATE, "DATE")
_TIME = Column("", Kind.TIME, "TIME WITHOUT TIME ZONE")
_TIMESTAMP = Column("", Kind.TIMESTAMP, "TIMESTAMP WITHOUT TIME ZONE")
_TIMESTAMPTZ = Column("", Kind.TIMESTAMPTZ, "TIMESTAMP WITH TIME ZONE")
_INTERVAL = Column("", Kind.INTERVAL, "INTERVAL")
_UUID = Column("", Kind.UUID, "UUID")
_BYTEA = Column("", Kind.BYTES, "BYTEA")

_MOST_DIGITS = 200


@lru_cache(maxsize=1024)
def number(precision: int, scale: int, type_name: str = "NUMERIC") -> Column:
    """A number of so many digits, and of so many after the point."""
    return Column("", Kind.NUMERIC, type_name, precision=precision, scale=scale)


def digits_of(value: Decimal) -> tuple[int, int]:
    """The precision and scale that a decimal has as a literal.

    Raises:
        Unrepresentable: it is none, or one of very many digits.
    """
    if not value.is_finite():
        raise Unrepresentable("a parameter that isn't a finite number")
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = max(0, -exponent)
    whole = len(digits) + exponent if any(digits) else 0
    if max(scale, whole) > _MOST_DIGITS:
        raise Unrepresentable(f"a number of more than {_MOST_DIGITS} digits")
    # The zero of 0.001 counts.
    return max(whole, 1) + scale, scale


def _bucketed(value: Decimal) -> Column:
    # PostgreSQL's results depend on the scale. The precision is only our bound against overflow:
    # in steps, so that a plan serves numbers of different length.
    precision, scale = digits_of(value)
    return number(next((step for step in (6, 12, 18) if precision <= step), precision), scale)


def _psycopg_integer(value: int) -> Column:
    if -(2**15) <= value < 2**15:
        return _SMALLINT
    if -(2**31) <= value < 2**31:
        return _INTEGER
    if -(2**63) <= value < 2**63:
        return _BIGINT
    return _bucketed(Decimal(value))


def _psycopg2_integer(value: int) -> Column:
    # A literal, of which the sign is a part.
    if -(2**31) <= value < 2**31:
        return _INTEGER
    if -(2**63) <= value < 2**63:
        return _BIGINT
    return _bucketed(Decimal(value))


def _psycopg2_decimal(value: Decimal) -> Column:
    # Decimal('2') is written as 2.
    return _psycopg2_integer(int(value)) if _is_whole(str(value)) else _bucketed(value)


def _psycopg2_float(value: float) -> Column:
    # Written as 1.5, which is a numeric.
    return _bucketed(Decimal(repr(value)))


def _datetime(value: dt.datetime) -> Column:
    return _TIMESTAMP if value.tzinfo is None else _TIMESTAMPTZ


def _time(value: dt.time) -> Column:
    if value.tzinfo is not None:
        raise Unrepresentable("a time with a time zone")
    return _TIME


def _mysql_integer(value: int) -> Column:
    # A literal's digits count towards the precision of what is computed with it.
    if abs(value) >= 2**63:
        raise Unrepresentable("an integer parameter of more than 63 bits")
    return mysql_integer(len(str(abs(value))))


@lru_cache(maxsize=32)
def mysql_integer(digits: int) -> Column:
    """An integer literal of MariaDB's: of type INTEGER or BIGINT, by its digits."""
    # 2147483647 has ten digits; from ten on MariaDB takes a literal for a BIGINT.
    return Column("", Kind.INTEGER, "INTEGER" if digits < 10 else "BIGINT", precision=digits)


def _mysql_decimal(value: Decimal) -> Column:
    precision, scale = digits_of(value)
    # Written without an exponent, and so without a point.
    return number(precision, scale, "DECIMAL") if scale else _mysql_integer(int(value))


_POSTGRESQL: dict[type, Classify] = {
    bool: lambda _: _BOOLEAN,
    Decimal: _bucketed,
    dt.date: lambda _: _DATE,
    dt.datetime: _datetime,
    dt.time: _time,
    dt.timedelta: lambda _: _INTERVAL,
    uuid.UUID: lambda _: _UUID,
    bytes: lambda _: _BYTEA,
    str: lambda _: Untyped.TEXT,
    type(None): lambda _: Untyped.NULL,
}
_PSYCOPG: dict[type, Classify] = {**_POSTGRESQL, int: _psycopg_integer, float: lambda _: _DOUBLE}
_PSYCOPG2: dict[type, Classify] = {
    **_POSTGRESQL,
    int: _psycopg2_integer,
    float: _psycopg2_float,
    Decimal: _psycopg2_decimal,
}
# What isn't a number is written in quotes: a text of the connection's collation.
_QUOTED = Column("", Kind.TEXT, "VARCHAR", collation=Collation.UNKNOWN)
_MYSQL_DOUBLE = Column("", Kind.FLOAT, "double")
_MYSQL: dict[type, Classify] = {
    int: _mysql_integer,
    bool: lambda _: mysql_integer(1),
    float: lambda _: _MYSQL_DOUBLE,
    Decimal: _mysql_decimal,
    str: lambda _: _QUOTED,
    type(None): lambda _: Untyped.NULL,
}


def _by(table: Mapping[type, Classify]) -> Classify:
    def classify(value: Any) -> ParameterType:
        # Exactly of the type: a subclass may have an adapter of its own.
        known = table.get(type(value))
        if known is None:
            raise Unrepresentable("a parameter of a type that the origin has its own way with")
        return known(value)

    return classify


def postgresql_literal(text: str, *, is_text: bool) -> ParameterType | None:
    """The type of a literal's own; `is_text`: it was written in quotes."""
    if is_text:
        return Untyped.TEXT
    if not set(text) <= _PLAIN:
        return None
    try:
        return _psycopg2_integer(int(text)) if _is_whole(text) else _bucketed(Decimal(text))
    except (ArithmeticError, Unrepresentable):
        return None


def mysql_literal(text: str, *, is_text: bool) -> ParameterType | None:
    if is_text:
        return _QUOTED
    if not set(text) <= _PLAIN:
        return None
    if "e" in text.lower():
        return _MYSQL_DOUBLE
    try:
        return _mysql_integer(int(text)) if _is_whole(text) else _mysql_decimal(Decimal(text))
    except (ArithmeticError, Unrepresentable):
        return None


# What numbers are written of; Decimal also reads 1_000, Infinity and the digits of all scripts.
_PLAIN = frozenset("0123456789.-+eE")


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdigit()


# driver -> how its parameters are typed. asyncpg lets the server infer the types from the whole
# statement; that, and what other drivers do, isn't followed.
POSTGRESQL: Mapping[str, Classify] = {
    "psycopg": _by(_PSYCOPG),
    "psycopg_async": _by(_PSYCOPG),
    "psycopg2": _by(_PSYCOPG2),
}
MYSQL: Mapping[str, Classify] = {
    "pymysql": _by(_MYSQL),
    "mysqldb": _by(_MYSQL),
    "aiomysql": _by(_MYSQL),
}
