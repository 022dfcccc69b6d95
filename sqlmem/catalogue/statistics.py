"""What is asked of an origin beside definitions: facts that meanings depend on, sizes of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sqlmem.catalogue.session import is_on, session
from sqlmem.dialects import Facts
from sqlmem.model import TableName


def facts(connection: Connection, family: str) -> Facts:
    """What the family's semantics depend on, asked once."""
    driver = connection.dialect.driver
    found = session(connection, family)
    if family == "sqlite":
        rows = connection.exec_driver_sql("SELECT name FROM pragma_function_list WHERE builtin = 0").all()
        like = connection.exec_driver_sql(
            "SELECT 'a' LIKE 'A' FROM (SELECT 1 FROM sqlite_master UNION SELECT 1)"
        ).scalar()
        names = tuple(connection.exec_driver_sql("SELECT TYPE FROM sqlite_master LIMIT 0").keys())
        return Facts(
            driver,
            session=found,
            overridden=frozenset(str(row[0]).lower() for row in rows),
            like_ignores_case=bool(like),
            names_are_declared=names == ("type",),
        )
    if family == "mysql":
        modes, collation, most, limit, length = connection.exec_driver_sql(
            "SELECT @@sql_mode, @@collation_connection, @@group_concat_max_len, @@sql_select_limit,"
            " @@max_sort_length"
        ).one()
        digits = None
        if getattr(connection.dialect, "is_mariadb", False):
            digits = connection.exec_driver_sql("SELECT @@div_precision_increment").scalar()
        rounds = connection.exec_driver_sql(
            "SHOW VARIABLES WHERE variable_name IN ('max_recursive_iterations', 'cte_max_recursion_depth')"
        ).all()
        return Facts(
            driver,
            session=found,
            backslash_escapes="NO_BACKSLASH_ESCAPES" not in str(modes),
            division_digits=None if digits is None else int(digits),
            recursion_depth=min((int(row[1]) for row in rounds), default=None),
            folds_i="turkish" not in str(collation),
            concat_bytes=int(most),
            sort_length=int(length),
            peculiar=_peculiar(str(modes), int(limit), dict(found)),
        )
    # An application's own deserializer may make anything of it; asyncpg gives it as text.
    is_parsed = driver in _PARSING and getattr(connection.dialect, "_json_deserializer", None) is None
    nulls = "transform_null_equals"
    known = Facts(
        driver,
        session=found,
        json_is_parsed=family == "postgresql" and is_parsed,
        peculiar=f"{nulls} is on" if is_on(dict(found).get(nulls)) else None,
    )
    return with_what_was_made(connection, known) if family == "postgresql" else known


def with_what_was_made(connection: Connection, known: Facts) -> Facts:
    """PostgreSQL: the facts with the functions, operators and casts that somebody has made by now."""
    made: dict[str, set[str]] = {"function": set(), "operator": set(), "changing": set()}
    for kind, name in connection.execute(_MADE):
        made[str(kind)].add(str(name))
    return replace(
        known,
        overridden=frozenset(made["function"]),
        operators=frozenset(made["operator"]),
        changing=frozenset(made["changing"]),
    )


