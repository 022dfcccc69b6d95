"""Every way into an engine is a way into the cache, with the bare engine's answers.

The walk is the same everywhere: columns accumulate per table, each step counted in statements
that reach the origin's data.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, event, exc, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine, ReadOnlyError, UnsupportedQueryError, last_status
from sqlmem.model import Outcome

TIMESTAMP = {"sqlite": "DATETIME", "postgresql": "TIMESTAMP", "mariadb": "DATETIME"}


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    a: Mapped[int | None]
    b: Mapped[Decimal | None] = mapped_column(sa.Numeric(10, 2))
    d: Mapped[int | None]
    name: Mapped[str] = mapped_column(sa.String(20))
    placed: Mapped[dt.datetime]
    is_paid: Mapped[bool]


def fill(origin: Origin) -> None:
    origin.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, a INTEGER, b NUMERIC(10, 2), d INTEGER, "
        f"name VARCHAR(20) NOT NULL, placed {TIMESTAMP[origin.family]} NOT NULL, is_paid BOOLEAN NOT NULL)",
        "INSERT INTO orders VALUES (1, 10, 1.50, 1, 'one', '2024-01-01 10:00:00.000000', true)",
        "INSERT INTO orders VALUES (2, 20, 2.25, 4, 'two', '2024-02-01 10:00:00.000000', false)",
        "INSERT INTO orders VALUES (3, NULL, 3.00, 5, 'three', '2024-03-01 10:00:00.000000', true)",
    )


@dataclass(frozen=True)
class Step:
    """One statement of the walk, as text and as a select, and what becomes of it."""

    text: str
    select: Any
    outcome: Outcome
    fetched: tuple[str, ...] = ()  # the columns of the one fetch; none, no fetch


WALK = (
    Step("SELECT a, b FROM orders", select(Order.a, Order.b), Outcome.MISS, ("a", "b")),
    Step("SELECT a, d FROM orders", select(Order.a, Order.d), Outcome.MISS, ("a", "b", "d")),
    Step("SELECT b FROM orders WHERE d > 3", select(Order.b).where(Order.d > 3), Outcome.HIT),
    Step(
        "SELECT count(*), max(a) FROM orders",
        select(sa.func.count(), sa.func.max(Order.a)).select_from(Order),
        Outcome.HIT,
    ),
    Step("SELECT a, b FROM orders", select(Order.a, Order.b), Outcome.HIT),
)
REFUSED = (
    ("SELECT * FROM orders", UnsupportedQueryError),
    ("SELECT o.a FROM orders o JOIN orders p ON o.id = p.id", UnsupportedQueryError),
    ("SELECT o.a FROM orders o, orders p", UnsupportedQueryError),
    ("SELECT o.* FROM orders o", UnsupportedQueryError),
    ("SELECT a FROM (SELECT * FROM orders) x", UnsupportedQueryError),
    ("DELETE FROM orders", ReadOnlyError),
    ("SELECT a FROM orders FOR UPDATE", ReadOnlyError),
)

Ask = Callable[[Engine, Step], list[tuple[Any, ...]]]


def by_core_select(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(step.select)]


def by_core_text(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(step.text))]


def by_driver_sql(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(step.text)]


def by_begin(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(step.select)]


def by_autocommit(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        return [tuple(row) for row in connection.execute(step.select)]


def by_session(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    with Session(engine) as session:
        return [tuple(row) for row in session.execute(step.select)]


def by_stream(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        result = connection.execution_options(stream_results=True).execute(step.select)
        return [tuple(row) for row in result]


def by_yield_per(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    with Session(engine) as session:
        result = session.execute(step.select.execution_options(yield_per=2))
        return [tuple(row) for partition in result.partitions() for row in partition]


def by_mappings(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row.values()) for row in connection.execute(step.select).mappings()]


def by_raw_connection(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(step.text)
        names = [entry[0] for entry in cursor.description]
        rows = [tuple(row) for row in cursor.fetchall()]
        cursor.close()
        return [tuple(names), *rows]
    finally:
        connection.close()


def by_pandas(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_sql(text(step.text), engine)
    return [tuple(frame.columns), tuple(map(str, frame.dtypes)), *frame.itertuples(index=False, name=None)]


def by_execute(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    if isinstance(engine, CachingEngine):
        return [tuple(row.items()) for row in engine.execute(step.text)]
    with engine.connect() as connection:
        return [tuple(row.items()) for row in connection.execute(text(step.text)).mappings()]


def by_execute_select(engine: Engine, step: Step) -> list[tuple[Any, ...]]:
    if isinstance(engine, CachingEngine):
        return [tuple(row.items()) for row in engine.execute(step.select)]
    with engine.connect() as connection:
        return [tuple(row.items()) for row in connection.execute(step.select).mappings()]


WAYS = (
    by_execute,
    by_execute_select,
    by_core_select,
    by_core_text,
    by_driver_sql,
    by_begin,
    by_autocommit,
    by_session,
    by_stream,
    by_yield_per,
    by_mappings,
    by_raw_connection,
    by_pandas,
)


def assert_same(cached: Any, bare: Any) -> None:
    assert same(sorted(map(tuple, cached), key=repr), sorted(map(tuple, bare), key=repr)), (cached, bare)


def assert_fetched(origin: Origin, columns: tuple[str, ...]) -> None:
    """The last statement at the origin's data was one fetch of just these columns."""
    items = origin.counter.data[-1].partition(" FROM ")[0].removeprefix("SELECT ").split(", ")
    assert sorted(item.rpartition(".")[2].strip('"`') for item in items) == sorted(columns)


