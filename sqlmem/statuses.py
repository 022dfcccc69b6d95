"""How the last statement was answered, whichever way it came in."""

from __future__ import annotations

from contextvars import ContextVar

from sqlmem.model import Outcome, Status

# Of a hit what makes its status, its age and tables: few are looked at.
_last: ContextVar[Status | tuple[float, tuple[str, ...]] | None] = ContextVar(
    "sqlmem_last_status", default=None
)
remember = _last.set


def remember_status(status: Status) -> None:
    _last.set(status)


def last_status() -> Status | None:
    """How the last statement of this thread or task was answered; None before the first.

    For every way in: Core, ORM, pandas, and `CachingEngine.execute` too. Context-local, so
    that neither threads nor tasks see each other's.
    """
    last = _last.get()
    if last is None or isinstance(last, Status):
        return last
    age, tables = last
    return Status(Outcome.HIT, age, tables)
