"""What invalidations and commits drop: the rows of tables, and of what depends on them.

Rule 1: what is dropped is dropped under the lock, and its era has ended before, of which all have been told.
Rule 2: nothing done under the lock does I/O or calls out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import NamedTuple

from sqlmem.clock import Clock
from sqlmem.dependencies import ANY, announce, names_of, new_token, observers
from sqlmem.eras import Eras
from sqlmem.model import TableName
from sqlmem.store import Generation
from sqlmem.table_state import TableState, touched
from sqlmem.windows import Doubt, Window, Windows

# Of so many sets of tables that are written it is remembered which they are; dropped as a whole when full.
_MOST_FOUND = 256


class _Found(NamedTuple):
    """What an invalidation means: the tables, and the names whose eras end with it."""

    states: tuple[TableState, ...]
    begun: frozenset[str]


# The tables of those that were to be forgotten that were there, and their generations, to be retired.
Dropped = list[tuple[TableState, Generation]]


# The names whose eras end, and the token of those that begin. None: nobody is to be told of them before, so
# that they are found, and counted, when the rows are dropped, and get a token when somebody asks for it.
_Begun = tuple[AbstractSet[str] | None, str | None]
_UNTOLD: _Begun = (None, None)


class Losses(Eras):
    """What the registry is one of. Safe for use by many threads."""

    def __init__(self, clock: Clock, scope: str | None) -> None:
        """Know no table yet.

        Args:
            scope: as of `Eras`.
        """
        super().__init__(scope)
        self.clock = self._clock = clock
        self._tables: dict[TableName, TableState] = {}
        # The catalogue's name of each table as statements have written it.
        self._spellings: dict[tuple[str | None, str], TableState] = {}
        self.invalidations = 0  # of anything, ever
        self.changes = 0  # publications and losses, for the snapshot to see that something changed
        self._windows = Windows()  # commits under way, guarded by _lock
        # What invalidations that know their tables' names mean, for as long as no definition is entered or
        # forgotten: a program commits the same few tables again and again. Guarded by _lock.
        self._found: dict[Callable[[TableName], bool], _Found] = {}

    def invalidate(
        self, matches: Callable[[TableName], bool] | None
    ) -> tuple[Sequence[TableState], list[Generation]]:
        """Forget the rows of the tables that match (None: of all), and of what depends on them.

        When this has returned, no statement that begins later is answered with rows read
        before. Definitions are forgotten too; the registered columns stay.

        Returns:
            The tables, and the generations to retire.
        """
        begun = self._begun_now(matches)
        with self._lock:
            hit, dropped = self._lost(matches, begun, forgets_definitions=True)
            return hit, [generation for _, generation in dropped]

    def _lost(
        self, matches: Callable[[TableName], bool] | None, begun: _Begun, *, forgets_definitions: bool
    ) -> tuple[Sequence[TableState], Dropped]:
        """Under the lock: as `_invalidate`, with the eras that begin. Gives the tables, too."""
        names, token = begun
        tokens = self._tokens
        found = None if matches is None else self._found.get(matches) or self._known(matches)
        if found is not None and names is None:
            # Nearly each commit, twice. What follows comes to the same, in more calls.
            counts = self._begun
            for name in found.begun:
                counts[name] = counts.get(name, 0) + 1
                tokens[name] = token
            return found.states, self._drop(found.states, forgets_definitions=forgets_definitions)
        for name in self._count_all() if names is None else names:
            tokens[name] = token
        hit = touched(self._tables.values(), matches) if found is None else found.states
        # What was met since they were told too; its token nobody knows, and everybody will find so.
        for state in hit:
            tokens[state.bare] = token
        return hit, self._drop(hit, forgets_definitions=forgets_definitions)

    def _invalidate(
        self, matches: Callable[[TableName], bool] | None, *, forgets_definitions: bool
    ) -> list[Generation]:
        dropped = self._drop(self._touched(matches), forgets_definitions=forgets_definitions)
        return [generation for _, generation in dropped]

    def _drop(self, hit: Sequence[TableState], *, forgets_definitions: bool) -> Dropped:
        dropped: Dropped = []
        for state in hit:
            state.epoch += 1
            state.refused_until, state.refusal, state.is_verified = 0.0, None, True
            if state.generation is not None:
                dropped.append((state, state.generation))
                state.generation = None
            if forgets_definitions:
                state.schema = None
        if forgets_definitions:
            self.invalidations += 1
            self._found = {}
            self._spellings = {spelling: state for spelling, state in self._spellings.items() if state.schema}
        self.changes += 1
        return dropped

    def open_window(self, window: Window) -> Dropped:
        """Before a commit is sent: forget the rows of what it changes, and let nobody fill it.

        A fill that is under way won't be published, and nobody joins it any more. The window must be
        closed, whatever becomes of the commit.

        Returns:
            What was dropped, whose generations are to be retired.
        """
        begun = self._begun_now(window.matches) if observers else _UNTOLD
        with self._lock:
            self._windows.opened.add(window)
            return self._lost(window.matches, begun, forgets_definitions=window.defines)[1]

    def close_window(self, window: Window, doubtful_seconds: float = 0.0, process: int | None = None) -> None:
        """After the commit has returned or failed: who fills from now on reads what was committed.

        Args:
            doubtful_seconds: it may still go on; for so long its tables aren't filled, and longer until
                the doubt is settled.
            process: the origin's, which may be at it.
        """
        doubt = None
        if doubtful_seconds:
            doubt = Doubt(window, process, self._clock.monotonic() + doubtful_seconds)
        # What was read meanwhile, at the origin, was read in an era that ends here.
        begun = self._begun_now(window.matches) if observers else _UNTOLD
        with self._lock:
            self._windows.opened.discard(window)
            if doubt is not None:
                self._windows.doubt(doubt)
            # A definition that was read meanwhile may be the old one.
            self._lost(window.matches, begun, forgets_definitions=window.defines)

    def settle(self, doubt: Doubt) -> None:
        """It is over: what was read since the window was closed may be from before the commit."""
        window = doubt.window
        begun = self._begun_now(window.matches)
        with self._lock:
            if self._windows.settle(doubt):
                self._lost(window.matches, begun, forgets_definitions=window.defines)

    def renew(self, doubts: Sequence[Doubt], *, seconds: float) -> None:
        """It still goes on: nobody asks again for so long."""
        until = self._clock.monotonic() + seconds
        with self._lock:
            self._windows.renew(tuple(replace(doubt, until=until) for doubt in doubts))

    def _begun_now(self, matches: Callable[[TableName], bool] | None) -> _Begun:
        """What begins, of which all have been told who want to be."""
        if not observers:
            return _UNTOLD
        token = new_token(self.serial)
        begun = self._begin(matches)
        # Before anything is dropped: what is read under a token was read after all knew of it.
        announce(self.scope, dict.fromkeys(begun, token))
        return begun, token

    def _begin(self, matches: Callable[[TableName], bool] | None) -> AbstractSet[str]:
        """Count an invalidation for the names whose eras end with it, and return them."""
        with self._lock:
            found = self._known(matches)
            return self._count_all() if found is None else self._count(found.begun)

    def _touched(self, matches: Callable[[TableName], bool] | None) -> Sequence[TableState]:
        """Under the lock: the tables that match (None: all), and what depends on them."""
        found = self._known(matches)
        return touched(self._tables.values(), matches) if found is None else found.states

    def _known(self, matches: Callable[[TableName], bool] | None) -> _Found | None:
        """Under the lock: what an invalidation means; None if it doesn't say names, or means everything."""
        if matches is None:
            return None
        found = self._found.get(matches)
        if found is None and (names := names_of(matches)) is not None:
            states = tuple(touched(self._tables.values(), matches))
            found = _Found(states, frozenset({ANY, *names, *(state.bare for state in states)}))
            if len(self._found) >= _MOST_FOUND:
                self._found = {}
            self._found[matches] = found
        return found
