"""Invariant: a function of somebody's named as one of PostgreSQL's is called where PostgreSQL calls it.

It takes the function or operator whose types are nearest, also before its own: length(varchar) before
length(text). The store has only PostgreSQL's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status

pytestmark = pytest.mark.families("postgresql")

LENGTH = "CREATE FUNCTION length(varchar) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 99'"
EQUAL = (
    "CREATE FUNCTION equal(varchar, varchar) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'",
    "CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = equal)",
)
JOINED = (
    "CREATE FUNCTION joined(int, varchar) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''joined''::text'",
    "CREATE OPERATOR || (LEFTARG = int, RIGHTARG = varchar, FUNCTION = joined)",
)
ALIKE = (
    "CREATE FUNCTION alike(varchar, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true'",
    "CREATE OPERATOR ~~ (LEFTARG = varchar, RIGHTARG = text, FUNCTION = alike)",
)
COUNTED = (
    "CREATE TABLE others (id INTEGER)",
    "CREATE TYPE mood AS ENUM ('open', 'paid')",
    "CREATE FUNCTION counted(mood, int) RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM others'",
    "CREATE OPERATOR + (LEFTARG = mood, RIGHTARG = int, FUNCTION = counted)",
    "ALTER TABLE items ADD COLUMN m mood DEFAULT 'open'",
)


@pytest.fixture
def items(origin: Origin) -> Origin:
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, s VARCHAR(20), t TEXT)",
        "INSERT INTO items VALUES (1, 'one', 'one'), (2, 'two', 'two')",
    )
    return origin


@pytest.fixture(params=["strict", "transparent"])
def engine(request: pytest.FixtureRequest, items: Origin) -> Iterator[CachingEngine]:
    with CachingEngine(items.engine(), mode=request.param) as engine:
        yield engine


def rows(engine: sa.Engine, statement: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def check(items: Origin, engine: CachingEngine, statement: str, *, is_hit: bool = False) -> None:
    expected = rows(items.engine(), statement)
    for _ in range(3):
        assert rows(engine, statement) == expected
    status = last_status()
    assert status is not None
    assert (status.outcome is Outcome.HIT) == is_hit, (statement, status)


@pytest.mark.parametrize(
    ("made", "statement"),
    [
        ((LENGTH,), "SELECT length(s) FROM items ORDER BY id"),
        ((LENGTH,), "SELECT id FROM items WHERE length(s) > 3 ORDER BY id"),
        ((LENGTH,), "SELECT max(length(s)) FROM items"),
        (EQUAL, "SELECT id FROM items WHERE s = 'none' ORDER BY id"),
        (EQUAL, "SELECT id FROM items WHERE s IN ('none', 'nobody') ORDER BY id"),
        (EQUAL, "SELECT CASE s WHEN 'none' THEN 1 END AS x FROM items"),
        (EQUAL, "SELECT nullif(s, 'none') FROM items ORDER BY id"),
        (JOINED, "SELECT id || s FROM items ORDER BY id"),
        (ALIKE, "SELECT id FROM items WHERE s LIKE 'x' ORDER BY id"),
        (ALIKE, "SELECT id FROM items WHERE s NOT LIKE 'x' ORDER BY id"),
    ],
)
def test_what_was_made_is_meant(
    items: Origin, engine: CachingEngine, made: tuple[str, ...], statement: str
) -> None:
    items.execute(*made)

    check(items, engine, statement)


def test_what_has_other_names_or_types_is_answered_as_ever(items: Origin, engine: CachingEngine) -> None:
    """An extension's functions and operators over its own types, a percent sign over texts (pg_trgm's)."""
    items.execute(
        "CREATE TYPE mood AS ENUM ('open', 'paid')",
        "CREATE FUNCTION length(mood) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION max(uuid) RETURNS uuid LANGUAGE sql AS 'SELECT $1'",
        "CREATE FUNCTION similar_to(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
        "CREATE FUNCTION plus(mood, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'",
        "CREATE OPERATOR + (LEFTARG = mood, RIGHTARG = int, FUNCTION = plus)",
        "CREATE SCHEMA unseen",
        "CREATE FUNCTION unseen.upper(varchar) RETURNS text LANGUAGE sql AS 'SELECT ''x''::text'",
    )
    percent = "CREATE OPERATOR % (LEFTARG = text, RIGHTARG = text, FUNCTION = similar_to)"
    with items.engine().begin() as connection:
        connection.execute(sa.text(percent))

    for statement in (
        "SELECT length(t) AS a, upper(s) AS b FROM items WHERE s = 'one'",
        "SELECT max(id) + 1 AS x FROM items",
        "SELECT id FROM items WHERE mod(id, 2) = 1",
    ):
        check(items, engine, statement, is_hit=True)


def test_what_this_engine_makes_counts_at_once(items: Origin) -> None:
    statement = "SELECT length(s) AS n FROM items ORDER BY id"
    with CachingEngine(items.engine(), mode="transparent") as engine:
        check(items, engine, statement, is_hit=True)
        with engine.begin() as connection:
            connection.exec_driver_sql(LENGTH)
        check(items, engine, statement)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP FUNCTION length(varchar)")
        check(items, engine, statement, is_hit=True)


MADE_BY_PARTS = "CREATE AGGREGATE max(varchar) (SFUNC = textcat, STYPE = text, INITCOND = 'all ')"
CHANGING = "LANGUAGE sql VOLATILE AS 'SELECT random()::text'"


@pytest.mark.parametrize(
    ("made", "unmade"),
    [
        ((LENGTH,), ("DROP FUNCTION length(varchar)",)),
        ((LENGTH,), ("ALTER FUNCTION length(varchar) RENAME TO its_length",)),
        ((LENGTH,), ("CREATE SCHEMA unseen", "ALTER FUNCTION length(varchar) SET SCHEMA unseen")),
        (
            (LENGTH.replace("length", "its_length"), "ALTER FUNCTION its_length(varchar) RENAME TO length"),
            ("DROP FUNCTION length(varchar)",),
        ),
        (EQUAL, ("DROP OPERATOR = (varchar, varchar)",)),
        ((MADE_BY_PARTS,), ("DROP AGGREGATE max(varchar)",)),
    ],
)
def test_all_that_was_planned_before_is_planned_again(
    items: Origin, made: tuple[str, ...], unmade: tuple[str, ...]
) -> None:
    """Not only what is asked first; of another table, too."""
    items.execute(
        "CREATE TABLE more (id INTEGER PRIMARY KEY, s VARCHAR(20))", "INSERT INTO more VALUES (1, 'x')"
    )
    statements = [
        "SELECT length(s) AS n FROM items ORDER BY id",
        "SELECT max(s) AS n FROM items",
        "SELECT id FROM items WHERE s = 'none' ORDER BY id",
        "SELECT id, length(s) AS n FROM items ORDER BY id",
        "SELECT length(s) AS n, id AS a FROM more",
        "SELECT max(s) AS n, 1 AS a FROM more",
        "SELECT id AS a FROM more WHERE s = 'none'",
    ]
    base = items.engine()
    with CachingEngine(items.engine(), mode="transparent") as engine:
        for statement in statements:
            check(items, engine, statement, is_hit=True)
        with engine.begin() as connection:
            for each in made:
                connection.exec_driver_sql(each)
        for statement in statements:
            check_is_the_origins(base, engine, statement)
        with engine.begin() as connection:
            for each in unmade:
                connection.exec_driver_sql(each)
        for statement in statements:
            check(items, engine, statement, is_hit=True)


def check_is_the_origins(base: sa.Engine, engine: CachingEngine, statement: str) -> None:
    expected = rows(base, statement)
    assert [rows(engine, statement) for _ in range(3)] == [expected] * 3, statement


@pytest.mark.parametrize(
    ("made", "statement"),
    [
        (f"CREATE FUNCTION reverse(varchar) RETURNS text {CHANGING}", "SELECT max(reverse(s)) FROM items"),
        (
            f"CREATE FUNCTION lower(varchar) RETURNS text {CHANGING}",
            "SELECT string_agg(lower(s), ',') FROM items",
        ),
        (f"CREATE FUNCTION to_json(mood) RETURNS text {CHANGING}", "SELECT to_json(m)::text FROM items"),
        (f"CREATE FUNCTION concat(mood, text) RETURNS text {CHANGING}", "SELECT concat(m, t) FROM items"),
    ],
)
def test_what_may_change_from_now_on_is_kept_no_longer(items: Origin, made: str, statement: str) -> None:
    """Also a function over a type of somebody's own."""
    items.execute("CREATE TYPE mood AS ENUM ('open')", "ALTER TABLE items ADD COLUMN m mood DEFAULT 'open'")
    with CachingEngine(items.engine(), mode="transparent") as engine:
        check_is_kept(engine, statement)
        with engine.begin() as connection:
            connection.exec_driver_sql(made)
        rows(engine, "SELECT id FROM items")
        assert len({str(rows(engine, statement)) for _ in range(4)}) == 4


