"""Numbers of different types side by side: compared and ordered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from sqlmem.codecs import Unrepresentable
from sqlmem.codecs.unchanged import leaving, unchanged_by
from sqlmem.constants import compared, nearest_float
from sqlmem.conversions import TYPED_PARAMETERS, cast_bounds, codec_of, literal_type, reading_texts
from sqlmem.dialects.numbers import is_wide, scale_of, size
from sqlmem.dialects.parameters import number
from sqlmem.functions.numbers import NARROW_DIGITS
from sqlmem.model import Collation, Column, Kind
from sqlmem.plan import Argument, Refuse
from sqlmem.values import Literal, Value

if TYPE_CHECKING:
    from sqlmem.dialects.base import Semantics
    from sqlmem.expressions.beside import Beside

NUMBERS = frozenset({Kind.INTEGER, Kind.NUMERIC, Kind.DECIMAL, Kind.FLOAT})
# Of numbers whose scale is each value's own, in a form that compares.
KEY = Column("", Kind.TEXT, "TEXT", collation=Collation.BINARY)
_LISTS = frozenset({"IN", "BETWEEN"})


def number_pair(render: Beside, left: Value, right: Value, what: str) -> tuple[Value, Value] | None:
    """Two numbers in forms that the store compares as the origin does; None if that isn't for here.

    `left` has a type. Raises `Refuse` where there are no such forms.
    """
    column = left.type
    if not render.semantics.mixes_numbers or column is None or not _is_number(column):
        return None
    if right.is_open:
        return _beside_constant(render, left, column, right, what)
    other = right.type
    if other is None or not _is_number(other):
        return None
    kinds = {column.kind, other.kind}
    if Kind.FLOAT in kinds:
        if len(kinds) == 1:
            return None
        if what in _LISTS:
            raise Refuse(f"{what} of floats and exact numbers")
        return _as_float(left), _as_float(right)
    if Kind.DECIMAL in kinds:
        return _as_key(left), _as_key(right)
    return _as_decimals(left, column, right, other)


def _is_number(column: Column) -> bool:
    return column.kind in NUMBERS and column.is_compared


def _typed(value: Value) -> Column:
    assert value.type is not None
    return value.type


def _as_float(value: Value) -> Value:
    column = _typed(value)
    double = Column("", Kind.FLOAT, "DOUBLE PRECISION")
    if column.kind is Kind.FLOAT:
        return value
    if column.kind is Kind.INTEGER:
        # Beyond 2^53 the origin compares the nearest float, SQLite the integer itself.
        return Value(f"CAST({value.sql} AS REAL)", double)
    return Value(f"sqlmem_to_float({value.sql}, {scale_of(column)})", double)


def _as_key(value: Value) -> Value:
    return Value(f"sqlmem_sort_key({value.sql}, {scale_of(_typed(value))})", KEY)


def _as_decimals(left: Value, one: Column, right: Value, other: Column) -> tuple[Value, Value] | None:
    if one.kind is Kind.INTEGER and other.kind is Kind.INTEGER:
        return None
    (digits_one, scale_one), (digits_other, scale_other) = size(one), size(other)
    scale = max(scale_one, scale_other)
    if is_wide(one) or is_wide(other):
        precision = max(digits_one - scale_one, digits_other - scale_other) + scale
        common = number(max(precision, NARROW_DIGITS + 1), scale)
        return _repacked(left, scale - scale_one, common), _repacked(right, scale - scale_other, common)
    common = number(NARROW_DIGITS, scale)
    # Beyond 64 bits the product is a float, and still beyond what it is compared with.
    return _raised(left, scale - scale_one, common), _raised(right, scale - scale_other, common)


def _raised(value: Value, by: int, common: Column) -> Value:
    return Value(value.sql if not by else f"({value.sql} * {10**by})", common)


def _repacked(value: Value, by: int, common: Column) -> Value:
    if not by and is_wide(_typed(value)) and _typed(value).precision == common.precision:
        return value
    return Value(f"sqlmem_repacked({value.sql}, {by}, {common.precision})", common)


def _beside_constant(
    render: Beside, left: Value, column: Column, right: Value, what: str
) -> tuple[Value, Value] | None:
    driver = render.context.facts.driver
    if right.parameter is not None and driver in TYPED_PARAMETERS:
        return None
    if right.adapt is not None or (right.literal is not None and right.literal.is_text):
        return None
    convert = compared(column, floats_are_decimals=driver == "psycopg2", is_list=what in _LISTS)
    if render.semantics.booleans_are_integers:
        convert = _after_counting(convert)
    if right.cast is not None:
        convert = _after_cast(render, right.cast, convert, driver)
    shown = _as_key(left) if column.kind is Kind.DECIMAL else left
    if right.literal is not None:
        return shown, Value(_constant(render, column, right.literal, convert), shown.type)
    if driver in render.semantics.parameters:
        type_ = right.cast or column
        # It is compared by its digits, whichever the scale.
        read_as = replace(type_, kind=Kind.NUMERIC) if type_.kind is Kind.DECIMAL else type_
        convert = reading_texts(convert, read_as, render.semantics)
    return shown, Value(render.argument(right, convert), shown.type)


def _after_counting(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """As `convert`, of True as 1."""
    return leaving(lambda value: convert(int(value) if type(value) is bool else value), unchanged_by(convert))


def _constant(render: Beside, column: Column, literal: Literal, convert: Callable[[Any], Any]) -> str:
    # What a plan keeps mustn't hold what it was made by, with the statement's tree.
    semantics, is_text = render.semantics, literal.is_text

    def stored_form(text: str) -> Any:
        try:
            return convert(_number(semantics, Literal(text, is_text)))
        except (Unrepresentable, InvalidOperation):
            raise Refuse(f"a literal beside {column.type_name} that has no exact answer") from None

    stored = stored_form(literal.text)
    if literal.place is None:
        return render.context.constant(stored)
    sign = "-" if literal.text.startswith("-") else ""
    argument = Argument(None, stored, literal=literal.place, reread=lambda text: stored_form(f"{sign}{text}"))
    return render.context.argument(argument)


def _number(semantics: Semantics, literal: Literal) -> int | float | Decimal:
    own = literal_type(semantics, literal)
    if isinstance(own, Column) and own.kind is Kind.INTEGER:
        return int(literal.text)
    if isinstance(own, Column) and own.kind is Kind.FLOAT:
        return float(literal.text)
    return Decimal(literal.text)


def _after_cast(
    render: Beside, cast: Column, convert: Callable[[Any], Any], driver: str | None
) -> Callable[[Any], Any]:
    """As `convert`, of a number that the statement casts first. The cast must change nothing."""
    if cast.kind is Kind.INTEGER:
        bounds = cast_bounds(cast, render.semantics, driver)
        if bounds is None:
            raise Refuse(f"a number cast to {cast.type_name}")
        low, high = bounds

        def of_integer(value: Any) -> Any:
            if type(value) is not int or not low <= value <= high:
                raise Unrepresentable("a parameter that isn't of the integer type that it is cast to")
            return convert(value)

        unchanged = unchanged_by(convert)
        return leaving(of_integer, None if unchanged is None else unchanged.within(low, high))
    if cast.kind is Kind.NUMERIC:
        check = codec_of(cast, driver).parameter if cast.precision is not None else None

        def of_numeric(value: Any) -> Any:
            if type(value) is float and driver != "psycopg2":
                raise Unrepresentable("a float that is cast to a decimal")
            if check is not None:
                check(Decimal(repr(value)) if type(value) is float else value)
            return convert(value)

        return of_numeric
    if cast.kind is Kind.FLOAT and driver != "psycopg2":
        return lambda value: convert(nearest_float(value))
    raise Refuse(f"a number cast to {cast.type_name}")


def number_key(render: Beside, value: Value) -> Value | None:
    """What the store orders as the origin orders numbers of scales of their own; None for anything else."""
    if render.semantics.mixes_numbers and value.type is not None and value.type.kind is Kind.DECIMAL:
        return _as_key(value)
    return None
