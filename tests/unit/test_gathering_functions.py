"""The store's aggregates in an order, its JSON, variances and moments as text, by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from sqlmem.functions.gathering import Interpolated, Joined, JsonListed, Listed, Mode, Percentile, Unsettled
from sqlmem.functions.json_texts import json_object, json_of, jsonb_object
from sqlmem.functions.mysql_texts import weights_of
from sqlmem.functions.postgresql_times import is_of_digits, to_char, writers
from sqlmem.functions.spreads import Spread, StddevPop


def made(aggregate: Any, *rows: tuple[Any, ...]) -> Any:
    for row in rows:
        aggregate.step(*row)
    return aggregate.finalize()


@pytest.mark.parametrize(
    ("order", "expected"), [("af", "-bac"), ("al", "bac-"), ("df", "-cab"), ("dl", "cab-")]
)
def test_order_has_nulls_where_it_says(order: str, expected: str) -> None:
    rows = [("a", 2), ("b", 1), ("-", None), ("c", 3)]

    assert made(Joined(), *((text, "", 0, 0, order, key) for text, key in rows)) == expected


def test_tie_of_values_that_differ_is_unsettled() -> None:
    """Of the same value twice it is none."""
    assert made(Joined(), ("a", ",", 0, 0, "al", 1), ("a", ",", 0, 0, "al", 1)) == "a,a"
    with pytest.raises(Unsettled):
        made(Joined(), ("a", ",", 0, 0, "al", 1), ("b", ",", 0, 0, "al", 1))


def test_second_key_settles_a_tie() -> None:
    rows = [("a", ",", 0, 0, "al,dl", 1, 1), ("b", ",", 0, 0, "al,dl", 1, 2)]

    assert made(Joined(), *rows) == "b,a"


def test_what_would_be_cut_or_takes_a_null_for_nothing_fails() -> None:
    """MariaDB's limit counts bytes."""
    assert made(Joined(), ("éé", ",", 4, 0, "af", 1)) == "éé"
    with pytest.raises(ValueError, match="cut"):
        made(Joined(), ("ééé", ",", 4, 0, "af", 1))
    with pytest.raises(Unsettled):
        made(Joined(), ("a", ",", 4, 0, "af", None))


def test_lists_keep_null_and_drop_what_was_there() -> None:
    rows = [(None, "text", 1, "al", None), ("a", "text", 1, "al", "a"), ("a", "text", 1, "al", "a")]

    assert made(Listed(), *rows) == '["l","a",null]'
    assert made(Listed()) is None
    assert made(JsonListed(), ("null", "al", 2), ("1", "al", 1)) == "[1,null]"


def test_percentiles() -> None:
    values = [(value, 0.5, "al", value) for value in (1.0, 2.0, 4.0, None)]

    assert made(Percentile(), *values) == 2.0
    assert made(Interpolated(), *[row for row in values if row[0] != 1.0]) == 3.0
    assert made(Percentile(), (7, 0.0, "al", 7)) == 7
    assert made(Mode(), (1, "al", 1), (2, "al", 2), (2, "al", 2)) == 2
    with pytest.raises(Unsettled):
        made(Mode(), (1, "al", 1), (2, "al", 2))


def test_variance_is_exact_and_of_one_value_none() -> None:
    assert made(Spread(), (5, 0)) is None
    assert made(StddevPop(), (5, 0)) == "0"
    assert made(Spread(), (5, 0), (7, 0), (5, 0)) == "1.3333333333333333"
    assert made(Spread(), (10**17, 0), (10**17 + 1, 0)) == "0.50000000000000000000"


def test_json_of_stored_values() -> None:
    assert json_of("2024-01-31 10:00:00.500000", "timestamp", None, None) == '"2024-01-31T10:00:00.5"'
    assert json_of("2024-01-31 10:00:00.000000", "timestamp", None, None) == '"2024-01-31T10:00:00"'
    assert json_of(150, "numeric", 10, 2) == "1.50"
    assert json_object("b", "1", "a", "2") == '{"b":1,"a":2}'
    # By length, and then by bytes; of one key the last value.
    assert jsonb_object("bb", "1", "a", "2", "c", "3", "a", "4") == '{"a":4,"c":3,"bb":1}'


@pytest.mark.parametrize("form", ["TMMonth", "YY", "DDth", "J", "HH AM", "Day x", "YYYY-MM!"])
def test_form_with_what_may_follow_a_locale_is_unknown(form: str) -> None:
    assert writers(form) is None


def test_moments_in_forms() -> None:
    stored = "2024-02-09 15:04:05.250000"

    assert to_char(stored, "YYYY-MM-DD HH24:MI:SS.MS") == "2024-02-09 15:04:05.250"
    assert to_char(stored, "FMDay, FMDD Mon") == "Friday, 9 Feb"
    assert to_char(stored, "Month|".rstrip("|")) == "February "
    assert is_of_digits("YYYY-MM-DD")
    assert not is_of_digits("FMMM")
    assert not is_of_digits("YYYY Mon")


def test_weights_are_known_of_ascii_only() -> None:
    assert weights_of("a% ", is_key=False) == "A% "
    assert weights_of("a  ", is_key=True) == "A"
    assert weights_of("é", is_key=True) is None
