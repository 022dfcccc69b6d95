"""The answer to a text that is met for the first time, by what is known and there.

Nothing is asked of the origin, nobody is waited for, and no connection of ours is needed. What isn't a plain
hit is none here: the whole way knows every case, and finds the plan made.
"""

from __future__ import annotations

from typing import Any

from sqlmem.answers import Local
from sqlmem.borrowing import NOBODY, Elsewhere
from sqlmem.codecs import Unrepresentable
from sqlmem.entries import Planned
from sqlmem.executor import Executor
from sqlmem.filling import GiveUp, Replan
from sqlmem.hot import Over
from sqlmem.logs import heard
from sqlmem.model import Outcome
from sqlmem.store import Generation, Retired

# What sends a statement the whole way: parameters without a place in the store, tables that change meanwhile.
_NO_HIT = (Elsewhere, GiveUp, Over, Replan, Retired, Unrepresentable, LookupError, TypeError)


def at_hand(executor: Executor, text: str, parameters: Any) -> Local | None:
    """The store's answer; None if anything stands against that, and then nothing has been counted.

    Args:
        text: as it reaches the driver, with parameters.
    """
    if executor.is_closed:
        return None
    began = executor.now() if heard.debug else 0.0
    try:
        planned = executor.front.entry(text, NOBODY, has_parameters=True, parameters=parameters)
        if not isinstance(planned, Planned) or not executor.hits.is_the_stores(planned):
            return None
        local = executor.hits.hit(planned, parameters) or _first(executor, planned, parameters)
    except _NO_HIT:
        return None
    if local is not None and heard.debug:
        executor.note(local.status, began)
    return local


def _first(executor: Executor, planned: Planned, parameters: Any) -> Local | None:
    if executor.by_store.needs_one_moment(planned):
        return None
    arguments = planned.arguments(parameters)
    generations: list[Generation] = []
    for state, version, columns in zip(planned.states, planned.versions, planned.plan.columns, strict=True):
        generation = executor.by_store.present(state, columns, version) if state.is_verified else None
        if generation is None:
            return None
        generations.append(generation)
    return executor.by_store.answer(planned, arguments, tuple(generations), Outcome.HIT, is_stale=False)
