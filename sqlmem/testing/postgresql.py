"""PostgreSQL: its tables of tame and of hostile values, and what its expressions are made of."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from sqlmem.testing import values as v
from sqlmem.testing.common import COMMON, ESCAPED, LEAVES, PATTERNS
from sqlmem.testing.postgresql_expressions import EXPRESSIONS
from sqlmem.testing.productions import Productions, parsed
from sqlmem.testing.tables import PREFIX, Column, Table

_MOOD = f"{PREFIX}mood"
_AFTER = (f"DROP TYPE IF EXISTS {_MOOD}",)
_BEFORE = (*_AFTER, f"CREATE TYPE {_MOOD} AS ENUM ('sad', 'ok', 'happy')")
_UUIDS = (
    "'00000000-0000-0000-0000-000000000000'",
    "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
    "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'",
)
_TEXTS = (*v.TEXTS, r"E'tab\there'", r"E'line\nbreak'", r"'back\slash'", "NULL", "NULL")
_JSON = (
    """'{"a": 1, "b": [1, 2, {"c": null}]}'""", """'{"a": "x", "b": null}'""", "'[1, 2.50, 1e3]'", "'null'",
    "'1'", """'"text"'""", "'{}'", "'[]'", """'{"a": {"b": {"c": 1.0}}}'""", "'12345678901234567890'", "NULL",
)  # fmt: skip


def tables() -> tuple[Table, ...]:
    """The tables without their rows; the first column is the key."""
    tame = Table(
        f"{PREFIX}tame",
        (
            Column("id", "id", "INTEGER PRIMARY KEY", ()),
            Column("i", "int", "INTEGER", ("1", "2", "3", "4", "5", "7", "10", "-2", "0", "NULL")),
            Column("j", "int", "BIGINT NOT NULL", ("10", "20", "30", "40", "100", "9007199254740993")),
            Column("k", "int", "SMALLINT", ("1", "2", "3", "NULL")),
            Column("n", "num", "NUMERIC(10,2)", ("1.50", "2.25", "10.00", "0.99", "-3.10", "0", "NULL")),
            Column("m", "num", "NUMERIC(20,4) NOT NULL", ("1.0000", "2.5000", "0.3333", "100.1250")),
            Column("f", "float", "DOUBLE PRECISION", ("0.5", "1.5", "2.25", "-4", "0.1", "NULL")),
            Column("b", "bool", "BOOLEAN", ("TRUE", "FALSE", "NULL")),
            Column("t", "text", "TEXT", (*v.WORDS, "NULL")),
            Column("v", "text", 'VARCHAR(20) COLLATE "C"', v.WORDS),
            Column(
                "d", "date", "DATE", ("'2024-01-01'", "'2024-02-29'", "'2023-06-15'", "'2023-07-01'", "NULL")
            ),
            Column(
                "s",
                "ts",
                "TIMESTAMP",
                ("'2024-02-29 12:30:00'", "'2023-06-15 08:15:30.5'", "'2023-07-01 00:00:00'", "NULL"),
            ),
            Column(
                "z", "tstz", "TIMESTAMPTZ", ("'2024-02-29 12:30:00+01'", "'2023-06-15 08:15:30.5Z'", "NULL")
            ),
            Column("e", "enum", _MOOD, ("'sad'", "'ok'", "'happy'")),
            Column("a", "ints", "INTEGER[]", ("'{1,2,3}'", "'{2}'", "'{}'", "'{NULL,5}'")),
            Column(
                "js", "jsonb", "JSONB", ("""'{"a": 1, "b": "x"}'""", """'{"a": 2, "b": null}'""", "'[1, 2]'")
            ),
        ),
        weight=10,
        keys=("i", "v", "d"),
        before=_BEFORE,
        after=_AFTER,
    )
    other = Table(
        f"{PREFIX}other",
        (
            Column("id", "id", "INTEGER PRIMARY KEY", ()),
            Column("i", "int", "INTEGER", ("1", "2", "3", "7", "NULL")),
            Column("n", "num", "NUMERIC(8,3)", ("1.500", "2.250", "0.990", "7.125", "NULL")),
            Column("t", "text", "TEXT", (*v.WORDS[:6], "'a'", "NULL")),
            Column("c", "char", "CHAR(6)", ("'apple'", "'a'", "''", "'fig   '")),
            Column("d", "date", "DATE NOT NULL", ("'2024-01-01'", "'2023-06-15'")),
            Column("u", "uuid", "UUID", _UUIDS),
        ),
        weight=4,
        fraction=3,
        keys=("i",),
    )
    wild = Table(
        f"{PREFIX}wild",
        (
            Column("id", "id", "BIGINT PRIMARY KEY", ()),
            Column("i", "int", "INTEGER", ("0", "1", "-1", "2147483647", "-2147483648", "2", "NULL")),
            Column(
                "j", "int", "BIGINT", ("9223372036854775807", "-9223372036854775808", "0", "1", "-1", "NULL")
            ),
            Column("n", "num", "NUMERIC(10,2)", ("0.00", "1.5", "-0.01", "99999999.99", "'NaN'", "NULL")),
            Column(
                "w",
                "num",
                "NUMERIC(38,10)",
                ("1234567890123456789012345678.0123456789", "0", "-1", "1.5", "0.0000000001", "NULL"),
            ),
            Column(
                "x",
                "loose_num",
                "NUMERIC",
                (
                    "1.0",
                    "1.00",
                    "1",
                    "0.000",
                    "1e40",
                    "'NaN'",
                    "'Infinity'",
                    "'-Infinity'",
                    "-0.5",
                    "1e-30",
                    "NULL",
                ),
            ),
            Column(
                "f",
                "loose_float",
                "DOUBLE PRECISION",
                ("'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "0", "0.1", "1e308", "5e-324", "1", "NULL"),
            ),
            Column("r", "loose_float", "REAL", ("'NaN'", "0.1", "'-0'", "0", "16777217", "3.4e38", "NULL")),
            Column("b", "bool", "BOOLEAN", ("TRUE", "FALSE", "NULL")),
            Column("t", "text", "TEXT", _TEXTS),
            Column("v", "text", 'VARCHAR(20) COLLATE "C"', _TEXTS),
            Column("y", "text", 'TEXT COLLATE "und-x-icu"', _TEXTS),
            Column("c", "char", "CHAR(5)", ("'a'", "'A'", "'a    '", "''", "'é'", "'abcde'", "NULL")),
            Column(
                "d", "date", "DATE", ("'0001-01-01'", "'9999-12-31'", "'2024-02-29'", "'1900-01-01'", "NULL")
            ),
            Column(
                "s",
                "ts",
                "TIMESTAMP",
                (
                    "'2024-03-31 02:30:00'",
                    "'2024-10-27 02:30:00'",
                    "'1999-12-31 23:59:59.999999'",
                    "'0001-01-01'",
                    "'2024-01-01 00:00:00.000001'",
                    "NULL",
                ),
            ),
            Column("s0", "ts", "TIMESTAMP(0)", ("'2024-03-31 02:30:00'", "'1969-12-31 23:59:59'", "NULL")),
            Column(
                "z",
                "tstz",
                "TIMESTAMPTZ",
                (
                    "'2024-03-31 02:30:00+01'",
                    "'2024-10-27 02:30:00 Europe/Berlin'",
                    "'1900-01-01 00:00:00.5Z'",
                    "'2024-01-01 00:00:00+05:45'",
                    "NULL",
                ),
            ),
            Column("tm", "time", "TIME", ("'00:00'", "'23:59:59.999999'", "'24:00'", "'12:30'", "NULL")),
            Column("tz", "timetz", "TIMETZ", ("'12:00+00'", "'13:00+01'", "'00:00-11:30'", "NULL")),
            Column(
                "iv",
                "interval",
                "INTERVAL",
                (
                    "'1 day'",
                    "'24 hours'",
                    "'1 month'",
                    "'30 days'",
                    "'-1 year 2 days'",
                    "'0.000001 s'",
                    "NULL",
                ),
            ),
            Column("u", "uuid", "UUID", (*_UUIDS, "NULL")),
            Column("y1", "bytes", "BYTEA", ("''", r"'\x00'", r"'\xff00'", r"'\x61'", "NULL")),
            Column("ja", "json", "JSON", _JSON),
            Column("jb", "jsonb", "JSONB", _JSON),
            Column(
                "ai",
                "ints",
                "INTEGER[]",
                ("'{}'", "'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'{2147483647}'", "NULL"),
            ),
            Column("at", "texts", "TEXT[]", ("""'{a,"b c","",NULL}'""", "'{}'", "'{é,a}'", "NULL")),
            # A driver reads their members as it reads values of these types.
            Column("an", "nums", "NUMERIC[]", ("'{1.50,NaN}'", "'{}'", "'{{1,2},{3.0,4}}'", "NULL")),
            Column("ad", "dates", "DATE[]", ("'{2024-02-29,NULL}'", "'{0001-01-01}'", "'{}'", "NULL")),
            Column("az", "stamps", "TIMESTAMPTZ[]", ("'{2024-02-29 12:30Z}'", "'{}'", "NULL")),
            Column("rn", "range", "NUMRANGE", ("'[1.5,5)'", "'empty'", "'(,3.00]'", "NULL")),
            Column("rd", "range", "DATERANGE", ("'[2024-01-01,2024-02-29)'", "'empty'", "'(,)'", "NULL")),
            Column("rs", "range", "TSRANGE", ("'[2024-01-01 00:00,2024-02-29 12:30)'", "'(,)'", "NULL")),
            Column("e", "enum", _MOOD, ("'sad'", "'ok'", "'happy'", "NULL")),
            Column("bi", "bit", "BIT(4)", ("B'0000'", "B'1010'", "B'1111'", "NULL")),
            Column("bv", "bit", "VARBIT", ("B''", "B'1'", "B'0001'", "NULL")),
            Column("ip", "inet", "INET", ("'10.0.0.1'", "'10.0.0.0/8'", "'::1'", "NULL")),
            Column("rg", "range", "INT4RANGE", ("'[1,5)'", "'empty'", "'(,3]'", "NULL")),
            Column("mo", "money", "MONEY", ("1.50", "-2", "0", "NULL")),
            Column("oi", "int", "OID", ("0", "4294967295", "1", "NULL")),
        ),
        before=_BEFORE,
        after=_AFTER,
        weight=5,
        keys=("j", "t", "x", "d"),
    )
    # What some drivers have no value for: a fill of these fails, or they change.
    odd = Table(
        f"{PREFIX}odd",
        (
            Column("id", "id", "INTEGER PRIMARY KEY", ()),
            Column("i", "int", "INTEGER", ("1", "2")),
            Column(
                "d", "date", "DATE", ("'infinity'", "'-infinity'", "'0044-03-15 BC'", "'2024-02-29'", "NULL")
            ),
            Column("s", "ts", "TIMESTAMP", ("'infinity'", "'-infinity'", "'2024-02-29 12:30:00'", "NULL")),
            Column(
                "z",
                "tstz",
                "TIMESTAMPTZ",
                ("'infinity'", "'10000-01-01 00:00Z'", "'0001-01-01 00:00Z'", "NULL"),
            ),
            Column("t", "text", "TEXT", ("'a'", "NULL")),
        ),
        fraction=5,
    )
    return (tame, other, wild, odd)


def _quoted(texts: tuple[str, ...], prefix: str = "") -> tuple[str, ...]:
    return tuple(f"{prefix}'{text}'" for text in texts)


def productions() -> Productions:
    """What the grammar draws from."""
    strings = (*v.WORDS[:6], "'a'", "'A'", "'é'", "''", "'a '", "'100%'", r"'\'", "NULL")
    literals = {
        "edge": v.EDGE_LITERALS,
        "huge": tuple(f"{text}::float8" for text in v.HUGE_LITERALS),
        "int": v.INTEGER_LITERALS,
        "num": v.DECIMAL_LITERALS,
        "float": (*v.FLOAT_LITERALS, "'NaN'::float8"),
        "text": strings,
        "pattern": PATTERNS,
        "escaped": ESCAPED,
        "bool": ("TRUE", "FALSE", "NULL"),
        "date": (*_quoted(v.DATE_LITERALS), *_quoted(v.DATE_LITERALS[:2], "DATE "), "NULL"),
        "ts": (*_quoted(v.MOMENT_LITERALS), *_quoted(v.MOMENT_LITERALS[:2], "TIMESTAMP ")),
        "tstz": (*_quoted(v.MOMENT_LITERALS[:2]), "TIMESTAMPTZ '2024-01-01 00:00:00+02'"),
        "interval": ("INTERVAL '1 day'", "INTERVAL '1 month'", "INTERVAL '-2 hours'"),
        "uuid": _UUIDS,
        "enum": ("'ok'", "'sad'"),
        "ints": ("ARRAY[1,2]", "'{2}'::int[]"),
        "bytes": (r"'\x00'::bytea", r"'\x61'"),
        "char": ("'a'", "'apple'", "'a '"),
        "json": ("""'{"a": 1}'::json""",),
        "jsonb": ("""'{"a": 1}'::jsonb""", "'[1, 2]'::jsonb"),
        "time": ("'12:30'", "TIME '23:59:59.999999'"),
    }
    values = {
        "edge": v.EDGES,
        "huge": v.HUGE,
        "int": v.INTEGERS,
        "num": v.DECIMALS,
        "float": (*v.FLOATS, float("nan"), float("inf")),
        "text": v.STRINGS,
        "pattern": v.PATTERNS,
        "bool": (True, False, None),
        "date": v.DATES,
        "ts": v.MOMENTS,
        "tstz": (datetime(2024, 2, 29, 11, 30, tzinfo=UTC), None),
        "interval": (timedelta(days=1), timedelta(microseconds=-1)),
        "uuid": (uuid.UUID(int=0), uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), _UUIDS[0][1:-1]),
        "enum": ("ok", "happy"),
        "bytes": v.BYTES,
        "char": ("a", "apple", "a ", None),
    }
    leaves = {**LEAVES, "exact": ("uuid", "enum", "char", "tstz", "bytes", "time")}
    return Productions(parsed(COMMON, EXPRESSIONS), leaves, literals, values)
