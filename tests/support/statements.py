"""Statements over the harness's tables, written short."""

from __future__ import annotations

import re

from sqlmem.testing.tree import Bind, Maybe, Node, Statement


def statement_of(text: str, parameters: tuple[object, ...] = ()) -> Statement:
    """The statement with `tame`, `other`, `wild` and `odd` for the tables, and `?` for each parameter."""
    text = re.sub(r" (tame|other|wild|odd)\b", r" sqlmem_testing_\1", text)
    first, *rest = text.split("?") if parameters else [text]
    parts: list[str | Bind | Maybe] = [first]
    for value, piece in zip(parameters, rest, strict=True):
        parts += [Bind("any", value), piece]
    if is_ordered(text):
        parts.append(Maybe((), orders=True))
    return Statement(Node("query", tuple(parts)), "found", "text")


def is_ordered(text: str) -> bool:
    """Whether the whole has an ORDER BY: one that no parenthesis closes."""
    _, order, tail = text.rpartition(" ORDER BY ")
    depth = 0
    for character in tail:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return False
    return bool(order)
