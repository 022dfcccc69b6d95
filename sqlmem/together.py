"""Answers of one moment: the tables of a statement, and of its group, filled by one transaction.

Leases are taken in the order of the tables' names, one after the other, and whoever meets another's flight
waits for it: a fill that holds a table waits only for later ones, so that no two wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlmem.dependencies import listening
from sqlmem.filling import BEING_COMMITTED, Borrower, Filling, GiveUp, Replan
from sqlmem.logs import log
from sqlmem.moments import Groups, MomentRegistry, are_of_one_moment
from sqlmem.registry import BeingCommitted, Flight, Lease, TableState
from sqlmem.store import Generation

# Finds a table's generation that has the columns, fresh or, in need, stale; raises Replan.
Find = Callable[[TableState, Sequence[str], int], Generation | None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan reads: its tables, the versions of their definitions it was made with, their columns."""

    states: tuple[TableState, ...]
    versions: tuple[int, ...]
    columns: tuple[tuple[str, ...], ...]

    def find(self, find: Find) -> list[Generation | None]:
        return [
            find(state, columns, version)
            for state, version, columns in zip(self.states, self.versions, self.columns, strict=True)
        ]


class Together:
    """Safe for use by many threads."""

    def __init__(self, registry: MomentRegistry, filling: Filling) -> None:
        self.groups = Groups()
        self._registry = registry
        self._filling = filling

    def bring(
        self,
        borrower: Borrower,
        wanted: Wanted,
        *,
        present: Find,
        stale: Find,
        obstacle: Callable[[], str | None],
    ) -> tuple[tuple[Generation, ...], bool, bool]:
        """Generations of one moment for all tables of a plan.

        Args:
            obstacle: why nothing may be filled now; None if it may.

        Returns:
            They, whether they had to be filled, and whether they are older than their ttl.

        Raises:
            GiveUp, Replan, the driver's exceptions: as `Filling.bring`.
        """
        group = self.groups.together(state.name for state in wanted.states)
        has_filled = False
        while True:
            found = self._of_one_moment(wanted, present)
            if found is not None:
                return found, has_filled, False
            reason = obstacle()
            if reason is not None:
                raise GiveUp(reason)
            has_filled = True
            try:
                filled = self._fill(borrower, wanted, group)
            except (GiveUp, Replan):
                raise
            except Exception:
                old = self._of_one_moment(wanted, stale)
                if old is None:
                    raise
                log.warning(
                    "stale {}: the refill failed", ", ".join(str(state.name) for state in wanted.states)
                )
                return old, True, True
            if filled is not None:
                return filled, True, False

    def _of_one_moment(self, wanted: Wanted, find: Find) -> tuple[Generation, ...] | None:
        found = wanted.find(find)
        there = tuple(generation for generation in found if generation is not None)
        if len(there) == len(found) and are_of_one_moment(there):
            return there
        # One may have been looked at before a fill was published, and another after it.
        published = self._registry.present(wanted.states)
        there = tuple(generation for generation in published if generation is not None)
        if len(there) < len(found) or not are_of_one_moment(there) or wanted.find(find) != list(there):
            return None
        return there

    def _fill(
        self, borrower: Borrower, wanted: Wanted, group: frozenset[object]
    ) -> tuple[Generation, ...] | None:
        """Fill the group; None if another did meanwhile, or a table of the plan: look again."""
        read = zip(wanted.versions, wanted.columns, strict=True)
        own = dict(zip(wanted.states, read, strict=True))
        members = [state for state in self._registry.states() if state.name in group]
        leases: list[Lease] = []
        own_flights: list[tuple[TableState, Flight]] = []
        try:
            for state in sorted(members, key=lambda member: str(member.name)):
                version, columns = own.get(state, (state.version, ()))
                if not self._takes_part(state, is_wanted=state in own):
                    continue
                try:
                    lease = self._lease(state, columns, version, own_flights, may_wait=bool(leases))
                except BeingCommitted as being:
                    if state not in own:
                        continue
                    if leases:
                        raise GiveUp(BEING_COMMITTED) from None  # nothing is asked while others wait
                    self._filling.settle(borrower, being)
                    return None
                if lease is None:
                    if state in own:
                        return None
                    continue
                leases.append(lease)
                if not lease.columns:
                    # Its columns went meanwhile: there is nothing to fill.
                    self._filling.give_back(leases.pop())
            versions = [own[lease.table][0] if lease.table in own else None for lease in leases]
            generations = self._filling.lead_together(borrower, leases, versions)
        finally:
            # Where it wasn't filled, or whoever did was interrupted: nobody waits for who has gone.
            for state, flight in own_flights:
                if not flight.is_done:
                    self._registry.let_go(state, flight)
        by_state = dict(zip((lease.table for lease in leases), generations, strict=True))
        return tuple(by_state[state] for state in wanted.states)

    def _takes_part(self, state: TableState, *, is_wanted: bool) -> bool:
        reason = self._filling.refusal_of(state)
        if reason is not None and is_wanted:
            raise GiveUp(reason)
        return is_wanted or (reason is None and state.schema is not None and bool(state.needed))

    def _lease(
        self,
        state: TableState,
        columns: Sequence[str],
        version: int,
        own_flights: list[tuple[TableState, Flight]],
        *,
        may_wait: bool,
    ) -> Lease | None:
        """A lease; None if the others' fill is over that began first, or the definition has changed."""
        while True:
            if (listener := listening.get()) is not None:
                listener.before_fill(self._registry, [state])
            own = Flight()
            own_flights.append((state, own))
            match self._registry.lease_anew(state, columns, version=version, own=own):
                case Flight() as flight:
                    self._filling.wait(flight)
                    if not may_wait:
                        # Nothing is held yet: that fill may have brought all.
                        if flight.failure is not None:
                            raise flight.failure
                        return None
                case Lease() as lease:
                    return lease
                case None:
                    if columns:
                        raise Replan
                    return None
