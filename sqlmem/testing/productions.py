"""Productions: for each sort of expression the templates that make one.

A sort's templates are lines of text. `{int}` is a hole for an expression of the sort `int`; `{int!}` for a
column of it, `{int?}` for a literal or a parameter. A line may begin with its weight, `4| `; else it is 1.
A line that begins with `~` is taken as it is: a word without holes, with its blanks up to another `~`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_HOLE = re.compile(r"\{([a-z_]+)([!?]?)\}")


@dataclass(frozen=True, slots=True)
class Hole:
    """Where an expression goes. `only` is "!" for a column, "?" for a constant, "" for anything."""

    sort: str
    only: str


@dataclass(frozen=True, slots=True)
class Template:
    parts: tuple[str | Hole, ...]
    weight: int


@dataclass(frozen=True, slots=True)
class Productions:
    """All that a family's expressions are made of.

    Attributes:
        templates: sort -> how to make one.
        leaves: sort -> the sorts whose columns serve as one; the sort itself where it isn't named.
        literals: sort -> SQL texts.
        values: sort -> Python values for parameters.
    """

    templates: Mapping[str, tuple[Template, ...]]
    leaves: Mapping[str, tuple[str, ...]]
    literals: Mapping[str, tuple[str, ...]]
    values: Mapping[str, tuple[Any, ...]]


def parsed(*books: Mapping[str, str]) -> dict[str, tuple[Template, ...]]:
    """Templates of several books of them; a sort's lines add up."""
    made: dict[str, list[Template]] = {}
    for book in books:
        for sort, lines in book.items():
            for line in filter(None, map(str.strip, lines.splitlines())):
                made.setdefault(sort, []).append(_template(line))
    return {sort: tuple(templates) for sort, templates in made.items()}


def _template(line: str) -> Template:
    weight = 1
    if (found := re.match(r"(\d+)\| ", line)) is not None:
        weight = int(found[1])
        line = line[found.end() :]
    if line.startswith("~"):
        return Template((line[1:].removesuffix("~"),), weight)
    parts: list[str | Hole] = []
    at = 0
    for hole in _HOLE.finditer(line):
        if hole.start() > at:
            parts.append(line[at : hole.start()])
        parts.append(Hole(hole[1], hole[2]))
        at = hole.end()
    if at < len(line):
        parts.append(line[at:])
    return Template(tuple(parts), weight)
