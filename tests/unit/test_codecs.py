"""What a codec promises: values come back as they were, stored values sort as the origin's do."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import ipaddress
import math
import sqlite3
import uuid
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.exact import same

from sqlmem.codecs import (
    OPAQUE,
    Codec,
    Unrepresentable,
    codec_by_name,
    codec_for,
    codec_for_value,
    dict_decoder,
    row_decoder,
)
from sqlmem.codecs.choice import _FIXED
from sqlmem.model import Column, Kind

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")

int64 = st.integers(-(2**63), 2**63 - 1)
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]).map(zoneinfo.ZoneInfo)


def numerics(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    # From the digits: Decimal arithmetic would round to the context's precision.
    return st.integers(-(10**precision) + 1, 10**precision - 1).map(
        lambda n: Decimal((int(n < 0), tuple(map(int, str(abs(n)))), -scale))
    )


def aware(zone: dt.tzinfo) -> st.SearchStrategy[dt.datetime]:
    """Datetimes as a driver makes them: from an instant."""
    instants = st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 12, 31), timezones=st.just(dt.UTC))
    return instants.map(lambda value: value.replace(fold=0).astimezone(zone))


def unfolded(value: Any) -> Any:
    return value.replace(fold=0)


def stored_and_back(value: Any, codec: Codec) -> Any:
    """Through the codec and through a real SQLite column."""
    stored = value if codec.encode is None else codec.encode(value)
    store = sqlite3.connect(":memory:")
    store.execute(f"CREATE TABLE t (c {codec.storage})")
    store.execute("INSERT INTO t VALUES (?)", (stored,))
    (read,) = store.execute("SELECT c FROM t").fetchone()
    store.close()
    assert same(read, int(stored) if type(stored) is bool else stored)
    return read if codec.decode is None else codec.decode(read)


ORDERED: dict[str, st.SearchStrategy[Any]] = {
    "integer": int64,
    "unsigned": st.integers(0, 2**64 - 1),
    "boolean": st.booleans(),
    "numeric:10:2": numerics(10, 2),
    "numeric:18:18": numerics(18, 18),
    "numeric:19:0": numerics(19, 0),
    "numeric:65:30": numerics(65, 30),
    "numeric:3:5": numerics(3, 5),
    "float": st.floats(allow_nan=False).filter(lambda v: v != 0 or math.copysign(1, v) > 0),
    "text": st.text(),
    "bytes": st.binary(),
    "date": st.dates(),
    "date-clamped": st.dates(dt.date(1, 1, 2), dt.date(9999, 12, 30)),
    "time": st.times().map(unfolded),
    "time-clamped": st.times(dt.time(0, 0, 0, 1)).map(unfolded),
    "timestamp": st.datetimes().map(unfolded),
    "timestamp-zero": st.datetimes().map(unfolded),
    "timestamptz:utc": aware(dt.UTC),
    "timestamptz:fixed:-18000": aware(dt.timezone(dt.timedelta(hours=-5))),
    "timestamptz:zoneinfo:Europe/Berlin": aware(BERLIN),
    "timestamptz-clamped:zoneinfo:America/New_York": aware(zoneinfo.ZoneInfo("America/New_York")),
    "uuid": st.uuids(),
    "dynamic:BLOB": st.binary(),
    "dynamic:INTEGER": int64,
    "dynamic:TEXT": st.text(),
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
UNORDERED: dict[str, st.SearchStrategy[Any]] = {
    "decimal": st.decimals(),
    "interval": st.timedeltas(dt.timedelta(days=-106_751_990), dt.timedelta(days=106_751_990)),
    "json": json_values.filter(lambda v: v is not None),
    "json:text": st.text(),
    "bytes:memoryview": st.binary().map(lambda data: memoryview(data).cast("c")),
}
offsets = st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)).map(dt.timezone)
any_zone = st.none() | zones | offsets | st.just(dt.timezone(dt.timedelta(hours=1), "named"))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=[])),
    st.binary(),
    st.binary().map(lambda data: memoryview(data).cast("B")),
    st.decimals(),
    st.sampled_from([Decimal("sNaN12"), Decimal("-NaN"), Decimal("-0E+5"), Decimal("1E-99999"), -0.0]),
    st.dates(),
    st.builds(lambda v, z, f: v.replace(tzinfo=z, fold=f), st.times(), any_zone, st.integers(0, 1)),
    st.builds(lambda v, z, f: v.replace(tzinfo=z, fold=f), st.datetimes(), any_zone, st.integers(0, 1)),
    st.timedeltas(),
    st.uuids(),
    st.ip_addresses(),
    st.ip_addresses(v=4).map(ipaddress.IPv4Interface),
    st.ip_addresses(v=6).map(ipaddress.IPv6Interface),
    st.builds(
        lambda a, n: ipaddress.IPv4Network((a, n), strict=False), st.ip_addresses(v=4), st.integers(0, 32)
    ),
    st.builds(
        lambda a, n: ipaddress.IPv6Network((a, n), strict=False), st.ip_addresses(v=6), st.integers(0, 128)
    ),
)
hashable = st.integers() | st.text() | st.dates() | st.booleans()
opaque_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(hashable, inner),
        st.sets(hashable),
        st.frozensets(hashable),
        st.binary().map(bytearray),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        (Decimal("1.5"), Decimal("1.50")),
        ([1], (1,)),
        ({"a": 1}, {"a": True}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1}, {True}),
        (b"a", bytearray(b"a")),
        (memoryview(b"a"), memoryview(b"a").cast("c")),
        (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, 1, tzinfo=BERLIN)),
        (dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC"))),
        (dt.time(1), dt.time(1, fold=1)),
        (math.nan, None),
    ],
)
def test_values_that_a_program_can_tell_apart_are_not_the_same(one: Any, other: Any) -> None:
    """The comparison that these tests stand on is stricter than Python's."""
    assert not same(one, other)
    assert not same([one], [other])
    assert same([one], [one])


