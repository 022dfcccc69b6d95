"""The entries of one text whose meaning depends on the types of its parameters, one per combination.

Planning finds out on which parameters it depends: it asks for one more type as often as needed
(`TypesNeeded`). What was found is remembered with the text, so that the types of these, and of no
others, are looked at from then on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlmem.codecs import Unrepresentable
from sqlmem.dialects.parameters import Classify, ParameterType

E = TypeVar("E")

# Of one text. Beyond, it begins anew: parameters of so many different types and scales are no pattern.
MOST_VARIANTS = 64


class Typing:
    """The parameters of one planning, and the types of those on which it turned out to depend.

    Attributes:
        types: by the parameters' keys, in the order in which they were asked for.
        positions: how many positional parameters the statement has.
    """

    def __init__(self, known: Any, parameters: Any) -> None:
        """`known`: what the text has so far; `parameters`: as the driver would get them, or None."""
        self._parameters = parameters
        self.classify: Classify | None = None
        self.positions = 0
        self.types: dict[str | int, ParameterType] = {}
        if isinstance(known, ByTypes):
            self.classify = known.classify
            with contextlib.suppress(Unrepresentable, LookupError, TypeError):
                self.types = dict(zip(known.keys, known.types(parameters), strict=True))

    def add(self, key: str | int, classify: Classify) -> None:
        """Note one more parameter's type.

        Raises:
            Unrepresentable: it isn't known.
        """
        if self._parameters is None:
            raise Unrepresentable("the types of its parameters decide, and they aren't given")
        self.classify = classify
        try:
            self.types[key] = classify(self._parameters[key])
        except (LookupError, TypeError):
            raise Unrepresentable("parameters that don't fit the statement") from None


@dataclass(eq=False)
class ByTypes(Generic[E]):
    """What happens depends on the types of these parameters, too.

    `variants` is read without a lock, and changed under the front's.
    """

    keys: tuple[str | int, ...]
    classify: Classify
    positions: int
    variants: dict[tuple[ParameterType, ...], E] = field(default_factory=dict)

    @classmethod
    def of(cls, typing: Typing) -> ByTypes[E]:
        assert typing.classify is not None
        return cls(tuple(typing.types), typing.classify, typing.positions)

    def takes(self, typing: Typing) -> bool:
        """Whether a further combination belongs here."""
        return self.keys == tuple(typing.types) and len(self.variants) < MOST_VARIANTS

    def types(self, parameters: Any) -> tuple[ParameterType, ...]:
        """The types of a statement's parameters that count here.

        Raises:
            Unrepresentable: one of them has none that is known.
            LookupError, TypeError: they aren't those that the statement has.
        """
        if not isinstance(parameters, Mapping) and len(parameters) != self.positions:
            raise LookupError("another number of parameters than the statement has")
        return tuple([self.classify(parameters[key]) for key in self.keys])

    def variant(self, parameters: Any) -> E | None:
        try:
            return self.variants.get(self.types(parameters))
        except (Unrepresentable, LookupError, TypeError):
            return None
