"""Comparisons, tests, their connections, and the choices that rest on them (CASE, COALESCE)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from sqlmem.expressions import tuples
from sqlmem.expressions.closed import described, only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.expressions.subqueries import is_quantified, quantified
from sqlmem.expressions.tuples import is_tuple, listed_rows
from sqlmem.model import Column, Kind
from sqlmem.plan import Reasons, Refuse, RefuseWhole
from sqlmem.scopes import Scope
from sqlmem.values import NULL, Value, check_null

COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS",
    exp.NullSafeNEQ: "IS NOT",
}
EQUALITIES = frozenset({"=", "<>", "IS", "IS NOT"})


def comparison(render: Expressions, node: exp.Binary, scope: Scope) -> Value:
    operator = COMPARISONS[type(node)]
    if is_tuple(node.this) or is_tuple(node.expression):
        return tuples.comparison(render, node, operator, scope)
    if is_quantified(node.expression):
        return quantified(render, node, scope)
    return _compared(render, render.value(node.this, scope), render.value(node.expression, scope), operator)


def _compared(render: Expressions, left: Value, right: Value, operator: str) -> Value:
    if left is NULL and right is NULL and not operator.startswith("IS"):
        return render.predicate("NULL")
    left, right = _same_moments(left, right)
    texts = []
    for one in _forms(render, left):
        for other in _forms(render, right):
            first, second = render.pair(one, other, "comparison", is_ordered=operator not in EQUALITIES)
            texts.append(f"{first.sql} {operator} {second.sql}")
    if len(texts) == 1:
        return render.predicate(texts[0])
    # MariaDB compares a quotient with all its digits in some places and rounded in others.
    agree = " AND ".join(f"({texts[0]}) IS ({text})" for text in texts[1:])
    return render.predicate(f"CASE WHEN {agree} THEN {texts[0]} ELSE sqlmem_fail({left.sql}) END")


def _forms(render: Expressions, value: Value) -> list[Value]:
    """What a quotient may be compared as; of all else the value itself."""
    if value.has_hidden_digits:
        value = render.shown(value)
    whole = value.with_all_digits
    return [value] if whole is None else [whole, replace(value, is_final=False, hidden=None)]


def _same_moments(left: Value, right: Value) -> tuple[Value, Value]:
    """A date that is compared with a timestamp is its midnight."""
    if left.type is not None and right.type is not None:
        kinds = (left.type.kind, right.type.kind)
        if kinds == (Kind.DATE, Kind.TIMESTAMP):
            return _midnight(left, right.type), right
        if kinds == (Kind.TIMESTAMP, Kind.DATE):
            return left, _midnight(right, left.type)
    return left, right


def _midnight(day: Value, column: Column) -> Value:
    return Value(f"({day.sql} || ' 00:00:00.000000')", column)


def conjunction(render: Expressions, node: exp.Connector, scope: Scope) -> Value:
    # The parser nests to the left; a long chain is taken apart without recursion.
    operator = "AND" if isinstance(node, exp.And) else "OR"
    parts: list[exp.Expr] = []
    inner: exp.Expr = node
    while type(inner) is type(node):
        parts.append(inner.expression)
        inner = inner.this
    parts.append(inner)
    reasons = Reasons()
    texts = [
        reasons.attempt(functools.partial(render.condition, part, scope), "") for part in reversed(parts)
    ]
    reasons.raise_any()
    return render.predicate(f" {operator} ".join(texts))


def negation(render: Expressions, node: exp.Not, scope: Scope) -> Value:
    return render.predicate(f"NOT {render.condition(node.this, scope)}")


def is_(render: Expressions, node: exp.Is, scope: Scope) -> Value:
    only(node, "this", "expression", "negate")
    operator = "IS NOT" if node.args.get("negate") else "IS"
    right = node.expression
    if isinstance(right, exp.Null):
        value = render.value(node.this, scope)
        if value.is_open:
            raise Refuse("a NULL test of a value whose type only the origin knows")
        check_null(value.type, "a NULL test")
        return render.predicate(f"{value.sql} {operator} NULL")
    if isinstance(right, exp.Boolean):
        condition = render.condition(node.this, scope)
        return render.predicate(f"{condition} {operator} {'TRUE' if right.this else 'FALSE'}")
    if render.semantics.is_dynamic:
        left, other = render.pair(
            render.value(node.this, scope), render.value(right, scope), "comparison", is_ordered=False
        )
        return render.predicate(f"{left.sql} {operator} {other.sql}")
    raise Refuse(f"{described(right)} after IS")


def between(render: Expressions, node: exp.Between, scope: Scope) -> Value:
    only(node, "this", "low", "high")
    value = render.value(node.this, scope)
    if value.is_open:
        raise Refuse("BETWEEN of a value whose type only the origin knows")
    if value.has_hidden_digits:
        least = _compared(render, value, render.value(node.args["low"], scope), ">=")
        most = _compared(render, value, render.value(node.args["high"], scope), "<=")
        return render.predicate(f"{least.sql} AND {most.sql}")
    bounds = render.value(node.args["low"], scope), render.value(node.args["high"], scope)
    is_text = value.type is not None and value.type.kind is Kind.TEXT
    if is_text and render.semantics.name == "mysql" and all(bound.is_open for bound in bounds):
        # MariaDB compares the two with each other first, by the connection's collation: over an index nothing
        # is between 'A' and 'a', whatever the column's own collation says.
        raise RefuseWhole("a text between two constants")
    left, low = render.pair(value, bounds[0], "BETWEEN", is_ordered=True)
    again, high = render.pair(value, bounds[1], "BETWEEN", is_ordered=True)
    if again.sql != left.sql:
        return render.predicate(f"{left.sql} >= {low.sql} AND {again.sql} <= {high.sql}")
    return render.predicate(f"{left.sql} BETWEEN {low.sql} AND {high.sql}")


def in_(render: Expressions, node: exp.In, scope: Scope) -> Value:
    if is_tuple(node.this):
        return tuples.in_list(render, node, scope)
    only(node, "this", "expressions", "query")
    value = render.value(node.this, scope)
    if value.is_open:
        raise Refuse("IN of a value whose type only the origin knows")
    query = listed_rows(node) or node.args.get("query")
    if query is not None:
        if not render.semantics.is_dynamic and query.find(exp.Limit, exp.Fetch, exp.Offset) is not None:
            # MariaDB has none in IN and reports an error.
            raise Refuse("IN over a query with LIMIT")
        sql, outputs = render.subquery(query, scope)
        if len(outputs) != 1:
            raise Refuse("IN over several columns")
        given = tuples.given_by(render, outputs)
        left, other = render.pair(value, given[0], "IN", is_ordered=False)
        types = (left.type, other.type)
        if render.semantics.name == "mysql" and len({type_.type_name for type_ in types if type_}) > 1:
            # MariaDB forgets the NULLs of the query for a value beyond its type's bounds.
            raise Refuse("IN over a query of another type")
        return render.predicate(f"{left.sql} IN ({tuples.over_query(sql, outputs, given, [other])})")
    items = node.expressions
    if not items:
        raise Refuse("IN over nothing")
    if value.has_hidden_digits:
        tests = [_compared(render, value, render.value(item, scope), "=") for item in items]
        return render.predicate(" OR ".join(test.sql for test in tests))
    texts = []
    forms = set()
    for item in items:
        right = render.value(item, scope)
        if render.semantics.name == "mysql" and is_float(right):
            # 2 IN (1.5e0) is true where an index serves it.
            raise Refuse("IN over a float that is written")
        left, other = render.pair(value, right, "IN", is_ordered=False)
        texts.append(other.sql)
        if right is not NULL:
            forms.add(left.sql)
    if len(forms) > 1:
        # The store compares one form of the value with all of them.
        raise Refuse("IN over values of different types")
    return render.predicate(f"{forms.pop() if forms else value.sql} IN ({', '.join(texts)})")


def is_float(value: Value) -> bool:
    """Whether it is a number that is written with an exponent."""
    literal = value.literal
    return literal is not None and not literal.is_text and "e" in literal.text.lower()


def exists(render: Expressions, node: exp.Exists, scope: Scope) -> Value:
    only(node, "this")
    sql, _ = render.subquery(node.this, scope)
    return render.predicate(f"EXISTS ({sql})")


def glob(render: Expressions, node: exp.Glob, scope: Scope) -> Value:
    if not render.semantics.is_dynamic:
        raise Refuse("GLOB is computed by the origin")
    render.not_overridden("glob")
    return render.predicate(
        f"{render.value(node.this, scope).sql} GLOB {render.value(node.expression, scope).sql}"
    )


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.And: conjunction,
    exp.Or: conjunction,
    exp.Not: negation,
    exp.Is: is_,
    exp.Between: between,
    exp.In: in_,
    exp.Exists: exists,
    exp.Glob: glob,
    **dict.fromkeys(COMPARISONS, comparison),
}
