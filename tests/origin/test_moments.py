"""Dates and times moved by what is given, how far they are apart, and times of day.

Where the origin must answer, the case that would be wrong in the store stands beside it.
"""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from support.origins import Origin
from support.twice import differences

from sqlmem import CachingEngine, last_status
from sqlmem.model import Outcome

Day, Time, Span = dt.date, dt.time, dt.timedelta


def moment(*parts: int, zone: dt.tzinfo | None = None) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=zone)  # type: ignore[misc,arg-type]


UTC = dt.UTC


@pytest.fixture
def postgresql(driver_origin: Origin) -> Origin:
    driver_origin.execute(
        "CREATE TABLE o (id integer PRIMARY KEY, placed_at timestamp, d date, z timestamptz, n integer)",
        "INSERT INTO o VALUES (1, '2024-01-31 10:00:00', '2024-01-31', '2024-03-31 00:30:00+00', 2),"
        " (2, '2024-02-29 23:59:59.5', '2024-02-29', '2024-03-31 12:00:00+00', 3),"
        " (3, NULL, NULL, NULL, NULL), (4, '2023-12-31', '2023-12-31', '2020-01-01 00:00+01', 4)",
    )
    return driver_origin


@pytest.mark.families("postgresql")
def test_timedelta_moves_dates_and_timestamps(postgresql: Origin) -> None:
    """On either side of the comparison, beside a column and beside another parameter."""
    now, days = moment(2024, 2, 15), Span(days=20)
    local = [
        ("SELECT id FROM o WHERE placed_at > :now - :d", {"now": now, "d": days}),
        ("SELECT id FROM o WHERE placed_at BETWEEN :now - :d AND :now", {"now": now, "d": days}),
        ("SELECT id, placed_at + :d AS x FROM o", {"d": Span(days=1, microseconds=3)}),
        ("SELECT id, placed_at - :d AS x FROM o", {"d": Span(hours=-1)}),
        ("SELECT id, d + :d AS x FROM o", {"d": Span(days=1)}),
        ("SELECT count(*) AS n FROM o WHERE placed_at + :d < '2024-03-01'", {"d": Span(days=3)}),
        ("SELECT id FROM o WHERE placed_at > TIMESTAMP '2024-02-15 00:00:00' - :d", {"d": days}),
        (
            "SELECT id FROM o WHERE placed_at > CAST(:now AS timestamp) - CAST(:d AS interval)",
            {"now": now, "d": days},
        ),
        ("SELECT max(placed_at) + :d AS x FROM o", {"d": days}),
        # Less than a day is the same everywhere.
        ("SELECT id FROM o WHERE z > :t - :d", {"t": moment(2024, 3, 31, 13, zone=UTC), "d": Span(hours=2)}),
        ("SELECT id FROM o WHERE z + :d > :t", {"t": moment(2024, 3, 31, 13, zone=UTC), "d": Span(hours=2)}),
    ]

    assert differences(postgresql, local, is_local=True) == []


@pytest.mark.families("postgresql")
def test_numbers_of_intervals_move_them_too(postgresql: Origin) -> None:
    local = [
        (
            "SELECT id FROM o WHERE placed_at > :now - INTERVAL '1 day' * :n",
            {"now": moment(2024, 2, 15), "n": 20},
        ),
        ("SELECT id, placed_at + :n * INTERVAL '1 month' AS x FROM o", {"n": 1}),
        ("SELECT id, placed_at + make_interval(days => :n) AS x FROM o", {"n": 1}),
        "SELECT id, placed_at + INTERVAL '1 year 2 months' AS x FROM o",
        ("SELECT id, INTERVAL '1 mon' + placed_at AS x FROM o WHERE id < :i", {"i": 9}),
        ("SELECT id, d + :n AS x, d - :n AS y FROM o", {"n": 5}),
        "SELECT id, d + 3 AS x, d - n AS y, n + d AS z FROM o",
        ("SELECT id, n + :n AS x, :n - n AS y FROM o", {"n": 1}),
    ]

    assert differences(postgresql, local, is_local=True) == []


