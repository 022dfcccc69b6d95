"""MariaDB's DECIMAL where it isn't plain arithmetic: quotients, and NULL where others report an error.

A quotient is cut, not rounded, after whole groups of nine digits (decimal.c), and has more digits
inside of an expression than it is given out with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlmem.functions.numbers import (
    OutOfRange,
    decimal_modulo,
    float_divide,
    integer_divide,
    null_is_null,
    packed,
    toward_zero,
    whole,
)

GROUP = 9  # decimal digits in one of decimal.c's


def grouped(digits: int) -> int:
    return -(-digits // GROUP) * GROUP


def quotient_scale(scale_a: int, scale_b: int, more: int) -> int:
    """The digits after the point that a quotient has inside of an expression.

    Args:
        more: the origin's div_precision_increment.
    """
    whole_a, whole_b = grouped(scale_a), grouped(scale_b)
    left = max(0, more - (whole_a - scale_a) - (whole_b - scale_b))
    return grouped(whole_a + whole_b + left)


def divide(a: Any, b: Any, up: int, precision: int) -> Any:
    """The quotient cut at its scale, for which a is raised by a power of ten; b, if that is negative."""
    one, other = whole(a), whole(b)
    if not other:
        return None
    if up >= 0:
        one *= 10**up
    else:
        other *= 10**-up
    return packed(toward_zero(one, other), precision)


def mean(total: Any, count: int, up: int, precision: int) -> Any:
    return None if not count or total is None else divide(total, count, up, precision)


def modulo(a: Any, b: Any, up_a: int, up_b: int, precision: int) -> Any:
    if not whole(b):
        return None
    found = decimal_modulo(a, b, up_a, up_b, precision)
    if not whole(found) and whole(a) < 0:
        raise OutOfRange("-0.00, which decimals of one scale have no stored form for")
    return found


def whole_divide(a: int, b: int) -> int | None:
    return integer_divide(a, b) if b else None


def divide_floats(a: Any, b: Any) -> float | None:
    return float_divide(a, b) if b else None


SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    name: (count, null_is_null(function))
    for name, count, function in (
        ("sqlmem_mysql_divide", 4, divide),
        ("sqlmem_mysql_mean", 4, mean),
        ("sqlmem_mysql_modulo", 5, modulo),
        ("sqlmem_mysql_div", 2, whole_divide),
        ("sqlmem_mysql_float_divide", 2, divide_floats),
    )
}
