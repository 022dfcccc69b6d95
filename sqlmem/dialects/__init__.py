"""What each origin's operators, functions and types mean."""

from __future__ import annotations

from sqlmem.dialects import common, mysql, postgresql, sqlite
from sqlmem.dialects.base import Facts, Result, Semantics

BY_FAMILY = {
    "sqlite": sqlite.SEMANTICS,
    "postgresql": postgresql.SEMANTICS,
    "mysql": mysql.SEMANTICS,
    "other": common.SEMANTICS,
}

__all__ = ["BY_FAMILY", "Facts", "Result", "Semantics"]
