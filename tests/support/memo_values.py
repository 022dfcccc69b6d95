"""Generated values, signatures and calls, and an independent measure of whether two are the same."""

from __future__ import annotations

import datetime as dt
import inspect
import struct
import uuid
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(allow_nan=True),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0]),
    st.text(max_size=4),
    st.sampled_from(["", "1", "True", "None", "a", "ab", "i1:1", "s1:a"]),
    st.binary(max_size=4),
    st.decimals(-1000, 1000, places=3) | st.sampled_from([Decimal("1.5"), Decimal("1.50")]),
    st.fractions(),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.timezones()),
    st.times(),
    st.timedeltas(),
    st.uuids(),
    st.complex_numbers(allow_nan=False),
)
_hashable = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.tuples(inner), st.tuples(inner, inner), st.frozensets(inner, max_size=3)),
)
values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.tuples(inner),
        st.dictionaries(_hashable, inner, max_size=3),
        st.sets(_hashable, max_size=3),
    ),
    max_leaves=5,
)


def canonical(value: Any, *, typed: bool) -> Any:
    """A hashable value that is equal for two values exactly if they are the same argument."""
    kind = type(value)
    if value is None or kind in (str, bytes, dt.date, dt.timedelta, uuid.UUID, Fraction):
        return kind.__name__, value
    if kind in (bool, int):
        return (kind.__name__ if typed else "number"), int(value)
    if kind is float:
        is_whole = value.is_integer() and struct.pack(">d", value) != struct.pack(">d", -0.0)
        if not typed and is_whole:
            return "number", int(value)
        return "float", struct.pack(">d", value)
    if kind is complex:
        return "complex", struct.pack(">dd", value.real, value.imag)
    if kind is Decimal:
        return "Decimal", value.as_tuple()
    if kind in (dt.datetime, dt.time):
        zone = value.tzinfo
        return (
            kind.__name__,
            value.replace(tzinfo=None, fold=0),
            value.fold,
            None if zone is None else (type(zone).__name__, str(zone)),
        )
    if kind in (list, tuple):
        return kind.__name__, tuple(canonical(item, typed=typed) for item in value)
    if kind in (set, frozenset):
        # Not a set: 1 and 1.5 of one type, but also what is equal to Python and not to us.
        return kind.__name__, frozenset(canonical(item, typed=typed) for item in value)
    assert kind is dict
    items = ((canonical(key, typed=typed), canonical(item, typed=typed)) for key, item in value.items())
    return "dict", frozenset(items)


_KINDS = inspect.Parameter


@st.composite
def _signatures(draw: Any) -> inspect.Signature:
    names = iter("abcdefgh")
    parameters = []
    has_default = False
    for kind in (_KINDS.POSITIONAL_ONLY, _KINDS.POSITIONAL_OR_KEYWORD):
        for _ in range(draw(st.integers(0, 2))):
            has_default = has_default or draw(st.booleans())
            default = draw(st.sampled_from([None, 0, "x"])) if has_default else _KINDS.empty
            parameters.append(_KINDS(next(names), kind, default=default))
    if draw(st.booleans()):
        parameters.append(_KINDS("args", _KINDS.VAR_POSITIONAL))
    for _ in range(draw(st.integers(0, 2))):
        default = draw(st.sampled_from([_KINDS.empty, None, 1]))
        parameters.append(_KINDS(next(names), _KINDS.KEYWORD_ONLY, default=default))
    if draw(st.booleans()):
        parameters.append(_KINDS("kwargs", _KINDS.VAR_KEYWORD))
    return inspect.Signature(parameters)


signatures = _signatures()
_small = st.sampled_from([0, 1, "", "x", None, (), (0,), 1.0, "1", [0], {"a": 0}])


@dataclass(frozen=True)
class Call:
    """A call that binds."""

    arguments: tuple[Any, ...]
    keywords: dict[str, Any]

    def bound(self, signature: inspect.Signature) -> Any:
        bound = signature.bind(*self.arguments, **self.keywords)
        bound.apply_defaults()
        return tuple((name, canonical(value, typed=True)) for name, value in bound.arguments.items())


@st.composite
def calls(draw: Any, signature: inspect.Signature) -> Call:
    arguments: list[Any] = []
    keywords: dict[str, Any] = {}
    is_positional = True
    for parameter in signature.parameters.values():
        is_left_out = parameter.default is not _KINDS.empty and draw(st.booleans())
        if parameter.kind is _KINDS.VAR_POSITIONAL:
            if is_positional:
                arguments += draw(st.lists(_small, max_size=2))
        elif parameter.kind is _KINDS.VAR_KEYWORD:
            # Names of positional-only parameters are free among the keywords; but of one that is left
            # out, inspect.Signature.bind doesn't know that in Python 3.11.
            free = [
                name
                for number, (name, each) in enumerate(signature.parameters.items())
                if (each.kind is _KINDS.POSITIONAL_ONLY and number < len(arguments))
                or each.kind is _KINDS.VAR_POSITIONAL
            ]
            names = st.sampled_from([*free, "x", "y"])
            keywords |= {
                name: value
                for name, value in draw(st.dictionaries(names, _small, max_size=2)).items()
                if name not in keywords
            }
        elif is_left_out:
            is_positional = False
        elif parameter.kind is _KINDS.KEYWORD_ONLY:
            keywords[parameter.name] = draw(_small)
        elif parameter.kind is _KINDS.POSITIONAL_ONLY:
            if is_positional:
                arguments.append(draw(_small))
        else:
            is_positional = is_positional and draw(st.booleans())
            value = draw(_small)
            if is_positional:
                arguments.append(value)
            else:
                keywords[parameter.name] = value
    return Call(tuple(arguments), keywords)


@st.composite
def pairs_of_calls(draw: Any, signature: inspect.Signature) -> tuple[Call, Call]:
    """Two calls; often the same one in another spelling, or with one value changed."""
    one: Call = draw(calls(signature))
    if draw(st.booleans()):
        return one, draw(calls(signature))
    bound = signature.bind(*one.arguments, **one.keywords)
    if draw(st.booleans()):
        bound.apply_defaults()
    return one, Call(bound.args, bound.kwargs)


# Prints keys of many values; run with other hash seeds, it must print the same.
SCRIPT = """
import hashlib
import sqlmem.memo.encoding as encoding
from hypothesis import HealthCheck, given, settings, strategies as st
from support.memo_values import values

@settings(max_examples=200, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(values)
def show(value):
    wrapped = [{"k", "l", ("m", 1)}, {"z": value, "y": frozenset("abc")}, value]
    print(hashlib.sha256(encoding.Encoder(typed=False).encode(wrapped)).hexdigest())

show()
"""