# PostgreSQL takes a function or operator that somebody has made before its own of that name, if its types
# are nearer to those at hand: length(varchar) before length(text). (PostgreSQL's manual, "Type Conversion".)
# What is STABLE in C depends on settings (pg_trgm's % does), which are the same for all sessions here.
_MADE = sa.text(
    """
    WITH own AS (
        SELECT oid, typcategory AS category FROM pg_catalog.pg_type
        WHERE typnamespace = 'pg_catalog'::pg_catalog.regnamespace
        AND typcategory IN ('S', 'N', 'D', 'B', 'T', 'A', 'P', 'X')
    ), changing AS (
        SELECT p.oid FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
        AND (p.provolatile = 'v' OR (p.provolatile = 's' AND l.lanname <> 'c'))
    )
    SELECT DISTINCT 'function', p.proname::text FROM pg_catalog.pg_proc p
    WHERE p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
    AND pg_catalog.pg_function_is_visible(p.oid)
    AND EXISTS (
        SELECT FROM pg_catalog.pg_proc b WHERE b.proname = p.proname
        AND b.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
    )
    AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) AS a(type) WHERE a.type NOT IN (SELECT oid FROM own))
    UNION ALL
    SELECT DISTINCT 'operator', o.oprname::text FROM pg_catalog.pg_operator o
    LEFT JOIN own l ON l.oid = o.oprleft LEFT JOIN own r ON r.oid = o.oprright
    WHERE o.oprnamespace <> 'pg_catalog'::pg_catalog.regnamespace
    AND pg_catalog.pg_operator_is_visible(o.oid)
    AND (o.oprleft = 0 OR l.oid IS NOT NULL) AND (o.oprright = 0 OR r.oid IS NOT NULL)
    AND (
        o.oprname NOT IN ('+', '-', '*', '/', '%', '^', '&', '|', '#', '~', '<<', '>>')
        OR (COALESCE(l.category, 'N') <> 'S' AND COALESCE(r.category, 'N') <> 'S')
    )
    UNION ALL
    SELECT DISTINCT 'changing', o.oprname::text FROM pg_catalog.pg_operator o
    JOIN changing p ON p.oid = o.oprcode
    WHERE o.oprnamespace <> 'pg_catalog'::pg_catalog.regnamespace
    UNION ALL
    SELECT DISTINCT 'changing', 'cast' FROM pg_catalog.pg_cast t JOIN changing p ON p.oid = t.castfunc
    """
)


# Modes of MariaDB's and MySQL's that change what a read means, or gives, beside those that are known above
# and to the lexer. (MariaDB's and MySQL's manuals, "SQL Mode".)
_PECULIAR_MODES = frozenset(
    {
        "DB2",
        "EMPTY_STRING_IS_NULL",
        "HIGH_NOT_PRECEDENCE",
        "MAXDB",
        "MSSQL",
        "NO_UNSIGNED_SUBTRACTION",
        "ORACLE",
        "PAD_CHAR_TO_FULL_LENGTH",
        "POSTGRESQL",
        "TIME_ROUND_FRACTIONAL",
        "TIME_TRUNCATE_FRACTIONAL",
    }
)
_NO_LIMIT = 2**64 - 1


def _peculiar(modes: str, limit: int, settings: Mapping[str, str]) -> str | None:
    if is_on(settings["sql_auto_is_null"]):
        return "sql_auto_is_null is on"  # which finds the row that was inserted last
    if limit != _NO_LIMIT:
        return f"sql_select_limit is {limit}"  # a fill would end there, too
    found = sorted(_PECULIAR_MODES.intersection(modes.upper().split(",")))
    return f"sql_mode has {', '.join(found)}" if found else None


# Drivers that give JSON as Python's own json reads it.
_PARSING = frozenset({"psycopg", "psycopg_async", "psycopg2"})


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the origin's statistics say of a table; None where they don't.

    Attributes:
        bytes: of the columns that were asked for.
    """

    rows: int | None = None
    bytes: int | None = None


def estimate(connection: Connection, family: str, table: TableName, columns: Sequence[str]) -> Estimate:
    """About how large a copy of these columns is."""
    if family == "postgresql":
        row = connection.execute(
            sa.text(
                "SELECT c.reltuples::bigint,"
                " (SELECT sum(s.avg_width * (1 - s.null_frac)) FROM pg_catalog.pg_stats s"
                " WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = ANY(:columns))"
                " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = :schema AND c.relname = :name AND c.relkind IN ('r', 'm')"
            ),
            {"columns": list(columns), "schema": table.schema, "name": table.name},
        ).one_or_none()
        if row is None or row[0] <= 0:
            return Estimate()
        return Estimate(row[0], None if row[1] is None else int(row[0] * (float(row[1]) + _ROW_OVERHEAD)))
    if family == "mysql":
        row = connection.execute(
            sa.text(
                "SELECT t.table_rows, t.avg_row_length, (SELECT count(*) FROM information_schema.columns c"
                " WHERE c.table_schema = t.table_schema AND c.table_name = t.table_name)"
                " FROM information_schema.tables t WHERE t.table_schema = :schema AND t.table_name = :name"
            ),
            {"schema": table.schema, "name": table.name},
        ).one_or_none()
        if row is None or not row[0] or not row[1] or not row[2]:
            return Estimate()
        return Estimate(int(row[0]), int(row[0] * (row[1] * len(columns) / row[2])))
    return Estimate()


# A row's own cost in an SQLite table beside its values: cell pointer, header, row id.
_ROW_OVERHEAD = 6
