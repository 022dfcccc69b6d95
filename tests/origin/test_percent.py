"""What % means in a text: to a driver that substitutes parameters, and to one that doesn't."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from support.origins import Origin

from sqlmem import CachingEngine

Ask = Callable[[sa.Connection, str], Any]

WAYS: dict[str, Ask] = {
    "text": lambda connection, sql: connection.execute(sa.text(sql)),
    "text with parameters": lambda connection, sql: connection.execute(
        sa.text(f"{sql} AND id > :zero"), {"zero": 0}
    ),
    "the driver's own": lambda connection, sql: connection.exec_driver_sql(sql),
    "no parameters": lambda connection, sql: connection.execution_options(no_parameters=True).exec_driver_sql(
        sql
    ),
}


def outcome(ask: Ask, engine: sa.Engine, sql: str) -> Any:
    with engine.connect() as connection:
        try:
            return sorted(ask(connection, sql).scalars().all())
        except Exception as error:  # noqa: BLE001 - whatever the driver makes of it
            return type(error)


@pytest.mark.parametrize("literal", ["a%", "a%%", "%s", "%(x)s"])
@pytest.mark.parametrize("way", WAYS)
def test_percent_in_a_literal_means_what_it_means_to_the_driver(
    driver_origin: Origin, way: str, literal: str
) -> None:
    """The same rows, or the same error, through sqlmem, the first time and the second."""
    driver_origin.execute("CREATE TABLE p (id INTEGER PRIMARY KEY, v VARCHAR(20))")
    for number, value in enumerate(["a%", "a%%", "a%%%%", "%s", "%(x)s", "a"], 1):
        driver_origin.execute(
            "INSERT INTO p VALUES ({}, '{}')".format(
                number, value.replace("%", "%%") if driver_origin.family != "sqlite" else value
            )
        )
    base = driver_origin.engine()
    sql = f"SELECT id FROM p WHERE v = '{literal}'"
    with CachingEngine(base, cache_db="") as engine:
        expected = outcome(WAYS[way], base, sql)

        answers = [outcome(WAYS[way], engine, sql) for _ in range(2)]

    assert answers == [expected, expected]
