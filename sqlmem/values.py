"""Typed values: what a part of an expression means, and when two may be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlmem.dialects.base import Result, Semantics
from sqlmem.measures import ANYTHING, TRUTH, Measure, Span, constant
from sqlmem.model import Collation, Column, Kind
from sqlmem.plan import Refuse

# Kinds whose stored values order as the origin orders them. UUID only in PostgreSQL, whose
# order is that of the bytes; text is decided by its collation.
ORDERED = frozenset(
    {
        Kind.INTEGER,
        Kind.UNSIGNED,
        Kind.BOOLEAN,
        Kind.NUMERIC,
        Kind.FLOAT,
        Kind.BYTES,
        Kind.DATE,
        Kind.TIME,
        Kind.TIMESTAMP,
        Kind.TIMESTAMPTZ,
        # MariaDB's TIME, and what lies between two moments. PostgreSQL's with months are no numbers of days.
        Kind.INTERVAL,
        Kind.UUID,
    }
)
EQUAL_TEXT = frozenset({Collation.BINARY, Collation.DETERMINISTIC})


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the statement's text.

    Attributes:
        is_text: it was written in quotes.
        place: which of the text's constants it is, if another one may stand in its place without
            another plan; None if the plan may depend on it.
    """

    text: str
    is_text: bool
    place: int | None = None


@dataclass(eq=False, slots=True)
class Lane:
    """A column that a query gives out, beside which it can be made to give out the rank of its values.

    Attributes:
        arms: per SELECT whose rows these are: where its list of columns goes on (`Context.opening`), and
            the value there.
        name, rank: the column with the ranks and what it is, once somebody around has asked for it.
    """

    arms: tuple[tuple[int, Value], ...]
    name: str | None = None
    rank: Value | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A part of an expression.

    Attributes:
        sql: its text in the store; empty while it is open (`literal` or `parameter`).
        type: None while it is open, and for NULL.
        source: the table and column whose values these are, unchanged.
        hidden: of what was rounded: its text, and the value with all its digits; of no use where
            `sql` has become another text.
        is_constant: it is computed from constants and parameters alone.
        number: the whole number that it is, of its type, where it is computed from what is written.
        carried: of what a query gives out: its text in the query around, and the lane; of no use where
            `sql` has become another text.
        ranked: its text, and what finds the rank of what has no lane.
        calls: of an aggregate that the store composes: the calls in `sql` to which FILTER and OVER belong.
        is_nulled: an outer join may have put NULL in its place, whatever it is computed from.
        is_final: it was rounded to be given out, and the origin would go on with more digits.
        alias: the table's name in the store's statement, where `sql` is the column itself in reach.
        result: how the origin gives it out, if it isn't a column.
        is_condition: it came from a predicate, so it is true, false or NULL in any dialect.
        is_distinct: equal values are the same value, so that any of them may stand for all.
        cast: the type that the statement gives an open parameter or literal.
        measure: how what is known of the values follows from the columns'; None where it isn't, or
            they are a column's (`known`).
        is_collated: SQLite: an explicit COLLATE is in it, which reaches the comparison around it.
        is_json: SQLite: it may bear the mark of JSON, which doesn't outlive every way of being computed.
        adapt: what the statement makes of an open parameter by itself, as '%' || :name || '%'; from
            a present value to another, raising `Unrepresentable`.
    """

    sql: str
    type: Column | None = None
    source: tuple[int, str] | None = None
    result: Result | None = None
    is_condition: bool = False
    is_distinct: bool = True
    literal: Literal | None = None
    parameter: int | None = None
    cast: Column | None = None
    measure: Measure | None = None
    is_collated: bool = False
    is_json: bool = False
    adapt: Callable[[Any], Any] | None = None
    alias: str | None = None
    calls: tuple[str, ...] = ()
    is_final: bool = False
    hidden: tuple[str, Value] | None = None
    is_constant: bool = False
    number: int | None = None
    is_nulled: bool = False
    carried: tuple[str, Lane] | None = None
    ranked: tuple[str, Callable[[], Value | None]] | None = None

    def with_suffix(self, suffix: str) -> Value:
        """An aggregate with FILTER or OVER behind each of its calls."""
        sql = self.sql
        for call in self.calls or (sql,):
            sql = sql.replace(call, f"{call}{suffix}")
        ranked = None
        if self.ranked is not None and self.ranked[0] == self.sql:
            find = self.ranked[1]
            ranked = (sql, lambda: None if (found := find()) is None else found.with_suffix(suffix))
        return replace(self, sql=sql, calls=tuple(f"{call}{suffix}" for call in self.calls), ranked=ranked)

    @property
    def with_all_digits(self) -> Value | None:
        """What was rounded to be given out, as it was before; None if it may not be had here."""
        return self.hidden[1] if self.hidden is not None and self.hidden[0] == self.sql else None

    @property
    def has_hidden_digits(self) -> bool:
        """Whether the value has more digits inside of an expression than it is given out with."""
        return self.result is not None and self.result.shown is not None

    @property
    def is_open(self) -> bool:
        return self.literal is not None or self.parameter is not None


NULL = Value("NULL")


_NOTHING = Span(0, 0, 0, 0.0, is_negative=False, has_signed_zero=False, is_distinct=True)


def known(value: Value) -> Measure:
    """How what is known of a value follows from the columns'."""
    if value.measure is not None:
        return value.measure
    if value.source is not None:
        return Measure(value.source)
    if value is NULL:
        return constant(_NOTHING)
    return constant(TRUTH if value.is_condition else ANYTHING)


