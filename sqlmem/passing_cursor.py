"""The cursor of transparent mode: over an answer of the store, or the driver's own cursor.

A hit's rows are here. For all else the driver's cursor does the work, and is asked for whatever a cursor is
asked for: rows, `lastrowid`, `rowcount`, more result sets.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlmem.answers import Caller, Local, Remote
from sqlmem.at_once import AtOnce
from sqlmem.cursor_traits import CHANGES_NOTHING, HARMLESS, is_server_side
from sqlmem.dependencies import Listener, listening
from sqlmem.directives import USUAL
from sqlmem.effects import Effect
from sqlmem.executor import Executor
from sqlmem.keeping import left
from sqlmem.manners import OTHER_ROWS, USUAL_MANNERS, Manners
from sqlmem.origin import Origin
from sqlmem.passing_rows import HERE, PLAIN, Made, PassingRows
from sqlmem.reading_ahead import read_ahead
from sqlmem.sent import UNREADABLE, Pieces, are_literals, text_of
from sqlmem.stand_in import Connection as Behind
from sqlmem.stand_in import StandIn
from sqlmem.statuses import remember_status
from sqlmem.unfinished import Unfinished


class Connection(Caller, Behind, Protocol):
    """Whose cursor it is.

    Attributes:
        origin: whose it is.
        executor: what decides for a statement who answers it.
        at_once: its memory of what it has decided.
        manners: of the driver's cursors.
        may_take: whether `take_at_once` may execute by them: nothing is pasted into their texts.
        cursors: SQLite: weak references to those of ours that have got one of the driver's; None elsewhere.
    """

    origin: Origin
    executor: Executor
    at_once: AtOnce
    manners: Manners
    may_take: bool
    cursors: set[weakref.ref[PassingCursor]] | None

    @property
    def is_usual(self) -> bool:
        """Whether there is nothing by which a hit would be none, but a directive."""

    def take(self) -> Any:
        """The driver's connection."""

    def acting(self, effect: Effect | None, text: str) -> AbstractContextManager[Any]:
        """Around whatever is sent to the driver's connection, which it gives."""

    def before(self, effect: Effect | None, text: str) -> tuple[Any, Any]:
        """Something is about to be sent to the driver's connection: that one, and what `ended` needs."""

    def ended(
        self, minded: Any, error: BaseException | None, cursor: PassingCursor | None = None, text: str = ""
    ) -> None:
        """What was sent has succeeded, or failed with this."""

    def tell(self, listener: Listener, answer: Local | Remote) -> None:
        """Tell whoever notes what is read."""

    def hand_out(self) -> Any:
        """From here on nobody sees what is done to the driver's connection."""


