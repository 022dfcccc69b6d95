"""How the transactions of a transparent connection end, and the window around what makes a write visible.

Rule: whatever commits is in a window, and the window stays open for as long as the origin may be at it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, NoReturn

from sqlalchemy.exc import ResourceClosedError
from sqlalchemy.util import await_only

from sqlmem.catalogue.processes import process_of
from sqlmem.passing_driver import Held
from sqlmem.pending import EVERYTHING, Written
from sqlmem.waiting import afterwards, unhindered

# In a pool record's `info`: the number of the process, as long as the driver's connection is the same.
_PROCESS = "sqlmem_process"
# Attributes by which drivers are told whether to commit each statement.
_CONTROLLING = frozenset({"autocommit", "isolation_level"})


class Committing(Held):
    """For one thread at a time."""

    def _given_back(self) -> NoReturn:
        """Whoever listens to the pool is given what is checked out, and may close it."""
        raise ResourceClosedError("somebody else has given this connection back to its pool")

    def commit(self) -> None:
        if self._held is None or not self.has_begun:
            self._end()
            return
        if self._fairy.dbapi_connection is None and not self._is_lost:
            self._given_back()
        held, passing, written = self._held, self._passing, self._written()
        if written is EVERYTHING:
            self._set_up()
        if not (written is None or written):
            # Cancelled or not, it shows nobody anything: no window, and nobody to wait for.
            held.commit()
        elif passing.origin.is_async:
            with self._window(written, defines=written is EVERYTHING):
                # A task that is cancelled must not tear the connection down while the origin commits: nobody
                # would know when that is over.
                unhindered(held.commit, if_cancelled=self._leave_behind)
        else:
            # As `_window`, without a call for each step.
            process = self._record_info.get(_PROCESS) or self._process()
            with passing.writes.window(
                written,
                defines=written is EVERYTHING,
                is_answer=self._is_answer,
                driver=held,
                process=process,
            ):
                held.commit()
            if passing.writes.definitions != self._begun_with and written is not EVERYTHING:
                passing.writes.lose_everything()
        self._is_just_set = False
        # One that failed may have left the transaction open, to be rolled back or committed again (SQLite,
        # whose deferred constraints are looked at then).
        if not ((self._is_open_by_text or self._is_unclear) and self._is_still_open()):
            self._over()

    def _written(self) -> Written:
        """What becomes visible by a commit that is sent now."""
        passing, written = self._passing, self._pending.written
        if written and passing.writes.definitions != self._begun_with:
            # A statement may have waited for a definition's lock: it was judged by what was there before.
            return EVERYTHING
        if passing.shares_connection and passing.busy - {id(self)}:
            return EVERYTHING  # what others have written on the same connection is committed with it
        return written

    def set(self, name: str, value: Any) -> None:
        """Set an attribute of the driver's connection: some by it begin and commit transactions."""
        if name not in _CONTROLLING or not self.has_begun:
            super().set(name, value)
            return
        self.take()
        written = self._written()
        with self._window(written, defines=written is EVERYTHING):
            super().set(name, value)
        # A transaction that is open goes on, whatever becomes of the next one.
        self._look_at_transaction()

    @contextlib.contextmanager
    def _committing(self, written: Written) -> Iterator[None]:
        with self._window(written, defines=written is EVERYTHING):
            yield
        # One that failed may have left the transaction open, to be rolled back or committed again (SQLite,
        # whose deferred constraints are looked at then).
        self._over()

    def _window(
        self, written: Written, *, defines: bool, is_late: bool = False
    ) -> contextlib.AbstractContextManager[None]:
        """Around what makes a write visible to others, now or, if it is late, some time after it."""
        driver, passing = self._held, self._passing
        window = passing.writes.window(
            written,
            defines=defines,
            is_answer=self._is_answer,
            driver=driver,
            # Before anything happens to it: a connection that was lost tells nothing any more.
            process=self._process() if (written is None or written) and not is_late else None,
            is_late=is_late,
        )
        return Window(self, window) if passing.origin.is_async else window

    def _process(self) -> int | None:
        """The origin's process that serves the driver's connection; None if it isn't known."""
        if self._passing.origin.family == "sqlite":
            return None
        driver, info = self._held, self._record_info
        process: int | None = info.get(_PROCESS)
        if process is None:
            with contextlib.suppress(Exception):  # whatever the driver raises, it isn't known then
                process = process_of(driver)
            if self._passing.origin.family == "postgresql":
                # PyMySQL may connect anew behind a connection's back; of these each has one process.
                info[_PROCESS] = process
        return process

    def stays_open(self, window: contextlib.AbstractContextManager[None]) -> bool:
        """A task was cancelled in a window: whether that stays open until the connection answers again."""
        passing, driver = self._passing, self._held
        if passing.origin.is_async and driver is not None:
            self._leave_behind(lambda: _answers(driver, passing.origin.dialect))
        left, self._left_windows = self._left_windows, None
        if left is None:
            return False
        left.push(window)
        return True

    def _is_answer(self, error: BaseException, driver: Any) -> bool:
        """Whether an exception is what the origin has answered: then nothing of it goes on there."""
        dialect: Any = self._passing.origin.dialect
        if not isinstance(error, dialect.loaded_dbapi.Error):
            return False
        return not dialect.is_disconnect(error, driver, None)

    def _leave_behind(self, is_over: Callable[[], object]) -> None:
        """Nobody else has the driver's connection until it answers; it and the window are closed then.

        A driver may have closed it already, with a statement that the server doesn't stop at: then nobody
        knows more of that than of a connection that was lost.
        """
        fairy, driver = self._fairy, self._held
        self._fairy, self._held = None, None
        self._set = []
        self._is_lost = True
        windows = self._left_windows = contextlib.ExitStack()

        def then(error: BaseException | None) -> None:
            if error is None or self._is_answer(error, driver):
                windows.close()
            else:
                windows.__exit__(type(error), error, error.__traceback__)
            with contextlib.suppress(Exception):  # whatever the driver raises: it was to be closed
                fairy.invalidate()
                fairy.close()

        afterwards(is_over, then)

    def rollback(self) -> None:
        if self._held is None or not self.has_begun:
            self._end()
            return
        if self._fairy.dbapi_connection is None and not self._is_lost:
            self._over()  # somebody else has given it back to its pool, which has ended what was begun
            return
        try:
            self._held.rollback()
            self._is_just_set = False
            is_open = (self._is_open_by_text or self._is_unclear) and self._is_still_open()
        except BaseException:
            self._is_open_by_text = self._is_unclear = False
            self._over()
            raise
        if not is_open:
            self._over()

    # Two-phase transactions, as psycopg and psycopg2 have them; other dialects send text.

    def tpc_begin(self, xid: Any) -> None:
        driver = self.take()
        self._sending()
        driver.tpc_begin(xid)

    def tpc_prepare(self) -> None:
        driver = self.take()
        self._set_up()
        self._passing.prepared[str(self._xid(driver))] = self._written()
        driver.tpc_prepare()

    def tpc_commit(self, xid: Any = None) -> None:
        driver = self.take()
        known = str(self._xid(driver) if xid is None else xid)
        prepared = self._passing.prepared.pop(known, EVERYTHING if xid is not None else frozenset())
        self._pending.add(prepared)
        self._set_up()
        with self._committing(self._written()):
            driver.tpc_commit() if xid is None else driver.tpc_commit(xid)

    def tpc_rollback(self, xid: Any = None) -> None:
        driver = self.take()
        self._passing.prepared.pop(str(self._xid(driver) if xid is None else xid), None)
        try:
            driver.tpc_rollback() if xid is None else driver.tpc_rollback(xid)
        finally:
            self._over()

    @staticmethod
    def _xid(driver: Any) -> Any:
        return getattr(getattr(driver, "info", None), "xid", None) or getattr(driver, "xid", None)


class Window:
    """Around what makes a write visible to others, in an event loop.

    A task that is cancelled meanwhile doesn't wait for the origin's answer, but what it has sent may
    go on: the window stays open until the driver's connection answers again, or a fill would read the
    old rows.
    """

    __slots__ = ("_connection", "_inner")

    def __init__(self, connection: Committing, inner: contextlib.AbstractContextManager[None]) -> None:
        self._connection = connection
        self._inner = inner

    def __enter__(self) -> None:
        self._inner.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            try:
                is_left = self._connection.stays_open(self._inner)
            except BaseException as other:
                self._inner.__exit__(type(other), other, other.__traceback__)
                raise
            if is_left:
                return
        self._inner.__exit__(kind, error, trace)


def _answers(driver: Any, dialect: Any) -> None:
    """Wait until a connection whose statement was cancelled answers again."""
    if dialect.driver == "asyncpg":
        # Its adapter would begin a transaction, which asyncpg refuses at once within one.
        await_only(driver.driver_connection.fetchrow(";"))
    else:
        dialect.do_ping(driver)
