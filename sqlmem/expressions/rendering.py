"""Renders expressions: the dispatch to the handlers, and what they all share.

What a value is by itself is `opened`'s to say, what it is beside another `beside`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from sqlmem.codecs import Unrepresentable
from sqlmem.context import Context
from sqlmem.expressions.beside import Beside, Companions
from sqlmem.expressions.closed import described, only
from sqlmem.expressions.folded import note_folded
from sqlmem.expressions.opened import DYNAMIC
from sqlmem.expressions.outermost import is_compared_as_text
from sqlmem.model import Kind
from sqlmem.plan import Argument, Refuse, RefuseWhole
from sqlmem.positions import is_number
from sqlmem.scopes import Scope
from sqlmem.values import NULL, Value

Handler = Callable[["Expressions", Any, Scope], Value]
Subquery = Callable[[exp.Expr, Scope], tuple[str, tuple[Value, ...]]]
Fetched = Callable[["Expressions", exp.Expr, Scope], Value | None]


class Expressions(Beside):
    """Renders expressions for one planning. For one thread.

    `subquery` is how the planner renders a SELECT inside of an expression.
    """

    def __init__(
        self,
        context: Context,
        subquery: Subquery,
        handlers: Mapping[type[exp.Expr], Handler],
        fetched: Fetched,
        companions: Companions,
    ) -> None:
        super().__init__(context, companions)
        self.subquery = subquery
        self._handlers = handlers
        self._fetched = fetched

    def value(self, node: exp.Expr, scope: Scope) -> Value:
        """The value of an expression; open if it is a literal or parameter alone.

        Raises:
            Refuse: neither the store can compute it, nor can it be a column that the origin computes.
            Unknown: the origin must be asked about such a column first.
        """
        grouped = self._group_key(node, scope)
        if grouped is not None:
            return grouped
        mark, rounds_floats = self.context.mark(), self.context.facts.rounds_floats
        try:
            self.context.check_called(node)
            handler = self._handlers.get(type(node))
            if handler is None:
                raise Refuse(f"{described(node)} is computed by the origin")  # noqa: TRY301 - one way out
            found = handler(self, node, scope)
            if rounds_floats:
                self.context.check_digits(found.type or found.cast)
            note_folded(self.context, node, found)
        except RefuseWhole:
            raise
        except Refuse:
            self.context.back_to(mark)
            value = self._fetched(self, node, scope)
            if value is None:
                raise
            return value
        if self.semantics.is_dynamic or not is_compared_as_text(self.semantics, node, found):
            return found
        # As a column it has a rank, in the order of its collation.
        value = self._fetched(self, node, scope)
        if value is None:
            return found
        return value

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

    def ordered(self, node: exp.Expr, scope: Scope, output: Value | None) -> str:
        """One term of an ORDER BY; `output` if it names a column of the select list."""
        if not isinstance(node, exp.Ordered):
            raise Refuse("a form of ORDER BY that the planner doesn't know")
        only(node, "this", "desc", "nulls_first")
        if isinstance(node.this, exp.Boolean | exp.Null) and not self.semantics.is_dynamic:
            raise Refuse("an order by a constant, which some origins report as an error")
        if (
            self.semantics.is_dynamic
            and isinstance(node.this, exp.Neg)
            and isinstance(node.this.this, exp.Literal)
        ):
            raise Refuse("an order by a place before the first, which is an error")
        value = output if output is not None else self.value(node.this, scope)
        if value.type is None:
            if not self.semantics.is_dynamic:
                raise Refuse("an order by a constant")
            value = replace(value, type=DYNAMIC)
        if value.has_hidden_digits or value.is_final:
            if node.find_ancestor(exp.Window, exp.Query) is not node.find_ancestor(exp.Query):
                raise Refuse("a window ordered by a quotient")
            value = self.shown(value)
        key = self.sort_key(value, "ORDER BY")
        if is_number(key):
            key = "NULL"  # a constant orders nothing; as a number it would name an output of the store's
        direction = "DESC" if node.args.get("desc") else "ASC"
        # The parser has filled in the dialect's own place for NULLs.
        nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
        return f"{key} {direction} NULLS {nulls}"

    def row_count(self, node: exp.Placeholder) -> str:
        """A parameter of LIMIT or OFFSET: a whole number that isn't negative."""
        index = int(str(node.this)[1:])
        convert = _one_at_most if id(node) in self.context.single_counts else _row_count
        return self.context.argument(
            Argument(self.context.parameters[index], None, convert, refuses_null=True)
        )

    def predicate(self, sql: str) -> Value:
        return Value(
            f"({sql})", self.semantics.comparison.type, result=self.semantics.comparison, is_condition=True
        )

    def dynamic(self, sql: str, *, is_distinct: bool = False) -> Value:
        # Parenthesised: the parser has settled precedence, and the text must keep it.
        return Value(f"({sql})", DYNAMIC, is_distinct=is_distinct)

    def not_overridden(self, name: str) -> None:
        if name in self.context.facts.overridden:
            raise Refuse(f"the application replaced the function {name}")

    def _group_key(self, node: exp.Expr, scope: Scope) -> Value | None:
        """The value of an expression that is itself grouped by, or None."""
        keys = scope.group_keys
        if not keys or not scope.has_computed_keys or scope.is_in_aggregate:
            return None
        if isinstance(node, exp.Column | exp.Literal | exp.Placeholder):
            return None
        mark = self.context.mark()
        scope.group_keys = None
        try:
            value = self.value(node, scope)
        except Refuse:
            value = NULL
        finally:
            scope.group_keys = keys
        if value.sql in keys:
            return value
        self.context.back_to(mark)
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


def _one_at_most(value: Any) -> int:
    count = _row_count(value)
    if count > 1:
        raise Unrepresentable("a subquery that may give several rows as a value")
    return count