@pytest.mark.generated
@pytest.mark.parametrize("name", [*ORDERED, *UNORDERED])
@given(data=st.data())
def test_a_value_comes_back_as_it_was(name: str, data: st.DataObject) -> None:
    """Invariant: decode(encode(v)) is v in value and type, through a real column of the codec's storage."""
    codec = codec_by_name(name)
    value = data.draw((ORDERED | UNORDERED)[name])
    affinity_name = name.removeprefix("dynamic:")
    if affinity_name != name:
        codec_storage = stored_under(affinity_name, value, codec)
        assert same(codec_storage, value)
        return

    back = stored_and_back(value, codec)

    assert codec.takes({type(value)})
    assert same(back, value)


def stored_under(affinity: str, value: Any, codec: Codec) -> Any:
    assert codec.encode is not None
    store = sqlite3.connect(":memory:")
    store.execute(f"CREATE TABLE t (c {affinity})")
    store.execute("INSERT INTO t VALUES (?)", (codec.encode(value),))
    (read,) = store.execute("SELECT c FROM t").fetchone()
    store.close()
    return read


@pytest.mark.generated
@given(opaque_values)
def test_a_value_of_any_listed_type_comes_back_as_it_was(value: Any) -> None:
    """Invariant: OPAQUE gives back what it took, nested as deep as it was, and always a new object."""
    back = stored_and_back(value, OPAQUE)

    assert same(back, value)
    # Nor does what a column is declared as make a number of the text.
    assert OPAQUE.decode is not None
    assert same(OPAQUE.decode(stored_under("INTEGER", value, OPAQUE)), value)
    if isinstance(value, list | dict | set | bytearray):
        assert back is not value


