"""Invariant: the store answers for a view only if its rows are the same as long as those of its tables are.

What calls nothing may depend on the present all the same: PostgreSQL reads the text 'now' as a moment,
MariaDB completes a TIME with the present day. And a sequence changes by what only reads.
"""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status

TABLES = {
    "sqlite": ("CREATE TABLE t (id INTEGER PRIMARY KEY, s VARCHAR(20), d TIMESTAMP, at TIME)",),
    "mariadb": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, s VARCHAR(20), d DATETIME, at TIME)",
        "CREATE VIEW plain AS SELECT id, at AS hour FROM t",
        "CREATE SEQUENCE numbers",
        "CREATE VIEW numbered AS SELECT next_not_cached_value AS following FROM numbers",
    ),
    "postgresql": (
        "CREATE TYPE mood AS ENUM ('open', 'paid')",
        "CREATE DOMAIN day AS DATE",
        "CREATE DOMAIN label AS TEXT",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, s VARCHAR(20), d TIMESTAMP, z TIMESTAMPTZ, m mood, at TIME)",
        "CREATE TABLE u (id INTEGER PRIMARY KEY, d VARCHAR(20), since TIMESTAMP)",
        "CREATE VIEW plain AS SELECT id, d AS moment FROM t",
    ),
}
CHANGING = {
    "sqlite": [
        "SELECT id, datetime('now') AS x FROM t",
        "SELECT id, date(s) AS x FROM t",
        "SELECT id, strftime('%Y') AS x FROM t",
        "SELECT id, CURRENT_DATE AS x FROM t",
        "SELECT id, random() AS x FROM t",
    ],
    "mariadb": [
        "SELECT id, CAST(at AS DATETIME) AS x FROM t",
        "SELECT id FROM t WHERE d < at",
        "SELECT id, COALESCE(at, d) AS x FROM t",
        "SELECT at AS x FROM t UNION SELECT d FROM t",
        "SELECT x FROM (SELECT at AS x, d FROM t) AS s WHERE x < d",
        "SELECT id, CAST('10:00:00' AS TIME) AS x FROM t",
        "SELECT id FROM plain WHERE hour < '2020-01-01 00:00:00'",
        "SELECT id, YEAR(at) AS x FROM t",
        "SELECT id, CURDATE() AS x FROM t",
        "SELECT next_not_cached_value AS x FROM numbers",
        "SELECT id FROM t WHERE id < (SELECT cycle_count FROM numbers) + 2",
        "SELECT following AS x FROM numbered",
    ],
    "postgresql": [
        "SELECT id, s::timestamptz AS x FROM t",
        "SELECT id, (s)::date AS x FROM t",
        "SELECT id, ('now'::text)::timestamptz AS x FROM t",
        "SELECT id, ('now'::varchar)::timestamp AS x FROM t",
        "SELECT id FROM t WHERE d < ('' || s)::timestamp",
        "SELECT id, coalesce(s, 'now')::timestamp AS x FROM t",
        "SELECT id, (CASE WHEN id = 1 THEN s ELSE 'today' END)::date AS x FROM t",
        "SELECT id, ARRAY[s]::timestamptz[] AS x FROM t",
        "SELECT id, ('[now,)'::text)::tstzrange AS x FROM t",
        "SELECT id, s::day AS x FROM t",
        # One of the two is a text.
        "SELECT t.id, u.d::date AS x FROM t JOIN u ON u.id = t.id",
        "SELECT id, max(s)::date AS x FROM t GROUP BY id",
        "SELECT id, CURRENT_DATE AS x FROM t",
    ],
}
STEADY = {
    "sqlite": [
        "SELECT id, d, at, s FROM t WHERE s <> 'now'",
        "SELECT id, CAST(s AS INTEGER) AS x FROM t",
    ],
    "mariadb": [
        "SELECT id, at, d FROM t WHERE s <> 'now'",
        "SELECT id, at AS hour FROM t WHERE d > '2020-01-01'",
        "SELECT id, CAST(d AS DATE) AS x FROM t",
        "SELECT id, YEAR(d) AS x FROM t",
        "SELECT id, hour FROM plain",
    ],
    "postgresql": [
        "SELECT id, d::date AS x, z::date AS y, at FROM t WHERE s <> 'now'",
        "SELECT id FROM t WHERE d > 'now'::timestamp - '1 year'::interval",
        "SELECT id, m FROM t WHERE m = 'open'",
        "SELECT id, s::label AS x, m::text AS y, id::numeric(5, 1) AS z FROM t",
        "SELECT id, coalesce(d, '2020-01-01'::timestamp)::date AS x FROM t",
        "SELECT id, (CASE WHEN s = 'x' THEN d END)::date AS x FROM t",
        "SELECT id, date_trunc('day', d)::date AS x FROM t",
        "SELECT id, (z AT TIME ZONE 'UTC')::date AS x FROM t",
        "SELECT id, (d + '1 day'::interval)::date AS x FROM t",
        "SELECT s, max(d)::date AS x FROM t GROUP BY s",
        "SELECT id, moment::date AS x FROM plain",
        "SELECT id, since::date AS x FROM u",
    ],
}


