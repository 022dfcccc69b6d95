"""What was said of a text, and is said again at once: the origin answers it, and nothing of that is kept.

A statement that passes, or bypasses for a reason of its own, has the same answer each time until a definition
changes: it needs neither its entry nor its tables looked at again.

Rule: what is said is what the whole way would say now; where anything about the caller could make a
difference, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlmem.answers import Caller, Remote
from sqlmem.counters import Counters
from sqlmem.directives import USUAL
from sqlmem.entries import Bypassed, Passed
from sqlmem.front import Front
from sqlmem.logs import heard
from sqlmem.planning import LONGEST_KEPT
from sqlmem.table_state import TableState

# A text, and whether the driver is given parameters.
Key = tuple[str, bool]


class Said(NamedTuple):
    """Of a text, by its entry.

    Attributes:
        versions: the tables' with which that was decided; none if nothing changes it.
        is_bypass: what is special about a connection would be its reason.
        counted: to be called when it is said.
    """

    remote: Remote
    versions: tuple[tuple[TableState, int], ...]
    is_bypass: bool
    counted: Callable[[], object]


class AtOnce:
    """Safe for use by many threads.

    Attributes:
        texts: what was said of each, which may hold no more; dropped as a whole when full.
    """

    def __init__(self, front: Front, counters: Counters) -> None:
        self.texts: dict[Key, Said] = {}
        self._front = front
        self._counters = counters
        self._is_closed = False

    def answer(self, caller: Caller, key: Key) -> Remote | None:
        """What was said of a text, counted; None if it wasn't, or may not hold for this caller now."""
        said = self.texts.get(key)
        if said is None:
            return None
        remote, versions, is_bypass, counted = said
        for state, version in versions:
            if state.version != version or state.schema is None:
                self.texts.pop(key, None)
                return None
        if heard.debug or caller.directive is not USUAL or (is_bypass and caller.bypass_reason is not None):
            return None
        counted()
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
        if is_lasting and not self._is_closed:
            if len(self.texts) >= self._front.capacity:
                self.texts = {}
            status = remote.status
            if isinstance(entry, Bypassed):
                versions = tuple(zip(entry.states, entry.versions, strict=True))
                counted = self._counters.counts(status.outcome, status.reason)
                self.texts[key] = Said(remote, versions, True, counted)  # noqa: FBT003
            else:
                self.texts[key] = Said(remote, (), False, self._counters.counts(status.outcome))  # noqa: FBT003
        return remote

    def close(self) -> None:
        """Say nothing any more."""
        self._is_closed = True
        self.texts = {}
