"""Constants that the origin computes before it looks at a row.

PostgreSQL's planner puts the value in the place of an expression without columns, parameters included,
also where no row will need it: `SELECT 1 / :n FROM t WHERE id < 0` is a division by zero there (its
documentation of CASE says so), while the store computes for each row. So the origin has what may fail.
"""

from __future__ import annotations

from sqlglot import exp

from sqlmem.dialects.base import Semantics
from sqlmem.expressions.closed import described
from sqlmem.plan import Refuse

_DIVISIONS = (exp.Div, exp.IntDiv, exp.Mod)
_OF_ROWS = (exp.Column, exp.Star, exp.Query, exp.AggFunc, exp.Window)


def refuse_folded(semantics: Semantics, node: exp.Expr) -> None:
    """Whether an operator or function may fail, and is computed of constants alone.

    Raises:
        Refuse: it is, and the origin computes constants beforehand.
    """
    if semantics.folds_constants and _may_fail(node) and node.find(*_OF_ROWS) is None:
        raise Refuse(f"{described(node)} of constants, at which the origin may fail before it looks at a row")


def _may_fail(node: exp.Expr) -> bool:
    if isinstance(node, _DIVISIONS):
        return not _is_positive(_bare(node.expression))
    if isinstance(node, exp.Sqrt):
        return not _is_positive(node.this)
    if isinstance(node, exp.Substring):
        length = node.args.get("length")
        return length is not None and not _is_positive(length)
    return False


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Neg | exp.Paren):
        node = node.this
    return node


def _is_positive(node: exp.Expr) -> bool:
    """Whether it is a number as it is written, and no zero."""
    return (
        isinstance(node, exp.Literal)
        and not node.is_string
        and any(digit in "123456789" for digit in node.this)
    )
