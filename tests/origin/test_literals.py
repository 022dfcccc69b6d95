"""Invariant: a number is worth what the origin reads, in whatever form it is written.

Each is asked alone first, and again when others of its shape were: a plan that is made for one constant
mustn't be taken for another whose text it reads otherwise, nor fail on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status

HEXADECIMAL = ("0x10", "0X1f", "0x0", "-0x10", "- 0x10", "-(-0x10)", "0xffffffff")
# Of bits beyond a number's, of other servers, of other releases: an error here and a number there.
ODD = (
    "0x",
    "0x7fffffffffffffff",
    "0x8000000000000000",
    "-0x8000000000000000",
    "0xffffffffffffffff",
    "0x00000000000000000010",
    "0x10000000000000000",
    "0o20",
    "0b10000",
    "0B1",
    "x'10'",
    "X'1F'",
    "b'1'",
    "1_6",
    "1_000",
    "1_6.0_0",
    "0x1_0",
    "16a",
)
PLAIN = ("1e1", "16E+0", "160e-1", ".5", "5.", "-.5", "1.6e1", "16.", "016", "+16", "16.00", "-0", "-0.0")
FORMS = (
    "SELECT id FROM t WHERE {column} = {number} ORDER BY id",
    "SELECT id FROM t WHERE {column} IN ({number}, 3) ORDER BY id",
    "SELECT id FROM t WHERE {column} BETWEEN {number} AND 31 ORDER BY id",
    "SELECT id FROM t WHERE {number} < {column} ORDER BY id",
    "SELECT id FROM t WHERE coalesce({column}, {number}) = {number} ORDER BY id",
    "SELECT id, {number} AS given FROM t ORDER BY id",
    "SELECT id, {column} + {number} AS more FROM t ORDER BY id",
    "SELECT CASE WHEN {column} = {number} THEN {number} ELSE 1 END AS chosen FROM t ORDER BY id",
)
COLUMNS = ("i", "n", "s", "f")


@pytest.fixture
def engines(origin: Origin) -> Iterator[tuple[Engine, CachingEngine]]:
    origin.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, i BIGINT, n NUMERIC(12, 2), s VARCHAR(20),"
        " f DOUBLE PRECISION)",
        "INSERT INTO t VALUES (1, 16, 16, '16', 16), (2, 3, 3.5, '3', 3.5), (3, NULL, NULL, NULL, NULL),"
        " (4, 0, 0, '0', 0), (5, -16, -16, '-16', -16), (6, 31, 0.5, '0.5', 0.5), (7, 10, 10, '10', 10)",
    )
    with CachingEngine(origin.engine(), cache_db="") as engine:
        yield origin.engine(), engine


def answer(engine: Engine, statement: str) -> Any:
    with engine.connect() as connection:
        try:
            return [tuple(map(repr, row)) for row in connection.exec_driver_sql(statement)]
        except Exception as error:  # noqa: BLE001 - whose class is the answer
            return type(error)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("numbers", [HEXADECIMAL, ODD, PLAIN], ids=["hexadecimal", "odd", "plain"])
def test_number_is_worth_what_the_origin_reads(
    engines: tuple[Engine, CachingEngine], form: str, numbers: tuple[str, ...]
) -> None:
    base, engine = engines
    texts = [form.format(column=column, number=number) for column in COLUMNS for number in numbers]
    expected = [answer(base, statement) for statement in texts]

    for _ in range(2):
        found = [answer(engine, statement) for statement in texts]

        assert dict(zip(texts, found, strict=True)) == dict(zip(texts, expected, strict=True))


@pytest.mark.families("sqlite")
@pytest.mark.parametrize("number", HEXADECIMAL)
@pytest.mark.parametrize("form", FORMS[:4])
def test_hexadecimal_number_beside_a_column_is_a_hit(
    engines: tuple[Engine, CachingEngine], form: str, number: str
) -> None:
    base, engine = engines
    statement = form.format(column="i", number=number)
    answer(engine, statement)

    assert answer(engine, statement) == answer(base, statement)
    assert last_status().outcome is Outcome.HIT
