"""SQLAlchemy's own tests of a dialect, with or without a transparent CachingEngine around every engine.

Run in a process of its own (`tests/origin/test_dialect_suite.py` does): SQLAlchemy's plugin wants pytest for
itself.
SQLMEM_SUITE says what the engines are: bare or transparent. SQLMEM_SUITE_SCHEMA names the second schema that
the suite works in, where it cannot be `test_schema`.
"""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import registry  # noqa: F401 - before the plugin, as SQLAlchemy's documentation has it

from sqlmem import CachingEngine

if os.environ.get("SQLMEM_SUITE") == "transparent":
    bare = sa.create_engine

    def create_engine(url: Any, **options: Any) -> sa.Engine:
        return CachingEngine(bare(url, **options), mode="transparent", cache_db="")

    sa.create_engine = create_engine

import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.testing.config import Config  # noqa: E402
from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403

if schema := os.environ.get("SQLMEM_SUITE_SCHEMA"):
    plain = Config.__init__

    def init(self: Config, *arguments: Any) -> None:
        plain(self, *arguments)
        self.test_schema, self.test_schema_2 = schema, f"{schema}_2"

    Config.__init__ = init
