"""What measures say of an operation's results, held against SQLite's own results."""

from __future__ import annotations

import itertools
import math
import sqlite3
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from sqlmem.measures import (
    ANYTHING,
    BLOB,
    INTEGER,
    REAL,
    TEXT,
    Check,
    Combine,
    Measure,
    Need,
    Span,
    absolute,
    added,
    as_real,
    constant,
    divided,
    either,
    failing,
    multiplied,
    negated,
    number,
    remainder,
    rounded,
    subtracted,
    truncated,
    whole,
)

CLASSES = {int: INTEGER, float: REAL, str: TEXT, bytes: BLOB}
SETS: tuple[tuple[Any, ...], ...] = (
    (0, 1, 7),
    (-3, 0, 5),
    (2**62, 5),
    (-(2**63), 2**63 - 1),
    (0.5, 0.25, 12.0),
    (-1.75, 0.0, 3.0),
    (1e300, 2.0),
    (1, 0.5, -2),
    (2**53 + 1, 0.5),
    (0.1, 0.7),
    ("3", "x", 2),
    (b"7", 1.5),
    (None, 4),
)
TWO: dict[str, Combine] = {
    "? + ?": added,
    "? - ?": subtracted,
    "? * ?": multiplied,
    "? / ?": divided,
    "? % ?": remainder,
}
ONE: dict[str, Combine] = {
    "- ?": negated,
    "abs(?)": absolute,
    "round(?)": rounded,
    "CAST(? AS INTEGER)": truncated,
    "CAST(? AS REAL)": as_real,
}


def span_of(values: tuple[Any, ...]) -> Span:
    """The span of exactly these values."""
    classes = 0
    for value in values:
        classes |= CLASSES.get(type(value), 0)
    numbers = [value for value in values if isinstance(value, (int, float))]
    if classes & (TEXT | BLOB):
        return replace(ANYTHING, classes=classes, has_signed_zero=False)
    exponent = min([0, *(1 - value.as_integer_ratio()[1].bit_length() for value in numbers)])
    units = max((abs(int(value * 2**-exponent)) for value in numbers), default=0)
    return Span(
        classes,
        units,
        exponent,
        max((math.nextafter(abs(float(value)), math.inf) for value in numbers), default=0.0),
        is_negative=any(value < 0 for value in numbers),
        has_signed_zero=False,
        is_distinct=len(set(numbers)) == len(numbers),
    )


def complaints(span: Span, results: list[Any]) -> list[str]:
    """What is there that the span says can't be."""
    found = []
    for value in results:
        if value is None:
            continue
        if not span.classes & CLASSES[type(value)]:
            found.append(f"class of {value!r}")
        if type(value) is float and value == 0 and math.copysign(1, value) < 0 and not span.has_signed_zero:
            found.append("-0.0")
        if type(value) in (int, float) and math.isfinite(value):
            if value < 0 and not span.is_negative:
                found.append(f"{value!r} is negative")
            if abs(value) > span.largest:
                found.append(f"{value!r} is larger than {span.largest}")
            if span.units is not None and span.is_number:
                grains = Fraction(value) / Fraction(2) ** span.exponent
                if grains.denominator != 1 or abs(grains) > span.units:
                    found.append(f"{value!r} isn't {span.units} * 2**{span.exponent}")
    distinct = {(type(value), repr(value)) for value in results if value is not None}
    equal = {value for value in results if value is not None}
    if span.is_distinct and len(distinct) != len(equal):
        found.append("equal and not the same")
    return found


def asked(expression: str, *operands: Any) -> Any:
    connection = sqlite3.connect(":memory:")
    try:
        return connection.execute(f"SELECT {expression}", operands).fetchone()[0]
    except (sqlite3.Error, OverflowError):
        return None
    finally:
        connection.close()


@pytest.mark.parametrize("expression", TWO)
def test_what_comes_of_two_is_within_the_span(expression: str) -> None:
    """For all pairs out of two sets of values, as SQLite computes them."""
    found = []
    for left, right in itertools.product(SETS, SETS):
        results = [asked(expression, one, other) for one in left for other in right]
        span = TWO[expression](span_of(left), span_of(right))
        found += [f"{left} {right}: {line}" for line in complaints(span, results)]

    assert found == []


@pytest.mark.parametrize("expression", ONE)
def test_what_comes_of_one_is_within_the_span(expression: str) -> None:
    """For all values of a set, as SQLite computes them."""
    found = []
    for values in SETS:
        results = [asked(expression, value) for value in values]
        found += [f"{values}: {line}" for line in complaints(ONE[expression](span_of(values)), results)]

    assert found == []


def test_one_of_several_is_within_the_span() -> None:
    """1 beside 1.0 are equal and not the same."""
    for left, right in itertools.product(SETS, SETS):
        assert complaints(either(span_of(left), span_of(right)), [*left, *right]) == []


@pytest.mark.parametrize("literal", ["0", "-7", "12.5", "-0.0", "1e5", "0.1", "1e999", "9223372036854775807"])
def test_a_literals_span_has_its_value(literal: str) -> None:
    """A float's grain is that of the float, not of what was written."""
    assert complaints(number(literal), [asked(literal)]) == []


class Present:
    """Values of one column."""

    def __init__(self, span: Span, rows: int, uses: int = 1) -> None:
        self._span, self.rows, self.uses = span, rows, uses

    def span(self, table: int, column: str) -> Span:
        return self._span


COLUMN = Measure((0, "x"))


@pytest.mark.parametrize(
    ("need", "span", "rows", "holds"),
    [
        (Need.SUM, whole(2**40), 1000, True),
        (Need.SUM, whole(2**53), 1024, False),  # 2**63 is no integer of 64 bits
        (Need.SUM, replace(whole(2**53), total=2**60), 1024, True),
        (Need.MEAN, whole(2**43), 1024, True),
        (Need.MEAN, whole(2**43), 1025, False),
        (Need.SUM, number("0.5"), 10, True),
        (Need.SUM, number("0.1"), 10, False),
        (Need.SUM, Span(TEXT), 1, False),
        (Need.SUM, ANYTHING, 1, False),
        (Need.FINITE, number("0.1"), 10, True),
        (Need.FINITE, number("1e306"), 100, False),
        (Need.FINITE, whole(2**62), 2, False),
        (Need.SINGLE, whole(3), 1, True),
        (Need.SINGLE, either(whole(3), number("0.5")), 1, False),
        (Need.DISTINCT, whole(3), 1, True),
        (Need.DISTINCT, either(whole(3), number("0.5")), 1, False),
    ],
)
def test_a_check_holds_as_long_as_every_partial_sum_is_exact(
    need: Need, span: Span, rows: int, *, holds: bool
) -> None:
    """At the bound and one beyond."""
    assert (failing(Check(need, COLUMN), Present(span, rows)) is None) is holds
    assert (failing(Check(need, constant(span)), Present(ANYTHING, rows)) is None) is holds


def test_rows_that_are_read_twice_count_twice() -> None:
    """A compound may read a table more often than it has rows."""
    span = replace(whole(2**53), total=2**62)

    assert failing(Check(Need.SUM, COLUMN), Present(span, 2**11)) is None
    assert failing(Check(Need.SUM, COLUMN), Present(span, 2**11, uses=2)) is not None
