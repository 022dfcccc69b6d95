"""Generated histories: engines that come and go, with and without snapshots, on one memo's file."""

from __future__ import annotations

import asyncio
import itertools

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from sqlmem import CachingEngine, Memo

WHO = st.integers(0, 1)
OPERATIONS = st.one_of(
    st.tuples(st.just("write"), WHO, st.sampled_from(["items", "main.items", None])),
    st.tuples(st.just("call"), WHO, st.sampled_from(["sum", "origin", "view", "nested"])),
    st.tuples(st.just("call"), WHO, st.sampled_from(["sum", "origin", "view", "nested"])),
    st.tuples(st.just("restart"), WHO, st.booleans()),
    st.tuples(st.just("widen"), WHO, st.none()),
)
_numbers = itertools.count()


class Life:
    """A program with an engine, a snapshot and a memo of its own, on the file that both share."""

    def __init__(self, base, folder, number):
        self.base, self.folder, self.number = base, folder, number
        self.ran = False
        self.start()

    def start(self):
        engine = self.engine = CachingEngine(self.base, cache_db=str(self.folder / f"cache{self.number}.db"))
        self.memo = Memo(self.folder / "memo.db")

        def ask(statement):
            self.ran = True
            return engine.execute(statement)[0]["n"]

        self.functions = {
            "sum": self.memo(name="sum")(_asking(ask, "SELECT sum(n) AS n FROM items")),
            # A sum of floats is the origin's.
            "origin": self.memo(name="origin")(_asking(ask, "SELECT sum(n * 0.1) * 10 AS n FROM items")),
            "view": self.memo(name="view")(_asking(ask, "SELECT max(n) AS n FROM seen")),
        }
        inner = self.functions["sum"]

        def nested():
            self.ran = True
            return inner()

        self.functions["nested"] = self.memo(name="nested", ignore=("inner", "self"))(nested)

    def call(self, name):
        """The answer, and whether it was a hit."""
        self.ran = False
        return round(self.functions[name]()), not self.ran

    def stop(self):
        self.memo.close()
        self.engine.close()


def _asking(ask, statement):
    class Asking:
        """Not a function: what that closes over would tell the lives' functions apart."""

        __qualname__ = "asking"

        def __call__(self):
            return ask(statement)

    return Asking()


@given(st.lists(OPERATIONS, min_size=4, max_size=25))
@pytest.mark.generated
def test_a_hit_is_never_older_than_the_last_invalidation(tmp_path_factory, history):
    """Invariant: whoever invalidated, whoever asks; and the one who invalidated computes from new rows."""
    folder = tmp_path_factory.mktemp(f"eras{next(_numbers)}")
    base = sa.create_engine(f"sqlite:///{folder / 'origin.db'}")
    with base.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE items (id INTEGER PRIMARY KEY, n INTEGER, note TEXT)")
        connection.exec_driver_sql("INSERT INTO items VALUES (1, 0, 'a')")
        connection.exec_driver_sql("CREATE VIEW seen AS SELECT n FROM items")
    lives = [Life(base, folder, number) for number in (0, 1)]
    current = 0
    # Who has rows from before the last invalidation, which nobody has told them of.
    behind = set()
    try:
        for what, who, detail in history:
            life = lives[who]
            if what == "write":
                current += 1
                with base.begin() as connection:
                    connection.exec_driver_sql(f"UPDATE items SET n = {current}")
                life.engine.invalidate(detail)
                behind = {1 - who}
            elif what == "call":
                answer, is_hit = life.call(detail)
                if is_hit or who not in behind:
                    assert answer == current
            elif what == "widen":
                life.engine.execute("SELECT id, note FROM items")
            else:
                life.stop()
                path = folder / f"cache{who}.db"
                if not detail and path.exists():
                    path.unlink()
                life.start()
                if not detail:
                    behind.discard(who)
    finally:
        for life in lives:
            life.stop()
        base.dispose()


