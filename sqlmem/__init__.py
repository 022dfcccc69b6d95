"""sqlmem: a transparent read-through cache between a SQLAlchemy program and its database."""

from __future__ import annotations

from sqlmem.dbapi import last_status
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

__version__ = "0.1.0"

__all__ = [
    "CachingEngine",
    "ClosedError",
    "Explanation",
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
