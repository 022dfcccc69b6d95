"""The canonical bytes of a value: what makes two calls the same call.

Rule 1: tag, length, payload, at every level, so that no two values have the same bytes by how
        their parts are put together.
Rule 2: never pickle, `repr`, `id` or `hash`: the bytes are the same in every process and in every version of
        Python. Sets and dicts are sorted by the bytes of what is in them.
Rule 3: a type that isn't known is refused, with the way to it: `name.field[3]`. In doubt two values
        are different: that costs a computation, the opposite an answer.

Pure: no I/O, no lock, no clock. Types of libraries that may not be there are in `foreign`, which
looks at them by name and imports nothing.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import fractions
import functools
import pathlib
import re
import struct
import sys
import types
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

_HEAP_TYPE = 1 << 9
_DEEPEST = 200


class Unkeyed(TypeError):
    """A value has no canonical form.

    Attributes:
        path: where in the arguments it is.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


# Makes a value of its type into one that is known. Found by exact type first, then by the type's bases.
Converter = Callable[[Any], Any]
_registered: dict[type, Converter] = {}


def register(kind: type, convert: Converter) -> None:
    """Let values of a type, and of types derived from it, be arguments.

    Args:
        convert: to a value of known types that tells two of them apart.
    """
    _registered[kind] = convert


class Encoder:
    """Encodes the values of one call; after an error it isn't used again.

    Args:
        typed: whether 1, 1.0 and True are three values; else they are one.
    """

    __slots__ = ("_depth", "path", "table", "typed")

    def __init__(self, *, typed: bool) -> None:
        self.typed = typed
        self.path: list[str] = []
        self._depth = 0
        self.table = _TYPED if typed else _UNTYPED

    def encode(self, value: Any) -> bytes:
        """Raises `Unkeyed`."""
        handler = self.table.get(type(value))
        if handler is not None:
            return handler(self, value)
        return self._other(value)

    def refuse(self, reason: str) -> Unkeyed:
        return Unkeyed("".join(self.path), reason)

    def inside(self, step: str, value: Any) -> bytes:
        """What is in a value, with the step to it for an error's message."""
        if self._depth >= _DEEPEST:
            raise self.refuse("it is nested too deeply, or contains itself")
        self._depth += 1
        self.path.append(step)
        found = self.encode(value)
        # Not after an error: its message wants the way to its place, and this encoder is done.
        self.path.pop()
        self._depth -= 1
        return found

    def _other(self, value: Any) -> bytes:
        kind = type(value)
        own = getattr(kind, "__memo_key__", None)
        if own is not None:
            return tagged(b"K", [name_of(kind), self.inside(".__memo_key__()", own(value))])
        for base in kind.__mro__:
            if base in _registered:
                return tagged(b"R", [name_of(kind), self.inside("", _registered[base](value))])
        from sqlmem.memo.foreign import encode_foreign

        found = encode_foreign(self, value)
        if found is not None:
            return found
        for is_meant, handler in _BY_SHAPE:
            if is_meant(value):
                return handler(self, value)
        raise self.refuse(
            f"a {kind.__module__}.{kind.__qualname__} can't be part of a key. Give the class a method "
            "__memo_key__() that returns what tells two of them apart, or call "
            f"sqlmem.memo.register({kind.__qualname__}, function), or leave the argument out by ignore="
        )


Handler = Callable[[Encoder, Any], bytes]


def packed(tag: bytes, payload: bytes) -> bytes:
    return b"%b%d:%b" % (tag, len(payload), payload)


def tagged(tag: bytes, parts: Iterable[bytes]) -> bytes:
    """Parts that are tagged themselves, as one."""
    return packed(tag, b"".join(parts))


def text(value: str) -> bytes:
    payload = value.encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(payload), payload)


def name_of(kind: Any) -> bytes:
    return text(f"{kind.__module__}:{kind.__qualname__}")


# -- scalars ---------------------------------------------------------------------------------


def _none(_: Encoder, __: Any) -> bytes:
    return b"N0:"


def _text(_: Encoder, value: str) -> bytes:
    payload = value.encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(payload), payload)


