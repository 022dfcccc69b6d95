"""Invariant: a program is taken for a read only if all of it is known to be one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from sqlmem.sqlite_programs import ONLY_ITS_OWN, READS, only_reads


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript("CREATE TABLE t (a, b); CREATE VIEW v AS SELECT abs(a) AS x FROM t")
    connection.create_function("own", 1, lambda value: value)
    yield connection
    connection.close()


def program(connection: sqlite3.Connection, text: str) -> list[Any]:
    return connection.execute(f"EXPLAIN {text}").fetchall()


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES (1, 2)",
        "INSERT INTO t VALUES (1, 2) RETURNING a",
        "WITH q AS (SELECT 1 AS x) INSERT INTO t SELECT x, x FROM q",
        "WITH q AS (SELECT 1) DELETE FROM t",
        "UPDATE t SET a = 1",
        "CREATE TABLE u (x)",
        "DROP VIEW v",
        "CREATE INDEX i ON t (a)",
        "VACUUM",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "SAVEPOINT s",
        "ATTACH 'x' AS x",
        "PRAGMA user_version = 3",
        "PRAGMA journal_mode = wal",
        "PRAGMA wal_checkpoint",
        "ANALYZE",
        "SELECT own(a) FROM t",
        "SELECT a FROM t WHERE own(a) = 1",
        "SELECT load_extension('x')",
        "SELECT * FROM pragma_table_info('t')",
    ],
)
def test_what_may_write_is_not_taken_for_a_read(connection: sqlite3.Connection, text: str) -> None:
    assert not only_reads(program(connection, text))


@pytest.mark.parametrize("text", ["SELECT a FROM t", "SELECT x FROM v WHERE lower(x) > 1", "VALUES (1)"])
def test_what_reads_is_taken_for_a_read(connection: sqlite3.Connection, text: str) -> None:
    rows = program(connection, text)

    assert READS.match(text)
    assert only_reads(rows)
    # Rows of a factory of the program's own prove nothing, and neither does anything unheard of.
    assert not only_reads([list(row) for row in rows])
    assert not only_reads([*rows, (99, "Unheard", 0, 0, 0, None, 0, None)])
    assert not only_reads([])


def test_a_connection_with_anything_of_ones_own_is_told() -> None:
    def has_only_its_own(make: Any = None) -> bool:
        connection = sqlite3.connect(":memory:")
        if make is not None:
            make(connection)
        answer = connection.execute(ONLY_ITS_OWN).fetchone()[0]
        connection.close()
        return bool(answer)

    assert has_only_its_own()
    assert not has_only_its_own(lambda each: each.create_function("own", 0, int))
    assert not has_only_its_own(lambda each: each.create_function("LOWER", 1, str))
    assert not has_only_its_own(lambda each: each.create_aggregate("total", 1, Total))
    assert not has_only_its_own(lambda each: each.create_collation("own", lambda _one, _other: 0))


class Total:
    """An aggregate."""

    def step(self, _: object) -> None:
        """Nothing."""

    def finalize(self) -> int:
        return 0
