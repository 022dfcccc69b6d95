"""What fails where the origin would report an error, or might."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

SMALL = 2**36  # so many rows as there can be don't add up to more than a float adds exactly


def at_most(count: int, bound: int) -> int:
    """1 if there are no more than so many; else the statement is the origin's."""
    if count > bound:
        raise ValueError("more rows than the statement may have here")
    return 1


def within(value: int | None, low: int, high: int) -> int | None:
    """A number that a type of these bounds can hold."""
    if value is not None and not low <= value <= high:
        raise ValueError("a number that the type can't hold")
    return value


def no_longer(text: str | None, length: int) -> str | None:
    """A text that a type of this length can hold."""
    if text is not None and len(text) > length:
        raise ValueError("a text that the type can't hold")
    return text


def is_small(value: Any) -> int:
    """1 for NULL or an integer of at most `SMALL`; else the statement is the origin's."""
    if value is not None and not (type(value) is int and -SMALL <= value <= SMALL):
        raise ValueError("a value that isn't a small integer")
    return 1


def is_text(value: Any) -> int:
    """1 for a text or NULL; else the statement is the origin's."""
    if value is not None and type(value) is not str:
        raise ValueError("a value that isn't a text")
    return 1


SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "sqlmem_at_most": (2, at_most),
    "sqlmem_within": (3, within),
    "sqlmem_no_longer": (2, no_longer),
    "sqlmem_is_small": (1, is_small),
    "sqlmem_is_text": (1, is_text),
}
