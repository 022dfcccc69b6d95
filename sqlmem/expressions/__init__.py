"""From an expression of the statement to one of the store, or `Refuse`.

A closed list: a node that has no handler here, and an argument of a node that its handler
doesn't name, are refused. Nothing is passed through.
"""

from __future__ import annotations

from sqlmem.context import Context
from sqlmem.expressions import (
    aggregates,
    arrays,
    atoms,
    casts,
    choices,
    computed,
    dynamic,
    formats,
    grouping,
    likes,
    moments,
    predicates,
    ruled,
    subqueries,
    texts,
    windows,
)
from sqlmem.expressions.beside import Companions
from sqlmem.expressions.closed import only
from sqlmem.expressions.fetched import fetched, length, rank, rank_source, weights
from sqlmem.expressions.rendering import Expressions, Subquery

_HANDLERS = {
    **atoms.HANDLERS,
    **predicates.HANDLERS,
    **aggregates.HANDLERS,
    **windows.HANDLERS,
    **grouping.HANDLERS,
    **subqueries.HANDLERS,
    **computed.HANDLERS,
    **ruled.HANDLERS,
    **likes.HANDLERS,
    **choices.HANDLERS,
    **arrays.HANDLERS,
    **casts.HANDLERS,
    **moments.HANDLERS,
    **texts.HANDLERS,
    **formats.HANDLERS,
}


_DYNAMIC_HANDLERS = {**_HANDLERS, **dynamic.HANDLERS}


def expressions(context: Context, subquery: Subquery) -> Expressions:
    """What renders the expressions of one statement. For one thread.

    Args:
        subquery: how the planner renders a SELECT inside of an expression.
    """
    handlers = _DYNAMIC_HANDLERS if context.semantics.is_dynamic else _HANDLERS
    companions = Companions(rank, rank_source, weights, length)
    return Expressions(context, subquery, handlers, fetched, companions)


__all__ = ["Expressions", "expressions", "only"]
