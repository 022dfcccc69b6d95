"""Memoized functions that know which tables they read; see `sqlmem.Memo`."""

from __future__ import annotations

from sqlmem.memo.encoding import Unkeyed, register
from sqlmem.memo.memo import Memo
from sqlmem.memo.record import Record
from sqlmem.memo.surface import CacheInfo, Memoized

__all__ = ["CacheInfo", "Memo", "Memoized", "Record", "Unkeyed", "register"]
