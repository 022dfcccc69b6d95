"""A memoized function knows which tables it read; its results go when one of them is invalidated."""

from __future__ import annotations

import concurrent.futures
import shutil
import sqlite3
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from support.clock import ManualClock

from sqlmem import CachingEngine, Memo, last_status
from sqlmem.dependencies import listening


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def write(base, statement):
    with base.begin() as connection:
        connection.exec_driver_sql(statement)


def total_of(memo, engine, **options):
    """A function over orders, and the calls that reached its body."""
    calls = []

    @memo(name="total", **options)
    def total(region):
        calls.append(region)
        rows = engine.execute("SELECT sum(total) AS s FROM orders WHERE region = :r", {"r": region})
        return int(rows[0]["s"])

    return total, calls


def names_of(memo, engine, **options):
    calls = []

    @memo(name="names", **options)
    def names():
        calls.append(1)
        return [row["name"] for row in engine.execute("SELECT name FROM users ORDER BY id")]

    return names, calls


def test_results_go_with_a_table_that_they_read(store, opened, base, engine):
    """And only with it: a function over another table is still remembered."""
    memo = opened(store)
    total, calls = total_of(memo, engine)
    names, more = names_of(memo, engine)
    assert [total("north"), total("north"), names(), names()] == [10, 10, ["Ana"], ["Ana"]]
    write(base, "UPDATE orders SET total = 11 WHERE id = 1")

    engine.invalidate("orders")

    assert [total("north"), total("north"), names()] == [11, 11, ["Ana"]]
    assert (len(calls), len(more)) == (2, 1)
    assert total.records().one().tables == ("main.orders",)


def test_a_hit_of_the_store_inside_the_body_counts_as_read(memo, base, engine):
    """Not only what had to be fetched."""
    engine.warm("orders")
    total, calls = total_of(memo, engine)
    total("north")

    engine.invalidate("orders")
    total("north")

    assert len(calls) == 2


def test_every_way_in_counts_as_read(memo, engine):
    """Core, the ORM and what the origin answers."""
    calls = []

    @memo
    def everything():
        calls.append(1)
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT id FROM orders")).all()
        with Session(engine) as session:
            session.get(User, 1)

    everything()
    everything()
    assert calls == [1]
    for table in ("orders", "users"):
        engine.invalidate(table)
        everything()
        everything()
    assert len(calls) == 3
    assert everything.records().one().tables == ("main.orders", "main.users")


def test_what_the_origin_answers_depends_on_its_tables(memo, engine):
    """A bypass: of the tables that it names, as long as it calls nothing unknown."""
    calls = []

    @memo
    def heavy():
        calls.append(1)
        rows = engine.execute("SELECT sum(total * 0.1) AS s FROM orders")
        assert rows.status.outcome == "bypass"
        return rows[0]["s"]

    heavy()
    heavy()
    engine.invalidate("users")
    heavy()
    assert len(calls) == 1
    engine.invalidate("main.orders")
    heavy()
    assert len(calls) == 2


def test_what_reads_unknown_tables_depends_on_everything(memo, engine):
    """A bypass with a function that nobody knows may read anything."""
    calls = []

    @memo
    def unknown():
        calls.append(1)
        rows = engine.execute("SELECT count(*) AS n FROM orders WHERE total > abs(random() % 1) - 5")
        assert rows.status.outcome == "bypass"
        return rows[0]["n"]

    unknown()
    unknown()
    assert len(calls) == 1
    engine.invalidate("something_else")
    unknown()
    assert len(calls) == 2


def test_a_view_goes_with_the_tables_under_it(memo, base, engine):
    """Also where an engine that never met the view invalidates the table."""
    write(base, "CREATE VIEW north AS SELECT id, total FROM orders WHERE region = 'north'")
    calls = []

    @memo
    def view():
        calls.append(1)
        return engine.execute("SELECT count(*) AS n FROM north")[0]["n"]

    assert view() == view() == 1
    engine.invalidate("orders")
    view()
    assert len(calls) == 2
    with CachingEngine(base, cache_db="") as another:
        another.invalidate("orders")
    view()
    assert len(calls) == 3


