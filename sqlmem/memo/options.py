"""What `@memo(…)` can be told, checked when a function is decorated."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlmem.memo.identity import Predicate, predicate
from sqlmem.memo.serializers import Serializer, find


@dataclass(frozen=True, slots=True)
class Options:
    """As given, in the forms that are worked with."""

    name: str | None
    version: Any
    code: bool
    ignore: frozenset[str]
    require: frozenset[str]
    typed: bool
    defaults: bool
    key: Callable[..., Any] | None
    maxsize: int | None
    ttl: float | None
    cache_if: Callable[[Any], bool] | None
    valid: Callable[[Any], bool] | None
    exceptions: Predicate | None
    reraise: Predicate | None
    record: Any
    serializer_name: str
    serializer: Serializer
    tables: tuple[str, ...]
    given: dict[str, Any]


_DEFAULTS: dict[str, Any] = {
    "name": None,
    "version": None,
    "code": False,
    "ignore": (),
    "require": (),
    "typed": False,
    "defaults": True,
    "key": None,
    "maxsize": None,
    "ttl": None,
    "cache_if": None,
    "valid": None,
    "exceptions": (),
    "reraise": (),
    "record": None,
    "serializer": "pickle",
    "tables": None,
}


def options(given: dict[str, Any]) -> Options:
    """Raises TypeError or ValueError for what can't be used, naming it."""
    if unknown := set(given) - set(_DEFAULTS):
        raise TypeError(f"no such option: {', '.join(sorted(unknown))}; there are {', '.join(_DEFAULTS)}")
    everything = {**_DEFAULTS, **given}
    for name in ("key", "cache_if", "valid"):
        if everything[name] is not None and not callable(everything[name]):
            raise TypeError(f"{name} must be a function, got {type(everything[name]).__name__}")
    for name in ("code", "typed", "defaults"):
        if not isinstance(everything[name], bool):
            raise TypeError(f"{name} must be True or False, got {everything[name]!r}")
    maxsize, ttl = everything["maxsize"], everything["ttl"]
    if maxsize is not None and (not isinstance(maxsize, int) or isinstance(maxsize, bool) or maxsize < 0):
        raise ValueError(f"maxsize must be a number of results or None, got {maxsize!r}")
    if ttl is not None and (not isinstance(ttl, int | float) or isinstance(ttl, bool) or not ttl > 0):
        raise ValueError(f"ttl must be a positive number of seconds or None, got {ttl!r}")
    serializer_name, serializer = find(everything["serializer"])
    return Options(
        name=everything["name"],
        version=everything["version"],
        code=everything["code"],
        ignore=_names("ignore", everything["ignore"]),
        require=_names("require", everything["require"]),
        typed=everything["typed"],
        defaults=everything["defaults"],
        key=everything["key"],
        maxsize=maxsize,
        ttl=ttl,
        cache_if=everything["cache_if"],
        valid=everything["valid"],
        exceptions=predicate(everything["exceptions"]),
        reraise=predicate(everything["reraise"]),
        record=_record(everything["record"]),
        serializer_name=serializer_name,
        serializer=serializer,
        tables=tuple(sorted(_names("tables", everything["tables"] or ()))),
        given=everything,
    )


def check_names(options: Options, signature: inspect.Signature, free: Iterable[str]) -> None:
    """Raise TypeError for a name that the function doesn't have: a misspelt one would be part of the key."""
    has_keywords = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in signature.parameters.values())
    known = set(signature.parameters) | set(free)
    record = options.record if isinstance(options.record, tuple) else ()
    for option, names in (("ignore", options.ignore), ("require", options.require), ("record", record)):
        missing = set(names) - known - {"return"}
        if missing and not has_keywords:
            there = ", ".join(sorted(known)) or "none"
            raise TypeError(f"{option}={', '.join(sorted(missing))}: no such argument; there are {there}")


def _names(option: str, given: str | Iterable[str]) -> frozenset[str]:
    if isinstance(given, str):
        return frozenset({given})
    names = frozenset(given)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"{option} must be names, got {given!r}")
    return names


def _record(given: Any) -> Any:
    if given is None or given is True or callable(given):
        return given
    if given is False:
        return None
    return tuple(sorted(_names("record", given)))
