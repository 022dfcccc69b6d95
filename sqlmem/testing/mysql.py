"""MariaDB and MySQL: their tables of tame and of hostile values, and what their expressions are made of."""

from __future__ import annotations

from datetime import time, timedelta

from sqlmem.testing import values as v
from sqlmem.testing.common import COMMON, LEAVES
from sqlmem.testing.mysql_expressions import EXPRESSIONS
from sqlmem.testing.productions import Productions, parsed
from sqlmem.testing.tables import PREFIX, Column, Table

_EXACT = " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
_TEXTS = (*v.TEXTS, r"'tab\there'", r"'back\\slash'", r"'nul\0nul'", "NULL", "NULL")
# What latin1 has.
_LATIN = ("'a'", "'A'", "'é'", "'É'", "'e'", "'ß'", "'ss'", "''", "'a '", "'%'", "'b'", "NULL")
_JSON = (
    """'{"a": 1, "b": [1, 2, {"c": null}]}'""", """'{"a": "x", "b": null}'""", "'[1, 2.50, 1e3]'", "'null'",
    "'1'", """'"text"'""", "'{}'", "'[]'", """'{"a": {"b": 1.0}}'""", "NULL",
)  # fmt: skip


def tables() -> tuple[Table, ...]:
    """The tables without their rows; the first column is the key."""
    options = " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
    tame = Table(
        f"{PREFIX}tame",
        (
            Column("id", "id", "INTEGER PRIMARY KEY", ()),
            Column("i", "int", "INT", ("1", "2", "3", "4", "5", "7", "10", "-2", "0", "NULL")),
            Column("j", "int", "BIGINT NOT NULL", ("10", "20", "30", "40", "100", "9007199254740993")),
            Column("k", "int", "SMALLINT", ("1", "2", "3", "NULL")),
            Column("q", "int", "INT UNSIGNED NOT NULL", ("0", "1", "2", "30")),
            Column("n", "num", "DECIMAL(10,2)", ("1.50", "2.25", "10.00", "0.99", "-3.10", "0", "NULL")),
            Column("m", "num", "DECIMAL(20,4) NOT NULL", ("1.0000", "2.5000", "0.3333", "100.1250")),
            Column("f", "float", "DOUBLE", ("0.5", "1.5", "2.25", "-4", "0.1", "NULL")),
            Column("b", "bool", "BOOLEAN", ("TRUE", "FALSE", "NULL")),
            Column("t", "loose_text", "VARCHAR(40)", (*v.WORDS, "NULL")),
            Column("v", "text", f"VARCHAR(20){_EXACT}", v.WORDS),
            Column(
                "d", "date", "DATE", ("'2024-01-01'", "'2024-02-29'", "'2023-06-15'", "'2023-07-01'", "NULL")
            ),
            Column(
                "s",
                "ts",
                "DATETIME",
                ("'2024-02-29 12:30:00'", "'2023-06-15 08:15:30'", "'2023-07-01 00:00:00'", "NULL"),
            ),
            Column(
                "z",
                "stamp",
                "TIMESTAMP(6) NULL",
                ("'2024-02-29 12:30:00.5'", "'2023-06-15 08:15:30'", "NULL"),
            ),
            Column("e", "enum", "ENUM('sad','ok','happy')", ("'sad'", "'ok'", "'happy'", "NULL")),
            Column(
                "js", "json", "JSON", ("""'{"a": 1, "b": "x"}'""", """'{"a": 2, "b": null}'""", "'[1, 2]'")
            ),
        ),
        weight=10,
        keys=("i", "v", "d"),
        options=options,
    )
    other = Table(
        f"{PREFIX}other",
        (
            Column("id", "id", "INTEGER PRIMARY KEY", ()),
            Column("i", "int", "INT", ("1", "2", "3", "7", "NULL")),
            Column("n", "num", "DECIMAL(8,3)", ("1.500", "2.250", "0.990", "7.125", "NULL")),
            Column("t", "loose_text", "VARCHAR(30)", (*v.WORDS[:6], "'a'", "NULL")),
            Column("v", "text", f"VARCHAR(30){_EXACT}", (*v.WORDS[:6], "'a'", "NULL")),
            Column("c", "char", "CHAR(6)", ("'apple'", "'a'", "''", "'fig   '")),
            Column("d", "date", "DATE NOT NULL", ("'2024-01-01'", "'2023-06-15'")),
            Column(
                "u",
                "uuid",
                "UUID",
                ("'00000000-0000-0000-0000-000000000000'", "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'"),
            ),
        ),
        weight=4,
        fraction=3,
        keys=("i",),
        options=options,
    )
    wild = Table(
        f"{PREFIX}wild",
        (
            Column("id", "id", "BIGINT PRIMARY KEY", ()),
            Column("i", "int", "INT", ("0", "1", "-1", "2147483647", "-2147483648", "2", "NULL")),
            Column(
                "j", "int", "BIGINT", ("9223372036854775807", "-9223372036854775808", "0", "1", "-1", "NULL")
            ),
            Column(
                "uj",
                "int",
                "BIGINT UNSIGNED",
                ("18446744073709551615", "0", "9223372036854775808", "1", "NULL"),
            ),
            Column("k", "int", "TINYINT UNSIGNED", ("0", "255", "1", "NULL")),
            Column("mi", "int", "MEDIUMINT", ("-8388608", "8388607", "0", "NULL")),
            Column("zf", "int", "INT(6) UNSIGNED ZEROFILL", ("0", "42", "1234567", "NULL")),
            Column("n", "num", "DECIMAL(10,2)", ("0.00", "1.5", "-0.01", "99999999.99", "NULL")),
            Column(
                "w",
                "num",
                "DECIMAL(38,10)",
                ("1234567890123456789012345678.0123456789", "0", "-1", "1.5", "0.0000000001", "NULL"),
            ),
            Column("x", "num", "DECIMAL(65,30)", ("0.000000000000000000000000000001", "0", "-5.5", "NULL")),
            Column(
                "f", "loose_float", "DOUBLE", ("-0e0", "0", "0.1", "1.7e308", "5e-324", "1", "1e20", "NULL")
            ),
            Column("r", "loose_float", "FLOAT", ("0.1", "-0e0", "0", "16777217", "3.4e38", "NULL")),
            Column("b", "bool", "TINYINT(1)", ("TRUE", "FALSE", "2", "-1", "NULL")),
            Column("t", "loose_text", "VARCHAR(40)", _TEXTS),
            Column("v", "text", f"VARCHAR(40){_EXACT}", _TEXTS),
            Column("p", "loose_text", "VARCHAR(40) COLLATE utf8mb4_bin", _TEXTS),
            Column("y", "loose_text", "VARCHAR(40) COLLATE utf8mb4_unicode_ci", _TEXTS),
            Column("l", "loose_text", "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci", _LATIN),
            Column("tx", "loose_text", "TEXT", _TEXTS),
            Column("c", "char", "CHAR(5)", ("'a'", "'A'", "'a    '", "''", "'é'", "'abcde'", "NULL")),
            Column(
                "d", "date", "DATE", ("'0001-01-01'", "'9999-12-31'", "'2024-02-29'", "'1900-01-01'", "NULL")
            ),
            Column(
                "s",
                "ts",
                "DATETIME(6)",
                (
                    "'2024-03-31 02:30:00'",
                    "'1999-12-31 23:59:59.999999'",
                    "'2024-01-01 00:00:00.000001'",
                    "NULL",
                ),
            ),
            Column("s0", "ts", "DATETIME", ("'2024-03-31 02:30:00'", "'1000-01-01 00:00:00'", "NULL")),
            Column(
                "z", "stamp", "TIMESTAMP NULL", ("'2024-03-31 03:30:00'", "'1970-01-02 00:00:01'", "NULL")
            ),
            Column(
                "tm", "time", "TIME(6)", ("'00:00'", "'-838:59:59'", "'838:59:59'", "'12:30:00.5'", "NULL")
            ),
            Column("yr", "year", "YEAR", ("2024", "1901", "2155", "0", "NULL")),
            Column("e", "enum", "ENUM('sad','ok','happy','')", ("'sad'", "'ok'", "'happy'", "''", "NULL")),
            Column("st", "set", "SET('a','b','c')", ("''", "'a'", "'a,c'", "'a,b,c'", "NULL")),
            Column("bi", "bit", "BIT(8)", ("b'0'", "b'10101010'", "b'11111111'", "NULL")),
            Column(
                "y1", "bytes", "VARBINARY(10)", ("''", r"x'00'", r"x'ff00'", "'a'", "'A'", "'a '", "NULL")
            ),
            Column("y2", "binary", "BINARY(4)", ("''", r"x'00ff'", "'abcd'", "NULL")),
            Column("y3", "bytes", "BLOB", ("''", r"x'00'", "'abc'", "NULL")),
            Column("ja", "json", "JSON", _JSON),
            Column(
                "u",
                "uuid",
                "UUID",
                ("'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "NULL"),
            ),
        ),
        weight=5,
        keys=("j", "t", "w", "d"),
        options=options,
    )
    # What drivers give as None or as text, and what SQLAlchemy doesn't know.
    odd = Table(
        f"{PREFIX}odd",
        (
            Column("id", "id", "INTEGER PRIMARY KEY", ()),
            Column("i", "int", "INT", ("1", "2")),
            Column(
                "d", "date", "DATE", ("'0000-00-00'", "'2024-00-00'", "'2024-02-29'", "'2024-02-31'", "NULL")
            ),
            Column("s", "ts", "DATETIME", ("'0000-00-00 00:00:00'", "'2024-02-29 12:30:00'", "NULL")),
            Column(
                "z", "stamp", "TIMESTAMP NULL", ("'0000-00-00 00:00:00'", "'2024-02-29 12:30:00'", "NULL")
            ),
            Column("yr", "year", "YEAR", ("0", "2024", "NULL")),
            Column("t", "loose_text", "VARCHAR(10)", ("'a'", "NULL")),
        ),
        fraction=5,
    )
    return (tame, other, wild, odd)


_PATTERNS = (
    "'a%'", "'%a%'", "'%A'", "'_'", "'a_%'", "'%'", "''", "'%é%'", "'E%'", "'%ss'", r"'100\%'", "'a'",
    "'% '", r"'a\_b'",
)  # fmt: skip
_ESCAPED = (
    "'100!%' ESCAPE '!'",
    "'%!_%' ESCAPE '!'",
    "'a!%%' ESCAPE '!'",
    "'x%' ESCAPE 'x'",
    "'!!%' ESCAPE '!'",
)


def productions() -> Productions:
    """What the grammar draws from."""
    strings = (*v.WORDS[:6], "'a'", "'A'", "'é'", "''", "'a '", "'100%'", r"'\\'", "NULL")
    literals = {
        "edge": v.EDGE_LITERALS,
        "huge": v.HUGE_LITERALS,
        "int": (*v.INTEGER_LITERALS, "18446744073709551615"),
        "num": v.DECIMAL_LITERALS,
        "float": v.FLOAT_LITERALS,
        "text": strings,
        "pattern": _PATTERNS,
        "escaped": _ESCAPED,
        "bool": ("TRUE", "FALSE", "NULL"),
        "date": (*(f"'{day}'" for day in v.DATE_LITERALS), "DATE '2024-02-29'", "NULL"),
        "ts": (*(f"'{moment}'" for moment in v.MOMENT_LITERALS), "TIMESTAMP '2024-02-29 12:30:00'"),
        "stamp": ("'2024-02-29 12:30:00'", "'2023-06-15'"),
        "uuid": ("'6ba7b810-9dad-11d1-80b4-00c04fd430c8'",),
        "enum": ("'ok'", "'OK'", "2"),
        "bytes": ("x'00'", "'a'"),
        "char": ("'a'", "'apple'", "'a '"),
        "json": ("""'{"a": 1}'""",),
        "time": ("'12:30'", "'-01:00:00'"),
        "year": ("2024", "'2024'"),
    }
    values = {
        "edge": v.EDGES,
        "huge": v.HUGE,
        "int": (*v.INTEGERS, 2**64 - 1),
        "num": v.DECIMALS,
        "float": v.FLOATS,
        "text": v.STRINGS,
        "pattern": v.PATTERNS,
        "bool": (True, False, None, 1, 0),
        "date": (*v.DATES, "2024-02-29"),
        "ts": (*v.MOMENTS, "2024-02-29 12:30:00"),
        "stamp": v.MOMENTS,
        "enum": ("ok", "happy", 1),
        "bytes": v.BYTES,
        "char": ("a", "apple", "a ", None),
        "time": (time(12, 30), timedelta(hours=-1)),
        "year": (2024, "2024"),
    }
    leaves = {
        **LEAVES,
        "text": ("text", "text", "loose_text", "loose_text", "loose_text"),
        "exact": ("uuid", "enum", "year"),
    }
    return Productions(parsed(COMMON, EXPRESSIONS), leaves, literals, values)
