"""Values that take their type by themselves, or are given one: literals and parameters.

They are open until it is known what they are: `settle` where the surroundings say nothing, `bound`
where these have a type, `own` where they are asked for the type that they have alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlmem.codecs import Unrepresentable
from sqlmem.context import Context
from sqlmem.conversions import converter, literal_type, literal_value, own_converter
from sqlmem.dialects.base import Result
from sqlmem.dialects.parameters import ParameterType, number
from sqlmem.model import Collation, Column, Kind
from sqlmem.plan import Argument, Refuse, RefuseWhole
from sqlmem.values import Literal, Value

DYNAMIC = Column("", Kind.DYNAMIC, "", collation=Collation.BINARY)
MAX_PLAIN_DIGITS = 9

# Of parameters: those whose own type says all of the value that the origin gives back.
_GIVEN_BACK = frozenset({Kind.INTEGER, Kind.NUMERIC, Kind.FLOAT})
# Of those that are cast: scale, zone, the driver's own class or the sign of zero would be lost.
_NOT_GIVEN_BACK = frozenset({Kind.NUMERIC, Kind.FLOAT, Kind.UUID, Kind.TIMESTAMPTZ, Kind.BYTES})


# The bounds of MariaDB's integers that are stored in 64 bits.
_BITS = {
    f"{name}{sign}": (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24), ("INTEGER", 32))
    for sign in ("", " UNSIGNED")
}


def _is_within(column: Column, stored: Any) -> bool:
    """Whether a stored whole number is one of the column's type."""
    low, high = _BITS.get(column.type_name, (None, None))
    return stored is None or low is None or high is None or low <= stored <= high


class Opened:
    """What is open, and what it becomes. For one planning, for one thread."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.semantics = context.semantics

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
            if value.literal.is_text and self.semantics.quoted is not None:
                text = self.semantics.quoted
                return replace(self.bound(value, text.type), result=text)
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
        self._check_cast(cast)
        column = replace(cast, precision=None) if cast.kind is Kind.TEXT else cast
        code = self.semantics.code_of(column)
        return replace(self.bound(value, column), result=None if code is None else Result(column, code))

    def _check_cast(self, cast: Column | None) -> None:
        """Raises `Refuse` for MariaDB's CAST(:n AS SIGNED), an INTEGER or a BIGINT by its digits."""
        if cast is not None and cast.kind is Kind.INTEGER and self.semantics.text is None:
            raise Refuse("an integer whose type depends on its size")

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
        if self.context.is_strict:
            unbounded = convert

            def convert(given: Any) -> Any:
                stored = unbounded(given)
                if not _is_within(column, stored):
                    raise Unrepresentable("a parameter beyond its column's type, beside MIN or MAX")
                return stored

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
        self._check_cast(cast)
        if cast is not None and (cast.kind is not Kind.NUMERIC or cast.precision is not None):
            return cast
        if value.literal is not None:
            type_ = literal_type(self.semantics, value.literal)
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
        # What a plan keeps mustn't hold what it was made by, with the statement's tree.
        driver, semantics, is_strict = self.context.facts.driver, self.semantics, self.context.is_strict

        def read(other: Literal) -> Any:
            read = literal_value(other, column, cast, semantics, driver, is_compared=is_compared)
            if is_strict and not _is_within(column, read):
                raise RefuseWhole("a constant beyond its column's type, beside MIN or MAX")
            return read

        stored = read(literal)
        if literal.place is None:
            return self.context.constant(stored)
        sign = "-" if not literal.is_text and literal.text.startswith("-") else ""

        def reread(text: str) -> Any:
            return read(replace(literal, text=f"{sign}{text}"))

        return self.context.argument(Argument(None, stored, literal=literal.place, reread=reread))

    def literal_of(self, literal: Literal) -> Value:
        if not self.semantics.is_dynamic:
            return Value("", literal=literal)
        if literal.is_text:
            reread = str if literal.place is not None else None
            argument = Argument(None, literal.text, literal=literal.place, reread=reread)
            return Value(self.context.argument(argument), DYNAMIC)
        text = literal.text.lower()
        if literal.place is not None and text.lstrip("-").isdigit() and len(text) <= MAX_PLAIN_DIGITS:
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

    def result_of(self, column: Column, what: str) -> Result:
        """How the origin gives out computed values of this type."""
        code = self.semantics.code_of(column)
        if code is None:
            raise Refuse(f"{what} of {column.type_name}")
        return Result(column, code)
