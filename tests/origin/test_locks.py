"""Invariant: a program that doesn't hang on the bare engine doesn't hang on this one.

A fill is another session to the server, which doesn't know that the program waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import text
from support.origins import Origin
from support.sequencer import Sequencer, Task

from sqlmem import CachingEngine, last_status
from sqlmem.model import Outcome

ASK = "SELECT id, version FROM items ORDER BY id"
ROWS = [(1, 0), (2, 0)]
# Whether somebody waits for the table.
WAITING = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'items'::regclass"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "mariadb": "SELECT count(*) FROM information_schema.processlist"
    " WHERE db = database() AND state LIKE 'Waiting for table metadata lock'",
}


@pytest.fixture
def items(driver_origin: Origin) -> Origin:
    driver_origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)",
        "INSERT INTO items VALUES (1, 0), (2, 0)",
    )
    return driver_origin


@pytest.fixture(params=["transparent", "snapshot", "strict"])
def engine(items: Origin, request: pytest.FixtureRequest) -> Iterator[CachingEngine]:
    options: dict[str, Any] = {
        "transparent": {"mode": "transparent"},
        "snapshot": {"mode": "transparent", "consistency": "snapshot"},
        "strict": {},
    }[request.param]
    with CachingEngine(items.engine(), **options) as engine:
        yield engine


def within(connection: sa.Connection, statement: str = ASK) -> tuple[list[Any], Outcome]:
    rows = connection.execute(text(statement)).all()
    status = last_status()
    assert status is not None
    return [tuple(row) for row in rows], status.outcome


def altered(items: Origin, sequence: Sequencer) -> Task[Any]:
    """Somebody begins to alter the table, and waits for it."""
    task = sequence.spawn(items.execute, "ALTER TABLE items ADD COLUMN more INTEGER")
    while not items.execute(WAITING[items.family])[0][0]:
        assert not task.is_done
    return task


@pytest.mark.families("postgresql", "mariadb")
def test_a_fill_behind_an_alter_table_that_waits_for_its_program_is_given_up(
    items: Origin, engine: CachingEngine, sequence: Sequencer
) -> None:
    """The program's own statement has the lock already; when it has ended, the other goes on."""
    with engine.connect() as connection:
        # The origin's: its transaction has read the table.
        within(connection, "SELECT count(*), CURRENT_TIMESTAMP FROM items")
        alter = altered(items, sequence)
        first = within(connection)
        second = within(connection)
        connection.rollback()
    alter.result()

    assert first[0] == second[0] == ROWS
    # Strict mode fills on the connection that it holds, where that sees the present.
    is_own = not engine._core.front.is_transparent and items.family == "postgresql"
    assert first[1] is (Outcome.MISS if is_own else Outcome.BYPASS)


@pytest.mark.families("postgresql", "mariadb")
def test_who_waits_for_another_ones_fill_waits_no_longer(
    items: Origin, engine: CachingEngine, sequence: Sequencer
) -> None:
    """A thread without a transaction leads the fill, and one that stands in its way waits for it."""
    with engine.connect() as connection:
        within(connection, "SELECT count(*), CURRENT_TIMESTAMP FROM items")
        alter = altered(items, sequence)
        reading: Callable[[], Any] = lambda: engine.execute(ASK)  # noqa: E731 - its rows are after the ALTER
        other = sequence.spawn(reading)
        own = within(connection)
        connection.rollback()
    alter.result()

    assert own == (ROWS, Outcome.BYPASS)
    assert len(other.result()) == 2


@pytest.mark.families("postgresql")
def test_a_program_reads_what_it_has_locked(items: Origin) -> None:
    """Nobody else may, not even a fill or who asks for the definition."""
    items.execute("CREATE VIEW seen AS SELECT id, version FROM items")
    with CachingEngine(items.engine(), mode="transparent") as engine, engine.connect() as connection:
        connection.exec_driver_sql("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
        table = within(connection)
        view = within(connection, "SELECT id, version FROM seen ORDER BY id")
        expression = within(connection, "SELECT lower(CAST(version AS TEXT)) FROM items")
        connection.rollback()

    assert table == view == (ROWS, Outcome.BYPASS)
    assert expression == ([("0",), ("0",)], Outcome.BYPASS)


@pytest.mark.families("mariadb")
def test_a_connection_waits_as_long_as_before_when_a_fill_has_had_it(items: Origin) -> None:
    """The pool gives it to the program."""
    base = items.engine(pool_size=1, max_overflow=0)
    with CachingEngine(base, mode="transparent") as engine:
        with base.connect() as connection:
            before = connection.exec_driver_sql("SELECT @@lock_wait_timeout").scalar_one()
        with engine.connect() as connection:
            filled = within(connection)
        with base.connect() as connection:
            after = connection.exec_driver_sql("SELECT @@lock_wait_timeout").scalar_one()

    assert filled == (ROWS, Outcome.MISS)
    assert after == before > 1
