"""What the origin raises reaches the program as it would through the bare engine, and spoils nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, exc, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from support.origins import Origin

from sqlmem import CachingEngine, UnsupportedQueryError, last_status
from sqlmem.model import Outcome

TABLES = (
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name VARCHAR(20), price INTEGER)",
    "INSERT INTO item VALUES (1, 'one', 10), (2, 'two', 20)",
)


RANDOM = {"sqlite": "random()", "postgresql": "random()", "mariadb": "rand()"}


def volatile(origin: Origin) -> sa.TextClause:
    """What only the origin can answer: rows 1 and 2."""
    return text(f"SELECT id FROM item WHERE {RANDOM[origin.family]} IS NOT NULL ORDER BY id")


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "item"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    colour: Mapped[str]  # the table has no such column


class Lost(Base):
    __tablename__ = "lost"  # there is no such table

    id: Mapped[int] = mapped_column(primary_key=True)


WRONG = {
    "unknown column": text("SELECT colour FROM item"),
    "unknown column in a filter": text("SELECT id FROM item WHERE colour = 'red'"),
    "unknown table": text("SELECT id FROM lost"),
    "unknown function": text("SELECT no_such_function(id) FROM item"),
    "no statement": text("SELEC id FROM item"),
    "unfinished": text("SELECT id FROM item WHERE"),
    "unbalanced": text("SELECT (id FROM item"),
    "empty list": text("SELECT id, FROM item"),
    "Core column": sa.select(Item.__table__.c.colour),
    "Core table": sa.select(Lost.__table__.c.id),
    "ORM columns": sa.select(Item.id, Item.colour),
    "ORM entity": sa.select(Item),
    "ORM table": sa.select(Lost.id),
}


def by_execute(engine: Engine, statement: Any) -> None:
    assert isinstance(engine, CachingEngine)
    engine.execute(statement)


def by_core(engine: Engine, statement: Any) -> None:
    with engine.connect() as connection:
        connection.execute(statement).all()


def by_driver_sql(engine: Engine, statement: Any) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(str(statement.compile(engine))).all()


def by_session(engine: Engine, statement: Any) -> None:
    with Session(engine) as session:
        session.execute(statement).all()


def by_stream(engine: Engine, statement: Any) -> None:
    with engine.connect().execution_options(stream_results=True) as connection:
        connection.execute(statement).all()


def error_of(run: Callable[[Engine, Any], None], engine: Engine, statement: Any) -> list[Any]:
    """What tells errors apart: the classes, the driver's code, and the text that is blamed."""
    try:
        run(engine, statement)
    except exc.DBAPIError as error:
        orig: Any = error.orig
        code = getattr(orig, "sqlstate", None) or getattr(orig, "pgcode", None)
        arguments = orig.args if code is None else code
        return [type(error), type(orig), arguments, error.statement, error.connection_invalidated]
    except Exception as error:  # noqa: BLE001 - to be compared, whatever it is
        return [type(error), str(error)]
    return []


@pytest.mark.parametrize("run", [by_execute, by_core, by_driver_sql, by_session, by_stream])
def test_an_error_is_the_origins_own(driver_origin: Origin, run):
    """The same classes, code and statement as through the bare engine, and the engine goes on."""
    driver_origin.execute(*TABLES)
    base = driver_origin.engine()
    engine = CachingEngine(base)
    bare_run = by_core if run is by_execute else run

    bare = {name: error_of(bare_run, base, statement) for name, statement in WRONG.items()}
    cached = {name: error_of(run, engine, statement) for name, statement in WRONG.items()}
    again = {name: error_of(run, engine, statement) for name, statement in WRONG.items()}

    assert all(bare.values())
    assert cached == bare
    assert again == bare
    assert engine.execute("SELECT name FROM item WHERE id = 1") == [{"name": "one"}]


