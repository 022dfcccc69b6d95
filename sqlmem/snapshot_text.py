"""Frozen values as JSON, and strictly back: what a snapshot says of a table besides its rows.

Rule 1: only dataclasses, enums, tuples, frozensets and scalars, by their type hints. A field
        that is added to one of them is written and read without a change here.
Rule 2: what is read must be exactly what `to_text` would write. A missing or extra field, a
        number for a flag, an unsorted set or another spelling is a ValueError, never a guess.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")

_SCALARS = (str, int, bool, type(None))


def to_text(value: object) -> str:
    """JSON of a frozen value; equal values have equal texts.

    Raises:
        ValueError: something that Rule 1 doesn't name.
    """
    return json.dumps(_node(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def from_text(kind: type[T], text: str) -> T:
    """The value of this dataclass that `to_text` wrote.

    Raises:
        ValueError: the text isn't exactly that.
    """
    try:
        value: T = _value(kind, json.loads(text))
        is_exact = to_text(value) == text
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not is_exact:
        raise ValueError(f"not the text of a {kind.__name__}")
    return value


def _node(value: object) -> Any:
    if type(value) in _SCALARS:
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _node(getattr(value, name)) for name in _fields(type(value))}
    if type(value) is tuple:
        return [_node(item) for item in value]
    if type(value) is frozenset:
        # A set has no order of its own, and equal values should have equal texts.
        return sorted((_node(item) for item in value), key=_sort_text)
    raise ValueError(f"no text for a {type(value).__name__}")


def _sort_text(node: Any) -> str:
    return json.dumps(node, ensure_ascii=False, sort_keys=True)


def _value(hint: Any, node: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _SCALARS:
        # The exact type: True is an int, and 1 is no flag.
        return _checked(node, type(node) is hint)
    if origin in (types.UnionType, typing.Union):
        return _one_of(arguments, node)
    if origin is tuple:
        _checked(node, type(node) is list)
        if len(arguments) == 2 and arguments[1] is ...:
            return tuple([_value(arguments[0], item) for item in node])
        _checked(node, len(node) == len(arguments))
        return tuple([_value(argument, item) for argument, item in zip(arguments, node, strict=True)])
    if origin is frozenset:
        _checked(node, type(node) is list)
        return frozenset(_value(arguments[0], item) for item in node)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(_checked(node, type(node) is str))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        fields = _fields(hint)
        _checked(node, type(node) is dict and node.keys() == fields.keys())
        return hint(**{name: _value(kind, node[name]) for name, kind in fields.items()})
    raise ValueError(f"no value for {hint}")


def _one_of(hints: tuple[Any, ...], node: Any) -> Any:
    for hint in hints:
        try:
            return _value(hint, node)
        except ValueError:
            continue
    raise ValueError("none of the types that it may have")


def _checked(node: Any, is_right: bool) -> Any:  # noqa: FBT001 - reads as an assertion
    if not is_right:
        raise ValueError(f"a {type(node).__name__} of another form than expected")
    return node


@functools.cache
def _fields(kind: Any) -> dict[str, Any]:
    """Name -> type, of the fields that the constructor takes."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}
