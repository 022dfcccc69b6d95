"""PostgreSQL's to_char of a moment in a form that is written; and MariaDB's time of day of a moment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from sqlmem.dialects.base import Result
from sqlmem.expressions.beside import OF_DIGITS
from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.functions.postgresql_times import is_of_digits, writers
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import Value

# The parser reads the form into its own; the statement's words have it as it is.
_FORM = re.compile(r"to_char\(.*,\s*'([^'\\]*)'\s*\)", re.IGNORECASE | re.DOTALL)
_TIME = Result(Column("", Kind.INTERVAL, "TIME"), 11)


def to_char(render: Expressions, node: exp.TimeToStr, scope: Scope) -> Value:
    only(node, "this", "format")
    text = render.semantics.text
    if text is None or "to_char" not in render.semantics.called or render.context.slices is None:
        raise Refuse("TO_CHAR is computed by the origin")
    qualifiers = {column.table.lower() for column in node.find_all(exp.Column) if column.table}
    written = render.context.slices.of(node, qualifiers)
    form = None if written is None else _FORM.fullmatch(written.text)
    parts = None if form is None else writers(form[1])
    if form is None or parts is None:
        raise Refuse("TO_CHAR in a form that may follow a locale, or isn't a constant")
    value = render.value(node.this, scope)
    column = value.type
    is_moment = column is not None and column.kind in (Kind.DATE, Kind.TIMESTAMP) and column.is_compared
    if not is_moment or column is None:
        raise Refuse("TO_CHAR of what isn't a date or a timestamp")
    if column.kind is Kind.DATE and any(needs_time for _, needs_time in parts):
        # It is midnight in the session's time zone, which that may have skipped.
        raise Refuse("the time of a date")
    sql = f"sqlmem_pg_to_char({value.sql}, {render.context.constant(form[1])})"
    is_fixed = is_of_digits(form[1])
    return Value(sql, replace(text.type, type_name=OF_DIGITS) if is_fixed else text.type, result=text)


def time_of_day(render: Expressions, node: exp.Time, scope: Scope) -> Value:
    only(node, "this")
    if "time" not in render.semantics.called or not isinstance(node.this, exp.Expr):
        raise Refuse("TIME is computed by the origin")
    value = render.value(node.this, scope)
    column = value.type
    if column is None or column.kind is not Kind.TIMESTAMP or not column.is_compared:
        raise Refuse("TIME of what isn't a timestamp")
    return Value(f"sqlmem_time_of_day({value.sql})", _TIME.type, result=_TIME)


HANDLERS: Mapping[type[exp.Expr], Handler] = {exp.TimeToStr: to_char, exp.Time: time_of_day}
