"""What the origin's catalogue says of a table: its kinds, collations, keys, and what it depends on.

Columns, types, keys and indexes come from SQLAlchemy's inspector. Its answers are completed,
per family, by what it doesn't tell and an exact answer depends on: which table a name
means, how text compares, row-level security, what a view reads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import types
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from sqlalchemy.exc import NoSuchTableError
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from sqlmem.dialects import BY_FAMILY, Facts
from sqlmem.model import Collation, Column, Index, Kind, TableName, TableSchema

Spelling = tuple[str | None, str]


class UnknownTable(Exception):
    """The origin has no such table or view; the statement is its own to refuse."""


def reflect(connection: Connection, family: str, spelling: Spelling) -> TableSchema:
    """The definition of the table that a statement means by this spelling.

    Raises:
        UnknownTable: there is none.
        sqlalchemy.exc.SQLAlchemyError: as the origin raises it.
    """
    try:
        return _REFLECTORS[family](connection, spelling)
    except NoSuchTableError:
        raise UnknownTable(spelling) from None


def facts(connection: Connection, family: str) -> Facts:
    """What the family's semantics depend on, asked once."""
    driver = connection.dialect.driver
    if family == "sqlite":
        rows = connection.exec_driver_sql("SELECT name FROM pragma_function_list WHERE builtin = 0").all()
        like = connection.exec_driver_sql("SELECT 'a' LIKE 'A' FROM (SELECT 1 FROM sqlite_master UNION SELECT 1)").scalar()
        return Facts(driver, overridden=frozenset(str(row[0]).lower() for row in rows), like_ignores_case=bool(like))
    if family == "mysql":
        zone, system = connection.exec_driver_sql("SELECT @@session.time_zone, @@system_time_zone").one()
        zone = system if zone == "SYSTEM" else zone
        return Facts(driver, is_time_zone_fixed=bool(re.fullmatch(r"UTC|GMT|[+-]\d\d:\d\d", str(zone))))
    return Facts(driver)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the origin's statistics say of a table; None where they don't. `bytes`: of the columns asked for."""

    rows: int | None = None
    bytes: int | None = None


def estimate(connection: Connection, family: str, table: TableName, columns: Sequence[str]) -> Estimate:
    """About how large a copy of these columns is."""
    if family == "postgresql":
        row = connection.execute(
            sa.text(
                "SELECT c.reltuples::bigint, (SELECT sum(s.avg_width * (1 - s.null_frac)) FROM pg_catalog.pg_stats s"
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

# -- common ------------------------------------------------------------------------------------


def _inspected(
    connection: Connection, name: TableName, *, is_view: bool
) -> tuple[dict[str, Any], tuple[Index, ...]]:
    inspector = sa.inspect(connection)
    reflected = {column["name"]: column for column in inspector.get_columns(name.name, schema=name.schema)}
    indexes: dict[tuple[str, ...], Index] = {}
    if not is_view:
        key = inspector.get_pk_constraint(name.name, schema=name.schema)
        if key and key["constrained_columns"]:
            columns = tuple(key["constrained_columns"])
            indexes[columns] = Index(columns, is_primary_key=True, is_unique=True)
        for found in inspector.get_indexes(name.name, schema=name.schema):
            names = found["column_names"]
            if not names or any(column is None or column not in reflected for column in names):
                continue  # over an expression: nothing to mirror
            columns = tuple(column for column in names if column is not None)
            indexes.setdefault(columns, Index(columns, is_unique=bool(found["unique"])))
    return reflected, tuple(indexes.values())


def _common_kind(type_: Any) -> Kind:
    """A kind by SQLAlchemy's generic types, for an origin that nobody has described."""
    if isinstance(type_, types.Boolean | types.Enum):
        return Kind.OPAQUE
    return Kind.INTEGER if isinstance(type_, types.Integer) else Kind.OPAQUE


def _reflect_common(connection: Connection, spelling: Spelling) -> TableSchema:
    schema, name = spelling
    inspector = sa.inspect(connection)
    is_view = name in inspector.get_view_names(schema=schema)
    table = TableName(schema, name)
    reflected, indexes = _inspected(connection, table, is_view=is_view)
    columns = tuple(
        Column(key, _common_kind(found["type"]), str(found["type"].__class__.__name__)) for key, found in reflected.items()
    )
    return TableSchema(
        table,
        columns,
        indexes,
        is_view=is_view,
        depends_on=None if is_view else frozenset(),
        refusal="it is a view, of which it isn't known what it reads" if is_view else None,
    )


