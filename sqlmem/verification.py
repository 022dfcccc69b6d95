"""Whether the tables of a snapshot are still defined as they were, and its connections set as they were.

A snapshot is loaded before the origin was ever met. A thread then asks the origin's catalogue
for each restored table's definition: one that differs is dropped, with one warning. So is all, if
the facts differ by which statements were given their meaning. A
statement that would be the first to use a restored table waits for the answer, but no longer
than `LONGEST_WAIT_SECONDS` in all: while the origin is down, hits go on. What couldn't be
asked then is asked on the connection of the next fill.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy.util.concurrency import greenlet_spawn

from sqlmem.catalogue import UnknownTable
from sqlmem.dependencies import Exactly
from sqlmem.dialects import Facts
from sqlmem.logs import log
from sqlmem.model import TableName, TableSchema
from sqlmem.origin import Origin
from sqlmem.origin_connection import OriginConnection
from sqlmem.registry import Registry, TableState
from sqlmem.store import Generation, Store
from sqlmem.waiting import wait

LONGEST_WAIT_SECONDS = 2.0


class Verification:
    """Safe for use by many threads. Used once, for what one snapshot brought."""

    def __init__(
        self,
        origin: Origin,
        registry: Registry,
        store: Store,
        on_loss: Callable[[], None],
        states: Sequence[TableState],
    ) -> None:
        """Do nothing yet; see `start`.

        Args:
            on_loss: called after a table was dropped.
            states: the restored tables.
        """
        self._origin = origin
        self._registry = registry
        self._store = store
        self._on_loss = on_loss
        self._lock = threading.Lock()
        self._is_over = False
        self._remembered = origin.known_facts
        self._has_compared_facts = False
        self._thread: threading.Thread | None = None
        self._waiting: list[Callable[[], None]] = []
        # What is still to be compared, with its rows if it has any; guarded by _lock.
        self._pending: dict[TableState, Generation | None] = {state: state.generation for state in states}

    def start(self) -> None:
        """Ask in a thread of its own; a daemon, since it may wait for a network's time-out."""
        thread = threading.Thread(target=self._run, name="sqlmem-verification", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads, or the interpreter is ending
            self._finish()
        else:
            self._thread = thread

    def join(self) -> None:
        """Until the thread has ended, or hangs in the network."""
        if self._thread is not None:
            self._thread.join(LONGEST_WAIT_SECONDS)

    def wait(self, *, is_async: bool) -> None:
        """Until the restored tables were compared, or it is clear that they can't be now."""
        if not self._is_over:
            wait(self._subscribe, is_async=is_async, seconds=LONGEST_WAIT_SECONDS)
            # Whoever comes later doesn't wait once more.
            self._finish()

    @property
    def is_pending(self) -> bool:
        return bool(self._pending)

    def ask(self, connection: OriginConnection) -> None:
        """Compare what is still to be compared.

        Raises:
            The driver's exceptions; what wasn't reached stays to be compared.
        """
        if not self._has_compared_facts:
            found = self._origin.renew_facts(connection)
            if found != self._remembered:
                self._drop_all(found)
            self._has_compared_facts = True
        with self._lock:
            pending = list(self._pending.items())
        for state, generation in pending:
            problem = self._compare(connection, state)
            with self._lock:
                if state not in self._pending:
                    continue
                del self._pending[state]
            if problem is None:
                self._registry.verified(state, generation)
            elif state.generation is generation:
                log.warning(
                    "snapshot of {} dropped: {}; it is read anew from the origin", state.name, problem
                )
                self._drop(state.name)

    def _drop_all(self, found: Facts) -> None:
        """What other connections have read isn't what these would have read."""
        with self._lock:
            pending, self._pending = self._pending, {}
        if not pending:
            return
        log.warning(
            "snapshot dropped: the origin's connections were set otherwise when it was written ({}); all is "
            "read anew from the origin",
            ", ".join(_differing(self._remembered, found)) or "nobody knows how",
        )
        for state in pending:
            self._drop(state.name)

    def _compare(self, connection: OriginConnection, state: TableState) -> str | None:
        try:
            found = connection.reflect((state.name.schema, state.name.name))
        except UnknownTable:
            return "the origin has no such table any more"
        saved = state.reflected
        return None if saved is None or found == saved else _difference(saved, found)

    def _drop(self, name: TableName) -> None:
        _, generations = self._registry.invalidate(Exactly(frozenset({name})))
        for generation in generations:
            self._store.retire(generation)
        self._on_loss()

    def _subscribe(self, callback: Callable[[], None]) -> None:
        with self._lock:
            if not self._is_over:
                self._waiting.append(callback)
                return
        callback()

    def _finish(self) -> None:
        with self._lock:
            self._is_over = True
            waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def _run(self) -> None:
        try:
            if self._origin.may_exist():
                if self._origin.is_async:
                    asyncio.run(greenlet_spawn(self._ask_apart))
                else:
                    self._ask_apart()
        except Exception as error:  # noqa: BLE001 - whatever it is, the origin can't be asked now
            log.debug("the snapshot's definitions weren't compared yet ({})", type(error).__name__)
        finally:
            self._finish()

    def _ask_apart(self) -> None:
        """On a connection of its own: the pool's may belong to another thread's event loop."""
        apart = self._origin.apart()
        try:
            connection = self._origin.connect(engine=apart)
            try:
                self.ask(connection)
            finally:
                connection.release()
        finally:
            with contextlib.suppress(Exception):
                apart.dispose()

    def reset_after_fork(self) -> None:
        """In the child there is no thread that asks; the next fill does."""
        self._lock = threading.Lock()
        self._is_over = True
        self._thread = None


def _difference(saved: TableSchema, found: TableSchema) -> str:
    before: dict[str, Any] = {column.name: column for column in saved.columns}
    after: dict[str, Any] = {column.name: column for column in found.columns}
    for name, column in before.items():
        if name not in after:
            return f"column {name} is gone"
        if column != after[name]:
            return f"column {name} was {column.type_name}, is {after[name].type_name}"
    new = [name for name in after if name not in before]
    if new:
        return f"column {new[0]} is new"
    return "its keys, its order of columns or what it depends on changed"


def _differing(before: Facts | None, after: Facts) -> list[str]:
    """Names, not values: of the session's settings, and of what else is known."""
    if before is None:
        return []
    was, now = dict(before.session), dict(after.session)
    of_session = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    others = [each.name for each in fields(Facts) if getattr(before, each.name) != getattr(after, each.name)]
    return of_session + [name for name in others if name != "session"]
