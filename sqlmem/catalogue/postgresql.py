"""PostgreSQL's catalogue: which table a name means, its collations, row security, what it depends on."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import types
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from sqlmem.catalogue.base import Spelling, UnknownTable, inspected
from sqlmem.catalogue.views import view as view_of
from sqlmem.catalogue.views import why_of_the_present
from sqlmem.model import ROW_SECURITY, Collation, Column, Kind, TableName, TableSchema

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
# With what is read whenever it is: by views, not materialized ones, and of a parent its children.
_PG_DEPENDENCIES = sa.text(
    """
    WITH RECURSIVE reached(oid, is_read) AS (
        SELECT CAST(:oid AS oid), true
        UNION
        SELECT step.oid, reached.is_read AND step.is_read FROM reached JOIN (
            SELECT r.ev_class AS source, d.refobjid AS oid, v.relkind = 'v' AS is_read
            FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
            JOIN pg_catalog.pg_depend d
            ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
            UNION ALL SELECT i.inhparent, i.inhrelid, true FROM pg_catalog.pg_inherits i
            UNION ALL SELECT i.inhrelid, i.inhparent, false FROM pg_catalog.pg_inherits i
        ) step ON step.source = reached.oid
    )
    SELECT c.oid, n.nspname, c.relname, c.relrowsecurity,
        CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END AS definition,
        CASE WHEN pg_catalog.bool_or(reached.is_read) THEN c.relkind::text END AS read_as
    FROM reached JOIN pg_catalog.pg_class c ON c.oid = reached.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    GROUP BY c.oid, n.nspname, c.relname, c.relrowsecurity, c.relkind
    """
)
# The columns of some relations; and the types that their definitions use which somebody has made of dates,
# ranges, rows or arrays: pg_type.typcategory, which a domain has of its base.
_PG_TYPES = sa.text(
    """
    SELECT a.attname, t.typname, false
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = ANY(CAST(:oids AS oid[])) AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT t.typname, t.typname, true
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d
    ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_catalog.pg_type'::regclass
    JOIN pg_catalog.pg_type t ON t.oid = d.refobjid
    WHERE r.ev_class = ANY(CAST(:oids AS oid[])) AND t.typcategory IN ('D', 'R', 'C', 'A', 'P')
    """
)
# A function that somebody has made, under whatever name, by itself or by an operator.
_PG_CHANGING = sa.text(
    """
    SELECT min(p.proname::text)
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d
    ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
    LEFT JOIN pg_catalog.pg_operator o
    ON d.refclassid = 'pg_catalog.pg_operator'::regclass AND o.oid = d.refobjid
    JOIN pg_catalog.pg_proc p ON p.oid = CASE
        WHEN d.refclassid = 'pg_catalog.pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
    WHERE r.ev_class = :oid AND p.provolatile <> 'i'
    """
)
_PG_MOMENTS = frozenset({"date", "time", "timetz", "timestamp", "timestamptz"})
_PG_KINDS = {"r": None, "p": None, "v": None, "m": None, "f": None}
# What has other rows without any write to it here: its server writes them, or nextval().
_PG_BEYOND = {"f": "the foreign table", "S": "the sequence"}


def reflect(connection: Connection, spelling: Spelling) -> TableSchema:
    name = ".".join('"' + part.replace('"', '""') + '"' for part in spelling if part is not None)
    row = connection.execute(_PG_TABLE, {"name": name}).one_or_none()
    if row is None or row[3] not in _PG_KINDS:
        raise UnknownTable(spelling)
    oid, schema, table, kind, persistence, has_row_security, encoding = row
    full = TableName(schema, table)
    is_view = kind in ("v", "m")
    reflected, indexes = inspected(connection, full, is_view=is_view)
    collations = {
        item[0]: (_postgresql_collation(*item[1:], encoding=encoding), _collate(item[1], item[5]))
        for item in connection.execute(_PG_COLLATIONS, {"oid": oid})
    }
    columns = tuple(
        _postgresql_column(key, found["type"], *collations.get(key, (Collation.UNKNOWN, "")))
        for key, found in reflected.items()
    )
    refusal = _made_by_somebody(connection, oid) if is_view else None
    depends_on = set()
    beyond = None
    found = connection.execute(_PG_DEPENDENCIES, {"oid": oid}).all()
    moments, has_moments_of_its_own = (
        _moments(connection, [item[0] for item in found]) if is_view else ((), False)
    )
    for other, other_schema, other_name, other_security, definition, read in found:
        if read in _PG_BEYOND:
            beyond = f"it reads {_PG_BEYOND[read]} {other_schema}.{other_name}, which may change by itself"
            if other == oid:
                beyond = "it is a foreign table, which may change by itself"
        if other != oid:
            depends_on.add(TableName(other_schema, other_name))
        if other_security:
            refusal = ROW_SECURITY
        if definition is not None and refusal is None:
            tree, _, refusal = view_of(definition, "postgresql")
            if refusal is None and tree is not None:
                refusal = why_of_the_present(tree, moments, has_moments_of_its_own=has_moments_of_its_own)
        if other_schema in ("pg_catalog", "information_schema"):
            refusal = "it reads the origin's catalogue"
    if has_row_security:
        refusal = ROW_SECURITY
    # Above row security, which the settings may allow.
    refusal = beyond or refusal
    if persistence == "t":
        refusal = "it is temporary, and another session's may have the same name"
    return TableSchema(full, columns, indexes, is_view, frozenset(depends_on), refusal)


def _made_by_somebody(connection: Connection, oid: int) -> str | None:
    """Why a view may change by itself though it calls nothing but what the origin has of that name."""
    name = connection.execute(_PG_CHANGING, {"oid": oid}).scalar()
    return None if name is None else f"it calls {name}, whose result may change between reads"


def _moments(connection: Connection, oids: list[int]) -> tuple[frozenset[str], bool]:
    """Names of columns that are dates and times in all of these, and whether one uses a type made of them."""
    is_moment: dict[str, bool] = {}
    has_made = False
    for name, type_name, is_made in connection.execute(_PG_TYPES, {"oids": oids}):
        if is_made:
            has_made = True
        else:
            lowered = str(name).lower()
            is_moment[lowered] = is_moment.get(lowered, True) and str(type_name) in _PG_MOMENTS
    return frozenset(name for name, is_one in is_moment.items() if is_one), has_made


def _postgresql_collation(
    name: str, is_deterministic: str | None, database: str, provider: str, schema: str, *, encoding: str
) -> Collation:
    if is_deterministic == "false":
        return Collation.UNKNOWN
    if schema == "pg_catalog" and name == "default":
        name = database if provider == "c" else ""
    # Bytes order as code points in UTF-8 only.
    return (
        Collation.BINARY
        if name in ("C", "POSIX", "ucs_basic") and encoding == "UTF8"
        else Collation.DETERMINISTIC
    )


def _collate(name: str, schema: str) -> str:
    """What a column's type says of its collation: texts under two named ones can't be compared."""
    return "" if schema == "pg_catalog" and name == "default" else f' COLLATE "{schema}"."{name}"'


# SQLAlchemy's type -> kind, the first that fits. What isn't here is opaque: kept, never compared.
_KINDS: tuple[tuple[Any, Kind], ...] = (
    (types.Boolean, Kind.BOOLEAN),
    (types.Integer, Kind.INTEGER),
    (types.Double, Kind.FLOAT),
    # float4 = 0.1 compares with 0.100000001…, and drivers differ on which they return.
    (types.Float, Kind.OPAQUE),
    (types.Numeric, Kind.NUMERIC),
    (types.String, Kind.TEXT),
    (postgresql.BYTEA, Kind.BYTES),
    (types.DateTime, Kind.TIMESTAMP),
    (types.Date, Kind.DATE),
    (types.Time, Kind.TIME),
    (types.Uuid, Kind.UUID),
    (types.JSON, Kind.JSON),
    ((types.Interval, postgresql.INTERVAL), Kind.INTERVAL),
)
# Text that isn't compared as text: an enum by declaration, and an unknown label is an error;
# CHAR without the blanks at its end in some comparisons; CITEXT without case.
_OWN_RULES = (types.Enum, types.CHAR, postgresql.CITEXT)


def _postgresql_column(name: str, type_: Any, collation: Collation, collate: str) -> Column:
    if isinstance(type_, types.NullType):
        return Column(name, Kind.OPAQUE, "unknown")
    words = "ENUM" if isinstance(type_, types.Enum) else str(type_.compile(dialect=_PG_DIALECT))
    kind = next((kind for known, kind in _KINDS if isinstance(type_, known)), Kind.OPAQUE)
    if kind is Kind.TEXT:
        if isinstance(type_, _OWN_RULES):
            return Column(name, kind, words, is_compared=False)
        return Column(name, kind, words.partition(" COLLATE ")[0] + collate, collation=collation)
    if kind is Kind.NUMERIC:
        precision, scale = type_.precision, type_.scale
        if precision is None:
            return Column(name, Kind.DECIMAL, words)
        if scale is None or not 0 <= scale <= precision:
            return Column(name, Kind.OPAQUE, words)
        return Column(name, kind, words, precision=precision, scale=scale)
    if kind is Kind.INTERVAL:
        # A month is no number of days: what the driver gives isn't what the origin compares.
        return Column(name, kind, words, is_compared=False)
    if kind is Kind.TIMESTAMP and type_.timezone:
        kind = Kind.TIMESTAMPTZ
    if kind is Kind.TIME and type_.timezone:
        kind = Kind.OPAQUE
    return Column(name, kind, words)


_PG_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
