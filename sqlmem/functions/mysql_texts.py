"""MariaDB's functions of text beside a parameter, by code points. NULL for NULL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlmem.functions.numbers import null_is_null

_LARGEST = 1_000_000


def _check(count: int) -> int:
    """A number of characters. Of none MariaDB makes a CHAR in some places, and a VARCHAR in others."""
    if not 0 < count <= _LARGEST:
        raise ValueError("a number of characters that makes it a CHAR")
    return count


def _substring(text: str, start: int, count: int | None = None) -> str:
    """From the place `start`, counted from 1, or from the end if it is negative; from 0 there is nothing."""
    length = len(text)
    if abs(start) > _LARGEST:
        raise ValueError("a place that makes it a CHAR")
    if count is not None:
        _check(count)
    begin = start - 1 if start > 0 else length + start
    if start == 0 or begin < 0:
        return ""
    return text[begin:] if count is None else text[begin : begin + count]


def weights_of(text: str, *, is_key: bool) -> str | None:
    """The weights of a text's characters under …_general_ci; None of others than ASCII's.

    Args:
        is_key: without the blanks at the end.
    """
    if not text.isascii():
        return None
    weights = text.upper()
    return weights.rstrip(" ") if is_key else weights


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "substring": _substring,
    "left": lambda text, count: text[: _check(count)],
    "right": lambda text, count: text[-_check(count) :],
}

SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    f"sqlmem_my_{name}": (-1, null_is_null(function)) for name, function in _FUNCTIONS.items()
}
