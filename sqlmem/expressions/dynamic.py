"""Expressions on dynamically typed values (SQLite), whose meaning is the store's own.

The store is the same engine: an expression that is written as the origin has it means the same,
affinities and collations included. What is decided here is only what the present, an application's
own functions, or the shape that the store's statement has otherwise could change, and what is known
of the values that come out.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from sqlmem.dialects.sqlite_functions import CASTS, FUNCTIONS, PRESENT, ZONES, Function
from sqlmem.expressions import predicates
from sqlmem.expressions.aggregates import aggregate
from sqlmem.expressions.closed import described, is_total, only
from sqlmem.expressions.opened import DYNAMIC
from sqlmem.expressions.predicates import COMPARISONS, EQUALITIES
from sqlmem.expressions.rendering import Expressions, Handler
from sqlmem.lexemes import CALL_PREFIX
from sqlmem.measures import (
    ANYTHING,
    BLOBS,
    INTEGER,
    INTEGERS,
    NUMBER,
    TEXTS,
    Combine,
    Measure,
    Span,
    added,
    as_real,
    constant,
    divided,
    either,
    multiplied,
    negated,
    number,
    remainder,
    subtracted,
    truncated,
)
from sqlmem.model import Collation
from sqlmem.plan import Argument, Refuse
from sqlmem.scopes import Scope
from sqlmem.values import Literal, Value, check_ordered, known


def _texts(*_operands: Span) -> Span:
    return TEXTS


def _bits(*_operands: Span) -> Span:
    return INTEGERS


# node -> the operator, and what comes out
OPERATORS: dict[type[exp.Expr], tuple[str, Combine]] = {
    exp.Add: ("+", added),
    exp.Sub: ("-", subtracted),
    exp.Mul: ("*", multiplied),
    exp.Div: ("/", divided),
    exp.Mod: ("%", remainder),
    exp.DPipe: ("||", _texts),
    exp.BitwiseAnd: ("&", _bits),
    exp.BitwiseOr: ("|", _bits),
    exp.BitwiseLeftShift: ("<<", _bits),
    exp.BitwiseRightShift: (">>", _bits),
}

_COLLATIONS = {"BINARY": Collation.BINARY, "NOCASE": Collation.NOCASE, "RTRIM": Collation.RTRIM}


def computed(
    sql: str, combine: Combine, operands: Sequence[Value], *, hands_on: bool = False, is_json: bool = False
) -> Value:
    """The value of an operator or function on these operands.

    Args:
        hands_on: it may give out an operand as it is, with the collation of its column.
    """
    # COLLATE anywhere below is the comparison's, however deep: lower(a COLLATE NOCASE) = 'X'.
    collations = [
        operand.type.collation
        for operand in operands
        if operand.type is not None and (operand.is_collated or hands_on)
    ]
    collation = next((known for known in collations if known is not Collation.BINARY), Collation.BINARY)
    measure = Measure(None, combine, tuple(known(operand) for operand in operands))
    if collation is not Collation.BINARY:
        measure = Measure(None, _folded, (measure,))
    is_collated = any(operand.is_collated for operand in operands)
    # Parenthesised: the parser has settled precedence, and the text must keep it.
    return Value(
        f"({sql})",
        replace(DYNAMIC, collation=collation),
        is_distinct=False,
        measure=measure,
        is_collated=is_collated,
        is_json=is_json,
    )


def _folded(of: Span) -> Span:
    """Under a collation by which unequal texts are equal."""
    return replace(of, is_distinct=of.is_distinct and of.is_number)


def operator(render: Expressions, node: exp.Binary, scope: Scope) -> Value:
    sign, combine = OPERATORS[type(node)]
    left, right = render.value(node.this, scope), render.value(node.expression, scope)
    return computed(f"{left.sql} {sign} {right.sql}", combine, (left, right))


def literal(render: Expressions, node: exp.Literal, scope: Scope) -> Value:
    return _literal(render, str(node.this), node)


def _literal(render: Expressions, text: str, node: exp.Literal) -> Value:
    is_text = bool(node.is_string)
    value = render.literal_of(Literal(text, is_text, render.context.place(node)))
    if is_text:
        return replace(value, measure=constant(TEXTS))
    # Where the plan is for other constants too, nothing is said of this one's size.
    is_shared = value.sql.startswith("\0")
    return replace(value, measure=constant(INTEGERS if is_shared else number(text.lower())))


def negative(render: Expressions, node: exp.Neg, scope: Scope) -> Value:
    inner = node.this
    if isinstance(inner, exp.Literal) and not inner.is_string:
        return _literal(render, f"-{inner.this}", inner)
    of = render.value(inner, scope)
    # The blank: "--" would open a comment.
    return computed(f"- {of.sql}", negated, (of,))


def inverted(render: Expressions, node: exp.BitwiseNot, scope: Scope) -> Value:
    of = render.value(node.this, scope)
    return computed(f"~ {of.sql}", _bits, (of,))


def blob(render: Expressions, node: exp.HexString, scope: Scope) -> Value:
    only(node, "this")
    try:
        stored = bytes.fromhex(str(node.this))
    except ValueError:
        raise Refuse("a blob that isn't written in pairs of digits") from None
    return Value(render.context.argument(Argument(None, stored)), DYNAMIC, measure=constant(BLOBS))


def collate(render: Expressions, node: exp.Collate, scope: Scope) -> Value:
    only(node, "this", "expression")
    name = str(node.expression.name).upper()
    collation = _COLLATIONS.get(name)
    if collation is None:
        raise Refuse("a collation of the application's own")
    of = render.value(node.this, scope)
    combine = _plain if collation is Collation.BINARY else _folded
    return Value(
        f"({of.sql} COLLATE {name})",
        replace(of.type or DYNAMIC, collation=collation),
        is_distinct=False,
        measure=Measure(None, combine, (known(of),)),
        is_collated=True,
        is_json=of.is_json,
    )


def _plain(of: Span) -> Span:
    """Under BINARY: 1 and 1.0 are equal, and all texts differ."""
    return replace(of, is_distinct=of.classes & NUMBER != NUMBER and not of.has_signed_zero)


def cast(render: Expressions, node: exp.Cast, scope: Scope) -> Value:
    only(node, "this", "to")
    to = node.args["to"]
    affinity = CASTS.get(to.this.value if isinstance(to.this, exp.DType) else "")
    if affinity is None:
        raise Refuse(f"a cast to {to.sql()}")
    of = render.value(node.this, scope)
    # The operand's collation goes through a cast.
    value = computed(f"CAST({of.sql} AS {affinity})", _CASTS[affinity], (of,), hands_on=True)
    assert value.type is not None
    return replace(value, type=replace(value.type, affinity=affinity))


def _as_number(of: Span) -> Span:
    # 1.0 becomes 1 under some versions and stays 1.0 under others.
    return replace(of, is_distinct=of.classes == INTEGER) if of.is_number else Span(NUMBER)


def _as_blob(of: Span) -> Span:
    return BLOBS


_CASTS: Mapping[str, Combine] = {
    "INTEGER": truncated,
    "REAL": as_real,
    "TEXT": _texts,
    "BLOB": _as_blob,
    "NUMERIC": _as_number,
}


# -- functions ---------------------------------------------------------------------------------


def call(render: Expressions, node: exp.Anonymous, scope: Scope) -> Value:
    if is_total(node):
        return aggregate(render, node, scope)
    name = str(node.this).lower()
    if not name.startswith(CALL_PREFIX):
        raise Refuse(f"{described(node)} is computed by the origin")
    return _call(render, name.removeprefix(CALL_PREFIX), node.expressions, scope)


def greatest(render: Expressions, node: exp.Greatest | exp.Least, scope: Scope) -> Value:
    only(node, "this", "expressions", "ignore_nulls")
    name = "max" if isinstance(node, exp.Greatest) else "min"
    render.not_overridden(name)
    operands = [render.value(item, scope) for item in (node.this, *node.expressions)]
    for operand in operands:
        if operand.type is not None:
            check_ordered(operand.type, name.upper(), render.semantics)
    texts = ", ".join(operand.sql for operand in operands)
    return computed(f"{name}({texts})", either, operands, hands_on=True)


def arrow(render: Expressions, node: exp.JSONExtract | exp.JSONExtractScalar, scope: Scope) -> Value:
    only(node, "this", "expression", "only_json_types", "scalar_only")
    sign = "->" if isinstance(node, exp.JSONExtract) else "->>"
    render.not_overridden(sign)
    if not isinstance(node.expression, exp.Paren | exp.Placeholder | exp.Column):
        # A path that the parser has taken apart.
        raise Refuse("a JSON path that isn't a plain literal or parameter")
    left, right = render.value(node.this, scope), render.value(node.expression, scope)
    return computed(f"{left.sql} {sign} {right.sql}", _anything, (left, right), is_json=sign == "->")


def _anything(*_operands: Span) -> Span:
    return ANYTHING


def _call(render: Expressions, name: str, nodes: Sequence[exp.Expr], scope: Scope) -> Value:
    row = FUNCTIONS.get(name)
    if row is None:
        raise Refuse(f"the function {name} is computed by the origin")
    render.not_overridden(name)
    if name == "like" and not render.context.facts.like_ignores_case:
        raise Refuse("LIKE was changed by PRAGMA case_sensitive_like")
    if len(nodes) < row.least or (row.most is not None and len(nodes) > row.most):
        raise Refuse(f"the function {name} with {len(nodes)} arguments")
    operands = [render.value(node, scope) for node in nodes]
    if row.sees_json and any(
        operand.is_json and not isinstance(node, exp.Anonymous)
        for node, operand in zip(nodes, operands, strict=True)
    ):
        raise Refuse(f"the function {name} is computed by the origin: {row.wrong}")
    texts = [operand.sql for operand in operands]
    if row.moments:
        texts = [
            _guarded(node, operand, row, is_time=index in row.moments)
            if index >= row.moments[0]
            else operand.sql
            for index, (node, operand) in enumerate(zip(nodes, operands, strict=True))
        ]
    handed = operands[slice(*row.handed_on)]
    combine = row.combine if row.combine is not None else _constant(row.span)
    return computed(
        f"{name}({', '.join(texts)})",
        combine,
        handed if row.span is None else operands,
        hands_on=combine is either,
        is_json=row.is_json or (combine is either and any(item.is_json for item in handed)),
    )


@functools.cache
def _constant(span: Span | None) -> Combine:
    assert span is not None
    return lambda *_operands: span


def _guarded(node: exp.Expr, operand: Value, row: Function, *, is_time: bool) -> str:
    """An argument of a function of time; where it turns out to mean the present, an error of the store.

    An error is answered by the origin. A literal is looked at now.
    """
    words = PRESENT if is_time else ZONES
    if isinstance(node, exp.Literal):
        if node.is_string and str(node.this).lower().startswith(words):
            raise Refuse(f"a function of time: {row.wrong}")
        return operand.sql
    if isinstance(node, exp.Null):
        return operand.sql
    sql = operand.sql
    found = " OR ".join(f"instr(lower({sql}), '{word}') = 1" for word in words)
    # abs() of the least integer is SQLite's plainest error. Not a constant, which would be computed
    # in advance.
    return f"CASE WHEN {found} THEN abs(-9223372036854775807 - ({sql} IS NOT NULL)) ELSE {sql} END"


# -- predicates --------------------------------------------------------------------------------


def like(render: Expressions, node: exp.Like | exp.Escape, scope: Scope) -> Value:
    escape: exp.Expr | None = None
    inner: exp.Expr = node
    if isinstance(node, exp.Escape):
        inner, escape = node.this, node.expression
    if not isinstance(inner, exp.Like):
        raise Refuse("ESCAPE without LIKE")
    only(inner, "this", "expression", "negate")
    pattern = inner.expression
    if isinstance(pattern, exp.Escape):
        pattern, escape = pattern.this, pattern.expression
    if not render.context.facts.like_ignores_case:
        raise Refuse("LIKE was changed by PRAGMA case_sensitive_like")
    render.not_overridden("like")
    word = "NOT LIKE" if inner.args.get("negate") else "LIKE"
    text = f"{render.value(inner.this, scope).sql} {word} {render.value(pattern, scope).sql}"
    if escape is not None:
        text += f" ESCAPE {render.value(escape, scope).sql}"
    return render.predicate(text)


def comparison(render: Expressions, node: exp.Binary, scope: Scope) -> Value:
    sign = COMPARISONS[type(node)]
    is_ordered = sign not in EQUALITIES
    if isinstance(node.this, exp.Tuple) and isinstance(node.expression, exp.Tuple):
        left, right = _row(render, node.this, scope), _row(render, node.expression, scope)
        if len(left) != len(right):
            raise Refuse("rows of different sizes")
        for one, other in zip(left, right, strict=True):
            render.pair(one, other, "comparison", is_ordered=is_ordered)
        return render.predicate(f"{_row_text(left)} {sign} {_row_text(right)}")
    one, other = render.pair(
        render.value(node.this, scope),
        render.value(node.expression, scope),
        "comparison",
        is_ordered=is_ordered,
    )
    return render.predicate(f"{one.sql} {sign} {other.sql}")


def _row(render: Expressions, node: exp.Tuple, scope: Scope) -> list[Value]:
    only(node, "expressions")
    return [render.value(item, scope) for item in node.expressions]


def _row_text(values: Sequence[Value]) -> str:
    return f"({', '.join(value.sql for value in values)})"


def in_(render: Expressions, node: exp.In, scope: Scope) -> Value:
    if not isinstance(node.this, exp.Tuple):
        return predicates.in_(render, node, scope)
    only(node, "this", "query")
    row = _row(render, node.this, scope)
    query = node.args.get("query")
    if query is None:
        raise Refuse("a row IN a list")
    sql, outputs = render.subquery(query, scope)
    if len(outputs) != len(row):
        raise Refuse("IN over another number of columns")
    for one, other in zip(row, outputs, strict=True):
        render.pair(one, other, "IN", is_ordered=False)
    return render.predicate(f"{_row_text(row)} IN ({sql})")


HANDLERS: Mapping[type[exp.Expr], Handler] = {
    **dict.fromkeys(OPERATORS, operator),
    **dict.fromkeys(COMPARISONS, comparison),
    exp.Anonymous: call,
    exp.BitwiseNot: inverted,
    exp.Cast: cast,
    exp.Collate: collate,
    exp.Escape: like,
    exp.Greatest: greatest,
    exp.HexString: blob,
    exp.In: in_,
    exp.JSONExtract: arrow,
    exp.JSONExtractScalar: arrow,
    exp.Least: greatest,
    exp.Like: like,
    exp.Literal: literal,
    exp.Neg: negative,
}
