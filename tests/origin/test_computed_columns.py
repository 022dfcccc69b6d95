"""Columns that the origin computes, and ranks: exact answers where SQLite's own meaning is another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status
from sqlmem.learning import MAX_EXPRESSIONS

pytestmark = pytest.mark.families("postgresql", "mariadb")

NAMES = ("Zed", "apple", "Apple", "École", "ecole", "bob", "Bob ", "", "zed")


@pytest.fixture
def people(origin: Origin) -> Origin:
    options = " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci" if origin.family == "mariadb" else ""
    values = ", ".join(
        f"({number}, '{name}', {number * 7 % 5}, {number}.50, '2024-0{number % 9 + 1}-15')"
        for number, name in enumerate(NAMES, 1)
    )
    origin.execute(
        "CREATE TABLE people"
        f" (id INTEGER PRIMARY KEY, name VARCHAR(40), n INTEGER, price NUMERIC(10,2), born DATE){options}",
        f"INSERT INTO people VALUES {values}, (90, NULL, NULL, NULL, NULL)",
    )
    return origin


@pytest.fixture
def base(people: Origin) -> sa.Engine:
    return people.engine()


@pytest.fixture
def engine(base: sa.Engine) -> Iterator[CachingEngine]:
    with CachingEngine(base, cache_db="", max_results=0) as engine:
        yield engine


def ask(engine: sa.Engine, statement: str, **parameters: object) -> tuple:
    """Column names, type codes and rows; without an order the rows are sorted."""
    with engine.connect() as connection:
        result = connection.execute(sa.text(statement), parameters)
        rows = [tuple(row) for row in result]
    if "ORDER BY" not in statement:
        rows.sort(key=repr)
    return tuple(result.keys()), rows


def outcome() -> Outcome:
    status = last_status()
    assert status is not None
    return status.outcome


LOCAL = {
    "a function in the select list": "SELECT id, upper(name) AS u FROM people",
    "in WHERE": "SELECT id FROM people WHERE lower(name) = 'apple'",
    "in GROUP BY and ORDER BY": (
        "SELECT length(name) AS l, count(*) AS c FROM people GROUP BY length(name) ORDER BY l"
    ),
    "inside of an aggregate": "SELECT max(length(name)) AS m, count(nullif(n, 2)) AS c FROM people",
    "a constant pattern": "SELECT id FROM people WHERE name LIKE 'A%' OR name LIKE '%b_'",
    "arithmetic": "SELECT id, price * n AS x, price + 1.5 AS y FROM people",
    "a cast": "SELECT id, CAST(price AS CHAR(10)) AS c FROM people",
    "a date's part": (
        "SELECT extract(month FROM born) AS m, count(*) AS c FROM people GROUP BY extract(month FROM born)"
    ),
    "two columns compared": "SELECT id FROM people WHERE name < upper(name)",
    "CASE": "SELECT id, CASE WHEN name > 'b' THEN 'late' ELSE 'early' END AS w FROM people",
    "text in its order": "SELECT name FROM people ORDER BY name, id",
    "in its order, backwards, with a limit": "SELECT id FROM people ORDER BY name DESC, id LIMIT 3",
    "an order of an expression": "SELECT id FROM people ORDER BY lower(name), id",
    "ranked in a window": "SELECT id, rank() OVER (ORDER BY name) AS r FROM people ORDER BY id",
    "compared with a stored text": "SELECT id FROM people WHERE name = 'bob'",
}


@pytest.mark.parametrize("name", LOCAL)
def test_what_only_the_origin_can_compute_is_computed_by_it_once(people, base, engine, name):
    """The first asking fetches it as a column; from then on the store answers, as the bare engine does."""
    expected = ask(base, LOCAL[name])
    first = ask(engine, LOCAL[name])

    with people.expect_silence():
        second = ask(engine, LOCAL[name])

    assert outcome() is Outcome.HIT
    assert same(first, expected)
    assert same(second, expected)


def test_it_is_one_fetch_and_seen_in_the_statistics(people, base, engine):
    """It widens the table like a column, and is listed beside the columns."""
    with people.expect(1):
        ask(engine, "SELECT id, upper(name) AS u FROM people")

    (table,) = engine.stats().tables.values()
    assert table.expressions == ("(upper(name))",)
    assert table.columns == ("id",)


def test_one_expression_written_in_two_ways_is_one(people, base, engine):
    """Case of words, blanks and qualifiers make no difference; case within quotes does."""
    ask(engine, "SELECT id, upper(name) AS u FROM people")

    with people.expect(0):
        ask(engine, "SELECT p.id, UPPER( p.name ) AS u FROM people AS p")

    assert outcome() is Outcome.HIT


VOLATILE = {
    "the present": "SELECT id FROM people WHERE born < CURRENT_DATE",
    "chance": "SELECT id FROM people WHERE {random}() < 2",
    "the user": "SELECT id, CURRENT_USER AS u FROM people",
    "the present through a function": "SELECT id, {now}() AS n FROM people",
}


@pytest.mark.parametrize("name", VOLATILE)
def test_what_changes_by_itself_is_always_the_origins(people, base, engine, name):
    """It isn't fetched: the second asking reaches the origin as well."""
    words = {"mariadb": {"random": "rand", "now": "now"}, "postgresql": {"random": "random", "now": "now"}}
    statement = VOLATILE[name].format(**words[people.family])
    ask(engine, statement)

    ask(engine, statement)

    assert outcome() is Outcome.BYPASS
    assert all(not table.expressions for table in engine.stats().tables.values())


