"""GROUPING: which of the columns grouped by the row's set leaves out."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import Value

_MOST_COLUMNS = 31  # as the origin has it


def grouping(render: Expressions, node: exp.Grouping, scope: Scope) -> Value:
    """A number of bits, the last column's the lowest."""
    only(node, "expressions")
    if "grouping sets" not in render.semantics.shapes or scope.group_keys is None:
        raise Refuse("GROUPING without groups is an error at the origin")
    if not 0 < len(node.expressions) <= _MOST_COLUMNS:
        raise Refuse("GROUPING of too many columns")
    bits = 0
    for column in node.expressions:
        if not isinstance(column.unnest(), exp.Column):
            raise Refuse("GROUPING of an expression")
        nulled, scope.nulled = scope.nulled, frozenset()
        try:
            # Looked up as it is: of what the set leaves out the text would be NULL.
            was_in_aggregate, scope.is_in_aggregate = scope.is_in_aggregate, True
            text = render.value(column.unnest(), scope).sql
        finally:
            scope.nulled, scope.is_in_aggregate = nulled, was_in_aggregate
        if text not in nulled and text not in scope.group_keys:
            raise Refuse("GROUPING of what isn't grouped by")
        bits = bits * 2 + (text in nulled)
    result = render.semantics.integer
    return Value(str(bits), result.type, result=result)


HANDLERS: Mapping[type[exp.Expr], Handler] = {exp.Grouping: grouping}
