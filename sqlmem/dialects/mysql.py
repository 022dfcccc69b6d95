"""MariaDB's and MySQL's semantics.

Type codes are those of the wire protocol (MYSQL_TYPE_…).
"""

from __future__ import annotations

from sqlmem.dialects import aggregates, mysql_numbers, mysql_texts, shapes
from sqlmem.dialects.base import PURE_FUNCTIONS, Result, Semantics, result
from sqlmem.dialects.casts import mysql_cast
from sqlmem.dialects.choices import mysql_choice
from sqlmem.dialects.parameters import MYSQL, mysql_literal
from sqlmem.dialects.rules import joined
from sqlmem.model import Collation, Column, Kind

LONG = result(Kind.INTEGER, "INTEGER", 3)
LONGLONG = result(Kind.INTEGER, "BIGINT", 8)
# SUM of integers is DECIMAL with scale 0: it comes as Decimal.
INTEGER_SUM = result(Kind.NUMERIC, "DECIMAL", 246, precision=18, scale=0)
INTEGER_TYPES = ("TINYINT", "SMALLINT", "MEDIUMINT", "INTEGER", "BIGINT")

_sums: dict[str, Result] = {
    f"{name}{sign}": INTEGER_SUM for name in INTEGER_TYPES for sign in ("", " UNSIGNED")
}

SEMANTICS = Semantics(
    name="mysql",
    sqlglot="mysql",
    comparison=LONG,
    count=LONGLONG,
    computes_columns=True,
    integer=LONG,
    quoted=Result(Column("", Kind.TEXT, "VARCHAR", collation=Collation.UNKNOWN), 253),
    nothing=Result(Column("", Kind.TEXT, "NULL", collation=Collation.UNKNOWN), 6),
    folds_constants=True,
    ignores_column_case=True,
    booleans_are_integers=True,
    sums=_sums,
    numeric_sum_code=246,
    float_sum=result(Kind.FLOAT, "DOUBLE", 5),
    minmax={
        Kind.INTEGER: None,
        Kind.UNSIGNED: None,
        Kind.NUMERIC: None,
        Kind.FLOAT: None,
        Kind.DATE: None,
        Kind.TIMESTAMP: None,
        Kind.INTERVAL: None,
        Kind.TEXT: None,
    },
    minmax_integer=LONGLONG,
    # PERCENT_RANK and CUME_DIST reach the client with ten digits, and are compared with all.
    window_functions={"row_number": LONGLONG, "rank": LONGLONG, "dense_rank": LONGLONG, "ntile": LONGLONG},
    window_integers=frozenset({"BIGINT"}),
    shapes=shapes.MYSQL,
    casts={
        "DATE": Column("", Kind.DATE, "DATE"),
        "BIGINT": Column("", Kind.INTEGER, "BIGINT"),
        "DECIMAL": Column("", Kind.NUMERIC, "DECIMAL", precision=10, scale=0),
        "DOUBLE": Column("", Kind.FLOAT, "double"),
        "DATETIME": Column("", Kind.TIMESTAMP, "DATETIME", precision=0),
        "TIMESTAMP": Column("", Kind.TIMESTAMP, "DATETIME", precision=0),
        # What the parser makes of TIMESTAMP '…'.
        "TIMESTAMPTZ": Column("", Kind.TIMESTAMP, "DATETIME"),
    },
    codes={
        "TINYINT": 1,
        "SMALLINT": 2,
        "INTEGER": 3,
        "DOUBLE": 5,
        "BIGINT": 8,
        "MEDIUMINT": 9,
        "DATE": 10,
        "TIME": 11,
        "DATETIME": 12,
        "DECIMAL": 246,
        "TEXT": 252,
        "MEDIUMTEXT": 250,
        "VARCHAR": 253,
    },
    names_are_text=True,
    text_has_nul=True,
    text_in_quotes=frozenset({Kind.DATE, Kind.TIMESTAMP}),
    pure_functions=PURE_FUNCTIONS,
    aggregates=aggregates.MYSQL,
    rules=joined(mysql_numbers.RULES, mysql_texts.RULES),
    called=mysql_numbers.CALLED | mysql_texts.CALLED,
    mean=mysql_numbers.mean,
    mixes_numbers=True,
    division_digits=mysql_numbers.DIVISION_DIGITS,
    literals=mysql_literal,
    parameters=MYSQL,
    choice=mysql_choice,
    cast=mysql_cast,
    refused={
        "text equality": "the column's collation ignores case, accents or trailing blanks",
        "LIKE": "the column's collation decides what is alike",
        "AVG": "the scale of the origin's result follows rules that the store doesn't have",
        "/": "the quotient of integers is DECIMAL with four more digits",
        "+": "a sum over the type's bound is an error at the origin, a float in the store",
        "text order": "the column's collation orders by rules that the store doesn't know",
        "float sum": "the order of addition shows in the last digit",
    },
)
