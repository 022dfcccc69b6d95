"""What was said of a text, and is said again at once: the origin answers it, and nothing of that is kept.

A statement that passes, or bypasses for a reason of its own, has the same answer each time until a definition
changes: it needs neither its entry nor its tables looked at again.

Rule: what is said is what the whole way would say now; where anything about the caller could make a
difference, nothing is said.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlmem.answers import Caller, Remote
from sqlmem.counters import Counters
from sqlmem.directives import USUAL
from sqlmem.entries import Bypassed, Passed
from sqlmem.front import Front
from sqlmem.logs import heard
from sqlmem.planning import LONGEST_KEPT

# A text, and whether the driver is given parameters.
Key = tuple[str, bool]


class Said(NamedTuple):
    """Of a text, by its entry."""

    entry: Bypassed | Passed
    remote: Remote


class AtOnce:
    """Safe for use by many threads.

    Attributes:
        texts: what was said of each, which may hold no more; dropped as a whole when full.
    """

    def __init__(self, front: Front, counters: Counters) -> None:
        self.texts: dict[Key, Said] = {}
        self._front = front
        self._counters = counters

    def answer(self, caller: Caller, key: Key) -> Remote | None:
        """What was said of a text, counted; None if it wasn't, or may not hold for this caller now."""
        said = self.texts.get(key)
        if said is None:
            return None
        entry, remote = said
        if not entry.is_current():
            self.texts.pop(key, None)
            return None
        is_bypass = type(entry) is Bypassed
        if heard.debug or caller.directive is not USUAL or (is_bypass and caller.bypass_reason is not None):
            return None
        status = remote.status
        self._counters.other(status.outcome, status.reason if is_bypass else None)
        return remote

    def remember(self, key: Key, entry: Bypassed | Passed, remote: Remote) -> Remote:
        """Say this of the text from now on, if its entry is one that stays; it is given back.

        Args:
            remote: what is said of any caller of whom nothing is special.
        """
        statement, has_parameters = key
        # What a text does is found by its words, and the same for as long as that is remembered.
        is_lasting = (
            len(statement) <= LONGEST_KEPT
            if type(entry) is Passed
            else self._front.holds(statement, entry, has_parameters=has_parameters)
        )
        if is_lasting:
            if len(self.texts) >= self._front.capacity:
                self.texts = {}
            self.texts[key] = Said(entry, remote)
        return remote
