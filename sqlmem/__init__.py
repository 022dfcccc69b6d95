"""sqlmem: a transparent read-through cache between a SQLAlchemy program and its database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmem.engine import CachingEngine
from sqlmem.errors import (
    ClosedError,
    NotCachedError,
    ReadOnlyError,
    SettingsError,
    SqlmemError,
    StatementRefused,
    StoreError,
    UnsupportedQueryError,
)
from sqlmem.explain import Explanation
from sqlmem.logs import add_sink, remove_sink
from sqlmem.model import Outcome, Rows, Stats, Status, TableStats, VerificationStats
from sqlmem.statuses import last_status

if TYPE_CHECKING:
    from sqlmem.memo import Memo

__version__ = "0.1.0"

__all__ = [
    "CachingEngine",
    "ClosedError",
    "Explanation",
    "Memo",
    "NotCachedError",
    "Outcome",
    "ReadOnlyError",
    "Rows",
    "SettingsError",
    "SqlmemError",
    "StatementRefused",
    "Stats",
    "Status",
    "StoreError",
    "TableStats",
    "UnsupportedQueryError",
    "VerificationStats",
    "add_sink",
    "last_status",
    "remove_sink",
]


def __getattr__(name: str) -> Any:
    # Not imported before it is asked for: who only wants the engine doesn't pay for it.
    if name == "Memo":
        from sqlmem.memo import Memo

        return Memo
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