@pytest.mark.parametrize("ask", WAYS)
def test_columns_accumulate_per_table(driver_origin: Origin, ask: Ask):
    """A fetch of a, b; one of a, b, d; then nothing. Each answer is the bare engine's."""
    fill(driver_origin)
    bare = driver_origin.engine()
    engine = CachingEngine(driver_origin.engine())

    for step in WALK:
        expected = ask(bare, step)
        with driver_origin.expect(1 if step.fetched else 0):
            found = ask(engine, step)
        assert_same(found, expected)
        assert last_status().outcome is step.outcome, step.text
        if step.fetched:
            # pandas asks the catalogue whether the text is a table's name.
            with driver_origin.expect(0) if ask is by_pandas else driver_origin.expect_silence():
                assert_same(ask(engine, step), expected)

    for statement, error in REFUSED:
        if driver_origin.family == "sqlite" and "FOR UPDATE" in statement:
            continue
        quiet = driver_origin.expect(0) if ask is by_pandas else driver_origin.expect_silence()
        with quiet, pytest.raises(error):
            ask(engine, Step(statement, text(statement), Outcome.REJECTED))


@pytest.mark.parametrize("ask", [by_core_select, by_core_text, by_session])
def test_a_fetch_asks_for_the_registered_columns_and_no_others(driver_origin: Origin, ask: Ask):
    """a, b; then a, b and d in one statement, so that a row is one moment's row."""
    fill(driver_origin)
    engine = CachingEngine(driver_origin.engine())

    ask(engine, WALK[0])
    assert_fetched(driver_origin, ("a", "b"))
    ask(engine, WALK[1])
    assert_fetched(driver_origin, ("a", "b", "d"))


def test_entities_are_loaded_by_a_session(driver_origin: Origin):
    """session.get, scalars, refresh and a filter: one fetch of the entity's columns, then nothing."""
    fill(driver_origin)
    engine = CachingEngine(driver_origin.engine())

    with driver_origin.expect(1), Session(engine) as session:
        first = session.get_one(Order, 2)
        loaded = (first.id, first.a, first.b, first.d, first.name, first.placed, first.is_paid)
    with driver_origin.expect_silence(), Session(engine) as session:
        paid = session.scalars(select(Order).where(Order.is_paid).order_by(Order.id)).all()
        names = [order.name for order in paid]
        session.refresh(paid[0])
        session.expire_all()
        again = paid[0].name
        missing = session.get(Order, 99)
        one = session.scalars(select(Order.name).where(Order.id == 2)).one()

    assert same(loaded, (2, 20, Decimal("2.25"), 4, "two", dt.datetime(2024, 2, 1, 10), False))
    assert names == ["one", "three"]
    assert (again, missing, one) == ("one", None, "two")


