"""How many statements reach an origin's data.

The counting is done at the driver, under SQLAlchemy and under sqlmem: whatever way a
statement takes to the origin, through a Connection, a raw cursor or a server-side cursor, it
is seen. What asks the catalogue or sets up the session is no access to data, and is told
apart by `is_data`. Both lists stay readable: `data` and `everything`.
"""

from __future__ import annotations

import contextlib
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Engine, event

# First words of statements that set up a session or bound a transaction.
SESSION_WORDS = frozenset(
    {
        "begin",
        "commit",
        "deallocate",
        "discard",
        "pragma",
        "release",
        "reset",
        "rollback",
        "savepoint",
        "set",
        "show",
        "start",
        "use",
    }
)

# Statements of drivers and dialects that read no table.
SESSION_QUERIES = frozenset(
    {
        "select 1",
        "select version()",
        "select pg_catalog.version()",
        "select current_schema()",
        "select current_database()",
        "select database()",
        "select schema()",
        "select connection_id()",
        "select sqlite_version()",
        "select pg_backend_pid()",
    }
)

# A statement that reads one of these asks what the origin looks like.
CATALOGUE_NAMES = (
    "pg_catalog",
    "pg_attribute",
    "pg_class",
    "pg_collation",
    "pg_constraint",
    "pg_database",
    "pg_depend",
    "pg_enum",
    "pg_index",
    "pg_inherits",
    "pg_namespace",
    "pg_policies",
    "pg_policy",
    "pg_proc",
    "pg_rewrite",
    "pg_roles",
    "pg_settings",
    "pg_stat_activity",
    "pg_type",
    "information_schema",
    "performance_schema",
    "mysql.proc",
    "mysql.user",
    "sqlite_master",
    "sqlite_schema",
    "sqlite_temp_master",
    "sqlite_stat1",
    "dbstat",
    "pragma_database_list",
    "pragma_function_list",
)
_CATALOGUE = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, CATALOGUE_NAMES))})\b")
# `SELECT @@sql_mode` and its like: variables, no table.
_VARIABLES = re.compile(r"select (?:@@[\w.]+(?: as \w+)?(?:, )?)+")
# What is asked of the session, with constants, and of no table: by one of its names.
_OF_SESSION = re.compile(r"select [^;]*as (?:`default_week_format`|\"text \[date\]\")(?:,[^;]*)?$")
# Whether MariaDB hears what is sent with a statement: of its variables, and of no table.
_OF_WALL = re.compile(r"'' select case when @@[^;]* end")
# A catalogue's name doesn't excuse a write; MariaDB's `SET STATEMENT … FOR` carries a whole statement.
_WRITES = re.compile(r"\b(?:insert|update|delete|merge|replace|truncate|drop|alter|create|into)\b")
_SET_STATEMENT = re.compile(r"set statement\b")
_LITERALS_AND_COMMENTS = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*(?!!).*?\*/", re.DOTALL)


def is_data(statement: str) -> bool:
    """Whether the statement reads or writes data, rather than the catalogue or the session."""
    text = " ".join(_LITERALS_AND_COMMENTS.sub(" '' ", statement).lower().split()).strip("; ")
    text = text.replace('"main".', "")
    first_word = re.match(r"\w*", text)
    if first_word and first_word[0] in SESSION_WORDS and not _SET_STATEMENT.match(text):
        return False
    if text in SESSION_QUERIES or _VARIABLES.fullmatch(text):
        return False
    is_read = not _WRITES.search(text)
    if is_read and " from " not in text and (_OF_SESSION.match(text) or _OF_WALL.fullmatch(text)):
        return False
    # A question for types only: it reads no row.
    if is_read and text.startswith("select ") and text.endswith(" limit 0"):
        return False
    return not (is_read and _CATALOGUE.search(text) is not None)


