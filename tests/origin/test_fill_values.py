"""Values on their way through a real fill, many rows at once: what comes back is what the bare engine gives.

A column is mostly of usual values; the one that isn't may be the first, of which the column's codec is
chosen, or come when others are stored.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine, fill
from sqlmem.alongside import Alongside

ROWS = 230
PLACES = (1, 2, 150, ROWS)

# type, the usual values by the row's number, and those that are none.
POSTGRESQL: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("integer", "i * 7919", ("2147483647", "-2147483648", "NULL")),
    ("bigint", "i", ("9223372036854775807", "-9223372036854775808", "NULL")),
    ("numeric(10,2)", "i * 0.31 - 20", ("'NaN'", "-99999999.99", "99999999.99", "-0.00", "0", "NULL")),
    ("numeric(5,0)", "i - 50", ("'NaN'", "-99999", "0", "NULL")),
    ("numeric(18,9)", "i * 0.000000001", ("'NaN'", "-999999999.999999999", "0.0000001", "NULL")),
    ("numeric(3,5)", "i * 0.00001", ("'NaN'", "-0.00999", "NULL")),
    ("numeric(30,5)", "i * 0.00001", ("'NaN'", "-1234567890123456789012345.12345", "NULL")),
    ("numeric", "i * 0.1", ("'NaN'", "'Infinity'", "'-Infinity'", "1e100", "1e-100", "1.000", "NULL")),
    ("double precision", "i * 0.1", ("'NaN'", "'Infinity'", "'-0'", "0", "5e-324", "NULL")),
    ("boolean", "mod(i, 2) = 0", ("NULL",)),
    (
        "timestamp",
        "timestamp '2020-01-01' + i * interval '1 minute'",
        (
            "'2020-01-01 00:00:00.5'",
            "'2020-01-01 00:00:00.000001'",
            "'0001-01-01 00:00:00'",
            "'9999-12-31 23:59:59.999999'",
            "'infinity'",
            "'-infinity'",
            "'0044-03-15 12:00:00 BC'",
            "'0044-03-15 12:00:00.123 BC'",
            "'10000-01-01 00:00:00'",
            "'10000-01-01 00:00:00.12345'",
            "NULL",
        ),
    ),
    ("timestamp", "timestamp '2020-01-01' + i * interval '0.000501 seconds'", ("'2020-01-01'", "NULL")),
    (
        "timestamptz",
        "timestamptz '2020-03-01 00:00Z' + i * interval '7 hours'",
        (
            "'2020-01-01 00:00:00.5Z'",
            "'0001-01-02 00:00:00Z'",
            "'9999-12-30 00:00:00.1Z'",
            "'infinity'",
            "'0044-03-15 12:00:00Z BC'",
            "'10000-01-01 00:00:00Z'",
            "NULL",
        ),
    ),
    (
        "date",
        "date '2020-01-01' + i",
        (
            "'0001-01-01'",
            "'9999-12-31'",
            "'infinity'",
            "'-infinity'",
            "'0044-03-15 BC'",
            "'10000-01-01'",
            "NULL",
        ),
    ),
    ("time", "time '00:00:01' + i * interval '1 minute'", ("'24:00'", "'00:00'", "'00:00:00.5'", "NULL")),
    ("text", "'name ' || i", ("''", "'é€\U0001f600'", "NULL")),
    ("varchar(20)", "'né ' || i", ("''", "NULL")),
    ("uuid", "md5(i::text)::uuid", ("NULL",)),
    ("bytea", "decode(md5(i::text), 'hex')", ("''", "NULL")),
    ("jsonb", "jsonb_build_object('a', i)", ("'null'", "'1'", "'[]'", "NULL")),
    ("interval", "i * interval '1 minute'", ("'1 mon 2 days'", "NULL")),
    # The drivers read their members by the loaders of the members' types.
    ("date[]", "ARRAY[date '2020-01-01' + i]", ("'{}'", "'{NULL,2020-01-01}'", "NULL")),
    ("numeric[]", "ARRAY[i * 0.5, 1]", ("'{NaN,1.50}'", "'{{1,2},{3,4}}'", "NULL")),
    ("timestamp[]", "ARRAY[timestamp '2020-01-01' + i * interval '1 second']", ("'{}'", "NULL")),
    ("timestamptz[]", "ARRAY[timestamptz '2020-01-01 00:00Z' + i * interval '1 day']", ("'{}'", "NULL")),
    (
        "daterange",
        "daterange(date '2020-01-01', date '2020-01-02' + i)",
        ("'empty'", "'[,2020-01-01)'", "NULL"),
    ),
    ("numrange", "numrange(0.5, i + 0.25)", ("'empty'", "'(,)'", "NULL")),
    (
        "tsrange",
        "tsrange('2020-01-01', timestamp '2020-01-01 00:00:01' + i * interval '1 day')",
        ("'empty'",),
    ),
    ("tstzrange", "tstzrange('2020-01-01 00:00Z', timestamptz '2020-01-02 00:00Z')", ("'empty'", "NULL")),
    ("nummultirange", "nummultirange(numrange(0.5, i + 0.25))", ("'{}'", "NULL")),
)


@dataclass(frozen=True)
class Case:
    """A table of its own: a driver may keep a statement's types."""

    name: str
    type_name: str
    usual: str
    value: str
    place: int

    def statements(self) -> tuple[str, str]:
        kept = f"CAST({self.usual} AS {self.type_name})"
        cased = f"CASE WHEN i = {self.place} THEN CAST({self.value} AS {self.type_name}) ELSE {kept} END"
        return (
            f"CREATE TABLE {self.name} (id integer PRIMARY KEY, c {self.type_name})",
            f"INSERT INTO {self.name} SELECT i, {cased} FROM generate_series(1, {ROWS}) AS s(i)",
        )

    @property
    def question(self) -> str:
        return f"SELECT id, c FROM {self.name} ORDER BY id"


