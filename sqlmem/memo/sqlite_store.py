"""Records in an SQLite file, in WAL mode: the native store, and the quick one.

Rule 1: a connection is in the hands of one thread at a time, taken from a list and put back.
Rule 2: a write is one IMMEDIATE transaction: it waits for others at its beginning, and then nothing can
        stand in its way. A reader waits for nobody. Threads queue for a lock; processes ask again and again,
        more often than SQLite would: where others write all the time, it comes too late for ever.
Rule 3: a forked child uses no connection of its parent's. Before a fork nobody is let into SQLite, and
        it is waited, at most a second, until all have left.

The form, for queries from outside:

    sqlmem_memo     a row per record: function, arguments and value (JSON, if recorded), created, runtime
    sqlmem_tokens   a row per table: the token in force
    sqlmem_claims   a row per body that runs: whose it is
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlmem.dependencies import process_name
from sqlmem.memo.life import Life
from sqlmem.memo.record import Row, Stored
from sqlmem.memo.store import IsDead
from sqlmem.process import FORK_SECONDS

T = TypeVar("T")

VERSION = 1
_BUSY_SECONDS = 60.0
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS sqlmem_memo (
        key TEXT PRIMARY KEY, function TEXT NOT NULL, payload BLOB NOT NULL, kind INTEGER NOT NULL,
        serializer TEXT NOT NULL, reads TEXT NOT NULL, created REAL NOT NULL, expires REAL, signature BLOB,
        runtime REAL NOT NULL, used REAL NOT NULL, arguments TEXT, value TEXT)""",
    "CREATE INDEX IF NOT EXISTS sqlmem_memo_used ON sqlmem_memo (function, used)",
    """CREATE TABLE IF NOT EXISTS sqlmem_tokens (
        scope TEXT NOT NULL, name TEXT NOT NULL, token TEXT NOT NULL, PRIMARY KEY (scope, name))""",
    """CREATE TABLE IF NOT EXISTS sqlmem_claims (
        key TEXT PRIMARY KEY, function TEXT NOT NULL, owner TEXT NOT NULL, until REAL NOT NULL)""",
    "CREATE TABLE IF NOT EXISTS sqlmem_version (version INTEGER NOT NULL)",
)
_TABLES = ("sqlmem_memo", "sqlmem_tokens", "sqlmem_claims", "sqlmem_version")
_STORED = "payload, kind, serializer, reads, created, expires, signature, runtime"
_GET = f"SELECT {_STORED} FROM sqlmem_memo WHERE key = ?"
_ROW = f"key, function, {_STORED}, used, arguments, value"
_PUT = f"INSERT OR REPLACE INTO sqlmem_memo ({_ROW}) VALUES ({', '.join('?' * 13)})"
_END_CLAIM = "DELETE FROM sqlmem_claims WHERE key = ? AND owner = ?"
_ROWS = f"SELECT {_ROW} FROM sqlmem_memo WHERE function = ? ORDER BY created, key"

# Connections that a forked child has from its parent: closing them could end the parent's WAL.
_of_the_parent: list[sqlite3.Connection] = []


