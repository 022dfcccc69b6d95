"""Invariant: what the origin answers is sent to it as the bare engine sends it, word for word and no more.

What strict mode adds is its wall, where that can't be a part of what is sent anyway, and a text may need one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from support.origins import Origin

from sqlmem import CachingEngine, last_status

# The origin's, whatever it is: it gives something else each time.
NOW = {"sqlite": "random()", "postgresql": "random()", "mariadb": "rand()"}
# SQLite's, of a text whose program isn't known: what is an error has none.
WALL = ["PRAGMA query_only", "PRAGMA query_only = 1", "PRAGMA query_only = 0"]
# MariaDB's, which a text carries.
PREFIX = "/*M!100100 SET STATEMENT tx_read_only = 1, completion_type = 0 FOR */ "


class Base(DeclarativeBase):
    """The mapping's own metadata."""


class Item(Base):
    """A row."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20))


Scenario = Callable[[Engine, Origin], object]


def connect_and_close(engine: Engine, origin: Origin) -> object:
    with engine.connect() as connection:
        return connection.execute(
            text(f"SELECT id, {NOW[origin.family]} FROM items WHERE id = :id"), {"id": 1}
        ).all()


def three_in_a_transaction(engine: Engine, origin: Origin) -> object:
    with engine.connect() as connection:
        for number in (1, 2, 3):
            connection.execute(
                text(f"SELECT id, {NOW[origin.family]} FROM items WHERE id = :id"), {"id": number}
            ).all()
        connection.rollback()
        return connection.execute(text(f"SELECT id, {NOW[origin.family]} FROM items")).all()


def without_parameters(engine: Engine, origin: Origin) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(
            f"SELECT id, {NOW[origin.family]} FROM items", execution_options={"no_parameters": True}
        ).all()


def an_error(engine: Engine, origin: Origin) -> object:
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError):
        connection.execute(text(f"SELECT nothing, {NOW[origin.family]} FROM items")).all()


READS: dict[str, Scenario] = {
    each.__name__: each for each in (connect_and_close, three_in_a_transaction, without_parameters, an_error)
}


def insert_update_and_delete(engine: Engine, origin: Origin) -> object:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO items (id, name) VALUES (:id, 'new')"), {"id": 100})
    with engine.begin() as connection:
        connection.execute(text("UPDATE items SET name = 'other' WHERE id = :id"), {"id": 100})
        return connection.execute(text("DELETE FROM items WHERE id = :id"), {"id": 100})


def autocommit(engine: Engine, origin: Origin) -> object:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("UPDATE items SET name = 'auto' WHERE id = :id"), {"id": 1})
        return connection.execute(text("UPDATE items SET name = 'auto' WHERE id = :id"), {"id": 2})


def flush_and_commit(engine: Engine, origin: Origin) -> object:
    with Session(engine) as session:
        session.add(Item(id=200, name="mapped"))
        session.flush()
        session.commit()
    with Session(engine) as session:
        session.execute(sa.delete(Item).where(Item.id == 200))
        session.commit()


def a_savepoint(engine: Engine, origin: Origin) -> object:
    with engine.begin() as connection:
        with connection.begin_nested() as nested:
            connection.execute(text("UPDATE items SET name = 'nested' WHERE id = 1"))
            nested.rollback()
        return connection.execute(text("UPDATE items SET name = 'outer' WHERE id = 1"))


WRITES: dict[str, Scenario] = {
    each.__name__: each for each in (insert_update_and_delete, autocommit, flush_and_commit, a_savepoint)
}


@pytest.fixture
def items(origin: Origin) -> Origin:
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO items VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    )
    return origin


def sent(origin: Origin, engine: Engine, scenario: Scenario) -> list[str]:
    """What reaches the origin, when everything around was met before."""
    for _ in range(3):
        scenario(engine, origin)
    before = len(origin.counter.everything)
    scenario(engine, origin)
    return origin.counter.everything[before:]


@pytest.mark.parametrize("name", READS)
def test_a_bypass_sends_what_the_bare_engine_sends(items: Origin, name: str) -> None:
    """MariaDB's wall goes with it; SQLite's is left out, but for what can't be known to read."""
    expected = sent(items, items.engine(), READS[name])
    with CachingEngine(items.engine(), cache_db="") as engine:
        seen = sent(items, engine, READS[name])

    if items.family == "mariadb":
        assert all(statement.startswith(PREFIX) for statement in seen if statement != "ROLLBACK")
    if items.family == "sqlite" and name == "an_error":
        expected = [*WALL[:2], *expected, *WALL[2:]]
    assert [statement.removeprefix(PREFIX) for statement in seen] == expected


