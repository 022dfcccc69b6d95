"""The greatest and least that aren't NULL, and numbers of unequal scale side by side."""

from __future__ import annotations

from typing import Any

from sqlmem.functions.numbers import text_of, whole


def greatest(*values: Any) -> Any:
    """Stored values of one type, of which NULLs are left out; NULL if all are."""
    return max((value for value in values if value is not None), default=None)


def least(*values: Any) -> Any:
    return min((value for value in values if value is not None), default=None)


def decimal(stored: int | str | None, precision: int, scale: int) -> str | None:  # noqa: ARG001 - as in the text
    """A number as text, with its own scale."""
    return None if stored is None else text_of(whole(stored), scale)


def as_float(stored: int | str | None, precision: int, scale: int) -> float | None:
    """The float nearest to a number."""
    text = decimal(stored, precision, scale)
    return None if text is None else float(text)
