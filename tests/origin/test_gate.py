"""Nothing writes through a cached engine: two walls, and what stays whole behind them.

The first wall is the statement's text: what isn't proven a read is refused, and nothing of
it is sent. The second is the origin's own: a read of which only the origin knows what its
functions do runs in a state in which the origin refuses to write.

The corpora have one statement a line; see the head of each file for the marks that stand for
white space.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, event, exc, text
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from support.origins import Origin

from sqlmem import CachingEngine, ReadOnlyError, UnsupportedQueryError, last_status
from sqlmem.model import Outcome

FIXTURES = Path(__file__).parents[1] / "fixtures" / "gate"
MARKS = str.maketrans({"␤": "\n", "␉": "\t", "␌": "\f", "␍": "\r", "⍽": "\xa0"})
CORPORA = {"sqlite": "sqlite", "postgresql": "postgresql", "mariadb": "mysql"}  # family -> its file

TABLES = (
    "CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)",
    "CREATE TABLE u (a INTEGER PRIMARY KEY, b INTEGER)",
    "INSERT INTO t VALUES (1, 10), (2, 20)",
    "INSERT INTO u VALUES (1, 10)",
)


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "t"

    a: Mapped[int] = mapped_column(primary_key=True)
    b: Mapped[int | None]


def statements(family: str) -> list[str]:
    lines = (FIXTURES / f"{CORPORA[family]}.txt").read_text(encoding="utf-8").splitlines()
    return [line.translate(MARKS) for line in lines if line and not line.startswith("##")]


def contents(origin: Origin) -> dict[str, list[tuple[Any, ...]]]:
    """All that the origin holds, and which tables it has."""
    tables = {
        "sqlite": "SELECT name FROM sqlite_master ORDER BY name",
        "postgresql": "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
        "mariadb": "SELECT table_name FROM information_schema.tables WHERE table_schema = database() "
        "ORDER BY 1",
    }
    return {
        "tables": [tuple(row) for row in origin.execute(tables[origin.family])],
        "t": [tuple(row) for row in origin.execute("SELECT a, b FROM t ORDER BY a")],
        "u": [tuple(row) for row in origin.execute("SELECT a, b FROM u ORDER BY a")],
    }


def prepared(origin: Origin) -> CachingEngine:
    """An engine that has met its origin, with one table in the store."""
    origin.execute(*TABLES)
    engine = CachingEngine(origin.engine())
    assert engine.execute("SELECT a, b FROM t WHERE a = 1") == [{"a": 1, "b": 10}]
    return engine


def raised_by(run: Callable[[str], object], corpus: list[str]) -> dict[str, str]:
    """The statements that weren't refused as writes, and what happened to them instead."""
    wrong = {}
    for statement in corpus:
        try:
            run(statement)
        except ReadOnlyError:
            continue
        except Exception as error:  # noqa: BLE001 - every kind of failure is listed
            wrong[statement] = f"{type(error).__name__}: {error}"
        else:
            wrong[statement] = "was run"
    return wrong


def run_core(engine: Engine) -> Callable[[str], object]:
    def run(statement: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)

    return run


def run_autocommit(engine: Engine) -> Callable[[str], object]:
    return run_core(engine.execution_options(isolation_level="AUTOCOMMIT"))


def run_streamed(engine: Engine) -> Callable[[str], object]:
    def run(statement: str) -> None:
        with engine.connect().execution_options(stream_results=True) as connection:
            connection.exec_driver_sql(statement)

    return run


def run_many(engine: Engine) -> Callable[[str], object]:
    many: dict[str, Any] = {"pyformat": [{"a": 1}, {"a": 2}], "format": [(1,), (2,)], "qmark": [(1,), (2,)]}

    def run(statement: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement, many[engine.dialect.paramstyle])

    return run


def run_raw(engine: Engine) -> Callable[[str], object]:
    def run(statement: str) -> None:
        connection = engine.raw_connection()
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()

    return run


