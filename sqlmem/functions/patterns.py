"""LIKE: by SQLite's GLOB where that is exactly it, and by a function where a text may contain NUL.

SQLite's own LIKE ignores the case of ASCII letters. Its GLOB compares code points, as the origins do
under a deterministic collation, and an index serves its prefix.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from sqlmem.codecs import Unrepresentable

ESCAPE = "\\"

_WILDCARDS = {"%": "*", "_": "?"}
# GLOB reads these three as one and the same character.
_ALIKE = re.compile("[\ufffd\ufffe\uffff]")


def _pieces(pattern: str, escape: str) -> Sequence[tuple[str, bool]]:
    """A pattern's characters, each with whether it stands for itself.

    Raises:
        Unrepresentable: it ends with a lone escape character: an error to one origin, if it gets
            so far, and itself to the other.
    """
    pieces = []
    characters = iter(pattern)
    for character in characters:
        if escape and character == escape:
            escaped = next(characters, None)
            if escaped is None:
                raise Unrepresentable("a pattern that ends with its escape character")
            pieces.append((escaped, True))
        else:
            pieces.append((character, character not in "%_"))
    return pieces


def glob_of(pattern: str, escape: str = ESCAPE) -> str:
    """The GLOB that matches what the LIKE matches, code point by code point.

    Args:
        escape: one character, or none at all.
    """
    if _ALIKE.search(pattern):
        raise Unrepresentable("a pattern with a character that the store can't tell from another")
    return "".join(
        (f"[{character}]" if character in "*?[" else character) if is_plain else _WILDCARDS[character]
        for character, is_plain in _pieces(pattern, escape)
    )


def like_of(pattern: str, escape: str = ESCAPE) -> str:
    """The same pattern, with a backslash as its escape character."""
    return "".join(
        f"{ESCAPE}{character}" if is_plain and character in "%_\\" else character
        for character, is_plain in _pieces(pattern, escape)
    )


def like(text: str | None, pattern: str | None) -> int | None:
    """Whether a text is like a pattern whose escape character is the backslash."""
    if text is None or pattern is None:
        return None
    return int(_matches(_compiled(pattern), text))


# The parts between the percent signs, each a string or, if it has an underscore, an expression with
# its length.
_Part = tuple[str, re.Pattern[str] | None, int]


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[_Part, ...]:
    parts: list[list[tuple[str, bool]]] = [[]]
    for character, is_plain in _pieces(pattern, ESCAPE):
        if character == "%" and not is_plain:
            parts.append([])
        else:
            parts[-1].append((character, is_plain))
    return tuple(map(_part, parts))


def _part(pieces: Sequence[tuple[str, bool]]) -> _Part:
    plain = "".join(character for character, _ in pieces)
    if all(is_plain for _, is_plain in pieces):
        return plain, None, len(plain)
    expression = "".join(re.escape(character) if is_plain else "." for character, is_plain in pieces)
    return plain, re.compile(expression, re.DOTALL), len(pieces)


def _matches(parts: tuple[_Part, ...], text: str) -> bool:
    """The first part at the beginning, the last at the end, each other as early as it can be.

    An expression for the whole would try for ever on '%a%a%a%a%'.
    """
    first, *middle = parts
    if not _is_at(first, text, 0):
        return False
    if not middle:
        return len(text) == first[2]
    last = middle.pop()
    position, end = first[2], len(text) - last[2]
    for part in middle:
        found = _find(part, text, position)
        if found < 0:
            return False
        position = found + part[2]
    return position <= end and _is_at(last, text, end)


def _is_at(part: _Part, text: str, position: int) -> bool:
    plain, expression, _ = part
    if expression is None:
        return text.startswith(plain, position)
    return expression.match(text, position) is not None


def _find(part: _Part, text: str, position: int) -> int:
    plain, expression, _ = part
    if expression is None:
        return text.find(plain, position)
    found = expression.search(text, position)
    return -1 if found is None else found.start()
