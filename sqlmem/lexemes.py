"""What the pieces of a statement look like, in each dialect and to each driver.

Rule: a pattern also takes a piece that the text ends in; `is_closed` tells the two apart.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Literal

Family = Literal["sqlite", "postgresql", "mysql", "other"]
Paramstyle = Literal["qmark", "numeric", "named", "format", "pyformat", "numeric_dollar"]


@dataclass(frozen=True, slots=True)
class Syntax:
    """How the origin and its driver read a statement's text.

    Attributes:
        family: MariaDB is "mysql". "other" refuses what only a known dialect could clear.
        backslash_escapes: a backslash escapes in '…' (MySQL without NO_BACKSLASH_ESCAPES,
            PostgreSQL with standard_conforming_strings off).
        ansi_quotes: "…" is an identifier. False only for MySQL without ANSI_QUOTES.
        percent_is_escaped: the driver will process % in this call (format and pyformat, and
            the call has parameters).
        percent_depends: the driver processes %% by where it stands, and by whether there are values for
            placeholders; nothing of it in literals (pg8000).
        sqlglot_dialect: sqlglot's name of the dialect; used for "other" only.
    """

    family: Family
    backslash_escapes: bool
    ansi_quotes: bool
    paramstyle: Paramstyle
    percent_is_escaped: bool
    sqlglot_dialect: str | None = None
    percent_depends: bool = False


# Non-ASCII white space (NBSP and the like) is left out of words: PostgreSQL and SQLite take it
# for a letter, sqlglot for a blank. As a separator it can only make the gate see more words.
_LETTER = r"(?:[A-Za-z_]|[^\x00-\x7f\s])"
_WORD = _LETTER + r"(?:[A-Za-z0-9_$]|[^\x00-\x7f\s])*"
_NUMBER = r"0[xX][0-9A-Fa-f]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_PLAIN = r"'(?:[^']++|'')*+(?:'|\Z)"
_BACKSLASHED = r"'(?:[^'\\]++|''|\\.)*+(?:'|\\?\Z)"
_OPERATORS = r"<=>|->>|#>>|!~\*|->|#>|@>|<@|~\*|!~|<>|!=|<=|>=|==|\|\||&&|<<|>>|::|:=|=>|."

# PostgreSQL reads a run of these characters as one operator.
PG_OPERATOR_CHARACTERS = frozenset("+-*/<>=~!@#%^&|`?")
PG_SPECIAL_CHARACTERS = frozenset("~!@#%^&|`?")

# What sqlglot and the origins agree on. All others are the origin's.
KNOWN_PUNCTUATION = frozenset(
    (
        "( ) , . ; + - * / % = <> != < > <= >= || :: " + "[ ] : -> ->> <=> & | << >> ~ ~* !~ !~* == && =>"
    ).split(" ")
)
# Per family: punctuation that is known elsewhere and not here.
FOREIGN_PUNCTUATION: dict[Family, frozenset[str]] = {
    "sqlite": frozenset(["&&", "=>", ":", "[", "]", "::", "<=>", "~*", "!~", "!~*"]),
    "postgresql": frozenset(["&&", "<=>", "=="]),
    "mysql": frozenset(
        [":", "[", "]", "::", "==", "||", "~*", "!~", "!~*", "=>"]
    ),  # || joins text under PIPES_AS_CONCAT
    "other": frozenset(["&&", "=>", "<=>", "==", "->", "->>", "~*", "!~", "!~*"]),
}


# What a call's name has in front when it goes to the parser (SQLite), and the words that "(" follows
# without a call, or with one that the parser reads as it is meant.
CALL_PREFIX = "sqlmem_call_"
_OPENED = """
    SELECT DISTINCT ALL FROM JOIN ON USING WHERE GROUP BY HAVING ORDER LIMIT OFFSET UNION INTERSECT EXCEPT
    WITH RECURSIVE AS MATERIALIZED AND OR NOT IN EXISTS ANY SOME CASE WHEN THEN ELSE END BETWEEN IS LIKE GLOB
    REGEXP MATCH ESCAPE COLLATE VALUES OVER FILTER WINDOW PARTITION ROWS RANGE GROUPS FETCH CAST RAISE TABLE
    INDEXED COUNT SUM MIN MAX AVG TOTAL GROUP_CONCAT STRING_AGG ROW_NUMBER RANK DENSE_RANK PERCENT_RANK
    CUME_DIST NTILE LAG LEAD FIRST_VALUE LAST_VALUE NTH_VALUE
