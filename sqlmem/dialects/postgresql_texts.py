"""What PostgreSQL's operators and functions of text mean, as rows."""

from __future__ import annotations

from sqlmem.dialects.rules import Operand, Rule, Rules, Way, result
from sqlmem.model import Collation, Column, Kind

_BOOLEAN = result(Kind.BOOLEAN, "BOOLEAN", 16)
_INTEGER = result(Kind.INTEGER, "INTEGER", 23)
_TEXT = result(Kind.TEXT, "TEXT", 25, collation=Collation.DETERMINISTIC)

_A_TEXT = Operand(frozenset({Kind.TEXT}), Column("", Kind.TEXT, "TEXT", collation=Collation.DETERMINISTIC))
_JOINED = Operand(frozenset({Kind.TEXT, Kind.INTEGER}), _A_TEXT.takes)

_ANY = Operand(
    frozenset({Kind.INTEGER, Kind.BOOLEAN, Kind.NUMERIC, Kind.FLOAT, Kind.TEXT, Kind.DATE, Kind.TIMESTAMP})
)

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
    # expressions.choices
    "nullif": (Rule((_ANY, _ANY), Way.STORE, "CASE WHEN {0} = {1} THEN NULL ELSE {0} END"),),
    "greatest": (Rule((_ANY,), Way.FUNCTION, "sqlmem_greatest({all})", is_variadic=True),),
    "least": (Rule((_ANY,), Way.FUNCTION, "sqlmem_least({all})", is_variadic=True),),
}

# As the functions among them are called.
CALLED = frozenset(["concat", "greatest", "least", "nullif"])
