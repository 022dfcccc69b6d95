"""MariaDB's functions of text beside a parameter, by code points. NULL for NULL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlmem.functions.numbers import null_is_null


def _substring(text: str, start: int, count: int | None = None) -> str:
    """From the place `start`, counted from 1, or from the end if it is negative; from 0 there is nothing."""
    length = len(text)
    begin = start - 1 if start > 0 else length + start
    if start == 0 or begin < 0:
        return ""
    return text[begin:] if count is None else text[begin : begin + max(count, 0)]


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
    "left": lambda text, count: text[: max(count, 0)],
    "right": lambda text, count: text[-count:] if count > 0 else "",
}

SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    f"sqlmem_my_{name}": (-1, null_is_null(function)) for name, function in _FUNCTIONS.items()
}