def test_invalidating_everything_forgets_every_result_of_the_database(memo, base, engine, tmp_path):
    """Not those of another database, nor those that read none."""
    total, calls = total_of(memo, engine)
    pure = memo(name="pure")(lambda x: x)
    total("north")
    pure(1)

    engine.invalidate()
    total("north")

    assert len(calls) == 2
    pure(1)
    assert pure.cache_info().hits == 1


# -- races -----------------------------------------------------------------------------------


def test_a_table_invalidated_inside_the_body_means_nothing_is_stored(memo, base, engine):
    """The value is returned, and the next call computes anew."""
    calls = []

    @memo
    def report():
        calls.append(1)
        found = engine.execute("SELECT max(total) AS m FROM orders")[0]["m"]
        if len(calls) == 1:
            write(base, "UPDATE orders SET total = 99 WHERE id = 1")
            engine.invalidate("orders")
        return found

    assert report() == 20
    assert report.cache_info().currsize == 0
    assert report() == 99
    assert report() == 99
    assert len(calls) == 2


def test_a_table_read_before_and_after_an_invalidation_is_of_no_one_moment(memo, base, engine):
    """Two reads under two tokens: returned, not stored."""
    calls = []

    @memo
    def twice():
        calls.append(1)
        one = engine.execute("SELECT max(total) AS m FROM orders")[0]["m"]
        if len(calls) == 1:
            write(base, "UPDATE orders SET total = 99 WHERE id = 1")
            engine.invalidate("orders")
        return one, engine.execute("SELECT max(total) AS m FROM orders")[0]["m"]

    assert twice() == (20, 99)
    assert twice() == (99, 99)
    assert len(calls) == 2


def test_invalidation_between_the_read_and_the_store(memo, base, engine, sequence):
    """Another thread invalidates while the body computes from what it has read."""

    @memo(ignore=("sequence", "engine"))
    def report():
        found = engine.execute("SELECT max(total) AS m FROM orders")[0]["m"]
        sequence.reach("read")
        sequence.wait("invalidated")
        return found

    reader = sequence.spawn(report)
    sequence.wait("read")
    write(base, "UPDATE orders SET total = 99 WHERE id = 1")
    engine.invalidate("orders")
    sequence.reach("invalidated")

    assert reader.result() == 20
    assert not report.has()
    assert report() == 99


def test_a_late_joiner_computes_anew(memo, base, engine, sequence):
    """Who calls after an invalidation never gets what was read before it, though it flies still."""

    @memo(ignore=("sequence", "engine"))
    def report():
        found = engine.execute("SELECT max(total) AS m FROM orders")[0]["m"]
        sequence.reach(f"read {found}")
        sequence.wait("go on")
        return found

    early = sequence.spawn(report)
    sequence.wait("read 20")
    write(base, "UPDATE orders SET total = 99 WHERE id = 1")
    engine.invalidate("orders")
    late = sequence.spawn(report)
    while not memo._shared.flights._flying[report.key()].wake:
        pass  # until the late one waits for the early one
    sequence.reach("go on")

    assert early.result() == 20
    assert late.result() == 99
    assert report() == 99


def test_an_invalidation_between_the_last_look_and_the_writing(memo, base, engine, monkeypatch):
    """The record is written under the old token, and isn't served."""
    total, calls = total_of(memo, engine)
    store = memo._shared.store
    put = store.put

    def late(row, *, owner):
        write(base, "UPDATE orders SET total = 99 WHERE id = 1")
        engine.invalidate("orders")
        return put(row, owner=owner)

    monkeypatch.setattr(store, "put", late)
    assert total("north") == 10
    monkeypatch.undo()

    assert total("north") == 99
    assert len(calls) == 2


