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
from sqlmem.dialects.parameters import ParameterType, number
from sqlmem.expressions.closed import described, only
from sqlmem.expressions.mixed import number_key, number_pair
from sqlmem.functions import UNKNOWN
from sqlmem.measures import Check, Measure, Need, either
from sqlmem.model import Collation, Column, Kind
from sqlmem.plan import Argument, RankCheck, Refuse
from sqlmem.scopes import Context, Scope
from sqlmem.stored import DATA
from sqlmem.values import (
    NULL,
    Literal,
    Value,
    check_equal,
    check_ordered,
    converter,
    known,
    literal_value,
    own_converter,
    unified,
)

DYNAMIC = Column("", Kind.DYNAMIC, "", collation=Collation.BINARY)

_MAX_PLAIN_DIGITS = 9
_ALTERNATIVE_KINDS = frozenset(
    {Kind.INTEGER, Kind.BOOLEAN, Kind.NUMERIC, Kind.DATE, Kind.TIMESTAMP, Kind.TEXT}
)

# Of parameters: those whose own type says all of the value that the origin gives back.
_GIVEN_BACK = frozenset({Kind.INTEGER, Kind.NUMERIC, Kind.FLOAT})
# Of those that are cast: scale, zone, the driver's own class or the sign of zero would be lost.
_NOT_GIVEN_BACK = frozenset({Kind.NUMERIC, Kind.FLOAT, Kind.UUID, Kind.TIMESTAMPTZ, Kind.BYTES})

Handler = Callable[["Expressions", Any, Scope], Value]
Subquery = Callable[[exp.Expr, Scope], tuple[str, tuple[Value, ...]]]
Fetched = Callable[["Expressions", exp.Expr, Scope], Value | None]
Rank = Callable[["Expressions", Value], Value | None]


