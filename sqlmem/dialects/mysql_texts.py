"""What MariaDB's and MySQL's operators and functions of text mean, as rows."""

from __future__ import annotations

from sqlmem.dialects.rules import Operand, Rule, Rules, Way, result
from sqlmem.model import Kind

_LONG = result(Kind.INTEGER, "INTEGER", 3)

_A_TEXT = Operand(frozenset({Kind.TEXT}))

RULES: Rules = {
    # expressions.likes: under a binary collation only
    "like": (Rule((_A_TEXT, _A_TEXT), Way.FUNCTION, "sqlmem_like({0}, {1})", _LONG),),
}