@given(st.lists(st.sampled_from(["call", "restart", "restart without"]), min_size=3, max_size=12))
@pytest.mark.generated
def test_a_result_survives_exactly_if_its_rows_do(tmp_path_factory, history):
    """Invariant: one program alone; a call is a hit if and only if it was called since the rows were lost."""
    folder = tmp_path_factory.mktemp(f"eras{next(_numbers)}")
    base = sa.create_engine(f"sqlite:///{folder / 'origin.db'}")
    with base.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE items (id INTEGER PRIMARY KEY, n INTEGER)")
        connection.exec_driver_sql("INSERT INTO items VALUES (1, 7)")
        connection.exec_driver_sql("CREATE VIEW seen AS SELECT n FROM items")
    life = Life(base, folder, 0)
    is_remembered = False
    try:
        for what in history:
            if what == "call":
                assert life.call("sum") == (7, is_remembered)
                is_remembered = True
                continue
            life.stop()
            path = folder / "cache0.db"
            if what == "restart without":
                path.unlink(missing_ok=True)
                is_remembered = False
            life.start()
    finally:
        life.stop()
        base.dispose()


def test_each_origin_is_known_by_its_tables(origin, tmp_path):
    """The names, schemas and bypasses of every family."""
    origin.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)", "INSERT INTO orders VALUES (1, 10)"
    )
    origin.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    base = origin.engine()
    with CachingEngine(base, cache_db="") as engine, Memo(tmp_path / "memo.db") as memo:
        calls = []
        for name, statement in (
            ("store", "SELECT max(total) AS n FROM orders"),
            ("origin", "SELECT sum(total * 0.1e0) * 10 AS n FROM orders"),
        ):

            @memo(name=name, ignore=("calls", "engine"))
            def ask(statement):
                calls.append(1)
                return round(engine.execute(statement)[0]["n"])

            before = len(calls)
            assert [ask(statement), ask(statement)] == [10, 10]
            engine.invalidate("users")
            assert ask(statement) == 10
            assert len(calls) == before + 1
            with base.begin() as connection:
                connection.exec_driver_sql("UPDATE orders SET total = 11")
            engine.invalidate("orders")
            assert ask(statement) == 11
            with base.begin() as connection:
                connection.exec_driver_sql("UPDATE orders SET total = 10")
            engine.invalidate()
            assert ask(statement) == 10
            assert len(calls) == before + 3
    base.dispose()


def test_an_asyncio_engine_is_recorded_too(asyncpg_origin, tmp_path):
    """Its statements run in a greenlet of the task, in the task's context."""
    asyncpg_origin.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)")
    asyncpg_origin.execute("INSERT INTO orders VALUES (1, 10)")

    async def main():
        base = asyncpg_origin.async_engine()
        caching = CachingEngine(base.sync_engine, cache_db="")
        engine = AsyncEngine(caching)
        calls = []
        with Memo(tmp_path / "memo.db") as memo:

            @memo(ignore=("calls", "engine"))
            async def total():
                calls.append(1)
                async with engine.connect() as connection:
                    found = await connection.execute(sa.text("SELECT max(total) AS n FROM orders"))
                    return found.scalar_one()

            @memo(ignore=("calls", "connection"))
            def inside(connection):
                calls.append(1)
                return connection.execute(sa.text("SELECT max(total) AS n FROM orders")).scalar_one()

            async def run_inside():
                async with engine.connect() as connection:
                    return await connection.run_sync(inside)

            assert await asyncio.gather(*(total() for _ in range(5))) == [10] * 5
            assert len(calls) == 1
            assert await asyncio.gather(*(run_inside() for _ in range(3))) == [10] * 3
            caching.invalidate("orders")
            assert await asyncio.gather(*(run_inside() for _ in range(3))) == [10] * 3
            assert await total() == 10
            assert len(calls) <= 4
        caching.close()
        await base.dispose()

    asyncio.run(main())


