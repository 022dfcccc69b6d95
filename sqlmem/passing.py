"""The lazy connection of transparent mode: it stands for a driver's connection, and takes one when it must.

Rule 1: whatever reaches the driver's connection goes through `acting`, with what it does there; what can't be
followed (the driver's connection handed out) may have done anything.
Rule 2: the driver's connection is kept until SQLAlchemy gives ours back: what a session holds, it holds.
Rule 3: nothing is filled over it: its rows would be those of a transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import pool
from sqlalchemy.util import await_only

from sqlmem.dbapi import TOLD, isolation_reason
from sqlmem.dependencies import Listener
from sqlmem.directives import USUAL, Directive
from sqlmem.effects import Control, Effect, Session
from sqlmem.effects.base import unknown
from sqlmem.executor import Executor, Local, Remote
from sqlmem.filling import GiveUp
from sqlmem.front import Front
from sqlmem.origin import Origin, OriginConnection
from sqlmem.passing_cursor import PassingCursor
from sqlmem.pending import EVERYTHING, NOTHING, Pending, Written, matcher_of
from sqlmem.registry import TableState
from sqlmem.sessions import Sessions
from sqlmem.table_state import is_touched
from sqlmem.waiting import afterwards, unhindered
from sqlmem.writes import Unreachable, Writes

# What may be asked of a driver's connection without its doing anything that others see.
_HARMLESS = TOLD | {
    "add_notice_handler",
    "add_notify_handler",
    "cancel",
    "cursor_factory",
    "deferrable",
    "errorhandler",
    "fileno",
    "get_autocommit",
    "get_proto_info",
    "get_transaction_status",
    "in_transaction",
    "interrupt",
    "isolation_level",
    "messages",
    "notices",
    "notifies",
    "pgconn",
    "ping",
    "poll",
    "read_only",
    "readonly",
    "remove_notice_handler",
    "remove_notify_handler",
    "server_status",
    "server_version",
    "server_capabilities",
    "set_progress_handler",
    "set_trace_callback",
    "show_warnings",
    "stat",
    "tpc_recover",
    "total_changes",
    "warning_count",
    "xid",
}


_EACH_STATEMENT_ANEW = frozenset({"READ COMMITTED", "READ UNCOMMITTED"})

# In a pool record's `info`: what was written in a transaction that nobody has ended.
_LEFT = "sqlmem_left"

# A second phase may be another connection's transaction; the rest may be anything.
_UNFOLLOWED = frozenset({Control.COMMIT_PREPARED, Control.OTHER})


@dataclass(slots=True)
class Passing:
    """What the connections of one engine share.

    Attributes:
        transactions: "never", "until_write" or "always": when a read in a transaction may be a hit.
        prepared: transaction id -> what a prepared transaction has written; operations are atomic.
    """

    origin: Origin
    executor: Executor
    front: Front
    writes: Writes
    sessions: Sessions
    transactions: str
    prepared: dict[str, Written] = field(default_factory=dict)
    # Connections with a transaction at the origin; operations are atomic.
    busy: set[int] = field(default_factory=set)
    _thread: int | None = None
    _is_read_committed: bool | None = None

    @property
    def shares_connection(self) -> bool:
        """Whether all connections of the wrapped engine are one: a fill would be in its transaction."""
        owner = self.origin.engine.pool
        return isinstance(owner, pool.StaticPool | pool.SingletonThreadPool)

    @property
    def is_thread_bound(self) -> bool:
        """Whether each thread has an in-memory database of its own."""
        return self.origin.is_ephemeral and isinstance(self.origin.engine.pool, pool.SingletonThreadPool)

    @property
    def is_another_database(self) -> bool:
        """Whether this thread's connection is to a database that no other thread sees."""
        if not self.is_thread_bound:
            return False
        if self._thread is None:
            self._thread = threading.get_ident()
        return self._thread != threading.get_ident()

    def reads_each_anew(self, driver: Any, options: Mapping[str, Any]) -> bool:
        """PostgreSQL: whether the level of a connection's transactions is READ COMMITTED.

        Sessions that have set another one are marked, and those that were made with one are told apart by
        their options: the rest have the server's, which is asked for once.
        """
        if options:
            return False
        if self._is_read_committed is None:
            level = str(self.origin.dialect.get_isolation_level(driver))
            self._is_read_committed = level.upper().replace("-", " ") in _EACH_STATEMENT_ANEW
        return self._is_read_committed

    def reset_after_fork(self) -> None:
        """Other threads' connections are the parent's."""
        self.busy.clear()


