"""Invariant: what strict mode sends can't write, whether it has a wall before it, with it, or needs none.

A text is sent by the origin connection itself: the gate, the first wall, isn't asked.
"""

from __future__ import annotations

import asyncio
import gc
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool, StaticPool
from support.origins import Origin

from sqlmem import CachingEngine, last_status
from sqlmem.origin_connection import OriginConnection
from sqlmem.walls import _MOST_TEXTS, Walls

PRAGMAS = ["PRAGMA query_only", "PRAGMA query_only = 1", "PRAGMA query_only = 0"]
START = "START TRANSACTION READ ONLY"
READ = "SELECT name FROM items WHERE id = 1"
PREFIX = "/*M!100100 SET STATEMENT tx_read_only = 1, completion_type = 0 FOR */ "


@pytest.fixture
def items(driver_origin: Origin) -> Origin:
    origin = driver_origin
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO items VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    )
    if origin.family == "mariadb":
        origin.execute(
            "CREATE TABLE plain (n INTEGER) ENGINE = MyISAM",
            "CREATE SEQUENCE numbers",
            "CREATE FUNCTION spoil() RETURNS INTEGER BEGIN INSERT INTO items VALUES (99, 'x'); RETURN 1; END",
            "CREATE FUNCTION spoil_plain() RETURNS INTEGER BEGIN INSERT INTO plain VALUES (9); RETURN 1; END",
            "CREATE FUNCTION free() RETURNS INTEGER BEGIN SET SESSION tx_read_only = 0;"
            " INSERT INTO items VALUES (99, 'x'); RETURN 1; END",
            "CREATE FUNCTION chain() RETURNS INTEGER"
            " BEGIN SET SESSION completion_type = 'CHAIN'; RETURN 1; END",
            "CREATE VIEW seen AS SELECT spoil() AS x",
        )
    elif origin.family == "postgresql":
        origin.execute(
            "CREATE SEQUENCE numbers",
            "CREATE FUNCTION spoil() RETURNS integer LANGUAGE sql AS "
            "$$ INSERT INTO items VALUES (99, 'x'); SELECT 1 $$",
            "CREATE VIEW seen AS SELECT spoil() AS x",
        )
    return origin


# What would write if it could.
SPOILING = {
    "sqlite": ["SELECT spoil()", "SELECT max(spoil()) FROM items", "VALUES (spoil())", "SELECT lower('X')"],
    "postgresql": ["SELECT spoil()", "SELECT * FROM seen", "SELECT nextval('numbers')"],
    "mariadb": [
        "SELECT spoil()",
        "SELECT * FROM seen",
        "SELECT NEXTVAL(numbers)",
        "SELECT SETVAL(numbers, 50)",
        "SELECT spoil_plain()",
        "SELECT free()",
        "(SELECT spoil()) UNION (SELECT 2)",
        "WITH q AS (SELECT spoil() AS x) SELECT x FROM q",
        "VALUES (spoil())",
        "/* a comment */ SELECT spoil()",
        "SELECT spoil(), @@tx_read_only",
    ],
}


def spoils(origin: Origin, engine: Engine, name: str = "spoil") -> None:
    """SQLite: give each connection a function that writes, by the connection itself."""
    if origin.family == "sqlite":

        @event.listens_for(engine, "connect")
        def connected(driver: Any, _: object) -> None:
            make_spoiling(driver, name, 0)
            make_spoiling(driver, "lower", 1)


def make_spoiling(driver: Any, name: str, operands: int) -> None:
    def spoil(*_: Any) -> int:
        driver.execute("INSERT INTO items VALUES (99, 'x')")
        return 1

    driver.create_function(name, operands, spoil)


@contextmanager
def held(engine: CachingEngine) -> Iterator[OriginConnection]:
    connection = engine._core.origin.connect({}, is_own=True)
    try:
        yield connection
    finally:
        connection.release()


def rows(connection: OriginConnection, text: str, parameters: Any = None) -> list[Any]:
    answer = connection.answer(text, parameters)
    assert answer is not None
    return answer[2]


