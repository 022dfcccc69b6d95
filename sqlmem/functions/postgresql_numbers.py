"""PostgreSQL's NUMERIC where each value has a scale of its own: numeric.c's rules for the scale of a result.

Operands are a stored decimal and its scale each (OWN_SCALE: it is a text that says it); results
are texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlmem.functions.numbers import (
    OWN_SCALE,
    OutOfRange,
    cut,
    half_away,
    null_is_null,
    parts,
    rescaled,
    text_of,
    toward_zero,
)

_BASE_DIGITS = 4  # decimal digits in one of numeric.c's
_LEAST_DIGITS = 16  # of a quotient
_MOST_SCALE = 1000


def _leading(value: int, scale: int) -> tuple[int, int]:
    """The weight of a number's first digit in base 10,000, and that digit."""
    if not value:
        return 0, 0
    value = abs(value)
    weight = (len(str(value)) - 1 - scale) // _BASE_DIGITS
    shift = scale + _BASE_DIGITS * weight
    return weight, value // 10**shift if shift >= 0 else value * 10**-shift


def quotient_scale(one: tuple[int, int], other: tuple[int, int]) -> int:
    """At least 16 significant digits, estimated from the first ones; never less than the operands'."""
    (weight, first), (other_weight, other_first) = _leading(*one), _leading(*other)
    quotient_weight = weight - other_weight - (first <= other_first)
    scale = max(_LEAST_DIGITS - quotient_weight * _BASE_DIGITS, one[1], other[1], 0)
    return min(scale, _MOST_SCALE)


def divide(a: Any, scale_a: int, b: Any, scale_b: int) -> str:
    one, other = parts(a, scale_a), parts(b, scale_b)
    if not other[0]:
        raise OutOfRange("division by zero")
    scale = quotient_scale(one, other)
    numerator, denominator = one[0] * 10 ** (scale + other[1]), other[0] * 10 ** one[1]
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    return text_of(half_away(numerator, denominator), scale)


def mean(total: Any, count: int, scale: int) -> str | None:
    """The mean of integers or of decimals of one scale, by their exact sum."""
    return None if not count else divide(total, scale, count, 0)


def _aligned(a: Any, scale_a: int, b: Any, scale_b: int) -> tuple[int, int, int]:
    (one, own_a), (other, own_b) = parts(a, scale_a), parts(b, scale_b)
    scale = max(own_a, own_b)
    return one * 10 ** (scale - own_a), other * 10 ** (scale - own_b), scale


def add(a: Any, scale_a: int, b: Any, scale_b: int) -> str:
    one, other, scale = _aligned(a, scale_a, b, scale_b)
    return text_of(one + other, scale)


def subtract(a: Any, scale_a: int, b: Any, scale_b: int) -> str:
    one, other, scale = _aligned(a, scale_a, b, scale_b)
    return text_of(one - other, scale)


def multiply(a: Any, scale_a: int, b: Any, scale_b: int) -> str:
    (one, own_a), (other, own_b) = parts(a, scale_a), parts(b, scale_b)
    if own_a + own_b > _MOST_SCALE:
        raise OutOfRange("a scale that isn't certain")
    return text_of(one * other, own_a + own_b)


def modulo(a: Any, scale_a: int, b: Any, scale_b: int) -> str:
    one, other, scale = _aligned(a, scale_a, b, scale_b)
    if not other:
        raise OutOfRange("division by zero")
    return text_of(one - other * toward_zero(one, other), scale)


def negative(a: Any, scale: int) -> str:
    value, own = parts(a, scale)
    return text_of(-value, own)


def absolute(a: Any, scale: int) -> str:
    value, own = parts(a, scale)
    return text_of(abs(value), own)


def _to_digits(how: Callable[[int, int, int], int]) -> Callable[[Any, int, int], str]:
    def digits(a: Any, scale: int, to: int) -> str:
        value, own = parts(a, scale)
        if not -_MOST_SCALE <= to <= _MOST_SCALE:
            raise OutOfRange("a number of digits that isn't certain")
        result = how(value, own, to)
        return text_of(result, to) if to >= 0 else text_of(result * 10**-to, 0)

    return digits


def floor(a: Any, scale: int) -> str:
    value, own = parts(a, scale)
    return str(value // 10**own)


def ceiling(a: Any, scale: int) -> str:
    value, own = parts(a, scale)
    return str(-(-value // 10**own))


def sign(a: Any, scale: int) -> str:
    value, _ = parts(a, scale)
    return str((value > 0) - (value < 0))


def as_text(a: Any, scale: int) -> str:
    """A decimal of known scale in the form of one that has its own."""
    return text_of(*parts(a, scale))


class Sum:
    """SUM and AVG of decimals of scales of their own; the sum has the largest scale."""

    def __init__(self) -> None:
        self.total, self.scale, self.count = 0, 0, 0

    def step(self, stored: Any, scale: int = OWN_SCALE) -> None:
        if stored is None:
            return
        value, own = parts(stored, scale)
        if own > self.scale:
            self.total *= 10 ** (own - self.scale)
            self.scale = own
        self.total += value * 10 ** (self.scale - own)
        self.count += 1

    def finalize(self) -> str | None:
        return text_of(self.total, self.scale) if self.count else None


class Mean(Sum):
    def finalize(self) -> str | None:
        total = super().finalize()
        return None if total is None else divide(total, OWN_SCALE, self.count, 0)


SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "sqlmem_numeric_mean": (3, mean),
    **{
        name: (count, null_is_null(function))
        for name, count, function in (
            ("sqlmem_numeric_divide", 4, divide),
            ("sqlmem_numeric_add", 4, add),
            ("sqlmem_numeric_subtract", 4, subtract),
            ("sqlmem_numeric_multiply", 4, multiply),
            ("sqlmem_numeric_modulo", 4, modulo),
            ("sqlmem_numeric_negative", 2, negative),
            ("sqlmem_numeric_absolute", 2, absolute),
            ("sqlmem_numeric_round", 3, _to_digits(rescaled)),
            ("sqlmem_numeric_cut", 3, _to_digits(cut)),
            ("sqlmem_numeric_floor", 2, floor),
            ("sqlmem_numeric_ceiling", 2, ceiling),
            ("sqlmem_numeric_sign", 2, sign),
            ("sqlmem_numeric_text", 2, as_text),
        )
    },
}
AGGREGATES: Mapping[str, tuple[int, type[Any]]] = {
    "sqlmem_numeric_sum": (1, Sum),
    "sqlmem_numeric_avg": (1, Mean),
}