CASES = [
    Case(f"t{kind}_{number}", type_name, usual, value, PLACES[(kind + number) % len(PLACES)])
    for kind, (type_name, usual, values) in enumerate(POSTGRESQL)
    for number, value in enumerate(values)
]


def outcome(ask: Callable[[], Any]) -> Any:
    """The rows, or the class of what the driver raised."""
    try:
        return ask()
    except (sa.exc.DBAPIError, ValueError, OverflowError) as error:
        return type(getattr(error, "orig", None) or error)


def asked(engine: sa.Engine, text: str) -> Any:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(text)]


@pytest.mark.families("postgresql")
@pytest.mark.parametrize(
    ("zone", "by_two_threads"), [("UTC", False), ("Europe/Berlin", False), ("UTC", True)]
)
def test_unusual_values_among_usual_ones_come_back_as_they_were(
    driver_origin: Origin, zone: str, by_two_threads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant: rows and errors are the bare engine's, wherever the unusual value stands.

    Small tables are written by who fetches them; here also those, in small batches, as large ones are.
    """
    begun: list[object] = []
    if by_two_threads:
        monkeypatch.setattr(fill, "ALONGSIDE_BYTES", 0)
        monkeypatch.setattr(fill, "FIRST_BATCH", 3)
        begin = Alongside.begin
        monkeypatch.setattr(Alongside, "begin", lambda self, work: begun.append(work) or begin(self, work))
    driver_origin.execute(*(statement for case in CASES for statement in case.statements()))
    bare = driver_origin.engine(connect_args={"options": f"-c timezone={zone}"})
    with CachingEngine(bare, mode="transparent", cache_db="") as engine:
        for case in CASES:
            expected = outcome(lambda case=case: asked(bare, case.question))
            found = [outcome(lambda case=case: asked(engine, case.question)) for _ in range(2)]

            assert all(same(each, expected) for each in found), case

    assert (len(begun) > len(CASES)) == by_two_threads


def test_unusual_values_come_back_through_an_asynchronous_driver(async_origin: Origin) -> None:
    """The same for the drivers of asyncio; those of PostgreSQL."""
    if async_origin.family != "postgresql":
        pytest.skip("the values are PostgreSQL's")

    async def ask(engine: AsyncEngine, text: str) -> Any:
        try:
            async with engine.connect() as connection:
                return [tuple(row) for row in await connection.exec_driver_sql(text)]
        except (sa.exc.DBAPIError, ValueError, OverflowError) as error:
            return type(getattr(error, "orig", None) or error)

    async_origin.execute(*(statement for case in CASES for statement in case.statements()))

    async def check() -> None:
        bare = async_origin.async_engine()
        engine = CachingEngine(bare.sync_engine, mode="transparent", cache_db="")
        try:
            for case in CASES:
                expected = await ask(bare, case.question)
                found = [await ask(AsyncEngine(engine), case.question) for _ in range(2)]

                assert all(same(each, expected) for each in found), case
        finally:
            engine.close()
            await bare.dispose()

    asyncio.run(check())


@pytest.mark.families("postgresql")
def test_usual_values_are_compared_and_counted_in_the_store(driver_origin: Origin) -> None:
    """What was stored from the server's text compares as what parameters become."""
    driver_origin.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, n numeric(10,2), s timestamp, z timestamptz, d date)",
        "INSERT INTO t SELECT i, i * 0.31 - 20, timestamp '2020-01-01' + i * interval '0.25 seconds',"
        " timestamptz '2020-01-01 00:00Z' + i * interval '0.25 seconds', date '2020-01-01' + i"
        " FROM generate_series(1, 500) AS x(i)",
    )
    bare = driver_origin.engine(connect_args={"options": "-c timezone=UTC"})
    with CachingEngine(bare, cache_db="") as engine:
        questions = (
            ("SELECT max(n) AS m, min(n) AS l, sum(n) AS s FROM t WHERE n < :v", Decimal("100.00")),
            ("SELECT id FROM t WHERE s = :v", dt.datetime(2020, 1, 1, 0, 1)),
            ("SELECT id FROM t WHERE s = :v", dt.datetime(2020, 1, 1, 0, 1, 0, 250_000)),
            ("SELECT count(*) AS n FROM t WHERE z > :v", dt.datetime(2020, 1, 1, 0, 1, tzinfo=dt.UTC)),
            ("SELECT id FROM t WHERE d = :v", dt.date(2020, 3, 1)),
        )
        engine.warm("t")
        for text, value in questions:
            with bare.connect() as connection:
                expected = [dict(row) for row in connection.execute(sa.text(text), {"v": value}).mappings()]

            with driver_origin.expect(0):
                found = engine.execute(text, {"v": value})

            assert same(list(found), expected), text


