"""Typed values: what a part of an expression means, and when two may be compared.

A literal or a parameter has no type of its own: it takes the one of what it stands beside,
as at the origin, or the statement is the origin's. Taking a type means conversion to the
stored form by that type's codec; what doesn't convert exactly is refused, a literal when
planning, a parameter when it arrives.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlmem.codecs import Codec, Unrepresentable, codec_for, codec_for_value
from sqlmem.codecs.unchanged import leaving, unchanged_by
from sqlmem.dialects.base import Result, Semantics
from sqlmem.dialects.parameters import ParameterType
from sqlmem.measures import ANYTHING, TRUTH, Measure, Span, constant
from sqlmem.model import Collation, Column, Kind
from sqlmem.plan import Refuse
from sqlmem.readings import as_interval, as_moment, read_text

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
        # MariaDB's TIME, and what lies between two moments. PostgreSQL's with months are no numbers of days.
        Kind.INTERVAL,
        Kind.UUID,
    }
)
EQUAL_TEXT = frozenset({Collation.BINARY, Collation.DETERMINISTIC})

_SAMPLES: dict[Kind, Any] = {
    Kind.UUID: uuid.UUID(int=0),
    Kind.TIMESTAMPTZ: datetime(2000, 1, 1, tzinfo=UTC),
    Kind.BYTES: b"",
}

# Drivers that write a parameter into the text: -32768::smallint is the sign of what is no smallint.
_WRITTEN_PARAMETERS = frozenset({"psycopg2"})
# Drivers that give a parameter the type of what it stands beside, and refuse what that can't hold.
TYPED_PARAMETERS = frozenset({"asyncpg"})


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


@dataclass(eq=False, slots=True)
class Lane:
    """A column that a query gives out, beside which it can be made to give out the rank of its values.

    Attributes:
        arms: per SELECT whose rows these are: where its list of columns goes on (`Context.opening`), and
            the value there.
        name, rank: the column with the ranks and what it is, once somebody around has asked for it.
    """

    arms: tuple[tuple[int, Value], ...]
    name: str | None = None
    rank: Value | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A part of an expression.

    Attributes:
        sql: its text in the store; empty while it is open (`literal` or `parameter`).
        type: None while it is open, and for NULL.
        source: the table and column whose values these are, unchanged.
        hidden: of what was rounded: its text, and the value with all its digits; of no use where
            `sql` has become another text.
        is_constant: it is computed from constants and parameters alone.
        number: the whole number that it is, of its type, where it is computed from what is written.
        carried: of what a query gives out: its text in the query around, and the lane; of no use where
            `sql` has become another text.
        ranked: its text, and what finds the rank of what has no lane.
        calls: of an aggregate that the store composes: the calls in `sql` to which FILTER and OVER belong.
        is_nulled: an outer join may have put NULL in its place, whatever it is computed from.
        is_final: it was rounded to be given out, and the origin would go on with more digits.
        alias: the table's name in the store's statement, where `sql` is the column itself in reach.
        result: how the origin gives it out, if it isn't a column.
        is_condition: it came from a predicate, so it is true, false or NULL in any dialect.
        is_distinct: equal values are the same value, so that any of them may stand for all.
        cast: the type that the statement gives an open parameter or literal.
        measure: how what is known of the values follows from the columns'; None where it isn't, or
            they are a column's (`known`).
        is_collated: SQLite: an explicit COLLATE is in it, which reaches the comparison around it.
        is_json: SQLite: it may bear the mark of JSON, which doesn't outlive every way of being computed.
        adapt: what the statement makes of an open parameter by itself, as '%' || :name || '%'; from
            a present value to another, raising `Unrepresentable`.
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
    measure: Measure | None = None
    is_collated: bool = False
    is_json: bool = False
    adapt: Callable[[Any], Any] | None = None
    alias: str | None = None
    calls: tuple[str, ...] = ()
    is_final: bool = False
    hidden: tuple[str, Value] | None = None
    is_constant: bool = False
    number: int | None = None
    is_nulled: bool = False
    carried: tuple[str, Lane] | None = None
    ranked: tuple[str, Callable[[], Value | None]] | None = None

    def with_suffix(self, suffix: str) -> Value:
        """An aggregate with FILTER or OVER behind each of its calls."""
        sql = self.sql
        for call in self.calls or (sql,):
            sql = sql.replace(call, f"{call}{suffix}")
        ranked = None
        if self.ranked is not None and self.ranked[0] == self.sql:
            find = self.ranked[1]
            ranked = (sql, lambda: None if (found := find()) is None else found.with_suffix(suffix))
        return replace(self, sql=sql, calls=tuple(f"{call}{suffix}" for call in self.calls), ranked=ranked)

    @property
    def with_all_digits(self) -> Value | None:
        """What was rounded to be given out, as it was before; None if it may not be had here."""
        return self.hidden[1] if self.hidden is not None and self.hidden[0] == self.sql else None

    @property
    def has_hidden_digits(self) -> bool:
        """Whether the value has more digits inside of an expression than it is given out with."""
        return self.result is not None and self.result.shown is not None

    @property
    def is_open(self) -> bool:
        return self.literal is not None or self.parameter is not None


NULL = Value("NULL")


_NOTHING = Span(0, 0, 0, 0.0, is_negative=False, has_signed_zero=False, is_distinct=True)


def known(value: Value) -> Measure:
    """How what is known of a value follows from the columns'."""
    if value.measure is not None:
        return value.measure
    if value.source is not None:
        return Measure(value.source)
    if value is NULL:
        return constant(_NOTHING)
    return constant(TRUTH if value.is_condition else ANYTHING)


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
        raise Refuse(f"a parameter beside {_described(column)} is compared by rules of the origin's own")
    if cast is None and driver in TYPED_PARAMETERS and column.kind is Kind.INTEGER:
        cast = column
    if cast is not None and cast.kind is not column.kind and not (is_compared and are_moments(cast, column)):
        raise Refuse(f"a parameter cast to {cast.type_name} beside {_described(column)}")
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
    """A str beside what isn't text, which these drivers send as a text in quotes."""
    # In MariaDB it is a text: COALESCE(day, :text) is one too.
    is_untyped = semantics.text is not None
    if type_.kind in (Kind.TEXT, Kind.UUID, Kind.BYTES) or not (is_untyped or is_compared):
        return convert
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
            raise Refuse(f"a literal beside {_described(column)} is compared by rules of the origin's own")
        if literal.is_text and column.kind is not Kind.TEXT:
            return _quoted_value(literal.text, column, semantics, convert, is_compared=is_compared)
        return convert(_python_value(literal, column))
    except (ValueError, InvalidOperation, OverflowError, Unrepresentable):
        raise Refuse(f"a literal that isn't plainly a value of {_described(column)}") from None