class Expressions:
    """Renders expressions for one planning. For one thread.

    `subquery` is how the planner renders a SELECT inside of an expression.
    """

    def __init__(
        self,
        context: Context,
        subquery: Subquery,
        handlers: Mapping[type[exp.Expr], Handler],
        fetched: Fetched,
        rank: Rank,
    ) -> None:
        self.context = context
        self.semantics = context.semantics
        self.subquery = subquery
        self._handlers = handlers
        self._fetched = fetched
        self._rank = rank

    def value(self, node: exp.Expr, scope: Scope) -> Value:
        """The value of an expression; open if it is a literal or parameter alone.

        Raises:
            Refuse: neither the store can compute it, nor can it be a column that the origin computes.
            Unknown: the origin must be asked about such a column first.
        """
        grouped = self._group_key(node, scope)
        if grouped is not None:
            return grouped
        mark = self.context.mark()
        try:
            self.context.check_called(node)
            handler = self._handlers.get(type(node))
            if handler is None:
                raise Refuse(f"{described(node)} is computed by the origin")  # noqa: TRY301 - one way out
            return handler(self, node, scope)
        except Refuse:
            self.context.back_to(mark)
            value = self._fetched(self, node, scope)
            if value is None:
                raise
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

    def settle(self, value: Value) -> Value:
        if value.parameter is not None:
            if value.cast is None:
                return self._given_back(value)
            if value.cast.kind in _NOT_GIVEN_BACK:
                raise Refuse("a parameter given back by the statement")
            return self._cast(value, value.cast)
        if value.literal is not None:
            if value.cast is not None:
                return self._cast(value, value.cast)
            if not value.literal.is_text and value.literal.text.lstrip("-").isdigit():
                integer = int(value.literal.text)
                # MariaDB makes a BIGINT of ten digits, whatever they are.
                if abs(integer) < (10**9 if self.semantics.name == "mysql" else 2**31):
                    return replace(
                        self.bound(value, self.semantics.integer.type), result=self.semantics.integer
                    )
            if value.literal.is_text and self.semantics.text is not None:
                text = self.semantics.text
                return replace(self.bound(value, text.type), result=text)
            if not value.literal.is_text and self.semantics.mixes_numbers:
                return self._given_back(value)
            raise Refuse("a constant whose type only the origin knows")
        return self.shown(value)

    def shown(self, value: Value) -> Value:
        """A value with the digits with which it is given out."""
        if not value.has_hidden_digits:
            return value
        result, column = value.result, value.type
        assert result is not None
        assert result.shown is not None
        assert column is not None
        scale, precision = column.scale or 0, column.precision or 0
        kept = number(precision - scale + result.shown + 1, result.shown, column.type_name)
        sql = f"sqlmem_decimal_round({value.sql}, {scale}, {result.shown}, {kept.precision})"
        return replace(
            value,
            sql=sql,
            type=kept,
            result=Result(kept, result.code),
            is_distinct=True,
            is_final=True,
            hidden=(sql, replace(value, result=Result(column, result.code))),
        )

    def _cast(self, value: Value, cast: Column) -> Value:
        """What the statement gives a type, as a column of the answer."""
        if cast.kind is Kind.INTEGER and self.semantics.text is None:
            # MariaDB's CAST(:n AS SIGNED) is an INTEGER or a BIGINT, by its digits.
            raise Refuse("an integer whose type depends on its size")
        column = replace(cast, precision=None) if cast.kind is Kind.TEXT else cast
        code = self.semantics.code_of(column)
        return replace(self.bound(value, column), result=None if code is None else Result(column, code))

    def _given_back(self, value: Value) -> Value:
        """A parameter as a column of the answer."""
        own = self.own(value)
        if own.type is None or own.type.kind not in _GIVEN_BACK:
            raise Refuse("a parameter given back by the statement")
        code = self.semantics.code_of(own.type)
        if code is None:
            raise Refuse("a parameter given back by the statement")
        return replace(own, result=Result(own.type, code))

    def bound(self, value: Value, column: Column, *, is_compared: bool = False) -> Value:
        """An open value, having taken a type; others unchanged.

        Args:
            is_compared: it is only compared with values of the type, and need not be one of them.
        """
        if value.literal is not None:
            stored = self._constant(value.literal, column, value.cast, is_compared=is_compared)
            return Value(stored, column)
        if value.parameter is not None:
            return Value(self.argument(value, self.converter(value, column, is_compared=is_compared)), column)
        return value

    def argument(self, value: Value, convert: Callable[[Any], Any], *, refuses_null: bool = False) -> str:
        """The text of an open parameter of which `convert` makes the stored form."""
        assert value.parameter is not None
        key = self.context.parameters[value.parameter]
        return self.context.argument(Argument(key, None, convert, refuses_null))

    def converter(self, value: Value, column: Column, *, is_compared: bool = False) -> Callable[[Any], Any]:
        driver = self.context.facts.driver
        convert = converter(column, value.cast, self.semantics, driver, is_compared=is_compared)
        adapt = value.adapt
        return convert if adapt is None else lambda given: convert(adapt(given))

    def own(self, value: Value) -> Value:
        """An open value, having taken the type that it has by itself; others unchanged.

        A text that the origin would type by what it stands beside, and NULL, stay open.

        Raises:
            Refuse: only the origin knows the type.
            TypesNeeded: the plan depends on this parameter's type.
        """
        type_ = self.own_type(value)
        if not value.is_open or not isinstance(type_, Column):
            return value
        if value.parameter is None or value.cast is not None:
            return self.bound(value, type_)
        convert = own_converter(type_, self.context.facts.driver)
        argument = Argument(self.context.parameters[value.parameter], None, convert, refuses_null=True)
        return Value(self.context.argument(argument), type_)

    def own_type(self, value: Value) -> ParameterType | None:
        """The type of an open value by itself; of others the one they have (None: NULL)."""
        if not value.is_open:
            return value.type
        cast = value.cast
        if cast is None and value.adapt is not None:
            raise Refuse("a computed parameter whose type only the origin knows")
        if cast is not None and (cast.kind is not Kind.NUMERIC or cast.precision is not None):
            return cast
        if value.literal is not None:
            literals, literal = self.semantics.literals, value.literal
            type_ = None if literals is None else literals(literal.text, is_text=literal.is_text)
            if type_ is None:
                raise Refuse("a constant whose type only the origin knows")
        else:
            assert value.parameter is not None
            type_ = self.context.parameter_type(value.parameter)
        if cast is None:
            return type_
        # A cast to NUMERIC without a size keeps an exact number's own scale.
        if isinstance(type_, Column) and type_.kind is Kind.NUMERIC:
            return type_
        if isinstance(type_, Column) and type_.kind is Kind.INTEGER:
            return number(18 if type_.type_name != "BIGINT" else 19, 0)
        raise Refuse(f"a cast to {cast.type_name} of what isn't an exact number")

    def _constant(self, literal: Literal, column: Column, cast: Column | None, *, is_compared: bool) -> str:
        driver = self.context.facts.driver

        def read(other: Literal) -> Any:
            return literal_value(other, column, cast, self.semantics, driver, is_compared=is_compared)

        stored = read(literal)
        if literal.place is None:
            return self.context.constant(stored)
        sign = "-" if not literal.is_text and literal.text.startswith("-") else ""

        def reread(text: str) -> Any:
            return read(replace(literal, text=f"{sign}{text}"))

        return self.context.argument(Argument(None, stored, literal=literal.place, reread=reread))

    def result_of(self, column: Column, what: str) -> Result:
        """How the origin gives out computed values of this type."""
        code = self.semantics.code_of(column)
        if code is None:
            raise Refuse(f"{what} of {column.type_name}")
        return Result(column, code)

    def literal_of(self, literal: Literal) -> Value:
        if not self.semantics.is_dynamic:
            return Value("", literal=literal)
        if literal.is_text:
            reread = str if literal.place is not None else None
            argument = Argument(None, literal.text, literal=literal.place, reread=reread)
            return Value(self.context.argument(argument), DYNAMIC)
        text = literal.text.lower()
        if literal.place is not None and text.lstrip("-").isdigit() and len(text) <= _MAX_PLAIN_DIGITS:
            sign = -1 if text.startswith("-") else 1
            argument = Argument(
                None, int(text), literal=literal.place, reread=lambda other: sign * int(other)
            )
            return Value(self.context.argument(argument), DYNAMIC)
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

    def pair(self, left: Value, right: Value, what: str, *, is_ordered: bool) -> tuple[Value, Value]:
        """Two values side by side, with one type; refused unless the store compares them as the origin."""
        if self.semantics.is_dynamic:
            for value in (left, right):
                if value.type is not None:
                    self._check(value.type, what, is_ordered=is_ordered)
            return left, right
        if left.type is None and right.type is None and self._is_number(left) and self._is_number(right):
            left = self.own(left)
        if left.type is None and right.type is None:
            raise Refuse(f"{what} of two values whose types only the origin knows")
        if left.type is None:
            right, left = self.pair(right, left, what, is_ordered=is_ordered)
            return left, right
        if any(value.is_final or value.has_hidden_digits for value in (left, right)):
            # MariaDB compares all digits of a quotient here, and the rounded one there.
            raise Refuse(f"{what} of a quotient")
        numbers = number_pair(self, left, right, what)
        if numbers is not None:
            return numbers
        column = left.type
        if right.type is not None:
            column = unified(left.type, right.type, what)
        elif right.is_open:
            try:
                self._check(column, what, is_ordered=is_ordered)
            except Refuse:
                # A constant has an order of its own only at the origin: the comparison is fetched.
                found = self._looked_up(left, right, is_ordered=is_ordered)
                if found is None:
                    raise
                return found
            right = self.bound(right, column, is_compared=True)
        self._check(column, what, is_ordered=is_ordered)
        return left, right

    def _is_number(self, value: Value) -> bool:
        """Whether a constant or parameter is one by itself."""
        if not self.semantics.mixes_numbers or not value.is_open or value.adapt is not None:
            return False
        if value.literal is not None and value.literal.is_text:
            return False
        own = self.own_type(value)
        return isinstance(own, Column) and own.kind in (Kind.INTEGER, Kind.NUMERIC, Kind.FLOAT)

    def _looked_up(self, left: Value, right: Value, *, is_ordered: bool) -> tuple[Value, Value] | None:
        """Ranks instead of texts that only the origin can compare; None if there are none.

        An open value takes the rank of the stored text that it is identical to. Where there is none
        the store's statement fails, and the origin answers.
        """
        column = left.type
        assert column is not None
        if column.kind is not Kind.TEXT or not (column.is_compared or not is_ordered):
            return None
        if is_ordered and right.literal is not None:
            return None
        if not column.is_compared and not self.semantics.has_text_like(column):
            return None
        rank = self._rank(self, left)
        if rank is None or left.source is None:
            return None
        bound = self.bound(right, column).sql
        index, _ = left.source
        alias = self.context.alias("m")
        own, ranked = (text.split(".", 1)[1] for text in (left.sql, rank.sql))
        database = "main" if index == 0 else f"s{index}"
        source = f"{database}.{DATA} AS {alias}"
        found = f"(SELECT {alias}.{ranked} FROM {source} WHERE {alias}.{own} = {bound} LIMIT 1)"
        sql = f"CASE WHEN {bound} IS NULL THEN NULL ELSE ifnull({found}, {UNKNOWN}({bound})) END"
        self.context.need(left)
        return rank, Value(f"({sql})", rank.type)

    def check_same(self, value: Value, what: str) -> None:
        """Raises `Refuse` unless equality of stored values is the origin's equality.

        Where that is so only for some values, those at hand are looked at when the plan is used.
        """
        assert value.type is not None
        if value.has_hidden_digits or (value.is_final and what != "DISTINCT"):
            raise Refuse(f"{what} of a quotient")
        try:
            check_equal(value.type, what)
        except Refuse:
            rank = self._rank(self, value)
            if rank is None or value.source is None or rank.source is None:
                raise
            self.context.need(value)
            self.context.checks.append(RankCheck(*value.source, rank.source[1]))

    def sort_key(self, value: Value, what: str) -> str:
        """A text that orders in the store as the value does at the origin."""
        assert value.type is not None
        try:
            check_ordered(value.type, what, self.semantics)
        except Refuse:
            rank = self._rank(self, value)
            if rank is not None:
                return rank.sql
            key = number_key(self, value)
            if key is None:
                raise
            return key.sql
        return value.sql

    def rank(self, value: Value) -> Value | None:
        """See `fetched.rank`."""
        return self._rank(self, value)

    def _check(self, column: Column, what: str, *, is_ordered: bool) -> None:
        if is_ordered:
            check_ordered(column, what, self.semantics)
        else:
            check_equal(column, what)

    def alternatives(self, results: Sequence[Value], what: str) -> tuple[list[Value], Value]:
        """Values of which one is the result, brought to one type."""
        typed = [result for result in results if result.type is not None]
        if self.semantics.is_dynamic:
            return list(results), self._one_of(results)
        if not typed:
            settled = [self.settle(result) if result.is_open else result for result in results]
            typed = [result for result in settled if result.type is not None]
            if not typed:
                raise Refuse(f"{what} of nothing but NULL")
            results = settled
        column = typed[0].type
        assert column is not None
        for result in typed[1:]:
            assert result.type is not None
            column = unified(column, result.type, what)
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

    def _one_of(self, results: Sequence[Value]) -> Value:
        """A dynamically typed value that is one of these, without affinity as the origin's has none."""
        collations = [result.type.collation for result in results if result.type is not None]
        other = next((collation for collation in collations if collation is not Collation.BINARY), None)
        measure = Measure(None, either, tuple(known(result) for result in results))
        return Value(
            "",
            DYNAMIC if other is None else replace(DYNAMIC, collation=other),
            # Under another collation equal texts may come from two of them.
            is_distinct=False,
            measure=measure if other is None else None,
            is_collated=any(result.is_collated for result in results),
            is_json=any(result.is_json for result in results),
        )

    def distinct(self, value: Value, what: str) -> None:
        """Make sure that one of equal values may stand for all: at once, or when they are there."""
        if value.is_distinct:
            return
        if not self.semantics.is_dynamic or (value.measure is None and value.source is None):
            raise Refuse(f"{what} of values that may be equal and not the same")
        self.context.checks.append(Check(Need.DISTINCT, known(value)))

    def _bound_alternative(self, result: Value, column: Column) -> Value:
        if result.parameter is None or column.kind is not Kind.INTEGER:
            return self.bound(result, column)
        convert = self.converter(result, column)

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
        if isinstance(node.this, exp.Boolean | exp.Null) and not self.semantics.is_dynamic:
            raise Refuse("an order by a constant, which some origins report as an error")
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
        if key.strip("()").lstrip("-").isdigit():
            key = "NULL"  # a constant orders nothing; as a number it would name an output of the store's
        direction = "DESC" if node.args.get("desc") else "ASC"
        # The parser has filled in the dialect's own place for NULLs.
        nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
        return f"{key} {direction} NULLS {nulls}"

    def not_overridden(self, name: str) -> None:
        if name in self.context.facts.overridden:
            raise Refuse(f"the application replaced the function {name}")

    def _group_key(self, node: exp.Expr, scope: Scope) -> Value | None:
        """The value of an expression that is itself grouped by, or None."""
        keys = scope.group_keys
        if not keys or scope.is_in_aggregate or isinstance(node, exp.Column | exp.Literal | exp.Placeholder):
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