def run_execute(engine: Engine) -> Callable[[str], object]:
    assert isinstance(engine, CachingEngine)
    # `text` takes :name for a bind, as SQLAlchemy's own does.
    return lambda statement: engine.execute(statement.replace("\\", "\\\\").replace(":", "\\:"))


def test_the_corpora_have_two_hundred_statements():
    """As many as the gate must be held against, in the syntax of each origin."""
    corpora = {family: statements(family) for family in CORPORA}

    assert len({statement for corpus in corpora.values() for statement in corpus}) >= 200
    assert all(len(corpus) >= 100 for corpus in corpora.values())


@pytest.mark.parametrize("run", [run_core, run_autocommit, run_streamed, run_many, run_raw, run_execute])
def test_no_write_reaches_the_origin(driver_origin: Origin, run):
    """Each is refused, whatever the way in; nothing at all is sent, and nothing has changed."""
    engine = prepared(driver_origin)
    before = contents(driver_origin)
    corpus = statements(driver_origin.family)

    with driver_origin.expect_silence():
        wrong = raised_by(run(engine), corpus)

    assert wrong == {}
    assert engine.stats().rejected == len(corpus)
    assert contents(driver_origin) == before


def test_no_write_reaches_the_origin_from_an_event_loop(asyncpg_origin: Origin):
    """The same through asyncpg and SQLAlchemy's AsyncEngine."""
    asyncpg_origin.execute(*TABLES)
    before = contents(asyncpg_origin)
    corpus = statements("postgresql")
    wrong: dict[str, str] = {}

    async def ask() -> None:
        bare = asyncpg_origin.async_engine()
        engine = AsyncEngine(CachingEngine(bare.sync_engine))
        async with engine.connect() as connection:
            await connection.execute(text("SELECT a, b FROM t"))
        with asyncpg_origin.expect_silence():
            for statement in corpus:
                try:
                    async with engine.connect() as connection:
                        await connection.exec_driver_sql(statement)
                except ReadOnlyError:
                    continue
                wrong[statement] = "was run"
        await bare.dispose()

    asyncio.run(ask())

    assert wrong == {}
    assert contents(asyncpg_origin) == before


def test_sqlalchemys_own_ways_to_write_are_refused(driver_origin: Origin):
    """Core's insert, update and delete, also of many rows; a Session's flush; DDL; a locking read."""
    engine = prepared(driver_origin)
    before = contents(driver_origin)
    t = Base.metadata.tables["t"]

    def flush_new() -> None:
        with Session(engine) as session:
            session.add(Row(a=7, b=70))
            session.commit()

    def flush_changed() -> None:
        with Session(engine) as session:
            session.get_one(Row, 1).b = 11
            session.commit()

    def flush_deleted() -> None:
        with Session(engine) as session:
            session.delete(session.get_one(Row, 1))
            session.commit()

    def run(statement: sa.Executable, parameters: Any = None) -> Callable[[], object]:
        def write() -> None:
            with engine.begin() as connection:
                connection.execute(statement, parameters)

        return write

    writes: dict[str, Callable[[], object]] = {
        "insert": run(t.insert().values(a=3)),
        "insert many": run(t.insert(), [{"a": 3, "b": 1}, {"a": 4, "b": 1}]),
        "update": run(t.update().values(b=0)),
        "update many": run(t.update().where(t.c.a == sa.bindparam("k")).values(b=0), [{"k": 1}, {"k": 2}]),
        "delete": run(t.delete()),
        "flush new": flush_new,
        "flush changed": flush_changed,
        "flush deleted": flush_deleted,
        "create": lambda: sa.Table("w", sa.MetaData(), sa.Column("a", sa.Integer)).create(engine),
        "drop": lambda: Base.metadata.drop_all(engine, checkfirst=False),
    }
    if driver_origin.family != "sqlite":  # its compiler leaves FOR UPDATE out
        writes["for update"] = run(sa.select(t.c.a).with_for_update())

    refused = {}
    for name, write in writes.items():
        with pytest.raises(ReadOnlyError) as error:
            write()
        refused[name] = error.value.statement

    assert set(refused) == set(writes)
    assert contents(driver_origin) == before


