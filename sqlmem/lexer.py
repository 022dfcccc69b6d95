"""Where the literals, the comments and the placeholders of a statement are.

Rule 1: the origin's own rules decide where a literal ends. Where they aren't known for
certain, `Scan.doubt` says so, and the gate refuses: a write could hide behind a quote.
Rule 2: what sqlglot would read otherwise than the origin is `Scan.ambiguous`: such a
statement is answered by the origin and never parsed.
Rule 3: comments never reach sqlglot, and each placeholder reaches it as ``:p<n>``, n
counting the placeholders of the text from zero.
Rule 4: a call of SQLite's reaches it under a name that it doesn't know: it reads many functions as
others (LOG's arguments, a JSON path, IFNULL), and what was written would be lost.
"""

from __future__ import annotations

import functools
import re
from itertools import accumulate

from sqlmem.callees import BEFORE_PARENTHESES, mark_calls
from sqlmem.lexemes import (
    FOREIGN_PUNCTUATION,
    KNOWN_PUNCTUATION,
    PG_OPERATOR_CHARACTERS,
    PG_SPECIAL_CHARACTERS,
    Family,
    Syntax,
    is_closed,
    pattern,
    quotes_at_end,
    unescaped,
)
from sqlmem.tokens import Scan, Token, TokenKind

PLACEHOLDER_PREFIX = "p"

_WORD, _NUMBER, _PUNCTUATION = TokenKind.WORD, TokenKind.NUMBER, TokenKind.PUNCTUATION
_CONSTANTS = (TokenKind.NUMBER, TokenKind.STRING)
# As Token(…), in a third of the time: there is one for each piece of each new text.
_token = functools.partial(tuple.__new__, Token)
# Of "0x" and so many digits at most, a number in SQLite is surely positive.
_MOST_HEX = 17
# No part of any operator, nor of a comment's edge.
_SEPARATE = frozenset("(),.")

_COMMENT_EDGE = re.compile(r"/\*|\*/")
_PERCENT = re.compile(r"%%|%")


def skip_block_comment(text: str, start: int, family: Family) -> int | None:
    """The offset behind the comment that opens at `start`; None if it never ends."""
    if family != "postgresql":
        end = text.find("*/", start + 2)
        return None if end < 0 else end + 2
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return None


def is_executable_comment(text: str, start: int, family: Family) -> bool:
    """Whether the origin runs what stands in the block comment that opens at `start`."""
    # A dialect that isn't known may descend from MySQL.
    return family in ("mysql", "other") and text.startswith(("!", "M!", "m!"), start + 2)


def scan(text: str, syntax: Syntax) -> Scan:
    """Take a statement's text apart. Total: any text has a scan."""
    return _Scanner(text, syntax).run()