def test_clear_and_forget_while_the_body_runs(store, opened, sequence):
    """What began before isn't stored."""
    memo = opened(store)

    @memo(ignore=("sequence",))
    def report(x):
        sequence.reach(f"runs {x}")
        sequence.wait(f"go on {x}")
        return x

    for x, forget in ((1, report.cache_clear), (2, lambda: report.forget(2))):
        running = sequence.spawn(report, x)
        sequence.wait(f"runs {x}")
        forget()
        sequence.reach(f"go on {x}")
        assert running.result() == x
        assert not report.has(x)


def test_a_transaction_that_began_before_an_invalidation_sees_the_past(opened, tmp_path, request):
    """Under REPEATABLE READ a bypass reads an earlier moment: its result isn't kept."""
    origin = request.getfixturevalue("_servers").origin("pymysql", tmp_path)
    origin.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)", "INSERT INTO orders VALUES (1, 10)"
    )
    base = origin.engine()
    memo = opened(tmp_path / "memo.db")
    statement = sa.text("SELECT total, rand() AS r FROM orders")
    with CachingEngine(base, cache_db="") as engine, engine.connect() as connection:
        connection.execute(statement).all()
        assert last_status().outcome == "bypass"

        @memo(ignore=("connection", "statement"))
        def report():
            return connection.execute(statement).all()[0][0]

        write(base, "UPDATE orders SET total = 99")
        engine.invalidate("orders")
        assert report() == 10
        assert not report.has()
        connection.rollback()
        assert report() == 99
        assert report.has()
    base.dispose()
    origin.dispose()


# -- nested calls, threads -------------------------------------------------------------------


def test_an_inner_call_adds_its_tables_to_the_outer_also_when_it_is_a_hit(memo, engine):
    """However deep, and whoever computed it first."""
    total, calls = total_of(memo, engine)
    outer_calls = []

    @memo(name="outer", ignore=("total",))
    def outer():
        outer_calls.append(1)
        return total("north") + 1

    @memo(name="outermost", ignore=("outer",))
    def outermost():
        return outer() + 1

    total("north")
    assert outermost() == outermost() == 12
    assert len(calls) == 1
    for function in (outer, outermost):
        assert function.records().one().tables == ("main.orders",)
    engine.invalidate("orders")
    assert outermost() == 12
    assert (len(calls), len(outer_calls)) == (2, 2)


def test_a_body_that_fails_and_is_caught_by_the_outer_still_adds_its_tables(memo, engine):
    """What was read before the error has shaped the outer result."""

    @memo
    def inner():
        engine.execute("SELECT id FROM orders")
        raise ValueError

    @memo(ignore=("inner",))
    def outer():
        try:
            inner()
        except ValueError:
            return "failed"

    outer()

    assert outer.records().one().tables == ("main.orders",)


def test_bind_carries_the_context_into_workers(memo, engine):
    """Several of them at once."""
    ready = threading.Barrier(2, timeout=30)

    def ask(statement):
        ready.wait()
        return engine.execute(statement)

    @memo(ignore=("ask", "memo"))
    def parallel():
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(pool.map(memo.bind(ask), ["SELECT id FROM orders", "SELECT name FROM users"]))

    parallel()

    assert parallel.records().one().tables == ("main.orders", "main.users")
    assert listening.get() is None


def test_tables_are_added_by_hand_for_threads_that_nobody_sees(opened, engine, tmp_path):
    """Of the memo's engine, or of all that are alive."""
    calls = []
    for memo in (opened(tmp_path / "a.db", engine=engine), opened(tmp_path / "b.db")):

        @memo(tables=("main.orders",))
        def hidden():
            calls.append(1)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                return pool.submit(engine.execute, "SELECT id FROM orders").result()

        hidden()
        hidden()
        engine.invalidate("orders")
        hidden()
        hidden.put([])
        assert hidden() == []
        engine.invalidate("orders")
        assert hidden() != []

    assert len(calls) == 6


