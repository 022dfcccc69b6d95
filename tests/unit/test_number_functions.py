"""Exact numbers in stored forms: what sorts, what is rounded how, what raises."""

from __future__ import annotations

import random
from decimal import Context, Decimal
from fractions import Fraction

import pytest

from sqlmem.codecs import Unrepresentable, codec_by_name
from sqlmem.constants import compared
from sqlmem.functions import mysql_numbers, numbers, postgresql_numbers
from sqlmem.functions.numbers import OWN_SCALE, OutOfRange
from sqlmem.model import Column, Kind

numbers_context = Context(prec=100)


def some(seed: int, count: int) -> list[Decimal]:
    pick = random.Random(seed)
    found = [Decimal(text) for text in ("0", "0.000", "1", "1.0", "-1", "-1.50", "-1.55", "1e30", "-1e-30")]
    for _ in range(count):
        digits, scale = pick.randrange(1, 30), pick.randrange(25)
        found.append(Decimal(pick.randrange(-(10**digits), 10**digits)).scaleb(-scale))
    return found


def test_sort_keys_order_as_the_numbers_do() -> None:
    """Equal numbers of any scale have one key; NaN is above all, as in PostgreSQL."""
    found = some(1, 300)

    keys = {value: numbers.sort_key(str(value), OWN_SCALE) for value in found}

    for one in found:
        for other in found:
            assert (keys[one] < keys[other]) == (one < other), (one, other)
    ordered = [
        numbers.sort_key(text, OWN_SCALE) for text in ("-Infinity", "-1e30", "0", "1e30", "Infinity", "NaN")
    ]
    assert ordered == sorted(ordered)


@pytest.mark.parametrize(("precision", "scale"), [(10, 2), (18, 6), (30, 10)])
def test_constant_beside_a_column_compares_as_the_number_does(precision: int, scale: int) -> None:
    """Whatever its digits, also beyond the column's range."""
    codec = codec_by_name(f"numeric:{precision}:{scale}")
    assert codec.encode is not None
    column = Column("n", Kind.NUMERIC, "NUMERIC", precision=precision, scale=scale)
    convert = compared(column, floats_are_decimals=False, is_list=False)
    top = 10 ** min(precision, 17)
    held = [Decimal(each).scaleb(-scale) for each in (0, 1, -1, 150, 151, -150, top - 1, 1 - top, 10**9)]
    constants = [*held, *some(2, 100), Decimal("1.505"), Decimal("-1.505"), Decimal("1e40"), Decimal("-1e40")]

    for constant in constants:
        try:
            stored = convert(constant)
        except Unrepresentable:
            continue
        for value in held:
            kept = codec.encode(value)
            assert (kept < stored, kept == stored) == (value < constant, value == constant), (value, constant)


def test_a_number_of_its_own_scale_is_taken_apart_as_decimal_does() -> None:
    """Written with an exponent or without; and what is none raises."""
    forms = ("{}", "{:f}", "{:e}", "+{:f}", " {:f} ")
    texts = [form.format(value) for value in some(3, 300) for form in forms if "+-" not in form.format(value)]

    for text in [*texts, "-0.00", ".5", "5.", "-.5"]:
        value, scale = numbers.parts(text, OWN_SCALE)
        expected = Decimal(text)
        assert Decimal(value).scaleb(-scale, numbers_context) == expected, text
        assert scale == max(0, -expected.as_tuple().exponent), text
    assert numbers.parts(-7, OWN_SCALE) == (-7, 0)
    for text in ("NaN", "Infinity", "-Infinity"):
        with pytest.raises(OutOfRange):
            numbers.parts(text, OWN_SCALE)


def test_float_beside_a_column_compares_as_floats_do() -> None:
    """1.1 equals numeric 1.10, though the float isn't that number."""
    held = [*range(-300, 300), 10**14, -(10**14)]

    for value in (1.1, -1.1, 0.1 + 0.2, 1.105, 2.5, 1e-9, 0.0, 1e300, -1e300, 1e12):
        stored = numbers.beside_scaled_as_float(value, 2)
        for scaled in held:
            number = scaled / 100
            assert (scaled < stored, scaled == stored) == (number < value, number == value), (scaled, value)


def test_wide_numbers_keep_their_value() -> None:
    for value in (0, 1, -1, 10**25 - 1, 1 - 10**25):
        assert numbers.whole(numbers.packed(value, 25)) == value
    with pytest.raises(OutOfRange):
        numbers.packed(10**25, 25)
    with pytest.raises(OutOfRange):
        numbers.packed(10**18, 18)


def test_rounding_is_half_away_from_zero() -> None:
    halves = {5: 1, -5: -1, 15: 2, -15: -2, 4: 0, -4: 0, 25: 3}

    assert {value: numbers.half_away(value, 10) for value in halves} == halves
    assert [numbers.float_round(value) for value in (0.5, 1.5, 2.5, 3.5)] == [0.0, 2.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1", "3", "0.33333333333333333333"),
        ("7", "2", "3.5000000000000000"),
        ("10000", "3", "3333.3333333333333333"),
        ("1", "10000", "0.000100000000000000000000"),
        ("0", "3", "0.00000000000000000000"),
        ("1.000000000000000000000", "3", "0.333333333333333333333"),
    ],
)
def test_postgresql_quotient_has_sixteen_digits_or_more(one: str, other: str, expected: str) -> None:
    """As PostgreSQL 15 gives them."""
    assert postgresql_numbers.divide(one, OWN_SCALE, other, OWN_SCALE) == expected


@pytest.mark.parametrize(
    ("scales", "digits"), [((0, 0), 9), ((2, 0), 9), ((5, 0), 9), ((9, 0), 18), ((2, 2), 18), ((10, 10), 36)]
)
def test_mariadb_quotient_has_whole_groups_of_digits(scales: tuple[int, int], digits: int) -> None:
    assert mysql_numbers.quotient_scale(*scales, 4) == digits


def test_mariadb_quotient_is_cut() -> None:
    assert mysql_numbers.divide(2, 3, 9, 18) == 666_666_666
    assert mysql_numbers.divide(-2, 3, 9, 18) == -666_666_666
    assert mysql_numbers.divide(1, 0, 9, 18) is None


def test_float_results_that_are_not_ordinary_raise() -> None:
    """Infinity, NaN, underflow: errors at the origin; -0.0: which zero is shown is its choice."""
    for function, operands in (
        (numbers.float_multiply, (1e308, 10)),
        (numbers.float_multiply, (1e-300, 1e-300)),
        (numbers.float_multiply, (0.0, -1)),
        (numbers.float_subtract, (float("inf"), float("inf"))),
        (numbers.float_ceiling, (-0.5,)),
    ):
        with pytest.raises(OutOfRange):
            function(*operands)


def test_sum_of_scales_of_their_own_has_the_largest() -> None:
    added = postgresql_numbers.Sum()
    for text in ("1.5", None, "2", "0.250"):
        added.step(text)

    assert added.finalize() == "3.750"
    assert postgresql_numbers.Sum().finalize() is None
    assert Fraction(postgresql_numbers.mean(10, 4, 1) or "0") == Fraction("0.25")