def is_refused(connection: OriginConnection, text: str) -> bool:
    dialect: Any = connection.origin.dialect
    try:
        connection.answer(text, None)
    except dialect.loaded_dbapi.Error:
        return True
    return False


def is_unspoilt(origin: Origin) -> bool:
    written = "SELECT count(*) FROM items WHERE id = 99"
    if origin.family == "mariadb":
        written = (
            "SELECT (SELECT count(*) FROM items WHERE id = 99) + (SELECT count(*) FROM plain)"
            " + (SELECT next_not_cached_value <> 1 FROM numbers)"
        )
    elif origin.family == "postgresql":
        written = "SELECT count(*) + (SELECT is_called::int FROM numbers) FROM items WHERE id = 99"
    return bool(origin.execute(written)[0][0] == 0)


def meanwhile_nothing(_: OriginConnection) -> None:
    """The text is the first one."""


def meanwhile_read(connection: OriginConnection) -> None:
    rows(connection, READ)


def meanwhile_nothing_begun(connection: OriginConnection) -> None:
    rows(connection, "SELECT 1")


def meanwhile_filled(connection: OriginConnection) -> None:
    connection.wait_briefly()
    connection.connection.exec_driver_sql(READ).all()


def meanwhile_read_and_filled(connection: OriginConnection) -> None:
    rows(connection, READ)
    meanwhile_filled(connection)


def meanwhile_rolled_back(connection: OriginConnection) -> None:
    rows(connection, READ)
    connection.rollback()


def meanwhile_filled_and_rolled_back(connection: OriginConnection) -> None:
    meanwhile_filled(connection)
    connection.rollback()


def meanwhile_streamed(connection: OriginConnection) -> None:
    rows(connection, "SELECT 1")
    connection.execute(READ, None, is_streamed=True).all()


def meanwhile_still(connection: OriginConnection) -> None:
    connection.stand_still()
    rows(connection, READ)


def meanwhile_failed(connection: OriginConnection) -> None:
    assert is_refused(connection, "SELECT nothing FROM items")
    connection.recover()


def meanwhile_asked_for_the_level(connection: OriginConnection) -> None:
    rows(connection, "SELECT 1")
    assert connection.sees_the_past in (True, False)


MEANWHILE = {
    name.removeprefix("meanwhile_"): act for name, act in globals().items() if name.startswith("meanwhile_")
}


@pytest.mark.parametrize("before", MEANWHILE)
def test_what_would_write_is_refused(items: Origin, before: str) -> None:
    """Whatever was sent before it, and the first time as well as later, when its text is known."""
    base = items.engine()
    spoils(items, base)
    with CachingEngine(base, cache_db="") as engine:
        for text in SPOILING[items.family] * 4:
            with held(engine) as connection:
                MEANWHILE[before](connection)
                assert is_refused(connection, text), text
                if items.family != "postgresql":
                    rows(connection, READ)
                    assert is_refused(connection, text), text

    assert is_unspoilt(items)


@pytest.mark.families("mariadb")
@pytest.mark.parametrize("before", MEANWHILE)
def test_what_is_sent_by_any_way_is_refused(items: Origin, before: str) -> None:
    """An INSERT, which no way in would let through."""
    with CachingEngine(items.engine(), cache_db="") as engine:
        for _ in range(3):
            with held(engine) as connection:
                MEANWHILE[before](connection)
                with pytest.raises(DBAPIError, match="READ ONLY"):
                    connection.connection.exec_driver_sql("INSERT INTO items VALUES (99, 'x')")

    assert is_unspoilt(items)


@pytest.mark.families("sqlite")
@pytest.mark.parametrize("before", MEANWHILE)
def test_what_is_sent_to_a_file_by_any_way_is_refused(items: Origin, before: str) -> None:
    with CachingEngine(items.engine(), cache_db="") as engine:
        for _ in range(4):
            with held(engine) as connection:
                MEANWHILE[before](connection)
                with pytest.raises(DBAPIError, match="readonly"):
                    connection.connection.exec_driver_sql("INSERT INTO items VALUES (99, 'x')")

    assert is_unspoilt(items)


