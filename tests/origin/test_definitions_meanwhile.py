"""Invariant: what a write reaches is judged by definitions that hold when it takes effect.

They may be made by a transaction that takes them back, be younger than what a transaction sees of the
catalogue, or be made while a statement waits for their lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status
from sqlmem.registry import Registry
from sqlmem.writes import Writes

pytestmark = pytest.mark.families("postgresql")

QUESTION = "SELECT id FROM b ORDER BY id"
TRIGGER = "CREATE TRIGGER also AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION into_b()"


@pytest.fixture
def engine(origin: Origin) -> Iterator[CachingEngine]:
    origin.execute(
        "CREATE TABLE a (id INTEGER PRIMARY KEY)",
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER)",
        "CREATE TABLE c (id INTEGER PRIMARY KEY)",
        "CREATE FUNCTION into_b() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN INSERT INTO b VALUES (NEW.id); RETURN NEW; END $$",
    )
    with CachingEngine(origin.engine(), mode="transparent", cache_db="") as engine:
        yield engine


def asked(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(QUESTION)).scalars())


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def hit(engine: CachingEngine) -> list[Any]:
    """The rows, from the store."""
    for _ in range(3):
        found = asked(engine)
    status = last_status()
    assert status is not None
    assert status.outcome is Outcome.HIT
    return found


@pytest.mark.parametrize("definition", ["DROP TRIGGER also ON a", "ALTER TABLE a DISABLE TRIGGER also"])
def test_a_definition_that_is_taken_back_was_never_there(engine: CachingEngine, definition: str) -> None:
    run(engine, TRIGGER)
    with engine.connect() as connection:
        connection.execute(text(definition))
        connection.execute(text("INSERT INTO c VALUES (1)"))
        connection.execute(text("SELECT into_b FROM (SELECT 1 AS into_b) AS d"))
        connection.rollback()
    assert hit(engine) == []

    run(engine, "INSERT INTO a VALUES (7)")

    assert asked(engine) == [7]


def test_a_transaction_that_sees_the_past_tells_nobody_of_it(engine: CachingEngine) -> None:
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as earlier:
        earlier.execute(text("SELECT count(*) FROM c")).all()
        run(engine, TRIGGER)
        earlier.execute(text("INSERT INTO c VALUES (1)"))
        earlier.commit()
    assert hit(engine) == []

    run(engine, "INSERT INTO a VALUES (7)")

    assert asked(engine) == [7]


ENDS: dict[str, Callable[[Connection], object]] = {
    "commit": lambda connection: connection.commit(),
    "COMMIT as text": lambda connection: connection.exec_driver_sql("COMMIT"),
    "in autocommit": lambda connection: None,
}
WAITS = text(
    "SELECT 1 FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE FROM a%' AND datname = current_database()"
)
CASCADE = "ALTER TABLE b ADD FOREIGN KEY (a) REFERENCES a ON DELETE CASCADE"


def wait_for_the_lock(origin: Origin) -> None:
    with origin.engine().connect() as watching:
        while not watching.execute(WAITS).all():
            watching.rollback()


@pytest.fixture
def referred(engine: CachingEngine) -> CachingEngine:
    """With a row to be deleted, and one that will refer to it; what writes reach is known."""
    run(engine, "INSERT INTO a VALUES (1), (2)", "INSERT INTO b VALUES (1, 1)", "DELETE FROM a WHERE id = 2")
    return engine


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_write_that_waited_for_a_definition_is_judged_by_it(
    origin: Origin, referred: CachingEngine, end: Callable[[Connection], object]
) -> None:
    deleted, may_commit = threading.Event(), threading.Event()
    is_autocommit = end is ENDS["in autocommit"]
    level = {"isolation_level": "AUTOCOMMIT"} if is_autocommit else {}

    def delete() -> None:
        with referred.connect().execution_options(**level) as connection:
            connection.execute(text("DELETE FROM a WHERE id = 1"))
            deleted.set()
            may_commit.wait(30)
            end(connection)

    deleting = threading.Thread(target=delete)
    with referred.connect() as defining:
        defining.execute(text(CASCADE))
        deleting.start()
        wait_for_the_lock(origin)
        defining.commit()
    deleted.wait(30)
    if not is_autocommit:
        assert hit(referred) == [1]
    may_commit.set()
    deleting.join()

    assert asked(referred) == []


def test_a_commit_that_begins_before_the_definition_is_noted_is_judged_by_it(
    origin: Origin, referred: CachingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The definition's window is closed before the commit returns, and its table filled in between."""
    hit(referred)
    opened, may_commit, noting, may_note = (threading.Event() for _ in range(4))
    forget_reach, open_window = Writes.forget_reach, Registry.open_window

    def forget(self: Writes) -> None:
        if threading.current_thread().name == "defining":
            noting.set()
            may_note.wait(30)
        forget_reach(self)

    def open_(self: Registry, window: Any) -> Any:
        dropped = open_window(self, window)
        if threading.current_thread().name == "deleting":
            opened.set()
            may_commit.wait(30)
        return dropped

    monkeypatch.setattr(Writes, "forget_reach", forget)
    monkeypatch.setattr(Registry, "open_window", open_)
    connection = referred.connect()
    connection.execute(text(CASCADE))
    defining = threading.Thread(target=connection.commit, name="defining")
    deleting = threading.Thread(target=run, args=(referred, "DELETE FROM a WHERE id = 1"), name="deleting")
    deleting.start()
    wait_for_the_lock(origin)
    defining.start()
    noting.wait(30)
    opened.wait(30)
    may_note.set()
    defining.join()
    connection.close()
    assert hit(referred) == [1]
    may_commit.set()
    deleting.join()

    assert asked(referred) == []


def test_a_name_means_another_table_since_a_definition(origin: Origin, engine: CachingEngine) -> None:
    """An old plan doesn't hold again because its old table is met by another spelling."""
    run(engine, "INSERT INTO b VALUES (1, 5)")
    with engine.connect() as connection:
        first = connection.exec_driver_sql("SELECT (current_schemas(false))[1], current_user").one()
    hit(engine)
    run(engine, f'CREATE SCHEMA "{first[1]}"', f'CREATE TABLE "{first[1]}".b (id INTEGER, a INTEGER)')
    engine.execute(f"SELECT id FROM {first[0]}.b")

    assert asked(engine) == asked(origin.engine()) == []


def test_a_definition_counts_whatever_its_program_says_it_changes(engine: CachingEngine) -> None:
    """`sqlmem_invalidates` says which rows a statement changes."""
    run(engine, "INSERT INTO b VALUES (1, 5)")
    question = "SELECT * FROM b"
    for _ in range(3):
        engine.execute(question)
    with engine.connect().execution_options(sqlmem_invalidates=["b"]) as connection:
        connection.execute(text("ALTER TABLE b ADD COLUMN more INTEGER DEFAULT 9"))
        connection.commit()

    assert [dict(row) for row in engine.execute(question)] == [{"id": 1, "a": 5, "more": 9}]
