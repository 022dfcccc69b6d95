"""Many values at once are encoded as one by one they are, and the server's texts as values are."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exact import same

from sqlmem.codecs import Codec, Unrepresentable, codec_by_name, encoded, lists

_LEAST, _GREATEST = dt.datetime.min, dt.datetime.max  # noqa: DTZ901  # without zone
integers = st.integers(-(2**63) - 2, 2**63 + 1) | st.integers(-5, 5)
floats = st.floats() | st.sampled_from([0.0, -0.0, math.nan, 1.0, 1e300])
texts = st.text(st.characters(exclude_categories=[])) | st.sampled_from(
    ["1", " 1.5", "x", "\ud83d", "\ude00", "", "\n", "1\n", "1\n2", "a\n2", "2020-01-01", "1e5\x0b", ".", "-"]
)
decimals = (
    st.integers(-(10**6), 10**6).map(lambda n: Decimal(n).scaleb(-2))
    | st.decimals()
    | st.sampled_from([Decimal("-0.00"), Decimal("1E+2"), Decimal("1E-9"), Decimal("NaN"), Decimal("0.00")])
)
moments = (
    st.datetimes()
    | st.datetimes(timezones=st.just(dt.UTC))
    | st.sampled_from([_LEAST, _GREATEST, dt.datetime(2020, 1, 1, fold=1)])
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": integers,
    "float": floats,
    "text": texts,
    "json:text": texts,
    "boolean": st.booleans(),
    "numeric:10:2": decimals,
    "numeric:5:0": decimals,
    "numeric:18:9": decimals,
    "numeric:3:5": decimals,
    "timestamp": moments,
    "timestamp-clamped": moments,
    "dynamic:BLOB": st.one_of(integers, floats, texts, st.binary()),
    "dynamic:TEXT": st.one_of(integers, floats, texts, st.binary()),
    "dynamic:REAL": st.one_of(integers, floats, texts, st.binary()),
    "dynamic:INTEGER": st.one_of(integers, floats, texts, st.binary()),
    "dynamic:NUMERIC": st.one_of(integers, floats, texts, st.binary()),
}


def one_by_one(codec: Codec, values: list[Any]) -> list[Any] | None:
    encode = codec.encode or int  # a boolean's stored form, which SQLite's driver makes
    try:
        return [None if value is None else encode(value) for value in values]
    except Unrepresentable:
        return None


@pytest.mark.generated
@pytest.mark.parametrize("name", VALUES)
@given(data=st.data())
def test_many_values_are_encoded_as_each_of_them_is(name: str, data: st.DataObject) -> None:
    """Invariant: the list is that of the single values, and refused where one of them is."""
    codec = codec_by_name(name)
    alike = data.draw(st.lists(VALUES[name], max_size=5))
    if not name.startswith("dynamic:"):  # the others' values are of one type
        alike = [value for value in alike if type(value) is type(alike[0])]
    values = data.draw(st.permutations([*alike, *[None] * data.draw(st.integers(0, 2))]))

    try:
        found = list(encoded(codec, values, has_nones=None in values))
    except Unrepresentable:
        found = None

    assert same(found, one_by_one(codec, values))


def written(value: dt.datetime) -> str:
    """As PostgreSQL writes a timestamp."""
    text = value.isoformat(" ")
    return text.rstrip("0") if value.microsecond else text


UNUSUAL = [
    "infinity",
    "-infinity",
    "0044-03-15 12:00:00 BC",
    "0044-03-15 12:00:00.123 BC",
    "0044-03-15 12:00:00.5 BC",
    "10000-01-01 00:00:00",
    "10000-01-01 00:00:00.5",
    "10000-01-01 00:00:00.12345",
    "294276-01-01 00:00:00",
]


@pytest.mark.generated
@given(st.lists(st.datetimes(), min_size=1), st.none() | st.sampled_from(UNUSUAL), st.data())
def test_timestamps_are_stored_from_their_texts_as_from_their_values(
    values: list[dt.datetime], unusual: str | None, data: st.DataObject
) -> None:
    """Invariant: the same as through datetime, and nothing for what datetime hasn't."""
    codec, utc = codec_by_name("timestamp"), codec_by_name("timestamptz:utc")
    assert codec.encode is not None
    assert utc.encode is not None
    plain = [value.replace(fold=0) for value in values]
    given_texts = [written(value) for value in plain]
    if unusual is not None:
        given_texts.insert(data.draw(st.integers(0, len(plain))), unusual)
    with_zone = [f"{text[:-3]}+00 BC" if text.endswith(" BC") else f"{text}+00" for text in given_texts]

    found, found_in_utc = lists.timestamps_of_texts(given_texts), lists.utc_of_texts(with_zone)

    if unusual is not None:
        assert found is None
        assert found_in_utc is None
    else:
        assert found == [codec.encode(value) for value in plain]
        assert found_in_utc == [utc.encode(value.replace(tzinfo=dt.UTC)) for value in plain]


@pytest.mark.generated
@pytest.mark.parametrize("name", ["numeric:10:2", "numeric:5:0", "numeric:18:9", "numeric:3:5"])
@given(data=st.data())
def test_numerics_are_stored_from_their_texts_as_from_their_values(name: str, data: st.DataObject) -> None:
    """Invariant: the same as through Decimal, or nothing."""
    codec = codec_by_name(name)
    assert codec.encode is not None
    precision, scale = map(int, name.split(":")[1:])
    usual = st.integers(-(10**precision) - 1, 10**precision + 1).map(lambda n: Decimal(n).scaleb(-scale))
    values = data.draw(st.lists(usual | decimals.filter(lambda v: not v.is_snan()), min_size=1, max_size=4))
    given_texts = [f"{value:f}" for value in values]
    values = list(map(Decimal, given_texts))

    found = lists.decimals_of_texts(precision, scale)(given_texts)

    assert found is None or found == [codec.encode(value) for value in values]
    if all(type(value) is int for value in one_by_one(codec, values) or [None]):
        assert found is not None


@given(st.lists(decimals.filter(lambda v: not v.is_snan()), min_size=1))
def test_numerics_of_any_scale_are_stored_from_their_texts_as_from_their_values(
    values: list[Decimal],
) -> None:
    """The form that Decimal has for the value, which isn't always the server's."""
    given_texts = [f"{value:f}" for value in values]

    assert lists.written_decimals(given_texts) == [str(Decimal(text)) for text in given_texts]


@given(st.lists(st.dates(), min_size=1))
def test_dates_are_stored_as_they_are_written(values: list[dt.date]) -> None:
    """ISO's form is the stored one; what a date of Python can't be has another length."""
    given_texts = [value.isoformat() for value in values]

    assert lists.dates_of_texts(given_texts) == given_texts
    for unusual in ("infinity", "-infinity", "0044-03-15 BC", "10000-01-01"):
        assert lists.dates_of_texts([*given_texts, unusual]) is None
