"""Invariant: an origin whose catalogue can't be read answers by itself, as without a cache.

Servers that resemble PostgreSQL or MariaDB have other catalogues, and users may not read all of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import NoSuchTableError
from support.clock import ManualClock
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status

CATALOGUES = ("pg_catalog", "information_schema", "sqlite_master", "SHOW ", "pragma_", "PRAGMA main.")
ASK = "SELECT id, lower(name) AS name FROM items ORDER BY id"


class Strange(Exception):
    """What a listener makes of the driver's errors."""


@pytest.fixture
def items(origin: Origin) -> Origin:
    origin.execute(
        "CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO items VALUES (1, 'One'), (2, 'Two')",
    )
    return origin


class Closed:
    """An engine that refuses questions for its catalogue as long as it is closed; and how many there were."""

    def __init__(self, engine: Engine, *parts: str) -> None:
        self.engine = engine
        self.is_closed = True
        self.asked = 0

        @event.listens_for(engine, "before_cursor_execute", retval=True)
        def other(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
            if self.is_closed and any(part in statement for part in parts):
                self.asked += 1
                return "SELECT x FROM such_a_table", ()
            return statement, parameters


@pytest.fixture
def closed(items: Origin) -> Closed:
    engine = items.engine()
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))  # the dialect's own first questions
    return Closed(engine, *CATALOGUES)


@pytest.fixture(params=["strict", "transparent"])
def make(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Callable[[Engine], CachingEngine]]:
    made: list[CachingEngine] = []

    def make(engine: Engine) -> CachingEngine:
        made.append(CachingEngine(engine, mode=request.param, clock=clock))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def ask(engine: CachingEngine, statement: str = ASK) -> tuple[list[tuple[Any, ...]], Outcome, str | None]:
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(statement))]
    status = last_status()
    assert status is not None
    return rows, status.outcome, status.reason


def test_a_statement_is_answered_by_the_origin(
    closed: Closed, make: Callable[[Engine], CachingEngine], clock: ManualClock
) -> None:
    """For a minute nobody asks again; then the definition is read, if it can be."""
    engine = make(closed.engine)
    first, second = ask(engine), ask(engine)
    asked = closed.asked
    others = ask(engine, "SELECT name FROM items WHERE id = 1")
    again = closed.asked
    closed.is_closed = False
    clock.advance(59)
    still = ask(engine)
    clock.advance(2)
    after = ask(engine)

    rows = [(1, "one"), (2, "two")]
    assert first[:2] == second[:2] == still[:2] == (rows, Outcome.BYPASS)
    assert "the definition of table items can't be read" in str(first[2])
    assert others[:2] == ([("One",)], Outcome.BYPASS)
    assert asked == again > 0
    assert after[:2] == (rows, Outcome.MISS)
    assert ask(engine)[1] is Outcome.HIT


def test_whatever_is_made_of_the_error_is_no_matter(
    closed: Closed, make: Callable[[Engine], CachingEngine]
) -> None:
    @event.listens_for(closed.engine, "handle_error")
    def strange(context: Any) -> None:
        raise Strange

    assert ask(make(closed.engine))[:2] == ([(1, "one"), (2, "two")], Outcome.BYPASS)


def test_who_asks_for_the_definition_itself_is_told(
    closed: Closed, make: Callable[[Engine], CachingEngine]
) -> None:
    """And a table that isn't there isn't one whose definition can't be read."""
    engine = make(closed.engine)
    with pytest.raises(Exception, match="such_a_table"):
        engine.warm("items")
    assert "can't be read" in str(engine.explain(ASK).reasons)
    closed.is_closed = False
    with pytest.raises(NoSuchTableError):
        engine.warm("nobody")


def test_an_application_that_writes_runs_on(closed: Closed) -> None:
    """What its writes reach isn't known either: they drop everything."""
    with CachingEngine(closed.engine, mode="transparent") as engine:
        for number in (3, 4):
            with engine.begin() as connection:
                connection.execute(text("INSERT INTO items VALUES (:id, 'New')"), {"id": number})
                assert len(connection.execute(text(ASK)).all()) == number
            assert len(ask(engine)[0]) == number


@pytest.mark.families("postgresql")
def test_what_else_is_asked_may_not_be_told_either(
    items: Origin, make: Callable[[Engine], CachingEngine]
) -> None:
    """What an expression is, and whose a function is."""
    closed = Closed(items.engine(), "provolatile", "p.proname = ANY", "pg_typeof")
    engine = make(closed.engine)
    for statement in (
        "SELECT md5(name) AS m FROM items WHERE id = 1",
        "SELECT initcap(name) FROM items WHERE id = 1",
    ):
        rows, outcome, _ = ask(engine, statement)
        assert rows == ask(engine, statement)[0]
        assert outcome is Outcome.BYPASS
    assert closed.asked > 0
