"""Values as real drivers give them, through the store and back: the same in value and type.

Each row below is one column: its type, what the planner takes it for, its values in the origin's own
words, and the codec that it must end with (a prefix, per driver where they differ).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from support.exact import same
from support.origins import Origin

from sqlmem.codecs import (
    OPAQUE,
    Codec,
    Unrepresentable,
    codec_by_name,
    codec_for,
    codec_for_value,
    row_decoder,
)
from sqlmem.model import Column, Kind


@dataclass(frozen=True)
class Case:
    type_name: str
    kind: Kind
    values: Sequence[str]
    codec: str | dict[str, str]
    precision: int | None = None
    scale: int | None = None

    @property
    def column(self) -> Column:
        return Column("c", self.kind, self.type_name, self.precision, self.scale, affinity=self.type_name)


def held(case: Case, values: list[Any], driver: str) -> tuple[Codec, list[Any]]:
    """The codec that a fill would choose for these values, and the values after a stay in the store."""
    first = next((value for value in values if value is not None), None)
    codec = codec_for(case.column, driver)
    if codec is None:
        codec = OPAQUE if first is None else codec_for_value(case.column, first, driver)
    try:
        if not codec.takes(set(map(type, values))):
            raise Unrepresentable("another type")
        stored = encoded(codec, values)
    except Unrepresentable:
        codec = OPAQUE
        stored = encoded(codec, values)
    # What a snapshot does: the name is all that is kept of the codec.
    codec = codec_by_name(codec.name)
    store = sqlite3.connect(":memory:")
    affinity = case.type_name if codec.name.startswith("dynamic") else codec.storage
    store.execute(f"CREATE TABLE t (c {affinity})")
    store.executemany("INSERT INTO t VALUES (?)", [(value,) for value in stored])
    rows = store.execute("SELECT c FROM t ORDER BY rowid").fetchall()
    store.close()
    decode = row_decoder([codec])
    return codec, [value for (value,) in (rows if decode is None else decode(rows))]


def encoded(codec: Codec, values: list[Any]) -> list[Any]:
    encode = codec.encode
    return values if encode is None else [None if value is None else encode(value) for value in values]


def assert_held(case: Case, values: list[Any], driver: str) -> None:
    codec, back = held(case, values, driver)

    assert same(back, values)
    expected = case.codec if isinstance(case.codec, str) else case.codec.get(driver) or case.codec["*"]
    assert codec.name.startswith(expected)


# -- PostgreSQL -------------------------------------------------------------------------------

_AWARE = {
    "psycopg": "timestamptz:zoneinfo:",
    "psycopg2": "timestamptz-clamped:fixed:",
    "asyncpg": "timestamptz-clamped:utc",
}

POSTGRESQL = [
    Case("smallint", Kind.INTEGER, ["-32768", "32767", "NULL"], "integer"),
    Case("bigint", Kind.INTEGER, ["-9223372036854775808", "9223372036854775807", "0", "NULL"], "integer"),
    Case("numeric(10,2)", Kind.NUMERIC, ["1.5", "-99999999.99", "0", "NULL"], "numeric:10:2", 10, 2),
    Case("numeric(10,2)", Kind.NUMERIC, ["1.50", "'NaN'"], "opaque", 10, 2),
    Case("numeric(18,0)", Kind.NUMERIC, ["999999999999999999", "-1"], "numeric:18:0", 18, 0),
    Case(
        "numeric(40,20)",
        Kind.NUMERIC,
        ["-12345678901234567890.12345678901234567890", "0"],
        "numeric:40:20",
        40,
        20,
    ),
    Case("numeric(3,5)", Kind.NUMERIC, ["0.00123", "-0.00999", "0"], "numeric:3:5", 3, 5),
    Case("numeric(3,-2)", Kind.NUMERIC, ["12345", "0"], "decimal", 3, -2),
    Case(
        "numeric",
        Kind.DECIMAL,
        ["1.500", "'NaN'", "'Infinity'", "'-Infinity'", "1e500", "1e-500", "0.00"],
        "decimal",
    ),
    Case(
        "double precision",
        Kind.FLOAT,
        ["0.1", "1e308", "5e-324", "'Infinity'", "'-Infinity'", "NULL"],
        "float",
    ),
    Case("double precision", Kind.FLOAT, ["'NaN'", "1"], "opaque"),
    Case("double precision", Kind.FLOAT, ["'-0'", "0"], "opaque"),
    Case("real", Kind.OPAQUE, ["0.1", "3.4e38", "'NaN'"], "opaque"),
    Case("boolean", Kind.BOOLEAN, ["true", "false", "NULL"], "boolean"),
    Case("text", Kind.TEXT, ["''", "'é€\U0001f600'", "E'\\x01\\n'", "NULL"], "text"),
    Case("char(5)", Kind.TEXT, ["'a'", "'abcde'"], "text"),
    Case(
        "bytea", Kind.BYTES, ["'\\x'", "'\\x00ff00'", "NULL"], {"psycopg2": "bytes:memoryview", "*": "bytes"}
    ),
    Case("date", Kind.DATE, ["'0001-01-02'", "'9999-12-30'", "NULL"], "date"),
    Case("date", Kind.DATE, ["'0001-01-01'", "'9999-12-31'"], {"psycopg": "date", "*": "opaque"}),
    Case("time", Kind.TIME, ["'00:00:00.000001'", "'23:59:59.999999'", "NULL"], "time"),
    Case("time", Kind.TIME, ["'00:00'"], {"psycopg2": "opaque", "*": "time"}),
    Case("timetz", Kind.OPAQUE, ["'12:00+02'", "'12:00:00.5-03:30'"], "opaque"),
    Case(
        "timestamp",
        Kind.TIMESTAMP,
        ["'0001-01-01 00:00:00.000001'", "'9999-12-31 23:59:59'", "NULL"],
        "timestamp",
    ),
    Case(
        "timestamptz",
        Kind.TIMESTAMPTZ,
        ["'2020-10-25 00:30Z'", "'2020-10-25 01:30Z'", "'2020-10-25 02:30:00.000001Z'", "NULL"],
        {**_AWARE, "psycopg2": "opaque"},  # two offsets in one column
    ),
    Case("timestamptz", Kind.TIMESTAMPTZ, ["'2020-01-01 00:00Z'", "'2021-01-01 00:00Z'"], _AWARE),
    Case(
        "timestamptz",
        Kind.TIMESTAMPTZ,
        ["'1800-01-01 00:00Z'"],
        {**_AWARE, "psycopg2": "timestamptz-clamped:fixed:"},
    ),
    Case("interval", Kind.INTERVAL, ["'1 mon 2 days 00:00:01.5'", "'-1 us'", "'0'", "NULL"], "interval"),
    Case("uuid", Kind.UUID, ["'00000000-0000-0000-0000-000000000000'", "gen_random_uuid()", "NULL"], "uuid"),
    Case("json", Kind.JSON, ['\'{"b":1.0,"a":[1,null,true,"é",{}]}\'', "'[]'", "'1e400'", "NULL"], "opaque"),
    Case("jsonb", Kind.JSON, ['\'{"b":1.0,"a":[1,null,true,"é",{}]}\'', "'[]'", "'\"x\"'", "'null'"], "json"),
    Case("jsonb", Kind.JSON, ["'1'", "'123456789012345678901234567890'", "'-0.5'", "'false'"], "json"),
    Case("integer[]", Kind.OPAQUE, ["'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'{}'", "NULL"], "opaque"),
    Case("text[]", Kind.OPAQUE, ["ARRAY['a','é',NULL]"], "opaque"),
    Case("numeric[]", Kind.OPAQUE, ["'{1.50,NaN}'"], "opaque"),
    Case("timestamptz[]", Kind.OPAQUE, ["ARRAY['2020-10-25 01:30Z'::timestamptz]"], "opaque"),
    Case("uuid[]", Kind.OPAQUE, ["ARRAY[gen_random_uuid()]"], "opaque"),
    Case("jsonb[]", Kind.OPAQUE, ["ARRAY['{\"a\":1}'::jsonb]"], "opaque"),
    Case("bytea[]", Kind.OPAQUE, ["ARRAY['\\x00ff'::bytea]"], "opaque"),
    Case("int4range", Kind.OPAQUE, ["'[1,5)'", "'empty'", "'(,5)'", "'(,)'", "NULL"], "opaque"),
    Case("numrange", Kind.OPAQUE, ["'[1.50,2]'", "'(1,)'"], "opaque"),
    Case("daterange", Kind.OPAQUE, ["'[2020-01-01,2020-02-01)'"], "opaque"),
    Case("tsrange", Kind.OPAQUE, ["'[2020-01-01,2020-02-01]'"], "opaque"),
    Case("tstzrange", Kind.OPAQUE, ["'[2020-01-01,2020-07-01)'"], "opaque"),
    Case("int4multirange", Kind.OPAQUE, ["'{[1,3),[5,7)}'", "'{}'"], "opaque"),
    Case("int4range[]", Kind.OPAQUE, ["ARRAY['[1,5)'::int4range]"], "opaque"),
    Case("inet", Kind.OPAQUE, ["'10.0.0.1'", "'10.0.0.1/8'", "'::1'", "'2001:db8::1/64'", "NULL"], "opaque"),
    Case("cidr", Kind.OPAQUE, ["'10.0.0.0/8'", "'2001:db8::/32'"], "opaque"),
    Case("macaddr", Kind.OPAQUE, ["'08:00:2b:01:02:03'"], "opaque"),
    Case("bit(4)", Kind.OPAQUE, ["B'1010'"], "opaque"),
    Case("bit varying", Kind.OPAQUE, ["B''", "B'1'", "B'101010101'"], "opaque"),
    Case("money", Kind.OPAQUE, ["12.34"], "opaque"),
    Case("point", Kind.OPAQUE, ["'(1,2.5)'", "'(NaN,-0)'"], "opaque"),
    Case("box", Kind.OPAQUE, ["'(1,2),(3,4)'"], "opaque"),
    Case("lseg", Kind.OPAQUE, ["'(1,2),(3,4)'"], "opaque"),
    Case("line", Kind.OPAQUE, ["'{1,2,3}'"], "opaque"),
    Case("circle", Kind.OPAQUE, ["'<(1,2),3>'"], "opaque"),
    Case("path", Kind.OPAQUE, ["'[(1,2),(3,4)]'", "'((1,2),(3,4))'"], "opaque"),
    Case("polygon", Kind.OPAQUE, ["'((1,2),(3,4))'"], "opaque"),
    Case("xml", Kind.OPAQUE, ["'<a/>'"], "opaque"),
    Case("tsvector", Kind.OPAQUE, ["'a b'"], "opaque"),
    Case("pg_lsn", Kind.OPAQUE, ["'1/2'"], "opaque"),
    Case("oid", Kind.INTEGER, ["4294967295"], "integer"),
    Case('"char"', Kind.OPAQUE, ["'c'"], "opaque"),
    Case("mood", Kind.OPAQUE, ["'sad'", "'happy'", "NULL"], "opaque"),
    Case("mood[]", Kind.OPAQUE, ["ARRAY['sad'::mood]"], "opaque"),
]
POSTGRESQL_BERLIN = "SET TIME ZONE 'Europe/Berlin'"


def selected(case: Case) -> str:
    values = " UNION ALL ".join(
        f"SELECT {i}, CAST({value} AS {case.type_name})" for i, value in enumerate(case.values)
    )
    return f"SELECT c FROM ({values}) AS v (i, c) ORDER BY i"


@pytest.mark.families("postgresql")
def test_postgresql_values_come_back_as_the_driver_gave_them(driver_origin: Origin) -> None:
    """Every type that PostgreSQL has and this driver reads, with its extremes, is held exactly."""
    driver_origin.execute("CREATE TYPE mood AS ENUM ('sad', 'happy')")
    with driver_origin.engine().connect() as connection:
        connection.exec_driver_sql(POSTGRESQL_BERLIN)
        for case in POSTGRESQL:
            values = [row[0] for row in connection.exec_driver_sql(selected(case))]

            assert_held(case, values, connection.dialect.driver)


def test_asyncpg_values_come_back_as_the_driver_gave_them(asyncpg_origin: Origin) -> None:
    """The same for asyncpg, which has classes of its own for UUIDs, ranges, bits and geometry."""
    asyncpg_origin.execute("CREATE TYPE mood AS ENUM ('sad', 'happy')")

    async def fetched() -> list[list[Any]]:
        engine = asyncpg_origin.async_engine()
        try:
            async with engine.connect() as connection:
                await connection.exec_driver_sql(POSTGRESQL_BERLIN)
                return [
                    [row[0] for row in await connection.exec_driver_sql(selected(case))]
                    for case in POSTGRESQL
                ]
        finally:
            await engine.dispose()

    columns = asyncio.run(fetched())

    for case, values in zip(POSTGRESQL, columns, strict=True):
        assert_held(case, values, "asyncpg")


CLAMPED = [
    Case("date", Kind.DATE, ["'infinity'", "'2020-01-01'"], "opaque"),
    Case("date", Kind.DATE, ["'-infinity'"], "opaque"),
    Case("timestamp", Kind.TIMESTAMP, ["'infinity'"], "opaque"),
    Case("timestamp", Kind.TIMESTAMP, ["'-infinity'"], "opaque"),
    Case("timestamptz", Kind.TIMESTAMPTZ, ["'infinity'"], "opaque"),
    Case("timestamptz", Kind.TIMESTAMPTZ, ["'-infinity'"], "opaque"),
]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_infinity_and_midnight_are_never_compared_where_psycopg2_folds_them(
    asyncpg_origin: Origin, zone: str
) -> None:
    """Infinity comes as 9999-12-31 and 24:00 as 00:00: a column with either is opaque."""
    engine = sa.create_engine(asyncpg_origin.url_for("psycopg2"))
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET TIME ZONE '{zone}'")
        for case in (*CLAMPED, Case("time", Kind.TIME, ["'24:00'"], "opaque")):
            values = [row[0] for row in connection.exec_driver_sql(selected(case))]

            assert_held(case, values, "psycopg2")
    engine.dispose()


def test_infinity_is_never_compared_where_asyncpg_folds_it(asyncpg_origin: Origin) -> None:
    """Infinity comes as the last day, of timestamptz even without a zone: the column is opaque."""

    async def fetched() -> list[list[Any]]:
        engine = asyncpg_origin.async_engine()
        try:
            async with engine.connect() as connection:
                return [
                    [row[0] for row in await connection.exec_driver_sql(selected(case))] for case in CLAMPED
                ]
        finally:
            await engine.dispose()

    columns = asyncio.run(fetched())

    for case, values in zip(CLAMPED, columns, strict=True):
        assert_held(case, values, "asyncpg")


@pytest.mark.families("postgresql")
def test_hstore_comes_back_as_the_driver_gave_it(driver_origin: Origin) -> None:
    """SQLAlchemy has its drivers give a dict, with None for NULL."""
    available = driver_origin.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'hstore'")
    if not available:
        pytest.skip("this PostgreSQL has no hstore extension")
    driver_origin.execute("CREATE EXTENSION hstore")
    case = Case("hstore", Kind.OPAQUE, ["'a=>1,b=>NULL'", "''", "NULL"], "opaque")
    with driver_origin.engine().connect() as connection:
        values = [row[0] for row in connection.exec_driver_sql(selected(case))]

    assert {"a": "1", "b": None} in values
    assert_held(case, values, driver_origin.driver)


# -- MariaDB ----------------------------------------------------------------------------------

MARIADB = [
    Case("tinyint(1)", Kind.INTEGER, ["1", "0", "-128", "NULL"], "integer"),
    Case("bigint", Kind.INTEGER, ["-9223372036854775808", "9223372036854775807"], "integer"),
    Case(
        "bigint unsigned",
        Kind.UNSIGNED,
        ["0", "18446744073709551615", "9223372036854775808", "NULL"],
        "unsigned",
    ),
    Case("decimal(10,2)", Kind.NUMERIC, ["1.5", "-99999999.99", "-0.00", "NULL"], "numeric:10:2", 10, 2),
    Case(
        "decimal(65,30)",
        Kind.NUMERIC,
        ["-12345678901234567890123456789012345.1", "0"],
        "numeric:65:30",
        65,
        30,
    ),
    Case("double", Kind.FLOAT, ["0.1", "1e308", "-2.5e-308", "NULL"], "float"),
    Case("float", Kind.OPAQUE, ["0.1"], "opaque"),
    Case("varchar(20) CHARACTER SET utf8mb4", Kind.TEXT, ["''", "'é\U0001f600 '", "'a\\0b'", "NULL"], "text"),
    Case("binary(3)", Kind.BYTES, ["x'01'", "x'00ff00'", "NULL"], "bytes"),
    Case("longblob", Kind.BYTES, ["''", "x'00ff'"], "bytes"),
    Case("date", Kind.DATE, ["'1000-01-01'", "'9999-12-31'"], "date"),
    Case("date", Kind.DATE, ["'2020-01-01'", "NULL"], {"mysqldb": "opaque", "*": "date"}),
    Case("date", Kind.DATE, ["'0000-00-00'", "'2020-01-01'"], "opaque"),
    Case("date", Kind.DATE, ["'2020-01-01'", "'2020-00-00'"], "opaque"),
    Case(
        "time(6)",
        Kind.INTERVAL,
        ["'-838:59:59.999999'", "'838:59:59'", "'00:00:00.000001'", "NULL"],
        "interval",
    ),
    Case("datetime(6)", Kind.TIMESTAMP, ["'9999-12-31 23:59:59.999999'", "'1000-01-01'"], "timestamp"),
    Case("datetime", Kind.TIMESTAMP, ["'2020-01-01'", "NULL"], {"mysqldb": "opaque", "*": "timestamp"}),
    Case("datetime", Kind.TIMESTAMP, ["'0000-00-00 00:00:00'"], "opaque"),
    Case("timestamp(6) NULL", Kind.TIMESTAMP, ["'2030-01-01 00:00:00.000001'"], "timestamp"),
    Case("year", Kind.INTEGER, ["1901", "2155", "'0000'"], "integer"),
    Case("json", Kind.JSON, ["'{\"a\": [1.0, null]}'", "'null'", "NULL"], "json:text"),
    Case("enum('a','b')", Kind.OPAQUE, ["'b'", "NULL"], "opaque"),
    Case("set('a','b')", Kind.OPAQUE, ["'a,b'", "''"], "opaque"),
    Case("bit(9)", Kind.OPAQUE, ["b'101010101'", "b'0'"], "opaque"),
    Case("uuid", Kind.UUID, ["'550E8400-e29b-41d4-a716-446655440000'", "NULL"], "opaque"),
    Case("inet6", Kind.OPAQUE, ["'::1'"], "opaque"),
    Case("geometry", Kind.OPAQUE, ["point(1, 2)"], "opaque"),
]


@pytest.mark.families("mariadb")
def test_mariadb_values_come_back_as_the_driver_gave_them(driver_origin: Origin) -> None:
    """Every type that MariaDB has, with its extremes and its zero dates, is held exactly."""
    with driver_origin.engine().connect() as connection:
        for case in MARIADB:
            connection.exec_driver_sql(f"CREATE TEMPORARY TABLE v (i int, c {case.type_name})")
            for i, value in enumerate(case.values):
                connection.exec_driver_sql(f"INSERT INTO v VALUES ({i}, {value})")
            values = [row[0] for row in connection.exec_driver_sql("SELECT c FROM v ORDER BY i")]
            connection.exec_driver_sql("DROP TEMPORARY TABLE v")

            assert_held(case, values, connection.dialect.driver)


# -- SQLite -----------------------------------------------------------------------------------

_ANYTHING = [
    "1",
    "-9223372036854775808",
    "1.5",
    "9e999",
    "'a'",
    "'12'",
    "' 7 '",
    "'1e3'",
    "''",
    "x'00ff'",
    "NULL",
]

SQLITE = [
    Case(affinity, Kind.DYNAMIC, values, f"dynamic:{affinity}")
    for affinity, values in {
        "INTEGER": [*_ANYTHING, "2.0"],
        "TEXT": _ANYTHING,
        "REAL": [*_ANYTHING, "9007199254740993"],
        "NUMERIC": [*_ANYTHING, "'12abc'", "'0x1'"],
        "BLOB": [*_ANYTHING, "2.0", "'é\U0001f600'", "char(97, 0, 98)"],
    }.items()
]


@pytest.mark.families("sqlite")
def test_sqlite_values_of_every_affinity_come_back_as_they_were(driver_origin: Origin) -> None:
    """Any value in any column, as the same engine with the same affinity keeps it."""
    with driver_origin.engine().connect() as connection:
        for case in SQLITE:
            connection.exec_driver_sql(f"CREATE TABLE v (i INTEGER, c {case.type_name})")
            for i, value in enumerate(case.values):
                connection.exec_driver_sql(f"INSERT INTO v VALUES ({i}, {value})")
            values = [row[0] for row in connection.exec_driver_sql("SELECT c FROM v ORDER BY i")]
            connection.exec_driver_sql("DROP TABLE v")

            assert_held(case, values, connection.dialect.driver)


@pytest.mark.families("sqlite")
def test_a_views_values_that_its_affinity_would_change_are_opaque(driver_origin: Origin) -> None:
    """A declared affinity isn't a promise: what storing under it would change is held as it is."""
    cases = [
        (Case("TEXT", Kind.DYNAMIC, (), "opaque"), "SELECT 1"),
        (Case("INTEGER", Kind.DYNAMIC, (), "opaque"), "SELECT '12'"),
        (Case("REAL", Kind.DYNAMIC, (), "opaque"), "SELECT 1"),
        (Case("BLOB", Kind.DYNAMIC, (), "opaque"), "SELECT -0.0"),
    ]
    with driver_origin.engine().connect() as connection:
        for case, statement in cases:
            values = list(connection.exec_driver_sql(statement).scalars())

            assert_held(case, values, connection.dialect.driver)


