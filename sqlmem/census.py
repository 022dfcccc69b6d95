"""The nodes of a tree, gathered in one walk for all who ask about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from sqlglot import exp

Node = TypeVar("Node", bound=exp.Expr)


class Census:
    """All nodes of a tree, as it was when they were gathered. Safe for use by many threads.

    Attributes:
        nodes: in the order of a walk by levels.
        by_type: the same, by their exact type.
    """

    __slots__ = ("by_type", "nodes")

    def __init__(self, tree: exp.Expr) -> None:
        nodes = [tree]
        by_type: dict[type[exp.Expr], list[exp.Expr]] = {}
        # The list grows while it is gone through.
        for node in nodes:
            type_ = type(node)
            if type_ in by_type:
                by_type[type_].append(node)
            else:
                by_type[type_] = [node]
            for value in node.args.values():
                if type(value) is list:
                    nodes += [each for each in value if isinstance(each, exp.Expr)]
                elif isinstance(value, exp.Expr):
                    nodes.append(value)
        self.nodes = nodes
        self.by_type = by_type

    def has(self, *kinds: type[exp.Expr]) -> bool:
        """Whether there is a node of one of these types, or of one that descends from them."""
        return any(issubclass(type_, kinds) for type_ in self.by_type)

    def of(self, kind: type[Node]) -> Iterator[Node]:
        """The nodes of this type and of those that descend from it, type after type."""
        for type_, nodes in self.by_type.items():
            if issubclass(type_, kind):
                yield from nodes  # type: ignore[misc]

    def count(self, *kinds: type[exp.Expr]) -> int:
        return sum(len(nodes) for type_, nodes in self.by_type.items() if issubclass(type_, kinds))
