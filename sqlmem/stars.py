"""``*`` and ``t.*``: the columns that they stand for, in the origin's order and by the origin's names.

A starred item is replaced in the tree by one column for each that it stands for, which knows its place
in the scope: two columns of one name stay two. The tree is the planning's own copy.
"""

from __future__ import annotations

from sqlglot import exp

from sqlmem.context import STARRED, Context
from sqlmem.expressions import only
from sqlmem.plan import Refuse
from sqlmem.scopes import Listed, Scope

# On the first column of each starred item, so that the text's items can still be counted.
STAR_BEGINS = "sqlmem_star_begins"


def is_starred(item: exp.Expr) -> bool:
    return isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star))


def has_stars(node: exp.Select) -> bool:
    return any(map(is_starred, node.expressions))


def expand(context: Context, node: exp.Select, scope: Scope) -> None:
    """Put columns in the place of each * of a SELECT."""
    if not has_stars(node):
        return
    if isinstance(node.parent, exp.Exists) and _asks_for_rows_only(node, scope):
        node.set("expressions", [exp.Literal.number(1)])
        return
    if context.semantics.is_dynamic and not context.facts.names_are_declared:
        raise Refuse("* whose columns' names depend on the session")
    items: list[exp.Expr] = []
    for item in node.expressions:
        items.extend(_columns(context, item, scope) if is_starred(item) else [item])
    node.set("expressions", items)


def _asks_for_rows_only(node: exp.Select, scope: Scope) -> bool:
    """Whether the columns of an EXISTS mean nothing: no group, and no name that may be wrong."""
    clauses = ("group", "having", "order", "windows", "distinct")
    return (
        bool(scope.sources)
        and all(isinstance(item, exp.Star) for item in node.expressions)
        and not any(node.args.get(clause) for clause in clauses)
    )


def _columns(context: Context, item: exp.Expr, scope: Scope) -> list[exp.Expr]:
    source: int | None = None
    listed: tuple[Listed, ...] = scope.listed
    if isinstance(item, exp.Star):
        only(item)
    else:
        only(item, "this", "table", "db")
        assert isinstance(item, exp.Column)
        found = context.source_of(item, scope)
        if found is None:
            raise Refuse(f"{item.args['table'].this}.* of a table that FROM doesn't name")
        source, listed = scope.sources.index(found), found.listed
    if not listed:
        raise Refuse("* without a table")
    columns: list[exp.Expr] = []
    for number, each in enumerate(listed):
        if each.given is None:
            raise Refuse("* over a column whose name only the origin knows")
        column = exp.Column(this=exp.to_identifier(each.given, quoted=True))
        column.meta[STARRED] = (source, number)
        column.meta[STAR_BEGINS] = number == 0
        columns.append(column)
    return columns
