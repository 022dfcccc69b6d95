"""Generations that were read in one transaction, and the groups of tables that are read so.

With `consistency="snapshot"` a statement over several tables is answered from generations of one moment.
Tables that one statement reads together belong to one group, as do groups that have a table in common: a
group is filled together, or two statements would fetch a table in turns.

Rule: generations of one fill appear to readers all together, under the registry's lock, or none does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from sqlmem.clock import Clock
from sqlmem.dependencies import Reading
from sqlmem.model import TableName
from sqlmem.registry import Flight, Lease, Registry, TableState
from sqlmem.store import Generation


class Groups:
    """Which tables are filled together. Safe for use by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # table -> its group, one object for all of them; guarded by _lock
        self._groups: dict[TableName, frozenset[TableName]] = {}

    def together(self, names: Iterable[TableName]) -> frozenset[TableName]:
        """The group of these tables, which from now on are one."""
        listed = frozenset(names)
        with self._lock:
            known = {self._groups.get(name, frozenset((name,))) for name in listed}
            group = frozenset().union(*known)
            if len(known) > 1:
                self._groups.update(dict.fromkeys(group, group))
            return group

    def reset_after_fork(self) -> None:
        self._lock = threading.Lock()


class MomentRegistry(Registry):
    """A registry that also gives leases for what is there, and publishes several generations at once."""

    def __init__(
        self, clock: Clock, ttl_for: Callable[[TableName], float | None], *, scope: str | None = None
    ) -> None:
        super().__init__(clock, ttl_for, scope=scope)
        self._calling = threading.local()

    def lease_anew(
        self, state: TableState, columns: Sequence[str], *, version: int, own: Flight | None = None
    ) -> Lease | Flight | None:
        """As `lease`, but for reading it again together with others, whatever is there."""
        self._calling.is_anew = True
        try:
            found = self.lease(state, columns, version=version, own=own)
        finally:
            self._calling.is_anew = False
        assert not isinstance(found, Generation)
        return found

    def _is_fresh(self, state: TableState, generation: Generation) -> bool:
        return not getattr(self._calling, "is_anew", False) and super()._is_fresh(state, generation)

    def present(self, states: Sequence[TableState]) -> tuple[Generation | None, ...]:
        """The tables' generations, as of one moment."""
        with self._lock:
            return tuple(state.generation for state in states)

    def publish_together(
        self, leases: Sequence[Lease], generations: Sequence[Generation]
    ) -> list[Generation] | None:
        """Make all of them visible to readers.

        Returns:
            The generations to retire; None if one of the tables was invalidated since its lease was
            taken: then none was published.
        """
        with self._lock:
            is_current = all(lease.table.epoch == lease.epoch for lease in leases)
            replaced = []
            for lease, generation in zip(leases, generations, strict=True):
                state = lease.table
                state.fills += 1
                if state.flight is lease.flight:
                    state.flight = None
                if not is_current:
                    continue
                lease.flight.generation = generation
                generation.reading = Reading(self, lease.tokens)
                if state.generation is not None:
                    replaced.append(state.generation)
                state.generation = generation
                state.is_verified = True
                state.last_used = self._clock.monotonic()
            self.changes += is_current
            return replaced if is_current else None

    def reset_after_fork(self) -> None:
        super().reset_after_fork()
        self._calling = threading.local()


def are_of_one_moment(generations: Iterable[Generation]) -> bool:
    return len({generation.moment for generation in generations}) <= 1
