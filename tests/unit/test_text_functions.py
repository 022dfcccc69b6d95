"""Pure functions of texts, patterns and moments, each against a plainer one."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlmem.codecs import Unrepresentable
from sqlmem.functions import SCALARS
from sqlmem.functions.moments import between, move
from sqlmem.functions.patterns import glob_of, like, like_of

LETTERS = st.text(st.sampled_from("ab%_\\*?[]é🎸\n!"), max_size=8)


def _plain_like(text: str, pattern: str, escape: str) -> bool:
    expression, is_escaped = "", False
    for character in pattern:
        if is_escaped or character not in ("%", "_", escape):
            expression, is_escaped = expression + re.escape(character), False
        elif character == escape:
            is_escaped = True
        else:
            expression += ".*" if character == "%" else "."
    assert not is_escaped
    return re.fullmatch(expression, text, re.DOTALL) is not None


@given(text=LETTERS, pattern=LETTERS, escape=st.sampled_from("\\!"))
def test_patterns_match_as_a_regular_expression_does(text, pattern, escape):
    """Invariant: GLOB, and the function for texts with NUL, match what the LIKE matches."""
    try:
        glob, normal = glob_of(pattern, escape), like_of(pattern, escape)
    except Unrepresentable:
        assert pattern.endswith(escape)
        return

    expected = _plain_like(text, pattern, escape)
    with contextlib.closing(sqlite3.connect(":memory:")) as store:
        (found,) = store.execute("SELECT ? GLOB ?", (text, glob)).fetchone()

    assert bool(like(text, normal)) == expected
    assert bool(found) == expected


@pytest.mark.parametrize("character", ["\ufffd", "\ufffe", "\uffff"])
def test_pattern_with_a_character_that_glob_confuses_is_refused(character):
    """SQLite reads U+FFFE and U+FFFF as U+FFFD."""
    with pytest.raises(Unrepresentable):
        glob_of(f"a{character}")


def test_pattern_of_many_percent_signs_is_matched_in_one_pass():
    """A regular expression for it would try for ever."""
    assert like("a" * 10_000, "%a" * 40 + "%b") == 0


@given(st.dates(), st.integers(-40, 40), st.integers(-400, 400), st.integers(-(10**12), 10**12))
def test_moved_moments_come_back(day, months, days, microseconds):
    """Invariant: days and microseconds are added as timedelta adds them; months keep within the month."""
    stored = dt.datetime(day.year, day.month, day.day).isoformat(" ", "microseconds")
    try:
        found = move(stored, 0, days, microseconds)
        expected = dt.datetime(day.year, day.month, day.day) + dt.timedelta(days, 0, microseconds)
    except OverflowError:
        return

    assert found == expected.isoformat(" ", "microseconds")
    assert between(found, stored) == dt.timedelta(days, 0, microseconds) // dt.timedelta(microseconds=1)
    try:
        moved = dt.date.fromisoformat(str(move(day.isoformat(), months, 0, 0)))
    except (OverflowError, ValueError):
        return
    assert moved.day == day.day or (moved + dt.timedelta(1)).day == 1
    assert (moved.year - day.year) * 12 + moved.month - day.month == months


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("left", ("🎸bc", -1), "🎸b"),
        ("right", ("abc", -2), "c"),
        ("right", ("abc", 0), ""),
        ("substring", ("abc", -1, 3), "a"),
        ("substring", ("abc", 0), "abc"),
        ("replace", ("abc", "", "x"), "abc"),
        ("lpad", ("abc", 5, ""), "abc"),
        ("lpad", ("abc", 7, "xy"), "xyxyabc"),
        ("rpad", ("abc", -1, "x"), ""),
        ("split_part", ("a,b", ",", -1), "b"),
        ("split_part", ("", ",", 2), ""),
        ("strpos", ("abc", ""), 1),
        ("strpos", ("abc", None), None),
    ],
)
def test_functions_of_text(name, arguments, expected):
    """The corners in which PostgreSQL and Python differ."""
    assert SCALARS[f"sqlmem_pg_{name}"][1](*arguments) == expected