@pytest.mark.families("postgresql")
def test_a_loader_that_the_program_has_registered_makes_the_values(driver_origin: Origin) -> None:
    """Values are what the program's own loader makes of them, not what the server has written."""
    if driver_origin.driver != "psycopg":
        pytest.skip("the loaders are psycopg's")
    from psycopg.types.numeric import FloatLoader, NumericLoader

    class Tenfold(NumericLoader):
        def load(self, data: Any) -> Decimal:
            return super().load(data) * 10

    driver_origin.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, c numeric(10,2), s timestamp)",
        "INSERT INTO t SELECT i, i * 0.31, '2020-01-01' FROM generate_series(1, 300) AS x(i)",
    )
    for loader in (FloatLoader, Tenfold):
        bare = driver_origin.engine()

        def register(connection: Any, _record: Any, loader: Any = loader) -> None:
            connection.adapters.register_loader("numeric", loader)

        sa.event.listen(bare, "connect", register)
        with CachingEngine(bare, cache_db="") as engine:
            expected = asked(bare, "SELECT id, c, s FROM t ORDER BY id")

            found = [asked(engine, "SELECT id, c, s FROM t ORDER BY id") for _ in range(2)]

            assert all(same(each, expected) for each in found), loader


@pytest.mark.families("postgresql")
def test_a_composite_of_usual_values_comes_back(driver_origin: Origin) -> None:
    """psycopg reads its members by their types' loaders, once it was told of the type; psycopg2 too."""
    if driver_origin.driver not in ("psycopg", "psycopg2"):
        pytest.skip("only these are told of composite types")
    driver_origin.execute(
        "CREATE TYPE dated AS (d date, n numeric)",
        "CREATE TABLE t (id integer PRIMARY KEY, c dated, d date)",
        "INSERT INTO t SELECT i, ROW(date '2020-01-01' + i, i * 0.5)::dated, date '2020-01-01'"
        " FROM generate_series(1, 300) AS x(i)",
    )

    def register(connection: Any, _record: Any) -> None:
        if driver_origin.driver == "psycopg":
            from psycopg.types.composite import CompositeInfo, register_composite

            info = CompositeInfo.fetch(connection, "dated")
            assert info is not None
            register_composite(info, connection)
        else:
            from psycopg2.extras import register_composite as register2

            register2("dated", connection)
        connection.rollback()

    bare = driver_origin.engine()
    sa.event.listen(bare, "connect", register)
    with CachingEngine(bare, cache_db="") as engine:
        expected = asked(bare, "SELECT id, c, d FROM t ORDER BY id")
        for _ in range(2):
            found = asked(engine, "SELECT id, c, d FROM t ORDER BY id")
            assert [(each[0], tuple(each[1]), each[2]) for each in found] == [
                (each[0], tuple(each[1]), each[2]) for each in expected
            ]
            assert same([tuple(each[1]) for each in found], [tuple(each[1]) for each in expected])


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("late", [False, True], ids=["all of them", "the last ones"])
def test_a_loader_may_make_of_whole_numbers_what_it_likes(driver_origin: Origin, *, late: bool) -> None:
    """Floats, and integers that SQLite has no place for; the column is declared INTEGER in the store."""
    if driver_origin.driver != "psycopg":
        pytest.skip("the loaders are psycopg's")
    from psycopg.types.numeric import IntLoader

    class Odd(IntLoader):
        def load(self, data: Any) -> Any:
            number = super().load(data)
            if late and number < 4_900:
                return number
            return (number / 2, float(number), number * 10**20, -0.0)[number % 4]

    driver_origin.execute(
        "CREATE TABLE t (id text PRIMARY KEY, c bigint)",
        "INSERT INTO t SELECT 'k' || i, nullif(i, 77) FROM generate_series(1, 5000) AS x(i)",
        "CREATE INDEX t_c ON t (c)",
    )
    bare = driver_origin.engine()
    sa.event.listen(bare, "connect", lambda it, _: it.adapters.register_loader("int8", Odd))
    text = "SELECT id, c FROM t WHERE id <> 'none'"
    with CachingEngine(bare, cache_db="") as engine:
        expected = sorted(asked(bare, text))

        found = [sorted(asked(engine, text)) for _ in range(2)]

        assert engine.stats().hits == 1
        assert all(same(each, expected) for each in found)


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("place", ["connection", "everywhere"])
def test_a_caster_that_the_program_has_registered_makes_the_values(driver_origin: Origin, place: str) -> None:
    """The same for psycopg2, whose casters have numbers and are a connection's or everybody's."""
    if driver_origin.driver != "psycopg2":
        pytest.skip("the casters are psycopg2's")
    from psycopg2 import extensions

    driver_origin.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, c numeric(10,2), s timestamp, n integer, x text)",
        "INSERT INTO t SELECT i, i * 0.31, '2020-01-01', i, 'a' || i FROM generate_series(1, 300) AS x(i)",
    )
    question = "SELECT id, c, s, n, x FROM t ORDER BY id"
    casters: dict[int, Callable[[Any, Any], Any]] = {
        1700: lambda text, _: None if text is None else float(text),
        1114: extensions.PYDATETIME,
        23: lambda text, _: None if text is None else int(text) % 2 == 1,
        # What SQLAlchemy asks on connecting stays as it is.
        25: lambda text, _: text.upper() if text is not None and text[1:].isdigit() else text,
    }
    before = dict(extensions.string_types)
    for number, caster in casters.items():
        bare = driver_origin.engine()
        made = extensions.new_type((number,), "OWN", caster)
        if place == "everywhere":
            extensions.register_type(made)
        else:
            sa.event.listen(bare, "connect", lambda it, _, made=made: extensions.register_type(made, it))
        try:
            with CachingEngine(bare, cache_db="") as engine:
                expected = asked(bare, question)

                found = [asked(engine, question) for _ in range(2)]

                assert all(same(each, expected) for each in found), number
        finally:
            extensions.string_types.update(before)


