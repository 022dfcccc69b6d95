"""What is one call and what are two: the canonical encoding of arguments, and where they are bound."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import fractions
import functools
import hashlib
import inspect
import pathlib
import re
import ssl
import subprocess
import sys
import threading
import typing
import uuid
import zoneinfo
from decimal import Decimal

import attrs
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from support.memo_values import SCRIPT, Call, calls, canonical, pairs_of_calls, signatures, values

from sqlmem import CachingEngine, Memo
from sqlmem.memo import Unkeyed, register
from sqlmem.memo.binding import make_binder
from sqlmem.memo.encoding import Encoder


def encoded(value, *, typed=True):
    return Encoder(typed=typed).encode(value)


def is_same(one, other, *, typed=False):
    return encoded(one, typed=typed) == encoded(other, typed=typed)


@pytest.fixture
def memo():
    with Memo(":memory:") as memo:
        yield memo


class Colour(enum.Enum):
    RED = 1
    CRIMSON = 1  # noqa: PIE796 - another name for the same
    BLUE = "1"


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    LOW = 1


@dataclasses.dataclass
class Point:
    x: int
    y: typing.Any = 0
    label: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass
class Place:
    x: int
    y: int = 0


@attrs.define
class Box:
    width: int
    note: str = attrs.field(default="", eq=False)


class Pair(typing.NamedTuple):
    first: object
    second: object


class Keyed:
    def __init__(self, number):
        self.number = number

    def __memo_key__(self):
        return self.number


class Unknown:
    pass


class Registered:
    def __init__(self, number):
        self.number = number


register(Registered, lambda value: value.number)


class Name(str):
    __slots__ = ()


class Tagged(str):  # noqa: SLOT000 - it has a state of its own
    tag: object = None


def module_function(value):
    return value


class Kind:
    @staticmethod
    def of(memo):
        return memo(lambda cls, year: (cls.__name__, year))


# -- named wrong answers ---------------------------------------------------------------------

DIFFERENT = {
    "numbers of other signs": (-1.0, -2.0),
    "minus one and minus two, which hash alike": (-1, -2),
    "nested lists": ([[1], 2], [[1, 2]]),
    "one text and two": (("a b",), ("a", "b")),
    "a text and a list of it": ("ab", ["a", "b"]),
    "texts that join alike": (("ab", "c"), ("a", "bc")),
    "a number and its text": (1, "1"),
    "a text and bytes": ("a", b"a"),
    "bytes and bytearray": (b"a", bytearray(b"a")),
    "a tuple and a list": ((1, 2), [1, 2]),
    "a set and a frozenset": ({1}, frozenset({1})),
    "a dict and its items": ({"a": 1}, [("a", 1)]),
    "None and its text": (None, "None"),
    "None and an empty text": (None, ""),
    "zero and minus zero": (0.0, -0.0),
    "floats that differ in the last bit": (0.1 + 0.2, 0.3),
    "long integers": (2**200, 2**200 + 1),
    "scales of a decimal": (Decimal("1.5"), Decimal("1.50")),
    "a date and its midnight": (dt.date(2024, 1, 1), dt.datetime(2024, 1, 1)),
    "one moment in two zones": (
        dt.datetime(2024, 1, 1, 12, tzinfo=dt.UTC),
        dt.datetime(2024, 1, 1, 13, tzinfo=dt.timezone(dt.timedelta(hours=1))),
    ),
    "a naive moment and one in UTC": (dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
    "both sides of a fold": (
        dt.datetime(2024, 10, 27, 2, 30, fold=0, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    ),
    "zones of one offset": (
        dt.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        dt.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
    ),
    "microseconds": (dt.timedelta(microseconds=1), dt.timedelta(microseconds=2)),
    "a path and its text": (pathlib.PurePosixPath("/a"), "/a"),
    "paths of two systems": (pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a")),
    "members of an enum": (Colour.RED, Colour.BLUE),
    "an enum's member and its value": (Colour.RED, 1),
    "flags": (Right.READ, Right.READ | Right.WRITE),
    "fields of a dataclass": (Point(1, 2), Point(2, 1)),
    "dataclasses of two classes": (Point(1, 0), Place(1, 0)),
    "a dataclass and its fields": (Point(1, 2), (1, 2)),
    "a named tuple and a tuple": (Pair(1, 2), (1, 2)),
    "attrs": (Box(1), Box(2)),
    "orders of an ordered dict": (
        collections.OrderedDict(a=1, b=2),
        collections.OrderedDict(b=2, a=1),
    ),
    "factories of a default dict": (collections.defaultdict(int), collections.defaultdict(list)),
    "ranges": (range(3), range(4)),
    "lengths of a deque": (collections.deque([1], 2), collections.deque([1], 3)),
    "a class and its name": (int, "int"),
    "functions": (len, sorted),
    "partials": (functools.partial(module_function, 1), functools.partial(module_function, 2)),
    "flags of a pattern": (re.compile("a"), re.compile("a", re.IGNORECASE)),
    "fractions": (fractions.Fraction(1, 3), fractions.Fraction(1, 2)),
    "a subclass of str": (Name("a"), "a"),
    "lone surrogates": ("\ud800", "\ud801"),
    "a complex and a float": (1 + 0j, 1.5),
    "nan and None": (float("nan"), None),
    "infinities": (float("inf"), float("-inf")),
    "UUIDs": (uuid.UUID(int=1), uuid.UUID(int=2)),
    "Ellipsis and its text": (..., "Ellipsis"),
}


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("name", DIFFERENT)
def test_two_values_are_two(name, typed):
    """What differs has different bytes, with types and without."""
    one, other = DIFFERENT[name]

    assert not is_same(one, other, typed=typed)
    assert is_same(one, one, typed=typed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({1, 2, 3}, {3, 2, 1}),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"x": {1: 2, 3: 4}}, {"x": {3: 4, 1: 2}}),
        (Colour.RED, Colour.CRIMSON),
        (Point(1, 2, "a"), Point(1, 2, "b")),
        (Box(1, "a"), Box(1, "b")),
        (Keyed(1), Keyed(1)),
        (Registered(1), Registered(1)),
        (fractions.Fraction(2, 4), fractions.Fraction(1, 2)),
        (pathlib.PurePosixPath("a//b"), pathlib.PurePosixPath("a/b")),
    ],
)
def test_order_and_what_is_not_compared_make_no_difference(one, other):
    """Equal values have equal bytes, however they came about."""
    assert is_same(one, other, typed=True)


def test_numbers_that_are_equal_are_one_unless_typed():
    """1, 1.0 and True, as functools has it; at every depth."""
    assert is_same(1, 1.0)
    assert is_same(1, True)
    assert is_same([1, {"a": 2.0}], [1.0, {"a": 2}])
    assert is_same(2.0**80, 2**80)
    for one, other in ((1, 1.0), (1, True), (0, False), ([1], [1.0])):
        assert not is_same(one, other, typed=True)
    assert not is_same(1.5, 1)


# -- numpy and pandas ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.array([1, 2]), np.array([2, 1])),
        (np.array([1, 2]), np.array([[1, 2]])),
        (np.array([1, 2], dtype="i4"), np.array([1, 2], dtype="i8")),
        (np.array([1.0]), [1.0]),
        (np.array(["a", None], dtype=object), np.array(["a", "None"], dtype=object)),
        (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
        (np.float32(1), np.float64(1)),
        (np.datetime64("2024-01-01", "D"), np.datetime64("2024-01-01", "s")),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 3]})),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"b": [1, 2]})),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1.0, 2.0]})),
        (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2]}, index=[1, 2])),
        (pd.Series([1, 2], name="a"), pd.Series([1, 2], name="b")),
        (pd.Series(["a", None]), pd.Series(["a", "None"])),
        (pd.Series(["a", "b"], dtype="category"), pd.Series(["a", "b"])),
        (pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="UTC")),
        (pd.Timestamp(1), pd.Timestamp(2)),
        (pd.NA, None),
        (pd.NA, pd.NaT),
        (pd.period_range("2024", periods=2, freq="Y"), pd.period_range("2024", periods=2, freq="M")),
        (pd.MultiIndex.from_tuples([(1, 2)]), pd.MultiIndex.from_tuples([(2, 1)])),
    ],
)
def test_arrays_and_frames_are_told_apart(one, other):
    """By type, shape and content, without numpy or pandas being imported for it."""
    assert not is_same(one, other)
    assert is_same(one, one)


def test_an_array_is_its_content_however_it_lies_in_memory():
    """A view with other strides is the same array."""
    array = np.arange(6).reshape(2, 3)

    assert is_same(array, np.asfortranarray(array))
    assert is_same(array[:, ::2], array[:, ::2].copy())


def test_structured_arrays_are_their_fields():
    """What lies between the fields is nobody's."""
    kind = np.dtype([("a", "i1"), ("b", "i8")], align=True)
    one, other = np.zeros(2, dtype=kind), np.zeros(2, dtype=kind)
    other.view("u1")[1] = 7  # padding

    assert is_same(one, other)
    other["b"][1] = 1
    assert not is_same(one, other)


