"""Statements that differ in constants only: one shape, and the constants in their order.

Rule 1: what isn't plainly a constant (a prefix, an escape, a comment, a number whose size decides on
its type) stays part of the shape.
Rule 2: a shape says nothing of meaning. Whether a plan depends on a constant's value is the plan's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from sqlmem.lexemes import Syntax, running_pattern

# From ten digits on a whole number may be of another type; a decimal of more digits than a double
# holds may be read otherwise.
_MOST_DIGITS = 9
_MOST_DECIMAL_DIGITS = 15
_WHOLE = "\0i"
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
    """

    shape: str
    constants: tuple[Constant, ...]


def skeleton(text: str, syntax: Syntax) -> Skeleton | None:
    """The shape of a statement; None if it has something by which constants can't be told plainly."""
    shape: list[str] = []
    constants: list[Constant] = []
    before = " "
    for found in running_pattern(syntax, _PLAIN).finditer(text):
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
                if "%" in written.replace("%%", ""):
                    return None
                written = written.replace("%%", "%")
            constants.append(Constant(written, is_text=True))
            shape.append("\0s")
        elif kind == "number":
            constants.append(Constant(piece, False))  # noqa: FBT003 - there may be thousands of them
            is_small = len(piece) <= _MOST_DIGITS and piece.isdigit() and piece.isascii()
            shape.append(_WHOLE if is_small else _class_of(piece))
        else:
            return None
        before = piece[-1]
    return Skeleton("".join(shape), tuple(constants))


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