@pytest.mark.generated
@pytest.mark.parametrize("name", ORDERED)
@given(data=st.data())
def test_stored_values_sort_and_equal_as_the_values_do(name: str, data: st.DataObject) -> None:
    """Invariant: SQLite's ORDER BY, = and < on the stored values say what Python says on the values."""
    codec = codec_by_name(name)
    assert codec.is_ordered
    one, other = data.draw(ORDERED[name]), data.draw(ORDERED[name])
    encode: Callable[[Any], Any] = codec.encode or (lambda value: value)
    if name.startswith("timestamptz"):
        keys = (one.astimezone(dt.UTC), other.astimezone(dt.UTC))
    elif name in {"text", "dynamic:TEXT"}:
        keys = (one.encode(), other.encode())  # code points sort as their UTF-8 does
    else:
        keys = (one, other)
    store = sqlite3.connect(":memory:")
    storage = codec.storage or name.removeprefix("dynamic:")
    store.execute(f"CREATE TABLE t (c {storage})")
    store.executemany("INSERT INTO t VALUES (?)", [(encode(one),), (encode(other),)])

    ordered = [row[0] for row in store.execute("SELECT c FROM t ORDER BY c")]
    is_equal, is_less = store.execute(
        "SELECT a.c = b.c, a.c < b.c FROM t a, t b WHERE a.rowid = 1 AND b.rowid = 2"
    ).fetchone()
    store.close()

    assert (bool(is_equal), bool(is_less)) == (keys[0] == keys[1], keys[0] < keys[1])
    assert ordered == [encode(v) for _, v in sorted(zip(keys, (one, other), strict=True), key=lambda p: p[0])]


@pytest.mark.generated
@pytest.mark.parametrize("name", ORDERED)
@given(data=st.data())
def test_a_parameter_finds_the_equal_value(name: str, data: st.DataObject) -> None:
    """Invariant: a parameter of the column's own type is encoded as the equal column value is."""
    codec = codec_by_name(name)
    value = data.draw(ORDERED[name])
    assume(not (type(value) is str and "\0" in value))
    assume(not (type(value) is float and math.isinf(value)))
    assert codec.parameter is not None

    assert codec.parameter(value) == (value if codec.encode is None else codec.encode(value))