@pytest.mark.families("postgresql")
def test_immutable_is_what_the_origin_calls_so(people, base, engine):
    """A function of the user's own is computed once per row if it was declared IMMUTABLE, else each time."""
    people.execute(
        "CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n'",
        "CREATE FUNCTION moody(n integer) RETURNS integer LANGUAGE sql STABLE AS 'SELECT 3 * n'",
    )
    found = {}
    for function in ("twice", "moody"):
        statement = f"SELECT id, {function}(n) AS x FROM people ORDER BY id"
        ask(engine, statement)
        assert same(ask(engine, statement), ask(base, statement))
        ask(engine, statement)
        found[function] = outcome()

    assert found == {"twice": Outcome.HIT, "moody": Outcome.BYPASS}


@pytest.mark.families("postgresql")
@pytest.mark.parametrize(
    "expression",
    [
        "date_trunc('month', at)",
        "extract(hour FROM at)",
        "at::date",
        "at::text",
        "day::text",
        "to_char(day, 'HH24')",
        "at + interval '1 day'",
        "day < at",
        "'x' || day",
        "day > 'yesterday'",
        "date_trunc('month', day)",
    ],
)
def test_what_the_session_decides_isnt_kept(origin: Origin, expression: str) -> None:
    """Time zone and date style are the session's: another one's answer would be another."""
    origin.execute(
        "CREATE TABLE moments (id INTEGER PRIMARY KEY, at TIMESTAMPTZ, day DATE)",
        "INSERT INTO moments VALUES (1, '2024-03-31 01:30:00+00', '2024-03-31')",
    )
    statement = f"SELECT id, {expression} AS x FROM moments"
    with CachingEngine(origin.engine(), cache_db="", max_results=0) as engine:
        ask(engine, statement)
        answer = ask(engine, statement)

        assert outcome() is Outcome.BYPASS
        assert same(answer, ask(origin.engine(), statement))


@pytest.mark.families("postgresql")
def test_an_error_in_one_row_costs_that_expression_only(people, base, engine):
    """n is 0 somewhere: the logarithm is the origin's, and everything else goes on from the store."""
    statement = "SELECT id, ln(n) AS q FROM people WHERE n > 0 ORDER BY id"
    ask(engine, "SELECT id, price FROM people")

    answers = [ask(engine, statement) for _ in range(2)]

    assert outcome() is Outcome.BYPASS
    assert all(same(answer, ask(base, statement)) for answer in answers)
    with people.expect(0):
        ask(engine, "SELECT id, price FROM people")


def test_a_parameter_takes_the_rank_of_the_stored_text(people, base, engine):
    """`name = :name` under any collation: exact if a row has that very text, else the origin answers."""
    statement = "SELECT id FROM people WHERE name = :name ORDER BY id"
    ask(engine, statement, name="Zed")

    found = {}
    for name in (*NAMES, "ZED", "nobody", "bob ", None):
        assert same(ask(engine, statement, name=name), ask(base, statement, name=name)), name
        found[name] = outcome()

    assert all(found[name] is Outcome.HIT for name in NAMES)
    if people.family == "mariadb":
        # Equal to 'zed' there, and no row has it: the weights of its characters tell.
        assert found["ZED"] is Outcome.HIT


