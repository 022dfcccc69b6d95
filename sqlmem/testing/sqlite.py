"""SQLite: its tables of tame and of hostile values, and what its expressions are made of."""

from __future__ import annotations

from sqlmem.testing import values as v
from sqlmem.testing.common import COMMON, ESCAPED, LEAVES, PATTERNS
from sqlmem.testing.productions import Productions, parsed
from sqlmem.testing.sqlite_expressions import EXPRESSIONS
from sqlmem.testing.tables import PREFIX, Column, Table

_TEXTS = (*v.TEXTS, "'nul' || char(0) || 'nul'", r"'back\slash'", "NULL", "NULL")
# Any storage class in any column, as far as its affinity lets it be.
_MIXED = (
    "1", "1.0", "1.5", "'1'", "'1.0'", "'abc'", "''", "x'00'", "x'61'", "'a'", "-0.0", "9223372036854775807",
    "-9223372036854775808", "9e999", "-9e999", "0.1", "' 1 '", "'1e3'", "NULL", "TRUE", "9007199254740993",
)  # fmt: skip
_JSON = (
    """'{"a": 1, "b": [1, 2]}'""", """'{"a": "x", "b": null}'""", "'[1, 2.50]'", "'null'", "'not json'",
    "'{}'", "NULL",
)  # fmt: skip


def tables() -> tuple[Table, ...]:
    """The tables without their rows; the first column is the key."""
    tame = Table(
        f"{PREFIX}tame",
        (
            Column("id", "id", "INTEGER PRIMARY KEY", ()),
            Column("i", "int", "INTEGER", ("1", "2", "3", "4", "5", "7", "10", "-2", "0", "NULL")),
            Column("j", "int", "BIGINT NOT NULL", ("10", "20", "30", "40", "100", "9007199254740993")),
            Column("n", "num", "NUMERIC(10,2)", ("1.50", "2.25", "10.00", "0.99", "-3.10", "0", "NULL")),
            Column("m", "num", "DECIMAL(20,4) NOT NULL", ("1.0000", "2.5000", "0.3333", "100.1250")),
            Column("f", "float", "DOUBLE", ("0.5", "1.5", "2.25", "-4.0", "0.1", "NULL")),
            Column("b", "bool", "BOOLEAN", ("TRUE", "FALSE", "NULL")),
            Column("t", "text", "TEXT", (*v.WORDS, "NULL")),
            Column("v", "loose_text", "VARCHAR(20) COLLATE NOCASE", v.WORDS),
            Column(
                "d", "date", "DATE", ("'2024-01-01'", "'2024-02-29'", "'2023-06-15'", "'2023-07-01'", "NULL")
            ),
            Column(
                "s",
                "ts",
                "TIMESTAMP",
                ("'2024-02-29 12:30:00'", "'2023-06-15 08:15:30.500000'", "'2023-07-01 00:00:00'", "NULL"),
            ),
            Column(
                "js", "json", "JSON", ("""'{"a": 1, "b": "x"}'""", """'{"a": 2, "b": null}'""", "'[1, 2]'")
            ),
        ),
        weight=10,
        keys=("i", "v", "d"),
    )
    other = Table(
        f"{PREFIX}other",
        (
            Column("id", "id", "INTEGER PRIMARY KEY", ()),
            Column("i", "int", "INTEGER", ("1", "2", "3", "7", "NULL")),
            Column("n", "num", "NUMERIC(8,3)", ("1.500", "2.250", "0.990", "7.125", "NULL")),
            Column("t", "text", "TEXT", (*v.WORDS[:6], "'a'", "NULL")),
            Column("c", "loose_text", "CHAR(6) COLLATE RTRIM", ("'apple'", "'a'", "''", "'fig   '", "'a  '")),
            Column("d", "date", "DATE NOT NULL", ("'2024-01-01'", "'2023-06-15'")),
        ),
        weight=4,
        fraction=3,
        keys=("i",),
    )
    wild = Table(
        f"{PREFIX}wild",
        (
            Column("id", "id", "INTEGER PRIMARY KEY", ()),
            Column("i", "int", "INTEGER", ("0", "1", "-1", "2147483647", "2", "NULL")),
            Column(
                "j", "int", "BIGINT", ("9223372036854775807", "-9223372036854775808", "0", "1", "-1", "NULL")
            ),
            Column("mi", "loose_num", "INTEGER", _MIXED),
            Column("mr", "loose_num", "REAL", _MIXED),
            Column("mn", "loose_num", "NUMERIC", _MIXED),
            Column("md", "loose_num", "DECIMAL(10,2)", _MIXED),
            Column("mt", "loose_text", "TEXT", _MIXED),
            Column("mb", "loose_any", "BLOB", _MIXED),
            Column("ma", "loose_any", "", _MIXED),
            Column(
                "f",
                "loose_float",
                "DOUBLE",
                ("9e999", "-9e999", "-0.0", "0.0", "0.1", "1e308", "5e-324", "NULL"),
            ),
            Column("b", "bool", "BOOLEAN", ("TRUE", "FALSE", "2", "NULL")),
            Column("t", "text", "TEXT", _TEXTS),
            Column("v", "loose_text", "VARCHAR(20) COLLATE NOCASE", _TEXTS),
            Column("y", "loose_text", "TEXT COLLATE RTRIM", _TEXTS),
            Column(
                "d",
                "date",
                "DATE",
                ("'0001-01-01'", "'9999-12-31'", "'2024-02-29'", "'not a date'", "''", "NULL"),
            ),
            Column(
                "s",
                "ts",
                "TIMESTAMP",
                (
                    "'2024-03-31 02:30:00'",
                    "'1999-12-31T23:59:59.999999'",
                    "'2024-01-01'",
                    "1704067200",
                    "2460310.5",
                    "NULL",
                ),
            ),
            Column("y1", "bytes", "BLOB", ("x''", "x'00'", "x'ff00'", "x'61'", "NULL")),
            Column("ja", "json", "JSON", _JSON),
        ),
        weight=5,
        keys=("j", "v", "ma", "mn"),
    )
    return (tame, other, wild)