def _cast_value(literal: Literal, cast: Column, semantics: Semantics) -> Any:
    if not literal.is_text or cast.kind is Kind.TEXT:
        return _python_value(literal, cast)
    try:
        return read_text(literal.text, cast, is_untyped=semantics.text is not None, integer_bound=None)
    except LookupError:
        raise Refuse(f"a text cast to {_described(cast)}") from None


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
        raise Refuse(f"a text beside {_described(column)}") from None
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
    raise Refuse(f"a number beside {_described(column)}")


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
    if left.kind is Kind.TEXT:
        check_collations(left, right, what)
    if left.kind is Kind.INTEGER and left.type_name != right.type_name:
        return max(left, right, key=lambda column: _WIDTHS.get(column.type_name, 9))
    if left.kind is Kind.TEXT and collate_of(right):
        left, right = right, left
    return left if left.is_compared and right.is_compared else replace(left, is_compared=False)


def check_collations(left: Column, right: Column, what: str) -> None:
    """Raises `Refuse` if two texts may not meet: the origin reports two named collations as an error."""
    one, other = collate_of(left), collate_of(right)
    if left.collation is not right.collation or (one and other and one != other):
        raise Refuse(f"{what} of texts under different collations")


def collate_of(column: Column) -> str:
    """The name of a text's collation, if it isn't the default one."""
    return column.type_name.partition(" COLLATE ")[2]


def as_text(column: Column, text: Column) -> Column:
    """A text of the dialect's own text type, under the column's collation."""
    collate = collate_of(column)
    type_name = text.type_name + (f" COLLATE {collate}" if collate else "")
    return replace(column, name="", type_name=type_name, precision=None)


_WIDTHS = {"TINYINT": 1, "SMALLINT": 2, "MEDIUMINT": 3, "INTEGER": 4, "BIGINT": 8}


def _is_wide(column: Column) -> bool:
    return column.kind is Kind.NUMERIC and (column.precision or 0) > 18


def _described(column: Column) -> str:
    return column.type_name or column.kind.value