class Int(int):
    """An int that isn't of exactly that type."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integer", True),
        ("integer", 1.0),
        ("integer", "1"),
        ("integer", Int(1)),
        ("integer", 2**63),
        ("unsigned", -1),
        ("unsigned", 2**64),
        ("boolean", 1),
        ("numeric:10:2", Decimal("1.005")),
        ("numeric:10:2", Decimal("NaN")),
        ("numeric:10:2", Decimal("Infinity")),
        ("numeric:10:2", Decimal("1E+999999")),
        ("numeric:10:2", Decimal("1E-999999")),
        ("numeric:10:2", 10**8),
        ("numeric:10:2", 1.5),
        ("numeric:10:2", True),
        ("float", math.nan),
        ("float", math.inf),
        ("float", 2**53 + 1),
        ("float", True),
        ("float", Decimal(1)),
        ("text", b"a"),
        ("text", "a\0"),
        ("text", "\ud800"),
        ("bytes", "a"),
        ("bytes", bytearray(b"a")),
        ("date", dt.datetime(2020, 1, 1)),
        ("date", "2020-01-01"),
        ("date-clamped", dt.date.max),
        ("time", dt.time(1, tzinfo=dt.UTC)),
        ("time-clamped", dt.time(0)),
        ("timestamp", dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        ("timestamp", dt.date(2020, 1, 1)),
        ("timestamp-clamped", dt.datetime.max),  # noqa: DTZ901
        ("timestamptz:utc", dt.datetime(2020, 1, 1)),
        ("timestamptz:utc", dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))),
        ("timestamptz:utc", dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(microseconds=1)))),
        ("uuid", "not a uuid"),
        ("uuid", b"0" * 16),
        ("dynamic:BLOB", math.nan),
        ("dynamic:BLOB", 2**63),
        ("dynamic:BLOB", dt.date(2020, 1, 1)),
    ],
)
def test_a_parameter_that_the_origin_may_compare_otherwise_is_refused(name: str, value: Any) -> None:
    """Another type, or a value that the column can't hold: the origin's own rules decide, not the store's."""
    codec = codec_by_name(name)
    assert codec.parameter is not None

    with pytest.raises(Unrepresentable):
        codec.parameter(value)


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("numeric:10:2", Decimal("1.5000"), 150),
        ("numeric:10:2", Decimal("1E+2"), 10000),
        ("numeric:10:2", Decimal("-0.00"), 0),
        ("numeric:10:2", 7, 700),
        ("numeric:20:1", -1, "0" + "9" * 18 + "89"),
        ("float", 7, 7.0),
        ("float", -0.0, 0.0),
        ("uuid", "550E8400-e29b-41d4-a716-446655440000", bytes.fromhex("550e8400e29b41d4a716446655440000")),
        (
            "timestamptz:utc",
            dt.datetime(2020, 10, 25, 2, 30, fold=1, tzinfo=BERLIN),
            "2020-10-25 01:30:00.000000+00:00",
        ),
    ],
)
def test_a_parameter_in_another_spelling_is_the_same_value(name: str, value: Any, stored: Any) -> None:
    """Where the origin's comparison is certain, how the parameter was written makes no difference."""
    codec = codec_by_name(name)
    assert codec.parameter is not None

    assert same(codec.parameter(value), stored)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("integer", 2**63),
        ("unsigned", -1),
        ("numeric:10:2", Decimal("1.5")),
        ("numeric:10:2", Decimal("-0.00")),
        ("numeric:10:2", Decimal("NaN")),
        ("numeric:10:2", Decimal("123456789.00")),
        ("numeric:30:2", Decimal("-Infinity")),
        ("float", math.nan),
        ("float", -0.0),
        ("text", "\ud800"),
        ("bytes:memoryview", memoryview(b"a")),
        ("date-clamped", dt.date.min),
        ("time", dt.time(1, fold=1)),
        ("time-clamped", dt.time(0)),
        ("timestamp", dt.datetime(2020, 1, 1, fold=1)),
        ("timestamptz:utc", dt.datetime(2020, 1, 1, tzinfo=BERLIN)),
        ("timestamptz:utc", dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC"))),
        ("timestamptz-clamped:utc", dt.datetime.max.replace(tzinfo=dt.UTC)),
        ("timestamptz:zoneinfo:Europe/Berlin", dt.datetime(2020, 3, 29, 2, 30, tzinfo=BERLIN)),
        ("timestamptz:zoneinfo:Europe/Berlin", dt.datetime(2020, 1, 1, fold=1, tzinfo=BERLIN)),
        ("timestamptz:zoneinfo:Europe/Berlin", dt.datetime(1, 1, 1, tzinfo=BERLIN)),
        ("interval", dt.timedelta.max),
        ("json", {1: 2}),
        ("json", (1,)),
        ("json", [Decimal(1)]),
        ("json", ["\ud800"]),
        ("json", [math.nan]),
        ("dynamic:TEXT", 1),
        ("dynamic:REAL", 1),
        ("dynamic:INTEGER", 1.0),
        ("dynamic:NUMERIC", " 12e3 "),
        ("dynamic:BLOB", -0.0),
        ("opaque", object()),
        ("opaque", Int(1)),
        ("opaque", [Int(1)]),
        pytest.param("opaque", [10**5000], id="opaque-many digits"),
    ],
)
def test_a_value_that_would_not_come_back_is_refused(name: str, value: Any) -> None:
    """What the stored form can't tell from another value isn't stored; no chained cause shows it."""
    codec = codec_by_name(name)
    assert codec.encode is not None

    with pytest.raises(Unrepresentable) as caught:
        codec.encode(value)

    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["opaque", "json"])
def test_a_value_nested_without_end_is_refused(name: str) -> None:
    """A list that contains itself, or thousands of lists, is refused rather than left to the interpreter."""
    codec = codec_by_name(name)
    assert codec.encode is not None
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(Unrepresentable):
        codec.encode(endless)


def test_the_callers_decimal_context_changes_nothing() -> None:
    """A context of one digit that traps everything neither rounds nor raises."""
    codec, wide, plain = (
        codec_by_name("numeric:10:2"),
        codec_by_name("numeric:40:2"),
        codec_by_name("decimal"),
    )
    value = Decimal("12345678.90")

    with decimal.localcontext() as context:
        context.prec = 1
        context.capitals = 0
        for signal in context.traps:
            context.traps[signal] = True
        backs = [stored_and_back(value, each) for each in (codec, wide, plain, OPAQUE)]
        stored = codec.parameter(value) if codec.parameter else None

    assert all(same(back, value) for back in backs)
    assert stored == 1234567890


