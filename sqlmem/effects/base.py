"""What a statement does beside answering: which tables it writes, when, and what the session is afterwards.

Rule 1: what isn't understood may write anything, at once, and leaves a session that differs.
Rule 2: nothing is parsed. Long lists of values are skimmed (`skimming`), the rest is judged by its words.
Rule 3: a statement does all that any of its parts does, in whatever order.
Rule 4: only what the gate proves a read is `is_read`. All else goes to the origin, also where it writes
nothing.

What the origin does by itself because of a statement (foreign keys, triggers, views) isn't here but in
`reach`.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

Spelling = tuple[str | None, str]

ALL_VARIABLES = "*"


class Session(enum.Enum):
    """What the session is afterwards, compared with others of the pool."""

    SAME = "same"
    DIFFERS = "differs"
    RESET = "reset"  # as the server opened it: DISCARD ALL. What the pool's own events set is gone, too


class Verb(enum.Enum):
    """How a table is written; triggers and foreign keys depend on it."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    TRUNCATE = "truncate"
    TRUNCATE_CASCADE = "truncate cascade"
    REFRESH = "refresh"
    DEFINE = "define"  # made, changed or dropped as a whole


class Control(enum.Enum):
    """Transactions controlled by text, behind the driver's back."""

    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    PREPARE = "prepare"  # PREPARE TRANSACTION, XA PREPARE: nothing is visible before the second phase
    COMMIT_PREPARED = "commit prepared"  # also XA COMMIT
    ROLLBACK_PREPARED = "rollback prepared"
    SET = "set"  # SET TRANSACTION: what this one or the next is like
    OTHER = "other"  # XA START, several in one text


class Write(NamedTuple):
    """A table that is written, as the statement spells it and the origin folds it."""

    schema: str | None
    name: str
    verb: Verb


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement does.

    Attributes:
        writes: the tables, as spelled, folded as the origin folds (SQLite's in lower case, MariaDB's as
            written); None: it may write anything; empty: it writes nothing by itself.
        verbs: the same with how; empty where `writes` is None.
        is_read: proven one by the gate, so that a cache may answer; calls may still write.
        is_at_once: it takes effect without waiting for the DBAPI transaction's commit, or beyond what a
            rollback undoes.
        is_late: the rows may come after the origin's answer: INSERT DELAYED.
        is_definition: definitions change.
        fires: PostgreSQL: event triggers run because of it, where there are any.
        sets_up: sessions that begin later are set otherwise by it.
        savepoint: set, rolled back to or released, with its folded name; the last of several.
        control: the transaction is controlled by text, or by the way: MariaDB commits before DDL and others.
        is_chained: where it ends a transaction, another one of the same kind begins.
        is_unfollowed: how it leaves the transaction isn't said by `control` and `savepoint`: one of several
            statements controls it, or it begins another one.
        session: see `Session`.
        is_session_local: what it sets ends with the transaction.
        variables: those by which the session differs; empty if it may differ otherwise. `ALL_VARIABLES`
            among them stands for any.
        may_be_back: they may have again the values that they had: RESET and its like.
        calls: functions called whose effect only the origin knows, in lower case, without schema.
        temporary: temporary tables that it makes.
        clouds: what later writes of this session reach isn't in the catalogue that others see: a temporary
            trigger. They may write anything.
        reason: what was seen, for people: "INSERT writes orders".
    """

    writes: frozenset[Spelling] | None = frozenset()
    verbs: frozenset[Write] = frozenset()
    is_read: bool = False
    is_at_once: bool = False
    is_late: bool = False
    is_definition: bool = False
    fires: bool = False
    sets_up: bool = False
    savepoint: tuple[Literal["set", "back", "release"], str] | None = None
    control: Control | None = None
    is_chained: bool = False
    is_unfollowed: bool = False
    session: Session = Session.SAME
    is_session_local: bool = False
    variables: frozenset[str] = frozenset()
    may_be_back: bool = False
    calls: frozenset[str] = frozenset()
    temporary: frozenset[Spelling] = frozenset()
    clouds: bool = False
    reason: str = field(default="", compare=False)

    @property
    def is_plain(self) -> bool:
        """Whether by its words it only reads, locks and writes tables; what its calls do isn't said."""
        return (
            self.session is Session.SAME
            and self.control is None
            and self.savepoint is None
            and not (self.is_at_once or self.is_definition or self.clouds)
            and not (self.variables or self.temporary or self.is_unfollowed)
        )

    @property
    def is_harmless(self) -> bool:
        """Whether it is proven to change nothing, neither rows nor definitions nor session."""
        return self.is_read and self.writes == frozenset() and not self.calls


UNKNOWN = Effect(
    writes=None,
    is_at_once=True,
    is_definition=True,
    control=Control.OTHER,
    session=Session.DIFFERS,
    clouds=True,
    reason="it isn't understood",
)


def unknown(reason: str) -> Effect:
    """It may do anything."""
    return replace(UNKNOWN, reason=reason)


def writing(writes: Iterable[Write], reason: str) -> Effect:
    """It writes these tables and does nothing else."""
    verbs = frozenset(writes)
    return Effect(frozenset((each.schema, each.name) for each in verbs), verbs, reason=reason)


def union(effects: Iterable[Effect]) -> Effect:
    """What a text of several statements does."""
    return functools.reduce(_joined, effects)


def _controls(effect: Effect) -> bool:
    return effect.control is not None or effect.savepoint is not None


def _joined(one: Effect, other: Effect) -> Effect:
    writes = None if one.writes is None or other.writes is None else one.writes | other.writes
    sessions = {one.session, other.session}
    control: Control | None
    if one.control is None or other.control is None:
        control = one.control or other.control
    else:
        control = one.control if one.control is other.control else Control.OTHER
    return Effect(
        writes=writes,
        verbs=frozenset() if writes is None else one.verbs | other.verbs,
        is_read=one.is_read and other.is_read,
        is_at_once=one.is_at_once or other.is_at_once,
        is_late=one.is_late or other.is_late,
        is_definition=one.is_definition or other.is_definition,
        fires=one.fires or other.fires,
        sets_up=one.sets_up or other.sets_up,
        savepoint=other.savepoint or one.savepoint,
        control=control,
        is_chained=one.is_chained if other.control is None else other.is_chained,
        is_unfollowed=one.is_unfollowed or other.is_unfollowed or _controls(one) or _controls(other),
        # RESET and then SET: it differs. SET and then RESET: so it is taken, too.
        session=next(each for each in (Session.DIFFERS, Session.SAME, Session.RESET) if each in sessions),
        # What stays longer counts.
        is_session_local=all(
            each.is_session_local for each in (one, other) if each.session is Session.DIFFERS
        )
        and (one.is_session_local or other.is_session_local),
        # Where one of them does something else, that isn't all.
        variables=one.variables | other.variables if one.variables and other.variables else frozenset(),
        may_be_back=one.may_be_back or other.may_be_back,
        calls=one.calls | other.calls,
        temporary=one.temporary | other.temporary,
        clouds=one.clouds or other.clouds,
        reason="; ".join(dict.fromkeys(each for each in (one.reason, other.reason) if each)),
    )


__all__ = [
    "ALL_VARIABLES",
    "UNKNOWN",
    "Control",
    "Effect",
    "Session",
    "Spelling",
    "Verb",
    "Write",
    "union",
    "unknown",
    "writing",
]
