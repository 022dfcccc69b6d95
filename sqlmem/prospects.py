"""Which answers are worth keeping: of a text whose answers nobody asks for again they aren't.

To keep an answer costs a look at each of its values, which a program that never asks the same twice pays for
nothing. So a text of which many answers in a row were kept in vain is on trial: a further question of it is
noted when it is asked first, and its answer is kept when it is asked again. One that is given ends that.

In doubt an answer is kept, or isn't: neither is wrong.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

# So many answers of one text in a row, none of them given again.
MOST_IN_VAIN = 32
# Questions that are noted, and texts; dropped as a whole when full.
_MOST_MET = 20_000
_MOST_TEXTS = 2_000


class Prospects:
    """Safe for use by many threads: operations on a dictionary and a set, which are atomic."""

    def __init__(self) -> None:
        # text -> answers kept in a row that nobody has asked for again
        self._in_vain: dict[str, int] = {}
        self._met: set[int] = set()  # hashes of questions

    def are_good(self, statement: str, parameters: Any) -> bool:
        """Whether the answer may be there, or is worth keeping. The question is noted."""
        try:
            question = hash((statement, _frozen(parameters)))
        except TypeError:
            return True  # a list among the parameters
        if question in self._met:
            return True
        if len(self._met) >= _MOST_MET:
            self._met = set()
        self._met.add(question)
        return self._in_vain.get(statement, 0) < MOST_IN_VAIN

    def kept(self, statement: str) -> None:
        """An answer of this text is kept from now on."""
        if len(self._in_vain) >= _MOST_TEXTS:
            self._in_vain = {}
        self._in_vain[statement] = self._in_vain.get(statement, 0) + 1

    def given(self, statement: str) -> None:
        """One was asked for again."""
        self._in_vain.pop(statement, None)


def _frozen(parameters: Any) -> Hashable:
    return tuple(parameters.items()) if isinstance(parameters, Mapping) else tuple(parameters)