def productions() -> Productions:
    """What the grammar draws from."""
    literals = {
        "edge": v.EDGE_LITERALS,
        "huge": v.HUGE_LITERALS,
        "int": v.INTEGER_LITERALS,
        "num": v.DECIMAL_LITERALS,
        "float": v.FLOAT_LITERALS,
        "text": (*v.WORDS[:6], "'a'", "'A'", "'é'", "''", "'a '", "'100%'", r"'\'", "NULL", '"apple"'),
        "pattern": PATTERNS,
        "escaped": ESCAPED,
        "bool": ("TRUE", "FALSE", "NULL", "1", "0"),
        "date": (*(f"'{day}'" for day in v.DATE_LITERALS), "NULL"),
        "ts": tuple(f"'{moment}'" for moment in v.MOMENT_LITERALS),
        "bytes": ("x'00'", "x'61'", "x''"),
        "json": ("""'{"a": 1}'""",),
        "loose_any": ("1", "'1'", "1.0", "x'61'", "NULL"),
    }
    values = {
        "edge": v.EDGES,
        "huge": v.HUGE,
        "int": v.INTEGERS,
        "num": tuple(None if number is None else float(number) for number in v.DECIMALS),
        "float": (*v.FLOATS, float("inf"), float("nan")),
        "text": (*v.STRINGS, "nul\x00nul"),
        "pattern": v.PATTERNS,
        "bool": (True, False, None, 1),
        "date": tuple(None if day is None else day.isoformat() for day in v.DATES),
        "ts": tuple(None if moment is None else moment.isoformat(" ") for moment in v.MOMENTS),
        "bytes": v.BYTES,
        "loose_any": (1, "1", 1.0, b"a", None),
    }
    leaves = {**LEAVES, "text": ("text", "text", "loose_text", "loose_text"), "exact": ("text",)}
    return Productions(parsed(COMMON, EXPRESSIONS), leaves, literals, values)
