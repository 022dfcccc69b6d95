"""VALUES: rows that the statement itself writes."""

from __future__ import annotations

from sqlglot import exp

from sqlmem.expressions import only
from sqlmem.expressions.choices import chosen
from sqlmem.plan import Refuse, Rows
from sqlmem.scopes import Scope
from sqlmem.set_operations import Queries, Rendered
from sqlmem.values import NULL, Value

# More of them are a table, and a parse of their own each time.
_MOST_ROWS = 200


def values_of(node: exp.Expr) -> exp.Values | None:
    """The rows that a query consists of: the parser makes WITH v AS (VALUES …) a SELECT * over them."""
    if not isinstance(node, exp.Select) or len(node.expressions) != 1:
        return None
    source = node.args.get("from_")
    if not isinstance(node.expressions[0], exp.Star) or source is None:
        return None
    written = source.this
    if not isinstance(written, exp.Values) or written.alias != "_values":
        return None
    only(node, "expressions", "from_")
    return written


def names_of(queries: Queries, count: int) -> list[str]:
    """What the columns are called if nobody says: column1, column2, …"""
    if "values" not in queries.context.semantics.shapes:
        raise Refuse("VALUES is computed by the origin")
    return [f"column{number + 1}" for number in range(count)]


def rows_of(queries: Queries, node: exp.Values, around: Scope) -> Rendered:
    """The rows as a query. Each column's values have one type, as those of UNION ALL."""
    only(node, "expressions", "alias")
    render = queries.expressions
    if "values" not in render.semantics.shapes:
        raise Refuse("VALUES is computed by the origin")
    if len(node.expressions) > _MOST_ROWS:
        raise Refuse(f"more than {_MOST_ROWS} rows of VALUES")
    queries.context.made += len(node.expressions)
    scope = Scope(around, ctes=around.ctes)
    queries.context.reads.append(Rows(count=len(node.expressions)))
    rows = []
    for row in node.expressions:
        if not isinstance(row, exp.Tuple):
            raise Refuse("a form of VALUES that the planner doesn't know")
        only(row, "expressions")
        rows.append([render.value(item, scope) for item in row.expressions])
    if len({len(row) for row in rows}) != 1:
        raise Refuse("rows of VALUES of different lengths")
    columns: list[list[Value]] = []
    values = []
    for column in zip(*rows, strict=True):
        if all(value is NULL for value in column):
            raise Refuse("VALUES of nothing but NULL")
        taken, value = chosen(render, list(column), "VALUES")
        columns.append(taken)
        values.append(value)
    texts = []
    for number in range(len(rows)):
        items = ", ".join(f"{column[number].sql} AS c{place}" for place, column in enumerate(columns))
        texts.append(f"SELECT {items}")
    return " UNION ALL ".join(texts), tuple(values)
