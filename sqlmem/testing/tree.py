"""A statement as a small tree: what can be rendered, and taken apart again to find the smallest that fails.

The tree knows nothing of SQL but what may be left out: a `Maybe` altogether, a `Many` down to its
least, a `Node` in favour of a part of the same sort. What a smaller tree means is for the origin to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Bind:
    """A value that is handed over beside the text. A tuple is an expanding list."""

    sort: str
    value: Any


@dataclass(frozen=True, slots=True)
class Node:
    """An expression or a word of one sort, such as `int` or `text`."""

    sort: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Many:
    """Items in a list, of which at least so many stay."""

    items: tuple[Part, ...]
    least: int = 1
    separator: str = ", "


@dataclass(frozen=True, slots=True)
class Maybe:
    """A clause that the statement is whole without.

    Attributes:
        orders: rows come in one order only while this clause stands.
    """

    parts: tuple[Part, ...]
    orders: bool = False


Part = str | Bind | Node | Many | Maybe


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the harness.

    Attributes:
        shape: which kind of statement the grammar meant to make.
        way: how it is asked; see `sqlmem.testing.asking.WAYS`.
    """

    root: Node
    shape: str
    way: str

    @property
    def is_ordered(self) -> bool:
        """Whether the statement leaves the origin no choice in the order of its rows."""
        return any(isinstance(part, Maybe) and part.orders for part in self.root.parts)

    def pieces(self) -> list[str | Bind]:
        """Text and values in the order in which they stand."""
        found: list[str | Bind] = []
        _flatten(self.root, found)
        return found

    def smaller(self) -> Iterator[Statement]:
        """Statements with something left out, the boldest first."""
        for root in _smaller(self.root):
            if isinstance(root, Node):
                yield replace(self, root=root)


def size(part: Part) -> int:
    """How many pieces of text and values there are."""
    found: list[str | Bind] = []
    _flatten(part, found)
    return sum(1 if isinstance(piece, Bind) else len(piece) for piece in found)


def _flatten(part: Part, found: list[str | Bind]) -> None:
    match part:
        case str() | Bind():
            found.append(part)
        case Many(items, _, separator):
            for number, item in enumerate(items):
                if number:
                    found.append(separator)
                _flatten(item, found)
        case Node() | Maybe():
            for inner in part.parts:
                _flatten(inner, found)


def _smaller(part: Part) -> Iterator[Part]:
    match part:
        case str():
            return
        case Bind(sort, value):
            if isinstance(value, tuple) and len(value) > 1:
                for number in range(len(value)):
                    yield Bind(sort, value[:number] + value[number + 1 :])
        case Many(items, least):
            if len(items) > least:
                for number in range(len(items)):
                    yield replace(part, items=items[:number] + items[number + 1 :])
            yield from (replace(part, items=changed) for changed in _one_smaller(items))
        case Maybe(parts):
            if parts:
                yield Maybe(())
            yield from (replace(part, parts=changed) for changed in _one_smaller(parts))
        case Node(sort, parts):
            own = size(part)
            inner = [each for each in _descendants(part) if size(each) < own]
            yield from sorted((each for each in inner if each.sort == sort), key=size)
            # A column stands for anything; the origin says whether it may.
            yield from (each for each in inner if each.sort != sort and _is_leaf(each))
            yield from (replace(part, parts=changed) for changed in _one_smaller(parts))


def _one_smaller(parts: tuple[Part, ...]) -> Iterator[tuple[Part, ...]]:
    for number, inner in enumerate(parts):
        for changed in _smaller(inner):
            yield (*parts[:number], changed, *parts[number + 1 :])


def _is_leaf(node: Node) -> bool:
    return len(node.parts) == 1 and isinstance(node.parts[0], str)


def _descendants(part: Part) -> Iterator[Node]:
    match part:
        case str() | Bind():
            return
        case Many(inner) | Node(_, inner) | Maybe(inner):
            for each in inner:
                if isinstance(each, Node):
                    yield each
                yield from _descendants(each)