def test_two_memos_on_one_engine_do_not_end_each_others_eras(tmp_path, base):
    """After a restart without a snapshot each store begins an era; the rows are dropped for it once."""
    stores = [tmp_path / "a.db", tmp_path / "b.db"]
    for life in range(3):
        with CachingEngine(base, cache_db="") as engine, Memo(stores[0]) as one, Memo(stores[1]) as other:
            calls = []
            functions = []
            for memo in (one, other):

                @memo(name="total", ignore=("calls", "engine"))
                def total():
                    calls.append(1)  # noqa: B023 - called in this round only
                    return engine.execute("SELECT sum(total) AS s FROM orders")[0]["s"]

                functions.append(total)

            @other(name="outer", ignore=("functions",))
            def outer():
                return functions[0]() + 1  # noqa: B023 - called in this round only

            assert [function() for _ in range(5) for function in functions] == [30] * 10
            assert len(calls) <= 3, life
            assert [function.has() for function in functions] == [True, True]
            assert [outer(), outer()] == [31, 31]
            assert outer.has()
            assert engine.stats().fills <= 2
            with base.begin() as connection:
                connection.exec_driver_sql("UPDATE orders SET total = 11 WHERE id = 1")
            engine.invalidate("orders")
            assert [*(function() for function in functions), outer()] == [31, 31, 32]
            with base.begin() as connection:
                connection.exec_driver_sql("UPDATE orders SET total = 10 WHERE id = 1")
            engine.invalidate("orders")
            assert [*(function() for function in functions), outer()] == [30, 30, 31]
            assert [function.has() for function in (*functions, outer)] == [True] * 3
            assert engine.stats().fills <= 4


def test_what_one_store_was_not_told_is_not_forgotten_over_another(tmp_path, base, monkeypatch):
    """Its write failed; meanwhile another store makes the engine take another's era."""
    stores = [tmp_path / "a.db", tmp_path / "b.db"]
    with (
        CachingEngine(base, cache_db="") as engine,
        CachingEngine(base, cache_db="") as elsewhere,
        Memo(stores[0]) as one,
        Memo(stores[1]) as other,
        Memo(stores[1]) as others,
    ):

        def ask():
            return engine.execute("SELECT sum(total) AS s FROM orders")[0]["s"]

        def ask_elsewhere():
            return elsewhere.execute("SELECT sum(total) AS s FROM orders")[0]["s"]

        first, second = one(name="f")(ask), other(name="f")(ask)
        third = others(name="g")(ask_elsewhere)
        assert [first(), second(), third()] == [30, 30, 30]

        def fail(*_):
            raise OSError

        monkeypatch.setattr(one._shared.store, "set_tokens", fail)
        with base.begin() as connection:
            connection.exec_driver_sql("UPDATE orders SET total = 11 WHERE id = 1")
        engine.invalidate("orders")
        monkeypatch.undo()
        elsewhere.invalidate("orders")
        assert third() == 31
        assert second() == 31
        assert first() == 31
        assert first() == 31


def test_a_memo_that_is_opened_after_an_invalidation_is_told_of_it(tmp_path, base):
    """Also if the engine has taken part in another's era since."""
    stores = [tmp_path / "a.db", tmp_path / "b.db"]
    with CachingEngine(base, cache_db="") as engine, CachingEngine(base, cache_db="") as elsewhere:

        def ask():
            return engine.execute("SELECT sum(total) AS s FROM orders")[0]["s"]

        with Memo(stores[1]) as late:
            # Remembered in the second store by a living engine, before the invalidation.
            assert late(name="f", ignore=("engine",))(ask)() == 30
        with base.begin() as connection:
            connection.exec_driver_sql("UPDATE orders SET total = 11 WHERE id = 1")
        engine.invalidate("orders")
        with Memo(stores[0]) as one:

            def ask_elsewhere():
                return elsewhere.execute("SELECT sum(total) AS s FROM orders")[0]["s"]

            one(name="g")(ask_elsewhere)()
            assert one(name="f", ignore=("engine",))(ask)() == 31
            elsewhere.invalidate("orders")
            assert one(name="f", ignore=("engine",))(ask)() == 31
        with Memo(stores[1]) as late:
            assert late(name="f", ignore=("engine",))(ask)() == 31


def test_what_one_of_several_engines_has_read_is_kept_under_its_era(tmp_path, base):
    """The others, which nobody has asked yet, take part; an invalidation through one of them ends it."""
    with base.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE items (n INTEGER)")
        connection.exec_driver_sql("INSERT INTO items VALUES (1), (2)")
    # Read before the memo knows of any of them.
    statement = "SELECT sum(n * 0.1) * 10 AS n FROM items"
    with CachingEngine(base) as first, CachingEngine(base) as second:
        second.execute(statement)
        memo = Memo(tmp_path / "memo.db", engine=second)

        @memo
        def total():
            return round(second.execute(statement)[0]["n"])

        assert total() == 3
        assert second.stats().result_hits == 1
        assert total.has()
        first.invalidate("items")
        assert not total.has()
        assert total() == 3
        assert total.has()
        memo.close()
