"""`consistency="snapshot"`: a statement over several tables sees them as of one moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from support.origins import Origin

from sqlmem import CachingEngine, last_status

BALANCE = "SELECT p.amount + m.amount AS total FROM plus AS p JOIN minus AS m ON m.id = p.id"


@pytest.fixture
def accounts(origin: Origin) -> Origin:
    """Two tables whose amounts add up to 0, and a third."""
    if origin.family == "sqlite":
        origin.execute("PRAGMA journal_mode = WAL")  # a writer beside a reader
    origin.execute(
        "CREATE TABLE plus (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)",
        "CREATE TABLE minus (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)",
        "CREATE TABLE other (id INTEGER PRIMARY KEY, amount INTEGER NOT NULL)",
        "INSERT INTO plus VALUES (1, 5)",
        "INSERT INTO minus VALUES (1, -5)",
        "INSERT INTO other VALUES (1, 0)",
    )
    return origin


def move(origin: Origin, amount: int) -> None:
    """Change both in one transaction, beside the counted engines."""
    engine = sa.create_engine(origin.url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE plus SET amount = {amount}")
        connection.exec_driver_sql(f"UPDATE minus SET amount = {-amount}")
    engine.dispose()


@contextmanager
def before_fetch(engine: sa.Engine, table: str, action: Callable[[], None]) -> Iterator[None]:
    """Do something once, just before the origin is asked for the rows of a table."""
    left = [action]

    def executing(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        # The statement itself is told of too, before it is known who answers it.
        is_fetch = "amount" in statement and "JOIN" not in statement
        if left and is_fetch and table in statement.partition("FROM")[2]:
            left.pop()()

    event.listen(engine, "before_cursor_execute", executing)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", executing)
    assert not left, f"{table} wasn't fetched"


def total(engine: CachingEngine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(BALANCE).scalar_one())


@pytest.mark.parametrize("consistency", ["table", "snapshot"])
def test_a_commit_between_two_fetches_is_never_seen_half(accounts: Origin, consistency: str):
    """With "table" the second table is as of after the commit, with "snapshot" both are as of before it."""
    base = accounts.engine()
    with CachingEngine(base, mode="transparent", consistency=consistency) as engine:
        # Names are fetched in their order: minus before plus.
        second = "plus" if consistency == "snapshot" else "minus"
        with before_fetch(base, second, lambda: move(accounts, 8)):
            torn = total(engine)
        again = total(engine)
        status = last_status()

    assert (torn == 0) == (consistency == "snapshot")
    assert again == torn
    assert status is not None
    assert status.outcome == "hit"


def test_an_invalidation_between_two_fetches_publishes_neither(accounts: Origin):
    """The statement that filled may have the rows, since it began before; nobody after it."""
    base = accounts.engine()
    with CachingEngine(base, mode="transparent", consistency="snapshot") as engine:

        def write() -> None:
            move(accounts, 9)
            engine.invalidate("plus")
            engine.invalidate("minus")

        with before_fetch(base, "plus", write):
            first = total(engine)
        filled = {name: table.generation for name, table in engine.stats().tables.items() if table.rows}
        with accounts.expect(2):
            second = total(engine)
        with engine.connect() as connection:
            amounts = connection.exec_driver_sql("SELECT amount FROM plus").scalars().all()

    assert (first, second) == (0, 0)
    assert not filled
    assert amounts == [9]


def test_a_refill_of_one_table_is_one_of_all_that_are_read_with_it(accounts: Origin):
    """After an invalidation of one, the statement's tables are read anew together, each once."""
    with CachingEngine(accounts.engine(), mode="transparent", consistency="snapshot") as engine:
        with accounts.expect(2):
            total(engine)
        with accounts.expect(0):
            total(engine)
        move(accounts, 3)
        engine.invalidate("plus")

        with accounts.expect(2):
            refilled = total(engine)
        with accounts.expect(0):
            again = total(engine)

    assert (refilled, again) == (0, 0)


def test_two_statements_with_a_table_in_common_dont_fetch_in_turns(accounts: Origin):
    """All tables that they read are one group: after two fills both are hits."""
    third = "SELECT p.amount FROM plus AS p JOIN other AS o ON o.id = p.id"
    with CachingEngine(accounts.engine(), mode="transparent", consistency="snapshot") as engine:
        with accounts.expect(2):
            total(engine)
        with engine.connect() as connection:
            with accounts.expect(3):
                connection.exec_driver_sql(third).all()
            with accounts.expect(0):
                total(engine)
                connection.exec_driver_sql(third).all()


