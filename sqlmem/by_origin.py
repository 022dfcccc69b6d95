"""Statements that the origin answers, or has answered before."""

from __future__ import annotations

from sqlmem.answers import Caller, Local, Remote
from sqlmem.clock import Clock
from sqlmem.counters import Counters
from sqlmem.effects import Effect
from sqlmem.entries import Bypassed, Planned
from sqlmem.errors import NotCachedError
from sqlmem.front import Front
from sqlmem.keeping import Asked, Keeper, Keeping
from sqlmem.model import Outcome, Status
from sqlmem.registry import TableState
from sqlmem.results import Kept


class ByOrigin:
    """Counts what it says, and sends nothing. Safe for use by many threads.

    Args:
        keeper: what keeps the origin's answers; None: nothing does.
    """

    def __init__(self, *, front: Front, counters: Counters, clock: Clock, keeper: Keeper | None) -> None:
        self._front = front
        self._counters = counters
        self._clock = clock
        self._keeper = keeper

    def kept_or_bypass(
        self,
        caller: Caller,
        asked: Asked,
        reason: str,
        tables: tuple[str, ...],
        states: tuple[TableState, ...] | None,
        effect: Effect | None = None,
        reads: tuple[TableState, ...] | None = None,
    ) -> Local | Remote:
        """What the origin has answered before, or the origin, whose answer may be kept.

        Args:
            states: the tables on which the answer depends; None if that isn't known.
        """
        found: Kept | Keeping | None = None
        if (
            self._keeper is not None
            and states is not None
            and caller.directive.invalidates is None
            and (effect is None or effect.is_read)
            and caller.own_reason(states) is None
        ):
            found = self._keeper.find(caller, asked, states)
        if isinstance(found, Kept):
            age = max(0.0, self._clock.monotonic() - found.read_at)
            self._counters.other(Outcome.RESULT_HIT)
            # The list is the caller's own; of values that could be changed the decoder makes new ones.
            status = Status(Outcome.RESULT_HIT, age, tables, reason)
            return Local(list(found.rows), found.bound, status, found)
        try:
            return self.bypass(caller, asked.statement, reason, tables, effect, reads, found)
        except BaseException:
            if found is not None:
                found.__exit__(BaseException, None, None)
            raise

    def unplanned(self, caller: Caller, statement: str, reason: str, *, has_parameters: bool) -> Remote:
        """The origin, for a statement that is judged by its words only, and not planned.

        Raises:
            NotCachedError: the caller wants what is cached only. So do `bypass` and `passes`.
        """
        effect = self._front.effect(statement, has_parameters=has_parameters)
        if not effect.is_read:
            return self.passes(caller, statement, effect)
        known = self._front.known(statement, has_parameters=has_parameters)
        tables = known.tables if isinstance(known, Planned | Bypassed) else ()
        return self.bypass(caller, statement, reason, tables, effect)

    def bypass(
        self,
        caller: Caller,
        statement: str,
        reason: str,
        tables: tuple[str, ...],
        effect: Effect | None = None,
        reads: tuple[TableState, ...] | None = None,
        keeping: Keeping | None = None,
    ) -> Remote:
        """The origin, for a statement that reads."""
        if caller.directive.way == "only":
            self._counters.other(Outcome.REJECTED)
            raise NotCachedError(statement, reason)
        self._counters.other(Outcome.BYPASS, reason)
        return Remote(Status(Outcome.BYPASS, 0.0, tables, reason), effect, reads, keeping)

    def passes(self, caller: Caller, statement: str, effect: Effect) -> Remote:
        """The origin, for a statement that does more than read."""
        if caller.directive.way == "only":
            self._counters.other(Outcome.REJECTED)
            raise NotCachedError(statement, effect.reason)
        self._counters.other(Outcome.PASSED)
        return Remote(Status(Outcome.PASSED, reason=effect.reason), effect)

    def kept(self, asked: Asked, states: tuple[TableState, ...]) -> Kept | None:
        """What the origin has answered before, if that would be the answer now."""
        return None if self._keeper is None else self._keeper.peek(asked, states)

    def resting(self, statement: str) -> str | None:
        """Why an answer of this text wouldn't be kept now, though answers of it can be; None if it would."""
        return None if self._keeper is None else self._keeper.resting(statement)
