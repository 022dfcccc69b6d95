"""A column of the select list that ORDER BY, GROUP BY or DISTINCT ON names by its position.

Rule: a constant is a position only where it is written as nothing but a whole number. Origins differ on
which other forms are one: `(2)` is everywhere, `- -2` in PostgreSQL and MariaDB, `2 COLLATE NOCASE` in
SQLite, and `-1` is nobody's column and an error with each. Other constants are an error in PostgreSQL.
"""

from __future__ import annotations

from sqlglot import exp

from sqlmem.lexemes import CALL_PREFIX
from sqlmem.plan import Refuse

# What stands around a constant and may leave it a position.
_WRAPPERS = (exp.Paren, exp.Neg, exp.Collate)
_HINTS = frozenset(f"{CALL_PREFIX}{name}" for name in ("likely", "unlikely", "likelihood"))


def position_of(term: exp.Expr, count: int, *, is_dynamic: bool) -> int | None:
    """The place from 0 in a list of `count` items that the term names; None if it isn't a constant.

    Raises:
        Refuse: a constant that names no item, or that only some origins take for a position.
    """
    core = term
    while isinstance(core, _WRAPPERS) or _is_hint(core):
        core = core.expressions[0] if isinstance(core, exp.Anonymous) else core.this
    if isinstance(core, exp.Literal) and core is not term:
        if is_dynamic and not core.is_string and not str(core.this).isdigit():
            return None  # (1.5): no position in SQLite
        raise Refuse("a position that is written otherwise than as a number")
    if isinstance(core, exp.Literal):
        position = int(str(core.this)) if not core.is_string and str(core.this).isdigit() else 0
        if not 1 <= position <= count:
            raise Refuse("a position that isn't in the select list")
        return position - 1
    if isinstance(core, exp.HexString | exp.BitString):
        raise Refuse("a position that is written otherwise than as a number")
    if not is_dynamic and term.find(exp.Column, exp.Query, exp.Placeholder, exp.Func) is None:
        # Also NOT TRUE, which MariaDB takes for 0.
        raise Refuse("a constant where a column is named, which some origins report as an error")
    if isinstance(core, exp.Placeholder) and not is_dynamic:
        # Some drivers write it into the text, where a number is a position.
        raise Refuse("a parameter where a column is named")
    return None


def is_number(key: str) -> bool:
    """Whether a text for the store is a whole number, which ORDER BY would read as a position."""
    return key.strip("()").lstrip("-").isdigit()


def _is_hint(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.lower() in _HINTS and bool(node.expressions)
