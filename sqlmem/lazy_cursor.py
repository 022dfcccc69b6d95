"""The cursor of strict mode's lazy connection (PEP 249): over the store's answer, or the origin's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Protocol

from sqlalchemy.engine import CursorResult, Engine

from sqlmem.answers import Caller, Local, Remote, refusal
from sqlmem.dependencies import Listener, listening
from sqlmem.directives import USUAL
from sqlmem.entries import Answering, Refused
from sqlmem.errors import UnsupportedQueryError
from sqlmem.executor import Executor
from sqlmem.front import Front
from sqlmem.iterated import Iterated
from sqlmem.keeping import left
from sqlmem.logs import heard
from sqlmem.manners import OTHER_ROWS, USUAL_MANNERS, Manners
from sqlmem.origin import Origin
from sqlmem.origin_connection import driver_errors
from sqlmem.sent import UNREADABLE, text_of
from sqlmem.statuses import remember_status
from sqlmem.waiting import give_way

# Whoever is given rows gets a list of his own.
_NO_ROWS: list[Any] = []


class Connection(Caller, Protocol):
    """Whose cursor it is.

    Attributes:
        answering: the front's own.
        streaming: the cursor whose rows are still being read from the held connection.
        is_usual: nothing was asked for by which a hit would be none, but perhaps a directive; as long as the
            wrapped engine's options, which are replaced as a whole, are `wrapped_options`.
        is_autocommit: there is a transaction per statement.
        takes_savepoints: what is executed is SQLAlchemy's own statement for a savepoint.
        counts_rows: the driver's cursors tell how many rows a SELECT has.
        manners: what else they do.
        origin: knows whether their rows are tuples.
        rows_reason: why a statement's rows must be the driver's, while it is one.
    """

    executor: Executor
    front: Front
    answering: dict[str, Answering]
    streaming: LazyCursor | None
    is_usual: bool
    wrapped: Engine
    wrapped_options: Any
    is_async: bool
    is_autocommit: bool
    takes_savepoints: bool
    counts_rows: bool
    manners: Manners
    origin: Origin
    rows_reason: str | None

    def reset_usual(self) -> None:
        """Find out anew whether it is usual."""

    def send_savepoint(self, operation: str) -> None:
        """SAVEPOINT x, ROLLBACK TO SAVEPOINT x or RELEASE SAVEPOINT x, where the origin knows of x."""

    def tell(self, listener: Listener, answer: Local | Remote) -> None:
        """Tell whoever notes what is read. Of a bypass before it is sent."""

    def after_statement(self) -> None:
        """In autocommit: the origin has answered a statement to the end."""


class LazyCursor(Iterated):
    """A cursor over an answer of the store, or over the origin's cursor."""

    arraysize = 1
    lastrowid: Any = None
    # What SQLAlchemy's asyncio code asks of its own cursors.
    _awaitable_cursor_close = False
    server_side = False
    # One is made for each statement: what most leave as it is, is the class's.
    description: Sequence[Any] | None = None
    rowcount = -1
    _is_streamed = False
    _is_cores = False
    _was_asked = False  # `take` has just said that it is no plain hit
    _position = 0
    _rest: Iterator[Any] | None = None
    _rows: list[Any] = _NO_ROWS
    _result: CursorResult[Any] | None = None

    def __init__(self, connection: Connection, *, is_streamed: bool = False) -> None:
        self.connection = connection
        if is_streamed:
            self._is_streamed = True

    def execute(self, operation: Any, parameters: Any = None) -> Any:
        connection = self.connection
        if type(operation) is not str:
            operation = self._text(operation)
        if not (connection.origin.rows_are_plain or self._is_cores or connection.rows_reason):
            return self._execute_for_other_rows(operation, parameters)
        executor = connection.executor
        # Without any, a driver leaves %% as it is.
        has_parameters = parameters is not None
        if self._was_asked:
            self._was_asked = False  # by `take`, of a fresh cursor
        else:
            self._reset()
            if has_parameters and connection.directive is USUAL and self.take(operation, parameters):
                return self if connection.manners is USUAL_MANNERS else connection.manners.executed(self)
            self._was_asked = False
        if connection.takes_savepoints:
            connection.send_savepoint(operation)
            return connection.manners.executed(self)
        answer: Local | Remote | None = executor.at_once.answer(
            connection, (operation, has_parameters), parameters
        )
        try:
            if answer is None:
                answer = executor.run(
                    connection,
                    operation,
                    parameters or (),
                    has_parameters=has_parameters,
                    is_whole=not self._is_streamed,
                )
            if isinstance(answer, Remote):
                if answer.keeping is None and answer.instead is None:
                    # What most of what the origin answers is: in fewer steps.
                    remember_status(answer.status)
                    if (listener := listening.get()) is not None:
                        connection.tell(listener, answer)
                    self._execute_at_origin(operation, parameters)
                    return self if connection.manners is USUAL_MANNERS else connection.manners.executed(self)
                try:
                    self._ask(answer, operation, parameters)
                except Exception:
                    # Whatever the driver raises: the store may have the answer too.
                    local = None if answer.instead is None else answer.instead()
                    if local is None:
                        raise
                    self._reset()
                    answer = local
                else:
                    return connection.manners.executed(self)
            self._tell(answer)
            self._take_answer(answer, operation, parameters)
            return self if connection.manners is USUAL_MANNERS else connection.manners.executed(self)
        except BaseException:
            # Interrupted, perhaps: wherever that was, nobody waits for the answer of who has gone.
            left(connection)
            raise

    def for_core(self) -> None:
        """SQLAlchemy makes rows of its own, of whatever the driver's cursors give."""
        self._is_cores = True

    def _execute_for_other_rows(self, operation: str, parameters: Any) -> Any:
        """The connections were made to give dictionaries, say: only the driver has such."""
        connection = self.connection
        if connection.origin.rows_are_plain is None:
            # Nobody has seen a connection yet. Where there is none to be had, rows are taken for plain.
            with contextlib.suppress(Exception):
                connection.held()
            if not connection.origin.gives_other_rows():
                self._is_cores = True
                return self.execute(operation, parameters)
        connection.rows_reason, connection.is_usual = OTHER_ROWS, False
        try:
            return self.execute(operation, parameters)
        finally:
            connection.rows_reason = None
            connection.reset_usual()

    def _ask(self, answer: Remote, operation: str, parameters: Any) -> None:
        if answer.keeping is None:
            self._tell(answer)
            self._execute_at_origin(operation, parameters)
            return
        # Entered before anything else can fail: others may wait for its end.
        with answer.keeping as keeping:
            self._tell(answer)
            self._execute_at_origin(operation, parameters)
            if self.description is not None:
                keeping.keep(self.description, self._rows)
        self.connection.keeping = None

    def take(self, operation: str, parameters: Any) -> bool:
        """Answer a plain hit of a fresh cursor, with parameters and without a directive.

        False: it is none, and nothing has happened; `execute` knows all cases.
        """
        connection = self.connection
        if not connection.is_usual or connection.wrapped._execution_options is not connection.wrapped_options:
            self._was_asked = True
            return False
        ready = connection.answering.get(operation)
        rows: list[Any] | None
        if ready is None and connection.executor.at_once.is_others((operation, True)):
            rows = None  # it has never been one, and seldom becomes one
        elif ready is None or ready.measured is not None or heard.debug:
            rows, ready = connection.front.rows_at_once(operation, parameters)
        else:
            # As `rows_at_once`, without a call.
            try:
                rows = ready.tuples(parameters)
            except ValueError:  # a damaged value
                rows = None
            if rows is None:
                connection.answering.pop(operation, None)
        if rows is None or ready is None:
            self._was_asked = True
            return False
        self._rows = rows
        self.description = ready.bound.description
        if connection.counts_rows:
            self.rowcount = len(self._rows)
        if connection.is_async:
            give_way()
        return True

    def _tell(self, answer: Local | Remote) -> None:
        remember_status(answer.status)
        if (listener := listening.get()) is not None:
            self.connection.tell(listener, answer)

    def _take_answer(self, answer: Local, operation: str, parameters: Any) -> None:
        """An answer of the store, or one that was kept."""
        connection = self.connection
        decode = answer.bound.decode
        try:
            self._rows = answer.rows if decode is None else decode(answer.rows)
        except ValueError:
            connection.executor.drop_damaged(answer)
            self.execute(operation, parameters)
            return
        if answer.lap is not None:
            answer.lap.end(operation, parameters or (), has_parameters=parameters is not None)
        self.description = answer.bound.description
        if connection.counts_rows:
            self.rowcount = len(self._rows)
        if connection.is_async:
            give_way()

    def _execute_at_origin(self, operation: str, parameters: Any) -> None:
        connection = self.connection
        held = connection.held()
        if self._is_streamed and not connection.is_autocommit:
            self._stream(
                held.execute(operation, parameters, is_streamed=True, has_no_parameters=parameters is None)
            )
            return
        is_autocommit = connection.is_autocommit
        try:
            answer = held.answer(operation, parameters, is_alone=is_autocommit)
        except BaseException:
            # The program knows of no transaction that has failed now.
            if is_autocommit and held.is_usable:
                connection.after_statement()
            raise
        if answer is not None:
            self.description, self.rowcount, self._rows = answer
        if is_autocommit:
            connection.after_statement()

    def _stream(self, result: CursorResult[Any]) -> None:
        if result.returns_rows:
            cursor: Any = result.cursor
            self._result = result
            self.description, self.rowcount = cursor.description, cursor.rowcount
            self.connection.streaming = self

    def read_ahead(self) -> None:
        """Take the rows that are still at the origin, so that its connection is free."""
        result, self._result = self._result, None
        if result is not None:
            with driver_errors():
                self._rows, self._position = list(result._fetchall_impl()), 0
                result.close()

    def _text(self, operation: Any) -> str:
        """Bytes, and what drivers have for composed statements, as the text that they send."""
        text = text_of(operation, lambda: self.connection.held().driver)
        if text is UNREADABLE:
            raise UnsupportedQueryError(
                text, "It is bytes in an encoding that isn't known to be UTF-8", "Execute it as text"
            )
        return text

    def executemany(self, operation: Any, seq_of_parameters: Sequence[Any]) -> None:
        text = self._text(operation)
        self._refuse(text)
        raise UnsupportedQueryError(
            text, "It is a read, executed with many sets of parameters", "Execute it once for each"
        )

    def executescript(self, script: str) -> None:
        self._refuse(script)
        raise UnsupportedQueryError(script, "It is a script", "Execute its statements one by one")

    def copy(self, statement: Any, *_: Any, **__: Any) -> None:
        """COPY of psycopg; `copy_expert` is psycopg2's."""
        text = self._text(statement)
        self._refuse(text)
        raise UnsupportedQueryError(text, "It is a COPY", "Run it on the wrapped engine")

    copy_expert = copy

    def mogrify(self, operation: Any, parameters: Any = None) -> bytes:
        """How psycopg2's batches begin, which SQLAlchemy can be told to use for many rows."""
        self.executemany(operation, parameters)
        raise AssertionError(operation)  # it always raises

    def callproc(self, procname: str, parameters: Sequence[Any] = ()) -> None:
        # The text is only told by the error: nothing runs.
        self._refuse(f"CALL {procname}")
        raise refusal(
            f"CALL {procname}",
            Refused("read_only", "A procedure may write", "Call it on the wrapped engine, then invalidate()"),
        )

    def _refuse(self, operation: str) -> None:
        """Raise what executing the text would, if that is a refusal."""
        connection = self.connection
        entry = connection.front.entry(operation, connection, has_parameters=True)
        if isinstance(entry, Refused):
            connection.executor.run(connection, operation, (), has_parameters=True)

    def fetchone(self) -> Any:
        if self._result is not None:
            with driver_errors():
                return self._result._fetchone_impl()
        rest = self._rest = iter(self._rows[self._position :] if self._position else self._rows)
        # Who asks for one row asks for the next, and is given them by C from here on.
        fetchone = self.__dict__["fetchone"] = partial(next, rest, None)
        return fetchone()

    def fetchmany(self, size: int | None = None) -> Any:
        size = self.arraysize if size is None else size
        if self._result is not None:
            with driver_errors():
                return list(self._result._fetchmany_impl(size))
        if self._rest is not None:
            return self._sequence(list(islice(self._rest, size)))
        rows = self._rows[self._position : self._position + size]
        self._position += len(rows)
        return self._sequence(rows)

    def fetchall(self) -> Any:
        if self._result is not None:
            with driver_errors():
                return list(self._result._fetchall_impl())
        if self._rest is not None:
            return self._sequence(list(self._rest))
        rows = self._rows
        if self._position:
            rows = rows[self._position :]
            self._position = 0
        self._rows = _NO_ROWS
        if self.connection.manners is not USUAL_MANNERS:
            return self._sequence(rows or [])
        return rows or []

    def _sequence(self, rows: list[Any]) -> Any:
        """Rows as the driver's usual cursors give them; those that stream give lists."""
        return tuple(rows) if self.connection.manners.gives_tuples and not self._is_streamed else rows

    def nextset(self) -> None:
        return None

    def setinputsizes(self, *_: Any, **__: Any) -> None:
        """Nothing to prepare: the drivers that need it are told by casts in the text."""

    def setoutputsize(self, *_: Any) -> None:
        """As above."""

    def close(self) -> None:
        if self._result is not None:
            self._reset()
        if self._rest is not None:
            self._unbind()
        self._rows = _NO_ROWS

    async def _async_soft_close(self) -> None:
        """SQLAlchemy's asyncio code asks this of a cursor whose rows are all here."""

    def _unbind(self) -> None:
        self._rest = None
        self.__dict__.pop("fetchone", None)

    def _reset(self) -> None:
        self._rows, self._position, self.description, self.rowcount = _NO_ROWS, 0, None, -1
        if self._rest is not None:
            self._unbind()
        result, self._result = self._result, None
        if result is not None:
            with contextlib.suppress(Exception):
                result.close()
