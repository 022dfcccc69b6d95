"""The text of a part of a statement, as it was written.

An expression that the origin is to compute is sent to it in the statement's own words, never as
sqlglot would write it: what sqlglot rewrites on the way might mean something else.

Rule: a slice is believed only if parsing it alone gives the same tree as the part has.
"""

from __future__ import annotations

import string
from bisect import bisect_right
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlglot import exp

from sqlmem.grammar import expression_of
from sqlmem.lexemes import CALL_PREFIX
from sqlmem.lexer import Scan, TokenKind, scan

# How many tokens may stand around those whose place sqlglot tells: CAST ( … AS numeric ( 10 , 2 ) ).
_MOST_BEFORE = 4
_MOST_AFTER = 9
_MOST_AROUND = 11
# Of ASCII only, as the origins fold it: É and é may be two columns.
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_GAPLESS_AFTER = frozenset(["(", ","])
_GAPLESS_BEFORE = frozenset([")", ","])
_OPEN = {"(": 1, "[": 1, ")": -1, "]": -1}


class Call(NamedTuple):
    """A name before a parenthesis, in lower case, and how many items stand in it, by its commas."""

    name: str
    arity: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a statement.

    Attributes:
        text: without the qualifiers of its columns, blanks collapsed, unquoted words in lower case:
            two slices of one text are the same expression.
        words: as `Scan.words` has them, qualifiers left out.
        kinds: the kind of each word's token.
        calls: what is called, in order; keywords before a parenthesis too.
    """

    text: str
    words: tuple[str, ...]
    kinds: tuple[TokenKind, ...]
    calls: tuple[Call, ...]


class Slices:
    """Finds slices of one statement. For one thread."""

    def __init__(self, scanned: Scan) -> None:
        self._given = scanned
        self._rescanned: Scan | None = None
        self._offsets: list[int] = []
        # where it begins -> which of the constants it is
        self._constants = {start: number for number, start in enumerate(scanned.constants)}
        self._found: dict[int, tuple[exp.Expr, tuple[int, int] | None]] = {}

    @property
    def _scan(self) -> Scan:
        """The text that sqlglot was given: offsets in its nodes are in that. Few statements need it."""
        if self._rescanned is None:
            syntax = replace(self._given.syntax, percent_is_escaped=False, paramstyle="named")
            self._rescanned = scan(self._given.sql, syntax)
            self._offsets = [token.start for token in self._rescanned.tokens]
        return self._rescanned

    def of(self, node: exp.Expr, qualifiers: AbstractSet[str]) -> Slice | None:
        """The slice that an expression was parsed from; None if it can't be told.

        Args:
            qualifiers: names, in lower case, that may stand before a column and a dot.
        """
        known = self._found.get(id(node))
        if known is None or known[0] is not node:
            known = (node, self._range(node))
            self._found[id(node)] = known
        return None if known[1] is None else self._slice(*known[1], qualifiers)

    def place(self, node: exp.Literal) -> int | None:
        """Which of the text's constants a literal is; None if that can't be told, or it is written otherwise.

        The parser gives 16 for 0x10, and another constant in its place would be read by its text.
        """
        start, end = node.meta.get("start"), node.meta.get("end")
        if not isinstance(start, int) or not isinstance(end, int):
            return None
        if not node.is_string and self._given.sql[start : end + 1] != node.this:
            return None
        return self._constants.get(start)

    def called(self, node: exp.Expr) -> str | None:
        """The name, in lower case, by which a function is called; None for one with a syntax of its own."""
        start, end = node.meta.get("start"), node.meta.get("end")
        if not isinstance(start, int) or not isinstance(end, int):
            return None
        return self._given.sql[start : end + 1].lower().removeprefix(CALL_PREFIX)

    def _range(self, node: exp.Expr) -> tuple[int, int] | None:
        """First and last token."""
        places = [(inner.meta["start"], inner.meta["end"]) for inner in node.walk() if "start" in inner.meta]
        if not places:
            return None
        words = self._scan.words
        first = self._token(min(start for start, _ in places))
        last = self._token(max(end for _, end in places))
        for around in range(_MOST_AROUND + 1):
            for before in range(min(around, _MOST_BEFORE) + 1):
                low, high = first - before, last + around - before
                if low < 0 or high >= len(words) or around - before > _MOST_AFTER:
                    continue
                if words[low] == "[":
                    continue  # the parser takes [a] for ARRAY[a]; PostgreSQL doesn't
                if _is_balanced(words[low : high + 1]) and self._is(node, low, high):
                    return low, high
        return None

    def _token(self, offset: int) -> int:
        return bisect_right(self._offsets, offset) - 1

    def _is(self, node: exp.Expr, low: int, high: int) -> bool:
        tokens = self._scan.tokens
        text = self._scan.text[tokens[low].start : tokens[high].end]
        return expression_of(text, self._scan.syntax) == node

    def _slice(self, low: int, high: int, qualifiers: AbstractSet[str]) -> Slice | None:
        scanned = self._scan
        text: list[str] = []
        words: list[str] = []
        kinds: list[TokenKind] = []
        calls: list[Call] = []
        index, end, is_apart = low, scanned.tokens[low].start, False
        while index <= high:
            token, word = scanned.tokens[index], scanned.words[index]
            is_apart = is_apart or end != token.start
            if (
                token.kind in (TokenKind.WORD, TokenKind.NAME)
                and index + 2 <= high
                and scanned.words[index + 1] == "."
            ):
                is_called = index + 3 <= high and scanned.words[index + 3] == "("
                if is_called or word.lstrip('"').lower() not in qualifiers:
                    return None
                index += 2
                end = scanned.tokens[index].start
                continue
            piece = scanned.text[token.start : token.end]
            if token.kind is TokenKind.WORD:
                piece = piece.translate(_LOWER)
                if index < high and scanned.words[index + 1] == "(":
                    calls.append(Call(piece, _arity(scanned.words[index + 1 : high + 1])))
            # A gap beside these means nothing; before a parenthesis it may.
            is_apart = (
                is_apart and bool(words) and words[-1] not in _GAPLESS_AFTER and word not in _GAPLESS_BEFORE
            )
            text.append(f" {piece}" if is_apart else piece)
            words.append(word)
            kinds.append(token.kind)
            end, is_apart = token.end, False
            index += 1
        return Slice("".join(text), tuple(words), tuple(kinds), tuple(calls))


def _arity(words: tuple[str, ...]) -> int:
    """How many items are in the parentheses that the words begin with."""
    depth = 0
    count = 0 if words[1:2] == (")",) else 1
    for word in words:
        depth += _OPEN.get(word, 0)
        if depth == 0:
            break
        count += depth == 1 and word == ","
    return count


def _is_balanced(words: tuple[str, ...]) -> bool:
    depth = 0
    for word in words:
        depth += _OPEN.get(word, 0)
        if depth < 0:
            return False
    return depth == 0