def test_a_connection_goes_on_after_rollback(driver_origin: Origin):
    """After an error and a rollback the same connection answers, from the store and from the origin."""
    driver_origin.execute(*TABLES)
    engine = CachingEngine(driver_origin.engine(pool_size=1, max_overflow=0, pool_timeout=5))

    with engine.connect() as connection:
        for statement in WRONG.values():
            with pytest.raises(exc.DBAPIError):
                connection.execute(statement)
            connection.rollback()
        filled = connection.execute(text("SELECT id, name FROM item ORDER BY id")).all()
        filled_status = last_status()
        hit = connection.execute(text("SELECT id, name FROM item ORDER BY id")).all()
        hit_status = last_status()
        bypassed = connection.execute(volatile(driver_origin)).all()

    assert filled == hit == [(1, "one"), (2, "two")]
    assert (filled_status.outcome, hit_status.outcome) == (Outcome.MISS, Outcome.HIT)
    assert bypassed == [(1,), (2,)]


def test_a_refusal_leaves_the_transaction_as_it_was(driver_origin: Origin):
    """A refused statement isn't sent: what is asked next in the transaction is answered."""
    driver_origin.execute(*TABLES)
    engine = CachingEngine(driver_origin.engine())

    with engine.begin() as connection:
        connection.execute(volatile(driver_origin)).all()
        with pytest.raises(UnsupportedQueryError):
            connection.execute(text("SELECT * FROM item"))
        rows = connection.execute(volatile(driver_origin)).all()

    assert rows == [(1,), (2,)]


@pytest.mark.families("postgresql")
def test_an_aborted_transaction_stays_aborted_at_the_origin(driver_origin: Origin):
    """What needs the origin fails as on the bare engine until the rollback; a hit needs nothing of it."""
    driver_origin.execute(*TABLES)
    base = driver_origin.engine()
    engine = CachingEngine(base)
    engine.execute("SELECT id, name FROM item")
    statement = text("SELECT lower(name) || no_such_column FROM item")
    remote = volatile(driver_origin)

    errors = []
    for one in (base, engine):
        with one.connect() as connection:
            with pytest.raises(exc.ProgrammingError):
                connection.execute(statement)
            with pytest.raises(exc.DBAPIError) as error:
                connection.execute(remote)
            errors.append((type(error.value), type(error.value.orig)))
            if one is engine:
                hit = connection.execute(text("SELECT name FROM item WHERE id = 2")).all()
            connection.rollback()
            assert len(connection.execute(remote).all()) == 2

    assert errors[0] == errors[1]
    assert hit == [("two",)]


@pytest.mark.families("postgresql")
def test_a_miss_in_an_aborted_transaction_is_the_origins_error(driver_origin: Origin):
    """The fill uses the transaction's connection; after the rollback it fills."""
    driver_origin.execute(*TABLES)
    engine = CachingEngine(driver_origin.engine(pool_size=1, max_overflow=0, pool_timeout=5))
    statement = text("SELECT name FROM item WHERE id = 2")

    with engine.connect() as connection:
        with pytest.raises(exc.ProgrammingError):
            connection.execute(text("SELECT no_such_function(id) FROM item"))
        first: Any
        try:
            first = connection.execute(statement).all()
        except exc.DBAPIError as error:
            first = error
        connection.rollback()
        second = connection.execute(statement).all()

    assert isinstance(first, exc.DBAPIError) or first == [("two",)]
    assert second == [("two",)]


def test_a_savepoint_saves_the_transaction(driver_origin: Origin):
    """After an error inside begin_nested() the transaction goes on, whenever the origin was met."""
    driver_origin.execute(*TABLES)
    engine = CachingEngine(driver_origin.engine())
    good = volatile(driver_origin)
    bad = text("SELECT no_such_function(id) FROM item")

    with engine.begin() as connection:
        with pytest.raises(exc.DBAPIError), connection.begin_nested():
            connection.execute(bad)
        before = connection.execute(good).all()
        with connection.begin_nested():
            within = connection.execute(good).all()
        with pytest.raises(exc.DBAPIError), connection.begin_nested():
            connection.execute(bad)
        after = connection.execute(good).all()

    assert before == within == after == [(1,), (2,)]


