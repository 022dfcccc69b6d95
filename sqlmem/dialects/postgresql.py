"""PostgreSQL's semantics.

Type codes are the OIDs of pg_type, which are fixed for built-in types.
"""

from __future__ import annotations

from sqlmem.dialects import aggregates, postgresql_numbers, postgresql_texts, shapes
from sqlmem.dialects.base import PURE_FUNCTIONS, Semantics, result
from sqlmem.dialects.casts import postgresql_cast
from sqlmem.dialects.choices import postgresql_choice
from sqlmem.dialects.parameters import POSTGRESQL, postgresql_literal
from sqlmem.dialects.rules import joined
from sqlmem.model import Collation, Column, Kind

BOOLEAN = result(Kind.BOOLEAN, "BOOLEAN", 16)
BIGINT = result(Kind.INTEGER, "BIGINT", 20)
INTEGER = result(Kind.INTEGER, "INTEGER", 23)
# A literal or a cast: the database's default collation, of which only equality is known.
TEXT = result(Kind.TEXT, "TEXT", 25, collation=Collation.DETERMINISTIC)
DOUBLE = result(Kind.FLOAT, "DOUBLE PRECISION", 701)
# SUM(bigint) is numeric without a scale: its values are whole and come as Decimal.
BIGINT_SUM = result(Kind.NUMERIC, "NUMERIC", 1700, precision=18, scale=0)

SEMANTICS = Semantics(
    name="postgresql",
    sqlglot="postgres",
    comparison=BOOLEAN,
    count=BIGINT,
    computes_columns=True,
    integer=INTEGER,
    text=TEXT,
    nothing=TEXT,
    folds_constants=True,
    folds_unquoted=str.lower,
    sums={"SMALLINT": BIGINT, "INTEGER": BIGINT, "BIGINT": BIGINT_SUM},
    numeric_sum_code=1700,
    float_sum=DOUBLE,
    mean=postgresql_numbers.mean,
    minmax={
        Kind.INTEGER: None,
        Kind.NUMERIC: None,
        Kind.FLOAT: None,
        Kind.DATE: None,
        Kind.TIME: None,
        Kind.TIMESTAMP: None,
        Kind.TIMESTAMPTZ: None,
        Kind.INTERVAL: None,
        # max(varchar) is text.
        Kind.TEXT: 25,
    },
    window_functions={
        "row_number": BIGINT,
        "rank": BIGINT,
        "dense_rank": BIGINT,
        "ntile": INTEGER,
        "percent_rank": DOUBLE,
        "cume_dist": DOUBLE,
    },
    shapes=shapes.POSTGRESQL,
    casts={
        "SMALLINT": Column("", Kind.INTEGER, "SMALLINT"),
        "INT": Column("", Kind.INTEGER, "INTEGER"),
        "BIGINT": Column("", Kind.INTEGER, "BIGINT"),
        "BOOLEAN": Column("", Kind.BOOLEAN, "BOOLEAN"),
        "DECIMAL": Column("", Kind.NUMERIC, "NUMERIC"),
        "DOUBLE": Column("", Kind.FLOAT, "DOUBLE PRECISION"),
        "TEXT": Column("", Kind.TEXT, "TEXT", collation=Collation.DETERMINISTIC),
        "VARCHAR": Column("", Kind.TEXT, "VARCHAR", collation=Collation.DETERMINISTIC),
        "DATE": Column("", Kind.DATE, "DATE"),
        "TIME": Column("", Kind.TIME, "TIME"),
        "TIMESTAMP": Column("", Kind.TIMESTAMP, "TIMESTAMP"),
        "TIMESTAMPTZ": Column("", Kind.TIMESTAMPTZ, "TIMESTAMP WITH TIME ZONE"),
        "INTERVAL": Column("", Kind.INTERVAL, "INTERVAL"),
        "UUID": Column("", Kind.UUID, "UUID"),
        "VARBINARY": Column("", Kind.BYTES, "BYTEA"),
    },
    integer_bounds={"SMALLINT": 2**15 - 1, "INTEGER": 2**31 - 1, "BIGINT": 2**63 - 1},
    codes={
        "BOOLEAN": 16,
        "BYTEA": 17,
        "BIGINT": 20,
        "SMALLINT": 21,
        "INTEGER": 23,
        "TEXT": 25,
        "DOUBLE PRECISION": 701,
        "VARCHAR": 1043,
        "DATE": 1082,
        "TIME WITHOUT TIME ZONE": 1083,
        "TIMESTAMP WITHOUT TIME ZONE": 1114,
        # As casts name it.
        "TIMESTAMP": 1114,
        "INTERVAL": 1186,
        "NUMERIC": 1700,
        "UUID": 2950,
    },
    names_are_figured=True,
    pure_functions=PURE_FUNCTIONS,
    mixes_numbers=True,
    aggregates=aggregates.POSTGRESQL,
    rules=joined(postgresql_numbers.RULES, postgresql_texts.RULES),
    called=postgresql_numbers.CALLED | postgresql_texts.CALLED,
    literals=postgresql_literal,
    parameters=POSTGRESQL,
    has_arrays=True,
    choice=postgresql_choice,
    cast=postgresql_cast,
    refused={
        "LIKE": "the store's LIKE ignores the case of ASCII letters, the origin's doesn't",
        "ILIKE": "the store knows the case of ASCII letters only",
        "AVG": "the scale of the origin's result follows rules that the store doesn't have",
        "/": "7 / 2 is 3 between integers, and division by zero is an error, not NULL",
        "+": "a sum over the type's bound is an error at the origin, a float in the store",
        "||": "the operand types decide between text, arrays and JSON",
        "text order": "the column's collation orders by a locale that the store doesn't know",
        "float sum": "the order of addition shows in the last digit",
    },
)