def test_a_procedure_is_not_called(driver_origin: Origin):
    """`callproc` of a raw cursor is a write, whatever it calls."""
    engine = prepared(driver_origin)
    connection = engine.raw_connection()

    with driver_origin.expect_silence(), pytest.raises(ReadOnlyError):
        connection.cursor().callproc("p", ())

    connection.close()


@pytest.mark.parametrize(
    "name", ["execute", "executescript", "query", "copy_expert", "driver_connection", "pgconn", "set_session"]
)
def test_the_drivers_own_connection_is_not_handed_out(driver_origin: Origin, name: str):
    """What runs statements beside the cursor could end the read-only transaction, and then write."""
    engine = prepared(driver_origin)
    connection = engine.raw_connection()

    with driver_origin.expect_silence(), pytest.raises(AttributeError):
        getattr(connection.dbapi_connection, name)

    connection.close()


@pytest.mark.families("postgresql")
def test_psycopg2s_batches_are_refused(driver_origin: Origin):
    """SQLAlchemy can be told to send many rows by the driver's own helpers."""
    if driver_origin.driver != "psycopg2":
        pytest.skip("only psycopg2 has batches")
    driver_origin.execute(*TABLES)
    before = contents(driver_origin)
    engine = CachingEngine(driver_origin.engine(executemany_mode="values_plus_batch"))
    t = Base.metadata.tables["t"]

    for write in (t.insert(), t.update().where(t.c.a == sa.bindparam("k"))):
        with pytest.raises(ReadOnlyError), engine.begin() as connection:
            connection.execute(write, [{"a": 7, "b": 1, "k": 1}, {"a": 8, "b": 1, "k": 2}])

    assert contents(driver_origin) == before


def test_a_read_with_many_sets_of_parameters_is_unsupported(driver_origin: Origin):
    """It is no write, and has no result: what it could mean is said by the error."""
    engine = prepared(driver_origin)

    with driver_origin.expect_silence(), pytest.raises(UnsupportedQueryError):
        run_many(engine)("SELECT a FROM t")


# -- the second wall ---------------------------------------------------------------------------

WRITING_FUNCTIONS = {
    "postgresql": (
        "CREATE FUNCTION writes_a_row(n integer) RETURNS integer LANGUAGE sql AS "  # noqa: ISC004
        "'INSERT INTO u VALUES (n + 100, 0) RETURNING a'",
        "CREATE VIEW v AS SELECT writes_a_row(a) AS a FROM t",
        "CREATE SEQUENCE s",
        "CREATE FUNCTION counts(n integer) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT nextval(''s'')'",
    ),
    "mariadb": (
        "CREATE FUNCTION writes_a_row(n integer) RETURNS integer MODIFIES SQL DATA "  # noqa: ISC004
        "BEGIN INSERT INTO u VALUES (n + 100, 0); RETURN n; END",
        "CREATE VIEW v AS SELECT writes_a_row(a) AS a FROM t",
        "CREATE TABLE untransacted (a INTEGER) ENGINE=MyISAM",
        "CREATE FUNCTION counts(n integer) RETURNS integer MODIFIES SQL DATA "  # noqa: ISC004
        "BEGIN INSERT INTO untransacted VALUES (n); RETURN n; END",
    ),
}
HIDDEN_WRITES = (
    "SELECT writes_a_row(a) FROM t",
    "SELECT a FROM t WHERE writes_a_row(a) > 0",
    "SELECT writes_a_row(1)",
    "SELECT a FROM t ORDER BY writes_a_row(a)",
    "SELECT a FROM v",
    "SELECT max(a) FROM v",
    "SELECT counts(1)",
    "SELECT a FROM t WHERE a IN (SELECT counts(a) FROM t)",
)

SKIPS_ROLLBACKS = "skip_autocommit_rollback" in inspect.signature(DefaultDialect.__init__).parameters

