"""What can be said of an expression's values from those of its columns: their classes, size and grain.

A plan may be exact on some values and not on others: a sum of floats is the same in any order if
every partial sum has a float of its own, and one of two equal values may stand for both if they are
the same. A `Measure` says how an expression's `Span` follows from its columns'; a `Check` what must
be true of it. Both are made with the plan, and looked at once per generation.

Rule: a span never says less than can be there. What isn't known is the widest.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

EXACT = 2**53  # whole numbers up to here have a float of their own
INT64 = 2**63

# Storage classes, as bits; NULL can always be there.
INTEGER, REAL, TEXT, BLOB = 1, 2, 4, 8
NUMBER = INTEGER | REAL
ANY = NUMBER | TEXT | BLOB

# Finer than this, and a product's lowest bit could get lost below the least float.
_FINEST = -400


@dataclass(frozen=True, slots=True)
class Span:
    """What values may be there.

    Attributes:
        classes: the storage classes.
        units: every number is k * 2**exponent with a whole k of at most this size; None if that
            isn't known, also where a text may be read as a number.
        largest: no number is larger in size; infinite if that isn't known.
        is_negative: one may be less than zero.
        has_signed_zero: -0.0 may be there: equal to 0.0 and not the same.
        is_distinct: equal values are the same value.
        total: of a table's column: the sizes of all its numbers together are at most this, in the same
            units; None if that isn't known.
    """

    classes: int = ANY
    units: int | None = None
    exponent: int = 0
    largest: float = math.inf
    is_negative: bool = True
    has_signed_zero: bool = True
    is_distinct: bool = False
    total: int | None = None

    @property
    def is_number(self) -> bool:
        return not self.classes & (TEXT | BLOB)


ANYTHING = Span()
TEXTS = Span(TEXT, is_negative=False, has_signed_zero=False, is_distinct=True)
BLOBS = Span(BLOB, is_negative=False, has_signed_zero=False, is_distinct=True)
REALS = Span(REAL)
INTEGERS = Span(INTEGER, INT64, largest=float(INT64), has_signed_zero=False, is_distinct=True)


def _above(size: int) -> float:
    return math.nextafter(float(size), math.inf) if size > EXACT else float(size)


def whole(size: int, *, is_negative: bool = False) -> Span:
    """Integers of at most this size."""
    return replace(INTEGERS, units=size, largest=_above(size), is_negative=is_negative)


TRUTH = whole(1)
LENGTHS = whole(2**31)  # of a text or blob, and what counts in one


class Values(Protocol):
    """What is there now.

    Attributes:
        rows: no SELECT of the plan reads more.
        uses: none reads a table's row more often.
    """

    @property
    def rows(self) -> int: ...

    @property
    def uses(self) -> int: ...

    def span(self, table: int, column: str) -> Span: ...


Combine = Callable[..., Span]


@dataclass(frozen=True, slots=True)
class Measure:
    """How a span is come by: a column's own, or from those of the parts.

    Attributes:
        source: the table (index into `Plan.tables`) and column.
        combine: from the parts' spans to this one.
        times: the number of rows is the first argument of `combine`.
    """

    source: tuple[int, str] | None = None
    combine: Combine | None = None
    parts: tuple[Measure, ...] = ()
    with_rows: bool = False

    def of(self, values: Values) -> Span:
        if self.source is not None:
            return values.span(*self.source)
        assert self.combine is not None
        spans = [part.of(values) for part in self.parts]
        return self.combine(values.rows, *spans) if self.with_rows else self.combine(*spans)


@dataclass(frozen=True, slots=True)
class _Constant:
    """A combination of nothing; equal constants are equal, so that a plan keeps each check once."""

    span: Span

    def __call__(self) -> Span:
        return self.span


def constant(span: Span) -> Measure:
    return Measure(None, _Constant(span))


def number(text: str) -> Span:
    """Of a literal number, without exponent tricks: what its float or integer is."""
    if text.lstrip("-").isdigit():
        value = int(text)
        return whole(abs(value), is_negative=value < 0)
    real = float(text)
    if not math.isfinite(real):
        return REALS
    ratio, exponent = abs(real).as_integer_ratio(), 0
    exponent = -(ratio[1].bit_length() - 1)
    return Span(
        REAL,
        ratio[0],
        exponent,
        abs(real),
        is_negative=real < 0,
        has_signed_zero=real == 0.0 and text.startswith("-"),
        is_distinct=True,
    )


# -- combinations ------------------------------------------------------------------------------


def either(*spans: Span) -> Span:
    """One of several values."""
    if len(spans) == 1:
        return replace(spans[0], total=None)
    classes = 0
    for span in spans:
        classes |= span.classes
    units, exponent = _aligned(spans)
    size: int | None = None
    if None not in units:
        size = max((unit for unit in units if unit is not None), default=0)
    return Span(
        classes,
        size,
        exponent,
        max(span.largest for span in spans),
        is_negative=any(span.is_negative for span in spans),
        has_signed_zero=any(span.has_signed_zero for span in spans),
        # 1 and 1.0 from two of them are equal and not the same.
        is_distinct=all(span.is_distinct for span in spans) and classes & NUMBER != NUMBER,
    )


def added(left: Span, right: Span) -> Span:
    units, exponent = _aligned((left, right))
    total = None if units[0] is None or units[1] is None else units[0] + units[1]
    # -0.0 comes of -0.0 alone.
    return _result(left, right, total, exponent, left.largest + right.largest, minus=False)


def subtracted(left: Span, right: Span) -> Span:
    return replace(added(left, right), is_negative=True)


def multiplied(left: Span, right: Span) -> Span:
    total = None if left.units is None or right.units is None else left.units * right.units
    largest = left.largest * right.largest
    return _result(
        left,
        right,
        total,
        left.exponent + right.exponent,
        math.inf if math.isnan(largest) else largest,
        minus=left.is_negative or right.is_negative,
    )


def divided(left: Span, right: Span) -> Span:
    if left.classes | right.classes == INTEGER:
        # Towards zero; by zero it is NULL. The least integer by -1 is a float.
        return _whole_or_float(left.units, is_negative=left.is_negative or right.is_negative)
    return Span(_class_of(left, right))


def remainder(left: Span, right: Span) -> Span:
    if left.classes | right.classes == INTEGER:
        return _whole_or_float(left.units, is_negative=left.is_negative)
    return Span(_class_of(left, right))


def negated(of: Span) -> Span:
    if of.classes == INTEGER:
        return _whole_or_float(of.units, is_negative=True)
    classes = of.classes if of.is_number else NUMBER
    return replace(
        of,
        classes=classes,
        total=None,
        units=of.units if of.is_number else None,
        is_negative=True,
        has_signed_zero=True,
        is_distinct=False,
    )


def absolute(of: Span) -> Span:
    # abs() of the least integer is an error; of a text that is no number 0.0.
    if not of.is_number:
        return Span(NUMBER)
    return replace(
        of, total=None, is_negative=False, is_distinct=not of.has_signed_zero and of.classes != NUMBER
    )


def rounded(of: Span) -> Span:
    """To a whole number, which is a float."""
    if not of.is_number or math.isinf(of.largest):
        return REALS
    largest = math.ceil(of.largest) + 1
    # Up to here it goes through an integer, which has no -0.
    return Span(
        REAL, largest, 0, float(largest), of.is_negative, has_signed_zero=largest > 2**50,
        is_distinct=largest <= 2**50,
    )  # fmt: skip


def truncated(of: Span) -> Span:
    """CAST to INTEGER."""
    if not of.is_number or of.largest >= EXACT:
        return INTEGERS
    return whole(math.ceil(of.largest), is_negative=of.is_negative)


def as_real(of: Span) -> Span:
    """CAST to REAL."""
    if not of.is_number or of.units is None or of.units > EXACT:
        return replace(REALS, largest=of.largest if of.is_number else math.inf)
    return replace(of, classes=REAL, total=None, is_distinct=not of.has_signed_zero)


def counted(rows: int) -> Span:
    return whole(rows)


def summed(rows: int, of: Span) -> Span:
    """The sum, once its check has passed."""
    if not of.is_number:
        return Span(NUMBER)
    units = None if of.units is None else of.units * rows
    return replace(
        of,
        units=units,
        total=None,
        largest=of.largest * max(rows, 1),
        # Begun from 0.0 by some versions and from the first value by none.
        has_signed_zero=of.has_signed_zero,
        is_distinct=of.classes != NUMBER and not of.has_signed_zero,
    )


def _result(
    left: Span, right: Span, units: int | None, exponent: int, largest: float, *, minus: bool
) -> Span:
    classes = _class_of(left, right)
    is_negative = left.is_negative or right.is_negative
    if classes == INTEGER:
        return _whole_or_float(units, is_negative=is_negative)
    has_signed_zero = minus or left.has_signed_zero or right.has_signed_zero
    is_exact = (
        left.is_number
        and right.is_number
        and units is not None
        and max(units, left.units or 0, right.units or 0) <= EXACT
        and exponent >= _FINEST
    )
    return Span(
        classes,
        units if is_exact else None,
        exponent if is_exact else 0,
        # The rounding of one operation, at most.
        largest * (1 + 2**-50) if left.is_number and right.is_number else math.inf,
        is_negative,
        has_signed_zero,
        is_distinct=classes == REAL and not has_signed_zero,
    )


def _whole_or_float(units: int | None, *, is_negative: bool) -> Span:
    if units is None or units >= INT64:
        return Span(NUMBER)  # beyond 64 bits it is a float
    return whole(units, is_negative=is_negative)


def _class_of(left: Span, right: Span) -> int:
    if left.classes == INTEGER and right.classes == INTEGER:
        return INTEGER
    if left.is_number and right.is_number and REAL in (left.classes, right.classes):
        return REAL
    return NUMBER


def _aligned(spans: tuple[Span, ...]) -> tuple[tuple[int | None, ...], int]:
    """Units of all in the finest grain among them."""
    known = [span for span in spans if span.units is not None and span.classes & NUMBER]
    exponent = min((span.exponent for span in known), default=0)
    return tuple(
        0
        if not span.classes & (NUMBER | TEXT | BLOB)
        else None
        if span.units is None or not span.is_number
        else span.units << (span.exponent - exponent)
        for span in spans
    ), exponent


# -- checks ------------------------------------------------------------------------------------


class Need(enum.Enum):
    """What must be true of the values."""

    SUM = "sum"  # the same in any order
    MEAN = "mean"  # likewise, added up as floats
    FINITE = "finite"  # a sum that is a float, whatever its last digits are
    SINGLE = "single"  # not 1 beside 1.0
    DISTINCT = "distinct"  # equal values are the same


@dataclass(frozen=True, slots=True)
class Check:
    """A condition on the present values without which the plan isn't exact."""

    need: Need
    measure: Measure


