"""Invariant: no read is older than a commit that had returned before the read began.

Eight threads read and write two tables in every way there is. Each key's value only grows; who has committed
a value raises that key's floor, and who reads notes the floor before. A value below it is a stale read, a
negative one was never committed. The seed is printed with a failure.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from support.origins import Origin

from sqlmem import CachingEngine, writes

THREADS = 8
# Under both settings together; SQLMEM_TEST_OPERATIONS for all three origins.
OPERATIONS = {"sqlite": 20_000, "postgresql": 100_000, "mariadb": 20_000}
KEYS = 10
SEED = 20240101


class History:
    """What was committed, and what was read against it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._floors = {(table, key): 0 for table in ("left_t", "right_t") for key in range(KEYS)}
        self._next = dict.fromkeys(range(KEYS), 0)
        self.stale: list[str] = []
        self.reads = self.writes = 0

    def floor(self, table: str) -> list[int]:
        with self._lock:
            return [self._floors[table, key] for key in range(KEYS)]

    def next(self, key: int) -> int:
        with self._lock:
            self._next[key] += 1
            return self._next[key]

    def committed(self, tables: tuple[str, ...], key: int, value: int) -> None:
        with self._lock:
            self.writes += 1
            for table in tables:
                self._floors[table, key] = max(self._floors[table, key], value)

    def check(self, how: str, table: str, floors: list[int], rows: list[tuple[int, int]]) -> None:
        found = [
            f"{how} {table}.{key}: {value} where {floors[key]} had been committed"
            for key, value in rows
            if value < floors[key]
        ]
        with self._lock:
            self.reads += 1
            self.stale += found


class Worker:
    """One thread's operations."""

    def __init__(
        self, engine: CachingEngine, history: History, seed: int, lock: threading.Lock | None
    ) -> None:
        self.engine = engine
        self.history = history
        self.rng = random.Random(seed)
        # SQLite has one writer at a time, and whoever waits for it polls.
        self.writing = lock

    def run(self, operations: int) -> None:
        ways: list[Callable[[], None]] = [self.read_by_execute] * 50
        ways += [self.read_by_core] * 20 + [self.read_joined] * 10 + [self.read_in_transaction] * 8
        ways += [self.read_what_is_kept] * 10
        ways += [
            self.write_one,
            self.write_both,
            self.write_rolled_back,
            self.write_by_savepoint,
            self.autocommit,
        ]
        for _ in range(operations):
            way = self.rng.choice(ways)
            if self.writing is not None and way.__name__ in _WRITES:
                with self.writing:
                    way()
            else:
                way()

    def table(self) -> str:
        return self.rng.choice(("left_t", "right_t"))

    def read_by_execute(self) -> None:
        table = self.table()
        floors = self.history.floor(table)
        rows = self.engine.execute(f"SELECT id, n FROM {table}")
        self.history.check("execute", table, floors, [(row["id"], row["n"]) for row in rows])

    def read_by_core(self) -> None:
        table, key = self.table(), self.rng.randrange(KEYS)
        floors = self.history.floor(table)
        with self.engine.connect() as connection:
            rows = connection.execute(text(f"SELECT id, n FROM {table} WHERE id = :id"), {"id": key}).all()
        self.history.check("core", table, floors, [(row[0], row[1]) for row in rows])

    def read_joined(self) -> None:
        floors, others = self.history.floor("left_t"), self.history.floor("right_t")
        with self.engine.connect() as connection:
            rows = connection.execute(
                text("SELECT l.id, l.n, r.n AS other FROM left_t l JOIN right_t r ON r.id = l.id")
            ).all()
        self.history.check("join", "left_t", floors, [(row[0], row[1]) for row in rows])
        self.history.check("join", "right_t", others, [(row[0], row[2]) for row in rows])

    def read_what_is_kept(self) -> None:
        """The store doesn't know the order in which these are put together: the origin's answer is kept."""
        table = self.table()
        floors = self.history.floor(table)
        rows = self.engine.execute(f"{_PUT_TOGETHER[self.engine.dialect.name]} FROM {table}")
        pairs = [pair.split(":") for pair in rows[0]["pairs"].split(",")]
        self.history.check("kept", table, floors, [(int(key), int(value)) for key, value in pairs])

    def read_in_transaction(self) -> None:
        with self.engine.connect() as connection:
            for table in ("left_t", "right_t"):
                floors = self.history.floor(table)
                rows = connection.execute(text(f"SELECT id, n FROM {table}")).all()
                self.history.check("transaction", table, floors, [(row[0], row[1]) for row in rows])
                if self.engine.dialect.name in ("mysql", "mariadb"):
                    # Its transactions see one moment, that of their first read: a new one for each.
                    connection.rollback()

    def write_one(self) -> None:
        table, key = self.table(), self.rng.randrange(KEYS)
        self._write((table,), key)

    def write_both(self) -> None:
        self._write(("left_t", "right_t"), self.rng.randrange(KEYS))

    def _write(self, tables: tuple[str, ...], key: int) -> None:
        with self.engine.begin() as connection:
            value = self._raise(connection, tables, key)
        self.history.committed(tables, key, value)

    def _raise(self, connection: sa.Connection, tables: tuple[str, ...], key: int) -> int:
        value = self.history.next(key)
        for table in tables:
            # A value never falls, whoever comes last.
            raised = connection.execute(
                text(f"UPDATE {table} SET n = :n WHERE id = :id AND n < :n"), {"n": value, "id": key}
            )
            if raised.rowcount:
                own = connection.execute(
                    text(f"SELECT n FROM {table} WHERE id = :id"), {"id": key}
                ).scalar_one()
                if own != value:
                    self.history.check("own write", table, [value] * KEYS, [(key, own)])
        return value

    def write_rolled_back(self) -> None:
        table, key = self.table(), self.rng.randrange(KEYS)
        with self.engine.connect() as connection:
            connection.execute(text(f"UPDATE {table} SET n = -1 WHERE id = :id"), {"id": key})
            connection.execute(text(f"SELECT n FROM {table}")).all()
            connection.rollback()

    def write_by_savepoint(self) -> None:
        key = self.rng.randrange(KEYS)
        with self.engine.begin() as connection:
            value = self._raise(connection, ("left_t",), key)
            savepoint = connection.begin_nested()
            connection.execute(text("UPDATE right_t SET n = -1 WHERE id = :id"), {"id": key})
            savepoint.rollback()
        self.history.committed(("left_t",), key, value)

    def autocommit(self) -> None:
        table, key = self.table(), self.rng.randrange(KEYS)
        value = self.history.next(key)
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(
                text(f"UPDATE {table} SET n = :n WHERE id = :id AND n < :n"), {"n": value, "id": key}
            )
            self.history.committed((table,), key, value)


