"""How many plans are kept, which, and what each of them holds."""

from __future__ import annotations

import contextlib
import gc
import types
from typing import Any

import pytest
import sqlalchemy as sa
from support import corpus, sample_chinook
from support.origins import Origin

from sqlmem import CachingEngine
from sqlmem.entries import Planned
from sqlmem.variants import ByTypes

# What planning is done with: the statement's tree and tokens hang on each of them.
_OF_PLANNING = frozenset({"Context", "Scan", "Scope", "Slices", "Reading"})


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


def path_to_planning(plan: object) -> list[str] | None:
    """By what a plan holds something that it was made with, outermost last; None if it doesn't."""
    came_from: dict[int, Any] = {id(plan): None}
    todo: list[Any] = [plan]
    while todo:
        holder = todo.pop()
        for held in gc.get_referents(holder):
            if id(held) in came_from or isinstance(held, type | types.ModuleType):
                continue
            if isinstance(holder, types.FunctionType) and held is holder.__globals__:
                continue
            came_from[id(held)] = holder
            kind = type(held)
            if kind.__module__.startswith("sqlglot") or kind.__name__ in _OF_PLANNING:
                path: list[str] = []
                while held is not None:
                    path.append(getattr(held, "__qualname__", type(held).__name__))
                    held = came_from[id(held)]  # noqa: PLW2901 - the way back
                return path
            todo.append(held)
    return None


def test_a_plan_holds_nothing_of_what_it_was_made_with(origin: Origin) -> None:
    """A tree with its tokens is several times as large, and each garbage collection looks at it."""
    base = origin.engine()
    sample_chinook.create(base)
    schema = str(sa.inspect(base).default_schema_name)
    dialect = "mysql" if origin.family == "mariadb" else origin.family
    statements = [each for each in corpus.load(dialect) if not each.is_error]
    with CachingEngine(base, mode="transparent", cache_db="", plan_cache_size=5000) as engine:
        for statement in statements:
            with contextlib.suppress(sa.exc.DBAPIError):  # what this build of the origin doesn't know
                engine.execute(statement.text(schema), statement.bind(dialect))
        entries = list(engine._core.front._entries.values())
    kept = [
        each for entry in entries for each in (entry.variants.values() if type(entry) is ByTypes else [entry])
    ]
    plans = [entry.plan for entry in kept if isinstance(entry, Planned)]

    assert len(plans) > len(statements) * 0.8
    assert {" in ".join(path) for plan in plans if (path := path_to_planning(plan))} == set()
