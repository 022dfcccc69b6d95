"""Invariant: arguments as `hot` writes them out are those that `arguments_of` gives, or fail as it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlmem.arguments import arguments_of, shape_of, text_of
from sqlmem.codecs import Unrepresentable
from sqlmem.codecs.unchanged import Unchanged, leaving, unchanged_by
from sqlmem.conversions import converter
from sqlmem.dialects import BY_FAMILY
from sqlmem.model import Column, Kind
from sqlmem.plan import Argument, Refuse

Parameters = Mapping[str, Any] | tuple[Any, ...]


def written(arguments: list[Argument], positions: int) -> Callable[[Parameters], tuple[Any, ...]]:
    """The function that the text makes."""
    shape, bindings = shape_of(arguments, positions)
    names, lines, taken = text_of(shape)
    body = "".join(f"        {line}\n" for line in lines)
    head = f"def make(bindings):\n    {names} = bindings\n    def function(parameters):\n"
    text = f"{head}{body}        return {taken}\n    return function"
    namespace: dict[str, Any] = {"Mapping": Mapping}
    exec(text, namespace)
    function: Callable[[Parameters], tuple[Any, ...]] = namespace["make"](bindings)
    return function


def outcome(function: Callable[[], Any]) -> Any:
    """What comes of it; None if nothing does: whoever asks makes no difference between these errors."""
    try:
        return [(type(value), value) for value in function()]
    except (Unrepresentable, LookupError, TypeError):
        return None


def doubled(value: Any) -> Any:
    if type(value) is str:
        raise Unrepresentable("a text")
    return value * 2


def small(value: Any) -> Any:
    if type(value) is int and -8 <= value < 8:
        return value
    raise Unrepresentable("not a small integer")


leaving(small, Unchanged(-8, 7))

KEYS = st.sampled_from(["a", "b", 0, 1, None])
ARGUMENTS = st.lists(
    st.builds(
        Argument,
        key=KEYS,
        constant=st.integers() | st.text(max_size=2),
        convert=st.sampled_from([None, doubled, small]),
        refuses_null=st.booleans(),
    ),
    max_size=30,
)
VALUES = st.none() | st.booleans() | st.integers(-12, 12) | st.text(max_size=2) | st.floats(allow_nan=False)
PARAMETERS = st.dictionaries(st.sampled_from(["a", "b", 0, 1]), VALUES) | st.lists(VALUES, max_size=3).map(
    tuple
)


@given(arguments=ARGUMENTS, parameters=PARAMETERS)
def test_the_text_does_what_the_function_does(arguments: list[Argument], parameters: Parameters) -> None:
    """Also for another number of parameters, missing names, and more arguments than are written out."""
    keys = [argument.key for argument in arguments if argument.key is not None]
    if len({type(key) for key in keys}) > 1:
        return  # a driver has one style
    positions = max((key + 1 for key in keys if isinstance(key, int)), default=0)
    expected = outcome(lambda: arguments_of(arguments, positions, parameters))
    assert outcome(lambda: written(arguments, positions)(parameters)) == expected


TYPES = {
    "postgresql": ("SMALLINT", "INTEGER", "BIGINT"),
    "mysql": ("tinyint(4)", "int(11)", "bigint(20)"),
    "sqlite": ("INTEGER",),
}
DRIVERS = {"postgresql": ("psycopg", "psycopg2", "asyncpg"), "mysql": ("pymysql",), "sqlite": ("pysqlite",)}


@pytest.mark.parametrize("is_compared", [False, True])
@pytest.mark.parametrize("family", TYPES)
def test_integers_that_a_conversion_is_said_to_leave_it_leaves(family: str, is_compared: bool) -> None:
    """At both ends of what is said, and between; beyond them the type's own bound refuses."""
    known = 0
    for driver in DRIVERS[family]:
        for name in TYPES[family]:
            column = Column("c", Kind.INTEGER, name)
            for cast in (None, column, Column("c", Kind.INTEGER, TYPES[family][0])):
                try:
                    convert = converter(column, cast, BY_FAMILY[family], driver, is_compared=is_compared)
                except Refuse:
                    continue
                unchanged = unchanged_by(convert)
                if unchanged is None:
                    continue
                known += 1
                for value in (unchanged.low, unchanged.low + 1, -1, 0, 1, unchanged.high - 1, unchanged.high):
                    assert convert(value) is value
                for value in (unchanged.low - 1, unchanged.high + 1):
                    with pytest.raises(Unrepresentable):
                        convert(value)
    assert known


@pytest.mark.parametrize("driver", ["asyncpg", "pg8000"])
def test_an_integer_that_the_column_cannot_hold_is_an_error_where_a_parameter_takes_its_type(
    driver: str,
) -> None:
    """The origin's own, of drivers that leave the type to it; the others send one that fits."""
    column = Column("c", Kind.INTEGER, "INTEGER")
    convert = converter(column, None, BY_FAMILY["postgresql"], driver, is_compared=True)
    usual = converter(column, None, BY_FAMILY["postgresql"], "psycopg", is_compared=True)

    assert convert(2**31 - 1) == 2**31 - 1
    assert usual(2**53 + 1) == 2**53 + 1
    with pytest.raises(Unrepresentable):
        convert(2**53 + 1)