# -- what stands for a database --------------------------------------------------------------


def test_engines_connections_and_sessions_stand_for_their_database(tmp_path):
    """Any of them on one database is the same argument; another database is another."""
    one, again = (sa.create_engine(f"sqlite:///{tmp_path / 'a.db'}") for _ in range(2))
    other = sa.create_engine(f"sqlite:///{tmp_path / 'b.db'}")

    with one.connect() as connection, Session(one) as session:
        assert is_same(one, again)
        assert is_same(connection, one)
        assert is_same(session, one)
        assert not is_same(one, other)
    with CachingEngine(one, cache_db="") as caching:
        assert is_same(caching, one)
    for engine in (one, again, other):
        engine.dispose()


def test_the_password_is_no_part_of_a_database_and_the_user_is():
    """A changed password forgets nothing, another user may see something else."""
    urls = ["postgresql+psycopg://a:x@h/d", "postgresql+psycopg://a:y@h/d", "postgresql+psycopg://b:x@h/d"]
    first, second, third = (sa.create_engine(url) for url in urls)

    assert is_same(first, second)
    assert not is_same(first, third)


def test_what_an_engine_connects_by_beside_its_address_tells_databases_apart():
    """`connect_args`, without secrets; what is in the address anyway, and names of programs, say nothing."""
    url = "postgresql+psycopg://a:x@h/d"

    def engine(**arguments):
        return sa.create_engine(url, connect_args=arguments)

    assert is_same(sa.create_engine(url), engine(dbname="d", password="y", application_name="night"))
    assert is_same(engine(options="-c search_path=one"), engine(options="-c search_path=one"))
    assert not is_same(engine(options="-c search_path=one"), engine(options="-c search_path=two"))
    assert not is_same(sa.create_engine(url), engine(dbname="other"))
    one, two = ({"search_path": name, "application_name": name} for name in ("one", "two"))
    assert not is_same(engine(server_settings=one), engine(server_settings=two))
    assert is_same(engine(server_settings=one), engine(server_settings=one | {"application_name": "else"}))
    assert not is_same(engine(options=["one"]), engine(options=["two"]))
    odd = engine(through=object())
    assert is_same(odd, odd)
    assert not is_same(odd, engine(through=object()))
    assert is_same(engine(ssl=ssl.create_default_context()), engine(ssl=ssl.create_default_context()))