# how the wrapped engine is made, and with what options the cached one is used
MODES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "transactional": ({}, {}),
    "autocommit by option": ({}, {"isolation_level": "AUTOCOMMIT"}),
    "autocommit of the engine": ({"isolation_level": "AUTOCOMMIT"}, {}),
    "autocommit in lower case": ({}, {"isolation_level": "autocommit"}),
    "read-write by option": ({}, {"postgresql_readonly": False}),
    "autocommit that is never rolled back": (
        {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True},
        {},
    ),
    "streamed": ({}, {"stream_results": True}),
    "streamed autocommit": ({}, {"isolation_level": "AUTOCOMMIT", "stream_results": True}),
    "serializable": ({}, {"isolation_level": "SERIALIZABLE"}),
    "autocommit of the driver": ({"connect_args": {"autocommit": True}}, {}),
}


def modes_of(origin: Origin) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, (made, used) in MODES.items():
        if "connect_args" in made and origin.driver not in ("psycopg", "pymysql", "mysqlclient"):
            continue
        if "skip_autocommit_rollback" in made and not SKIPS_ROLLBACKS:
            continue  # SQLAlchemy before 2.0.43
        if "postgresql_readonly" in used and origin.family != "postgresql":
            continue
        yield name, made, used


def hidden_writes(engine: Engine, used: dict[str, Any]) -> dict[str, str]:
    """Those which the origin didn't refuse for being in a read-only state."""
    wrong = {}
    for statement in HIDDEN_WRITES:
        try:
            with engine.connect().execution_options(**used) as connection:
                connection.exec_driver_sql(statement).all()
        except Exception as error:  # noqa: BLE001 - asyncpg's own, unwrapped, where rows are streamed
            if "read-only" not in str(error).lower() and "read only" not in str(error).lower():
                wrong[statement] = str(error)
        else:
            wrong[statement] = "was run"
    return wrong


@pytest.mark.families("postgresql", "mariadb")
def test_the_origin_refuses_what_a_function_writes(driver_origin: Origin):
    """In every mode the error is the origin's own, nothing is written, and the connection that goes
    back to the wrapped engine's pool can write again."""
    driver_origin.execute(*TABLES, *WRITING_FUNCTIONS[driver_origin.family])
    before = contents(driver_origin)

    wrong: dict[str, Any] = {}
    for name, made, used in modes_of(driver_origin):
        base = driver_origin.engine(pool_size=1, max_overflow=0, pool_timeout=5, **made)
        engine = CachingEngine(base)
        found: Any = hidden_writes(engine, used)
        if (after := contents(driver_origin)) != before:
            found = {"written": after, **found}
        with base.begin() as connection:
            connection.exec_driver_sql("INSERT INTO u VALUES (50, 5)")
        with base.begin() as connection:
            connection.exec_driver_sql("DELETE FROM u WHERE a = 50")
        if found:
            wrong[name] = found
        base.dispose()

    assert wrong == {}
    assert contents(driver_origin) == before


def test_the_origin_refuses_what_a_function_writes_from_an_event_loop(asyncpg_origin: Origin):
    """The same through asyncpg."""
    asyncpg_origin.execute(*TABLES, *WRITING_FUNCTIONS["postgresql"])
    before = contents(asyncpg_origin)
    wrong: dict[str, Any] = {}

    async def ask(name: str, made: dict[str, Any], used: dict[str, Any]) -> None:
        bare = asyncpg_origin.async_engine(pool_size=1, max_overflow=0, pool_timeout=5, **made)
        engine = AsyncEngine(CachingEngine(bare.sync_engine))
        async with engine.connect() as connection:
            found = await connection.run_sync(lambda own: hidden_writes(own.engine, used))
        if found:
            wrong[name] = found
        async with bare.begin() as connection:
            await connection.exec_driver_sql("INSERT INTO u VALUES (50, 5)")
        async with bare.begin() as connection:
            await connection.exec_driver_sql("DELETE FROM u WHERE a = 50")
        await bare.dispose()

    for name, made, used in modes_of(asyncpg_origin):
        asyncio.run(ask(name, made, used))

    assert wrong == {}
    assert contents(asyncpg_origin) == before


