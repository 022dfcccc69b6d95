"""VARIANCE and STDDEV of exact numbers, and bits of integers, as PostgreSQL has them.

The sums are exact; the quotient's scale follows from its digits, the root has that of the quotient.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sqlmem.functions.numbers import OWN_SCALE, parts, text_of
from sqlmem.functions.postgresql_numbers import divide


class Spread:
    """VAR_SAMP; its descendants differ in what they divide by, and in whether they take the root."""

    is_sample = True
    is_root = False

    def __init__(self) -> None:
        self.total, self.squares, self.scale, self.count = 0, 0, 0, 0

    def step(self, stored: Any, scale: int) -> None:
        if stored is None:
            return
        value, own = parts(stored, scale)
        if own > self.scale:
            more = own - self.scale
            self.total, self.squares, self.scale = self.total * 10**more, self.squares * 100**more, own
        value *= 10 ** (self.scale - own)
        self.total += value
        self.squares += value * value
        self.count += 1

    def finalize(self) -> str | None:
        least = 2 if self.is_sample else 1
        if self.count < least:
            return None
        numerator = self.count * self.squares - self.total * self.total
        if numerator <= 0:
            return "0"
        divisor = self.count * (self.count - 1 if self.is_sample else self.count)
        variance = str(divide(text_of(numerator, 2 * self.scale), OWN_SCALE, divisor, 0))
        return _root(variance) if self.is_root else variance


def _root(text: str) -> str:
    """The square root to as many places as the number has; half is rounded away from zero."""
    value, scale = parts(text, OWN_SCALE)
    scaled = value * 10**scale
    root = math.isqrt(scaled)
    # Above root + 1/2: root² + root + 1/4 < scaled.
    return text_of(root + 1 if scaled > root * root + root else root, scale)


class VarPop(Spread):
    is_sample = False


class StddevSamp(Spread):
    is_root = True


class StddevPop(Spread):
    is_sample, is_root = False, True


class _Bits:
    def __init__(self) -> None:
        self.value: int | None = None

    def step(self, value: int | None) -> None:
        if value is not None:
            self.value = value if self.value is None else self.joined(self.value, value)

    def joined(self, one: int, other: int) -> int:
        raise NotImplementedError

    def finalize(self) -> int | None:
        return self.value


class BitAnd(_Bits):
    def joined(self, one: int, other: int) -> int:
        return one & other


class BitOr(_Bits):
    def joined(self, one: int, other: int) -> int:
        return one | other


class BitXor(_Bits):
    def joined(self, one: int, other: int) -> int:
        return one ^ other


AGGREGATES: Mapping[str, tuple[int, type[Any]]] = {
    "sqlmem_var_samp": (2, Spread),
    "sqlmem_var_pop": (2, VarPop),
    "sqlmem_stddev_samp": (2, StddevSamp),
    "sqlmem_stddev_pop": (2, StddevPop),
    "sqlmem_bit_and": (1, BitAnd),
    "sqlmem_bit_or": (1, BitOr),
    "sqlmem_bit_xor": (1, BitXor),
}