# -- comparing --------------------------------------------------------------------------------

COMPARED = [
    (Case("numeric(10,2)", Kind.NUMERIC, ["1.50", "-1.50", "0", "99.99"], "", 10, 2), "1.5::numeric"),
    (
        Case("numeric(30,5)", Kind.NUMERIC, ["1.5", "-1.5", "-1.50001", "0", "99999"], "", 30, 5),
        "-1.5::numeric",
    ),
    (Case("bigint", Kind.INTEGER, ["-1", "0", "9223372036854775807"], ""), "0::bigint"),
    (Case("double precision", Kind.FLOAT, ["-1.5", "0", "'Infinity'", "1e300"], ""), "0::float8"),
    (Case("boolean", Kind.BOOLEAN, ["true", "false"], ""), "true"),
    (Case("date", Kind.DATE, ["'0002-01-01'", "'2020-02-29'", "'9999-12-30'"], ""), "date '2020-02-29'"),
    (Case("time", Kind.TIME, ["'00:00:01'", "'00:00:01.000001'", "'23:59'"], ""), "time '00:00:01.000001'"),
    (
        Case("timestamp", Kind.TIMESTAMP, ["'2020-01-01'", "'2020-01-01 00:00:00.1'", "'0999-01-01'"], ""),
        "timestamp '2020-01-01'",
    ),
    (
        Case(
            "timestamptz",
            Kind.TIMESTAMPTZ,
            ["'2020-10-25 00:30Z'", "'2020-10-25 01:30Z'", "'1999-01-01Z'"],
            "",
        ),
        "timestamptz '2020-10-25 02:30+01'",
    ),
    (
        Case(
            "uuid",
            Kind.UUID,
            ["'ffffffff-0000-0000-0000-000000000000'", "'0fffffff-0000-0000-0000-000000000000'"],
            "",
        ),
        "'ffffffff-0000-0000-0000-000000000000'::uuid",
    ),
    (Case("bytea", Kind.BYTES, ["'\\x00'", "'\\x0000'", "'\\xff'", "'\\x'"], ""), "'\\x00'::bytea"),
]


