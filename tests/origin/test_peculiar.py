"""Connections that were made with a setting that few have: the answers are the bare engine's, or its errors.

The setting is made by an event when a connection is made, as applications do, so that all have it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text
from support.origins import Origin

from sqlmem import CachingEngine, add_sink, last_status, remove_sink
from sqlmem.model import Outcome

CREATE = "CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20), code CHAR(5), version INTEGER)"
INSERT = "INSERT INTO items VALUES (1, 'one', 'a', 0), (2, 'two', 'b', 5), (3, '', 'c', 2)"
STATEMENTS = (
    "SELECT id, name FROM items ORDER BY id",
    "SELECT id FROM items WHERE NOT version > 1",
    "SELECT id FROM items WHERE name = 'two'",
    "SELECT id FROM items WHERE name = ''",
    "SELECT id, code FROM items ORDER BY id",
    "SELECT count(*) AS n FROM items",
)


def answer(engine: sa.Engine, statement: str) -> Any:
    with engine.connect() as connection:
        try:
            return [tuple(row) for row in connection.execute(text(statement))]
        except Exception as error:  # noqa: BLE001 - whose class is the answer
            return type(error)


@pytest.mark.filterwarnings("ignore:Unknown schema content")  # SQLAlchemy's reflection knows no ORACLE mode
@pytest.mark.families("mariadb")
@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("SET sql_select_limit = 1", "sql_select_limit is 1"),
        ("SET sql_mode = 'HIGH_NOT_PRECEDENCE'", "sql_mode has HIGH_NOT_PRECEDENCE"),
        ("SET sql_mode = 'EMPTY_STRING_IS_NULL'", "sql_mode has EMPTY_STRING_IS_NULL"),
        ("SET sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'", "sql_mode has PAD_CHAR_TO_FULL_LENGTH"),
        ("SET sql_mode = 'ORACLE'", "sql_mode has ORACLE"),
        ("SET sql_auto_is_null = 1", "sql_auto_is_null is on"),
    ],
)
def test_setting_by_which_statements_mean_something_else(origin: Origin, setting: str, reason: str) -> None:
    origin.execute(CREATE, INSERT)
    bare = origin.set_up(setting)
    with CachingEngine(origin.set_up(setting)) as engine:
        for statement in STATEMENTS:
            expected = answer(bare, statement)
            assert [answer(engine, statement) for _ in range(2)] == [expected] * 2, statement
            assert last_status().outcome in {Outcome.BYPASS, Outcome.RESULT_HIT}
        explained = engine.explain(STATEMENTS[0])
        assert explained.outcome in {Outcome.BYPASS, Outcome.RESULT_HIT}
        assert reason in str(explained)


TEXTS = (
    "CREATE TABLE texts (id INTEGER PRIMARY KEY, a VARCHAR(20), e VARCHAR(20) COLLATE utf8mb4_bin)",
    "INSERT INTO texts VALUES (1, 'a', 'a'), (2, 'A', 'A'), (3, 'é', 'é'), (4, 'Ж', 'Ж'), (5, '?', '?')",
)
OF_TEXTS = (
    "SELECT id, a FROM texts ORDER BY id",
    "SELECT id FROM texts WHERE a = 'A ' ORDER BY id",
    "SELECT id FROM texts WHERE a LIKE 'A%' ORDER BY id",
    "SELECT id FROM texts WHERE e = 'é' ORDER BY id",
    "SELECT id, concat(e, 'é') AS x FROM texts ORDER BY id",
    "SELECT id, 'Ж' AS x FROM texts ORDER BY id",
)


@pytest.mark.families("mariadb")
@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("SET character_set_results = NULL", "character_set_results is NULL"),
        ("SET character_set_results = binary", "character_set_results is binary"),
        ("SET character_set_results = latin1", "character_set_results is latin1"),
        ("SET character_set_results = utf8mb3", "character_set_results is utf8"),
        ("SET character_set_results = ucs2", "character_set_results is ucs2"),
        ("SET character_set_connection = latin1", "character_set_connection is latin1"),
        ("SET NAMES binary", "character_set_client is binary"),
        ("SET NAMES latin1", "character_set_client is latin1 and the driver's utf8mb4"),
    ],
)
def test_texts_that_the_session_writes_otherwise_than_the_driver(
    driver_origin: Origin, setting: str, reason: str
) -> None:
    """What the driver can't read is an error, as the bare engine's; definitions it may not read, either."""
    driver_origin.execute(*TEXTS)
    bare = driver_origin.set_up(setting)
    outcomes = set()
    with CachingEngine(driver_origin.set_up(setting)) as engine:
        for statement in OF_TEXTS:
            expected = answer_or_error(bare, statement)
            found = [answer_or_error(engine, statement) for _ in range(3)]
            if not isinstance(expected, list):
                assert all(issubclass(error, Exception) for error in found)
                continue
            assert found == [expected] * 3, statement
            outcomes.add(last_status().outcome)
            explained = str(engine.explain(statement))
            assert reason in explained or "texts isn't known" in explained
    assert outcomes <= {Outcome.BYPASS, Outcome.RESULT_HIT}


def answer_or_error(engine: sa.Engine, statement: str) -> Any:
    """PyMySQL's connections are of no use after a text that can't be read: to give one back fails, too."""
    try:
        return answer(engine, statement)
    except Exception as error:  # noqa: BLE001 - whose class is the answer
        return type(error)


@pytest.mark.families("mariadb")
@pytest.mark.parametrize("given", ["utf8mb4", "utf8mb3", "latin1"])
@pytest.mark.parametrize("is_by_event", [True, False])
def test_a_character_set_that_the_driver_has_too_keeps_nothing_from_the_store(
    driver_origin: Origin, given: str, *, is_by_event: bool
) -> None:
    driver_origin.execute(*TEXTS)
    if not is_by_event or given == "latin1":
        driver_origin.url = driver_origin.url.update_query_dict({"charset": given})
    setting = f"SET NAMES {given}" if is_by_event else "SET @x = 1"
    bare = driver_origin.set_up(setting)
    with CachingEngine(driver_origin.set_up(setting)) as engine:
        for statement in OF_TEXTS[:4]:
            expected = answer(bare, statement)
            for _ in range(3):
                assert answer(engine, statement) == expected, statement
            assert last_status().outcome is Outcome.HIT, statement


@pytest.mark.families("postgresql")
def test_a_comparison_with_null_that_means_is_null(origin: Origin) -> None:
    """PostgreSQL's transform_null_equals."""
    origin.execute(CREATE, INSERT, "INSERT INTO items (id) VALUES (4)")
    setting = "SET transform_null_equals = on"
    statement = "SELECT id FROM items WHERE name = NULL"
    assert answer(origin.set_up(setting), statement) == [(4,)]
    with CachingEngine(origin.set_up(setting)) as engine:
        assert [answer(engine, statement) for _ in range(2)] == [[(4,)]] * 2
        assert last_status().reason == "transform_null_equals is on"


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("digits", [0, -3])
def test_floats_that_come_rounded_are_the_origins_to_compute_with(origin: Origin, digits: int) -> None:
    """PostgreSQL's extra_float_digits: what the driver reads isn't what the origin compares and adds."""
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, f DOUBLE PRECISION, r REAL, b BIGINT, name VARCHAR(20))",
        "INSERT INTO items VALUES (1, float8 '0.1' + float8 '0.2', 0.1, 1234567890123456789, 'a'),"
        " (2, 0.3, 0.2, 3, 'b'), (3, float8 '1' / 3, real '1' / 3, 7, 'c')",
    )
    setting = f"SET extra_float_digits = {digits}"
    bare = origin.set_up(setting)
    rounded = (
        "SELECT id, f FROM items ORDER BY id",
        "SELECT id FROM items WHERE f = 0.3 ORDER BY id",
        "SELECT id FROM items WHERE f > 0.3 ORDER BY id",
        "SELECT DISTINCT f FROM items ORDER BY f",
        "SELECT f, count(*) FROM items GROUP BY f ORDER BY f",
        "SELECT f * 3 AS x FROM items ORDER BY id",
        "SELECT id FROM items ORDER BY f DESC, id",
        "SELECT id FROM items WHERE f IS NULL",
        "SELECT b::float8 AS x FROM items ORDER BY id",
        "SELECT b::float8::text AS x FROM items ORDER BY id",
        "SELECT name || (b::float8) AS x FROM items ORDER BY id",
        "SELECT sqrt(b::float8) AS x FROM items ORDER BY id",
        "SELECT percent_rank() OVER (ORDER BY id) / 3 AS x, id / 3::float8 AS y FROM items ORDER BY id",
        "SELECT max(f), min(f) FROM items",
        "SELECT a.id, b.id FROM items a JOIN items b ON a.f = b.f ORDER BY 1, 2",
        "SELECT a.id FROM items a JOIN items b USING (f) ORDER BY 1",
        "SELECT f FROM items UNION SELECT f + 0 FROM items ORDER BY 1",
        "SELECT * FROM (SELECT f FROM items) AS s ORDER BY 1",
        "SELECT id, (SELECT max(f) FROM items) AS x FROM items ORDER BY id",
    )
    whole = (
        "SELECT id, b, name FROM items WHERE b > 3 ORDER BY id",
        "SELECT name, r FROM items WHERE id = 1",
        "SELECT count(*), sum(b) FROM items",
    )
    with CachingEngine(origin.set_up(setting), mode="transparent") as engine:
        for statement in rounded:
            assert [answer(engine, statement) for _ in range(3)] == [answer(bare, statement)] * 3, statement
            assert last_status().outcome in {Outcome.BYPASS, Outcome.RESULT_HIT}, statement
        for statement in whole:
            assert [answer(engine, statement) for _ in range(2)] == [answer(bare, statement)] * 2, statement
            assert last_status().outcome is Outcome.HIT, statement
        assert "extra_float_digits" in str(engine.explain(rounded[0]))


