"""Every error that sqlmem itself raises.

    SqlmemError
    ├── SettingsError            a setting has a value that cannot be used (also a ValueError)
    ├── StatementRefused         strict mode does not run this statement
    │   ├── ReadOnlyError        it writes, locks, changes the session, or isn't proven a read
    │   └── UnsupportedQueryError  it is a read, of a form that strict mode does not answer
    ├── NotCachedError           a statement that only the store may answer isn't answered by it
    ├── ClosedError              the engine was closed
    └── StoreError               the store could not keep something; the caller is answered by the origin

What the origin raised is never wrapped in one of these: it reaches the caller as it
would have reached it through the wrapped engine.
"""

from __future__ import annotations


class SqlmemError(Exception):
    """Base of all errors of sqlmem."""


class SettingsError(SqlmemError, ValueError):
    """A setting has a value that cannot be used; the message names the setting and its source."""


class StatementRefused(SqlmemError):
    """Strict mode does not run this statement. Nothing of it reached the origin.

    Attributes:
        statement: the text as it reached the cursor; parameters are never part of it.
        reason: what was seen.
        hint: what to do instead.
    """

    def __init__(self, statement: str, reason: str, hint: str) -> None:
        super().__init__(statement, reason, hint)
        self.statement = statement
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.reason}. {self.hint}\n[statement: {_shortened(self.statement)}]"


class ReadOnlyError(StatementRefused):
    """The statement writes, locks or changes the session, or isn't proven a read."""


class UnsupportedQueryError(StatementRefused):
    """The statement reads in a form that strict mode does not answer (``*``, a join)."""


class NotCachedError(SqlmemError):
    """A statement was to be answered by the store only (``sqlmem="only"``), and the store can't.

    Nothing of it reached the origin.

    Attributes:
        statement: the text as it reached the cursor; parameters are never part of it.
        reason: why the store can't.
    """

    def __init__(self, statement: str, reason: str) -> None:
        super().__init__(statement, reason)
        self.statement = statement
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"The store doesn't answer this: {self.reason}. Ask without sqlmem='only', or warm() the table\n"
            f"[statement: {_shortened(self.statement)}]"
        )


class ClosedError(SqlmemError):
    """The engine was closed; make a new one."""


class StoreError(SqlmemError):
    """The store could not keep something. What it held before is unchanged."""


def _shortened(statement: str, limit: int = 500) -> str:
    flat = " ".join(statement.split())
    return flat if len(flat) <= limit else f"{flat[:limit]}… ({len(flat)} characters)"
