"""Invariant: the bound holds, keys of different questions differ, and nobody can change what is kept."""

from __future__ import annotations

import datetime as dt
import itertools
import sys
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlmem.dependencies import Reading
from sqlmem.results import Kept, Results, fit, key_of, weigh

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.decimals(),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
)
DIFFERENT: list[Any] = [
    None,
    0,
    False,
    0.0,
    -0.0,
    "0",
    b"0",
    Decimal(0),
    Decimal("0.0"),
    Decimal("-0"),
    "",
    b"",
    dt.date(2024, 10, 27),
    dt.datetime(2024, 10, 27),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
    dt.datetime(2024, 10, 27, 2, 30, tzinfo=dt.UTC),
    "2024-10-27",
    dt.time(1),
    dt.timedelta(0),
    UUID(int=0),
    [1, 2],
    (1, 2),
    [[1], 2],
    [1, [2]],
    float("inf"),
    float("nan"),
]


def kept(number: int, size: int, results: Results | None = None) -> Kept:
    reading = Reading(SimpleNamespace(), {"t": "a"})  # type: ignore[arg-type]
    one = Kept(question(number), (), reading, 0.0, (("n", *[None] * 6),), [(1,)], frozenset(), size)
    if results is not None:
        results.put(one)
    return one


def question(number: int) -> Any:
    return key_of(f"SELECT {number}", (), has_parameters=False)


# -- keys --------------------------------------------------------------------------------------


def test_different_parameters_are_different_questions() -> None:
    """In value or in type, alone, in a list, and under a name."""
    for make in (lambda v: (v,), lambda v: (1, v), lambda v: {"a": v}):
        keys = [key_of("SELECT 1", make(value), has_parameters=True) for value in DIFFERENT]
        assert None not in keys
        for one, other in itertools.combinations(keys, 2):
            assert one != other


def test_names_and_places_are_part_of_the_question() -> None:
    """Order of names isn't."""
    assert key_of("q", {"a": 1, "b": 2}, has_parameters=True) == key_of(
        "q", {"b": 2, "a": 1}, has_parameters=True
    )
    assert key_of("q", {"a": 1, "b": 2}, has_parameters=True) != key_of(
        "q", {"a": 2, "b": 1}, has_parameters=True
    )
    assert key_of("q", (1, 2), has_parameters=True) != key_of("q", (2, 1), has_parameters=True)
    assert key_of("q", (), has_parameters=True) != key_of("q", (), has_parameters=False)
    assert key_of("q", (), has_parameters=True) == key_of("q", {}, has_parameters=True)


@given(st.lists(PLAIN, max_size=4), st.lists(PLAIN, max_size=4))
def test_equal_questions_have_equal_keys(one: list[Any], other: list[Any]) -> None:
    """And only these: what `repr` of each value and its type tell apart is told apart."""

    def told(values: list[Any]) -> list[tuple[type, str]]:
        return [(type(value), repr(value)) for value in values]

    keys = [key_of("q", tuple(values), has_parameters=True) for values in (one, other, list(one))]
    assert keys[0] == keys[2]
    assert (keys[0] == keys[1]) == (told(one) == told(other))


def test_a_value_of_a_class_of_the_programs_own_has_no_key() -> None:
    """What a driver makes of it nobody can tell."""

    class Mine(int):
        pass

    assert key_of("q", (Mine(1),), has_parameters=True) is None
    assert key_of("q", (object(),), has_parameters=True) is None
    assert key_of("q", {"a": 1, 2: 1}, has_parameters=True) is None


# -- values ------------------------------------------------------------------------------------


def test_what_is_given_is_each_callers_own() -> None:
    """Of a value that could be changed everybody gets a new one."""
    rows = [(1, [1, {"a": [2]}], bytearray(b"x")), (2, None, None)]
    fitting = fit(rows, at_most=10_000)
    assert fitting is not None
    assert fitting.packed == {1, 2}
    names = ("id", "tags", "raw")
    one = Kept(
        question(1),
        (),
        Reading(SimpleNamespace(), {}),  # type: ignore[arg-type]
        0.0,
        tuple((name, *[None] * 6) for name in names),
        fitting.rows,
        fitting.packed,
        fitting.bytes,
    )
    rows[0][1].append("changed")  # type: ignore[union-attr]
    assert one.bound.decode is not None
    first = one.bound.decode(one.rows)
    first[0][1][1]["a"].append("changed")
    first[0][2].extend(b"changed")
    first.clear()

    assert one.bound.decode(one.rows) == [(1, [1, {"a": [2]}], bytearray(b"x")), (2, None, None)]
    assert one.bound.to_dicts(one.rows)[0] == {"id": 1, "tags": [1, {"a": [2]}], "raw": bytearray(b"x")}


