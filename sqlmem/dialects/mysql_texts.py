"""What MariaDB's and MySQL's operators and functions of text mean, as rows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmem.dialects.rules import Operand, Render, Result, Rule, Rules, Taken, Way, result
from sqlmem.model import Collation, Column, Kind

_LONG = result(Kind.INTEGER, "INTEGER", 3)

_A_TEXT = Operand(frozenset({Kind.TEXT}))

_ANY = Operand(
    frozenset({Kind.INTEGER, Kind.BOOLEAN, Kind.NUMERIC, Kind.FLOAT, Kind.TEXT, Kind.DATE, Kind.TIMESTAMP})
)

# Its collation is the column's, whose name isn't known here: it can be given out, and not compared.
_VARCHAR = Result(Column("", Kind.TEXT, "text of a column", collation=Collation.UNKNOWN), 253)
_GIVEN = Operand(
    frozenset({Kind.TEXT}), Column("", Kind.TEXT, "VARCHAR", precision=1000, collation=Collation.UNKNOWN)
)
_JOINED = Operand(frozenset({Kind.TEXT, Kind.INTEGER}), _GIVEN.takes)
_PLACE = Operand(frozenset({Kind.INTEGER}), is_own=True)
# Beyond, a result is no VARCHAR.
_MOST_CHARACTERS = 4000
_INTEGER_CHARACTERS = 20


def _characters(operand: Taken) -> int:
    """How many characters an operand may have."""
    column = operand.type
    if column.kind is Kind.INTEGER:
        return _INTEGER_CHARACTERS
    words, _, size = column.type_name.partition("(")
    if operand.is_constant and words == "VARCHAR":
        return _GIVEN.takes.precision or 0 if _GIVEN.takes else 0
    return int(size.rstrip(")")) if words in ("varchar", "char") and size else _MOST_CHARACTERS + 1


def _with_parameter(store: str, *, casts: bool = False) -> Render:
    """What has no parameter in it is fetched: then it can be compared, too."""

    def render(operands: Sequence[Taken]) -> tuple[str, Result] | None:
        if not any(operand.is_constant and operand.literal is None for operand in operands):
            return None
        if sum(_characters(each) for each in operands if each.type.kind is Kind.TEXT) > _MOST_CHARACTERS:
            return None
        texts = [
            f"CAST({each.sql} AS TEXT)" if casts and each.type.kind is Kind.INTEGER else each.sql
            for each in operands
        ]
        return (" || ".join(texts) if casts else f"{store}({', '.join(texts)})"), _VARCHAR

    return render


def _places(name: str, *counts: int) -> tuple[Rule, ...]:
    render = _with_parameter(f"sqlmem_my_{name}")
    return tuple(
        Rule((_GIVEN, *[_PLACE] * count), Way.FUNCTION, render=render, told="text, which isn't compared")
        for count in counts
    )


RULES: Rules = {
    # With a parameter; else they are columns, as all other functions of text.
    "concat": (
        Rule(
            (_JOINED,),
            Way.STORE,
            render=_with_parameter("", casts=True),
            told="text, which isn't compared",
            is_variadic=True,
        ),
    ),
    "substring": _places("substring", 1, 2),
    "left": _places("left", 1),
    "right": _places("right", 1),
    "lower": (Rule((_A_TEXT,), Way.COLUMN, wrong="the column's collation decides"),),
    "upper": (Rule((_A_TEXT,), Way.COLUMN, wrong="the column's collation decides"),),
    # expressions.likes: under a binary collation only
    "like": (Rule((_A_TEXT, _A_TEXT), Way.FUNCTION, "sqlmem_like({0}, {1})", _LONG),),
    # expressions.choices
    "ifnull": (Rule((_ANY, _ANY), Way.STORE, "coalesce({0}, {1})"),),
    "if": (Rule((_ANY, _ANY, _ANY), Way.STORE, "CASE WHEN {0} THEN {1} ELSE {2} END"),),
    "nullif": (Rule((_ANY, _ANY), Way.STORE, "CASE WHEN {0} = {1} THEN NULL ELSE {0} END"),),
    "greatest": (Rule((_ANY,), Way.STORE, "max({all})", is_variadic=True),),
    "least": (Rule((_ANY,), Way.STORE, "min({all})", is_variadic=True),),
}

# As the functions among them are called.
CALLED = frozenset(
    (
        *("concat", "date_add", "date_sub", "greatest", "if", "ifnull", "least", "left", "lower", "nullif"),
        *("right", "substr", "substring", "time", "upper"),
    )
)