# -- what is sent ------------------------------------------------------------------------------


def sent(origin: Origin, act: Callable[[], object]) -> list[str]:
    before = len(origin.counter.everything)
    act()
    return origin.counter.everything[before:]


def ask(engine: Engine, text: str = READ) -> Callable[[], object]:
    def asked() -> object:
        if isinstance(engine, CachingEngine):
            with held(engine) as connection:
                return rows(connection, text)
        with engine.connect() as connection:
            return connection.exec_driver_sql(text).all()

    return asked


@pytest.mark.families("sqlite", "mariadb")
def test_a_text_that_is_known_is_sent_as_the_bare_engine_sends_it(items: Origin) -> None:
    """SQLite: from the third time on. MariaDB: always; what the connection does is asked once."""
    bare = ask(items.engine())
    bare()
    expected = sent(items, bare)
    with CachingEngine(items.engine(), cache_db="") as engine:
        ours = [sent(items, ask(engine)) for _ in range(4)]

    # What the first connection of an engine is asked by SQLAlchemy stands before it.
    if items.family == "sqlite":
        # What EXPLAIN is asked isn't traced.
        assert ours[0][-4:] == [*PRAGMAS[:2], READ, PRAGMAS[2]]
        assert ours[1] == [*PRAGMAS[:2], READ, PRAGMAS[2]]
        assert "pragma_function_list" in ours[2][0]
        assert [text for each in ours[2:] for text in each if "PRAGMA" in text] == []
    else:
        assert "CASE WHEN @@tx_read_only" in ours[0][-2 - len(expected[1:])]
        assert START not in ours[0]
    assert [text.removeprefix(PREFIX) for text in ours[3]] == expected
    assert (ours[3] == expected) == (items.family == "sqlite")


@pytest.mark.families("sqlite")
def test_texts_that_come_once_are_not_asked_about(items: Origin) -> None:
    with CachingEngine(items.engine(), cache_db="") as engine:
        seen = [
            text
            for n in range(5)
            for text in sent(items, ask(engine, f"SELECT name FROM items WHERE id = {n}"))
        ]

    assert not [text for text in seen if "EXPLAIN" in text or "function_list" in text]


@pytest.mark.families("sqlite")
@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM json_each('[1]')",
        "SELECT * FROM pragma_table_info('items')",
        "SELECT name FROM items WHERE name REGEXP 'o'",
        "SELECT sqlite_log(1, 'x')",
        "/* a comment */ SELECT 1",
        "EXPLAIN SELECT 1",
        f"SELECT '{'x' * 5000}'",
    ],
)
def test_what_is_not_known_to_read_keeps_its_wall(items: Origin, text: str) -> None:
    with CachingEngine(items.engine(), cache_db="") as engine:
        ours = [sent(items, ask(engine, text)) for _ in range(5)]

    assert all([each for each in some if each.startswith("PRAGMA")] == PRAGMAS for some in ours[1:])


@pytest.mark.families("sqlite")
@pytest.mark.parametrize(
    "text",
    [
        "SELECT lower(name), count(*) FROM items WHERE name LIKE 'o%' GROUP BY 1 ORDER BY 2",
        "SELECT name, sum(id) OVER (ORDER BY id), row_number() OVER () FROM items",
        "WITH RECURSIVE q(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM q WHERE i < 5) SELECT i FROM q",
        "SELECT DISTINCT a.name FROM items a LEFT JOIN items b ON a.name = b.name COLLATE NOCASE LIMIT 2",
        "SELECT id FROM items WHERE id IN (SELECT id FROM items) EXCEPT SELECT 1 ORDER BY 1",
        "VALUES (1, datetime('now')), (2, NULL)",
        "SELECT max(id), group_concat(name) FROM items WHERE EXISTS (SELECT 1 FROM items)",
    ],
)
def test_what_only_reads_needs_no_wall(items: Origin, text: str) -> None:
    with CachingEngine(items.engine(), cache_db="") as engine:
        ours = [sent(items, ask(engine, text)) for _ in range(5)]

    assert ours[4] == [text]


