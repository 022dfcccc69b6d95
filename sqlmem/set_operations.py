"""UNION, INTERSECT and EXCEPT, with ALL and without.

The parser has grouped the operands as the origin does. Each is a derived table to the store,
which takes no parentheses; SQLite's own are written as they were, since a derived table's
columns have affinities that those of an operand don't have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from sqlglot import exp

from sqlmem.context import Context
from sqlmem.expressions import Expressions, only
from sqlmem.expressions.choices import chosen
from sqlmem.lanes import given_out, taken_in, together
from sqlmem.model import Collation, Column, Kind
from sqlmem.outputs import callable_names
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.stars import has_stars
from sqlmem.values import Value

Rendered = tuple[str, tuple[Value, ...]]

_WORDS: dict[type[exp.Expr], str] = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}

# A literal, a parameter or NULL takes the type of what stands in the other operand.
Expected = Sequence[Column | None]


class Queries(Protocol):
    """What renders the operands."""

    @property
    def context(self) -> Context: ...
    @property
    def expressions(self) -> Expressions: ...
    def query(self, node: exp.Expr, scope: Scope, expected: Expected = ()) -> Rendered: ...
    def with_clause(self, node: exp.Query, scope: Scope) -> tuple[str, Scope]: ...
    def order(self, node: exp.Expr, scope: Scope, values: list[Value], *, is_distinct: bool) -> str: ...
    def output_of(self, term: exp.Expr, node: exp.Expr, values: list[Value]) -> Value | None: ...
    def item(self, item: exp.Expr, scope: Scope, expected: Column | None) -> Value: ...
    def limit(self, node: exp.Expr) -> str: ...
    def check_distinct(self, value: Value, what: str) -> None: ...


def set_operation(queries: Queries, node: exp.SetOperation, around: Scope) -> Rendered:
    only(node, "with_", "this", "expression", "distinct", "order", "limit", "offset")
    prefix, around = queries.with_clause(node, around)
    render = queries.expressions
    if render.semantics.name == "mysql" and node.find(exp.Intersect, exp.Except) is not None:
        for select in node.find_all(exp.Select):
            names = callable_names(queries.context, select)
            if len(set(names)) != len(names):
                # MariaDB makes derived tables of the operands, and these can't have a name twice.
                raise Refuse("two columns of one name in a set operation")
    is_plain = render.semantics.is_dynamic
    sql, values = _plain(queries, node, around) if is_plain else _operation(queries, node, around)
    if is_plain and node.args.get("order") is None:
        # What stands around takes a query's columns as c0, c1, …: the first operand has them so.
        return f"{prefix}{sql}{queries.limit(node)}", tuple(values)
    stored = queries.context.alias("d")
    outer = [taken_in(value, f"{stored}.c{number}") for number, value in enumerate(values)]
    for ordered in node.args["order"].expressions if node.args.get("order") is not None else ():
        if queries.output_of(ordered.this, node, outer) is None:
            raise Refuse("ORDER BY an expression behind a set operation")
    order = queries.order(node, Scope(around, ctes=around.ctes), outer, is_distinct=False)
    if is_plain:
        # A name alone is one of the result's columns here.
        return f"{prefix}{sql}{order.replace(f'{stored}.c', 'c')}{queries.limit(node)}", tuple(values)
    tail = f"{order}{queries.limit(node)}"
    columns = ", ".join(f"{stored}.c{number} AS c{number}" for number in range(len(values)))
    opening, more = queries.context.opening()
    return f"{prefix}SELECT {columns}{more} FROM ({sql}) AS {stored}{tail}", given_out(outer, opening)


def _operation(queries: Queries, node: exp.SetOperation, around: Scope) -> tuple[str, list[Value]]:
    operator, is_all = _WORDS.get(type(node)), not node.args.get("distinct")
    if operator is None or (is_all and operator != "UNION" and not _has_all(queries)):
        raise Refuse("a set operation that the store doesn't have")
    (left_sql, left), (right_sql, right) = _operands(queries, node, around)
    values, ones, others = [], [], []
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        value, one_text, other_text = _column(queries, one, other, f"c{number}", operator)
        if not (is_all and operator == "UNION"):
            for each in (value, one, other):
                queries.check_distinct(each, operator)
        values.append(value)
        ones.append(one_text)
        others.append(other_text)
    names = [f"c{number}" for number in range(len(values))]
    (opening, more), (other_opening, other_more) = queries.context.opening(), queries.context.opening()
    sides = [
        given_out([taken_in(value, name) for value, name in zip(side, names, strict=True)], number)
        for side, number in ((left, opening), (right, other_opening))
    ]
    given = [
        replace(value, sql=name, alias=None, carried=together(arms).carried)
        for value, name, *arms in zip(values, names, *sides, strict=True)
    ]
    if is_all and operator != "UNION":
        # The n-th of equal rows here against the n-th of them there.
        count = f"row_number() OVER (PARTITION BY {', '.join(names)}) AS n"
        sql = (
            f"SELECT {_listed(ones)}, {count}{more} FROM ({left_sql}) {operator} "
            f"SELECT {_listed(others)}, {count}{other_more} FROM ({right_sql})"
        )
        opening, more = queries.context.opening()
        given = list(given_out([taken_in(value, value.sql) for value in given], opening))
        return f"SELECT {', '.join(names)}{more} FROM ({sql})", given
    word = f"{operator} ALL" if is_all else operator
    return (
        f"SELECT {_listed(ones)}{more} FROM ({left_sql}) {word} "
        f"SELECT {_listed(others)}{other_more} FROM ({right_sql})"
    ), given


def _listed(texts: list[str]) -> str:
    return ", ".join(
        text if text == f"c{number}" else f"{text} AS c{number}" for number, text in enumerate(texts)
    )


def _has_all(queries: Queries) -> bool:
    return "intersect all" in queries.expressions.semantics.shapes


def _plain(queries: Queries, node: exp.Expr, around: Scope) -> tuple[str, list[Value]]:
    """SQLite's own, from the left, as the text has it."""
    if isinstance(node, exp.Subquery):
        only(node, "this")  # the parser's grouping; the text has none here
        return _plain(queries, node.this, around)
    if not isinstance(node, exp.SetOperation):
        sql, columns = queries.query(node, around)
        return sql, list(columns)
    operator, is_all = _WORDS.get(type(node)), not node.args.get("distinct")
    if operator is None or (is_all and operator != "UNION"):
        raise Refuse("a set operation that the store doesn't have")
    left_sql, left = _plain(queries, node.this, around)
    right_sql, right = _plain(queries, node.expression, around)
    if len(left) != len(right):
        raise Refuse("a set operation over different numbers of columns")
    values: list[Value] = []
    for one, other in zip(left, right, strict=True):
        _, value = queries.expressions.alternatives([one, other], operator)
        same = one.source if one.source == other.source else None
        # 1 and 1.0 from two operands are equal and not the same.
        is_distinct = one.is_distinct and other.is_distinct and value.is_distinct
        value = replace(value, sql="", source=same, is_distinct=is_distinct, alias=None)
        if not is_all:
            for each in (value, one, other):
                queries.check_distinct(each, operator)
        if value.type is not None:
            value = replace(value, type=_compound(value.type, one.type, other.type))
        values.append(value)
    return f"{left_sql} {operator}{' ALL' if is_all else ''} {right_sql}", values


