"""What the origin answers all the same: bypasses, writes and passed reads, against the bare engine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import charts, report
from benchmarks.data import TABLE, Measured, mariadb, sqlite_file, walk
from benchmarks.measure import Ask, Pace, seconds_each
from sqlmem import CachingEngine, last_status

_ROUNDS = 41
# After so many calls nothing is filled or kept any more that is lost again before it is asked for.
_LEARNING = 50
_AIM = report.at_most(1.10)
_WRITES = "written"
_MARIADB = "mysql+pymysql://root@127.0.0.1:3306/"
# The moment is the origin's own: no statement with it is ever answered by the store, nor kept.
_NOW = {"sqlite": "datetime('now')"}
# What only the origin computes, and the same each time: such an answer could be kept.
_LASTING = {
    "postgresql": "(date '2020-01-01', date '2020-02-01') OVERLAPS (date '2020-01-15', date '2020-03-01')",
    "mysql": "soundex('a') = soundex('a')",
}
_UPDATE = f"UPDATE {_WRITES} SET amount = amount + 1 WHERE id = :id"
_READ = f"SELECT id, amount FROM {_WRITES} WHERE id = :id"


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    rows: list[report.Row] = []
    versions: list[str] = []
    with contextlib.ExitStack() as closing:
        for each in (measured, *_others(measured, closing)):
            rows += _rows(each, pace)
            versions.append(each.version)
    report.write(
        report.Result(
            name="passing",
            title="What the origin does all the same",
            about="Against the bare engine, through the same pool, Core with connect and close unless it "
            "says otherwise. PostgreSQL and the SQLite file don't wait for the disk at a commit "
            "(`synchronous_commit = off`, `synchronous = OFF`), which would hide the difference; MariaDB "
            "does as it is set up. Reads bypass by the present time, but for those that could be kept, of "
            "which none is asked twice. The table that is written isn't the one that is read, except where a "
            "transaction reads what it then writes. All was asked a few dozen times before: that a table is "
            "written as often as it is read is known by then.",
            heading=("origin", "mode", "what", "sqlmem", "bare"),
            figure="sqlmem / bare",
            rows=rows,
            versions=tuple(versions),
        ),
        folder,
        charts.bars("time in multiples of the bare engine's"),
    )


def _others(measured: Measured, closing: contextlib.ExitStack) -> Iterator[Measured]:
    """Beside the origin that everything is measured on: MariaDB, if it is there, and an SQLite file."""
    server = os.environ.get("SQLMEM_TEST_MARIADB", _MARIADB)
    found = closing.enter_context(mariadb(server))
    if found is None:
        print("passing: MariaDB is left out, there is none at SQLMEM_TEST_MARIADB or the local port\n")
    else:
        yield found
    if measured.engine.dialect.name != "sqlite":
        yield closing.enter_context(sqlite_file())


def _rows(measured: Measured, pace: Pace) -> list[report.Row]:
    measured.table()
    measured.table(10_000, _WRITES)
    bare = _bare(measured)
    with CachingEngine(bare) as strict, CachingEngine(bare, mode="transparent") as transparent:
        for engine in (strict, transparent):
            engine.warm(TABLE)
        rows = [
            _row(measured, mode, label, way, engine, bare, expected, pace)
            for mode, engine, label, way, expected in _cases(bare.dialect.name, strict, transparent)
        ]
    bare.dispose()
    return rows


def _bare(measured: Measured) -> sa.Engine:
    """The origin's engine, without waiting for the disk at each commit; what is inserted gets a key there."""
    name = measured.engine.dialect.name
    options: dict[str, Any] = {}
    if name == "postgresql":
        options["connect_args"] = {"options": "-c synchronous_commit=off"}
        with measured.engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE SEQUENCE {_WRITES}_keys START 100001")
    elif name != "sqlite":
        with measured.engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {_WRITES} MODIFY id INTEGER NOT NULL AUTO_INCREMENT")
    bare = sa.create_engine(measured.engine.url, **options)
    if name == "sqlite":
        sa.event.listen(bare, "connect", lambda driver, _: driver.execute("PRAGMA synchronous = OFF"))
    return bare


def _insert(name: str) -> str:
    columns, values = "customer, amount, placed_at, is_paid, name", "1, 1, '2020-01-01', true, 'x'"
    if name == "postgresql":
        columns, values = f"id, {columns}", f"nextval('{_WRITES}_keys'), {values}"
    return f"INSERT INTO {_WRITES} ({columns}) VALUES ({values})"