def check_is_kept(engine: CachingEngine, statement: str) -> None:
    assert rows(engine, statement) == rows(engine, statement) == rows(engine, statement)
    status = last_status()
    assert status is not None
    assert status.outcome in (Outcome.HIT, Outcome.RESULT_HIT)


def test_what_others_make_counts_after_an_invalidation(items: Origin, engine: CachingEngine) -> None:
    statement = "SELECT length(s) AS n FROM items ORDER BY id"
    check(items, engine, statement, is_hit=True)
    items.execute(LENGTH)
    engine.invalidate("items")

    check(items, engine, statement)


def test_an_answer_by_an_operator_that_reads_other_tables_is_not_kept(
    items: Origin, engine: CachingEngine
) -> None:
    """Nor one by a cast."""
    items.execute(
        *COUNTED,
        "CREATE FUNCTION worth(mood) RETURNS int LANGUAGE sql AS 'SELECT count(*)::int FROM others'",
        "CREATE CAST (mood AS int) WITH FUNCTION worth(mood)",
        "CREATE VIEW sums AS SELECT id, m + 1 AS n FROM items",
        "CREATE VIEW worths AS SELECT id, m::int AS n FROM items",
    )
    statements = (
        "SELECT m + 1 AS n FROM items WHERE id = 1",
        "SELECT m::int AS n FROM items WHERE id = 1",
        "SELECT n FROM sums WHERE id = 1",
        "SELECT n FROM worths WHERE id = 1",
    )
    for statement in statements:
        check(items, engine, statement)
    items.execute("INSERT INTO others VALUES (1)")
    for statement in statements:
        assert rows(engine, statement) == [(1,)]


def test_after_a_restart_it_is_still_known(items: Origin, tmp_path: Any) -> None:
    """A plan is made by what the snapshot says, and checked against the origin's."""
    items.execute(LENGTH)
    for _ in range(2):
        with CachingEngine(items.engine(), cache_db=tmp_path / "kept.db") as engine:
            rows(engine, "SELECT s FROM items")
            check(items, engine, "SELECT length(s) FROM items ORDER BY id")
