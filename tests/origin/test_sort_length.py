"""Invariant: what MariaDB's sorts leave out isn't looked at: they take max_sort_length bytes of each value.

So it orders, partitions and groups long values by their beginnings, where it compares all of them elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status

pytestmark = pytest.mark.families("mariadb")

TYPES = {
    "blob": "BLOB",
    "varbinary": "VARBINARY(3000)",
    "bin": "TEXT COLLATE utf8mb4_bin",
    "nopad": "VARCHAR(3000) COLLATE utf8mb4_nopad_bin",
    "general": "VARCHAR(3000) COLLATE utf8mb4_general_ci",
    "general text": "TEXT COLLATE utf8mb4_general_ci",
    "uca": "VARCHAR(3000) COLLATE utf8mb4_unicode_ci",
    "latin": "VARCHAR(3000) CHARACTER SET latin1 COLLATE latin1_swedish_ci",
}
STATEMENTS = (
    "SELECT id FROM t ORDER BY v, id",
    "SELECT id FROM t ORDER BY v DESC, id LIMIT 2",
    "SELECT id FROM t ORDER BY v, id LIMIT 1",
    "SELECT v, id FROM t ORDER BY v, id LIMIT 3",
    "SELECT max(id) AS m, count(*) AS n FROM t GROUP BY v ORDER BY m",
    "SELECT max(id) AS m, count(DISTINCT id) AS n FROM t GROUP BY v ORDER BY m",
    "SELECT v, count(DISTINCT id) AS n FROM t GROUP BY v ORDER BY n, max(id)",
    "SELECT count(*) AS n FROM (SELECT DISTINCT v FROM t) AS d",
    "SELECT count(DISTINCT v) AS n FROM t",
    "SELECT id, dense_rank() OVER (ORDER BY v) AS r FROM t ORDER BY id",
    "SELECT id, count(*) OVER (PARTITION BY v) AS n FROM t ORDER BY id",
    "SELECT id FROM t WHERE v IN (SELECT v FROM t WHERE id = 1) ORDER BY id",
    "SELECT a.id, b.id AS other FROM t AS a JOIN t AS b ON a.v = b.v AND a.id < b.id ORDER BY 1, 2",
    "SELECT a.id, b.id AS other FROM t AS a JOIN t AS b ON a.v < b.v ORDER BY 1, 2",
    "SELECT min(id) AS n FROM t WHERE v = (SELECT max(v) FROM t)",
)
# Around what a sort takes: of bytes, of characters of four and two bytes each, and of four bytes allotted.
LENGTHS = (40, 257, 513, 1018, 1025)


ORIGINS = {Outcome.BYPASS, Outcome.RESULT_HIT}


def filled(origin: Origin, type_: str, length: int) -> None:
    origin.execute(
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {type_})",
        *(
            f"INSERT INTO t VALUES ({number}, concat(repeat('x', {length}), '{end}'))"
            for number, end in enumerate("dbcbb", 1)
        ),
        "INSERT INTO t VALUES (6, NULL), (7, '')",
    )


def asked(engine: Engine, statement: str, **parameters: object) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement), parameters)]


def check(bare: Engine, engine: CachingEngine) -> None:
    """What the store answers is the origin's, whose own answers vary where values are cut."""
    for statement in STATEMENTS:
        expected = asked(bare, statement)
        for _ in range(3):
            found = asked(engine, statement)
            status = last_status()
            assert status is not None
            assert found == expected or status.outcome in ORIGINS, statement


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("type_", TYPES.values(), ids=TYPES)
def test_long_values_are_ordered_and_grouped_as_the_origin_does(
    origin: Origin, type_: str, length: int
) -> None:
    filled(origin, type_, length)
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        check(origin.engine(), engine)


@pytest.mark.parametrize("type_", TYPES.values(), ids=TYPES)
def test_a_long_value_is_found_by_all_of_it(origin: Origin, type_: str) -> None:
    filled(origin, type_, 1100)
    bare = origin.engine()
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        for end in ("b", "d", "e"):
            given: str | bytes = "x" * 1100 + end
            if type_.startswith(("BLOB", "VARBINARY")):
                given = str(given).encode()
            expected = asked(bare, "SELECT id FROM t WHERE v = :v ORDER BY id", v=given)
            for _ in range(3):
                assert asked(engine, "SELECT id FROM t WHERE v = :v ORDER BY id", v=given) == expected


@pytest.fixture
def short(origin: Origin) -> Iterator[CachingEngine]:
    """Values of 255 characters, as most texts have at most, and of as many bytes as a binary one may have."""
    origin.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR(255) COLLATE utf8mb4_general_ci, b BLOB)",
        "INSERT INTO t VALUES (1, repeat('x', 255), repeat('x', 1020)), (2, 'a', 'a'), (3, 'A', 'A')",
    )
    with CachingEngine(origin.engine(), mode="transparent") as engine:
        yield engine


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM t ORDER BY v, id LIMIT 2",
        "SELECT id FROM t ORDER BY b LIMIT 2",
        "SELECT count(*) AS n FROM t GROUP BY b ORDER BY n",
        "SELECT id, count(*) OVER (PARTITION BY v) AS n FROM t ORDER BY id",
        "SELECT id FROM t WHERE v = 'a' ORDER BY id",
    ],
)
def test_what_a_sort_looks_at_altogether_is_answered_by_the_store(
    origin: Origin, short: CachingEngine, statement: str
) -> None:
    expected = asked(origin.engine(), statement)
    outcomes = []
    for _ in range(4):
        assert asked(short, statement) == expected
        status = last_status()
        assert status is not None
        outcomes.append(status.outcome)
    assert outcomes[-1] is Outcome.HIT


def test_a_longer_value_that_comes_later_is_seen(origin: Origin, short: CachingEngine) -> None:
    statement = "SELECT id FROM t ORDER BY b, id"
    for _ in range(3):
        asked(short, statement)
    with short.begin() as connection:
        connection.execute(
            text("INSERT INTO t VALUES (4, NULL, :b), (5, NULL, :c)"),
            {
                "b": b"y" * 1100 + b"b",
                "c": b"y" * 1100 + b"a",
            },
        )
    for _ in range(3):
        assert asked(short, statement) == asked(origin.engine(), statement)


def test_a_sort_may_be_set_to_look_at_less(origin: Origin) -> None:
    filled(origin, "VARCHAR(250) COLLATE utf8mb4_general_ci", 70)

    def setting(engine: Engine) -> Engine:
        @event.listens_for(engine, "connect")
        def set_length(connection: object, _: object) -> None:
            cursor = connection.cursor()  # type: ignore[attr-defined]
            cursor.execute("SET max_sort_length = 64")
            cursor.close()

        return engine

    bare = setting(origin.engine())
    with CachingEngine(setting(origin.engine()), mode="transparent") as engine:
        check(bare, engine)
