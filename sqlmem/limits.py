"""How many rows: LIMIT, OFFSET, FETCH FIRST, and what their counts may be."""

from __future__ import annotations

from sqlglot import exp

from sqlmem.expressions import Expressions, only
from sqlmem.plan import Refuse


def limit_text(render: Expressions, node: exp.Expr) -> str:
    """LIMIT and OFFSET of the store for a query's; empty if it has none."""
    parts = []
    limit = node.args.get("limit")
    count = None
    if limit is not None:
        count = _limit_count(render, limit)
        if count is not None:
            parts.append(f" LIMIT {count}")
    offset = node.args.get("offset")
    if offset is not None:
        only(offset, "expression")
        if limit is None and "limit all" not in render.semantics.shapes:
            raise Refuse("OFFSET without LIMIT is an error at the origin")
        if count is None:
            parts.append(" LIMIT -1")
        parts.append(f" OFFSET {_row_count(render, offset.expression)}")
    return "".join(parts)


def with_ties(render: Expressions, node: exp.Expr) -> str | None:
    """The count of FETCH FIRST … WITH TIES; None if the query has none."""
    limit = node.args.get("limit")
    if not isinstance(limit, exp.Fetch):
        return None
    options = limit.args.get("limit_options")
    if options is None or not options.args.get("with_ties"):
        return None
    only(options, "rows", "with_ties")
    if "with ties" not in render.semantics.shapes:
        raise Refuse("WITH TIES is an error at the origin")
    if node.args.get("offset") is not None:
        # Which of the ties are skipped is anybody's choice, and how many are left depends on it.
        raise Refuse("WITH TIES behind OFFSET")
    if node.args.get("order") is None:
        raise Refuse("WITH TIES without an order")
    count = limit.args.get("count")
    return "1" if count is None else _row_count(render, count)


def _limit_count(render: Expressions, limit: exp.Expr) -> str | None:
    """The count as the store takes it; None for all rows."""
    if isinstance(limit, exp.Fetch):
        if "fetch" not in render.semantics.shapes:
            raise Refuse("FETCH FIRST is an error at the origin")
        options = limit.args.get("limit_options")
        if options is not None:
            only(options, "rows")
        count = limit.args.get("count")
        return "1" if count is None else _row_count(render, count)
    only(limit, "expression")
    count = limit.expression
    is_all = isinstance(count, exp.Null) or (isinstance(count, exp.Var) and count.name.upper() == "ALL")
    if is_all:
        if "limit all" not in render.semantics.shapes:
            raise Refuse("LIMIT ALL is an error at the origin")
        return None
    return _row_count(render, count)


def _row_count(render: Expressions, node: exp.Expr | None) -> str:
    inner = node.unnest() if isinstance(node, exp.Paren) and "limit all" in render.semantics.shapes else node
    if isinstance(inner, exp.Literal) and not inner.is_string and str(inner.this).isdigit():
        return str(inner.this)
    if isinstance(inner, exp.Cast) and str(inner.args["to"].this) in ("DType.INT", "DType.BIGINT"):
        inner = inner.this
    if isinstance(inner, exp.Placeholder):
        return render.row_count(inner)
    raise Refuse("a LIMIT that isn't a number")
