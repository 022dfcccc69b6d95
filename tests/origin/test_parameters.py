"""What depends on a parameter's type: planned per type, and looked up by it."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
import sqlalchemy as sa
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine
from sqlmem.model import Outcome
from sqlmem.variants import MOST_VARIANTS, ByTypes

VALUES = (
    5,
    -5,
    70_000,
    -(2**31),
    2**31,
    2**63 - 1,
    -(2**63),
    2**63,
    10**20,
    True,
    1.5,
    -0.0,
    1e20,
    float("inf"),
    Decimal("1.50"),
    Decimal("-0.00"),
    Decimal("0.001"),
    Decimal("1E+3"),
    Decimal("NaN"),
    "5",
    "",
    None,
    b"x",
)


def fill(origin: Origin) -> None:
    origin.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")


def answer(engine: sa.Engine, statement: str, value: object) -> object:
    try:
        with engine.connect() as connection:
            result = connection.execute(sa.text(statement), {"x": value})
            assert result.cursor is not None
            return [tuple(column[:2]) for column in result.cursor.description], [*map(tuple, result)]
    except sa.exc.DBAPIError as error:
        return type(error.orig)


@pytest.mark.families("postgresql", "mariadb")
def test_parameter_alone_comes_back_as_its_own_type(driver_origin: Origin) -> None:
    """5 is a smallint to one driver and an integer to another; types met in turns don't mix."""
    fill(driver_origin)
    ask = "SELECT id, :x AS v FROM t ORDER BY id"
    bare = driver_origin.engine()

    with CachingEngine(driver_origin.engine()) as engine:
        engine.execute("SELECT id FROM t")
        for value in VALUES * 2:
            expected, got = answer(bare, ask, value), answer(engine, ask, value)
            assert same(got, expected), (value, got, expected)


@pytest.mark.families("postgresql", "mariadb")
def test_types_of_parameters_are_part_of_the_plan(origin: Origin) -> None:
    """Each combination of types is planned once, and found by its types from then on."""
    fill(origin)
    ask = "SELECT id, :x AS v FROM t ORDER BY id"

    with CachingEngine(origin.engine()) as engine:
        outcomes = [engine.execute(ask, {"x": value}).status.outcome for value in (5, 5, 6, 1.5, 2.5, 5)]

        assert outcomes == [Outcome.MISS] + [Outcome.HIT] * 5
        assert [row["v"] for row in engine.execute(ask, {"x": Decimal("1.50")})] == [Decimal("1.50")] * 2
        assert engine.execute(ask, {"x": "text"}).status.outcome is Outcome.BYPASS
        assert engine.execute(ask, {"x": 7}).status.outcome is Outcome.HIT


@pytest.mark.families("postgresql", "mariadb")
def test_explain_asks_for_the_parameters_where_their_types_decide(origin: Origin) -> None:
    fill(origin)
    ask = "SELECT id, :x AS v FROM t ORDER BY id"

    with CachingEngine(origin.engine()) as engine:
        engine.execute(ask, {"x": 5})

        assert engine.explain(ask, {"x": 7}).outcome is Outcome.HIT
        assert engine.explain(ask, {"x": b"7"}).outcome is Outcome.BYPASS
        assert engine.explain(ask).reasons == ("the types of its parameters decide, and they aren't given",)


@pytest.mark.families("postgresql", "mariadb")
def test_variants_of_one_text_are_bounded(origin: Origin) -> None:
    """Scales without end keep no plans without end."""
    fill(origin)
    ask = "SELECT id, :x AS v, :y AS w FROM t ORDER BY id"
    numbers = [Decimal((0, (1,), -scale)) for scale in range(1, 11)]

    with CachingEngine(origin.engine()) as engine:
        for x, y in itertools.product(numbers, numbers):
            assert [(row["v"], row["w"]) for row in engine.execute(ask, {"x": x, "y": y})] == [(x, y)] * 2
        entries = engine._core.front._entries.values()
        counts = [len(entry.variants) for entry in entries if isinstance(entry, ByTypes)]

    assert counts
    assert max(counts) <= MOST_VARIANTS
