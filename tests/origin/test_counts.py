"""What each way costs, counted exactly: statements at the origin, and calls of a hit. Nothing here is timed.

The numbers are in `STATEMENTS`, `EXTRAS` and `CALLS`. They may only become smaller.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from math import inf
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from support.counting import is_data
from support.origins import Origin

import sqlmem.lexer
import sqlmem.planning
from benchmarks.proxy import Proxy, address, through
from sqlmem import CachingEngine, Outcome, last_status, turns

# Statements of a miss, with what asks the catalogue and sets the session up: the first fill of a table that
# has been met, a wider one, and one after `invalidate`, which forgets the table's definition.
STATEMENTS = {"sqlite": (5, 5, 19), "postgresql": (5, 2, 16), "mariadb": (6, 5, 12)}

# What a bypass says around each statement of the bare engine's, and why.
EXTRAS = {
    # In autocommit the bare engine begins nothing; the wall against a function's writes is a transaction.
    ("strict", "autocommit"): (["BEGIN"], ["ROLLBACK"]),
}

# Calls of one hit, Python's and C's, as `sys.setprofile` sees them: all, and those in or from sqlmem.
# The largest of the three families, of CPython 3.11 to 3.13 and of SQLAlchemy 2.0 and 2.1.
CALLS = {
    "execute, another key": (27, 10),
    "execute, the same key": (10, 4),
    "Core, open connection": (79, 12),
    "Core, connect and close": (121, 26),
    "ORM, a session": (276, 28),
}

# Calls beyond the bare engine's, of what the origin does all the same, with connect and close: a bypass in
# strict and in transparent mode, an UPDATE with its commit, ten of them, a read after the UPDATE and, of a
# table that rests, before it.
# MariaDB's are 13 less for each statement where no database of the server has views that may write.
# On SQLite, PostgreSQL and MariaDB; the largest of CPython 3.11 to 3.13 and of SQLAlchemy 2.0 and 2.1.
FAMILIES = ("sqlite", "postgresql", "mariadb")
PASSED_CALLS = {
    ("strict", "a bypass"): (28, 62, 44),
    ("transparent", "a bypass"): (-8, 20, 12),
    ("transparent", "UPDATE"): (39, 40, 24),
    ("transparent", "10 UPDATEs"): (138, 134, 220),
    ("transparent", "UPDATE, read"): (29, 60, 31),
    ("transparent", "read, UPDATE"): (36, 66, 38),
}

BY_KEY = "SELECT id, n, name FROM things WHERE id = :id"
VOLATILE = "SELECT id, n FROM things WHERE id = :id AND now() > '2020-01-01'"
PACKAGE = sqlmem.__path__[0]


class Base(DeclarativeBase):
    pass


class Thing(Base):
    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True)
    n: Mapped[int]
    name: Mapped[str] = mapped_column(sa.String(20))


@pytest.fixture(autouse=True)
def _table(origin: Origin) -> None:
    rows = ", ".join(f"({number}, {number * 7 % 5}, 'name {number}', {number})" for number in range(40))
    origin.execute(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER, name VARCHAR(20), more INTEGER)",
        f"INSERT INTO things VALUES {rows}",
    )


@pytest.fixture
def engine(origin: Origin) -> Iterator[CachingEngine]:
    """All columns but `more` are there."""
    with CachingEngine(origin.engine(), cache_db="") as engine:
        engine.warm("things", ["id", "n", "name"])
        yield engine


# -- statements --------------------------------------------------------------------------------


def test_a_hit_asks_the_origin_nothing(origin: Origin, engine: CachingEngine) -> None:
    """Through execute, Core and the ORM: no statement, no connection; the text is new to the engine."""
    with origin.expect_silence():
        engine.execute(BY_KEY, {"id": 1})
        with engine.connect() as connection:
            connection.execute(sa.select(Thing.id, Thing.name).where(Thing.id == 2)).all()
        with Session(engine) as session:
            assert session.get(Thing, 3) is not None

    assert engine.stats().hits == 3


def test_a_new_text_over_known_columns_asks_the_origin_nothing(origin: Origin, engine: CachingEngine) -> None:
    """Whatever its shape; nobody has asked it before."""
    texts = (
        "SELECT name FROM things WHERE n > 2 ORDER BY id LIMIT 3",
        "SELECT n, count(*) AS c, max(id) AS m FROM things GROUP BY n HAVING count(*) > 1 ORDER BY n",
        "SELECT id FROM things WHERE id IN (SELECT max(id) FROM things)",
    )

    with origin.expect_silence():
        outcomes = [engine.execute(text).status.outcome for text in texts]

    assert outcomes == [Outcome.HIT] * 3


def test_a_miss_asks_for_the_fill_only(origin: Origin) -> None:
    """One statement reaches the data, of just the needed columns; the rest is counted."""
    with CachingEngine(origin.engine(), cache_db="") as engine:
        engine.execute(
            "SELECT count(*) AS c FROM things", sqlmem="bypass"
        )  # the driver's own first questions
        counted = []
        for before in (lambda: None, lambda: None, lambda: engine.invalidate("things")):
            before()
            column = "n" if not counted else "name"
            start = len(origin.counter.everything)
            status = engine.execute(f"SELECT id, {column} FROM things WHERE id < 3 ORDER BY id").status
            sent = origin.counter.everything[start:]
            data = [statement for statement in sent if is_data(statement)]
            assert status.outcome is Outcome.MISS
            assert len(data) == 1, data
            assert "more" not in data[0]
            counted.append(len(sent))

    assert all(now <= known for now, known in zip(counted, STATEMENTS[origin.family], strict=True)), counted


def test_statements_that_differ_in_constants_are_planned_once(
    engine: CachingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = []
    make_plan = sqlmem.planning.make_plan

    def counted(parsed: Any, *arguments: Any, **options: Any) -> Any:
        planned.append(parsed.scanned.text)
        return make_plan(parsed, *arguments, **options)

    monkeypatch.setattr(sqlmem.planning, "make_plan", counted)

    for number in range(20):
        engine.execute(f"SELECT id, name FROM things WHERE id = {number} AND n < {number + 3}")

    assert len(planned) == 1, planned


PLAIN_TEXTS = {
    "by key": "SELECT id, n AS x, name FROM things WHERE id = 1",
    "order": "SELECT id, name FROM things WHERE n > 2 AND n IS NOT NULL ORDER BY n DESC, id LIMIT 3",
    "groups": "SELECT n, count(*) AS c, max(id) AS m FROM things GROUP BY n HAVING count(*) > 1 ORDER BY n",
    "CASE, IN": "SELECT CASE WHEN n > 1 THEN n ELSE id END AS x FROM things WHERE id IN (1, 2) ORDER BY 1",
    "subquery": "SELECT id FROM things WHERE id IN (SELECT max(id) FROM things)",
    "join": "SELECT a.id, b.n FROM things a JOIN things b ON a.id = b.id WHERE a.n < 3",
    "WITH, window": """
        WITH v AS (SELECT id, n FROM things) SELECT id, row_number() OVER (ORDER BY id) AS r FROM v""",
}


@pytest.mark.parametrize("shape", PLAIN_TEXTS)
def test_a_new_text_is_scanned_once_and_parsed_once(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    """What it does, what it asks, and whether the parser is believed: all of one scan and one tree."""
    scanned, parsed = [], []

    class Counted(sqlmem.lexer._Scanner):
        def __init__(self, text: str, syntax: Any) -> None:
            scanned.append(text)
            super().__init__(text, syntax)

    parse = sqlglot.Dialect.parse

    def counted(self: sqlglot.Dialect, sql: str, **options: Any) -> Any:
        parsed.append(sql)
        return parse(self, sql, **options)

    text = PLAIN_TEXTS[shape]
    with CachingEngine(origin.engine(), cache_db="", mode="transparent", slow_statements="store") as engine:
        engine.warm("things")
        engine.execute("SELECT n FROM things WHERE id = 7")
        monkeypatch.setattr(sqlmem.lexer, "_Scanner", Counted)
        monkeypatch.setattr(sqlglot.Dialect, "parse", counted)

        status = engine.execute(text).status

    assert status.outcome is Outcome.HIT, status
    assert (scanned, len(parsed)) == ([text], 1)


def test_a_herd_asks_once(origin: Origin) -> None:
    """A hundred threads miss at once on a table that isn't there."""
    barrier = threading.Barrier(100)
    failures: list[BaseException] = []

    with CachingEngine(origin.engine(pool_size=5, max_overflow=100), cache_db="") as engine:
        engine.explain("SELECT id, n FROM things")

        def ask() -> None:
            try:
                barrier.wait()
                engine.execute("SELECT count(*) AS c, max(n) AS m FROM things")
            except BaseException as error:  # noqa: BLE001 - carried to the main thread
                failures.append(error)

        with origin.expect(1):
            workers = [threading.Thread(target=ask) for _ in range(100)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()

    assert not failures


# -- what the server hears ---------------------------------------------------------------------


@pytest.fixture
def heard(origin: Origin) -> Iterator[tuple[Proxy, sa.URL]]:
    """All that a driver sends, BEGIN and COMMIT included: on PostgreSQL, through a proxy that reads along."""
    proxy = Proxy(*address(origin.url))
    yield proxy, through(origin.url, proxy.port)
    proxy.close()


def read(connection: Connection, key: int) -> None:
    connection.execute(sa.text(VOLATILE), {"id": key}).all()


def read_twice(connection: Connection, key: int) -> None:
    read(connection, key)
    read(connection, key + 1)


def update(connection: Connection, key: int) -> None:
    connection.execute(sa.text("UPDATE things SET n = n + 1 WHERE id = :id"), {"id": key})


def update_and_commit(connection: Connection, key: int) -> None:
    update(connection, key)
    connection.commit()


def update_and_roll_back(connection: Connection, key: int) -> None:
    update(connection, key)
    connection.rollback()


def update_and_read(connection: Connection, key: int) -> None:
    update(connection, key)
    connection.execute(sa.text("SELECT n FROM things WHERE id = :id"), {"id": key}).all()
    connection.commit()


def insert(connection: Connection, key: int) -> None:
    connection.execute(
        sa.text("INSERT INTO things VALUES (:id, 1, 'x', 1) ON CONFLICT DO NOTHING"), {"id": key + 100}
    )
    connection.commit()


def lock(connection: Connection, key: int) -> None:
    connection.execute(sa.text("SELECT n FROM things WHERE id = :id FOR UPDATE"), {"id": key}).all()
    connection.commit()


READS = (read, read_twice)
WRITES = (update_and_commit, update_and_roll_back, insert, lock)
CASES = [
    *[("strict", each, isolation) for each in READS for isolation in ("transaction", "autocommit")],
    *[
        ("transparent", each, isolation)
        for each in READS + WRITES
        for isolation in ("transaction", "autocommit")
    ],
    # In autocommit the read would be a miss: nothing is pending.
    ("transparent", update_and_read, "transaction"),
]


@pytest.mark.families("postgresql")
@pytest.mark.parametrize("isolation", ["transaction", "autocommit"])
@pytest.mark.parametrize(
    ("mode", "work"),
    [("strict", each) for each in READS] + [("transparent", each) for each in READS + WRITES],
)
def test_what_the_origin_answers_is_what_the_bare_engine_sends(
    heard: tuple[Proxy, sa.URL], mode: str, work: Callable[[Connection, int], None], isolation: str
) -> None:
    """The same statements in the same order, and nothing else but `EXTRAS`, once what is asked is known."""
    proxy, url = heard

    bare = conversation(proxy, sa.create_engine(url), work, isolation)
    ours = conversation(proxy, CachingEngine(sa.create_engine(url), cache_db="", mode=mode), work, isolation)

    before, after = EXTRAS.get((mode, isolation), ([], []))
    assert ours == [each for statement in bare for each in (*before, statement, *after)]


def conversation(
    proxy: Proxy, engine: Engine, work: Callable[[Connection, int], None], isolation: str
) -> list[str]:
    """What the server hears the second time, BEGIN without its options."""
    options = {"isolation_level": "AUTOCOMMIT"} if isolation == "autocommit" else {}
    start = 0
    for key in (1, 3):
        start = len(proxy.statements)
        with engine.connect().execution_options(**options) as connection:
            work(connection, key)
    sent = proxy.statements[start:]
    if isinstance(engine, CachingEngine):
        engine.close()
    engine.dispose()
    # Strict mode's says READ ONLY. Transparent mode's may say READ WRITE, where the bare engine's is silent.
    return ["BEGIN" if statement.startswith("BEGIN") else statement for statement in sent]


# -- calls -------------------------------------------------------------------------------------


class Calls:
    """The calls of one piece of work: all, and those of sqlmem's functions or made by them."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.total = self.ours = 0
        gc.disable()  # what it collects may call something
        try:
            sys.setprofile(self._seen)
            try:
                work()
            finally:
                sys.setprofile(None)
        finally:
            gc.enable()
        self.total -= 1  # the last one is `sys.setprofile`

    def _seen(self, frame: Any, event: str, _: object) -> None:
        if event in ("call", "c_call"):
            self.total += 1
            self.ours += frame.f_code.co_filename.startswith(PACKAGE)


def ways(engine: CachingEngine, connection: Connection) -> dict[str, Callable[[int], object]]:
    statement = sa.select(Thing.id, Thing.n, Thing.name).where(Thing.id == sa.bindparam("id"))
    entity = sa.select(Thing).where(Thing.id == sa.bindparam("id"))

    def closing(key: int) -> object:
        with engine.connect() as own:
            return own.execute(statement, {"id": key}).all()

    def session(key: int) -> object:
        with Session(engine) as own:
            return own.scalars(entity, {"id": key}).all()

    return {
        "execute, another key": lambda key: engine.execute(BY_KEY, {"id": key}),
        "execute, the same key": lambda _: engine.execute(BY_KEY, {"id": 7}),
        "Core, open connection": lambda key: connection.execute(statement, {"id": key}).all(),
        "Core, connect and close": closing,
        "ORM, a session": session,
    }


@pytest.mark.parametrize("way", CALLS)
def test_a_hit_makes_no_more_calls_than_are_known(
    engine: CachingEngine, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one row by its key, when its text has been asked before, by the thread that has the turn."""
    monkeypatch.setattr(turns, "TURN_SECONDS", inf)
    engine._core.store.turns.reset()
    with engine.connect() as connection:
        ask = ways(engine, connection)[way]
        for key in range(12):
            ask(key)

        counted = Calls(lambda: ask(30))
        status = last_status()

    assert status is not None
    assert status.outcome is Outcome.HIT
    total, ours = CALLS[way]
    assert counted.total <= total, f"{counted.total} calls"
    assert counted.ours <= ours, f"{counted.ours} of sqlmem's"


def passing(engine: Engine, name: str) -> Callable[[int], object]:
    volatile = VOLATILE.replace("now()", "CURRENT_TIMESTAMP")
    texts = {
        "a bypass": [volatile],
        "UPDATE": ["UPDATE things SET n = n + 1 WHERE id = :id"],
        "10 UPDATEs": ["UPDATE things SET n = n + 1 WHERE id = :id"] * 10,
        "UPDATE, read": ["UPDATE things SET n = n + 1 WHERE id = :id", BY_KEY],
        "read, UPDATE": [BY_KEY, "UPDATE things SET n = n + 1 WHERE id = :id"],
    }[name]
    statements = [sa.text(each) for each in texts]

    def ask(key: int) -> object:
        with engine.connect() as connection:
            for statement in statements:
                result = connection.execute(statement, {"id": key})
                if result.returns_rows:
                    result.all()
            if name != "a bypass":
                connection.commit()
        return None

    return ask


@pytest.mark.parametrize(("mode", "name"), PASSED_CALLS)
def test_what_the_origin_answers_makes_no_more_calls_than_are_known(
    origin: Origin, mode: str, name: str
) -> None:
    """Once it has been asked before."""
    with CachingEngine(origin.engine(), cache_db="", mode=mode) as engine:
        engine.warm("things", ["id", "n", "name"])
        ways = passing(engine, name), passing(origin.engine(), name)
        for ask in ways:
            for key in range(12):
                ask(key)

        ours, bare = (Calls(lambda ask=ask: ask(30)).total for ask in ways)
        ways[0](31)
        status = last_status()

    assert status is not None
    assert status.outcome is (Outcome.PASSED if name.endswith(("UPDATE", "UPDATEs")) else Outcome.BYPASS)
    most = PASSED_CALLS[mode, name][FAMILIES.index(origin.family)]
    assert ours - bare <= most, f"{ours} calls, and {bare} of the bare engine"