def test_a_row_type_is_sqlalchemys_own(driver_origin: Origin):
    """Names, keys, positions, columns and typed results work on a hit as on the bare engine."""
    fill(driver_origin)
    bare = driver_origin.engine()
    engine = CachingEngine(driver_origin.engine())
    statement = select(Order.a.label("x"), Order.b, Order.placed).where(Order.id == 1)
    shapes: list[Any] = []

    for one in (bare, engine, engine):
        with one.connect() as connection:
            result = connection.execute(statement)
            row = result.one()
            shapes.append(
                (
                    tuple(result.keys()),
                    row.x,
                    row.b,
                    row._mapping[Order.__table__.c.placed],
                    row[0],
                    tuple(row),
                )
            )

    assert same(shapes[1], shapes[0])
    assert same(shapes[2], shapes[0])


def test_two_argument_features(driver_origin: Origin):
    """Binds, expanding IN, literal_execute, LIMIT by parameter and text() with typed columns."""
    fill(driver_origin)
    bare = driver_origin.engine()
    engine = CachingEngine(driver_origin.engine())
    asked: list[tuple[Any, dict[str, Any]]] = [
        (select(Order.id).where(Order.id.in_([1, 3])).order_by(Order.id), {}),
        (select(Order.id).where(Order.id.in_([])).order_by(Order.id), {}),
        (select(Order.id).where(Order.id == sa.bindparam("k")), {"k": 2}),
        (
            select(Order.id).where(Order.id.in_(sa.bindparam("k", expanding=True, literal_execute=True))),
            {"k": [1, 2]},
        ),
        (select(Order.id).order_by(Order.id).limit(sa.bindparam("n")), {"n": 2}),
        (text("SELECT id, b FROM orders WHERE id = :k").columns(Order.id, Order.b), {"k": 1}),
        (
            text("SELECT id FROM orders WHERE id IN :k").bindparams(sa.bindparam("k", expanding=True)),
            {"k": [1]},
        ),
        (select(sa.literal("x").label("l"), Order.id).order_by(Order.id), {}),
    ]

    for statement, parameters in asked:
        with bare.connect() as connection:
            expected = [tuple(row) for row in connection.execute(statement, parameters)]
        for _ in range(2):
            with engine.connect() as connection:
                found = [tuple(row) for row in connection.execute(statement, parameters)]
            assert_same(found, expected)


def test_events_fire_on_the_caching_engine(driver_origin: Origin):
    """Statements, transactions and connects are told to listeners, on a hit too."""
    fill(driver_origin)
    engine = CachingEngine(driver_origin.engine())
    heard: list[str] = []
    names = ("before_cursor_execute", "after_cursor_execute", "before_execute", "after_execute", "begin")
    for name in (*names, "commit", "rollback", "engine_connect"):
        event.listen(engine, name, lambda *_, name=name: heard.append(name))
    by_core_text(engine, WALK[0])
    heard.clear()

    with driver_origin.expect_silence(), engine.begin() as connection:
        connection.execute(text(WALK[0].text)).all()

    assert sorted(heard) == sorted([*names, "commit", "engine_connect"])


