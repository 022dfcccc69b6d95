"""What a write of this engine changes, and the window around its commit.

Rule 1: the window is opened before the commit is sent, and closed whatever becomes of it.
Rule 2: what a write reaches is asked of the origin's catalogue; where that can't tell, it is every table.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from sqlmem.catalogue.reaching import load_reach
from sqlmem.clock import Clock
from sqlmem.counters import Counters
from sqlmem.effects import Effect
from sqlmem.filling import DOUBTFUL_SECONDS
from sqlmem.lexer import Family
from sqlmem.logs import heard, log
from sqlmem.losses import Dropped
from sqlmem.pending import EVERYTHING, Written, matcher_of
from sqlmem.reach import Reach
from sqlmem.registry import Registry
from sqlmem.store import Store
from sqlmem.table_state import TableState
from sqlmem.tables import spellings_of
from sqlmem.windows import Window

Ask = Callable[[str], list[tuple[Any, ...]]]

Names = frozenset[tuple[str | None, str]]

# Of what was raised, and the driver's connection: whether it is what the origin has answered.
IsAnswer = Callable[[BaseException, Any], bool]

# Foreign keys and triggers that somebody else defines meanwhile are known after so long.
REACH_SECONDS = 60.0
# A name that isn't known is looked for again, but no more often than this.
REREAD_SECONDS = 1.0
# When a fill has paid: the hits must have saved what it cost. A statement saved is a round trip and the
# origin's work, some 0.3 ms beside a local server (see the benchmarks), more over a network.
SAVED_SECONDS = 0.0003
LEAST_HITS = 2
LOSSES_IN_A_ROW = 5
FIRST_REST_SECONDS = 10.0
LONGEST_REST_SECONDS = 600.0


class Unreachable(Exception):
    """The connection on which the catalogue was asked is lost: the statement would meet the same error."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class Writes:
    """Safe for use by many threads."""

    def __init__(
        self, *, family: Family, registry: Registry, store: Store, clock: Clock, counters: Counters
    ) -> None:
        # Called after rows were forgotten: the snapshot must not bring them back.
        self.lost: Callable[[], None] = _nothing
        self._family = family
        self.registry = registry
        self._store = store
        self._clock = clock
        self._counters = counters
        # table -> its hits when it was last dropped, and how many fills in a row haven't paid
        self._hits: dict[str, int] = {}
        self._losses: dict[str, int] = {}
        self._lock = threading.Lock()
        self._reach: Reach | None = None  # guarded by _lock, as the next two
        self._read_at = self._old_at = 0.0
        self._monotonic = clock.monotonic
        # Counts what may have changed foreign keys and triggers; guarded likewise, and read without.
        self.definitions = 0

    def written(
        self,
        effect: Effect,
        text: str,
        named: tuple[Any, ...] | None,
        temporary: Names,
        ask: Ask,
        *,
        as_of: int | None = None,
    ) -> Written:
        """The tables that a statement changes, with all that the origin changes by itself.

        Args:
            text: the statement's.
            named: the tables that the caller says it changes; None if it didn't say.
            temporary: the session's temporary tables.
            ask: asks the origin's catalogue.
            as_of: how many `definitions` there were before the moment that it tells of, or -1 if it tells
                what isn't committed: what it tells is kept for others only if there are no more by now.
                None: it tells of this moment.
        """
        if named is not None:
            spelled = frozenset(spelling for table in named for spelling in spellings_of(table))
            if self._family != "sqlite" or all(schema is None for schema, _ in spelled):
                return spelled
            known = self._known_reach(ask, as_of)
            return spelled if known is None else known.by_all_names(spelled)
        if effect.writes is EVERYTHING:
            return EVERYTHING
        # Without the lock: one that is forgotten just now was forgotten just after.
        reach = self._reach
        if reach is None or self._monotonic() >= self._old_at:
            reach = self._known_reach(ask, as_of)
        told = None if reach is None or temporary else reach.told_at_once(effect, text)
        if told is not None:
            return told.written
        reach = self._reach_for(effect, temporary, ask, as_of)
        return EVERYTHING if reach is None else reach.of(effect, text, temporary=temporary)

    def written_plainly(self, effect: Effect, text: str) -> Written:
        """All tables that a statement changes, if in a transaction there is nothing else to mind of it.

        None if there may be, or that isn't known now: then `written` tells. Asks nobody.
        """
        # Without the lock: one that is forgotten just now was forgotten just after.
        reach = self._reach
        if reach is None or self._monotonic() >= self._old_at:
            return None
        told = reach.known.get(id(effect))
        if told is not None and not reach.has_suspects:
            known, written, _, _, is_plain = told  # a tuple's names take longer
            if known is effect:
                return written if is_plain else None
        told = reach.told_at_once(effect, text)
        return told.written if told is not None and told.is_plain else None

    def leaves_session(self, effect: Effect, ask: Ask, *, as_of: int | None = None) -> bool:
        """Whether the session is the same after the functions that a statement calls."""
        if not effect.calls:
            return True
        reach = self._known_reach(ask, as_of)
        return reach is not None and not reach.may_change_session(effect)

    def undone_by_rollback(self, written: Written, ask: Ask, *, as_of: int | None = None) -> bool:
        """Whether a rollback takes back all that was written to these tables."""
        if self._family != "mysql":
            return True  # only MariaDB and MySQL have tables without transactions
        if written is None:
            return False
        reach = self._known_reach(ask, as_of)
        return reach is not None and all(reach.is_transactional(name) for name in written)

    def _reach_for(self, effect: Effect, temporary: Names, ask: Ask, as_of: int | None) -> Reach | None:
        reach = self._known_reach(ask, as_of)
        if reach is None or not reach.unknown(effect, temporary=temporary):
            return reach
        with self._lock:
            # Somebody may have made since then what it doesn't know.
            is_old = self._clock.monotonic() >= self._read_at + REREAD_SECONDS
            if is_old:
                self._reach = None
        return self._known_reach(ask, as_of) if is_old else reach

    def _known_reach(self, ask: Ask, as_of: int | None) -> Reach | None:
        """None if the catalogue can't be read."""
        with self._lock:
            if self._reach is not None and self._monotonic() < self._old_at:
                return self._reach
            definitions = self.definitions if as_of is None else as_of
        try:
            reach = load_reach(ask, self._family)
        except Unreachable as lost:
            raise lost.error from None
        except Exception as error:  # noqa: BLE001 - whatever the driver raises: then it isn't known
            log.warning(
                "what writes reach isn't known ({}): they invalidate everything", type(error).__name__
            )
            return None
        with self._lock:
            if definitions == self.definitions:
                self._reach, self._read_at = reach, self._monotonic()
                self._old_at = self._read_at + REACH_SECONDS
        return reach

    def forget_reach(self) -> None:
        """Definitions have changed: foreign keys and triggers are asked for anew."""
        with self._lock:
            self.definitions += 1
            self._reach = None

    def window(
        self,
        written: Written,
        *,
        defines: bool,
        is_answer: IsAnswer | None = None,
        driver: Any = None,
        process: int | None = None,
        is_late: bool = False,
    ) -> AbstractContextManager[None]:
        """Around what makes a write visible to others: a commit, or a statement that takes effect at once.

        Args:
            is_answer: whether an exception is the origin's answer. After any other nobody knows whether
                the origin is still at it: a connection that was lost takes no commit back.
            driver: the driver's connection, which that is asked of.
            process: the origin's, which is at it.
            is_late: the write may become visible after it, and nobody can ask when.
        """
        if written is not None and not written:
            return contextlib.nullcontext()
        return _Opened(self, written, defines, is_answer, driver, process, is_late)

    def lose_everything(self) -> None:
        """What was committed may have changed any table."""
        with self.window(None, defines=False):
            pass

    def dropped(self, dropped: Dropped) -> None:
        """A window was opened: what it has dropped goes."""
        for state, generation in dropped:
            self._weigh(state)
            self._store.retire(generation)

    def _weigh(self, state: TableState) -> None:
        """When a table's rows were dropped: whether filling it paid; if not again and again, it rests.

        A fill pays if the hits since then have saved the time that it took. The count isn't exact where
        two commits meet; nothing depends on that.
        """
        name = str(state.name)
        hits = self._counters.hits_of(name)
        served = hits - self._hits.get(name, 0)
        self._hits[name] = hits
        if served >= max(LEAST_HITS, state.fill_seconds / SAVED_SECONDS):
            self._losses[name] = 0
            return
        losses = self._losses[name] = self._losses.get(name, 0) + 1
        if losses >= LOSSES_IN_A_ROW:
            # Twice as long each time, for as long as it doesn't pay.
            seconds = min(LONGEST_REST_SECONDS, FIRST_REST_SECONDS * 2.0 ** (losses - LOSSES_IN_A_ROW))
            self.registry.rest(state, seconds=seconds)
            log.info("resting {} for {:.0f}s: {} fills in a row didn't pay", state.name, seconds, losses)

    def reset_after_fork(self) -> None:
        self._lock = threading.Lock()


