"""How a constant number that isn't of a column's own form compares with that column, exactly.

`price > 1.505` on scaled integers is `price > 150.5`: what lies between two numbers that the column
can hold is stored as something between their stored forms. So the column itself stays as it is,
and an index on it is of use.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlmem.codecs import Unrepresentable
from sqlmem.codecs.unchanged import Unchanged, leaving
from sqlmem.functions.numbers import (
    OWN_SCALE,
    OutOfRange,
    beside_scaled,
    beside_scaled_as_float,
    sort_key,
)
from sqlmem.model import Column, Kind

_TOP = 2**63
_EXACT_FLOAT = 2**53
# Decimals of so many digits have a float of their own each.
_FLOAT_DIGITS = 15
_MOST_DIGITS = 60

Convert = Callable[[Any], Any]


def compared(column: Column, *, floats_are_decimals: bool, is_list: bool) -> Convert:
    """What turns a number into what the store compares with a column of a number's kind.

    Args:
        floats_are_decimals: the driver writes a float as a decimal literal.
        is_list: it is one of several that the origin may bring to a common type first.

    The function raises `Unrepresentable` for what isn't a number, or has no exact answer.
    """
    match column.kind:
        case Kind.INTEGER | Kind.NUMERIC:
            precision = 18 if column.kind is Kind.INTEGER else column.precision or 0
            return _beside_exact(precision, column.scale or 0, floats_are_decimals, is_list)
        case Kind.FLOAT:
            return nearest_float
        case Kind.DECIMAL:
            return _key(floats_are_decimals)
        case _:
            raise AssertionError(column.kind)


def _beside_exact(precision: int, scale: int, floats_are_decimals: bool, is_list: bool) -> Convert:  # noqa: FBT001
    power = 10**scale
    is_narrow = precision <= 18

    def convert(value: Any) -> Any:
        kind = type(value)
        if kind is int:
            if is_narrow and -_TOP <= (scaled := value * power) < _TOP:
                return scaled
            exact = Fraction(value)
        elif kind is Decimal:
            exact = _fraction(value)
        elif kind is float:
            if floats_are_decimals:
                exact = _fraction(Decimal(repr(value)))
            else:
                return as_float(value)
        else:
            raise Unrepresentable("a parameter that isn't a number")
        try:
            return beside_scaled(exact, scale, precision)
        except (OutOfRange, ValueError):
            # ValueError: more digits than the interpreter is willing to write.
            raise Unrepresentable("a parameter between two integers of many digits") from None

    def as_float(value: float) -> Any:
        # The origin brings the column to a float. Integers below 2^53 are floats of their own.
        if not math.isfinite(value) or is_list:
            raise Unrepresentable("a float among exact numbers")
        if scale == 0 and is_narrow:
            if abs(value) < _EXACT_FLOAT:
                return value + 0.0
        elif precision <= _FLOAT_DIGITS:
            return beside_scaled_as_float(value, scale)
        raise Unrepresentable("a float beside numbers that have no float of their own")

    # Of scale 0, the first branch above gives back what it was given.
    return leaving(convert, Unchanged(-_TOP, _TOP - 1) if is_narrow and scale == 0 else None)


def _fraction(value: Decimal) -> Fraction:
    if (
        not value.is_finite()
        or abs(value.adjusted()) > _MOST_DIGITS
        or len(value.as_tuple().digits) > _MOST_DIGITS
    ):
        raise Unrepresentable("a parameter that isn't a number of ordinary size")
    return Fraction(value)


def nearest_float(value: Any) -> float:
    """A number as a float, as the origins convert it."""
    if type(value) is float:
        found = value
    elif type(value) in (int, Decimal):
        try:
            found = float(value)
        except (OverflowError, ValueError):
            raise Unrepresentable("a parameter beyond what a float holds") from None
        if found == 0.0 and value:
            raise Unrepresentable("a parameter too small for a float")
    else:
        raise Unrepresentable("a parameter that isn't a number")
    # Infinity: some origins raise where others compare.
    if not math.isfinite(found):
        raise Unrepresentable("a parameter that isn't a finite float")
    return found + 0.0  # -0.0 equals 0.0 everywhere


def _key(floats_are_decimals: bool) -> Convert:  # noqa: FBT001
    def convert(value: Any) -> str:
        if type(value) is float and floats_are_decimals:
            value = Decimal(repr(value))
        if type(value) is int:
            value = Decimal(value)
        if type(value) is not Decimal:
            raise Unrepresentable("a parameter that isn't an exact number")
        _fraction(value)  # refuses what isn't one of ordinary size
        return sort_key(str(value), OWN_SCALE)

    return convert
