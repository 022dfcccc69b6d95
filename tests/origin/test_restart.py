"""What survives a restart, and what must not."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.clock import ManualClock
from support.exact import same
from support.held import images
from support.origins import Origin

from sqlmem import CachingEngine, Outcome

QUERY = "SELECT id, total, price FROM orders WHERE total > :least"


@pytest.fixture(autouse=True)
def _table(origin: Origin) -> None:
    origin.execute(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER, price NUMERIC(10,2), at TIMESTAMP NULL)",
        "INSERT INTO orders VALUES (1, 10, 1.50, '2024-02-29 12:30:00')",
        "INSERT INTO orders VALUES (2, 20, 2.25, NULL), (3, NULL, NULL, NULL)",
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "cache.db"


def saved(origin: Origin, path: Path, **settings: Any) -> list[dict[str, Any]]:
    """The answer to QUERY, whose table is then in the snapshot."""
    path.parent.mkdir(exist_ok=True)
    with CachingEngine(origin.engine(), cache_db=path, **settings) as engine:
        return engine.execute(QUERY, {"least": 5})


def test_restarted_engine_serves_what_was_saved_while_the_origin_is_down(origin: Origin, path: Path) -> None:
    """A store that was loaded serves hits before the origin was ever connected to."""
    rows = saved(origin, path)

    with origin.down(), CachingEngine(origin.engine(), cache_db=path) as engine:
        again = engine.execute(QUERY, {"least": 5})
        other = engine.execute("SELECT count(*) AS n, max(price) AS p FROM orders")

    assert again.status.outcome is other.status.outcome is Outcome.HIT
    assert same(list(again), list(rows))


def test_restarted_engine_answers_without_reading_the_origins_data(origin: Origin, path: Path) -> None:
    """Through execute and Core; the catalogue may be asked whether the table is the same."""
    rows = saved(origin, path)

    with origin.expect(0), CachingEngine(origin.engine(), cache_db=path) as engine:
        again = engine.execute(QUERY, {"least": 5})
        with engine.connect() as connection:
            core = connection.execute(sa.text("SELECT id FROM orders ORDER BY id")).scalars().all()

    assert same(list(again), list(rows))
    assert core == [1, 2, 3]


def test_table_that_was_named_by_a_table_object_survives(origin: Origin, path: Path) -> None:
    """`warm` with a Table or a mapped class; SQLAlchemy's names are a class of their own."""
    path.parent.mkdir()
    table = sa.Table("orders", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
    with CachingEngine(origin.engine(), cache_db=path) as engine:
        engine.warm(table)

    with origin.expect(0), CachingEngine(origin.engine(), cache_db=path) as engine:
        rows = engine.execute("SELECT count(*) AS n FROM orders")

    assert rows == [{"n": 3}]
    assert rows.status.outcome is Outcome.HIT


def test_files_are_ordinary_sqlite_databases_for_their_owner_alone(origin: Origin, path: Path) -> None:
    """Mode 0600; the rows can be read by anybody who may."""
    saved(origin, path)

    image = next(image for name, image in images(path).items() if "orders" in name)
    with contextlib.closing(sqlite3.connect(image)) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM data ORDER BY id")]

    assert ids == [1, 2, 3]
    for file in (path, image):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert origin.url.password is None or origin.url.password.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("ALTER TABLE orders ADD COLUMN colour INTEGER", "colour"),
        (
            "DROP TABLE orders; CREATE TABLE orders (id INTEGER, total VARCHAR(9))",
            "total",
        ),
    ],
)
def test_changed_definition_drops_the_table_with_one_warning(
    origin: Origin, path: Path, warnings: list[str], change: str, words: str
) -> None:
    """It says which table and why, and the table is read anew."""
    saved(origin, path)
    origin.execute(*change.split("; "))

    with CachingEngine(origin.engine(), cache_db=path) as engine, origin.expect(1):
        rows = engine.execute("SELECT id, total FROM orders")

    with origin.engine().connect() as connection:
        expected = [
            dict(row) for row in connection.execute(sa.text("SELECT id, total FROM orders")).mappings()
        ]
    assert rows.status.outcome is Outcome.MISS
    assert same(list(rows), expected)
    assert len(warnings) == 1
    assert "orders" in warnings[0]
    assert words in warnings[0]


def test_dropped_table_is_the_origins_error_after_a_restart(
    origin: Origin, path: Path, warnings: list[str]
) -> None:
    """And not the rows that it had."""
    saved(origin, path)
    origin.execute("DROP TABLE orders")

    with CachingEngine(origin.engine(), cache_db=path) as engine, pytest.raises(sa.exc.DBAPIError):
        engine.execute(QUERY, {"least": 5})

    assert len(warnings) == 1


def test_definition_that_could_not_be_asked_is_asked_at_the_next_fill(
    origin: Origin, path: Path, warnings: list[str]
) -> None:
    """The origin was down at the start; when it is back, what had changed meanwhile is seen."""
    saved(origin, path)
    origin.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    with origin.down():
        engine = CachingEngine(origin.engine(), cache_db=path)
        first = engine.execute(QUERY, {"least": 5})
        origin.execute("ALTER TABLE orders ADD COLUMN colour INTEGER")
    engine.execute("SELECT id FROM users")

    second = engine.execute(QUERY, {"least": 5})

    assert first.status.outcome is Outcome.HIT
    assert second.status.outcome is Outcome.MISS
    assert len(warnings) == 1
    engine.close()


