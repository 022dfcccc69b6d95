"""What other connections have read isn't what these would have read: a snapshot tells, not only its address.

Two processes share a file, one after the other. The second one's connections mean another table by the name,
or get other values of the same row; the address of both is the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event, text
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, ReadOnlyError, last_status
from sqlmem.catalogue import session

Make = Callable[[], sa.Engine]


@pytest.fixture(params=["strict", "transparent"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def answer(engine: sa.Engine, statement: str) -> list[str]:
    """Each value as it is shown: equal moments of two time zones aren't the same."""
    with engine.connect() as connection:
        return [repr(tuple(row)) for row in connection.execute(text(statement))]


def told_apart(
    before: Make, after: Make, statement: str, table: str, *, mode: str, path: Path, warnings: list[str]
) -> None:
    """The second process gets what its own connections read, and hears why the file was of no use."""
    bases = [after(), before(), after(), after()]
    expected = answer(bases[0], statement)
    with CachingEngine(bases[1], mode=mode, cache_db=path) as engine:
        engine.warm(table)
        assert answer(engine, statement) != expected

    with CachingEngine(bases[2], mode=mode, cache_db=path) as engine:
        assert [answer(engine, statement) for _ in range(3)] == [expected] * 3
        outcome = last_status().outcome
    assert len(warnings) == 1
    assert "set otherwise when it was written" in warnings[0]

    # What that one has saved is as good as ever.
    with CachingEngine(bases[3], mode=mode, cache_db=path) as engine:
        assert answer(engine, statement) == expected
        assert last_status().outcome is outcome
    assert len(warnings) == 1
    for base in bases:
        base.dispose()


@pytest.mark.families("postgresql")
def test_search_path_by_connect_args(origin: Origin, mode: str, tmp_path: Path, warnings: list[str]) -> None:
    """A schema for each tenant, chosen where connections are made."""
    for name in ("one", "two"):
        origin.execute(
            f"CREATE SCHEMA {name}",
            f"CREATE TABLE {name}.items (id INTEGER PRIMARY KEY, owner TEXT)",
            f"INSERT INTO {name}.items VALUES (1, '{name}')",
        )

    def tenant(name: str) -> Make:
        return lambda: origin.engine(connect_args={"options": f"-c search_path={name}"})

    statement = "SELECT owner FROM items"
    path = tmp_path / "cache.db"
    told_apart(tenant("one"), tenant("two"), statement, "items", mode=mode, path=path, warnings=warnings)


@pytest.mark.families("postgresql", "mariadb")
def test_time_zone(origin: Origin, mode: str, tmp_path: Path, warnings: list[str]) -> None:
    """In which moments are given out."""
    kind = {"postgresql": "TIMESTAMP WITH TIME ZONE", "mariadb": "TIMESTAMP NULL"}[origin.family]
    setting = {"postgresql": "SET TIME ZONE '{}'", "mariadb": "SET time_zone = '{}'"}[origin.family]
    zones = {"postgresql": ("UTC", "Asia/Kolkata"), "mariadb": ("+00:00", "+05:30")}[origin.family]
    one, two = (partial(origin.set_up, setting.format(zone)) for zone in zones)
    origin.execute(
        f"CREATE TABLE items (id INTEGER PRIMARY KEY, seen {kind})",
        "INSERT INTO items VALUES (1, '2024-02-29 12:30:00')",
    )

    path = tmp_path / "cache.db"
    told_apart(one, two, "SELECT seen FROM items", "items", mode=mode, path=path, warnings=warnings)


@pytest.mark.families("sqlite")
def test_creator_of_another_database(origin: Origin, mode: str, tmp_path: Path, warnings: list[str]) -> None:
    """The address is the same, and nothing is there."""
    made: dict[str, Make] = {}
    for name in ("one", "two"):
        file = tmp_path / f"{name}.db"
        engine = sa.create_engine(f"sqlite:///{file}")
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE items (id INTEGER PRIMARY KEY, owner TEXT)"))
            connection.execute(text(f"INSERT INTO items VALUES (1, '{name}')"))
        url = f"sqlite:///{tmp_path / 'nothing.db'}"
        engine.dispose()
        made[name] = partial(sa.create_engine, url, creator=partial(sqlite3.connect, file))

    statement = "SELECT owner FROM items"
    path = tmp_path / "cache.db"
    told_apart(made["one"], made["two"], statement, "items", mode=mode, path=path, warnings=warnings)


