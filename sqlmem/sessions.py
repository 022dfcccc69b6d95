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


class Mark:
    """On one driver connection. `why`: in the words of the statement that changed the session."""

    __slots__ = ("__weakref__", "why")

    def __init__(self, why: str) -> None:
        self.why = why


class Sessions:
    """Safe for use by many threads: a set of weak references, whose operations are atomic."""

    def __init__(self) -> None:
        self._marks: weakref.WeakSet[Mark] = weakref.WeakSet()

    @property
    def any_differ(self) -> bool:
        return len(self._marks) > 0

    def mark(self, info: dict[Any, Any], why: str) -> None:
        """From now on this connection's session differs."""
        if _KEY not in info:
            mark = Mark(why)
            info[_KEY] = mark
            self._marks.add(mark)

    def unmark(self, info: dict[Any, Any]) -> None:
        """Its session is as it was when it was opened."""
        mark = info.pop(_KEY, None)
        if mark is not None:
            self._marks.discard(mark)

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
