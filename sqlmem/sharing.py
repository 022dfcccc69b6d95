"""Plans, and refusals, for statements that differ in constants and in the comments around them only.

A template is found by its text's shape, and by the constants on which its plan depends; all others
are taken from the text at hand, converted as the plan's own were.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from sqlmem.entries import Bypassed, Passed, Planned, Refused
from sqlmem.plan import Argument, Refuse
from sqlmem.skeletons import Constant, Skeleton

# Of one shape a few: others are for constants on which the plan does depend.
_OF_A_SHAPE = 8
# So many texts of a shape, refused one after the other for one reason.
REFUSED_IN_A_ROW = 4

# What the reading of a constant by its text may raise: it isn't of the form that the plan's own has.
_UNREADABLE = (Refuse, ValueError, ArithmeticError, LookupError, TypeError)

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
                    _with_constant(argument, argument.reread(shape.constants[argument.literal].text))
                    if argument.literal is not None and argument.reread is not None
                    else argument
                    for argument in planned.plan.arguments
                )
            except _UNREADABLE:
                continue
            return replace(planned, plan=replace(planned.plan, arguments=arguments), ready=None)
        return None

    def add(self, key: Key, template: Template) -> None:
        others = [each for each in self._by_shape.pop(key, ()) if each.planned.is_current()]
        self._by_shape[key] = (template, *others[: _OF_A_SHAPE - 1])
        while len(self._by_shape) > self.capacity:
            self._by_shape.popitem(last=False)


def _with_constant(argument: Argument, constant: Any) -> Argument:
    # `replace` takes three times as long, and a list may have thousands.
    return Argument(
        argument.key, constant, argument.convert, argument.refuses_null, argument.literal, argument.reread
    )


@dataclass(frozen=True, slots=True)
class _Refused:
    """Of one shape: what became of the last text that was planned, and of how many in a row just that."""

    entry: Bypassed
    times: int


@dataclass(eq=False)
class Refusals:
    """Texts that the origin answers, whatever their constants are, as far as has been seen.

    When a few of a shape in a row were refused for one reason, a further one isn't planned when it is met
    first: the origin answers, and its answer isn't kept. Met again it is planned, as any: that it might
    have been a hit, or its answer be kept, costs one question.

    For use under its owner's lock, but for `find`, whose operations are atomic.
    """

    capacity: int
    _by_shape: dict[Key, _Refused] = field(default_factory=dict)  # dropped as a whole when full
    _met: set[Key] = field(default_factory=set)  # texts that weren't planned; likewise

    def find(self, key: Key, text: Key) -> Bypassed | None:
        """What becomes of a text that is met first, of a shape; None: it is to be planned."""
        refused = self._by_shape.get(key)
        if refused is None or refused.times < REFUSED_IN_A_ROW or not refused.entry.is_current():
            return None
        if text in self._met:
            return None
        if len(self._met) >= self.capacity:
            self._met = set()
        self._met.add(text)
        return refused.entry

    def has(self, key: Key) -> bool:
        """Whether something is known of a shape."""
        return key in self._by_shape

    def note(self, key: Key, entry: Planned | Bypassed | Refused | Passed) -> None:
        """A text of this shape was planned."""
        if not isinstance(entry, Bypassed):
            self._by_shape.pop(key, None)
            return
        before = self._by_shape.get(key)
        is_same = before is not None and before.entry.reason == entry.reason and before.entry.is_current()
        if len(self._by_shape) >= self.capacity:
            self._by_shape = {}
        times = before.times + 1 if before is not None and is_same else 1
        self._by_shape[key] = _Refused(replace(entry, keeps=None), times)


def template_of(shape: Skeleton, planned: Planned) -> Template | None:
    """A plan for other statements of its text's shape; None if no other text has one that it holds for."""
    free = set()
    for argument in planned.plan.arguments:
        if argument.literal is not None and argument.reread is not None:
            if not _is_at(shape, argument.literal, argument):
                return None  # the shape's constants aren't those of the tree
            free.add(argument.literal)
    if not free and not shape.has_comments:
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
    except _UNREADABLE:
        return False
