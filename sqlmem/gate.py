"""Whether a statement is a read, judged by its words.

Rule 1: what isn't proven a read is a write. A first word that is a command of any known
dialect and not in the short list of reads is refused, whatever the dialect.
Rule 2: nothing here needs a full parse; `quick_classify` reads no further than the first word,
so that a thousand-row INSERT costs what a short one does.
Rule 3: a word is judged only where it can be a keyword: ``t.update`` and ``AS into`` are names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlmem.commands import (
    COMMANDS,
    EXPLAIN_OPTIONS,
    EXPLAIN_WORDS,
    PRAGMAS_ABOUT,
    PRAGMAS_BARE,
    QUERY_WORDS,
    SESSION_HINT,
    SHOW_WORDS,
    SPLIT_HINT,
    STATEMENT_VERBS,
    WRITE_HINT,
    has_side_effects,
)
from sqlmem.lexer import Family, Scan, Syntax, TokenKind, is_executable_comment, scan, skip_block_comment


@dataclass(frozen=True, slots=True)
class Query:
    """It begins as a query; the parser decides the rest."""


@dataclass(frozen=True, slots=True)
class Passthrough:
    """A read that only the origin can answer, or a text that only the origin can refuse."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Not run in strict mode.

    Attributes:
        error: "read_only" becomes ReadOnlyError, "unsupported" UnsupportedQueryError.
        reason: what was seen.
        hint: what to do instead.
    """

    error: Literal["read_only", "unsupported"]
    reason: str
    hint: str


Verdict = Query | Passthrough | Refusal

_BLANKS = re.compile(r"[\s;]+")
_FIRST_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_LINE_COMMENTS: dict[Family, re.Pattern[str]] = {
    "sqlite": re.compile(r"--[^\n]*"),
    "postgresql": re.compile(r"--[^\n\r]*"),
    "mysql": re.compile(r"--(?=[\x00-\x20\x7f]|\Z)[^\n]*|#[^\n]*"),
    "other": re.compile(r"--[^\n]*"),
}


class Reading:
    """A text that is being looked at: taken apart and judged when that is first needed, and once.

    For one thread.
    """

    __slots__ = ("_hidden", "_scanned", "_verdict", "syntax", "text")

    def __init__(self, text: str, syntax: Syntax) -> None:
        self.text = text
        self.syntax = syntax
        # No cached_property: before Python 3.12 all threads share its lock, and a fork inherits it.
        self._scanned: Scan | None = None
        self._verdict: Verdict | None = None
        self._hidden: tuple[str | None] | None = None

    @property
    def scanned(self) -> Scan:
        if self._scanned is None:
            self._scanned = scan(self.text, self.syntax)
        return self._scanned

    @property
    def verdict(self) -> Verdict:
        """As of `classify`."""
        if self._verdict is None:
            self._verdict = classify(self.scanned)
        return self._verdict

    @property
    def hidden(self) -> str | None:
        """As of `may_hide_a_write`."""
        if self._hidden is None:
            self._hidden = (may_hide_a_write(self.scanned),)
        return self._hidden[0]


_EXECUTABLE = Refusal("read_only", "an executable comment may hide a write", "Write the statement without it")


def quick_classify(text: str, syntax: Syntax) -> Refusal | None:
    """Refuse what its first word already tells; None if the rest must be looked at.

    Reads the comments in front and one word.
    """
    position, family = 0, syntax.family
    line_comment = _LINE_COMMENTS[family]
    while True:
        # An empty statement in front hides nothing: SQLite and PostgreSQL run what comes after.
        if blanks := _BLANKS.match(text, position):
            position = blanks.end()
        if text.startswith("/*", position):
            if is_executable_comment(text, position, family):
                return _EXECUTABLE
            end = skip_block_comment(text, position, family)
            if end is None:
                return None
            position = end
        elif comment := line_comment.match(text, position):
            position = comment.end()
        else:
            break
    first = _FIRST_WORD.match(text, position)
    return None if first is None else _refuse_command(first.group().upper())


def classify(scanned: Scan) -> Verdict:
    """Judge a statement by its words.

    `Query` only says that it begins as one: `may_hide_a_write` and the parser come after.
    """
    if scanned.has_executable_comment:
        return _EXECUTABLE
    if scanned.statement_count > 1:
        # SELECT 1; DELETE …: only the first would be looked at.
        return Refusal("read_only", "more than one statement in one string", SPLIT_HINT)
    if scanned.doubt is not None:
        return _not_proven(f"it isn't certain where its literals end: {scanned.doubt}")
    if scanned.unterminated and ";" in scanned.text:
        # An origin that ends the literal elsewhere would run what comes after the semicolon.
        return _not_proven("a literal or a comment has no end, and a semicolon follows")
    words = _without_semicolons(scanned.words)
    if not words:
        return Passthrough("an empty statement")
    first = words[0]
    if first in QUERY_WORDS:
        return Query()
    if first in EXPLAIN_WORDS:
        return _explain(scanned, words)
    if first in SHOW_WORDS:
        return _show(scanned, first)
    if first == "PRAGMA":
        return _pragma(scanned, words)
    refused = _refuse_command(first)
    if refused is not None:
        return refused
    if scanned.syntax.family == "other":
        # EXEC may be left out before a procedure's name in some dialects.
        return _not_proven(f"{_shown(first)} is not known to begin a read")
    hidden = may_hide_a_write(scanned)
    if hidden is not None:
        return _not_proven(hidden)
    return Passthrough("not a statement that is known; the origin says what is wrong with it")


def may_hide_a_write(scanned: Scan) -> str | None:
    """What in a statement that begins as a query could write, lock or change the session."""
    words, family = scanned.words, scanned.syntax.family
    found = None if scanned.vocabulary.isdisjoint(_HIDING) else _hidden_write(words, family)
    if found is not None:
        return found
    name = _side_effect_function(scanned)
    return None if name is None else f"{name} is a function with side effects"


def _hidden_write(words: tuple[str, ...], family: Family) -> str | None:
    has_with, before_main, depth = "WITH" in words, "WITH" in words[:2], 0
    for index, word in enumerate(words):
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
        elif depth == 0 and word in ("SELECT", "VALUES", "TABLE"):
            before_main = False
        elif word == ":=" and family in ("mysql", "other"):
            return "a variable is assigned"
        elif word == "NEXTVAL" and index and words[index - 1] == ".":
            return "a sequence is moved on"
        elif word in _SUSPECTS and _is_keyword(words, index):
            following = words[index + 1 : index + 3]
            if word == "INTO":
                return "INTO stores the result outside"
            if word == "FOR" and (following[:1] in _LOCK_STRENGTHS or following in _LOCK_STRENGTHS):
                return f"FOR {' '.join(following)} locks rows"
            if word == "LOCK" and following[:1] == ("IN",):
                return "LOCK IN … MODE locks rows"
            if word == "NEXT" and following == ("VALUE", "FOR"):
                return "a sequence is moved on"
            if word in STATEMENT_VERBS and _begins_a_write(
                words, index, has_with=has_with, at_top_of_with=before_main and depth == 0
            ):
                return f"{word} inside the statement writes"
    return None


_SUSPECTS = STATEMENT_VERBS | {"INTO", "FOR", "LOCK", "NEXT"}
_HIDING = _SUSPECTS | {":=", "NEXTVAL"}
_LOCK_STRENGTHS = frozenset([("UPDATE",), ("SHARE",), ("NO", "KEY"), ("KEY", "SHARE")])


def _is_keyword(words: tuple[str, ...], index: int) -> bool:
    """Whether a word can be a keyword there: behind a point or AS it is a name."""
    return index == 0 or words[index - 1] not in (".", "AS")


def _begins_a_write(words: tuple[str, ...], index: int, *, has_with: bool, at_top_of_with: bool) -> bool:
    """Whether a verb stands where a statement can begin."""
    before = words[index - 1] if index else ""
    following = words[index + 1] if index + 1 < len(words) else ""
    if at_top_of_with:
        # WITH x AS (…) DELETE …, also behind SEARCH and CYCLE; WITH update AS (…) is a name.
        return before == ")" or (following != "(" and before not in ("WITH", "RECURSIVE", ","))
    if following in ("", "(", ")", ",", "."):
        # (replace(a, b, c)) and (insert(a, 1, 2, b)) are calls; (update) and (update, x) are columns.
        return False
    return before == "(" or (has_with and before == ")")


def _side_effect_function(scanned: Scan) -> str | None:
    words, family = scanned.words, scanned.syntax.family
    if "(" not in scanned.vocabulary:
        return None
    for index in range(len(words) - 1):
        if words[index + 1] != "(" or scanned.tokens[index].kind not in (TokenKind.WORD, TokenKind.NAME):
            continue
        name = words[index].lstrip('"').upper()
        if has_side_effects(name, family):
            if name == "LAST_INSERT_ID" and words[index + 2 : index + 3] == (")",):
                continue  # without an argument it only reads the session
            return name.lower()
    return None


def _explain(scanned: Scan, words: tuple[str, ...]) -> Verdict:
    index = 1
    if words[1:2] == ("(",) and words[2:3] and words[2] not in QUERY_WORDS:
        # EXPLAIN (ANALYZE, BUFFERS off) …
        while index < len(words) and words[index] != ")":
            index += 1
        index += 1
    while index < len(words) and words[index] in EXPLAIN_OPTIONS:
        index += 1
    explained = words[index] if index < len(words) else ""
    hidden = may_hide_a_write(scanned)
    if hidden is None and explained in COMMANDS:
        hidden = f"{explained} {COMMANDS[explained][0]}"
    if hidden is not None:
        # EXPLAIN ANALYZE DELETE … deletes.
        return Refusal("read_only", f"EXPLAIN may run what it explains: {hidden}", WRITE_HINT)
    if scanned.syntax.family == "other" and explained not in QUERY_WORDS:
        return _not_proven(f"{_shown(explained)} is not known to begin a read")
    return Passthrough("only the origin can explain a statement")


def _show(scanned: Scan, first: str) -> Verdict:
    name = _side_effect_function(scanned)
    if name is not None or "INTO" in scanned.words or ":=" in scanned.words:
        return _not_proven(f"{first} with something that may write")
    return Passthrough(f"{first} asks the origin about itself")


def _pragma(scanned: Scan, words: tuple[str, ...]) -> Verdict:
    if scanned.syntax.family in ("postgresql", "mysql"):
        return _not_proven("PRAGMA is not known to read here")
    rest = words[1:]
    if rest[1:2] == (".",):
        rest = rest[2:]
    name = rest[0].lstrip('"').upper() if rest else ""
    if name in PRAGMAS_ABOUT and scanned.syntax.family == "sqlite":
        return Passthrough("PRAGMA asks the origin about itself")
    if name in PRAGMAS_BARE and len(rest) == 1 and scanned.syntax.family == "sqlite":
        return Passthrough("PRAGMA asks the origin about itself")
    return Refusal("read_only", f"PRAGMA {name.lower()} may change the database or the session", SESSION_HINT)


def _refuse_command(word: str) -> Refusal | None:
    command = COMMANDS.get(word)
    return None if command is None else Refusal("read_only", f"{word} {command[0]}", command[1])


def _not_proven(what: str) -> Refusal:
    return Refusal("read_only", f"the statement is not proven a read: {what}", WRITE_HINT)


def _shown(word: str) -> str:
    return "its first word" if not word or not word.isprintable() or len(word) > 40 else word


def _without_semicolons(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for word in words if word != ";")
