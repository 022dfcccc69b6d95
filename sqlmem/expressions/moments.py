"""Dates and timestamps moved by an interval (`day + INTERVAL '1 month'`), and how far they are apart.

A parameter that is moved by a constant stays open, and is moved when it arrives:
`created >= :now - INTERVAL '7 days'`. By another parameter it is moved in the store.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from sqlmem.codecs import Unrepresentable
from sqlmem.conversions import literal_value
from sqlmem.dialects.base import Result
from sqlmem.expressions import ruled
from sqlmem.expressions.closed import only
from sqlmem.expressions.intervals import Interval, interval, is_interval, of_timedelta, of_unit, within_a_day
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.functions.moments import move, moved
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import NULL, Value

_Step = tuple[int, int, int]

_MOMENTS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
# What MariaDB makes of a parameter that is moved: a text, which can only be compared here.
_IN_QUOTES = Column("", Kind.TIMESTAMP, "a moment in quotes", refusal="it is a text at the origin")


def arithmetic(render: Expressions, node: exp.Binary, scope: Scope) -> Value:
    is_sum = isinstance(node, exp.Add)
    step = interval(render, node.expression, scope)
    if step is not None:
        return _moved(render, render.value(node.this, scope), step if is_sum else step.negated())
    if is_sum:
        step = interval(render, node.this, scope)
        if step is not None:
            return _moved(render, render.value(node.expression, scope), step)
    if render.semantics.text is None:
        # MariaDB adds and subtracts moments as numbers of their digits.
        return ruled.ruled(render, node, scope)
    only(node, "this", "expression")
    left, right = render.value(node.this, scope), render.value(node.expression, scope)
    kinds = {_kind(render, left, beside=right), _kind(render, right, beside=left)}
    if kinds & _MOMENTS:
        return _of_moments(render, left, right, is_sum=is_sum)
    return ruled.by_rules(render, "+" if is_sum else "-", [left, right])


def added(render: Expressions, node: exp.DateAdd | exp.DateSub, scope: Scope) -> Value:
    """MariaDB's DATE_ADD and DATE_SUB."""
    only(node, "this", "expression", "unit")
    if "date_add" not in render.semantics.called:
        raise Refuse("DATE_ADD is computed by the origin")
    step = of_unit(render, node.expression, node.args.get("unit"), scope)
    value = render.value(node.this, scope)
    return _moved(render, value, step if isinstance(node, exp.DateAdd) else step.negated())


def _kind(render: Expressions, value: Value, *, beside: Value) -> Kind | None:
    """What a value is, an open one by itself; that isn't asked beside a number."""
    if value.type is not None:
        return value.type.kind
    if value.parameter is None or value.adapt is not None:
        return None if value.cast is None else value.cast.kind
    if beside.type is not None and beside.type.kind not in _MOMENTS:
        return None
    own = render.own_type(value)
    return own.kind if isinstance(own, Column) else None


def _of_moments(render: Expressions, left: Value, right: Value, *, is_sum: bool) -> Value:
    """PostgreSQL's sums and differences in which a date or timestamp stands."""
    one, other = _kind(render, left, beside=right), _kind(render, right, beside=left)
    if is_sum and one not in _MOMENTS:
        left, right, one, other = right, left, other, one
    if one not in _MOMENTS:
        raise Refuse("a moment taken away from what is none")
    if other is Kind.INTERVAL and is_interval(render, right):
        step = within_a_day(render, right) if one is Kind.TIMESTAMPTZ else of_timedelta(render, right)
        return _moved(render, left, step if is_sum else step.negated())
    if other is Kind.INTEGER and one is Kind.DATE:
        days = render.own(right)
        if days.type is None or days.type.type_name.upper() == "BIGINT":
            # PostgreSQL has no such operator: an error.
            raise Refuse("a date and a BIGINT")
        return _result(
            render,
            f"sqlmem_move({_typed(render, left)[0]}, 0, {'' if is_sum else '-'}({days.sql}), 0)",
            "DATE",
        )
    if not is_sum and other in _MOMENTS and (one is Kind.TIMESTAMPTZ) == (other is Kind.TIMESTAMPTZ):
        (first, column), (second, other_column) = _typed(render, left), _typed(render, right)
        if column.kind is other_column.kind is Kind.DATE:
            return _result(render, f"sqlmem_days({first}, {second})", "INT")
        return _result(render, f"sqlmem_between({first}, {second})", "INTERVAL")
    raise Refuse("a date or a timestamp beside what doesn't move it")


def _typed(render: Expressions, value: Value) -> tuple[str, Column]:
    """The text and type of a moment, of an open one by itself."""
    if value.is_open:
        value = render.own(value)
    if value.type is None or not value.type.is_compared or value.type.kind not in _MOMENTS:
        raise Refuse("a moment whose type only the origin knows")
    return value.sql, value.type