def connected():
    raise NotImplementedError


def also_connected():
    raise NotImplementedError


def test_a_creator_is_where_an_engine_is_connected_to():
    """One of a module means the same to all; another one only to itself."""

    def engine(creator):
        return sa.create_engine("postgresql+psycopg://", creator=creator)

    def bound(name):
        return lambda: name

    one, other = bound("one"), bound("other")
    assert is_same(engine(connected), engine(connected))
    assert not is_same(engine(connected), engine(also_connected))
    assert is_same(engine(one), engine(one))
    assert not is_same(engine(one), engine(other))
    with CachingEngine(engine(one), cache_db="") as caching:
        assert is_same(caching, engine(one))


def test_who_listens_to_do_connect_may_connect_to_anything():
    """As a creator."""
    url = "postgresql+psycopg://a@h/d"

    def engine(listener):
        made = sa.create_engine(url)
        sa.event.listen(made, "do_connect", listener)
        return made

    def bound(name):
        def listener(dialect, record, arguments, keywords):
            keywords["dbname"] = name

        return listener

    assert not is_same(sa.create_engine(url), engine(bound("one")))
    assert not is_same(engine(bound("one")), engine(bound("two")))


def test_two_databases_in_memory_are_two():
    """Their addresses are the same, their contents aren't."""
    one, other = sa.create_engine("sqlite://"), sa.create_engine("sqlite://")

    assert is_same(one, one)
    assert not is_same(one, other)