def test_an_ordered_comparison_with_a_parameter(people, base, engine):
    """Likewise for <: by rank where a row has the text."""
    statement = "SELECT id FROM people WHERE name < :name ORDER BY id"
    ask(engine, statement, name="bob")

    answers = {name: ask(engine, statement, name=name) for name in (*NAMES, "m", None)}

    for name, answer in answers.items():
        assert same(answer, ask(base, statement, name=name)), name


@pytest.mark.families("mariadb")
def test_texts_that_are_equal_and_not_the_same_are_grouped_by_the_origin(people, base, engine):
    """Which of 'Apple' and 'apple' stands for the group is the origin's to choose."""
    statement = "SELECT name, count(*) AS c FROM people GROUP BY name"
    ask(engine, statement)

    answer = ask(engine, statement)

    assert outcome() is Outcome.BYPASS
    assert same(answer, ask(base, statement))


def test_a_restart_serves_it_without_the_origin(people: Origin, base: sa.Engine, tmp_path: Path) -> None:
    """Computed columns and ranks are in the snapshot; the origin computes them again at the next fill."""
    statement = "SELECT id, upper(name) AS u FROM people ORDER BY name, id"
    path = str(tmp_path / "cache.db")
    with CachingEngine(base, cache_db=path) as engine:
        expected = ask(engine, statement)

    with CachingEngine(base, cache_db=path) as engine:
        with people.expect(0):
            restarted = ask(engine, statement)
        assert outcome() is Outcome.HIT
        engine.invalidate("people")
        refilled = ask(engine, statement)
        assert outcome() is Outcome.MISS

    assert same(restarted, expected)
    assert same(refilled, expected)


def test_after_an_invalidation_it_is_computed_anew(people, base, engine):
    """A computed column is as old as the row it was computed from."""
    statement = "SELECT id, upper(name) AS u FROM people WHERE id = 6"
    before = ask(engine, statement)
    people.execute("UPDATE people SET name = 'eve' WHERE id = 6")
    stale = ask(engine, statement)
    engine.invalidate("people")

    after = ask(engine, statement)

    assert before[1] == stale[1] == [(6, "BOB")]
    assert after[1] == [(6, "EVE")]


def test_the_number_of_computed_columns_is_bounded(people, base, engine):
    """One constant after the other: the table isn't fetched for each, and its columns are bounded."""
    for number in range(3 * MAX_EXPRESSIONS):
        statement = f"SELECT id, regexp_replace(name, '{number}', 'x') AS r FROM people"
        assert same(ask(engine, statement), ask(base, statement))
        (table,) = engine.stats().tables.values()
        assert len(table.expressions) <= MAX_EXPRESSIONS

    (table,) = engine.stats().tables.values()
    assert table.fills < MAX_EXPRESSIONS


def test_one_that_is_met_again_is_admitted(people, base, engine):
    """Many constants come once; one that comes twice is worth a column."""
    for number in range(MAX_EXPRESSIONS):
        ask(engine, f"SELECT id, regexp_replace(name, '{number}', 'x') AS r FROM people")
    statement = "SELECT id, regexp_replace(name, '99', 'x') AS r FROM people"

    outcomes = []
    for _ in range(3):
        ask(engine, statement)
        outcomes.append(outcome())

    assert outcomes == [Outcome.BYPASS, Outcome.MISS, Outcome.HIT]


def test_explain_says_what_is_fetched(people, base, engine):
    """The origin's statement has the expression in the statement's own words."""
    statement = "SELECT id, upper(name) AS u FROM people ORDER BY id"
    explanation = engine.explain(statement)

    (fetch,) = explanation.origin_statements
    assert "upper(name)" in fetch
    assert explanation.outcome is Outcome.MISS
    ask(engine, "SELECT id FROM people WHERE upper(name) LIKE '%B%' ORDER BY id")
    assert (
        engine.explain("SELECT id FROM people WHERE upper(name) LIKE '%B%' ORDER BY id").outcome
        is Outcome.HIT
    )