stored_values = st.none() | st.integers() | st.floats() | st.text() | st.binary()
like_stored = st.one_of(
    stored_values,
    st.from_regex(r"[0-9]{1,4}-[0-9]{2}-[0-9]{2}.{0,30}"),
    st.from_regex(
        r'\["[a-z46A-Z.]{1,3}"(, ?("[0-9a-f]*"|-?[0-9]{1,20}|null|\[[0-9,]*\])){0,5}\]', fullmatch=True
    ),
    st.just("[" * 100_000),
    st.just('["l",' * 100_000),
    st.just('["st",["l"]]'),
    st.just('["4n","0.0.0.0/33"]'),
    st.just('["dz","2020-01-01",0,"../../etc/passwd"]'),
    st.just('["asyncpg.bits","","x"]'),
    st.just('["d","1E+99999999999999999999"]'),
)


@pytest.mark.generated
@pytest.mark.parametrize("name", [*_FIXED, *(name for name in ORDERED if name not in _FIXED)])
@given(stored=like_stored)
def test_decoding_a_damaged_value_raises_nothing_but_value_error(name: str, stored: Any) -> None:
    """Invariant: whatever stands in the file, decoding it gives a value or a ValueError."""
    codec = codec_by_name(name)

    for decode in (codec.decode, lambda value: (row_decoder([codec]) or list)([(value,)])):
        if decode is not None:
            with contextlib.suppress(ValueError):
                decode(stored)


@pytest.mark.generated
@given(
    st.text()
    | st.from_regex(r"(numeric|timestamptz|dynamic|uuid):[0-9a-zA-Z:/._-]*", fullmatch=True)
    | st.sampled_from(
        [
            "numeric:0:0",
            "numeric:1001:0",
            "numeric:5:1001",
            "numeric:05:1",
            "numeric:٣:1",
            "numeric:10:2\n",
            "timestamptz:zoneinfo:../../../etc/passwd",
            "timestamptz:zoneinfo:/etc/localtime",
            "timestamptz:zoneinfo:Europe",
            "timestamptz:zoneinfo:",
            "timestamptz:zoneinfo:posixrules",
            "timestamptz:fixed:0",
            "timestamptz:fixed:86400",
            "timestamptz:fixed:99999",
            "timestamptz:zoneinfo:" + "a" * 10_000,
        ]
    )
)
def test_a_name_that_no_codec_has_raises_value_error(name: str) -> None:
    """Invariant: a name from the file gives the codec of exactly that name, or a ValueError."""
    try:
        codec = codec_by_name(name)
    except ValueError:
        return
    assert codec.name == name


@pytest.mark.parametrize("name", ["integer", "opaque", *ORDERED, *UNORDERED])
def test_a_codec_is_found_again_by_its_name(name: str) -> None:
    """The name is all that a snapshot keeps."""
    assert codec_by_name(codec_by_name(name).name) == codec_by_name(name)


def column(kind: Kind, **more: Any) -> Column:
    return Column("c", kind, kind.value, **more)


@pytest.mark.parametrize(
    ("driver", "names"),
    [
        ("psycopg", ("date", "time", "timestamp")),
        ("psycopg2", ("date-clamped", "time-clamped", "timestamp-clamped")),
        ("asyncpg", ("date-clamped", "time", "timestamp-clamped")),
        ("pymysql", ("date", "time", "timestamp")),
        ("mysqldb", ("date-zero", "time", "timestamp-zero")),
        (None, ("date-clamped-zero", "time-clamped", "timestamp-clamped-zero")),
        ("never heard of", ("date-clamped-zero", "time-clamped", "timestamp-clamped-zero")),
    ],
)
def test_a_driver_that_folds_values_together_gets_a_careful_codec(driver: str | None, names: Any) -> None:
    """Infinity given as the last day, 24:00 as midnight, 0000-00-00 as None: each is held as opaque."""
    kinds = (Kind.DATE, Kind.TIME, Kind.TIMESTAMP)

    codecs = [codec_for(column(kind), driver) for kind in kinds]

    assert tuple(codec.name for codec in codecs if codec is not None) == names


