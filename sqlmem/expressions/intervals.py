"""What moves a date or a timestamp: `INTERVAL '7 days'`, `INTERVAL :n DAY`, a timedelta as a parameter.

An interval is months, days and microseconds, of which each is added by itself: a month has no number
of days, and where clocks are set a day has no number of hours.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from sqlmem.codecs import Unrepresentable
from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import Expressions
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import NULL, Value

_SECOND = 1_000_000
# unit -> months, days, microseconds
_UNITS = {
    "YEAR": (12, 0, 0),
    "QUARTER": (3, 0, 0),
    "MONTH": (1, 0, 0),
    "WEEK": (0, 7, 0),
    "DAY": (0, 1, 0),
    "HOUR": (0, 0, 3600 * _SECOND),
    "MINUTE": (0, 0, 60 * _SECOND),
    "SECOND": (0, 0, _SECOND),
}
# What PostgreSQL's literals may also say.
_SHORT_UNITS = {"MON": "MONTH", "MIN": "MINUTE", "SEC": "SECOND"}
_COUNT = re.compile(r"-?\d{1,6}", re.ASCII)
_WORDS = re.compile(r"(-?\d{1,6}) *([a-z]+)", re.ASCII | re.IGNORECASE)
_LITERAL = re.compile(r"(?:-?\d{1,6} *[a-z]+(?: +|$))+", re.ASCII | re.IGNORECASE)
_MOST = 999_999
# What an interval holds of months and of days, and of microseconds.
_INT4, _INT8 = 2**31 - 1, 2**63 - 1

_MADE_OF = {
    "year": "YEAR",
    "month": "MONTH",
    "week": "WEEK",
    "day": "DAY",
    "hour": "HOUR",
    "minute": "MINUTE",
}


@dataclass(frozen=True, slots=True)
class Interval:
    """Months, days and microseconds, each a whole number or the store's text of one.

    Attributes:
        has_days: of a timedelta, which has days and hours in one: some of it may be days.
    """

    months: int | str = 0
    days: int | str = 0
    microseconds: int | str = 0
    has_days: bool = False

    @property
    def step(self) -> tuple[int, int, int] | None:
        """The numbers, if all of them are constants."""
        match self.months, self.days, self.microseconds:
            case int() as months, int() as days, int() as microseconds:
                return months, days, microseconds
            case _:
                return None

    def negated(self) -> Interval:
        return self.times(-1)

    def times(self, count: int | str) -> Interval:
        return Interval(
            _product(self.months, count, _INT4),
            _product(self.days, count, _INT4),
            _product(self.microseconds, count, _INT8),
            self.has_days,
        )


def _product(part: int | str, count: int | str, most: int) -> int | str:
    """So many times a part of an interval.

    Raises:
        Refuse: the origin may have no such interval, and report it before it looks at a row.
    """
    if part == 0:
        return 0
    is_negation = count == -1
    largest = abs(part) if isinstance(part, int) else 1 if is_negation else most + 1
    if largest * (abs(count) if isinstance(count, int) else _MOST) > most:
        raise Refuse("an interval that may be out of range")
    if isinstance(part, int) and isinstance(count, int):
        return part * count
    return f"({part} * {count})"


def interval(render: Expressions, node: exp.Expr, scope: Scope) -> Interval | None:
    """The interval that a node is by its form; None if it has none of these forms.

    Raises:
        Refuse: it is one, of a form that only the origin reads.
    """
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Interval):
        only(node, "this", "unit")
        return of_unit(render, node.this, node.args.get("unit"), scope)
    if render.semantics.text is None:
        return None
    if isinstance(node, exp.Cast) and node.args["to"].this is exp.DType.INTERVAL:
        return _cast(render, node, scope)
    if isinstance(node, exp.Mul):
        for one, other in ((node.this, node.expression), (node.expression, node.this)):
            if isinstance(_bare(one), exp.Interval | exp.Cast):
                found = interval(render, one, scope)
                if found is not None:
                    return found.times(_count(render, other, scope))
        return None
    if isinstance(node, exp.MakeInterval):
        return _made(render, node, scope)
    return None


def of_unit(render: Expressions, count: exp.Expr | None, unit: exp.Expr | None, scope: Scope) -> Interval:
    """So many of a unit."""
    if isinstance(count, exp.Literal) and count.is_string and unit is None:
        return _literal(str(count.this))
    size = _UNITS.get(str(unit.this).upper().removesuffix("S")) if isinstance(unit, exp.Var) else None
    if size is None or count is None:
        raise Refuse("an interval that isn't one number of one unit")
    return Interval(*size).times(_count(render, count, scope))


def of_timedelta(render: Expressions, value: Value) -> Interval:
    """A parameter that is a timedelta."""
    return Interval(0, 0, render.argument(value, _microseconds), has_days=True)


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _cast(render: Expressions, node: exp.Cast, scope: Scope) -> Interval:
    inner = _bare(node.this)
    if isinstance(inner, exp.Literal) and inner.is_string:
        return _literal(str(inner.this))
    if isinstance(inner, exp.Placeholder):
        value = render.value(inner, scope)
        if value.parameter is not None:
            return of_timedelta(render, value)
    raise Refuse("an interval that is computed")


def _literal(text: str) -> Interval:
    """'1 day', '1 year 2 months': numbers of units that every setting reads alike."""
    parts = _WORDS.findall(text)
    if _LITERAL.fullmatch(text) is None:
        raise Refuse("an interval that isn't numbers of units")
    if len(parts) > 1 and "-" in text:
        # -1 day 2 hours: whether the sign is also the hours' is for IntervalStyle to say.
        raise Refuse("an interval of several parts with a sign")
    months = days = microseconds = 0
    for count, word in parts:
        unit = word.upper().removesuffix("S")
        size = _UNITS.get(_SHORT_UNITS.get(unit, unit))
        if size is None or unit == "QUARTER":
            raise Refuse("an interval that isn't numbers of units")
        months += size[0] * int(count)
        days += size[1] * int(count)
        microseconds += size[2] * int(count)
    return Interval(months, days, microseconds)


def _made(render: Expressions, node: exp.MakeInterval, scope: Scope) -> Interval:
    found = [(key, value) for key, value in node.args.items() if value]
    if len(found) != 1 or found[0][0] not in _MADE_OF or not isinstance(found[0][1], exp.Kwarg):
        raise Refuse("make_interval of more than one named argument")
    key, argument = found[0]
    size = _UNITS[_MADE_OF[key]]
    return Interval(*size).times(_count(render, argument.expression, scope))


def _count(render: Expressions, node: exp.Expr, scope: Scope) -> int | str:
    """A whole number: a constant, or the store's text of a parameter."""
    sign = 1
    while isinstance(node, exp.Neg | exp.Paren):
        sign = -sign if isinstance(node, exp.Neg) else sign
        node = node.this
    if isinstance(node, exp.Literal) and _COUNT.fullmatch(str(node.this)) is not None:
        return sign * int(str(node.this))
    if isinstance(node, exp.Placeholder):
        value = render.value(node, scope)
        if value.parameter is not None:
            text = render.argument(value, _whole)
            return text if sign > 0 else f"(-{text})"
    raise Refuse("an interval that isn't one number of one unit")


def _whole(given: Any) -> int:
    if type(given) is not int or abs(given) > _MOST:
        # MariaDB rounds 1.5 of most units and reads texts; PostgreSQL makes hours of half a day.
        raise Unrepresentable("an interval of what isn't a whole number of few digits")
    return given


def _microseconds(given: Any) -> int:
    if type(given) is not dt.timedelta:
        raise Unrepresentable("a parameter that isn't an interval")
    return (given.days * 86400 + given.seconds) * _SECOND + given.microseconds


def within_a_day(render: Expressions, value: Value) -> Interval:
    """A timedelta beside a moment with a zone: its days are the session's zone's to count.

    timedelta(hours=-1) too is sent as a day back and 23 hours on.
    """

    def convert(given: Any) -> int:
        if type(given) is dt.timedelta and given.days:
            raise Unrepresentable("days beside a timestamp with a time zone")
        return _microseconds(given)

    return Interval(0, 0, render.argument(value, convert))


def is_interval(render: Expressions, value: Value) -> bool:
    """Whether an open value is a timedelta by itself. Asks for its type."""
    if value is NULL or value.parameter is None or value.adapt is not None:
        return False
    own = render.own_type(value)
    return isinstance(own, Column) and own.kind is Kind.INTERVAL