@pytest.mark.families("postgresql")
def test_loaders_of_plain_types_that_the_program_has_registered_make_the_values(
    driver_origin: Origin,
) -> None:
    """Also where the driver's own would make one type of Python's of all of them."""
    if driver_origin.driver != "psycopg":
        pytest.skip("the loaders are psycopg's")
    from psycopg.types.bool import BoolLoader
    from psycopg.types.numeric import FloatLoader, IntLoader
    from psycopg.types.string import TextLoader

    class Odd(IntLoader):
        def load(self, data: Any) -> Any:
            value = super().load(data)
            return value % 2 == 1 if value > 200 else value

    class Upper(TextLoader):
        def load(self, data: Any) -> Any:
            return super().load(data).upper()

    class Number(BoolLoader):
        def load(self, data: Any) -> Any:
            return int(super().load(data))

    driver_origin.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, i bigint, c varchar(9), b boolean)",
        "INSERT INTO t SELECT i, i, 'a' || i, mod(i, 3) = 0 FROM generate_series(1, 300) AS x(i)",
    )
    question = "SELECT id, i, c, b FROM t ORDER BY id"
    for name, loader in (("int8", Odd), ("int8", FloatLoader), ("varchar", Upper), ("bool", Number)):
        bare = driver_origin.engine()

        def register(connection: Any, _record: Any, name: str = name, loader: Any = loader) -> None:
            connection.adapters.register_loader(name, loader)

        sa.event.listen(bare, "connect", register)
        with CachingEngine(bare, cache_db="") as engine:
            expected = asked(bare, question)

            found = [asked(engine, question) for _ in range(2)]

            assert all(same(each, expected) for each in found), loader


