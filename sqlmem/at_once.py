"""What was said of a text, and is said again at once: the origin answers it, and nothing of that is kept.

A statement that passes, or bypasses for a reason of its own, has the same answer each time until a definition
changes: it needs neither its entry nor its tables looked at again. So it is for as long as its tables rest,
and for a connection whose transaction has written.

Rule: what is said is what the whole way would say now; where anything about the caller could make a
difference, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlmem.answers import Caller, Remote
from sqlmem.counters import Counters
from sqlmem.directives import USUAL
from sqlmem.entries import Bypassed, Passed, Planned
from sqlmem.filling import Filling
from sqlmem.front import Front
from sqlmem.keeping import Asked, Keeper
from sqlmem.logs import heard
from sqlmem.planning import LONGEST_KEPT
from sqlmem.table_state import TableState

# A text, and whether the driver is given parameters.
Key = tuple[str, bool]
# What is said to a caller with these parameters; None: nothing, the whole way tells.
Says = Callable[[Caller, Any], Remote | None]


class Said(NamedTuple):
    """Of a text, by its entry.

    Attributes:
        versions: the tables' with which that was decided; none if nothing changes it.
        is_bypass: what is special about a connection would be its reason.
        counted: to be called when it is said.
        says: asked last; None: `remote` is said.
    """

    remote: Remote
    versions: tuple[tuple[TableState, int], ...]
    is_bypass: bool
    counted: Callable[[], object]
    says: Says | None = None


class Special(NamedTuple):
    """Of a text, to a connection of which something is special.

    Attributes:
        reason: what that is.
        entry: of the text, for which tables it names; None if there was none.
    """

    reason: str
    remote: Remote
    entry: Bypassed | Planned | None
    versions: tuple[tuple[TableState, int], ...]
    counted: Callable[[], object]


class AtOnce:
    """Safe for use by many threads.

    Attributes:
        texts: what was said of each, which may hold no more; dropped as a whole when full. So are the others.
        resting: likewise, of those that the store or the result cache may answer again, or the next time.
        special: likewise, of any, to a connection of which something is special.
    """

    def __init__(self, front: Front, counters: Counters, filling: Filling, keeper: Keeper | None) -> None:
        self.texts: dict[Key, Said] = {}
        self.resting: dict[Key, Said] = {}
        self.special: dict[Key, Special] = {}
        self._front = front
        self._counters = counters
        self._filling = filling
        self._keeper = keeper
        self._is_closed = False

    def is_others(self, key: Key) -> bool:
        """Whether something is known by which a text is no plain hit."""
        return key in self.texts or key in self.resting

    def answer(self, caller: Caller, key: Key, parameters: Any) -> Remote | None:
        """What was said of a text, counted; None if it wasn't, or may not hold for this caller now."""
        said = self.texts.get(key) or self.resting.get(key)
        if said is None:
            special = self.special.get(key)
            return None if special is None else self._to_special(caller, key, special, caller.bypass_reason)
        remote, versions, is_bypass, counted, says = said
        for state, version in versions:
            if state.version != version or state.schema is None:
                self._forget(key)
                return None
        if heard.debug or caller.directive is not USUAL:
            return None
        if is_bypass and (reason := caller.bypass_reason) is not None:
            special = self.special.get(key)
            return None if special is None else self._to_special(caller, key, special, reason)
        if says is None:
            counted()
            return remote
        answer = says(caller, parameters)
        if answer is not None:
            counted()
        return answer

    def _to_special(self, caller: Caller, key: Key, special: Special, reason: str | None) -> Remote | None:
        if special.reason != reason or heard.debug or caller.directive is not USUAL:
            return None
        is_same = self._front.remembered(key) is special.entry
        for state, version in special.versions:
            is_same = is_same and state.version == version and state.schema is not None
        if not is_same:
            self.special.pop(key, None)
            return None
        special.counted()
        return special.remote

    def _forget(self, key: Key) -> None:
        self.texts.pop(key, None)
        self.resting.pop(key, None)

    def remember(self, key: Key, entry: Bypassed | Passed, remote: Remote) -> Remote:
        """Say this of the text from now on, if its entry is one that stays; it is given back.

        Args:
            remote: what is said of any caller of whom nothing is special.
        """
        # What a text does is found by its words, and the same for as long as that is remembered.
        is_lasting = (
            len(key[0]) <= LONGEST_KEPT
            if type(entry) is Passed
            else self._front.holds(key[0], entry, has_parameters=key[1])
        )
        if is_lasting and not self._is_closed:
            if len(self.texts) >= self._front.capacity:
                self.texts = {}
            status = remote.status
            if isinstance(entry, Bypassed):
                counted = self._counters.counts(status.outcome, status.reason)
                self.texts[key] = Said(remote, _versions(entry), True, counted)  # noqa: FBT003
            else:
                self.texts[key] = Said(remote, (), False, self._counters.counts(status.outcome))  # noqa: FBT003
        return remote

    def remember_resting(self, key: Key, planned: Planned, remote: Remote) -> None:
        """Say this of the text for as long as no fill of its tables is tried and its answers aren't kept.

        Args:
            remote: what was said for that reason.
        """
        filling, states, status = self._filling, planned.states, remote.status
        statement, has_parameters = key
        keeper = self._keeper if planned.is_lasting else None
        if (
            self._is_closed
            or not self._front.holds(statement, planned, has_parameters=has_parameters)
            or (keeper is not None and keeper.resting(statement) is None)
        ):
            return

        def says(caller: Caller, _: Any) -> Remote | None:
            if (
                caller.own_reason(states) is None
                and filling.why_not_there(states) == status.reason
                and (keeper is None or keeper.rests(statement))
            ):
                return remote
            self._forget(key)
            return None

        self._say(key, planned, remote, says)

    def remember_unkept(
        self, asked: Asked, entry: Bypassed | Planned, remote: Remote, faster: Says | None = None
    ) -> None:
        """Say this of a text whose answers nobody asks for again, to whoever asks what wasn't asked before.

        Args:
            faster: of a statement of the store's that is the origin's for its speed, as long as it is.
        """
        statement, key = asked.statement, (asked.statement, asked.has_parameters)
        planned = entry if isinstance(entry, Planned) else None
        keeper = self._keeper if planned is None or planned.is_lasting else None
        if (
            self._is_closed
            or remote.keeping is not None
            or not self._front.is_found(key, entry, asked.parameters)
            or (keeper is not None and not keeper.are_vain(statement))
        ):
            return
        front, filling = self._front, self._filling
        usual = remote._replace(instead=None)  # which is this caller's

        def says(caller: Caller, parameters: Any) -> Remote | None:
            said: Remote | None = usual
            if planned is not None:
                is_special = caller.own_reason(planned.states) or filling.why_not_there(planned.states)
                if is_special or (planned.is_by_types and not front.is_found(key, planned, parameters)):
                    return None
            if faster is not None and (said := faster(caller, parameters)) is None:
                self._forget(key)
            elif keeper is not None and not keeper.is_vain(statement, parameters):
                return None
            return said

        self._say(key, entry, usual, says)

    def _say(self, key: Key, entry: Bypassed | Planned, remote: Remote, says: Says) -> None:
        if len(self.resting) >= self._front.capacity:
            self.resting = {}
        counted = self._counters.counts(remote.status.outcome, remote.status.reason)
        self.resting[key] = Said(remote, _versions(entry), True, counted, says)  # noqa: FBT003

    def remember_special(self, key: Key, reason: str, remote: Remote) -> None:
        """Say this of the text to whoever is special for the same reason, until more is known of it.

        Args:
            remote: names the tables, as far as the text's entry does.
        """
        entry = self._front.remembered(key)
        if self._is_closed or len(key[0]) > LONGEST_KEPT:
            return
        if entry is not None and not isinstance(entry, Bypassed | Planned):
            return
        if len(self.special) >= self._front.capacity:
            self.special = {}
        versions = () if entry is None else _versions(entry)
        counted = self._counters.counts(remote.status.outcome, reason)
        self.special[key] = Special(reason, remote, entry, versions, counted)

    def close(self) -> None:
        """Say nothing any more."""
        self._is_closed = True
        self.texts = {}
        self.resting = {}
        self.special = {}


def _versions(entry: Bypassed | Planned) -> tuple[tuple[TableState, int], ...]:
    return tuple(zip(entry.states, entry.versions, strict=True))
