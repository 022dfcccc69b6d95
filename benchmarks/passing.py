"""What the origin answers all the same: bypasses, writes and passed reads, against the bare engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import charts, report
from benchmarks.data import TABLE, Measured, walk
from benchmarks.measure import Ask, Pace, seconds_each
from sqlmem import CachingEngine, last_status

_ROUNDS = 21
_AIM = report.at_most(1.10)
_WRITES = "written"
# The moment is the origin's own: no statement with it is ever answered by the store, nor kept.
_ONE = f"SELECT id, name FROM {TABLE} WHERE id = :id AND now() > '2020-01-01'"
_MANY = f"SELECT id, name FROM {TABLE} WHERE id >= :id AND id < :id + 1000 AND now() > '2020-01-01'"
_UPDATE = f"UPDATE {_WRITES} SET amount = amount + 1 WHERE id = :id"
_INSERT = (
    f"INSERT INTO {_WRITES} (id, customer, amount, placed_at, is_paid, name) "
    f"VALUES (nextval('{_WRITES}_keys'), 1, 1, '2020-01-01', true, 'x')"
)


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    if not measured.is_postgresql:
        print("passing: skipped, the origin isn't PostgreSQL\n")
        return
    measured.table()
    measured.table(10_000, _WRITES)
    with measured.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SEQUENCE {_WRITES}_keys START 100001")
    # Without waiting for the disk at each commit, which would hide what is compared.
    bare = sa.create_engine(measured.engine.url, connect_args={"options": "-c synchronous_commit=off"})
    with CachingEngine(bare) as strict, CachingEngine(bare, mode="transparent") as transparent:
        for engine in (strict, transparent):
            engine.warm(TABLE)
        rows = [
            _row(mode, label, way, engine, bare, expected, pace)
            for mode, engine, label, way, expected in _cases(strict, transparent)
        ]
    bare.dispose()
    report.write(
        report.Result(
            name="passing",
            title="What the origin does all the same",
            about=f"Against the bare engine on {measured.name}, through the same pool, Core with connect "
            "and close unless it says otherwise. The server doesn't wait for its disk at a commit "
            "(`synchronous_commit = off`), which would hide the difference. Reads bypass by `now()`. The "
            "table that is written isn't the one that is read, except where a transaction reads what it "
            "then writes.",
            heading=("mode", "what", "sqlmem", "bare"),
            figure="sqlmem / bare",
            rows=rows,
            versions=(measured.version,),
        ),
        folder,
        charts.bars("time in multiples of the bare engine's"),
    )


Case = tuple[str, CachingEngine, str, Callable[[sa.Engine], Ask], str]


def _cases(strict: CachingEngine, transparent: CachingEngine) -> list[Case]:
    reads: list[tuple[str, Callable[[sa.Engine], Ask]]] = [
        ("a bypass of 1 row", lambda engine: _closing(engine, _ONE)),
        ("a bypass of 1 row, open connection", lambda engine: _open(engine, _ONE)),
        ("a bypass of 1,000 rows", lambda engine: _closing(engine, _MANY)),
        ("a bypass of 1 row, autocommit", lambda engine: _autocommit(engine, _ONE)),
    ]
    cases: list[Case] = []
    for mode, engine in (("strict", strict), ("transparent", transparent)):
        cases += [(mode, engine, label, way, "bypass") for label, way in reads]
    passed: list[tuple[str, Callable[[sa.Engine], Ask]]] = [
        ("SELECT … FOR UPDATE, committed", lambda engine: _begin(engine, f"{_locked()} FOR UPDATE")),
        ("UPDATE, committed", lambda engine: _begin(engine, _UPDATE)),
        ("UPDATE, autocommit", lambda engine: _autocommit(engine, _UPDATE)),
        ("INSERT, committed", lambda engine: _begin(engine, _INSERT)),
        ("INSERT, autocommit", lambda engine: _autocommit(engine, _INSERT)),
        ("10 UPDATEs, committed", lambda engine: _begin(engine, *[_UPDATE] * 10)),
    ]
    cases += [("transparent", transparent, label, way, "passed") for label, way in passed]
    # The last statement of a call says what became of it: after a write, reads are the origin's.
    mixed = [
        ("UPDATE, read, committed", lambda engine: _begin(engine, _UPDATE, _locked()), "bypass"),
        ("read, UPDATE, committed", lambda engine: _begin(engine, _locked(), _UPDATE), "passed"),
    ]
    return cases + [("transparent", transparent, label, way, outcome) for label, way, outcome in mixed]


def _locked() -> str:
    return f"SELECT id, amount FROM {_WRITES} WHERE id = :id"


def _row(
    mode: str,
    label: str,
    way: Callable[[sa.Engine], Ask],
    engine: CachingEngine,
    bare: sa.Engine,
    expected: str,
    pace: Pace,
) -> report.Row:
    ours, theirs = way(engine), way(bare)

    def arguments(number: int) -> dict[str, int]:
        return {"id": walk(number, 9_000)}

    ours(arguments(0))
    if (outcome := last_status().outcome) != expected:
        raise RuntimeError(f"{label}: {outcome}, expected {expected}")
    taken = seconds_each(
        {"ours": ours, "bare": theirs}, rounds=pace.rounds(_ROUNDS), arguments=arguments
    ).wall
    for each in (ours, theirs):
        if hasattr(each, "connection"):
            each.connection.close()
    return report.Row(
        (mode, label, report.seconds(taken["ours"]), report.seconds(taken["bare"])),
        taken["ours"] / taken["bare"],
        _AIM,
        label=f"{mode}: {label}",
    )


def _closing(engine: sa.Engine, text: str) -> Ask:
    statement = sa.text(text)

    def ask(parameters: dict[str, Any]) -> object:
        with engine.connect() as connection:
            return connection.execute(statement, parameters).all()

    return ask


def _open(engine: sa.Engine, text: str) -> Ask:
    """In a transaction that SQLAlchemy begins by itself, and that goes on."""
    statement = sa.text(text)
    connection = engine.connect()

    def ask(parameters: dict[str, Any]) -> object:
        return connection.execute(statement, parameters).all()

    ask.connection = connection  # type: ignore[attr-defined]
    return ask


def _autocommit(engine: sa.Engine, text: str) -> Ask:
    statement = sa.text(text)
    itself = engine.execution_options(isolation_level="AUTOCOMMIT")

    def ask(parameters: dict[str, Any]) -> object:
        with itself.connect() as connection:
            result = connection.execute(statement, parameters)
            return result.all() if result.returns_rows else None

    return ask


def _begin(engine: sa.Engine, *texts: str) -> Ask:
    statements = [sa.text(text) for text in texts]

    def ask(parameters: dict[str, Any]) -> object:
        with engine.begin() as connection:
            for statement in statements:
                result = connection.execute(statement, parameters)
                if result.returns_rows:
                    result.all()
        return None

    return ask
