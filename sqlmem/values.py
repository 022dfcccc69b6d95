"""Typed values: what a part of an expression means, and when two may be compared.

A literal or a parameter has no type of its own: it takes the one of what it stands beside,
as at the origin, or the statement is the origin's. Taking a type means conversion to the
stored form by that type's codec; what doesn't convert exactly is refused, a literal when
planning, a parameter when it arrives.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlmem.codecs import Codec, Unrepresentable, codec_for, codec_for_value
from sqlmem.dialects.base import Result, Semantics
from sqlmem.model import Collation, Column, Kind
from sqlmem.plan import Refuse

# Kinds whose stored values order as the origin orders them. UUID only in PostgreSQL, whose
# order is that of the bytes; text is decided by its collation.
ORDERED = frozenset(
    {
        Kind.INTEGER,
        Kind.UNSIGNED,
        Kind.BOOLEAN,
        Kind.NUMERIC,
        Kind.FLOAT,
        Kind.BYTES,
        Kind.DATE,
        Kind.TIME,
        Kind.TIMESTAMP,
        Kind.TIMESTAMPTZ,
        Kind.UUID,
    }
)
EQUAL_TEXT = frozenset({Collation.BINARY, Collation.DETERMINISTIC})

_SAMPLES: dict[Kind, Any] = {
    Kind.UUID: uuid.UUID(int=0),
    Kind.TIMESTAMPTZ: datetime(2000, 1, 1, tzinfo=UTC),
    Kind.BYTES: b"",
}

# Drivers that give a parameter the type of what it stands beside, and refuse what that can't hold.
TYPED_PARAMETERS = frozenset({"asyncpg"})

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)?")
_TIMESTAMPTZ = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:\d{2})")
_TIME = re.compile(r"\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the statement's text.

    Attributes:
        is_text: it was written in quotes.
        place: which of the text's constants it is, if another one may stand in its place without
            another plan; None if the plan may depend on it.
    """

    text: str
    is_text: bool
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A part of an expression.

    Attributes:
        sql: its text in the store; empty while it is open (`literal` or `parameter`).
        type: None while it is open, and for NULL.
        source: the table and column whose values these are, unchanged.
        alias: the table's name in the store's statement, where `sql` is the column itself in reach.
        result: how the origin gives it out, if it isn't a column.
        is_condition: it came from a predicate, so it is true, false or NULL in any dialect.
        is_distinct: equal values are the same value, so that any of them may stand for all.
        cast: the type that the statement gives an open parameter or literal.
    """

    sql: str
    type: Column | None = None
    source: tuple[int, str] | None = None
    result: Result | None = None
    is_condition: bool = False
    is_distinct: bool = True
    literal: Literal | None = None
    parameter: int | None = None
    cast: Column | None = None
    alias: str | None = None

    @property
    def is_open(self) -> bool:
        return self.literal is not None or self.parameter is not None


NULL = Value("NULL")


def codec_of(column: Column, driver: str | None) -> Codec:
    """The codec of a type, where a value's flavour doesn't matter (a comparison's other side)."""
    codec = codec_for(column, driver)
    return codec if codec is not None else codec_for_value(column, _SAMPLES.get(column.kind, ""), driver)


def converter(
    column: Column, cast: Column | None, semantics: Semantics, driver: str | None
) -> Callable[[Any], Any]:
    """What turns a parameter that is compared with `column` into its stored form.

    Args:
        cast: the type that the statement casts the parameter to first. The cast must change
            nothing: a value that it would round, cut or refuse is refused here.
    """
    convert = codec_of(column, driver).parameter
    if convert is None:
        raise Refuse(f"a parameter beside {_described(column)} is compared by rules of the origin's own")
    if cast is None and driver in TYPED_PARAMETERS and column.kind is Kind.INTEGER:
        cast = column
    if cast is None:
        return convert
    if cast.kind is not column.kind:
        raise Refuse(f"a parameter cast to {cast.type_name} beside {_described(column)}")
    bound = semantics.integer_bounds.get(cast.type_name) if cast.kind is Kind.INTEGER else None
    length = cast.precision if cast.kind is Kind.TEXT else None
    check = (
        codec_of(cast, driver).parameter if cast.kind is Kind.NUMERIC and cast.precision is not None else None
    )

    def convert_cast(value: Any) -> Any:
        if bound is not None and type(value) is int and not -bound - 1 <= value <= bound:
            raise Unrepresentable("an integer beyond the bounds of the type that it is cast to")
        if length is not None and type(value) is str and len(value) > length:
            raise Unrepresentable("a text longer than the type that it is cast to")
        if check is not None:
            check(value)
        return convert(value)

    return convert_cast


def own_converter(column: Column, driver: str | None) -> Callable[[Any], Any]:
    """What turns a parameter that has this type by itself into its stored form."""
    convert = codec_of(column, driver).parameter
    if convert is None:
        raise Refuse(f"a parameter of type {_described(column)}")

    def convert_own(value: Any) -> Any:
        if type(value) is float:
            if value == 0.0 and math.copysign(1.0, value) < 0:
                raise Unrepresentable("a parameter of -0.0")
            if column.kind is Kind.NUMERIC:
                value = Decimal(repr(value))
        elif column.kind is Kind.INTEGER and type(value) in (bool, Decimal):
            value = int(value)
        return convert(value)

    return convert_own


def literal_value(literal: Literal, column: Column, driver: str | None) -> Any:
    """The stored form of a literal beside a column.

    Raises:
        Refuse: the origin may read it otherwise.
    """
    try:
        value = _python_value(literal, column)
        convert = codec_of(column, driver).parameter
        if convert is None:
            raise Refuse(f"a literal beside {_described(column)} is compared by rules of the origin's own")
        return convert(value)
    except (ValueError, InvalidOperation, OverflowError, Unrepresentable):
        raise Refuse(f"a literal that isn't plainly a value of {_described(column)}") from None


def _python_value(literal: Literal, column: Column) -> Any:
    text, kind = literal.text, column.kind
    if not literal.is_text:
        if kind in (Kind.INTEGER, Kind.UNSIGNED):
            return int(text)
        if kind is Kind.NUMERIC and "e" not in text.lower():
            return Decimal(text)
        if kind is Kind.FLOAT:
            return float(text)
        raise Refuse(f"a number beside {_described(column)}")
    if kind is Kind.TEXT:
        # Backslash: an escape in some literals and settings, itself in others.
        if "\\" in text:
            raise Refuse("a backslash in a literal")
        return text
    if kind is Kind.DATE and _DATE.fullmatch(text):
        return date.fromisoformat(text)
    if kind is Kind.TIMESTAMP and _TIMESTAMP.fullmatch(text):
        return datetime.fromisoformat(text)
    # Without an offset it would depend on the session's time zone.
    if kind is Kind.TIMESTAMPTZ and _TIMESTAMPTZ.fullmatch(text):
        return datetime.fromisoformat(text)
    if kind is Kind.TIME and _TIME.fullmatch(text):
        return time.fromisoformat(text)
    if kind is Kind.UUID and _UUID.fullmatch(text):
        return uuid.UUID(text)
    raise Refuse(f"a text beside {_described(column)}")


def check_equal(column: Column, what: str) -> None:
    """Raises `Refuse` unless equality of stored values is the origin's equality."""
    if column.kind is Kind.DYNAMIC:
        if not column.is_compared or column.collation is Collation.UNKNOWN:
            raise Refuse(f"{what} of a column whose collation or affinity isn't known")
        return
    if column.kind is Kind.TEXT:
        if column.is_compared and column.collation in EQUAL_TEXT:
            return
        raise Refuse(f"{what} of text under a collation that the store doesn't have")
    if not column.is_compared or column.kind not in ORDERED:
        raise Refuse(f"{what} of {_described(column)}")


def check_null(column: Column | None, what: str) -> None:
    """Raises `Refuse` unless NULL in the store is NULL at the origin.

    Drivers give JSON's null and SQL's NULL both as None.
    """
    if column is not None and column.kind in (Kind.JSON, Kind.OPAQUE):
        raise Refuse(f"{what} of {_described(column)}, whose values may come as None")


def check_ordered(column: Column, what: str, semantics: Semantics) -> None:
    """Raises `Refuse` unless the order of stored values is the origin's order."""
    if column.kind is Kind.TEXT:
        if column.is_compared and column.collation in semantics.text_order:
            return
        # 'a' < 'B' under most locales, not by code point.
        raise Refuse(f"{what} of text under a collation that the store doesn't have")
    check_equal(column, what)


def unified(left: Column, right: Column, what: str) -> Column:
    """The common type of two values that stand side by side, or `Refuse`."""
    if left.kind is not right.kind:
        raise Refuse(f"{what} of {_described(left)} and {_described(right)}")
    if left.kind is Kind.NUMERIC and (left.scale != right.scale or _is_wide(left) != _is_wide(right)):
        # Stored forms of different scale don't compare.
        raise Refuse(f"{what} of numbers of different scale")
    if _is_wide(left) and left.precision != right.precision:
        raise Refuse(f"{what} of numbers of different precision")
    if left.kind is Kind.TEXT and left.collation is not right.collation:
        raise Refuse(f"{what} of texts under different collations")
    if left.kind is Kind.INTEGER and left.type_name != right.type_name:
        return max(left, right, key=lambda column: _WIDTHS.get(column.type_name, 9))
    return left if left.is_compared and right.is_compared else replace(left, is_compared=False)


_WIDTHS = {"TINYINT": 1, "SMALLINT": 2, "MEDIUMINT": 3, "INTEGER": 4, "BIGINT": 8}


def _is_wide(column: Column) -> bool:
    return column.kind is Kind.NUMERIC and (column.precision or 0) > 18


def _described(column: Column) -> str:
    return column.type_name or column.kind.value
