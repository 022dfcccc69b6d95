"""What a query's columns are called: by the surroundings, and in the answer.

An unaliased expression's name is the origin's choice: PostgreSQL figures one out, SQLite and
MariaDB take the text. Where neither is certain the statement is refused.
"""

from __future__ import annotations

from sqlglot import exp

from sqlmem.expressions import only
from sqlmem.names import Called, figured_name
from sqlmem.plan import Refuse
from sqlmem.scopes import Context

Spelling = tuple[str | None, str]


def table_spelling(table: exp.Table, context: Context) -> Spelling:
    only(table, "this", "db", "alias")
    if not isinstance(table.this, exp.Identifier):
        raise Refuse("a source that isn't a table")
    database = table.args.get("db")
    return (context.fold_table(database) if database is not None else None, context.fold_table(table.this))


def callable_names(context: Context, node: exp.Expr) -> list[str]:
    """Folded names by which the surroundings may call a query's columns."""
    names = []
    for item in leftmost(node).expressions:
        if isinstance(item, exp.Alias):
            names.append(context.fold_column(item.args["alias"]))
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Identifier):
            names.append(context.fold_column(item.this))
        elif context.semantics.names_are_figured:
            names.append(figured_name(item, _called(context)))
        else:
            # A name that nothing can be called by.
            names.append("")
    return names


def given_names(context: Context, node: exp.Expr, texts: tuple[str | None, ...]) -> list[str]:
    """The columns' names as the origin gives them out."""
    names = []
    for number, item in enumerate(leftmost(node).expressions):
        if isinstance(item, exp.Alias):
            names.append(_given(context, item.args["alias"]))
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Identifier):
            names.append(_column_name(context, item, node))
        elif context.semantics.names_are_figured:
            names.append(figured_name(item, _called(context)))
        else:
            text = texts[number] if number < len(texts) else None
            if not context.semantics.names_are_text or text is None or item.find(exp.Placeholder) is not None:
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
    # The name as it was declared or as it was written: dialects and versions differ.
    select = leftmost(node)
    source = select.args.get("from_")
    table = source.this if source is not None else None
    if isinstance(table, exp.Table):
        schema = context.schemas.get(table_spelling(table, context))
        declared = (
            [known.name for known in schema.columns if known.name.lower() == name.lower()]
            if schema
            else [name]
        )
    else:
        declared = [name]
    if declared != [name]:
        raise Refuse("a column written in another case than declared")
    return name


def _called(context: Context) -> Called:
    return context.slices.called if context.slices is not None else lambda _: None


def leftmost(node: exp.Expr) -> exp.Select:
    while not isinstance(node, exp.Select):
        if not isinstance(node, exp.SetOperation | exp.Subquery):
            raise Refuse("names of columns that only the origin knows")
        node = node.this
    return node
