"""Who fills, and who waits.

One fill per table at a time; whoever misses meanwhile waits for it, and looks again. A fill
that fails never leaves a waiter behind: the flight is finished in every case. What its failure
means is for `verdicts` to say.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Protocol

from sqlmem.clock import Clock
from sqlmem.dependencies import listening
from sqlmem.fill import ConnectionLost, Filled, Moment, TooLarge, fill
from sqlmem.logs import heard, log
from sqlmem.moments import MomentRegistry
from sqlmem.origin import FAMILIES_WITH_DIRTY_READS, Origin, SessionDiffers
from sqlmem.origin_connection import OriginConnection, driver_errors
from sqlmem.pacing import Pace
from sqlmem.registry import BeingCommitted, Flight, Lease, Registry, TableState
from sqlmem.residency import Residency
from sqlmem.store import Generation, Store, next_moment
from sqlmem.verdicts import LOCKED, Borrower, GiveUp, Replan, Verdicts
from sqlmem.waiting import rest_for, wait

# A commit whose answer never came may still be going on: for so long its tables are read at the origin only,
# and so they are after each time that the origin has said that it does.
DOUBTFUL_SECONDS = 30.0
WRITTEN_TOO_OFTEN = "it is written more often than caching it pays"
BEING_COMMITTED = "its rows are being committed"


class Verifier(Protocol):
    """Compares restored definitions with the origin's; see `verification`."""

    @property
    def is_pending(self) -> bool: ...

    def wait(self, *, is_async: bool) -> None: ...

    def ask(self, connection: OriginConnection) -> None: ...

    def reset_after_fork(self) -> None: ...


OnRows = Callable[[int], None]
Stale = Callable[[TableState, Sequence[str], int], Generation | None]


