"""A connection of the wrapped engine that cannot write.

It is a `Checkout`, so that the wrapped engine's events, its echo and its detection of lost connections are
what they were. It is put in a read-only state before anything is sent that might write, and back before it is
returned:

    PostgreSQL      the transaction is READ ONLY (SQLAlchemy's postgresql_readonly)
    MariaDB, MySQL  see `walls`
    SQLite          see `walls`
    others          none is known: only what is proven a read by its text is sent
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from operator import methodcaller
from types import MappingProxyType
from typing import Any, Protocol

from sqlalchemy import exc
from sqlalchemy.engine import Connection, CursorResult, Dialect
from sqlalchemy.engine.cursor import BufferedRowCursorFetchStrategy, CursorFetchStrategy

from sqlmem.catalogue import (
    Estimate,
    described,
    estimate,
    foreign_functions,
    not_immutable,
    reflect,
)
from sqlmem.catalogue.processes import is_at_work
from sqlmem.checkout import Checkout
from sqlmem.locks import AS_BEFORE, BRIEFLY, is_lock_timeout
from sqlmem.model import Column, Kind, TableName, TableSchema
from sqlmem.plan import Candidate
from sqlmem.selection import Selection
from sqlmem.sessions import Sessions
from sqlmem.walls import NO_WALL, Wall, Walls, wall_of

# Levels at which a transaction's later statements see what was committed meanwhile.
_EACH_STATEMENT_ANEW = frozenset({"READ COMMITTED", "READ UNCOMMITTED", "AUTOCOMMIT"})


class Owner(Protocol):
    """What is asked of the origin that a connection is to."""

    family: str
    is_async: bool
    selection: Selection
    walls: Walls

    @property
    def dialect(self) -> Dialect: ...

    def text_of(self, candidate: Candidate) -> str:
        """A candidate's text for the origin, in the names of its table's columns."""


# Drivers that know whether their transactions are read-only; others would ask the server.
_TELLING = frozenset({"asyncpg", "psycopg", "psycopg_async", "psycopg2"})

# What psycopg's dialect comes to by four more calls, twice for each statement.
_SETTING = {value: methodcaller("set_read_only", value) for value in (None, False, True)}

# All that the origin has answered to a statement, as its driver gives it: description, rowcount and rows.
Answer = tuple[Sequence[Any], int, list[Any]]

NOTHING: Mapping[str, Any] = MappingProxyType({})


class OriginConnection:
    """A checked-out connection, made read-only. For one thread at a time."""

    _wall: Wall = NO_WALL

    def __init__(self, origin: Owner, checkout: Checkout, options: Mapping[str, Any]) -> None:
        self.origin = origin
        self._checkout = checkout
        self._sees_the_past: bool | None = None
        self._waits_briefly = False
        self._is_put_back = False
        family = origin.family
        if family == "postgresql":
            options = self._read_only_options(options)
        if options:
            # Before anything is sent: SQLAlchemy sets them only outside a transaction.
            checkout.replace(**options)
        self._wall = wall_of(family, origin.walls, checkout, origin.dialect, self._put_back)

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's, for whoever needs more than a statement's answer; behind the wall."""
        if not self._wall.is_up:
            self._put_up()
        return self._checkout.connection

    @property
    def driver(self) -> Any:
        """The driver's connection, as the dialect sees it."""
        return self._checkout.driver

    @property
    def differs(self) -> bool:
        """Whether its session is known to see something else than others do."""
        return Sessions.knows(self._checkout.info)

    def _read_only_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """PostgreSQL: what SQLAlchemy must set for transactions to be read-only; nothing if they are now."""
        checkout = self._checkout
        dialect: Any = self.origin.dialect
        driver = checkout.plain_driver
        if driver is not None and dialect.driver == "psycopg" and not options and not driver.autocommit:
            # Nearly each transaction. What follows comes to the same, in more calls.
            before = driver.read_only
            if before is not True:
                try:
                    driver.set_read_only(True)
                except dialect.loaded_dbapi.ProgrammingError:
                    return self._read_only_from_here(options)
                checkout.at_return(_SETTING[before])
            return NOTHING
        is_plain, driver = driver is not None, checkout.driver
        set_already = NOTHING if is_plain else self.connection.get_execution_options()
        asked = set_already.get("isolation_level") or getattr(dialect, "_on_connect_isolation_level", None)
        # Whether each statement would be committed by itself.
        is_autocommit = asked == "AUTOCOMMIT" or bool(getattr(driver, "autocommit", False))
        if _is_begun(driver):
            return self._read_only_from_here(options)
        if is_autocommit and not is_plain and self.connection.in_transaction():
            self.connection.rollback()  # in SQLAlchemy's books; nothing was begun
        is_read_only, is_told = True, dialect.driver in _TELLING
        if is_told:
            # SQLAlchemy would leave it at False: READ WRITE, whatever the server's own default is.
            before = dialect.get_readonly(driver)
            if before is is_read_only and is_plain and not (options or is_autocommit):
                return NOTHING
            checkout.at_return(lambda returned: _set_read_only(dialect, returned, before))
        if options or is_autocommit or not (is_plain and is_told):
            # Read-only is a property of the transaction; in autocommit there would be none.
            level = {"isolation_level": "READ COMMITTED"} if is_autocommit else {}
            return {**level, **options, "postgresql_readonly": True}
        _set_read_only(dialect, driver, is_read_only)
        return NOTHING

    def _read_only_from_here(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """PostgreSQL: make the transaction read-only that a listener has begun, to a pool or an engine.

        What it has set may end with its transaction, so that goes on.
        """
        self._checkout.run("SET TRANSACTION READ ONLY")
        return options

    def _put_up(self) -> None:
        try:
            self._wall.put_up()
        except BaseException:
            # Nobody knows whether it is there.
            self.discard()
            raise

    def wait_briefly(self) -> None:
        """From now on, until it is released: no statement of it waits long for a lock, see `locks`."""
        text = BRIEFLY.get(self.origin.family)
        if text is not None:
            is_lasting = self.origin.family in AS_BEFORE and not self._checkout.is_shared
            if is_lasting and not self._waits_briefly:
                self._checkout.at_return(self._put_back)
            self._waits_briefly = True
            self._checkout.run(text)

    def _wait_as_before(self) -> None:
        text = AS_BEFORE.get(self.origin.family)
        if self._waits_briefly and text is not None:
            self._checkout.run(text)
        self._waits_briefly = False

    def execute(
        self, statement: str, parameters: Any, *, is_streamed: bool = False, has_no_parameters: bool = False
    ) -> CursorResult[Any]:
        """Run a statement as it reached our cursor.

        Raises:
            The driver's own exception, which the caller's SQLAlchemy wraps as it always does.
        """
        options: dict[str, Any] = {}
        if is_streamed:
            options["stream_results"] = True
        if has_no_parameters:
            options["no_parameters"] = True
        with driver_errors():
            return self.connection.exec_driver_sql(statement, parameters or None, execution_options=options)

    def answer(self, statement: str, parameters: Any, *, is_alone: bool = False) -> Answer | None:
        """Run a statement as it reached our cursor, and fetch all its rows; None if it gives none.

        Args:
            parameters: None for none at all.
            is_alone: nothing else is asked before the connection is released.

        Raises:
            The driver's own exception, likewise.
        """
        answer = None
        wall, text = self._wall, statement
        try:
            if wall.is_lazy:
                carried = wall.carry(statement)
                if carried is None:
                    self._put_up()
                else:
                    text = carried
            send = self._checkout.sender(ends=is_alone)
            cursor: Any = None if send is None else send(text, parameters)
        except exc.DBAPIError as error:
            if error.orig is None:
                raise
            raise error.orig.with_traceback(error.orig.__traceback__) from None
        if send is None:
            result = self.execute(statement, parameters, has_no_parameters=parameters is None)
            if not result.returns_rows:
                return None
            cursor = result.cursor
            with driver_errors():
                answer = _all_of(cursor, cursor.description, None if is_read_by_cursor(result) else result)
                result.close()
            return answer
        description = cursor.description
        if description is not None:
            answer = _all_of(cursor, description)
        cursor.close()
        if wall.unproven is not None:
            wall.prove(parameters)
        return answer

    def reflect(self, spelling: tuple[str | None, str]) -> TableSchema:
        with driver_errors():
            return self.origin.selection.admitted(reflect(self.connection, self.origin.family, spelling))

    def estimate(self, table: TableName, columns: tuple[str, ...]) -> Estimate:
        """A guess from statistics."""
        try:
            with self.apart():
                return estimate(self.connection, self.origin.family, table, columns)
        except exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            return Estimate()  # the user may not read the statistics

    def is_at_work(self, process: int) -> bool:
        """Whether that process of the origin still runs something; False if it doesn't tell."""
        try:
            with self.apart():
                return is_at_work(self.connection, self.origin.family, process)
        except exc.DBAPIError as error:
            if error.connection_invalidated:
                raise (error.orig or error) from None
            return False

    def table_text(self, table: TableName) -> str:
        """The table as the origin's dialect writes it, quoted, for `exec_driver_sql`.

        The dialect doubles % where the driver halves it again: SQLAlchemy hands it parameters, if
        only empty ones.
        """
        quote = self.origin.dialect.identifier_preparer.quote_identifier
        parts = [part for part in (table.schema, table.name) if part is not None]
        return ".".join(quote(part) for part in parts)

    def column_text(self, column: str) -> str:
        return self.origin.dialect.identifier_preparer.quote_identifier(column)

    def expression_text(self, expression: str) -> str:
        """An expression in the statement's own words, for `exec_driver_sql`; % as in `table_text`."""
        is_processed = self.origin.dialect.paramstyle in ("format", "pyformat")
        return expression.replace("%", "%%") if is_processed else expression

    def told(self, candidate: Candidate) -> Column:
        """What the origin says of an expression: its type, or why it isn't cached.

        Reads no row. What the origin reports as an error leaves the transaction as it was.

        Raises:
            The driver's exceptions: the connection is lost, or a lock couldn't be had in time.
        """
        expression = self.origin.text_of(candidate)
        text = f"SELECT {self.expression_text(expression)} FROM {self.table_text(candidate.table)} LIMIT 0"
        try:
            # PostgreSQL gives up a transaction after an error: what the caller began goes on behind it.
            with (
                self.connection.begin_nested()
                if self.origin.family == "postgresql"
                else contextlib.nullcontext()
            ):
                reason = not_immutable(self.connection, self.origin.family, candidate.asked)
                if reason is None:
                    result = self.connection.exec_driver_sql(text)
                    cursor: Any = result.cursor
                    description = tuple(cursor.description[0])
                    result.close()
                    return described(self.origin.family, candidate, expression, description)
        except exc.DBAPIError as error:
            if not self.is_usable or error.connection_invalidated or is_lock_timeout(error.orig):
                raise (error.orig or error) from None
            reason = f"the origin doesn't compute it ({type(error.orig).__name__})"
        return Column(candidate.name, Kind.OPAQUE, "", refusal=reason, expression=expression)

    def foreign_functions(self, names: Sequence[str]) -> set[str]:
        """PostgreSQL: those of the names under which somebody has made functions beside the origin's own."""
        with driver_errors():
            return foreign_functions(self.connection, names)

    def stand_still(self) -> None:
        """Let all further statements of the transaction see the origin as of one moment.

        Call it before the first one. It holds until the transaction ends, and leaves no trace on
        the connection. Where no way is known it does nothing.
        """
        execute = self.connection.exec_driver_sql
        match self.origin.family:
            case "postgresql":
                execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            case "mysql":
                # It is said of the next transaction; the one that was begun has read nothing yet.
                execute("ROLLBACK")
                execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                self._wall.put_up()
            case "sqlite":
                driver_connection: Any = self.connection.connection.driver_connection
                if not driver_connection.in_transaction:  # the application may begin them itself
                    execute("BEGIN")

    def apart(self) -> contextlib.AbstractContextManager[Any]:
        """Around a statement that may fail: its error doesn't spoil the transaction."""
        # The others undo a failed statement by themselves.
        return (
            self.connection.begin_nested() if self.origin.family == "postgresql" else contextlib.nullcontext()
        )

    @property
    def sees_the_past(self) -> bool:
        """Whether its transaction may see the origin as of an earlier moment than now.

        Asks the origin, once, where the driver doesn't know the level.
        """
        if self._sees_the_past is None:
            if self.origin.family == "sqlite":
                # Without a transaction each statement sees its own moment; it may begin at any time.
                return bool(getattr(self.driver, "in_transaction", True))
            try:
                # What this asks begins no transaction, and needs no wall.
                level = str(self._checkout.connection.get_isolation_level())
            except (NotImplementedError, exc.SQLAlchemyError):
                level = "unknown"
            self._sees_the_past = level.upper().replace("-", " ") not in _EACH_STATEMENT_ANEW
        return self._sees_the_past

    @property
    def is_usable(self) -> bool:
        return self._checkout.is_usable

    def recover(self) -> None:
        """After an error, so that the connection can be used again: a transaction may be spoilt."""
        if self.is_usable:
            try:
                self.rollback()
            except Exception:  # noqa: BLE001 - whatever the driver raises: it isn't usable any more
                self.discard()

    def rollback(self) -> None:
        """End the transaction; the connection stays, and stays read-only."""
        self._wall.before_rollback()
        self._checkout.rollback()
        self._wall.after_rollback()
        if self._waits_briefly and self.origin.family not in AS_BEFORE:
            self.wait_briefly()  # it ended with the transaction

    def release(self) -> None:
        """Back to the pool, in the state it came in. Never raises what the driver raises."""
        try:
            if (self._checkout.is_shared or not self._checkout.is_plain) and self.is_usable:
                # Whoever listens hears of it; else it is done when the pool has it again.
                for text in self._to_put_back():
                    self._checkout.run(text)
                self._is_put_back = True
            self._checkout.close()
        except Exception:  # noqa: BLE001 - whatever the driver raises, see below
            # It can't be put back as it was: nobody else may have it.
            self.discard()

    def _to_put_back(self) -> list[str]:
        """What to send so that the connection is as it came."""
        texts = self._wall.to_put_back()
        if self._waits_briefly and self.origin.family in AS_BEFORE:
            texts.append(AS_BEFORE[self.origin.family])
        return texts

    def _put_back(self, driver: Any) -> None:
        """The pool gets the connection: from us, or of itself when who had it was interrupted and lost it."""
        if self._is_put_back:
            return
        self._is_put_back = True
        cursor = driver.cursor()
        for text in self._to_put_back():
            cursor.execute(text)
        cursor.close()

    def give_up(self, result: CursorResult[Any]) -> None:  # noqa: ARG002 - a lent connection closes it
        """In the midst of a result: some drivers read a streamed one to its end before they let go of it."""
        self.discard()

    def discard(self) -> None:
        """Close the connection instead of returning it."""
        with contextlib.suppress(Exception):
            self._checkout.invalidate()
        with contextlib.suppress(Exception):
            self._checkout.close()


@contextlib.contextmanager
def driver_errors() -> Iterator[None]:
    """Let the driver's exception out of the wrapped engine's wrapping; the caller's does it again."""
    try:
        yield
    except exc.DBAPIError as error:
        if error.orig is None:
            raise
        raise error.orig.with_traceback(error.orig.__traceback__) from None


def _is_begun(driver: Any) -> bool:
    """PostgreSQL: whether a driver's connection has sent something since it was checked out."""
    status = getattr(getattr(driver, "info", None), "transaction_status", None)
    if status is not None:
        return bool(status)  # psycopg and psycopg2: 0 is idle
    return getattr(driver, "_transaction", None) is not None  # asyncpg's, as SQLAlchemy has it


def _set_read_only(dialect: Any, driver: Any, value: bool | None) -> None:  # noqa: FBT001 - as the dialect's
    set_ = getattr(driver, "set_read_only", None)
    if set_ is not None:
        set_(value)  # psycopg: what its dialect comes to by three more calls
    else:
        dialect.set_readonly(driver, value)


# With these, SQLAlchemy has read nothing of a result, or the first row of one that is streamed. A dialect's
# own way of executing may have read all.
_BY_CURSOR = frozenset({CursorFetchStrategy, BufferedRowCursorFetchStrategy})


def is_read_by_cursor(result: Any) -> bool:
    """Whether a result's rows are still the driver's cursor's."""
    return type(result.cursor_strategy) in _BY_CURSOR


def _all_of(cursor: Any, description: Any, result: Any = None) -> Answer:
    # The description is asked for once: psycopg makes it anew each time.
    rows = cursor.fetchall() if result is None else result.cursor_strategy.fetchall(result, cursor)
    return description, cursor.rowcount, rows if type(rows) is list else list(rows)
