"""What is put together on the client's side is judged as it is sent.

Invariant: whatever a program has a driver execute (bytes, batches of psycopg2's, parameters that become a
part of the statement), no read after the commit is older.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import psycopg.sql
import psycopg2
import psycopg2.sql
import pytest
import sqlalchemy as sa
from psycopg2.extensions import AsIs
from psycopg2.extras import Json, NumericRange, RealDictCursor, execute_batch, execute_values
from support.origins import Origin

from sqlmem import CachingEngine, ReadOnlyError, UnsupportedQueryError, last_status
from sqlmem.model import Outcome

ASK = "SELECT id, version FROM items ORDER BY id"
INSERT = "INSERT INTO items (id, version) VALUES (%s, %s)"
CREATE = "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)"
BUMP = (
    "CREATE FUNCTION bump(by INTEGER) RETURNS INTEGER LANGUAGE sql"
    " AS 'UPDATE items SET version = version + $1 RETURNING version'"
)


class Engines:
    """The bare engine and a transparent one, over one item of version 1."""

    def __init__(self, origin: Origin) -> None:
        origin.execute(CREATE, "INSERT INTO items VALUES (1, 1)")
        self.bare, self.engine = origin.engine(), CachingEngine(origin.engine(), mode="transparent")

    def rows(self, engine: sa.Engine) -> list[tuple[Any, ...]]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(ASK))]

    def expect_fresh_after(self, work: Callable[[Any], object], **options: Any) -> object:
        """What the work returns, done with a cursor of ours and committed, after all is in the store."""
        self.rows(self.engine)
        before = self.rows(self.engine)
        assert last_status().outcome is Outcome.HIT
        connection = self.engine.raw_connection()
        with connection.cursor(**options) as cursor:
            found = work(cursor)
        connection.commit()
        connection.close()
        now = self.rows(self.bare)
        assert now != before, "nothing was written"
        assert self.rows(self.engine) == now
        return found


@pytest.fixture
def engines(psycopg2_origin: Origin) -> Iterator[Engines]:
    engines = Engines(psycopg2_origin)
    yield engines
    engines.engine.close()


def test_rows_of_one_statement_that_psycopg2_puts_together(engines: Engines) -> None:
    text = "INSERT INTO items (id, version) VALUES %s RETURNING id"
    rows = [(number, 0) for number in range(2, 8)]
    given = engines.expect_fresh_after(
        lambda cursor: execute_values(cursor, text, rows, page_size=4, fetch=True)
    )
    assert given == [(number,) for number in range(2, 8)]
    update = "UPDATE items SET version = given.v FROM (VALUES %s) AS given (i, v) WHERE items.id = given.i"
    engines.expect_fresh_after(lambda cursor: execute_values(cursor, update, [(1, 8), (2, 9)]))


def test_many_statements_that_psycopg2_puts_together(engines: Engines) -> None:
    engines.expect_fresh_after(lambda cursor: execute_batch(cursor, INSERT, [(2, 0), (3, 0), (4, 0)], 2))
    change = "UPDATE items SET version = %s WHERE id = %s"
    engines.expect_fresh_after(lambda cursor: execute_batch(cursor, change, [(7, 1), (8, 2)]))
    assert last_status().outcome is not Outcome.HIT


def test_what_was_made_of_another_text_says_nothing(engines: Engines) -> None:
    def work(cursor: Any) -> None:
        cursor.mogrify("SELECT %s", (1,))
        cursor.execute(b"INSERT INTO items VALUES (2, 0)")

    def among_others(cursor: Any) -> None:
        pieces = [cursor.mogrify("SELECT %s", (1,)), b"DELETE FROM items WHERE id = 2"]
        cursor.execute(b";".join(pieces))

    engines.expect_fresh_after(work)
    engines.expect_fresh_after(among_others)


def test_batch_with_a_parameter_that_becomes_a_part_of_it(engines: Engines, psycopg2_origin: Origin) -> None:
    psycopg2_origin.execute(BUMP)
    calls = [(AsIs("bump(1)"),), (AsIs("bump(2)"),)]
    engines.expect_fresh_after(lambda cursor: execute_batch(cursor, "SELECT %s", calls))


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("INSERT INTO %s VALUES (2, %s)", (AsIs("items"), 5)),
        ("SELECT %s(10)", (AsIs("bump"),)),
        ("SELECT %(call)s", {"call": AsIs("bump(10)")}),
        ("SELECT 1 WHERE %s", (AsIs("bump(10) > 0"),)),
        ("SELECT %s", ([AsIs("bump(10)")],)),
        ("%s items SET version = 5", (AsIs("UPDATE"),)),
    ],
)
def test_parameter_that_becomes_a_part_of_the_statement(
    engines: Engines, psycopg2_origin: Origin, text: str, parameters: Any
) -> None:
    psycopg2_origin.execute(BUMP)
    engines.expect_fresh_after(lambda cursor: cursor.execute(text, parameters))


WITH_CALLS: dict[str, Callable[[Any], object]] = {
    "bytes": lambda cursor: cursor.execute(b"SELECT %s(10)", (AsIs("bump"),)),
    "composed": lambda cursor: cursor.execute(psycopg2.sql.SQL("SELECT %s(10)"), (AsIs("bump"),)),
    "by keyword": lambda cursor: cursor.execute("SELECT %s(10)", vars=(AsIs("bump"),)),
}


@pytest.mark.parametrize("way", WITH_CALLS)
def test_it_does_however_the_statement_is_given(engines: Engines, psycopg2_origin: Origin, way: str) -> None:
    psycopg2_origin.execute(BUMP)
    engines.expect_fresh_after(WITH_CALLS[way])


def test_parameters_by_their_keyword(engines: Engines) -> None:
    engines.expect_fresh_after(lambda cursor: cursor.execute(INSERT, vars=(2, 0)))


def test_it_does_where_rows_are_dictionaries(engines: Engines, psycopg2_origin: Origin) -> None:
    psycopg2_origin.execute(BUMP)
    engines.expect_fresh_after(
        lambda cursor: cursor.execute("SELECT %s(10)", (AsIs("bump"),)), cursor_factory=RealDictCursor
    )


def test_parameters_of_many_that_become_a_part_of_the_statement(engines: Engines) -> None:
    sets = [(AsIs("items"), 2), (AsIs("items"), 3)]
    engines.expect_fresh_after(lambda cursor: cursor.executemany("INSERT INTO %s VALUES (%s, 0)", sets))


def test_parameter_of_a_type_that_is_no_literal_is_sent_as_by_the_driver(engines: Engines) -> None:
    """The same rows, and the same error for what psycopg2 can't adapt."""
    connection = engines.engine.raw_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s, %s, %s, '%%', %s", (AsIs("1 + 1"), Json([1]), "%s", NumericRange(1, 2)))
        assert cursor.fetchall() == [(2, "[1]", "%s", "%", "[1,2)")]
        with pytest.raises(psycopg2.ProgrammingError, match="can't adapt type 'object'"):
            cursor.execute("SELECT %s", (object(),))
        cursor.execute("SELECT 1 AS one")  # the transaction hasn't failed: nothing was sent
        assert cursor.fetchall() == [(1,)]
    connection.close()


