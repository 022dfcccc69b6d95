"""What the origin's connections are set to, and what their driver makes of some constants.

Two processes whose connections differ in any of it may mean another table by the same name, or read the same
rows as other values. An engine's address doesn't tell: `connect_args`, a `creator` of the application's own
and events that set up each new connection aren't in it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Any

from sqlalchemy import exc
from sqlalchemy.engine import Connection

# In the name of an SQLite database's file.
DATABASE = "database "
# Names for a warning, and what the origin is asked for; texts, or NULL where the server knows no such thing.
# The version: functions and collations are what it makes of them.
_SETTINGS: dict[str, dict[str, str]] = {
    "postgresql": {
        "version": "current_setting('server_version')",
        "database": "current_database()",
        "database oid": "(SELECT oid::text FROM pg_catalog.pg_database WHERE datname = current_database())",
        "user": "current_user::text",
        "schemas": "array_to_string(current_schemas(false), ',')",
        **{
            name: f"current_setting('{name}', true)"
            for name in (
                "search_path",
                "TimeZone",
                "timezone_abbreviations",
                "DateStyle",
                "IntervalStyle",
                "bytea_output",
                "client_encoding",
                "default_text_search_config",
                "extra_float_digits",
                "lc_monetary",
                "lc_time",
                "row_security",
                "standard_conforming_strings",
                "transform_null_equals",
                "xmlbinary",
            )
        },
    },
    "mysql": {
        "version": "VERSION()",
        "database": "DATABASE()",
        "user": "CURRENT_USER()",
        **{
            name: f"@@{name}"
            for name in (
                "character_set_client",
                "character_set_results",
                "collation_connection",
                "default_week_format",
                "lc_time_names",
                "max_sort_length",
                "sql_auto_is_null",
                "sql_mode",
                "time_zone",
            )
        },
    },
    "sqlite": {"version": "sqlite_version()"},
}
# Where the address names no host, the server is asked who it is. Otherwise it isn't: behind one name there
# may be several servers, of which any has the same rows.
_PLACES: dict[str, dict[str, str]] = {
    "postgresql": {
        "server": "host(inet_server_addr())",
        "port": "current_setting('port', true)",
        "cluster": "current_setting('cluster_name', true)",
    },
    "mysql": {"server": "@@hostname", "port": "@@port"},
}
# One of each usual type, and two moments, of which one is in summer.
_CONSTANTS: dict[str, dict[str, str]] = {
    "postgresql": {
        "SMALLINT": "1::smallint",
        "INTEGER": "1::integer",
        "BIGINT": "1::bigint",
        "REAL": "1.5::real",
        "DOUBLE PRECISION": "1.5::double precision",
        "NUMERIC": "1.50::numeric(10, 2)",
        "TEXT": "'a'::text",
        "VARCHAR": "'a'::varchar(3)",
        "CHAR": "'a'::char(3)",
        "BOOLEAN": "true",
        "DATE": "DATE '2024-02-29'",
        "TIME": "TIME '12:30:00'",
        "TIMESTAMP": "TIMESTAMP '2024-02-29 12:30:00'",
        "TIMESTAMP WITH TIME ZONE": "TIMESTAMP WITH TIME ZONE '2024-01-29 12:30:00+00'",
        "TIMESTAMP WITH TIME ZONE in summer": "TIMESTAMP WITH TIME ZONE '2024-07-29 12:30:00+00'",
        "BYTEA": "decode('61', 'hex')",
        "UUID": "'00000000-0000-0000-0000-000000000001'::uuid",
        "JSON": "'[1.5]'::json",
        "JSONB": "'[1.5]'::jsonb",
        "INTEGER[]": "ARRAY[1, 2]",
        "TEXT[]": "ARRAY['a'::text]",
    },
    "mysql": {
        "BIGINT": "CAST(1 AS SIGNED)",
        "DOUBLE": "1.5e0",
        "DECIMAL": "CAST(1.50 AS DECIMAL(10, 2))",
        "TEXT": "CAST('a' AS CHAR(3))",
        "BINARY": "CAST('a' AS BINARY)",
        "DATE": "CAST('2024-02-29' AS DATE)",
        "TIME": "CAST('12:30:00' AS TIME)",
        "DATETIME": "CAST('2024-02-29 12:30:00' AS DATETIME)",
        "moment": "FROM_UNIXTIME(1706531400)",
        "moment in summer": "FROM_UNIXTIME(1722256200)",
    },
    "sqlite": {
        "INTEGER": "1",
        "REAL": "1.5",
        "TEXT": "'a'",
        "BLOB": "x'61'",
        "TEXT [date]": "'2024-02-29'",  # sqlite3 may be told to look for types in columns' names
    },
}
# What a driver raises that can't read a value as its session sends it: a DateStyle, say. And what a server
# does that is called PostgreSQL or MariaDB and lacks one of these.
_UNANSWERED = (
    exc.DBAPIError,
    ValueError,
    ArithmeticError,
    NotImplementedError,
    TypeError,
    LookupError,
    AttributeError,
)


def session(connection: Connection, family: str) -> tuple[tuple[str, str], ...]:
    """Names of settings and of types of constants, with what each is. For all connections of an engine.

    Raises:
        sqlalchemy.exc.DBAPIError: the connection is lost. What else keeps the origin from answering makes
            that unknown.
    """
    settings = dict(_SETTINGS.get(family, {}))
    if not (connection.engine.url.host or connection.engine.url.query.get("host")):
        settings |= _PLACES.get(family, {})
    constants = _CONSTANTS.get(family, {})
    pairs = _answered(connection, family, {**settings, **constants})
    if pairs is None:
        pairs = []
        for parts in (settings, constants):
            pairs += _answered(connection, family, parts) or [(name, "unknown") for name in parts]
    if family == "sqlite":
        # Not that of temporary tables, which is there from when somebody first asks for one.
        files = connection.exec_driver_sql(
            "SELECT name, file FROM pragma_database_list WHERE name <> 'temp'"
        ).all()
        pairs += [(f"{DATABASE}{row[0]}", os.path.realpath(row[1]) if row[1] else "") for row in files]
    return tuple(pairs)


def _answered(connection: Connection, family: str, parts: dict[str, str]) -> list[tuple[str, str]] | None:
    """None if one of them has no answer."""
    try:
        # PostgreSQL gives up a transaction after an error.
        with connection.begin_nested() if family == "postgresql" else contextlib.nullcontext():
            return [*zip(parts, map(_form, _asked(connection, parts)), strict=False)]
    except _UNANSWERED as error:
        if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
            raise
        return None


def _asked(connection: Connection, parts: dict[str, str]) -> Sequence[Any]:
    if not parts:
        return ()
    quote = connection.dialect.identifier_preparer.quote_identifier
    items = ", ".join(f"{text} AS {quote(name)}" for name, text in parts.items())
    return list(connection.exec_driver_sql(f"SELECT {items}").one())


def _form(value: Any) -> str:
    """A value's type and text, the same in each process."""
    if isinstance(value, memoryview):
        value = bytes(value)
    kind = type(value)
    shown = repr(value)
    if " at 0x" in shown:
        shown = "an object"
    return f"{kind.__module__}.{kind.__qualname__} {shown}"


def is_on(form: str | None) -> bool:
    """Whether a setting's value, as `session` gives it, is that of one that is on."""
    return form is not None and form.rpartition(" ")[2].strip("'").lower() in {"1", "on", "true"}
