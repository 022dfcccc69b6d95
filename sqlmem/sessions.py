"""Which driver connections of the wrapped engine's pool see something else than the others do.

A connection whose variables were set differs until they are seen to have the values again that they had
before: RESET gives what a connection began with, and the pool's own events may have set something else since.

A mark is kept with the driver's connection, in its pool record's `info`, which SQLAlchemy empties when
that connection is closed; so it lasts exactly as long. While there is any, whoever wants an answer from the
store must first look which connection it has got.

Those of one pool are alike until something sets up later ones otherwise (ALTER ROLE … SET). Then nobody knows
which of them a statement will have, until the pool is replaced by another: `dispose`.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from sqlmem.effects.base import ALL_VARIABLES

_KEY = "sqlmem_session"
_ORIGINALS = "sqlmem_variables"
_TEMPORARY = "sqlmem_temporary"


# Settings by which a server reads the text of statements: where a literal ends.
_OF_TEXT = ("sql_mode", "standard_conforming_strings", "backslash_quote", "escape_string_warning")


class Mark:
    """On one driver connection.

    Attributes:
        why: in the words of the statement that changed the session.
        reads_otherwise: its statements can't be judged by their words any more.
        variables: those that were set, all of which had a value that is known.
        is_otherwise: it differs not only by these.
        may_be_back: they may have these values again.
    """

    __slots__ = (
        "__weakref__",
        "is_otherwise",
        "may_be_back",
        "reads_otherwise",
        "reference",
        "variables",
        "why",
    )

    reference: weakref.ref[Mark]

    def __init__(self, why: str) -> None:
        self.why = why
        self.reads_otherwise = False
        self.variables: set[str] = set()
        self.is_otherwise = False
        self.may_be_back = False


def _entered(mark: Mark, marks: set[weakref.ref[Mark]]) -> Mark:
    mark.reference = weakref.ref(mark, marks.discard)
    marks.add(mark.reference)
    return mark


class Sessions:
    """Safe for use by many threads: a set of weak references, whose operations are atomic.

    Attributes:
        marks: weak references to the marks; empty if no session differs. The hot path looks at it.
    """

    def __init__(self) -> None:
        # References that leave when what they mean does. Not a WeakSet, which is asked its length by five
        # calls: this is looked at before every statement.
        self.marks: set[weakref.ref[Mark]] = set()
        # Pools with connections that were set up in two ways, or in the old one, and as long as there are any
        # the mark of each. The latest is held until `settle`: its pool may be gone before anybody has looked.
        self._mixed: weakref.WeakKeyDictionary[Any, Mark] = weakref.WeakKeyDictionary()
        self.unsettled: Mark | None = None

    @property
    def any_differ(self) -> bool:
        return bool(self.marks)

    def mark(
        self,
        info: dict[Any, Any],
        why: str,
        variables: Iterable[str] = (),
        *,
        may_be_back: bool = False,
    ) -> None:
        """From now on this connection's session differs.

        Args:
            variables: all by which it does so now; none: it differs otherwise.
            may_be_back: some of them may have the values again that they had.
        """
        mark = info.get(_KEY)
        if mark is None:
            mark = info[_KEY] = _entered(Mark(why), self.marks)
        known = info.get(_ORIGINALS, {})
        names = set(variables)
        mark.variables |= names & known.keys()
        mark.is_otherwise = mark.is_otherwise or not names or not names <= known.keys()
        mark.may_be_back = mark.may_be_back or may_be_back
        if any(setting in why.lower() for setting in _OF_TEXT):
            mark.reads_otherwise = True

    def unsettle(self, pool: Any, why: str) -> Mark:
        """From now on this pool's connections may be set otherwise than those that it has."""
        mark = self._mixed[pool] = self.unsettled = _entered(Mark(why), self.marks)
        return mark

    def replaced(self, pool: Any, mark: Mark) -> None:
        """All connections that this pool will give are new."""
        if self._mixed.get(pool) is mark:
            del self._mixed[pool]

    def settle(self, mark: Mark | None) -> None:
        """What was known by the connections of a pool that has been replaced is forgotten."""
        if self.unsettled is mark:
            self.unsettled = None

    def why_mixed(self, pool: Any) -> str | None:
        """Why a pool's connections aren't known to be alike; None if they are."""
        mark = self._mixed.get(pool)
        return None if mark is None else mark.why

    def unmark(self, info: dict[Any, Any]) -> None:
        """Its session is as it was when it was opened."""
        info.pop(_TEMPORARY, None)
        mark = info.pop(_KEY, None)
        if mark is not None:
            self.marks.discard(mark.reference)

    # -- what variables were before they were set ------------------------------------------

    @staticmethod
    def is_otherwise(info: dict[Any, Any]) -> bool:
        """Whether the session differs not only by variables."""
        mark = info.get(_KEY)
        return mark is not None and mark.is_otherwise

    @staticmethod
    def unknown(info: dict[Any, Any], variables: Iterable[str]) -> set[str]:
        """Those of which isn't known what they were."""
        known: Mapping[str, Any] = info.get(_ORIGINALS, {})
        return set(variables) - known.keys()

    @staticmethod
    def remember(info: dict[Any, Any], values: Mapping[str, Any]) -> None:
        """Before variables are set: what they are. What is known already stays."""
        info[_ORIGINALS] = {**values, **info.get(_ORIGINALS, {})}

    @staticmethod
    def to_look_at(info: dict[Any, Any]) -> frozenset[str] | None:
        """The variables that may be as before; None if the session differs otherwise, or they can't be."""
        mark = info.get(_KEY)
        if mark is None or mark.is_otherwise or not mark.may_be_back:
            return None
        return frozenset(mark.variables - {ALL_VARIABLES})

    def look(self, info: dict[Any, Any], values: Mapping[str, Any] | None) -> None:
        """Whether all that `to_look_at` has named are as before; None: that couldn't be asked."""
        mark, originals = info[_KEY], info.get(_ORIGINALS, {})
        mark.may_be_back = False
        looked_at = mark.variables - {ALL_VARIABLES}
        if values is not None and all(values.get(name, self) == originals[name] for name in looked_at):
            self.unmark(info)

    @staticmethod
    def knows(info: dict[Any, Any]) -> bool:
        """Whether anything is kept here of this connection's session."""
        return _KEY in info or _TEMPORARY in info

    @staticmethod
    def reads_otherwise(info: dict[Any, Any]) -> bool:
        """Whether this connection's statements can't be judged by their words."""
        mark = info.get(_KEY)
        return mark is not None and mark.reads_otherwise

    @staticmethod
    def temporary(info: dict[Any, Any]) -> frozenset[tuple[str | None, str]]:
        """The temporary tables that this connection's statements have made."""
        names: frozenset[tuple[str | None, str]] = info.get(_TEMPORARY, frozenset())
        return names

    @staticmethod
    def add_temporary(info: dict[Any, Any], names: frozenset[tuple[str | None, str]]) -> None:
        info[_TEMPORARY] = info.get(_TEMPORARY, frozenset()) | names

    @staticmethod
    def why(info: dict[Any, Any]) -> str | None:
        """Why this connection's session differs; None if it doesn't."""
        mark = info.get(_KEY)
        return None if mark is None else mark.why
