"""What MariaDB's and MySQL's operators and functions of text mean, as rows."""

from __future__ import annotations

from sqlmem.dialects.rules import Operand, Rule, Rules, Way, result
from sqlmem.model import Kind

_LONG = result(Kind.INTEGER, "INTEGER", 3)

_A_TEXT = Operand(frozenset({Kind.TEXT}))

_ANY = Operand(
    frozenset({Kind.INTEGER, Kind.BOOLEAN, Kind.NUMERIC, Kind.FLOAT, Kind.TEXT, Kind.DATE, Kind.TIMESTAMP})
)

RULES: Rules = {
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
CALLED = frozenset(["date_add", "date_sub", "greatest", "if", "ifnull", "least", "nullif"])
