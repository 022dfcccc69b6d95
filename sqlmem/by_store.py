"""Answers of the store over generations that are there, or are brought first."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from math import inf
from typing import Any

from sqlmem.answers import Caller, Local
from sqlmem.clock import Clock
from sqlmem.codecs import Unrepresentable
from sqlmem.costs import obstacle as too_many_steps
from sqlmem.counters import Counters
from sqlmem.entries import Planned
from sqlmem.filling import Filling, GiveUp, Replan
from sqlmem.front import Front
from sqlmem.hits import Hits
from sqlmem.model import Outcome, Status
from sqlmem.present import obstacle
from sqlmem.registry import TableState
from sqlmem.store import Generation, Store
from sqlmem.together import Together, Wanted
from sqlmem.trials import Lap, Trials


class ByStore:
    """Safe for use by many threads."""

    def __init__(
        self,
        *,
        front: Front,
        store: Store,
        filling: Filling,
        counters: Counters,
        clock: Clock,
        stale_seconds: float,
        hits: Hits,
        together: Together | None,
        trials: Trials | None,
    ) -> None:
        """Take the parts.

        Args:
            together: what brings a statement's tables as of one moment; None: each is as of its own.
            trials: what finds out what the origin is faster at; None: nothing does.
        """
        self._front = front
        self._store = store
        self._filling = filling
        self._counters = counters
        self._clock = clock
        self._stale_seconds = stale_seconds
        self._hits = hits
        self._together = together
        self._trials = trials

    def miss(
        self, caller: Caller, planned: Planned, arguments: Sequence[Any], *, has_filled: bool, newest: float
    ) -> Local:
        """The store's answer, once each of the plan's tables is there.

        Args:
            has_filled: a table was filled for this statement already: whatever is there now, it was no hit.
            newest: monotonic seconds; what was read before won't do.

        Raises:
            GiveUp: the origin has to answer, and why.
            Replan: a table's definition is another one now.
            Retired: one of the generations went away.
            The driver's own exceptions, from a fill or the catalogue.
        """
        generations: list[Generation] = []
        try:
            outcome, is_stale = self._bring(caller, planned, generations, newest)
            return self.answer(
                planned,
                arguments,
                tuple(generations),
                Outcome.MISS if has_filled else outcome,
                is_stale=is_stale,
            )
        finally:
            for generation in generations:
                if generation.is_private:
                    self._store.retire(generation)

    def answer(
        self,
        planned: Planned,
        arguments: Sequence[Any],
        generations: tuple[Generation, ...],
        outcome: Outcome,
        *,
        is_stale: bool,
    ) -> Local:
        """The store's answer over these generations.

        Raises:
            GiveUp: they have values that the plan isn't exact on, or the store can't compute it.
            Retired: one of them went away.
        """
        self.check_values(planned, generations, arguments)
        bound = self._front.bind(planned, generations)
        if self._trials is not None:
            is_quick = self._hits.is_short(planned.plan, self._store.lane(generations))
            planned.pace = None if is_quick else self._trials.paces.of(planned.plan, generations)
        began = self._clock.monotonic()
        try:
            rows = self._store.query(generations, planned.plan.sql, arguments)
        except (sqlite3.Error, OverflowError) as error:
            # An overflow, mostly: an error at the origin too, or a wider type. It says which.
            raise GiveUp(f"the store couldn't compute it ({type(error).__name__})") from None
        now = self._clock.monotonic()
        age = max((now - generation.read_at for generation in generations), default=0.0)
        if outcome is Outcome.HIT:
            self._counters.hit(planned.tables)
        else:
            self._counters.other(outcome)
        lap = None
        if self._trials is not None and planned.pace is not None:
            lap = Lap(self._trials, planned, bound, arguments, began, len(rows))
        return Local(rows, bound, Status(outcome, age, planned.tables, is_stale=is_stale), None, lap)

    def check_values(
        self, planned: Planned, generations: Sequence[Generation], arguments: Sequence[Any] | None = None
    ) -> None:
        """Raise `GiveUp` if the plan isn't exact on what these generations hold, or isn't worth it.

        Args:
            arguments: the store's; None if they aren't known.
        """
        plan = planned.plan
        reason = obstacle(self._store, plan, generations)
        is_new = planned.bound is None or planned.bound.generations != tuple(generations)
        if reason is None and is_new:
            given = [None] * len(plan.arguments) if arguments is None else arguments
            try:
                reason = too_many_steps(self._store, plan, generations, given)
            except (sqlite3.Error, OverflowError):
                reason = None  # what it is, running it will tell
        if reason is not None:
            raise GiveUp(reason)

    def needs_one_moment(self, planned: Planned) -> bool:
        """Whether the tables of a plan are to be as of one moment, and it has several."""
        return self._together is not None and len(planned.states) > 1

    def _bring(
        self, caller: Caller, planned: Planned, found: list[Generation], newest: float
    ) -> tuple[Outcome, bool]:
        """Add a generation for each table of the plan, filled where there is none.

        Returns:
            Whether any was filled, and whether any is older than its ttl.
        """
        if self._together is not None and self.needs_one_moment(planned):
            for state in planned.states:
                if not state.is_verified:
                    self._filling.verify(state)
            wanted = Wanted(planned.states, planned.versions, planned.plan.columns)

            def present(state: TableState, columns: Sequence[str], version: int) -> Generation | None:
                return self.present(state, columns, version, newest)

            def obstacle_to_fill() -> str | None:
                if caller.directive.way == "only":
                    return "its tables aren't there as of one moment, or lack columns, or are too old"
                return caller.past_reason

            brought, was_filled, is_old = self._together.bring(
                caller, wanted, present=present, stale=self.usable, obstacle=obstacle_to_fill
            )
            found.extend(brought)
            return (Outcome.MISS if was_filled else Outcome.HIT), is_old
        outcome = Outcome.HIT
        is_stale = False
        for state, version, columns in zip(
            planned.states, planned.versions, planned.plan.columns, strict=True
        ):
            if not state.is_verified:
                self._filling.verify(state)
            generation = self.present(state, columns, version, newest)
            if generation is None:
                if caller.directive.way == "only":
                    raise GiveUp(f"{state.name} isn't there, or lacks columns, or is too old")
                reason = caller.past_reason
                if reason is not None:
                    raise GiveUp(reason)
                outcome = Outcome.MISS
                generation, was_stale = self._filling.bring(
                    caller, state, columns, version=version, stale=self.usable, newest=newest
                )
                is_stale = is_stale or was_stale
            found.append(generation)
        return outcome, is_stale

    def present(
        self, state: TableState, columns: Sequence[str], version: int, newest: float = -inf
    ) -> Generation | None:
        """The table's generation, if it has these columns and is fresh, and not older than `newest`."""
        generation = state.generation
        if (
            generation is None
            or generation.read_at < newest
            or any(column not in generation.columns for column in columns)
        ):
            return None
        if state.version != version:
            raise Replan
        if (
            state.expires_after is not None
            and self._clock.monotonic() - generation.read_at > state.expires_after
        ):
            return None
        return generation

    def usable(self, state: TableState, columns: Sequence[str], version: int) -> Generation | None:
        """An expired generation that may be served because the refill failed (stale_if_error)."""
        generation = state.generation
        if generation is None or state.version != version or state.expires_after is None:
            return None
        if any(column not in generation.columns for column in columns):
            return None
        age = self._clock.monotonic() - generation.read_at
        return generation if age <= state.expires_after + self._stale_seconds else None


def arguments_or_give_up(planned: Planned, parameters: Any) -> Sequence[Any]:
    # Before the fill: a statement that the origin will answer anyway costs it no fetch.
    try:
        return planned.arguments(parameters)
    except Unrepresentable as error:
        raise GiveUp(str(error)) from None
    except (LookupError, TypeError):
        raise GiveUp("parameters that don't fit the statement") from None
