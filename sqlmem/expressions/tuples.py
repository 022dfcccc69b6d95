"""Row values, compared column by column: (a, b) = (1, 2), (a, b) < (1, 2), (a, b) IN (…)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import Expressions
from sqlmem.lanes import closed, taken_in
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import Value

# operator -> the one for all columns but the last
_STRICT = {"<": "<", "<=": "<", ">": ">", ">=": ">"}


def is_tuple(node: exp.Expr) -> bool:
    """Whether a node is (a, b) or ROW(a, b)."""
    if isinstance(node, exp.Tuple):
        return True
    return isinstance(node, exp.Anonymous) and str(node.this).upper() == "ROW"


def comparison(render: Expressions, node: exp.Binary, operator: str, scope: Scope) -> Value:
    """As the SQL standard has it: the first columns that differ decide, NULL where one of them is."""
    left, right = _pairs(render, node.this, node.expression, scope)
    if operator == "=":
        return render.predicate(_equal(render, left, right))
    if operator == "<>":
        tests = [
            " <> ".join(pair.sql for pair in render.pair(one, other, "comparison", is_ordered=False))
            for one, other in zip(left, right, strict=True)
        ]
        return render.predicate(" OR ".join(tests))
    strict = _STRICT.get(operator)
    if strict is None:
        raise Refuse(f"row values beside {operator}")
    text = ""
    for index in reversed(range(len(left))):
        one, other = render.pair(left[index], right[index], "comparison", is_ordered=True)
        if not text:
            text = f"{one.sql} {operator} {other.sql}"
        else:
            text = f"{one.sql} {strict} {other.sql} OR ({one.sql} = {other.sql} AND ({text}))"
    return render.predicate(text)


def listed_rows(node: exp.In) -> exp.Values | None:
    """The rows of IN (VALUES …), which is IN over a query."""
    items = node.expressions
    return items[0] if len(items) == 1 and isinstance(items[0], exp.Values) else None


def in_list(render: Expressions, node: exp.In, scope: Scope) -> Value:
    """(a, b) IN (…) over tuples or a query."""
    only(node, "this", "expressions", "query")
    query = listed_rows(node) or node.args.get("query")
    if query is not None:
        if not render.semantics.is_dynamic and query.find(exp.Limit, exp.Fetch, exp.Offset) is not None:
            raise Refuse("IN over a query with LIMIT")
        values = _items(render, node.this, scope)
        sql, outputs = render.subquery(query, scope)
        if len(outputs) != len(values):
            raise Refuse("IN over another number of columns")
        given = given_by(render, outputs)
        pairs = []
        for value, output in zip(values, given, strict=True):
            if value.is_open:
                raise Refuse("IN of a value whose type only the origin knows")
            one, other = render.pair(value, output, "IN", is_ordered=False)
            if one.sql != value.sql and not is_rank(one):
                raise Refuse("IN over a query of another type")
            pairs.append((one, other))
        query_text = over_query(sql, outputs, given, [other for _, other in pairs])
        return render.predicate(f"({', '.join(one.sql for one, _ in pairs)}) IN ({query_text})")
    if render.semantics.is_dynamic:
        raise Refuse("a list of row values in IN is an error at the origin")
    if not node.expressions or not all(is_tuple(item) for item in node.expressions):
        raise Refuse("row values in IN beside others")
    texts = [_equal(render, *_pairs(render, node.this, item, scope)) for item in node.expressions]
    return render.predicate(" OR ".join(f"({text})" for text in texts))


def given_by(render: Expressions, outputs: Sequence[Value]) -> list[Value]:
    """A query's columns by the names that `over_query` may give them."""
    if render.semantics.is_dynamic:
        return list(outputs)  # an affinity belongs to the column itself
    alias = render.context.alias("q")
    return [taken_in(output, f"{alias}.c{number}") for number, output in enumerate(outputs)]


def over_query(sql: str, outputs: Sequence[Value], given: Sequence[Value], taken: Sequence[Value]) -> str:
    """The query behind IN, with the ranks of its columns in their places where these were taken."""
    if all(one.sql == other.sql for one, other in zip(given, taken, strict=True)):
        return closed(sql, outputs)
    if not all(one.sql == other.sql or is_rank(other) for one, other in zip(given, taken, strict=True)):
        raise Refuse("IN over a query of another type")
    alias = given[0].sql.partition(".")[0]
    return f"SELECT {', '.join(each.sql for each in taken)} FROM ({sql}) AS {alias}"


def is_rank(value: Value) -> bool:
    return value.type is not None and value.type.rank_of is not None


def _equal(render: Expressions, left: list[Value], right: list[Value]) -> str:
    return " AND ".join(
        " = ".join(pair.sql for pair in render.pair(one, other, "comparison", is_ordered=False))
        for one, other in zip(left, right, strict=True)
    )


def _pairs(
    render: Expressions, left: exp.Expr, right: exp.Expr, scope: Scope
) -> tuple[list[Value], list[Value]]:
    if not is_tuple(left) or not is_tuple(right):
        raise Refuse("a row value beside what isn't one")
    ones, others = _items(render, left, scope), _items(render, right, scope)
    if len(ones) != len(others):
        raise Refuse("row values of different numbers of columns")
    return ones, others


def _items(render: Expressions, node: exp.Expr, scope: Scope) -> list[Value]:
    only(node, "this", "expressions")
    if isinstance(node, exp.Anonymous) and render.semantics.is_dynamic:
        raise Refuse("ROW is an error at the origin")
    if len(node.expressions) < 2 or any(is_tuple(item) for item in node.expressions):
        # ROW(a) is a row value in one dialect and none in another.
        raise Refuse("a row value of one column, or of row values")
    return [render.value(item, scope) for item in node.expressions]
