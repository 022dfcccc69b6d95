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

from sqlmem.dialects.base import Result
from sqlmem.expressions import Expressions, only
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Context, Scope
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
    def limit(self, node: exp.Expr) -> str: ...
    def check_distinct(self, value: Value, what: str) -> None: ...


def set_operation(queries: Queries, node: exp.SetOperation, around: Scope) -> Rendered:
    only(node, "with_", "this", "expression", "distinct", "order", "limit", "offset")
    prefix, around = queries.with_clause(node, around)
    render = queries.expressions
    is_plain = render.semantics.is_dynamic
    sql, values = _plain(queries, node, around) if is_plain else _operation(queries, node, around)
    if is_plain and node.args.get("order") is None:
        # What stands around takes a query's columns as c0, c1, …: the first operand has them so.
        return f"{prefix}{sql}{queries.limit(node)}", tuple(values)
    stored = queries.context.alias("d")
    outer = [replace(value, sql=f"{stored}.c{number}") for number, value in enumerate(values)]
    for ordered in node.args["order"].expressions if node.args.get("order") is not None else ():
        if queries.output_of(ordered.this, node, outer) is None:
            raise Refuse("ORDER BY an expression behind a set operation")
    order = queries.order(node, Scope(around, ctes=around.ctes), outer, is_distinct=False)
    if is_plain:
        # A name alone is one of the result's columns here.
        return f"{prefix}{sql}{order.replace(f'{stored}.c', 'c')}{queries.limit(node)}", tuple(values)
    tail = f"{order}{queries.limit(node)}"
    columns = ", ".join(f"{stored}.c{number} AS c{number}" for number in range(len(values)))
    return f"{prefix}SELECT {columns} FROM ({sql}) AS {stored}{tail}", tuple(outer)


def _operation(queries: Queries, node: exp.SetOperation, around: Scope) -> tuple[str, list[Value]]:
    operator, is_all = _WORDS.get(type(node)), not node.args.get("distinct")
    if operator is None or (is_all and operator != "UNION" and not _has_all(queries)):
        raise Refuse("a set operation that the store doesn't have")
    (left_sql, left), (right_sql, right) = _operands(queries, node, around)
    values, ones, others = [], [], []
    for number, (one, other) in enumerate(zip(left, right, strict=True)):
        value, one_text, other_text = _column(queries, one, other, f"c{number}", operator, is_all=is_all)
        if not (is_all and operator == "UNION"):
            for each in (value, one, other):
                queries.check_distinct(each, operator)
        values.append(value)
        ones.append(one_text)
        others.append(other_text)
    names = [f"c{number}" for number in range(len(values))]
    if is_all and operator != "UNION":
        # The n-th of equal rows here against the n-th of them there.
        count = f"row_number() OVER (PARTITION BY {', '.join(names)}) AS n"
        sql = (
            f"SELECT {_listed(ones)}, {count} FROM ({left_sql}) {operator} "
            f"SELECT {_listed(others)}, {count} FROM ({right_sql})"
        )
        sql = f"SELECT {', '.join(names)} FROM ({sql})"
    else:
        word = f"{operator} ALL" if is_all else operator
        sql = f"SELECT {_listed(ones)} FROM ({left_sql}) {word} SELECT {_listed(others)} FROM ({right_sql})"
    return sql, [replace(value, sql=name) for value, name in zip(values, names, strict=True)]


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
        if not is_all:
            for each in (one, other):
                queries.check_distinct(each, operator)
        same = one.source if one.source == other.source else None
        values.append(replace(value, sql="", source=same, is_distinct=one.is_distinct and other.is_distinct))
    return f"{left_sql} {operator}{' ALL' if is_all else ''} {right_sql}", values


# -- the operands' columns -----------------------------------------------------------------


def _operands(queries: Queries, node: exp.SetOperation, around: Scope) -> tuple[Rendered, Rendered]:
    """Both operands; what is open in one of them takes the type that the other has there."""
    left_open, right_open = _open_items(node.this), _open_items(node.expression)
    if left_open and not right_open:
        right = queries.query(node.expression, around)
        left = queries.query(node.this, around, _types(right, left_open))
    else:
        left = queries.query(node.this, around)
        opened = {number for number in right_open if number not in left_open}
        right = queries.query(node.expression, around, _types(left, opened))
    if len(left[1]) != len(right[1]):
        raise Refuse("a set operation over different numbers of columns")
    return left, right


def _types(rendered: Rendered, positions: set[int]) -> list[Column | None]:
    return [value.type if number in positions else None for number, value in enumerate(rendered[1])]


