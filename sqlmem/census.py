"""The nodes of a tree, gathered in one walk for all who ask about them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, TypeVar

from sqlglot import exp

Node = TypeVar("Node", bound=exp.Expr)


class _Lineages(dict[type[exp.Expr], frozenset[type[Any]]]):
    """type -> it and those that it descends from."""

    def __missing__(self, type_: type[exp.Expr]) -> frozenset[type[Any]]:
        found = self[type_] = frozenset(type_.__mro__)
        return found


_LINEAGES = _Lineages()


class Census:
    """All nodes of a tree, as it was when they were gathered. Safe for use by many threads.

    Attributes:
        nodes: in the order of a walk by levels.
        by_type: the same, by their exact type.
        kinds: those types, and all that they descend from: most questions are answered by what isn't there.
    """

    __slots__ = ("by_type", "kinds", "nodes")

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
        self.kinds: frozenset[type[Any]] = frozenset().union(*[_LINEAGES[type_] for type_ in by_type])

    def has(self, *kinds: type[exp.Expr]) -> bool:
        """Whether there is a node of one of these types, or of one that descends from them."""
        return not self.kinds.isdisjoint(kinds)

    def of(self, kind: type[Node]) -> Iterable[Node]:
        """The nodes of this type and of those that descend from it, type after type."""
        if kind not in self.kinds:
            return ()
        found: list[Any] = [nodes for type_, nodes in self.by_type.items() if kind in _LINEAGES[type_]]
        return found[0] if len(found) == 1 else chain.from_iterable(found)

    def count(self, *kinds: type[exp.Expr]) -> int:
        if self.kinds.isdisjoint(kinds):
            return 0
        return sum(
            len(nodes) for type_, nodes in self.by_type.items() if not _LINEAGES[type_].isdisjoint(kinds)
        )
