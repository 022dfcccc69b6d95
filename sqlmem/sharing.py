"""Plans for statements that differ in constants only.

A template is found by its text's shape, and by the constants on which its plan depends; all others
are taken from the text at hand, converted as the plan's own were.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace

from sqlmem.entries import Planned
from sqlmem.plan import Argument, Refuse
from sqlmem.skeletons import Constant, Skeleton

# Of one shape a few: others are for constants on which the plan does depend.
_OF_A_SHAPE = 8

Key = tuple[str, bool]  # a shape, and whether the driver is given parameters


@dataclass(frozen=True, slots=True)
class Template:
    """A plan, and the constants of its text on which it depends."""

    fixed: tuple[tuple[int, Constant], ...]
    planned: Planned


@dataclass(eq=False)
class Templates:
    """For use under its owner's lock, but for `find`, which only reads."""

    capacity: int
    _by_shape: OrderedDict[Key, tuple[Template, ...]] = field(default_factory=OrderedDict)

    def find(self, key: Key, shape: Skeleton) -> Planned | None:
        """A plan that was made for another statement of this shape, with this one's constants."""
        for template in self._by_shape.get(key, ()):
            planned = template.planned
            if any(shape.constants[place] != constant for place, constant in template.fixed):
                continue
            if not planned.is_current():
                continue
            try:
                arguments = tuple(
                    replace(argument, constant=argument.reread(shape.constants[argument.literal].text))
                    if argument.literal is not None and argument.reread is not None
                    else argument
                    for argument in planned.plan.arguments
                )
            except Refuse:
                continue
            return replace(planned, plan=replace(planned.plan, arguments=arguments), ready=None)
        return None

    def add(self, key: Key, template: Template) -> None:
        others = [each for each in self._by_shape.pop(key, ()) if each.planned.is_current()]
        self._by_shape[key] = (template, *others[: _OF_A_SHAPE - 1])
        while len(self._by_shape) > self.capacity:
            self._by_shape.popitem(last=False)


def template_of(shape: Skeleton, planned: Planned) -> Template | None:
    """A plan for other statements of its text's shape; None if it depends on all constants."""
    free = set()
    for argument in planned.plan.arguments:
        if argument.literal is not None and argument.reread is not None:
            if not _is_at(shape, argument.literal, argument):
                return None  # the shape's constants aren't those of the tree
            free.add(argument.literal)
    if not free:
        return None
    fixed = tuple((place, each) for place, each in enumerate(shape.constants) if place not in free)
    return Template(fixed, planned)


def _is_at(shape: Skeleton, place: int, argument: Argument) -> bool:
    """Whether a constant that the planner saw is the one at this place of the shape."""
    assert argument.reread is not None
    try:
        return place < len(shape.constants) and bool(
            argument.reread(shape.constants[place].text) == argument.constant
        )
    except Refuse:
        return False
