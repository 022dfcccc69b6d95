"""MariaDB's VIRTUAL columns, which are computed when they are read: whether always to the same.

MariaDB takes any function for them (its manual, "Generated Columns": non-deterministic expressions are
allowed in VIRTUAL ones); MySQL, PostgreSQL and SQLite none whose result may change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlmem.dialects.immutable import is_known_word, unknown_call
from sqlmem.lexer import Syntax, TokenKind, scan

# In the form in which the catalogue keeps them every name is quoted.
_SYNTAX = Syntax(
    "mysql", backslash_escapes=True, ansi_quotes=False, paramstyle="pyformat", percent_is_escaped=False
)
_OF_TEXTS = frozenset(
    ["CHARSET", "UTF8MB4", "UTF8MB3", "UTF8", "LATIN1", "ASCII", "_UTF8MB4", "_UTF8MB3", "_LATIN1"]
)


def changing(expressions: Mapping[str, str], times: Collection[str]) -> frozenset[str]:
    """Those of the virtual columns that may give something else though their row is the same.

    Args:
        expressions: a column's name -> its expression, as the catalogue tells it.
        times: the names of TIME columns, which the present day completes where a moment is wanted.
    """
    found: set[str] = set()
    while True:
        unsteady = {name.lower() for name in (*times, *found)}
        more = {
            name
            for name, expression in expressions.items()
            if name not in found and not _is_steady(expression, unsteady)
        }
        if not more:
            return frozenset(found)
        found |= more


def _is_steady(expression: str, unsteady: Collection[str]) -> bool:
    """Whether each of its words is known to mean the same at any time, over columns that do."""
    found = scan(expression, _SYNTAX)
    if found.unterminated or found.doubt is not None or "@" in found.words:
        return False
    for index, token in enumerate(found.tokens):
        word = found.words[index]
        is_called = index + 1 < len(found.words) and found.words[index + 1] == "("
        if token.kind is TokenKind.NAME:
            if is_called or word[1:].lower() in unsteady:
                return False
        elif token.kind is TokenKind.WORD and not (
            unknown_call("mysql", [word.lower()]) is None
            if is_called
            else is_known_word(word) or word in _OF_TEXTS
        ):
            return False
    return True