def _integer(_: Encoder, value: int) -> bytes:
    # Hexadecimal: decimal digits of a long integer take quadratic time, and are refused beyond a length.
    payload = b"%x" % value
    return b"i%d:%b" % (len(payload), payload)


def _typed_boolean(_: Encoder, value: bool) -> bytes:  # noqa: FBT001 - the value to encode
    return b"b1:1" if value else b"b1:0"


def _boolean(encoder: Encoder, value: bool) -> bytes:  # noqa: FBT001 - the value to encode
    return _integer(encoder, int(value))


def _typed_float(_: Encoder, value: float) -> bytes:
    return b"f8:" + struct.pack(">d", value)


def _float(encoder: Encoder, value: float) -> bytes:
    # -0.0 stays apart from 0: they are equal, and not the same.
    if value.is_integer() and (value or str(value) == "0.0"):
        return _integer(encoder, int(value))
    return b"f8:" + struct.pack(">d", value)


def _complex(_: Encoder, value: complex) -> bytes:
    return b"c16:" + struct.pack(">dd", value.real, value.imag)


def _bytes(_: Encoder, value: bytes) -> bytes:
    return packed(b"y", value)


def _bytearray(_: Encoder, value: bytearray) -> bytes:
    return packed(b"Y", bytes(value))


def _memoryview(encoder: Encoder, value: memoryview) -> bytes:
    shape = encoder.encode(tuple(value.shape or ()))
    return tagged(b"V", [text(value.format), shape, packed(b"y", value.tobytes())])


def _decimal(_: Encoder, value: Decimal) -> bytes:
    # 1.50 isn't 1.5: what is computed from them may differ in its scale.
    return packed(b"d", str(value).encode())


def _fraction(_: Encoder, value: fractions.Fraction) -> bytes:
    return packed(b"q", b"%x/%x" % (value.numerator, value.denominator))


def _ellipsis(_: Encoder, value: Any) -> bytes:
    return packed(b"e", str(value).encode())


# -- moments ---------------------------------------------------------------------------------


def _date(_: Encoder, value: dt.date) -> bytes:
    return packed(b"D", value.isoformat().encode())


def _moment(encoder: Encoder, value: dt.datetime | dt.time) -> bytes:
    tag = b"M" if isinstance(value, dt.datetime) else b"T"
    parts = [text(value.replace(tzinfo=None, fold=0).isoformat()), _integer(encoder, value.fold)]
    if value.tzinfo is not None:
        # The same moment in two zones is two values: they print differently.
        parts += [encoder.inside(".tzinfo", value.tzinfo), encoder.encode(value.utcoffset())]
    return tagged(tag, parts)


def _interval(_: Encoder, value: dt.timedelta) -> bytes:
    return packed(b"I", b"%d,%d,%d" % (value.days, value.seconds, value.microseconds))


def _timezone(encoder: Encoder, value: dt.timezone) -> bytes:
    return tagged(b"z", [encoder.encode(value.utcoffset(None)), text(value.tzname(None))])


def _zone(encoder: Encoder, value: zoneinfo.ZoneInfo) -> bytes:
    if value.key is None:
        raise encoder.refuse("a time zone that was read from a file has no name")
    return packed(b"Z", value.key.encode())


# -- collections -----------------------------------------------------------------------------


def _sequence(tag: bytes) -> Handler:
    def handler(encoder: Encoder, value: Any) -> bytes:
        get = encoder.table.get
        parts = []
        for index, item in enumerate(value):
            known = get(type(item))
            if known is None or known in _DEEP:
                parts.append(encoder.inside(f"[{index}]", item))
            else:
                parts.append(known(encoder, item))
        return tagged(tag, parts)

    _DEEP.add(handler)
    return handler


# Handlers that look inside: the way to what they find is noted.
_DEEP: set[Handler] = set()


def _set(tag: bytes) -> Handler:
    def handler(encoder: Encoder, value: Any) -> bytes:
        return tagged(tag, sorted(encoder.inside("{…}", item) for item in value))

    _DEEP.add(handler)
    return handler