def test_another_schema_is_another_database(tmp_path):
    """schema_translate_map changes which tables a name means."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'a.db'}")

    assert not is_same(engine, engine.execution_options(schema_translate_map={None: "other"}))


# -- what can't be a key ---------------------------------------------------------------------


def test_an_unknown_type_names_the_argument_and_says_what_to_do(memo):
    """The way to the value, and three ways out."""

    @memo
    def report(region, *, options):
        return region, options

    with pytest.raises(TypeError) as caught:
        report("north", options={"deep": [1, Unknown()]})

    assert isinstance(caught.value, Unkeyed)
    text = str(caught.value)
    assert "argument options['deep'][1]" in text
    assert "Unknown" in text
    assert all(way in text for way in ("__memo_key__", "register", "ignore="))


def made_class():
    class Local:
        pass

    return Local


@pytest.mark.parametrize("value", [lambda x: x, threading.Lock(), iter([1]), made_class()])
def test_what_has_no_form_is_refused(value):
    """Nothing is guessed: what was made inside a function has the name of others, too."""
    with pytest.raises(Unkeyed):
        encoded(value)


def test_rows_of_results_are_their_names_and_values(tmp_path):
    """Of SQLAlchemy and of `execute`."""
    base = sa.create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with base.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER, b TEXT)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1, 'x')")
    with CachingEngine(base, cache_db="") as engine, engine.connect() as connection:
        rows = engine.execute("SELECT a, b FROM t")
        (row,) = connection.execute(sa.text("SELECT a, b FROM t")).all()
        (other,) = connection.execute(sa.text("SELECT a, b AS c FROM t")).all()
        assert is_same(rows, [{"a": 1, "b": "x"}])
        assert is_same(row, row)
        assert not is_same(row, other)
        assert not is_same(row, (1, "x"))
        assert not is_same(row._mapping, {"a": 1, "b": "x"})
    base.dispose()


def test_a_subclass_with_a_state_of_its_own_is_refused():
    """What it holds beside its text could tell two of them apart."""
    value = Tagged("a")
    assert encoded(value)
    value.tag = 1

    with pytest.raises(Unkeyed):
        encoded(value)


def test_what_contains_itself_is_refused():
    """And not followed until the stack is full."""
    value: list = []
    value.append(value)

    with pytest.raises(Unkeyed, match="nested too deeply"):
        encoded(value)


def test_a_lambda_that_is_closed_over_is_refused_at_decoration(memo):
    """Without it, two functions made by one factory would be one."""

    def make(function):
        @memo
        def apply(value):
            return function(value)

        return apply

    with pytest.raises(Unkeyed, match=r"function, which .* closes over"):
        make(lambda value: value + 1)


def test_functions_made_by_one_factory_are_two(memo):
    """What an inner function closes over is part of its key."""

    def make(number):
        @memo
        def add(value):
            return value + number

        return add

    one, two = make(1), make(2)

    assert (one(1), two(1)) == (2, 3)
    assert (one(1), two(1)) == (2, 3)


# -- spelling --------------------------------------------------------------------------------


def test_the_same_arguments_in_any_spelling_are_one_call(memo):
    """Positional, by keyword, a default left out or given."""
    calls = []

    @memo
    def report(region, /, year=2024, *rest, style="a", **more):
        calls.append(region)
        return len(calls)

    assert report("n") == report("n", 2024) == report("n", year=2024) == report("n", 2024, style="a") == 1
    assert report("n", b=1, a=2) == report("n", a=2, b=1) == 2
    assert len(calls) == 2


def test_a_positional_only_name_beside_the_same_name_among_the_keywords_is_another_argument(memo):
    """f(1, a=2) isn't f(2, a=1)."""

    @memo
    def pair(a, /, **keywords):
        return a, keywords

    assert pair(1, a=2) == (1, {"a": 2})
    assert pair(2, a=1) == (2, {"a": 1})
    assert pair(1) == (1, {})


def test_more_positionals_are_not_one_tuple(memo):
    """f(1, 2) isn't f((1, 2)), and f() isn't f(())."""

    @memo
    def rest(*values):
        return values

    assert rest(1, 2) == (1, 2)
    assert rest((1, 2)) == ((1, 2),)
    assert rest() == ()
    assert rest(()) == ((),)


def test_a_call_that_does_not_bind_fails_in_the_functions_own_name(memo):
    """As without the memo."""

    @memo
    def report(region):
        return region

    with pytest.raises(TypeError, match=r"report\(\) missing 1 required positional argument: 'region'"):
        report()


