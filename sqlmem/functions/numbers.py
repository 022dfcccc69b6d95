"""Exact numbers in their stored forms: decimals of a scale that is known, of a scale of their own, floats.

A decimal of known scale is stored as a scaled integer, or beyond 18 digits as a text of one width
that sorts as the numbers do (`codecs.numbers`); one of a scale of its own as its text. Where a
function takes a number together with its scale, OWN_SCALE says that the number is such a text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

NARROW_DIGITS = 18  # every integer of so many digits fits 64 bits
OWN_SCALE = -1


class OutOfRange(ArithmeticError):
    """What the origin would report, or what isn't certain."""


def fail(*_: Any) -> None:
    """What the store's text calls where a result is out of its type's range."""
    raise OutOfRange("out of range")


def whole(stored: Any) -> int:
    """The scaled integer of a decimal of known scale."""
    if type(stored) is int:
        return stored
    value = int(stored[1:])
    return value if stored[0] == "1" else value - 10 ** (len(stored) - 1) + 1


def packed(value: int, precision: int) -> int | str:
    """A scaled integer as it is stored in so many digits."""
    if precision <= NARROW_DIGITS:
        if not -(10**NARROW_DIGITS) < value < 10**NARROW_DIGITS:
            raise OutOfRange("out of range")
        return value
    limit = 10**precision
    if not -limit < value < limit:
        raise OutOfRange("out of range")
    return f"1{value:0{precision}d}" if value >= 0 else f"0{value + limit - 1:0{precision}d}"


def parts(stored: Any, scale: int) -> tuple[int, int]:
    """Any decimal's scaled integer and scale. Raises for NaN and infinity."""
    if scale != OWN_SCALE:
        return whole(stored), scale
    if type(stored) is int:
        return stored, 0
    if type(stored) is str:
        # Nearly each: in a third of the time that Decimal takes.
        integral, _, fraction = stored.partition(".")
        if not fraction or fraction.isdecimal():
            try:
                return int(integral + fraction), len(fraction)
            except ValueError:
                pass  # an exponent, or no number
    sign, digits, exponent = Decimal(stored).as_tuple()
    if not isinstance(exponent, int):
        raise OutOfRange("no number")
    value = int("".join(map(str, digits)))
    if exponent > 0:
        value, exponent = value * 10**exponent, 0
    return (-value if sign else value), -exponent


def text_of(value: int, scale: int) -> str:
    """The text of a decimal of a scale of its own."""
    if scale == 0:
        return str(value)
    digits = f"{abs(value):0{scale + 1}d}"
    return f"{'-' if value < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def half_away(numerator: int, denominator: int) -> int:
    """The quotient, rounded half away from zero; the denominator is positive."""
    quotient = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -quotient if numerator < 0 else quotient


def toward_zero(numerator: int, denominator: int) -> int:
    quotient = abs(numerator) // abs(denominator)
    return -quotient if (numerator < 0) != (denominator < 0) else quotient


def rescaled(value: int, scale: int, to: int) -> int:
    """Rounded half away from zero where digits are lost."""
    return value * 10 ** (to - scale) if to >= scale else half_away(value, 10 ** (scale - to))


def cut(value: int, scale: int, to: int) -> int:
    return value * 10 ** (to - scale) if to >= scale else toward_zero(value, 10 ** (scale - to))


def null_is_null(function: Callable[..., Any]) -> Callable[..., Any]:
    def strict(*arguments: Any) -> Any:
        return None if None in arguments else function(*arguments)

    return strict


# -- integers ----------------------------------------------------------------------------------

_TOP = 2**63


def _integer(value: int) -> int:
    if not -_TOP <= value < _TOP:
        raise OutOfRange("out of range")
    return value


