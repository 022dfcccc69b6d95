"""What FROM names: tables, derived tables, CTEs, and the scopes in which their columns are known."""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from sqlmem.dialects.numbers import DIGITS
from sqlmem.expressions import only
from sqlmem.lanes import taken_in
from sqlmem.model import Collation, Kind
from sqlmem.outputs import ROW_IDS, Spelling, callable_names, table_spelling
from sqlmem.plan import Refuse
from sqlmem.row_lists import names_of, values_of
from sqlmem.scopes import Relation, Scope
from sqlmem.set_operations import Queries
from sqlmem.stored import DATA, quoted, stored_names
from sqlmem.values import Value


def seen_by(queries: Queries, around: Scope) -> Scope:
    """What a derived table or a query of WITH sees of what is around."""
    is_closed = "outer in derived" not in queries.context.semantics.shapes
    return Scope(around, ctes=around.ctes, is_closed=is_closed)


def relation_of(
    queries: Queries, node: exp.Expr, sql: str, values: tuple[Value, ...], alias: exp.Expr
) -> Relation:
    listed = alias.args.get("columns") or []
    names = [queries.context.fold_column(column) for column in listed]
    if not names:
        written = node if isinstance(node, exp.Values) else values_of(node)
        names = callable_names(queries.context, node) if written is None else names_of(queries, len(values))
    if len(names) != len(values):
        raise Refuse("a list of column names that doesn't fit")
    if len(set(names)) != len(names) and queries.context.semantics.name == "mysql":
        raise Refuse("two columns of one name in a derived table, which the origin reports as an error")
    if queries.context.semantics.name == "mysql" and isinstance(node.unnest(), exp.SetOperation):
        # MariaDB puts its rows into a table, whose integers have all the digits of their type.
        return Relation(sql, tuple(names), tuple(map(_kept, values)), is_table=True)
    return Relation(sql, tuple(names), values)


def _kept(value: Value) -> Value:
    if value.type is None or value.type.kind is not Kind.INTEGER:
        return value
    return replace(value, type=replace(value.type, precision=DIGITS.get(value.type.type_name)))


def from_clause(queries: Queries, node: exp.Select, around: Scope) -> tuple[str, Scope]:
    clause = node.args.get("from_")
    if clause is None:
        queries.context.made += 1
        return "", Scope(around, ctes=around.ctes, group_keys=None)
    source = clause.this
    if isinstance(source, exp.Table):
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
            return f" FROM {cte.sql} AS {stored}", _relation_scope(around, alias, stored, cte)
        return _table(queries, spelling, alias, around)
    if isinstance(source, exp.Values):
        return _derived(queries, source, source, around)
    if isinstance(source, exp.Subquery):
        only(source, "this", "alias")
        return _derived(queries, source, source.this, around)
    raise Refuse(f"{str(source.key).upper()} as a source is computed by the origin")


def _derived(queries: Queries, source: exp.Expr, query: exp.Expr, around: Scope) -> tuple[str, Scope]:
    alias_node = source.args.get("alias")
    if alias_node is None:
        # Some origins demand one and report an error.
        raise Refuse("a derived table without a name")
    only(alias_node, "this", "columns")
    # A derived table doesn't see its neighbours, only what is around the SELECT.
    sql, values = queries.query(query, seen_by(queries, around))
    relation = relation_of(queries, query, sql, values, alias_node)
    stored = queries.context.alias("d")
    scope = _relation_scope(around, queries.context.fold_table(alias_node.this), stored, relation)
    return f" FROM ({sql}) AS {stored}", scope


def _table(queries: Queries, spelling: Spelling, alias: str, around: Scope) -> tuple[str, Scope]:
    schema = queries.context.schemas.get(spelling)
    if schema is None:
        raise Refuse("a query of WITH that isn't seen from here")
    if schema.refusal is not None:
        raise Refuse(f"table {schema.name} isn't cached: {schema.refusal}")
    index = queries.context.table(schema)
    queries.context.uses += 1
    stored = queries.context.alias("t")
    names = stored_names(schema)
    columns: dict[str, Value | None] = {}
    for column in schema.columns:
        key = queries.context.spelling(column)
        columns[key] = (
            None
            if key in columns
            else Value(
                f"{stored}.{quoted(names[column.name])}",
                column,
                (index, column.name),
                is_distinct=_is_distinct(column.affinity, column.collation),
                alias=stored,
            )
        )
    if queries.context.semantics.is_dynamic:
        row_id = next((item.columns[0] for item in schema.indexes if item.is_primary_key), None)
        if row_id is not None:
            value = columns[queries.context.spelling(schema.by_name[row_id])]
            columns = {**dict.fromkeys(ROW_IDS, value), **columns}
    keys = next((item.columns for item in schema.indexes if item.is_primary_key), ())
    scope = Scope(
        around,
        alias,
        columns,
        ctes=around.ctes,
        key_columns=frozenset(f"{stored}.{quoted(names[key])}" for key in keys),
        table=schema.name if alias == spelling[1] else None,
        stored_alias=stored,
    )
    database = "main" if index == 0 else f"s{index}"
    return f" FROM {database}.{DATA} AS {stored}", scope


def _relation_scope(around: Scope, alias: str, stored: str, relation: Relation) -> Scope:
    columns: dict[str, Value | None] = {}
    for number, (name, value) in enumerate(zip(relation.names, relation.values, strict=True)):
        if value.type is None:
            raise Refuse("a derived column whose type only the origin knows")
        taken = taken_in(value, f"{stored}.c{number}")
        if relation.is_table and taken.source is None:
            taken = replace(taken, alias=stored)
        columns[name] = None if name in columns else taken
    return Scope(around, alias, columns, ctes=around.ctes)


def _is_distinct(affinity: str | None, collation: Collation) -> bool:
    """Whether equal values of a column are the same value.

    Not so under NOCASE, nor where a column without affinity holds 1 beside 1.0.
    """
    if affinity is None:
        return True
    return affinity in ("INTEGER", "REAL", "NUMERIC", "TEXT") and collation is Collation.BINARY
