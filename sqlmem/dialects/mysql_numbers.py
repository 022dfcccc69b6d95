"""MariaDB's arithmetic, as rows.

Integers become INTEGER or BIGINT by their digits; beyond 64 bits it is an error. DECIMAL has the
scale that follows from the operands' scales, quotients four digits more than the dividend; inside
of an expression a quotient has more than that. Dividing by zero gives NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlmem.dialects.numbers import (
    combined,
    float_text,
    is_wide,
    multiplied,
    size,
)
from sqlmem.dialects.parameters import number
from sqlmem.dialects.rules import Operand, Render, Result, Rule, Rules, Taken, Way
from sqlmem.functions.mysql_numbers import GROUP, grouped, quotient_scale
from sqlmem.functions.numbers import NARROW_DIGITS
from sqlmem.model import Column, Kind

# The setting div_precision_increment that these rows are for, the default.
DIVISION_DIGITS = 4

_CODE = 246
_DOUBLE = Result(Column("", Kind.FLOAT, "double"), 5)
_INTEGERS = frozenset({Kind.INTEGER})
_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMERIC, Kind.FLOAT})
_SIGNED = frozenset({"TINYINT", "SMALLINT", "MEDIUMINT", "INTEGER", "BIGINT"})
_MOST_DIGITS = 65
_MOST_SCALE = 38
_MOST_GROUPS = 9
# Up to so many digits, sign and all, a result is a LONG to the drivers, beyond a LONGLONG.
_LONG_DIGITS = 8


def integer_result(digits: int) -> Result:
    name, code = ("INTEGER", 3) if digits <= _LONG_DIGITS else ("BIGINT", 8)
    return Result(Column("", Kind.INTEGER, name, precision=digits), code)


def _groups(precision: int, scale: int) -> int:
    return (grouped(max(precision - scale, 0)) + grouped(scale)) // GROUP


def _decimal(precision: int, scale: int, shown: int | None = None) -> Result | None:
    if precision > _MOST_DIGITS or scale > _MOST_SCALE or _groups(precision, scale) > _MOST_GROUPS:
        # From here on MariaDB cuts digits.
        return None
    return Result(number(precision, scale, "DECIMAL"), _CODE, shown=None if shown == scale else shown)


def _shown(operand: Taken) -> int:
    return operand.shown if operand.shown is not None else size(operand.type)[1]


def _added(operator: str, name: str) -> Render:
    def render(operands: Sequence[Taken]) -> tuple[str, Result] | None:
        if (floats := _floats(operands, name)) is not None:
            return floats
        one, other = operands
        if _are_integers(operands):
            digits = max(size(one.type)[0], size(other.type)[0]) + 1
            return _integers(operands, operator, name, digits)
        shown = max(map(_shown, operands))
        return combined(operands, operator, f"sqlmem_decimal_{name}", lambda p, s: _decimal(p, s, shown))

    return render


def _multiplied(operands: Sequence[Taken]) -> tuple[str, Result] | None:
    if (floats := _floats(operands, "multiply")) is not None:
        return floats
    if _are_integers(operands):
        return _integers(operands, "*", "multiply", sum(size(each.type)[0] for each in operands))
    shown = sum(map(_shown, operands))
    if sum(_groups(*size(each.type)) for each in operands) > _MOST_GROUPS:
        return None
    return multiplied(operands, lambda p, s: _decimal(p, s, shown))


def _floats(operands: Sequence[Taken], name: str) -> tuple[str, Result] | None:
    if all(operand.type.kind is not Kind.FLOAT for operand in operands):
        return None
    return f"sqlmem_float_{name}({', '.join(map(float_text, operands))})", _DOUBLE


def _are_integers(operands: Sequence[Taken]) -> bool:
    return all(operand.type.kind is Kind.INTEGER for operand in operands)


def _integers(operands: Sequence[Taken], operator: str, name: str, digits: int) -> tuple[str, Result]:
    one, other = operands
    type_ = integer_result(digits)
    if digits <= NARROW_DIGITS:
        return f"{one.sql} {operator} {other.sql}", type_
    return f"sqlmem_int8_{name}({one.sql}, {other.sql})", type_


def _divided(operands: Sequence[Taken]) -> tuple[str, Result] | None:
    one, other = operands
    if Kind.FLOAT in {one.type.kind, other.type.kind}:
        return f"sqlmem_mysql_float_divide({float_text(one)}, {float_text(other)})", _DOUBLE
    if one.is_constant and other.is_constant:
        # Computed once, and kept rounded: 2/3 = 0.6667 is true, a/3 = 0.6667 isn't where a is 2.
        return None
    (digits, scale), (_, other_scale) = size(one.type), size(other.type)
    # The dividend's whole digits, times what a divisor below one makes of them.
    most = digits - scale + other_scale
    kept = quotient_scale(scale, other_scale, DIVISION_DIGITS)
    found = _decimal(most + kept, kept, _shown(one) + DIVISION_DIGITS)
    if found is None:
        return None
    up = kept + other_scale - scale
    return f"sqlmem_mysql_divide({one.sql}, {other.sql}, {up}, {found.type.precision})", found


def mean(column: Column) -> tuple[Result, str] | None:
    """AVG's result, and the form of its text: {0} for the sum, {1} for the count."""
    if column.kind not in (Kind.INTEGER, Kind.NUMERIC):
        return None
    digits, scale = size(column)
    kept = quotient_scale(scale, 0, DIVISION_DIGITS)
    found = _decimal(digits - scale + kept, kept, scale + DIVISION_DIGITS)
    if found is None:
        return None
    return found, f"sqlmem_mysql_mean({{0}}, {{1}}, {kept - scale}, {found.type.precision})"


