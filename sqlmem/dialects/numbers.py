"""What the rows about numbers share between origins: the store's texts for exact arithmetic.

Bounds are followed by declared digits. Where a result fits 18 digits, SQLite's own integers are
exact; where it may not, it is either guarded (it is an error above 18 digits, and the origin
answers) or computed by a function on whole numbers of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlmem.dialects.rules import Result, Taken
from sqlmem.functions.numbers import NARROW_DIGITS, OWN_SCALE
from sqlmem.model import Column, Kind

EXACT = frozenset({Kind.INTEGER, Kind.NUMERIC})
MOST_DIGITS = 1000
_LIMIT = 10**NARROW_DIGITS - 1
# Longer texts aren't repeated in a guard, which has its operand three times.
_LONGEST_GUARDED = 200

# Digits that the values of an integer type have at most.
DIGITS = {
    "TINYINT": 3,
    "SMALLINT": 5,
    "MEDIUMINT": 8,
    "INTEGER": 10,
    "BIGINT": 19,
}


def size(column: Column) -> tuple[int, int]:
    """The precision and scale of an exact number."""
    if column.kind is Kind.INTEGER:
        # MariaDB counts the digits of literals and results; more than 64 bits have there aren't.
        return min(column.precision or DIGITS.get(column.type_name, 19), 19), 0
    precision, scale = column.precision or 0, column.scale or 0
    # A sum is held in 18 digits too, and may have one more: SQLite's bound is 64 bits.
    return (precision + 1 if precision == NARROW_DIGITS else precision), scale


def is_wide(column: Column) -> bool:
    """Whether it is stored as text."""
    return column.kind is Kind.NUMERIC and (column.precision or 0) > NARROW_DIGITS


def scale_of(column: Column) -> int:
    """As the functions are told it."""
    return OWN_SCALE if column.kind is Kind.DECIMAL else column.scale or 0


def guarded(sql: str, low: int, high: int) -> str | None:
    """The text, failing beyond the bounds; None if it is too long to be repeated."""
    if len(sql) > _LONGEST_GUARDED:
        return None
    return f"CASE WHEN {sql} NOT BETWEEN {low} AND {high} THEN sqlmem_fail({sql}) ELSE {sql} END"


Sized = Callable[[int, int], Result | None]  # precision, scale -> the origin's type


def _held(sized: Sized, precision: int, scale: int) -> tuple[Result, int] | None:
    """The result and the digits in which the store holds it."""
    if precision > MOST_DIGITS:
        return None
    found = sized(precision, scale)
    return None if found is None else (found, found.type.precision or 0)


def _raised(sql: str, by: int) -> str:
    return sql if not by else f"{sql} * {10**by}"


def combined(
    operands: Sequence[Taken], operator: str, function: str, sized: Sized
) -> tuple[str, Result] | None:
    """Addition, subtraction and modulo of exact numbers: what is computed at the larger scale."""
    one, other = operands
    (digits_one, scale_one), (digits_other, scale_other) = size(one.type), size(other.type)
    scale = max(scale_one, scale_other)
    up_one, up_other = scale - scale_one, scale - scale_other
    whole = max(digits_one - scale_one, digits_other - scale_other)
    more = 0 if operator == "%" else 1
    precision = whole + scale + more
    is_safe = (
        not is_wide(one.type)
        and not is_wide(other.type)
        and digits_one + up_one <= NARROW_DIGITS
        and digits_other + up_other <= NARROW_DIGITS
    )
    held = _held(sized, precision if not is_safe or precision <= NARROW_DIGITS else NARROW_DIGITS, scale)
    if held is None:
        return None
    result_, kept = held
    if is_safe:
        left, right = _raised(one.sql, up_one), _raised(other.sql, up_other)
        if operator == "%":
            if other.literal:
                return f"({left}) % ({right})", result_
            if len(other.sql) <= _LONGEST_GUARDED:
                divisor = f"CASE WHEN {other.sql} = 0 THEN sqlmem_fail() ELSE {right} END"
                return f"({left}) % ({divisor})", result_
        else:
            sql = f"{left} {operator} {right}"
            if precision <= NARROW_DIGITS:
                return sql, result_
            if (guard := guarded(sql, -_LIMIT, _LIMIT)) is not None:
                return guard, result_
    return f"{function}({one.sql}, {other.sql}, {up_one}, {up_other}, {kept})", result_


def multiplied(operands: Sequence[Taken], sized: Sized) -> tuple[str, Result] | None:
    one, other = operands
    (digits_one, scale_one), (digits_other, scale_other) = size(one.type), size(other.type)
    precision, scale = digits_one + digits_other, scale_one + scale_other
    is_narrow = not is_wide(one.type) and not is_wide(other.type)
    sql = f"{one.sql} * {other.sql}"
    guard = guarded(sql, -_LIMIT, _LIMIT) if is_narrow and precision > NARROW_DIGITS else None
    # A product beyond 64 bits is a float in SQLite, and far beyond the guard's bounds.
    held = _held(sized, NARROW_DIGITS if guard is not None else precision, scale)
    if held is None:
        return None
    result_, kept = held
    if guard is not None:
        return guard, result_
    if is_narrow and precision <= NARROW_DIGITS:
        return sql, result_
    return f"sqlmem_decimal_multiply({one.sql}, {other.sql}, {kept})", result_


def float_text(operand: Taken) -> str:
    """An operand of a float function, as what becomes a float there."""
    if operand.type.kind in (Kind.FLOAT, Kind.INTEGER):
        return operand.sql
    return f"sqlmem_to_float({operand.sql}, {scale_of(operand.type)})"
