"""What a statement's text is made of, as the lexer tells it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NamedTuple

from sqlmem.lexemes import Syntax


class TokenKind(enum.Enum):
    WORD = "word"
    NAME = "name"  # a quoted identifier
    STRING = "string"
    NUMBER = "number"
    PLACEHOLDER = "placeholder"
    PUNCTUATION = "punctuation"


class Token(NamedTuple):
    """A piece of code. `start` and `end` are offsets into the text as it was scanned."""

    kind: TokenKind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a statement's text is made of.

    Attributes:
        text: as it was given.
        sql: for sqlglot: no comments, ``:p<n>`` for the n-th placeholder, % as the origin sees it.
        parameters: per placeholder its key or zero-based position in the DBAPI parameters.
        words: one per token, comments and white space left out: words in upper case, a quoted
            identifier as ``"name`` (its opening quote kept, so that it never equals a word),
            ``'`` for a string, ``0`` for a number, ``?`` for a placeholder, punctuation as it is.
        tokens: the same, with their places. Same length as `words`.
        comments: where the comments are.
        statement_count: statements that are not empty.
        ambiguous: why the text must not be parsed; None if it may.
        doubt: why it isn't certain where literals and comments end; None if it is.
        unterminated: a literal or comment that the text ends in.
        has_executable_comment: a comment that the origin runs.
        uncalled: the tokens that "(" follows without a call: types, names of common table expressions.
        vocabulary: the words, each once: what isn't in it needn't be looked for.
        constants: where in `sql` each number and each string begins, in their order.
    """

    text: str
    syntax: Syntax
    sql: str
    parameters: tuple[str | int, ...]
    words: tuple[str, ...]
    tokens: tuple[Token, ...]
    comments: tuple[tuple[int, int], ...]
    statement_count: int
    ambiguous: str | None
    doubt: str | None
    unterminated: bool
    has_executable_comment: bool
    uncalled: frozenset[int]
    vocabulary: frozenset[str]
    constants: tuple[int, ...]