@pytest.mark.parametrize("isolation_level", [None, "AUTOCOMMIT"])
def test_sqlite_refuses_what_a_function_writes(sqlite_origin: Origin, isolation_level):
    """A function that the application registered writes through its own connection, or tries to."""
    sqlite_origin.execute(*TABLES)
    before = contents(sqlite_origin)
    base = sqlite_origin.engine(pool_size=1, max_overflow=0, pool_timeout=5)
    refused = []

    @event.listens_for(base, "connect")
    def register(connection: Any, record: object) -> None:
        def write(n: int) -> int:
            try:
                connection.execute("INSERT INTO u VALUES (?, 0)", (n + 100,))
            except Exception as error:
                refused.append(str(error))
                raise
            return n

        connection.create_function("writes_a_row", 1, write)

    engine: Engine = CachingEngine(base)
    if isolation_level is not None:
        engine = engine.execution_options(isolation_level=isolation_level)
    for statement in ("SELECT writes_a_row(a) FROM t", "SELECT a FROM t WHERE writes_a_row(a) > 0"):
        with engine.connect() as connection, pytest.raises(exc.OperationalError):
            connection.exec_driver_sql(statement).all()

    assert len(refused) == 2
    assert all("readonly" in message for message in refused)
    assert contents(sqlite_origin) == before
    with base.begin() as connection:
        connection.exec_driver_sql("INSERT INTO u VALUES (50, 5)")
    assert contents(sqlite_origin) != before


def test_a_bypass_and_then_a_miss_need_one_connection(driver_origin: Origin):
    """A pool of one is enough: the fill reads on the connection that the transaction holds.

    Unless that sees an earlier moment, as MariaDB's transactions do: then the origin answers.
    """
    driver_origin.execute(*TABLES)
    engine = CachingEngine(driver_origin.engine(pool_size=1, max_overflow=0, pool_timeout=5))
    random = "rand()" if driver_origin.family == "mariadb" else "random()"

    with engine.connect() as connection:
        bypassed = connection.execute(text(f"SELECT {random} IS NULL AS n FROM t")).all()
        bypassed_status = last_status()
        filled = connection.execute(text("SELECT a, b FROM u")).all()
        filled_status = last_status()

    assert len(bypassed) == 2
    assert filled == [(1, 10)]
    expected = Outcome.BYPASS if driver_origin.family == "mariadb" else Outcome.MISS
    assert (bypassed_status.outcome, filled_status.outcome) == (Outcome.BYPASS, expected)


def test_a_bypass_and_then_a_miss_fill_on_a_second_connection_where_there_is_one(driver_origin: Origin):
    """A transaction that sees an earlier moment doesn't keep its table from being cached."""
    driver_origin.execute(*TABLES)
    engine = CachingEngine(driver_origin.engine(pool_size=3))
    random = "rand()" if driver_origin.family == "mariadb" else "random()"

    with engine.connect() as connection:
        connection.execute(text(f"SELECT {random} IS NULL AS n FROM t")).all()
        rows = connection.execute(text("SELECT a, b FROM u")).all()
        status = last_status()

    assert rows == [(1, 10)]
    assert status.outcome is Outcome.MISS
    with driver_origin.expect(0):
        assert engine.execute("SELECT b FROM u") == [{"b": 10}]


def test_streamed_rows_and_a_miss_need_one_connection(driver_origin: Origin):
    """A result that is still being read at the origin doesn't stand in the way of a fill."""
    driver_origin.execute(*TABLES)
    engine = CachingEngine(driver_origin.engine(pool_size=1, max_overflow=0, pool_timeout=5))
    random = "rand()" if driver_origin.family == "mariadb" else "random()"

    with engine.connect().execution_options(stream_results=True, max_row_buffer=1) as connection:
        streamed = connection.execute(text(f"SELECT a, {random} IS NULL AS n FROM t ORDER BY a"))
        first = streamed.fetchone()
        filled = connection.execute(text("SELECT a, b FROM u")).all()
        rest = streamed.fetchall()

    assert [row[0] for row in (first, *rest)] == [1, 2]
    assert filled == [(1, 10)]
