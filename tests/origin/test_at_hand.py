"""A text that `execute` meets for the first time, over tables that are there."""

from __future__ import annotations

import pytest
from sqlalchemy import event
from support.origins import Origin

import sqlmem.planning
from sqlmem import CachingEngine, Outcome
from sqlmem.sharing import REFUSED_IN_A_ROW


@pytest.fixture(params=["strict", "transparent"])
def engine(request: pytest.FixtureRequest, origin: Origin):
    origin.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, name VARCHAR(20))",
        "INSERT INTO t VALUES (1, 3, 'a'), (2, 2, 'b'), (3, NULL, 'c')",
    )
    with CachingEngine(origin.engine(), cache_db="", mode=request.param) as engine:
        engine.execute("SELECT id, n, name FROM t")
        yield engine


def _checkouts(engine: CachingEngine, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each lazy connection that is taken from now on."""
    taken: list[None] = []
    connect = engine._core.lazy_pool.connect
    monkeypatch.setattr(engine._core.lazy_pool, "connect", lambda: (taken.append(None), connect())[1])
    return taken


@pytest.mark.parametrize(
    ("statement", "parameters", "expected"),
    [
        ("SELECT n AS m FROM t WHERE id = 1", None, [{"m": 3}]),
        ("SELECT n AS m FROM t WHERE id = :id", {"id": 2}, [{"m": 2}]),
        (" WITH v AS (SELECT id FROM t WHERE id > :id) SELECT id FROM v", {"id": 2}, [{"id": 3}]),
        ("SELECT id FROM t WHERE id % 3 = 0", None, [{"id": 3}]),
    ],
)
def test_it_is_a_hit_without_a_connection(
    engine: CachingEngine, origin: Origin, monkeypatch, statement, parameters, expected
) -> None:
    taken, before = _checkouts(engine, monkeypatch), engine.stats()

    with origin.expect(0):
        given = engine.execute(statement, parameters)

    after = engine.stats()
    assert given == expected
    assert given.status.outcome is Outcome.HIT
    assert given.status.tables == ("t",) or given.status.tables[0].endswith(".t")
    assert not taken
    assert (after.hits - before.hits, after.misses - before.misses) == (1, 0)
    assert engine.execute(statement, parameters) == expected


def test_what_is_no_hit_goes_the_whole_way(engine: CachingEngine, origin: Origin) -> None:
    """Invalidated, not known, no read, too few parameters: as if nobody had looked."""
    origin.execute("CREATE TABLE u (id INTEGER PRIMARY KEY)", "INSERT INTO u VALUES (7)")
    engine.invalidate("t")
    before = engine.stats()

    assert engine.execute("SELECT id AS a FROM t WHERE id = 1").status.outcome is Outcome.MISS
    assert engine.execute("SELECT id AS b FROM u").status.outcome is Outcome.MISS
    with pytest.raises(Exception, match=r"no_such|exist|no such"):
        engine.execute("SELECT id FROM no_such")
    with pytest.raises(Exception, match="id"):
        engine.execute("SELECT id AS c FROM t WHERE id = :id", {})

    assert engine.stats().hits == before.hits


def test_a_text_of_a_refused_shape_is_met_once(engine: CachingEngine, monkeypatch) -> None:
    """The look at what is there is no meeting of its own: the shape's further texts aren't planned."""
    made: list[str] = []
    make_plan = sqlmem.planning.make_plan

    def counted(parsed, *arguments, **options):
        made.append(parsed.scanned.text)
        return make_plan(parsed, *arguments, **options)

    monkeypatch.setattr(sqlmem.planning, "make_plan", counted)
    chance = "rand()" if engine._core.origin.family == "mysql" else "random()"
    for number in range(REFUSED_IN_A_ROW + 5):
        engine.execute(f"SELECT id FROM t WHERE n > {number} AND {chance} < 2")

    assert len(set(made)) == REFUSED_IN_A_ROW


def test_who_listens_hears_of_it(engine: CachingEngine) -> None:
    heard: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def executing(connection, cursor, statement, parameters, context, executemany):
        heard.append(statement)

    engine.execute("SELECT n AS k FROM t WHERE id = 1")

    assert heard == ["SELECT n AS k FROM t WHERE id = 1"]


def test_in_an_engine_with_options_it_goes_the_whole_way(engine: CachingEngine, monkeypatch) -> None:
    taken = _checkouts(engine, monkeypatch)

    given = engine.execution_options(some="thing").execute("SELECT n AS k FROM t WHERE id = 1")

    assert given == [{"k": 3}]
    assert taken


def test_hits_of_it_are_sampled(origin: Origin) -> None:
    origin.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    with CachingEngine(origin.engine(), cache_db="", verify=1.0) as engine:
        engine.execute("SELECT id FROM t")
        engine.execute("SELECT id AS k FROM t")

        assert engine.stats().verification.sampled == 1
