"""How the last statement was answered, whichever way it came in."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from sqlmem.model import Status, Told, status_of

_last: ContextVar[Told | None] = ContextVar("sqlmem_last_status", default=None)
remember = _last.set
# The same where a status is there already: bound, so that a bypass makes no call of ours for it.
remember_status: Callable[[Status], object] = remember


def last_status() -> Status | None:
    """How the last statement of this thread or task was answered; None before the first.

    For every way in: Core, ORM, pandas, and `CachingEngine.execute` too. Context-local, so
    that neither threads nor tasks see each other's.
    """
    told = _last.get()
    return None if told is None else status_of(told)
