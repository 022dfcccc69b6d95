"""Which columns of which tables the program needs, at which epoch, and who may publish next.

Rule 1: every change of residency happens here and in `losses`, under one lock.
Rule 2: nothing done under the lock does I/O or calls out.
Rule 3: an epoch only ever grows, and is kept for as long as the registry lives.

A lease carries its table's epoch from before the origin was read. `publish` compares it
under the lock; an invalidation in between wins. A statement joins a fill only if the fill
began in the table's present epoch: one that arrives after an invalidation never gets the
rows of a fetch that began before it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf

from sqlmem.clock import Clock
from sqlmem.codecs import OPAQUE
from sqlmem.dependencies import (
    ALL,
    Reading,
    bare,
    enter,
    leave,
    names_under,
)
from sqlmem.learning import admits, keep_bound, know, learn
from sqlmem.losses import Losses
from sqlmem.model import Column, TableName, TableSchema
from sqlmem.store import Generation
from sqlmem.table_state import Flight, Lease, TableState
from sqlmem.windows import BeingCommitted, Window


class Registry(Losses):
    """All tables of one origin. Safe for use by many threads."""

    def __init__(
        self, clock: Clock, ttl_for: Callable[[TableName], float | None], *, scope: str | None = None
    ) -> None:
        """Know nothing yet.

        Args:
            scope: the database that the tables are in, as other processes call it too; None if nobody
                else can know it.
        """
        super().__init__(clock, scope)
        # Called with the generations that `adopt` dropped.
        self.on_adopted: Callable[[Sequence[Generation]], None] | None = None
        self._ttl_for = ttl_for
        self._versions = itertools.count(1)
        enter(self)

    # -- tables ----------------------------------------------------------------------------

    def resolve(self, spelling: tuple[str | None, str]) -> TableState | None:
        """The table that statements mean by this spelling, if it is known and its schema is."""
        state = self._spellings.get(spelling)
        return state if state is not None and state.schema is not None else None

    def define(
        self,
        spelling: tuple[str | None, str] | None,
        schema: TableSchema,
        *,
        invalidations: int | None = None,
    ) -> TableState | None:
        """Enter a reflected definition.

        Args:
            invalidations: `self.invalidations` from before the reflection; None skips the check.

        Returns:
            None if something was invalidated meanwhile: the definition may be old, reflect again.
        """
        with self._lock:
            if invalidations is not None and invalidations != self.invalidations:
                return None
            state = self._tables.get(schema.name)
            if state is None:
                state = TableState(schema.name)
                self._tables[schema.name] = state
                self._found = {}
            if spelling is not None:
                self._spellings[spelling] = state
            if state.schema is None:
                self._found = {}
                if state.reflected != schema or state.has_learned or state.spellings - {spelling}:
                    # Otherwise the plans that were made with this version still hold. By another spelling a
                    # table of another schema may be meant by now.
                    state.spellings = set()
                    state.version = next(self._versions)
                    state.expressions = {column.name: column for column in schema.expressions}
                state.reflected = schema
                state.schema = replace(schema, expressions=tuple(state.expressions.values()))
                state.has_learned = False
                state.expires_after = self._ttl_of(schema)
                known = state.schema.by_name
                for column in list(state.needed):
                    if column not in known or known[column].refusal:
                        del state.needed[column]
            if spelling is not None:
                state.spellings.add(spelling)
            return state

    def admits(self, state: TableState, name: str, *, has_constants: bool) -> bool:
        """Whether an expression may become one more column that the origin computes; see `learning`."""
        with self._lock:
            return admits(state, name, has_constants=has_constants)

    def know(self, state: TableState, column: Column, *, version: int) -> bool:
        """Enter what the origin said of an expression. Plans that were made before still hold.

        Returns:
            False if the table's definition has changed since `version`: nothing was entered.
        """
        with self._lock:
            if state.schema is None or state.version != version:
                return False
            know(state, column)
            return True

    def _ttl_of(self, schema: TableSchema) -> float | None:
        """A view's rows are those of the tables it reads: the shortest of their ttls is its own."""
        limits = [self._ttl_for(name) for name in (schema.name, *(schema.depends_on or ()))]
        return min((limit for limit in limits if limit is not None), default=None)

    def learn(self, lease: Lease, column: str, *, refusal: str | None) -> None:
        """A fill found values that the column's codec has no place for.

        From now on the column is only projected (refusal None), or not cached at all.
        """
        with self._lock:
            # What a fill from before an invalidation found may be true no more.
            if lease.table.epoch == lease.epoch:
                self._learn(lease.table, column, refusal)

    def _learn(self, state: TableState, column: str, refusal: str | None) -> None:
        if learn(state, column, refusal):
            state.version = next(self._versions)

    def states(self) -> list[TableState]:
        with self._lock:
            return list(self._tables.values())

    def spellings(self, state: TableState) -> list[tuple[str | None, str]]:
        """How statements have written this table."""
        with self._lock:
            return [spelling for spelling, known in self._spellings.items() if known is state]

    # -- fills -----------------------------------------------------------------------------

    def lease(
        self,
        state: TableState,
        columns: Sequence[str],
        *,
        version: int,
        newest: float = -inf,
        own: Flight | None = None,
    ) -> Lease | Flight | Generation | None:
        """Begin a fill that brings these columns and all registered ones, or join one.

        Args:
            newest: what was read before this monotonic second won't do.
            own: a fresh flight, for others to join if the caller fills; with it he can `let_go` though he was
                interrupted before he had the lease.

        Returns:
            A lease: the caller must fill, then `publish` or `fail`. A flight: wait for it, then
            look again. A generation: another fill has brought them since the caller looked.
            None: the definition changed since `version`; plan again.

        Raises:
            BeingCommitted: a commit is under way that changes the table.
        """
        with self._lock:
            if state.schema is None or state.version != version:
                return None
            if self._windows:
                self._windows.check(state, self._clock.monotonic())
            for column in columns:
                state.needed.setdefault(column)
            keep_bound(state, columns, self._clock.monotonic())
            # Between the look that found nothing and this one a whole fill may have passed.
            present = state.generation
            if (
                present is not None
                and present.read_at >= newest
                and state.covers(columns)
                and self._is_fresh(state, present)
            ):
                return present
            flight = state.flight
            if flight is not None and flight.epoch == state.epoch and not flight.is_done:
                return flight
            wanted = tuple(state.needed)
            own = Flight() if own is None else own
            own.epoch, own.columns = state.epoch, frozenset(wanted)
            state.flight = own
            names = names_under([state])
            tokens = {name: self._token(name) for name in names}
            return Lease(state, state.epoch, state.schema, wanted, own, tokens)

    def _is_fresh(self, state: TableState, generation: Generation) -> bool:
        if not state.is_verified:
            return False
        limit = state.expires_after
        return limit is None or self._clock.monotonic() - generation.read_at <= limit

    def publish(self, lease: Lease, generation: Generation) -> tuple[bool, Generation | None]:
        """Make a filled generation visible to readers.

        Returns:
            Whether it is now the table's, and the generation to retire: the one it replaces,
            or, if the table was invalidated since the lease was taken, none. The caller of the
            fill may still answer with what it has, since its statement began before.
        """
        state = lease.table
        # Compare and publish under one lock: an invalidation between the two would be lost,
        # and old rows would pass for current.
        with self._lock:
            state.fills += 1
            generation.reading = Reading(self, lease.tokens)
            lease.flight.generation = generation
            if state.flight is lease.flight:
                state.flight = None
            if state.epoch != lease.epoch:
                return False, None
            replaced, state.generation = state.generation, generation
            state.is_verified = True
            state.last_used = self._clock.monotonic()
            state.fill_seconds = state.last_used - generation.read_at
            self.changes += 1
            return True, replaced

    def fail(self, lease: Lease, failure: Exception | None) -> None:
        """Give a lease back without a generation. What was published before stays."""
        with self._lock:
            lease.flight.failure = failure
            if lease.table.flight is lease.flight:
                lease.table.flight = None

    def let_go(self, state: TableState, own: Flight) -> None:
        """Whoever may have begun a fill by this flight has gone: nobody joins it, and who has looks again."""
        with self._lock:
            if state.flight is own:
                state.flight = None
        own.finish()

    def refuse(self, lease: Lease, reason: str, *, seconds: float) -> None:
        """Try no fill of this table for some time, or until it is invalidated."""
        state = lease.table
        with self._lock:
            if state.epoch != lease.epoch:
                return
            state.refusal = reason
            state.refused_until = self._clock.monotonic() + seconds

    def restore(
        self,
        state: TableState,
        generation: Generation,
        *,
        epoch: int | None = None,
        tokens: Mapping[str, str] | None = None,
    ) -> None:
        """Enter a generation that came from a snapshot, to be verified before its first use.

        Args:
            tokens: those that it was read under.
        """
        with self._lock:
            if epoch is not None and state.epoch != epoch:
                return
            state.generation = generation
            state.is_verified = False
            # Without its own two, what is made of these rows couldn't be told to be old, and isn't kept.
            if tokens is not None and {bare(state.name), ALL} <= tokens.keys():
                generation.reading = Reading(self, tokens)
                for name, token in tokens.items():
                    self._tokens.setdefault(name, token)
            for name, column in generation.columns.items():
                state.needed.setdefault(name)
                if column.codec == OPAQUE:
                    # What the fill had learned of its values.
                    self._learn(state, name, None)

    def restore_result(
        self, names: Iterable[TableName], tokens: Mapping[str, str]
    ) -> list[TableState] | None:
        """Enter the tokens that an answer from a snapshot was read under; its tables.

        None if one of them isn't known, or something of it was invalidated since.
        """
        with self._lock:
            states = [self._tables.get(name) for name in names]
            found = [state for state in states if state is not None and state.schema is not None]
            if len(found) < len(states) or tokens.keys() != names_under(found):
                return None
            for name, token in tokens.items():
                if self._tokens.setdefault(name, token) != token:
                    return None
            return found

    def restore_definition(self, state: TableState) -> None:
        """It came from a snapshot, without rows: to be verified before what was made of it is used."""
        with self._lock:
            if state.generation is None:
                state.is_verified = False

    def rest(self, state: TableState, *, seconds: float) -> None:
        """Try no fill of this table for some time: it is written too often."""
        with self._lock:
            state.rest_until = self._clock.monotonic() + seconds

    # -- the end ---------------------------------------------------------------------------

    def close(self) -> list[Generation]:
        """Forget everything; nothing was invalidated by that. Returns the generations to retire."""
        leave(self)
        with self._lock:
            return self._invalidate(None, forgets_definitions=True)

    # -- eras ------------------------------------------------------------------------------

    def reading(self, states: Iterable[TableState]) -> dict[str, str] | None:
        """As `tokens`, for an answer that is to be kept: it must be asked for after this.

        None if it can't be kept: a commit is under way that changes one of the tables, or nobody
        knows whether one is; or a definition was forgotten.
        """
        with self._lock:
            states = list(states)
            if any(state.schema is None for state in states):
                return None
            if self._windows:
                try:
                    for state in states:
                        self._windows.check(state, self._clock.monotonic())
                except BeingCommitted:
                    return None
            return {name: self._token(name) for name in names_under(states)}

    def adopt(self, name: str, token: str) -> None:
        """Take part in an era that has begun elsewhere: what was read before is dropped."""
        with self._lock:
            if self._tokens.get(name) == token:
                return

            def is_meant(table: TableName) -> bool:
                return name == ALL or bare(table) == name

            generations = self._invalidate(is_meant, forgets_definitions=True)
            self._tokens[name] = token
        if self.on_adopted is not None:
            self.on_adopted(generations)

    def age(self, read_at: float) -> float:
        """Seconds since then, by the clock that generations are dated by."""
        return max(0.0, self._clock.monotonic() - read_at)

    def shortest_ttl(self, names: Iterable[str]) -> float | None:
        """Of the tables of these names, as far as they are known."""
        wanted = set(names)
        limits = [
            state.expires_after
            for state in list(self._tables.values())
            if state.expires_after is not None and bare(state.name) in wanted
        ]
        return min(limits, default=None)

    def verified(self, state: TableState, generation: Generation | None) -> None:
        """The origin's definition of a restored table is the one the snapshot was made with."""
        with self._lock:
            if state.generation is generation:
                state.is_verified = True

    def outdate(self, states: Iterable[TableState]) -> None:
        """Have every plan over these tables made anew; what is filled stays."""
        with self._lock:
            for state in states:
                state.version = next(self._versions)

    def outdate_all(self) -> None:
        """Have every plan made anew, and of what isn't defined now every expression asked for again."""
        with self._lock:
            for state in self._tables.values():
                state.version = next(self._versions)
                state.has_learned = state.has_learned or state.schema is None

    def evict(self, state: TableState, generation: Generation) -> bool:
        """Drop a generation for space; the registered columns stay."""
        with self._lock:
            if state.generation is not generation:
                return False
            state.generation = None
            self.changes += 1
            return True

    def reset_after_fork(self) -> None:
        """In the child: a thread that it doesn't have may hold the lock, or lead a fill.

        The generations stay: they are memory of the child's own.
        """
        super().reset_after_fork()
        self._windows.forget_open()  # other threads' commits; the child hasn't got these
        for state in self._tables.values():
            state.flight = None


__all__ = ["BeingCommitted", "Flight", "Lease", "Registry", "TableState", "Window"]