class OriginCounter:
    """The statements that the engines it was attached to have sent. Usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._everything: list[str] = []
        self._connects = 0

    @property
    def everything(self) -> list[str]:
        """All statements, in the order in which the driver got them, session and catalogue included."""
        with self._lock:
            return list(self._everything)

    @property
    def data(self) -> list[str]:
        """The statements that read or wrote data."""
        return [statement for statement in self.everything if is_data(statement)]

    @property
    def connects(self) -> int:
        """How many connections were opened."""
        with self._lock:
            return self._connects

    def record(self, statement: object) -> None:
        if isinstance(statement, (bytes, bytearray)):
            statement = bytes(statement).decode(errors="replace")
        elif not isinstance(statement, str):  # psycopg's composed SQL
            as_string = getattr(statement, "as_string", None)
            statement = as_string(None) if as_string else str(statement)
        with self._lock:
            self._everything.append(str(statement))

    def attach(self, engine: Engine) -> None:
        """Count what this engine's connections send from now on; idle ones are closed first."""
        engine.dispose()

        @event.listens_for(engine, "connect")
        def connected(dbapi_connection: Any, record: object) -> None:
            with self._lock:
                self._connects += 1
            _TAPS[engine.dialect.driver](dbapi_connection, self.record)

    @contextlib.contextmanager
    def expect(self, count: int) -> Iterator[None]:
        """Fail unless exactly so many statements reach the origin's data meanwhile."""
        before = len(self.everything)
        yield
        seen = self.everything[before:]
        data = [statement for statement in seen if is_data(statement)]
        assert len(data) == count, _report(f"{count} statements expected at the origin's data", data)

    @contextlib.contextmanager
    def expect_silence(self) -> Iterator[None]:
        """Fail if anything at all is sent meanwhile, or a connection is opened."""
        before, connects_before = len(self.everything), self.connects
        yield
        seen = self.everything[before:]
        assert not seen, _report("nothing at all expected at the origin", seen)
        assert self.connects == connects_before, "a connection to the origin was opened"


def _report(expected: str, seen: list[str]) -> str:
    listed = "".join(f"\n  {number}. {' '.join(text.split())}" for number, text in enumerate(seen, 1))
    return f"{expected}, got {len(seen)}:{listed}"


Record = Callable[[object], None]


def _tap_sqlite(connection: Any, record: Record) -> None:
    def trace(statement: str) -> None:
        # Triggers and virtual tables trace what they do as comments.
        if not statement.startswith("--"):
            record(statement)

    connection.set_trace_callback(trace)


def _tap_aiosqlite(connection: Any, record: Record) -> None:
    def trace(statement: str) -> None:
        if not statement.startswith("--"):
            record(statement)

    connection.run_async(lambda driver_connection: driver_connection.set_trace_callback(trace))


def _tap_psycopg(connection: Any, record: Record) -> None:
    # An AsyncConnection is inside SQLAlchemy's adapter; its methods return coroutines, which
    # these hand on as they are.
    connection = getattr(connection, "driver_connection", connection)
    for factory in ("cursor_factory", "server_cursor_factory"):
        setattr(connection, factory, _recording_cursor(getattr(connection, factory), record))


def _tap_psycopg2(connection: Any, record: Record) -> None:
    import psycopg2.extensions

    base = connection.cursor_factory or psycopg2.extensions.cursor
    connection.cursor_factory = _recording_cursor(base, record)


def _recording_cursor(base: Any, record: Record) -> type:
    def recording(name: str) -> Callable[..., Any]:
        original = getattr(base, name)

        def method(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
            record(query)
            return original(self, query, *args, **kwargs)

        return method

    names = ("execute", "executemany", "stream", "copy", "copy_expert", "callproc")
    return type(
        f"Recording{base.__name__}", (base,), {name: recording(name) for name in names if hasattr(base, name)}
    )


def _tap_mysql(connection: Any, record: Record) -> None:
    original = connection.query

    def query(statement: Any, *args: Any, **kwargs: Any) -> Any:
        record(statement)
        return original(statement, *args, **kwargs)

    connection.query = query


_asyncpg_records: weakref.WeakKeyDictionary[Any, Record] = weakref.WeakKeyDictionary()


def _tap_asyncpg(connection: Any, record: Record) -> None:
    # asyncpg's own query logger calls back from the event loop, later. All statements of
    # SQLAlchemy's adapter go through `_prepare`, and the class has slots, so the class is patched.
    adapter = type(connection)
    _asyncpg_records[connection.driver_connection] = record
    if getattr(adapter._prepare, "is_tap", False):
        return
    original = adapter._prepare

    async def _prepare(self: Any, operation: str, *args: Any) -> Any:
        if (known := _asyncpg_records.get(self.driver_connection)) is not None:
            known(operation)
        return await original(self, operation, *args)

    _prepare.is_tap = True  # type: ignore[attr-defined]
    adapter._prepare = _prepare


# a dialect's driver -> how to see what it sends
_TAPS: dict[str, Callable[[Any, Record], None]] = {
    "pysqlite": _tap_sqlite,
    "aiosqlite": _tap_aiosqlite,
    "psycopg": _tap_psycopg,
    "psycopg_async": _tap_psycopg,
    "psycopg2": _tap_psycopg2,
    "asyncpg": _tap_asyncpg,
    "pymysql": _tap_mysql,
    "mysqldb": _tap_mysql,
}
