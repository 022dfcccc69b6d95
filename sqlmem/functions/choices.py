"""The greatest and least that aren't NULL, and numbers of unequal scale side by side."""

from __future__ import annotations

from typing import Any

from sqlmem.codecs import codec_by_name


def greatest(*values: Any) -> Any:
    """Stored values of one type, of which NULLs are left out; NULL if all are."""
    return max((value for value in values if value is not None), default=None)


def least(*values: Any) -> Any:
    return min((value for value in values if value is not None), default=None)


def decimal(stored: int | str | None, precision: int, scale: int) -> str | None:
    """A number as text, with its own scale."""
    if stored is None:
        return None
    decode = codec_by_name(f"numeric:{precision}:{scale}").decode
    assert decode is not None
    # Without an exponent: 0E-30 is 0.000000000000000000000000000000 to the origins.
    return f"{decode(stored):f}"


def as_float(stored: int | str | None, precision: int, scale: int) -> float | None:
    """The float nearest to a number."""
    text = decimal(stored, precision, scale)
    return None if text is None else float(text)