def _view_reads(definition: str, family: str) -> tuple[list[Spelling], str | None]:
    """The tables named in a view's definition, and why its rows may change without them."""
    semantics = BY_FAMILY[family]
    try:
        tree = parse_one(definition, read=semantics.sqlglot)
    except (SqlglotError, RecursionError):
        return [], "its definition can't be parsed"
    ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    tables = [
        (table.db or None, table.name)
        for table in tree.find_all(exp.Table)
        if table.name and (table.db or table.name.lower() not in ctes)
    ]
    for function in tree.find_all(exp.Func):
        name = function.name if isinstance(function, exp.Anonymous) else function.key
        if name.lower().replace("_", "") not in {pure.replace("_", "") for pure in semantics.pure_functions}:
            return tables, f"it calls {name.lower()}, whose result may change between reads"
    if tree.find(exp.SessionParameter, exp.Parameter) is not None:
        return tables, "it reads a variable of the session"
    return tables, None


# -- PostgreSQL --------------------------------------------------------------------------------

_PG_TABLE = sa.text(
    "SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relpersistence::text, c.relrowsecurity,"
    " pg_catalog.current_setting('server_encoding')"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.oid = pg_catalog.to_regclass(:name)"
)
# to_jsonb: a column that this server's version doesn't have is NULL, not an error.
_PG_COLLATIONS = sa.text(
    "SELECT a.attname, o.collname, to_jsonb(o)->>'collisdeterministic', d.datcollate,"
    " COALESCE(to_jsonb(d)->>'datlocprovider', 'c'), n.nspname"
    " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_collation o ON o.oid = a.attcollation"
    " JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace"
    " JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()"
    " WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped"
)
_PG_DEPENDENCIES = sa.text(
    """
    WITH RECURSIVE reached(oid) AS (
        SELECT CAST(:oid AS oid)
        UNION
        SELECT step.oid FROM reached JOIN (
            SELECT r.ev_class AS source, d.refobjid AS oid
            FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d
            ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
            UNION ALL SELECT i.inhparent, i.inhrelid FROM pg_catalog.pg_inherits i
            UNION ALL SELECT i.inhrelid, i.inhparent FROM pg_catalog.pg_inherits i
        ) step ON step.source = reached.oid
    )
    SELECT c.oid, n.nspname, c.relname, c.relrowsecurity,
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END
    FROM reached JOIN pg_catalog.pg_class c ON c.oid = reached.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
    """
)
_PG_KINDS = {"r": None, "p": None, "v": None, "m": None, "f": None}


def _reflect_postgresql(connection: Connection, spelling: Spelling) -> TableSchema:
    name = ".".join('"' + part.replace('"', '""') + '"' for part in spelling if part is not None)
    row = connection.execute(_PG_TABLE, {"name": name}).one_or_none()
    if row is None or row[3] not in _PG_KINDS:
        raise UnknownTable(spelling)
    oid, schema, table, kind, persistence, has_row_security, encoding = row
    full = TableName(schema, table)
    is_view = kind in ("v", "m")
    reflected, indexes = _inspected(connection, full, is_view=is_view)
    collations = {
        item[0]: _postgresql_collation(*item[1:], encoding=encoding)
        for item in connection.execute(_PG_COLLATIONS, {"oid": oid})
    }
    columns = tuple(
        _postgresql_column(key, found["type"], collations.get(key, Collation.UNKNOWN)) for key, found in reflected.items()
    )
    refusal = None
    depends_on = set()
    for other, other_schema, other_name, other_security, definition in connection.execute(_PG_DEPENDENCIES, {"oid": oid}):
        if other != oid:
            depends_on.add(TableName(other_schema, other_name))
        if other_security:
            refusal = "row-level security decides who sees which rows"
        if definition is not None and refusal is None:
            refusal = _view_reads(definition, "postgresql")[1]
        if other_schema in ("pg_catalog", "information_schema"):
            refusal = "it reads the origin's catalogue"
    if has_row_security:
        refusal = "row-level security decides who sees which rows"
    if persistence == "t":
        refusal = "it is temporary, and another session's may have the same name"
    return TableSchema(full, columns, indexes, is_view, frozenset(depends_on), refusal)


