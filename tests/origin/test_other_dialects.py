"""An origin that nobody has described: the careful common rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from sqlmem import CachingEngine, Outcome, ReadOnlyError, UnsupportedQueryError


class OddDialect(SQLiteDialect_pysqlite):
    """SQLite under another name: sqlmem must not recognise it."""

    name = "odd"
    supports_statement_cache = True


registry.impls["odd"] = lambda: OddDialect


@pytest.fixture
def base(tmp_path: Path) -> Any:
    engine = sa.create_engine(f"odd:///{tmp_path / 'odd.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, name VARCHAR(9), at DATE)"
        )
        connection.exec_driver_sql("INSERT INTO t VALUES (1, 10, 'a', '2024-01-01'), (2, NULL, 'B', NULL)")
        connection.exec_driver_sql("CREATE VIEW w AS SELECT id FROM t")
    yield engine
    engine.dispose()


STORE = [
    "SELECT id, n, name, at FROM t",
    "SELECT t.name FROM t WHERE t.n IS NULL",
    "SELECT name FROM t WHERE id = 1 AND NOT n > 10",
    "SELECT name AS x FROM t WHERE n IN (10, 11) OR id BETWEEN 2 AND 3",
    "SELECT id FROM t ORDER BY id DESC LIMIT 1",
]
ORIGIN = [
    "SELECT name FROM t WHERE name = 'A'",
    "SELECT count(*) FROM t",
    "SELECT name FROM t ORDER BY name",
    "SELECT id FROM w",
    "SELECT upper(name) AS x FROM t",
]


@pytest.mark.parametrize("sql", STORE)
def test_what_is_safe_everywhere_is_answered_by_the_store(base: sa.Engine, sql: str) -> None:
    """Projections, whole numbers, NULL tests."""
    with base.connect() as connection:
        expected = [dict(row) for row in connection.execute(sa.text(sql)).mappings()]

    with CachingEngine(base, cache_db="") as engine:
        first, second = engine.execute(sql), engine.execute(sql)

    assert list(first) == list(second) == expected
    assert second.status.outcome is Outcome.HIT


@pytest.mark.parametrize("sql", ORIGIN)
def test_all_else_is_the_origins(base: sa.Engine, sql: str) -> None:
    """Also what looks harmless: nobody knows how it compares, or calls a column."""
    with base.connect() as connection:
        expected = [dict(row) for row in connection.execute(sa.text(sql)).mappings()]

    with CachingEngine(base, cache_db="") as engine:
        rows = engine.execute(sql)

    assert list(rows) == expected
    assert rows.status.outcome is Outcome.BYPASS


def test_unknown_function_is_refused_where_nothing_would_stop_a_write(base: sa.Engine) -> None:
    """This origin can't be made read-only."""
    with (
        CachingEngine(base, cache_db="") as engine,
        pytest.raises(ReadOnlyError, match="can't be made read-only"),
    ):
        engine.execute("SELECT my_function(id) AS x FROM t")


@pytest.mark.parametrize(
    ("sql", "error"),
    [("DELETE FROM t", ReadOnlyError), ("SELECT * FROM t", UnsupportedQueryError), ("VACUUM", ReadOnlyError)],
)
def test_strict_mode_refuses_the_same_as_elsewhere(base: sa.Engine, sql: str, error: type[Exception]) -> None:
    """And nothing of it reaches the origin."""
    with CachingEngine(base, cache_db="") as engine, pytest.raises(error):
        engine.execute(sql)

    with base.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM t")).scalar() == 2