@pytest.mark.families("sqlite")
def test_a_text_with_parameters_is_explained_with_them(items: Origin) -> None:
    with CachingEngine(items.engine(), cache_db="") as engine:
        for n in (1, 2, 3, 1):
            seen = len(items.counter.everything)
            with held(engine) as connection:
                assert len(rows(connection, "SELECT name FROM items WHERE id = ?", (n,))) == 1

    assert items.counter.everything[seen:] == ["SELECT name FROM items WHERE id = 1"]


@pytest.mark.families("mariadb")
@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["SELECT 1", "SHOW VARIABLES LIKE 'tx_read_only'"], "OFF"),
        ([READ, "SELECT 1 + @@tx_read_only"], 1),
        (["SELECT name FROM items", "SELECT FOUND_ROWS() + @@tx_read_only"], 3),
        (
            [
                "SELECT SQL_CALC_FOUND_ROWS name FROM items LIMIT 1",
                "SELECT FOUND_ROWS() + 0 * @@tx_read_only",
            ],
            3,
        ),
        (["SELECT SQL_CALC_FOUND_ROWS name FROM items LIMIT 1", "SELECT FOUND_ROWS()"], 3),
        (["SELECT 1 / 0", "SHOW WARNINGS"], 1365),
        (["SELECT 1 / 0", "SHOW COUNT(*) WARNINGS"], 1),
        (["SELECT info FROM information_schema.processlist WHERE id = CONNECTION_ID() AND 1"], "SELECT info"),
        (["SELECT '/* ; */ 100%'"], "/* ; */ 100%"),
        (["SELECT GET_LOCK('sqlmem_test_walls', 0)", "SELECT RELEASE_LOCK('sqlmem_test_walls')"], 1),
        (["SELECT name INTO @name FROM items WHERE id = 2", "SELECT @name"], "two"),
    ],
)
def test_no_text_tells_of_what_is_sent_with_it(items: Origin, texts: list[str], expected: object) -> None:
    with CachingEngine(items.engine(), cache_db="") as engine, held(engine) as connection:
        *before, last = texts
        for text in before:
            connection.answer(text, None)
        row = rows(connection, last)[0]

    assert any(value == expected or str(value).startswith(str(expected)) for value in row)


@pytest.mark.families("mariadb")
def test_the_wall_that_comes_later_leaves_the_transaction_its_moment(items: Origin) -> None:
    with CachingEngine(items.engine(), cache_db="") as engine, held(engine) as connection:
        before = rows(connection, "SELECT count(*) FROM items")
        items.execute("INSERT INTO items VALUES (4, 'four')")
        late = connection.connection.exec_driver_sql("SELECT count(*) FROM items").all()

    assert [tuple(row) for row in late] == before == [(3,)]


@pytest.mark.families("mariadb")
def test_nothing_stands_behind_a_statement(items: Origin) -> None:
    """Of a connection that takes several at once: the prefix would be the first one's only."""
    options = {"pymysql": {"client_flag": 1 << 16}, "mysqlclient": {"multi_statements": True}}
    base = items.engine(connect_args=options[items.driver])
    with CachingEngine(base, cache_db="") as engine:
        for _ in range(2):
            with held(engine) as connection:
                is_refused(connection, "SELECT 1; INSERT INTO items VALUES (99, 'x')")

    assert is_unspoilt(items)


# -- connections that others have, or reach ----------------------------------------------------