@pytest.mark.families("postgresql")
def test_columns_with_many_nulls_come_back_as_they_were(driver_origin: Origin) -> None:
    """NULL is bound in another way than other values are, and so are bytes."""
    types = (
        "integer",
        "numeric(10,2)",
        "timestamp",
        "timestamptz",
        "date",
        "boolean",
        "text",
        "float8",
        "bytea",
    )
    values = (
        "i", "i * 0.31", "timestamp '2020-01-01' + i * interval '1 minute'",
        "timestamptz '2020-01-01' + i * interval '1 minute'", "date '2020-01-01' + i", "mod(i, 2) = 0",
        "'n ' || i", "i * 0.5", "decode(md5(i::text), 'hex')",
    )  # fmt: skip
    driver_origin.execute(
        f"CREATE TABLE t (id integer PRIMARY KEY, {', '.join(f'c{n} {t}' for n, t in enumerate(types))})",
        "INSERT INTO t SELECT i, "
        + ", ".join(f"CASE WHEN mod(i, {n + 2}) > 0 THEN {value} END" for n, value in enumerate(values))
        + " FROM generate_series(1, 500) AS s(i)",
    )
    bare = driver_origin.engine()
    with CachingEngine(bare, cache_db="") as engine:
        question = "SELECT * FROM t ORDER BY id".replace("*", ", ".join(f"c{n}" for n in range(len(types))))
        counts = "SELECT " + ", ".join(f"count(c{n}) AS n{n}" for n in range(len(types))) + " FROM t"
        expected = asked(bare, question), asked(bare, counts)

        asked(engine, question)
        with driver_origin.expect(0):
            found = asked(engine, question), asked(engine, counts)

        assert same(found, expected)


@pytest.mark.families("postgresql")
def test_another_style_of_dates_is_read_by_the_driver(driver_origin: Origin) -> None:
    """Texts of one length in another order are no ISO dates."""
    driver_origin.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, d date, s timestamp)",
        "INSERT INTO t SELECT i, date '2020-01-01' + i, timestamp '2020-01-01' + i * interval '1 day'"
        " FROM generate_series(1, 300) AS x(i)",
    )
    for style in ("German", "SQL,DMY", "SQL,MDY"):
        bare = driver_origin.engine(connect_args={"options": f"-c datestyle={style}"})
        with CachingEngine(bare, cache_db="") as engine:
            question = "SELECT id, d, s FROM t ORDER BY id"
            expected = outcome(lambda bare=bare, question=question: asked(bare, question))

            found = outcome(lambda engine=engine, question=question: asked(engine, question))

            assert same(found, expected), style


def test_an_empty_table_and_one_of_nulls_are_filled(driver_origin: Origin) -> None:
    """Nothing to learn a type from is nothing to fail by."""
    driver_origin.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, n numeric(10,2), s timestamp NULL, d date, c varchar(9))",
        "CREATE TABLE e (id integer PRIMARY KEY, n numeric(10,2), s timestamp NULL, d date, c varchar(9))",
        *(f"INSERT INTO t (id) VALUES ({number})" for number in range(130)),
    )
    bare = driver_origin.engine()
    with CachingEngine(bare, cache_db="") as engine:
        for name in ("t", "e"):
            question = f"SELECT id, n, s, d, c FROM {name} ORDER BY id"
            expected = asked(bare, question)

            with driver_origin.expect(1):
                first = asked(engine, question)
            with driver_origin.expect(0):
                second = asked(engine, question)

            assert same(first, expected)
            assert same(second, expected)
