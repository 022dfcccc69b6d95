"""Invariant: what is said of a text at once is what the whole way would have said.

It is said of what passes, and of what only the origin answers and nobody keeps; for as long as that is so,
also of tables that rest, and of what a transaction reads that has written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from support.clock import ManualClock
from support.origins import Origin

from sqlmem import CachingEngine, ClosedError, NotCachedError, Outcome, last_status
from sqlmem.prospects import MOST_IN_VAIN

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


WRITTEN = "its transaction has written"
RESTING = "it is written more often than caching it pays"
READ = "SELECT id, n FROM things WHERE id = :id"


@pytest.fixture
def transparent(origin: Origin, clock: ManualClock) -> Iterator[CachingEngine]:
    origin.execute(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER)",
        "INSERT INTO things VALUES (1, 10), (2, 20), (3, 30)",
        "CREATE TABLE others (id INTEGER PRIMARY KEY, n INTEGER)",
        "INSERT INTO others VALUES (1, 1), (2, 2)",
    )
    with CachingEngine(origin.engine(), cache_db="", mode="transparent", clock=clock) as engine:
        yield engine


def read(connection: sa.Connection, text: str = READ, **parameters: int) -> tuple[Any, ...]:
    """Its first value, who answered, why, and the tables that the status names."""
    value = connection.execute(sa.text(text), {"id": 2, **parameters}).scalar_one_or_none()
    status = last_status()
    assert status is not None
    return value, status.outcome, status.reason, status.tables


def write(connection: sa.Connection) -> None:
    connection.execute(sa.text(UPDATE), {"id": 2})


def said_of(engine: CachingEngine, where: str, text: str) -> list[Any]:
    """What `at_once` holds of a text, under one of its names."""
    return [
        said for (known, _), said in getattr(engine._core.executor.at_once, where).items() if known == text
    ]


def test_a_transaction_that_has_written_is_told_so_at_once(transparent: CachingEngine) -> None:
    """Whether the text is known or not, and each time as the whole way says it."""
    text = "SELECT n FROM things WHERE id = :id"
    answers = []
    for _ in range(3):
        with transparent.begin() as connection:
            write(connection)
            answers.append(read(connection, text))
    of_unknown = said_of(transparent, "special", sa.text(text).compile(transparent).string)
    with transparent.connect() as connection:
        plainly = [read(connection, text), read(connection, text)]
        write(connection)
        answers += [read(connection, text), read(connection, text)]
        connection.rollback()
        plainly.append(read(connection, text))

    assert len(of_unknown) == 1
    assert [answer[:3] for answer in answers] == [
        (number, Outcome.BYPASS, WRITTEN) for number in (21, 22, 23, 24, 24)
    ]
    # Once its tables are known they are named.
    assert [len(answer[3]) for answer in answers] == [0, 0, 0, 1, 1]
    assert [answer[:2] for answer in plainly] == [
        (23, Outcome.MISS),
        (23, Outcome.HIT),
        (23, Outcome.HIT),
    ]
    stats = transparent.stats()
    assert stats.bypass_reasons == {WRITTEN: 5}
    assert (stats.bypasses, stats.passed, stats.hits, stats.misses) == (5, 4, 2, 1)


def test_what_is_said_of_a_transaction_is_said_of_no_other_reason(transparent: CachingEngine) -> None:
    with transparent.begin() as connection:
        write(connection)
        in_it = [read(connection)[2] for _ in range(2)]
    serializable = transparent.execution_options(isolation_level="SERIALIZABLE")
    with serializable.connect() as connection:
        other = [read(connection)[2] for _ in range(2)]
        write(connection)
        both = read(connection)[2]
    with transparent.begin() as connection:
        write(connection)
        asked = connection.execute(sa.text(READ), {"id": 2}, execution_options={"sqlmem": "bypass"}).all()
        status = last_status()
        with pytest.raises(NotCachedError):
            connection.execute(sa.text(READ), {"id": 2}, execution_options={"sqlmem": "only"})

    assert in_it == [WRITTEN] * 2
    assert other == ["the connection's isolation level is SERIALIZABLE"] * 2
    assert both == WRITTEN
    assert [tuple(row) for row in asked] == [(2, 22)]
    assert status is not None
    assert status.reason == WRITTEN


def wear_out(engine: CachingEngine) -> None:
    """Write as often as is read, until the table rests, and nothing of what is read of it is kept."""
    for _ in range(40):
        with engine.begin() as connection:
            read(connection)
            write(connection)


def test_a_table_at_rest_is_told_of_at_once_for_as_long_as_it_rests(
    transparent: CachingEngine, clock: ManualClock
) -> None:
    wear_out(transparent)
    compiled = sa.text(READ).compile(transparent).string
    was_said = said_of(transparent, "resting", compiled)
    before = transparent.stats().bypass_reasons[RESTING]
    with transparent.connect() as connection:
        resting = read(connection)
    counted = transparent.stats().bypass_reasons[RESTING] - before
    clock.advance(700)
    with transparent.connect() as connection:
        afterwards = [read(connection) for _ in range(3)]

    assert len(was_said) == 1
    assert resting[:3] == (2, Outcome.BYPASS, RESTING)
    assert len(resting[3]) == 1
    assert counted == 1
    assert [answer[1] for answer in afterwards] == [Outcome.MISS, Outcome.HIT, Outcome.HIT]
    assert not said_of(transparent, "resting", compiled)


def test_what_rests_is_kept_again_as_soon_as_it_is_worth_it(transparent: CachingEngine) -> None:
    """The origin's own answer, while no fill is tried: as often as without what is said at once."""
    wear_out(transparent)
    outcomes = []
    for _ in range(600):
        with transparent.connect() as connection:
            outcomes.append(read(connection)[1])

    first = outcomes.index(Outcome.RESULT_HIT)
    assert 0 < first <= 300
    assert set(outcomes[:first]) == {Outcome.BYPASS}
    assert set(outcomes[first:]) == {Outcome.RESULT_HIT}


