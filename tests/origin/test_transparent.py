"""Invariant: in transparent mode no read that begins after a commit of this engine returned sees older rows.

Nor does anybody see what isn't committed. Threads are ordered by steps.
"""

from __future__ import annotations

import contextlib
import io
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from support.clock import ManualClock
from support.counting import is_data
from support.origins import Origin
from support.sequencer import Sequencer

from sqlmem import CachingEngine, NotCachedError, last_status
from sqlmem.model import Outcome

ASK = "SELECT id, version FROM items ORDER BY id"
ASK_TAGS = "SELECT id, name FROM tags ORDER BY id"
WRITE = text("UPDATE items SET version = version + 1")
WRITE_TAGS = text("UPDATE tags SET name = 'changed'")


@pytest.fixture
def items(origin: Origin) -> Origin:
    """Two tables, both of version 0."""
    prepare(origin)
    return origin


def prepare(origin: Origin) -> None:
    if origin.family == "sqlite":
        origin.execute("PRAGMA journal_mode=WAL")
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)",
        "CREATE TABLE tags (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO items VALUES (1, 0), (2, 0)",
        "INSERT INTO tags VALUES (1, 'red')",
    )


@pytest.fixture
def base(items: Origin) -> sa.Engine:
    return items.engine()


@pytest.fixture
def engine(base: sa.Engine) -> Iterator[CachingEngine]:
    with CachingEngine(base, mode="transparent") as engine:
        yield engine


def ask(engine: CachingEngine, statement: str = ASK, **options: Any) -> tuple[list[Any], Outcome]:
    with engine.connect() as connection:
        rows = connection.execute(text(statement), execution_options=options).all()
    status = last_status()
    assert status is not None
    return [tuple(row) for row in rows], status.outcome


def within(connection: sa.Connection, statement: str = ASK) -> tuple[list[Any], Outcome]:
    """The same on a connection at hand."""
    rows = connection.execute(text(statement)).all()
    status = last_status()
    assert status is not None
    return [tuple(row) for row in rows], status.outcome


def versions(*numbers: int) -> list[tuple[int, int]]:
    return [(index + 1, number) for index, number in enumerate(numbers)]


def warm(engine: CachingEngine) -> None:
    """Both tables are in the store."""
    ask(engine)
    ask(engine, ASK_TAGS)


