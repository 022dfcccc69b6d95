"""Invariant: an SQLite database that is attached by several names is one database, whichever name is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status

READS = ("SELECT id, version FROM main.items", "SELECT id, version FROM twin.items")


def attached(origin: Origin, *names: tuple[str, Path | str]) -> sa.Engine:
    """An engine whose connections have these files as databases of these names."""
    engine = origin.engine()

    @event.listens_for(engine, "connect")
    def connected(driver: Any, _: object) -> None:
        for name, file in names:
            driver.execute(f'ATTACH ? AS "{name}"', (str(file),))

    return engine


def by_itself(path: Path) -> Path:
    return path


def by_a_link(path: Path) -> Path:
    link = path.with_name("link.db")
    link.symlink_to(path)
    return link


@pytest.fixture
def path(sqlite_origin: Origin) -> Path:
    sqlite_origin.execute(
        "PRAGMA journal_mode = WAL",
        "CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)",
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, item INTEGER REFERENCES items (id) ON DELETE CASCADE)",
        "CREATE TABLE log (version INTEGER)",
        "CREATE TRIGGER kept AFTER UPDATE ON items BEGIN INSERT INTO log VALUES (new.version); END",
        "INSERT INTO items VALUES (1, 0), (2, 0)",
    )
    return Path(str(sqlite_origin.url.database))


def answers(engine: sa.Engine, *statements: str) -> list[list[tuple]]:
    found = []
    for statement in statements:
        for _ in range(3):
            with engine.connect() as connection:
                rows = [tuple(row) for row in connection.execute(text(statement))]
        assert not isinstance(engine, CachingEngine) or last_status().outcome is Outcome.HIT
        found.append(rows)
    return found


@pytest.mark.parametrize("reach_file", [by_itself, by_a_link])
@pytest.mark.parametrize("name", ["main.items", "twin.items", "Twin.ITEMS", "items"])
def test_write_by_one_name_is_seen_by_the_other(
    sqlite_origin: Origin, path: Path, reach_file: Callable[[Path], Path], name: str
) -> None:
    """With what its triggers write."""
    reads = (*READS, "SELECT version FROM log", "SELECT version FROM twin.log")
    with CachingEngine(attached(sqlite_origin, ("twin", reach_file(path))), mode="transparent") as engine:
        assert answers(engine, *reads) == [[(1, 0), (2, 0)]] * 2 + [[]] * 2

        with engine.begin() as connection:
            connection.execute(text(f"UPDATE {name} SET version = 1 WHERE id = 1"))

        assert answers(engine, *reads) == [[(1, 1), (2, 0)]] * 2 + [[(1,)]] * 2


@pytest.mark.parametrize("name", ["main.items", "twin.items", "items"])
def test_what_is_invalidated_by_one_name_is_read_anew_by_the_other(
    sqlite_origin: Origin, path: Path, name: str
) -> None:
    with CachingEngine(attached(sqlite_origin, ("twin", path))) as engine:
        assert answers(engine, *READS) == [[(1, 0), (2, 0)]] * 2
        sqlite_origin.execute("UPDATE items SET version = 2")

        engine.invalidate(name)

        assert answers(engine, *READS) == [[(1, 2), (2, 2)]] * 2


@pytest.mark.parametrize("name", ["main.items", "twin.items", "items"])
def test_what_a_program_says_that_it_writes_is_meant_by_all_names(
    sqlite_origin: Origin, path: Path, name: str
) -> None:
    with CachingEngine(attached(sqlite_origin, ("twin", path)), mode="transparent") as engine:
        assert answers(engine, *READS) == [[(1, 0), (2, 0)]] * 2

        with engine.begin() as connection:
            written = {"sqlmem_invalidates": [name]}
            connection.execute(text("UPDATE items SET version = 1"), execution_options=written)

        assert answers(engine, *READS) == [[(1, 1), (2, 1)]] * 2


def test_another_file_keeps_its_rows(sqlite_origin: Origin, path: Path, tmp_path: Path) -> None:
    """Two files with a table of one name, and two databases in memory, which have no file: each its own."""
    other = tmp_path / "other.db"
    with sa.create_engine(f"sqlite:///{other}").begin() as connection:
        connection.exec_driver_sql("CREATE TABLE items (id INTEGER PRIMARY KEY, version INTEGER)")
    engine = attached(sqlite_origin, ("other", other), ("one", ":memory:"), ("two", ":memory:"))
    with CachingEngine(engine, mode="transparent") as engine:
        answers(engine, "SELECT id FROM main.items", "SELECT id FROM other.items")

        with engine.begin() as connection:
            connection.execute(text("UPDATE main.items SET version = 1"))

        with sqlite_origin.expect(0), engine.connect() as connection:
            assert connection.execute(text("SELECT id FROM other.items")).all() == []
        assert last_status().outcome is Outcome.HIT


def test_database_attached_meanwhile_writes_what_the_others_read(sqlite_origin: Origin, path: Path) -> None:
    """By one connection, which differs from then on."""
    read = "SELECT id, version FROM items"
    with CachingEngine(sqlite_origin.engine(), mode="transparent") as engine:
        assert answers(engine, read) == [[(1, 0), (2, 0)]]
        with engine.connect() as connection:
            connection.execute(text(f"ATTACH '{path}' AS twin"))
            connection.execute(text("UPDATE twin.items SET version = 3"))
            connection.commit()
            seen = connection.execute(text("SELECT version FROM main.items")).scalars().all()

            assert seen == [3, 3]
            assert answers(engine, read) == [[(1, 3), (2, 3)]]
