"""SUM and AVG of numbers, exact in any order of addition.

Whole numbers are added by SQLite's own sum(), which reports an overflow; what is stored as text by
an aggregate of ours. A mean is a sum and a count, divided once per group as the origin divides.
"""

from __future__ import annotations

from dataclasses import replace

from sqlmem.dialects.numbers import is_wide
from sqlmem.dialects.parameters import number
from sqlmem.dialects.rules import Result
from sqlmem.expressions.rendering import Expressions
from sqlmem.functions.numbers import NARROW_DIGITS
from sqlmem.model import Column, Kind
from sqlmem.plan import Refuse
from sqlmem.values import Value

# Rows are fewer than 10^19.
_COUNT_DIGITS = 19


def total(render: Expressions, distinct: str, value: Value) -> Value:
    """SUM of a typed value."""
    column = value.type
    assert column is not None
    code = render.semantics.numeric_sum_code
    if column.kind is Kind.INTEGER and column.is_compared:
        result = render.semantics.sums.get(column.type_name)
        if result is None:
            raise Refuse(f"SUM of {column.type_name}")
        return _call(f"sum({distinct}{value.sql})", result)
    if column.kind is Kind.NUMERIC and code is not None and column.scale is not None:
        if value.has_hidden_digits:
            raise Refuse("SUM of quotients, which have more digits than they are given out with")
        precision = (column.precision or 0) + _COUNT_DIGITS if is_wide(column) else NARROW_DIGITS
        return _call(_sum_text(distinct, value, column), Result(number(precision, column.scale), code))
    if column.kind is Kind.DECIMAL and render.semantics.mean is not None and code is not None:
        _not_distinct(distinct)
        return _call(f"sqlmem_numeric_sum({value.sql})", Result(Column("", Kind.DECIMAL, "NUMERIC"), code))
    # The order of addition shows in a float's last digit.
    raise Refuse(f"SUM of {column.type_name or column.kind.value}")


def mean(render: Expressions, distinct: str, value: Value) -> Value:
    """AVG of a typed value."""
    column = value.type
    assert column is not None
    semantics = render.semantics
    if semantics.mean is None or not render.context.computes_numbers:
        raise Refuse(render.refused("AVG", "AVG is computed by the origin"))
    found = semantics.mean(column) if column.is_compared and not value.has_hidden_digits else None
    if found is None:
        raise Refuse(f"AVG of {column.type_name or column.kind.value}")
    result, form = found
    if column.kind is Kind.DECIMAL:
        _not_distinct(distinct)
        return _call(f"{form}({value.sql})", result)
    added = _sum_text(distinct, value, column)
    counted = f"count({distinct}{value.sql})"
    sql = form.format(added, counted)
    return replace(_call(sql, result), calls=(added, counted))


def _sum_text(distinct: str, value: Value, column: Column) -> str:
    return f"{'sqlmem_sum' if is_wide(column) else 'sum'}({distinct}{value.sql})"


def _call(sql: str, result: Result) -> Value:
    is_distinct = result.type.kind is not Kind.DECIMAL and result.shown is None
    return Value(sql, result.type, result=result, is_distinct=is_distinct)


def _not_distinct(distinct: str) -> None:
    if distinct:
        # 1.0 and 1.00 are one value to the origin, two texts to the store.
        raise Refuse("an aggregate of distinct numbers of scales of their own")