@pytest.mark.families("postgresql")
def test_floats_with_all_their_digits_are_the_stores(origin: Origin) -> None:
    origin.execute("CREATE TABLE items (id INTEGER, f FLOAT)", "INSERT INTO items VALUES (1, 0.3)")
    with CachingEngine(origin.set_up("SET extra_float_digits = 3")) as engine:
        for _ in range(2):
            assert answer(engine, "SELECT id FROM items WHERE f = 0.3") == [(1,)]
        assert last_status().outcome is Outcome.HIT


@pytest.mark.families("mariadb")
def test_modes_that_change_no_read_keep_nothing_from_the_store(origin: Origin) -> None:
    origin.execute(CREATE, INSERT)
    setting = "SET sql_mode = 'TRADITIONAL,ONLY_FULL_GROUP_BY,NO_AUTO_VALUE_ON_ZERO'"
    bare = origin.set_up(setting)
    with CachingEngine(origin.set_up(setting)) as engine:
        for statement in STATEMENTS:
            assert [answer(engine, statement) for _ in range(2)] == [answer(bare, statement)] * 2
            assert last_status().outcome is Outcome.HIT


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_column_that_the_driver_refuses_to_read_harms_no_statement_without_it(
    origin: Origin, mode: str
) -> None:
    """psycopg reads timestamps with a time zone in ISO's style only, and says so by NotImplementedError."""
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20), seen TIMESTAMP WITH TIME ZONE)",
        "INSERT INTO items VALUES (1, 'one', now())",
    )
    setting = "SET DateStyle TO 'SQL, DMY'"
    bare = origin.set_up(setting)
    seen = "SELECT id, seen FROM items"
    assert answer(bare, seen) is NotImplementedError
    with CachingEngine(origin.set_up(setting), mode=mode) as engine:
        for _ in range(2):
            assert answer(engine, seen) is NotImplementedError
            assert answer(engine, "SELECT id, name FROM items") == [(1, "one")]
        assert last_status().outcome is Outcome.HIT