class PassingCursor(PassingRows):
    """For one thread at a time, as its connection.

    What a program or a dialect sets on it that isn't its own is in `__dict__`, for the driver's cursor.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_has_other_rows",
        "_is_fresh",
    )

    def __init__(self, connection: Connection, *arguments: Any, **keywords: Any) -> None:
        # Few steps: one is made for each statement.
        self._owner = connection
        self._driver = self._instead = None
        self._is_closed = self._is_bound = self._is_told = False
        # Fresh: made without arguments, nothing was set on it, and nothing executed.
        if arguments or keywords:
            self._made, self._is_fresh = Made(arguments, keywords), False
            self._has_other_rows = self._asks_for_others() or not connection.origin.rows_are_plain
        else:
            self._made, self._is_fresh = PLAIN, connection.may_take
            # Dictionaries, say: the program has asked for a class of cursor, or a row factory, for all.
            self._has_other_rows = not connection.origin.rows_are_plain

    # -- statements ------------------------------------------------------------------------

    def for_core(self) -> None:
        """SQLAlchemy makes rows of its own, of whatever the driver's cursors give unless they are asked."""
        self._has_other_rows = self._asks_for_others()

    def _asks_for_others(self) -> bool:
        made = self._made
        return bool(made.arguments or made.keywords) and not is_server_side(
            made.arguments, made.keywords, self._owner.origin
        )

    def execute(self, operation: Any, parameters: Any = None, **keywords: Any) -> Any:
        if self._is_bound:
            self._begin_anew()
        connection, set_by_others, has_parameters = self._owner, self.__dict__, parameters is not None
        if (
            keywords
            or type(operation) is not str
            or self._has_other_rows
            or (set_by_others and not set_by_others.keys() <= CHANGES_NOTHING)
            or (connection.manners.may_paste and parameters and not are_literals(parameters))
        ):
            return self._execute_otherwise(operation, parameters, keywords)
        key, at_once = (operation, has_parameters), connection.at_once
        # A text of which the first two know something has never been a plain hit, and seldom becomes one.
        is_others = key in at_once.texts or key in at_once.resting  # as `AtOnce.is_others`
        answer: Local | Remote | None = None
        if is_others or key in at_once.special:
            answer = at_once.answer(connection, key, parameters)
        try:
            if answer is None:
                answer = self._answer(operation, parameters, may_hit=not (is_others or set_by_others))
                if answer is None:
                    return self if connection.manners is USUAL_MANNERS else connection.manners.executed(self)
            if isinstance(answer, Remote):
                if answer.keeping is None and answer.instead is None:
                    # What most of what passes is: without a call for each of these steps.
                    remember_status(answer.status)
                    if (listener := listening.get()) is not None:
                        connection.tell(listener, answer)
                    driver, minded = connection.before(answer.effect, operation)
                    self._instead = None
                    if self._is_told:
                        self._untell()
                    try:
                        cursor = self._driver
                        if cursor is None or set_by_others:
                            cursor = self._cursor(driver)
                        returned = (
                            cursor.execute(operation, parameters)
                            if has_parameters
                            else cursor.execute(operation)
                        )
                    except BaseException as error:
                        connection.ended(minded, error)
                        raise
                    if minded is not None:
                        connection.ended(minded, None, self, operation)
                    return self if returned is cursor else returned
                self._ask_or_instead(answer, operation, parameters)
            else:
                self._tell(answer)
                self._take_answer(answer, operation, parameters)
            return connection.manners.executed(self)
        except BaseException:
            # Interrupted, perhaps: wherever that was, nobody waits for the answer of who has gone.
            left(connection)
            raise

    def _execute_otherwise(self, operation: Any, parameters: Any, keywords: dict[str, Any]) -> Any:
        """A batch, rows of another form, a driver's own way of asking: nothing that the store answers."""
        if self._has_other_rows and self._owner.origin.rows_are_plain is None:
            # Nobody has seen a connection yet. Where there is none to be had, rows are taken for plain.
            with contextlib.suppress(Exception):
                self._owner.take()
            self._has_other_rows = self._asks_for_others() or self._owner.origin.gives_other_rows()
            if not self._has_other_rows:
                return self.execute(operation, parameters, **keywords)
        may_paste = self._owner.manners.may_paste
        if may_paste and "vars" in keywords:  # psycopg2's name of them
            parameters = keywords.pop("vars")
        if may_paste and parameters and not are_literals(parameters):
            # What is sent is judged: one of the parameters may be a table's name there, or a call.
            operation, parameters = self._cursor(self._owner.take()).mogrify(operation, parameters), None
        pieces = self._made.pieces
        if pieces is not None:
            self._made.pieces = None
        text = (None if pieces is None else pieces.text_of(operation)) or self._text(operation)
        given = () if parameters is None else (parameters,)
        return self._pass(text, "execute", operation, *given, **keywords)

    def _answer(self, operation: str, parameters: Any, *, may_hit: bool) -> Local | Remote | None:
        """What the executor says; None for a plain hit, which is taken already."""
        connection, has_parameters = self._owner, parameters is not None
        executor, made = connection.executor, self._made
        if (
            may_hit
            and has_parameters
            and executor.takes_at_once
            and connection.directive is USUAL
            and connection.is_usual
        ):
            rows, ready = executor.front.rows_at_once(operation, parameters)
            if rows is not None and ready is not None:
                self._take_rows(rows, ready.bound)
                return None
        answer: Local | Remote = executor.run(
            connection,
            operation,
            parameters or (),
            has_parameters=has_parameters,
            is_whole=made is PLAIN or not (made.arguments or made.keywords or made.sizes),
        )
        return answer

    def _ask_or_instead(self, answer: Remote, operation: str, parameters: Any) -> None:
        """Ask the origin; if it fails, the store may have the answer too."""
        try:
            self._ask(answer, operation, parameters)
        except Exception:
            # Whatever the driver raises.
            local = None if answer.instead is None else answer.instead()
            if local is None:
                raise
            self._driver, self._is_closed = None, False
            self._tell(local)
            self._take_answer(local, operation, parameters)

    def _ask(self, answer: Remote, operation: str, parameters: Any) -> None:
        given = () if parameters is None else (parameters,)
        if answer.keeping is None:
            self._tell(answer)
            self._send(answer.effect, operation, "execute", operation, *given)
            return
        # Entered before anything else can fail: others may wait for its end.
        with answer.keeping as keeping:
            self._tell(answer)
            self._send(answer.effect, operation, "execute", operation, *given)
            self._instead = read_ahead(self._driver, keeping)
        self._owner.keeping = None

    def _tell(self, answer: Local | Remote) -> None:
        remember_status(answer.status)
        if (listener := listening.get()) is not None:
            self._owner.tell(listener, answer)

    def _take_answer(self, answer: Local, operation: str, parameters: Any) -> None:
        decode = answer.bound.decode
        try:
            self._rows = answer.rows if decode is None else decode(answer.rows)
        except ValueError:
            self._owner.executor.drop_damaged(answer)
            self.execute(operation, parameters)
            return
        if answer.lap is not None:
            answer.lap.end(operation, parameters or (), has_parameters=parameters is not None)
        self._take_rows(self._rows, answer.bound)

    def executemany(self, operation: Any, seq_of_parameters: Any, **keywords: Any) -> Any:
        text = self._text(operation)
        if self._owner.manners.may_paste:
            seq_of_parameters = list(seq_of_parameters)
            if not all(map(are_literals, seq_of_parameters)):
                text = UNREADABLE
        return self._pass(text, "executemany", operation, seq_of_parameters, **keywords)

    def callproc(self, procname: str, *arguments: Any) -> Any:
        return self._pass(f"CALL {procname}()", "callproc", procname, *arguments)

    def executescript(self, script: str) -> Any:
        return self._pass(f"{script}\n;COMMIT", "executescript", script)

    @contextlib.contextmanager
    def copy(self, statement: Any, *arguments: Any, **keywords: Any) -> Iterator[Any]:
        """COPY of psycopg: what it writes, it writes until the block ends."""
        text = self._text(statement)
        effect = self._owner.executor.effect(text, has_parameters=False)
        with self._owner.acting(effect, text) as driver:
            cursor = self._cursor(driver)
            with cursor.copy(statement, *arguments, **keywords) as copying:
                yield copying

    def copy_expert(self, sql: Any, file: Any, *arguments: Any) -> Any:
        """COPY of psycopg2."""
        return self._pass(self._text(sql), "copy_expert", sql, file, *arguments)

    def mogrify(self, operation: Any, parameters: Any = None) -> Any:
        """How psycopg2's batches begin: many statements of one text are sent as one."""
        made = self._cursor(self._owner.take()).mogrify(operation, parameters)
        if isinstance(made, bytes) and are_literals(parameters or ()):
            own = self._own_made()
            if own.pieces is None:
                own.pieces = Pieces()
            own.pieces.add(self._text(operation), made)
        return made

    def _text(self, operation: Any) -> str:
        return text_of(operation, self._owner.take)

    def _pass(self, text: str, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Send what the store is never asked for."""
        answer = self._owner.executor.passed(self._owner, text, OTHER_ROWS if self._has_other_rows else None)
        self._tell(answer)
        return self._send(answer.effect, text, method, *arguments, **keywords)

    def _send(self, effect: Effect | None, text: str, method: str, *arguments: Any, **keywords: Any) -> Any:
        if self._is_bound:
            self._begin_anew()
        self._instead = None
        if self._is_told:
            self._untell()
        connection = self._owner
        driver, minded = connection.before(effect, text)
        try:
            cursor = self._cursor(driver)
            answer = getattr(cursor, method)(*arguments, **keywords)
        except BaseException as error:
            connection.ended(minded, error)
            raise
        if minded is not None:
            connection.ended(minded, None, self, text)
        return self if answer is cursor else answer

    def keeps_open(self, window: AbstractContextManager[None], effect: Effect, text: str) -> bool:
        """Whether what it has just sent may not be over: then the window is closed with it."""
        cursor = self._driver
        if (
            # Its drivers wait for the end; a cursor that outlives its transaction has all its rows then.
            self._owner.origin.family == "postgresql"
            or (cursor.description is None and effect.writes is not None and ";" not in text)
        ):
            return False
        driver = self._driver = Unfinished(
            cursor, window, ends_with_rows=self._owner.origin.family == "sqlite"
        )
        self.fetchone, self._is_bound = driver.fetchone, True
        return True

    def _begin_anew(self) -> None:
        """The statement before has given rows that were asked for one by one, or isn't over."""
        self._unbind()
        driver = self._driver
        if type(driver) is Unfinished:
            self._driver = None
            driver.close()

    def _cursor(self, driver: Any) -> Any:
        cursor = self._driver
        if cursor is None:
            made, self._is_fresh = self._made, False
            if made is PLAIN:
                cursor = driver.cursor()
            else:
                cursor = driver.cursor(*made.arguments, **made.keywords)
                if made.arraysize != 1:
                    cursor.arraysize = made.arraysize
                if made.sizes is not None:
                    cursor.setinputsizes(*made.sizes[0], **made.sizes[1])
            self._driver = cursor
            if (cursors := self._owner.cursors) is not None:
                cursors.add(weakref.ref(self, cursors.discard))
        if self.__dict__:
            for name, value in self.__dict__.items():
                setattr(cursor, name, value)
        return cursor

    def _own_made(self) -> Made:
        """What may be set, of this cursor alone."""
        if self._made is PLAIN:
            self._made, self._is_fresh = Made(), False
        return self._made

    # -- what it is over -------------------------------------------------------------------

    @property
    def connection(self) -> StandIn:
        """What stands for the driver's."""
        return StandIn(self._owner)

    @property
    def arraysize(self) -> int:
        return self._made.arraysize

    @arraysize.setter
    def arraysize(self, value: int) -> None:
        self._own_made().arraysize = value
        if self._driver is not None:
            self._driver.arraysize = value

    def _over(self) -> Any:
        # Without a statement the driver's own cursor says what is wrong.
        return self._cursor(self._owner.take()) if self._driver is None else self._driver

    def nextset(self) -> Any:
        if self._instead is HERE or self._driver is None:
            return None
        self._instead = None
        if self._is_told:
            self._untell()
        return self._driver.nextset()

    def setinputsizes(self, *arguments: Any, **keywords: Any) -> None:
        self._own_made().sizes = (arguments, keywords)
        if self._driver is not None:
            self._driver.setinputsizes(*arguments, **keywords)

    def setoutputsize(self, *_: Any) -> None:
        """Nothing to prepare."""

    # What SQLAlchemy's asyncio code asks of its own cursors.

    @property
    def _awaitable_cursor_close(self) -> bool:
        return bool(getattr(self._driver, "_awaitable_cursor_close", False))

    @property
    def server_side(self) -> bool:
        return self._instead is not HERE and bool(getattr(self._driver, "server_side", False))

    async def _async_soft_close(self) -> None:
        close = getattr(self._driver, "_async_soft_close", None)
        if close is not None:
            await close()

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What the driver's cursor is, while it does the work: programs ask whether one is server-side."""
        is_over = self._instead is not HERE and self._driver is not None
        return type(self._driver) if is_over else PassingCursor

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "fetchone":
            return self._fetch_one
        if name in {"description", "rowcount"}:
            return self._told(name)
        value = getattr(self._over(), name)
        if name not in HARMLESS and callable(value):
            # It may do anything, and nobody sees what.
            if self._is_told and self._instead is not HERE:
                self._untell()
            self._owner.hand_out()
        return value
