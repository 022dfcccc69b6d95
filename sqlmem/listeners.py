"""Who listens to two engines that are one to a program: each listener hears once.

SQLAlchemy joins the events of a Connection with its engine's, which are of two classes. Two engines have
those in common that are listened for on `Engine` itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.event.attr import _JoinedListener


class _JoinedOnce(_JoinedListener[Any]):
    """Of one event: our engine's listeners and its class's, then what is listened for on the other engine."""

    __slots__ = ()

    @property
    def listeners(self) -> Collection[Any]:  # type: ignore[override]
        local: Any = self.local
        return list(_without(getattr(self.parent_dispatch, self.name), local.parent_listeners))


def _without(collection: Any, heard: Collection[Any]) -> Iterator[Any]:
    if isinstance(collection, _JoinedListener):  # of an engine that `execution_options` has made
        yield from _without(collection.local, heard)
        yield from _without(collection.listeners, heard)
    else:
        yield from (listener for listener in collection.parent_listeners if listener not in heard)
        yield from collection.listeners


_CLASS: Any = Engine
_Joined: Any = _CLASS.dispatch._joined_dispatch_cls  # noqa: SLF001 - as `_join` of SQLAlchemy's own


class _JoinedEngines(_Joined):  # type: ignore[misc]
    """The dispatcher of our engine, joined with the other's as SQLAlchemy does it for a Connection."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        local = getattr(self.local, name)
        listeners = _JoinedOnce(self.parent, local.name, local)
        setattr(self, local.name, listeners)  # found first from now on
        return listeners


def join_once(engine: Engine, other: Engine) -> None:
    """Let who listens to `other`, now or later, hear of `engine` too; the reverse doesn't hold.

    What is listened for on a class that both engines are of is called once for each event, as for any engine.
    """
    ours: Any = engine
    ours.dispatch = _JoinedEngines(ours.dispatch, other.dispatch)
