"""Invariant: what is said of a text at once is what the whole way would have said.

It is said of what passes, and of what only the origin answers and nobody keeps.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from support.origins import Origin

from sqlmem import CachingEngine, ClosedError, NotCachedError, Outcome, last_status

VOLATILE = "SELECT id, n FROM things WHERE id = :id AND CURRENT_TIMESTAMP > '2020-01-01'"
UPDATE = "UPDATE things SET n = n + 1 WHERE id = :id"


@pytest.fixture(params=["strict", "transparent"])
def engine(origin: Origin, request: pytest.FixtureRequest) -> Iterator[CachingEngine]:
    origin.execute(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER)",
        "INSERT INTO things VALUES (1, 10), (2, 20), (3, 30)",
    )
    with CachingEngine(origin.engine(), cache_db="", mode=request.param) as engine:
        yield engine


def ask(engine: sa.Engine, text: str = VOLATILE) -> tuple[Outcome, str | None]:
    with engine.connect() as connection:
        connection.execute(sa.text(text), {"id": 2})
        connection.rollback()
    status = last_status()
    assert status is not None
    return Outcome(status.outcome), status.reason


def is_said(engine: CachingEngine) -> bool:
    return bool(engine._core.executor.at_once.texts)


def test_what_is_said_again_is_the_same_and_is_counted(engine: CachingEngine) -> None:
    texts = [VOLATILE, UPDATE] if engine._core.is_transparent else [VOLATILE]
    first = [ask(engine, text) for text in texts]
    assert is_said(engine)
    again = [[ask(engine, text) for text in texts] for _ in range(3)]

    assert again == [first] * 3
    stats = engine.stats()
    assert (stats.bypasses, stats.passed) == (4, 4 * (len(texts) - 1))
    assert stats.bypass_reasons == {first[0][1]: 4}


def test_another_reason_goes_before(engine: CachingEngine) -> None:
    """That of the connection, or of the statement's own options."""
    usual = ask(engine)
    assert is_said(engine)

    serializable = ask(engine.execution_options(isolation_level="SERIALIZABLE"))
    asked = ask(engine.execution_options(sqlmem="bypass"))
    with pytest.raises(NotCachedError):
        ask(engine.execution_options(sqlmem="only"))

    assert usual[0] is serializable[0] is asked[0] is Outcome.BYPASS
    assert serializable[1] == "the connection's isolation level is SERIALIZABLE"
    assert asked[1] == "it asked to bypass"
    assert ask(engine) == usual


def test_after_a_write_the_transaction_is_the_reason(engine: CachingEngine) -> None:
    if not engine._core.is_transparent:
        pytest.skip("nothing is written in strict mode")
    usual = ask(engine)

    with engine.begin() as connection:
        connection.execute(sa.text(UPDATE), {"id": 2})
        rows = connection.execute(sa.text(VOLATILE), {"id": 2}).all()
        status = last_status()

    assert [tuple(row) for row in rows] == [(2, 21)]
    assert status is not None
    assert status.reason == "its transaction has written"
    assert ask(engine) == usual


def test_a_definition_that_changes_ends_it(origin: Origin, engine: CachingEngine) -> None:
    """A column that wasn't there, and is."""
    text = "SELECT id, more FROM things WHERE id = :id"
    for _ in range(3):
        with pytest.raises(DBAPIError):
            ask(engine, text)
    origin.execute("ALTER TABLE things ADD COLUMN more INTEGER")
    engine.invalidate("things")

    assert [ask(engine, text)[0] for _ in range(2)] == [Outcome.MISS, Outcome.HIT]


def test_a_closed_engine_says_nothing(engine: CachingEngine) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text(VOLATILE), {"id": 2}).all()
        engine.close()
        with pytest.raises(ClosedError):
            connection.execute(sa.text(VOLATILE), {"id": 2})
