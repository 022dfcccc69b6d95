"""Who asks the executor, and what it says: rows of the store, or that the origin must answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from sqlmem.dependencies import Copy
from sqlmem.directives import Directive
from sqlmem.effects import Effect
from sqlmem.entries import Bound, Refused
from sqlmem.errors import ReadOnlyError, StatementRefused, UnsupportedQueryError
from sqlmem.keeping import Asker, Keeping
from sqlmem.model import Status
from sqlmem.origin_connection import OriginConnection
from sqlmem.results import Kept
from sqlmem.table_state import TableState
from sqlmem.trials import Lap


class Caller(Asker, Protocol):
    """Who executes: a lazy connection. It decides which origin connection is used."""

    @property
    def directive(self) -> Directive:
        """What the statement at hand asks for itself."""

    @property
    def bypass_reason(self) -> str | None:
        """Why this connection's reads are the origin's, whatever they are; None if they aren't."""

    @property
    def past_reason(self) -> str | None:
        """Why what this connection reads now may not be cached; None if it may."""

    def own_reason(self, states: Sequence[TableState]) -> str | None:
        """Why what this connection reads of these tables is the origin's; None if it isn't."""

    @property
    def holds_nothing(self) -> bool:
        """Whether it has no connection of the origin's at all: what fails there loses it nothing."""

    def let_go(self) -> None:
        """Give back the connection that was taken for a statement that has failed."""

    @property
    def has_lost_its_own(self) -> bool:
        """Whether a connection was lost that nobody else would have been given."""

    def borrowed(self) -> AbstractContextManager[OriginConnection]:
        """An origin connection for a fill or the catalogue: the one held, or one for the while."""

    def held(self) -> OriginConnection:
        """The origin connection of the caller's transaction, checked out if need be."""


class Local(NamedTuple):
    """Answered by the store: stored rows, and what makes them the origin's.

    A tuple because one is made at each hit, which takes a frozen dataclass three times as long.
    """

    rows: list[Any]
    bound: Bound
    status: Status
    kept: Kept | None = None  # the origin's own answer, from an earlier time
    lap: Lap | None = None  # to be ended when its rows are decoded

    @property
    def copies(self) -> Sequence[Copy]:
        """What it was read from."""
        return self.bound.generations if self.kept is None else self.kept.copies


class Remote(NamedTuple):
    """To be answered by the origin. A tuple, likewise.

    Attributes:
        effect: what it may change there; None for nothing.
        reads: the tables; None if not all of them are known.
        keeping: to be entered around the question, and told the answer; None if it isn't to be kept.
        instead: called if the origin couldn't be asked, the store's answer or None; None if the error is
            the caller's.
    """

    status: Status
    effect: Effect | None = None
    reads: tuple[TableState, ...] | None = None
    keeping: Keeping | None = None
    instead: Callable[[], Local | None] | None = None


def refusal(statement: str, entry: Refused) -> StatementRefused:
    kind = ReadOnlyError if entry.error == "read_only" else UnsupportedQueryError
    return kind(statement, entry.reason, entry.hint)