@pytest.mark.families("postgresql")
def test_the_store_compares_and_sorts_as_the_origin_does(driver_origin: Origin) -> None:
    """Of every ordered codec: =, < and ORDER BY on stored values answer what PostgreSQL answers."""
    with driver_origin.engine().connect() as connection:
        for case, parameter in COMPARED:
            inner = selected(case)
            asked = f"SELECT c, c = {parameter}, c < {parameter} FROM ({inner}) AS q ORDER BY c"
            rows = [tuple(row) for row in connection.exec_driver_sql(asked)]
            value = connection.exec_driver_sql(f"SELECT {parameter}").scalar()
            codec = codec_for(case.column, connection.dialect.driver)
            codec = codec or codec_for_value(case.column, rows[0][0], connection.dialect.driver)
            if codec.takes({dt.datetime}) and rows[0][0].tzinfo != rows[-1][0].tzinfo:
                continue  # opaque, and not compared
            assert codec.is_ordered
            assert codec.parameter is not None
            given = codec.parameter(bytes(value) if isinstance(value, memoryview) else value)

            store = sqlite3.connect(":memory:")
            store.execute(f"CREATE TABLE t (c {codec.storage})")
            stored = encoded(codec, [row[0] for row in reversed(rows)])
            store.executemany("INSERT INTO t VALUES (?)", [(each,) for each in stored])
            answers = store.execute("SELECT c, c = ?, c < ? FROM t ORDER BY c", (given, given)).fetchall()
            store.close()

            decode = codec.decode or (lambda each: each)
            assert same([(decode(c), bool(eq), bool(lt)) for c, eq, lt in answers], rows)


def test_a_dialects_driver_name_is_the_one_that_codecs_know() -> None:
    """The table of drivers is keyed by what SQLAlchemy calls them."""
    urls = [
        "postgresql+psycopg2://",
        "postgresql+asyncpg://",
        "mysql+mysqldb://",
        "mysql+pymysql://",
        "sqlite://",
    ]

    drivers = [sa.make_url(url).get_dialect()().driver for url in urls]

    assert drivers == ["psycopg2", "asyncpg", "mysqldb", "pymysql", "pysqlite"]
