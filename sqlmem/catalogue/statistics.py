"""What is asked of an origin beside definitions: facts that meanings depend on, sizes of tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
        compared = connection.exec_driver_sql(_COMPARED).all()
        names = tuple(connection.exec_driver_sql(_NAMES).keys())
        return Facts(
            driver,
            session=found,
            overridden=frozenset(str(row[0]).lower() for row in rows),
            like_ignores_case=bool(compared[0][0]),
            names_are_declared=names[0] == "type",
            names_have_types=names[1] != _TYPED_NAME,
            peculiar=_peculiar_sqlite(
                names[0], compared, getattr(connection.connection.driver_connection, "text_factory", str)
            ),
        )
    if family == "mysql":
        modes, collation, most, limit, length, *sets = connection.exec_driver_sql(
            "SELECT @@sql_mode, @@collation_connection, @@group_concat_max_len, @@sql_select_limit,"
            f" @@max_sort_length, {', '.join(f'@@{name}' for name in _SETS)}"
        ).one()
        own = getattr(connection.dialect, "_connection_charset", None)
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
            peculiar=_peculiar(str(modes), int(limit), dict(found)) or _misread(own, sets),
        )
    # An application's own deserializer may make anything of it; asyncpg gives it as text.
    is_parsed = driver in _PARSING and getattr(connection.dialect, "_json_deserializer", None) is None
    nulls = "transform_null_equals"
    known = Facts(
        driver,
        session=found,
        json_is_parsed=family == "postgresql" and is_parsed,
        rounds_floats=family == "postgresql"
        and _rounds_floats(connection, dict(found).get("extra_float_digits")),
        peculiar=f"{nulls} is on" if is_on(dict(found).get(nulls)) else None,
    )
    return with_what_was_made(connection, known) if family == "postgresql" else known


# From PostgreSQL 12 on a float's text is the shortest that gives it back, unless fewer digits are asked for.
_SHORTEST_FLOATS = (12,)


def _rounds_floats(connection: Connection, digits: str | None) -> bool:
    """Whether PostgreSQL's floats come with fewer digits than they have, or with other ones.

    Args:
        digits: extra_float_digits, as `session` gives it.
    """
    version = getattr(connection.dialect, "server_version_info", None)
    if version is not None and version < _SHORTEST_FLOATS:
        return True
    number = (digits or "").rpartition(" ")[2].strip("'")
    return number.lstrip("-").isdigit() and int(number) < 1


def with_what_was_made(connection: Connection, known: Facts) -> Facts:
    """PostgreSQL: the facts with the functions, operators and casts that somebody has made by now."""
    made: dict[str, set[str]] = {"function": set(), "operator": set(), "namesake": set(), "changing": set()}
    for kind, name in connection.execute(_MADE):
        made[str(kind)].add(str(name))
    return replace(
        known,
        overridden=frozenset(made["function"]),
        operators=frozenset(made["operator"]),
        namesakes=frozenset(made["namesake"]),
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
    SELECT DISTINCT 'namesake', p.proname::text FROM pg_catalog.pg_proc p
    WHERE p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace
    AND EXISTS (
        SELECT FROM pg_catalog.pg_proc b WHERE b.proname = p.proname
        AND b.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
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


# By which each of SQLite's collations is told from what applications put in its place: of the letters of all
# alphabets, without accents, by numbers, in a language's order, with all kinds of white space.
_TEXTS = (
    "", " ", "a", "A", "a ", "a  ", " a", "a\t", "b", "B", "Z", "[", "_", "z", "~", "a b", "a-b", "ab", "aB",
    "Ab", "a9", "a10", "10", "9", "1e1", "0x9", "ä", "Ä", "a\u0308", "é", "É", "e", "ß", "ss", "ı", "İ", "i",
    "I", "ñ", "n", "o", "ö", "я", "Я", "ω", "ς", "σ", "Σ", "\u212a", "k", "ａ", "\ufffd", "\U0001f600",
)  # fmt: skip
_KEYS: dict[str, Callable[[str], str]] = {
    "BINARY": lambda text: text,
    "NOCASE": lambda text: "".join(each.lower() if each.isascii() else each for each in text),
    "RTRIM": lambda text: text.rstrip(" "),
}
# LIKE, the places of two of the texts, and how they compare. With sqlite_master, as no constant of its own.
_GIVEN = ", ".join(f"({place}, '{text}')" for place, text in enumerate(_TEXTS))
_SIGNS = ", ".join(
    f"(a.value > b.value COLLATE {name}) - (a.value < b.value COLLATE {name})" for name in _KEYS
)
_COMPARED = (
    f"WITH given (place, value) AS (VALUES {_GIVEN}) SELECT 'a' LIKE 'A', a.place, b.place, {_SIGNS}"
    " FROM (SELECT 1 FROM sqlite_master UNION SELECT 1), given AS a, given AS b WHERE a.place < b.place"
)
_TYPED_NAME = "a [b]"  # of which sqlite3 leaves "a" where it looks for types in names
_NAMES = f'SELECT TYPE, 1 AS "{_TYPED_NAME}" FROM sqlite_master LIMIT 0'


def _peculiar_sqlite(
    name: str, compared: Sequence[Sequence[Any]], text_factory: Callable[[bytes], Any]
) -> str | None:
    if name.lower() != "type":
        return "full_column_names is on"
    if _loses(text_factory):
        return "text_factory may make another text of what the database has"
    for place, (collation, key) in enumerate(_KEYS.items(), start=3):
        for row in compared:
            one, other = key(_TEXTS[row[1]]), key(_TEXTS[row[2]])
            # In the order of code points, as UTF-8 has it.
            if row[place] != (one > other) - (one < other):
                return f"the collation {collation} isn't SQLite's own"
    return None


def _loses(text_factory: Callable[[bytes], Any]) -> bool:
    """Whether what sqlite3 gives as a text may be another one than the database has."""
    if text_factory is str:
        return False
    plain = "aé\U0001f600"
    try:
        if text_factory(plain.encode()) != plain:
            return True
        text_factory(b"a\xffb").encode()
    except Exception:  # noqa: BLE001 - the application's own: what it refuses to read isn't read otherwise
        return False
    return True


# By which MariaDB and MySQL read statements, take their constants, and write answers.
_SETS = ("character_set_client", "character_set_connection", "character_set_results")


def _misread(own: str | None, sets: Sequence[str | None]) -> str | None:
    """Why texts are read or written otherwise than the driver does, or converted on the way.

    Args:
        own: the driver's character set; None if it isn't known.
        sets: the session's, as `_SETS`.
    """
    for name, value in zip(_SETS, sets, strict=True):
        if value in (None, "binary"):
            # Answers aren't converted at all, whatever they are written in.
            return f"{name} is {value or 'NULL'}"
        if value != sets[0]:
            return f"{name} is {value} and {_SETS[0]} {sets[0]}"
    if own is None or own == sets[0] or (own.startswith("utf8") and str(sets[0]).startswith("utf8")):
        return None  # Python has one UTF-8
    return f"{_SETS[0]} is {sets[0]} and the driver's {own}"


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