class PassingConnection:
    """What the pool of a transparent engine holds. For one thread at a time, as PEP 249 allows."""

    _OWN = frozenset(
        {
            "directive",
            "is_explicit",
            "_fairy",
            "_held",
            "_is_clean",
            "_is_clouded",
            "_is_failed",
            "_is_lost",
            "_is_open_by_text",
            "_is_out_of_sight",
            "_left_windows",
            "_local",
            "_options",
            "_passing",
            "_pending",
            "_set",
        }
    )

    def __init__(self, passing: Passing) -> None:
        self._passing = passing
        # The connection of the wrapped engine's pool, and the driver's connection in it.
        self._fairy: Any = None
        self._held: Any = None
        self._pending = Pending()
        # Execution options that are the driver connection's: isolation level and the like; those applied.
        self._options: dict[str, Any] = {}
        self._set: list[str] = []
        self.directive: Directive = USUAL
        # Begun by begin(), not by its first statement.
        self.is_explicit = False
        self._is_clean = True  # nothing was sent since the last commit or rollback
        self._is_failed = False  # PostgreSQL runs nothing more before a rollback
        self._is_lost = False
        self._is_open_by_text = False  # BEGIN came as text
        self._is_out_of_sight = False
        self._is_clouded = False  # its writes reach what the catalogue doesn't tell: a temporary trigger
        # What becomes of the windows of a cancelled task, from when it is left until they are in it.
        self._left_windows: contextlib.ExitStack | None = None
        self._local: str | None = None  # why the session differs until the transaction ends

    # -- the driver's connection -----------------------------------------------------------

    def take(self) -> Any:
        """The driver's connection, from the wrapped engine's pool if need be."""
        if self._held is None:
            fairy = self._passing.origin.engine.raw_connection()
            try:
                driver = fairy.dbapi_connection
                self._apply(driver)
            except BaseException:
                fairy.invalidate()
                raise
            self._fairy, self._held = fairy, driver
            self._cleaned()
            left = fairy.info.pop(_LEFT, NOTHING)
            if left != NOTHING:
                self._pending.add(left)
                self._sending()
        return self._held

    def _apply(self, driver: Any) -> None:
        dialect: Any = self._passing.origin.dialect
        for name, value in self._options.items():
            if name not in self._set:
                self._set.append(name)
            dialect.connection_characteristics[name].set_characteristic(dialect, driver, value)

    @property
    def fairy(self) -> Any:
        """The pool's own wrapper of the driver's connection; None while there is none."""
        return self._fairy

    @property
    def is_held(self) -> bool:
        return self._held is not None

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Remember what the driver's connection is to be like, and make it so if there is one."""
        self._options.update(options)
        if self._held is not None:
            self._apply(self._held)

    def reset_options(self) -> None:
        """SQLAlchemy's pool has got this one back: so has the wrapped engine's."""
        self._give_back()
        self._options.clear()
        self.directive = USUAL

    def _give_back(self) -> None:
        fairy, self._fairy, driver, self._held = self._fairy, None, self._held, None
        set_, self._set = self._set, []
        was_clean = self._is_clean
        if fairy is not None and not was_clean:
            # A pool that resets nothing hands the transaction on, with what was written in it.
            fairy.info[_LEFT] = self._pending.written
        self._cleaned()
        self._end()
        self._is_lost = self._is_open_by_text = self._is_clouded = False
        is_out_of_sight, self._is_out_of_sight = self._is_out_of_sight, False
        if fairy is None:
            return
        dialect: Any = self._passing.origin.dialect
        try:
            for name in set_:
                dialect.connection_characteristics[name].reset_characteristic(dialect, driver)
            if set_ or not was_clean:
                fairy.close()
            else:
                fairy._close_special(transaction_reset=True)
        except BaseException:
            fairy.invalidate()
            raise
        finally:
            if is_out_of_sight:
                with self._passing.writes.window(EVERYTHING, defines=True):
                    pass

    def _sending(self) -> None:
        """Something is sent: there is a transaction at the origin."""
        self._is_clean = False
        self._passing.busy.add(id(self))

    def _cleaned(self) -> None:
        self._is_clean = True
        self._passing.busy.discard(id(self))

    def _end(self) -> None:
        """A transaction has ended."""
        self._pending.clear()
        self._is_failed = False
        self._local = None
        self.is_explicit = False

    # -- what the executor asks ------------------------------------------------------------

    @property
    def bypass_reason(self) -> str | None:
        """Why this connection's reads are the origin's, whatever they are; None if they aren't."""
        passing = self._passing
        if passing.is_another_database:
            return "each thread has a database of its own"
        if self._is_out_of_sight:
            return "the driver's connection was handed out"
        if self._is_failed:
            return "its transaction has failed"
        if self._pending and passing.transactions != "always":
            return "its transaction has written"
        if self.is_explicit and passing.transactions == "never":
            return "it is in a transaction"
        if self._local is not None:
            return self._local
        if passing.sessions.any_differ and (why := Sessions.why(self._info())) is not None:
            return why
        return isolation_reason(self._options, passing.origin)

    def _info(self) -> dict[Any, Any]:
        self.take()
        info: dict[Any, Any] = self._fairy.info
        return info

    def own_reason(self, states: Sequence[TableState]) -> str | None:
        """Why what it reads of these tables is the origin's: it has written to them."""
        if not self._pending:
            return None
        matches = matcher_of(self._pending.written)
        if any(is_touched(state, matches) for state in states):
            return "its transaction has written to its tables"
        return None

    @property
    def past_reason(self) -> str | None:
        """Why nothing may be filled for this connection now; None if it may."""
        passing = self._passing
        if not self._is_clean and self._pending:
            # It may hold locks for which a fill on another connection would wait for ever.
            return "its transaction has written"
        if passing.shares_connection and passing.busy:
            # A fill would be in that transaction, and its end would be the transaction's.
            return "its connection is shared, and in a transaction"
        if self._held is not None and not passing.origin.has_spare_connection():
            return "the pool has no second connection to spare"
        return None

    @property
    def is_idle(self) -> bool:
        """Whether nothing was sent since the last commit or rollback: no lock is held."""
        return self._is_clean

    @property
    def reads_the_present(self) -> bool:
        """Whether a statement sent now reads what anybody else would read."""
        if self._pending or self._is_out_of_sight or self._is_failed:
            return False
        return self._is_clean or self._reads_each_anew()

    def _reads_each_anew(self) -> bool:
        """Whether each statement of its transaction sees what was committed until then."""
        origin, driver = self._passing.origin, self._held
        if origin.family == "sqlite":
            return not getattr(driver, "in_transaction", True)
        return origin.family == "postgresql" and self._passing.reads_each_anew(driver, self._options)

    def make_ready(self) -> None:
        self.take()

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[OriginConnection]:
        """A read-only connection for a fill or the catalogue: never the one held."""
        if self.directive.way == "only":
            raise GiveUp("the origin would have to be asked about it")
        connection = self._passing.origin.connect({})
        try:
            yield connection
        finally:
            connection.release()

    def tell(self, listener: Listener, answer: Local | Remote) -> None:
        """Tell whoever notes what is read. Of a bypass before it is sent."""
        if isinstance(answer, Local):
            listener.served(answer.copies)
            return
        # In a transaction that has begun it may read what others don't see, or don't see any more.
        is_own = not self.reads_the_present
        listener.bypassed(self._passing.front.registry, answer.reads, sees_the_past=is_own)

    def held(self) -> OriginConnection:
        raise NotImplementedError("a transparent connection's statements go through its cursor")

    # -- what statements do ----------------------------------------------------------------

    @contextlib.contextmanager
    def acting(self, effect: Effect | None, text: str) -> Iterator[Any]:
        """Around whatever is sent to the driver's connection, which it gives.

        Args:
            effect: what it does; None for nothing.
            text: the statement's.
        """
        driver = self.take()
        self._sending()
        try:
            if effect is None:
                yield driver
            else:
                with self._minding(effect, text):
                    yield driver
        except BaseException:
            self._failed()
            raise

    def _failed(self) -> None:
        if self._passing.origin.family == "postgresql" and not self._is_autocommit():
            self._is_failed = True

    @contextlib.contextmanager
    def _minding(self, effect: Effect, text: str) -> Iterator[None]:
        """Keep account of what a statement does."""
        passing, pending = self._passing, self._pending
        if self._is_failed and effect.is_read:
            yield  # the origin refuses it
            return
        if Sessions.reads_otherwise(self._fairy.info):
            effect = unknown("its session reads text by other rules")
        temporary = Sessions.temporary(self._fairy.info)
        written = passing.writes.written(effect, text, self.directive.invalidates, temporary, self._ask)
        is_same_session = passing.writes.leaves_session(effect, self._ask)
        is_told = self.directive.invalidates is not None
        if not is_told and (effect.control in _UNFOLLOWED or (self._is_clouded and written != NOTHING)):
            written = EVERYTHING
        # Before it is sent: what fails may have done a part.
        pending.add(written)
        is_at_once = bool(pending) and (
            effect.is_at_once
            or (self._is_autocommit() and not self._is_open_by_text)
            or not passing.writes.undone_by_rollback(written, self._ask)
        )
        if is_at_once:
            with self._window(pending.written, defines=effect.is_definition):
                yield
        else:
            yield
        self._after(effect)
        if not is_same_session and self.directive.invalidates is None:
            passing.sessions.mark(self._info(), f"the session may differ: {', '.join(sorted(effect.calls))}")

    def _after(self, effect: Effect) -> None:
        """What a statement has done to the transaction and the session."""
        if effect.temporary:
            Sessions.add_temporary(self._info(), effect.temporary)
        match effect.savepoint:
            case ("set", name):
                self._pending.set_savepoint(name)
            case ("back", name):
                self._pending.roll_back_to(name)
                self._is_failed = False
            case ("release", name):
                self._pending.release(name)
        self._is_clouded = self._is_clouded or effect.clouds
        match effect.control:
            case Control.BEGIN:
                self._is_open_by_text = True
            case Control.COMMIT | Control.ROLLBACK | Control.PREPARE:
                # What it committed was in a window; what it prepared will be, with everything else.
                self._is_open_by_text = False
                self._end()
        if self._is_autocommit() and not self._is_open_by_text:
            self._pending.clear()
        if effect.session is Session.SAME or (
            effect.writes is None and self.directive.invalidates is not None
        ):
            return  # of a procedure the caller knows, who has said what it does
        if effect.session is Session.RESET:
            self._passing.sessions.unmark(self._info())
        elif effect.is_session_local:
            self._local = f"the session differs: {effect.reason}"
        else:
            self._passing.sessions.mark(self._info(), f"the session differs: {effect.reason}")

    def _is_autocommit(self) -> bool:
        """Whether the driver's connection commits each statement by itself."""
        driver = self._held
        if driver is None:
            return False
        told = getattr(driver, "get_autocommit", None)
        if callable(told):
            return bool(told())
        value = getattr(driver, "autocommit", None)
        if isinstance(value, bool):
            return value
        # sqlite3 and its asyncio adapter: None is autocommit.
        return getattr(driver, "isolation_level", None) is None

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        """Ask the origin's catalogue, on the connection held: it sees the transaction's own definitions."""
        driver, dialect = self.take(), cast("Any", self._passing.origin.dialect)
        # PostgreSQL gives up a transaction after an error: the program's goes on behind this one.
        is_apart = self._passing.origin.family == "postgresql" and not self._is_autocommit()
        cursor = driver.cursor()
        try:
            if is_apart:
                cursor.execute("SAVEPOINT sqlmem_ask")
            try:
                cursor.execute(statement)
                return [tuple(row) for row in cursor.fetchall()]
            finally:
                if is_apart:
                    cursor.execute("ROLLBACK TO SAVEPOINT sqlmem_ask")
                    cursor.execute("RELEASE SAVEPOINT sqlmem_ask")
        except dialect.loaded_dbapi.Error as error:
            if dialect.is_disconnect(error, driver, cursor):
                raise Unreachable(error) from None
            raise
        finally:
            with contextlib.suppress(Exception):
                cursor.close()

    def hand_out(self) -> Any:
        """The driver's connection itself, to somebody who may do anything with it, unseen."""
        driver = self.take()
        self._sending()
        self._is_out_of_sight = True
        self._pending.add(EVERYTHING)
        self._passing.sessions.mark(self._fairy.info, "the driver's connection was handed out")
        return driver

    # -- PEP 249 ---------------------------------------------------------------------------

    def cursor(self, *arguments: Any, **keywords: Any) -> PassingCursor:
        """Arguments are how drivers are asked for a server-side cursor."""
        return PassingCursor(self, self._passing.executor, self._passing.origin, arguments, keywords)

    def commit(self) -> None:
        if self._held is None or self._is_clean:
            self._end()
            return
        with self._committing(self._pending.written):
            self._commit(self._held)

    def _commit(self, driver: Any) -> None:
        if not (self._passing.origin.is_async and self._pending):
            driver.commit()
            return
        # A task that is cancelled must not tear the connection down while the origin commits: nobody
        # would know when that is over.
        unhindered(driver.commit, if_cancelled=self._leave_behind)

    @contextlib.contextmanager
    def _committing(self, written: Written) -> Iterator[None]:
        with self._window(written, defines=written is EVERYTHING):
            yield
        # One that failed may have left the transaction open, to be rolled back or committed again (SQLite,
        # whose deferred constraints are looked at then).
        self._cleaned()
        self._end()

    @contextlib.contextmanager
    def _window(self, written: Written, *, defines: bool) -> Iterator[None]:
        """Around what makes a write visible to others.

        A task that is cancelled meanwhile doesn't wait for the origin's answer, but what it has sent may
        go on: the window stays open until the driver's connection answers again, or a fill would read the
        old rows.
        """
        passing = self._passing
        with contextlib.ExitStack() as window:
            window.enter_context(passing.writes.window(written, defines=defines, is_answer=self._is_answer))
            try:
                yield
            except asyncio.CancelledError:
                driver = self._held
                if passing.origin.is_async and driver is not None:
                    self._leave_behind(lambda: _answers(driver, passing.origin.dialect))
                left, self._left_windows = self._left_windows, None
                if left is not None:
                    left.push(window.pop_all())
                raise

    def _is_answer(self, error: BaseException) -> bool:
        """Whether an exception is what the origin has answered: then nothing of it goes on there."""
        dialect: Any = self._passing.origin.dialect
        if not isinstance(error, dialect.loaded_dbapi.Error):
            return False
        return not dialect.is_disconnect(error, self._held, None)

    def _leave_behind(self, is_over: Callable[[], object]) -> None:
        """Nobody else has the driver's connection until it answers; it and the window are closed then."""
        fairy = self._fairy
        self._fairy, self._held = None, None
        self._set = []
        self._is_lost = True
        windows = self._left_windows = contextlib.ExitStack()

        def then() -> None:
            windows.close()
            with contextlib.suppress(Exception):  # whatever the driver raises: it was to be closed
                fairy.invalidate()
                fairy.close()

        afterwards(is_over, then)

    def rollback(self) -> None:
        if self._held is None or self._is_clean:
            self._end()
            return
        try:
            self._held.rollback()
        finally:
            self._is_open_by_text = False
            self._cleaned()
            self._end()

    def close(self) -> None:
        self._drop()

    def terminate(self) -> None:
        """As `close`, where waiting isn't possible: the asyncio dialects' way out."""
        self._drop()

    def _drop(self) -> None:
        """SQLAlchemy wants the connection closed: it was lost, or it is too old."""
        fairy, self._fairy, self._held = self._fairy, None, None
        self._set = []
        self._end()
        self._cleaned()
        self._is_open_by_text = False
        self._is_out_of_sight = False
        if fairy is not None:
            self._is_lost = True
            fairy.invalidate()
            fairy.close()

    # Two-phase transactions, as psycopg and psycopg2 have them; other dialects send text.

    def tpc_begin(self, xid: Any) -> None:
        driver = self.take()
        self._sending()
        driver.tpc_begin(xid)

    def tpc_prepare(self) -> None:
        driver = self.take()
        self._passing.prepared[str(self._xid(driver))] = self._pending.written
        driver.tpc_prepare()

    def tpc_commit(self, xid: Any = None) -> None:
        driver = self.take()
        known = str(self._xid(driver) if xid is None else xid)
        prepared = self._passing.prepared.pop(known, EVERYTHING if xid is not None else frozenset())
        self._pending.add(prepared)
        with self._committing(self._pending.written):
            driver.tpc_commit() if xid is None else driver.tpc_commit(xid)

    def tpc_rollback(self, xid: Any = None) -> None:
        driver = self.take()
        self._passing.prepared.pop(str(self._xid(driver) if xid is None else xid), None)
        try:
            driver.tpc_rollback() if xid is None else driver.tpc_rollback(xid)
        finally:
            self._cleaned()
            self._end()

    @staticmethod
    def _xid(driver: Any) -> Any:
        return getattr(getattr(driver, "info", None), "xid", None) or getattr(driver, "xid", None)

    # What dialects look at after an error, or before a rollback. Never checks out.

    @property
    def closed(self) -> Any:
        return self._is_lost or (self._held is not None and bool(getattr(self._held, "closed", False)))

    @property
    def broken(self) -> Any:
        return self._is_lost or (self._held is not None and bool(getattr(self._held, "broken", False)))

    @property
    def _connection(self) -> Any:
        """What asyncpg's dialect asks whether the connection is lost."""
        return self

    def is_closed(self) -> bool:
        if self._held is None:
            return self._is_lost
        inner = getattr(self._held, "_connection", None)
        told = getattr(inner, "is_closed", None)
        return bool(told()) if callable(told) else bool(self.closed)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._held is None and name in ("autocommit", "isolation_level", "get_autocommit", "notices"):
            # Nothing has been taken: there is nothing to be told of.
            return _UNTAKEN[name]
        value = getattr(self.take(), name)
        if name not in _HARMLESS and callable(value):
            self.hand_out()
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._OWN:
            object.__setattr__(self, name, value)
        else:
            driver = self.take()
            if name != "autocommit":  # which is looked at when it matters
                self._passing.sessions.mark(self._fairy.info, f"{name} of the driver's connection was set")
            setattr(driver, name, value)


def _answers(driver: Any, dialect: Any) -> None:
    """Wait until a connection whose statement was cancelled answers again."""
    if dialect.driver == "asyncpg":
        # Its adapter would begin a transaction, which asyncpg refuses at once within one.
        await_only(driver.driver_connection.fetchrow(";"))
    else:
        dialect.do_ping(driver)


_UNTAKEN: dict[str, Any] = {
    "autocommit": False,
    "isolation_level": "",
    "get_autocommit": lambda: False,
    "notices": (),
}
