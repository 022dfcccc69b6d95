"""PostgreSQL's functions of text, by code points. NULL for NULL, as they are all strict."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

_INT4 = 2**31
# A longer result is asked for by mistake, and would be made in our process.
_LONGEST = 10_000_000


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*values: Any) -> Any:
        return None if None in values else function(*values)

    return call


def _left(text: str, count: int) -> str:
    return text[:count]


def _right(text: str, count: int) -> str:
    return text[-count:] if count else ""


def _substring(text: str, start: int, count: int | None = None) -> str:
    if count is None:
        return text[max(start, 1) - 1 :]
    if count < 0:
        raise ValueError("an error at the origin")
    return text[max(start, 1) - 1 : max(start + count - 1, 0)]


def _replace(text: str, old: str, new: str) -> str:
    return text.replace(old, new) if old else text


def _repeat(text: str, count: int) -> str:
    if len(text) * count > _LONGEST:
        raise ValueError("too long")
    return text * count


def _filling(length: int, fill: str) -> str:
    if length > _LONGEST:
        raise ValueError("too long")
    return fill * (length // len(fill) + 1) if fill else ""


def _lpad(text: str, length: int, fill: str = " ") -> str:
    length = max(length, 0)
    if length <= len(text):
        return text[:length]
    missing = length - len(text)
    return _filling(missing, fill)[:missing] + text


def _rpad(text: str, length: int, fill: str = " ") -> str:
    length = max(length, 0)
    if length <= len(text):
        return text[:length]
    missing = length - len(text)
    return text + _filling(missing, fill)[:missing]


def _split_part(text: str, delimiter: str, number: int) -> str:
    if number == 0:
        raise ValueError("an error at the origin")
    parts = text.split(delimiter) if delimiter and text else [text]
    index = number - 1 if number > 0 else len(parts) + number
    return parts[index] if 0 <= index < len(parts) else ""


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "left": _left,
    "right": _right,
    "substring": _substring,
    "strpos": lambda text, part: text.find(part) + 1,
    "replace": _replace,
    "repeat": _repeat,
    "lpad": _lpad,
    "rpad": _rpad,
    "btrim": lambda text, characters=" ": text.strip(characters),
    "ltrim": lambda text, characters=" ": text.lstrip(characters),
    "rtrim": lambda text, characters=" ": text.rstrip(characters),
    "split_part": _split_part,
    "reverse": lambda text: text[::-1],
    "starts_with": lambda text, part: int(text.startswith(part)),
}

SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    f"sqlmem_pg_{name}": (-1, _strict(function)) for name, function in _FUNCTIONS.items()
}