def _postgresql_collation(
    name: str, is_deterministic: str | None, database: str, provider: str, schema: str, *, encoding: str
) -> Collation:
    if is_deterministic == "false":
        return Collation.UNKNOWN
    if schema == "pg_catalog" and name == "default":
        name = database if provider == "c" else ""
    # Bytes order as code points in UTF-8 only.
    return Collation.BINARY if name in ("C", "POSIX") and encoding == "UTF8" else Collation.DETERMINISTIC


def _postgresql_column(name: str, type_: Any, collation: Collation) -> Column:
    words = str(type_.compile(dialect=_PG_DIALECT)) if not isinstance(type_, types.NullType) else "unknown"
    if isinstance(type_, types.Boolean):
        return Column(name, Kind.BOOLEAN, words)
    if isinstance(type_, types.Integer):
        return Column(name, Kind.INTEGER, words)
    if isinstance(type_, types.Double) or words == "DOUBLE PRECISION":
        return Column(name, Kind.FLOAT, words)
    if isinstance(type_, types.Float):
        # float4 = 0.1 compares with 0.100000001…, and drivers differ on which they return.
        return Column(name, Kind.OPAQUE, words)
    if isinstance(type_, types.Numeric):
        if type_.precision is None:
            return Column(name, Kind.DECIMAL, words)
        if type_.scale is None or not 0 <= type_.scale <= type_.precision:
            return Column(name, Kind.OPAQUE, words)
        return Column(name, Kind.NUMERIC, words, precision=type_.precision, scale=type_.scale)
    if isinstance(type_, types.Enum):
        # Ordered by declaration; an unknown label is an error.
        return Column(name, Kind.TEXT, "ENUM", is_compared=False)
    if isinstance(type_, types.CHAR):
        # Blanks at the end count in some comparisons and not in others.
        return Column(name, Kind.TEXT, words, is_compared=False)
    if isinstance(type_, postgresql.CITEXT):
        return Column(name, Kind.TEXT, words, is_compared=False)
    if isinstance(type_, types.String):
        return Column(name, Kind.TEXT, words, collation=collation)
    if isinstance(type_, postgresql.BYTEA):
        return Column(name, Kind.BYTES, words)
    if isinstance(type_, types.DateTime):
        return Column(name, Kind.TIMESTAMPTZ if type_.timezone else Kind.TIMESTAMP, words)
    if isinstance(type_, types.Date):
        return Column(name, Kind.DATE, words)
    if isinstance(type_, types.Time):
        return Column(name, Kind.OPAQUE if type_.timezone else Kind.TIME, words)
    if isinstance(type_, types.Uuid):
        return Column(name, Kind.UUID, words)
    if isinstance(type_, types.JSON):
        return Column(name, Kind.JSON, words)
    if isinstance(type_, types.Interval | postgresql.INTERVAL):
        return Column(name, Kind.INTERVAL, words)
    return Column(name, Kind.OPAQUE, words)


_PG_DIALECT = postgresql.dialect()

# -- MariaDB, MySQL ----------------------------------------------------------------------------

_MYSQL_TABLE = sa.text(
    "SELECT t.table_schema, t.table_name, t.table_type FROM information_schema.tables t"
    " WHERE t.table_schema = COALESCE(:schema, DATABASE()) AND t.table_name = :name"
)
_MYSQL_COLUMNS = sa.text(
    "SELECT c.column_name, c.data_type, c.column_type, c.collation_name, c.numeric_precision, c.numeric_scale"
    " FROM information_schema.columns c WHERE c.table_schema = :schema AND c.table_name = :name"
)
_MYSQL_VIEW = sa.text(
    "SELECT v.view_definition FROM information_schema.views v WHERE v.table_schema = :schema AND v.table_name = :name"
)


def _reflect_mysql(connection: Connection, spelling: Spelling) -> TableSchema:
    row = connection.execute(_MYSQL_TABLE, {"schema": spelling[0], "name": spelling[1]}).one_or_none()
    if row is None:
        raise UnknownTable(spelling)
    schema, name, kind = (str(value) for value in row)
    full = TableName(schema, name)
    is_view = kind.endswith("VIEW")
    reflected, indexes = _inspected(connection, full, is_view=is_view)
    told = {str(item[0]): item for item in connection.execute(_MYSQL_COLUMNS, {"schema": schema, "name": name})}
    columns = tuple(_mysql_column(key, found["type"], told.get(key)) for key, found in reflected.items())
    if kind not in ("BASE TABLE", "VIEW"):
        return TableSchema(full, columns, indexes, is_view, None, f"it is a {kind.lower()}")
    depends_on: frozenset[TableName] | None = frozenset()
    refusal = None
    if is_view:
        depends_on, refusal = _mysql_view(connection, full, depth=0)
    return TableSchema(full, columns, indexes, is_view, depends_on, refusal)