def pairs(encoder: Encoder, value: Mapping[Any, Any]) -> list[bytes]:
    """Keys and values, in the mapping's own order."""
    return [
        tagged(b":", [encoder.inside("{key}", key), encoder.inside(_step(key), item)])
        for key, item in value.items()
    ]


def _step(key: Any) -> str:
    return f"[{key!r}]" if type(key) in (str, int) and len(str(key)) < 40 else "[…]"


def _dict(encoder: Encoder, value: dict[Any, Any]) -> bytes:
    return tagged(b"m", sorted(pairs(encoder, value)))


def _ordered_dict(encoder: Encoder, value: collections.OrderedDict[Any, Any]) -> bytes:
    return tagged(b"O", pairs(encoder, value))


def _default_dict(encoder: Encoder, value: collections.defaultdict[Any, Any]) -> bytes:
    factory = encoder.inside(".default_factory", value.default_factory)
    return tagged(b"F", [factory, *sorted(pairs(encoder, value))])


def _deque(encoder: Encoder, value: collections.deque[Any]) -> bytes:
    return tagged(b"k", [encoder.encode(value.maxlen), encoder.inside("", list(value))])


def _range(encoder: Encoder, value: range) -> bytes:
    return tagged(b"r", [_integer(encoder, part) for part in (value.start, value.stop, value.step)])


def _slice(encoder: Encoder, value: slice) -> bytes:
    return tagged(b"w", [encoder.encode(part) for part in (value.start, value.stop, value.step)])


_DEEP.update({_dict, _ordered_dict, _default_dict, _deque})


# -- named things ----------------------------------------------------------------------------


def _class(encoder: Encoder, value: type) -> bytes:
    if "<locals>" in value.__qualname__:
        raise encoder.refuse(
            f"the class {value.__qualname__} was made inside a function, so nothing tells it from others of "
            "that name. Define it in a module, or leave it out by ignore="
        )
    return tagged(b"C", [name_of(value)])


def is_importable(value: Any) -> bool:
    """Whether the name finds this very object: then the name stands for it."""
    found: Any = sys.modules.get(value.__module__)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value or getattr(found, "__wrapped__", None) is value


def _function(encoder: Encoder, value: Any) -> bytes:
    own = getattr(value, "__memo_identity__", None)
    if isinstance(own, bytes):  # a memoized one
        return packed(b"J", own)
    if isinstance(value, types.FunctionType) and not is_importable(value):
        raise encoder.refuse(
            f"the function {value.__qualname__} can't be found by its name (a lambda, or defined inside "
            "another one), so nothing tells it from others of that name. Define it in a module, or leave it "
            "out by ignore="
        )
    return tagged(b"G", [name_of(value)])


def _builtin(encoder: Encoder, value: Any) -> bytes:
    owner = value.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        return tagged(b"G", [text(f"{value.__module__}:{value.__qualname__}")])
    return tagged(b"B", [text(value.__name__), encoder.inside(".__self__", owner)])


def _method(encoder: Encoder, value: types.MethodType) -> bytes:
    owner = encoder.inside(".__self__", value.__self__)
    return tagged(b"B", [text(value.__func__.__qualname__), owner])


def _partial(encoder: Encoder, value: functools.partial[Any]) -> bytes:
    parts = (value.func, value.args, value.keywords)
    names = (".func", ".args", ".keywords")
    return tagged(b"P", [encoder.inside(name, part) for name, part in zip(names, parts, strict=True)])


def _pattern(encoder: Encoder, value: re.Pattern[Any]) -> bytes:
    return tagged(b"x", [encoder.encode(value.pattern), _integer(encoder, value.flags)])


def _path(_: Encoder, value: pathlib.PurePath) -> bytes:
    flavour = "w" if isinstance(value, pathlib.PureWindowsPath) else "p"
    return tagged(b"/", [text(flavour), text(str(value))])


def _enum(encoder: Encoder, value: enum.Enum) -> bytes:
    kind = type(value)
    if isinstance(value, enum.Flag):
        return tagged(b"E", [name_of(kind), _integer(encoder, value.value)])
    return tagged(b"E", [name_of(kind), text(value.name)])


