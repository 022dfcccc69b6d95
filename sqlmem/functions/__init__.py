"""Functions registered on the store's connections, each an origin's operator or function, exactly.

Rule 1: a function takes and gives stored values: integers, floats, text, bytes, None.
Rule 2: it is deterministic, and has no memory but caches of bounded size.
Rule 3: what the origin would report as an error, or what isn't certain, raises: SQLite turns that
into an error of the statement, and the origin answers it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlmem.functions import (
    choices,
    gathering,
    guards,
    json_texts,
    moments,
    mysql_numbers,
    mysql_texts,
    numbers,
    patterns,
    postgresql_numbers,
    postgresql_texts,
    postgresql_times,
    spreads,
)


class NotKnown(Exception):
    """Only the origin can tell: the store's statement fails, and it is asked."""


UNKNOWN = "sqlmem_unknown"


def _unknown(_value: Any) -> None:
    raise NotKnown


def _unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


# Raises; not deterministic, so that SQLite doesn't call it where it isn't reached.
RAISING: Mapping[str, tuple[int, Callable[..., Any]]] = {
    UNKNOWN: (1, _unknown),
    **numbers.RAISING,
}
# name -> number of arguments (-1: any), implementation
SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    **guards.SCALARS,
    "sqlmem_unhex": (1, _unhex),
    "sqlmem_like": (2, patterns.like),
    "sqlmem_greatest": (-1, choices.greatest),
    "sqlmem_least": (-1, choices.least),
    "sqlmem_float": (3, choices.as_float),
    **moments.SCALARS,
    "sqlmem_decimal": (3, choices.decimal),
    **numbers.SCALARS,
    **mysql_numbers.SCALARS,
    **postgresql_numbers.SCALARS,
    **postgresql_texts.SCALARS,
    **postgresql_times.SCALARS,
    **mysql_texts.SCALARS,
    **json_texts.SCALARS,
}
# name -> number of arguments, class with step() and finalize()
AGGREGATES: Mapping[str, tuple[int, type[Any]]] = {
    **numbers.AGGREGATES,
    **postgresql_numbers.AGGREGATES,
    **gathering.AGGREGATES,
    **spreads.AGGREGATES,
}
