"""Codecs of a SQLite origin's columns: the store is the same engine, and keeps the values as they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlmem.codecs import lists
from sqlmem.codecs.base import (
    INT64_LIMIT,
    Codec,
    Function,
    Unrepresentable,
    encode_integer,
    encode_text,
    make_codec,
)
from sqlmem.codecs.numbers import encode_float

_DYNAMIC_TYPES = frozenset({int, float, str, bytes})

# Text that an affinity might turn into a number; some of it that none would, but all that one could.
_NUMBER_LIKE = re.compile(r"[ \t\n\v\f\r]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\n\v\f\r]*")


def affinity_of(declared: str | None) -> str:
    name = (declared or "BLOB").upper()
    return name if name in _CHANGED_BY else "BLOB" if name == "NONE" else "NUMERIC"


def _changed_by_text(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _changed_by_real(value: Any) -> bool:
    return type(value) is int or (type(value) is str and _NUMBER_LIKE.fullmatch(value) is not None)


def _changed_by_numeric(value: Any) -> bool:
    if type(value) is float:
        return value.is_integer() and abs(value) < INT64_LIMIT
    return type(value) is str and _NUMBER_LIKE.fullmatch(value) is not None


# affinity -> whether storing the value under it would change the value. A table's values were already
# stored under it once; a view's, of which only the declaration has one, were not.
_CHANGED_BY: dict[str, Callable[[Any], bool]] = {
    "BLOB": lambda _value: False,
    "TEXT": _changed_by_text,
    "REAL": _changed_by_real,
    "INTEGER": _changed_by_numeric,
    "NUMERIC": _changed_by_numeric,
}


def _dynamic(affinity: str) -> Codec:
    changes = _CHANGED_BY[affinity]
    checks: dict[type, Function] = {int: encode_integer, float: encode_float, str: encode_text}

    def encode(value: Any) -> Any:
        if changes(value):
            raise Unrepresentable("a value that its column's affinity would change")
        check = checks.get(type(value))
        return value if check is None else check(value)

    def parameter(value: Any) -> Any:
        # None of the types that the driver adapts, and anybody can register an adapter: date, Decimal …
        if type(value) is bool:
            return value  # the store's driver binds it as the origin's does, whatever is registered for it
        if type(value) not in _DYNAMIC_TYPES:
            raise Unrepresentable("a parameter that SQLite has no type for")
        check = checks.get(type(value))
        return value if check is None else check(value)

    changed_texts = affinity in ("REAL", "INTEGER", "NUMERIC")
    changed_numbers = affinity == "TEXT"

    def encode_list(values: Sequence[Any]) -> Sequence[Any] | None:
        seen = set(map(type, values))
        if seen == {str}:
            is_changed = changed_texts and any(map(_NUMBER_LIKE.fullmatch, values))
            return None if is_changed else lists.texts(values)
        if changed_numbers or seen == {bytes}:
            return None if changed_numbers else values
        if seen == {int}:
            return None if affinity == "REAL" else lists.integers(values)
        if seen == {float}:
            is_changed = affinity in ("INTEGER", "NUMERIC") and any(map(float.is_integer, values))
            return None if is_changed else lists.floats(values)
        return None

    return make_codec(
        f"dynamic:{affinity}",
        "",
        _DYNAMIC_TYPES,
        encode,
        None,
        parameter=parameter,
        encode_list=encode_list,
    )


DYNAMIC = tuple(map(_dynamic, _CHANGED_BY))
