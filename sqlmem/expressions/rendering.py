"""Renders expressions: what all handlers share, and the dispatch to them.

A literal or parameter is open until it stands beside something typed; `pair`, `alternatives`
and `settle` are where it takes its type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from sqlmem.codecs import Unrepresentable
from sqlmem.dialects.base import Result
from sqlmem.expressions.closed import described, only
from sqlmem.model import Collation, Column, Kind
from sqlmem.plan import Argument, Refuse
from sqlmem.scopes import Context, Scope
from sqlmem.values import (
    NULL,
    Literal,
    Value,
    check_equal,
    check_ordered,
    converter,
    literal_value,
    unified,
)

DYNAMIC = Column("", Kind.DYNAMIC, "", collation=Collation.BINARY)

_MAX_PLAIN_DIGITS = 9
_ALTERNATIVE_KINDS = frozenset(
    {Kind.INTEGER, Kind.BOOLEAN, Kind.NUMERIC, Kind.DATE, Kind.TIMESTAMP, Kind.TEXT}
)

Handler = Callable[["Expressions", Any, Scope], Value]
Subquery = Callable[[exp.Expr, Scope], tuple[str, tuple[Value, ...]]]


class Expressions:
    """Renders expressions for one planning. For one thread.

    `subquery` is how the planner renders a SELECT inside of an expression.
    """

    def __init__(
        self, context: Context, subquery: Subquery, handlers: Mapping[type[exp.Expr], Handler]
    ) -> None:
        self.context = context
        self.semantics = context.semantics
        self.subquery = subquery
        self._handlers = handlers

    def value(self, node: exp.Expr, scope: Scope) -> Value:
        """The value of an expression; open if it is a literal or parameter alone."""
        grouped = self._group_key(node, scope)
        if grouped is not None:
            return grouped
        handler = self._handlers.get(type(node))
        if handler is None:
            raise Refuse(f"{described(node)} is computed by the origin")
        return handler(self, node, scope)

    def typed(self, node: exp.Expr, scope: Scope) -> Value:
        """As `value`, but settled where the surroundings say nothing, as in a select list."""
        return self.settle(self.value(node, scope))

    def condition(self, node: exp.Expr, scope: Scope) -> str:
        """A predicate's text."""
        value = self.value(node, scope)
        if value.is_condition or value is NULL:
            return value.sql
        if value.type is not None:
            if value.type.kind is Kind.BOOLEAN:
                return value.sql
            if self.semantics.booleans_are_integers and value.type.kind in (Kind.INTEGER, Kind.DYNAMIC):
                return value.sql
        raise Refuse("a condition that isn't a predicate")

    def settle(self, value: Value) -> Value:
        if value.parameter is not None:
            if value.cast is None:
                raise Refuse("a parameter whose type only the origin knows")
            if value.cast.kind in (Kind.NUMERIC, Kind.UUID, Kind.TIMESTAMPTZ, Kind.BYTES):
                raise Refuse("a parameter given back by the statement")
            return self.bound(value, value.cast)
        if value.literal is not None:
            if value.cast is not None:
                return self.bound(value, value.cast)
            if not value.literal.is_text and value.literal.text.lstrip("-").isdigit():
                integer = int(value.literal.text)
                if abs(integer) < 2**31:
                    return replace(
                        self.bound(value, self.semantics.integer.type), result=self.semantics.integer
                    )
            if value.literal.is_text and self.semantics.text is not None:
                text = self.semantics.text
                return replace(self.bound(value, text.type), result=text)
            raise Refuse("a constant whose type only the origin knows")
        return value

    def bound(self, value: Value, column: Column) -> Value:
        """An open value, having taken a type; others unchanged."""
        if value.literal is not None:
            if value.cast is not None and value.cast.kind is not column.kind:
                raise Refuse(f"a literal cast to {value.cast.type_name} beside {column.type_name}")
            return Value(
                self.context.constant(literal_value(value.literal, column, self.context.facts.driver)), column
            )
        if value.parameter is not None:
            convert = converter(column, value.cast, self.semantics, self.context.facts.driver)
            return Value(
                self.context.argument(Argument(self.context.parameters[value.parameter], None, convert)),
                column,
            )
        return value

    def literal_of(self, literal: Literal) -> Value:
        if not self.semantics.is_dynamic:
            return Value("", literal=literal)
        if literal.is_text:
            return Value(self.context.argument(Argument(None, literal.text)), DYNAMIC)
        text = literal.text.lower()
        if text.lstrip("-").isdigit():
            # Beyond 64 bits SQLite reads a float; what it does at the edge is left to it.
            if abs(int(text)) >= 2**63:
                raise Refuse("a number beyond 64 bits")
            return Value(text, DYNAMIC)
        if set(text) <= set("-+.e0123456789"):
            return Value(text, DYNAMIC)
        raise Refuse("a form of number that the planner doesn't know")

    def row_count(self, node: exp.Placeholder) -> str:
        """A parameter of LIMIT or OFFSET: a whole number that isn't negative."""
        index = int(str(node.this)[1:])
        return self.context.argument(
            Argument(self.context.parameters[index], None, _row_count, refuses_null=True)
        )

    def predicate(self, sql: str) -> Value:
        return Value(
            f"({sql})", self.semantics.comparison.type, result=self.semantics.comparison, is_condition=True
        )

    def dynamic(self, sql: str, *, is_distinct: bool = False) -> Value:
        # Parenthesised: the parser has settled precedence, and the text must keep it.
        return Value(f"({sql})", DYNAMIC, is_distinct=is_distinct)

    def pair(self, left: Value, right: Value, what: str, *, is_ordered: bool) -> tuple[Value, Value]:
        """Two values side by side, with one type; refused unless the store compares them as the origin."""
        if left.type is None and right.type is None:
            raise Refuse(f"{what} of two values whose types only the origin knows")
        if left.type is None:
            right, left = self.pair(right, left, what, is_ordered=is_ordered)
            return left, right
        column = left.type
        if right.type is not None:
            if self.semantics.is_dynamic:
                self._check(right.type, what, is_ordered=is_ordered)
            else:
                column = unified(left.type, right.type, what)
        elif right.is_open:
            right = self.bound(right, column)
        self._check(column, what, is_ordered=is_ordered)
        return left, right

    def _check(self, column: Column, what: str, *, is_ordered: bool) -> None:
        if is_ordered:
            check_ordered(column, what, self.semantics)
        else:
            check_equal(column, what)

    def alternatives(self, results: Sequence[Value], what: str) -> tuple[list[Value], Value]:
        """Values of which one is the result, brought to one type."""
        typed = [result for result in results if result.type is not None]
        if not typed:
            settled = [self.settle(result) if result.is_open else result for result in results]
            typed = [result for result in settled if result.type is not None]
            if not typed:
                raise Refuse(f"{what} of nothing but NULL")
            results = settled
        column = typed[0].type
        assert column is not None
        if self.semantics.is_dynamic:
            # 1 and 1.0 from two branches are equal and not the same.
            return list(results), Value("", DYNAMIC, is_distinct=False)
        for result in typed[1:]:
            assert result.type is not None
            column = unified(column, result.type, what)
        if column.kind is Kind.INTEGER and any(
            result.literal is not None or result.parameter is not None for result in results
        ):
            if any(result.parameter is not None for result in results) and column.type_name != (
                unified(column, self.semantics.integer.type, what).type_name
            ):
                # Its driver sends a small number as a small type, and a larger one as a larger.
                raise Refuse(f"{what} of {column.type_name} and a parameter")
            # A constant is no smaller than an INTEGER.
            column = unified(column, self.semantics.integer.type, what)
        code = self.semantics.code_of(column)
        if column.kind not in _ALTERNATIVE_KINDS or not column.is_compared or code is None:
            raise Refuse(f"{what} of {column.type_name or column.kind.value}")
        for result in results:
            if column.kind is Kind.NUMERIC:
                self._check_scale(result, column, what)
            if (
                column.kind is Kind.INTEGER
                and result.literal is not None
                and len(result.literal.text.lstrip("-")) > _MAX_PLAIN_DIGITS
            ):
                # From some size on a constant widens the result's type.
                raise Refuse(f"{what} of a number of more than {_MAX_PLAIN_DIGITS} digits")
            if result.is_open and result.cast is None and column.kind in self.semantics.text_in_quotes:
                raise Refuse(f"{what} of {column.type_name} and a text, which makes it text")
        results = [self._bound_alternative(result, column) for result in results]
        return list(results), Value("", column, result=Result(column, code))

    def _bound_alternative(self, result: Value, column: Column) -> Value:
        if result.parameter is None or column.kind is not Kind.INTEGER:
            return self.bound(result, column)
        convert = converter(column, result.cast, self.semantics, self.context.facts.driver)

        def convert_plain(value: Any) -> Any:
            if type(value) is int and abs(value) >= 10**_MAX_PLAIN_DIGITS:
                raise Unrepresentable("an integer parameter that may widen the result's type")
            return convert(value)

        key = self.context.parameters[result.parameter]
        return Value(self.context.argument(Argument(key, None, convert_plain)), column)

    def _check_scale(self, result: Value, column: Column, what: str) -> None:
        """Scale is part of a number's value: COALESCE(price, 0) is 0 in PostgreSQL, not 0.00.

        In MariaDB the largest scale of all is the result's, in every row.
        """
        if result.parameter is not None:
            raise Refuse(f"{what} of a number and a parameter, whose scale may be another")
        if result.literal is not None:
            scale = len(result.literal.text.partition(".")[2])
            may_be_less = self.semantics.booleans_are_integers
            if scale != column.scale and not (may_be_less and scale < (column.scale or 0)):
                raise Refuse(f"{what} of numbers of different scale")

    def ordered(self, node: exp.Expr, scope: Scope, output: Value | None) -> str:
        """One term of an ORDER BY; `output` if it names a column of the select list."""
        if not isinstance(node, exp.Ordered):
            raise Refuse("a form of ORDER BY that the planner doesn't know")
        only(node, "this", "desc", "nulls_first")
        value = output if output is not None else self.value(node.this, scope)
        if value.type is None:
            raise Refuse("an order by a constant")
        check_ordered(value.type, "ORDER BY", self.semantics)
        direction = "DESC" if node.args.get("desc") else "ASC"
        # The parser has filled in the dialect's own place for NULLs.
        nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
        return f"{value.sql} {direction} NULLS {nulls}"

    def not_overridden(self, name: str) -> None:
        if name in self.context.facts.overridden:
            raise Refuse(f"the application replaced the function {name}")

    def _group_key(self, node: exp.Expr, scope: Scope) -> Value | None:
        """The value of an expression that is itself grouped by, or None."""
        keys = scope.group_keys
        if not keys or scope.is_in_aggregate or isinstance(node, exp.Column | exp.Literal | exp.Placeholder):
            return None
        arguments, checks = len(self.context.arguments), len(self.context.checks)
        scope.group_keys = None
        try:
            value = self.value(node, scope)
        except Refuse:
            value = NULL
        finally:
            scope.group_keys = keys
        if value.sql in keys:
            return value
        del self.context.arguments[arguments:]
        del self.context.checks[checks:]
        return None

    def refused(self, key: str, otherwise: str) -> str:
        why = self.semantics.refused.get(key)
        return (
            f"{otherwise} is computed by the origin"
            if why is None
            else f"{key} is computed by the origin: {why}"
        )


def _row_count(value: Any) -> int:
    # NULL means no limit to one dialect and an error to another, a negative number likewise.
    if type(value) is not int or not 0 <= value < 2**63:
        raise Unrepresentable("a LIMIT or OFFSET that isn't a whole number from 0")
    return value
