"""What a parenthesis follows in a scanned text: a call, or what looks like one.

Rule: a call of SQLite's reaches sqlglot under a name that it doesn't know (`CALL_PREFIX`).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlmem.lexemes import CALL_PREFIX, OPENED_WORDS, Family
from sqlmem.tokens import Token, TokenKind

# Without one of these words there is nothing to mark.
BEFORE_PARENTHESES = frozenset(["(", "->", "->>"])


def mark_calls(
    words: Sequence[str], tokens: Sequence[Token], places: Sequence[int], out: list[str], family: Family
) -> frozenset[int]:
    """Tell calls from what looks like one: the tokens that "(" follows without a call.

    For SQLite each call gets a name that sqlglot has no opinion of, and a JSON path its parentheses.

    Args:
        words, tokens: as of `Scan`.
        places: per token, where in `out` it is.
        out: the text for sqlglot, in pieces. Changed.
    """
    is_sqlite = family == "sqlite"
    closing = _closing(words)
    uncalled: set[int] = set()
    for index in range(len(words) - 1):
        if (
            is_sqlite
            and words[index] in ("->", "->>")
            and tokens[index + 1].kind in (TokenKind.STRING, TokenKind.NUMBER)
        ):
            place = places[index + 1]
            out[place] = f"({out[place]})"
        if (
            words[index + 1] == "("
            and tokens[index].kind is TokenKind.WORD
            and words[index] not in OPENED_WORDS
            and not words[index].startswith("PRAGMA_")
        ):
            if _is_type(words, tokens, index) or _is_head(words, closing.get(index + 1)):
                uncalled.add(index)
            elif is_sqlite:
                out[places[index]] = CALL_PREFIX + out[places[index]]
    return frozenset(uncalled)


def _is_type(words: Sequence[str], tokens: Sequence[Token], index: int) -> bool:
    """Whether a word stands in a type's name: CAST(a AS character varying(3))."""
    while index > 0 and tokens[index - 1].kind is TokenKind.WORD:
        index -= 1
        if words[index] in OPENED_WORDS:
            return words[index] == "AS"
    return False


def _is_head(words: Sequence[str], closed: int | None) -> bool:
    """Whether a parenthesis that closes here ends a list of columns: WITH d (a, b) AS (…)."""
    if closed is None:
        return False
    following = list(words[closed + 1 : closed + 3])
    return following[:1] == ["AS"] and following[1:] in (["("], ["MATERIALIZED"], ["NOT"])


def _closing(words: Sequence[str]) -> dict[int, int]:
    """Where each parenthesis that opens is closed."""
    opened: list[int] = []
    closing: dict[int, int] = {}
    for index, word in enumerate(words):
        if word == "(":
            opened.append(index)
        elif word == ")" and opened:
            closing[opened.pop()] = index
    return closing