class Filling:
    """Safe for use by many threads."""

    def __init__(
        self,
        *,
        origin: Origin,
        store: Store,
        registry: Registry,
        residency: Residency,
        clock: Clock,
        hit_count: Callable[[], int],
        rest: Callable[[float], object] | None = None,
    ) -> None:
        """Do nothing yet.

        Args:
            hit_count: hits so far, to which fills give way.
            rest: how one does nothing for so many seconds; None for the usual way.
        """
        self._hit_count = hit_count
        self._rest = rest or functools.partial(rest_for, is_async=origin.is_async)
        self._origin = origin
        self._verdicts = Verdicts(origin, registry, residency)
        self._store = store
        self._registry = registry
        self._residency = residency
        self._clock = clock
        self.verifier: Verifier | None = None

    def verify(self, state: TableState) -> None:
        """Before a restored table is first used."""
        if self.verifier is not None:
            self.verifier.wait(is_async=self._origin.is_async)
        if not state.is_verified and state.schema is not None:
            # The origin can't be asked: what was saved stands until it can.
            self._registry.verified(state, state.generation)

    def drop_damaged(self, generations: Sequence[Generation]) -> None:
        """A stored value wasn't of its codec's form: only a forged snapshot can bring that about."""
        for generation in generations:
            for state in self._registry.states():
                if state.generation is generation and self._registry.evict(state, generation):
                    log.warning("dropped {}: a stored value is damaged; it is read anew", state.name)
                    self._store.retire(generation)

    def bring(
        self,
        borrower: Borrower,
        state: TableState,
        columns: Sequence[str],
        *,
        version: int,
        stale: Stale,
        on_rows: OnRows | None = None,
        newest: float = -inf,
    ) -> tuple[Generation, bool]:
        """A generation with these columns, read after this call began or by a fill joined in time.

        Args:
            newest: one that was read before this monotonic second won't do.

        Returns:
            It, and whether it is older than its ttl (stale_if_error).

        Raises:
            GiveUp: the origin should answer, with the reason.
            Replan: the table's definition changed.
            The driver's exceptions: the origin can't be reached.
        """
        try:
            found = self._bring(borrower, state, columns, version=version, on_rows=on_rows, newest=newest)
        except (GiveUp, Replan):
            raise
        except Exception:
            old = stale(state, columns, version)
            if old is None:
                raise
            log.warning("stale {}: the refill failed, data older than its ttl is served", state.name)
            return old, True
        return found, False

    def _bring(
        self,
        borrower: Borrower,
        state: TableState,
        columns: Sequence[str],
        *,
        version: int,
        on_rows: OnRows | None,
        newest: float,
    ) -> Generation:
        while True:
            self._check_refusal(state)
            if (listener := listening.get()) is not None:
                listener.before_fill(self._registry, [state])
            own = Flight()
            try:
                found = self._joined_or_filled(
                    borrower, state, columns, own, version=version, on_rows=on_rows, newest=newest
                )
            except BeingCommitted as being:
                self.settle(borrower, being)
            except BaseException:
                # Interrupted, perhaps: wherever that was, nobody waits for who has gone.
                self._registry.let_go(state, own)
                raise
            else:
                if found is not None:
                    return found

    def _joined_or_filled(
        self,
        borrower: Borrower,
        state: TableState,
        columns: Sequence[str],
        own: Flight,
        *,
        version: int,
        on_rows: OnRows | None,
        newest: float,
    ) -> Generation | None:
        """None if somebody else's fill is over, and hasn't brought what is wanted: look again."""
        match self._registry.lease(state, columns, version=version, newest=newest, own=own):
            case None:
                raise Replan
            case Generation() as present:
                return present
            case Flight() as flight:
                wait(flight.on_finish, is_async=self._origin.is_async)
                if flight.failure is not None:
                    raise flight.failure
                if (
                    flight.generation is None
                    or flight.generation.read_at < newest
                    or any(column not in flight.generation.columns for column in columns)
                ):
                    return None
                if state.version != version:
                    raise Replan
                return flight.generation
            case Lease() as lease:
                return self._lead(borrower, lease, version, on_rows)

    def settle(self, borrower: Borrower, being: BeingCommitted) -> None:
        """Ask the origin whether commits whose answer never came still go on; return if they don't.

        Raises:
            GiveUp: they do, or that can't be asked yet.
            The driver's exceptions: the origin can't be reached.
        """
        if not being.due:
            raise GiveUp(BEING_COMMITTED)
        processes = {doubt.process for doubt in being.due if doubt.process is not None}
        if processes:
            with borrower.borrowed() as connection:
                is_over = not any(connection.is_at_work(process) for process in processes)
            if not is_over:
                self._registry.renew(being.due, seconds=DOUBTFUL_SECONDS)
                raise GiveUp(BEING_COMMITTED)
        for doubt in being.due:
            self._registry.settle(doubt)

    def _check_refusal(self, state: TableState) -> None:
        reason = self.refusal_of(state)
        if reason is not None:
            raise GiveUp(reason)

    def why_not_there(self, states: Iterable[TableState]) -> str | None:
        """Why one of the tables isn't there and no fill of it is tried now; None if all are, or would be."""
        for state in states:
            if state.generation is None and (reason := self.refusal_of(state)) is not None:
                return reason
        return None

    def refusal_of(self, state: TableState) -> str | None:
        """Why no fill of this table is tried now; None if one would be."""
        now = self._clock.monotonic()
        if state.refusal is not None and now < state.refused_until:
            return state.refusal
        return WRITTEN_TOO_OFTEN if now < state.rest_until else None

    def wait(self, flight: Flight) -> None:
        wait(flight.on_finish, is_async=self._origin.is_async)

    def give_back(self, lease: Lease) -> None:
        """End a lease without a fill; those who wait look again."""
        self._registry.fail(lease, None)
        lease.flight.finish()

    def lead_together(
        self, borrower: Borrower, leases: Sequence[Lease], versions: Sequence[int | None]
    ) -> list[Generation]:
        """Fill all of them by one transaction that stands still, publish all, and wake those who wait.

        Args:
            versions: of the definitions that the caller's plan was made with; None for what it doesn't read.

        Returns:
            A generation per lease. If one of the tables was invalidated meanwhile, none was published, and
            they are private; those that the caller doesn't read are retired.

        Raises:
            As `bring`.
        """
        filled: list[Filled] = []
        is_published = False
        lease = leases[0]
        try:
            with contextlib.ExitStack() as stack:
                connection = self._standing_still(stack)
                moment = Moment(self._clock.monotonic(), next_moment())
                for lease in leases:
                    filled.append(self._fill(connection, lease, None, moment))
            is_published = self._publish_together(leases, filled)
            return self._handed_out(leases, versions, filled, is_published=is_published)
        except Exception as error:
            failure = self._verdicts.of(borrower, lease, error, is_over=len(filled) == len(leases))
            if failure is error:
                raise
            raise failure from None
        finally:
            if not is_published and len(filled) < len(leases):
                for done in filled:
                    self._store.retire(done.generation)
            for each in leases:
                self._residency.end(each)
                if each.flight.generation is None:
                    self._registry.fail(each, each.flight.failure)
                each.flight.finish()

    def _standing_still(self, stack: contextlib.ExitStack) -> OriginConnection:
        """A connection of its own: the caller's transaction may have seen an earlier moment."""
        if not self._origin.has_spare_connection():
            raise GiveUp("the pool has no spare connection for reading several tables as of one moment")
        try:
            try:
                connection = self._origin.connect_for_fill()
            except SessionDiffers as error:
                raise GiveUp(str(error)) from None
            stack.callback(connection.release)
            with driver_errors():
                connection.stand_still()
                connection.wait_briefly()
        except GiveUp:
            raise
        except Exception as error:  # noqa: BLE001 - as for a single fill
            raise ConnectionLost(error) from None
        if self.verifier is not None and self.verifier.is_pending:
            self.verifier.ask(connection)
        return connection

    def _publish_together(self, leases: Sequence[Lease], filled: Sequence[Filled]) -> bool:
        assert isinstance(self._registry, MomentRegistry)
        for lease, done in zip(leases, filled, strict=True):
            for column in done.opaque:
                self._registry.learn(lease, column, refusal=None)
        replaced = self._registry.publish_together(leases, [done.generation for done in filled])
        for old in replaced or ():
            self._store.retire(old)
        return replaced is not None

    def _handed_out(
        self,
        leases: Sequence[Lease],
        versions: Sequence[int | None],
        filled: Sequence[Filled],
        *,
        is_published: bool,
    ) -> list[Generation]:
        generations = [done.generation for done in filled]
        is_outdated = any(
            version is not None and (done.opaque or (is_published and lease.table.version != version))
            for lease, version, done in zip(leases, versions, filled, strict=True)
        )
        if not is_published:
            log.debug("discarded a fill of {} tables: one was invalidated meanwhile", len(leases))
            for version, generation in zip(versions, generations, strict=True):
                generation.is_private = True
                if version is None or is_outdated:
                    self._store.retire(generation)
        if is_outdated:
            raise Replan(has_filled=True)
        return generations

    def _lead(self, borrower: Borrower, lease: Lease, version: int, on_rows: OnRows | None) -> Generation:
        """Fill, publish, and wake those who wait, whatever happens."""
        is_over = False
        try:
            with contextlib.ExitStack() as stack:
                try:
                    connection = stack.enter_context(borrower.borrowed())
                except Exception as error:  # noqa: BLE001 - whatever a pool or a driver raises on connecting
                    # Before the first statement nothing can be an objection to this one.
                    raise ConnectionLost(error) from None
                if self.verifier is not None and self.verifier.is_pending:
                    self.verifier.ask(connection)
                filled = self._fill(connection, lease, on_rows)
            is_over = True
            return self._publish(lease, filled, version)
        except Exception as error:
            failure = self._verdicts.of(borrower, lease, error, is_over=is_over)
            if failure is error:
                raise
            raise failure from None
        finally:
            try:
                self._residency.end(lease)
            finally:
                if lease.flight.generation is None:
                    self._registry.fail(lease, lease.flight.failure)
                lease.flight.finish()

    def _fill(
        self,
        connection: OriginConnection,
        lease: Lease,
        on_rows: OnRows | None,
        moment: Moment | None = None,
    ) -> Filled:
        state = lease.table
        if self._origin.family in FAMILIES_WITH_DIRTY_READS:
            with driver_errors():
                level = connection.connection.get_isolation_level()
            if level == "READ UNCOMMITTED":
                # A rollback would leave its rows in the store, and nobody would invalidate them.
                raise GiveUp("the connection reads what isn't committed")
        began = self._clock.monotonic()
        if state.generation is None:
            estimate = connection.estimate(state.name, lease.columns)
            # Statistics may be old: only what is far too large isn't even tried.
            if estimate.bytes is not None and estimate.bytes > 2 * self._residency.max_bytes:
                raise TooLarge(estimate.bytes)
        try:
            with self._store.turns.beside_fill():
                filled = fill(
                    self._store,
                    self._clock,
                    connection,
                    lease.schema,
                    lease.columns,
                    has_room=lambda size: self._residency.make_room(lease, size),
                    on_rows=on_rows,
                    moment=moment,
                    pace=Pace(self._clock, busy=time.thread_time, hit_count=self._hit_count, rest=self._rest),
                )
        except ConnectionLost:
            raise
        except Exception:
            connection.recover()
            raise
        if heard.info:
            generation = filled.generation
            log.info(
                "filled {} ({}) {} rows {} bytes {:.1f}ms",
                state.name,
                ", ".join(lease.columns),
                generation.rows,
                generation.bytes,
                (self._clock.monotonic() - began) * 1000,
            )
        return filled

    def _publish(self, lease: Lease, filled: Filled, version: int) -> Generation:
        state, generation = lease.table, filled.generation
        # Before publishing: a plan made for the column's old codec must not meet the new one.
        for column in filled.opaque:
            self._registry.learn(lease, column, refusal=None)
        is_published, replaced = self._registry.publish(lease, generation)
        if replaced is not None:
            self._store.retire(replaced)
        if not is_published:
            # Invalidated since: this statement began before, so it may have these rows, once.
            log.debug("discarded a fill of {}: invalidated meanwhile", state.name)
            generation.is_private = True
        if filled.opaque or (is_published and state.version != version):
            if not is_published:
                self._store.retire(generation)
            raise Replan(has_filled=True)
        return generation


__all__ = [
    "BEING_COMMITTED",
    "DOUBTFUL_SECONDS",
    "LOCKED",
    "WRITTEN_TOO_OFTEN",
    "Borrower",
    "Filling",
    "GiveUp",
    "Replan",
]
