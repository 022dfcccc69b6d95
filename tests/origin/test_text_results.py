"""Invariant: what is kept of a text's columns is what SQLAlchemy would make of the answer at hand."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine.cursor import CursorResultMetaData
from support.origins import Origin

from sqlmem import CachingEngine, last_status
from sqlmem.model import Outcome

# What only the origin answers, and what the store does.
PASSES = "SELECT * FROM things WHERE id = :id"
BYPASS = "SELECT id, name FROM things WHERE id = :id AND CURRENT_TIMESTAMP IS NOT NULL"
HIT = "SELECT id, name FROM things WHERE id = :id"


@pytest.fixture
def things(origin: Origin) -> Origin:
    origin.execute(
        "CREATE TABLE things (id INTEGER PRIMARY KEY, name VARCHAR(20))",
        "INSERT INTO things VALUES (1, 'one'), (2, 'two')",
    )
    return origin


class Made:
    """Counts what is made of descriptions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        usual = CursorResultMetaData.__init__

        def counting(metadata: Any, *given: Any, **keywords: Any) -> None:
            self.count += 1
            usual(metadata, *given, **keywords)

        monkeypatch.setattr(CursorResultMetaData, "__init__", counting)


@pytest.mark.parametrize(
    ("mode", "statement", "outcome"),
    [
        ("strict", HIT, Outcome.HIT),
        ("strict", BYPASS, Outcome.BYPASS),
        ("transparent", HIT, Outcome.HIT),
        ("transparent", BYPASS, Outcome.BYPASS),
    ],
)
def test_what_is_known_of_a_texts_columns_is_made_once(
    things: Origin, monkeypatch: pytest.MonkeyPatch, mode: str, statement: str, outcome: Outcome
) -> None:
    """PostgreSQL's and asyncio's drivers describe an answer by objects that can't be compared."""
    with CachingEngine(things.engine(), mode=mode) as engine:
        engine.warm("things", ["id", "name"])
        with engine.connect() as connection:
            for key in (1, 2, 1):
                connection.execute(sa.text(statement), {"id": key}).all()
            made = Made(monkeypatch)
            rows = connection.execute(sa.text(statement), {"id": 2}).mappings().all()
            status = last_status()

    assert rows == [{"id": 2, "name": "two"}]
    assert status is not None
    assert status.outcome is outcome
    if outcome is Outcome.HIT or things.family != "postgresql":
        assert made.count == 0


def test_the_same_text_has_other_columns_after_a_definition(things: Origin) -> None:
    with CachingEngine(things.engine(), mode="transparent") as engine:

        def ask() -> dict[str, Any]:
            with engine.connect() as connection:
                return dict(connection.execute(sa.text(PASSES), {"id": 1}).mappings().one())

        before = [ask() for _ in range(4)]
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE things ADD COLUMN size INTEGER")
        between = [ask() for _ in range(4)]
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE things RENAME COLUMN size TO width")
        after = [ask() for _ in range(4)]

    assert before == [{"id": 1, "name": "one"}] * 4
    assert between == [{"id": 1, "name": "one", "size": None}] * 4
    assert after == [{"id": 1, "name": "one", "width": None}] * 4


@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_results_are_what_the_bare_engine_gives(things: Origin, mode: str) -> None:
    """Each time: by name, by position, twice the same name, reduced, frozen, pickled."""
    twice = "SELECT id AS a, name AS a, id AS b FROM things WHERE id = :id AND CURRENT_TIMESTAMP IS NOT NULL"

    def looked_at(engine: sa.Engine, statement: str) -> list[Any]:
        seen: list[Any] = []
        with engine.connect() as connection:

            def ask(**options: Any) -> sa.CursorResult[Any]:
                return connection.execute(sa.text(statement), {"id": 2}, execution_options=options)

            for _ in range(3):
                result = ask()
                seen.append(list(result.keys()))
                row = result.one()
                seen += [tuple(row), row[0], pickle.loads(pickle.dumps(row))]
                names = list(row._mapping)
                seen.append(names)
                for name in ("a", "b", "id", "name", "nothing"):
                    try:
                        seen.append((name, getattr(row, name)))
                    except Exception as error:  # noqa: BLE001 - whichever, it must be the same
                        seen.append((name, type(error), str(error)))
                seen.append(ask().columns(names[-1]).all())
                seen.append(ask().scalars(names[-1]).all())
                seen.append(ask().freeze()().all())
                seen.append(ask().merge(ask()).all())
                seen.append(ask(driver_column_names=True).mappings().all())
                seen.append(ask(sqlite_raw_colnames=True).mappings().all())
                streamed = ask(stream_results=True)
                seen.append(next(streamed.partitions(1)))
                streamed.close()
        return seen

    with CachingEngine(things.engine(), mode=mode) as engine:
        engine.warm("things", ["id", "name"])
        for statement in (HIT, BYPASS, twice):
            assert looked_at(engine, statement) == looked_at(things.engine(), statement)


def test_an_option_that_renames_columns_is_heard_each_time(tmp_path: Path) -> None:
    base = sa.create_engine(f"sqlite:///{tmp_path}/names.db")
    # As with an SQLite from before 3.10: what follows the last point is the name.
    base.dialect._broken_dotted_colnames = True
    with base.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE things (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("INSERT INTO things VALUES (1)")
    statement = sa.text("SELECT id AS \"things.id\" FROM things WHERE datetime('now') > ''")
    with CachingEngine(base, mode="transparent") as engine, engine.connect() as connection:
        for _ in range(4):
            usual = connection.execute(statement)
            assert list(usual.keys()) == ["id"]
            raw = connection.execute(statement, execution_options={"sqlite_raw_colnames": True})
            assert list(raw.keys()) == ["things.id"]
    base.dispose()
