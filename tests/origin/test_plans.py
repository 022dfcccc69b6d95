"""How many plans are kept, and which."""

from __future__ import annotations

import pytest
from support.origins import Origin

from sqlmem import CachingEngine


@pytest.mark.families("sqlite")
def test_a_flood_of_texts_does_not_push_out_the_plan_in_use(origin: Origin) -> None:
    """Statements with literals of their own each want a plan; what is asked again and again keeps its."""
    origin.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    hot = "SELECT id FROM t WHERE id = ?"
    with (
        CachingEngine(origin.engine(), cache_db="", plan_cache_size=10) as engine,
        engine.connect() as connection,
    ):
        front = engine._core.front
        connection.exec_driver_sql(hot, (1,)).all()
        plan = front.known(hot, has_parameters=True)

        for number in range(100):
            connection.exec_driver_sql(f"SELECT id FROM t WHERE id = {number}").all()
            connection.exec_driver_sql(hot, (1,)).all()

        assert plan is not None
        assert front.known(hot, has_parameters=True) is plan
        assert len(front._entries) == 10
        assert len(front._used) <= 21