def test_bytes_in_another_encoding(engines: Engines, psycopg2_origin: Origin) -> None:
    """A name in bytes may be another one in UTF-8: what can't be read may have written anything."""
    psycopg2_origin.execute('CREATE TABLE "Ã¶" (id INTEGER)', 'CREATE TABLE "ö" (id INTEGER)')
    count = 'SELECT count(*) AS n FROM "Ã¶"'
    assert engines.engine.execute(count) == [{"n": 0}]
    assert engines.engine.execute(count).status.outcome is Outcome.HIT
    connection = engines.engine.raw_connection()
    with connection.cursor() as cursor:
        cursor.execute("SET client_encoding TO 'LATIN1'")
        cursor.execute('INSERT INTO "Ã¶" VALUES (1)'.encode("latin1"))
        cursor.execute("SET client_encoding TO 'UTF8'")
    connection.commit()
    connection.close()
    assert engines.engine.execute(count) == [{"n": 1}]


def test_bytes_are_judged_through_each_driver(driver_origin: Origin) -> None:
    """sqlite3 takes none."""
    if driver_origin.family == "sqlite":
        pytest.skip("sqlite3 takes no bytes")
    engines = Engines(driver_origin)
    engines.expect_fresh_after(lambda cursor: cursor.execute(b"INSERT INTO items VALUES (2, 0)"))
    engines.expect_fresh_after(lambda cursor: cursor.execute("DELETE FROM items WHERE id = 2 -- ö".encode()))
    engines.engine.close()


