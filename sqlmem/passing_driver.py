"""The driver's connection behind a transparent one: taken when it must be, kept, looked at, given back.

Rule 1: it is kept until SQLAlchemy gives ours back: what a session holds, it holds.
Rule 2: what it is asked for that may do anything hands it out: from then on nobody sees what is done to it.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Mapping
from typing import Any

from sqlmem.checked_out import check_out
from sqlmem.dbapi import TOLD
from sqlmem.directives import USUAL, Directive
from sqlmem.manners import is_in_transaction
from sqlmem.passing_shared import Passing
from sqlmem.pending import EVERYTHING, NOTHING, Pending
from sqlmem.sessions import Mark
from sqlmem.waiting import may_wait

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

# In a pool record's `info`: what was written in a transaction that nobody has ended.
_LEFT = "sqlmem_left"

# Classes of driver connections without `get_autocommit`: to look for what isn't there takes long. A handful.
_WITHOUT_METHOD: set[type] = set()

# PostgreSQL's drivers that look whether a transaction is open before they begin one. Others note for
# themselves that they have begun it, and know nothing of an end that came as text.
_LOOKING = frozenset({"pg8000", "psycopg", "psycopg_async"})

_UNTAKEN: dict[str, Any] = {
    "autocommit": False,
    "isolation_level": "",
    "get_autocommit": lambda: False,
    "notices": (),
}


class Held:
    """For one thread at a time, as PEP 249 allows."""

    def __init__(self, passing: Passing) -> None:
        self._passing = passing
        # SQLite: our cursors that may be over the driver's; each leaves when it goes.
        self.cursors: set[weakref.ref[Any]] | None = set() if passing.origin.family == "sqlite" else None
        # The connection of the wrapped engine's pool, the driver's connection in it, and what the pool keeps
        # with that.
        self._fairy: Any = None
        self._held: Any = None
        self._record_info: dict[Any, Any] = {}
        self._pending = Pending()
        # Execution options that are the driver connection's: isolation level and the like; those applied.
        self._options: dict[str, Any] = {}
        self._set: list[str] = []
        self._is_just_set = False  # they were applied, which may send something, and nothing has ended since
        self.directive: Directive = USUAL
        # Begun by begin(), not by its first statement.
        self.is_explicit = False
        # Whether anything was sent since the last commit or rollback.
        self.has_begun = False
        self._begun_with = 0  # how many definitions there were then
        self._is_failed = False  # PostgreSQL runs nothing more before a rollback
        self._is_lost = False
        self._is_open_by_text = False  # BEGIN came as text
        # Whether a transaction is open isn't known: what is written may be committed at once, or later.
        self._is_unclear = False
        self._is_out_of_sight = False
        self._is_unsuitable = False  # to be lent, until the transaction ends
        # Known of this transaction: a rollback takes back what is written, and the catalogue tells what that
        # reaches. Until a statement is sent, or something set, that may change it.
        self._is_taken_back = False
        self._is_clouded = False  # its writes reach what the catalogue doesn't tell: a temporary trigger
        # What becomes of the windows of a cancelled task, from when it is left until they are in it.
        self._left_windows: contextlib.ExitStack | None = None
        self._local: str | None = None  # why the session differs until the transaction ends
        # Why sessions will differ that begin after its commit.
        self._sets_up: str | None = None
        self._unsettled: Mark | None = None  # since its commit was sent

    # -- the driver's connection -----------------------------------------------------------

    def take(self) -> Any:
        """The driver's connection, from the wrapped engine's pool if need be."""
        if self._held is None:
            passing = self._passing
            fairy: Any = check_out(passing.origin.engine)
            try:
                driver = fairy.dbapi_connection
                if passing.origin.rows_are_plain is None:
                    passing.origin.see(driver)
                if self._options:
                    self._apply(driver)
            except BaseException:
                fairy.invalidate()
                raise
            self._fairy, self._held = fairy, driver
            if self.has_begun:
                self._cleaned()
            # As `fairy.info`.
            self._record_info = info = fairy._connection_record.info
            if passing.hands_on or _LEFT in info:
                self._take_on(info)
        return self._held

    def _take_on(self, info: dict[Any, Any]) -> None:
        """What was handed on may be in a transaction: ours, or of somebody who has used the pool himself."""
        if _LEFT in info:
            self._pending.add(info.pop(_LEFT))
        elif is_in_transaction(self._held) is not False:
            self._pending.add(EVERYTHING)
        else:
            return
        self._sending()
        self._is_unclear = True

    def _apply(self, driver: Any) -> None:
        dialect: Any = self._passing.origin.dialect
        self._is_taken_back = False
        self._is_just_set = True
        for name, value in self._options.items():
            if name not in self._set:
                self._set.append(name)
            dialect.connection_characteristics[name].set_characteristic(dialect, driver, value)

    @property
    def can_take(self) -> bool:
        """Whether `take` needs no event loop, or is where it can wait for one."""
        return self._held is not None or not self._passing.origin.is_async or may_wait()

    @property
    def fairy(self) -> Any:
        """The pool's own wrapper of the driver's connection; None while there is none."""
        return self._fairy

    @property
    def is_held(self) -> bool:
        return self._held is not None

    @property
    def holds_nothing(self) -> bool:
        return self._held is None

    def let_go(self) -> None:
        """Close the connection that was taken for a statement that has failed; the transaction goes on."""
        is_explicit = self.is_explicit
        self._let_go()
        self.is_explicit = is_explicit

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Remember what the driver's connection is to be like, and make it so if there is one."""
        self._options.update(options)
        if self._held is not None:
            self._apply(self._held)

    def reset_options(self) -> None:
        """SQLAlchemy's pool has got this one back: so has the wrapped engine's."""
        fairy, driver, set_, has_begun = self._fairy, self._held, self._set, self.has_begun
        has_ended = not (has_begun or self._is_just_set)
        self._fairy = self._held = None
        self.directive = USUAL
        if self._options:
            self._options.clear()
        if set_:
            self._set, self._is_just_set = [], False
        if has_begun:
            if fairy is not None:
                # A pool that resets nothing hands the transaction on, with what was written in it.
                fairy.info[_LEFT] = self._pending.written
                self._set_up()
                if self._local is not None:
                    self._passing.sessions.mark(fairy.info, self._local)
            self._over()
            if fairy is not None and self._passing.shares_connection:
                self._passing.busy.add(id(self))  # nothing is filled in it
        elif self.is_explicit or self._pending.written != NOTHING:
            # Begun without a statement, or lost. After all else what ended it has done the same.
            self._end()
        is_out_of_sight = self._is_out_of_sight
        self._is_lost = self._is_open_by_text = self._is_clouded = self._is_out_of_sight = False
        self._is_unclear = False
        if fairy is None:
            return
        dialect: Any = self._passing.origin.dialect
        try:
            for name in set_:
                dialect.connection_characteristics[name].reset_characteristic(dialect, driver)
            if has_ended:
                # The pool need not do it again: it may be a round trip.
                fairy._close_special(transaction_reset=True)
            else:
                fairy.close()
        except BaseException:
            fairy.invalidate()
            raise
        finally:
            if is_out_of_sight:
                with self._passing.writes.window(EVERYTHING, defines=True):
                    pass

    def _sending(self) -> None:
        """Something is sent: there is a transaction at the origin."""
        if not self.has_begun:
            self.has_begun, self._is_taken_back = True, False
            self._begun_with = self._passing.writes.definitions
        if self._passing.shares_connection:
            self._passing.busy.add(id(self))

    def _cleaned(self) -> None:
        self.has_begun = False
        if self._passing.shares_connection:
            self._passing.busy.discard(id(self))

    def _over(self) -> None:
        """A transaction has ended, and nothing was sent since: `_cleaned` and `_end`."""
        self.has_begun = False
        if self._passing.shares_connection:
            self._passing.busy.discard(id(self))
        self._end()

    def _end(self) -> None:
        """A transaction has ended."""
        pending = self._pending
        pending.written = NOTHING
        if pending.savepoints:
            pending.clear()
        self._is_failed = self._is_unsuitable = self.is_explicit = False
        self._local = self._sets_up = None
        self._begun_with = self._passing.writes.definitions
        if self._unsettled is not None:
            self._passing.is_committed(self._unsettled, self._record_info)
            self._unsettled = None

    def _set_up(self) -> None:
        """What its transaction sets for later sessions becomes visible now, or perhaps it does."""
        if self._sets_up is not None:
            self._unsettled = self._passing.unsettle(self._sets_up)

    def _look_at_transaction(self) -> None:
        """After what may have begun or ended transactions: whether one is open now.

        What was written at once is in a window by now.
        """
        is_open, is_sqlite = is_in_transaction(self._held), self._passing.origin.family == "sqlite"
        self._pending.forget_savepoints()
        self._is_open_by_text = is_open is True
        # SQLite: the release of a savepoint may be its commit, and these aren't known any more.
        self._is_unclear = is_open is None or (is_sqlite and is_open)
        if is_open is False:
            self._end()
            self._is_unclear = self._begins_no_other(is_autocommit=self._is_autocommit())

    def _begins_no_other(self, *, is_autocommit: bool) -> bool:
        """A transaction was ended by text: whether its driver may take it for open, and begin no other."""
        passing = self._passing
        return (
            not is_autocommit
            and passing.origin.family == "postgresql"
            and passing.origin.dialect.driver not in _LOOKING
        )

    def _is_still_open(self) -> bool:
        """After the driver's own commit or rollback, where text has begun a transaction or may have.

        A driver that doesn't know of it does nothing.
        """
        family = self._passing.origin.family
        # MariaDB's and MySQL's drivers send a statement, always.
        if family == "mysql" or is_in_transaction(self._held) is False:
            self._is_open_by_text = self._is_unclear = False
            return False
        self._look_at_transaction()
        return True

    # -- what it is asked ------------------------------------------------------------------

    def _info(self) -> dict[Any, Any]:
        self.take()
        return self._record_info

    def _pool_of_held(self) -> Any:
        """The pool that the connection came from; None while there is none."""
        return None if self._fairy is None else self._fairy._pool

    def _is_autocommit(self) -> bool:
        """Whether the driver's connection commits each statement by itself."""
        driver = self._held
        if driver is None:
            return False
        if type(driver) not in _WITHOUT_METHOD:
            told = getattr(driver, "get_autocommit", None)
            if callable(told):
                return bool(told())
            _WITHOUT_METHOD.add(type(driver))
        value = getattr(driver, "autocommit", None)
        if value is False or value is True:
            return value
        # sqlite3 and its asyncio adapter: None is autocommit.
        return getattr(driver, "isolation_level", None) is None

    def hand_out(self) -> Any:
        """The driver's connection itself, to somebody who may do anything with it, unseen."""
        driver = self.take()
        self._sending()
        self._is_out_of_sight = True
        self._is_taken_back = False
        self._pending.add(EVERYTHING)
        self._passing.sessions.mark(self._fairy.info, "the driver's connection was handed out")
        return driver

    def close(self) -> None:
        self._drop()

    def terminate(self) -> None:
        """As `close`, where waiting isn't possible: the asyncio dialects' way out."""
        self._drop()

    def abandon(self) -> None:
        """Forgotten where nothing can be awaited: what it holds is collected as the pool's own."""
        self._fairy = self._held = None
        self._cleaned()

    def _drop(self) -> None:
        """SQLAlchemy wants the connection closed: it was lost, or it is too old."""
        self._is_lost = self._is_lost or self._fairy is not None
        self._let_go()

    def _let_go(self) -> None:
        fairy, self._fairy, self._held = self._fairy, None, None
        self._set = []
        self._over()
        self._is_open_by_text = self._is_unclear = False
        self._is_out_of_sight = False
        if fairy is not None:
            if fairy.dbapi_connection is not None:  # lost while it was lent, it is closed already
                fairy.invalidate()
            fairy.close()

    # What dialects look at after an error, or before a rollback. Never checks out.

    @property
    def closed(self) -> Any:
        return self._is_lost or (self._held is not None and bool(getattr(self._held, "closed", False)))

    @property
    def broken(self) -> Any:
        return self._is_lost or (self._held is not None and bool(getattr(self._held, "broken", False)))

    def is_closed(self) -> bool:
        if self._held is None:
            return self._is_lost
        inner = getattr(self._held, "_connection", None)
        told = getattr(inner, "is_closed", None)
        return bool(told()) if callable(told) else bool(self.closed)

    # What else the driver's connection has.

    def told(self, name: str) -> Any:
        """An attribute of the driver's connection. Whoever is given a method of it may do anything."""
        # MariaDB's and MySQL's drivers are told by a method of that name.
        is_method = name == "autocommit" and self._passing.origin.family == "mysql"
        if self._held is None and name in _UNTAKEN and not is_method:
            # Nothing has been taken: there is nothing to be told of.
            return _UNTAKEN[name]
        value = getattr(self.take(), name)
        if name not in _HARMLESS and callable(value):
            self.hand_out()
        return value

    def set(self, name: str, value: Any) -> None:
        """Set an attribute of the driver's connection."""
        driver = self.take()
        self._is_taken_back = False
        if name != "autocommit":  # which is looked at when it matters
            self._passing.sessions.mark(self._fairy.info, f"{name} of the driver's connection was set")
        setattr(driver, name, value)
