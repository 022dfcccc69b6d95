"""What PostgreSQL's operators and functions of text mean, as rows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmem.dialects.rules import Operand, Result, ResultOf, Rule, Rules, Way, result
from sqlmem.model import Collation, Column, Kind

_BOOLEAN = result(Kind.BOOLEAN, "BOOLEAN", 16)
_INTEGER = result(Kind.INTEGER, "INTEGER", 23)
_TEXT = result(Kind.TEXT, "TEXT", 25, collation=Collation.DETERMINISTIC)

_A_TEXT = Operand(frozenset({Kind.TEXT}), Column("", Kind.TEXT, "TEXT", collation=Collation.DETERMINISTIC))
# No text: SUBSTRING(text FROM text) is a regular expression.
_PLACE = Operand(frozenset({Kind.INTEGER}), is_own=True)
# Behind a text, whose collation a constant takes.
_MORE = Operand(frozenset({Kind.TEXT}))
_JOINED = Operand(frozenset({Kind.TEXT, Kind.INTEGER}), _A_TEXT.takes)

_ANY = Operand(
    frozenset({Kind.INTEGER, Kind.BOOLEAN, Kind.NUMERIC, Kind.FLOAT, Kind.TEXT, Kind.DATE, Kind.TIMESTAMP})
)

# A BIGINT doesn't become an integer by itself.
_COUNT = Operand(frozenset({Kind.INTEGER}), Column("", Kind.INTEGER, "INTEGER"), is_own=True)


def _text_of(columns: Sequence[Column]) -> Result | None:
    """A text under the collation that one of the texts has by name; None if two have."""
    if any(column.type_name == "BIGINT" for column in columns):
        return None
    texts = [column for column in columns if column.kind is Kind.TEXT]
    named = {column.type_name.partition(" COLLATE ")[2] for column in texts} - {""}
    if len(named) > 1 or len({column.collation for column in texts}) > 1:
        return None
    words = "TEXT" + "".join(f" COLLATE {name}" for name in named)
    return Result(Column("", Kind.TEXT, words, collation=texts[0].collation), 25)


def _integer_of(columns: Sequence[Column]) -> Result | None:
    return None if _text_of(columns) is None else _INTEGER


def _boolean_of(columns: Sequence[Column]) -> Result | None:
    return None if _text_of(columns) is None else _BOOLEAN


def _function(
    name: str, *operands: Operand, result_of: ResultOf = _text_of, told: str = "text"
) -> tuple[Rule, ...]:
    return (Rule(operands, Way.FUNCTION, f"sqlmem_pg_{name}({{all}})", result_of, told=told),)


RULES: Rules = {
    # expressions.likes
    "like": (Rule((_A_TEXT, _A_TEXT), Way.STORE, "{0} GLOB {1}", _BOOLEAN),),
    "ilike": (
        Rule(
            (_A_TEXT, _A_TEXT),
            Way.STORE,
            "lower({0}) GLOB lower({1})",
            _BOOLEAN,
            wrong="a pattern with an İ: its lower case depends on the locale",
        ),
    ),
    # expressions.texts
    "||": (Rule((_JOINED, _JOINED), Way.STORE, "{0} || {1}", _TEXT),),
    "concat": (Rule((_JOINED,), Way.STORE, "{all}", _TEXT, is_variadic=True),),
    "left": _function("left", _A_TEXT, _COUNT),
    "right": _function("right", _A_TEXT, _COUNT),
    "substring": _function("substring", _A_TEXT, _PLACE) + _function("substring", _A_TEXT, _PLACE, _PLACE),
    "strpos": _function("strpos", _A_TEXT, _MORE, result_of=_integer_of, told="integer"),
    "replace": _function("replace", _A_TEXT, _MORE, _MORE),
    "repeat": _function("repeat", _A_TEXT, _COUNT),
    "lpad": _function("lpad", _A_TEXT, _COUNT) + _function("lpad", _A_TEXT, _COUNT, _MORE),
    "rpad": _function("rpad", _A_TEXT, _COUNT) + _function("rpad", _A_TEXT, _COUNT, _MORE),
    "btrim": _function("btrim", _A_TEXT) + _function("btrim", _A_TEXT, _MORE),
    "ltrim": _function("ltrim", _A_TEXT) + _function("ltrim", _A_TEXT, _MORE),
    "rtrim": _function("rtrim", _A_TEXT) + _function("rtrim", _A_TEXT, _MORE),
    "split_part": _function("split_part", _A_TEXT, _MORE, _COUNT),
    "reverse": _function("reverse", _A_TEXT),
    "starts_with": _function("starts_with", _A_TEXT, _MORE, result_of=_boolean_of, told="boolean"),
    "length": (Rule((_A_TEXT,), Way.STORE, "length({0})", _INTEGER),),
    "lower": (Rule((_A_TEXT,), Way.COLUMN, wrong="'I' is 'ı' in Turkish: the column's locale decides"),),
    "upper": (Rule((_A_TEXT,), Way.COLUMN, wrong="'i' is 'İ' in Turkish: the column's locale decides"),),
    # expressions.choices
    "nullif": (Rule((_ANY, _ANY), Way.STORE, "CASE WHEN {0} = {1} THEN NULL ELSE {0} END"),),
    "greatest": (Rule((_ANY,), Way.FUNCTION, "sqlmem_greatest({all})", is_variadic=True),),
    "least": (Rule((_ANY,), Way.FUNCTION, "sqlmem_least({all})", is_variadic=True),),
}

# As the functions among them are called.
CALLED = frozenset(
    (
        *("btrim", "char_length", "character_length", "concat", "greatest", "least", "left", "length"),
        *("lower", "lpad", "ltrim", "nullif", "repeat", "replace", "reverse", "right", "rpad", "rtrim"),
        *("json_build_object", "jsonb_build_object"),
        *("split_part", "starts_with", "strpos", "substr", "substring", "to_char", "upper"),
    )
)
