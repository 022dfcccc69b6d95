"""Whether the session of a transparent connection sees what others see, and whether it does so again.

Rule: a session that differed by its variables is as others again only when the server has said that they have
the values that they had before the first of them was set, and that no rollback changes them back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any, cast

from sqlmem.effects import Effect, Session
from sqlmem.effects.base import ALL_VARIABLES
from sqlmem.effects.variables import tells, values_text
from sqlmem.passing_commit import Committing
from sqlmem.sessions import Sessions
from sqlmem.writes import Unreachable


class Differing(Committing):
    """For one thread at a time."""

    def _before_session(self, effect: Effect) -> frozenset[str]:
        """Before it is sent, what changes the session by variables only: ask what these are.

        Returns:
            The variables that it may change; none if it changes the session otherwise.
        """
        info, family = self._info(), self._passing.origin.family
        if not effect.variables or self._local is not None or self._is_failed or Sessions.is_otherwise(info):
            return frozenset()  # SET LOCAL's value isn't what the session had
        names = effect.variables
        unknown = sorted(Sessions.unknown(info, names))
        if family == "postgresql":
            # A SELECT would be the first query of its transaction, after which SET TRANSACTION is refused.
            for name in unknown:
                if name == ALL_VARIABLES:
                    # Once; what it changes that no statement has set, it changes each time.
                    rows = self._rows("SHOW ALL")
                    found = {row[0].lower(): row[1] for row in rows if tells("postgresql", row[0])}
                    names |= found.keys()
                    Sessions.remember(info, {**found, name: None} if found else {})
                else:
                    Sessions.remember(info, {name: row[0] for row in self._rows(f"SHOW {name}")})  # noqa: B035
        elif unknown:
            Sessions.remember(info, self._values(unknown) or {})
        return names

    def _after_session(self, effect: Effect, variables: Iterable[str]) -> None:
        """What a statement has done to the session."""
        sessions, info, why = self._passing.sessions, self._info(), f"the session differs: {effect.reason}"
        if effect.session is Session.RESET and (Sessions.is_otherwise(info) or not variables):
            sessions.unmark(info)
        elif effect.is_session_local:
            self._local = why
        else:
            sessions.mark(info, why, variables, may_be_back=effect.may_be_back)
            if self._ends_at_once():
                self._look_back()

    def _ends_at_once(self) -> bool:
        """Whether what was set stays, whatever becomes of the transaction."""
        if self._passing.origin.family == "mysql":
            return True
        return self._is_autocommit() and not self._is_open_by_text

    def _look_back(self) -> None:
        """Whether the session is as others again, if it may be."""
        info = self._info()
        variables = Sessions.to_look_at(info)
        if variables is not None:
            self._passing.sessions.look(info, self._values(variables) if variables else {})

    def _values(self, variables: Iterable[str]) -> dict[str, Any] | None:
        rows = self._rows(values_text(self._passing.origin.family, variables))
        return {str(name): value for name, value in rows} or None

    def _rows(self, question: str) -> list[tuple[Any, ...]]:
        """Nothing if that can't be asked."""
        try:
            return self._ask(question)
        except Unreachable as lost:
            raise lost.error from None
        except Exception:  # noqa: BLE001 - whatever the driver raises: then it isn't known
            return []

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
