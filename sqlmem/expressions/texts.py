"""Texts put together: ||, CONCAT. What consists of constants and one parameter stays open.

An open text (`'%' || :name || '%'`) is made when the parameter arrives, so that it can be a pattern
or take its place beside a column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from sqlmem.codecs import Unrepresentable
from sqlmem.dialects.base import Result
from sqlmem.expressions.closed import only
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import NULL, Literal, Value, as_text, check_collations, collate_of


def piped(render: Expressions, node: exp.DPipe, scope: Scope) -> Value:
    if "||" not in render.semantics.rules:
        raise Refuse(render.refused("||", "||"))
    values = [render.value(part, scope) for part in _chain(node)]
    if not any(map(_is_text, values[:2])):
        # The first two decide: an array or JSON would be put together otherwise.
        raise Refuse("|| of values whose types only the origin knows")
    return _joined(render, values, "||", is_null_skipped=False)


def concat(render: Expressions, node: exp.Concat, scope: Scope) -> Value:
    only(node, "expressions", "safe", "coalesce")
    if "concat" not in render.semantics.rules:
        raise Refuse("CONCAT is computed by the origin")
    values = [render.value(part, scope) for part in node.expressions]
    is_null_skipped = render.semantics.text is not None
    if is_null_skipped and any(value.parameter is not None and value.cast is None for value in values):
        # psycopg leaves the type to the server, which doesn't find one and reports an error.
        raise Refuse("CONCAT of a parameter whose type only the origin knows")
    return _joined(render, values, "CONCAT", is_null_skipped=is_null_skipped)


def _chain(node: exp.Expr) -> Iterator[exp.Expr]:
    parts = []
    while isinstance(node, exp.DPipe):
        parts.append(node.expression)
        node = node.this
    yield node
    yield from reversed(parts)


def _is_text(value: Value) -> bool:
    column = value.type if value.type is not None else value.cast
    if column is not None:
        return column.kind is Kind.TEXT
    return value.literal is not None and value.literal.is_text


def _joined(render: Expressions, values: Sequence[Value], what: str, *, is_null_skipped: bool) -> Value:
    for value in values:
        column = value.type if value.type is not None else value.cast
        if value is NULL or (value.literal is not None and not value.literal.is_text):
            raise Refuse(f"{what} of a constant that isn't a text")
        if column is None:
            continue
        if column.kind is Kind.TEXT and (column.is_compared or value.source is None):
            continue
        # CHAR gives up its blanks here, dates and floats are written by settings of the session.
        if column.kind is not Kind.INTEGER or not render.semantics.text:
            raise Refuse(f"{what} of {column.type_name or column.kind.value}")
        if value.is_open:
            raise Refuse(f"{what} of a number that is given")
    joined = _folded(values) if not is_null_skipped else None
    if joined is not None:
        return joined if joined.cast is not None else replace(joined, cast=_own_text(render))
    typed = [value.type for value in values if value.type is not None and value.type.kind is Kind.TEXT]
    column = _result(render, typed, what)
    texts = []
    for value in values:
        text = _bound(render, value).sql
        if value.type is not None and value.type.kind is Kind.INTEGER:
            text = f"CAST({text} AS TEXT)"
        texts.append(f"coalesce({text}, '')" if is_null_skipped and value.literal is None else text)
    return Value(f"({' || '.join(texts)})", column, result=_described(render, column, values))


def _own_text(render: Expressions) -> Column:
    text = render.semantics.text
    if text is None:
        raise Refuse("a text whose type only the origin knows")
    return text.type


def _result(render: Expressions, typed: Sequence[Column], what: str) -> Column:
    column = _own_text(render) if not typed else replace(typed[0], name="", precision=None)
    for other in typed[1:]:
        check_collations(column, other, what)
        if collate_of(other):
            column = replace(other, name="", precision=None)
    return column if render.semantics.text is None else as_text(column, render.semantics.text.type)


def _described(render: Expressions, column: Column, values: Sequence[Value]) -> Result | None:
    return Result(column, render.semantics.code_of(column))


def _bound(render: Expressions, value: Value) -> Value:
    if not value.is_open:
        return value
    return render.bound(value, value.cast if value.cast is not None else _own_text(render))


def _folded(values: Sequence[Value]) -> Value | None:
    """One open text of constants and at most one parameter; None if it takes the store."""
    if not all(value.is_open for value in values):
        return None
    parameters = [value for value in values if value.parameter is not None]
    if len(parameters) > 1:
        return None
    index = next((number for number, value in enumerate(values) if value.parameter is not None), len(values))
    before = "".join(value.literal.text for value in values[:index] if value.literal is not None)
    after = "".join(value.literal.text for value in values[index + 1 :] if value.literal is not None)
    if not parameters:
        return Value("", literal=Literal(before, is_text=True))
    parameter = parameters[0]
    return replace(parameter, cast=None, adapt=_between(before, after, parameter))


def _between(before: str, after: str, parameter: Value) -> Callable[[Any], Any]:
    adapt = parameter.adapt
    length = parameter.cast.precision if parameter.cast is not None else None

    def put_between(given: Any) -> str:
        text = given if adapt is None else adapt(given)
        if type(text) is not str or (length is not None and len(text) > length):
            raise Unrepresentable("a parameter that isn't plainly a text")
        return f"{before}{text}{after}"

    return put_between


HANDLERS: Mapping[type[exp.Expr], Handler] = {exp.DPipe: piped, exp.Concat: concat}
