"""How a literal or a parameter takes a type.

It has none of its own: it takes the one of what it stands beside, as at the origin, or the statement is the
origin's. Taking a type means conversion to the stored form by that type's codec; what doesn't convert
exactly is refused, a literal when planning, a parameter when it arrives.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlmem.codecs import Codec, Unrepresentable, codec_for, codec_for_value
from sqlmem.codecs.unchanged import leaving, unchanged_by
from sqlmem.dialects.base import Semantics
from sqlmem.dialects.parameters import ParameterType
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.readings import as_interval, as_moment, read_text
from sqlmem.values import Literal, described

_SAMPLES: dict[Kind, Any] = {
    Kind.UUID: uuid.UUID(int=0),
    Kind.TIMESTAMPTZ: datetime(2000, 1, 1, tzinfo=UTC),
    Kind.BYTES: b"",
}

# Drivers that write a parameter into the text: -32768::smallint is the sign of what is no smallint.
_WRITTEN_PARAMETERS = frozenset({"psycopg2"})
# Drivers that give a parameter the type of what it stands beside, and refuse what that can't hold.
TYPED_PARAMETERS = frozenset({"asyncpg", "pg8000"})


def codec_of(column: Column, driver: str | None) -> Codec:
    """The codec of a type, where a value's flavour doesn't matter (a comparison's other side)."""
    codec = codec_for(column, driver)
    if codec is None:
        codec = codec_for_value(column, _SAMPLES.get(column.kind, ""), driver)
    if column.encoding is None or codec.parameter is None:
        return codec
    return replace(codec, parameter=_written_in(column.encoding, codec.parameter))


def _written_in(encoding: str, convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def convert_written(value: Any) -> Any:
        if type(value) is str and not value.isascii():
            try:
                value.encode(encoding)
            except UnicodeEncodeError:
                # MariaDB: "Illegal mix of collations", whatever rows there are, if the set hasn't got it.
                raise Unrepresentable("a text that the column's character set may not have") from None
        return convert(value)

    return convert_written


def cast_bounds(column: Column, semantics: Semantics, driver: str | None) -> tuple[int, int] | None:
    """The integers that a parameter may be which is cast to this type; None if it is none of integers."""
    high = semantics.integer_bounds.get(column.type_name) if column.kind is Kind.INTEGER else None
    if high is None:
        return None
    return (-high if driver in _WRITTEN_PARAMETERS else -high - 1), high


def converter(
    column: Column,
    cast: Column | None,
    semantics: Semantics,
    driver: str | None,
    *,
    is_compared: bool = False,
) -> Callable[[Any], Any]:
    """What turns a parameter that stands beside `column` into its stored form.

    Args:
        cast: the type that the statement casts the parameter to first. The cast must change
            nothing: a value that it would round, cut or refuse is refused here.
        is_compared: the value is only compared with the column's, and need not be one of them.
    """
    convert = codec_of(column, driver).parameter
    if convert is None:
        raise Refuse(f"a parameter beside {described(column)} is compared by rules of the origin's own")
    if cast is None and driver in TYPED_PARAMETERS and column.kind is Kind.INTEGER:
        cast = column
    if cast is not None and cast.kind is not column.kind and not (is_compared and are_moments(cast, column)):
        raise Refuse(f"a parameter cast to {cast.type_name} beside {described(column)}")
    if driver in semantics.parameters:
        convert = _with_texts(
            convert, cast if cast is not None else column, semantics, is_compared=is_compared
        )
    if column.kind is Kind.INTERVAL and semantics.text is None:
        convert = as_interval(convert)
    if is_compared and column.kind in _MOMENTS and (cast is not None or driver in semantics.parameters):
        convert = _with_moments(convert, column, cast)
    if cast is None:
        return convert
    bounds = cast_bounds(cast, semantics, driver)
    low, high = bounds if bounds is not None else (0, 0)
    length = cast.precision if cast.kind is Kind.TEXT else None
    digits = cast.precision if cast.kind is Kind.TIMESTAMP else None
    check = (
        codec_of(cast, driver).parameter if cast.kind is Kind.NUMERIC and cast.precision is not None else None
    )

    def convert_cast(value: Any) -> Any:
        if bounds is not None and type(value) is int and not low <= value <= high:
            raise Unrepresentable("an integer beyond the bounds of the type that it is cast to")
        if length is not None and type(value) is str and len(value) > length:
            raise Unrepresentable("a text longer than the type that it is cast to")
        if check is not None:
            check(value)
        if digits is not None and type(value) is datetime and value.microsecond % 10 ** (6 - digits):
            raise Unrepresentable("a timestamp of more digits than the type that it is cast to")
        return convert(value)

    unchanged = None if check is not None else unchanged_by(convert)
    if unchanged is not None and bounds is not None:
        unchanged = unchanged.within(low, high)
    return leaving(convert_cast, unchanged)


_MOMENTS = frozenset({Kind.DATE, Kind.TIMESTAMP})
_MOMENT_TYPES: dict[Kind, type] = {Kind.DATE: date, Kind.TIMESTAMP: datetime}


def are_moments(one: Column, other: Column) -> bool:
    return one.kind in _MOMENTS and other.kind in _MOMENTS


def _with_texts(
    convert: Callable[[Any], Any], type_: Column, semantics: Semantics, *, is_compared: bool
) -> Callable[[Any], Any]:
    if type_.kind in (Kind.TEXT, Kind.UUID, Kind.BYTES) or not (semantics.text is not None or is_compared):
        return convert
    return reading_texts(convert, type_, semantics)


def reading_texts(convert: Callable[[Any], Any], type_: Column, semantics: Semantics) -> Callable[[Any], Any]:
    """As `convert`, also of a str beside what isn't text, which some drivers send as a text in quotes."""
    # In MariaDB it is a text: COALESCE(day, :text) is one too.
    is_untyped = semantics.text is not None
    bound = semantics.integer_bounds.get(type_.type_name)

    def convert_text(value: Any) -> Any:
        if type(value) is str:
            try:
                value = read_text(value, type_, is_untyped=is_untyped, integer_bound=bound)
            except (ValueError, LookupError, ArithmeticError):
                raise Unrepresentable("a text that isn't plainly a value of the type beside it") from None
        return convert(value)

    return leaving(convert_text, unchanged_by(convert))


def _with_moments(convert: Callable[[Any], Any], column: Column, cast: Column | None) -> Callable[[Any], Any]:
    expected = None if cast is None else _MOMENT_TYPES.get(cast.kind)

    def convert_moment(value: Any) -> Any:
        if expected is not None and type(value) is not expected:
            raise Unrepresentable("a parameter that its cast would change")
        if type(value) is datetime and (value.tzinfo is not None or value.fold):
            raise Unrepresentable("a timestamp with a zone or a fold")
        value = as_moment(value, column)
        if column.kind is Kind.DATE and type(value) is datetime:
            # By its text behind its own day's and before the next one's, and equal to none.
            return convert(value.date()) + value.isoformat(" ", "microseconds")[10:]
        return convert(value)

    return convert_moment


def own_converter(column: Column, driver: str | None) -> Callable[[Any], Any]:
    """What turns a parameter that has this type by itself into its stored form."""
    convert = codec_of(column, driver).parameter
    if convert is None:
        raise Refuse(f"a parameter of type {described(column)}")

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


def literal_type(semantics: Semantics, literal: Literal) -> ParameterType:
    """The type that a literal of the statement has by itself.

    Raises:
        Refuse: only the origin knows.
    """
    literals = semantics.literals
    type_ = None if literals is None else literals(literal.text, is_text=literal.is_text)
    if type_ is None:
        raise Refuse("a constant whose type only the origin knows")
    return type_


def literal_value(
    literal: Literal,
    column: Column,
    cast: Column | None,
    semantics: Semantics,
    driver: str | None,
    *,
    is_compared: bool = False,
) -> Any:
    """The stored form of a literal beside a column; `cast` and `is_compared` as for a parameter.

    Raises:
        Refuse: the origin may read it otherwise.
    """
    try:
        if cast is not None:
            value = _cast_value(literal, cast, semantics)
            return converter(column, cast, semantics, driver, is_compared=is_compared)(value)
        convert = codec_of(column, driver).parameter
        if convert is None:
            raise Refuse(f"a literal beside {described(column)} is compared by rules of the origin's own")
        if literal.is_text and column.kind is not Kind.TEXT:
            return _quoted_value(literal.text, column, semantics, convert, is_compared=is_compared)
        return convert(_python_value(literal, column))
    except (ValueError, InvalidOperation, OverflowError, Unrepresentable):
        raise Refuse(f"a literal that isn't plainly a value of {described(column)}") from None


def _cast_value(literal: Literal, cast: Column, semantics: Semantics) -> Any:
    if not literal.is_text or cast.kind is Kind.TEXT:
        return _python_value(literal, cast)
    try:
        return read_text(literal.text, cast, is_untyped=semantics.text is not None, integer_bound=None)
    except LookupError:
        raise Refuse(f"a text cast to {described(cast)}") from None


def _quoted_value(
    text: str, column: Column, semantics: Semantics, convert: Callable[[Any], Any], *, is_compared: bool
) -> Any:
    is_untyped = semantics.text is not None
    try:
        if is_compared and not is_untyped and column.kind is Kind.DATE:
            moment = read_text(
                text, replace(column, kind=Kind.TIMESTAMP), is_untyped=False, integer_bound=None
            )
            return _with_moments(convert, column, None)(moment)
        bound = semantics.integer_bounds.get(column.type_name)
        value = read_text(text, column, is_untyped=is_untyped, integer_bound=bound)
    except LookupError:
        raise Refuse(f"a text beside {described(column)}") from None
    return convert(value)


def _python_value(literal: Literal, column: Column) -> Any:
    text, kind = literal.text, column.kind
    if literal.is_text:
        # Backslash: an escape in some literals and settings, itself in others.
        if "\\" in text:
            raise Refuse("a backslash in a literal")
        return text
    if kind in (Kind.INTEGER, Kind.UNSIGNED):
        return int(text)
    if kind is Kind.NUMERIC and "e" not in text.lower():
        return Decimal(text)
    if kind is Kind.FLOAT:
        return float(text)
    raise Refuse(f"a number beside {described(column)}")
