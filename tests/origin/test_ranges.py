"""What a range of an index leaves is sorted: no other index is gone through from end to end for its order."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine, Outcome

# Statement -> what it is sorted by.
SORTED = {
    "SELECT who, count(*) AS n FROM t WHERE id < 9 GROUP BY who": "GROUP BY +",
    """
    SELECT who, sum(n) AS s FROM t WHERE id BETWEEN 2 AND 9 GROUP BY who ORDER BY s DESC, who LIMIT 3
    """: "GROUP BY +",
    """
    SELECT a.who, count(*) AS n FROM t a JOIN u b ON b.id = a.id WHERE 3 <= a.id GROUP BY a.who
    """: "GROUP BY +",
    """
    SELECT a.who, max(b.n) AS n FROM t a JOIN u b ON b.id = a.id WHERE a.n > 0 AND (b.day > '2024-01-03')
    GROUP BY a.who, b.n ORDER BY a.who, n
    """: "GROUP BY +",
    """
    SELECT d.who, count(*) AS n FROM (SELECT id, who FROM t WHERE id > 4) d GROUP BY d.who
    """: "GROUP BY +",
    """
    SELECT id, row_number() OVER (PARTITION BY who ORDER BY id) AS nth FROM t WHERE id < 9 ORDER BY id
    """: "PARTITION BY +",
    """
    WITH d AS (SELECT id, who FROM t WHERE id < 9)
    SELECT id, sum(id) OVER (ORDER BY who, id) AS s FROM d ORDER BY id
    """: "(ORDER BY +",
}
PLAIN = [
    "SELECT who, count(*) AS n FROM t GROUP BY who",
    "SELECT a.who, count(*) AS n FROM t a JOIN u b ON b.id = a.id GROUP BY a.who",
    "SELECT a.who, count(*) AS n FROM t a JOIN u b ON b.id < a.id WHERE a.n < b.n GROUP BY a.who",
    # The first groups by an index may be the answer.
    "SELECT a.who, count(*) AS n FROM t a JOIN u b ON b.id = a.id WHERE a.id < 9 OR b.id < 4 GROUP BY a.who",
    "SELECT id, row_number() OVER (PARTITION BY who ORDER BY id) AS nth FROM t ORDER BY id",
    "SELECT id, row_number() OVER (PARTITION BY n ORDER BY id) AS nth FROM t WHERE n < 9 ORDER BY id",
]


@pytest.fixture
def engine(origin: Origin):
    rows = ", ".join(
        f"({number}, {number * 7 % 5}, {number % 3 or 'NULL'}, '2024-01-0{number % 7 + 1}')"
        for number in range(1, 15)
    )
    for table in ("t", "u"):
        origin.execute(
            f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, who INTEGER, n INTEGER, day DATE)",
            f"CREATE INDEX {table}_who ON {table} (who)",
            f"CREATE INDEX {table}_day ON {table} (day)",
            f"INSERT INTO {table} VALUES {rows}",
        )
    with CachingEngine(origin.engine(), cache_db="", mode="transparent") as engine:
        engine.execute("SELECT id, who, n, day FROM t")
        engine.execute("SELECT id, who, n, day FROM u")
        yield engine


def _asked(engine: CachingEngine, origin: Origin, statement: str) -> str:
    """The store's statement, whose answer is the origin's."""
    given = engine.execute(statement)
    with origin.engine().connect() as connection:
        expected = [tuple(row) for row in connection.execute(sa.text(statement))]
    assert given.status.outcome is Outcome.HIT
    assert same(sorted(map(str, (tuple(row.values()) for row in given))), sorted(map(str, expected)))
    planned = engine._core.front.known(statement, has_parameters=True)
    return planned.plan.sql


@pytest.mark.families("postgresql", "mariadb")
@pytest.mark.parametrize("statement", SORTED)
def test_what_a_range_leaves_is_sorted(engine: CachingEngine, origin: Origin, statement: str) -> None:
    assert SORTED[statement] in _asked(engine, origin, statement)


@pytest.mark.families("postgresql", "mariadb")
@pytest.mark.parametrize("statement", PLAIN)
def test_without_a_range_an_index_gives_the_order(
    engine: CachingEngine, origin: Origin, statement: str
) -> None:
    sql = _asked(engine, origin, statement)

    assert "GROUP BY +" not in sql
    assert "OVER (PARTITION BY +" not in sql


@pytest.mark.families("mariadb")
def test_where_the_first_groups_are_the_answer_an_index_gives_them(
    engine: CachingEngine, origin: Origin
) -> None:
    """MariaDB's order of NULL is SQLite's: with the index it ends at the limit."""
    statement = "SELECT who, count(*) AS n FROM t WHERE id < 9 GROUP BY who ORDER BY who LIMIT 2"

    assert "GROUP BY +" not in _asked(engine, origin, statement)