def _result(render: Expressions, sql: str, cast: str) -> Value:
    column = render.semantics.casts[cast]
    code = render.semantics.code_of(column)
    return Value(sql, column, result=None if code is None else Result(column, code))


def _moved(render: Expressions, value: Value, step: Interval) -> Value:
    # PostgreSQL makes a date a timestamp in any case; MariaDB where it is moved by less than a day.
    makes_timestamp = render.semantics.text is not None
    timestamp = render.semantics.casts["TIMESTAMP"]
    written: str | None = None
    if value.parameter is not None:
        if step.step is not None:
            return _moved_parameter(render, value, step.step, makes_timestamp=makes_timestamp)
        value = _own_moment(render, value, makes_timestamp=makes_timestamp)
    elif value.literal is not None and value.cast is not None and makes_timestamp:
        driver = render.context.facts.driver
        written = literal_value(value.literal, value.cast, value.cast, render.semantics, driver)
        value = render.bound(value, value.cast)
    column = value.type
    if value is NULL or column is None or column.kind not in _MOMENTS or not column.is_compared:
        raise Refuse("an interval beside what isn't a date or a timestamp")
    sql = value.sql
    text = f"sqlmem_move({{}}, {step.months}, {step.days}, {step.microseconds})"
    if column.kind is Kind.TIMESTAMPTZ:
        if step.months or step.days or step.has_days:
            raise Refuse("days beside a timestamp with a time zone")
        # Whose zone it would be given out in isn't known here.
        return Value(text.format(sql), replace(column, name=""))
    if written is not None and step.step is not None:
        text = _moved_literal(render, written, step.step)
    elif column.kind is Kind.DATE and makes_timestamp:
        sql = f"({sql} || ' 00:00:00.000000')"
    if column.kind is Kind.DATE and (makes_timestamp or step.microseconds):
        column = timestamp
    if column is not _IN_QUOTES:
        type_name = timestamp.type_name if column.kind is Kind.TIMESTAMP else "DATE"
        column = replace(column, name="", type_name=type_name)
    code = render.semantics.code_of(column)
    return Value(text.format(sql), column, result=None if code is None else Result(column, code))


def _moved_literal(render: Expressions, stored: str, step: _Step) -> str:
    """The text of a date or timestamp that is written, moved; of a date it makes a timestamp."""
    try:
        moment = move(stored if " " in stored else f"{stored} 00:00:00.000000", *step)
    except (OverflowError, ValueError):
        raise Refuse("a date beyond the years 1 to 9999") from None
    return render.context.constant(moment)


def _own_moment(render: Expressions, value: Value, *, makes_timestamp: bool) -> Value:
    """A parameter as the moment that it is by itself."""
    if makes_timestamp:
        return render.own(value)
    if value.cast is not None and value.cast.kind is not Kind.TIMESTAMP:
        raise Refuse("a date that is given, moved by what is given")
    convert = render.converter(value, _IN_QUOTES, is_compared=True)
    return Value(render.argument(value, convert), _IN_QUOTES)


def _moved_parameter(render: Expressions, value: Value, step: _Step, *, makes_timestamp: bool) -> Value:
    cast: Column | None = None
    own = render.own_type(value) if makes_timestamp else value.cast
    if isinstance(own, Column) and own.kind in (Kind.DATE, Kind.TIMESTAMP):
        cast = render.semantics.casts["TIMESTAMP"]
    elif isinstance(own, Column) and own.kind is Kind.TIMESTAMPTZ and not (step[0] or step[1]):
        cast = own  # a day is 23 hours long once a year, where the session's zone has it so
    elif makes_timestamp or own is not None:
        # A text beside an interval is an interval.
        raise Refuse("an interval beside a parameter that isn't a date or a timestamp")
    is_date = value.cast is not None and value.cast.kind is Kind.DATE
    mover = _mover(value.adapt, step, makes_timestamp=makes_timestamp, is_date=is_date)
    return replace(value, cast=cast, adapt=mover)


def _mover(
    before: Callable[[Any], Any] | None, step: _Step, *, makes_timestamp: bool, is_date: bool
) -> Callable[[Any], Any]:
    def move(given: Any) -> Any:
        moment = given if before is None else before(given)
        if is_date and type(moment) is dt.datetime and moment.tzinfo is None:
            moment = moment.date()
        if type(moment) not in (dt.date, dt.datetime):
            raise Unrepresentable("a parameter that isn't a date or a timestamp")
        if makes_timestamp and type(moment) is dt.date:
            moment = dt.datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001  # as the origin
        try:
            return moved(moment, *step)
        except (OverflowError, ValueError):
            raise Unrepresentable("a date beyond the years 1 to 9999") from None

    return move


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.Add: arithmetic,
    exp.Sub: arithmetic,
    exp.DateAdd: added,
    exp.DateSub: added,
}
