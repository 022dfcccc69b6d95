"""Statements that differ in constants and comments only: one shape, and the constants in their order.

Rule 1: what isn't plainly a constant (a prefix, an escape, a number whose size decides on its type) stays
part of the shape.
Rule 2: comments before and behind a statement, in which programs say who asks, are no part of its shape. One
inside may be part of a column's name.
Rule 3: a shape says nothing of meaning. Whether a plan depends on a constant's value is the plan's to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from sqlmem.lexemes import Syntax, running_pattern
from sqlmem.lexer import is_executable_comment, skip_block_comment

# From ten digits on a whole number may be of another type; a decimal of more digits than a double
# holds may be read otherwise.
_MOST_DIGITS = 9
_MOST_DECIMAL_DIGITS = 15
_WHOLE = "\0i"
_BLANKS = " \t\r\n\f\v"
_BLANK = re.compile(f"[{_BLANKS}]*")
_COMMENTS = frozenset({"line_comment", "block_comment"})
_PLAIN = frozenset(
    {
        "space",
        "word",
        "name",
        "backtick",
        "bracket",
        "percent",
        "cast",
        "qmark",
        "numeric",
        "named",
        "numeric_dollar",
        "operator",
    }
)


class Constant(NamedTuple):
    """A constant as it is written; a text without its quotes."""

    text: str
    is_text: bool


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A text's shape.

    Attributes:
        shape: the text, a mark of its class in the place of each constant.
        constants: all of them, also those that are part of the shape.
        has_comments: the text has some around it, which the shape hasn't.
    """

    shape: str
    constants: tuple[Constant, ...]
    has_comments: bool = False

    @property
    def is_shared(self) -> bool:
        """Whether other texts may have it."""
        return self.has_comments or bool(self.constants)


def begins_as_query(text: str) -> bool:
    """Whether its first word may be one that most queries begin with, or a comment stands before it."""
    return text.lstrip()[:6].upper().startswith(("SELECT", "WITH", "/*", "--"))


def skeleton(text: str, syntax: Syntax) -> Skeleton | None:
    """The shape of a statement; None if it has something by which constants can't be told plainly."""
    begin = _behind_comments(text, 0, syntax)
    if begin is None:
        return None
    shape: list[str] = []
    constants: list[Constant] = []
    has_comments = begin > 0
    before = " "
    for found in running_pattern(syntax, _PLAIN).finditer(text, begin):
        kind = found.lastgroup
        piece = found.group()
        if kind == "run":
            shape.append(piece)
        elif kind == "string":
            # Behind a word, a name or another text it may be something else.
            if before in "'\"_$" or before.isalnum() or not before.isascii():
                return None
            if "\\" in piece or not _is_closed(piece):
                return None
            written = piece[1:-1].replace("''", "'")
            if syntax.percent_is_escaped:
                # The driver halves them before the origin sees the text.
                if "%" in written.replace("%%", "") or (syntax.percent_depends and "%" in written):
                    return None
                written = written.replace("%%", "%")
            constants.append(Constant(written, is_text=True))
            shape.append("\0s")
        elif kind == "number":
            constants.append(Constant(piece, False))  # noqa: FBT003 - there may be thousands of them
            is_small = len(piece) <= _MOST_DIGITS and piece.isdigit() and piece.isascii()
            shape.append(_WHOLE if is_small else _class_of(piece))
        elif kind in _COMMENTS and _behind_comments(text, found.start(), syntax) == len(text):
            has_comments = True
            break
        else:
            return None
        before = piece[-1]
    whole = "".join(shape)
    return Skeleton(whole.rstrip(_BLANKS) if has_comments else whole, tuple(constants), has_comments)


def _behind_comments(text: str, begin: int, syntax: Syntax) -> int | None:
    """Where what comes behind comments begins, `begin` without any; None if one may be more than that."""
    position = begin
    while True:
        blank = _BLANK.match(text, position)
        start = position if blank is None else blank.end()
        end: int | None = None
        if text.startswith("/*", start):
            end = skip_block_comment(text, start, syntax.family)
        elif text.startswith(("--", "#"), start):
            found = running_pattern(syntax, _PLAIN).match(text, start)
            if found is not None and found.lastgroup == "line_comment":
                end = found.end()
        else:
            return start if position > begin else begin
        if (
            end is None
            or syntax.family == "other"
            or is_executable_comment(text, start, syntax.family)
            or text.startswith("+", start + 2)  # an optimizer's hint
            or (syntax.percent_is_escaped and "%" in text[start:end])
        ):
            return None
        position = end


def _is_closed(piece: str) -> bool:
    return len(piece) >= 2 and piece.endswith("'") and piece.count("'") % 2 == 0


def _class_of(number: str) -> str:
    whole, point, fraction = number.partition(".")
    if not (whole + fraction).isascii() or not (whole + fraction).isdigit():
        return number
    if point:
        is_plain = whole and fraction and len(whole) + len(fraction) <= _MOST_DECIMAL_DIGITS
        return f"\0d{len(fraction)}" if is_plain else number
    return _WHOLE if len(number) <= _MOST_DIGITS else number