def _modulo(operands: Sequence[Taken]) -> tuple[str, Result] | None:
    if not all(operand.type.kind in (Kind.INTEGER, Kind.NUMERIC) for operand in operands):
        return None
    one, other = operands
    if _are_integers(operands):
        digits = max(size(one.type)[0], size(other.type)[0])
        return f"{one.sql} % {other.sql}", integer_result(digits)
    (_, scale_one), (_, scale_other) = size(one.type), size(other.type)
    scale = max(scale_one, scale_other)
    whole = max(size(one.type)[0] - scale_one, size(other.type)[0] - scale_other)
    found = _decimal(whole + scale, scale, max(map(_shown, operands)))
    if found is None:
        return None
    ups = f"{scale - scale_one}, {scale - scale_other}"
    return f"sqlmem_mysql_modulo({one.sql}, {other.sql}, {ups}, {found.type.precision})", found


def _whole_quotient(operands: Sequence[Taken]) -> tuple[str, Result] | None:
    digits = size(operands[0].type)[0]
    type_ = integer_result(digits if digits > _LONG_DIGITS + 1 else min(digits, _LONG_DIGITS))
    return f"sqlmem_mysql_div({operands[0].sql}, {operands[1].sql})", type_


def _signed(name: str, native: str, more: int) -> Render:
    def render(operands: Sequence[Taken]) -> tuple[str, Result] | None:
        (one,) = operands
        if one.type.kind is Kind.FLOAT:
            return f"sqlmem_float_{name}({one.sql})", _DOUBLE
        digits, scale = size(one.type)
        if one.type.kind is Kind.INTEGER:
            return f"sqlmem_int_{name}({one.sql}, {-(2**63)})", integer_result(digits + more)
        precision = one.type.precision or 0
        found = _decimal(precision, scale, _shown(one))
        if found is None:
            return None
        if is_wide(one.type):
            return f"sqlmem_decimal_{name}({one.sql}, {precision})", found
        return native.format(one.sql), found

    return render