# -- the operands' columns -----------------------------------------------------------------


def _operands(queries: Queries, node: exp.SetOperation, around: Scope) -> tuple[Rendered, Rendered]:
    """Both operands; what is open in one of them takes the type that the other has there."""
    left_open, right_open = open_items(node.this), open_items(node.expression)
    if left_open and not right_open:
        right = queries.query(node.expression, around)
        left = queries.query(node.this, around, _types(right, left_open))
    else:
        mark = queries.context.mark()
        left = queries.query(node.this, around)
        if left_open - right_open:
            # Each has what is open and what isn't: this one only tells its types for now.
            queries.context.back_to(mark)
        right = queries.query(node.expression, around, _types(left, right_open - left_open))
        if left_open - right_open:
            left = queries.query(node.this, around, _types(right, left_open - right_open))
    if len(left[1]) != len(right[1]):
        raise Refuse("a set operation over different numbers of columns")
    return left, right


def _types(rendered: Rendered, positions: set[int]) -> list[Column | None]:
    return [value.type if number in positions else None for number, value in enumerate(rendered[1])]


def open_items(node: exp.Expr) -> set[int]:
    """The items of a SELECT that have no type of their own."""
    while isinstance(node, exp.Subquery) and not node.alias:
        node = node.this
    if not isinstance(node, exp.Select):
        return set()
    items = (item.this if isinstance(item, exp.Alias) else item for item in node.expressions)
    found = {
        number
        for number, item in enumerate(items)
        if isinstance(item.unnest(), exp.Literal | exp.Placeholder | exp.Null)
    }
    if found and has_stars(node):
        raise Refuse("a constant beside * in a set operation")
    return found


def _column(queries: Queries, one: Value, other: Value, name: str, operator: str) -> tuple[Value, str, str]:
    """A column of the result, and the text of each operand's, brought to its type."""
    render = queries.expressions
    if one.type is not None and other.type is not None and _differ(one.type, other.type):
        typed = [replace(value, sql=name, alias=None) for value in (one, other)]
        (taken, taken_other), value = chosen(render, typed, operator)
        return value, taken.sql, taken_other.sql
    _, value = render.alternatives([one, other], operator)
    same = one.source if one.source == other.source else None
    return (
        replace(value, source=same, is_distinct=one.is_distinct and other.is_distinct, alias=None),
        name,
        name,
    )


def _differ(one: Column, other: Column) -> bool:
    kinds = {one.kind, other.kind}
    if kinds <= {Kind.INTEGER, Kind.NUMERIC, Kind.DECIMAL}:
        return kinds != {Kind.INTEGER} and (kinds != {Kind.NUMERIC} or one.scale != other.scale)
    return kinds == {Kind.INTEGER, Kind.FLOAT}


def _compound(column: Column, left: Column | None, right: Column | None) -> Column:
    """The type of a compound's column in SQLite.

    Of unequal affinities or collations it isn't documented which one a comparison around it uses.
    """
    one, other = (
        (None, Collation.BINARY) if arm is None else (arm.affinity, arm.collation) for arm in (left, right)
    )
    if one[0] != other[0] and "REAL" in (one[0], other[0]):
        # Around it, a column of that affinity would make floats of integers, or not.
        raise Refuse("a set operation of a REAL column and another")
    return replace(column, affinity=one[0], collation=one[1], is_compared=one == other and column.is_compared)
