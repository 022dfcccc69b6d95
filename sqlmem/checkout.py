"""A connection of the wrapped engine's pool, with SQLAlchemy's Connection over it when somebody needs one.

A Connection costs as much again as the statement that a program has already sent through one of ours. It is
left out where nobody could tell: the engine is a plain one, nobody listens to it, nothing is logged, and the
driver is one of which is known all that SQLAlchemy does around a statement.

Rule 1: the pool's own events, its reset and its return are the same either way.
Rule 2: what the driver raises goes through a Connection, which decides whether the connection was lost, and
what becomes of it and of the pool.
Rule 3: a Connection that is made later knows that there is a transaction, and ends it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NoReturn

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.pool import Pool, SingletonThreadPool, StaticPool

from sqlmem.checked_out import check_out

# Drivers of whose cursors SQLAlchemy's execution contexts want nothing but execute, description and rows.
# Not asyncpg, whose cursors are told when definitions have changed.
_PLAIN = frozenset({"aiosqlite", "mysqldb", "psycopg", "psycopg2", "psycopg_async", "pymysql", "pysqlite"})

# How libpq's name of a host begins, if it is the folder of a Unix socket or, by @, an abstract one.
_SOCKET = (b"/", b"@")
# Where the pool keeps it, see `Checkout._beside`.
_BESIDE = "sqlmem's cursor beside a statement"


def needs_connection(engine: Engine) -> bool:
    """Whether somebody could tell that there is no Connection: a listener, a log, an option, a class."""
    dialect: Any = engine.dialect
    return (
        type(engine) is not Engine
        or engine._has_events
        or getattr(Connection, "_has_events", False)  # older SQLAlchemys have it on instances only
        or (dialect._has_events and _is_heard(dialect.dispatch))
        or bool(engine._execution_options)
        or engine._connection_cls is not Connection
        or dialect.driver not in _PLAIN
        or engine._should_log_info()
    )


def _is_heard(dispatch: Any) -> bool:
    """Whether somebody listens to how a dialect executes, or to what becomes of errors."""
    return bool(dispatch.do_execute or dispatch.do_execute_no_params or dispatch.handle_error)


_SHARED = (StaticPool, SingletonThreadPool)


class Checkout:
    """For one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        """Check a connection out.

        Raises:
            sqlalchemy.exc.DBAPIError: as `Engine.connect` does.
        """
        self._engine = engine
        # Several may have the driver's connection, and its record, at once.
        self.is_shared = isinstance(engine.pool, _SHARED)
        self._connection: Connection | None = None
        # The pool's wrapper of the driver's connection, while there is no Connection.
        self._fairy: Any = None
        self._has_sent = False
        self._begins_itself = (
            False  # psycopg's connection begins transactions itself, but for the present one
        )
        if needs_connection(engine):
            self._connection = engine.connect()
            return
        try:
            self._fairy = check_out(engine)
        except engine.dialect.loaded_dbapi.Error as error:
            Connection._handle_dbapi_exception_noconnection(error, engine.dialect, engine)
            raise

    @classmethod
    def over(cls, connection: Connection) -> Checkout:
        """What is checked out already, by somebody else."""
        checkout = cls.__new__(cls)
        checkout._engine, checkout._connection = connection.engine, connection
        checkout._fairy, checkout._has_sent, checkout._begins_itself = None, False, False
        checkout.is_shared = isinstance(checkout._engine.pool, _SHARED)
        return checkout

    @property
    def is_plain(self) -> bool:
        """Whether statements may be sent by `send`."""
        return self._connection is None and not self._engine._has_events

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's; made now, if there was none."""
        connection = self._connection
        if connection is None:
            if self._fairy is None:
                raise ResourceClosedError("this connection was given back")
            connection = self._connection = Connection(self._engine, connection=self._fairy)
            if self._has_sent:
                connection.begin()
        return connection

    def replace(self, **options: Any) -> None:
        """Set execution options, before anything is sent."""
        self._connection = self.connection.execution_options(**options)

    @property
    def pool(self) -> Pool:
        return self._engine.pool

    @property
    def info(self) -> Any:
        """What is kept with the driver's connection."""
        fairy = self._fairy if self._connection is None else self._connection.connection
        return fairy.info

    @property
    def driver(self) -> Any:
        """The driver's connection, as the dialect sees it."""
        fairy = self._fairy if self._connection is None else self._connection.connection
        return fairy.dbapi_connection

    @property
    def plain_driver(self) -> Any:
        """The driver's connection, if this is a plain one; None if it isn't."""
        is_plain = self._connection is None and not self._engine._has_events
        return self._fairy.dbapi_connection if is_plain else None

    @property
    def is_usable(self) -> bool:
        connection = self._connection
        if connection is not None:
            return not (connection.closed or connection.invalidated)
        return self._fairy is not None and self._fairy.dbapi_connection is not None

    def at_return(self, restore: Any) -> None:
        """Call this with the driver's connection when the pool gets it back, after its reset.

        As SQLAlchemy does with isolation levels: it holds also for who loses the connection unclosed. If it
        raises, the connection is closed.
        """
        fairy: Any = self._fairy if self._connection is None else self._connection.connection
        record = fairy._connection_record

        def returned(driver: Any) -> None:
            try:
                restore(driver)
            except Exception as error:  # noqa: BLE001 - the driver's: what isn't as it was is for nobody else
                record.invalidate(error)

        record.finalize_callback.append(returned)

    def send(self, statement: str, parameters: Any = None) -> Any:
        """Execute without a Connection: the driver's cursor, whose rows are there to be fetched.

        Args:
            parameters: as the driver takes them; None for none at all.

        Raises:
            sqlalchemy.exc.DBAPIError: as a Connection does.
        """
        dialect: Any = self._engine.dialect
        self._has_sent = True
        cursor = None
        try:
            # As the pool's wrapper would, in fewer calls; and so below.
            cursor = self._fairy.dbapi_connection.cursor()
            if parameters is None:
                dialect.do_execute_no_params(cursor, statement)
            else:
                dialect.do_execute(cursor, statement, parameters)
        except BaseException as error:  # noqa: BLE001 - whatever it is, SQLAlchemy knows what to do
            self._fail(error, statement, parameters, cursor)
        return cursor

    def sender(self, *, ends: bool) -> Callable[[str, Any], Any] | None:
        """How to send a statement; None if a Connection is to do it.

        By `send_together` with psycopg, its usual cursors, and no transaction begun. Over a Unix socket to
        wait for BEGIN takes less time than a pipeline does; to wait for ROLLBACK too takes more.

        Args:
            ends: the transaction ends with it; give the connection back then.
        """
        if self._connection is not None or self._engine._has_events:
            return None
        dialect: Any = self._engine.dialect
        if dialect.driver != "psycopg" or dialect.is_async:
            return self.send
        driver, psycopg = self._fairy.dbapi_connection, dialect.loaded_dbapi
        if (
            # First: of a connection that is closed libpq tells this only.
            driver.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE
            and (ends or not driver.pgconn.host.startswith(_SOCKET))
            and driver.cursor_factory is psycopg.Cursor
            and psycopg.Pipeline.is_supported()
            # Such a dialect would not end what was begun by text.
            and not getattr(dialect, "skip_autocommit_rollback", False)
        ):
            return functools.partial(self.send_together, ends=ends)
        return self.send

    def send_together(self, statement: str, parameters: Any, *, ends: bool) -> Any:
        """As `send`, together with what begins its read-only transaction, and with ROLLBACK.

        The driver would wait for BEGIN before it sends the statement: over a network that is as long as the
        statement itself.

        Args:
            ends: as of `sender`.
        """
        dialect: Any = self._engine.dialect
        self._has_sent = True
        cursor = None
        try:
            driver = self._fairy.dbapi_connection
            if not driver.autocommit:
                # Else it would begin the transaction itself.
                self._begins_itself = True
                driver.autocommit = True
                self.at_return(_begin_itself)
            beside, failure = self._beside(), None
            try:
                with driver.pipeline():
                    try:
                        beside.execute(
                            _begin_read_only(driver.isolation_level, driver.deferrable), prepare=False
                        )
                        cursor = self._fairy.cursor()
                        if parameters is None:
                            dialect.do_execute_no_params(cursor, statement)
                        else:
                            dialect.do_execute(cursor, statement, parameters)
                        if ends:
                            # After an error the server passes this over: whoever gives back rolls back.
                            beside.execute("ROLLBACK", prepare=False)
                    except Exception as error:  # noqa: BLE001 - the driver's, or of a parameter that it can't send
                        # Kept from the pipeline, which would log at its end that the rest wasn't run.
                        failure = error
            except dialect.loaded_dbapi.Error:
                if failure is None:
                    raise
            if failure is not None:
                raise failure  # noqa: TRY301 - to where all errors go
        except BaseException as error:  # noqa: BLE001 - likewise
            self._fail(error, statement, parameters, cursor)
        return cursor

    def _beside(self) -> Any:
        """A cursor for what stands beside a statement: one for each of the driver's connections, for ever.

        Making one takes psycopg longer than BEGIN takes the server.
        """
        info = self._fairy.info
        cursor = info.get(_BESIDE)
        if cursor is None or cursor.closed:
            cursor = info[_BESIDE] = self._engine.dialect.loaded_dbapi.Cursor(self._fairy.dbapi_connection)
        return cursor

    def ask(self, question: str, *further: str) -> Any:
        """The first value that a statement of our own gives, if it gives any; sent as by `send`.

        Args:
            further: statements to send after it.
        """
        self._has_sent = True
        cursor = None
        try:
            cursor = self._fairy.dbapi_connection.cursor()
            cursor.execute(question)
            row = None if cursor.description is None else cursor.fetchone()
            for each in further:
                cursor.execute(each)
            cursor.close()
        except BaseException as error:  # noqa: BLE001 - likewise
            self._fail(error, question, None, cursor)
        return None if row is None else row[0]

    def run(self, text: str, *further: str) -> Any:
        """As `ask`, by whatever way statements are sent."""
        if self.is_plain:
            return self.ask(text, *further)
        result = self.connection.exec_driver_sql(text)
        value = result.scalar() if result.returns_rows else None
        for each in further:
            self.connection.exec_driver_sql(each)
        return value

    def rows(self, question: str, parameters: Any) -> list[Any] | None:
        """All that a question of our own gives, with a statement's parameters; None if it is an error.

        Only of a plain one.
        """
        dialect: Any = self._engine.dialect
        self._has_sent = True
        cursor = self._fairy.dbapi_connection.cursor()
        try:
            if parameters is None:
                dialect.do_execute_no_params(cursor, question)
            else:
                dialect.do_execute(cursor, question, parameters)
            return list(cursor.fetchall())
        except dialect.loaded_dbapi.Error:
            return None
        finally:
            cursor.close()

    def _fail(self, error: BaseException, statement: str | None, parameters: Any, cursor: Any) -> NoReturn:
        connection = self.connection
        if not isinstance(error, self._engine.dialect.loaded_dbapi.Error):
            statement = None  # or it would be taken for an error in making a statement
        connection._handle_dbapi_exception(error, statement, parameters, cursor, None)

    def rollback(self) -> None:
        if self._connection is not None:
            self._connection.rollback()
        else:
            self._roll_back()
        self._let_begin()

    def _let_begin(self) -> None:
        """After a rollback: whoever sends by the driver's connection next relies on its beginning one."""
        if self._begins_itself and self.is_usable:
            self._begins_itself = False
            _begin_itself(self.driver)

    def _roll_back(self) -> None:
        try:
            self._engine.dialect.do_rollback(self._fairy.dbapi_connection)
        except BaseException as error:  # noqa: BLE001 - likewise
            self._fail(error, None, None, None)

    def close(self) -> None:
        """End the transaction and give the connection back to the pool."""
        # The pool's own events are to meet it as it was; what is left for its return is for who loses it.
        if self._connection is not None:
            if self._begins_itself and self.is_usable:
                self.rollback()
            self._connection.close()
            return
        fairy = self._fairy
        if self._has_sent:
            self._roll_back()
            if self._begins_itself:
                self._let_begin()
            self._fairy = None
            # The pool need not do it again.
            fairy._close_special(transaction_reset=True)
        else:
            self._fairy = None
            fairy.close()

    def invalidate(self) -> None:
        """Close the driver's connection, which the pool forgets."""
        if self._connection is None and self._fairy is None:
            return
        self.connection.invalidate()


@functools.cache
def _begin_read_only(level: Any, deferrable: bool | None) -> str:  # noqa: FBT001 - as psycopg has it
    """What psycopg would begin a read-only transaction with, of a connection with these attributes."""
    parts = ["BEGIN"]
    if level is not None:
        # Also where one has only been set back: SQLAlchemy names the usual one then.
        parts.append(f"ISOLATION LEVEL {level.name.replace('_', ' ')}")
    parts.append("READ ONLY")
    if deferrable is not None:
        parts.append("DEFERRABLE" if deferrable else "NOT DEFERRABLE")
    return " ".join(parts)


def _begin_itself(driver: Any) -> None:
    driver.autocommit = False


__all__ = ["Checkout", "needs_connection"]