def within(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise OutOfRange("out of range")
    return value


def integer_divide(a: int, b: int) -> int:
    if not b:
        raise OutOfRange("division by zero")
    return _integer(toward_zero(a, b))


def integer_modulo(a: int, b: int) -> int:
    """With the dividend's sign."""
    if not b:
        raise OutOfRange("division by zero")
    return a - b * toward_zero(a, b)


def integer_negative(a: int, least: int) -> int:
    return within(-a, least, -least - 1)


def integer_absolute(a: int, least: int) -> int:
    return within(abs(a), least, -least - 1)


# -- decimals of known scale: a, b, the powers of ten that bring them to one scale, the result's digits


def decimal_add(a: Any, b: Any, up_a: int, up_b: int, precision: int) -> Any:
    return packed(whole(a) * 10**up_a + whole(b) * 10**up_b, precision)


def decimal_subtract(a: Any, b: Any, up_a: int, up_b: int, precision: int) -> Any:
    return packed(whole(a) * 10**up_a - whole(b) * 10**up_b, precision)


def decimal_multiply(a: Any, b: Any, precision: int) -> Any:
    return packed(whole(a) * whole(b), precision)


def decimal_modulo(a: Any, b: Any, up_a: int, up_b: int, precision: int) -> Any:
    """With the dividend's sign."""
    one, other = whole(a) * 10**up_a, whole(b) * 10**up_b
    if not other:
        raise OutOfRange("division by zero")
    return packed(one - other * toward_zero(one, other), precision)


def decimal_negative(a: Any, precision: int) -> Any:
    return packed(-whole(a), precision)


def decimal_absolute(a: Any, precision: int) -> Any:
    return packed(abs(whole(a)), precision)


def decimal_round(a: Any, scale: int, to: int, precision: int) -> Any:
    """To `to` digits, which may be less than none; zeros stand for what went before the point."""
    value = rescaled(whole(a), scale, to)
    return packed(value if to >= 0 else value * 10**-to, precision)


def decimal_cut(a: Any, scale: int, to: int, precision: int) -> Any:
    value = cut(whole(a), scale, to)
    return packed(value if to >= 0 else value * 10**-to, precision)


def decimal_floor(a: Any, scale: int, precision: int) -> Any:
    return packed(whole(a) // 10**scale, precision)


def decimal_ceiling(a: Any, scale: int, precision: int) -> Any:
    return packed(-(-whole(a) // 10**scale), precision)


def decimal_sign(a: Any) -> int:
    value = whole(a)
    return (value > 0) - (value < 0)


def repacked(a: Any, up: int, precision: int) -> Any:
    """The same number in another form: of a larger scale, of more digits."""
    return packed(whole(a) * 10**up, precision)


# -- floats ------------------------------------------------------------------------------------


def to_float(a: Any, scale: int) -> float:
    """The float nearest to a decimal."""
    value, own_scale = parts(a, scale)
    # A quotient of integers is rounded correctly, whatever their size.
    return float(value / 10**own_scale)


def _finite(value: float) -> float:
    if not math.isfinite(value) or (value == 0.0 and math.copysign(1.0, value) < 0):
        # -0.0 equals 0.0 and isn't the same: which of the two a group or DISTINCT shows is the origin's.
        raise OutOfRange("a result that isn't an ordinary float")
    return value


def float_add(a: Any, b: Any) -> float:
    return _finite(float(a) + float(b))


def float_subtract(a: Any, b: Any) -> float:
    return _finite(float(a) - float(b))


def float_multiply(a: Any, b: Any) -> float:
    value = _finite(float(a) * float(b))
    if value == 0.0 and a and b:
        raise OutOfRange("underflow")
    return value


def float_divide(a: Any, b: Any) -> float:
    value = _finite(float(a) / float(b))
    if value == 0.0 and a:
        raise OutOfRange("underflow")
    return value


def float_negative(a: Any) -> float:
    return _finite(-float(a))


def float_absolute(a: Any) -> float:
    return _finite(abs(float(a)))


def float_round(a: Any) -> float:
    """To the even one of two that are as near."""
    return _finite(math.copysign(float(round(float(a))), a))


def float_cut(a: Any) -> float:
    return _finite(math.copysign(float(math.trunc(float(a))), a))


def float_floor(a: Any) -> float:
    return _finite(math.copysign(float(math.floor(float(a))), a))


def float_ceiling(a: Any) -> float:
    return _finite(math.copysign(float(math.ceil(float(a))), a))


def float_sign(a: Any) -> float:
    return float((a > 0) - (a < 0))


def float_root(a: Any) -> float:
    return _finite(math.sqrt(float(a)))


# -- comparisons -------------------------------------------------------------------------------


def sort_key(a: Any, scale: int) -> str:
    """A text that is equal for equal numbers of whatever scale, and sorts as PostgreSQL's numeric does."""
    if scale == OWN_SCALE and not Decimal(a).is_finite():
        return {"NaN": "3", "Infinity": "2~", "-Infinity": "0!"}[a]
    value, own_scale = parts(a, scale)
    if value == 0:
        return "1"
    digits = str(abs(value))
    exponent = len(digits) - own_scale
    digits = digits.rstrip("0")
    if value > 0:
        return f"2{exponent + 500_000:06d}{digits}"
    # Nine's complement; the end sorts above any further digit.
    return f"0{499_999 - exponent:06d}{digits.translate(_COMPLEMENT)}~"


_COMPLEMENT = str.maketrans("0123456789", "9876543210")


_BEYOND = 1e19  # more than any integer of 64 bits


def beside_scaled(value: Fraction, scale: int, precision: int) -> int | float | str:
    """What compares with stored decimals of this scale as the number does with them.

    A number between two that the column can hold is stored as something between their stored forms.

    Raises:
        OutOfRange: there is no such thing.
    """
    scaled = value * 10**scale
    floor: int = math.floor(scaled)
    if precision > NARROW_DIGITS:
        limit = 10**precision
        if not -limit < floor < limit:
            return "2" if floor > 0 else ""
        text = packed(floor, precision)
        assert isinstance(text, str)
        return text if scaled == floor else text + "5"
    if not -_TOP <= floor < _TOP:
        return _BEYOND if floor > 0 else -_BEYOND
    if scaled == floor:
        return floor
    if abs(floor) >= 2**52:
        raise OutOfRange("no float between two integers of this size")
    return floor + 0.5


def beside_scaled_as_float(value: float, scale: int) -> int | float:
    """As `beside_scaled`, where the origin compares as floats. Of columns of at most 15 digits."""
    nearest: int = round(Fraction(value) * 10**scale)
    if abs(nearest) >= 10**15:
        return _BEYOND if value > 0 else -_BEYOND
    # Decimals of 15 digits have a float of their own each, so order is kept between them.
    if nearest / 10**scale == value:
        return nearest
    return (nearest if nearest / 10**scale < value else nearest - 1) + 0.5


RAISING: Mapping[str, tuple[int, Callable[..., Any]]] = {"sqlmem_fail": (-1, fail)}
SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    **{
        name: (count, null_is_null(function))
        for name, count, function in (
            ("sqlmem_int8_add", 2, lambda a, b: _integer(a + b)),
            ("sqlmem_int8_subtract", 2, lambda a, b: _integer(a - b)),
            ("sqlmem_int8_multiply", 2, lambda a, b: _integer(a * b)),
            ("sqlmem_int8_divide", 2, integer_divide),
            ("sqlmem_int8_modulo", 2, integer_modulo),
            ("sqlmem_int_negative", 2, integer_negative),
            ("sqlmem_int_absolute", 2, integer_absolute),
            ("sqlmem_within", 3, within),
            ("sqlmem_decimal_add", 5, decimal_add),
            ("sqlmem_decimal_subtract", 5, decimal_subtract),
            ("sqlmem_decimal_multiply", 3, decimal_multiply),
            ("sqlmem_decimal_modulo", 5, decimal_modulo),
            ("sqlmem_decimal_negative", 2, decimal_negative),
            ("sqlmem_decimal_absolute", 2, decimal_absolute),
            ("sqlmem_decimal_round", 4, decimal_round),
            ("sqlmem_decimal_cut", 4, decimal_cut),
            ("sqlmem_decimal_floor", 3, decimal_floor),
            ("sqlmem_decimal_ceiling", 3, decimal_ceiling),
            ("sqlmem_decimal_sign", 1, decimal_sign),
            ("sqlmem_repacked", 3, repacked),
            ("sqlmem_to_float", 2, to_float),
            ("sqlmem_float_add", 2, float_add),
            ("sqlmem_float_subtract", 2, float_subtract),
            ("sqlmem_float_multiply", 2, float_multiply),
            ("sqlmem_float_divide", 2, float_divide),
            ("sqlmem_float_negative", 1, float_negative),
            ("sqlmem_float_absolute", 1, float_absolute),
            ("sqlmem_float_round", 1, float_round),
            ("sqlmem_float_cut", 1, float_cut),
            ("sqlmem_float_floor", 1, float_floor),
            ("sqlmem_float_ceiling", 1, float_ceiling),
            ("sqlmem_float_sign", 1, float_sign),
            ("sqlmem_float_root", 1, float_root),
            ("sqlmem_sort_key", 2, sort_key),
        )
    },
}


class WideSum:
    """SUM of decimals stored as text, held in 19 digits more."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.precision = 0

    def step(self, stored: Any) -> None:
        if stored is not None:
            self.total = (self.total or 0) + whole(stored)
            self.precision = len(stored) - 1

    def finalize(self) -> Any:
        return None if self.total is None else packed(self.total, self.precision + 19)


AGGREGATES: Mapping[str, tuple[int, type[Any]]] = {"sqlmem_sum": (1, WideSum)}