@pytest.mark.families("sqlite")
def test_a_function_that_somebody_makes_later_is_behind_the_wall(items: Origin) -> None:
    """Under a built-in name, on a connection that was looked at."""
    base = items.engine(pool_size=1, max_overflow=0)
    with CachingEngine(base, cache_db="") as engine:
        for _ in range(4):
            assert rows_of(engine, "SELECT lower('X')") == [("x",)]
        with base.connect() as connection:
            make_spoiling(connection.connection.driver_connection, "lower", 1)
        for _ in range(4):
            with held(engine) as held_one:
                assert is_refused(held_one, "SELECT lower('X')")

    assert is_unspoilt(items)


def rows_of(engine: CachingEngine, text: str) -> list[Any]:
    with held(engine) as connection:
        return rows(connection, text)


@pytest.mark.families("sqlite")
@pytest.mark.parametrize("name", ["checkout", "reset", "checkin"])
def test_a_function_that_a_listener_makes_is_behind_the_wall(items: Origin, name: str) -> None:
    """Of each checkout, say, though nobody else has the connection."""
    base = items.engine(pool_size=1, max_overflow=0)
    with CachingEngine(base, cache_db="") as engine:
        for _ in range(4):
            rows_of(engine, "SELECT lower('X')")
        event.listen(base, name, lambda driver, *_: make_spoiling(driver, "lower", 1))
        if name != "checkout":
            rows_of(engine, "SELECT 1")
        for _ in range(3):
            with held(engine) as connection:
                assert is_refused(connection, "SELECT lower('X')")

    assert is_unspoilt(items)


@pytest.mark.families("sqlite")
def test_a_view_that_is_made_anew_cannot_bring_a_function_with_it(items: Origin) -> None:
    """What a text was proven by isn't what it reads now."""
    items.execute("CREATE VIEW v AS SELECT lower(name) AS x FROM items")
    base = items.engine()
    spoils(items, base)
    with CachingEngine(base, cache_db="") as engine:
        engine._core.origin.walls._texts.clear()
        for _ in range(3):
            with held(engine) as connection:
                assert is_refused(connection, "SELECT x FROM v")
        items.execute("DROP VIEW v", "CREATE VIEW v AS SELECT name AS x FROM items")
        for _ in range(4):
            rows_of(engine, "SELECT x FROM v")
        items.execute("DROP VIEW v", "CREATE VIEW v AS SELECT spoil() AS x")
        for _ in range(2):
            with held(engine) as connection:
                assert is_refused(connection, "SELECT x FROM v")

    assert is_unspoilt(items)


@pytest.mark.families("sqlite")
def test_a_collation_of_somebodys_own_is_behind_the_wall(items: Origin) -> None:
    base = items.engine()

    @event.listens_for(base, "connect")
    def connected(driver: Any, _: object) -> None:
        def compare(one: str, other: str) -> int:
            driver.execute("INSERT INTO items VALUES (99, 'x')")
            return (one > other) - (one < other)

        driver.create_collation("own", compare)

    with CachingEngine(base, cache_db="") as engine:
        for _ in range(4):
            with held(engine) as connection:
                assert is_refused(connection, "SELECT name FROM items ORDER BY name COLLATE own")

    assert is_unspoilt(items)


@pytest.mark.families("mariadb")
@pytest.mark.parametrize("name", ["checkout", "connect", "checkin", "reset"])
def test_a_transaction_that_a_listener_has_begun_ends(items: Origin, name: str) -> None:
    """Else the prefix would be a transaction's that can write."""

    def begin(driver: Any, *_: Any) -> None:
        cursor = driver.cursor()
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT * FROM items")
        cursor.close()

    base = items.engine(pool_size=1, max_overflow=0)
    with CachingEngine(base, cache_db="") as engine:
        if name != "connect":
            rows_of(engine, READ)
        event.listen(base, name, begin)
        for _ in range(3):
            if name == "connect":
                base.dispose()
            with held(engine) as connection:
                rows(connection, READ)
                assert is_refused(connection, "SELECT spoil()")

    assert is_unspoilt(items)