def test_none_that_may_be_a_zero_date_makes_the_column_opaque() -> None:
    """A codec whose Nones may be values doesn't take them, so that IS NULL is never asked of them."""
    codec = codec_by_name("date-zero")

    assert codec.takes({dt.date})
    assert not codec.takes({dt.date, type(None)})
    assert codec_by_name("date").takes({dt.date, type(None)})


@pytest.mark.parametrize(
    ("kind", "value", "name"),
    [
        (Kind.BYTES, b"", "bytes"),
        (Kind.BYTES, memoryview(b""), "bytes:memoryview"),
        (Kind.UUID, uuid.UUID(int=1), "uuid"),
        (Kind.UUID, "550e8400-e29b-41d4-a716-446655440000", "opaque"),
        (Kind.JSON, {}, "json"),
        (Kind.JSON, "{}", "json:text"),
        (Kind.JSON, (1,), "opaque"),
        (Kind.TIMESTAMPTZ, dt.datetime(2020, 1, 1, tzinfo=dt.UTC), "timestamptz:utc"),
        (Kind.TIMESTAMPTZ, dt.datetime(2020, 1, 1, tzinfo=BERLIN), "timestamptz:zoneinfo:Europe/Berlin"),
        (
            Kind.TIMESTAMPTZ,
            dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            "timestamptz:fixed:3600",
        ),
        (Kind.TIMESTAMPTZ, dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(0), "GMT")), "opaque"),
        (Kind.TIMESTAMPTZ, dt.datetime(2020, 1, 1), "opaque"),
        (Kind.DATE, "0000-00-00", "opaque"),
        (Kind.NUMERIC, Decimal("1.50"), "decimal"),
        (Kind.INTEGER, True, "opaque"),
        (Kind.DYNAMIC, "x", "dynamic:BLOB"),
    ],
)
def test_the_codec_follows_the_value_where_the_type_does_not_decide(
    kind: Kind, value: Any, name: str
) -> None:
    """Drivers give one type of column as different Python types; what no codec takes is opaque."""
    assert codec_for_value(column(kind), value, "psycopg").name == name


def test_rows_are_decoded_column_by_column() -> None:
    """None stays None, and columns that need no decoding are passed on."""
    codecs = [codec_by_name(name) for name in ("integer", "numeric:5:2", "text", "boolean")]
    decode = row_decoder(codecs)
    assert decode is not None

    rows = decode([(1, 150, "a", 1), (None, None, None, None)])

    assert same(rows, [(1, Decimal("1.50"), "a", True), (None, None, None, None)])


def test_columns_that_are_stored_as_they_are_need_no_decoder() -> None:
    """The store's own rows are handed out."""
    assert row_decoder([codec_by_name("integer"), codec_by_name("text")]) is None


@pytest.mark.generated
@given(
    st.lists(
        st.text() | st.sampled_from(["a", '"', "'''", "\\", "}: __import__('os')", "r0", "\0"]), max_size=6
    )
)
def test_dicts_have_the_columns_names_whatever_they_contain(names: list[str]) -> None:
    """Invariant: a name is data, never source; of a name given twice the last column stands."""
    codecs = [codec_by_name("boolean" if i % 2 else "integer") for i in range(len(names))]
    row = tuple(range(len(names)))[:1] + tuple(1 for _ in names[1:])

    dicts = dict_decoder(codecs, names)([row, row])

    expected = dict(zip(names, (bool(v) if i % 2 else v for i, v in enumerate(row)), strict=True))
    assert same(dicts, [expected, expected])
    assert dicts[0] is not dicts[1]


def test_a_damaged_row_raises_value_error() -> None:
    """One guard around the whole batch does what each codec's own guard does."""
    codecs = [codec_by_name("date")]

    with pytest.raises(ValueError, match="stored value"):
        dict_decoder(codecs, ["d"])([(5,)])


def test_a_value_handed_out_is_the_callers() -> None:
    """Changing a decoded structure changes no later one."""
    decode = row_decoder([codec_by_name("json"), OPAQUE])
    assert decode is not None
    stored = [('{"a":[1]}', '["l",["m",["k",1]]]')]
    first = decode(stored)

    first[0][0]["a"].append(2)
    first[0][1].clear()

    assert decode(stored) == [({"a": [1]}, [{"k": 1}])]