@pytest.mark.families("mariadb", "sqlite")
@pytest.mark.parametrize("mode", ["strict", "transparent"])
@pytest.mark.parametrize("is_new", [True, False])
def test_setting_that_changed_since_the_snapshot_was_written(
    origin: Origin, tmp_path: Path, mode: str, *, is_new: bool
) -> None:
    """The next process' connections are made otherwise: the file's rows and meanings aren't theirs."""
    origin.execute(CREATE, INSERT)
    peculiar, usual, statement = {
        "mariadb": (
            "SET sql_mode = 'EMPTY_STRING_IS_NULL'",
            "SET sql_mode = ''",
            "SELECT id FROM items WHERE name = ''",
        ),
        "sqlite": (
            "PRAGMA case_sensitive_like = ON",
            "PRAGMA case_sensitive_like = OFF",
            "SELECT id FROM items WHERE name LIKE 'O%'",
        ),
    }[origin.family]
    before, after = (usual, peculiar) if is_new else (peculiar, usual)
    expected = {setting: answer(origin.set_up(setting), statement) for setting in (before, after)}
    assert expected[before] != expected[after]
    path = tmp_path / "cache.db"
    with CachingEngine(origin.set_up(before), mode=mode, cache_db=path) as engine:
        engine.warm("items")
        assert answer(engine, statement) == expected[before]
    warnings: list[str] = []
    sink = add_sink(warnings.append, level="WARNING", format="{message}")

    with CachingEngine(origin.set_up(after), mode=mode, cache_db=path) as engine:
        found = [answer(engine, statement) for _ in range(3)]
        rows = answer(engine, "SELECT id, name FROM items ORDER BY id")

    remove_sink(sink)
    assert found == [expected[after]] * 3
    assert rows == [(1, "one"), (2, "two"), (3, "")]
    assert len(warnings) == 1
    assert "set otherwise when it was written" in warnings[0]