WAYS: dict[str, Callable[[Any], object]] = {
    "bytes": lambda cursor: cursor.execute(b"INSERT INTO items VALUES (2, 0)"),
    "bytes that aren't ASCII": lambda cursor: cursor.execute("DELETE FROM items -- ö".encode()),
    "many": lambda cursor: cursor.executemany(b"INSERT INTO items VALUES (%s, 0)", [(2,), (3,)]),
    "a script": lambda cursor: cursor.executescript("DELETE FROM items"),
    "COPY": lambda cursor: cursor.copy("COPY items FROM STDIN"),
    "COPY of psycopg2": lambda cursor: cursor.copy_expert("COPY items FROM STDIN", None),
    "a procedure": lambda cursor: cursor.callproc("bump", (1,)),
}


@pytest.mark.parametrize("way", WAYS)
def test_strict_mode_refuses_each_way_to_write(driver_origin: Origin, way: str) -> None:
    driver_origin.execute(CREATE, "INSERT INTO items VALUES (1, 1)")
    with CachingEngine(driver_origin.engine()) as engine:
        connection = engine.raw_connection()
        with connection.cursor() as cursor, pytest.raises((ReadOnlyError, UnsupportedQueryError)) as caught:
            WAYS[way](cursor)
        if isinstance(caught.value, UnsupportedQueryError):
            assert driver_origin.family != "postgresql"  # whose drivers know how it is encoded
            assert "bytes in an encoding" in str(caught.value)
        connection.close()
        assert engine.execute(ASK) == [{"id": 1, "version": 1}]


def test_strict_mode_answers_bytes_and_composed_statements(driver_origin: Origin) -> None:
    driver_origin.execute(CREATE, "INSERT INTO items VALUES (1, 1)")
    asked: list[Any] = [ASK.encode()]
    if driver_origin.driver == "psycopg":
        asked += [psycopg.sql.SQL(ASK), psycopg.sql.SQL(ASK).format()]
    if driver_origin.driver == "psycopg2":
        asked.append(psycopg2.sql.SQL(ASK))
    with CachingEngine(driver_origin.engine()) as engine:
        engine.execute(ASK)
        connection = engine.raw_connection()
        with connection.cursor() as cursor:
            for each in asked:
                cursor.execute(each)
                assert [tuple(row) for row in cursor.fetchall()] == [(1, 1)]
                assert last_status().outcome is Outcome.HIT
        connection.close()


def test_strict_mode_refuses_what_psycopg2_puts_together(psycopg2_origin: Origin) -> None:
    psycopg2_origin.execute(CREATE, "INSERT INTO items VALUES (1, 1)")
    with CachingEngine(psycopg2_origin.engine()) as engine:
        connection = engine.raw_connection()
        with connection.cursor() as cursor:
            with pytest.raises(UnsupportedQueryError, match="many sets of parameters"):
                execute_values(cursor, "INSERT INTO items VALUES %s", [(2, 0)])
            with pytest.raises(ReadOnlyError):
                execute_batch(cursor, INSERT, [(2, 0)])
        connection.close()
        assert engine.execute(ASK) == [{"id": 1, "version": 1}]