@pytest.mark.parametrize("name", {**READS, **WRITES})
def test_what_passes_sends_what_the_bare_engine_sends(items: Origin, name: str) -> None:
    """In transparent mode there is no wall."""
    scenario = {**READS, **WRITES}[name]
    expected = sent(items, items.engine(), scenario)
    with CachingEngine(items.engine(), cache_db="", mode="transparent") as engine:
        seen = sent(items, engine, scenario)

    assert seen == expected


# -- on the wire -------------------------------------------------------------------------------


@pytest.fixture
def wire(items: Origin, tmp_path: Path) -> Iterator[Callable[[Engine], Callable[[], list[str]]]]:
    """PostgreSQL: makes an engine tell what it sends, the messages that begin and end transactions too."""
    files: list[Any] = []

    def watch(engine: Engine) -> Callable[[], list[str]]:
        path = tmp_path / f"wire-{len(files)}"
        file = path.open("w+", encoding="utf-8")
        files.append(file)
        engine.dispose()

        @event.listens_for(engine, "connect")
        def connected(driver: Any, record: object) -> None:
            driver.pgconn.trace(file.fileno())

        def told() -> list[str]:
            # libpq buffers what it traces until it has written its next message.
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            parts = [line.split("\t") for line in lines]
            return [" ".join(part[part.index("F") :]) for part in parts if "F" in part]

        return told

    yield watch
    for file in files:
        file.close()


@pytest.mark.families("postgresql")
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((name, "strict") for name in READS),
        *((name, "transparent") for name in {**READS, **WRITES}),
    ],
)
def test_the_messages_are_those_of_the_bare_engine(
    items: Origin, wire: Callable[[Engine], Callable[[], list[str]]], name: str, mode: str
) -> None:
    """BEGIN and ROLLBACK, which no cursor sends, are as many; strict mode's BEGIN says READ ONLY."""
    scenario = {**READS, **WRITES}[name]
    messages = []
    for wrap in (False, True):
        base = items.engine(pool_size=1, max_overflow=0)
        told = wire(base)
        engine: Engine = CachingEngine(base, cache_db="", mode=mode) if wrap else base
        # Often enough for psycopg to have prepared what it prepares.
        for _ in range(8):
            scenario(engine, items)
        before = len(told())
        scenario(engine, items)
        messages.append([_plain(message) for message in told()[before:]])
        engine.dispose()
        base.dispose()
        if isinstance(engine, CachingEngine):
            engine.close()

    bare, ours = messages
    assert bare
    assert [message.replace("BEGIN READ ONLY", "BEGIN") for message in ours] == bare
    begun = [message for message in ours if "BEGIN" in message]
    assert all(("READ ONLY" in message) == (mode == "strict") for message in begun)


def _plain(message: str) -> str:
    """Without its length, and the name and number of what was prepared."""
    return re.sub(r"_pg3_\d+", "_pg3_", re.sub(r"^F (?:\d+ )?(\w+)(?: \d+)?", r"\1", message))


def autocommitted(statement: str) -> Scenario:
    def scenario(engine: Engine, origin: Origin) -> object:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            result = connection.execute(text(statement.replace("now", NOW[origin.family])), {"id": 1})
            return result.all() if result.returns_rows else None

    return scenario