def test_without_defaults_a_default_that_is_left_out_is_no_part_of_the_key(memo):
    """A function that gains an argument keeps what it remembers."""

    def before(region):
        return region

    def after(region, year=2024):
        return region, year

    one, two = (memo(name="report", defaults=False)(function) for function in (before, after))

    assert one.key("n") == two.key("n")
    assert two.key("n") != two.key("n", 2024)
    with_defaults = [memo(name="report")(function) for function in (before, after)]
    assert with_defaults[0].key("n") != with_defaults[1].key("n")


def test_module_name_version_and_code_are_part_of_the_key(memo):
    """Two functions of one name in two modules are two; another version is another."""

    def report(region):
        return region

    plain = memo(report)
    report.__module__ = "elsewhere"
    moved = memo(report)

    assert plain.key("n") != moved.key("n")
    assert memo(version=1)(report).key("n") != memo(version=2)(report).key("n")
    assert memo(code=True)(report).key("n") != memo(report).key("n")


def test_the_code_is_the_source_whatever_python_makes_of_it(memo, monkeypatch):
    """The same text is the same code, another text another."""
    import linecache

    def make(text):
        name = f"<made {text!r}>"
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        namespace = {"__name__": "made"}
        exec(compile(text, name, "exec"), namespace)
        return namespace["report"]

    one, again, other = map(
        make,
        [
            "def report(x):\n    return x\n",
            "def report(x):\n    return x\n",
            "def report(x):\n    return 1\n",
        ],
    )

    keys = [memo(code=True)(function).key(1) for function in (one, again, other)]
    assert keys[0] == keys[1] != keys[2]
    nowhere = {"__name__": "made"}
    exec("def report(x): return x", nowhere)
    # As Python 3.13 keeps what `python -c` was given, which is another text.
    monkeypatch.setitem(linecache.cache, "<string>", (9, None, ["import os\n"], "<string>"))
    with pytest.raises(TypeError, match="version="):
        memo(code=True)(nowhere["report"])


def test_ignore_require_and_key(memo):
    """What is left out, without what a call isn't remembered, and what stands for the arguments."""
    calls = []

    @memo(ignore="verbose", require=("region",))
    def report(region="n", verbose=False, **more):
        calls.append((region, verbose))
        return region

    report(region="n", verbose=True)
    report("n")
    assert len(calls) == 1
    report()
    report()
    assert len(calls) == 3

    @memo(key=lambda text: text.casefold())
    def fold(text):
        calls.append(text)
        return text

    assert fold("A") == fold("a") == "A"


def test_a_misspelt_name_is_an_error_at_decoration(memo):
    """Left to itself it would be part of the key."""
    with pytest.raises(TypeError, match="ignore=verbos: no such argument"):
        memo(ignore=("verbos",))(lambda verbose: verbose)
    with pytest.raises(TypeError, match="no such option: maxsiz"):
        memo(maxsiz=1)


def test_methods_by_their_own_key_or_without_self(memo):
    """`self` is an argument like others."""

    class Shop:
        def __init__(self, number):
            self.number = number

        def __memo_key__(self):
            return self.number

        @memo
        def report(self, year):
            return self.number, year

        @memo(ignore=("self",))
        def rate(self, year):
            return year, self.number

        @staticmethod
        @memo
        def plain(year):
            return year

    assert Shop(1).report(5) == Shop(1).report(year=5) == (1, 5)
    assert Shop(2).report(5) == (2, 5)
    assert Shop(1).rate(5) == Shop(2).rate(5) == (5, 1)
    assert Kind.of(memo)(Kind, 5) == ("Kind", 5)
    assert Shop.plain(5) == 5

    class Bare:
        @memo
        def report(self, year):
            return year

    with pytest.raises(Unkeyed, match="argument self of"):
        Bare().report(5)


# -- properties ------------------------------------------------------------------------------


@given(values, values, st.booleans())
@pytest.mark.generated
def test_equal_values_have_equal_bytes_and_different_ones_different_bytes(one, other, typed):
    """Invariant: two values have the same bytes exactly if they are the same, by an independent measure."""
    is_equal = canonical(one, typed=typed) == canonical(other, typed=typed)

    assert is_same(one, other, typed=typed) is is_equal


@given(st.lists(values, max_size=3), st.lists(values, max_size=3))
@pytest.mark.generated
def test_values_side_by_side_are_not_mixed_up(one, other):
    """Invariant: the bytes of a list are its items', never another division of them."""
    is_equal = canonical(one, typed=True) == canonical(other, typed=True)

    assert is_same(one, other, typed=True) is is_equal