@pytest.mark.families("postgresql")
def test_a_collation_that_isnt_deterministic_is_the_origins(origin: Origin) -> None:
    """Equal and not the same: by ranks where they tell, else by the origin."""
    origin.execute(
        "CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "CREATE TABLE words (id INTEGER PRIMARY KEY, w TEXT COLLATE caseless)",
        "INSERT INTO words VALUES (1, 'a'), (2, 'A'), (3, 'b'), (4, NULL)",
    )
    with CachingEngine(origin.engine(), cache_db="", max_results=0) as engine:
        for statement in (
            "SELECT id FROM words WHERE w = 'a' ORDER BY id",
            "SELECT id FROM words WHERE w = 'B' ORDER BY id",
            "SELECT id FROM words ORDER BY w, id",
            "SELECT count(DISTINCT w) AS c FROM words",
            "SELECT max(w) AS m FROM words",
            "SELECT id, dense_rank() OVER (ORDER BY w) AS r FROM words ORDER BY id",
        ):
            for _ in range(2):
                assert same(ask(engine, statement), ask(origin.engine(), statement)), statement


@pytest.mark.families("postgresql")
def test_a_computed_numeric_of_any_scale_is_compared_as_a_number(driver_origin: Origin) -> None:
    """Drivers differ in what they say of a scale that isn't declared; texts of numbers sort otherwise."""
    driver_origin.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, n numeric(8,3))",
        "INSERT INTO t VALUES (1, 7.125), (2, 0.5), (3, 10), (4, -3), (5, NULL)",
    )
    bare = driver_origin.engine()
    question = "SELECT id FROM t WHERE power(n, 2) >= trim_scale(n) ORDER BY id"
    with CachingEngine(bare, cache_db="") as engine, bare.connect() as connection:
        expected = [tuple(row) for row in connection.exec_driver_sql(question)]

        found = [[tuple(row.values()) for row in engine.execute(question)] for _ in range(2)]

    assert expected == [(1,), (3,), (4,)]
    assert found == [expected, expected]


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("mode", ["strict", "transparent"])
@pytest.mark.parametrize(
    "expression",
    [
        "unnest(numbers)",
        "generate_subscripts(numbers, 1)",
        "regexp_matches(word, 'a', 'g')",
        "regexp_split_to_table(word, ' ')",
        "jsonb_array_elements(list)",
        "upper(regexp_split_to_table(word, ' '))",
        "twice(id)",
    ],
)
def test_what_gives_several_rows_is_no_column(origin: Origin, mode: str, expression: str) -> None:
    """A fill with it would have another number of rows than the table, for every later statement."""
    origin.execute(
        "CREATE TABLE t (id INTEGER, numbers INTEGER[], list JSONB, word TEXT)",
        "INSERT INTO t VALUES (1, '{1,2}', '[1,2,3]', 'a b'), (2, '{}', '[]', ''), (3, NULL, NULL, NULL)",
        "CREATE FUNCTION twice(n INTEGER) RETURNS SETOF INTEGER LANGUAGE sql IMMUTABLE"
        " AS $$ SELECT n UNION ALL SELECT n WHERE n <> 2 $$",
    )
    bare = origin.engine()
    with CachingEngine(origin.engine(), mode=mode) as engine:
        for statement in (
            f"SELECT {expression} AS x FROM t",
            "SELECT id FROM t",
            "SELECT count(*) AS n FROM t",
        ):
            for _ in range(3):
                assert ask(engine, statement) == ask(bare, statement)


@pytest.mark.families("postgresql")
def test_a_composite_value_of_nothing_has_a_rank(origin: Origin) -> None:
    """Though it IS NULL."""
    origin.execute(
        "CREATE TYPE pair AS (a INTEGER, b TEXT)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v pair)",
        "INSERT INTO t VALUES (1, ROW(1, 'x')), (2, NULL), (3, ROW(NULL, NULL)), (4, ROW(NULL, 'a'))",
    )
    bare = origin.engine()
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        for statement in (
            "SELECT id FROM t ORDER BY v",
            "SELECT DISTINCT ON (v) id FROM t ORDER BY v, id",
            "SELECT id, rank() OVER (ORDER BY v) AS r FROM t ORDER BY id",
            "SELECT count(DISTINCT v) AS n FROM t",
            "SELECT id FROM t WHERE v IS NULL ORDER BY id",
            "SELECT count(v) AS n FROM t",
        ):
            for _ in range(3):
                assert ask(engine, statement) == ask(bare, statement), statement