def test_age_survives_a_restart(origin: Origin, path: Path) -> None:
    """Data older than its ttl is a miss, however often the engine was restarted."""
    clock = ManualClock()
    saved(origin, path, ttl=100, clock=clock)
    clock.advance(60)
    with CachingEngine(origin.engine(), cache_db=path, ttl=100, clock=clock) as engine:
        young = engine.execute(QUERY, {"least": 5})
    later = ManualClock(monotonic=5.0, wall=clock.wall() + 60)

    with CachingEngine(origin.engine(), cache_db=path, ttl=100, clock=later) as engine:
        old = engine.execute(QUERY, {"least": 5})

    assert young.status.outcome is Outcome.HIT
    assert young.status.age == pytest.approx(60)
    assert old.status.outcome is Outcome.MISS


def test_stale_if_error_serves_a_restored_table(origin: Origin, path: Path) -> None:
    """And its status says so; beyond the limit the driver's error is raised."""
    clock = ManualClock()
    saved(origin, path, ttl=10, clock=clock)
    clock.advance(20)

    with (
        origin.down(),
        CachingEngine(origin.engine(), cache_db=path, ttl=10, stale_if_error=30, clock=clock) as engine,
    ):
        rows = engine.execute(QUERY, {"least": 5})
        clock.advance(30)
        with pytest.raises(sa.exc.OperationalError):
            engine.execute(QUERY, {"least": 5})

    assert rows.status.is_stale
    assert rows.status.age == pytest.approx(20)


def test_invalidated_rows_do_not_come_back_from_the_file(origin: Origin, path: Path) -> None:
    """Also if the process is killed right after: nothing was written since."""
    saved(origin, path)
    engine = CachingEngine(origin.engine(), cache_db=path)
    origin.execute("UPDATE orders SET total = 99 WHERE id = 1")
    engine.invalidate("orders")

    with CachingEngine(origin.engine(), cache_db=path) as successor:
        rows = successor.execute("SELECT total FROM orders WHERE id = 1")

    assert rows == [{"total": 99}]
    engine.close()


def test_widened_table_is_saved_with_all_its_columns(origin: Origin, path: Path) -> None:
    """The registered columns survive, so that the first fill afterwards brings them too."""
    saved(origin, path)
    with CachingEngine(origin.engine(), cache_db=path) as engine:
        engine.execute("SELECT at FROM orders")

    with origin.expect(0), CachingEngine(origin.engine(), cache_db=path) as engine:
        rows = engine.execute("SELECT id, total, price, at FROM orders ORDER BY id")

    with origin.engine().connect() as connection:
        text = sa.text("SELECT id, total, price, at FROM orders ORDER BY id")
        assert same(list(rows), [dict(row) for row in connection.execute(text).mappings()])


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_file_that_is_no_snapshot_is_survived_with_one_warning(
    origin: Origin, path: Path, warnings: list[str], content: bytes
) -> None:
    """The cache begins empty, answers, and keeps its snapshot again."""
    path.parent.mkdir()
    path.write_bytes(content)

    with CachingEngine(origin.engine(), cache_db=path) as engine:
        outcome = engine.execute(QUERY, {"least": 5}).status.outcome
    with CachingEngine(origin.engine(), cache_db=path) as engine:
        again = engine.execute(QUERY, {"least": 5}).status.outcome

    assert (outcome, again) == (Outcome.MISS, Outcome.HIT)
    assert len(warnings) <= 2


def test_folder_that_is_not_there_costs_a_warning_and_no_answer(
    origin: Origin, path: Path, warnings: list[str]
) -> None:
    """Writing on a full or forbidden disk is the same case."""
    with CachingEngine(origin.engine(), cache_db=path / "nowhere" / "cache.db") as engine:
        rows = engine.execute(QUERY, {"least": 5})

    assert len(rows) == 2
    assert len(warnings) == 1


@pytest.mark.families("sqlite")
def test_second_engine_on_another_origin_keeps_no_snapshot_in_the_same_file(
    origin: Origin, path: Path, tmp_path: Path, warnings: list[str]
) -> None:
    """It says so in one warning, and both answer from their own origin."""
    path.parent.mkdir()
    other = sa.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    with other.begin() as connection:
        connection.execute(sa.text("CREATE TABLE orders (id INTEGER PRIMARY KEY)"))
        connection.execute(sa.text("INSERT INTO orders VALUES (77)"))

    with (
        CachingEngine(origin.engine(), cache_db=path) as first,
        CachingEngine(other, cache_db=path) as second,
    ):
        ours = first.execute("SELECT id FROM orders ORDER BY id")
        theirs = second.execute("SELECT id FROM orders")
    with CachingEngine(origin.engine(), cache_db=path) as engine, origin.expect(0):
        again = engine.execute("SELECT id FROM orders ORDER BY id")

    assert [row["id"] for row in ours] == [row["id"] for row in again] == [1, 2, 3]
    assert theirs == [{"id": 77}]
    assert len(warnings) == 1
    other.dispose()


def test_forked_child_has_its_own_thread_locks_and_connections(origin: Origin, path: Path) -> None:
    """It serves what the parent had, fills what it hadn't, and the parent goes on."""
    path.parent.mkdir()
    base = origin.engine()
    with CachingEngine(base, cache_db=path) as engine:
        engine.execute("SELECT id FROM orders")
        context = multiprocessing.get_context("fork")
        answers = context.SimpleQueue()

        def child() -> None:
            hit = engine.execute("SELECT id FROM orders")
            miss = engine.execute("SELECT id, total FROM orders")
            answers.put((str(hit.status.outcome), len(hit), str(miss.status.outcome), len(miss), os.getpid()))

        process = context.Process(target=child)
        process.start()
        answer = answers.get()
        process.join()

        assert answer[:4] == ("hit", 3, "miss", 3)
        assert answer[4] != os.getpid()
        assert process.exitcode == 0
        assert engine.execute("SELECT id FROM orders").status.outcome is Outcome.HIT
        assert engine.execute("SELECT id, price FROM orders").status.outcome is Outcome.MISS
