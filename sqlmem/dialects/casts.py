"""What a cast makes of a stored value: the store's text and the type; None: only the origin knows.

What doesn't fit the type raises in the store, so that the origin reports its error.
"""

from __future__ import annotations

from dataclasses import replace

from sqlmem.dialects.numbers import guarded
from sqlmem.model import Column, Kind

_MOST_DIGITS = 18
_BITS = {"SMALLINT": 15, "INTEGER": 31, "BIGINT": 63}


def postgresql_cast(sql: str, own: Column, to: Column) -> tuple[str, Column] | None:
    kinds = (own.kind, to.kind)
    if to.kind is Kind.TEXT:
        return _postgresql_text(sql, own, to)
    if kinds in ((Kind.BOOLEAN, Kind.INTEGER), (Kind.INTEGER, Kind.BOOLEAN)):
        # There are casts between boolean and integer, and none to or from the other integer types.
        if "INTEGER" not in (own.type_name, to.type_name):
            return None
        return (sql if to.kind is Kind.INTEGER else f"({sql} <> 0)"), to
    found = _moment(sql, own, to)
    return found if found is not None else _number(sql, own, to)


def mysql_cast(sql: str, own: Column, to: Column) -> tuple[str, Column] | None:
    if to.kind is Kind.INTEGER:
        # Of fewer digits it stays an INTEGER; of a decimal that is for the origin to tell.
        is_small = own.type_name in ("TINYINT", "SMALLINT", "MEDIUMINT")
        return (sql, replace(to, type_name="INTEGER")) if own.kind is Kind.INTEGER and is_small else None
    if (own.kind, to.kind) == (Kind.TIMESTAMP, Kind.TIMESTAMP):
        # Digits beyond the type's are cut.
        length = 20 + (to.precision or 0) if to.precision else 19
        return f"substr(substr({sql}, 1, {length}) || substr('.000000', {length - 18}), 1, 26)", to
    found = _moment(sql, own, to)
    return found if found is not None else _number(sql, own, to)


def _moment(sql: str, own: Column, to: Column) -> tuple[str, Column] | None:
    kinds = (own.kind, to.kind)
    if kinds == (Kind.TIMESTAMP, Kind.DATE):
        return f"substr({sql}, 1, 10)", to
    if kinds == (Kind.DATE, Kind.TIMESTAMP):
        return f"({sql} || ' 00:00:00.000000')", to
    return None


def _postgresql_text(sql: str, own: Column, to: Column) -> tuple[str, Column] | None:
    if own.kind is Kind.INTEGER:
        text = f"CAST({sql} AS TEXT)"
    elif own.kind is Kind.NUMERIC:
        text = f"sqlmem_decimal({sql}, {own.precision}, {own.scale})"
    elif own.kind is Kind.BOOLEAN:
        text = f"(CASE {sql} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)"
    elif own.kind is Kind.TEXT and own.is_compared:
        text = sql
    else:
        return None
    _name, _, collate = own.type_name.partition(" COLLATE ")
    column = replace(to, precision=None)
    if own.kind is Kind.TEXT:
        words = to.type_name + (f" COLLATE {collate}" if collate else "")
        column = replace(column, type_name=words, collation=own.collation)
    return (text if to.precision is None else f"substr({text}, 1, {to.precision})"), column


def _number(sql: str, own: Column, to: Column) -> tuple[str, Column] | None:
    kinds = (own.kind, to.kind)
    if kinds == (Kind.INTEGER, Kind.INTEGER):
        return _integer(sql, to)
    if kinds == (Kind.INTEGER, Kind.FLOAT):
        return f"CAST({sql} AS REAL)", to
    if own.kind is Kind.NUMERIC and ((own.precision or 0) > _MOST_DIGITS or own.scale is None):
        return None
    if kinds == (Kind.NUMERIC, Kind.FLOAT):
        return f"sqlmem_float({sql}, {own.precision}, {own.scale})", to
    if kinds == (Kind.NUMERIC, Kind.INTEGER):
        return _integer(_rescaled(sql, own.scale or 0, 0), to)
    if own.kind in (Kind.INTEGER, Kind.NUMERIC) and to.kind is Kind.NUMERIC:
        return _numeric(sql, own, to)
    return None


def _integer(sql: str, to: Column) -> tuple[str, Column] | None:
    bits = _BITS.get(to.type_name)
    if bits is None:
        return None
    guard = None if to.type_name == "BIGINT" else guarded(sql, -(2**bits), 2**bits - 1)
    return (sql, to) if to.type_name == "BIGINT" else (None if guard is None else (guard, to))


def _numeric(sql: str, own: Column, to: Column) -> tuple[str, Column] | None:
    precision, scale = to.precision, to.scale
    if precision is None or scale is None or precision > _MOST_DIGITS:
        return None
    held = (own.scale or 0) if own.kind is Kind.NUMERIC else 0
    if own.type_name == "BIGINT" and own.kind is Kind.INTEGER:
        most = 10 ** (precision - scale) - 1
        guard = guarded(sql, -most, most)
        return None if guard is None else (f"(({guard}) * {10**scale})", to)
    whole = (own.precision or 0) - held if own.kind is Kind.NUMERIC else _WHOLE.get(own.type_name, 99)
    if whole + scale > _MOST_DIGITS:
        return None
    text = _rescaled(sql, held, scale)
    guard = guarded(text, -(10**precision) + 1, 10**precision - 1)
    return None if guard is None else (guard, to)


_WHOLE = {"TINYINT": 3, "SMALLINT": 5, "MEDIUMINT": 8, "INTEGER": 10}


def _rescaled(sql: str, held: int, wanted: int) -> str:
    """Half is rounded away from zero."""
    if held <= wanted:
        return sql if held == wanted else f"({sql} * {10 ** (wanted - held)})"
    divisor = 10 ** (held - wanted)
    return f"(({sql} + CASE WHEN {sql} < 0 THEN {-divisor // 2} ELSE {divisor // 2} END) / {divisor})"
