"""The origin that is measured, and the table in it: six columns of the usual types.

The origin is PostgreSQL where `--url` names one or one answers at the standard local port,
else an SQLite file. The table is dropped at the end.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

LOCAL = "postgresql+psycopg://postgres@127.0.0.1/postgres"
TABLE = "sqlmem_bench_orders"
BIG = "sqlmem_bench_big"
ROWS = 100_000
_CHUNK = 10_000


class Base(DeclarativeBase):
    """The mapping's own metadata."""


class Order(Base):
    """A row of `TABLE`, for the ORM."""

    __tablename__ = TABLE

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    customer: Mapped[int]
    amount: Mapped[Decimal] = mapped_column(sa.Numeric(10, 2))
    placed_at: Mapped[dt.datetime] = mapped_column(sa.DateTime)
    is_paid: Mapped[bool]
    name: Mapped[str] = mapped_column(sa.String(40))


COLUMNS = tuple(column.name for column in Order.__table__.columns)
PLAIN = ("id", "customer", "name")


@dataclass(frozen=True)
class Measured:
    """The origin.

    Attributes:
        name: how results call it.
        version: of the server and the driver, for the result's second line.
    """

    engine: sa.Engine
    name: str
    version: str


@contextlib.contextmanager
def origin(url: str | None) -> Iterator[Measured]:
    """An engine on the origin, without the tables of an earlier run; they are dropped at the end too."""
    with tempfile.TemporaryDirectory(prefix="sqlmem-bench-") as folder:
        engine = _server(url)
        if engine is None:
            engine = sa.create_engine(f"sqlite:///{Path(folder) / 'origin.db'}")
        try:
            _drop(engine)
            yield Measured(engine, _name(engine), _version(engine))
            _drop(engine)
        finally:
            engine.dispose()


def _server(url: str | None) -> sa.Engine | None:
    given = url or os.environ.get("SQLMEM_TEST_POSTGRESQL")
    try:
        engine = sa.create_engine(given or LOCAL)
        engine.connect().close()
    except (ImportError, sa.exc.OperationalError):
        if given:
            raise
        print("no PostgreSQL at the standard local port: the origin is an SQLite file\n")
        return None
    return engine


def _name(engine: sa.Engine) -> str:
    return {"postgresql": "PostgreSQL", "sqlite": "SQLite file"}.get(engine.dialect.name, engine.dialect.name)


def _version(engine: sa.Engine) -> str:
    with engine.connect():
        number = ".".join(str(part) for part in engine.dialect.server_version_info or ())
    return f"{_name(engine)} {number} through {engine.dialect.driver}"


def _drop(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for table in (TABLE, BIG):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {table}")


def row(number: int) -> dict[str, Any]:
    """The same row for the same number, on every run."""
    return {
        "id": number,
        "customer": number * 7919 % 1000,
        "amount": Decimal(number * 31 % 100_000).scaleb(-2),
        "placed_at": dt.datetime(2020, 1, 1) + dt.timedelta(minutes=number),  # noqa: DTZ001 - a TIMESTAMP
        "is_paid": number % 3 > 0,
        "name": f"customer number {number % 5000}",
    }


def make(engine: sa.Engine, rows: int = ROWS) -> None:
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        for start in range(1, rows + 1, _CHUNK):
            chunk = [row(number) for number in range(start, min(start + _CHUNK, rows + 1))]
            connection.execute(sa.insert(Order), chunk)


def make_big(engine: sa.Engine, times: int) -> int:
    """`TABLE` so many times over, in a table of its own, without a key; how many rows."""
    names = ", ".join(COLUMNS)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {BIG} AS SELECT {names} FROM {TABLE}")
        for _ in range(times - 1):
            connection.exec_driver_sql(f"INSERT INTO {BIG} SELECT {names} FROM {TABLE}")
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"ANALYZE {BIG}")
    return ROWS * times


def select_text(columns: Sequence[str], *, by: str = ":") -> str:
    """Some rows in a range of keys; `by`: what stands before a parameter's name."""
    return f"SELECT {', '.join(columns)} FROM {TABLE} WHERE id >= {by}low AND id < {by}high"
