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

# All that such a text is made of, but the line's end.
_CHARACTERS_OF_NUMBERS = b"0123456789+-.eE \t\v\f\r"


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


def _are_texts(values: Sequence[str]) -> bool:
    return lists.texts(values) is not None


def _are_no_numbers(values: Sequence[str]) -> bool:
    if not _are_texts(values):
        return False
    # What is left of each text is a line; nothing is left of one that is like a number.
    left = "\n".join(["", *values, ""]).encode().translate(None, _CHARACTERS_OF_NUMBERS)
    return b"\n\n" not in left or not any(map(_NUMBER_LIKE.fullmatch, values))


def _are_integers(values: Sequence[int]) -> bool:
    return lists.integers(values) is not None


def _are_floats(values: Sequence[float]) -> bool:
    return lists.floats(values) is not None


def _are_broken_floats(values: Sequence[float]) -> bool:
    return not any(map(float.is_integer, values)) and _are_floats(values)


def _are_none(_: Sequence[Any]) -> bool:
    return False


def _are_any(_: Sequence[Any]) -> bool:
    return True


def _kept_by(affinity: str) -> dict[type, Callable[[Sequence[Any]], bool]]:
    """By type: whether values are certain to have a place in SQLite, under an affinity that changes none."""
    is_number = affinity in ("REAL", "INTEGER", "NUMERIC")
    return {
        str: _are_no_numbers if is_number else _are_texts,
        int: _are_none if affinity in ("TEXT", "REAL") else _are_integers,
        float: {"TEXT": _are_none, "INTEGER": _are_broken_floats, "NUMERIC": _are_broken_floats}.get(
            affinity, _are_floats
        ),
        bytes: _are_any,
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

    are_kept = _kept_by(affinity)

    def encode_list(values: Sequence[Any]) -> Sequence[Any] | None:
        seen = set(map(type, values))
        for kind in seen:
            alike = values if len(seen) == 1 else [value for value in values if type(value) is kind]
            if not are_kept[kind](alike):
                return None
        return values

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