ENDED: dict[str, Scenario] = {
    "read": connect_and_close,
    "reads": three_in_a_transaction,
    "read in autocommit": autocommitted("SELECT id, now FROM items WHERE id = :id"),
    "written in autocommit": autocommitted("UPDATE items SET name = 'x' WHERE id = :id"),
}


@pytest.mark.parametrize("name", ENDED)
def test_a_transaction_is_ended_as_often_as_by_the_bare_engine(
    items: Origin, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback too many is a round trip, which a driver makes without any statement's being executed."""
    ended: list[object] = []
    kind = type(items.engine().dialect)
    rollback = kind.do_rollback

    def counted(dialect: Any, connection: Any) -> None:
        ended.append(connection)
        rollback(dialect, connection)

    monkeypatch.setattr(kind, "do_rollback", counted)

    def times(engine: Engine) -> int:
        ENDED[name](engine, items)
        before = len(ended)
        ENDED[name](engine, items)
        return len(ended) - before

    expected = times(items.engine())
    with CachingEngine(items.engine(), cache_db="", mode="transparent") as engine:
        assert times(engine) == expected


# -- strict mode in autocommit -----------------------------------------------------------------


@pytest.fixture
def unheard(items: Origin) -> Iterator[Engine]:
    """An engine that nobody listens to: who does hears of each statement, which is then sent by itself."""
    engine = sa.create_engine(items.url, pool_size=1, max_overflow=0)
    yield engine
    engine.dispose()


def alone(engine: Engine, statement: str, **parameters: Any) -> Any:
    """The rows, or the error in words that a program can tell apart."""
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            result = connection.execute(text(statement), parameters)
            return list(result.keys()), [tuple(row) for row in result]
    except sa.exc.DBAPIError as error:
        diagnosis: Any = error.orig
        return type(error), type(diagnosis), diagnosis.sqlstate, error.connection_invalidated


@pytest.mark.families("postgresql")
def test_the_wall_is_sent_with_the_statement(
    unheard: Engine, wire: Callable[[Engine], Callable[[], list[str]]]
) -> None:
    """BEGIN READ ONLY, the statement and ROLLBACK, and one wait for all three."""
    told = wire(unheard)
    with CachingEngine(unheard, cache_db="") as engine:
        for _ in range(8):
            alone(engine, "SELECT id, random() < 2 AS x FROM items WHERE id = :id", id=1)
        before = len(told())
        answer = alone(engine, "SELECT id, random() < 2 AS x FROM items WHERE id = :id", id=1)
        sent = told()[before:]

    assert answer == (["id", "x"], [(1, True)])
    assert [message for message in sent if "Query" in message] == []
    assert len([message for message in sent if "Sync" in message]) == 1
    assert any("BEGIN READ ONLY" in message for message in sent)


def sent_by_three(engine: Engine, told: Callable[[], list[str]], items: Origin) -> list[str]:
    """The messages of `three_in_a_transaction`, when it was asked often enough to be prepared."""
    for _ in range(8):
        three_in_a_transaction(engine, items)
    before = len(told())
    three_in_a_transaction(engine, items)
    return told()[before:]


def waits(messages: list[str]) -> int:
    """How often the server's answer is waited for."""
    return sum("Sync" in message or "Query" in message for message in messages)


@pytest.mark.families("postgresql")
def test_what_begins_a_read_only_transaction_is_not_waited_for(
    unheard: Engine, wire: Callable[[Engine], Callable[[], list[str]]], items: Origin
) -> None:
    """Two transactions of three statements and one: strict mode waits twice less than the bare engine."""
    told = wire(unheard)
    with CachingEngine(unheard, cache_db="") as engine:
        bare, ours = (sent_by_three(each, told, items) for each in (unheard, engine))

    assert waits(ours) == waits(bare) - 2
    assert sum("BEGIN READ ONLY" in message for message in ours) == 2


@pytest.fixture
def near(items: Origin) -> Iterator[Engine]:
    """The same, over the server's Unix socket."""
    url = sa.make_url(items.url)
    with items.engine().connect() as connection:
        folder = connection.exec_driver_sql("SHOW unix_socket_directories").scalar_one().split(",")[0].strip()
        port = connection.exec_driver_sql("SHOW port").scalar_one()
    if not Path(folder, f".s.PGSQL.{port}").exists():
        pytest.skip("the server has no Unix socket here")
    engine = sa.create_engine(
        url.set(host=None, port=None).update_query_dict({"host": folder, "port": port}),
        pool_size=1,
        max_overflow=0,
    )
    yield engine
    engine.dispose()


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_a_level_that_the_wrapped_engine_is_given_later_holds_from_then_on(items: Origin, mode: str) -> None:
    """Its reads must agree with each other, so that they are the origin's, whichever way they come in."""
    asked = "SELECT id FROM items WHERE id = :id"
    base = items.engine()
    with CachingEngine(base, cache_db="", mode=mode) as engine:

        def outcomes() -> set[str]:
            found = {str(engine.execute(asked, {"id": 1}).status.outcome)}
            for _ in range(2):
                with engine.connect() as connection:
                    connection.execute(text(asked), {"id": 1}).all()
                    # Before it is given back: the level is set back by a statement of SQLAlchemy's.
                    status = last_status()
                assert status is not None
                found.add(str(status.outcome))
            return found

        for _ in range(3):
            engine.execute(asked, {"id": 1})
        before = outcomes()
        base.update_execution_options(isolation_level="SERIALIZABLE")
        after = outcomes()

    assert before == {"hit"}
    assert after == {"bypass"}


@pytest.mark.families("postgresql")
def test_over_a_socket_only_what_would_be_waited_for_twice_is_sent_together(
    near: Engine, wire: Callable[[Engine], Callable[[], list[str]]], items: Origin
) -> None:
    """There a pipeline takes longer than to wait for BEGIN. The transactions are read-only all the same."""
    told = wire(near)
    with CachingEngine(near, cache_db="") as engine:
        bare, ours = (sent_by_three(each, told, items) for each in (near, engine))
        alone(engine, "SELECT id, random() < 2 AS x FROM items WHERE id = :id", id=1)
        before = len(told())
        alone(engine, "SELECT id, random() < 2 AS x FROM items WHERE id = :id", id=1)
        together = told()[before:]

    assert waits(ours) == waits(bare)
    assert sum("BEGIN READ ONLY" in message for message in ours) == 2
    assert waits(together) == 1


@pytest.mark.families("postgresql")
def test_a_cursor_beside_a_statement_goes_with_its_connection(unheard: Engine) -> None:
    """One for each of the driver's connections: a new one has its own."""
    statement = "SELECT pg_backend_pid() AS process, random() < 2 AS x"
    with CachingEngine(unheard, cache_db="") as engine:
        first = [alone(engine, statement) for _ in range(2)]
        unheard.dispose()
        second = [alone(engine, statement) for _ in range(2)]

    assert first[0] == first[1] != second[0] == second[1]


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("level", [None, "REPEATABLE READ", "SERIALIZABLE"])
def test_the_transaction_is_of_the_level_asked_for_and_read_only(items: Origin, level: str | None) -> None:
    options = {} if level is None else {"isolation_level": level}
    base = sa.create_engine(items.url, pool_size=1, max_overflow=0, **options)
    with CachingEngine(base, cache_db="") as engine:
        for _ in range(3):
            with engine.connect() as connection:
                shown = [
                    connection.execute(text(f"SHOW transaction_{what}")).scalar()
                    for what in ("isolation", "read_only", "isolation")
                ]
                connection.rollback()
                shown.append(connection.execute(text("SHOW transaction_read_only")).scalar())
            assert shown == [
                (level or "READ COMMITTED").lower(),
                "on",
                (level or "READ COMMITTED").lower(),
                "on",
            ]
            with base.connect() as connection:
                driver: Any = connection.connection.dbapi_connection
                assert (driver.autocommit, driver.read_only) == (False, None)
                assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "off"
    base.dispose()


@pytest.mark.families("postgresql")
def test_what_others_have_set_on_a_connection_stands_in_its_begin(
    items: Origin, wire: Callable[[Engine], Callable[[], list[str]]]
) -> None:
    """In psycopg's own words: a level that SQLAlchemy has set back, and what listeners have set."""
    base = sa.create_engine(items.url, pool_size=1, max_overflow=0)
    told = wire(base)
    with CachingEngine(base, cache_db="") as engine:
        connect_and_close(engine, items)
        begun = []
        for level, deferrable in ((None, None), (2, None), (4, True), (3, False)):
            with base.connect() as connection:
                driver: Any = connection.connection.dbapi_connection
                driver.isolation_level, driver.deferrable = level, deferrable
            before = len(told())
            connect_and_close(engine, items)
            driver.read_only = True
            driver.execute("SELECT 1")
            driver.rollback()
            driver.read_only = None
            begun.append([re.findall('"(BEGIN.*?)"', message) for message in told()[before:]])
        alone(base, "SELECT 1")
        set_back = driver.isolation_level
        before = len(told())
        alone(engine, "SELECT random() < 2 AS x")
        after = [message for message in told()[before:] if "BEGIN" in message]
    base.dispose()

    for texts in begun:
        ours, psycopgs = [text for found in texts for text in found]
        assert ours == psycopgs
    assert set_back is not None
    assert len(after) == 1
    assert "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY" in after[0]


@pytest.mark.families("postgresql")
def test_the_pools_own_events_meet_a_connection_as_it_was(unheard: Engine, items: Origin) -> None:
    seen = []

    @event.listens_for(unheard.pool, "reset")
    @event.listens_for(unheard.pool, "checkin")
    def met(driver: Any, *_: object) -> None:
        status = driver.pgconn.transaction_status
        seen.append((driver.autocommit, status))

    with CachingEngine(unheard, cache_db="") as engine:
        for scenario in (connect_and_close, three_in_a_transaction):
            scenario(engine, items)
        alone(engine, "SELECT random() < 2 AS x")
        alone(engine, "SELECT nope, random() FROM items")

    assert len(seen) >= 8
    assert set(seen) == {(False, psycopg.pq.TransactionStatus.IDLE)}


FAILING = {
    "division": "SELECT 1 / (id - id), random() FROM items",
    "in a later row": "SELECT 1 / (id - 2), random() FROM items ORDER BY id",
    "no table": "SELECT random() FROM nowhere",
    "no column": "SELECT random(), nope FROM items",
    "a parameter": "SELECT random() < 2, id FROM items WHERE id = CAST(:id AS integer)",
}


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("name", FAILING)
def test_an_error_is_the_bare_engines_and_the_connection_goes_on(
    unheard: Engine, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    parameters = {"id": "no number"} if name == "a parameter" else {}
    expected = alone(unheard, FAILING[name], **parameters)
    with CachingEngine(unheard, cache_db="") as engine:
        errors = [alone(engine, FAILING[name], **parameters) for _ in range(8)]
        with unheard.connect() as connection:
            process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            connection.exec_driver_sql("UPDATE items SET name = 'y'")
        answer = alone(engine, "SELECT pg_backend_pid() AS process")

    assert issubclass(expected[0], sa.exc.DBAPIError)
    assert errors == [expected] * 8
    assert answer == (["process"], [(process,)])
    assert not caplog.records


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("options", [{}, {"isolation_level": "AUTOCOMMIT"}], ids=["begun", "autocommit"])
def test_a_parameter_that_cannot_be_sent_is_the_drivers_error(
    unheard: Engine, options: dict[str, Any]
) -> None:
    """One that psycopg has no form for, and one that has no form in UTF-8, which is no error of psycopg's."""

    def ask(engine: Engine, parameter: object) -> Any:
        with engine.connect().execution_options(**options) as connection:
            try:
                return connection.execute(
                    text("SELECT CAST(:p AS text), random() < 2"), {"p": parameter}
                ).all()
            except (UnicodeError, sa.exc.DBAPIError) as error:
                return type(error), type(getattr(error, "orig", None)), str(error).partition("\n")[0]

    asked = ("\ud800", object(), "sent", "\ud800", "sent")
    with CachingEngine(unheard, cache_db="") as engine:
        bare, ours = ([ask(each, parameter) for parameter in asked] for each in (unheard, engine))

    assert ours == bare
    assert bare[0][0] is UnicodeEncodeError
    assert bare[1][1] is psycopg.ProgrammingError
    assert bare[2] == bare[4] == [("sent", True)]


@pytest.mark.parametrize("is_heard", [False, True])
def test_after_an_error_the_next_statement_is_answered(driver_origin: Origin, *, is_heard: bool) -> None:
    """In autocommit there is no transaction that has failed; whether it is sent alone or not."""
    driver_origin.execute("CREATE TABLE items (id INTEGER)", "INSERT INTO items VALUES (1)")
    options = {"pool_size": 1, "max_overflow": 0}
    base = driver_origin.engine(**options) if is_heard else sa.create_engine(driver_origin.url, **options)
    number = NOW[driver_origin.family]
    texts = (f"SELECT {number}, nope FROM items", f"SELECT id, {number} <> 2 FROM items") * 2

    def ask(connection: sa.Connection, statement: str) -> Any:
        try:
            return [tuple(row) for row in connection.execute(text(statement))]
        except sa.exc.DBAPIError as error:
            return type(error), type(error.orig)

    with CachingEngine(base, cache_db="") as engine:
        seen = []
        for each in (base, engine):
            with each.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                seen.append([ask(connection, statement) for statement in texts])
    base.dispose()

    assert seen[1] == seen[0]
    assert [len(answer) for answer in seen[0]] == [2, 1, 2, 1]


@pytest.mark.families("postgresql")
def test_a_lost_connection_is_met_as_by_the_bare_engine(items: Origin, unheard: Engine) -> None:
    seen = []
    with CachingEngine(unheard, cache_db="") as engine:
        for each in (unheard, engine):
            (process,) = alone(each, "SELECT pg_backend_pid() AS process")[1][0]
            items.execute(f"SELECT pg_terminate_backend({process}, 5000)")
            seen.append([alone(each, "SELECT random() < 2 AS x") for _ in range(2)])

    bare, ours = seen
    # The server's last words, or that there were none: what libpq has read when it notices.
    assert issubclass(ours[0][1], psycopg.OperationalError)
    assert (ours[0][0], ours[0][3], ours[1]) == (bare[0][0], bare[0][3], bare[1])
    assert bare[0][3] is True
    assert bare[1] == (["x"], [(True,)])


@pytest.mark.families("postgresql")
def test_what_would_write_is_refused_by_the_wall(items: Origin, unheard: Engine) -> None:
    """A function that the parser can't know, in one message with the statement that calls it."""
    items.execute(
        "CREATE FUNCTION spoil() RETURNS integer LANGUAGE sql AS "
        "$$ INSERT INTO items VALUES (99, 'spoilt'); SELECT 1 $$"
    )
    with CachingEngine(unheard, cache_db="") as engine:
        refused = alone(engine, "SELECT spoil() AS x")
        with unheard.connect() as connection:
            rows = connection.exec_driver_sql("SELECT count(*) FROM items WHERE id = 99").scalar()

    assert refused[1:3] == (ReadOnlySqlTransaction, "25006")
    assert rows == 0
