"""A statement with a word left out, doubled, or exchanged with another.

Nearly all of them are errors at the origin, which a parser may forgive. What leaves the origin a choice
(LIMIT, windows, groups) isn't damaged: without its order, say, any rows would be right.
"""

from __future__ import annotations

import random
import re

from sqlmem.testing.tree import Bind, Node, Statement

SHAPES = frozenset({"plain", "combined", "derived", "cte"})
_CHOICES = re.compile(r"\b(?:LIMIT|FETCH|OVER|GROUP|DISTINCT|MIN|MAX|NOW|RANDOM|RAND)\b", re.IGNORECASE)
_WORDS = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\w+(?:\.\w+)*|[<>!=|:~@&#?*]+|\s+|.", re.DOTALL)


def damaged(rng: random.Random, statement: Statement) -> Statement | None:
    """None if it is of a kind that isn't damaged."""
    pieces = statement.pieces()
    if statement.shape not in SHAPES or any(
        isinstance(piece, str) and _CHOICES.search(piece) for piece in pieces
    ):
        return None
    places = [number for number, piece in enumerate(pieces) if isinstance(piece, str) and piece.strip()]
    place = rng.choice(places)
    changed: list[str | Bind] = list(pieces)
    changed[place] = _changed(rng, str(pieces[place]))
    return Statement(Node("query", tuple(changed)), "damaged", statement.way)


def _changed(rng: random.Random, text: str) -> str:
    words = _WORDS.findall(text)
    solid = [number for number, word in enumerate(words) if word.strip()]
    one, other = rng.choice(solid), rng.choice(solid)
    match rng.randrange(4):
        case 0:
            words[one] = ""
        case 1:
            words[one] = f"{words[one]} {words[one]}"
        case 2:
            words[one], words[other] = words[other], words[one]
        case _:
            words[one] = f"({words[one]})"
    return "".join(words)