def failing(check: Check, values: Values) -> str | None:
    """Why the origin must answer; None if the condition holds."""
    span = check.measure.of(values)
    if check.need is Need.DISTINCT:
        return (
            None
            if span.is_distinct
            else "values that are equal and not the same, one of which would stand for all"
        )
    if check.need is Need.SINGLE:
        return None if span.classes & NUMBER != NUMBER else "whole numbers beside floats"
    if not span.is_number:
        return "a sum of values that aren't all numbers"
    rows = max(values.rows, 1)
    if check.need is Need.FINITE:
        if span.classes == INTEGER:
            most = INT64 if span.units is None else span.units * rows
            if span.total is not None:
                most = min(most, span.total * values.uses)
            return None if most < INT64 else _OVERFLOW
        return None if span.largest * rows < _HUGE else _OVERFLOW
    if span.units is None:
        return "a sum of floats, of which the order of addition shows in the last digit"
    bound = INT64 - 1 if span.classes == INTEGER and check.need is Need.SUM else EXACT
    if span.units * rows <= bound or (span.total is not None and span.total * values.uses <= bound):
        return None
    return _OVERFLOW if bound != EXACT else "a sum beyond what a float adds exactly"


_OVERFLOW = "a sum that may be beyond the largest number"
_HUGE = 1e307
