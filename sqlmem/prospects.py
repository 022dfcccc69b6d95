"""Which answers are worth keeping: of a text whose answers nobody asks for again they aren't.

To keep an answer costs a look at each of its values, which a program that never asks the same twice pays for
nothing. So a text of which many answers in a row were kept in vain is on trial: a further question of it is
noted when it is asked first, and its answer is kept when it is asked again. One that is given ends that.

And a program that writes a table as often as it reads it loses what is kept before it can be given, also if
it asks the same each time. A text of which a few answers in a row were lost so rests: for a number of
questions, twice as many each time, nothing of it is looked for or kept. Then it is tried again. One that is
given ends that too.

In doubt an answer is kept, or isn't: neither is wrong.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

# So many answers of one text in a row, none of them given again.
MOST_IN_VAIN = 32
# So many in a row that an invalidation has ended, likewise; for how many questions it rests then, at most.
MOST_LOST = 5
FIRST_REST = 8
LONGEST_REST = 256
# Questions that are noted, and texts; dropped as a whole when full.
_MOST_MET = 20_000
_MOST_TEXTS = 2_000

WRITTEN_AS_OFTEN = "it is written as often as it is read"


class _Text:
    """What became of a text's answers.

    Attributes:
        in_vain: kept in a row that nobody has asked for again.
        lost: times in a row that an invalidation has ended what was kept, and nothing of it was given.
        tokens: under which the last one was kept; None if that was counted as lost.
        rest: so many questions more are neither looked for nor kept.
    """

    __slots__ = ("in_vain", "lost", "rest", "tokens")

    def __init__(self) -> None:
        self.in_vain = 0
        self.lost = 0
        self.tokens: Mapping[str, str] | None = None
        self.rest = 0


class Prospects:
    """Safe for use by many threads: where two meet, a question more or less is counted."""

    def __init__(self) -> None:
        self._texts: dict[str, _Text] = {}
        self._met: set[int] = set()  # hashes of questions

    def are_good(self, statement: str, parameters: Any) -> bool:
        """Whether the answer may be there, or is worth keeping. The question is noted."""
        try:
            question = hash((statement, _frozen(parameters)))
        except TypeError:
            return True  # a list among the parameters
        if question in self._met:
            return True
        self._note(question)
        text = self._texts.get(statement)
        return text is None or text.in_vain < MOST_IN_VAIN

    def are_vain(self, statement: str) -> bool:
        """Whether its answers are kept only if they are asked for again."""
        text = self._texts.get(statement)
        return text is not None and text.in_vain >= MOST_IN_VAIN and text.rest <= 0

    def is_vain(self, statement: str, parameters: Any) -> bool:
        """Whether the answer to this question isn't there, nor worth keeping now: then it is noted."""
        if not self.are_vain(statement):
            return False
        try:
            question = hash((statement, _frozen(parameters)))
        except TypeError:
            return False
        if question in self._met:
            return False
        self._note(question)
        return True

    def rests(self, statement: str) -> bool:
        """Whether this question is one of those that aren't looked for; it is counted then."""
        text = self._texts.get(statement)
        if text is None or text.rest <= 0:
            return False
        text.rest -= 1
        return True

    def are_lost(self, statement: str, tokens: Mapping[str, str]) -> bool:
        """Whether its answers were lost again before one was given, and it rests from now on.

        Args:
            tokens: of its tables, now.
        """
        text = self._texts.get(statement)
        if text is None or text.tokens is None or text.tokens == tokens:
            return False
        text.tokens = None
        text.lost += 1
        if text.lost < MOST_LOST:
            return False
        text.rest = min(LONGEST_REST, FIRST_REST << min(text.lost - MOST_LOST, 16))
        return True

    def resting(self, statement: str) -> str | None:
        """Why the next question isn't looked for; None if it is."""
        text = self._texts.get(statement)
        return None if text is None or text.rest <= 0 else WRITTEN_AS_OFTEN

    def kept(self, statement: str, tokens: Mapping[str, str]) -> None:
        """An answer of this text is kept from now on.

        Args:
            tokens: of its tables, as it was asked for.
        """
        text = self._texts.get(statement)
        if text is None:
            if len(self._texts) >= _MOST_TEXTS:
                self._texts = {}
            text = self._texts[statement] = _Text()
        text.in_vain += 1
        text.tokens = tokens

    def given(self, statement: str) -> None:
        """One was asked for again."""
        self._texts.pop(statement, None)

    def _note(self, question: int) -> None:
        if len(self._met) >= _MOST_MET:
            self._met = set()
        self._met.add(question)


def _frozen(parameters: Any) -> Hashable:
    return tuple(parameters.items()) if isinstance(parameters, Mapping) else tuple(parameters)
