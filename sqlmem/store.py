"""What the store holds: immutable generations, each an in-memory SQLite database of its own.

Rule 1: a generation is written by one `writing.Writer`, sealed once, and never changed again.
Rule 2: a connection is used by one thread at a time. Idle ones wait in a list per set of
        generations; taking one out and putting it back are single, atomic list operations.
Rule 3: a generation's memory goes when its last connection is closed; `retire` closes the
        idle ones, whoever holds one still closes it when giving it back.

Each generation is a database of SQLite's `memdb` VFS, shared by name between connections.
With the older shared cache, readers of one table hold one mutex for a whole step: measured
on two cores beside a scanning thread, 45 point reads in a second instead of 346,000.
The VFS bounds a database at 1 GiB (SQLITE_CONFIG_MEMDB_MAXSIZE's default); a larger table
is refused by the writer with `StoreError`, like one over the engine's own bound.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlmem.codecs import Codec
from sqlmem.dependencies import Reading
from sqlmem.functions import AGGREGATES, RAISING, SCALARS
from sqlmem.measures import Span
from sqlmem.model import Index, TableName
from sqlmem.stored import DATA, quoted

_moments = itertools.count(1)


def next_moment() -> int:
    return next(_moments)


class Retired(Exception):
    """The generation went away before a connection to it could be opened; look again."""


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """A column of a generation.

    Attributes:
        name: as the origin's catalogue spells it.
        stored_name: its name in the store, unique without regard to case.
        declaration: type, and collation where the store must have one.
        description: the last six items of the driver's cursor.description for it.
    """

    name: str
    stored_name: str
    declaration: str
    codec: Codec
    description: tuple[Any, ...]


@dataclass(eq=False)
class Generation:
    """One filled copy of a table. Everything but the counters of `facts` is immutable.

    Attributes:
        is_private: it was never published, since its table was invalidated while it was read: the
            statement that it was read for may have it, and retires it.
        serial: larger for a later fill, over the whole process; never a clock.
        read_at: monotonic seconds just before the origin was read.
        moment: the same for generations that one transaction has read, which stood still; larger for a later.
        facts: column -> what was found out about its values so far, see `present`.
        pairs: column and rank -> whether each value has one rank and each rank one value; likewise.
        unique: columns -> whether no two rows are equal in them; likewise.
        shares: stored column -> see `Store.rows_of_a_value`.
        reading: under which tokens it was read; None before it was published or restored.
    """

    table: TableName
    serial: int
    uri: str
    columns: Mapping[str, StoredColumn]
    indexes: tuple[Index, ...]
    rows: int
    bytes: int
    read_at: float
    moment: int
    anchor: sqlite3.Connection
    is_retired: bool = False
    pairs: dict[tuple[str, str], bool] = field(default_factory=dict)
    unique: dict[tuple[str, ...], bool] = field(default_factory=dict)
    is_private: bool = False
    facts: dict[str, Span] = field(default_factory=dict)
    shares: dict[str, int] = field(default_factory=dict)
    reading: Reading | None = None


class Store:
    """The generations' connections. Safe for use by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # serials of the generations, the first is `main` -> idle connections
        self._idle: dict[tuple[int, ...], list[sqlite3.Connection]] = {}
        # every reader's connection, idle or in use; guarded by _lock
        self._open: set[sqlite3.Connection] = set()
        # serial -> the connection that keeps a sealed generation alive; guarded by _lock
        self._anchors: dict[int, sqlite3.Connection] = {}
        self._slow = 0  # operations under way in `activity`; guarded by _lock
        self._is_paused = False  # set while the process forks
        self._resumed = threading.Event()
        self._resumed.set()

    # -- reading ---------------------------------------------------------------------------

    def query(self, generations: Sequence[Generation], sql: str, arguments: Sequence[Any]) -> list[Any]:
        """All rows of a statement over these generations: the first is `main`, the others s1, s2, …

        This is the hot path: for one generation with an idle connection it is a dictionary
        look-up, a pop, SQLite's work and an append.

        Raises:
            Retired: one of them went away before it could be opened.
            sqlite3.Error: as SQLite raises it.
        """
        key = tuple([generation.serial for generation in generations])
        try:
            idle = self._idle[key]
            connection = idle.pop()
        except (KeyError, IndexError):
            idle, connection = self._acquire(key, generations)
        else:
            # Only after taking the connection: `pause` counts those that are out.
            if self._is_paused:
                idle.append(connection)
                idle, connection = self._acquire(key, generations)
        try:
            return connection.execute(sql, arguments).fetchall()
        finally:
            idle.append(connection)
            for generation in generations:
                if generation.is_retired:
                    self._close(idle)

    def rows_of_a_value(self, generation: Generation, stored_name: str) -> int:
        """How many rows have the same value of a stored column, on the average; found out once."""
        known = generation.shares.get(stored_name)
        if known is None:
            sql = f"SELECT count(DISTINCT d.{quoted(stored_name)}) FROM main.{DATA} AS d"
            known = -(-generation.rows // max(1, self.query((generation,), sql, ())[0][0]))
            generation.shares[stored_name] = known
        return known

    def _acquire(
        self, key: tuple[int, ...], generations: Sequence[Generation]
    ) -> tuple[list[sqlite3.Connection], sqlite3.Connection]:
        while True:
            self._resumed.wait()
            idle = self._idle.get(key)
            try:
                connection = idle.pop() if idle is not None else None
            except IndexError:
                connection = None
            if idle is None or connection is None:
                idle, connection = self._connect(key, generations)
            if not self._is_paused:
                return idle, connection
            idle.append(connection)

    def _connect(
        self, key: tuple[int, ...], generations: Sequence[Generation]
    ) -> tuple[list[sqlite3.Connection], sqlite3.Connection]:
        with self._lock:
            # Under the lock that `retire` closes the anchors under: without its anchor a name
            # would open a new and empty database.
            if any(generation.is_retired for generation in generations):
                raise Retired
            connection = open_database(generations[0].uri)
            for number, generation in enumerate(generations[1:], 1):
                connection.execute(f"ATTACH ? AS s{number}", (generation.uri,))
            _register_functions(connection)
            connection.execute("PRAGMA query_only=1")
            self._open.add(connection)
            return self._idle.setdefault(key, []), connection

    # -- residency -------------------------------------------------------------------------

    def retire(self, generation: Generation) -> None:
        """Let go of a generation. Statements that are reading it still finish. Idempotent."""
        with self._lock:
            if generation.is_retired:
                return
            generation.is_retired = True
            lists = [self._idle.pop(key) for key in list(self._idle) if generation.serial in key]
        for idle in lists:
            self._close(idle)
        with self._lock:
            self._anchors.pop(generation.serial, None)
            generation.anchor.close()

    def _close(self, idle: list[sqlite3.Connection]) -> None:
        """Close what waits in the list of a retired generation; many threads may try at once."""
        while True:
            try:
                connection = idle.pop()
            except IndexError:
                return
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def keep(self, serial: int, anchor: sqlite3.Connection) -> None:
        """Remember what keeps a sealed generation alive, for `abandon`."""
        with self._lock:
            self._anchors[serial] = anchor

    def abandon(self) -> None:
        """The engine was collected: close what is left.

        Takes no lock, since the garbage collector runs wherever it happens to; nobody reads any more.
        """
        for idle in list(self._idle.values()):
            while idle:
                idle.pop().close()
        for anchor in list(self._anchors.values()):
            anchor.close()

    # -- forking ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def activity(self) -> Iterator[None]:
        """Around every use of SQLite that doesn't go through `query`: a fork waits for its end."""
        while True:
            self._resumed.wait()
            with self._lock:
                if not self._is_paused:
                    self._slow += 1
                    break
        try:
            yield
        finally:
            with self._lock:
                self._slow -= 1

    def pause(self, deadline_seconds: float) -> None:
        """Before a fork: let nobody into SQLite, and wait until all have left it.

        A child that was forked while another thread held one of SQLite's mutexes would wait
        for it for ever. After the deadline the fork goes ahead, as it would without us.
        """
        self._resumed.clear()
        self._is_paused = True
        until = time.monotonic() + deadline_seconds
        while time.monotonic() < until:
            with self._lock:
                in_use = len(self._open) - sum(map(len, self._idle.values()))
                if not self._slow and in_use <= 0:
                    return
            time.sleep(0.0005)

    def resume(self) -> None:
        self._is_paused = False
        self._resumed.set()

    def reset_after_fork(self) -> None:
        """In the child: the locks may be held by threads that it doesn't have.

        Readers that were inside SQLite (only if `pause` ran into its deadline) own their
        connections for ever; they are left alone, not closed.
        """
        self._lock = threading.Lock()
        self._resumed = threading.Event()
        self._resumed.set()
        self._slow = 0
        self._is_paused = False
        self._open = {connection for idle in self._idle.values() for connection in idle}


def open_database(uri: str) -> sqlite3.Connection:
    # check_same_thread: a connection is used by one thread at a time (rule 2), not by one only.
    return sqlite3.connect(
        uri, uri=True, check_same_thread=False, isolation_level=None, cached_statements=256
    )


def _register_functions(connection: sqlite3.Connection) -> None:
    """Operators and functions as the origins mean them."""
    for name, (arguments, function) in SCALARS.items():
        connection.create_function(name, arguments, function, deterministic=True)
    for name, (arguments, function) in RAISING.items():
        connection.create_function(name, arguments, function)
    for name, (arguments, aggregate) in AGGREGATES.items():
        connection.create_aggregate(name, arguments, aggregate)