@pytest.mark.parametrize("value", [object(), {"a": object()}, type("Mine", (str,), {})("x")])
def test_what_has_no_exact_form_isnt_kept(value: object) -> None:
    """It could be changed, and can't be copied."""
    assert fit([(1, value)], at_most=10_000) is None


def test_what_is_larger_than_its_bound_isnt_kept() -> None:
    """By an estimate that is never below the values' own sizes."""
    rows = [("x" * 1000,)] * 100
    assert fit(rows, at_most=100_000) is None
    fitting = fit(rows, at_most=200_000)
    assert fitting is not None
    assert fitting.bytes > 100_000


@given(st.lists(st.tuples(PLAIN, PLAIN), max_size=6))
def test_the_estimate_is_never_below_the_values_sizes(rows: list[tuple[Any, Any]]) -> None:
    """Of values that are one object for everybody none is counted."""
    fitting = fit(rows, at_most=10**9)
    assert fitting is not None
    shared = (bool, type(None))
    sizes = sum(sys.getsizeof(value) for row in rows for value in row if type(value) not in shared)
    assert fitting.rows == rows
    assert fitting.bytes >= sizes
    assert weigh(rows, at_most=10**9) == fitting.bytes


# -- the bound ---------------------------------------------------------------------------------


def test_the_least_recently_used_goes_first() -> None:
    """A look is a use; the sum never exceeds the bound."""
    results = Results(1000)
    for number in range(10):
        kept(number, 100, results)
    assert results.get(question(0)) is not None
    kept(10, 100, results)
    assert results.size() == (10, 1000)
    assert results.peek(question(0)) is not None
    assert results.peek(question(1)) is None


def test_one_that_takes_more_than_a_tenth_stays_out() -> None:
    """It would cost all others."""
    results = Results(1000)
    for number in range(10):
        kept(number, 100, results)
    kept(11, 101, results)
    assert results.size() == (10, 1000)
    assert results.peek(question(11)) is None


def test_a_newer_answer_takes_the_older_ones_place() -> None:
    """The bytes are counted once; an older one that is dropped late costs nothing."""
    results = Results(1000)
    older = kept(1, 60, results)
    newer = kept(1, 40, results)
    results.drop(older)
    assert results.peek(question(1)) is newer
    assert results.size() == (1, 40)
    results.drop(newer)
    assert results.size() == (0, 0)


# -- who asks ----------------------------------------------------------------------------------


def test_one_asks_and_the_others_wait_for_it() -> None:
    """Under the same tokens, and if it was asked late enough."""
    results = Results(1000)
    asked: dict[str, Any] = {"now": 5.0, "newest": 0.0, "may_lead": True}
    tokens = {"t": "a"}
    assert results.ask(question(1), tokens, **asked | {"may_lead": False}) is None
    led = results.ask(question(1), tokens, **asked)
    assert led is not None
    assert led[1]
    assert results.ask(question(1), dict(tokens), **asked) == (led[0], False)
    assert results.ask(question(1), tokens, **asked | {"newest": 6.0, "may_lead": False}) is None
    later = results.ask(question(1), {"t": "b"}, **asked)
    assert later is not None
    assert later[1]

    woken = []
    led[0].on_finish(lambda: woken.append(1))
    results.finish(led[0], kept(1, 50), is_unfit=False)
    assert woken == [1]
    # The older question's end leaves the newer one as it is.
    assert results.ask(question(1), {"t": "b"}, **asked) == (later[0], False)


def test_nobody_waits_for_what_isnt_kept() -> None:
    """Until its tables change."""
    results = Results(1000)
    asked: dict[str, Any] = {"now": 5.0, "newest": 0.0, "may_lead": True}
    led = results.ask(question(1), {"t": "a"}, **asked)
    assert led is not None
    results.finish(led[0], None, is_unfit=True)
    assert results.ask(question(1), {"t": "a"}, **asked) is None
    assert results.ask(question(1), {"t": "b"}, **asked) is not None
