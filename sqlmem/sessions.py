"""Which driver connections of the wrapped engine's pool see something else than the others do.

A mark is kept with the driver's connection, in its pool record's `info`, which SQLAlchemy empties when
that connection is closed; so it lasts exactly as long. While there is any, whoever wants an answer from the
store must first look which connection it has got.
"""

from __future__ import annotations

import weakref
from typing import Any

_KEY = "sqlmem_session"
_TEMPORARY = "sqlmem_temporary"


# Settings by which a server reads the text of statements: where a literal ends.
_OF_TEXT = ("sql_mode", "standard_conforming_strings", "backslash_quote", "escape_string_warning")


class Mark:
    """On one driver connection.

    Attributes:
        why: in the words of the statement that changed the session.
        reads_otherwise: its statements can't be judged by their words any more.
    """

    __slots__ = ("__weakref__", "reads_otherwise", "why")

    def __init__(self, why: str) -> None:
        self.why = why
        self.reads_otherwise = False


class Sessions:
    """Safe for use by many threads: a set of weak references, whose operations are atomic."""

    def __init__(self) -> None:
        self._marks: weakref.WeakSet[Mark] = weakref.WeakSet()

    @property
    def any_differ(self) -> bool:
        return len(self._marks) > 0

    def mark(self, info: dict[Any, Any], why: str) -> None:
        """From now on this connection's session differs."""
        mark = info.get(_KEY)
        if mark is None:
            mark = info[_KEY] = Mark(why)
            self._marks.add(mark)
        if any(setting in why.lower() for setting in _OF_TEXT):
            mark.reads_otherwise = True

    def unmark(self, info: dict[Any, Any]) -> None:
        """Its session is as it was when it was opened."""
        mark = info.pop(_KEY, None)
        if mark is not None:
            self._marks.discard(mark)

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
