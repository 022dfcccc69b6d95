"""What FROM names: tables, derived tables, CTEs, and the scopes in which their columns are known.

How sources are put together is `joins`'s to know.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from sqlglot import exp

from sqlmem.context import Context
from sqlmem.dialects.base import Semantics
from sqlmem.dialects.numbers import DIGITS
from sqlmem.expressions import only
from sqlmem.joins import Joined, crossed, is_comma, joined, single, without_doubles
from sqlmem.lanes import taken_in
from sqlmem.laterals import beside
from sqlmem.model import Collation, Kind, TableSchema
from sqlmem.outputs import (
    ROW_IDS,
    Spelling,
    callable_names,
    shown_names,
    spelled_name,
    table_spelling,
)
from sqlmem.plan import Refuse, Rows
from sqlmem.row_lists import names_of, values_of
from sqlmem.scopes import Listed, Relation, Scope, Source
from sqlmem.set_operations import Queries
from sqlmem.stored import DATA, quoted, stored_names
from sqlmem.values import Value


def seen_by(queries: Queries, around: Scope) -> Scope:
    """What a derived table or a query of WITH sees of what is around."""
    is_closed = "outer in derived" not in queries.context.semantics.shapes
    return Scope(around, ctes=around.ctes, is_closed=is_closed)


def read_since(queries: Queries, reads: int) -> Rows:
    """How many rows a query gives at most: those that its SELECTs read, and one of each that aggregates."""
    parts = tuple(queries.context.reads[reads:])
    return Rows(parts=parts, count=len(parts))


def relation_of(
    queries: Queries, node: exp.Expr, sql: str, values: tuple[Value, ...], alias: exp.Expr, rows: Rows
) -> Relation:
    listed = alias.args.get("columns") or []
    names = [queries.context.fold_column(column) for column in listed]
    given: list[str | None] = [spelled_name(queries.context, column) for column in listed]
    if not names:
        written = node if isinstance(node, exp.Values) else values_of(node)
        if written is None:
            names, given = callable_names(queries.context, node), shown_names(queries.context, node)
        else:
            names = names_of(queries, len(values))
            given = list(names)
    if len(names) != len(values):
        raise Refuse("a list of column names that doesn't fit")
    if len(set(names)) != len(names):
        if queries.context.semantics.name == "mysql":
            raise Refuse("two columns of one name in a derived table, which the origin reports as an error")
        if queries.context.semantics.is_dynamic:
            # SQLite makes a second name for one of them.
            given = [None if names.count(name) > 1 else each for name, each in zip(names, given, strict=True)]
    if queries.context.semantics.name == "mysql" and isinstance(node.unnest(), exp.SetOperation):
        # MariaDB puts its rows into a table, whose integers have all the digits of their type.
        kept = tuple(map(_kept, values))
        return Relation(sql, tuple(names), kept, tuple(given), rows, is_table=True)
    return Relation(sql, tuple(names), values, tuple(given), rows)


def _kept(value: Value) -> Value:
    if value.type is None or value.type.kind is not Kind.INTEGER:
        return value
    return replace(value, type=replace(value.type, precision=DIGITS.get(value.type.type_name)))


def from_clause(queries: Queries, node: exp.Select, around: Scope) -> tuple[str, Scope]:
    """The text of FROM, and the scope of the SELECT."""
    clause = node.args.get("from_")
    joins = node.args.get("joins") or []
    if clause is None:
        if joins:
            raise Refuse("a form of FROM that the planner doesn't know")
        queries.context.reads.append(Rows(count=1))
        queries.context.made += 1
        return "", Scope(around, ctes=around.ctes, group_keys=None)
    only(clause, "this")
    found = _chain(queries, clause.this, joins, around)
    queries.context.reads.append(found.rows)
    scope = Scope(around, found.sources, found.columns, found.listed, ctes=around.ctes)
    if found.is_flat and all(source.is_table for source in found.sources):
        scope.row_ids = tuple(f"{source.stored}.rowid" for source in found.sources)
    if len(found.sources) > 1:
        queries.context.joins = True
        if queries.context.semantics.is_dynamic:
            _check_conditions(queries, node, scope)
    return f" FROM {found.text}", scope


def _chain(queries: Queries, first: exp.Expr, joins: list[exp.Join], around: Scope) -> Joined:
    """Sources that are joined one after the other."""
    binds_weaker = not queries.context.semantics.is_dynamic
    # What commas separate; SQLite takes a comma as a join like others.
    groups = [_source(queries, first, around)]
    for join in joins:
        if isinstance(join.this, exp.Lateral):
            groups[-1] = beside(queries, groups[-1], groups, join, around)
            continue
        right = _source(queries, join.this, around)
        if not is_comma(join):
            groups[-1] = joined(queries, groups[-1], right, join, around)
        elif binds_weaker:
            groups.append(right)
        else:
            groups[-1] = crossed(queries, groups[-1], right)
    return functools.reduce(functools.partial(crossed, queries), groups)


def _check_conditions(queries: Queries, node: exp.Select, scope: Scope) -> None:
    """Raises `Refuse` where a condition means another column by all of FROM than by its operands.

    SQLite looks at all sources for a name in ON, also at those that come later.
    """
    for join in node.args.get("joins") or []:
        on = join.args.get("on")
        if on is None or len(scope.sources) == 2:
            continue
        if on.find(exp.Query) is not None:
            raise Refuse("a subquery in a condition of several joins")
        for column in on.find_all(exp.Column):
            # Ambiguous by all of them: refused by the look.
            queries.context.look_up(column, scope)


def _source(queries: Queries, source: exp.Expr, around: Scope) -> Joined:
    if isinstance(source, exp.Table):
        if source.args.get("joins"):
            raise Refuse("joins within each other without parentheses")
        spelling = table_spelling(source, queries.context)
        alias_node = source.args.get("alias")
        if alias_node is not None:
            only(alias_node, "this")
        cte = around.ctes.get(spelling[1]) if spelling[0] is None else None
        alias = queries.context.fold_table(alias_node.this) if alias_node is not None else spelling[1]
        if cte is not None:
            # Each time that it is named, what it reads is read again.
            queries.context.uses += cte.uses
            queries.context.made += cte.made
            stored = queries.context.alias("d")
            return single(f"{cte.sql} AS {stored}", _relation_source(alias, stored, cte), cte.rows)
        return _table(queries, spelling, alias)
    if isinstance(source, exp.Values):
        return _derived(queries, source, source, around)
    if isinstance(source, exp.Subquery):
        if isinstance(source.this, exp.Table):
            return _in_parentheses(queries, source, around)
        only(source, "this", "alias")
        return _derived(queries, source, source.this, around)
    raise Refuse(f"{str(source.key).upper()} as a source is computed by the origin")


def _in_parentheses(queries: Queries, source: exp.Subquery, around: Scope) -> Joined:
    only(source, "this")
    table = source.this
    joins = table.args.get("joins") or []
    if not joins:
        raise Refuse("a table in parentheses")
    if queries.context.semantics.name == "postgresql" and any(map(is_comma, joins)):
        raise Refuse("a comma in parentheses is an error at the origin")
    first = table.copy()
    first.set("joins", None)
    found = _chain(queries, first, joins, around)
    return without_doubles(found) if queries.context.semantics.is_dynamic else found


def _derived(queries: Queries, source: exp.Expr, query: exp.Expr, around: Scope) -> Joined:
    alias_node = source.args.get("alias")
    if alias_node is None:
        # Some origins demand one and report an error.
        raise Refuse("a derived table without a name")
    only(alias_node, "this", "columns")
    # A derived table doesn't see its neighbours, only what is around the SELECT.
    reads = len(queries.context.reads)
    sql, values = queries.query(query, seen_by(queries, around))
    relation = relation_of(queries, query, sql, values, alias_node, read_since(queries, reads))
    stored = queries.context.alias("d")
    alias = queries.context.fold_table(alias_node.this)
    return single(f"({sql}) AS {stored}", _relation_source(alias, stored, relation), relation.rows)


def _table(queries: Queries, spelling: Spelling, alias: str) -> Joined:
    schema = queries.context.schemas.get(spelling)
    if schema is None:
        raise Refuse("a query of WITH that isn't seen from here")
    if schema.refusal is not None:
        raise Refuse(f"table {schema.name} isn't cached: {schema.refusal}")
    index = queries.context.table(schema)
    queries.context.uses += 1
    stored = queries.context.alias("t")
    seen = _seen(queries.context, schema, index, stored)
    source = Source(
        alias,
        stored,
        seen.columns,
        seen.listed,
        table=schema.name if alias == spelling[1] else None,
        is_table=True,
        key=seen.key,
        is_unique=seen.is_unique,
    )
    database = "main" if index == 0 else f"s{index}"
    return single(f"{database}.{DATA} AS {stored}", source, Rows(index))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a statement sees of a table under one name of the store's: as of `Source`. Never changed.

    Attributes:
        schema, semantics: kept, so that nothing else can have their ids.
    """

    schema: TableSchema
    semantics: Semantics
    columns: Mapping[str, Value | None]
    listed: tuple[Listed, ...]
    key: frozenset[str]
    is_unique: bool