def outcomes(origin: Origin, definition: str) -> set[Outcome]:
    """Of several questions for a view over such a table of two rows."""
    moment = "'2020-02-03 04:05:06'"
    origin.execute(
        *TABLES[origin.family],
        f"INSERT INTO t (id, s, d, at) VALUES (1, 'today', {moment}, '10:00:00'), (2, NULL, NULL, NULL)",
        *([f"INSERT INTO u VALUES (1, 'today', {moment})"] if origin.family == "postgresql" else []),
        f"CREATE VIEW v AS {definition}",
    )
    found = set()
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        for _ in range(4):
            with engine.connect() as connection:
                connection.execute(text("SELECT * FROM v")).all()
            status = last_status()
            assert status is not None
            found.add(status.outcome)
    return found


@pytest.mark.parametrize("number", range(max(map(len, CHANGING.values()))))
def test_a_view_that_may_change_by_itself_is_read_each_time(origin: Origin, number: int) -> None:
    """Each definition, as far as there are so many for this family."""
    for definition in CHANGING[origin.family][number : number + 1]:
        assert outcomes(origin, definition) == {Outcome.BYPASS}, definition


@pytest.mark.parametrize("number", range(max(map(len, STEADY.values()))))
def test_a_view_of_its_tables_alone_is_cached(origin: Origin, number: int) -> None:
    for definition in STEADY[origin.family][number : number + 1]:
        assert outcomes(origin, definition) == {Outcome.MISS, Outcome.HIT}, definition


VIRTUAL = (
    "CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT)",
    "INSERT INTO docs VALUES (1, 'one'), (2, 'two')",
    "CREATE VIRTUAL TABLE found USING fts5(body, content='docs', content_rowid='id')",
    "INSERT INTO found (found) VALUES ('rebuild')",
    "CREATE VIRTUAL TABLE own USING fts5(body)",
    "INSERT INTO own VALUES ('one')",
    "CREATE VIRTUAL TABLE words USING fts5vocab(own, 'row')",
    "CREATE VIRTUAL TABLE places USING rtree(id, low, high)",
    "INSERT INTO places VALUES (1, 0, 1)",
    "CREATE VIEW inner_view AS SELECT rowid AS id, body FROM found",
)
WRITES = (
    "UPDATE docs SET body = 'three' WHERE id = 1",
    "INSERT INTO own VALUES ('four')",
    "INSERT INTO places VALUES (2, 5, 6)",
)


@pytest.mark.families("sqlite")
@pytest.mark.parametrize(
    "definition",
    [
        "SELECT rowid AS id, body FROM found",
        "SELECT term, cnt FROM words",
        "SELECT id, high FROM places",
        "SELECT id, body FROM inner_view",
        "SELECT id FROM docs WHERE body IN (SELECT term FROM words)",
        # Where it stands the name isn't that of WITH.
        "SELECT id FROM places UNION SELECT n FROM (WITH places AS (SELECT 9 AS n) SELECT n FROM places)",
    ],
)
def test_a_view_over_a_virtual_table_is_read_each_time(origin: Origin, definition: str) -> None:
    """SQLite: what its module gives out may be another table's rows: a write of that one isn't one of it."""
    origin.execute(*VIRTUAL, f"CREATE VIEW v AS {definition}")
    with CachingEngine(origin.engine(), mode="transparent") as engine:

        def answer() -> list[tuple]:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(text("SELECT * FROM v"))]

        for write in (None, *WRITES):
            if write is not None:
                with engine.begin() as connection:
                    connection.execute(text(write))
            expected = [tuple(row) for row in origin.execute("SELECT * FROM v")]
            assert [answer() for _ in range(3)] == [expected] * 3
            assert last_status().outcome is Outcome.BYPASS


@pytest.mark.families("sqlite")
@pytest.mark.parametrize(
    "definition",
    [
        "WITH places AS (SELECT id AS n FROM docs) SELECT n FROM places",
        "SELECT id, body FROM docs",
    ],
)
def test_a_view_beside_virtual_tables_is_cached(origin: Origin, definition: str) -> None:
    origin.execute(*VIRTUAL, f"CREATE VIEW v AS {definition}")
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        for _ in range(3):
            with engine.connect() as connection:
                connection.execute(text("SELECT * FROM v")).all()
        assert last_status().outcome is Outcome.HIT


