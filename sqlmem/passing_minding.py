"""What a transparent connection's statements do to its transaction and session: the account that is kept.

Rule: the window around what takes effect at once is open before it is sent; and what can't be told of a
transaction, its driver is asked, who knows without asking the origin.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any, NamedTuple

from sqlmem.directives import USUAL
from sqlmem.effects import Control, Effect, Session, Spelling
from sqlmem.effects.base import unknown
from sqlmem.manners import is_in_transaction
from sqlmem.passing_cursor import PassingCursor
from sqlmem.passing_session import Differing
from sqlmem.pending import EVERYTHING, NOTHING, Written
from sqlmem.sessions import Sessions

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

    def __init__(self, connection: Minding, effect: Effect | None, text: str) -> None:
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


class Minding(Differing):
    """For one thread at a time."""

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
        written = self._reached(effect, text, temporary)
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

    def _reached(self, effect: Effect, text: str, temporary: frozenset[Spelling]) -> Written:
        """The tables that a statement changes, as far as anybody can tell."""
        pending, is_told = self._pending, self.directive.invalidates is not None
        if effect.control in _UNFOLLOWED and not is_told:
            return EVERYTHING
        if pending.written is EVERYTHING and effect.writes != NOTHING:
            return EVERYTHING  # that is known already
        if (
            effect.writes == NOTHING
            and not is_told
            and (effect.variables or (effect.control in _OPENING and _is_alone(effect, text)))
        ):
            # Nothing is asked: an isolation level must come first in its transaction, be it behind what
            # sets variables.
            return NOTHING
        named = None if effect.is_definition else self.directive.invalidates
        written = self._passing.writes.written(effect, text, named, temporary, self._ask, as_of=self._as_of())
        return EVERYTHING if self._is_clouded and not is_told and written != NOTHING else written

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