def test_what_rests_is_the_writers_own_after_a_write(transparent: CachingEngine) -> None:
    wear_out(transparent)
    with transparent.begin() as connection:
        before = read(connection, "SELECT n FROM things WHERE id = :id")
        at_rest = [read(connection)[2] for _ in range(3)]
        write(connection)
        own = [read(connection) for _ in range(2)]
        after = read(connection, "SELECT n FROM things WHERE id = :id")

    assert at_rest == [RESTING] * 3
    assert [answer[2] for answer in own] == [WRITTEN] * 2
    assert after[0] == before[0] + 1


def test_what_rests_is_asked_of_the_new_definition(origin: Origin, transparent: CachingEngine) -> None:
    """Invalidated, its text is planned anew: what was said of the old table isn't said of this one."""
    wear_out(transparent)
    origin.execute("DROP TABLE things", "CREATE TABLE things (n INTEGER, id INTEGER PRIMARY KEY)")
    origin.execute("INSERT INTO things (id, n) VALUES (2, 77)")
    transparent.invalidate("things")
    with transparent.connect() as connection:
        answer = read(connection, "SELECT n, id FROM things WHERE id = :id")
        rows = connection.execute(sa.text(READ), {"id": 2}).all()

    assert answer[0] == 77
    assert [tuple(row) for row in rows] == [(2, 77)]


def test_a_closed_engine_says_nothing(engine: CachingEngine) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text(VOLATILE), {"id": 2}).all()
        engine.close()
        with pytest.raises(ClosedError):
            connection.execute(sa.text(VOLATILE), {"id": 2})


ELSEWHERE = {
    "postgresql": "(date '2020-01-01', date '2020-02-01') OVERLAPS (date '2020-01-15', date '2020-03-01')",
    "mariadb": "soundex('a') = soundex('a')",
}


@pytest.mark.families("postgresql", "mariadb")
def test_what_nobody_asks_again_is_said_at_once(origin: Origin, engine: CachingEngine) -> None:
    """And what somebody does is kept, and given: whether it was met before is looked at each time."""
    compiled: set[str] = set()
    event.listen(engine, "before_cursor_execute", lambda *given: compiled.add(given[2]))

    def asked(number: int) -> tuple[Any, ...]:
        with engine.connect() as connection:
            return read(connection, f"{READ} + :number AND {ELSEWHERE[origin.family]}", number=number)

    reason = asked(0)[2]
    for number in range(1, MOST_IN_VAIN):
        asked(number)
    assert not said_of(engine, "resting", *compiled)
    in_vain = [asked(number) for number in range(1_000, 1_005)]
    was_said = said_of(engine, "resting", *compiled)
    kept, given = asked(1_004), asked(1_004)
    others = [asked(number) for number in (1_005, 1_005)]

    assert len(was_said) == 1
    assert in_vain == [(None, Outcome.BYPASS, reason, in_vain[0][3])] * 5
    assert in_vain[0][3] == asked(7)[3]
    assert kept == in_vain[0]
    assert given[:3] == (None, Outcome.RESULT_HIT, reason)
    assert [each[1] for each in others] == [Outcome.BYPASS, Outcome.RESULT_HIT]
    stats = engine.stats()
    assert stats.bypass_reasons == {reason: MOST_IN_VAIN + 5 + 1 + 1}


@pytest.mark.families("postgresql", "mariadb")
def test_what_is_said_at_once_ends_with_its_tables(origin: Origin, engine: CachingEngine) -> None:
    """A definition that changes, and rows."""
    where = f"id = :id AND {ELSEWHERE[origin.family]}"
    with engine.connect() as connection:
        for number in range(MOST_IN_VAIN + 3):
            before = read(connection, f"SELECT n + :number AS n FROM things WHERE {where}", number=number)
            connection.rollback()
    origin.execute("UPDATE things SET n = 100", "ALTER TABLE things ADD COLUMN more INTEGER")
    engine.invalidate("things")
    with engine.connect() as connection:
        after = read(connection, f"SELECT n + :number AS n FROM things WHERE {where}", number=2_000)

    assert before[0] == 20 + MOST_IN_VAIN + 2
    assert after == (2_100, *before[1:])
