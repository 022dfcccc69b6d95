"""The tests' own tools: a count that can be trusted, and waits that end."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError
from support.counting import is_data
from support.sequencer import SequenceError, Sequencer


def with_orders(origin):
    origin.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)", "INSERT INTO orders VALUES (1), (2)")
    return origin.engine()


def test_statements_that_reach_the_data_are_counted(driver_origin):
    """Through a Connection, a raw cursor or a stream, on every driver: one each."""
    engine = with_orders(driver_origin)

    with driver_origin.expect(3):
        with engine.connect() as connection:
            core = connection.execute(text("SELECT id FROM orders ORDER BY id")).all()
            streamed = (
                connection.execution_options(stream_results=True)
                .execute(text("SELECT id FROM orders ORDER BY id"))
                .all()
            )
        with contextlib.closing(engine.raw_connection()) as raw:
            cursor = raw.cursor()
            cursor.execute("SELECT id FROM orders ORDER BY id")
            by_hand = cursor.fetchall()
            cursor.close()

    assert [[tuple(row) for row in rows] for rows in (core, streamed, by_hand)] == [[(1,), (2,)]] * 3


def test_the_catalogue_and_the_session_are_not_counted(driver_origin):
    """Connecting, reflecting and a transaction's bounds read no data, but are on record."""
    engine = with_orders(driver_origin)

    with driver_origin.expect(0):
        columns = inspect(engine).get_columns("orders")
        indexes = inspect(engine).get_pk_constraint("orders")
        with engine.connect() as connection:
            connection.rollback()

    assert [column["name"] for column in columns] == ["id"]
    assert indexes["constrained_columns"] == ["id"]
    assert driver_origin.counter.everything
    assert driver_origin.counter.connects == 1


def test_a_count_that_is_off_shows_the_statements(origin):
    """The message is the list of what was seen."""
    engine = with_orders(origin)

    with pytest.raises(AssertionError) as caught, origin.expect(0), engine.connect() as connection:
        connection.execute(text("SELECT count(*) FROM orders"))

    assert "got 1:\n  1. SELECT count(*) FROM orders" in str(caught.value)


def test_silence_means_not_even_a_connection(origin):
    """A hit opens nothing."""
    engine = with_orders(origin)

    with origin.expect_silence():
        origin.execute("SELECT id FROM orders")
    with pytest.raises(AssertionError), origin.expect_silence(), engine.connect():
        pass


@pytest.mark.families("postgresql")
def test_asyncpg_is_counted_too(asyncpg_origin):
    """Each execution, also of a statement that is prepared already."""
    asyncpg_origin.execute("CREATE TABLE orders (id INTEGER)", "INSERT INTO orders VALUES (1)")

    async def ask():
        engine = asyncpg_origin.async_engine()
        async with engine.connect() as connection:
            rows = [(await connection.execute(text("SELECT id FROM orders"))).all() for _ in range(3)]
        await engine.dispose()
        return rows

    with asyncpg_origin.expect(3):
        rows = asyncio.run(ask())

    assert rows == [[(1,)]] * 3


@pytest.fixture(scope="module")
def left_open():
    """Driver connections that outlive their test."""
    connections = []
    yield connections
    for connection in connections:
        with contextlib.suppress(Exception):
            connection.close()


@pytest.mark.parametrize("attempt", [1, 2])
def test_each_test_has_an_empty_origin(driver_origin, left_open, attempt):
    """What one test makes, leaves open or locks, the next one never sees."""
    before = inspect(driver_origin.engine()).get_table_names()

    engine = with_orders(driver_origin)
    arguments, keywords = engine.dialect.create_connect_args(engine.url)
    connection = engine.dialect.connect(*arguments, **keywords)
    connection.cursor().execute("DELETE FROM orders")
    left_open.append(connection)

    assert before == []


def test_an_origin_that_is_down_refuses_and_comes_back(origin):
    """Open connections break, new ones are refused with the driver's error, and later all is well."""
    engine = with_orders(origin)
    with engine.connect() as connection:
        connection.execute(text("SELECT id FROM orders"))

    with origin.down():
        with pytest.raises(DBAPIError), engine.connect() as connection:
            connection.execute(text("SELECT id FROM orders"))
        engine.dispose()
        with pytest.raises(OperationalError), engine.connect():
            pass
    engine.dispose()

    with engine.connect() as connection:
        assert len(connection.execute(text("SELECT id FROM orders")).all()) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM orders",
        "  select 1 from orders",
        "SELECT id FROM orders WHERE kind = 'pg_catalog.pg_class'",
        "SELECT nextval('orders_id_seq')",
        "INSERT INTO orders SELECT oid FROM pg_catalog.pg_class",
        "SET STATEMENT max_statement_time=1 FOR DELETE FROM orders",
        "/* SELECT sqlite_master */ SELECT id FROM orders",
        "EXPLAIN ANALYZE DELETE FROM orders",
        "CALL p()",
    ],
)
def test_what_reads_or_writes_data_is_data(statement):
    """No name in a literal or a comment makes a statement a catalogue query."""
    assert is_data(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "BEGIN",
        "SET TRANSACTION READ ONLY",
        "PRAGMA main.table_xinfo('orders')",
        "select pg_catalog.version()",
        "SELECT @@transaction_isolation",
        "SELECT @@sql_mode AS mode, @@version",
        "SELECT DATABASE();",
        "SELECT sql FROM (SELECT * FROM sqlite_master) WHERE name = 'orders'",
        "SELECT relname FROM pg_class WHERE relname = 'orders'",
        "SHOW CREATE TABLE `orders`",
    ],
)
def test_the_session_and_the_catalogue_are_no_data(statement):
    """What a dialect and sqlmem itself must ask is not held against the cache."""
    assert not is_data(statement)


def test_steps_order_threads():
    """A thread that waits for a step goes on once it is reached, with its own result."""
    sequence = Sequencer()

    def reader():
        sequence.reach("reading")
        sequence.wait("written")
        return sequence.reached

    task = sequence.spawn(reader)
    sequence.wait("reading")
    sequence.reach("written")

    assert task.result() == ("reading", "written")


def test_a_step_that_is_never_reached_fails_every_wait():
    """The deadline's message has the steps that were; other threads fail with it, at once."""
    sequence = Sequencer(deadline_seconds=0.05)
    sequence.reach("begun")
    other = sequence.spawn(sequence.wait, "another")

    with pytest.raises(SequenceError, match=r"reached: \['begun'\]"):
        sequence.wait("never")
    with pytest.raises(SequenceError):
        other.result()


def test_a_threads_error_is_raised_where_its_result_is_asked():
    """And not lost in a traceback on the terminal."""

    def fail():
        raise LookupError("there")

    task = Sequencer().spawn(fail)

    with pytest.raises(LookupError, match="there"):
        task.result()


def test_a_clock_moves_only_by_hand(clock):
    """Monotonic never runs backwards; the wall clock may."""
    before = clock.monotonic(), clock.wall()

    clock.advance(5)
    clock.jump_wall(-60)

    assert (clock.monotonic() - before[0], clock.wall() - before[1]) == (5, -55)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