class _Opened(Window):
    """A window. A class, since one is made for each write: a generator takes several times as long."""

    __slots__ = ("_driver", "_dropped", "_is_answer", "_is_late", "_process", "_writes", "_written")

    _dropped: int

    def __init__(
        self,
        writes: Writes,
        written: Written,
        defines: bool,  # noqa: FBT001 - by their places, likewise
        is_answer: IsAnswer | None,
        driver: Any,
        process: int | None,
        is_late: bool,  # noqa: FBT001 - likewise
    ) -> None:
        self.matches = matcher_of(written)
        self.defines = defines
        self._writes = writes
        self._written = written
        self._is_answer = is_answer
        self._driver = driver
        self._process = process
        self._is_late = is_late

    def __enter__(self) -> None:
        writes = self._writes
        try:
            dropped = writes.registry.open_window(self)
            self._dropped = len(dropped)
            if dropped:
                writes.dropped(dropped)
            writes.lost()
        except BaseException:
            self._close()
            raise

    def _close(self, doubtful_seconds: float = 0.0) -> None:
        """Whatever happens."""
        writes = self._writes
        if self.defines:
            writes.forget_reach()
        writes.registry.close_window(self, doubtful_seconds, self._process)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            if self.defines or self._is_late:
                self._close(DOUBTFUL_SECONDS if self._is_late else 0.0)
            else:
                self._writes.registry.close_window(self)
        else:
            doubtful_seconds, is_answer = 0.0, self._is_answer
            try:
                if is_answer is not None and not is_answer(error, self._driver):
                    doubtful_seconds = DOUBTFUL_SECONDS
            finally:
                self._close(doubtful_seconds)
        if heard.debug:
            written = self._written
            names = "everything" if written is None else ", ".join(sorted(map(_shown, written)))
            log.debug("committed {}: {} generations dropped", names, self._dropped)


def _nothing() -> None:
    """There is no snapshot."""


def _shown(name: tuple[str | None, str]) -> str:
    return name[1] if name[0] is None else f"{name[0]}.{name[1]}"