@pytest.mark.families("mariadb")
def test_a_transaction_that_somebody_has_left_behind_is_not_written_in(items: Origin) -> None:
    base = items.engine(pool_size=1, max_overflow=0, pool_reset_on_return=None)
    with CachingEngine(base, cache_db="") as engine:
        for _ in range(3):
            rows_of(engine, READ)
            raw = base.raw_connection()
            cursor = raw.cursor()
            cursor.execute(READ)
            cursor.close()
            raw.close()
            with held(engine) as connection:
                assert is_refused(connection, "SELECT spoil()")

    assert is_unspoilt(items)


@pytest.mark.families("mariadb")
@pytest.mark.parametrize("by", ["a function", "somebody", "the server"])
def test_a_transaction_that_a_rollback_begins_is_not_written_in(items: Origin, by: str) -> None:
    """By completion_type, which is the session's."""
    base = items.engine(pool_size=1, max_overflow=0)
    if by == "the server":
        event.listen(base, "connect", lambda driver, _: run(driver, "SET SESSION completion_type = 'CHAIN'"))
    with CachingEngine(base, cache_db="") as engine:
        rows_of(engine, READ)
        if by == "somebody":
            with base.connect() as connection:
                connection.exec_driver_sql("SET SESSION completion_type = 'CHAIN'")
        for _ in range(3):
            with held(engine) as one:
                if by == "a function":
                    assert rows(one, "SELECT chain()") == [(1,)]
                    one.rollback()
                assert is_refused(one, "SELECT spoil()")

    assert is_unspoilt(items)


def run(driver: Any, text: str) -> None:
    cursor = driver.cursor()
    cursor.execute(text)
    cursor.close()


class Stripping(pymysql.cursors.Cursor):
    """What a proxy sends that takes comments for comments."""

    def _query(self, q: str) -> Any:
        return super()._query(re.sub(r"/\*.*?\*/", "", q))


@pytest.mark.families("mariadb")
def test_where_comments_are_taken_away_there_is_the_other_wall(items: Origin) -> None:
    if items.driver != "pymysql":
        return
    base = items.engine(connect_args={"cursorclass": Stripping})
    with CachingEngine(base, cache_db="") as engine:
        for _ in range(3):
            with held(engine) as connection:
                assert is_refused(connection, "SELECT spoil()")
        base.dispose()
        ours = sent(items, ask(engine))

    assert ours == [START, READ]  # it was the engine that was asked about, not the connection
    assert is_unspoilt(items)


@pytest.mark.families("mariadb")
@pytest.mark.parametrize(
    "options",
    [{"isolation_level": "AUTOCOMMIT"}, {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}],
)
def test_in_autocommit_there_is_the_other_wall(items: Origin, options: dict[str, Any]) -> None:
    """Its texts see one moment, as they did."""
    if len(options) > 1 and sa.__version__ < "2.0.43":
        return
    with CachingEngine(items.engine(**options), cache_db="") as engine:
        for _ in range(3):
            with held(engine) as connection:
                assert is_refused(connection, "SELECT spoil()")
                rows(connection, READ)
        ours = sent(items, ask(engine))

    assert ours == [START, READ, *["ROLLBACK"][: len(options) - 1]]
    assert is_unspoilt(items)


@pytest.mark.families("sqlite", "mariadb")
@pytest.mark.parametrize("pool", [NullPool, StaticPool])
def test_other_pools_have_a_wall_too(items: Origin, pool: type) -> None:
    base = items.engine(poolclass=pool)
    spoils(items, base)
    with CachingEngine(base, cache_db="") as engine:
        for _ in range(4):
            with held(engine) as connection:
                rows(connection, READ)
                assert is_refused(connection, "SELECT spoil()")

    assert is_unspoilt(items)


@pytest.mark.families("sqlite", "mariadb")
def test_who_listens_hears_the_wall_as_before(items: Origin) -> None:
    base = items.engine()
    heard: list[str] = []
    event.listen(base, "before_cursor_execute", lambda _c, _k, text, *_: heard.append(text))
    with CachingEngine(base, cache_db="") as engine:
        for _ in range(4):
            rows_of(engine, READ)

    walled = [*PRAGMAS[:2], READ, PRAGMAS[2]] if items.family == "sqlite" else [START, READ]
    assert heard[-len(walled) * 3 :] == walled * 3