@pytest.mark.families("postgresql")
def test_what_lies_between_two_moments(postgresql: Origin) -> None:
    local = [
        ("SELECT id, placed_at - :t AS x FROM o", {"t": moment(2024, 1, 1, 5)}),
        ("SELECT id, :t - placed_at AS x FROM o", {"t": moment(2024, 1, 1, 5)}),
        ("SELECT id, d - :t AS x FROM o", {"t": Day(2024, 1, 1)}),
        ("SELECT id FROM o WHERE d - :t > 3", {"t": Day(2024, 1, 1)}),
        ("SELECT sum(d - :t) AS x FROM o", {"t": Day(2024, 1, 1)}),
        ("SELECT id, placed_at - d AS x FROM o WHERE id < :i", {"i": 9}),
        ("SELECT id, z - :t AS x FROM o", {"t": moment(2024, 3, 31, 13, zone=UTC)}),
        "SELECT max(placed_at) - min(placed_at) AS x FROM o",
        (
            "SELECT id, (placed_at - :t) > :d AS x FROM o",
            {"t": moment(2024, 1, 1, 5), "d": Span(days=3)},
        ),
    ]

    assert differences(postgresql, local, is_local=True) == []


@pytest.mark.families("postgresql")
def test_interval_columns_are_compared_as_the_origin_compares_them(driver_origin: Origin) -> None:
    """A month has 30 days there and a year 360, whatever the driver makes of them."""
    texts = ("1 day", "24 hours", "1 month", "30 days", "1 year", "-1 year 2 days", "0.000001 s", "366 days")
    driver_origin.execute(
        'CREATE TABLE i (id integer PRIMARY KEY, "my iv" interval, ts timestamp)',
        "INSERT INTO i (id) VALUES (99)",
        *(f"INSERT INTO i VALUES ({number}, '{text}', '2024-01-01')" for number, text in enumerate(texts)),
    )
    spans = (Span(days=1), Span(days=30), Span(days=360), Span(days=365), Span(0), Span(days=-358), None)
    local = [
        (f'SELECT id FROM i WHERE "my iv" {operator} :d', {"d": span})
        for operator in ("=", ">", "<=", "<>")
        for span in spans
    ]
    local += [
        ('SELECT id FROM i WHERE "my iv" BETWEEN :a AND :b', {"a": Span(0), "b": Span(days=30)}),
        ('SELECT id FROM i WHERE "my iv" IN (:a, :b)', {"a": Span(days=1), "b": Span(days=30)}),
        ('SELECT id FROM i WHERE :a < "my iv"', {"a": Span(days=1)}),
        ('SELECT id FROM i WHERE "my iv" > CAST(:a AS interval)', {"a": Span(days=1)}),
        ('SELECT id FROM i WHERE "my iv" > (ts - :t)', {"t": moment(2023, 12, 30)}),
        'SELECT id, "my iv" FROM i ORDER BY "my iv", id',
        # '1 day' and '24 hours' are one timedelta to the driver.
        'SELECT "my iv", count(*) AS n FROM i GROUP BY "my iv"',
        "SELECT id FROM i WHERE \"my iv\" > INTERVAL '1 day'",
    ]
    others = [
        ('SELECT id FROM i WHERE "my iv" = :d', {"d": "1 day"}),
        'SELECT max("my iv") AS x FROM i',
    ]

    assert differences(driver_origin, local, is_local=True) == []
    assert differences(driver_origin, others, is_local=False) == []


@pytest.mark.families("postgresql")
def test_what_depends_on_a_zone_or_a_type_is_the_origins(postgresql: Origin) -> None:
    others = [
        # A day of the session's zone is 23 hours long once a year.
        ("SELECT id FROM o WHERE z > :t - :d", {"t": moment(2024, 3, 31, 13, zone=UTC), "d": Span(days=2)}),
        # An hour back is sent as a day back and 23 hours on.
        ("SELECT id FROM o WHERE z > :t + :d", {"t": moment(2024, 3, 31, 13, zone=UTC), "d": Span(hours=-1)}),
        # Beside NULL the operator is another one, and an error.
        ("SELECT id FROM o WHERE placed_at > :now - :d", {"now": moment(2024, 2, 15), "d": None}),
        # Half a day is twelve hours, and half a month fifteen days.
        ("SELECT id, placed_at + :n * INTERVAL '1 month' AS x FROM o", {"n": 1.5}),
        # Whether the hours are negative too is for IntervalStyle to say.
        ("SELECT id FROM o WHERE placed_at > :now + INTERVAL '-1 day 2 hours'", {"now": moment(2024, 2, 15)}),
        ("SELECT id, :a + :b AS x FROM o", {"a": 1, "b": Span(days=3)}),
    ]

    assert differences(postgresql, others, is_local=False) == []


