"""The type of a value that is one of several: CASE, COALESCE, GREATEST and their like.

From what each of them is by itself to what all of them become; None: only the origin knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlmem.dialects.parameters import ParameterType, Untyped
from sqlmem.model import Collation, Column, Kind

_TEXT = Column("", Kind.TEXT, "TEXT", collation=Collation.DETERMINISTIC)
_FLOATS = {
    "postgresql": Column("", Kind.FLOAT, "DOUBLE PRECISION"),
    "mysql": Column("", Kind.FLOAT, "double"),
}
# Numbers of unequal scale: each keeps its own.
_MIXED = Column("", Kind.DECIMAL, "NUMERIC")

_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMERIC, Kind.DECIMAL, Kind.FLOAT})
_MOMENTS = frozenset({Kind.DATE, Kind.TIMESTAMP})
_WIDTHS = {"TINYINT": 1, "SMALLINT": 2, "MEDIUMINT": 3, "INTEGER": 4, "BIGINT": 5}
# MariaDB's integer types -> digits that count towards a common decimal's.
_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "MEDIUMINT": 8, "INTEGER": 10, "BIGINT": 19}
_MOST_DIGITS = 18
_LONGEST_VARCHAR = 4000


def postgresql_choice(types: Sequence[ParameterType]) -> Column | None:
    """PostgreSQL's `select_common_type`; CASE gives its ELSE first."""
    typed = [type_ for type_ in types if isinstance(type_, Column)]
    if not typed:
        return _TEXT if Untyped.TEXT in types else None
    kinds = {column.kind for column in typed}
    if kinds == {Kind.TEXT}:
        # Between varchar and text the first stands.
        return _text(typed)
    if kinds <= _MOMENTS:
        return max(typed, key=lambda column: column.kind is Kind.TIMESTAMP)
    if not kinds <= _NUMBERS:
        return typed[0] if kinds == {Kind.BOOLEAN} else None
    if Kind.FLOAT in kinds:
        return _FLOATS["postgresql"]
    if kinds == {Kind.INTEGER}:
        return _widest(typed)
    scales = {column.scale if column.kind is Kind.NUMERIC else 0 for column in typed}
    precisions = {column.precision or 0 for column in typed if column.kind is Kind.NUMERIC}
    is_narrow = max(precisions, default=0) <= _MOST_DIGITS and _has_no_bigint(typed)
    if Kind.DECIMAL in kinds or len(scales) > 1 or None in scales:
        return _MIXED
    if is_narrow or (len(precisions) == 1 and Kind.INTEGER not in kinds):
        scale = scales.pop()
        precision = max(_MOST_DIGITS, *precisions) if is_narrow else precisions.pop()
        return Column("", Kind.NUMERIC, "NUMERIC", precision=precision, scale=scale)
    return _MIXED


def mysql_choice(types: Sequence[ParameterType]) -> Column | None:
    """MariaDB's aggregation of types."""
    typed = [type_ for type_ in types if isinstance(type_, Column)]
    kinds = {column.kind for column in typed}
    if not typed:
        return None
    if kinds == {Kind.TEXT}:
        return _mysql_text(typed)
    if kinds <= _MOMENTS:
        return max(typed, key=lambda column: column.kind is Kind.TIMESTAMP)
    if not kinds <= _NUMBERS or Kind.DECIMAL in kinds:
        return None
    if Kind.FLOAT in kinds:
        return _FLOATS["mysql"] if _has_no_bigint(typed) else None
    if kinds == {Kind.INTEGER}:
        widest = _widest(typed)
        if widest is None or widest.type_name == "MEDIUMINT":
            # Beside NULL it is a MEDIUMINT or a BIGINT, by where the NULL stands.
            return None
        # The digits decide on the type of what is computed with it.
        return replace(
            widest, precision=max(column.precision or _DIGITS[column.type_name] for column in typed)
        )
    scale = max(column.scale or 0 for column in typed)
    whole = max(
        (column.precision or 0) - (column.scale or 0)
        if column.kind is Kind.NUMERIC
        else column.precision or _DIGITS.get(column.type_name, _MOST_DIGITS)
        for column in typed
    )
    if whole + scale > _MOST_DIGITS:
        return None
    return Column("", Kind.NUMERIC, "DECIMAL", precision=_MOST_DIGITS, scale=scale)


def _widest(typed: Sequence[Column]) -> Column | None:
    if any(column.type_name not in _WIDTHS for column in typed):
        return None
    widest = max(typed, key=lambda column: _WIDTHS[column.type_name])
    return Column("", Kind.INTEGER, widest.type_name)


def _has_no_bigint(typed: Sequence[Column]) -> bool:
    return all(
        column.type_name in _WIDTHS and column.type_name != "BIGINT"
        for column in typed
        if column.kind is Kind.INTEGER
    )


def _text(typed: Sequence[Column]) -> Column | None:
    """The first, under the collation that one of them has by name; None if two have."""
    named = {column.type_name.partition(" COLLATE ")[2]: column for column in typed}
    named.pop("", None)
    if len(named) > 1 or any(not column.is_compared for column in typed):
        return None
    name, found = next(iter(named.items()), ("", typed[0]))
    if not name and len({column.collation for column in typed}) > 1:
        return None
    words = typed[0].type_name.partition(" COLLATE ")[0].partition("(")[0]
    collate = f" COLLATE {name}" if name else ""
    return replace(typed[0], name="", type_name=words + collate, collation=found.collation, precision=None)


def _varchar_size(column: Column) -> int:
    """The most characters of a VARCHAR; 0 of another type."""
    words, _, size = column.type_name.partition("(")
    return int(size.rstrip(")")) if words == "varchar" and size else 0


def _mysql_text(typed: Sequence[Column]) -> Column | None:
    """One column beside constants; several only of a collation that is known."""
    columns = [column for column in typed if column.type_name != "VARCHAR"]
    if not columns:
        return typed[0]
    if len(columns) > 1:
        is_known = all(column.collation is Collation.FOLDED and column.is_compared for column in columns)
        sizes = [_varchar_size(column) for column in columns]
        if not is_known or not all(0 < size <= _LONGEST_VARCHAR for size in sizes):
            return None
        return replace(columns[sizes.index(max(sizes))], name="", precision=None)
    words, _, size = columns[0].type_name.partition("(")
    if words == "varchar" and int(size.rstrip(")")) > _LONGEST_VARCHAR:
        return None
    if words == "varchar":
        return replace(columns[0], name="", precision=None)
    # Of TEXT it makes MEDIUMTEXT.
    return replace(columns[0], name="", type_name="MEDIUMTEXT") if words == "text" else None
