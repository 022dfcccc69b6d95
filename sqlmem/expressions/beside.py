"""Values beside each other: what they are compared, ordered, told apart and unified by.

A literal or parameter takes its type from what it stands beside: in `pair` and `alternatives`. What
SQLite can't compare or order is looked at by the rank that the origin has given it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlmem.codecs import Unrepresentable
from sqlmem.context import Context
from sqlmem.conversions import literal_value
from sqlmem.dialects.base import Result
from sqlmem.expressions.mixed import number_key, number_pair
from sqlmem.expressions.opened import DYNAMIC, MAX_PLAIN_DIGITS, Opened
from sqlmem.functions import UNKNOWN
from sqlmem.functions.mysql_texts import weights_of
from sqlmem.measures import Check, Measure, Need, either
from sqlmem.model import Collation, Column, Kind
from sqlmem.plan import Argument, RankCheck, Refuse, RefuseWhole, SortCheck
from sqlmem.stored import DATA, quoted, stored_names
from sqlmem.values import NULL, Value, check_equal, check_ordered, known, unified

_ALTERNATIVE_KINDS = frozenset(
    {Kind.INTEGER, Kind.BOOLEAN, Kind.NUMERIC, Kind.DATE, Kind.TIMESTAMP, Kind.TEXT}
)

_MEASURED = frozenset(
    {Kind.INTEGER, Kind.UNSIGNED, Kind.NUMERIC, Kind.FLOAT, Kind.DATE, Kind.TIME, Kind.TIMESTAMP}
)

# What may be longer than a sort of MariaDB's looks at.
_CUT = frozenset({Kind.TEXT, Kind.BYTES})

# Texts of one form, which differ in digits only: every locale orders them as numbers.
OF_DIGITS = "TEXT of digits"


class Weights(Protocol):
    def __call__(self, render: Beside, value: Value, *, is_key: bool) -> Value | None: ...


@dataclass(frozen=True)
class Companions:
    """The columns that the origin computes to go with another, by which its values are compared.

    Args:
        rank: what the origin orders a value by.
        rank_source: which column of which table has it.
        weights: see `fetched.weights`.
        length: what PostgreSQL compares an interval by.
    """

    rank: Callable[[Beside, Value], Value | None]
    rank_source: Callable[[Beside, Value], tuple[int, str] | None]
    weights: Weights
    length: Callable[[Beside, Value], Value | None]


class Beside(Opened):
    """Values side by side. For one planning, for one thread."""

    def __init__(self, context: Context, companions: Companions) -> None:
        super().__init__(context)
        self._companions = companions

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
        right = self._of_own_type(left.type, right, what)
        is_interval = left.type.kind is Kind.INTERVAL
        found = self._lengths(left, right) if is_interval else number_pair(self, left, right, what)
        if found is not None:
            return found
        column = left.type if right.type is None else unified(left.type, right.type, what)
        try:
            self._check(column, what, is_ordered=is_ordered)
        except Refuse:
            # A constant has an order of its own only at the origin: the comparison is fetched.
            look = self._on_one_scale if right.type is not None else self._looked_up
            ranks = look(left, right, is_ordered=is_ordered) if right is not NULL else None
            if ranks is None:
                raise
            return ranks
        return left, self.bound(right, column, is_compared=True)

    def _of_own_type(self, column: Column, value: Value, what: str) -> Value:
        """What is compared with a column, as a value of its type where it must be one (`is_strict`)."""
        if not self.context.is_strict or column.kind not in _MEASURED:
            return value
        try:
            value = self.bound(value, column)
        except Refuse as refused:
            raise RefuseWhole(*refused.reasons) from None
        if value.type is not None and (column.kind, column.scale) != (value.type.kind, value.type.scale):
            raise RefuseWhole(f"{what} of unequal types beside MIN or MAX")
        return value

    def _lengths(self, left: Value, right: Value) -> tuple[Value, Value] | None:
        """Intervals as PostgreSQL compares them, where a column of them stands."""
        lengths = [self._companions.length(self, left), self._companions.length(self, right)]
        if lengths == [None, None]:
            return None
        measured = next(length for length in lengths if length is not None)
        found = []
        for value, length in zip((left, right), lengths, strict=True):
            if length is not None:
                found.append(length)
            elif value.type is not None and value.type.kind is Kind.INTERVAL and value.type.is_compared:
                found.append(replace(value, type=replace(measured.type or value.type, name="")))
            elif value.parameter is not None and value.adapt is None:
                interval = self.semantics.casts["INTERVAL"]
                found.append(Value(self.argument(value, self.converter(value, interval)), measured.type))
            else:
                raise Refuse("an interval beside what isn't plainly one")
        return found[0], found[1]

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
        if not self._has_scale(column, is_ordered=is_ordered):
            return None
        if is_ordered and right.literal is not None:
            return None
        rank = self.rank(left, is_sorted=False)
        if rank is None or rank.source is None or left.source is None:
            return None
        bound = self.bound(right, column).sql
        index, _ = left.source
        alias = self.context.alias("m")
        stored = stored_names(self.context.tables[index])
        own, ranked = (quoted(stored[name]) for _, name in (left.source, rank.source))
        database = "main" if index == 0 else f"s{index}"
        source = f"{database}.{DATA} AS {alias}"
        found = f"(SELECT {alias}.{ranked} FROM {source} WHERE {alias}.{own} = {bound} LIMIT 1)"
        otherwise = f"{UNKNOWN}({bound})"
        key = None if is_ordered else self.weights(left, is_key=True)
        if key is not None:
            # No row has the text: one that the collation takes for the same, or none.
            assert key.source is not None
            weighed, keyed = self._weighed(right, column), quoted(stored[key.source[1]])
            same = f"(SELECT {alias}.{ranked} FROM {source} WHERE {alias}.{keyed} = {weighed} LIMIT 1)"
            otherwise = f"CASE WHEN {weighed} IS NULL THEN {otherwise} ELSE ifnull({same}, -1) END"
        sql = f"CASE WHEN {bound} IS NULL THEN NULL ELSE ifnull({found}, {otherwise}) END"
        self.context.need(left)
        return rank, Value(f"({sql})", rank.type)

    def _weighed(self, value: Value, column: Column) -> str:
        """The weights of an open text, without blanks at its end; NULL where only the origin knows them."""
        if value.literal is not None:
            # What a plan keeps mustn't hold what it was made by, with the statement's tree.
            literal, cast = value.literal, value.cast
            driver, semantics = self.context.facts.driver, self.semantics

            def reread(text: str) -> str | None:
                other = replace(literal, text=text)
                read = literal_value(other, column, cast, semantics, driver, is_compared=True)
                return weights_of(read, is_key=True)

            return self.context.argument(
                Argument(None, reread(literal.text), literal=literal.place, reread=reread)
            )
        convert = self.converter(value, column)
        return self.argument(value, lambda given: weights_of(convert(given), is_key=True))

    def _has_scale(self, column: Column, *, is_ordered: bool) -> bool:
        """Whether ranks compare as the values do: an enum's order isn't that of its labels, for one."""
        if column.kind is not Kind.TEXT:
            return False
        return column.is_compared or (not is_ordered and self.semantics.has_text_like(column))

    def _on_one_scale(self, left: Value, right: Value, *, is_ordered: bool) -> tuple[Value, Value] | None:
        """The ranks of two values of one column, wherever they stand; None if they are of two scales."""
        if left.source is None or left.source != right.source:
            return None
        if not all(
            value.type is not None and self._has_scale(value.type, is_ordered=is_ordered)
            for value in (left, right)
        ):
            return None
        one, other = self.rank(left, is_sorted=False), self.rank(right, is_sorted=False)
        if one is None or other is None or one.source is None or one.source != other.source:
            return None
        return one, other

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
            ranks = self._companions.rank_source(self, value)
            if ranks is None or value.source is None:
                raise
            self.context.need(value)
            self.context.checks.append(RankCheck(*value.source, ranks[1]))

    def sort_key(self, value: Value, what: str) -> str:
        """A text that orders in the store as the value does at the origin."""
        assert value.type is not None
        try:
            check_ordered(value.type, what, self.semantics)
        except Refuse:
            rank = self.rank(value)
            if rank is not None:
                return rank.sql
            if value.type.type_name == OF_DIGITS:
                return value.sql
            key = number_key(self, value)
            if key is None:
                raise
            return key.sql
        self.check_sorted(value, what)
        return value.sql

    def check_sorted(self, value: Value, what: str) -> None:
        """Have the values at hand looked at where the origin sorts or groups by their beginnings."""
        length = self.context.facts.sort_length
        if length is None or value.type is None or value.type.kind not in _CUT:
            return
        if value.source is None:
            raise Refuse(
                f"{what} of a computed text, of which the origin's sorts may look at the beginning only"
            )
        # As much as is allotted to a text's character, or to a binary value's length.
        most = (length - 4) // 4 if value.type.kind is Kind.TEXT else length - 4
        self.context.need(value)
        self._note(SortCheck(*value.source, most))

    def _note(self, check: SortCheck) -> None:
        if check not in self.context.checks:
            self.context.checks.append(check)

    def rank(self, value: Value, *, is_sorted: bool = True) -> Value | None:
        """See `fetched.rank`.

        Args:
            is_sorted: the origin would sort by the value; else it compares all of it.
        """
        rank = self._companions.rank(self, value)
        if rank is not None and rank.source is not None and self.context.facts.sort_length is not None:
            self._note(SortCheck(*rank.source, None, is_ordered=is_sorted))
        return rank

    def weights(self, value: Value, *, is_key: bool) -> Value | None:
        """See `fetched.weights`."""
        return self._companions.weights(self, value, is_key=is_key)

    def _check(self, column: Column, what: str, *, is_ordered: bool) -> None:
        if is_ordered:
            check_ordered(column, what, self.semantics)
        else:
            check_equal(column, what)

    def distinct(self, value: Value, what: str) -> None:
        """Make sure that one of equal values may stand for all: at once, or when they are there."""
        if value.is_distinct:
            return
        if not self.semantics.is_dynamic or (value.measure is None and value.source is None):
            raise Refuse(f"{what} of values that may be equal and not the same")
        self.context.checks.append(Check(Need.DISTINCT, known(value)))

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
                and len(result.literal.text.lstrip("-")) > MAX_PLAIN_DIGITS
            ):
                # From some size on a constant widens the result's type.
                raise Refuse(f"{what} of a number of more than {MAX_PLAIN_DIGITS} digits")
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

    def _bound_alternative(self, result: Value, column: Column) -> Value:
        if result.parameter is None or column.kind is not Kind.INTEGER:
            return self.bound(result, column)
        convert = self.converter(result, column)

        def convert_plain(value: Any) -> Any:
            if type(value) is int and abs(value) >= 10**MAX_PLAIN_DIGITS:
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
