"""What a term of GROUP BY, HAVING or ORDER BY means: itself, or an output, by its name or its place."""

from __future__ import annotations

from sqlglot import exp

from sqlmem.context import Context
from sqlmem.expressions.closed import has_aggregate
from sqlmem.outputs import callable_names, leftmost
from sqlmem.plan import Refuse
from sqlmem.positions import position_of
from sqlmem.scopes import Scope
from sqlmem.values import Value


def check_position(context: Context, term: exp.Expr) -> None:
    """Raises `Refuse` for what SQLite takes for a position: -1, (1)."""
    inner = term
    while isinstance(inner, exp.Neg | exp.Paren):
        inner = inner.this
    if context.semantics.is_dynamic and inner is not term and isinstance(inner, exp.Literal):
        raise Refuse("a number with a sign or in parentheses, as a position")


def grouped_term(context: Context, term: exp.Expr, node: exp.Select, scope: Scope) -> exp.Expr:
    position = _position(context, term, len(node.expressions))
    if position is not None:
        item: exp.Expr = node.expressions[position]
        inner: exp.Expr = item.this if isinstance(item, exp.Alias) else item
        return inner
    if (
        isinstance(term, exp.Column)
        and term.args.get("table") is None
        and isinstance(term.this, exp.Identifier)
    ):
        name = context.fold_column(term.this)
        named = scope.outputs.get(name)
        if named is not None and name in scope.columns and named != term:
            # Dialects differ on which of the two is meant.
            raise Refuse("GROUP BY a name that is both a column and an output")
        if named is not None and name not in scope.columns:
            return named
    return term


def with_aliases(context: Context, term: exp.Expr, node: exp.Expr, scope: Scope, shape: str) -> exp.Expr:
    """An expression with the outputs that it names in their place, where the origin knows them there."""
    if shape not in context.semantics.shapes or not scope.outputs or term.find(exp.Query) is not None:
        # In a subquery the name may be a column of its own.
        return term
    if not any(
        column.args.get("table") is None and context.fold_column(column.this) in scope.outputs
        for column in term.find_all(exp.Column)
    ):
        return term  # a transformed one is a copy

    # MariaDB: in HAVING it may, and alone.
    is_strict = shape == "order alias" and not context.semantics.is_dynamic

    def replaced(inner: exp.Expr) -> exp.Expr:
        if isinstance(inner, exp.Column) and inner.args.get("table") is None:
            name = context.fold_column(inner.this)
            if name in scope.outputs and name not in scope.columns:
                if callable_names(context, node).count(name) > 1:
                    raise Refuse("a name that two outputs have")
                if is_strict and has_aggregate(scope.outputs[name]):
                    raise Refuse("ORDER BY an expression of an aggregate's name is an error at the origin")
                return exp.Paren(this=scope.outputs[name].copy())
        return inner

    return term.transform(replaced)


def output_of(context: Context, term: exp.Expr, node: exp.Expr, values: list[Value]) -> Value | None:
    """The column of the select list that a term of ORDER BY names, by position or alias."""
    position = _position(context, term, len(values))
    if position is not None:
        return values[position]
    if (
        isinstance(term, exp.Column)
        and term.args.get("table") is None
        and isinstance(term.this, exp.Identifier)
    ):
        name = context.fold_column(term.this)
        positions = [index for index, output in enumerate(callable_names(context, node)) if output == name]
        if len(positions) > 1 and len({values[index].sql for index in positions}) > 1:
            raise Refuse("ORDER BY a name that two outputs have")
        if positions:
            _check_order(context, node, positions[0], name)
            return values[positions[0]]
    return None


def _check_order(context: Context, node: exp.Expr, position: int, name: str) -> None:
    """Raises `Refuse` where a name in ORDER BY is no output's to the origin, and ambiguous."""
    scope = context.scopes.get(id(node))
    if scope is None or not context.semantics.is_dynamic:
        return
    is_alias = isinstance(leftmost(node).expressions[position], exp.Alias)
    if not is_alias and name in scope.columns and scope.columns[name] is None:
        raise Refuse(f"ORDER BY {name!r}, which is ambiguous")


def _position(context: Context, term: exp.Expr, count: int) -> int | None:
    return position_of(term, count, is_dynamic=context.semantics.is_dynamic)
