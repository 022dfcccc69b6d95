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
from sqlmem.turns import Turns

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
        longest: column -> the bytes of its longest value, or its greatest rank; likewise.
        unique: columns -> whether no two rows are equal in them; likewise.
        shares: stored column -> see `Store.rows_of_a_value`.
        samples: stored column -> see `Store.most_rows_of_a_value`.
        key: the stored column that is the table's INTEGER PRIMARY KEY, so that it is the row id.
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
    longest: dict[str, int] = field(default_factory=dict)
    unique: dict[tuple[str, ...], bool] = field(default_factory=dict)
    is_private: bool = False
    facts: dict[str, Span] = field(default_factory=dict)
    shares: dict[str, int] = field(default_factory=dict)
    samples: dict[str, int] = field(default_factory=dict)
    reading: Reading | None = None
    key: str | None = None


# So many rows are fetched before it is counted how many there are.
_FIRST = 200

# Under these SQLite lets a table's row id be seen, if no column is called so.
_ROW_IDS = ("rowid", "oid", "_rowid_")
_SAMPLES = 8


class Lane:
    """Idle connections to a set of generations. Safe for use by many threads.

    Attributes:
        idle: cursors, each of a connection of its own, which reads in one transaction as long as it lives:
            the generations never change, and SQLite needn't look whether they have. A list's pop and append
            are atomic; each takes one out while it asks.
        short: statement -> whether it is over in no time: such ones take turns, see `hot`; entered by who
            finds it out.
    """

    __slots__ = ("generations", "idle", "short", "store")

    def __init__(self, store: Store, generations: tuple[Generation, ...]) -> None:
        self.store = store
        self.generations = generations
        self.idle: list[sqlite3.Cursor] = []
        self.short: dict[str, bool] = {}

    def rows(self, sql: str, arguments: Sequence[Any]) -> list[Any]:
        """All rows of a statement. `hot` has the same once more, for short ones.

        Raises:
            Retired: one of the generations went away before it could be opened.
            sqlite3.Error: as SQLite raises it.
        """
        reader = self.store.acquire(self)
        try:
            return reader.execute(sql, arguments).fetchall()
        finally:
            self.give_back(reader)

    def give_back(self, reader: sqlite3.Cursor) -> None:
        self.idle.append(reader)
        for generation in self.generations:
            if generation.is_retired:
                self.store.close_idle(self.idle)

    def rows_below(self, sql: str, arguments: Sequence[Any], most: int) -> list[Any] | None:
        """All rows of a statement, if they are fewer than `most`; None if they aren't.

        How many there are, beyond the first `_FIRST`, is counted in SQLite: making a row for Python takes
        ten times as long.

        Raises:
            As `rows`.
        """
        reader = self.store.acquire(self)
        try:
            first = min(most, _FIRST)
            rows = reader.execute(sql, arguments).fetchmany(first)
            if len(rows) == first:
                if first == most or _counts_to(reader, sql, arguments, most):
                    reader.execute("")  # lets go of what the statement holds, a sort perhaps
                    return None
                rows += reader.fetchall()
            return rows
        finally:
            self.give_back(reader)


def _counts_to(reader: sqlite3.Cursor, sql: str, arguments: Sequence[Any], most: int) -> bool:
    """Whether a statement has so many rows."""
    text = f"SELECT count(*) FROM (SELECT 1 FROM ({sql}) LIMIT {most:d})"
    counted: int = reader.connection.execute(text, arguments).fetchone()[0]
    return counted >= most


