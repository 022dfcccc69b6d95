"""The short way: a text of `CachingEngine.execute` whose way through SQLAlchemy is known.

A hit costs the look-up of its text, SQLite's step and the making of its dicts. One that was asked before with
the same parameters costs no step either: its dicts are copied (`_Hot`), as long as the very generations are
there from which they were made. Whatever is unusual takes the long way, which knows every case.
"""

from __future__ import annotations

import datetime as dt
import operator
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from sqlmem.answers import Local
from sqlmem.at_hand import at_hand
from sqlmem.dependencies import listening
from sqlmem.entries import Answering, Planned
from sqlmem.exactness import UNCHANGING
from sqlmem.executor import Executor
from sqlmem.front import Front
from sqlmem.hot import Over
from sqlmem.model import Rows
from sqlmem.sampling import SamplingExecutor
from sqlmem.statuses import remember_status

# Of one text: so many answers are kept, of so many rows; and so many parameters are known as met once.
_MOST_HOT = 64
_MOST_ROWS = 20
_MOST_MET = 256
# Parameters of these types are the same if they are equal. 0.0 and -0.0 aren't, nor one moment in two zones.
_PLAIN = frozenset({type(None), bool, int, str, bytes, dt.date, uuid.UUID})


# The types of the parameters, of which 1 and True are equal, see `Shortcut._kinds`; what copies the answer,
# as long as it holds; and the answer, whose values nobody can change: its one row, or all of them.
_Hot = tuple[Any, Callable[[Any], Rows | None], dict[str, Any] | tuple[dict[str, Any], ...]]


class Shortcut:
    """Safe for use by many threads: what changes is replaced or entered by one atomic operation.

    Args:
        names: of the parameters, in the order of the driver's places.
    """

    __slots__ = (
        "_executor",
        "_front",
        "_hot",
        "_is_positional",
        "_is_single",
        "_key",
        "_kinds",
        "_met",
        "_ready",
        "_text",
    )

    def __init__(
        self, executor: Executor, front: Front, text: str, names: tuple[str, ...], *, is_positional: bool
    ) -> None:
        self._executor = executor
        self._front = front
        self._text = text
        self._is_positional = is_positional
        # From the parameters to what answers are kept under: the one value, or all as a tuple; and its types.
        self._is_single = len(names) == 1
        self._key: Callable[[Any], Any] = operator.itemgetter(*names) if names else _no_key
        self._kinds: Callable[[Any], Any] = type if self._is_single else _kinds_of
        self._ready: Answering | None = None
        self._hot: dict[Any, _Hot] = {}
        self._met: set[Any] = set()

    def answer(self, parameters: Mapping[str, Any] | None) -> Rows | None:
        """The answer, if the store has it; None: take the long way.

        Raises:
            ValueError: a stored value is damaged.
        """
        try:
            key = self._key(parameters)
            hot = self._hot.get(key)
        except (LookupError, TypeError):
            return None  # one is missing, or a list
        if hot is not None:
            kinds, again, known = hot
            if kinds == self._kinds(key) and (rows := again(known)) is not None:
                return rows
            self._hot = {}
        return self._anew(key, parameters)

    def _anew(self, key: Any, parameters: Mapping[str, Any] | None) -> Rows | None:
        given: Any = parameters or ()
        if self._is_positional:
            given = (key,) if self._is_single else key
        ready = self._ready
        if ready is None:
            ready = self._prepare(given)
            if ready is None:
                return None
        if ready.measured is None:
            rows = ready.dicts(given)
        elif ready.measured.decided is None:
            rows = ready.timed(ready.dicts, self._text, given)
        else:
            rows = self._measured(given)
        if rows is None:
            self._ready = None  # perhaps it was made for another definition
        elif key in self._met:
            self._keep(key, ready, rows)
        elif len(self._met) < _MOST_MET:
            self._met.add(key)
        else:
            self._met = {key}
        return rows

    def _prepare(self, given: Any) -> Answering | None:
        """How the plan answers, if there is one. It stays where it holds for all parameters."""
        entry = self._front.known(self._text, given, has_parameters=True)
        if not isinstance(entry, Planned):
            return None
        ready = self._executor.hits.ready(entry)
        if not entry.is_by_types:
            self._ready = ready
        return ready

    def _measured(self, given: Any) -> Rows | None:
        """The answer of a plan whose time counts, or that is looked at in another way."""
        executor = self._executor
        entry = self._front.known(self._text, given, has_parameters=True)
        try:
            local = executor.hits.hit(entry, given) if isinstance(entry, Planned) else None
        except Over:
            return None
        return None if local is None else self._given_out(local, given)

    def first(self, parameters: Mapping[str, Any] | None) -> Rows | None:
        """The answer to a text that is met for the first time; None: take the long way.

        Raises:
            ValueError: a stored value is damaged.
        """
        try:
            key = self._key(parameters)
        except (LookupError, TypeError):
            return None
        given: Any = parameters or ()
        if self._is_positional:
            given = (key,) if self._is_single else key
        local = at_hand(self._executor, self._text, given)
        return None if local is None else self._given_out(local, given)

    def _given_out(self, local: Local, given: Any) -> Rows:
        executor = self._executor
        rows = Rows(local.bound.to_dicts(local.rows))
        if local.lap is not None:
            local.lap.end(self._text, given, has_parameters=True)
        rows.status = local.status
        remember_status(local.status)
        if (listener := listening.get()) is not None:
            listener.served(local.bound.generations)
        if isinstance(executor, SamplingExecutor):
            executor.offer(self._text, given, local, has_parameters=True)
        return rows

    def _keep(self, key: Any, ready: Answering, rows: list[dict[str, Any]]) -> None:
        """Keep an answer that was asked for twice."""
        if len(rows) > _MOST_ROWS or ready is not self._ready:
            return
        kinds = self._kinds(key)
        if not _PLAIN.issuperset((kinds,) if self._is_single else kinds):
            return
        if any(type(value) not in UNCHANGING for row in rows for value in row.values()):
            return
        hot = {} if len(self._hot) >= _MOST_HOT else self._hot.copy()
        known = tuple(map(dict, rows))
        hot[key] = (kinds, ready.again, known[0] if len(known) == 1 else known)
        self._hot = hot


class SampledShortcut(Shortcut):
    """A shortcut of an engine whose hits are verified: each is asked of the store, and may be sampled."""

    __slots__ = ()

    def answer(self, parameters: Mapping[str, Any] | None) -> Rows | None:
        try:
            key = self._key(parameters)
        except (LookupError, TypeError):
            return None
        given: Any = parameters or ()
        if self._is_positional:
            given = (key,) if self._is_single else key
        return self._measured(given)


def _no_key(_: Any) -> tuple[()]:
    return ()


def _kinds_of(key: tuple[Any, ...]) -> tuple[type, ...]:
    return tuple(map(type, key))
