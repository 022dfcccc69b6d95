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
from sqlmem.expressions.ruled import by_rules
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
    if render.semantics.text is None and _folded(values) is None:
        return by_rules(render, "concat", [_plain(value) for value in values])
    is_null_skipped = render.semantics.text is not None
    if is_null_skipped and any(value.parameter is not None and value.cast is None for value in values):
        # psycopg leaves the type to the server, which doesn't find one and reports an error.
        raise Refuse("CONCAT of a parameter whose type only the origin knows")
    return _joined(render, values, "CONCAT", is_null_skipped=is_null_skipped)


def _plain(value: Value) -> Value:
    """A parameter of MariaDB's CONCAT: of ASCII's characters, which every column's character set has."""
    if value.parameter is None:
        return value
    adapt = value.adapt

    def plain(given: Any) -> Any:
        text = given if adapt is None else adapt(given)
        if type(text) is str and not text.isascii():
            raise Unrepresentable("a text that the column's character set may not have")
        return text

    return replace(value, adapt=plain)


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
    if joined is not None and render.semantics.text is None:
        return replace(joined, cast=None)
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


def cased(render: Expressions, node: exp.Lower | exp.Upper, scope: Scope) -> Value:
    """LOWER and UPPER: of a parameter here, of a value at the origin."""
    only(node, "this")
    value = render.value(node.this, scope)
    name = "lower" if isinstance(node, exp.Lower) else "upper"
    if name not in render.semantics.rules or not value.is_open:
        raise Refuse(f"{name.upper()} is computed by the origin")
    if value.cast is not None and (value.cast.kind is not Kind.TEXT or value.cast.precision is not None):
        raise Refuse(f"{name.upper()} of what isn't plainly a text")
    cast = None if render.semantics.text is None else _own_text(render)
    folds_i = render.context.facts.folds_i
    if value.literal is not None:
        if not value.literal.is_text:
            raise Refuse(f"{name.upper()} of a number")
        try:
            text = _in_case(name, value.literal.text, folds_i=folds_i)
        except Unrepresentable as error:
            raise Refuse(str(error)) from None
        return Value("", literal=Literal(text, is_text=True), cast=cast)
    adapt = value.adapt
    return replace(
        value,
        cast=cast,
        adapt=lambda given: _in_case(name, given if adapt is None else adapt(given), folds_i=folds_i),
    )


def _in_case(name: str, text: Any, *, folds_i: bool) -> str:
    # Of other letters the case follows a locale; so does that of I in Turkish.
    has_i = not folds_i and ("I" if name == "lower" else "i") in str(text)
    if type(text) is not str or not text.isascii() or has_i:
        raise Unrepresentable("a text whose case depends on the locale")
    return text.lower() if name == "lower" else text.upper()


# The parser's class -> the name in the tables, and its arguments in order.
_FUNCTIONS: dict[type[exp.Expr], tuple[str, tuple[str, ...]]] = {
    exp.Left: ("left", ("this", "expression")),
    exp.Right: ("right", ("this", "expression")),
    exp.Substring: ("substring", ("this", "start", "length")),
    exp.StrPosition: ("strpos", ("this", "substr")),
    exp.Replace: ("replace", ("this", "expression", "replacement")),
    exp.Repeat: ("repeat", ("this", "times")),
    exp.SplitPart: ("split_part", ("this", "delimiter", "part_index")),
    exp.Reverse: ("reverse", ("this",)),
    exp.StartsWith: ("starts_with", ("this", "expression")),
    exp.Length: ("length", ("this",)),
}
_TRIMS = {None: "btrim", "BOTH": "btrim", "LEADING": "ltrim", "TRAILING": "rtrim"}


def function(render: Expressions, node: exp.Func, scope: Scope) -> Value:
    name, keys = _FUNCTIONS[type(node)]
    return _by_rules(render, node, name, keys, scope)


def pad(render: Expressions, node: exp.Pad, scope: Scope) -> Value:
    only(node, "this", "expression", "fill_pattern", "is_left")
    name = "lpad" if node.args.get("is_left") else "rpad"
    return _by_rules(render, node, name, ("this", "expression", "fill_pattern"), scope, "is_left")


def trim(render: Expressions, node: exp.Trim, scope: Scope) -> Value:
    name = _TRIMS.get(node.args.get("position") or None)
    if name is None:
        raise Refuse("a form of TRIM that the planner doesn't know")
    return _by_rules(render, node, name, ("this", "expression"), scope, "position")


def _by_rules(
    render: Expressions, node: exp.Func, name: str, keys: tuple[str, ...], scope: Scope, *more: str
) -> Value:
    if name not in render.semantics.rules:
        raise Refuse(f"{name.upper()} is computed by the origin")
    only(node, *keys, *more)
    operands = [render.value(node.args[key], scope) for key in keys if node.args.get(key) is not None]
    return by_rules(render, name, operands)


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.DPipe: piped,
    exp.Concat: concat,
    exp.Lower: cased,
    exp.Upper: cased,
    exp.Pad: pad,
    exp.Trim: trim,
    **dict.fromkeys(_FUNCTIONS, function),
}