@pytest.fixture
def mariadb(driver_origin: Origin) -> Origin:
    driver_origin.execute(
        "CREATE TABLE o (id INT PRIMARY KEY, placed_at DATETIME, p6 DATETIME(6), d DATE, t TIME, t6 TIME(6),"
        " n INT)",
        "INSERT INTO o VALUES"
        " (1, '2024-01-31 10:00:00', '2024-01-31 10:00:00.5', '2024-01-31', '10:00:00', '10:00:00.25', 2),"
        " (2, '2024-02-29 23:59:59', '2024-02-29 23:59:59.999999', '2024-02-29', '-01:00:00', '100:00', 3),"
        " (3, NULL, NULL, NULL, NULL, NULL, NULL),"
        " (4, '2023-12-31', '2023-12-31', '2023-12-31', '23:59:59', '23:59:59.999999', 4)",
    )
    return driver_origin


@pytest.mark.families("mariadb")
def test_interval_of_a_given_number_moves_dates_and_timestamps(mariadb: Origin) -> None:
    now = moment(2024, 2, 15)
    after = "SELECT id FROM o WHERE placed_at > :now - INTERVAL :n DAY"
    local = [
        (after, {"now": now, "n": 20}),
        (after, {"now": "2024-02-15", "n": 15}),
        (after, {"now": Day(2024, 2, 15), "n": 15}),
        (after, {"now": now, "n": None}),
        ("SELECT id FROM o WHERE d > :now - INTERVAL :n DAY", {"now": moment(2024, 2, 15, 12), "n": 15}),
        ("SELECT id FROM o WHERE d >= :now - INTERVAL :n HOUR", {"now": moment(2024, 2, 1), "n": 24}),
        ("SELECT id FROM o WHERE d = DATE_SUB(:now, INTERVAL :n DAY)", {"now": Day(2024, 3, 1), "n": 1}),
        (
            "SELECT id FROM o WHERE p6 > :now - INTERVAL :n MINUTE",
            {"now": moment(2024, 2, 1, 0, 0, 0, 5), "n": 1},
        ),
        ("SELECT id, placed_at + INTERVAL :n MONTH AS x, p6 - INTERVAL :n SECOND AS y FROM o", {"n": 1}),
        ("SELECT id, d + INTERVAL :n MONTH AS x, d + INTERVAL :n HOUR AS y FROM o", {"n": 1}),
        ("SELECT id, date_add(d, INTERVAL -:n WEEK) AS x FROM o", {"n": 1}),
        (
            "SELECT id FROM o WHERE placed_at BETWEEN :now - INTERVAL :n DAY AND :now + INTERVAL :n DAY",
            {"now": now, "n": 20},
        ),
    ]
    others = [
        # INTERVAL '20' DAY and 1.5 are read and rounded by rules of their own.
        (after, {"now": now, "n": "20"}),
        (after, {"now": now, "n": 1.5}),
        # A parameter that is moved is a text: COALESCE and GREATEST give one, too.
        ("SELECT id, coalesce(placed_at, :now - INTERVAL :n DAY) AS x FROM o", {"now": now, "n": 20}),
        ("SELECT id, greatest(placed_at, :now - INTERVAL :n DAY) AS x FROM o", {"now": now, "n": 20}),
        ("SELECT :now - INTERVAL :n DAY AS x FROM o", {"now": now, "n": 20}),
    ]

    # mysqlclient makes None of a day that isn't one: what it gave can't be compared in the store.
    is_local = None if mariadb.driver == "mysqlclient" else True
    assert differences(mariadb, local, is_local=is_local) == []
    assert differences(mariadb, others, is_local=False) == []


