"""Rows that are chosen by their place in an order: DISTINCT ON, and FETCH FIRST … WITH TIES."""

from __future__ import annotations

from sqlglot import exp

from sqlmem.expressions import only
from sqlmem.lanes import given_out, taken_in
from sqlmem.limits import with_ties
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.set_operations import Queries, Rendered
from sqlmem.values import Value


def is_chosen_by_place(node: exp.Select) -> bool:
    distinct, limit = node.args.get("distinct"), node.args.get("limit")
    options = limit.args.get("limit_options") if isinstance(limit, exp.Fetch) else None
    return (distinct is not None and distinct.args.get("on") is not None) or (
        options is not None and bool(options.args.get("with_ties"))
    )


def chosen_by_place(
    queries: Queries,
    node: exp.Select,
    scope: Scope,
    values: list[Value],
    body: str,
    order: str,
    prefix: str,
) -> Rendered:
    """The SELECT's text and columns.

    Args:
        body: FROM to HAVING.
        order: ORDER BY, as the store takes it.
        prefix: WITH.
    """
    terms = _terms(node, order)
    distinct = node.args.get("distinct")
    keys = [f"{term} AS o{number}" for number, (term, _) in enumerate(terms)]
    columns = [f"{value.sql} AS c{number}" for number, value in enumerate(values)]
    ordered = ", ".join(f"{term}{direction}" for term, direction in terms)
    outer_order = ", ".join(f"d.o{number}{direction}" for number, (_, direction) in enumerate(terms))
    if distinct is not None:
        if with_ties(queries.expressions, node) is not None:
            raise Refuse("WITH TIES behind DISTINCT")
        on = _on(queries, node, scope, values)
        # The origin demands it of the first terms, in any order among themselves.
        if terms and {term for term, _ in terms[: len(on)]} != set(on):
            raise Refuse("DISTINCT ON what isn't ordered by first")
        window = f"PARTITION BY {', '.join(on)}" + (f" ORDER BY {ordered}" if terms else "")
        place, condition = f"row_number() OVER ({window})", "d.place = 1"
        limit = queries.limit(node)
    else:
        count = with_ties(queries.expressions, node)
        place, condition, limit = f"rank() OVER (ORDER BY {ordered})", f"d.place <= {count}", ""
    names = ", ".join(f"d.c{number} AS c{number}" for number in range(len(values)))
    tail = f" ORDER BY {outer_order}" if terms else ""
    inner = ", ".join([*columns, *keys, f"{place} AS place"])
    opening, more = queries.context.opening()
    outer_opening, outer_more = queries.context.opening()
    given = [taken_in(value, f"d.c{number}") for number, value in enumerate(given_out(values, opening))]
    return (
        f"{prefix}SELECT {names}{outer_more} FROM (SELECT {inner}{more}{body}) AS d "
        f"WHERE {condition}{tail}{limit}"
    ), given_out(given, outer_opening)


def _terms(node: exp.Select, order: str) -> list[tuple[str, str]]:
    """Each term of ORDER BY: its text, and its direction with the place of NULLs."""
    clause = node.args.get("order")
    if clause is None:
        return []
    texts = _split(order.removeprefix(" ORDER BY "))
    if len(texts) != len(clause.expressions):
        raise Refuse("an order that can't be told apart into its terms")
    terms = []
    for text in texts:
        term, direction, nulls, place = text.rsplit(" ", 3)
        terms.append((term, f" {direction} {nulls} {place}"))
    return terms


def _split(text: str) -> list[str]:
    """A list's items: its commas outside of parentheses and quotes."""
    items, depth, quote, start = [], 0, "", 0
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "," and depth == 0:
            items.append(text[start:index].strip())
            start = index + 1
    items.append(text[start:].strip())
    return items


def _on(queries: Queries, node: exp.Select, scope: Scope, values: list[Value]) -> list[str]:
    """What DISTINCT ON names, as ORDER BY would: by position, by alias or as an expression."""
    distinct = node.args["distinct"]
    only(distinct, "on")
    if "distinct on" not in queries.context.semantics.shapes:
        raise Refuse("DISTINCT ON is an error at the origin")
    on = distinct.args["on"]
    terms = on.expressions if isinstance(on, exp.Tuple) else [on.unnest()]
    found = []
    for term in terms:
        if node.args.get("order") is not None and term.find(exp.Placeholder) is not None:
            # Two parameters are no one expression, also where both are NULL.
            raise Refuse("DISTINCT ON what is given")
        value = queries.output_of(term, node, values) or queries.expressions.value(term, scope)
        if value.type is None:
            raise Refuse("DISTINCT ON a constant")
        try:
            found.append(queries.expressions.sort_key(value, "DISTINCT ON"))
        except Refuse:
            # Without an order equality is enough.
            queries.expressions.check_same(value, "DISTINCT ON")
            found.append(value.sql)
    return list(dict.fromkeys(found))
