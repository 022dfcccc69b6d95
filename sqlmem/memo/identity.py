"""Which function it is: what of a function is part of the key, and which functions can't be memoized.

Rule: two functions have the same identity only if they are the same by module, qualified name,
version, and by what they close over. What a function reads of its module's globals isn't seen:
that is what `version=` is for.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import sys
import textwrap
from collections.abc import Callable, Collection
from typing import Any

from sqlmem.memo.encoding import Encoder, Unkeyed, tagged, text


def check(function: Any) -> None:
    """Raise TypeError if this can't be memoized, and say what to do."""
    if isinstance(function, classmethod | staticmethod):
        raise TypeError(f"put @memo under @{type(function).__name__}, next to the function")
    if isinstance(function, property):
        raise TypeError("put @memo under @property, next to the function")
    if isinstance(function, type):
        raise TypeError(f"{function.__qualname__} is a class: memoize a function that makes one")
    if not callable(function):
        raise TypeError(f"a function is expected, got {type(function).__name__}")
    inner = inspect.unwrap(function)
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise TypeError(
            f"{name_of(function)} is a generator function: what it yields can be read only once. "
            "Return a list"
        )


def name_of(function: Any) -> str:
    """Module and qualified name, as people read them."""
    inner = function.func if isinstance(function, functools.partial) else function
    name = getattr(inner, "__qualname__", None) or type(inner).__qualname__
    return f"{module_of(inner)}.{name}"


def module_of(function: Any) -> str:
    """The module; of a script the file, since every script calls itself __main__."""
    module = getattr(function, "__module__", None) or type(function).__module__
    if module != "__main__":
        return str(module)
    main: Any = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        return str(spec.name).removesuffix(".__main__")
    file = getattr(main, "__file__", None)
    return "__main__" if file is None else f"__main__:{os.path.realpath(file)}"


def identity(
    function: Any, *, name: str | None, version: Any, code: bool, ignore: Collection[str], typed: bool
) -> bytes:
    """The part of the key that is the same for all calls.

    Raises:
        Unkeyed: it closes over something that has no canonical form.
        TypeError: the code is asked for, and isn't there.
    """
    encoder = Encoder(typed=True)
    parts = [text(name if name is not None else name_of(function)), b"1" if typed else b"0"]
    encoder.path = ["version"]
    parts.append(encoder.encode(version))
    parts.append(text(_code(function)) if code else b"N0:")
    if isinstance(function, functools.partial):
        encoder.path = ["the partial's arguments"]
        parts += [encoder.encode(function.args), encoder.encode(function.keywords)]
    parts.append(_closure(encoder, function, ignore))
    return tagged(b"!", parts)


def _code(function: Any) -> str:
    """A digest of the source. Not of the bytecode, which is another in each version of Python."""
    inner: Any = inspect.unwrap(function)
    # Every text that is executed has this name by default, and Python 3.13 keeps that of `python -c` under
    # it: it would be taken for the source of all others.
    is_unnamed = getattr(getattr(inner, "__code__", None), "co_filename", None) == "<string>"
    try:
        source = "" if is_unnamed else inspect.getsource(inner)
    except (OSError, TypeError):
        source = ""
    if not source:
        raise TypeError(f"code=True needs the source of {name_of(function)}, which isn't there; use version=")
    return hashlib.sha256(textwrap.dedent(source).encode()).hexdigest()


def _closure(encoder: Encoder, function: Any, ignore: Collection[str]) -> bytes:
    """What an inner function has from the one around it, as it is now."""
    inner: Any = inspect.unwrap(function)
    code = getattr(inner, "__code__", None)
    cells = getattr(inner, "__closure__", None) or ()
    parts = []
    for variable, cell in zip(code.co_freevars if code else (), cells, strict=True):
        if variable in ignore or variable == inner.__name__:
            continue
        try:
            value = cell.cell_contents
        except ValueError:  # not set yet: a name that is defined further down
            continue
        own = getattr(value, "__memo_identity__", None)
        encoder.path = [f"{variable}, which {name_of(function)} closes over"]
        try:
            found = own if isinstance(own, bytes) else _captured(encoder, value, ignore)
        except Unkeyed as unkeyed:
            raise Unkeyed(
                unkeyed.path,
                "it can't be part of a key, and without it two functions of this name would be one. Pass it "
                f"as an argument, or leave it out: ignore=({variable!r},)",
            ) from None
        parts.append(tagged(b"v", [text(variable), found]))
    return tagged(b"#", parts)


def _captured(encoder: Encoder, value: Any, ignore: Collection[str]) -> bytes:
    if inspect.isfunction(value) and "<" in value.__qualname__ and value.__name__ != "<lambda>":
        return tagged(b"#", [text(name_of(value)), _closure(encoder, value, ignore)])
    return encoder.encode(value)


Predicate = Callable[[BaseException], bool]


def predicate(kinds: Any) -> Predicate | None:
    """Which exceptions are meant: True for all, types, or a function that says so; None for none."""
    if kinds is True:
        return lambda error: isinstance(error, Exception)
    if not kinds:
        return None
    if isinstance(kinds, type):
        kinds = (kinds,)
    if callable(kinds):
        chosen: Predicate = kinds
        return chosen
    types = tuple(kinds)
    if not all(isinstance(kind, type) and issubclass(kind, Exception) for kind in types):
        raise TypeError(f"exceptions must be True, types of exceptions or a function, got {kinds!r}")
    return lambda error: isinstance(error, types)