@pytest.mark.families("mariadb")
def test_times_of_day_are_compared_and_ordered(mariadb: Origin) -> None:
    local = [
        ("SELECT id FROM o WHERE t > :t", {"t": Time(9, 0)}),
        ("SELECT id FROM o WHERE t > :t", {"t": Span(hours=-9)}),
        ("SELECT id FROM o WHERE t >= :t", {"t": "10:00:00"}),
        ("SELECT id FROM o WHERE t >= :t", {"t": Time(10, 0, 0, 1)}),
        ("SELECT id FROM o WHERE t6 IN (:t, :u)", {"t": Time(10, 0, 0, 250000), "u": Span(hours=100)}),
        ("SELECT id, t FROM o WHERE t BETWEEN :a AND :b", {"a": Time(9, 0), "b": Time(11, 0)}),
        "SELECT id FROM o WHERE t > '09:00:00'",
        "SELECT id FROM o WHERE t < t6",
        "SELECT id, t FROM o ORDER BY t, id",
        "SELECT max(t) AS a, min(t6) AS b, count(DISTINCT t) AS c FROM o",
        "SELECT t, count(*) AS n FROM o GROUP BY t ORDER BY t DESC",
        "SELECT DISTINCT t FROM o",
        ("SELECT id, nullif(t, :t) AS x FROM o", {"t": Time(10, 0)}),
        "SELECT id, rank() OVER (ORDER BY t DESC) AS x FROM o",
    ]
    others = [
        # '10:00' is ten hours, '10' ten seconds.
        ("SELECT id FROM o WHERE t >= :t", {"t": "10:00"}),
        ("SELECT id FROM o WHERE t >= :t", {"t": 100000}),
        # The present day is added.
        "SELECT id FROM o WHERE t > placed_at",
        "SELECT id FROM o WHERE t > n",
        ("SELECT id FROM o WHERE placed_at > :x", {"x": Span(hours=9)}),
        ("SELECT id, coalesce(t, :t) AS x FROM o", {"t": Time(9, 0)}),
    ]

    of_moments = [
        "SELECT id, time(placed_at) AS x, time(p6) AS y FROM o ORDER BY x, id",
        ("SELECT id FROM o WHERE time(placed_at) > :t", {"t": Time(9, 0)}),
    ]

    assert differences(mariadb, local, is_local=True) == []
    # mysqlclient makes None of a day that isn't one: what it gave can't be compared in the store.
    assert differences(mariadb, of_moments, is_local=mariadb.driver != "mysqlclient") == []
    assert differences(mariadb, others, is_local=False) == []


def test_asyncpg_moves_by_what_the_statement_types(asyncpg_origin: Origin) -> None:
    """There the server infers a parameter's type; SQLAlchemy writes a cast beside it."""
    asyncpg_origin.execute(
        "CREATE TABLE o (id integer PRIMARY KEY, placed_at timestamp, d date, iv interval)",
        "INSERT INTO o VALUES (1, '2024-01-31 10:00:00', '2024-01-31', '1 month'),"
        " (2, '2024-02-29 23:59:59.5', '2024-02-29', '1 year'), (3, NULL, NULL, NULL)",
    )
    table = sa.table("o", *[sa.column(name) for name in ("id", "placed_at", "d", "iv")])
    now = sa.literal(moment(2024, 2, 15), sa.DateTime)
    days = sa.literal(Span(days=20), sa.Interval)
    statements = [
        sa.select(table.c.id).where(table.c.placed_at > now - days),
        sa.select(table.c.id, (table.c.placed_at + days).label("x")),
        sa.select(table.c.id).where(table.c.iv > days),
    ]

    async def answers() -> list[tuple[object, object, object]]:
        base = asyncpg_origin.async_engine()
        caching = CachingEngine(base.sync_engine)
        found: list[tuple[object, object, object]] = []
        try:
            for statement in statements:
                async with base.connect() as connection:
                    expected = sorted(map(tuple, await connection.execute(statement)))
                async with AsyncEngine(caching).connect() as connection:
                    await connection.execute(statement)
                    got = sorted(map(tuple, await connection.execute(statement)))
                    found.append((expected, got, last_status().outcome))
        finally:
            caching.close()
            await base.dispose()
        return found

    for expected, got, outcome in asyncio.run(answers()):
        assert got == expected
        assert outcome is Outcome.HIT