def _digits(name: str) -> Render:
    """ROUND and TRUNCATE of decimals to a number of digits that is written."""

    def render(operands: Sequence[Taken]) -> tuple[str, Result] | None:
        one = operands[0]
        to = 0
        if len(operands) == 2:
            if operands[1].literal is None:
                # The result's scale would follow from the parameter.
                return None
            to = int(operands[1].literal)
        digits, scale = size(one.type)
        if abs(to) > _MOST_SCALE or to > 30:
            return None
        whole = max(digits - scale, 0, -to) + 1
        found = _decimal(whole + max(to, 0), max(to, 0))
        if found is None:
            return None
        return f"sqlmem_decimal_{name}({one.sql}, {scale}, {to}, {found.type.precision})", found

    return render


def _sign(operands: Sequence[Taken]) -> tuple[str, Result] | None:
    (one,) = operands
    sql = one.sql
    if one.type.kind is Kind.FLOAT:
        return f"CAST(sqlmem_float_sign({sql}) AS INTEGER)", integer_result(1)
    return f"sqlmem_decimal_sign({sql})", integer_result(1)


def _is_known(operand: Taken) -> bool:
    column = operand.type
    if column.kind is not Kind.INTEGER:
        return True
    if column.type_name not in _SIGNED or column.expression is not None:
        # UNSIGNED: what would be negative is an error. Drivers don't say it of what the origin computes.
        return False
    # The digits of what isn't a column decide on the type: a truth value has one, a year four.
    return operand.is_column or column.precision is not None or column.type_name == "BIGINT"


def _row(render: Render, told: str, *operands: Operand) -> tuple[Rule, ...]:
    def of_known(taken: Sequence[Taken]) -> tuple[str, Result] | None:
        return render(taken) if all(map(_is_known, taken)) else None

    return (Rule(operands, Way.FUNCTION, render=of_known, told=told, needs_numbers=True),)


_ANY = Operand(_NUMBERS, is_own=True)
_ENTIRE = Operand(_INTEGERS, is_own=True)
_DECIMALS = Operand(frozenset({Kind.NUMERIC}), is_own=True)
_WIDER = "BIGINT, or INT of up to eight digits; DECIMAL of the larger scale; DOUBLE beside one"
_COLUMN: Callable[[str, Operand], Rule] = lambda wrong, operand: Rule((operand,), Way.COLUMN, wrong=wrong)  # noqa: E731

RULES: Rules = {
    "+": _row(_added("+", "add"), _WIDER, _ANY, _ANY),
    "-": _row(_added("-", "subtract"), _WIDER, _ANY, _ANY),
    "*": _row(_multiplied, "as +, of the sum of the scales", _ANY, _ANY),
    "/": _row(_divided, "DECIMAL of four digits more than the dividend; DOUBLE beside one", _ANY, _ANY),
    "%": _row(_modulo, "as +", _ANY, _ANY),
    "integer division": _row(_whole_quotient, "BIGINT, or INT of up to nine digits", _ENTIRE, _ENTIRE),
    "unary -": _row(_signed("negative", "-{}", 1), "the operand's, integers as with +", _ANY),
    "abs": _row(_signed("absolute", "abs({})", 0), "the operand's, integers as with +", _ANY),
    "sign": _row(_sign, "INT", _ANY),
    "round": _row(_digits("round"), "DECIMAL of scale 0", _DECIMALS)
    + _row(_digits("round"), "DECIMAL of that scale", _DECIMALS, _ENTIRE),
    "truncate": _row(_digits("cut"), "DECIMAL of that scale", _DECIMALS, _ENTIRE),
    "floor": (_COLUMN("FLOOR is INT, BIGINT or DECIMAL by the digits that MariaDB counts", _ANY),),
    "ceil": (_COLUMN("CEIL is INT, BIGINT or DECIMAL by the digits that MariaDB counts", _ANY),),
}

# As the functions among them are called.
CALLED = frozenset(["abs", "ceil", "ceiling", "floor", "mod", "round", "sign", "truncate"])
