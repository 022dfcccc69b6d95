"""What a program or a dialect holds in place of the driver's connection, in transparent mode.

It has the names of PEP 249 and whatever else the driver's connection has. What is asked for each statement is
asked of the connection behind it: whoever can be asked for names that it doesn't have takes ten times as long
to tell those that it has.
"""

from __future__ import annotations

from typing import Any, Protocol

# Of the connection behind it; all else is the driver's.
_BEHIND = frozenset(
    {
        "broken",
        "close",
        "closed",
        "commit",
        "cursor",
        "is_closed",
        "rollback",
        "terminate",
        "tpc_begin",
        "tpc_commit",
        "tpc_prepare",
        "tpc_rollback",
    }
)


class Connection(Protocol):
    """The connection behind it."""

    def told(self, name: str) -> Any:
        """An attribute of the driver's connection."""

    def set(self, name: str, value: Any) -> None:
        """Set one."""


class StandIn:
    """For one thread at a time, as PEP 249 allows.

    Attributes:
        behind: the connection.
    """

    __slots__ = ("__weakref__", "behind")

    behind: Any

    def __init__(self, behind: Connection) -> None:
        object.__setattr__(self, "behind", behind)

    @property
    def _connection(self) -> Any:
        """What asyncpg's dialect asks whether the connection is lost."""
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.behind, name) if name in _BEHIND else self.behind.told(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.behind.set(name, value)
