"""What the registry holds of a table: its state, a fill under way, the permission to publish one.

Written only under the registry's lock, by the registry.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sqlmem.dependencies import bare, names_of
from sqlmem.model import Column, TableName, TableSchema
from sqlmem.store import Generation


@dataclass(eq=False, kw_only=True)
class Ending:
    """Something that ends once, for which others wait. Safe for use by many threads."""

    is_done: bool = False
    _callbacks: list[Callable[[], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def on_finish(self, callback: Callable[[], None]) -> None:
        """Call back once, at the end; at once if that has been."""
        with self._lock:
            if not self.is_done:
                self._callbacks.append(callback)
                return
        callback()

    def finish(self) -> None:
        """It may be called again: of who is interrupted in it nobody knows how far it got."""
        with self._lock:
            self.is_done = True
        while self._callbacks:
            self._callbacks[0]()
            del self._callbacks[0]


@dataclass(eq=False, kw_only=True)
class Flight(Ending):
    """A fill under way. `finish` wakes everybody who joined it, also if it failed.

    Attributes:
        epoch: the table's when it began.
        columns: what it fetches.
        generation: what it brought; None until then, and if it brought nothing.
        failure: what it failed with, if those who joined should fail likewise.
    """

    epoch: int = -1
    columns: frozenset[str] = frozenset()
    generation: Generation | None = None
    failure: Exception | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lease:
    """The permission to publish a fill at the epoch it began in."""

    table: TableState
    epoch: int
    schema: TableSchema  # that of the plan: the table's may be another one by the time of the fetch
    columns: tuple[str, ...]
    flight: Flight
    tokens: Mapping[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class TableState:
    """What the registry knows of a table. Written only under the registry's lock.

    `generation`, `schema` and `expires_after` are also read without it, each by one atomic
    attribute look-up; a reader that needs two of them to agree compares afterwards.

    Attributes:
        schema: the table's definition, with what fills taught about its columns; None before
            it was reflected, and after an invalidation, since the definition may have changed.
        reflected: the last definition as the catalogue gave it.
        version: larger after each change of `schema`; plans remember it.
        spellings: by which it was meant since it has this version.
        needed: the registered columns and expressions, in the order they were first needed.
        expressions: what the origin said of the expressions that it was asked about, by name.
        used: expression -> when it was last needed, monotonic seconds; a reader writes it too.
        met: names of expressions that were turned away once, because there are many already.
        expires_after: ttl in seconds; None for never.
        refused_until: monotonic seconds until which no fill is tried, and why.
        rest_until: likewise, for a table that is written too often; an invalidation doesn't end it.
        fill_seconds: how long the last fill took.
    """

    name: TableName
    schema: TableSchema | None = None
    reflected: TableSchema | None = None
    has_learned: bool = False
    version: int = 0
    spellings: set[tuple[str | None, str]] = field(default_factory=set)
    epoch: int = 0
    needed: dict[str, None] = field(default_factory=dict)
    expressions: dict[str, Column] = field(default_factory=dict)
    used: dict[str, float] = field(default_factory=dict)
    met: dict[str, None] = field(default_factory=dict)
    generation: Generation | None = None
    flight: Flight | None = None
    expires_after: float | None = None
    refused_until: float = 0.0
    refusal: str | None = None
    rest_until: float = 0.0
    fill_seconds: float = 0.0
    is_verified: bool = True  # False for one restored and not yet compared with the origin's definition
    last_used: float = 0.0
    hits: int = 0
    fills: int = 0
    bare: str = field(init=False)  # the name under which it has its token

    def __post_init__(self) -> None:
        self.bare = bare(self.name)

    def covers(self, columns: Iterable[str]) -> bool:
        generation = self.generation
        return generation is not None and all(column in generation.columns for column in columns)


def is_touched(state: TableState, matches: Callable[[TableName], bool] | None) -> bool:
    """Whether a change of the tables that match (None: of any) is one of this table's rows."""
    if matches is None or matches(state.name):
        return True
    # Without a schema there is nothing cached that could depend on anything.
    if state.schema is None:
        return False
    # None: the origin's catalogue could not tell, so it may depend on every table.
    return state.schema.depends_on is None or any(matches(name) for name in state.schema.depends_on)


def touched(states: Iterable[TableState], matches: Callable[[TableName], bool] | None) -> list[TableState]:
    """Those of the tables of which `is_touched` is true.

    Each commit looks through all tables several times: one that has another name and depends on nothing is
    passed over without a call.
    """
    names = None if matches is None else names_of(matches)
    if names is None:
        return [state for state in states if is_touched(state, matches)]
    return [
        state
        for state in states
        if (state.bare in names or ((schema := state.schema) is not None and schema.depends_on != _NOTHING))
        and is_touched(state, matches)
    ]


_NOTHING: frozenset[TableName] = frozenset()
