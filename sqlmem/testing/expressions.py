"""Making expressions by chance from a family's productions, over the columns in scope."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlmem.testing.productions import Hole, Productions, Template
from sqlmem.testing.tables import Table
from sqlmem.testing.tree import Bind, Node, Part
from sqlmem.testing.values import RARE_PARAMETERS

# The chance that a constant is of another sort than it should be.
_ODD = 0.02
# The chance that a parameter has a value of which programs hand over few.
_RARE = 0.04


@dataclass(frozen=True, slots=True)
class Scope:
    """The columns that an expression may use: sort -> how they are written.

    Attributes:
        ids: where several tables are joined, the key of each.
    """

    table: Table
    qualifier: str
    columns: Mapping[str, tuple[str, ...]]
    ids: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.columns["id"][0]


def scope_of(table: Table, qualifier: str, *, is_qualified: bool) -> Scope:
    """A table's columns, with or without the qualifier in front."""
    columns: dict[str, list[str]] = {}
    for column in table.columns:
        written = f"{qualifier}.{column.name}" if is_qualified else column.name
        columns.setdefault(column.sort, []).append(written)
    return Scope(table, qualifier, {sort: tuple(names) for sort, names in columns.items()})


# What makes a part that isn't a template's: a subquery.
Special = Callable[[int, Scope], Part]


@dataclass(frozen=True, slots=True)
class _Choice:
    templates: tuple[Template, ...]
    weights: tuple[int, ...]  # cumulated


def _choice(templates: tuple[Template, ...]) -> _Choice:
    return _Choice(templates, tuple(itertools.accumulate(template.weight for template in templates)))


class Expressions:
    """Everything is drawn from the generators passed in, so that a seed repeats it.

    What the expressions look like is drawn from one, the constants in them from the other: set back, the
    first gives the same expressions with other constants.

    Attributes:
        bind_rate: the chance that a constant is a parameter; set it as the statement needs.
        specials: sort -> what makes one.
    """

    def __init__(self, rng: random.Random, constants: random.Random, productions: Productions) -> None:
        self.rng = rng
        self.constants = constants
        self.bind_rate = 0.5
        self.specials: dict[str, Special] = {}
        self._productions = productions
        self._choices = {sort: _choice(templates) for sort, templates in productions.templates.items()}
        # At the end of the depth: what doesn't need another of its sort.
        self._flat = {
            sort: _choice(flat)
            for sort, templates in productions.templates.items()
            if (flat := tuple(template for template in templates if not _recurs(template, sort)))
        }
        self._constants = tuple(productions.literals)

    def make(self, sort: str, depth: int, scope: Scope) -> Part:
        """An expression, word or clause of this sort."""
        special = self.specials.get(sort)
        if special is not None:
            return special(depth, scope)
        choice = self._choices.get(sort)
        if choice is None:
            return self.leaf(sort, scope)
        if sort != "bool" and self._has_leaf(sort, scope) and (depth <= 0 or self.rng.random() < 0.3):
            return self.leaf(sort, scope)
        if depth <= 0:
            if sort != "bool" and sort in self._productions.literals:
                return self.constant(sort)
            choice = self._flat.get(sort, choice)
        (template,) = self.rng.choices(choice.templates, cum_weights=choice.weights)
        return self._filled(sort, template, depth, scope)

    def leaf(self, sort: str, scope: Scope) -> Part:
        """Mostly a column; a constant where there is none, or now and then."""
        if self.rng.random() < 0.12 and sort in self._productions.literals:
            return self.constant(sort)
        return self.column(sort, scope) or self.constant(sort)

    def column(self, sort: str, scope: Scope) -> Part | None:
        """A column that serves as this sort; None if the scope has none."""
        if sort == "anything":
            sorts: tuple[str, ...] = tuple(scope.columns)
        else:
            sorts = tuple(
                leaf for leaf in self._productions.leaves.get(sort, (sort,)) if leaf in scope.columns
            )
        if not sorts:
            return None
        return Node(sort, (self.rng.choice(scope.columns[self.rng.choice(sorts)]),))

    def constant(self, sort: str) -> Part:
        """A literal or a parameter."""
        rng = self.rng
        if sort == "anything" or rng.random() < _ODD:
            sort = rng.choice(self._constants)
        elif sort not in self._productions.literals:
            leaves = [
                leaf for leaf in self._productions.leaves.get(sort, ()) if leaf in self._productions.literals
            ]
            sort = rng.choice(leaves or self._constants)
        values = self._productions.values.get(sort)
        if values and rng.random() < self.bind_rate:
            is_rare = self.constants.random() < _RARE
            return Bind(sort, self.constants.choice(RARE_PARAMETERS if is_rare else values))
        return Node(sort, (self.constants.choice(self._productions.literals[sort]),))

    def _has_leaf(self, sort: str, scope: Scope) -> bool:
        if sort == "anything":
            return True
        return any(leaf in scope.columns for leaf in self._productions.leaves.get(sort, (sort,)))

    def _filled(self, sort: str, template: Template, depth: int, scope: Scope) -> Part:
        parts: list[Part] = []
        for part in template.parts:
            if isinstance(part, Hole):
                parts.append(self._hole(part, depth - 1, scope))
            else:
                parts.append(part)
        if len(parts) == 1 and not isinstance(parts[0], str):
            return parts[0]
        return Node(sort, tuple(parts))

    def _hole(self, hole: Hole, depth: int, scope: Scope) -> Part:
        if hole.only == "!":
            return self.column(hole.sort, scope) or self.leaf(hole.sort, scope)
        if hole.only == "?":
            return self.constant(hole.sort)
        return self.make(hole.sort, depth, scope)


def _recurs(template: Template, sort: str) -> bool:
    return any(isinstance(part, Hole) and part.sort == sort and not part.only for part in template.parts)