class SqliteStore:
    """Safe for use by many threads and processes; see `store.Store`."""

    is_quick = True
    tells_owners = True
    # A file is this machine's; but not every system tells when a process began.
    needs_lease = process_name().endswith("unknown")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # A later change of folder doesn't change the file.
        self.path = Path(path).expanduser().absolute()
        self._idle: list[sqlite3.Connection] = []
        self._open: list[sqlite3.Connection] = []
        self._lock = threading.Lock()  # of `_open`, and who may add to it
        self._writing = threading.Lock()  # who of our threads writes, for one transaction
        self._is_made = False
        self._is_closed = False
        self._paused: list[sqlite3.Connection] = []
        self._paused_locks: list[threading.Lock] = []
        self._life = Life(self)
        self._finalizer = weakref.finalize(self, _close_all, self._open)

    # -- connections -----------------------------------------------------------------------

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        with self._lock:
            if self._is_closed:
                raise sqlite3.ProgrammingError("this memo was closed")
            if not self._is_made:
                # Its owner alone: what is in it is data, and with pickle it is code.
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
            self._open.append(connection)
            try:
                _patiently(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone())
                _patiently(lambda: connection.execute("PRAGMA synchronous=NORMAL"))
                if not self._is_made:
                    self._make(connection)
                    self._is_made = True
            except BaseException:
                self._open.remove(connection)
                connection.close()
                raise
            return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        with _transaction(connection) as execute:
            names = {row[0] for row in execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            if "sqlmem_version" in names:
                if execute("SELECT version FROM sqlmem_version").fetchone() == (VERSION,):
                    return
                # Of another version of sqlmem: what it remembers in another form is forgotten.
                for table in _TABLES:
                    execute(f"DROP TABLE IF EXISTS {table}")
            for statement in _SCHEMA:
                execute(statement)
            execute("INSERT INTO sqlmem_version VALUES (?)", (VERSION,))

    def _read(self, statement: str, parameters: Sequence[Any]) -> list[Any]:
        connection = self._take()
        try:
            return _patiently(lambda: connection.execute(statement, parameters).fetchall())
        finally:
            self._idle.append(connection)

    def _write(self, action: Callable[[Callable[..., sqlite3.Cursor]], T]) -> T:
        with self._writing:
            connection = self._take()
            try:
                with _transaction(connection) as execute:
                    return action(execute)
            finally:
                self._idle.append(connection)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._idle.clear()
            self._finalizer()
        self._life.end()

    # -- records ---------------------------------------------------------------------------

    def get(self, key: str) -> Stored | None:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            row = connection.execute(_GET, (key,)).fetchone()
        except sqlite3.OperationalError:
            # Another process recovers the file, or is the last to close it.
            row = _patiently(lambda: connection.execute(_GET, (key,)).fetchone())
        finally:
            self._idle.append(connection)
        return None if row is None else Stored._make(row)

    def put(self, row: Row, *, owner: str | None) -> bool:
        values = (row.key, row.function, *row.stored, row.used, row.arguments, row.value)

        def write(execute: Callable[..., sqlite3.Cursor]) -> bool:
            if owner is not None and not execute(_END_CLAIM, (row.key, owner)).rowcount:
                return False
            execute(_PUT, values)
            return True

        return self._write(write)

    def delete(self, keys: Iterable[str]) -> int:
        listed = list(keys)

        def write(execute: Callable[..., sqlite3.Cursor]) -> int:
            for key in listed:
                execute("DELETE FROM sqlmem_claims WHERE key = ?", (key,))
            return sum(execute("DELETE FROM sqlmem_memo WHERE key = ?", (key,)).rowcount for key in listed)

        return self._write(write)

    def clear(self, function: str | None) -> None:
        condition, values = ("", ()) if function is None else (" WHERE function = ?", (function,))

        def write(execute: Callable[..., sqlite3.Cursor]) -> None:
            execute(f"DELETE FROM sqlmem_claims{condition}", values)
            execute(f"DELETE FROM sqlmem_memo{condition}", values)

        self._write(write)

    def rows(self, function: str) -> Sequence[Row]:
        return [
            Row(row[0], row[1], Stored._make(row[2:10]), *row[10:]) for row in self._read(_ROWS, (function,))
        ]

    def count(self, function: str) -> int:
        found = self._read("SELECT count(*) FROM sqlmem_memo WHERE function = ?", (function,))
        return int(found[0][0])

    def touch(self, used: Mapping[str, float]) -> None:
        rows = [(when, key, when) for key, when in used.items()]

        def write(execute: Callable[..., sqlite3.Cursor]) -> None:
            for row in rows:
                execute("UPDATE sqlmem_memo SET used = ? WHERE key = ? AND used < ?", row)

        self._write(write)

    def trim(self, function: str, keep: int) -> int:
        return self._write(
            lambda execute: (
                execute(
                    "DELETE FROM sqlmem_memo WHERE key IN (SELECT key FROM sqlmem_memo WHERE function = ?"
                    " ORDER BY used DESC, created DESC LIMIT -1 OFFSET ?)",
                    (function, keep),
                ).rowcount
            )
        )

    # -- tokens ----------------------------------------------------------------------------

    def tokens(self, scope: str, names: Iterable[str]) -> dict[str, str]:
        listed = list(names)
        marks = ", ".join("?" * len(listed))
        return dict(
            self._read(
                f"SELECT name, token FROM sqlmem_tokens WHERE scope = ? AND name IN ({marks})",
                (scope, *listed),
            )
        )

    def set_tokens(self, scope: str, tokens: Mapping[str, str]) -> None:
        def write(execute: Callable[..., sqlite3.Cursor]) -> None:
            for name, token in tokens.items():
                execute("INSERT OR REPLACE INTO sqlmem_tokens VALUES (?, ?, ?)", (scope, name, token))

        self._write(write)

    def add_token(self, scope: str, name: str, token: str) -> str:
        def write(execute: Callable[..., sqlite3.Cursor]) -> str:
            execute("INSERT OR IGNORE INTO sqlmem_tokens VALUES (?, ?, ?)", (scope, name, token))
            found = execute(
                "SELECT token FROM sqlmem_tokens WHERE scope = ? AND name = ?", (scope, name)
            ).fetchone()
            return str(found[0])

        return self._write(write)

    # -- claims ----------------------------------------------------------------------------

    def claim(self, key: str, function: str, owner: str, until: float, is_dead: IsDead) -> bool:
        def write(execute: Callable[..., sqlite3.Cursor]) -> bool:
            found = execute("SELECT owner, until FROM sqlmem_claims WHERE key = ?", (key,)).fetchone()
            if found is not None and found[0] != owner and not is_dead(*found):
                return False
            execute("INSERT OR REPLACE INTO sqlmem_claims VALUES (?, ?, ?, ?)", (key, function, owner, until))
            return True

        # Those who wait ask often: without a transaction, as long as it wouldn't be of use.
        found = self._read("SELECT owner, until FROM sqlmem_claims WHERE key = ?", (key,))
        if found and found[0][0] != owner and not is_dead(*found[0]):
            return False
        return self._write(write)

    def renew(self, owner: str, until: float) -> None:
        self._write(
            lambda execute: execute("UPDATE sqlmem_claims SET until = ? WHERE owner = ?", (until, owner))
        )

    def release(self, key: str, owner: str) -> None:
        self._write(lambda execute: execute(_END_CLAIM, (key, owner)))

    # -- the process -----------------------------------------------------------------------

    def before_fork(self) -> None:
        # Held until the fork is over: nobody writes, nobody can open a connection.
        self._paused_locks = [
            lock for lock in (self._writing, self._lock) if lock.acquire(timeout=FORK_SECONDS)
        ]
        deadline = time.monotonic() + FORK_SECONDS
        held: list[sqlite3.Connection] = []
        while len(held) < len(self._open) and time.monotonic() < deadline:
            try:
                held.append(self._idle.pop())
            except IndexError:
                time.sleep(0.0005)
        self._paused = held

    def after_fork_in_parent(self) -> None:
        self._idle.extend(self._paused)
        for lock in self._paused_locks:
            lock.release()

    def after_fork_in_child(self) -> None:
        _of_the_parent.extend(self._open)
        self._idle = []
        self._open = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._finalizer.detach()
        self._finalizer = weakref.finalize(self, _close_all, self._open)


def _close_all(connections: list[sqlite3.Connection]) -> None:
    while connections:
        connections.pop().close()


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[Callable[..., sqlite3.Cursor]]:
    _patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
    try:
        yield connection.execute
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _patiently(action: Callable[[], T]) -> T:
    """Again, for as long as others are in the way."""
    deadline = 0.0
    pause = 0.0002
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) and "busy" not in str(error):
                raise
            now = time.monotonic()
            deadline = deadline or now + _BUSY_SECONDS
            if now > deadline:
                raise
            time.sleep(pause)
            pause = min(pause * 1.5, 0.004)
