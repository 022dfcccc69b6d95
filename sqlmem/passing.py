"""The lazy connection of transparent mode, behind a `StandIn`: it takes a driver's connection when it must.

Rule 1: whatever reaches the driver's connection goes through `acting`, with what it does there; what can't be
followed (the driver's connection handed out) may have done anything.
Rule 2: nothing is filled over it while the pool has another one: its rows could be those of a transaction.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from sqlmem.answers import Local, Remote
from sqlmem.at_once import Key, Said
from sqlmem.dependencies import Listener, listening
from sqlmem.directives import USUAL
from sqlmem.filling import GiveUp
from sqlmem.keeping import Keeping
from sqlmem.lent import LentConnection, Unsuitable, is_lendable
from sqlmem.logs import heard, log
from sqlmem.manners import TELLING_WHEN_CLOSED
from sqlmem.origin import SessionDiffers
from sqlmem.origin_connection import OriginConnection, driver_errors
from sqlmem.passing_cursor import PassingCursor
from sqlmem.passing_minding import Minded, Minding
from sqlmem.passing_shared import Passing
from sqlmem.pending import NOTHING, matcher_of
from sqlmem.registry import TableState
from sqlmem.sessions import Sessions
from sqlmem.statuses import remember_status
from sqlmem.table_state import is_touched

# What sqlite3, psycopg and SQLAlchemy's adapters let a connection do: a cursor is made for it, and given.
_BY_A_CURSOR = frozenset({"execute", "executemany", "executescript"})
_WHOSE_ARE = frozenset({"sqlite3", "psycopg", "sqlalchemy"})


class PassingConnection(Minding):
    """What the pool of a transparent engine holds. For one thread at a time, as PEP 249 allows."""

    keeping: Keeping | None = None

    def __init__(self, passing: Passing) -> None:
        super().__init__(passing)
        self.origin = passing.origin
        self.executor = passing.executor
        self.at_once = passing.executor.at_once
        self.manners = passing.origin.manners
        self.may_take = not self.manners.may_paste
        self._tells_when_closed = passing.origin.dialect.driver in TELLING_WHEN_CLOSED
        # PEP 249's. No method: one is made for each statement. Arguments are how drivers are asked for a
        # server-side cursor.
        self.cursor = partial(PassingCursor, self)

    def take_at_once(self, cursor: PassingCursor, text: str, parameters: Any) -> bool:
        """Execute a statement of Core's or the ORM's of which all is decided: a plain hit, or what passes.

        As `cursor.execute`, with parameters and without a directive, in fewer steps: what a class with
        `__getattr__` is asked for takes several times as long as what this one is asked for.

        Args:
            cursor: one of plain rows.

        Returns:
            False: nothing has happened. `execute` knows all cases.
        """
        if not cursor._is_fresh or cursor.__dict__:
            return False
        key = (text, True)
        said = self.at_once.texts.get(key)
        if said is not None and self.has_begun and self._is_said_again(said, text):
            answer, _, _, counted, _ = said
            counted()
            remember_status(answer.status)
            if (listener := listening.get()) is not None:
                self.tell(listener, answer)
            driver, minded = self._held, None
        else:
            found = self._found(cursor, key, parameters)
            if isinstance(found, bool):
                return found
            driver, minded = found
        cursor._is_fresh = False
        try:
            cursor._driver = over = driver.cursor()
            over.execute(text, parameters)
        except BaseException as error:
            self.ended(minded, error)
            raise
        if minded is not None:
            self.ended(minded, None, cursor, text)
        # SQLAlchemy asks for it in any case.
        description = cursor.description = over.description
        cursor._is_told = True
        if not self._tells_when_closed:
            cursor._is_bound = True
        if description is None:
            cursor.rowcount = over.rowcount
        elif self.cursors is not None:
            self.cursors.add(weakref.ref(cursor, self.cursors.discard))
        return True

    def _is_said_again(self, said: Said, text: str) -> bool:
        """Whether in a transaction that has begun it is said again, and nothing of it must be minded.

        As `AtOnce.answer` and `before`, in fewer steps.
        """
        passing = self._passing
        if (
            self.directive is not USUAL
            or heard.debug
            or passing.sessions.marks
            or self._held is None
            or self._fairy.dbapi_connection is None
        ):
            return False
        (_, effect, _, _, _), versions, is_bypass, _, _ = said
        if effect is not None:
            written = passing.writes.written_plainly(effect, text)
            if written:
                so_far = self._pending.written
                if not self._is_taken_back or so_far is None:
                    return False
                return so_far is written or written <= so_far
            if written is None:
                return False
        if is_bypass:
            for state, version in versions:
                if state.version != version or state.schema is None:
                    return False
        return not is_bypass or self.bypass_reason is None

    def _found(self, cursor: PassingCursor, key: Key, parameters: Any) -> bool | tuple[Any, Minded | None]:
        """As `take_at_once`, of hits, and of what must be minded: what `before` gives if it is to be sent."""
        text, at_once = key[0], self.at_once
        if not (key in at_once.texts or key in at_once.resting or key in at_once.special):
            if not self.is_usual:
                return False
            rows, ready = self._passing.front.rows_at_once(text, parameters)
            if rows is None or ready is None:
                return False
            cursor._is_fresh = False
            cursor._take_rows(rows, ready.bound)
            return True
        answer = at_once.answer(self, key, parameters)
        if answer is None:
            return False
        if answer.keeping is not None or answer.instead is not None:
            cursor._is_fresh = False
            cursor._ask_or_instead(answer, text, parameters)
            return True
        remember_status(answer.status)
        if (listener := listening.get()) is not None:
            self.tell(listener, answer)
        return self.before(answer.effect, text)

    def told(self, name: str) -> Any:
        """An attribute of the driver's connection; what executes there goes through a cursor of ours."""
        if name in _BY_A_CURSOR and _is_the_drivers_own(type(self.take()), name):
            return partial(self._by_a_cursor, name)
        return super().told(name)

    def _by_a_cursor(self, name: str, *given: Any, **keywords: Any) -> PassingCursor:
        cursor = self.cursor()
        getattr(cursor, name)(*given, **keywords)
        return cursor

    # -- what the executor asks ------------------------------------------------------------

    @property
    def bypass_reason(self) -> str | None:
        """Why this connection's reads are the origin's, whatever they are; None if they aren't."""
        passing = self._passing
        if passing.is_thread_bound and passing.is_another_database:
            return "each thread has a database of its own"
        if self._is_out_of_sight:
            return "the driver's connection was handed out"
        if self._is_failed:
            return "its transaction has failed"
        if passing.shares_connection and passing.busy - {id(self)}:
            return "its connection is in another's transaction"
        if self._pending.written != NOTHING and passing.transactions != "always":
            return "its transaction has written"
        if self.is_explicit and passing.transactions == "never":
            return "it is in a transaction"
        if self._local is not None:
            return self._local
        if passing.sessions.marks and (why := self._why_it_differs()) is not None:
            return why
        return passing.origin.isolation_reason(self._options)

    def _why_it_differs(self) -> str | None:
        return self._passing.why_mixed(self._pool_of_held()) or Sessions.why(self._info())

    @property
    def is_usual(self) -> bool:
        """Whether there is nothing by which a hit would be none, but a directive."""
        return self._pending.written == NOTHING and self.bypass_reason is None

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
        if self.has_begun and self._pending:
            # It may hold locks for which a fill on another connection would wait for ever.
            return "its transaction has written"
        if passing.shares_connection and passing.busy:
            # A fill would be in that transaction, and its end would be the transaction's.
            return "its connection is shared, and in a transaction"
        if self._is_the_last() and not self._may_be_lent():
            return "the pool has no second connection to spare"
        return None

    @property
    def is_idle(self) -> bool:
        """Whether nothing was sent since the last commit or rollback: no lock is held."""
        return not self.has_begun

    @property
    def reads_the_present(self) -> bool:
        """Whether a statement sent now reads what anybody else would read."""
        if self._pending or self._is_out_of_sight or self._is_failed:
            return False
        if self.cursors and any(
            (cursor := each()) is not None and cursor.is_reading for each in list(self.cursors)
        ):
            # SQLite goes on to show the moment of a cursor that wasn't read to its end, also after a commit.
            return False
        return not self.has_begun or (
            self._passing.origin.family == "postgresql"
            and self._local is None
            # What is asked holds for all: a session that differs may have another level.
            and not (self._passing.sessions.marks and Sessions.knows(self._record_info))
            and self._passing.reads_each_anew(self._held, self._options)
        )

    def make_ready(self) -> bool:
        """Check the driver's connection out, if it isn't; whether it reads as the others do."""
        driver = self.take()
        return (
            self.bypass_reason is None
            and self.reads_the_present
            and not self._passing.origin.may_read_uncommitted(driver, self._options)
        )

    def _is_the_last(self) -> bool:
        """Whether to wait for a second connection might be to wait for ever."""
        return self._held is not None and not self._passing.origin.has_spare_connection()

    def _may_be_lent(self) -> bool:
        """Whether what is held may be asked, as far as is known here: the server is asked, too."""
        passing = self._passing
        return (
            passing.lends
            and not self._is_unsuitable
            and not self._pending
            and self.bypass_reason is None
            and is_lendable(passing.origin)
        )

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[OriginConnection]:
        """A read-only connection for a fill or the catalogue: the one held only if there is no other."""
        if self.directive.way == "only":
            raise GiveUp("the origin would have to be asked about it")
        is_lent = self._is_the_last() and self._may_be_lent()
        try:
            connection = self._lend() if is_lent else self._passing.origin.connect_for_fill()
        except SessionDiffers as error:
            raise GiveUp(str(error)) from None
        try:
            if not is_lent:
                with driver_errors():
                    connection.wait_briefly()
            yield connection
        finally:
            connection.release()
            if is_lent and not connection.is_usable:
                self._is_lost = True

    @property
    def has_lost_its_own(self) -> bool:
        """What it held was closed while it was lent: its next statement meets that, as without a cache."""
        return self._is_lost

    def _lend(self) -> LentConnection:
        # As after the statement itself, if the origin had got that: a transaction has begun there.
        self._sending()
        is_autocommit = self._is_autocommit() and not self._is_open_by_text
        try:
            return LentConnection(self._passing.origin, self._fairy, is_autocommit=is_autocommit)
        except Unsuitable as error:
            self._is_unsuitable = True
            if error.is_usual and not self._is_open_by_text:
                self._passing.lends = False
                log.info("connections that are held aren't lent to fills: {}", error.reason)
            raise GiveUp(error.reason) from None
        except BaseException:
            self._is_lost = self._is_lost or self._fairy.dbapi_connection is None
            raise

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


def _is_the_drivers_own(kind: type, name: str) -> bool:
    """Whether a connection's method is of a driver of which it is known, and not a program's in its place."""
    owner = next((each for each in kind.__mro__ if name in vars(each)), None)
    return owner is not None and owner.__module__.partition(".")[0] in _WHOSE_ARE