def _open_items(node: exp.Expr) -> set[int]:
    """The items of a SELECT that have no type of their own."""
    while isinstance(node, exp.Subquery) and not node.alias:
        node = node.this
    if not isinstance(node, exp.Select):
        return set()
    items = (item.this if isinstance(item, exp.Alias) else item for item in node.expressions)
    return {
        number
        for number, item in enumerate(items)
        if isinstance(item.unnest(), exp.Literal | exp.Placeholder | exp.Null)
    }


def _column(
    queries: Queries, one: Value, other: Value, name: str, operator: str, *, is_all: bool
) -> tuple[Value, str, str]:
    """A column of the result, and the text of each operand's, brought to its type."""
    render = queries.expressions
    if one.type is not None and other.type is not None and _differ(one.type, other.type):
        result, text, other_text = _converted(render, one.type, other.type, name, operator, is_all=is_all)
        return Value("", result.type, result=result), text, other_text
    _, value = render.alternatives([one, other], operator)
    same = one.source if one.source == other.source else None
    return replace(value, source=same, is_distinct=one.is_distinct and other.is_distinct), name, name


def _differ(one: Column, other: Column) -> bool:
    kinds = {one.kind, other.kind}
    if kinds <= {Kind.INTEGER, Kind.NUMERIC, Kind.DECIMAL}:
        return kinds != {Kind.INTEGER} and (kinds != {Kind.NUMERIC} or one.scale != other.scale)
    return kinds == {Kind.INTEGER, Kind.FLOAT}


def _converted(
    render: Expressions, one: Column, other: Column, name: str, operator: str, *, is_all: bool
) -> tuple[Result, str, str]:
    """Numbers of different types: the result's type, and the text of each operand's column."""
    pair = (one, other)
    if any(not column.is_compared for column in pair):
        raise Refuse(f"{operator} of {one.type_name} and {other.type_name}")
    if Kind.FLOAT in (one.kind, other.kind):
        if {one.type_name, other.type_name} - {"SMALLINT", "INTEGER"} != {"DOUBLE PRECISION"}:
            raise Refuse(f"{operator} of {one.type_name} and {other.type_name}")
        double = one if one.kind is Kind.FLOAT else other
        text, other_text = (f"CAST({name} AS REAL)" if column is not double else name for column in pair)
        return Result(replace(double, name=""), render.semantics.code_of(double)), text, other_text
    if any((column.precision or 0) > _DIGITS for column in pair):
        raise Refuse(f"{operator} of numbers of more than {_DIGITS} digits")
    if render.semantics.names_are_figured:
        # PostgreSQL: each value keeps the scale that it has.
        if not (is_all and operator == "UNION"):
            raise Refuse(f"{operator} of numbers of different scale, of which one stands for its equals")
        result = Result(Column("", Kind.DECIMAL, "NUMERIC"), render.semantics.numeric_sum_code)
        return result, _as_text(name, one), _as_text(name, other)
    # MariaDB: all values take the largest scale.
    scale = max(column.scale or 0 for column in pair)
    digits = max(_whole_digits(column) for column in pair)
    if digits + scale > _DIGITS or render.semantics.numeric_sum_code is None:
        raise Refuse(f"{operator} of numbers of more than {_DIGITS} digits")
    number = Column("", Kind.NUMERIC, "DECIMAL", precision=_DIGITS, scale=scale)
    text, other_text = (
        name if column.scale == scale else f"{name} * {10 ** (scale - (column.scale or 0))}"
        for column in pair
    )
    return Result(number, render.semantics.numeric_sum_code), text, other_text


_DIGITS = 18  # of a number that the store holds as an integer
_INTEGER_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "MEDIUMINT": 8, "INTEGER": 10, "BIGINT": 19}


def _whole_digits(column: Column) -> int:
    if column.kind is Kind.INTEGER:
        return _INTEGER_DIGITS.get(column.type_name, 19)
    return (column.precision or _DIGITS) - (column.scale or 0)


def _as_text(name: str, column: Column) -> str:
    """A number's digits, with as many behind the point as its scale says."""
    if column.kind is Kind.DECIMAL:
        return name
    scale = column.scale or 0
    if scale <= 0:
        return f"CAST({name} AS TEXT)"
    sign = f"CASE WHEN {name} < 0 THEN '-' ELSE '' END"
    digits = f"abs({name}) / {10**scale}, abs({name}) % {10**scale}"
    return f"CASE WHEN {name} IS NOT NULL THEN printf('%s%d.%0{scale}d', {sign}, {digits}) END"
