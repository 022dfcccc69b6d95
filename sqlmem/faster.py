"""A statement that the origin is faster at: its answer, or the store's if the origin can't be asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from sqlmem.answers import Caller, Local, Remote
from sqlmem.codecs import Unrepresentable
from sqlmem.counters import Counters
from sqlmem.entries import Answering, Bound, Planned
from sqlmem.filling import GiveUp, Replan
from sqlmem.hot import Over
from sqlmem.keeping import Asked
from sqlmem.model import Outcome
from sqlmem.paces import REASON
from sqlmem.store import Generation, Retired
from sqlmem.table_state import TableState
from sqlmem.trials import Lap, Trials

# So many arguments to a plan are known for which the origin is faster.
_MOST_OVER = 512


class Answers(Protocol):
    """Who can ask both, see `executor`."""

    counters: Counters

    def kept_or_bypass(
        self,
        caller: Caller,
        asked: Asked,
        reason: str,
        tables: tuple[str, ...],
        states: tuple[TableState, ...] | None,
        *,
        reads: tuple[TableState, ...] | None,
    ) -> Local | Remote:
        """What the origin has answered before, or the origin."""

    def present(self, state: TableState, columns: Sequence[str], version: int) -> Generation | None:
        """The table's generation, if it has these columns and is fresh."""

    def answer(
        self,
        planned: Planned,
        arguments: Sequence[Any],
        generations: tuple[Generation, ...],
        outcome: Outcome,
        *,
        is_stale: bool,
    ) -> Local:
        """The store's answer over these generations."""


class Faster:
    """Safe for use by many threads."""

    def __init__(self, answers: Answers, trials: Trials) -> None:
        self._answers = answers
        self.trials = trials

    def answer(
        self,
        caller: Caller,
        asked: Asked,
        planned: Planned,
        arguments: Sequence[Any],
        *,
        may_keep: bool,
    ) -> Local | Remote:
        """The origin, for its speed; the store, if the origin can't be asked.

        Args:
            arguments: the store's.
            may_keep: the origin's answer is worth keeping.

        Raises:
            The driver's and the pool's exceptions, where the store has no answer either or the caller held
            a connection.
        """
        # What a connection holds is lost with it, and the program has to hear of that.
        may_fail = caller.holds_nothing
        keeps = planned.states if may_keep and planned.is_lasting else None
        try:
            answer = self._answers.kept_or_bypass(
                caller, asked, REASON, planned.tables, keeps, reads=planned.states
            )
        except Exception:
            # No connection could be had, whatever the pool or the driver says of it.
            local = self._instead(caller, planned, arguments) if may_fail else None
            if local is None:
                raise
            return local
        if isinstance(answer, Remote) and may_fail:
            return answer._replace(instead=partial(self._after_all, caller, planned, arguments))
        return answer

    def _after_all(self, caller: Caller, planned: Planned, arguments: Sequence[Any]) -> Local | None:
        local = self._instead(caller, planned, arguments)
        if local is not None:
            self._answers.counters.take_back(Outcome.BYPASS, REASON)
        return local

    def _instead(self, caller: Caller, planned: Planned, arguments: Sequence[Any]) -> Local | None:
        """The store's answer after the origin has failed; None if there is none as things are."""
        if planned.pace is not None:
            self.trials.paces.put_off(planned.pace, self.trials.clock.monotonic())
        generations: list[Generation] = []
        try:
            for state, version, columns in zip(
                planned.states, planned.versions, planned.plan.columns, strict=True
            ):
                generation = self._answers.present(state, columns, version)
                if generation is None or not state.is_verified:
                    return None
                generations.append(generation)
            local = self._answers.answer(planned, arguments, tuple(generations), Outcome.HIT, is_stale=False)
        except (GiveUp, Replan, Retired):
            return None
        caller.let_go()
        return local


def slow(
    trials: Trials | None,
    planned: Planned,
    bound: Bound,
    statement: str,
    parameters: Any,
    began: float,
    answered: int,
) -> None:
    """Note an answer of the store's that may have been slow, see `hot.Slow`."""
    if trials is not None:
        lap = Lap(trials, planned, bound, planned.arguments(parameters), began, answered)
        lap.end(statement, parameters, has_parameters=True)


def below(planned: Planned, ready: Answering, parameters: Any, most: int) -> tuple[list[Any], float] | None:
    """The stored rows, if they are fewer than `most`. Which arguments have more is remembered.

    Raises:
        Over: they aren't.
    """
    try:
        key = (most, *planned.arguments(parameters))
        is_known = key in ready.over
    except (Unrepresentable, LookupError, TypeError, OverflowError):
        return None
    if is_known:
        raise Over
    try:
        return ready.stored(parameters, most)
    except Over:
        if len(ready.over) >= _MOST_OVER:
            ready.over.clear()
        ready.over[key] = False
        raise


def asked_before(planned: Planned, arguments: Sequence[Any], most: float) -> bool:
    """Whether the origin was asked for this answer of many rows; from now on it was."""
    ready, key = planned.ready, (most, *arguments)
    if ready is None:
        return False
    was_asked = ready.over.get(key, False)
    ready.over[key] = True
    return was_asked
