"""A statement that the origin is faster at: its answer, or the store's if the origin can't be asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlmem.answers import Caller, Local, Remote
from sqlmem.by_origin import ByOrigin
from sqlmem.by_store import ByStore, arguments_or_give_up
from sqlmem.counters import Counters
from sqlmem.directives import USUAL
from sqlmem.entries import Planned
from sqlmem.filling import GiveUp, Replan
from sqlmem.keeping import Asked
from sqlmem.model import Outcome
from sqlmem.paces import REASON
from sqlmem.store import Generation, Retired
from sqlmem.trials import Trials


class Faster:
    """Safe for use by many threads."""

    def __init__(self, by_origin: ByOrigin, by_store: ByStore, counters: Counters, trials: Trials) -> None:
        self._by_origin = by_origin
        self._by_store = by_store
        self._counters = counters
        self.trials = trials

    def answer(
        self,
        caller: Caller,
        asked: Asked,
        planned: Planned,
        *,
        may_keep: bool,
    ) -> Local | Remote:
        """The origin, for its speed; the store, if the origin can't be asked.

        Args:
            may_keep: the origin's answer is worth keeping.

        Raises:
            The driver's and the pool's exceptions, where the store has no answer either or the caller held
            a connection.
        """
        # What a connection holds is lost with it, and the program has to hear of that.
        may_fail = caller.holds_nothing
        keeps = planned.states if may_keep and planned.is_lasting else None
        try:
            answer = self._by_origin.kept_or_bypass(
                caller, asked, REASON, planned.tables, keeps, reads=planned.states
            )
        except Exception:
            # No connection could be had, whatever the pool or the driver says of it.
            local = self._instead(caller, planned, asked.parameters) if may_fail else None
            if local is None:
                raise
            return local
        if isinstance(answer, Remote) and may_fail:
            return answer._replace(instead=partial(self._after_all, caller, planned, asked.parameters))
        return answer

    def saying(self, planned: Planned, remote: Remote) -> Callable[[Caller, Any], Remote | None]:
        """What says again, of a statement that is the origin's whatever its parameters, what was said of it.

        It gives None when the store is to be asked again.
        """
        status, effect, reads, *_ = remote
        usual = Remote(status, effect, reads)

        def said(caller: Caller, parameters: Any) -> Remote | None:
            if self.trials.origins_from(planned, USUAL) != 0:
                return None
            if not caller.holds_nothing:
                return usual
            instead = partial(self._after_all, caller, planned, parameters)
            return Remote(status, effect, reads, None, instead)

        return said

    def _after_all(self, caller: Caller, planned: Planned, parameters: Any) -> Local | None:
        local = self._instead(caller, planned, parameters)
        if local is not None:
            self._counters.take_back(Outcome.BYPASS, REASON)
        return local

    def _instead(self, caller: Caller, planned: Planned, parameters: Any) -> Local | None:
        """The store's answer after the origin has failed; None if there is none as things are."""
        if planned.pace is not None:
            self.trials.paces.put_off(planned.pace, self.trials.clock.monotonic())
        generations: list[Generation] = []
        try:
            arguments = arguments_or_give_up(planned, parameters)
            for state, version, columns in zip(
                planned.states, planned.versions, planned.plan.columns, strict=True
            ):
                generation = self._by_store.present(state, columns, version)
                if generation is None or not state.is_verified:
                    return None
                generations.append(generation)
            if self._by_store.needs_one_moment(planned) and len({each.moment for each in generations}) > 1:
                return None
            local = self._by_store.answer(planned, arguments, tuple(generations), Outcome.HIT, is_stale=False)
        except (GiveUp, Replan, Retired):
            return None
        caller.let_go()
        return local


def asked_before(planned: Planned, parameters: Any, most: float) -> bool:
    """Whether the origin was asked for this answer of many rows; from now on it was."""
    ready = planned.ready
    if ready is None:
        return False
    key = (most, *arguments_or_give_up(planned, parameters))
    was_asked = ready.over.get(key, False)
    ready.over[key] = True
    return was_asked
