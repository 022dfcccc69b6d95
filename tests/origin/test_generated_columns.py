"""Invariant: what the origin computes when it is read is the store's only if it is the same each time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from support.origins import Origin

from sqlmem import CachingEngine, Memo, Outcome, last_status

pytestmark = pytest.mark.families("mariadb")


@pytest.fixture
def people(origin: Origin) -> Origin:
    origin.execute(
        "CREATE TABLE people (id INTEGER PRIMARY KEY, born DATE, at TIME,"
        " year INTEGER AS (YEAR(born)) VIRTUAL, stored INTEGER AS (id + 1) PERSISTENT,"
        # Stands for what is of today: another one each time.
        " chance DOUBLE AS (RAND()) VIRTUAL, doubled DOUBLE AS (chance * 2) VIRTUAL,"
        " moment DATETIME AS (CAST(at AS DATETIME)) VIRTUAL)",
        "INSERT INTO people (id, born, at) VALUES (1, '1990-05-04', '12:00:00'), (2, NULL, NULL)",
        "CREATE VIEW chances AS SELECT id, chance FROM people",
        "CREATE VIEW years AS SELECT id, year FROM people",
        "CREATE TABLE others (id INTEGER PRIMARY KEY, chance DOUBLE)",
        "INSERT INTO others VALUES (1, 0.5)",
    )
    return origin


@pytest.fixture
def engine(people: Origin) -> Iterator[CachingEngine]:
    with CachingEngine(people.engine(), mode="transparent") as engine:
        yield engine


def outcomes(engine: CachingEngine, statement: str) -> set[Outcome]:
    found = set()
    for _ in range(4):
        with engine.connect() as connection:
            connection.execute(text(statement)).all()
        status = last_status()
        assert status is not None
        found.add(status.outcome)
    return found


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id, chance FROM people",
        "SELECT doubled FROM people WHERE id = 1",
        "SELECT moment FROM people",
        "SELECT id FROM people WHERE chance < 2",
        "SELECT id FROM people ORDER BY Chance",
        "SELECT count(*) FROM people GROUP BY `chance`",
        "SELECT max(chance + id) FROM people",
        "SELECT * FROM people",
        "SELECT p.* FROM people AS p",
        "SELECT id FROM (SELECT id, chance FROM people) AS d",
        "SELECT id FROM people NATURAL JOIN others",
        "SELECT others.id FROM others JOIN people USING (id, chance)",
        "SELECT id FROM others WHERE EXISTS (SELECT chance FROM people WHERE people.id = others.id)",
    ],
)
def test_what_may_be_something_else_is_read_each_time(engine: CachingEngine, statement: str) -> None:
    """Nor is an answer with it kept."""
    assert outcomes(engine, statement) == {Outcome.BYPASS}


def test_so_is_a_view_of_such_a_column(engine: CachingEngine) -> None:
    """Whichever of its columns is asked for."""
    assert outcomes(engine, "SELECT id, chance FROM chances") == {Outcome.BYPASS}
    assert outcomes(engine, "SELECT id FROM years") == {Outcome.BYPASS}
    assert "chance of" in str(engine.explain("SELECT id FROM years").reasons)


def test_the_other_columns_are_answered_as_ever(engine: CachingEngine) -> None:
    """What is computed of the row alone is a column as any other."""
    statement = "SELECT id, year, stored FROM people WHERE year > 1900"
    assert outcomes(engine, statement) == {Outcome.MISS, Outcome.HIT}
    assert list(map(dict, engine.execute(statement))) == [{"id": 1, "year": 1990, "stored": 2}]
    with engine.begin() as connection:
        connection.execute(text("UPDATE people SET born = '2000-01-01'"))
    assert [row["year"] for row in engine.execute("SELECT year FROM people ORDER BY id")] == [2000, 2000]


def test_a_memo_over_such_a_column_computes_each_time(engine: CachingEngine) -> None:
    memo = Memo(None)
    calls: list[int] = []

    @memo
    def chance() -> float:
        calls.append(1)
        with engine.connect() as connection:
            return float(connection.execute(text("SELECT chance FROM people WHERE id = 1")).scalar_one())

    assert chance() != chance()
    assert len(calls) == 2