def test_fills_of_groups_that_overlap_dont_wait_for_each_other(accounts: Origin):
    """Threads that read pairs of three tables in any order, beside invalidations, all come to an end."""
    pairs = [("plus", "minus"), ("minus", "other"), ("other", "plus")]
    texts = [f"SELECT count(*) FROM {one} AS x JOIN {two} AS y ON y.id = x.id" for one, two in pairs]
    failures: list[Exception] = []
    barrier = threading.Barrier(6)
    with CachingEngine(accounts.engine(), mode="transparent", consistency="snapshot") as engine:

        def work(number: int) -> None:
            try:
                barrier.wait(timeout=30)
                for turn in range(20):
                    with engine.connect() as connection:
                        text = texts[(number + turn) % 3]
                        assert connection.exec_driver_sql(text).scalar_one() == 1
                    if turn % 5 == number % 5:
                        engine.invalidate(pairs[turn % 3][0])
            except Exception as error:  # noqa: BLE001 - shown below
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
        alive = [thread for thread in threads if thread.is_alive()]

    assert not failures
    assert not alive


def test_a_writer_is_never_seen_half_by_many_readers(accounts: Origin):
    """Each total that any thread reads is 0, while a writer commits and invalidates."""
    seen: list[int] = []
    barrier = threading.Barrier(4)
    with CachingEngine(accounts.engine(), mode="transparent", consistency="snapshot") as engine:

        def read() -> None:
            barrier.wait(timeout=30)
            seen.extend(total(engine) for _ in range(60))

        readers = [threading.Thread(target=read, daemon=True) for _ in range(3)]
        for reader in readers:
            reader.start()
        barrier.wait(timeout=30)
        for amount in range(15):
            move(accounts, amount)
            engine.invalidate("plus" if amount % 2 else "minus")
        for reader in readers:
            reader.join(timeout=120)

    assert len(seen) == 180
    assert set(seen) == {0}


def test_one_table_alone_is_filled_as_ever(accounts: Origin):
    """A statement over one table asks for no transaction, and is a hit afterwards."""
    base = accounts.engine()
    with (
        CachingEngine(base, mode="transparent", consistency="snapshot") as engine,
        engine.connect() as asking,
    ):
        with accounts.expect(1):
            asking.exec_driver_sql("SELECT amount FROM plus").all()
        with accounts.expect(0):
            asking.exec_driver_sql("SELECT amount FROM plus").all()


def test_commits_through_the_engine_are_seen_whole_and_at_once(accounts: Origin):
    """Who reads after a commit returned sees it, in both tables; nobody sees one table without the other."""
    both = "SELECT p.amount, m.amount FROM plus AS p JOIN minus AS m ON m.id = p.id"
    torn: list[Any] = []
    late: list[Any] = []
    barrier = threading.Barrier(4)
    committed = [5]
    with CachingEngine(accounts.engine(), mode="transparent", consistency="snapshot") as engine:

        def read() -> None:
            barrier.wait(timeout=30)
            for _ in range(60):
                least = committed[0]
                with engine.connect() as connection:
                    one, other = connection.exec_driver_sql(both).one()
                if one + other:
                    torn.append((one, other))
                if one < least:
                    late.append((one, least))

        readers = [threading.Thread(target=read, daemon=True) for _ in range(3)]
        for reader in readers:
            reader.start()
        barrier.wait(timeout=30)
        for amount in range(6, 21):
            with engine.begin() as connection:
                connection.exec_driver_sql(f"UPDATE plus SET amount = {amount}")
                connection.exec_driver_sql(f"UPDATE minus SET amount = {-amount}")
            committed[0] = amount
        for reader in readers:
            reader.join(timeout=120)
        with engine.connect() as connection:
            # SQLite's commits wait for readers: all of those may have been while one was under way.
            assert connection.exec_driver_sql(both).one() == (20, -20)
        stats = engine.stats()

    assert not torn
    assert not late
    assert stats.hits + stats.misses > 0
