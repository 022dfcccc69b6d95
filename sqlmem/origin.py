"""The database behind the wrapped engine: connections that cannot write, and who it is.

Every statement sent from here goes through a `Connection` of the wrapped engine, so that its
events, its echo and its detection of lost connections are what they were. A connection is
put in a read-only state before its first statement, and back before it is returned:

    PostgreSQL      the transaction is READ ONLY (SQLAlchemy's postgresql_readonly)
    MariaDB, MySQL  START TRANSACTION READ ONLY
    SQLite          PRAGMA query_only
    others          none is known: only what is proven a read by its text is sent
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import exc, pool
from sqlalchemy.engine import Connection, CursorResult, Engine
from sqlalchemy.engine.url import URL

from sqlmem.catalogue import (
    Estimate,
    described,
    estimate,
    facts,
    foreign_functions,
    not_immutable,
    reflect,
)
from sqlmem.catalogue.processes import is_at_work
from sqlmem.checkout import Checkout
from sqlmem.dialects import BY_FAMILY, Facts, Semantics
from sqlmem.lexer import Syntax
from sqlmem.locks import AS_BEFORE, BRIEFLY, is_lock_timeout
from sqlmem.model import Column, Kind, TableName, TableSchema
from sqlmem.plan import Candidate
from sqlmem.selection import Selection

FAMILIES = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}


# Levels at which a transaction's later statements see what was committed meanwhile.
_EACH_STATEMENT_ANEW = frozenset({"READ COMMITTED", "READ UNCOMMITTED", "AUTOCOMMIT"})


# PostgreSQL takes READ UNCOMMITTED for READ COMMITTED; SQLite reads so in a shared cache.
FAMILIES_WITH_DIRTY_READS = frozenset({"mysql", "sqlite"})


class Origin:
    """Safe for use by many threads; its connections are not."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dialect = engine.dialect
        self.family = FAMILIES.get(self.dialect.name, "other")
        self.semantics: Semantics = BY_FAMILY[self.family]
        self.has_wall = self.family != "other"
        self.is_async = bool(getattr(self.dialect, "is_async", False))
        self._facts: Facts | None = None
        self._usual_level: str | None = None
        self.selection = Selection()

    # -- who it is -------------------------------------------------------------------------

    @property
    def is_ephemeral(self) -> bool:
        """Whether the database is gone with the process, so that a snapshot of it means nothing."""
        return self.family == "sqlite" and self.file is None

    @property
    def asked_isolation_level(self) -> str | None:
        """The isolation level that the wrapped engine was made with; None for the server's own."""
        level = self.engine._execution_options.get("isolation_level") or getattr(
            self.dialect, "_on_connect_isolation_level", None
        )
        return None if level is None else str(level)

    def may_read_uncommitted(self, driver: Any, options: Mapping[str, Any]) -> bool:
        """Whether transactions of a driver's connection, checked out with these options, read dirtily.

        Asks the server, once, for the level that connections have which ask for none.
        """
        if self.family not in FAMILIES_WITH_DIRTY_READS:
            return False
        level = options.get("isolation_level") or self.asked_isolation_level
        if level is None:
            if self._usual_level is None:
                self._usual_level = str(self.dialect.get_isolation_level(driver))
            level = self._usual_level
        return str(level).upper().replace("-", " ").replace("_", " ") == "READ UNCOMMITTED"

    @property
    def file(self) -> str | None:
        """The file of an SQLite origin; None for all others."""
        return _sqlite_path(self.engine.url) if self.family == "sqlite" else None

    def identity(self) -> str:
        """What tells this origin from others: its address, user, driver and options, no secret."""
        url = self.engine.url
        if self.family == "sqlite":
            return f"{url.drivername}:{_sqlite_path(url)}"
        options = "&".join(
            f"{key}={value}" for key, value in sorted(url.query.items()) if not _is_secret(key)
        )
        where = f"{url.username or ''}@{(url.host or '').lower()}:{url.port or ''}/{url.database or ''}"
        return f"{url.drivername}://{where}?{options}"

    def place(self) -> str:
        """The database, by whatever driver and user: what one invalidates, all read anew."""
        url = self.engine.url
        if self.family == "sqlite":
            return f"sqlite:{_sqlite_path(url)}"
        address = f"{(url.host or url.query.get('host') or '')}:{url.port or ''}/{url.database or ''}"
        return f"{self.family}:{address.lower()}"

    def fingerprint(self) -> str:
        return hashlib.sha256(self.identity().encode()).hexdigest()

    def may_exist(self) -> bool:
        """False if connecting would make the origin: SQLite creates a file that isn't there."""
        return self.file is None or Path(self.file).exists()

    def text_of(self, candidate: Candidate) -> str:
        """A candidate's text for the origin, in the names of its table's columns."""
        of = candidate.rank_of or candidate.weighs
        if of is None:
            assert candidate.text is not None
            return candidate.text
        quote = self.dialect.identifier_preparer.quote_identifier
        # The dialect doubles % for its driver, which `expression_text` does.
        operand = candidate.text or quote(of).replace("%%", "%")
        if candidate.weighs is not None:
            operand = operand if candidate.key_of is None else f"TRIM(TRAILING ' ' FROM {operand})"
            return f"CONVERT(WEIGHT_STRING({operand}) USING ucs2)"
        return f"CASE WHEN ({operand}) IS NULL THEN NULL ELSE dense_rank() OVER (ORDER BY ({operand})) END"

    # -- how it reads text -----------------------------------------------------------------

    def syntax(self, *, has_parameters: bool) -> Syntax:
        """How the server and the driver read a statement's text.

        Args:
            has_parameters: the driver is given parameters, though perhaps none.
        """
        dialect = self.dialect
        backslashes = bool(getattr(dialect, "_backslash_escapes", self.family == "mysql"))
        return Syntax(
            family=self.family,  # type: ignore[arg-type]
            backslash_escapes=backslashes,
            ansi_quotes=bool(getattr(dialect, "_server_ansiquotes", False)),
            paramstyle=dialect.paramstyle,  # type: ignore[arg-type]
            # A driver of these styles processes %% as soon as it is given parameters, if only an
            # empty set, as SQLAlchemy does unless asked for no_parameters. To all others % is nothing.
            percent_is_escaped=has_parameters and dialect.paramstyle in ("format", "pyformat"),
        )

    # -- connections -----------------------------------------------------------------------

    def connect(
        self, options: Mapping[str, Any] | None = None, *, engine: Engine | None = None
    ) -> OriginConnection:
        """A connection that cannot write.

        Args:
            engine: another than the wrapped one, with its dialect.

        Raises:
            sqlalchemy.exc.DBAPIError: as the wrapped engine's `connect` does.
        """
        checkout = Checkout(engine or self.engine)
        try:
            return OriginConnection(self, checkout, _NOTHING if options is None else options)
        except BaseException:
            checkout.invalidate()
            checkout.close()
            raise

    def has_spare_connection(self) -> bool:
        """Whether the pool would give one more connection without waiting, as far as can be told.

        Two must be left: who holds one and waits for another may wait for somebody who does the same.
        """
        owner = self.engine.pool
        if isinstance(owner, pool.NullPool):
            return True
        if not isinstance(owner, pool.QueuePool):
            return False
        overflow: int = owner._max_overflow
        return overflow < 0 or owner.size() + overflow - owner.checkedout() >= 2

    def facts(self, connection: OriginConnection) -> Facts:
        if self._facts is None:
            self._facts = facts(connection.connection, self.family)
        return self._facts

    @property
    def known_facts(self) -> Facts | None:
        return self._facts

    def facts_if_known(self) -> Facts | None:
        return self._facts

    def remember_facts(self, known: Facts) -> None:
        """From a snapshot: statements are planned before the origin was ever connected to."""
        if self._facts is None:
            self._facts = known

    def forget_connections(self) -> None:
        """In a forked child: the pool's connections are the parent's. Leave them to it, unclosed."""
        if not isinstance(self.engine.pool, pool.StaticPool | pool.SingletonThreadPool):
            self.engine.dispose(close=False)


