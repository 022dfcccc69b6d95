"""The short way: a text of `CachingEngine.execute` whose way through SQLAlchemy is known.

A hit costs the look-up of its text, SQLite's step and the making of its dicts. One that was asked before with
the same parameters costs no step either: its dicts are copied (`_Hot`), as long as the very generations are
there from which they were made. Whatever is unusual takes the long way, which knows every case.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlmem.entries import Bound, Planned
from sqlmem.exactness import UNCHANGING
from sqlmem.executor import Executor
from sqlmem.front import Front
from sqlmem.model import Status
from sqlmem.sampling import SamplingExecutor, Tap
from sqlmem.store import Generation

# Of one text: so many answers are kept, of so many rows; and so many parameters are known as met once.
_MOST_HOT = 64
_MOST_ROWS = 20
_MOST_MET = 256
# Parameters of these types are the same if they are equal. 0.0 and -0.0 aren't, nor one moment in two zones.
_PLAIN = frozenset({type(None), bool, int, str, bytes, dt.date, uuid.UUID})


class _Hot(NamedTuple):
    """An answer whose values nobody can change. `types`: of the parameters, of which 1 and True are equal."""

    types: tuple[type, ...]
    bound: Bound
    rows: tuple[dict[str, Any], ...]


class Given(NamedTuple):
    """Rows as new dicts."""

    rows: list[dict[str, Any]]
    status: Status
    generations: tuple[Generation, ...]


class Shortcut:
    """Safe for use by many threads: what changes is replaced or entered by one atomic operation.

    Args:
        names: of the parameters, in the order of the driver's places.
    """

    __slots__ = ("_front", "_hot", "_is_positional", "_met", "_names", "_planned", "_text")

    def __init__(self, front: Front, text: str, names: tuple[str, ...], *, is_positional: bool) -> None:
        self._front = front
        self._text = text
        self._names = names
        self._is_positional = is_positional
        self._planned: Planned | None = None
        self._hot: dict[tuple[Any, ...], _Hot] = {}
        self._met: dict[tuple[Any, ...], None] = {}

    def answer(self, executor: Executor, parameters: Mapping[str, Any] | None) -> Given | None:
        """The answer, if the store has it; None: take the long way.

        Raises:
            ValueError: a stored value is damaged.
        """
        try:
            values = tuple([parameters[name] for name in self._names]) if parameters is not None else ()
        except (LookupError, TypeError):
            return None
        try:
            hot = self._hot.get(values) if self._hot else None
        except TypeError:
            hot = None
        planned = self._planned
        if hot is not None:
            if planned is not None and hot.bound is planned.bound and hot.types == tuple(map(type, values)):
                status = executor.fresh(planned)
                if status is not None:
                    return Given([row.copy() for row in hot.rows], status, hot.bound.generations)
            self._hot = {}
        return self._asked(executor, values)

    def _asked(self, executor: Executor | Tap, values: tuple[Any, ...]) -> Given | None:
        given: Any = values if self._is_positional else dict(zip(self._names, values, strict=False))
        planned = self._planned
        if planned is None:
            entry = self._front.known(self._text, given, has_parameters=True)
            if not isinstance(entry, Planned):
                return None
            planned = entry
            if not entry.is_by_types:
                self._planned = entry
        local = executor.hit(planned, given)
        if local is None:
            self._planned = None  # perhaps it was made for another definition
            return None
        rows = local.bound.to_dicts(local.rows)
        if local.lap is not None:
            local.lap.end(self._text, given, has_parameters=True)
        if planned is self._planned and len(rows) <= _MOST_ROWS:
            self._note(values, local.bound, rows)
        return Given(rows, local.status, local.bound.generations)

    def _note(self, values: tuple[Any, ...], bound: Bound, rows: list[dict[str, Any]]) -> None:
        """Keep an answer that was asked for twice."""
        try:
            is_new = values not in self._met
        except TypeError:
            return  # a list among them
        if is_new:
            if len(self._met) >= _MOST_MET:
                self._met = {}
            self._met[values] = None
            return
        types = tuple(map(type, values))
        if not _PLAIN.issuperset(types):
            return
        if any(type(value) not in UNCHANGING for row in rows for value in row.values()):
            return
        hot = {} if len(self._hot) >= _MOST_HOT else self._hot.copy()
        hot[values] = _Hot(types, bound, tuple(map(dict, rows)))
        self._hot = hot


class SampledShortcut(Shortcut):
    """A shortcut of an engine whose hits are verified: each is asked of the store."""

    __slots__ = ()

    def answer(self, executor: Executor, parameters: Mapping[str, Any] | None) -> Given | None:
        assert isinstance(executor, SamplingExecutor)
        try:
            values = tuple([parameters[name] for name in self._names]) if parameters is not None else ()
        except (LookupError, TypeError):
            return None
        return self._asked(Tap(executor, self._text), values)
