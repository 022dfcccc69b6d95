"""Constants that the origin computes before it looks at a row.

PostgreSQL's planner puts the value in the place of an expression without columns, parameters included,
also where no row will need it: `SELECT 1 / :n FROM t WHERE id < 0` is a division by zero there (its
documentation of CASE says so), while the store computes for each row. So the store is made to compute
them beforehand, too (`guards.computed_first`); where it fails the origin answers, with an error or not.
What an argument is made of by itself needs none of this: all are converted before the statement runs.
"""

from __future__ import annotations

from sqlglot import exp

from sqlmem.context import Context
from sqlmem.dialects.sqlite_functions import FUNCTIONS
from sqlmem.lexemes import CALL_PREFIX
from sqlmem.values import Value

_OF_ROWS = (exp.Column, exp.Star, exp.Query, exp.AggFunc, exp.Window)
# What needn't compute all that stands in it, and fails at nothing by itself.
_CHOOSING = (
    *(exp.And, exp.Or, exp.Not, exp.Is, exp.In, exp.Between, exp.Case, exp.If, exp.Coalesce, exp.Paren),
)
# What computes all that stands in it.
_COMPUTING = (
    *(
        exp.Add,
        exp.Sub,
        exp.Mul,
        exp.Div,
        exp.IntDiv,
        exp.Mod,
        exp.Neg,
        exp.Abs,
        exp.Round,
        exp.Cast,
        exp.DPipe,
    ),
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE),
)


def note_folded(context: Context, node: exp.Expr, value: Value) -> None:
    """Have the value of an expression that may fail computed beforehand, if it is one of constants alone."""
    semantics = context.semantics
    if not semantics.folds_constants or value.number is not None or isinstance(node, _CHOOSING):
        return
    may_fail = _may_fail(node) if semantics.is_dynamic else "sqlmem_" in value.sql
    if not (may_fail and is_of_constants(node)):
        return
    if isinstance(node, _COMPUTING):
        # With the whole its parts are computed.
        parts = set(map(id, _computed_with(node)))
        context.folded = [(each, sql) for each, sql in context.folded if id(each) not in parts]
    context.folded.append((node, value.sql))


def _may_fail(node: exp.Expr) -> bool:
    """Whether it is an error for some operands, by SQLite's own meaning."""
    if isinstance(node, exp.Anonymous):
        row = FUNCTIONS.get(str(node.this).lower().removeprefix(CALL_PREFIX))
        return row is not None and row.may_fail
    return isinstance(node, exp.JSONExtract | exp.JSONExtractScalar | exp.Escape)


def is_of_constants(node: exp.Expr) -> bool:
    """Whether nothing of a row stands in it."""
    return node.find(*_OF_ROWS) is None


def _computed_with(node: exp.Expr) -> list[exp.Expr]:
    found = list(node.iter_expressions())
    for each in found:
        if isinstance(each, (*_COMPUTING, exp.Paren)):
            found.extend(each.iter_expressions())
    return found
