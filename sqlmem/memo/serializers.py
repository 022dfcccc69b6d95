"""Values to bytes and back, by name.

Nothing is imported before it is used: a name is looked for when the first value is written or read.
What a serializer can't bring back as it was, it refuses: a hit must equal what the body returned.
"""

from __future__ import annotations

import importlib
import json
import math
from typing import Any, Protocol


class Serializer(Protocol):
    """`loads(dumps(value))` equals the value. Both may raise anything."""

    def dumps(self, value: Any) -> bytes: ...

    def loads(self, data: bytes) -> Any: ...


class Json:
    """Only what JSON brings back as it was: a tuple would come back as a list, a key 1 as "1"."""

    def dumps(self, value: Any) -> bytes:
        check_json(value)
        return json.dumps(value, separators=(",", ":")).encode()

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


def check_json(value: Any) -> None:
    kind = type(value)
    if kind is list:
        for item in value:
            check_json(item)
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise TypeError(f"JSON has no {type(key).__name__} as a key")
            check_json(item)
    elif kind is float:
        if not math.isfinite(value):
            raise ValueError("JSON has no such number")
    elif value is not None and kind not in (str, int, bool):
        raise TypeError(f"JSON doesn't bring a {kind.__name__} back")


class Module:
    """A module with `dumps` and `loads`, imported at the first use: pickle, dill, cloudpickle, marshal."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _load(self) -> None:
        module = importlib.import_module(self._name)
        # From now on they are the module's own, without this one in between.
        self.dumps = module.dumps  # type: ignore[method-assign]
        self.loads = module.loads  # type: ignore[method-assign]

    def dumps(self, value: Any) -> bytes:
        self._load()
        return self.dumps(value)

    def loads(self, data: bytes) -> Any:
        self._load()
        return self.loads(data)


class Pickle(Module):
    """The standard library's pickle, at its newest protocol."""

    def __init__(self) -> None:
        super().__init__("pickle")

    def _load(self) -> None:
        module = importlib.import_module("pickle")
        protocol, dumps = module.HIGHEST_PROTOCOL, module.dumps
        self.dumps = lambda value: dumps(value, protocol)  # type: ignore[method-assign]
        self.loads = module.loads  # type: ignore[method-assign]


def find(serializer: str | Any) -> tuple[str, Serializer]:
    """The name that records are marked with, and the serializer.

    Args:
        serializer: "pickle", "json", the name of a module that has `dumps` and `loads`, or such an object.

    Raises:
        TypeError: it has not.
    """
    if isinstance(serializer, str):
        known: dict[str, type[Any]] = {"pickle": Pickle, "json": Json}
        return serializer, known[serializer]() if serializer in known else Module(serializer)
    if not (hasattr(serializer, "dumps") and hasattr(serializer, "loads")):
        raise TypeError("serializer must be a name or have dumps and loads")
    name = getattr(serializer, "name", None) or getattr(serializer, "__name__", None)
    return str(name or f"{type(serializer).__module__}.{type(serializer).__qualname__}"), serializer