@pytest.fixture
def beyond(origin: Origin) -> Origin:
    """PostgreSQL: tables of the database itself, once more as foreign ones, and what reads them."""
    try:
        origin.execute("CREATE EXTENSION postgres_fdw")
    except DBAPIError as error:
        pytest.skip(f"postgres_fdw can't be had on this server: {error.orig}")
    address = {"host": origin.url.host, "port": origin.url.port, "dbname": origin.url.database}
    options = ", ".join(f"{name} '{value}'" for name, value in address.items() if value is not None)
    password = f", password '{origin.url.password}'" if origin.url.password else ""
    user = origin.execute("SELECT current_user")[0][0]
    origin.execute(
        "CREATE TABLE t (id INTEGER, s TEXT)",
        "INSERT INTO t VALUES (1, 'a')",
        f"CREATE SERVER itself FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({options})",
        f"CREATE USER MAPPING FOR CURRENT_USER SERVER itself OPTIONS (user '{user}'{password})",
        "CREATE FOREIGN TABLE far (id INTEGER, s TEXT) SERVER itself OPTIONS (table_name 't')",
        "CREATE VIEW shown AS SELECT id, s FROM far",
        "CREATE VIEW again AS SELECT id, s FROM shown WHERE id > 0",
        "CREATE TABLE parts (id INTEGER, s TEXT) PARTITION BY LIST (id)",
        (
            "CREATE FOREIGN TABLE far_part PARTITION OF parts FOR VALUES IN (1, 2, 3)"
            " SERVER itself OPTIONS (table_name 't')"
        ),
        "CREATE TABLE near_part PARTITION OF parts FOR VALUES IN (10, 20)",
        "INSERT INTO near_part VALUES (10, 'near')",
        "CREATE TABLE parent (id INTEGER, s TEXT)",
        "CREATE FOREIGN TABLE far_child () INHERITS (parent) SERVER itself OPTIONS (table_name 't')",
        "CREATE VIEW of_parent AS SELECT id, s FROM parent",
        "CREATE MATERIALIZED VIEW stored AS SELECT id, s FROM far",
    )
    return origin


@pytest.mark.families("postgresql")
@pytest.mark.parametrize(
    "table", ["far", "shown", "again", "parts", "far_part", "parent", "far_child", "of_parent"]
)
def test_what_reads_a_foreign_table_is_read_each_time(beyond: Origin, table: str) -> None:
    """Its rows are another server's, or this one's under another name. Nor is an answer kept."""
    base = beyond.engine()
    asks = [f"SELECT id, s FROM {table} ORDER BY id", f"SELECT upper(s) || now()::date AS x FROM {table}"]
    with CachingEngine(base, mode="transparent") as engine:
        for number in range(2, 4):
            for ask in asks:
                for _ in range(3):
                    with engine.connect() as connection:
                        found = connection.execute(text(ask)).all()
                    assert last_status().outcome is Outcome.BYPASS, ask
                with base.connect() as connection:
                    assert found == connection.execute(text(ask)).all()
            with engine.begin() as connection:
                connection.execute(text(f"INSERT INTO t VALUES ({number}, 'b')"))
        assert "foreign table" in str(engine.explain(asks[0]))


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("table", ["t", "near_part", "stored"])
def test_what_only_stands_beside_a_foreign_table_is_cached(beyond: Origin, table: str) -> None:
    """A partition by itself, and what keeps the rows that it once had."""
    with CachingEngine(beyond.engine(), mode="transparent") as engine:
        found = []
        for _ in range(2):
            with engine.connect() as connection:
                connection.execute(text(f"SELECT id, s FROM {table}")).all()
            found.append(last_status().outcome)

    assert found == [Outcome.MISS, Outcome.HIT]


@pytest.mark.families("postgresql")
def test_what_a_program_gives_is_read_each_time(origin: Origin) -> None:
    """file_fdw's table is what the program says now."""
    try:
        origin.execute(
            "CREATE EXTENSION file_fdw",
            "CREATE SERVER programs FOREIGN DATA WRAPPER file_fdw",
            "CREATE FOREIGN TABLE now_there (moment TEXT) SERVER programs OPTIONS (program 'date +%%N')",
        )
    except DBAPIError as error:
        pytest.skip(f"file_fdw can't be had on this server: {error.orig}")
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        for _ in range(2):
            with engine.connect() as connection:
                connection.execute(text("SELECT moment FROM now_there")).all()
            assert last_status().outcome is Outcome.BYPASS


@pytest.mark.families("postgresql")
def test_a_view_of_a_sequence_is_read_each_time(origin: Origin) -> None:
    """nextval() changes it, which is no write of a table."""
    origin.execute(
        "CREATE SEQUENCE numbers",
        "CREATE TABLE t (id INTEGER)",
        "INSERT INTO t VALUES (1)",
        "CREATE VIEW v AS SELECT last_value FROM numbers",
        "CREATE VIEW w AS SELECT t.id, v.last_value FROM t, v",
    )
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        for table in ("v", "w"):
            for _ in range(3):
                with engine.begin() as connection:
                    number = connection.execute(text("SELECT nextval('numbers')")).scalar()
                with engine.connect() as connection:
                    found = connection.execute(text(f"SELECT last_value FROM {table}")).scalar()
                assert found == number
                assert last_status().outcome is Outcome.BYPASS