def test_a_listener_may_change_the_statement(driver_origin: Origin):
    """before_cursor_execute with retval: what is cached is what reaches the cursor."""
    fill(driver_origin)
    engine = CachingEngine(driver_origin.engine())

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def rewrite(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return statement.replace("d > 3", "d > 4"), parameters

    found = by_core_text(engine, WALK[2])

    assert same(
        found,
        by_core_text(driver_origin.engine(), Step("SELECT b FROM orders WHERE d > 4", None, Outcome.HIT)),
    )


def test_streaming_a_bypass_reads_from_the_origin_as_it_goes(driver_origin: Origin):
    """A result that is streamed is the bare engine's, and the connection serves afterwards."""
    fill(driver_origin)
    bare = driver_origin.engine()
    engine = CachingEngine(driver_origin.engine(pool_size=1, max_overflow=0, pool_timeout=5))
    random = "rand()" if driver_origin.family == "mariadb" else "random()"
    statement = text(f"SELECT id, b, name, placed FROM orders WHERE {random} IS NOT NULL ORDER BY id")

    def stream(one: Engine) -> list[tuple[Any, ...]]:
        with one.connect() as connection:
            result = connection.execution_options(stream_results=True, max_row_buffer=2).execute(statement)
            first = result.fetchmany(2)
            return [tuple(row) for row in (*first, *result)]

    assert same(stream(engine), stream(bare))
    assert last_status().outcome is Outcome.BYPASS
    assert_same(by_core_select(engine, WALK[0]), by_core_select(bare, WALK[0]))


# psycopg warns of a server-side cursor that wasn't closed, on the bare engine too.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stream_may_be_left_unread(driver_origin: Origin):
    """Closing the result, or the connection, in the middle leaves the origin's connection whole."""
    fill(driver_origin)
    base = driver_origin.engine(pool_size=1, max_overflow=0, pool_timeout=5)
    engine = CachingEngine(base)
    random = "rand()" if driver_origin.family == "mariadb" else "random()"
    statement = text(f"SELECT id FROM orders WHERE {random} IS NOT NULL ORDER BY id")

    for _ in range(3):
        with engine.connect().execution_options(stream_results=True, max_row_buffer=1) as connection:
            assert connection.execute(statement).fetchone() == (1,)
    with engine.connect().execution_options(stream_results=True, max_row_buffer=1) as connection:
        result = connection.execute(statement)
        result.fetchone()
        result.close()
        again = connection.execute(statement).all()

    assert again == [(1,), (2,), (3,)]
    with base.begin() as connection:
        connection.execute(text("DELETE FROM orders WHERE id = 3"))


@pytest.mark.parametrize("level", ["REPEATABLE READ", "repeatable_read", "SERIALIZABLE"])
def test_a_repeatable_transaction_reads_at_the_origin(driver_origin: Origin, level: str):
    """Its reads must agree with each other, which the tables of the store needn't."""
    if driver_origin.family == "sqlite" and level != "SERIALIZABLE":
        pytest.skip("SQLite has no REPEATABLE READ")
    fill(driver_origin)
    engine = CachingEngine(driver_origin.engine())
    by_core_select(engine, WALK[0])

    with driver_origin.expect(1), engine.connect() as connection:
        connection.execution_options(isolation_level=level).execute(WALK[0].select).all()
        status = last_status()
    with driver_origin.expect_silence():
        by_core_select(engine, WALK[0])

    assert status.outcome is Outcome.BYPASS
    assert "isolation level" in status.reason


def test_options_of_an_engine_share_its_cache(driver_origin: Origin):
    """engine.execution_options() is another view of one cache; its isolation level is its own."""
    fill(driver_origin)
    engine = CachingEngine(driver_origin.engine())
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    strict = engine.execution_options(isolation_level="SERIALIZABLE")

    with driver_origin.expect(1):
        by_core_select(autocommit, WALK[0])
    with driver_origin.expect_silence():
        by_core_select(engine, WALK[0])
        by_core_select(autocommit, WALK[0])
    with driver_origin.expect(1):
        by_core_select(strict, WALK[0])

    with strict.connect() as connection:
        assert connection.get_execution_options()["isolation_level"] == "SERIALIZABLE"


def test_an_unknown_isolation_level_is_an_argument_error(driver_origin: Origin):
    """As on the bare engine, when it is set."""
    engine = CachingEngine(driver_origin.engine())

    with engine.connect() as connection, pytest.raises(exc.ArgumentError):
        connection.execution_options(isolation_level="CHAOS")


def test_the_isolation_level_is_told_as_by_the_bare_engine(driver_origin: Origin):
    """get_isolation_level and default_isolation_level."""
    bare = driver_origin.engine()
    engine = CachingEngine(driver_origin.engine())

    with bare.connect() as connection:
        expected = (connection.get_isolation_level(), connection.default_isolation_level)
    with engine.connect() as connection:
        found = (connection.get_isolation_level(), connection.default_isolation_level)

    assert found == expected


def test_the_origin_is_inspected_through_the_engine(driver_origin: Origin):
    """inspect(), has_table, MetaData.reflect and autoload: the same as through the bare engine."""
    fill(driver_origin)
    driver_origin.execute(
        "CREATE INDEX by_name ON orders (name)", "CREATE VIEW paid AS SELECT id FROM orders"
    )

    def look(one: Engine) -> Any:
        inspector = sa.inspect(one)
        metadata = sa.MetaData()
        metadata.reflect(one, views=True)
        with one.connect() as connection:
            auto = sa.Table("orders", sa.MetaData(), autoload_with=connection)
        return [
            inspector.get_table_names(),
            inspector.get_view_names(),
            [
                (column["name"], str(column["type"]), column["nullable"])
                for column in inspector.get_columns("orders")
            ],
            inspector.get_pk_constraint("orders"),
            inspector.get_indexes("orders"),
            inspector.has_table("orders"),
            inspector.has_table("nothing"),
            inspector.default_schema_name,
            sorted(metadata.tables),
            [repr(column.type) for column in metadata.tables["orders"].columns],
            [column.name for column in auto.columns],
        ]

    assert look(CachingEngine(driver_origin.engine())) == look(driver_origin.engine())


def test_create_all_with_nothing_to_create_is_a_read(driver_origin: Origin):
    """`checkfirst` finds the table, and no DDL is sent."""
    fill(driver_origin)
    engine = CachingEngine(driver_origin.engine())

    Base.metadata.create_all(engine)

    assert sa.inspect(engine).get_table_names() == ["orders"]


@pytest.mark.families("postgresql", "mariadb")
def test_a_translated_schema_is_another_table(driver_origin: Origin):
    """schema_translate_map sends one select to two tables, each with rows of its own."""
    fill(driver_origin)
    other = f"{driver_origin.url.database}_other" if driver_origin.family == "mariadb" else "other"
    driver_origin.execute(f"DROP SCHEMA IF EXISTS {other}") if driver_origin.family == "mariadb" else None
    driver_origin.execute(
        f"CREATE SCHEMA {other}",
        f"CREATE TABLE {other}.orders (id INTEGER PRIMARY KEY, a INTEGER, b NUMERIC(10, 2))",
        f"INSERT INTO {other}.orders VALUES (1, 77, 7.70)",
    )
    base = driver_origin.engine()
    engine = CachingEngine(base)
    statement = select(Order.a).where(Order.id == 1)

    def ask(one: Engine, translate: dict[str | None, str | None] | None) -> list[Any]:
        with one.connect() as connection:
            if translate is not None:
                connection.execution_options(schema_translate_map=translate)
            return [tuple(row) for row in connection.execute(statement)]

    try:
        answers = [ask(one, way) for one in (base, engine, engine) for way in (None, {None: other})]
    finally:
        driver_origin.execute(
            f"DROP SCHEMA {other}" + (" CASCADE" if driver_origin.family == "postgresql" else "")
        )

    assert answers == [[(10,)], [(77,)]] * 3


def test_dispose_keeps_what_is_cached(driver_origin: Origin):
    """Idle connections go; the store stays, and a miss connects anew."""
    fill(driver_origin)
    base = driver_origin.engine()
    engine = CachingEngine(base)
    by_core_select(engine, WALK[0])

    engine.dispose()

    with driver_origin.expect_silence():
        by_core_select(engine, WALK[0])
    with driver_origin.expect(1):
        by_core_select(engine, WALK[1])


def test_a_hit_needs_no_connection(driver_origin: Origin):
    """With the pool's only connection taken, and with the origin down, hits go on, whatever the way."""
    fill(driver_origin)
    base = driver_origin.engine(pool_size=1, max_overflow=0, pool_timeout=5)
    engine = CachingEngine(base)
    ways = [ask for ask in WAYS if ask is not by_pandas]
    expected = [ask(engine, WALK[1]) for ask in ways]

    with base.connect() as taken:
        taken.execute(text("SELECT 1"))
        meanwhile = [ask(engine, WALK[1]) for ask in ways]
    with driver_origin.down():
        down = [ask(engine, WALK[1]) for ask in ways]

    assert meanwhile == expected
    assert down == expected


def test_a_transaction_of_hits_gives_nothing_back(driver_origin: Origin):
    """begin, commit, rollback and reset of a connection that never met the origin send nothing."""
    fill(driver_origin)
    engine = CachingEngine(driver_origin.engine())
    by_core_select(engine, WALK[0])

    with driver_origin.expect_silence():
        with engine.connect() as connection:
            connection.execute(WALK[0].select).all()
            connection.commit()
            connection.execute(WALK[0].select).all()
            connection.rollback()
        with Session(engine) as session, session.begin():
            session.execute(WALK[0].select).all()


def test_bypasses_of_one_transaction_are_one_transaction(driver_origin: Origin):
    """What the origin answers within begin() comes from one connection, given back at its end."""
    fill(driver_origin)
    base = driver_origin.engine(pool_size=1, max_overflow=0, pool_timeout=5)
    engine = CachingEngine(base)
    random = "rand()" if driver_origin.family == "mariadb" else "random()"
    statement = text(f"SELECT id FROM orders WHERE {random} IS NOT NULL ORDER BY id")

    with engine.begin() as connection:
        connection.execute(statement).all()
        held = base.pool.checkedout()
        connection.execute(statement).all()
    given_back = base.pool.checkedout()

    assert (held, given_back) == (1, 0)


def test_the_status_belongs_to_the_thread(driver_origin: Origin):
    """Two threads that ask differently each see their own last status."""
    fill(driver_origin)
    engine = CachingEngine(driver_origin.engine())
    by_core_select(engine, WALK[0])
    asked = threading.Barrier(2, timeout=30)
    seen: dict[str, Any] = {}

    def ask(name: str, statement: str) -> None:
        seen[f"{name} before"] = last_status()
        with engine.connect() as connection:
            connection.execute(text(statement)).all()
        asked.wait()
        seen[name] = last_status()

    random = "rand()" if driver_origin.family == "mariadb" else "random()"
    threads = [
        threading.Thread(target=ask, args=("hit", "SELECT a FROM orders")),
        threading.Thread(target=ask, args=("bypass", f"SELECT {random} FROM orders")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert (seen["hit before"], seen["bypass before"]) == (None, None)
    assert seen["hit"].outcome is Outcome.HIT
    assert seen["hit"].tables != ()
    assert seen["bypass"].outcome is Outcome.BYPASS
    assert seen["bypass"].reason


# -- in an event loop --------------------------------------------------------------------------


@contextmanager
def async_pair(origin: Origin) -> Iterator[tuple[Any, Any]]:
    """A bare async engine and a cached one, of the same origin."""
    bare = origin.async_engine(pool_size=5)
    yield bare, AsyncEngine(CachingEngine(origin.async_engine(pool_size=5).sync_engine))


def test_columns_accumulate_in_an_event_loop(asyncpg_origin: Origin):
    """The walk through AsyncEngine and AsyncSession, over asyncpg."""
    fill(asyncpg_origin)
    asyncio.run(_walk(asyncpg_origin))


async def _walk(origin: Origin) -> None:
    async def by_connection(one: AsyncEngine, step: Step) -> list[Any]:
        async with one.connect() as connection:
            return [tuple(row) for row in await connection.execute(step.select)]

    async def by_text(one: AsyncEngine, step: Step) -> list[Any]:
        async with one.begin() as connection:
            return [tuple(row) for row in await connection.execute(text(step.text))]

    async def by_async_session(one: AsyncEngine, step: Step) -> list[Any]:
        async with AsyncSession(one) as session:
            return [tuple(row) for row in await session.execute(step.select)]

    async def by_async_stream(one: AsyncEngine, step: Step) -> list[Any]:
        async with one.connect() as connection:
            result = await connection.stream(step.select)
            return [tuple(row) async for row in result]

    for ask in (by_connection, by_text, by_async_session, by_async_stream):
        with async_pair(origin) as (bare, engine):
            for step in WALK:
                expected = await ask(bare, step)
                with origin.expect(1 if step.fetched else 0):
                    found = await ask(engine, step)
                assert_same(found, expected)
                assert last_status().outcome is step.outcome
            for statement, error in REFUSED:
                with origin.expect_silence(), pytest.raises(error):
                    await ask(engine, Step(statement, text(statement), Outcome.REJECTED))
            async with AsyncSession(engine) as session:
                order = await session.get_one(Order, 2)
                assert (order.name, order.b) == ("two", Decimal("2.25"))
            await bare.dispose()
            await engine.dispose()


def test_columns_accumulate_over_aiosqlite(sqlite_origin: Origin):
    """SQLite in an event loop, through aiosqlite."""
    pytest.importorskip("aiosqlite")
    fill(sqlite_origin)

    async def ask() -> list[Any]:
        bare = create_async_engine(sqlite_origin.url.set(drivername="sqlite+aiosqlite"))
        sqlite_origin.counter.attach(bare.sync_engine)
        engine = AsyncEngine(CachingEngine(bare.sync_engine))
        seen: list[Any] = []
        for step in WALK:
            async with bare.connect() as connection:
                expected = [tuple(row) for row in await connection.execute(step.select)]
            with sqlite_origin.expect(1 if step.fetched else 0):
                async with engine.connect() as connection:
                    found = [tuple(row) for row in await connection.execute(step.select)]
            assert_same(found, expected)
            seen.append(last_status().outcome)
        async with engine.connect() as connection:
            with pytest.raises(ReadOnlyError):
                await connection.execute(text("DELETE FROM orders"))
            names = (
                await connection.execute(text("SELECT lower(name) || random() IS NULL FROM orders"))
            ).all()
            with pytest.raises(exc.OperationalError):
                await connection.execute(text("SELECT nothing FROM orders"))
        await bare.dispose()
        return [seen, len(names)]

    assert asyncio.run(ask()) == [[step.outcome for step in WALK], 3]


def test_the_status_belongs_to_the_task(asyncpg_origin: Origin):
    """Two tasks of one loop that ask differently each see their own last status."""
    fill(asyncpg_origin)

    async def run() -> list[Any]:
        with async_pair(asyncpg_origin) as (bare, engine):
            async with engine.connect() as connection:
                await connection.execute(text("SELECT a FROM orders"))
            both = asyncio.Barrier(2)

            async def ask(statement: str) -> Any:
                async with engine.connect() as connection:
                    await connection.execute(text(statement))
                await both.wait()
                return last_status()

            statuses = await asyncio.gather(ask("SELECT a FROM orders"), ask("SELECT random() FROM orders"))
            await bare.dispose()
            await engine.dispose()
            return [status.outcome for status in statuses]

    assert asyncio.run(run()) == [Outcome.HIT, Outcome.BYPASS]


def test_tasks_that_miss_together_are_all_answered(asyncpg_origin: Origin):
    """Many tasks of one loop, one table, a small pool: one fetch, and nobody waits for ever."""
    fill(asyncpg_origin)

    async def run() -> list[Any]:
        bare = asyncpg_origin.async_engine(pool_size=2, max_overflow=0, pool_timeout=20)
        engine = AsyncEngine(CachingEngine(bare.sync_engine))

        async def ask(number: int) -> Any:
            async with engine.connect() as connection:
                return (
                    await connection.execute(
                        text("SELECT a FROM orders WHERE id = :k"), {"k": number % 3 + 1}
                    )
                ).scalar()

        answers = await asyncio.wait_for(asyncio.gather(*(ask(number) for number in range(30))), 60)
        await bare.dispose()
        return answers

    with asyncpg_origin.expect(1):
        answers = asyncio.run(run())

    assert answers == [10, 20, None] * 10


def test_a_computed_column_that_fails_in_an_event_loop_leaves_the_table_to_others(asyncpg_origin: Origin):
    """asyncpg's own error at a fill is the origin's objection to that column, not the program's to see."""
    asyncpg_origin.execute(
        "CREATE TABLE spans (id INTEGER PRIMARY KEY, a BIGINT, b INTEGER)",
        "INSERT INTO spans VALUES (1, -9223372036854775808, 7)",
    )

    async def run() -> list[Any]:
        with async_pair(asyncpg_origin) as (bare, engine):
            found: list[Any] = []
            for statement in (
                "SELECT gcd(a, 0) FROM spans WHERE id < 0",
                "SELECT b FROM spans",
                "SELECT b FROM spans",
            ):
                async with engine.connect() as connection:
                    found.append((await connection.execute(text(statement))).all())
            found.append(last_status().outcome)
            await bare.dispose()
            await engine.dispose()
            return found

    assert asyncio.run(run()) == [[], [(7,)], [(7,)], Outcome.HIT]


def test_the_origin_is_inspected_from_an_event_loop(asyncpg_origin: Origin):
    """run_sync(inspect) and MetaData.reflect work over asyncpg."""
    fill(asyncpg_origin)

    async def look() -> list[Any]:
        with async_pair(asyncpg_origin) as (bare, engine):
            found = []
            for one in (bare, engine):
                metadata = sa.MetaData()
                async with one.connect() as connection:
                    await connection.run_sync(metadata.reflect)
                    names = await connection.run_sync(lambda own: sa.inspect(own).get_table_names())
                found.append((names, [repr(column.type) for column in metadata.tables["orders"].columns]))
                await one.dispose()
            return found

    bare, cached = asyncio.run(look())

    assert cached == bare
