"""What a query's columns are called: by the surroundings, and in the answer.

An unaliased expression's name is the origin's choice: PostgreSQL figures one out, SQLite and
MariaDB take the text. Where neither is certain the statement is refused.
"""

from __future__ import annotations

from sqlglot import exp

from sqlmem.expressions import only
from sqlmem.items import Call
from sqlmem.model import TableSchema
from sqlmem.names import figured_name
from sqlmem.plan import Refuse
from sqlmem.scopes import Context
from sqlmem.with_names import definition

Spelling = tuple[str | None, str]


def table_spelling(table: exp.Table, context: Context) -> Spelling:
    only(table, "this", "db", "alias")
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
    for number, item in enumerate(leftmost(node).expressions):
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


def _given(context: Context, identifier: exp.Expr) -> str:
    if not isinstance(identifier, exp.Identifier):
        raise Refuse("a form of name that the planner doesn't know")
    fold = context.semantics.folds_unquoted
    name = str(identifier.this)
    return name if fold is None or identifier.args.get("quoted") else fold(name)


def _column_name(context: Context, column: exp.Column, node: exp.Expr) -> str:
    name = _given(context, column.this)
    if not context.semantics.ignores_column_case:
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
    source = leftmost(node).args.get("from_")
    table = source.this if source is not None else None
    if isinstance(table, exp.Table):
        schema = schema_of(table, context)
        if schema is None:
            return name if _is_plain(context, name, node) else None
        found = [known.name for known in schema.columns if known.name.lower() == name.lower()]
        if not found and name.lower() in ROW_IDS and context.semantics.is_dynamic:
            found = [index.columns[0] for index in schema.indexes if index.is_primary_key]
        return found[0] if found else None
    return name if _is_plain(context, name, node) else None


def _is_plain(context: Context, name: str, node: exp.Expr) -> bool:
    """Whether all names of this one in the statement are written alike.

    The name of a derived column is the inner query's, by rules that depend on that query's shape.
    """
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
