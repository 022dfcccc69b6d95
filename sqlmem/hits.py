"""Answers of generations that are there: how a plan that was answered once is answered again."""

from __future__ import annotations

import sqlite3
from functools import partial
from math import inf
from typing import Any

from sqlmem.answers import Local
from sqlmem.clock import Clock
from sqlmem.codecs import Unrepresentable
from sqlmem.costs import is_short
from sqlmem.counters import Counters
from sqlmem.directives import USUAL
from sqlmem.entries import Answering, Bound, Planned
from sqlmem.hot import Over, Ready
from sqlmem.model import Outcome, Status
from sqlmem.paces import LEAST_SECONDS, MANY_ROWS
from sqlmem.plan import Plan
from sqlmem.store import Lane, Retired, Store
from sqlmem.trials import Lap, Trials

# So many arguments to a plan are known for which the origin is faster.
_MOST_OVER = 512


class Hits:
    """Leads to the hot path, which is in `hot`. Safe for use by many threads.

    Args:
        trials: what finds out what the origin is faster at; None: nothing does.
    """

    def __init__(self, *, store: Store, counters: Counters, clock: Clock, trials: Trials | None) -> None:
        self._store = store
        self._counters = counters
        self._clock = clock
        self._trials = trials

    def hit(self, planned: Planned, parameters: Any) -> Local | None:
        """The answer, if the store has it; None if anything stands against that.

        Raises:
            Over: it has so many rows that the origin is faster at it.
        """
        ready = self.ready(planned)
        if ready is None:
            return None
        if ready.measured is not None and self._trials is not None:
            return self._timed(self._trials, planned, ready, parameters)
        asked = ready.stored(parameters)
        if asked is None:
            return None
        rows, age = asked
        return Local(rows, ready.bound, Status(Outcome.HIT, age, planned.tables))

    def few(self, planned: Planned, parameters: Any) -> Local | None:
        """As `hit`; None also if it has too many rows."""
        try:
            return self.hit(planned, parameters)
        except Over:
            return None

    def _timed(self, trials: Trials, planned: Planned, ready: Answering, parameters: Any) -> Local | None:
        pace, lap = ready.measured, None
        assert pace is not None
        origins_from = trials.origins_from(planned, USUAL)
        if origins_from == 0:
            return None
        began = self._clock.monotonic()
        asked = (
            ready.stored(parameters)
            if origins_from == inf
            else below(planned, ready, parameters, int(origins_from))
        )
        if asked is None:
            return None
        rows, age = asked
        if len(rows) >= MANY_ROWS or self._clock.monotonic() - began >= LEAST_SECONDS:
            arguments = planned.arguments(parameters)
            lap = Lap(trials, planned, ready.bound, arguments, began, len(rows))
        else:
            pace.few.quick += 1
        return Local(rows, ready.bound, Status(Outcome.HIT, age, planned.tables), None, lap)

    def is_the_stores(self, planned: Planned) -> bool:
        """Whether the origin isn't known to be faster at it, however many rows it has."""
        return self._trials is None or self._trials.origins_from(planned, USUAL) == inf

    def ready(self, planned: Planned) -> Answering | None:
        """How a plan answers that has answered before; None if what it was tied to is gone."""
        ready, bound = planned.ready, planned.bound
        if bound is None or (ready is not None and ready.bound is bound):
            return ready
        try:
            lane = self._store.lane(bound.generations)
        except Retired:
            return None
        self.is_short(planned.plan, lane)
        count = self._counters.hits_on(planned.tables).count
        planned.ready = Ready(
            planned,
            bound,
            lane,
            count=count,
            monotonic=self._clock.monotonic,
            slow=partial(slow, self._trials, planned, bound),
            below=partial(self.few, planned),
        )
        return planned.ready

    def is_short(self, plan: Plan, lane: Lane) -> bool:
        """Whether a plan is over in no time; found out once for these generations."""
        known = lane.short.get(plan.sql)
        if known is None:
            try:
                known = is_short(self._store, plan, lane.generations, [None] * len(plan.arguments))
            except (Retired, sqlite3.Error):
                known = False
            lane.short[plan.sql] = known
        return known


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
