"""Memoized functions over a transparent engine: a commit ends what was computed from the tables it writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from sqlmem import CachingEngine, Memo


@pytest.fixture
def engine(tmp_path) -> Iterator[CachingEngine]:
    base = create_engine(f"sqlite:///{tmp_path / 'origin.db'}")
    with base.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)"))
        connection.execute(text("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)"))
        connection.execute(text("INSERT INTO orders VALUES (1, 10)"))
        connection.execute(text("INSERT INTO users VALUES (1, 'Ana')"))
    with CachingEngine(base, mode="transparent") as engine:
        yield engine
    base.dispose()


@pytest.fixture
def memo(tmp_path) -> Iterator[Memo]:
    memo = Memo(str(tmp_path / "memo.db"))
    yield memo
    memo.close()


def functions(memo: Memo, engine: CachingEngine) -> tuple[Any, Any]:
    @memo
    def revenue() -> int:
        return engine.execute("SELECT sum(total) AS s FROM orders")[0]["s"]

    @memo
    def names() -> list[str]:
        return [row["name"] for row in engine.execute("SELECT name FROM users ORDER BY id")]

    return revenue, names


def test_a_commit_ends_what_was_computed_from_its_tables(engine, memo):
    """And nothing else; the next call computes anew, and is remembered."""
    revenue, names = functions(memo, engine)
    assert (revenue(), names()) == (10, ["Ana"])

    with engine.begin() as connection:
        connection.execute(text("UPDATE orders SET total = 20"))

    assert (revenue.has(), names.has()) == (False, True)
    assert (revenue(), revenue()) == (20, 20)
    assert revenue.cache_info().hits == 1


def test_a_rollback_ends_nothing(engine, memo):
    """What was never committed has changed nothing."""
    revenue, _ = functions(memo, engine)
    revenue()

    with engine.connect() as connection:
        connection.execute(text("UPDATE orders SET total = 20"))
        connection.rollback()

    assert revenue.has()


def test_what_a_transaction_sees_of_its_own_is_not_remembered(engine, memo):
    """It may be rolled back, and nobody else sees it meanwhile."""

    @memo(ignore=("connection",))
    def revenue(connection) -> int:
        return connection.execute(text("SELECT sum(total) FROM orders")).scalar_one()

    with engine.connect() as connection:
        connection.execute(text("UPDATE orders SET total = 20"))
        inside = revenue(connection)
        connection.rollback()
    with engine.connect() as connection:
        outside = revenue(connection)

    assert (inside, outside) == (20, 10)


def test_a_write_in_the_body_leaves_its_result_unstored(engine, memo):
    """The table that it reads is invalidated while it runs."""

    @memo
    def bump() -> int:
        found = engine.execute("SELECT total FROM orders")[0]["total"]
        engine.execute("UPDATE orders SET total = total + 1")
        return found

    assert (bump(), bump()) == (10, 11)
    assert not bump.has()