# Made for each statement they would take as long as the rest of a short one; most plannings begin with t1.
# Ids of schema and semantics, index of the table, its stored name -> what is seen. Written whole.
_known: dict[tuple[int, int, int, str], _Seen] = {}
_MOST_KNOWN = 64
_MOST_COLUMNS_KNOWN = 200


def _seen(context: Context, schema: TableSchema, index: int, stored: str) -> _Seen:
    place = (id(schema), id(context.semantics), index, stored)
    found = _known.get(place)
    if found is None:
        found = _look_at(context, schema, index, stored)
        if len(schema.columns) <= _MOST_COLUMNS_KNOWN:
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[place] = found
    return found


def _look_at(context: Context, schema: TableSchema, index: int, stored: str) -> _Seen:
    names = stored_names(schema)
    columns: dict[str, Value | None] = {}
    listed = []
    for column in schema.columns:
        key = context.spelling(column)
        value = Value(
            f"{stored}.{quoted(names[column.name])}",
            column,
            (index, column.name),
            is_distinct=_is_distinct(column.affinity, column.collation),
            alias=stored,
        )
        columns[key] = None if key in columns else value
        if not column.is_hidden:
            listed.append(Listed(key, column.name, value))
    if context.semantics.is_dynamic:
        row_id = next((item.columns[0] for item in schema.indexes if item.is_primary_key), None)
        if row_id is not None:
            value_of_key = columns[context.spelling(schema.by_name[row_id])]
            columns = {**dict.fromkeys(ROW_IDS, value_of_key), **columns}
    keys = next((item.columns for item in schema.indexes if item.is_primary_key), ())
    return _Seen(
        schema,
        context.semantics,
        MappingProxyType(columns),
        tuple(listed),
        frozenset(f"{stored}.{quoted(names[key])}" for key in keys),
        # A key holds for one table, not for what inherits from it, nor for a view.
        len(keys) == 1
        and schema.depends_on == frozenset()
        and not schema.is_view
        and schema.by_name[keys[0]].kind in (Kind.INTEGER, Kind.DYNAMIC),
    )


def _relation_source(alias: str, stored: str, relation: Relation) -> Source:
    columns: dict[str, Value | None] = {}
    listed = []
    for number, (name, given, value) in enumerate(
        zip(relation.names, relation.given, relation.values, strict=True)
    ):
        if value.type is None:
            raise Refuse("a derived column whose type only the origin knows")
        own = taken_in(value, f"{stored}.c{number}")
        if relation.is_table and own.source is None:
            own = replace(own, alias=stored)
        columns[name] = None if name in columns else own
        listed.append(Listed(name, given, own))
    return Source(alias, stored, columns, tuple(listed))


def _is_distinct(affinity: str | None, collation: Collation) -> bool:
    """Whether equal values of a column are the same value.

    Not so under NOCASE, nor where a column without affinity holds 1 beside 1.0.
    """
    if affinity is None:
        return True
    return affinity in ("INTEGER", "REAL", "NUMERIC", "TEXT") and collation is Collation.BINARY