def test_a_savepoint_without_the_origin_reaches_nobody(driver_origin: Origin):
    """Hits inside begin_nested() send nothing."""
    driver_origin.execute(*TABLES)
    engine = CachingEngine(driver_origin.engine())
    engine.execute("SELECT id, name FROM item")

    with driver_origin.expect_silence(), Session(engine) as session:
        with session.begin_nested():
            rows = session.execute(text("SELECT name FROM item WHERE id = 1")).all()
        session.rollback()

    assert rows == [("one",)]


def test_wrong_parameters_are_the_drivers_error(driver_origin: Origin):
    """Too few, too many, or not named as the statement has them: the same class as on the bare engine."""
    driver_origin.execute(*TABLES)
    base = driver_origin.engine()
    engine = CachingEngine(base)
    engine.execute("SELECT id, name FROM item")
    style = base.dialect.paramstyle
    mark = "?" if style == "qmark" else "%s"
    cases: list[tuple[str, Any]] = [
        (f"SELECT name FROM item WHERE id = {mark} AND name = {mark}", (1,)),
        (f"SELECT name FROM item WHERE id = {mark}", (1, 2)),
        (f"SELECT name FROM item WHERE id = {mark}", (object(),)),  # PyMySQL takes its text
    ]

    def ask(one: Engine, statement: str, parameters: Any) -> type[BaseException] | None:
        try:
            with one.connect() as connection:
                connection.exec_driver_sql(statement, parameters).all()
        except Exception as error:  # noqa: BLE001 - to be compared
            return type(error)
        return None

    bare = [ask(base, *case) for case in cases]
    cached = [ask(engine, *case) for case in cases]

    assert all(bare[:2])
    assert cached == bare


def test_an_error_is_the_origins_own_in_an_event_loop(asyncpg_origin: Origin):
    """The same through asyncpg, and the connection goes on after the rollback."""
    asyncpg_origin.execute(*TABLES)

    async def ask() -> tuple[list[Any], list[Any], Any]:
        bare = asyncpg_origin.async_engine()
        engine = AsyncEngine(CachingEngine(bare.sync_engine))
        found: list[list[Any]] = []
        for one in (bare, engine):
            async with one.connect() as connection:
                errors = []
                for statement in WRONG.values():
                    try:
                        await connection.execute(statement)
                    except exc.DBAPIError as error:
                        errors.append((type(error), type(error.orig), error.statement))
                    await connection.rollback()
                found.append(errors)
                rows = (await connection.execute(text("SELECT name FROM item WHERE id = 1"))).all()
        await bare.dispose()
        return found[0], found[1], rows

    bare_errors, errors, rows = asyncio.run(ask())

    assert len(bare_errors) == len(WRONG)
    assert errors == bare_errors
    assert rows == [("one",)]


def test_a_lost_connection_is_noticed_as_by_the_bare_engine(driver_origin: Origin):
    """The error says that the connection was invalidated; the next transaction has a new one."""
    driver_origin.execute(*TABLES)
    base = driver_origin.engine()
    engine = CachingEngine(base)
    engine.execute("SELECT id, name FROM item")
    remote = volatile(driver_origin)

    found = []
    for one in (base, engine):
        with one.connect() as connection:
            connection.execute(remote).all()
            with driver_origin.down(), pytest.raises(exc.DBAPIError) as error:
                connection.execute(remote)
            found.append((type(error.value), error.value.connection_invalidated))
            connection.rollback()
            assert connection.execute(remote).all() == [(1,), (2,)]

    assert found[0] == found[1]


def test_a_miss_while_the_origin_is_down_is_the_drivers_error(driver_origin: Origin):
    """Hits go on, a miss is the driver's error as SQLAlchemy wraps it, and afterwards the fill comes."""
    driver_origin.execute(*TABLES)
    engine = CachingEngine(driver_origin.engine())
    engine.execute("SELECT id FROM item")

    with driver_origin.down():
        hit = engine.execute("SELECT id FROM item ORDER BY id")
        with pytest.raises(exc.DBAPIError) as error:
            engine.execute("SELECT name FROM item ORDER BY id")
    filled = engine.execute("SELECT name FROM item ORDER BY id")

    assert hit == [{"id": 1}, {"id": 2}]
    assert error.value.orig is not None
    assert filled == [{"name": "one"}, {"name": "two"}]