class Store:
    """The generations' connections. Safe for use by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.turns = Turns()  # of threads with short statements, see `hot`
        # serials of the generations, the first is `main` -> the way to ask them
        self._lanes: dict[tuple[int, ...], Lane] = {}
        # every reader, idle or in use; guarded by _lock
        self._open: set[sqlite3.Cursor] = set()
        # serial -> the connection that keeps a sealed generation alive; guarded by _lock
        self._anchors: dict[int, sqlite3.Connection] = {}
        self._slow = 0  # operations under way in `activity`; guarded by _lock
        self.is_paused = False  # set while the process forks
        self._resumed = threading.Event()
        self._resumed.set()

    # -- reading ---------------------------------------------------------------------------

    def lane(self, generations: Sequence[Generation]) -> Lane:
        """The way to ask these generations, again and again: the first is `main`, the others s1, s2, …

        Raises:
            Retired: one of them went away.
        """
        key = tuple([generation.serial for generation in generations])
        lane = self._lanes.get(key)
        if lane is None:
            with self._lock:
                # Under the lock that `retire` takes them away under.
                if any(generation.is_retired for generation in generations):
                    raise Retired
                lane = self._lanes.setdefault(key, Lane(self, tuple(generations)))
        return lane

    def query(self, generations: Sequence[Generation], sql: str, arguments: Sequence[Any]) -> list[Any]:
        """All rows of a statement over these generations, see `Lane.rows`."""
        return self.lane(generations).rows(sql, arguments)

    def rows_of_a_value(self, generation: Generation, stored_name: str) -> int:
        """How many rows have the same value of a stored column, on the average; found out once."""
        known = generation.shares.get(stored_name)
        if known is None:
            sql = f"SELECT count(DISTINCT d.{quoted(stored_name)}) FROM main.{DATA} AS d"
            known = -(-generation.rows // max(1, self.query((generation,), sql, ())[0][0]))
            generation.shares[stored_name] = known
        return known

    def most_rows_of_a_value(self, generation: Generation, stored_name: str, most: int) -> int:
        """How many rows have the same value of an indexed stored column, by some samples; found out once.

        Args:
            most: if there are more, or there may be, one more than that is given.
        """
        known = generation.samples.get(stored_name)
        if known is not None:
            return known
        names = {column.stored_name.lower() for column in generation.columns.values()}
        row_id = next((name for name in _ROW_IDS if name not in names), None)
        if row_id is None:
            return most + 1
        column = quoted(stored_name)
        sample = f"SELECT t.{column} FROM main.{DATA} AS t WHERE t.{row_id} >= ? LIMIT 1"
        sql = f"SELECT count(*) FROM (SELECT 1 FROM main.{DATA} AS d WHERE d.{column} = ({sample}) LIMIT ?)"
        lowest, highest = self.query(
            (generation,), f"SELECT min(t.{row_id}), max(t.{row_id}) FROM main.{DATA} AS t", ()
        )[0]
        if lowest is None:
            return 0
        step = max(1, (highest - lowest) // _SAMPLES)
        counts = [
            self.query((generation,), sql, (lowest + number * step, most + 1))[0][0]
            for number in range(_SAMPLES)
        ]
        found: int = max(counts)
        generation.samples[stored_name] = found
        return found

    def acquire(self, lane: Lane) -> sqlite3.Cursor:
        """A reader for a lane: an idle one, or a new one. It goes back by `Lane.give_back`."""
        while True:
            self._resumed.wait()
            try:
                reader = lane.idle.pop()
            except IndexError:
                reader = self._connect(lane.generations)
            # Only after taking the connection: `pause` counts those that are out.
            if not self.is_paused:
                return reader
            lane.idle.append(reader)

    def _connect(self, generations: Sequence[Generation]) -> sqlite3.Cursor:
        with self._lock:
            # Under the lock that `retire` closes the anchors under: without its anchor a name
            # would open a new and empty database.
            if any(generation.is_retired for generation in generations):
                raise Retired
            reader = open_database(generations[0].uri).cursor()
            for number, generation in enumerate(generations[1:], 1):
                reader.execute(f"ATTACH ? AS s{number}", (generation.uri,))
            _register_functions(reader.connection)
            reader.execute("PRAGMA query_only=1")
            reader.execute("BEGIN")
            for number in range(len(generations)):
                # The transaction begins where something is read.
                reader.execute(
                    f"SELECT 1 FROM {f's{number}' if number else 'main'}.{DATA} LIMIT 1"
                ).fetchall()
            self._open.add(reader)
            return reader

    # -- residency -------------------------------------------------------------------------

    def retire(self, generation: Generation) -> None:
        """Let go of a generation. Statements that are reading it still finish. Idempotent."""
        with self._lock:
            if generation.is_retired:
                return
            generation.is_retired = True
            lanes = [self._lanes.pop(key) for key in list(self._lanes) if generation.serial in key]
        for lane in lanes:
            self.close_idle(lane.idle)
        with self._lock:
            self._anchors.pop(generation.serial, None)
            generation.anchor.close()

    def close_idle(self, idle: list[sqlite3.Cursor]) -> None:
        """Close what waits in the list of a retired generation; many threads may try at once."""
        while True:
            try:
                reader = idle.pop()
            except IndexError:
                return
            with self._lock:
                self._open.discard(reader)
            reader.connection.close()

    def keep(self, serial: int, anchor: sqlite3.Connection) -> None:
        """Remember what keeps a sealed generation alive, for `abandon`."""
        with self._lock:
            self._anchors[serial] = anchor

    def abandon(self) -> None:
        """The engine was collected: close what is left.

        Takes no lock, since the garbage collector runs wherever it happens to; nobody reads any more.
        """
        for lane in list(self._lanes.values()):
            while lane.idle:
                lane.idle.pop().connection.close()
        for anchor in list(self._anchors.values()):
            anchor.close()

    # -- forking ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def activity(self) -> Iterator[None]:
        """Around every use of SQLite that doesn't go through `query`: a fork waits for its end."""
        while True:
            self._resumed.wait()
            with self._lock:
                if not self.is_paused:
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
        self.is_paused = True
        until = time.monotonic() + deadline_seconds
        while time.monotonic() < until:
            with self._lock:
                in_use = len(self._open) - sum(len(lane.idle) for lane in self._lanes.values())
                if not self._slow and in_use <= 0:
                    return
            time.sleep(0.0005)

    def resume(self) -> None:
        self.is_paused = False
        self._resumed.set()

    def reset_after_fork(self) -> None:
        """In the child: the locks may be held by threads that it doesn't have.

        Readers that were inside SQLite (only if `pause` ran into its deadline) own their
        connections for ever; they are left alone, not closed.
        """
        self._lock = threading.Lock()
        self.turns.reset()
        self._resumed = threading.Event()
        self._resumed.set()
        self._slow = 0
        self.is_paused = False
        self._open = {reader for lane in self._lanes.values() for reader in lane.idle}


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
