"""The lazy connection of transparent mode, behind a `StandIn`: it takes a driver's connection when it must.

Rule 1: whatever reaches the driver's connection goes through `acting`, with what it does there; what can't be
followed (the driver's connection handed out) may have done anything.
Rule 2: nothing is filled over it while the pool has another one: its rows could be those of a transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple

from sqlmem.answers import Local, Remote
from sqlmem.dependencies import Listener
from sqlmem.directives import USUAL
from sqlmem.effects import Control, Effect, Session, Spelling
from sqlmem.effects.base import unknown
from sqlmem.filling import GiveUp
from sqlmem.keeping import Keeping
from sqlmem.lent import LentConnection, Unsuitable, is_lendable
from sqlmem.logs import log
from sqlmem.manners import is_in_transaction
from sqlmem.origin import SessionDiffers
from sqlmem.origin_connection import OriginConnection, driver_errors
from sqlmem.passing_cursor import PassingCursor
from sqlmem.passing_session import Differing
from sqlmem.passing_shared import Passing
from sqlmem.pending import EVERYTHING, NOTHING, matcher_of
from sqlmem.registry import TableState
from sqlmem.sessions import Sessions
from sqlmem.table_state import is_touched

# What sqlite3, psycopg and SQLAlchemy's adapters let a connection do: a cursor is made for it, and given.
_BY_A_CURSOR = frozenset({"execute", "executemany", "executescript"})
_WHOSE_ARE = frozenset({"sqlite3", "psycopg", "sqlalchemy"})
# A second phase may be another connection's transaction; the rest may be anything.
_UNFOLLOWED = frozenset({Control.COMMIT_PREPARED, Control.OTHER})
# What an isolation level may come with.
_OPENING = frozenset({Control.BEGIN, Control.SET})


class Minded(NamedTuple):
    """What to do when a statement that was sent has succeeded or failed.

    Attributes:
        variables: by which the session may differ then.
        window: around it, if it takes effect at once.
        definitions: how many there were when it was judged.
    """

    effect: Effect
    variables: frozenset[str]
    window: AbstractContextManager[None] | None
    is_same_session: bool
    is_autocommit: bool
    definitions: int


class Acting:
    """Around what is sent to the driver's connection in more than one call."""

    __slots__ = ("_connection", "_effect", "_minded", "_text")

    _minded: Minded | None

    def __init__(self, connection: PassingConnection, effect: Effect | None, text: str) -> None:
        self._connection = connection
        self._effect = effect
        self._text = text

    def __enter__(self) -> Any:
        driver, self._minded = self._connection.before(self._effect, self._text)
        return driver

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.ended(self._minded, error)