def hold_fill(base: sa.Engine, sequence: Sequencer, table: str = "items") -> None:
    """A table's first fill reaches "fetched" when the origin has answered, and waits for "go"."""
    left = iter([None])

    @event.listens_for(base, "after_cursor_execute")
    def fetched(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        is_fill = connection.engine is base and is_data(statement) and table in statement
        if is_fill and next(left, "none") is None:
            sequence.reach("fetched")
            sequence.wait("go")


def hold_commit(engine: CachingEngine, sequence: Sequencer) -> None:
    """The first commit of a write reaches "committing" before it is sent, and waits for "commit"."""
    window = engine._core.writes.window
    left = iter([None])

    @contextlib.contextmanager
    def held(written: Any, **keywords: Any) -> Iterator[None]:
        with window(written, **keywords):
            if next(left, "none") is None:
                sequence.reach("committing")
                sequence.wait("commit")
            yield

    engine._core.writes.window = held  # type: ignore[method-assign]


# -- commits ---------------------------------------------------------------------------------------


def test_a_committed_write_is_seen_by_the_next_read(items: Origin, engine: CachingEngine) -> None:
    """One fetch after the commit, and hits from then on; the other table's rows stay."""
    warm(engine)

    with engine.begin() as connection:
        connection.execute(WRITE)
    with items.expect(1):
        after = ask(engine)
    with items.expect_silence():
        again, others = ask(engine), ask(engine, ASK_TAGS)

    assert after == (versions(1, 1), Outcome.MISS)
    assert again == (versions(1, 1), Outcome.HIT)
    assert others == ([(1, "red")], Outcome.HIT)


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("level", ["READ COMMITTED", "AUTOCOMMIT"])
@pytest.mark.parametrize(
    "statement",
    [
        "COMMENT ON TABLE tags IS 'red'",
        "CREATE INDEX by_name ON tags (name)",
        "CREATE TEMP TABLE own (id int)",
    ],
)
def test_what_an_event_trigger_writes_is_seen_by_the_next_read(
    items: Origin, base: sa.Engine, statement: str, level: str
) -> None:
    """What defines something may then write anything; while there is no such trigger, nothing is dropped."""
    with CachingEngine(base, mode="transparent") as engine:
        warm(engine)
        with engine.execution_options(isolation_level=level).begin() as connection:
            connection.exec_driver_sql("COMMENT ON TABLE tags IS 'blue'")
        before = ask(engine)
        items.execute(
            "CREATE FUNCTION counted() RETURNS event_trigger LANGUAGE plpgsql AS"
            " 'BEGIN UPDATE items SET version = version + 1; END'",
            "CREATE EVENT TRIGGER counted ON ddl_command_end EXECUTE FUNCTION counted()",
        )
        try:
            engine._core.writes.forget_reach()
            with engine.execution_options(isolation_level=level).begin() as connection:
                connection.exec_driver_sql(statement)
            with base.connect() as connection:
                expected = [tuple(row) for row in connection.execute(text(ASK))]
            with engine.connect() as held, engine.connect() as other:
                after = [within(each)[0] for each in (held, other)]
        finally:
            items.execute("DROP EVENT TRIGGER counted")

    assert before == (versions(0, 0), Outcome.HIT)
    assert expected[0][1] > 0
    assert after == [expected] * 2


def test_a_rolled_back_write_is_forgotten(items: Origin, engine: CachingEngine) -> None:
    """Nothing is invalidated, and nobody has seen it."""
    warm(engine)

    with engine.connect() as connection:
        connection.execute(WRITE)
        meanwhile = ask(engine)
        own = within(connection)
        connection.rollback()
    with items.expect_silence():
        after = ask(engine)

    assert meanwhile == (versions(0, 0), Outcome.HIT)
    assert own == (versions(1, 1), Outcome.BYPASS)
    assert after == (versions(0, 0), Outcome.HIT)


def test_a_savepoints_rollback_forgets_its_part(items: Origin, engine: CachingEngine) -> None:
    """What was written before the savepoint is invalidated, what was written after it isn't."""
    warm(engine)

    with engine.begin() as connection:
        connection.execute(WRITE)
        savepoint = connection.begin_nested()
        connection.execute(WRITE_TAGS)
        savepoint.rollback()
    with items.expect_silence():
        tags = ask(engine, ASK_TAGS)

    assert tags == ([(1, "red")], Outcome.HIT)
    assert ask(engine) == (versions(1, 1), Outcome.MISS)


def test_a_released_savepoint_keeps_its_part(engine: CachingEngine) -> None:
    """Its writes are the transaction's."""
    warm(engine)

    with engine.begin() as connection:
        with connection.begin_nested():
            connection.execute(WRITE_TAGS)
        connection.begin_nested().rollback()

    assert ask(engine, ASK_TAGS) == ([(1, "changed")], Outcome.MISS)


def test_a_fill_under_way_while_a_commit_happens_is_not_published(
    base: sa.Engine, engine: CachingEngine, sequence: Sequencer
) -> None:
    """Its rows are from before the commit; who reads afterwards fetches anew."""
    hold_fill(base, sequence)
    reader = sequence.spawn(ask, engine)
    sequence.wait("fetched")

    with engine.begin() as connection:
        connection.execute(WRITE)
    after = sequence.spawn(ask, engine).result()
    sequence.reach("go")
    reader.result()

    assert after == (versions(1, 1), Outcome.MISS)
    assert ask(engine) == (versions(1, 1), Outcome.HIT)


def test_while_a_commit_is_under_way_nothing_is_filled(
    items: Origin, engine: CachingEngine, sequence: Sequencer
) -> None:
    """A read meanwhile is the origin's, and leaves nothing behind that outlives the commit."""
    warm(engine)
    hold_commit(engine, sequence)

    def write() -> None:
        with engine.begin() as connection:
            connection.execute(WRITE)

    writer = sequence.spawn(write)
    sequence.wait("committing")
    meanwhile, others = ask(engine), ask(engine, ASK_TAGS)
    sequence.reach("commit")
    writer.result()

    assert meanwhile == (versions(0, 0), Outcome.BYPASS)
    assert others == ([(1, "red")], Outcome.HIT)
    assert ask(engine) == (versions(1, 1), Outcome.MISS)


def test_a_commit_that_is_lost_on_its_way_invalidates(items: Origin, clock: ManualClock) -> None:
    """Nobody knows whether it took place, or still goes on: for a while its tables are read at the origin."""

    class Lost(Exception):
        pass

    with CachingEngine(items.engine(), mode="transparent", clock=clock) as engine:
        warm(engine)
        connection = engine.connect()
        connection.execute(WRITE)
        lazy: Any = connection.connection.dbapi_connection.behind
        driver = lazy._held

        class Losing:
            def __getattr__(self, name: str) -> Any:
                return getattr(driver, name)

            def commit(self) -> None:
                raise Lost

        lazy._held = Losing()
        with pytest.raises(Lost):
            connection.commit()
        lazy._held = driver
        meanwhile = ask(engine)
        driver.commit()  # the server has taken its time
        connection.close()
        after = ask(engine)
        clock.advance(31)
        filled = ask(engine)
        others = ask(engine, ASK_TAGS)

    assert meanwhile == (versions(0, 0), Outcome.BYPASS)
    assert after == (versions(1, 1), Outcome.BYPASS)
    assert filled == (versions(1, 1), Outcome.MISS)
    assert others == ([(1, "red")], Outcome.HIT)


@pytest.mark.families("mariadb")
def test_what_the_server_writes_later_is_read_at_the_origin_meanwhile(
    items: Origin, clock: ManualClock
) -> None:
    """INSERT DELAYED returns before its rows are there; which is soon, but nobody is told."""
    items.execute("CREATE TABLE late (id INTEGER) ENGINE=MyISAM", "INSERT INTO late VALUES (1)")
    question = "SELECT id FROM late ORDER BY id"
    with CachingEngine(items.engine(), mode="transparent", clock=clock) as engine:
        warm(engine)
        ask(engine, question)
        with engine.begin() as connection:
            connection.execute(text("INSERT DELAYED INTO late VALUES (2)"))
        meanwhile = ask(engine, question)[1]
        clock.advance(20)
        with engine.begin() as connection:
            connection.execute(text("INSERT DELAYED INTO late VALUES (3)"))
        clock.advance(20)
        after = ask(engine, question)[1]
        items.execute("FLUSH TABLES late")  # waits until all are there
        clock.advance(11)
        filled = ask(engine, question)
        again = ask(engine, question)
        others = ask(engine, ASK_TAGS)

    assert (meanwhile, after) == (Outcome.BYPASS, Outcome.BYPASS)
    assert filled == ([(1,), (2,), (3,)], Outcome.MISS)
    assert again == ([(1,), (2,), (3,)], Outcome.HIT)
    assert others == ([(1, "red")], Outcome.HIT)


def test_a_commit_that_the_origin_refuses_is_no_lost_one(items: Origin, engine: CachingEngine) -> None:
    """A constraint that is looked at last: the answer came, and the next read fills."""
    if items.family == "mariadb":
        pytest.skip("it looks at no constraint at the commit")
    items.execute(
        "CREATE TABLE parts (id INTEGER PRIMARY KEY, "
        "item INTEGER REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    ask(engine, "SELECT id FROM parts")

    with engine.connect() as connection:
        if items.family == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            connection.rollback()
        connection.execute(text("INSERT INTO parts VALUES (1, 99)"))
        with pytest.raises(DBAPIError):
            connection.commit()
        connection.rollback()

    assert ask(engine, "SELECT id FROM parts") == ([], Outcome.MISS)


@pytest.mark.families("sqlite")
def test_a_commit_that_failed_may_be_tried_again(items: Origin, engine: CachingEngine) -> None:
    """SQLite leaves the transaction open: what was written in it is seen once it is committed."""
    items.execute(
        "CREATE TABLE parts (id INTEGER PRIMARY KEY, "
        "item INTEGER REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    ask(engine, "SELECT id FROM parts")

    raw = engine.raw_connection()
    raw.cursor().execute("PRAGMA foreign_keys = ON")
    raw.cursor().execute("INSERT INTO parts VALUES (1, 99)")
    with pytest.raises(sqlite3.IntegrityError):
        raw.commit()
    before = ask(engine, "SELECT id FROM parts")
    raw.cursor().execute("UPDATE parts SET item = 1")
    raw.commit()
    raw.close()

    assert before[0] == []
    assert ask(engine, "SELECT id FROM parts") == ([(1,)], Outcome.MISS)


def test_autocommit_invalidates_at_each_statement(engine: CachingEngine) -> None:
    """There is no commit to wait for, and nothing is pending afterwards."""
    warm(engine)

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(WRITE)
        own = within(connection)
        again = within(connection)
        connection.execute(WRITE)
        other = ask(engine)

    assert own == (versions(1, 1), Outcome.MISS)
    assert again == (versions(1, 1), Outcome.HIT)
    assert other == (versions(2, 2), Outcome.MISS)


@pytest.mark.families("postgresql", "mariadb")
def test_a_transaction_begun_by_text_is_invalidated_at_its_commit(engine: CachingEngine) -> None:
    """In autocommit BEGIN and COMMIT may come as text; ROLLBACK as text forgets."""
    warm(engine)

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(WRITE)
        own = within(connection)
        before = ask(engine)
        connection.exec_driver_sql("COMMIT")
        after = ask(engine)
        connection.exec_driver_sql("BEGIN")
        connection.execute(WRITE)
        connection.exec_driver_sql("ROLLBACK")

    assert own == (versions(1, 1), Outcome.BYPASS)
    assert before[0] == versions(0, 0)
    assert after[0] == versions(1, 1)
    assert ask(engine)[0] == versions(1, 1)


@pytest.fixture
def preparing(preparing_origin: Origin) -> Iterator[CachingEngine]:
    """An engine whose server takes prepared transactions, with both tables in the store."""
    prepare(preparing_origin)
    with CachingEngine(preparing_origin.engine(), mode="transparent") as engine:
        warm(engine)
        yield engine


@pytest.mark.families("postgresql", "mariadb")
def test_two_phases_invalidate_at_the_second(preparing: CachingEngine) -> None:
    """What is prepared is not visible yet, and neither lost."""
    with preparing.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute(WRITE)
        transaction.prepare()
        prepared = ask(preparing)
        transaction.commit()

    assert prepared[0] == versions(0, 0)
    assert ask(preparing)[0] == versions(1, 1)
    assert ask(preparing, ASK_TAGS)[0] == [(1, "red")]


@pytest.mark.families("postgresql", "mariadb")
def test_what_was_prepared_and_rolled_back_is_forgotten(preparing: CachingEngine) -> None:
    """By its own connection, prepared or not."""
    for is_prepared in (True, False):
        with preparing.connect() as connection:
            transaction = connection.begin_twophase()
            connection.execute(WRITE)
            if is_prepared:
                transaction.prepare()
            transaction.rollback()

    assert ask(preparing)[0] == versions(0, 0)


@pytest.mark.families("postgresql")
def test_what_was_prepared_may_be_committed_by_another(
    preparing: CachingEngine, preparing_origin: Origin
) -> None:
    """Also what this engine doesn't know of: then everything is forgotten."""
    for number in (1, 2):
        preparer = preparing if number == 1 else preparing_origin.engine()
        with preparer.connect() as connection:
            transaction = connection.begin_twophase()
            connection.execute(WRITE)
            transaction.prepare()
            # As if the program had ended here: the transaction is the server's.
            lost: Any = transaction
            lost.is_active = False
            connection.detach()
        before = ask(preparing)
        with preparing.connect() as connection:
            connection.commit_prepared(transaction.xid, recover=True)
        after = ask(preparing)

        assert before[0] == versions(number - 1, number - 1)
        assert after == (versions(number, number), Outcome.MISS)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO items VALUES (3, 7)",
        "  /* a comment */ insert into ITEMS (id, version) VALUES (3, 7)",
        "DELETE FROM items WHERE id = 1",
        "UPDATE items SET version = 9",
        "INSERT INTO items SELECT id + 10, version FROM items",
        "WITH t AS (SELECT 1 AS n) UPDATE items SET version = 5",
    ],
)
def test_every_kind_of_write_invalidates(statement: str, items: Origin, engine: CachingEngine) -> None:
    """Whatever its words look like."""
    if items.family == "mariadb" and "WITH" in statement:
        statement = statement.replace("WITH t AS (SELECT 1 AS n) ", "")
    if items.family == "mariadb":
        statement = statement.replace("ITEMS", "items")
    warm(engine)

    with engine.begin() as connection:
        connection.execute(text(statement))

    with items.expect(1):
        found = ask(engine)
    assert found[0] == [tuple(row) for row in items.execute(ASK)]


def test_batches_returning_and_the_orm_invalidate(items: Origin, engine: CachingEngine) -> None:
    """executemany, insertmanyvalues with RETURNING, and a Session's flush."""
    table = sa.Table(
        "items", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("version")
    )

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "items"
        id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
        version: Mapped[int]

    def rows() -> list[Any]:
        return [tuple(row) for row in items.execute(ASK)]

    warm(engine)
    with engine.begin() as connection:
        connection.execute(table.insert(), [{"id": number, "version": number} for number in (10, 11)])
    assert ask(engine)[0] == rows()
    with engine.begin() as connection:
        inserted = table.insert()
        if connection.dialect.insert_executemany_returning:
            inserted = inserted.returning(table.c.id)
        connection.execute(inserted, [{"id": number, "version": number} for number in (20, 21)])
    assert ask(engine)[0] == rows()
    with Session(engine) as session:
        session.add_all([Item(id=30, version=1), Item(id=31, version=1)])
        session.flush()
        mine = session.scalars(sa.select(Item.id).where(Item.id >= 30).order_by(Item.id)).all()
        session.get_one(Item, 1).version = 99
        session.commit()
    assert mine == [30, 31]
    assert ask(engine)[0] == rows()
    with Session(engine) as session:
        session.execute(sa.update(Item).values(version=0))
        session.rollback()
    with items.expect_silence():
        assert ask(engine)[0] == rows()


def test_definitions_that_change_are_seen(items: Origin, engine: CachingEngine) -> None:
    """A column added, a table dropped and made anew, with the rows of now."""
    ask(engine, "SELECT * FROM items ORDER BY id")

    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE items ADD COLUMN colour VARCHAR(10) DEFAULT 'blue'"))
    widened = ask(engine, "SELECT * FROM items ORDER BY id")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE items"))
        connection.execute(text("CREATE TABLE items (id VARCHAR(5) PRIMARY KEY, version INTEGER)"))
        connection.execute(text("INSERT INTO items VALUES ('x', 1)"))
    again = ask(engine)

    assert widened[0] == [(1, 0, "blue"), (2, 0, "blue")]
    assert again[0] == [("x", 1)]


# -- reads in a transaction ------------------------------------------------------------------------


def test_a_transaction_reads_its_own_writes_and_nobody_else_does(engine: CachingEngine) -> None:
    """Until it ends; then its connection's reads may be hits again."""
    warm(engine)

    with engine.connect() as connection:
        before = within(connection)
        connection.execute(WRITE)
        own = within(connection)
        other = ask(engine)
        connection.commit()
        after = within(connection)
        again = within(connection)

    assert before == (versions(0, 0), Outcome.HIT)
    assert own == (versions(1, 1), Outcome.BYPASS)
    assert other == (versions(0, 0), Outcome.HIT)
    assert after == (versions(1, 1), Outcome.MISS)
    assert again == (versions(1, 1), Outcome.HIT)


@pytest.mark.parametrize(
    ("setting", "before", "written", "unwritten"),
    [
        ("never", Outcome.BYPASS, Outcome.BYPASS, Outcome.BYPASS),
        ("until_write", Outcome.HIT, Outcome.BYPASS, Outcome.BYPASS),
        ("always", Outcome.HIT, Outcome.BYPASS, Outcome.HIT),
    ],
)
def test_the_setting_says_when_a_transactions_reads_may_be_hits(
    setting: str, before: Outcome, written: Outcome, unwritten: Outcome, base: sa.Engine
) -> None:
    """never, until it has written, or of what it hasn't written."""
    with CachingEngine(base, mode="transparent", transactions=setting) as engine:
        warm(engine)
        with engine.begin() as connection:
            first = within(connection)
            connection.execute(WRITE)
            own, other = within(connection), within(connection, ASK_TAGS)

    assert first == (versions(0, 0), before)
    assert own == (versions(1, 1), written)
    assert other == ([(1, "red")], unwritten)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_repeatable_reads_are_the_origins(level: str, items: Origin, engine: CachingEngine) -> None:
    """They must agree with each other, as of the transaction's moment."""
    if items.family == "sqlite" and level == "REPEATABLE READ":
        pytest.skip("SQLite has no such level")
    warm(engine)

    with engine.connect().execution_options(isolation_level=level) as connection:
        first = within(connection)
    second = ask(engine)

    assert first == (versions(0, 0), Outcome.BYPASS)
    assert second[1] is Outcome.HIT


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_options_of_an_engine_hold_on_the_short_way_too(mode: str, items: Origin, base: sa.Engine) -> None:
    """Another engine's hits are none of an engine whose reads are the origin's."""
    with CachingEngine(base, mode=mode) as engine:
        repeatable = engine.execution_options(isolation_level="SERIALIZABLE")
        bypassing = engine.execution_options(sqlmem="bypass")
        for _ in range(3):
            engine.execute(ASK)
        assert engine.execute(ASK).status.outcome is Outcome.HIT
        for other in (repeatable, bypassing):
            found = [other.execute(ASK).status.outcome for _ in range(3)]
            assert found == [Outcome.BYPASS] * 3


def test_what_a_pool_without_reset_hands_on_is_not_forgotten(items: Origin) -> None:
    """A transaction that nobody has ended is its next user's, who commits it."""
    with CachingEngine(
        items.engine(pool_size=1, max_overflow=0, pool_reset_on_return=None), mode="transparent"
    ) as engine:
        warm(engine)
        raw = engine.raw_connection()
        cursor = raw.cursor()
        cursor.execute("UPDATE items SET version = 3")
        cursor.close()
        raw.close()
        before = ask(engine)
        other = engine.raw_connection()
        other.cursor().execute("UPDATE tags SET id = 5")
        other.commit()
        other.close()

        assert before == (versions(0, 0), Outcome.HIT)
        assert ask(engine)[0] == versions(3, 3)


@pytest.mark.families("postgresql")
def test_after_an_error_the_transaction_fails_as_at_the_origin(engine: CachingEngine) -> None:
    """A hit would hide that nothing runs before a rollback."""
    warm(engine)

    with engine.connect() as connection:
        with pytest.raises(DBAPIError):
            connection.execute(text("INSERT INTO items VALUES (1, 1)"))
        with pytest.raises(DBAPIError, match="aborted"):
            within(connection)
        connection.rollback()
        after = within(connection)

    assert after == (versions(0, 0), Outcome.HIT)


@pytest.mark.families("postgresql", "mariadb")
def test_for_update_takes_its_lock(items: Origin, engine: CachingEngine) -> None:
    """It passes through, and is no hit however often it is asked."""
    warm(engine)

    with engine.begin() as connection, engine.connect() as other:
        for _ in range(2):
            connection.execute(text("SELECT id FROM items WHERE id = 1 FOR UPDATE"))
            status = last_status()
            assert status is not None
            assert status.outcome is Outcome.PASSED
        with pytest.raises(DBAPIError):
            other.execute(text("SELECT id FROM items WHERE id = 1 FOR UPDATE NOWAIT"))


# -- one statement ---------------------------------------------------------------------------------


def test_a_statement_may_ask_for_the_origin_for_now_or_for_the_store(
    items: Origin, engine: CachingEngine
) -> None:
    """bypass, refresh and only, as execution options and as keywords."""
    warm(engine)
    items.execute("UPDATE items SET version = 5")

    old = ask(engine)
    bypassed = ask(engine, sqlmem="bypass")
    still = ask(engine, sqlmem="only")
    refreshed = ask(engine, sqlmem="refresh")
    hit = ask(engine)
    rows = engine.execute(ASK, sqlmem="bypass")

    assert old == still == (versions(0, 0), Outcome.HIT)
    assert bypassed == (versions(5, 5), Outcome.BYPASS)
    assert refreshed == (versions(5, 5), Outcome.MISS)
    assert hit == (versions(5, 5), Outcome.HIT)
    assert rows.status.outcome is Outcome.BYPASS


def test_only_never_asks_the_origin(items: Origin, engine: CachingEngine) -> None:
    """A table that isn't there, a statement the store can't answer, a write: an error, and silence."""
    ask(engine)

    with items.expect(0), pytest.raises(NotCachedError, match=r"tags"):
        engine.execute(ASK_TAGS, sqlmem="only")
    with items.expect_silence():
        with pytest.raises(NotCachedError):
            engine.execute("SELECT id FROM items WHERE version < random()", sqlmem="only")
        with pytest.raises(NotCachedError):
            engine.execute("DELETE FROM items", sqlmem="only")
        assert engine.execute(ASK, sqlmem="only").status.outcome is Outcome.HIT


def test_data_older_than_a_statement_allows_is_fetched_again(items: Origin, clock: ManualClock) -> None:
    """In seconds; a statement without the option still takes what is there."""
    with CachingEngine(items.engine(), mode="transparent", clock=clock) as engine:
        ask(engine)
        clock.advance(10)
        young = ask(engine, sqlmem_max_staleness=10.0)
        clock.advance(1)
        usual = ask(engine)
        old = ask(engine, sqlmem_max_staleness=10.0)

    assert [young[1], usual[1], old[1]] == [Outcome.HIT, Outcome.HIT, Outcome.MISS]


def test_options_that_mean_nothing_are_refused(engine: CachingEngine) -> None:
    """With what was seen and what is possible; nothing runs."""
    with pytest.raises(ValueError, match=r"sqlmem must be one of 'bypass', 'refresh', 'only', got 'always'"):
        engine.execute(ASK, sqlmem="always")
    with pytest.raises(ValueError, match=r"0 or more, got -1"):
        engine.execute(ASK, sqlmem_max_staleness=-1)
    with pytest.raises(ValueError, match=r"list of tables"):
        engine.execute(ASK, sqlmem_invalidates="items")


@pytest.mark.families("postgresql", "mariadb")
def test_a_procedure_invalidates_everything_or_what_the_caller_says(
    items: Origin, engine: CachingEngine
) -> None:
    """Nobody can tell from its name what it writes."""
    body = "UPDATE items SET version = version + 1"
    if items.family == "postgresql":
        items.execute(f"CREATE PROCEDURE work() LANGUAGE SQL AS $$ {body} $$")
    else:
        items.execute(f"CREATE PROCEDURE work() {body}")
    warm(engine)

    with engine.begin() as connection:
        connection.execute(text("CALL work()"))
    everything = ask(engine), ask(engine, ASK_TAGS)
    engine.dispose()  # it may have changed its session, too
    warm(engine)
    with engine.begin() as connection:
        connection.execute(text("CALL work()"), execution_options={"sqlmem_invalidates": ["items"]})
    named = ask(engine), ask(engine, ASK_TAGS)

    assert everything[0][0] == versions(1, 1)
    assert Outcome.HIT not in (everything[0][1], everything[1][1])
    assert named == ((versions(2, 2), Outcome.MISS), ([(1, "red")], Outcome.HIT))


# -- what passes through ---------------------------------------------------------------------------


def test_errors_are_the_drivers_as_the_bare_engine_raises_them(
    base: sa.Engine, engine: CachingEngine
) -> None:
    """The same class, the same original, the same statement, without a word of ours."""

    def failing(engine: sa.Engine, statement: str) -> tuple[Any, ...]:
        with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
            connection.execute(text(statement))
        error = caught.value
        return type(error), type(error.orig), str(error)

    for statement in (
        "INSERT INTO items VALUES (1, 1)",
        "SELECT nothing FROM items",
        "SELEC 1",
        "DROP TABLE nope",
    ):
        assert failing(engine, statement) == failing(base, statement)


def test_the_drivers_connection_may_be_had_and_everything_is_forgotten_then(
    items: Origin, engine: CachingEngine
) -> None:
    """Nobody sees what is done to it."""
    warm(engine)

    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        cursor = driver.cursor()
        cursor.execute("UPDATE items SET version = 8")
        cursor.close()
        driver.commit()
    found = ask(engine)

    assert found[0] == versions(8, 8)


def test_a_drivers_cursor_gives_rows_of_the_form_that_was_asked_for(
    items: Origin, base: sa.Engine, engine: CachingEngine
) -> None:
    """A class of cursor or a row factory is the driver's: the store's rows are tuples."""

    def rows(of: sa.Engine) -> list[Any]:
        found = []
        raw = of.raw_connection()
        for cursor in dict_cursors(raw, items.family):
            cursor.execute(ASK)
            found += [dict(row) for row in cursor.fetchall()]
            cursor.close()
        raw.close()
        return found

    warm(engine)

    bare, cached = rows(base), rows(engine)

    assert bare == cached
    assert bare[0] == {"id": 1, "version": 0}


def dict_cursors(raw: Any, family: str) -> Iterator[Any]:
    """Cursors whose rows have keys, in the ways that a driver has."""
    match family:
        case "sqlite":
            import sqlite3

            cursor = raw.cursor()
            cursor.row_factory = sqlite3.Row
            yield cursor
        case "postgresql":
            from psycopg.rows import dict_row

            yield raw.cursor(row_factory=dict_row)
            cursor = raw.cursor()
            cursor.row_factory = dict_row
            yield cursor
        case _:
            from pymysql.cursors import DictCursor

            yield raw.cursor(DictCursor)


@pytest.mark.families("postgresql")
def test_copy_passes_through_and_invalidates(engine: CachingEngine) -> None:
    """psycopg's COPY, on the raw connection, at its commit."""
    warm(engine)

    raw = engine.raw_connection()
    cursor = raw.cursor()
    with cursor.copy("COPY items (id, version) FROM STDIN") as copying:
        copying.write_row((3, 3))
    before = ask(engine)
    raw.commit()
    raw.close()

    assert before == (versions(0, 0), Outcome.HIT)
    assert ask(engine)[0] == versions(0, 0, 3)


def test_copy_expert_passes_through_and_invalidates(psycopg2_origin: Origin) -> None:
    """psycopg2's COPY: out of a table it changes nothing, into one it does at the commit."""
    prepare(psycopg2_origin)
    with CachingEngine(psycopg2_origin.engine(), mode="transparent") as engine:
        warm(engine)
        raw = engine.raw_connection()
        cursor = raw.cursor()
        out = io.StringIO()
        cursor.copy_expert("COPY items TO STDOUT", out)
        raw.commit()
        read = ask(engine)
        cursor.copy_expert("COPY items (id, version) FROM STDIN", io.StringIO("3\t3\n"))
        before = ask(engine)
        raw.commit()
        raw.close()
        others = ask(engine, ASK_TAGS)
        after = ask(engine)

    assert out.getvalue() == "1\t0\n2\t0\n"
    assert read == before == (versions(0, 0), Outcome.HIT)
    assert after == (versions(0, 0, 3), Outcome.MISS)
    assert others == ([(1, "red")], Outcome.HIT)


@pytest.mark.families("postgresql")
def test_notifications_come_as_on_the_bare_engine(
    items: Origin, base: sa.Engine, engine: CachingEngine
) -> None:
    """On the connection that listens, at the notifier's commit, whoever that is; its reads are hits."""
    warm(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as listener:
        listener.exec_driver_sql("LISTEN news")
        driver: Any = listener.connection.dbapi_connection
        within(listener)
        with base.begin() as connection:
            connection.exec_driver_sql("NOTIFY news, 'from the bare engine'")
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_notify('news', 'by a function')"))
        with engine.begin() as connection:
            connection.exec_driver_sql("NOTIFY news, 'from this engine'")
            connection.exec_driver_sql("NOTIFY news, 'rolled back'")
            connection.rollback()
        with engine.begin() as connection:
            connection.exec_driver_sql("NOTIFY news, 'from this engine'")
        read = within(listener)
        heard = [told.payload for told in driver.notifies(timeout=30, stop_after=3)]
        listener.exec_driver_sql("UNLISTEN news")

    assert heard == ["from the bare engine", "by a function", "from this engine"]
    assert read == (versions(0, 0), Outcome.HIT)


@pytest.fixture
def other_schema(items: Origin, base: sa.Engine) -> Iterator[tuple[str, str]]:
    """The schema that both tables are in, and another, with an empty table `items`."""
    usual, other = {
        "sqlite": ("main", "other"),
        "postgresql": ("public", "other"),
        "mariadb": (str(items.url.database), f"{items.url.database}_other"),
    }[items.family]
    attach = f"ATTACH '{items.url.database}.other' AS other"
    create = attach if items.family == "sqlite" else f"CREATE SCHEMA {other}"
    items.execute(create, f"CREATE TABLE {other}.items (id INTEGER PRIMARY KEY, version INTEGER)")
    if items.family == "sqlite":
        event.listen(base, "connect", lambda connection, _: connection.execute(attach))
    yield usual, other
    if items.family == "mariadb":
        base.dispose()
        items.execute(f"DROP SCHEMA {other}")


def test_a_translated_table_is_the_one_that_is_meant(
    items: Origin, base: sa.Engine, other_schema: tuple[str, str]
) -> None:
    """Two maps don't mix, and a write through one of them leaves the other's table as it is."""
    table = sa.Table(
        "items",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("version", sa.Integer),
    )
    query = sa.select(table.c.id, table.c.version).order_by(table.c.id)
    main, other = ({None: schema} for schema in other_schema)

    with CachingEngine(base, mode="transparent") as engine:

        def read(translation: dict[None, str]) -> tuple[list[Any], Outcome]:
            with engine.connect() as plain:
                connection = plain.execution_options(schema_translate_map=translation)
                rows = [tuple(row) for row in connection.execute(query)]
            status = last_status()
            assert status is not None
            return rows, status.outcome

        def write(translation: dict[None, str], statement: Any) -> None:
            with engine.begin() as plain:
                plain.execution_options(schema_translate_map=translation).execute(statement)

        write(other, table.insert().values(id=9, version=9))
        filled = [read(main), read(other)]
        with items.expect(0):
            hits = [read(main), read(other)]
        write(other, table.update().values(version=10))
        after_other = [read(main), read(other)]
        write(main, table.update().values(version=1))
        after_main = [read(other), read(main)]
        plain = ask(engine)

    rows = [versions(0, 0), [(9, 9)]]
    assert filled == [(found, Outcome.MISS) for found in rows]
    assert hits == [(found, Outcome.HIT) for found in rows]
    assert after_other == [(versions(0, 0), Outcome.HIT), ([(9, 10)], Outcome.MISS)]
    assert after_main == [([(9, 10)], Outcome.HIT), (versions(1, 1), Outcome.MISS)]
    assert plain == (versions(1, 1), Outcome.HIT)


def test_listeners_of_the_wrapped_engine_and_of_this_one_hear_every_statement(
    base: sa.Engine, engine: CachingEngine
) -> None:
    """Hits too: an application that logs or counts goes on as before."""
    heard: list[str] = []

    def listen(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if connection.engine is engine:
            heard.append(statement)

    warm(engine)
    event.listen(base, "before_cursor_execute", listen)
    event.listen(engine, "before_cursor_execute", listen)
    ask(engine)

    assert heard == [ASK, ASK]


def test_pool_events_are_those_of_the_drivers_connections(items: Origin) -> None:
    """A listener that sets up connections sees each of them once, whichever engine it was given."""
    base = items.engine()
    seen: list[Any] = []
    with CachingEngine(base, mode="transparent") as engine:
        event.listen(engine, "connect", lambda connection, record: seen.append(connection))
        base.dispose()
        ask(engine)
        ask(engine, sqlmem="bypass")

    assert seen
    assert all(type(connection).__module__.partition(".")[0] != "sqlmem" for connection in seen)


def test_isolation_levels_may_not_be_changed_within_a_transaction(engine: CachingEngine) -> None:
    """As SQLAlchemy has it."""
    with engine.begin() as connection, pytest.raises(InvalidRequestError):
        connection.execution_options(isolation_level="AUTOCOMMIT")


def test_rows_are_streamed_from_the_origin(items: Origin, engine: CachingEngine) -> None:
    """stream_results and yield_per, hit or not."""
    statement = text(ASK)

    with engine.connect() as connection:
        by_origin = connection.execution_options(stream_results=True, sqlmem="bypass").execute(statement)
        first = [tuple(row) for row in by_origin.yield_per(1)]
    with engine.connect() as connection:
        second = [tuple(row) for row in connection.execution_options(yield_per=1).execute(statement)]

    assert first == second == versions(0, 0)


def test_a_hit_takes_no_connection_and_needs_no_origin(items: Origin, engine: CachingEngine) -> None:
    """Also in a transaction, and while the origin is down; what was written waits for it."""
    warm(engine)

    with items.down(), items.expect_silence():
        with engine.begin() as connection:
            found = within(connection)
        assert engine.execute(ASK).status.outcome is Outcome.HIT
    with items.down(), pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(WRITE)

    assert found == (versions(0, 0), Outcome.HIT)
    assert ask(engine) == (versions(0, 0), Outcome.HIT)


def test_counters_tell_writes_from_reads(engine: CachingEngine) -> None:
    """`passed` counts what is no read."""
    warm(engine)
    with engine.begin() as connection:
        connection.execute(WRITE)
    ask(engine)
    ask(engine)

    stats = engine.stats()

    assert (stats.passed, stats.misses, stats.hits, stats.bypasses) == (1, 3, 1, 0)
    assert stats.hit_ratio == 0.25


def test_explain_says_what_a_write_does(engine: CachingEngine) -> None:
    """Without running it."""
    found = engine.explain("UPDATE items SET version = 3")

    assert found.outcome is Outcome.PASSED
    assert "items" in found.reasons[0]
    assert ask(engine)[0] == versions(0, 0)


# -- which tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "cached", "left_out"),
    [
        ({"tables": ["items"]}, ASK, ASK_TAGS),
        ({"tables": "ITEM?"}, ASK, ASK_TAGS),
        ({"exclude": ["*.tags", "nothing"]}, ASK, ASK_TAGS),
        ({"tables": ["*"], "exclude": ["it*"]}, ASK_TAGS, ASK),
    ],
)
@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_only_the_tables_that_are_meant_are_cached(
    settings: dict[str, Any], cached: str, left_out: str, mode: str, base: sa.Engine
) -> None:
    """By name or pattern; the others' statements are the origin's, which explain() and stats() say."""
    with CachingEngine(base, mode=mode, **settings) as engine:
        found = [ask(engine, statement)[1] for statement in (cached, left_out) * 2]
        status = last_status()
        explained = engine.explain(left_out)
        refusals = {name.rpartition(".")[2]: table.refusal for name, table in engine.stats().tables.items()}

    assert found == [Outcome.MISS, Outcome.BYPASS, Outcome.HIT, Outcome.BYPASS]
    assert status is not None
    assert "the setting" in str(status.reason)
    assert "the setting" in explained.reasons[0]
    assert sum(refusal is not None for refusal in refusals.values()) == 1


@pytest.mark.families("postgresql")
def test_a_table_with_row_level_security_is_cached_only_if_it_is_named(
    items: Origin, base: sa.Engine
) -> None:
    """A pattern names it not."""
    items.execute(
        "ALTER TABLE tags ENABLE ROW LEVEL SECURITY", "CREATE POLICY all_of_it ON tags USING (true)"
    )

    with CachingEngine(base, mode="transparent", tables=["public.*"]) as engine:
        assert [ask(engine, ASK_TAGS)[1] for _ in range(2)] == [Outcome.BYPASS, Outcome.BYPASS]
    with CachingEngine(base, mode="transparent", tables=["public.*", "public.tags"]) as engine:
        assert [ask(engine, ASK_TAGS)[1] for _ in range(2)] == [Outcome.MISS, Outcome.HIT]


def test_a_table_left_out_is_not_restored(items: Origin, base: sa.Engine) -> None:
    """The file may have been written under other settings."""
    with CachingEngine(base, mode="transparent", cache_db="kept.db") as engine:
        warm(engine)
    with CachingEngine(base, mode="transparent", cache_db="kept.db", exclude=["tags"]) as engine:
        assert ask(engine)[1] is Outcome.HIT
        assert ask(engine, ASK_TAGS)[1] is Outcome.BYPASS


def test_a_table_written_more_often_than_read_rests_for_a_while(items: Origin, clock: ManualClock) -> None:
    """After fills in a row that didn't pay; then it is tried again, and rests longer if it still doesn't."""
    with CachingEngine(items.engine(), mode="transparent", clock=clock) as engine:

        def write() -> None:
            with engine.begin() as connection:
                connection.execute(WRITE)

        for _ in range(5):
            assert ask(engine)[1] is Outcome.MISS
            write()
        resting = ask(engine)
        reason = engine.stats().tables[f"{_schema(items)}.items"].refusal
        explained = engine.explain(ASK).outcome
        clock.advance(10.5)
        tried = ask(engine)
        write()
        clock.advance(10.5)
        longer = ask(engine)
        clock.advance(10.5)
        again = [ask(engine)[1] for _ in range(4)]
        write()
        paid = ask(engine)

    assert resting == (versions(5, 5), Outcome.BYPASS)
    assert reason == "it is written more often than caching it pays"
    assert explained is Outcome.RESULT_HIT  # what the origin has answered is kept, until the next write
    assert tried[1] is Outcome.MISS
    assert longer[1] is Outcome.BYPASS
    assert again == [Outcome.MISS, Outcome.HIT, Outcome.HIT, Outcome.HIT]
    assert paid == (versions(7, 7), Outcome.MISS)


def _schema(origin: Origin) -> str:
    schemas = {"sqlite": "main", "postgresql": "public", "mariadb": str(origin.url.database)}
    return schemas[origin.family]


# -- what the origin does by itself ----------------------------------------------------------------


def test_foreign_keys_triggers_and_views_are_followed(items: Origin, engine: CachingEngine) -> None:
    """What a write reaches by the origin's own doing is invalidated with it, and nothing else."""
    items.execute(
        "CREATE TABLE parts (id INTEGER PRIMARY KEY, item INTEGER, "
        "FOREIGN KEY (item) REFERENCES items (id) ON DELETE CASCADE)",
        "INSERT INTO parts VALUES (1, 1), (2, 2)",
        "CREATE TABLE journal (id INTEGER, what VARCHAR(10))",
        "CREATE VIEW seen AS SELECT id, version FROM items",
    )
    if items.family == "postgresql":
        items.execute(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO journal VALUES (OLD.id, 'gone'); RETURN OLD; END $$",
            "CREATE TRIGGER noted AFTER DELETE ON items FOR EACH ROW EXECUTE FUNCTION note()",
        )
    else:
        body = "INSERT INTO journal VALUES (OLD.id, 'gone')"
        body = f"BEGIN {body}; END" if items.family == "sqlite" else body
        items.execute(f"CREATE TRIGGER noted AFTER DELETE ON items FOR EACH ROW {body}")
    if items.family == "sqlite":
        event.listen(
            engine, "connect", lambda driver, record: driver.execute("PRAGMA foreign_keys = ON").close()
        )
        engine.dispose()
    asked = [
        "SELECT id FROM parts ORDER BY id",
        "SELECT what FROM journal",
        "SELECT id FROM seen ORDER BY id",
        ASK_TAGS,
    ]
    for statement in asked:
        ask(engine, statement)

    with engine.begin() as connection:
        connection.execute(text("DELETE FROM items WHERE id = 1"))
    found = [ask(engine, statement) for statement in asked]

    assert [rows for rows, _ in found] == [[(2,)], [("gone",)], [(2,)], [(1, "red")]]
    assert found[3][1] is Outcome.HIT


def test_a_function_that_writes_is_followed_from_a_select(items: Origin, engine: CachingEngine) -> None:
    """SELECT f() is no read if f writes."""
    if items.family == "sqlite":
        pytest.skip("its functions are the program's own")
    body = "UPDATE items SET version = version + 1"
    if items.family == "postgresql":
        items.execute(f"CREATE FUNCTION raise_all() RETURNS integer LANGUAGE SQL AS $$ {body}; SELECT 1 $$")
    else:
        items.execute(
            "SET GLOBAL log_bin_trust_function_creators = 1",
            f"CREATE FUNCTION raise_all() RETURNS INT MODIFIES SQL DATA BEGIN {body}; RETURN 1; END",
        )
    warm(engine)

    with engine.begin() as connection:
        connection.execute(text("SELECT raise_all()")).all()
    engine.dispose()

    assert ask(engine)[0] == versions(1, 1)
    assert ask(engine, ASK_TAGS)[0] == [(1, "red")]


# -- sessions that differ --------------------------------------------------------------------------

SETTINGS: dict[str, tuple[str, str]] = {
    "postgresql": ("SET datestyle TO 'German'", "DISCARD ALL"),
    "mariadb": ("SET SESSION time_zone = '+05:00'", ""),
    "sqlite": ("CREATE TEMP TABLE items AS SELECT 7 AS id, 7 AS version", ""),
}


def test_a_session_that_differs_reads_at_the_origin(items: Origin, engine: CachingEngine) -> None:
    """It alone; and only for as long as it differs."""
    warm(engine)
    change, reset = SETTINGS[items.family]

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(change)
        connection.commit()
        differing = within(connection)
        other = ask(engine)
        if reset:
            connection.exec_driver_sql(reset)
            connection.commit()
            back = within(connection)
            assert back[1] is Outcome.HIT

    assert differing[1] is Outcome.BYPASS
    assert differing[0] == ([(7, 7)] if items.family == "sqlite" else versions(0, 0))
    assert other == (versions(0, 0), Outcome.HIT)


def test_a_session_that_differs_is_met_again_in_the_pool(items: Origin) -> None:
    """The next user of that connection sees what it would see on the bare engine."""
    with CachingEngine(items.engine(pool_size=1, max_overflow=0), mode="transparent") as engine:
        warm(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql(SETTINGS[items.family][0])
            connection.commit()
        differing = ask(engine)
        short = engine.execute(ASK)
        engine.dispose()
        after = ask(engine)

    assert differing[1] is Outcome.BYPASS
    assert short.status.outcome is Outcome.BYPASS
    assert after == (versions(0, 0), Outcome.HIT)


@pytest.mark.families("postgresql", "mariadb")
def test_what_must_be_first_in_its_transaction_is_first(engine: CachingEngine) -> None:
    """Nothing is asked before it, whatever isn't known of the catalogue."""
    for _ in range(2):
        with engine.connect() as connection:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            assert within(connection) == (versions(0, 0), Outcome.BYPASS)
        engine._core.writes.forget_reach()


@pytest.mark.families("postgresql")
def test_set_local_lasts_until_the_transaction_ends(engine: CachingEngine) -> None:
    """Its reads are the origin's until then."""
    warm(engine)

    with engine.connect() as connection:
        connection.exec_driver_sql("SET LOCAL datestyle TO 'German'")
        inside = within(connection)
        connection.commit()
        after = within(connection)

    assert inside[1] is Outcome.BYPASS
    assert after[1] is Outcome.HIT


@pytest.mark.families("postgresql")
def test_two_roles_two_paths_two_zones_and_a_policy_leak_nothing(
    items: Origin, engine: CachingEngine
) -> None:
    """Each session gets what the origin gives to it."""
    reader = f"{items.url.database}_reader"  # roles are the server's, and other runs have theirs
    items.execute(
        "CREATE SCHEMA elsewhere",
        "CREATE TABLE elsewhere.items (id INTEGER PRIMARY KEY, version INTEGER)",
        "INSERT INTO elsewhere.items VALUES (9, 9)",
        "CREATE TABLE secrets (id INTEGER PRIMARY KEY, owner TEXT)",
        "INSERT INTO secrets VALUES (1, 'postgres'), (2, 'nobody_else')",
        "ALTER TABLE secrets ENABLE ROW LEVEL SECURITY",
        "CREATE TABLE moments (id INTEGER PRIMARY KEY, at TIMESTAMPTZ)",
        "INSERT INTO moments VALUES (1, '2024-01-01 12:00:00+00')",
        f"DROP ROLE IF EXISTS {reader}",
        f"CREATE ROLE {reader}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}",
        "CREATE POLICY own ON secrets USING (owner = current_user)",
    )
    warm(engine)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("SET search_path TO elsewhere")
            path = within(connection)
            connection.exec_driver_sql("RESET search_path")
            connection.exec_driver_sql("SET TIME ZONE 'Asia/Tokyo'")
            zone = within(connection, "SELECT CAST(at AS TEXT) FROM moments")
            connection.exec_driver_sql("RESET ALL")
            connection.exec_driver_sql(f"SET ROLE {reader}")
            role = within(connection, "SELECT id FROM secrets ORDER BY id")
            connection.exec_driver_sql("RESET ROLE")
            connection.commit()
        secrets = (
            ask(engine, "SELECT id FROM secrets ORDER BY id"),
            ask(engine, "SELECT id FROM secrets ORDER BY id"),
        )
        plain = ask(engine)
        usual = ask(engine, "SELECT CAST(at AS TEXT) FROM moments")
    finally:
        engine.dispose()
        items.execute(
            f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {reader}",
            f"DROP ROLE {reader}",
        )

    assert path[0] == [(9, 9)]
    assert zone[0] == [("2024-01-01 21:00:00+09",)]
    assert role[0] == []
    assert [found[1] for found in secrets] == [Outcome.BYPASS, Outcome.BYPASS]
    assert secrets[0][0] == [(1,), (2,)]
    assert plain[0] == versions(0, 0)
    assert usual[0] == [tuple(row) for row in items.execute("SELECT CAST(at AS TEXT) FROM moments")]


def test_statements_are_echoed_as_by_the_wrapped_engine(
    origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    """`create_engine(echo=True, logging_name=…)`: hits and writes too, under the same name."""
    origin.execute("CREATE TABLE echoed (id INTEGER PRIMARY KEY)")
    insert, select = "INSERT INTO echoed (id) VALUES ({})", "SELECT id FROM echoed"
    wanted = [insert.format(1), "COMMIT", select, select]

    def messages(engine: sa.Engine) -> list[str]:
        caplog.clear()
        with engine.begin() as connection:
            connection.execute(sa.text(insert.format(1)))
        with engine.connect() as connection:
            for _ in range(2):
                connection.execute(sa.text(select)).all()
        assert {record.name for record in caplog.records} == {"sqlalchemy.engine.Engine.shop"}
        return [record.message for record in caplog.records if record.message in wanted]

    bare = origin.engine(echo=True, logging_name="shop")
    assert messages(bare) == wanted
    origin.execute("DELETE FROM echoed")
    with CachingEngine(
        origin.engine(echo=True, logging_name="shop"), mode="transparent", cache_db=""
    ) as engine:
        engine.warm("echoed")
        assert messages(engine) == wanted
        assert engine.logging_name == "shop"
        engine.echo = False
        caplog.clear()
        with engine.connect() as connection:
            connection.execute(sa.text(select)).all()
        assert not caplog.records
