"""What the origin says of its tables and functions, asked for when a statement first needs it."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator

from sqlmem.borrowing import Borrower, NotAsked
from sqlmem.catalogue import Spelling, UnknownTable
from sqlmem.determinism import NO_LISTED_CALL
from sqlmem.dialects import Facts
from sqlmem.filling import LOCKED
from sqlmem.locks import is_lock_timeout
from sqlmem.logs import heard, log
from sqlmem.origin import Origin
from sqlmem.origin_connection import OriginConnection
from sqlmem.plan import Refuse
from sqlmem.registry import Registry, TableState
from sqlmem.unreadable import Unanswered, Unreadable, Unreadables

# To read a definition, between two invalidations of whichever table.
_ATTEMPTS = 3
_TOO_FAST = "tables are invalidated faster than its definition can be read"
_NOT_ASKED = "whose functions it calls couldn't be asked"


class Definitions:
    """Safe for use by many threads."""

    def __init__(self, origin: Origin, registry: Registry) -> None:
        self._origin = origin
        self._registry = registry
        self._unreadables = Unreadables(registry.clock)
        # By which facts the plans that are current may have been made.
        self._meant: Facts | None = None
        # PostgreSQL: name of a function -> whether only the origin itself has made functions of this name;
        # and how often definitions had been forgotten then. Replaced as a whole.
        self._own_functions: tuple[int, dict[str, bool]] = (0, {})

    def resolve(self, spelling: Spelling, borrower: Borrower) -> TableState:
        """The table that statements mean by a spelling, reflected if it isn't known yet.

        Raises:
            UnknownTable: there is none.
            NotAsked: the pool has no connection for it, or the borrower's transaction sees an earlier
                moment, and an older definition.
            Refuse: it is locked, or something is invalidated all the time.
            The driver's exceptions.
        """
        try:
            return self._told(spelling, borrower)
        except Unanswered as unanswered:
            raise unanswered.error from None

    def known(self, spelling: Spelling, borrower: Borrower) -> TableState:
        """As `resolve`; but raises `Unreadable` if the origin answers, and not this."""
        known = self._registry.resolve(spelling)
        if known is not None:
            return known
        self._unreadables.check(spelling)
        try:
            return self._told(spelling, borrower)
        except Unanswered as unanswered:
            raise self.unreadable(spelling, unanswered) from None

    def unreadable(self, spelling: Spelling, unanswered: Unanswered) -> Unreadable:
        """Note that the origin couldn't tell what a statement needs to know of its table."""
        return self._unreadables.note(spelling, unanswered.error)

    def _told(self, spelling: Spelling, borrower: Borrower) -> TableState:
        registry, origin = self._registry, self._origin
        state = registry.resolve(spelling)
        attempts = 0
        while state is None:
            attempts += 1
            if attempts > _ATTEMPTS:
                # Whoever invalidates all the time mustn't keep others waiting: the origin answers.
                raise Refuse(_TOO_FAST)
            reason = borrower.past_reason
            if reason is not None:
                raise NotAsked(reason, lambda: registry.resolve(spelling) is None)
            invalidations = registry.invalidations
            try:
                with asked(borrower) as connection:
                    schema = connection.reflect(spelling)
                    self._mind(origin.known_facts, origin.facts(connection, since=invalidations))
            except Unanswered as unanswered:
                if is_lock_timeout(unanswered.error):
                    raise Refuse(LOCKED) from None
                raise
            state = registry.define(spelling, schema, invalidations=invalidations)
            if state is not None and heard.debug:
                log.debug("reflected {} ({} columns)", schema.name, len(schema.columns))
        return state

    def _mind(self, before: Facts | None, found: Facts) -> None:
        """Before a table is defined again: if names mean something else by now, no plan is what it was.

        Each who defines one minds it, though somebody else may be about to: no plan is current in between.
        """
        before = before if self._meant is None else self._meant
        if before is not None and before is not found and before != found:
            self._registry.outdate_all()
        self._meant = found

    def facts(self, borrower: Borrower) -> Facts:
        """The origin's, asked for if they aren't known."""
        known = self._origin.known_facts
        if known is not None:
            return known
        with asked(borrower) as connection:
            return self._origin.facts(connection)

    def why_foreign(self, names: Collection[str], borrower: Borrower) -> str | None:
        """PostgreSQL: that a function of one of these names isn't its own, or couldn't be asked for."""
        since, own = self._own_functions
        if since != self._registry.invalidations:
            since, own = self._registry.invalidations, {}
        if new := sorted(name for name in names if name not in own):
            if borrower.past_reason is not None:
                return _NOT_ASKED
            try:
                with asked(borrower) as connection:
                    foreign = connection.foreign_functions(new)
            except Unanswered:
                return _NOT_ASKED
            own = own | {name: name not in foreign for name in new}
            self._own_functions = since, own
        found = next((name for name in sorted(names) if not own[name]), None)
        return None if found is None else NO_LISTED_CALL.format(found)


@contextlib.contextmanager
def asked(borrower: Borrower) -> Iterator[OriginConnection]:
    """A connection for a question of ours. What it raises is `Unanswered`, unless it is lost."""
    with borrower.borrowed() as connection:
        try:
            yield connection
        except UnknownTable:
            raise
        except Exception as error:
            if not connection.is_usable:
                raise
            raise Unanswered(error) from error