# Drivers that know whether their transactions are read-only; others would ask the server.
_TELLING = frozenset({"asyncpg", "psycopg", "psycopg_async", "psycopg2"})

# All that the origin has answered to a statement, as its driver gives it: description, rowcount and rows.
Answer = tuple[Sequence[Any], int, list[Any]]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class OriginConnection:
    """A checked-out connection, made read-only. For one thread at a time."""

    def __init__(self, origin: Origin, checkout: Checkout, options: Mapping[str, Any]) -> None:
        self.origin = origin
        self._checkout = checkout
        self._query_only: int | None = None
        self._sees_the_past: bool | None = None
        self._skips_rollback = False
        self._waits_briefly = False
        family = origin.family
        if family == "postgresql":
            options = self._read_only_options(options)
        if options:
            # Before anything is sent: SQLAlchemy sets them only outside a transaction.
            checkout.replace(**options)
        if family == "sqlite":
            self._query_only = int(self._pragma("query_only") or 0)
            self._pragma("query_only = 1")
        if family == "mysql":
            # SQLAlchemy may leave out a rollback in autocommit, where it knows of no transaction.
            self._skips_rollback = bool(getattr(origin.dialect, "skip_autocommit_rollback", False))
            self._start_read_only()

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's, for whoever needs more than a statement's answer."""
        return self._checkout.connection

    @property
    def driver(self) -> Any:
        """The driver's connection, as the dialect sees it."""
        return self._checkout.driver

    def _read_only_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """PostgreSQL: what SQLAlchemy must set for transactions to be read-only; nothing if they are now."""
        checkout = self._checkout
        dialect: Any = self.origin.dialect
        is_plain, driver = checkout.is_plain, checkout.driver
        set_already = _NOTHING if is_plain else self.connection.get_execution_options()
        is_autocommit = _is_autocommit(driver, dialect, set_already)
        is_read_only, is_told = True, dialect.driver in _TELLING
        if is_told:
            # SQLAlchemy would leave it at False: READ WRITE, whatever the server's own default is.
            before = dialect.get_readonly(driver)
            checkout.at_return(lambda returned: dialect.set_readonly(returned, before))
        if options or is_autocommit or not (is_plain and is_told):
            # Read-only is a property of the transaction; in autocommit there would be none.
            level = {"isolation_level": "READ COMMITTED"} if is_autocommit else {}
            return {**level, **options, "postgresql_readonly": True}
        dialect.set_readonly(driver, is_read_only)
        return _NOTHING

    def _run(self, text: str) -> Any:
        """The first value that a statement gives, if it gives any."""
        if not self._checkout.is_plain:
            result = self.connection.exec_driver_sql(text)
            return result.scalar() if result.returns_rows else None
        cursor = self._checkout.send(text)
        row = None if cursor.description is None else cursor.fetchone()
        cursor.close()
        return None if row is None else row[0]

    def _pragma(self, text: str) -> Any:
        return self._run(f"PRAGMA {text}")

    def _start_read_only(self) -> None:
        self._run("START TRANSACTION READ ONLY")

    def _end_read_only(self) -> None:
        if self._skips_rollback:
            self._run("ROLLBACK")

    def wait_briefly(self) -> None:
        """From now on, until it is released: no statement of it waits long for a lock, see `locks`."""
        text = BRIEFLY.get(self.origin.family)
        if text is not None:
            self._run(text)
            self._waits_briefly = True

    def _wait_as_before(self) -> None:
        text = AS_BEFORE.get(self.origin.family)
        if self._waits_briefly and text is not None:
            self._run(text)
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

    def answer(self, statement: str, parameters: Any) -> Answer | None:
        """Run a statement as it reached our cursor, and fetch all its rows; None if it gives none.

        Args:
            parameters: None for none at all.

        Raises:
            The driver's own exception, likewise.
        """
        checkout, answer = self._checkout, None
        if not checkout.is_plain:
            result = self.execute(statement, parameters, has_no_parameters=parameters is None)
            if not result.returns_rows:
                return None
            cursor: Any = result.cursor
            with driver_errors():
                answer = _all_of(cursor, cursor.description)
                result.close()
            return answer
        try:
            cursor = checkout.send(statement, parameters)
        except exc.DBAPIError as error:
            if error.orig is None:
                raise
            raise error.orig.with_traceback(error.orig.__traceback__) from None
        description = cursor.description
        if description is not None:
            answer = _all_of(cursor, description)
        cursor.close()
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
                self._start_read_only()
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
                level = str(self.connection.get_isolation_level())
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
        self._end_read_only()
        self._checkout.rollback()
        if self.origin.family == "mysql":
            self._start_read_only()
        elif self._waits_briefly:
            self.wait_briefly()

    def release(self) -> None:
        """Back to the pool, in the state it came in. Never raises what the driver raises."""
        try:
            if self.is_usable:
                if self._query_only is not None:
                    self._pragma(f"query_only = {self._query_only}")
                if self._waits_briefly:
                    self._wait_as_before()
                if self._skips_rollback:
                    self._end_read_only()
            self._checkout.close()
        except Exception:  # noqa: BLE001 - whatever the driver raises, see below
            # It can't be put back as it was: nobody else may have it.
            self.discard()

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


def _all_of(cursor: Any, description: Any) -> Answer:
    # The description is asked for once: psycopg makes it anew each time.
    rows = cursor.fetchall()
    return description, cursor.rowcount, rows if type(rows) is list else list(rows)


def _is_autocommit(driver: Any, dialect: Any, options: Mapping[str, Any]) -> bool:
    """Whether a driver's connection, with these options of SQLAlchemy's, commits each statement by itself."""
    asked = options.get("isolation_level") or getattr(dialect, "_on_connect_isolation_level", None)
    return bool(getattr(driver, "autocommit", False)) or asked == "AUTOCOMMIT"


def _sqlite_path(url: URL) -> str | None:
    """The file of an SQLite database; None if it is in memory."""
    name = url.database or ""
    if name.startswith("file:"):
        path = name[5:].partition("?")[0]
        if (
            ":memory:" in name
            or "mode=memory" in name
            or ("mode" in url.query and url.query["mode"] == "memory")
        ):
            return None
        name = path[2:] if path.startswith("///") else path
    if name in ("", ":memory:"):
        return None
    return os.path.realpath(name)


def _is_secret(key: str) -> bool:
    return any(part in key.lower() for part in ("pass", "secret", "token", "key"))
