"""What the origin answers is kept, and given again: who asks, who waits, and whether an answer still holds.

    the tokens of its tables, before the question     registry
    an answer under just these, new enough            given
    somebody asks the same                            waited for, if the caller holds nothing at the origin
    nobody does                                       the caller asks, and keeps what comes

Rule 1: a question whose transaction may see an earlier moment, or what only it sees, is asked, and its
answer isn't kept.
Rule 2: who leads has its connection before others wait for it: they may hold all the rest of the pool.
Rule 3: nobody waits who holds a transaction at the origin: its locks may be what the question waits for.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from sqlmem.clock import Clock
from sqlmem.dependencies import Reading
from sqlmem.determinism import mentions_the_present
from sqlmem.directives import Directive
from sqlmem.filling import Filling
from sqlmem.model import TableName
from sqlmem.prospects import Prospects
from sqlmem.registry import Registry
from sqlmem.results import Asking, Kept, Key, Results, fit, key_of, weigh
from sqlmem.snapshot_form import DefinitionText, HeldResult, ResultText
from sqlmem.snapshot_results import HeldResults
from sqlmem.table_state import TableState
from sqlmem.waiting import wait

# How often a statement looks again because its tables changed while somebody else asked.
_ATTEMPTS = 5


class Asker(Protocol):
    """Who executes: a lazy connection.

    Attributes:
        keeping: the right to keep what it asks, from before others can wait for that. Who is interrupted on
            the way ends it, see `left`.
    """

    keeping: Keeping | None

    @property
    def directive(self) -> Directive: ...

    @property
    def is_idle(self) -> bool:
        """Whether it holds no transaction at the origin, and so no lock that anybody could wait for."""

    @property
    def reads_the_present(self) -> bool:
        """Whether a statement sent now would read what anybody else would read."""

    def make_ready(self) -> bool:
        """Check the origin connection out, if it isn't.

        Whether it reads as the others do: the pool may have given one whose session differs.
        """


class Asked(NamedTuple):
    """A statement as it reached the cursor. A tuple, as `answers.Local` is.

    Attributes:
        is_whole: all its rows will be fetched at once, as the driver gives them.
        newest: monotonic seconds; what was read before won't do.
    """

    statement: str
    parameters: Any
    has_parameters: bool
    is_whole: bool = True
    newest: float = -inf


class Keeping:
    """The right to keep one answer. Around the question, and ended whatever becomes of it."""

    def __init__(self, keeper: Keeper, asking: Asking, states: tuple[TableState, ...]) -> None:
        self._keeper = keeper
        self._asking = asking
        self._states = states
        self._kept: Kept | None = None
        self._is_outdated = False

    @property
    def largest(self) -> int:
        """Bytes; an answer that takes more isn't kept."""
        return self._keeper.results.largest

    def weigh(self, rows: Sequence[Sequence[Any]], so_far: int | None) -> int | None:
        """What the rows so far take, with these; None if it is too much."""
        if so_far is None:
            return weigh(rows, at_most=self.largest)
        return weigh(rows, at_most=self.largest, so_far=so_far)

    def keep(self, description: Sequence[Sequence[Any]], rows: Sequence[Sequence[Any]]) -> None:
        """All rows have come. An answer that can't be kept isn't."""
        asking = self._asking
        if self._keeper.registry.reading(self._states) != asking.tokens:
            # Invalidated since: it is the caller's, who began before, and nobody else's.
            self._is_outdated = True
            return
        fitting = fit(rows, at_most=self.largest)
        if fitting is None:
            return
        self._kept = Kept(
            asking.key,
            self._states,
            Reading(self._keeper.registry, asking.tokens),
            asking.began_at,
            tuple(column if type(column) is tuple else tuple(column)[:7] for column in description),
            fitting.rows,
            fitting.packed,
            fitting.bytes,
        )

    def end(self) -> None:
        """Whoever had it has gone: nothing is kept, and nobody waits. Nothing, if it was ended."""
        if not self._asking.is_done:
            self._keeper.finish(self._asking, None, is_unfit=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        has_answered = kind is None and not self._is_outdated
        self._keeper.finish(self._asking, self._kept if has_answered else None, is_unfit=has_answered)


def left(asker: Asker) -> None:
    """Whoever was on a statement's way has gone from it: nobody waits for his answer."""
    keeping, asker.keeping = asker.keeping, None
    if keeping is not None:
        keeping.end()


class Keeper:
    """Safe for use by many threads."""

    def __init__(
        self, *, results: Results, registry: Registry, filling: Filling, clock: Clock, is_async: bool
    ) -> None:
        self.results = results
        self.registry = registry
        self._filling = filling
        self._clock = clock
        self._is_async = is_async
        self._prospects = Prospects()

    def find(self, caller: Asker, asked: Asked, states: tuple[TableState, ...]) -> Kept | Keeping | None:
        """The answer that was kept, or the right to keep the one that comes; None for neither.

        Waits for somebody else who asks the same.

        Raises:
            What checking out a connection raises.
        """
        key = self._key(asked)
        if key is None:
            return None
        for state in states:
            if not state.is_verified:
                self._filling.verify(state)
        is_idle = caller.is_idle
        may_lead = asked.is_whole and caller.directive.way != "only" and caller.reads_the_present
        is_ready = False
        for _ in range(_ATTEMPTS):
            tokens = self.registry.reading(states)
            if tokens is None or self._prospects.are_lost(asked.statement, tokens):
                return None
            kept = self.results.get(key)
            if kept is not None and self._holds(kept, tokens) and kept.read_at >= asked.newest:
                self._prospects.given(asked.statement)
                return kept
            if caller.directive.way == "only":
                return None
            now = self._clock.monotonic()
            own = (
                self._own(caller, Asking(key=key, tokens=tokens, began_at=now), states) if is_ready else None
            )
            found = self.results.ask(key, tokens, now=now, newest=asked.newest, may_lead=is_ready, own=own)
            if found is None and may_lead and not is_ready:
                if not caller.make_ready():
                    return None
                is_ready = True
                continue
            if found is None:
                caller.keeping = None
                return None
            asking, is_leader = found
            if is_leader:
                return caller.keeping
            caller.keeping = None
            if not is_idle:
                return None
            wait(asking.on_finish, is_async=self._is_async)
            if asking.kept is None and self.registry.reading(states) == tokens:
                return None  # what isn't kept is asked by each for itself
        return None

    def _own(self, caller: Asker, asking: Asking, states: tuple[TableState, ...]) -> Asking:
        """A question of the caller's, which he can end from now on."""
        caller.keeping = Keeping(self, asking, states)
        return asking

    def _key(self, asked: Asked) -> Key | None:
        """None if the answer isn't there, and isn't to be kept."""
        prospects = self._prospects
        if prospects.rests(asked.statement) or not prospects.are_good(asked.statement, asked.parameters):
            return None
        key = key_of(asked.statement, asked.parameters, has_parameters=asked.has_parameters)
        return None if key is None or mentions_the_present(key.parameters) else key

    def finish(self, asking: Asking, kept: Kept | None, *, is_unfit: bool) -> None:
        """As `Results.finish`."""
        self.results.finish(asking, kept, is_unfit=is_unfit)
        if kept is not None:
            self._prospects.kept(asking.key.statement, asking.tokens)

    def rests(self, statement: str) -> bool:
        """Whether nothing is to be found or kept of this question, by its text; it is counted then."""
        return self._prospects.rests(statement)

    def are_vain(self, statement: str) -> bool:
        """Whether answers of this text are kept only if they are asked for again."""
        return self._prospects.are_vain(statement)

    def is_vain(self, statement: str, parameters: Any) -> bool:
        """Whether nothing is to be found or kept of this question; it is noted then."""
        return self._prospects.is_vain(statement, parameters)

    def resting(self, statement: str) -> str | None:
        """Why an answer of this text wouldn't be kept now, though answers of it can be; None if it would."""
        return self._prospects.resting(statement)

    def peek(self, asked: Asked, states: tuple[TableState, ...]) -> Kept | None:
        """The answer that would be given now."""
        key = key_of(asked.statement, asked.parameters, has_parameters=asked.has_parameters)
        tokens = None if key is None else self.registry.reading(states)
        if key is None or tokens is None:
            return None
        kept = self.results.peek(key)
        return kept if kept is not None and self._is_in_force(kept, tokens) else None

    def held(self) -> HeldResults:
        """For a snapshot: what would be given now, the last used first."""
        results = []
        definitions: dict[TableName, DefinitionText] = {}
        for kept in reversed(self.results.all()):
            tokens = self.registry.reading(kept.states)
            if tokens is None or not self._is_in_force(kept, tokens):
                continue
            key, tables = kept.key, tuple(state.name for state in kept.states)
            text = ResultText(
                *key, tables, tuple(sorted(tokens.items())), kept.description, tuple(sorted(kept.packed))
            )
            results.append(HeldResult(text, kept.read_at, kept.rows))
            for state in kept.states:
                if state.reflected is not None and state.name not in definitions:
                    spellings = tuple(self.registry.spellings(state))
                    definitions[state.name] = DefinitionText(state.reflected, spellings)
        return HeldResults(tuple(definitions.values()), tuple(results))

    def restore(self, held: HeldResults) -> None:
        """Enter what a snapshot brought, after its tables; to be verified before it is given."""
        for definition in held.definitions:
            schema = definition.schema
            states = [self.registry.define(each, schema) for each in definition.spellings or (None,)]
            if states[0] is not None:
                self.registry.restore_definition(states[0])
        # The last used last, as it was.
        for each in reversed(held.results):
            text, tokens = each.text, dict(each.text.tokens)
            found = self.registry.restore_result(text.tables, tokens)
            size = weigh(each.rows, at_most=self.results.largest)
            if found is None or size is None:
                continue
            key = Key(text.statement, text.has_parameters, text.parameters)
            reading = Reading(self.registry, tokens)
            self.results.put(
                Kept(
                    key,
                    tuple(found),
                    reading,
                    each.read_at,
                    text.description,
                    list(each.rows),
                    frozenset(text.packed),
                    size,
                )
            )

    def drop_lost(self) -> None:
        """Free what doesn't hold any more."""
        for kept in self.results.all():
            tokens = self.registry.reading(kept.states)
            if tokens is None or not self._is_in_force(kept, tokens):
                self.results.drop(kept)

    def _holds(self, kept: Kept, tokens: object) -> bool:
        if self._is_in_force(kept, tokens):
            return True
        self.results.drop(kept)
        return False

    def _is_in_force(self, kept: Kept, tokens: object) -> bool:
        if kept.reading.tokens != tokens:
            return False
        age = self._clock.monotonic() - kept.read_at
        for state in kept.states:
            if state.expires_after is not None and age > state.expires_after:
                return False
            generation = state.generation
            if generation is not None and generation.read_at > kept.read_at:
                # What the store answers is newer: nobody is to see an older moment after that.
                return False
        return True


__all__ = ["Asked", "Asker", "Keeper", "Keeping", "left"]
