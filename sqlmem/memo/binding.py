"""Where the arguments of a call go: the same call in every spelling.

A function is generated with the very parameters of the memoized one, so that Python itself binds, applies
defaults and tells a positional-only name from the same name among the keywords. Its own errors
aren't shown: a call that doesn't bind goes to the function, which says so in its own name.

Pure: no I/O, no lock, no clock.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

_KINDS = inspect.Parameter


class _Missing:
    """Stands for an argument that wasn't given."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "missing"


MISSING = _Missing()

Binder = Callable[..., tuple[Any, ...]]


def make_binder(signature: inspect.Signature, *, defaults: bool) -> Binder:
    """A function that gives the values of all parameters, in their order.

    Args:
        defaults: whether an argument that is left out has its default's value, else `MISSING`.
    """
    names = {"__missing": MISSING}
    texts: list[str] = []
    parameters = list(signature.parameters.values())
    has_star = any(each.kind is _KINDS.VAR_POSITIONAL for each in parameters)
    for number, parameter in enumerate(parameters):
        kind, name = parameter.kind, parameter.name
        if kind is _KINDS.KEYWORD_ONLY and not has_star:
            texts.append("*")
            has_star = True
        if kind is _KINDS.VAR_POSITIONAL:
            texts.append(f"*{name}")
        elif kind is _KINDS.VAR_KEYWORD:
            texts.append(f"**{name}")
        elif parameter.default is _KINDS.empty:
            texts.append(name)
        elif defaults:
            names[f"__default_{number}"] = parameter.default
            texts.append(f"{name}=__default_{number}")
        else:
            texts.append(f"{name}=__missing")
        following = parameters[number + 1].kind if number + 1 < len(parameters) else None
        if kind is _KINDS.POSITIONAL_ONLY and following is not _KINDS.POSITIONAL_ONLY:
            texts.append("/")
    values = "".join(f"{parameter.name}, " for parameter in parameters)
    # The names are the function's own identifiers; nothing else of the text comes from outside.
    exec(f"def bind({', '.join(texts)}): return ({values})", names)  # noqa: S102
    binder: Any = names["bind"]
    return binder  # type: ignore[no-any-return]