def check_equal(column: Column, what: str) -> None:
    """Raises `Refuse` unless equality of stored values is the origin's equality."""
    if column.kind is Kind.DYNAMIC:
        if not column.is_compared or column.collation is Collation.UNKNOWN:
            raise Refuse(f"{what} of a column whose collation or affinity isn't known")
        return
    if column.kind is Kind.TEXT:
        if column.is_compared and column.collation in EQUAL_TEXT:
            return
        raise Refuse(f"{what} of text under a collation that the store doesn't have")
    if not column.is_compared or column.kind not in ORDERED:
        raise Refuse(f"{what} of {described(column)}")


def check_null(column: Column | None, what: str) -> None:
    """Raises `Refuse` unless NULL in the store is NULL at the origin.

    Drivers give JSON's null and SQL's NULL both as None.
    """
    if column is not None and column.kind in (Kind.JSON, Kind.OPAQUE):
        raise Refuse(f"{what} of {described(column)}, whose values may come as None")


def check_ordered(column: Column, what: str, semantics: Semantics) -> None:
    """Raises `Refuse` unless the order of stored values is the origin's order."""
    if column.kind is Kind.TEXT:
        if column.is_compared and column.collation in semantics.text_order:
            return
        # 'a' < 'B' under most locales, not by code point.
        raise Refuse(f"{what} of text under a collation that the store doesn't have")
    check_equal(column, what)


def unified(left: Column, right: Column, what: str) -> Column:
    """The common type of two values that stand side by side, or `Refuse`."""
    if left.kind is not right.kind:
        raise Refuse(f"{what} of {described(left)} and {described(right)}")
    if left.kind is Kind.NUMERIC and (left.scale != right.scale or _is_wide(left) != _is_wide(right)):
        # Stored forms of different scale don't compare.
        raise Refuse(f"{what} of numbers of different scale")
    if _is_wide(left) and left.precision != right.precision:
        raise Refuse(f"{what} of numbers of different precision")
    if left.kind is Kind.TEXT:
        check_collations(left, right, what)
    if left.kind is Kind.INTEGER and left.type_name != right.type_name:
        return max(left, right, key=lambda column: _WIDTHS.get(column.type_name, 9))
    if left.kind is Kind.TEXT and collate_of(right):
        left, right = right, left
    return left if left.is_compared and right.is_compared else replace(left, is_compared=False)


def check_collations(left: Column, right: Column, what: str) -> None:
    """Raises `Refuse` if two texts may not meet: the origin reports two named collations as an error."""
    one, other = collate_of(left), collate_of(right)
    if left.collation is not right.collation or (one and other and one != other):
        raise Refuse(f"{what} of texts under different collations")


def collate_of(column: Column) -> str:
    """The name of a text's collation, if it isn't the default one."""
    return column.type_name.partition(" COLLATE ")[2]


def as_text(column: Column, text: Column) -> Column:
    """A text of the dialect's own text type, under the column's collation."""
    collate = collate_of(column)
    type_name = text.type_name + (f" COLLATE {collate}" if collate else "")
    return replace(column, name="", type_name=type_name, precision=None)


_WIDTHS = {"TINYINT": 1, "SMALLINT": 2, "MEDIUMINT": 3, "INTEGER": 4, "BIGINT": 8}


def _is_wide(column: Column) -> bool:
    return column.kind is Kind.NUMERIC and (column.precision or 0) > 18


def described(column: Column) -> str:
    """A type as a reason names it."""
    return column.type_name or column.kind.value