@pytest.mark.families("mariadb")
def test_database_by_connect_args(origin: Origin, mode: str, tmp_path: Path, warnings: list[str]) -> None:
    """The address names none."""
    own, other = str(origin.url.database), f"{origin.url.database}_other"
    origin.execute(
        f"CREATE DATABASE {other}",
        "CREATE TABLE items (id INTEGER PRIMARY KEY, owner VARCHAR(9))",
        "INSERT INTO items VALUES (1, 'one')",
        f"CREATE TABLE {other}.items (id INTEGER PRIMARY KEY, owner VARCHAR(9))",
        f"INSERT INTO {other}.items VALUES (1, 'two')",
    )

    def connected(name: str) -> Make:
        url = origin.url.set(database="")
        return lambda: sa.create_engine(url, connect_args={"database": name})

    path, statement = tmp_path / "cache.db", "SELECT owner FROM items"
    try:
        told_apart(
            connected(own), connected(other), statement, "items", mode=mode, path=path, warnings=warnings
        )
    finally:
        origin.execute(f"DROP DATABASE {other}")


@pytest.mark.families("postgresql")
def test_loader_of_the_applications_own(
    origin: Origin, mode: str, tmp_path: Path, warnings: list[str]
) -> None:
    """A new version of the program has numbers made floats by its driver."""
    psycopg = pytest.importorskip("psycopg")
    if origin.url.get_driver_name() != "psycopg":
        pytest.skip("of another driver")
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, price NUMERIC(10, 2))",
        "INSERT INTO items VALUES (1, 1.50)",
    )

    class AsFloat(psycopg.adapt.Loader):  # type: ignore[name-defined, misc]
        def load(self, data: Any) -> float:
            return float(bytes(data))

    def after() -> sa.Engine:
        engine = origin.engine()

        @event.listens_for(engine, "connect")
        def connected(driver: Any, _: object) -> None:
            driver.adapters.register_loader("numeric", AsFloat)

        return engine

    path, statement = tmp_path / "cache.db", "SELECT price FROM items"
    told_apart(origin.engine, after, statement, "items", mode=mode, path=path, warnings=warnings)


@pytest.mark.families("postgresql", "mariadb")
@pytest.mark.parametrize("parts", [session._SETTINGS, session._CONSTANTS])
def test_server_that_lacks_what_is_asked_is_cached_all_the_same(
    origin: Origin,
    mode: str,
    parts: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that speaks the dialect and isn't it; the rest of what it says still tells sessions apart."""
    dialect = {"postgresql": "postgresql", "mariadb": "mysql"}[origin.family]
    monkeypatch.setitem(parts[dialect], "unheard of", "no_such_function()")
    origin.execute("CREATE TABLE items (id INTEGER PRIMARY KEY)", "INSERT INTO items VALUES (1)")
    for outcome in (Outcome.MISS, Outcome.HIT):
        with CachingEngine(origin.engine(), mode=mode, cache_db=tmp_path / "cache.db") as engine:
            assert answer(engine, "SELECT id FROM items") == ["(1,)"]
            assert last_status().outcome is outcome
            facts = engine._core.origin.known_facts
            assert facts is not None
            said = dict(facts.session)
            assert said["unheard of"] == "unknown"
            other = (
                "user" if parts is session._CONSTANTS else "TEXT" if origin.family == "postgresql" else "DATE"
            )
            assert said[other] != "unknown"


@pytest.mark.families("postgresql", "mariadb")
@pytest.mark.parametrize("kind", ["connect", "checkout", "engine_connect", "begin"])
def test_whatever_listener_sets_connections_up_and_has_begun_a_transaction_by_it(
    origin: Origin, kind: str, tmp_path: Path, warnings: list[str]
) -> None:
    """Strict mode reads in that transaction, which is read-only from there; its snapshot is of use."""
    own, other = "one", "two"
    if origin.family == "postgresql" and kind != "connect":  # which is rolled back with what it was begun by
        setting = f"SET search_path = {own}"
        origin.execute(f"CREATE SCHEMA {own}", f"CREATE SCHEMA {other}")
        names = [f"{own}.items", f"{other}.items"]
    else:
        setting = "SELECT 1 FROM items"
        names = ["items"]
    for name in names:
        origin.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, owner VARCHAR(20))")
        origin.execute(f"INSERT INTO {name} VALUES (1, '{name}')")

    def make() -> sa.Engine:
        engine = origin.engine()

        def on_driver(driver: Any, *_: object) -> None:
            cursor = driver.cursor()
            cursor.execute(setting)
            cursor.close()

        def on_engine(connection: sa.Connection) -> None:
            connection.exec_driver_sql(setting)

        event.listen(engine, kind, on_driver if kind in ("connect", "checkout") else on_engine)
        return engine

    statement, path = "SELECT owner FROM items", tmp_path / "cache.db"
    expected = [repr((names[0],))]
    for outcome in (Outcome.MISS, Outcome.HIT):
        with CachingEngine(make(), cache_db=path) as engine:
            assert answer(engine, statement) == expected
            assert last_status().outcome is outcome
            assert answer(engine, f"{statement} WHERE CURRENT_TIMESTAMP > '2020-01-01'") == expected
            with pytest.raises(ReadOnlyError):
                answer(engine, "DELETE FROM items")
    assert warnings == []