class PassingConnection(Differing):
    """What the pool of a transparent engine holds. For one thread at a time, as PEP 249 allows."""

    keeping: Keeping | None = None

    def __init__(self, passing: Passing) -> None:
        super().__init__(passing)
        self.manners = passing.origin.manners
        # PEP 249's. No method: one is made for each statement. Arguments are how drivers are asked for a
        # server-side cursor.
        self.cursor = partial(PassingCursor, self, passing.executor, passing.origin)

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

    def acting(self, effect: Effect | None, text: str) -> Acting:
        """Around whatever is sent to the driver's connection, which it gives: `before` and `ended`.

        Args:
            effect: what it does; None for nothing.
            text: the statement's.
        """
        return Acting(self, effect, text)

    def before(self, effect: Effect | None, text: str) -> tuple[Any, Minded | None]:
        """Something is about to be sent to the driver's connection: that one, and what to mind of it."""
        driver, passing = self._held, self._passing
        if driver is None:
            driver = self.take()
        elif self._fairy.dbapi_connection is None and not self._is_lost:
            self._given_back()
        if is_first := not self.has_begun:
            # As `_sending`.
            self.has_begun, self._is_taken_back, self._begun_with = True, False, passing.writes.definitions
            if passing.shares_connection:
                passing.busy.add(id(self))
        if effect is None:
            return driver, None
        if self.directive is USUAL and not passing.sessions.marks:
            # Most statements: whether they succeed or fail, nothing has to be done afterwards.
            written = passing.writes.written_plainly(effect, text)
            if written is not None:
                if not written:
                    return driver, None
                if self._is_taken_back or self._will_be_taken_back():
                    pending = self._pending
                    if pending.written == NOTHING:
                        pending.written = written
                    elif pending.written is not written:
                        pending.add(written)
                    return driver, None
        try:
            return driver, self._mind(effect, text, is_first=is_first)
        except BaseException:
            self._failed()
            raise

    def ended(
        self,
        minded: Minded | None,
        error: BaseException | None,
        cursor: PassingCursor | None = None,
        text: str = "",
    ) -> None:
        """What was sent has succeeded, or failed with this.

        Args:
            cursor: by which it was sent, if that may go on reading its answer.
            text: the statement's.
        """
        try:
            if minded is not None:
                if minded.window is not None and (
                    error is not None
                    or cursor is None
                    or not cursor.keeps_open(minded.window, minded.effect, text)
                ):
                    trace = None if error is None else error.__traceback__
                    minded.window.__exit__(None if error is None else type(error), error, trace)
                    if minded.definitions != self._passing.writes.definitions:
                        # It may have waited for a definition's lock: it was judged by what was before.
                        self._passing.writes.lose_everything()
                if error is None:
                    self._after(minded)
                    if not minded.is_same_session and self.directive.invalidates is None:
                        calls = ", ".join(sorted(minded.effect.calls))
                        self._passing.sessions.mark(self._info(), f"the session may differ: {calls}")
        except BaseException:
            self._failed()
            raise
        if error is not None:
            if minded is not None and (minded.effect.is_unfollowed or self._is_unclear):
                self._look_at_transaction()  # a part of it may have happened
            self._failed()

    def _will_be_taken_back(self) -> bool:
        """Whether a rollback takes back what is written now, and it reaches what the catalogue tells."""
        is_so = not (self._is_clouded or self._is_unclear) and (
            self._is_open_by_text or not self._is_autocommit()
        )
        if is_so:
            self._is_taken_back = True
        return is_so

    def _failed(self) -> None:
        if self._passing.origin.family == "postgresql" and not self._is_autocommit():
            self._is_failed = True
        # A deadlock ends it, or what a statement says is to be done after an error.
        if self._is_open_by_text:
            self._is_unclear, self._is_taken_back = True, False

    def _mind(self, effect: Effect, text: str, *, is_first: bool) -> Minded | None:
        """Keep account of what a statement will do. The window is open when this returns.

        Args:
            is_first: in its transaction.
        """
        passing, pending, info = self._passing, self._pending, self._record_info
        is_by_itself = self._is_autocommit() and not self._is_open_by_text
        definitions = passing.writes.definitions if is_by_itself else self._begun_with
        self._is_taken_back = False
        if self._is_failed and effect.is_read:
            return None  # the origin refuses it
        if effect.savepoint is not None and passing.origin.family == "sqlite":
            effect = self._as_sqlite_takes(effect)
        temporary: frozenset[Spelling] = frozenset()
        is_known = bool(info) and Sessions.knows(info)
        if is_known:
            temporary = Sessions.temporary(info)
            if Sessions.reads_otherwise(info):
                effect = unknown("its session reads text by other rules")
        is_told = self.directive.invalidates is not None
        if effect.control in _UNFOLLOWED and not is_told:
            written = EVERYTHING
        elif pending.written is EVERYTHING and effect.writes != NOTHING:
            written = EVERYTHING  # that is known already
        elif (
            effect.writes == NOTHING
            and not is_told
            and (effect.variables or (effect.control in _OPENING and _is_alone(effect, text)))
        ):
            # Nothing is asked: an isolation level must come first in its transaction, be it behind what
            # sets variables.
            written = NOTHING
        else:
            named = None if effect.is_definition else self.directive.invalidates
            written = passing.writes.written(effect, text, named, temporary, self._ask, as_of=self._as_of())
        if self._is_clouded and not is_told and written != NOTHING:
            written = EVERYTHING
        is_same_session = not effect.calls or passing.writes.leaves_session(
            effect, self._ask, as_of=self._as_of()
        )
        variables: frozenset[str] = frozenset()
        if effect.session is not Session.SAME and not effect.is_session_local and not is_told:
            variables = self._before_session(effect)
        elif effect.is_read and is_first and is_known:
            # Nothing was set in this transaction that its rollback would take back.
            self._look_back()
        # Before it is sent: what fails may have done a part.
        if written is None or written:
            pending.add(written)
        if effect.sets_up:
            self._sets_up = f"sessions may be set in several ways: {effect.reason}"
        is_autocommit = pending.written != NOTHING and self._is_autocommit() and not self._is_open_by_text
        is_at_once = pending.written != NOTHING and (
            effect.is_at_once
            or effect.is_unfollowed
            or is_autocommit
            or self._is_unclear
            or (
                passing.has_tables_without_transactions
                and not passing.writes.undone_by_rollback(written, self._ask, as_of=self._as_of())
            )
        )
        window = None
        if is_at_once or effect.control is Control.PREPARE:
            self._set_up()
        if is_at_once:
            defines = effect.is_definition or pending.written is EVERYTHING
            window = self._window(pending.written, defines=defines, is_late=effect.is_late)
            window.__enter__()
        return Minded(effect, variables, window, is_same_session, is_autocommit, definitions)

    def _as_of(self) -> int | None:
        """As of how many definitions the origin's catalogue is told here; None: as of now."""
        if self._is_autocommit() and not self._is_open_by_text:
            return None
        # What the transaction has defined itself isn't there for others, and may never be.
        return -1 if self._pending.written is EVERYTHING else self._begun_with

    def _as_sqlite_takes(self, effect: Effect) -> Effect:
        """A savepoint outside of a transaction begins one, which its release commits."""
        kind, name = effect.savepoint or ("", "")
        if effect.control is not None:
            return effect
        if kind == "set":
            is_open = is_in_transaction(self._held)
            if is_open is False:
                self._pending.forget_savepoints()
                return replace(effect, control=Control.BEGIN)
            self._is_unclear = self._is_unclear or is_open is None
        if kind == "release" and self._pending.is_ended_by(name):
            return replace(effect, control=Control.COMMIT, is_at_once=True)
        return effect

    def _after(self, minded: Minded) -> None:
        """What a statement has done to the transaction and the session."""
        effect = minded.effect
        if effect.temporary:
            Sessions.add_temporary(self._info(), effect.temporary)
        if effect.clouds:
            self._is_clouded = True
            self._is_unclear = self._is_unclear or self._is_open_by_text
        if effect.is_unfollowed or self._is_unclear:
            self._look_at_transaction()
        else:
            self._follow(effect, is_autocommit=minded.is_autocommit)
        if effect.session is Session.SAME or (
            effect.writes is None and self.directive.invalidates is not None
        ):
            return  # of a procedure the caller knows, who has said what it does
        self._after_session(effect, minded.variables)

    def _follow(self, effect: Effect, *, is_autocommit: bool) -> None:
        """What a statement has done to the transaction, by its words.

        Args:
            is_autocommit: what it wrote was committed.
        """
        match effect.savepoint:
            case None:
                pass
            case ("set", name):
                self._pending.set_savepoint(name)
                if effect.control is Control.BEGIN:
                    self._pending.begins = True
            case ("back", name):
                self._pending.roll_back_to(name)
                self._is_failed = False
            case ("release", name):
                self._pending.release(name)
        match effect.control:
            case Control.BEGIN:
                self._is_open_by_text = True
                self._begun_with = self._passing.writes.definitions
                is_autocommit = False
            case Control.COMMIT | Control.ROLLBACK | Control.PREPARE:
                # What it committed was in a window; what it prepared will be, with everything else.
                local = self._local if effect.is_chained else None
                self._is_open_by_text = effect.is_chained
                self._end()
                self._local = local
                is_autocommit = self._is_autocommit()
                self._is_unclear = not effect.is_chained and self._begins_no_other(
                    is_autocommit=is_autocommit
                )
            case None if effect.session is Session.SAME:
                pass
            case _:
                is_autocommit = self._is_autocommit()
        if is_autocommit and not self._is_open_by_text and self._pending:
            self._pending.clear()


def _is_alone(effect: Effect, text: str) -> bool:
    """Whether a text is one statement; one that calls nothing."""
    return not effect.calls and ";" not in text.rstrip("; \n")


def _is_the_drivers_own(kind: type, name: str) -> bool:
    """Whether a connection's method is of a driver of which it is known, and not a program's in its place."""
    owner = next((each for each in kind.__mro__ if name in vars(each)), None)
    return owner is not None and owner.__module__.partition(".")[0] in _WHOSE_ARE
