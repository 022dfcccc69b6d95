"""PostgreSQL's arithmetic, as rows.

Integers: the wider of the operands' types, beyond whose bounds it is an error. NUMERIC: exact, of
a scale that follows from the operands' scales, but for quotients, whose scale follows from the
values. A float beside anything makes it floats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlmem.dialects.numbers import (
    DIGITS,
    combined,
    float_text,
    guarded,
    is_wide,
    multiplied,
    scale_of,
    size,
)
from sqlmem.dialects.parameters import number
from sqlmem.dialects.rules import Operand, Render, Result, Rule, Rules, Taken, Way, result
from sqlmem.model import Column, Kind

_CODE = 1700
_DOUBLE = result(Kind.FLOAT, "DOUBLE PRECISION", 701)
_DECIMAL = result(Kind.DECIMAL, "NUMERIC", _CODE)
_CODES = {"SMALLINT": 21, "INTEGER": 23, "BIGINT": 20}
_BITS = {"SMALLINT": 15, "INTEGER": 31, "BIGINT": 63}

INTEGERS = frozenset({Kind.INTEGER})
NUMERICS = frozenset({Kind.NUMERIC, Kind.DECIMAL})
NUMBERS = INTEGERS | NUMERICS | {Kind.FLOAT}


def _numeric(precision: int, scale: int) -> Result:
    return Result(number(precision, scale), _CODE)


def _integer(columns: Sequence[Column]) -> Result:
    name = max((column.type_name for column in columns), key=DIGITS.__getitem__)
    return result(Kind.INTEGER, name, _CODES[name])


def _within(sql: str, type_: Result) -> str | None:
    bits = _BITS[type_.type.type_name]
    return guarded(sql, -(2**bits), 2**bits - 1)


def _integers(operands: Sequence[Taken], operator: str, name: str) -> tuple[str, Result]:
    one, other = operands
    type_ = _integer([one.type, other.type])
    if type_.type.type_name != "BIGINT":
        # No 64 bits are left here: the result is looked at, not the operation.
        guard = _within(f"{one.sql} {operator} {other.sql}", type_)
        if guard is not None:
            return guard, type_
        bound = 2 ** _BITS[type_.type.type_name]
        return f"sqlmem_within(sqlmem_int8_{name}({one.sql}, {other.sql}), {-bound}, {bound - 1})", type_
    return f"sqlmem_int8_{name}({one.sql}, {other.sql})", type_


def _decimals(operands: Sequence[Taken], name: str) -> tuple[str, Result]:
    texts = ", ".join(f"{operand.sql}, {scale_of(operand.type)}" for operand in operands)
    return f"sqlmem_numeric_{name}({texts})", _DECIMAL


def _by_kind(operator: str, name: str, exact: Render, *, has_floats: bool = True) -> Render:
    def render(operands: Sequence[Taken]) -> tuple[str, Result] | None:
        kinds = {operand.type.kind for operand in operands}
        if Kind.FLOAT in kinds:
            texts = ", ".join(map(float_text, operands))
            return (f"sqlmem_float_{name}({texts})", _DOUBLE) if has_floats else None
        if Kind.DECIMAL in kinds:
            return _decimals(operands, name)
        if kinds == {Kind.INTEGER}:
            return _integers(operands, operator, name)
        return exact(operands)

    return render


def _divided(operands: Sequence[Taken]) -> tuple[str, Result] | None:
    one, other = operands
    kinds = {one.type.kind, other.type.kind}
    if Kind.FLOAT in kinds:
        return f"sqlmem_float_divide({float_text(one)}, {float_text(other)})", _DOUBLE
    if kinds != {Kind.INTEGER}:
        # The quotient's scale follows from the first digits of both.
        return _decimals(operands, "divide")
    type_ = _integer([one.type, other.type])
    if other.literal and other.literal != -1:
        return f"{one.sql} / {other.sql}", type_
    sql = f"sqlmem_int8_divide({one.sql}, {other.sql})"
    if type_.type.type_name == "BIGINT":
        return sql, type_
    bound = 2 ** _BITS[type_.type.type_name]
    return f"sqlmem_within({sql}, {-bound}, {bound - 1})", type_


def _modulo(operands: Sequence[Taken]) -> tuple[str, Result] | None:
    kinds = {operand.type.kind for operand in operands}
    if Kind.FLOAT in kinds:
        return None
    if Kind.DECIMAL in kinds:
        return _decimals(operands, "modulo")
    if kinds == {Kind.INTEGER}:
        one, other = operands
        type_ = _integer([one.type, other.type])
        if other.literal:
            return f"{one.sql} % {other.sql}", type_
        return f"sqlmem_int8_modulo({one.sql}, {other.sql})", type_
    return combined(operands, "%", "sqlmem_decimal_modulo", _numeric)


def _signed(name: str, native: str) -> Render:
    """Negation and the absolute value, which keep the type."""

    def render(operands: Sequence[Taken]) -> tuple[str, Result] | None:
        (one,) = operands
        kind = one.type.kind
        if kind is Kind.FLOAT:
            return f"sqlmem_float_{name}({one.sql})", _DOUBLE
        if kind is Kind.DECIMAL:
            return _decimals(operands, name)
        if kind is Kind.NUMERIC:
            type_ = _numeric(one.type.precision or 0, one.type.scale or 0)
            if is_wide(one.type):
                return f"sqlmem_decimal_{name}({one.sql}, {one.type.precision})", type_
            return native.format(one.sql), type_
        type_ = _integer([one.type])
        # The least of a type has no counterpart.
        least = -(2 ** _BITS[one.type.type_name])
        return f"sqlmem_int_{name}({one.sql}, {least})", type_

    return render


def _digits(name: str) -> Render:
    """ROUND and TRUNC to a number of digits."""

    def render(operands: Sequence[Taken]) -> tuple[str, Result] | None:
        one, to = operands
        if one.type.kind is Kind.FLOAT or to.type.type_name == "BIGINT":
            return None  # there is no such function
        if to.literal is None or one.type.kind is Kind.DECIMAL:
            return f"sqlmem_numeric_{name}({one.sql}, {scale_of(one.type)}, {to.sql})", _DECIMAL
        return _to_digits(one, int(to.literal), name)

    return render


def _to_digits(one: Taken, to: int, name: str) -> tuple[str, Result] | None:
    if abs(to) > 100:
        return None
    digits, scale = size(one.type)
    kept = max(digits - scale, 0) + max(to, 0) + 1
    if to < 0:
        kept = max(kept, 1 - to)
    return f"sqlmem_decimal_{name}({one.sql}, {scale}, {to}, {kept})", _numeric(kept, max(to, 0))


def _to_whole(name: str) -> Render:
    """ROUND, TRUNC, FLOOR, CEIL and SIGN: of integers and floats a float, of numerics a whole numeric."""

    def render(operands: Sequence[Taken]) -> tuple[str, Result] | None:
        (one,) = operands
        kind = one.type.kind
        if kind in (Kind.FLOAT, Kind.INTEGER):
            return f"sqlmem_float_{name}({one.sql})", _DOUBLE
        if kind is Kind.DECIMAL:
            more = ", 0" if name in ("round", "cut") else ""
            return f"sqlmem_numeric_{name}({one.sql}, {scale_of(one.type)}{more})", _DECIMAL
        if name in ("round", "cut"):
            return _to_digits(one, 0, name)
        digits, scale = size(one.type)
        if name == "sign":
            return f"sqlmem_decimal_sign({one.sql})", _numeric(1, 0)
        kept = max(digits - scale, 0) + 1
        return f"sqlmem_decimal_{name}({one.sql}, {scale}, {kept})", _numeric(kept, 0)

    return render


def _root(operands: Sequence[Taken]) -> tuple[str, Result] | None:
    return f"sqlmem_float_root({operands[0].sql})", _DOUBLE


_ANY = Operand(frozenset(NUMBERS), is_own=True)
_ENTIRE = Operand(INTEGERS, is_own=True)
_WIDER = "the wider integer type; numeric of the larger scale; double precision beside one"


def _row(render: Render, told: str, *operands: Operand, is_variadic: bool = False) -> tuple[Rule, ...]:
    def of_known(taken: Sequence[Taken]) -> tuple[str, Result] | None:
        if any(one.type.kind is Kind.INTEGER and one.type.type_name not in _BITS for one in taken):
            return None
        return render(taken)

    return (Rule(operands, Way.FUNCTION, render=of_known, told=told, is_variadic=is_variadic),)


_WHOLE = "double precision; of a numeric one of scale 0"
_exact: Callable[[str, str], Render] = lambda operator, name: (  # noqa: E731
    lambda operands: combined(operands, operator, f"sqlmem_decimal_{name}", _numeric)
)

RULES: Rules = {
    "+": _row(_by_kind("+", "add", _exact("+", "add")), _WIDER, _ANY, _ANY),
    "-": _row(_by_kind("-", "subtract", _exact("-", "subtract")), _WIDER, _ANY, _ANY),
    "*": _row(
        _by_kind("*", "multiply", lambda operands: multiplied(operands, _numeric)),
        "the wider integer type; numeric of the sum of the scales; double precision beside one",
        _ANY,
        _ANY,
    ),
    "/": _row(
        _divided, "the wider integer type, cut; numeric of 16 digits or more; double precision", _ANY, _ANY
    ),
    "%": _row(_modulo, "the wider integer type; numeric of the larger scale", _ANY, _ANY),
    "unary -": _row(_signed("negative", "-{}"), "the operand's type", _ANY),
    "abs": _row(_signed("absolute", "abs({})"), "the operand's type", _ANY),
    "round": _row(_to_whole("round"), _WHOLE, _ANY)
    + _row(_digits("round"), "numeric of that scale", Operand(INTEGERS | NUMERICS, is_own=True), _ENTIRE),
    "trunc": _row(_to_whole("cut"), _WHOLE, _ANY)
    + _row(_digits("cut"), "numeric of that scale", Operand(INTEGERS | NUMERICS, is_own=True), _ENTIRE),
    "floor": _row(_to_whole("floor"), _WHOLE, _ANY),
    "ceil": _row(_to_whole("ceiling"), _WHOLE, _ANY),
    "sign": _row(_to_whole("sign"), _WHOLE, _ANY),
    "sqrt": (
        *_row(_root, "double precision", Operand(INTEGERS | {Kind.FLOAT}, is_own=True)),
        Rule(
            (Operand(NUMERICS),),
            Way.COLUMN,
            wrong="the square root of a numeric has a scale that follows from its digits",
        ),
    ),
}

# As the functions among them are called.
CALLED = frozenset(["abs", "ceil", "ceiling", "floor", "mod", "round", "sign", "sqrt", "trunc"])


def mean(column: Column) -> tuple[Result, str] | None:
    """AVG: a quotient, whose scale follows from its digits. Of floats the order of addition shows."""
    if column.kind is Kind.DECIMAL:
        return _DECIMAL, "sqlmem_numeric_avg"
    if column.kind in (Kind.INTEGER, Kind.NUMERIC):
        return _DECIMAL, f"sqlmem_numeric_mean({{0}}, {{1}}, {size(column)[1]})"
    return None
