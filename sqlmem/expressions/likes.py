"""LIKE and its kind: a pattern of the statement's own, brought to the form that the store matches by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from sqlmem.codecs import Unrepresentable
from sqlmem.conversions import literal_value
from sqlmem.expressions.closed import only
from sqlmem.expressions.fetched import MADE
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.functions.mysql_texts import weights_of
from sqlmem.functions.patterns import ESCAPE, glob_of, like_of
from sqlmem.model import Collation, Column, Kind
from sqlmem.plan import Refuse
from sqlmem.scopes import Scope
from sqlmem.values import EQUAL_TEXT, NULL, Value

_NAMES: dict[type[exp.Expr], str] = {exp.Like: "like", exp.ILike: "ilike"}


def like(render: Expressions, node: exp.Like, scope: Scope) -> Value:
    return _like(render, node, ESCAPE, scope)


def escaped(render: Expressions, node: exp.Escape, scope: Scope) -> Value:
    escape = node.expression
    if type(node.this) not in _NAMES:
        raise Refuse("ESCAPE without LIKE")
    # '' means none to one origin, a backslash to the other; more than one character is an error.
    if not (isinstance(escape, exp.Literal) and escape.is_string and len(str(escape.this)) == 1):
        raise Refuse("ESCAPE of what isn't one character")
    return _like(render, node.this, str(escape.this), scope)


def _like(render: Expressions, node: exp.Binary, escape: str, scope: Scope) -> Value:
    only(node, "this", "expression", "negate")
    name = _NAMES[type(node)]
    if name not in render.semantics.rules:
        raise Refuse(f"{name.upper()} is computed by the origin")
    if escape == ESCAPE and not render.context.facts.backslash_escapes:
        escape = ""
    subject = node.this
    if name == "ilike":
        # ILIKE is LIKE between both in lower case; the column's is the origin's to compute.
        subject = _lower(subject)
    value = render.value(subject, scope)
    column = value.type
    if column is None:
        raise Refuse(f"{name.upper()} of a value whose type only the origin knows")
    if column.kind is not Kind.TEXT or not column.is_compared:
        raise Refuse(f"{name.upper()} of {column.type_name or column.kind.value}")
    is_folded = column.collation is Collation.FOLDED
    folded = render.weights(value, is_key=False) if is_folded and name == "like" else None
    if folded is not None:
        value = folded
    elif column.collation not in EQUAL_TEXT:
        # 'a' LIKE 'A' is true under most of MariaDB's collations.
        raise Refuse(f"{name.upper()} of text under a collation that the store doesn't have")
    pattern = render.value(node.expression, scope)
    convert = _converter(render, pattern, column, escape, is_lower=name == "ilike")
    if folded is not None:
        convert = _weighed(convert)
    if pattern is NULL:
        text = "NULL"
    elif pattern.literal is not None:
        stored = literal_value(pattern.literal, column, None, render.semantics, render.context.facts.driver)
        text = render.context.constant(_at_planning(convert, stored))
    elif pattern.parameter is not None:
        text = render.argument(pattern, convert)
    elif folded is not None:
        raise Refuse("LIKE with a pattern that is computed, of text under a collation")
    else:
        return _by_column(value, pattern, escape, name, render, is_negated=bool(node.args.get("negate")))
    matched = (
        f"sqlmem_like({value.sql}, {text})" if render.semantics.text_has_nul else f"{value.sql} GLOB {text}"
    )
    return render.predicate(f"NOT {matched}" if node.args.get("negate") else matched)


def _lower(node: exp.Expr) -> exp.Expr:
    lower = exp.Lower()
    # Past `set`, which would change the node's parent: the statement's tree is shared.
    lower.args["this"] = node
    lower.meta[MADE] = True
    return lower


def _by_column(
    value: Value, pattern: Value, escape: str, name: str, render: Expressions, *, is_negated: bool
) -> Value:
    """A pattern that differs by row."""
    column = pattern.type
    assert column is not None
    assert value.type is not None
    if name == "ilike" or escape != ESCAPE:
        raise Refuse(f"{name.upper()} with a pattern that is computed")
    if column.kind is not Kind.TEXT or not column.is_compared or column.collation is not value.type.collation:
        raise Refuse(f"{name.upper()} with a pattern of another collation")
    matched = f"sqlmem_like({value.sql}, {pattern.sql})"
    return render.predicate(f"NOT {matched}" if is_negated else matched)


def _converter(
    render: Expressions, pattern: Value, column: Column, escape: str, *, is_lower: bool
) -> Callable[[Any], str]:
    """From a pattern as it was given to the one that the store's matching takes."""
    plain = replace(column, precision=None)
    convert = render.converter(pattern, plain)
    to_stored = like_of if render.semantics.text_has_nul else glob_of

    def convert_pattern(given: Any) -> str:
        text = str(convert(given))
        if is_lower:
            # The origin's lower case of other letters follows a locale; I has two in Turkish.
            if not text.isascii() or "I" in text:
                raise Unrepresentable("a pattern whose lower case depends on the locale")
            text = text.lower()
        return to_stored(text, escape)

    return convert_pattern


def _weighed(convert: Callable[[Any], str]) -> Callable[[Any], str]:
    """As `convert`, of characters whose weight is known here: the large letter's."""

    def convert_weighed(given: Any) -> str:
        weights = weights_of(convert(given), is_key=False)
        if weights is None:
            raise Unrepresentable("a pattern with characters whose weights only the collation knows")
        return weights

    return convert_weighed


def _at_planning(convert: Callable[[Any], str], stored: str) -> str:
    try:
        return convert(stored)
    except Unrepresentable as error:
        raise Refuse(str(error)) from None


HANDLERS: Mapping[type[exp.Expr], Handler] = {exp.Like: like, exp.ILike: like, exp.Escape: escaped}