_PUT_TOGETHER = {
    "sqlite": "SELECT group_concat(id || ':' || n) AS pairs",
    "postgresql": "SELECT string_agg(id::text || ':' || n::text, ',') AS pairs",
    "mysql": "SELECT group_concat(id, ':', n) AS pairs",
    "mariadb": "SELECT group_concat(id, ':', n) AS pairs",
}
_WRITES = frozenset({"write_one", "write_both", "write_rolled_back", "write_by_savepoint", "autocommit"})


@pytest.mark.parametrize("transactions", ["until_write", "always"])
def test_no_read_is_older_than_a_commit_that_had_returned(
    origin: Origin, transactions: str, report: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operations by eight threads on two tables, under either setting half of them."""
    # However seldom a fill pays here: what matters is what hits say.
    monkeypatch.setattr(writes, "LOSSES_IN_A_ROW", 10**9)
    if origin.family == "sqlite":
        origin.execute("PRAGMA journal_mode=WAL")
    rows = ", ".join(f"({key}, 0)" for key in range(KEYS))
    for table in ("left_t", "right_t"):
        origin.execute(
            f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)",
            f"INSERT INTO {table} VALUES {rows}",
        )
    base = origin.engine(pool_size=THREADS, max_overflow=2 * THREADS)
    history = History()
    lock = threading.Lock() if origin.family == "sqlite" else None
    failures: list[BaseException] = []
    operations = int(os.environ.get("SQLMEM_TEST_OPERATIONS") or OPERATIONS[origin.family])
    each = operations // 2 // THREADS
    with CachingEngine(base, mode="transparent", transactions=transactions) as engine:

        def work(number: int) -> None:
            worker = Worker(engine, history, SEED + number, lock)
            left = each
            while left:
                try:
                    worker.run(1)
                    left -= 1
                except OperationalError as error:
                    # Two writers that wait for each other: one of them is told to try again.
                    if "deadlock" not in str(error).lower():
                        failures.append(error)
                        return
                except BaseException as error:  # noqa: BLE001 - the test fails with it
                    failures.append(error)
                    return

        threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stats = engine.stats()
    report(
        f"history on {origin.family}, {transactions}: {each * THREADS} operations by {THREADS} threads, "
        f"{history.writes} commits, {history.reads} reads ({stats.hits} hits, "
        f"{stats.result_hits} of kept answers), {len(history.stale)} stale"
    )

    assert not failures, f"seed {SEED}: {failures[:1]!r}"
    assert not history.stale, f"seed {SEED}: {history.stale[:5]}"
    assert stats.hits > 0
    assert stats.result_hits > 0
