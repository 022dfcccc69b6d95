"""How an engine comes to its connections, as far as its address doesn't say.

An application may pass `connect_args`, or a `creator` of its own, or listen to `do_connect`: then two engines
of one address may be connected to two databases.
"""

from __future__ import annotations

import secrets
import weakref
from collections.abc import Mapping
from typing import Any

# Of what only this process can tell from others, as long as it is there.
_tokens: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

# Whose `connect` an engine's pool calls if the application has no `creator`.
_SQLALCHEMYS = "sqlalchemy.engine.create"
_PLAIN = (str, int, float, bool, type(None))
# Whose objects say by what way a server is reached, not which.
_OF_TRANSPORT = frozenset({"ssl", "_ssl"})
# What makes no other database of it, and may differ from run to run; and what is secret.
_HARMLESS = ("application_name", "program_name", "timeout", "pass", "secret", "token", "key")


def makes_its_own(engine: Any) -> bool:
    """Whether the application's `creator` makes its connections: its address may be none."""
    return getattr(engine.pool._creator, "__module__", None) != _SQLALCHEMYS


def beyond_address(engine: Any) -> dict[str, Any]:
    """What an engine connects by that isn't in its URL: names and plain values, no secrets.

    A function of the application's own stands for itself by its name, if nothing is bound to it; else what it
    connects to is only known to be what it was before, in this process.

    Args:
        engine: SQLAlchemy's, none that is wrapped around it.
    """
    creator = engine.pool._creator
    if makes_its_own(engine):
        return {"creator": _name(creator, engine)}
    given = _given(creator)
    if given is None:  # another SQLAlchemy than those that are known
        return {"creator": _token(creator, engine)}
    usual = engine.dialect.create_connect_args(engine.url)[1]
    beyond = {name: value for name, value in given.items() if name not in usual or usual[name] != value}
    found: dict[str, Any] = _shown(beyond, engine)
    if engine.dialect._has_events:
        listeners = [_name(listener, engine) for listener in engine.dialect.dispatch.do_connect]
        if listeners:
            found["do_connect"] = listeners
    return found


def _shown(value: Any, engine: Any) -> Any:
    """A value of plain ones, without secrets; what can't be looked into is itself alone, in this process."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        names = [str(name) for name in value]
        return {
            name: _shown(each, engine)
            for name, each in zip(names, value.values(), strict=True)
            if not any(part in name.lower() for part in _HARMLESS)
        }
    if isinstance(value, list | tuple):
        return [_shown(each, engine) for each in value]
    if type(value).__module__ in _OF_TRANSPORT:
        return type(value).__qualname__
    return _name(value, engine)


def _given(creator: Any) -> Mapping[str, Any] | None:
    """The keywords that SQLAlchemy's own function connects with."""
    names = getattr(getattr(creator, "__code__", None), "co_freevars", ())
    cells = dict(zip(names, getattr(creator, "__closure__", None) or (), strict=False))
    found = cells["cparams"].cell_contents if "cparams" in cells else None
    return found if isinstance(found, Mapping) else None


def _name(function: Any, engine: Any) -> str:
    """The name of a function of a module, which means the same to all who import it; else a token."""
    name = getattr(function, "__qualname__", "<")
    is_bound = getattr(function, "__closure__", None) or getattr(function, "__self__", None) is not None
    if is_bound or "<" in name or not hasattr(function, "__code__"):
        return _token(function, engine)
    return f"{function.__module__}:{name}"


def _token(thing: Any, engine: Any) -> str:
    try:
        return _tokens.setdefault(thing, secrets.token_hex(16))
    except TypeError:  # neither to be hashed nor to be referred to weakly: what else the engine is
        return _tokens.setdefault(engine, secrets.token_hex(16))
