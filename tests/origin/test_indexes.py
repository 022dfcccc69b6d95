"""Invariant: what is a look-up by an index at the origin is one in the store, from whichever side."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine, Outcome

# A look from a row of `parents` at its `children`, and the other way round.
FROM_THE_KEY = {
    "outer join": """
        SELECT p.id, c.v FROM parents p LEFT JOIN children c ON c.parent_id = p.id
        WHERE p.id BETWEEN 2 AND 3 ORDER BY p.id, c.id
    """,
    "join": """
        SELECT c.v FROM parents p JOIN children c ON p.id = c.parent_id WHERE p.id = 2 ORDER BY c.id
    """,
    "WHERE": "SELECT c.v FROM parents p, children c WHERE p.id = c.parent_id AND p.id = 2 ORDER BY c.id",
    "EXISTS": """
        SELECT p.id FROM parents p
        WHERE EXISTS (SELECT 1 FROM children c WHERE c.parent_id = p.id AND c.v > 3) ORDER BY p.id
    """,
    "NOT EXISTS": """
        SELECT p.id FROM parents p
        WHERE NOT EXISTS (SELECT 1 FROM children c WHERE p.id = c.parent_id) ORDER BY p.id
    """,
    "scalar": """
        SELECT p.id, (SELECT max(c.v) FROM children c WHERE c.parent_id = p.id) AS m FROM parents p
        ORDER BY p.id
    """,
    "by a column": """
        SELECT p.id, c.v FROM parents p LEFT JOIN children c ON c.parent_id = p.n
        WHERE p.id < 4 ORDER BY p.id, c.id
    """,
}
TO_THE_KEY = {
    "join": "SELECT p.n FROM children c JOIN parents p ON p.id = c.parent_id WHERE c.id = 3",
    "outer join": """
        SELECT p.n FROM children c LEFT JOIN parents p ON c.parent_id = p.id WHERE c.id < 5 ORDER BY c.id
    """,
    "scalar": """
        SELECT c.id, (SELECT p.n FROM parents p WHERE p.id = c.parent_id) AS n FROM children c
        WHERE c.id < 5 ORDER BY c.id
    """,
}


@pytest.fixture
def engine(origin: Origin) -> Iterator[CachingEngine]:
    origin.execute(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY, n INTEGER)",
        "CREATE TABLE children (id INTEGER PRIMARY KEY, parent_id INTEGER, v INTEGER)",
        "CREATE INDEX children_parent ON children (parent_id)",
        "INSERT INTO parents VALUES " + ", ".join(f"({key}, {key * 3 % 7})" for key in range(1, 30)),
        "INSERT INTO children VALUES "
        + ", ".join(f"({key}, {key % 20 or 'NULL'}, {key % 9})" for key in range(1, 200)),
    )
    with CachingEngine(origin.engine(), cache_db="", mode="transparent") as engine:
        engine.warm("parents")
        engine.warm("children")
        yield engine


def steps(engine: CachingEngine, origin: Origin, statement: str) -> dict[str, str]:
    """How SQLite gets at each table for the store's answer, which is the origin's: SEARCH or SCAN."""
    given = engine.execute(statement)
    with origin.engine().connect() as connection:
        expected = [tuple(row) for row in connection.execute(sa.text(statement))]
    assert given.status.outcome is Outcome.HIT
    assert same([tuple(row.values()) for row in given], expected)
    planned = engine._core.front.known(statement, has_parameters=True)
    sql, states = planned.plan.sql, planned.states
    generations = [state.generation for state in states]
    named = {
        alias: states[0 if database == "main" else int(database[1:])].name.name
        for database, alias in re.findall(r"\b(main|s\d+)\.data AS (t\d+)\b", sql)
    }
    arguments = (1,) * sql.count("?")
    told = engine._core.store.query(generations, f"EXPLAIN QUERY PLAN {sql}", arguments)
    found = [re.match(r"(SEARCH|SCAN) (t\d+)\b(.*)", words) for *_, words in told]
    return {named[step[2]]: step[1] + step[3] for step in found if step is not None}


@pytest.mark.parametrize("name", FROM_THE_KEY)
def test_the_rows_of_a_key_are_found_by_the_index_of_what_refers_to_it(
    engine: CachingEngine, origin: Origin, name: str
) -> None:
    """The key is SQLite's row id, a whole number; so must be what is compared with it."""
    step = steps(engine, origin, FROM_THE_KEY[name])["children"]

    assert re.match(r"SEARCH USING (COVERING )?INDEX i\d+ \(parent_id=\?\)", step), step


@pytest.mark.parametrize("name", TO_THE_KEY)
def test_the_row_of_a_key_is_found_by_it(engine: CachingEngine, origin: Origin, name: str) -> None:
    step = steps(engine, origin, TO_THE_KEY[name])["parents"]

    assert step.startswith("SEARCH USING INTEGER PRIMARY KEY (rowid=?)"), step