def _mysql_view(connection: Connection, view: TableName, *, depth: int) -> tuple[frozenset[TableName] | None, str | None]:
    definition = connection.execute(_MYSQL_VIEW, {"schema": view.schema, "name": view.name}).scalar()
    if not definition or depth > 20:
        return None, "what it reads isn't told to this user"
    tables, refusal = _view_reads(str(definition), "mysql")
    found: set[TableName] = set()
    for schema, name in tables:
        row = connection.execute(_MYSQL_TABLE, {"schema": schema or view.schema, "name": name}).one_or_none()
        if row is None:
            return None, refusal or "it reads a table that isn't known"
        other = TableName(str(row[0]), str(row[1]))
        found.add(other)
        if str(row[2]).endswith("VIEW"):
            deeper, deeper_refusal = _mysql_view(connection, other, depth=depth + 1)
            refusal = refusal or deeper_refusal
            if deeper is None:
                return None, refusal
            found |= deeper
    return frozenset(found), refusal


_MYSQL_INTEGERS = {"tinyint": "TINYINT", "smallint": "SMALLINT", "mediumint": "MEDIUMINT", "int": "INTEGER", "bigint": "BIGINT"}
# Without PAD SPACE; under the other binary collations 'a' = 'a '.
_MYSQL_BINARY = ("_nopad_bin", "utf8mb4_0900_bin")


def _mysql_column(name: str, type_: Any, told: Any) -> Column:
    if told is None:
        return Column(name, Kind.OPAQUE, "unknown")
    _, data_type, column_type, collation_name, precision, scale = told
    data, words = str(data_type).lower(), str(column_type).lower()
    is_zerofill = "zerofill" in words
    if data in _MYSQL_INTEGERS and not is_zerofill:
        if data == "bigint" and "unsigned" in words:
            return Column(name, Kind.UNSIGNED, "BIGINT UNSIGNED")
        return Column(name, Kind.INTEGER, _MYSQL_INTEGERS[data])
    if data == "decimal":
        return Column(name, Kind.NUMERIC, words, precision=int(precision), scale=int(scale))
    if data == "double" and "(" not in words:
        return Column(name, Kind.FLOAT, words)
    if data in ("varchar", "char", "text", "tinytext", "mediumtext", "longtext"):
        binary = collation_name is not None and str(collation_name).endswith(_MYSQL_BINARY)
        collation = Collation.BINARY if binary and str(collation_name).startswith("utf8") else Collation.UNKNOWN
        return Column(name, Kind.TEXT, words, collation=collation)
    if data in ("enum", "set", "json", "uuid", "inet6", "inet4"):
        return Column(name, Kind.TEXT, words, is_compared=False)
    if data in ("varbinary", "blob", "tinyblob", "mediumblob", "longblob"):
        return Column(name, Kind.BYTES, words)
    if data in ("binary", "bit"):
        return Column(name, Kind.BYTES, words, is_compared=False)
    if data == "date":
        return Column(name, Kind.DATE, words)
    if data == "datetime":
        return Column(name, Kind.TIMESTAMP, words)
    if data == "timestamp":
        # Compared in the session's time zone, where an hour of the year comes twice.
        return Column(name, Kind.TIMESTAMP, words, is_compared=False)
    if data == "time":
        return Column(name, Kind.INTERVAL, words)
    if data == "year":
        return Column(name, Kind.INTEGER, "YEAR", is_compared=False)
    return Column(name, Kind.OPAQUE, words)


# -- SQLite ------------------------------------------------------------------------------------