@pytest.mark.families("sqlite", "mariadb")
def test_a_program_is_answered_without_a_wall_too(items: Origin) -> None:
    """By the whole way: a statement that the origin answers, again and again."""
    text = "SELECT name, CURRENT_TIMESTAMP FROM items WHERE id = :id"
    with CachingEngine(items.engine(), cache_db="") as engine:
        for _ in range(4):
            seen = len(items.counter.everything)
            with engine.connect() as connection:
                assert connection.execute(sa.text(text), {"id": 1}).one()[0] == "one"
        status = last_status()

    assert status is not None
    assert status.outcome == "bypass"
    assert len(items.counter.everything) - seen == 1


@pytest.mark.families("sqlite")
def test_aiosqlite_needs_no_wall_either(async_origin: Origin) -> None:
    async_origin.execute("CREATE TABLE items (id INTEGER PRIMARY KEY)", "INSERT INTO items VALUES (1)")
    text = sa.text("SELECT id, CURRENT_TIMESTAMP FROM items WHERE id = :id")

    async def run() -> list[list[str]]:
        base = async_origin.async_engine()
        caching = CachingEngine(base.sync_engine, cache_db="")
        seen = []
        for _ in range(4):
            before = len(async_origin.counter.everything)
            async with AsyncEngine(caching).connect() as connection:
                assert (await connection.execute(text, {"id": 1})).one()[0] == 1
            seen.append(async_origin.counter.everything[before:])
        caching.close()
        await base.dispose()
        return seen

    seen = asyncio.run(run())

    assert seen[1][-4:] == [*PRAGMAS[:2], text.text.replace(":id", "1"), PRAGMAS[2]]
    assert seen[3] == [text.text.replace(":id", "1")]


@pytest.mark.families("sqlite", "mariadb")
@pytest.mark.parametrize(
    "function", ["put_up", "carry", "_look", "prove", "to_put_back", "rows", "send", "ask"]
)
@pytest.mark.parametrize("at", ["call", "return"])
def test_whoever_is_interrupted_leaves_a_connection_as_it_was(items: Origin, function: str, at: str) -> None:
    """Wherever that is, and whatever is asked of the same connection afterwards can't write."""
    base = items.engine(pool_size=1, max_overflow=0)
    for times in range(3):
        with CachingEngine(base, cache_db="") as engine:
            for _ in range(times):
                rows_of(engine, READ)
            connection = engine._core.origin.connect({}, is_own=True)
            with interruption(function, at):
                connection.answer(READ, None)
            if connection.is_usable:
                with pytest.raises(DBAPIError):
                    connection.connection.exec_driver_sql("INSERT INTO items VALUES (99, 'x')")
            with interruption(function, at):
                connection.release()
            del connection
            gc.collect()
        with base.begin() as bare:
            bare.exec_driver_sql("INSERT INTO items VALUES (50, 'x')")
            bare.exec_driver_sql("DELETE FROM items WHERE id = 50")

    assert is_unspoilt(items)


@contextmanager
def interruption(function: str, at: str) -> Iterator[None]:
    """Interrupted where a function is entered, or left, the first time, if it is."""

    def interrupt(_frame: FrameType, event: str, _: object) -> Any:
        if event == at:
            sys.settrace(tracing)
            raise KeyboardInterrupt
        return interrupt

    def trace(frame: FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        if code.co_name == function and code.co_filename.endswith(("walls.py", "checkout.py")):
            return interrupt(frame, event, None)
        return None

    tracing = sys.gettrace()
    sys.settrace(trace)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        sys.settrace(tracing)


def test_what_is_known_of_texts_is_bounded() -> None:
    walls = Walls()
    for n in range(3 * _MOST_TEXTS):
        walls.sight(f"SELECT {n}")

    assert 0 < len(walls._texts) <= _MOST_TEXTS