Case = tuple[str, CachingEngine, str, Callable[[sa.Engine], Ask], str]


def _cases(name: str, strict: CachingEngine, transparent: CachingEngine) -> list[Case]:
    now = f"{_NOW.get(name, 'now()')} > '2020-01-01'"
    one = f"SELECT id, name FROM {TABLE} WHERE id = :id AND {now}"
    many = f"SELECT id, name FROM {TABLE} WHERE id >= :id AND id < :id + 1000 AND {now}"
    stream = f"SELECT id, name FROM {TABLE} WHERE id >= :id AND id < :id + 10000 AND {now}"
    insert = _insert(name)
    reads: list[tuple[str, Callable[[sa.Engine], Ask]]] = [
        ("a bypass of 1 row", lambda engine: _closing(engine, one)),
        ("a bypass of 1 row, open connection", lambda engine: _open(engine, one)),
        ("a bypass of 1,000 rows", lambda engine: _closing(engine, many)),
        ("a bypass of 1 row, autocommit", lambda engine: _autocommit(engine, one)),
        ("a bypass of 10,000 rows, streamed", lambda engine: _streamed(engine, stream)),
    ]
    if (lasting := _LASTING.get(name)) is not None:
        another = f"SELECT id, name, :number AS n FROM {TABLE} WHERE id = :id AND {lasting}"
        reads.append(("a bypass of 1 row that could be kept", lambda engine: _closing(engine, another)))
    cases: list[Case] = []
    for mode, engine in (("strict", strict), ("transparent", transparent)):
        cases += [(mode, engine, label, way, "bypass") for label, way in reads]
    passed: list[tuple[str, Callable[[sa.Engine], Ask]]] = [
        ("UPDATE, committed", lambda engine: _begin(engine, _UPDATE)),
        ("UPDATE, autocommit", lambda engine: _autocommit(engine, _UPDATE)),
        ("INSERT, committed", lambda engine: _begin(engine, insert)),
        ("INSERT, autocommit", lambda engine: _autocommit(engine, insert)),
        ("10 UPDATEs, committed", lambda engine: _begin(engine, *[_UPDATE] * 10)),
    ]
    if name != "sqlite":
        locking = f"{_READ} FOR UPDATE"
        passed[:0] = [("SELECT … FOR UPDATE, committed", lambda engine: _begin(engine, locking))]
    cases += [("transparent", transparent, label, way, "passed") for label, way in passed]
    # The last statement of a call says what became of it: after a write, reads are the origin's.
    mixed = [
        ("UPDATE, read, committed", lambda engine: _begin(engine, _UPDATE, _READ), "bypass"),
        ("read, UPDATE, committed", lambda engine: _begin(engine, _READ, _UPDATE), "passed"),
    ]
    return cases + [("transparent", transparent, label, way, outcome) for label, way, outcome in mixed]


def _row(
    measured: Measured,
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
        return {"id": walk(number, 9_000), "number": number}

    for number in range(_LEARNING):
        ours(arguments(number))
    if (outcome := last_status().outcome) != expected:
        raise RuntimeError(f"{measured.name}, {label}: {outcome}, expected {expected}")
    taken = seconds_each(
        {"ours": ours, "bare": theirs}, rounds=pace.rounds(_ROUNDS), arguments=arguments
    ).wall
    for each in (ours, theirs):
        if hasattr(each, "connection"):
            each.connection.close()
    return report.Row(
        (measured.name, mode, label, report.seconds(taken["ours"]), report.seconds(taken["bare"])),
        taken["ours"] / taken["bare"],
        _AIM,
        label=f"{measured.family}, {mode}: {label}",
    )


def _closing(engine: sa.Engine, text: str) -> Ask:
    statement = sa.text(text)

    def ask(parameters: dict[str, Any]) -> object:
        with engine.connect() as connection:
            return connection.execute(statement, parameters).all()

    return ask


def _streamed(engine: sa.Engine, text: str) -> Ask:
    statement = sa.text(text)

    def ask(parameters: dict[str, Any]) -> object:
        with engine.connect() as connection:
            count = 0
            for _ in connection.execution_options(stream_results=True).execute(statement, parameters):
                count += 1
            return count

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
