"""What a query's columns are called: by the surroundings, and in the answer.

An unaliased expression's name is the origin's choice: PostgreSQL figures one out, SQLite and
MariaDB take the text. Where neither is certain the statement is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlmem.context import STARRED, Context
from sqlmem.expressions import only
from sqlmem.items import Call
from sqlmem.model import TableSchema
from sqlmem.names import figured_name
from sqlmem.plan import Refuse
from sqlmem.stars import STAR_BEGINS
from sqlmem.with_names import definition

Spelling = tuple[str | None, str]


def table_spelling(table: exp.Table, context: Context) -> Spelling:
    only(table, "this", "db", "alias", "joins")
    if not isinstance(table.this, exp.Identifier):
        raise Refuse("a source that isn't a table")
    database = table.args.get("db")
    return (context.fold_table(database) if database is not None else None, context.fold_table(table.this))


def definition_of(table: exp.Table, context: Context) -> exp.CTE | None:
    """The query of WITH that a name in FROM means; None if it is a table's."""
    return definition(table, context.fold_table, sees_later=context.semantics.is_dynamic)


def schema_of(table: exp.Table, context: Context) -> TableSchema | None:
    """The definition of the table that a name in FROM means, if it is one."""
    if definition_of(table, context) is not None:
        return None
    return context.schemas.get(table_spelling(table, context))


def callable_names(context: Context, node: exp.Expr) -> list[str]:
    """Folded names by which the surroundings may call a query's columns."""
    names = []
    for item in leftmost(node).expressions:
        if isinstance(item, exp.Alias):
            names.append(context.fold_column(item.args["alias"]))
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Identifier):
            names.append(context.fold_column(item.this))
        elif context.semantics.names_are_figured:
            names.append(figured_name(item))
        else:
            # A name that nothing can be called by.
            names.append("")
    return names


def given_names(
    context: Context, node: exp.Expr, texts: tuple[str | None, ...], calls: tuple[Call | None, ...]
) -> list[str]:
    """The columns' names as the origin gives them out.

    Args:
        texts, calls: of the parser, per item; see `Parsed`.
    """
    names = []
    for number, item in _numbered(leftmost(node).expressions):
        if isinstance(item, exp.Alias):
            names.append(_given(context, item.args["alias"]))
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Identifier):
            names.append(_column_name(context, item, node))
        elif context.semantics.names_are_figured:
            names.append(figured_name(item, calls[number] if number < len(calls) else None))
        else:
            text = texts[number] if number < len(texts) else None
            # SQLite gets the text as it is, placeholders included.
            is_other = not context.semantics.is_dynamic and item.find(exp.Placeholder) is not None
            if not context.semantics.names_are_text or text is None or is_other:
                raise Refuse("an expression without a name, which only the origin gives it")
            names.append(text)
    return names


def shown_names(context: Context, node: exp.Expr) -> list[str | None]:
    """The names by which * gives out a derived table's columns; None where only the origin knows one."""
    names: list[str | None] = []
    for item in leftmost(node).expressions:
        try:
            if isinstance(item, exp.Alias):
                names.append(_given(context, item.args["alias"]))
            elif isinstance(item, exp.Column) and isinstance(item.this, exp.Identifier):
                name = _column_name(context, item, node)
                names.append(name if _is_plain(context, name, node) else None)
            else:
                names.append(figured_name(item) if context.semantics.names_are_figured else None)
        except Refuse:
            names.append(None)
    return names


def _numbered(items: list[exp.Expr]) -> Iterator[tuple[int, exp.Expr]]:
    """The items, and which of the text's items each is of: * is one."""
    number = -1
    for item in items:
        number += bool(item.meta.get(STAR_BEGINS, True))
        yield number, item


def spelled_name(context: Context, identifier: exp.Expr) -> str:
    return _given(context, identifier)


def _given(context: Context, identifier: exp.Expr) -> str:
    if not isinstance(identifier, exp.Identifier):
        raise Refuse("a form of name that the planner doesn't know")
    fold = context.semantics.folds_unquoted
    name = str(identifier.this)
    return name if fold is None or identifier.args.get("quoted") else fold(name)


def _column_name(context: Context, column: exp.Column, node: exp.Expr) -> str:
    name = _given(context, column.this)
    if not context.semantics.ignores_column_case or STARRED in column.meta:
        return name
    declared = _declared(context, column, node)
    if declared is None:
        raise Refuse("a column whose name only the origin knows")
    # The name as it was declared or as it was written: dialects and versions differ.
    if declared != name and not context.facts.names_are_declared:
        raise Refuse("a column written in another case than declared")
    return declared


def _declared(context: Context, column: exp.Column, node: exp.Expr) -> str | None:
    """The name of a column as the table declares it; None if that can't be told."""
    name = _given(context, column.this)
    scope = context.scopes.get(id(leftmost(node)))
    if scope is not None:
        try:
            value = context.look_up(column, scope)
        except Refuse:
            return None
        own = next(
            (each for source in scope.sources for each in source.listed if each.value.sql == value.sql), None
        )
        if own is not None and own.given is None:
            return None
        if value.alias is not None and value.source is not None:
            return value.source[1]
    return name if _is_plain(context, name, node) else None


def _is_plain(context: Context, name: str, node: exp.Expr) -> bool:
    """Whether all names of this one in the statement are written alike.

    The name of a derived column is the inner query's, by rules that depend on that query's shape.
    """
    if not context.semantics.ignores_column_case:
        return True
    written = {
        str(identifier.this)
        for identifier in node.root().find_all(exp.Identifier)
        if str(identifier.this).lower() == name.lower()
    }
    declared = {
        known.name
        for schema in context.schemas.values()
        for known in schema.columns
        if known.name.lower() == name.lower()
    }
    return len(written | declared) == 1


# What SQLite calls a table's row id, where the table has no column of that name.
ROW_IDS = ("rowid", "oid", "_rowid_")


def leftmost(node: exp.Expr) -> exp.Select:
    while not isinstance(node, exp.Select):
        if not isinstance(node, exp.SetOperation | exp.Subquery):
            raise Refuse("names of columns that only the origin knows")
        node = node.this
    return node