def _named_tuple(encoder: Encoder, value: Any) -> bytes:
    parts = [name_of(type(value))]
    for name, item in zip(value._fields, value, strict=True):
        parts += [text(name), encoder.inside(f".{name}", item)]
    return tagged(b"t", parts)


def _dataclass(encoder: Encoder, value: Any) -> bytes:
    parts = [name_of(type(value))]
    for field in dataclasses.fields(value):
        # What isn't compared doesn't tell two of them apart, by their own word.
        if field.compare:
            parts += [text(field.name), encoder.inside(f".{field.name}", getattr(value, field.name))]
    return tagged(b"a", parts)


def _attrs(encoder: Encoder, value: Any) -> bytes:
    parts = [name_of(type(value))]
    for field in type(value).__attrs_attrs__:
        if field.eq:
            parts += [text(field.name), encoder.inside(f".{field.name}", getattr(value, field.name))]
    return tagged(b"a", parts)


def _is_plain_subclass(value: Any) -> bool:
    """Whether the class is a builtin one's under another name, without anything of its own to hold."""
    kind = type(value)
    base = next((each for each in _AS_BASE if isinstance(value, each)), None)
    if base is None or getattr(value, "__dict__", None):
        return False
    above = kind.__mro__[: kind.__mro__.index(base)]
    return all(
        (each.__flags__ & _HEAP_TYPE and "__slots__" not in vars(each)) or vars(each).get("__slots__") == ()
        for each in above
    )


def _plain_subclass(encoder: Encoder, value: Any) -> bytes:
    base, as_base = next((each, make) for each, make in _AS_BASE.items() if isinstance(value, each))
    return tagged(b"u", [name_of(type(value)), encoder.table[base](encoder, as_base(value))])


# Not through methods of the class's own.
_AS_BASE: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__index__,
    float: float.__float__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    list: list.copy,
    dict: dict.copy,
    set: set.copy,
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
}


_BY_SHAPE: list[tuple[Callable[[Any], bool], Handler]] = [
    (lambda value: isinstance(value, enum.Enum), _enum),
    (lambda value: isinstance(value, tuple) and hasattr(type(value), "_fields"), _named_tuple),
    (lambda value: isinstance(value, pathlib.PurePath), _path),
    (lambda value: isinstance(value, type), _class),
    (lambda value: "__dataclass_fields__" in dir(type(value)), _dataclass),
    (lambda value: hasattr(type(value), "__attrs_attrs__"), _attrs),
    (lambda value: type(value).__module__ == "datetime" and isinstance(value, dt.timezone), _timezone),
    (_is_plain_subclass, _plain_subclass),
]

_UNTYPED: dict[type, Handler] = {
    type(None): _none,
    str: _text,
    int: _integer,
    bool: _boolean,
    float: _float,
    complex: _complex,
    bytes: _bytes,
    bytearray: _bytearray,
    memoryview: _memoryview,
    Decimal: _decimal,
    fractions.Fraction: _fraction,
    type(...): _ellipsis,
    type(NotImplemented): _ellipsis,
    dt.date: _date,
    dt.datetime: _moment,
    dt.time: _moment,
    dt.timedelta: _interval,
    dt.timezone: _timezone,
    zoneinfo.ZoneInfo: _zone,
    uuid.UUID: lambda _, value: packed(b"U", value.bytes),
    tuple: _sequence(b"("),
    list: _sequence(b"["),
    set: _set(b"{"),
    frozenset: _set(b"<"),
    dict: _dict,
    collections.OrderedDict: _ordered_dict,
    collections.defaultdict: _default_dict,
    collections.deque: _deque,
    types.MappingProxyType: lambda encoder, value: tagged(b"X", sorted(pairs(encoder, value))),
    range: _range,
    slice: _slice,
    types.FunctionType: _function,
    types.BuiltinFunctionType: _builtin,
    types.MethodType: _method,
    types.ModuleType: lambda _, value: packed(b"L", value.__name__.encode()),
    functools.partial: _partial,
    re.Pattern: _pattern,
    type: _class,
}
_TYPED: dict[type, Handler] = {**_UNTYPED, bool: _typed_boolean, float: _typed_float}