def test_a_result_that_reads_two_databases_goes_with_either(memo, engine, tmp_path):
    """Tokens are by database: a table of the same name elsewhere is another."""
    other_base = sa.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    write(other_base, "CREATE TABLE orders (id INTEGER)")
    with CachingEngine(other_base, cache_db="") as other:
        calls = []

        @memo
        def both():
            calls.append(1)
            return len(engine.execute("SELECT id FROM orders")) + len(other.execute("SELECT id FROM orders"))

        total, more = total_of(memo, engine)
        total("north")
        assert both() == both() == 2
        other.invalidate("orders")
        both()
        total("north")
        assert (len(calls), len(more)) == (2, 1)
        engine.invalidate("orders")
        both()
        assert len(calls) == 3
    other_base.dispose()


# -- ttl -------------------------------------------------------------------------------------


def test_a_result_is_no_older_than_the_ttl_of_its_tables(opened, base, tmp_path):
    """Counted from the read of the rows, whether or not anybody refills them."""
    clock = ManualClock()
    memo = opened(tmp_path / "memo.db", clock=clock)
    with CachingEngine(base, cache_db="", ttl=60, clock=clock) as engine:
        total, calls = total_of(memo, engine)
        engine.warm("orders")
        clock.advance(50)
        assert total("north") == 10
        write(base, "UPDATE orders SET total = 11 WHERE id = 1")
        clock.advance(9)
        assert total("north") == 10
        clock.advance(2)
        assert total("north") == 11
        assert len(calls) == 2


def test_another_processes_result_is_held_to_this_ones_ttl(opened, base, tmp_path):
    """The freshness that counts is the one that was asked for here."""
    clock = ManualClock()
    memo = opened(tmp_path / "memo.db", clock=clock)
    with (
        CachingEngine(base, cache_db="", clock=clock) as patient,
        CachingEngine(base, cache_db="", ttl=60, clock=clock) as hasty,
    ):
        total, calls = total_of(memo, patient)
        total("north")
        hasty.execute("SELECT id FROM orders")
        clock.advance(61)
        total("north")
        assert len(calls) == 2


def test_rows_that_are_served_stale_make_no_result(opened, sqlite_origin, base, tmp_path):
    """stale_if_error is for the caller who asks now."""
    clock = ManualClock()
    memo = opened(tmp_path / "memo.db", clock=clock)
    with CachingEngine(base, cache_db="", ttl=60, stale_if_error=600, clock=clock) as engine:
        total, _ = total_of(memo, engine)
        engine.warm("orders")
        clock.advance(61)
        with sqlite_origin.down():
            assert total("north") == 10
            assert last_status().is_stale
        assert not total.has("north")


# -- restart ---------------------------------------------------------------------------------


def ask_once(path, cache_db, base, region="north"):
    """One life of a program: the answer, and whether the body ran."""
    with Memo(path) as memo, CachingEngine(base, cache_db=str(cache_db)) as engine:
        total, calls = total_of(memo, engine)
        return total(region), len(calls)


def test_results_survive_a_restart_with_the_snapshot_that_their_data_is_in(tmp_path, base):
    """And end with it: exactly as long as the data that they came from."""
    path, cache_db = tmp_path / "memo.db", tmp_path / "cache.db"

    assert ask_once(path, cache_db, base) == (10, 1)
    assert ask_once(path, cache_db, base) == (10, 0)
    write(base, "UPDATE orders SET total = 11 WHERE id = 1")
    assert ask_once(path, cache_db, base) == (10, 0)
    cache_db.unlink()
    assert ask_once(path, cache_db, base) == (11, 1)
    assert ask_once(path, cache_db, base) == (11, 0)


def test_without_a_snapshot_a_restart_forgets(tmp_path, base):
    """The first call computes, and its result is kept."""
    path = tmp_path / "memo.db"
    for _ in range(2):
        with Memo(path) as memo, CachingEngine(base, cache_db="") as engine:
            total, calls = total_of(memo, engine)
            assert [total("north"), total("north"), total("south")] == [10, 10, 20]
            assert len(calls) == 2


