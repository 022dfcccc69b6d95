"""Dates and timestamps moved by an interval of constants: `day + INTERVAL '1 month'`.

A parameter that is moved stays open, and is moved when it arrives: `created >= :now - INTERVAL '7 days'`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from sqlmem.codecs import Unrepresentable
from sqlmem.dialects.base import Result
from sqlmem.expressions import ruled
from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.functions.moments import moved
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import NULL, Value

# unit -> months, days, microseconds
_UNITS = {
    "YEAR": (12, 0, 0),
    "QUARTER": (3, 0, 0),
    "MONTH": (1, 0, 0),
    "WEEK": (0, 7, 0),
    "DAY": (0, 1, 0),
    "HOUR": (0, 0, 3_600_000_000),
    "MINUTE": (0, 0, 60_000_000),
    "SECOND": (0, 0, 1_000_000),
}
_COUNT = re.compile(r"-?\d{1,6}", re.ASCII)
_WORDS = re.compile(r"(-?\d{1,6}) *([a-z]+)", re.ASCII | re.IGNORECASE)

_Step = tuple[int, int, int]


def arithmetic(render: Expressions, node: exp.Binary, scope: Scope) -> Value:
    sign = 1 if isinstance(node, exp.Add) else -1
    step = _interval(node.expression, sign)
    if step is None:
        return ruled.ruled(render, node, scope)
    return _moved(render, render.value(node.this, scope), step)


def added(render: Expressions, node: exp.DateAdd | exp.DateSub, scope: Scope) -> Value:
    """MariaDB's DATE_ADD and DATE_SUB."""
    only(node, "this", "expression", "unit")
    if "date_add" not in render.semantics.called:
        raise Refuse("DATE_ADD is computed by the origin")
    sign = 1 if isinstance(node, exp.DateAdd) else -1
    step = _step(node.expression, node.args.get("unit"), sign)
    if step is None:
        raise Refuse("an interval that isn't a constant")
    return _moved(render, render.value(node.this, scope), step)


def _interval(node: exp.Expr, sign: int) -> _Step | None:
    if isinstance(node, exp.Interval):
        only(node, "this", "unit")
        step = _step(node.this, node.args.get("unit"), sign)
        if step is None:
            raise Refuse("an interval that isn't one number of one unit")
        return step
    if isinstance(node, exp.Cast) and node.args["to"].this is exp.DType.INTERVAL:
        inner = node.this
        found = (
            _WORDS.fullmatch(str(inner.this)) if isinstance(inner, exp.Literal) and inner.is_string else None
        )
        unit = None if found is None else _UNITS.get(found[2].upper().removesuffix("S"))
        if found is None or unit is None:
            raise Refuse("an interval that isn't one number of one unit")
        return _times(unit, sign * int(found[1]))
    return None


def _step(count: exp.Expr | None, unit: exp.Expr | None, sign: int) -> _Step | None:
    while isinstance(count, exp.Neg | exp.Paren):
        sign = -sign if isinstance(count, exp.Neg) else sign
        count = count.this
    if not isinstance(count, exp.Literal) or _COUNT.fullmatch(str(count.this)) is None:
        return None
    if not isinstance(unit, exp.Var):
        return None
    size = _UNITS.get(str(unit.this).upper().removesuffix("S"))
    return None if size is None else _times(size, sign * int(str(count.this)))


def _times(size: _Step, count: int) -> _Step:
    return size[0] * count, size[1] * count, size[2] * count


def _moved(render: Expressions, value: Value, step: _Step) -> Value:
    months, days, microseconds = step
    # PostgreSQL makes a date a timestamp in any case; MariaDB where it is moved by less than a day.
    makes_timestamp = render.semantics.text is not None
    timestamp = render.semantics.casts["TIMESTAMP"]
    if value.parameter is not None:
        return _moved_parameter(render, value, step, makes_timestamp=makes_timestamp)
    column = value.type
    if (
        value is NULL
        or column is None
        or column.kind not in (Kind.DATE, Kind.TIMESTAMP)
        or not column.is_compared
    ):
        raise Refuse("an interval beside what isn't a date or a timestamp")
    sql = value.sql
    if column.kind is Kind.DATE and makes_timestamp:
        sql = f"({sql} || ' 00:00:00.000000')"
    if column.kind is Kind.DATE and (makes_timestamp or microseconds):
        column = timestamp
    column = replace(
        column, name="", type_name=timestamp.type_name if column.kind is Kind.TIMESTAMP else "DATE"
    )
    code = render.semantics.code_of(column)
    return Value(
        f"sqlmem_move({sql}, {months}, {days}, {microseconds})",
        column,
        result=None if code is None else Result(column, code),
    )


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
