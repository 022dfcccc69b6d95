"""Codecs of numbers: integers, floats, and numerics as scaled integers or as text that sorts as they do."""

from __future__ import annotations

import decimal
import functools
import math
from typing import Any

from sqlmem.codecs import lists
from sqlmem.codecs.base import (
    INT64_LIMIT,
    Codec,
    Unrepresentable,
    encode_integer,
    exactly,
    make_codec,
)
from sqlmem.codecs.unchanged import Unchanged, leaving

MAX_DIGITS = 1000  # of a NUMERIC, and of its scale

_EXACT_FLOAT = 2**53  # integers up to here have a float of their own


def _encode_unsigned(value: int) -> int:
    # Shifted, so that the whole range fits and the order is kept.
    if 0 <= value < 2 * INT64_LIMIT:
        return value - INT64_LIMIT
    raise Unrepresentable("not an unsigned integer of 64 bits")


def _decode_unsigned(stored: int) -> int:
    return stored + INT64_LIMIT


def encode_float(value: float) -> float:
    if math.isnan(value):
        raise Unrepresentable("NaN: SQLite would keep NULL")
    if value == 0.0 and math.copysign(1.0, value) < 0:
        raise Unrepresentable("-0.0: SQLite would keep 0.0")
    return value


def _float_parameter(value: Any) -> float:
    if type(value) is int and -_EXACT_FLOAT <= value <= _EXACT_FLOAT:
        return float(value)
    # Infinity: some origins raise where others compare.
    if type(value) is float and math.isfinite(value):
        return value + 0.0  # -0.0 equals 0.0 everywhere
    raise Unrepresentable("a parameter that isn't a finite float")


# Private: the calling thread's context may round, and it may trap. Inexact is an error here.
_DECIMALS = decimal.Context(
    prec=2 * MAX_DIGITS,
    Emax=decimal.MAX_EMAX,
    Emin=decimal.MIN_EMIN,
    traps=[decimal.Inexact, decimal.InvalidOperation],
)


@functools.lru_cache(maxsize=256)
def numeric(precision_text: str, scale_text: str) -> Codec:
    precision, scale = int(precision_text), int(scale_text)
    if not (0 < precision <= MAX_DIGITS and scale <= MAX_DIGITS):
        raise ValueError("no codec of that name")
    name = f"numeric:{precision}:{scale}"
    quantum = decimal.Decimal((0, (1,), -scale))
    limit = 10**precision
    to_decimal = decimal.Decimal

    def to_integer(value: decimal.Decimal) -> int:
        # Only the scale as declared comes back as it was. NaN and infinity have none.
        if not value.same_quantum(quantum):
            raise Unrepresentable("a numeric of another scale than the column's")
        scaled = int(value.scaleb(scale, _DECIMALS))
        if not -limit < scaled < limit or (scaled == 0 and value.is_signed()):
            raise Unrepresentable("a numeric of more digits than the column's, or -0")
        return scaled

    # A product by C alone, in half the time of a function of Python's that calls scaleb.
    to_decimal_of_scale = functools.partial(_DECIMALS.multiply, quantum)

    def parameter_to_integer(value: Any) -> int:
        if type(value) is int:
            value = to_decimal(value)
        elif type(value) is not decimal.Decimal or not value.is_finite():
            raise Unrepresentable("a parameter that isn't an exact number")
        # The magnitude is looked at first: 1E+999999 has that many digits as an integer.
        if value and value.adjusted() + scale >= precision:
            raise Unrepresentable("a parameter beyond the column's range")
        try:
            scaled = value.scaleb(scale, _DECIMALS)
            whole = scaled.to_integral_exact(context=_DECIMALS)
        except decimal.DecimalException:
            raise Unrepresentable("a parameter of more digits than the column's scale") from None
        return int(whole)

    if precision <= lists.INT64_DIGITS:
        return make_codec(
            name,
            "INTEGER",
            {decimal.Decimal},
            to_integer,
            to_decimal_of_scale,
            parameter=parameter_to_integer,
            encode_list=lists.decimals(precision, scale),
        )

    # Text of one width that sorts as the numbers do: a sign (1 for +, 0 for -), then the digits; of
    # negative numbers their nine's complement.
    def to_text(scaled: int) -> str:
        return f"1{scaled:0{precision}d}" if scaled >= 0 else f"0{scaled + limit - 1:0{precision}d}"

    def from_text(text: str) -> decimal.Decimal:
        scaled = int(text[1:])
        return to_decimal_of_scale(scaled if text[0] == "1" else scaled - limit + 1)

    return make_codec(
        name,
        "TEXT",
        {decimal.Decimal},
        lambda value: to_text(to_integer(value)),
        from_text,
        parameter=lambda value: to_text(parameter_to_integer(value)),
    )


NUMBERS = (
    make_codec(
        "integer",
        "INTEGER",
        {int},
        encode_integer,
        None,
        parameter=leaving(exactly(int, encode_integer), Unchanged(-INT64_LIMIT, INT64_LIMIT - 1)),
        encode_list=lists.integers,
    ),
    make_codec(
        "unsigned",
        "INTEGER",
        {int},
        _encode_unsigned,
        _decode_unsigned,
        parameter=exactly(int, _encode_unsigned),
    ),
    # SQLite's driver stores True as 1 of itself; the look-up refuses every other number.
    make_codec(
        "boolean",
        "INTEGER",
        {bool},
        None,
        {0: False, 1: True}.__getitem__,
        parameter=exactly(bool, int),
        encode_list=lists.booleans,
    ),
    # Unequal scales: 1.0 equals 1.00 at the origin, and the texts differ.
    make_codec("decimal", "TEXT", {decimal.Decimal}, str, decimal.Decimal, is_ordered=False),
    make_codec(
        "float", "REAL", {float}, encode_float, None, parameter=_float_parameter, encode_list=lists.floats
    ),
)