def test_a_snapshot_of_another_time_is_of_another_era(tmp_path, base):
    """What was invalidated after it was written doesn't come back with it."""
    path, cache_db, copy = tmp_path / "memo.db", tmp_path / "cache.db", tmp_path / "copy.db"
    images, copied = tmp_path / "cache.db.tables", tmp_path / "copy.db.tables"
    ask_once(path, cache_db, base)
    copy.write_bytes(cache_db.read_bytes())
    shutil.copytree(images, copied)
    with CachingEngine(base, cache_db=str(cache_db)) as engine, Memo(path, engine=engine) as memo:
        write(base, "UPDATE orders SET total = 11 WHERE id = 1")
        engine.invalidate("orders")
        assert total_of(memo, engine)[0]("north") == 11
    cache_db.write_bytes(copy.read_bytes())
    shutil.copytree(copied, images, dirs_exist_ok=True)

    assert ask_once(path, cache_db, base) == (11, 1)


def test_an_engine_that_is_closed_invalidates_nothing(memo, base):
    """Its rows are gone with it, and nobody else's."""
    with CachingEngine(base, cache_db="") as one:
        total, calls = total_of(memo, one)
        total("north")
        with CachingEngine(base, cache_db="") as other:
            other.execute("SELECT id FROM orders")
        total("north")

    assert len(calls) == 1


def test_two_engines_of_a_process_agree(memo, base):
    """What one invalidates, no result of the other outlives."""
    with CachingEngine(base, cache_db="") as one, CachingEngine(base, cache_db="") as other:
        total, calls = total_of(memo, one)
        assert total("north") == 10
        write(base, "UPDATE orders SET total = 11 WHERE id = 1")
        other.invalidate("orders")
        assert total("north") == 11
        assert total("north") == 11
        assert len(calls) == 2


def test_a_database_in_memory_is_forgotten_with_its_engine(memo):
    """Its address is everybody's; its tokens nobody else's."""
    totals = []
    for number in (1, 2):
        base = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
        write(base, "CREATE TABLE orders (id INTEGER, region TEXT, total INTEGER)")
        write(base, f"INSERT INTO orders VALUES (1, 'north', {number})")
        with CachingEngine(base) as engine:
            calls = []

            @memo(name="total", ignore=("engine",))
            def total(region):
                calls.append(region)  # noqa: B023 - called in this round only
                return engine.execute("SELECT max(total) AS m FROM orders")[0]["m"]

            totals += [total("north"), total("north")]
            assert len(calls) == 1
        base.dispose()

    assert totals == [1, 1, 2, 2]


# -- a store that fails ----------------------------------------------------------------------


def test_an_invalidation_that_could_not_be_written_still_holds_here(memo, base, engine, monkeypatch):
    """The engine's own token has changed, and the store is told at the next chance."""
    total, calls = total_of(memo, engine)
    total("north")
    store = memo._shared.store

    def fail(*_):
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(store, "set_tokens", fail)
    write(base, "UPDATE orders SET total = 11 WHERE id = 1")
    engine.invalidate("orders")
    with pytest.warns(RuntimeWarning, match="disk I/O error"):
        assert total("north") == 11
    monkeypatch.undo()

    assert total("north") == 11
    assert total("north") == 11
    assert total("north") == 11
    assert len(calls) <= 4
    assert total.has("north")


def test_an_invalidation_before_the_memo_was_there_holds_too(tmp_path, base):
    """A process that invalidates first and opens its memo then gets nothing from before."""
    path = tmp_path / "memo.db"
    with CachingEngine(base, cache_db="") as one, Memo(path) as memo:
        assert total_of(memo, one)[0]("north") == 10
        write(base, "UPDATE orders SET total = 11 WHERE id = 1")
        memo.close()
        with CachingEngine(base, cache_db="") as other:
            other.invalidate("orders")
            with Memo(path) as late:
                assert total_of(late, other)[0]("north") == 11