def _reflect_sqlite(connection: Connection, spelling: Spelling) -> TableSchema:
    schema = spelling[0] or "main"
    quoted = '"' + schema.replace('"', '""') + '"'
    if spelling[0] is None:
        temporary = connection.exec_driver_sql(
            "SELECT 1 FROM sqlite_temp_master WHERE lower(name) = ?", (spelling[1].lower(),)
        ).first()
        if temporary is not None:
            name = TableName("temp", spelling[1])
            return TableSchema(name, (), refusal="it is temporary, and another session's may have the same name")
    databases = {str(row[1]).lower() for row in connection.exec_driver_sql("PRAGMA database_list")}
    if schema.lower() not in databases:
        raise UnknownTable(spelling)
    rows = connection.exec_driver_sql(
        f"SELECT type, name, sql FROM {quoted}.sqlite_master WHERE type IN ('table', 'view') AND lower(name) = ?",
        (spelling[1].lower(),),
    ).all()
    if not rows:
        # Unqualified, it may be one of an attached database.
        raise UnknownTable(spelling)
    kind, name, sql = rows[0]
    full = TableName(schema.lower(), str(name))
    is_view = kind == "view"
    reflected, indexes = _inspected(connection, full, is_view=is_view)
    declared = _sqlite_declared(connection, quoted, full.name)
    collations = _sqlite_collations(str(sql))
    columns = tuple(
        Column(
            key,
            Kind.DYNAMIC,
            declared.get(key, ""),
            affinity=_sqlite_affinity(declared.get(key, "")),
            collation=collations.get(key.lower(), Collation.BINARY) if collations is not None else Collation.UNKNOWN,
            # A view's columns have the affinity and collation of what they are made of.
            is_compared=not is_view,
        )
        for key in reflected
    )
    refusal = "it is a virtual table" if str(sql).lstrip().upper().startswith("CREATE VIRTUAL") else None
    depends_on: frozenset[TableName] | None = frozenset()
    if is_view:
        depends_on, refusal = _sqlite_view(connection, quoted, str(sql), full, depth=0)
    # Only an INTEGER PRIMARY KEY of a rowid table is its row id and can hold nothing else.
    if "WITHOUT ROWID" in str(sql).upper():
        indexes = tuple(replace(index, is_primary_key=False) for index in indexes)
    return TableSchema(full, columns, indexes, is_view, depends_on, refusal)


def _sqlite_declared(connection: Connection, schema: str, table: str) -> dict[str, str]:
    name = '"' + table.replace('"', '""') + '"'
    return {str(row[1]): str(row[2] or "") for row in connection.exec_driver_sql(f"PRAGMA {schema}.table_xinfo({name})")}


def _sqlite_affinity(declared: str) -> str:
    """The five rules of section 3.1 of https://sqlite.org/datatype3.html, in their order."""
    words = declared.upper()
    if "INT" in words:
        return "INTEGER"
    if any(part in words for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in words or not words:
        return "BLOB"
    if any(part in words for part in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def _sqlite_collations(sql: str) -> dict[str, Collation] | None:
    """The columns that declare a collation; None if the definition can't be read."""
    if "collate" not in sql.lower():
        return {}
    try:
        tree = parse_one(sql, read="sqlite")
    except (SqlglotError, RecursionError):
        return None
    found: dict[str, Collation] = {}
    for column in tree.find_all(exp.ColumnDef):
        for constraint in column.find_all(exp.CollateColumnConstraint):
            name = str(constraint.this.name if isinstance(constraint.this, exp.Expr) else constraint.this).upper()
            found[column.name.lower()] = _SQLITE_COLLATIONS.get(name, Collation.UNKNOWN)
    # Somewhere it says COLLATE, and it wasn't seen.
    return found or None


_SQLITE_COLLATIONS = {"BINARY": Collation.BINARY, "NOCASE": Collation.NOCASE, "RTRIM": Collation.RTRIM}


def _sqlite_view(
    connection: Connection, schema: str, sql: str, view: TableName, *, depth: int
) -> tuple[frozenset[TableName] | None, str | None]:
    match = re.match(r"(?is)\s*create\s+(?:temp\w*\s+)?view\b.*?\bas\b(.*)", sql)
    if match is None or depth > 20:
        return None, "its definition can't be parsed"
    tables, refusal = _view_reads(match[1], "sqlite")
    found: set[TableName] = set()
    for _, name in tables:
        row = connection.exec_driver_sql(
            f"SELECT type, name, sql FROM {schema}.sqlite_master WHERE type IN ('table', 'view') AND lower(name) = ?",
            (name.lower(),),
        ).first()
        if row is None:
            return None, refusal or "it reads a table that isn't known"
        other = TableName(view.schema, str(row[1]))
        found.add(other)
        if row[0] == "view":
            deeper, deeper_refusal = _sqlite_view(connection, schema, str(row[2]), other, depth=depth + 1)
            refusal = refusal or deeper_refusal
            if deeper is None:
                return None, refusal
            found |= deeper
    return (frozenset(found) if tables else None), refusal


_REFLECTORS = {
    "sqlite": _reflect_sqlite,
    "postgresql": _reflect_postgresql,
    "mysql": _reflect_mysql,
    "other": _reflect_common,
}

