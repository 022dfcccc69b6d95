"""What one statement may ask for itself, by SQLAlchemy's execution options or keywords of `execute`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmem.errors import SettingsError

WAYS = ("bypass", "refresh", "only")
OPTIONS = ("sqlmem", "sqlmem_max_staleness", "sqlmem_invalidates")


@dataclass(frozen=True, slots=True)
class Directive:
    """How one statement is to be answered.

    Attributes:
        way: "bypass": the origin answers; "refresh": the store answers, after a fetch that begins now;
            "only": the store answers, or there is an error; None: as usual.
        max_staleness: seconds that the data may be old; None: as the engine's settings have it.
        invalidates: the tables that the statement changes, where the program knows better than its text
            tells; None: what the text and the origin's catalogue tell.
    """

    way: str | None = None
    max_staleness: float | None = None
    invalidates: tuple[Any, ...] | None = None

    def __bool__(self) -> bool:
        return self is not USUAL and self != USUAL


USUAL = Directive()


def directive_of(options: Mapping[str, Any]) -> Directive:
    """What execution options say.

    Raises:
        SettingsError: one has a value that can't be used.
    """
    way = options.get("sqlmem")
    if way is not None and way not in WAYS:
        raise SettingsError(f"sqlmem must be one of {', '.join(map(repr, WAYS))}, got {way!r}")
    seconds = options.get("sqlmem_max_staleness")
    if seconds is not None and not (
        isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds >= 0
    ):
        raise SettingsError(f"sqlmem_max_staleness must be a number of seconds, 0 or more, got {seconds!r}")
    tables = options.get("sqlmem_invalidates")
    if tables is not None and not isinstance(tables, list | tuple | set | frozenset):
        raise SettingsError(
            f"sqlmem_invalidates must be a list of tables (names, Tables or mapped classes), got {tables!r}"
        )
    if way is None and seconds is None and tables is None:
        return USUAL
    return Directive(
        way, None if seconds is None else float(seconds), None if tables is None else tuple(tables)
    )