class _Scanner:
    """One pass over one text."""

    def __init__(self, text: str, syntax: Syntax) -> None:
        self.text = text
        self.syntax = syntax
        self.family: Family = syntax.family
        self.out: list[str] = []
        self.places: list[int] = []  # per token, where in `out` it is
        self.words: list[str] = []
        self.tokens: list[Token] = []
        self.comments: list[tuple[int, int]] = []
        self.parameters: list[str | int] = []
        self.styles: set[str] = set()
        self.ambiguous: str | None = None
        self.doubt: str | None = None
        self.unterminated = False
        self.has_executable_comment = False
        self.has_percents = False  # %% outside of quotes

    def run(self) -> Scan:
        position: int | None = 0
        while position is not None:
            position = self._run_from(position)
        self._check_parameters()
        vocabulary = frozenset(self.words)
        uncalled: frozenset[int] = frozenset()
        if self.family != "other" and not vocabulary.isdisjoint(BEFORE_PARENTHESES):
            uncalled = mark_calls(self.words, self.tokens, self.places, self.out, self.family)
        return Scan(
            text=self.text,
            syntax=self.syntax,
            sql="".join(self.out),
            parameters=tuple(self.parameters),
            words=tuple(self.words),
            tokens=tuple(self.tokens),
            comments=tuple(self.comments),
            statement_count=self._count_statements(vocabulary),
            ambiguous=self.ambiguous,
            doubt=self.doubt,
            unterminated=self.unterminated,
            has_executable_comment=self.has_executable_comment,
            uncalled=uncalled,
            vocabulary=vocabulary,
            constants=self._constants(vocabulary),
        )

    def _run_from(self, position: int) -> int | None:
        """Take pieces from there on: to the end, or to where another pattern than `pattern` found an end."""
        out, words, tokens, places = self.out, self.words, self.tokens, self.places
        is_sqlite = self.family == "sqlite"
        end = position
        number_ends = -1  # where the last token ends, if that is a number
        # Each piece begins where the one before ends: the last alternative takes any character.
        for found in pattern(self.syntax).finditer(self.text, position):
            group = found.lastgroup
            piece = found.group()
            start, end = end, end + len(piece)
            # Most pieces are one of these three, and mean nothing more: the calls would take longest.
            if group == "space":
                out.append(" ")
                continue
            if group == "word":
                word = piece.upper()
                if piece.isascii() and number_ends != start and not (is_sqlite and word == "BYTEA"):
                    words.append(word)
                    tokens.append(_token((_WORD, start, end)))
                    places.append(len(out))
                    out.append(piece)
                    continue
            elif group == "operator" and piece in _SEPARATE:
                words.append(piece)
                tokens.append(_token((_PUNCTUATION, start, end)))
                places.append(len(out))
                out.append(piece)
                continue
            took = self._take(group or "operator", found)
            if took != end:
                return took
            number_ends = end if group == "number" else -1
        return None

    def _take(self, group: str, found: re.Match[str]) -> int:
        start, end = found.span()
        piece = found.group()
        match group:
            case "space":
                self.out.append(" ")
            case "word":
                self._word(piece, start, end)
            case "operator" | "cast":
                self._operator(piece, start, end)
            case "number":
                self._number(piece, start, end)
            case "string" | "double_string" | "escaped_string" | "unicode_string":
                self._string(group, piece, start, end)
            case "name" | "backtick" | "bracket" | "unicode_name":
                self._name(group, piece, start, end)
            case "line_comment":
                if self.family == "other" and "\r" in piece.rstrip("\r"):
                    self._suspect("a carriage return may end a comment")
                self._comment(start, end)
            case "block_comment":
                end = self._block_comment(start)
            case "dollar" | "tag":
                end = self._dollar(found)
            case "percent":
                self._percent(piece, start, end)
            case "host":
                # @a, @@x, $1: read from the session, or bound in a way that isn't followed here.
                self._note("it reads a session variable or a host parameter")
                self._add(TokenKind.PUNCTUATION, piece[0], start, start + 1)
                end = start + 1
            case _:
                self._placeholder(group, piece, start, end)
        return end

    def _note(self, reason: str) -> None:
        if self.ambiguous is None:
            self.ambiguous = reason

    def _suspect(self, reason: str) -> None:
        if self.doubt is None:
            self.doubt = reason

    def _add(self, kind: TokenKind, word: str, start: int, end: int, sql: str | None = None) -> None:
        self.words.append(word)
        self.tokens.append(Token(kind, start, end))
        self.places.append(len(self.out))
        self.out.append(word if sql is None else sql)

    def _touches(self, start: int) -> bool:
        return bool(self.tokens) and self.tokens[-1].end == start

    def _word(self, piece: str, start: int, end: int) -> None:
        if not piece.isascii():
            # 'ſelect'.upper() is SELECT for Python and sqlglot, and an identifier for the origins.
            if (
                piece.upper().isascii()
                or piece.lower().isascii()
                or not (piece[0].isalpha() or piece[0] == "_")
            ):
                self._note("a word has letters that only look like SQL's")
            if any(char.isspace() or not char.isprintable() for char in piece):
                self._note("a word has invisible characters")
            self._add(TokenKind.WORD, piece.upper(), start, end, piece)
            return
        if self.family == "sqlite" and piece.upper() == "BYTEA":
            self._note("a type that the parser takes for BLOB")
        if self._touches(start) and self.tokens[-1].kind is TokenKind.NUMBER:
            self._note("a number runs into a word")  # 1e5x: a name in MySQL, an alias or an error elsewhere
        self._add(TokenKind.WORD, piece.upper(), start, end, piece)

    def _number(self, piece: str, start: int, end: int) -> None:
        if self.family in ("postgresql", "other") and piece[:2].lower() == "0x":
            self._note("a hexadecimal number")  # 0 AS x1f before PostgreSQL 16
        if self.family == "sqlite" and len(piece) > _MOST_HEX and piece[:2].lower() == "0x":
            self._note("a hexadecimal number of many digits")  # an error, of which the parser keeps 64 bits
        if self._touches(start) and self.tokens[-1].kind is not TokenKind.PUNCTUATION:
            self._note("a number runs into a word")  # t.1a is a name in MySQL
        self._add(TokenKind.NUMBER, "0", start, end, piece)

    def _operator(self, piece: str, start: int, end: int) -> None:
        touches = self._touches(start)
        if piece not in KNOWN_PUNCTUATION or piece in FOREIGN_PUNCTUATION[self.family]:
            if piece.isspace():
                self._note("it has white space that SQL doesn't know")
                self.out.append(" ")
                return
            self._note(f"the operator {piece}" if piece.isprintable() else "a control character")
        elif self.family == "postgresql" and touches and not self._pg_separate(piece):
            self._note("operators that run into each other")  # 2!=-1 is one operator, !=-
        if self.family == "other" and piece == "#":
            self._suspect("# may open a comment")
        # "--" must not come into being where the origin saw two signs; nor "/*".
        glue = touches and self.words[-1] + piece in ("--", "/*", "*/")
        self._add(TokenKind.PUNCTUATION, piece, start, end, f" {piece}" if glue else piece)

    def _pg_separate(self, piece: str) -> bool:
        """Whether PostgreSQL ends the operator before `piece`, which touches it."""
        if not set(piece) <= PG_OPERATOR_CHARACTERS or not set(self.words[-1]) <= PG_OPERATOR_CHARACTERS:
            return True
        if self.tokens[-1].kind is not TokenKind.PUNCTUATION:
            return True
        return piece in ("+", "-") and not set(self.words[-1]) & PG_SPECIAL_CHARACTERS

    def _string(self, group: str, piece: str, start: int, end: int) -> None:
        quote = '"' if group == "double_string" else "'"
        if not is_closed(
            piece,
            quote,
            escapes="\\" in piece
            and group != "unicode_string"
            and (self.syntax.backslash_escapes or group == "escaped_string"),
        ):
            self.unterminated = True
        plain = unescaped(piece) if group == "escaped_string" else None
        if group == "unicode_string" or (group == "escaped_string" and plain is None):
            self._note("a string literal with a prefix")  # sqlglot drops the E of E'…'
        elif self._touches(start) and self.tokens[-1].kind is TokenKind.WORD:
            prefix = self.words[-1]
            if (len(prefix) == 1 or prefix.startswith("_")) and not (
                prefix == "X" and self.family in ("sqlite", "mysql")
            ):
                self._note("a string literal with a prefix")
        if self.tokens and self.tokens[-1].kind is TokenKind.STRING:
            self._note("string literals side by side")  # joined, an alias or an error
        if "\\" in piece and (self.family in ("mysql", "other") or self.syntax.backslash_escapes):
            self._note("an escape in a string literal")
            if self.family == "other" and ("\\" + quote) in piece:
                self._suspect("a backslash may escape a quote")
        self._literal(TokenKind.STRING, "'", piece if plain is None else plain, start, end)

    def _name(self, group: str, piece: str, start: int, end: int) -> None:
        opening = '"' if group == "unicode_name" else piece[0]
        closing = "]" if opening == "[" else opening
        body = piece[3:] if group == "unicode_name" else piece[1:]
        if not body.endswith(closing) or (closing != "]" and quotes_at_end(body, closing) % 2 == 0):
            self.unterminated = True
        else:
            body = body[:-1]
        if group == "unicode_name":
            # U&"\0073etval"('s', 1) calls setval.
            self._suspect("an identifier is written in escapes")
        if closing != "]":
            body = body.replace(closing * 2, closing)
        if self.syntax.percent_is_escaped:
            body = self._unpercent(body)
        quote = "`" if self.family == "mysql" else '"'
        sql = quote + body.replace(quote, quote * 2) + quote
        if not body or "\x00" in body:
            self._note("an identifier without a name")
        self._add(TokenKind.NAME, '"' + body, start, end, sql)

    def _literal(self, kind: TokenKind, word: str, piece: str, start: int, end: int) -> None:
        if self.syntax.percent_is_escaped and "%" in piece:
            piece = self._unpercent(piece)
        self._add(kind, word, start, end, piece)

    def _unpercent(self, piece: str) -> str:
        # The driver substitutes in the bare text, in literals too.
        if any(found.group() == "%" for found in _PERCENT.finditer(piece)):
            self._note("a placeholder stands in a literal, an identifier or a comment")
        if self.syntax.percent_depends and "%%" in piece:
            self._note("%% in a literal, an identifier or a comment, which this driver may leave as it is")
        return piece.replace("%%", "%")

    def _dollar(self, found: re.Match[str]) -> int:
        start, opened = found.span()
        tag = found.group("dollar")
        closing = self.text.find(tag, opened)
        end = len(self.text) if closing < 0 else closing + len(tag)
        self.unterminated = self.unterminated or closing < 0
        body = self.text[opened : end if closing < 0 else closing]
        if self._touches(start) and self.tokens[-1].kind is TokenKind.NUMBER:
            self._note("a number runs into a literal")
        if self.tokens and self.tokens[-1].kind is TokenKind.STRING:
            self._note("string literals side by side")
        if "\\" in body:
            self._note("a backslash in a dollar-quoted literal")
        self._literal(TokenKind.STRING, "'", "'" + body.replace("'", "''") + "'", start, end)
        return end

    def _comment(self, start: int, end: int) -> None:
        if self.syntax.percent_is_escaped and "%" in self.text[start:end]:
            self._unpercent(self.text[start:end])
        self.comments.append((start, end))
        self.out.append(" ")

    def _block_comment(self, start: int) -> int:
        end = skip_block_comment(self.text, start, self.family)
        if end is None:
            self.unterminated = True
            end = len(self.text)
        if is_executable_comment(self.text, start, self.family):
            self.has_executable_comment = True
        if self.text.startswith("+", start + 2):
            self._note("an optimizer hint")  # SET_VAR(sql_mode=…) changes the answer
        if self.family == "other" and self.text.find("/*", start + 2, end) >= 0:
            self._suspect("comments may nest")
        self._comment(start, end)
        return end

    def _percent(self, piece: str, start: int, end: int) -> None:
        if piece == "%%":
            self.has_percents = True
            self._operator("%", start, end)
        elif piece == "%":
            self._note("a % that the driver does not know")
            self._add(TokenKind.PUNCTUATION, "%", start, end)
        elif piece == "%s":
            self._bind("position", len(self.parameters), start, end)
        else:
            self._bind("key", piece[2:-2], start, end)

    def _placeholder(self, group: str, piece: str, start: int, end: int) -> None:
        if group == "qmark" and piece == "?":
            self._bind("position", len(self.parameters), start, end)
        elif group == "named" and not piece[1:].isdigit():
            self._bind("key", piece[1:], start, end)
        else:
            number = int(piece[1:]) if len(piece) < 8 else 0
            if group == "named":
                # The driver binds a name that is a number by the order of first appearance.
                if number > len(set(self.parameters)) + 1:
                    self._note("numbered placeholders out of order")
                group = "numeric"
            if number == 0:
                self._note("a placeholder numbered 0")
            if group == "numeric" and self.family == "sqlite" and number > len(set(self.parameters)) + 1:
                self._note("numbered placeholders out of order")
            self._bind("number", max(number - 1, 0), start, end)

    def _bind(self, style: str, key: str | int, start: int, end: int) -> None:
        self.styles.add(style)
        index = len(self.parameters)
        self.parameters.append(key)
        self._add(TokenKind.PLACEHOLDER, "?", start, end, f" :{PLACEHOLDER_PREFIX}{index} ")

    def _check_parameters(self) -> None:
        if len(self.styles) > 1:
            self._note("placeholders of more than one style")
        if self.has_percents and self.syntax.percent_depends and not self.parameters:
            self._note("%% without placeholders, which this driver leaves as it is")

    def _constants(self, vocabulary: frozenset[str]) -> tuple[int, ...]:
        if vocabulary.isdisjoint("'0"):
            return ()
        offsets = list(accumulate(map(len, self.out), initial=0))
        return tuple(
            # A JSON path has got its parentheses.
            offsets[place] + self.out[place].startswith("(")
            for token, place in zip(self.tokens, self.places, strict=True)
            if token.kind in _CONSTANTS
        )

    def _count_statements(self, vocabulary: frozenset[str]) -> int:
        if ";" not in vocabulary:
            return 1 if vocabulary else 0
        count, is_empty = 0, True
        for word in self.words:
            if word == ";":
                is_empty = True
            elif is_empty:
                count, is_empty = count + 1, False
        return count


__all__ = ["PLACEHOLDER_PREFIX", "Family", "Scan", "Syntax", "Token", "TokenKind", "scan"]