@given(st.data())
@pytest.mark.generated
def test_a_generated_signature_binds_as_python_does(data):
    """Invariant: the generated binder gives what inspect.Signature gives, defaults applied."""
    signature = data.draw(signatures)
    call: Call = data.draw(calls(signature))
    binder = make_binder(signature, defaults=True)
    bound = signature.bind(*call.arguments, **call.keywords)
    bound.apply_defaults()

    assert binder(*call.arguments, **call.keywords) == tuple(bound.arguments[n] for n in signature.parameters)


@given(st.data())
@pytest.mark.generated
def test_equal_calls_have_equal_keys_and_different_calls_different_keys(data):
    """Invariant: over generated signatures, two calls have one key exactly if what is bound is the same."""
    signature = data.draw(signatures)
    one, other = data.draw(pairs_of_calls(signature))

    def function(*arguments, **keywords):
        raise AssertionError

    function.__signature__ = signature
    function.__qualname__ = "function"
    with Memo(":memory:") as memo:
        memoized = memo(name="f", typed=True)(function)
        is_one = memoized.key(*one.arguments, **one.keywords) == memoized.key(
            *other.arguments, **other.keywords
        )

    assert is_one is (one.bound(signature) == other.bound(signature))


def test_keys_are_the_same_in_processes_with_other_hash_seeds(tmp_path):
    """Nothing of the bytes depends on hash(), the order of sets or on addresses."""
    outputs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("0", "1", "4242")
    ]

    assert outputs[0] == outputs[1] == outputs[2]
    assert len(set(outputs[0].splitlines())) > 100


def test_keys_are_those_of_earlier_versions():
    """Known keys: a change of them forgets what users have stored, and must be meant."""
    known = [
        (None, b"N0:"),
        (1, b"i1:1"),
        (-255, b"i3:-ff"),
        ("é", b"s2:\xc3\xa9"),
        ((1, [2.5, b"x"]), b"(23:i1:1[15:f8:@\x04\0\0\0\0\0\0y1:x"),
        ({"b": 1, "a": {2}}, b"m26::11:s1:a{4:i1:2:8:s1:bi1:1"),
        (Decimal("1.50"), b"d4:1.50"),
        (dt.date(2024, 2, 29), b"D10:2024-02-29"),
    ]

    assert [(value, encoded(value, typed=False)) for value, _ in known] == known

    def report(region, *, year=2024):
        raise AssertionError

    report.__module__, report.__qualname__ = "app", "report"
    with Memo(":memory:") as memo:
        assert memo(report).key("north") == "3dc364a6136406319f0ee487a279961f0bf7cbc11a0dec5b786c9c729e836482"


def test_keys_are_the_same_in_every_version_of_python():
    """A digest over values of all known types of the standard library; the gate runs on each version."""
    known = [
        *(None, 1, -5, 2**70, 1.5, -0.0, 1e300, float("inf"), True, "é\ud800", b"x", bytearray(b"y"), 1j),
        *(Decimal("1.50"), fractions.Fraction(1, 3), dt.date(2024, 1, 1), dt.time(1), dt.timedelta(1)),
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo("UTC")),
        *(uuid.UUID(int=1), re.compile("a", re.IGNORECASE), pathlib.PurePosixPath("a"), {1, "a", None}),
        *({"b": 1, "a": [1]}, collections.OrderedDict(a=1), collections.defaultdict(int, a=1)),
        *(collections.deque([1]), range(3), slice(1, 2), len, int, functools.partial(len, 1), ...),
        *(memoryview(b"ab"), re, "a".upper),
    ]

    digest = hashlib.sha256(b"".join(encoded(value, typed=t) for value in known for t in (True, False)))

    assert digest.hexdigest() == "e6ad2f59020b5fa4c7c8912826a4034eaa2e89d59d4e14eb64245dd8a2b673c1"


def test_the_pure_modules_import_nothing_impure():
    """Encoding and binding do no I/O, take no lock and ask no clock."""
    for name in ("encoding", "binding"):
        module = inspect.getmodule(sys.modules[f"sqlmem.memo.{name}"])
        source = inspect.getsource(module)
        assert not re.search(r"^(?:import|from) (?:os|threading|time|sqlite3|socket)\b", source, re.MULTILINE)