"""
OPENED_WORDS = frozenset(_OPENED.split())


def _line_comment(family: Family) -> str:
    match family:
        case "postgresql":
            return r"--[^\n\r]*"
        case "mysql":
            # "1--1" is a subtraction: only a blank, a control character or the end makes it a comment.
            return r"--(?=[\x00-\x20\x7f]|\Z)[^\n]*|\#[^\n]*"
        case _:
            return r"--[^\n]*"


def _quoted(syntax: Syntax) -> list[tuple[str, str]]:
    plain = _BACKSLASHED if syntax.backslash_escapes else _PLAIN
    groups: list[tuple[str, str]] = []
    if syntax.family == "postgresql":
        groups.append(("escaped_string", r"[eE]" + _BACKSLASHED))
        groups.append(("unicode_string", r"[uU]&" + plain))
        groups.append(("unicode_name", r'[uU]&"(?:[^"]|"")*(?:"|\Z)'))
        groups.append(("dollar", rf"\$(?P<tag>(?:{_LETTER}(?:[A-Za-z0-9_]|[^\x00-\x7f\s])*)?)\$"))
    groups.append(("string", plain))
    if syntax.family == "mysql" and not syntax.ansi_quotes:
        groups.append(("double_string", plain.replace("'", '"')))
    else:
        groups.append(("name", r'"(?:[^"]|"")*(?:"|\Z)'))
    if syntax.family != "postgresql":
        groups.append(("backtick", r"`(?:[^`]|``)*(?:`|\Z)"))
    if syntax.family == "sqlite":
        groups.append(("bracket", r"\[[^\]]*(?:\]|\Z)"))
    return groups


def _placeholders(syntax: Syntax) -> list[tuple[str, str]]:
    groups: list[tuple[str, str]] = []
    if syntax.percent_is_escaped:
        groups.append(("percent", r"%%|%\([^()]*\)s|%s|%"))
    groups.append(("cast", r"::|:="))
    # SQLite binds all of its forms, whatever the driver's paramstyle is called.
    if syntax.paramstyle == "qmark" or syntax.family == "sqlite":
        groups.append(("qmark", r"\?[0-9]*"))
    if syntax.paramstyle == "numeric":
        groups.append(("numeric", r":[0-9]+"))
    if syntax.paramstyle == "named" or syntax.family == "sqlite":
        groups.append(("named", rf":(?:{_WORD}|[0-9]+)"))
    if syntax.paramstyle == "numeric_dollar":
        groups.append(("numeric_dollar", r"\$[0-9]+"))
    if syntax.family == "postgresql":
        groups.append(("host", r"\$[0-9]+"))
    else:
        groups.append(("host", rf"@@?(?:{_WORD}|[`'\"])|\${_WORD}|\$[0-9]+"))
    return groups


@functools.lru_cache(maxsize=64)
def pattern(syntax: Syntax) -> re.Pattern[str]:
    """One named group for each kind of piece; between them they take any text."""
    return re.compile("|".join(f"(?P<{name}>{body})" for name, body in _groups(syntax)), re.DOTALL)


@functools.lru_cache(maxsize=64)
def running_pattern(syntax: Syntax, kinds: frozenset[str]) -> re.Pattern[str]:
    """As `pattern`, but pieces of these kinds that follow each other are one, in the group "run".

    They are those that `pattern` would find: one ends where a piece of another kind could begin.
    """
    groups = _groups(syntax)
    others = "|".join(f"(?:{_unnamed(body)})" for name, body in groups if name not in kinds)
    these = "|".join(f"(?:{body})" for name, body in groups if name in kinds)
    pieces = [("run", f"(?:(?!{others})(?:{these}))++"), *groups]
    return re.compile("|".join(f"(?P<{name}>{body})" for name, body in pieces), re.DOTALL)


def _unnamed(body: str) -> str:
    return body.replace("(?P<tag>", "(?:")


def _groups(syntax: Syntax) -> list[tuple[str, str]]:
    return [
        ("space", r"[ \t\r\n\f\v]+"),
        ("line_comment", _line_comment(syntax.family)),
        ("block_comment", r"/\*"),
        *_quoted(syntax),
        ("word", _WORD),
        ("number", _NUMBER),
        *_placeholders(syntax),
        ("operator", _OPERATORS),
    ]


def quotes_at_end(body: str, quote: str) -> int:
    return len(body) - len(body.rstrip(quote))


def is_closed(piece: str, quote: str, *, escapes: bool) -> bool:
    """Whether a literal that the pattern matched has its closing quote."""
    body = piece[piece.index(quote) + 1 :]
    if not body.endswith(quote):
        return False
    if escapes:
        # Pairs from the left: a backslash takes the next character, a quote the next quote.
        index, last = 0, len(body)
        while index < last:
            if body[index] == "\\":
                index += 2
            elif body[index] == quote:
                if index + 1 == last:
                    return True
                index += 2
            else:
                index += 1
        return False
    return quotes_at_end(body, quote) % 2 == 1


_ESCAPED = re.compile(r"\\(.)|\\|''", re.DOTALL)
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "'": "'", "\\": "\\"}


def unescaped(piece: str) -> str | None:
    """E'…' as a literal without escapes; None if it has others than the plain ones."""
    if not piece.endswith("'") or len(piece) < 3:
        return None
    body = piece[2:-1]
    if any(found.group() != "''" and found.group(1) not in _ESCAPES for found in _ESCAPED.finditer(body)):
        return None
    text = _ESCAPED.sub(lambda found: _ESCAPES.get(found.group(1) or "'", "'"), body)
    return "'" + text.replace("'", "''") + "'"
