"""Values of any type from a closed list, as text: kept and given back, never compared.

Rule 1: what comes back equals what went in, in value and type, all the way down, or `pack` refuses.
Rule 2: the text is data. Reading it builds only the types in the tables below and imports only the
modules named there; a snapshot that somebody tampered with can't make it do anything else.

The text is JSON. Numbers, strings, booleans and null stand for themselves; everything else is an
array that begins with a tag: ``["d", "1.50"]`` is a Decimal, ``["l", 1, 2]`` a list. A number that stands
alone has one, too, or a column that is declared INTEGER would make a number of its text: ``["n", 5]``. An
object never occurs. Types are told by their exact class: a subclass may carry more than its base shows.
"""

from __future__ import annotations

import datetime as dt
import decimal
import importlib
import ipaddress
import json
import re
import struct
import sys
import uuid
import zoneinfo
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlmem.codecs.base import Unrepresentable

# Nested deeper than this is refused, so that reading never meets the interpreter's own limit.
MAX_DEPTH = 100

_Pack = Callable[[Any, int], Any]
_Unpack = Callable[[list[Any]], Any]

# A private context: the calling thread's may have traps, little precision or small letters.
_DECIMALS = decimal.Context(prec=28, capitals=1, traps=[])

_ZONE_KEY = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,3}")

_MEMORYVIEW_FORMATS = ("B", "b", "c")

_NUMBERS = frozenset({int, float})


def pack(value: Any) -> str:
    """The text of a value.

    Raises:
        Unrepresentable: a type that isn't in the tables, or nested deeper than MAX_DEPTH.
    """
    try:
        node = _pack(value, 0)
        text = _to_text(["n", node] if type(node) in _NUMBERS else node)
        if not text.isascii():
            text.encode()  # SQLite keeps UTF-8 only; a lone surrogate in a zone's name would be lost
    except (ValueError, RecursionError):
        # ValueError: an integer of more digits than the interpreter is willing to write.
        raise Unrepresentable("the value can't be written as text") from None
    return text


def unpack(text: str) -> Any:
    """A new value, equal to the one packed.

    Raises:
        Exception: of any class, if the text isn't what `pack` wrote.
    """
    return _unpack(_from_text(text))


def zone_of(key: str) -> zoneinfo.ZoneInfo:
    """The time zone with that key.

    Raises:
        ValueError: no such zone on this machine, or not the form of a key.
    """
    # The form is checked first: a key is looked up as a path below the zone folders.
    if not _ZONE_KEY.fullmatch(key):
        raise ValueError("not a time zone's key")
    try:
        return zoneinfo.ZoneInfo(key)
    except (KeyError, OSError, ValueError):
        raise ValueError("an unknown time zone") from None


_to_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_from_text = json.JSONDecoder().decode


def _pack(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise Unrepresentable("nested too deep")
    kind = type(value)
    packer = _PACKERS.get(kind)
    if packer is None:
        packer = _late_packer(kind)
    return packer(value, depth)


def _unpack(node: Any) -> Any:
    if type(node) is list:
        return _UNPACKERS[node[0]](node)
    if type(node) is dict:
        raise ValueError("no value is written as an object")
    return node


# -- scalars ---------------------------------------------------------------------------------


def _unpack_number(node: list[Any]) -> int | float:
    _, number = node
    if type(number) not in _NUMBERS:
        raise ValueError("no number")
    return number  # type: ignore[no-any-return] # one of these two


def _pack_float(value: float, _depth: int) -> Any:
    # JSON has a shortest text for every finite float, -0.0 included; the others go by their bits.
    return value if value - value == 0.0 else ["f", struct.pack(">d", value).hex()]


def _pack_str(value: str, _depth: int) -> Any:
    try:
        value.encode()
    except UnicodeEncodeError:
        return ["s", value.encode("utf-8", "surrogatepass").hex()]
    return value


def _pack_memoryview(value: memoryview, _depth: int) -> Any:
    if value.ndim != 1 or value.format not in _MEMORYVIEW_FORMATS:
        raise Unrepresentable("a memoryview of items that aren't bytes")
    return ["v", value.format, value.readonly, value.tobytes().hex()]


def _unpack_memoryview(node: list[Any]) -> memoryview:
    _, form, is_readonly, digits = node
    if form not in _MEMORYVIEW_FORMATS:
        raise ValueError("an unknown memoryview format")
    data = bytes.fromhex(digits)
    return memoryview(data if is_readonly else bytearray(data)).cast(form)


def _pack_uuid(value: uuid.UUID, _depth: int) -> Any:
    if value.is_safe is not uuid.SafeUUID.unknown:
        raise Unrepresentable("a UUID that knows how it was made")
    return ["u", value.hex]


# -- dates and times -------------------------------------------------------------------------


def _pack_zone(zone: dt.tzinfo | None) -> Any:
    if zone is None:
        return None
    if type(zone) is dt.timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]  # pickle's, not in typeshed
        return [offset.days, offset.seconds, offset.microseconds, *name]
    if type(zone) is zoneinfo.ZoneInfo and zone.key is not None:
        try:
            zone_of(zone.key)
        except ValueError:
            raise Unrepresentable("a time zone that can't be found again") from None
        return zone.key
    raise Unrepresentable("a time zone of an unknown class")


def _unpack_zone(node: Any) -> dt.tzinfo | None:
    if node is None:
        return None
    if type(node) is str:
        return zone_of(node)
    days, seconds, microseconds, *name = node
    return dt.timezone(dt.timedelta(days, seconds, microseconds), *name)


def _pack_datetime(value: dt.datetime, _depth: int) -> Any:
    wall = value.replace(tzinfo=None).isoformat()
    if value.tzinfo is None and value.fold == 0:
        return ["dt", wall]
    return ["dz", wall, value.fold, _pack_zone(value.tzinfo)]


def _pack_time(value: dt.time, _depth: int) -> Any:
    wall = value.replace(tzinfo=None).isoformat()
    return ["tm", wall, value.fold, _pack_zone(value.tzinfo)]


def _unpack_datetime(node: list[Any]) -> dt.datetime:
    _, wall, fold, zone = node
    return dt.datetime.fromisoformat(wall).replace(tzinfo=_unpack_zone(zone), fold=fold)


def _unpack_time(node: list[Any]) -> dt.time:
    _, wall, fold, zone = node
    return dt.time.fromisoformat(wall).replace(tzinfo=_unpack_zone(zone), fold=fold)


# -- containers ------------------------------------------------------------------------------


def _packer_of_items(tag: str) -> _Pack:
    def packer(value: Iterable[Any], depth: int) -> Any:
        return [tag, *[_pack(item, depth + 1) for item in value]]

    return packer


def _packer_of_set(tag: str) -> _Pack:
    def packer(value: Iterable[Any], depth: int) -> Any:
        # Sorted by text: a set has no order of its own, and equal sets should be written alike.
        return [tag, *sorted((_pack(item, depth + 1) for item in value), key=_to_text)]

    return packer


def _pack_dict(value: dict[Any, Any], depth: int) -> Any:
    return ["m", *[[_pack(k, depth + 1), _pack(v, depth + 1)] for k, v in value.items()]]


def _unpack_dict(node: list[Any]) -> dict[Any, Any]:
    return {_unpack(k): _unpack(v) for k, v in node[1:]}


def _unpacker_into(build: Callable[[list[Any]], Any]) -> _Unpack:
    return lambda node: build([_unpack(item) for item in node[1:]])


_PACKERS: dict[type, _Pack] = {
    type(None): lambda value, _depth: value,
    bool: lambda value, _depth: value,
    int: lambda value, _depth: value,
    float: _pack_float,
    str: _pack_str,
    bytes: lambda value, _depth: ["b", value.hex()],
    bytearray: lambda value, _depth: ["ba", value.hex()],
    memoryview: _pack_memoryview,
    decimal.Decimal: lambda value, _depth: ["d", _DECIMALS.to_sci_string(value)],
    dt.date: lambda value, _depth: ["da", value.isoformat()],
    dt.time: _pack_time,
    dt.datetime: _pack_datetime,
    dt.timedelta: lambda value, _depth: ["td", value.days, value.seconds, value.microseconds],
    uuid.UUID: _pack_uuid,
    list: _packer_of_items("l"),
    tuple: _packer_of_items("t"),
    dict: _pack_dict,
    set: _packer_of_set("st"),
    frozenset: _packer_of_set("fs"),
    ipaddress.IPv4Address: lambda value, _depth: ["4a", str(value)],
    ipaddress.IPv4Interface: lambda value, _depth: ["4i", str(value)],
    ipaddress.IPv4Network: lambda value, _depth: ["4n", str(value)],
    ipaddress.IPv6Address: lambda value, _depth: ["6a", str(value)],
    ipaddress.IPv6Interface: lambda value, _depth: ["6i", str(value)],
    ipaddress.IPv6Network: lambda value, _depth: ["6n", str(value)],
}

_UNPACKERS: dict[str, _Unpack] = {
    "n": _unpack_number,
    "f": lambda node: struct.unpack(">d", bytes.fromhex(node[1]))[0],
    "s": lambda node: bytes.fromhex(node[1]).decode("utf-8", "surrogatepass"),
    "b": lambda node: bytes.fromhex(node[1]),
    "ba": lambda node: bytearray.fromhex(node[1]),
    "v": _unpack_memoryview,
    "d": lambda node: decimal.Decimal(node[1]),
    "da": lambda node: dt.date.fromisoformat(node[1]),
    "tm": _unpack_time,
    "dt": lambda node: dt.datetime.fromisoformat(node[1]),
    "dz": _unpack_datetime,
    "td": lambda node: dt.timedelta(node[1], node[2], node[3]),
    "u": lambda node: uuid.UUID(hex=node[1]),
    "l": lambda node: [_unpack(item) for item in node[1:]],
    "t": _unpacker_into(tuple),
    "m": _unpack_dict,
    "st": _unpacker_into(set),
    "fs": _unpacker_into(frozenset),
    "4a": lambda node: ipaddress.IPv4Address(node[1]),
    "4i": lambda node: ipaddress.IPv4Interface(node[1]),
    "4n": lambda node: ipaddress.IPv4Network(node[1]),
    "6a": lambda node: ipaddress.IPv6Address(node[1]),
    "6i": lambda node: ipaddress.IPv6Interface(node[1]),
    "6n": lambda node: ipaddress.IPv6Network(node[1]),
}


# -- the drivers' own classes ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Late:
    """A class of a driver that may not be installed: imported only when its tag is read.

    Attributes:
        parts: what the value is made of, each part packed in turn.
        build: the class and the parts, to a new value.
    """

    module: str
    name: str
    parts: Callable[[Any], Iterable[Any]]
    build: Callable[[Any, list[Any]], Any]


def _bounds(value: Any) -> Iterable[Any]:
    # The slot, not the properties: these say ( for an open end that was given as [.
    return (value._lower, value._upper, value._bounds)  # noqa: SLF001


def _build_range(cls: Any, parts: list[Any]) -> Any:
    lower, upper, bounds = parts
    return cls(lower, upper, bounds) if bounds else cls(empty=True)


def _build_inc_range(cls: Any, parts: list[Any]) -> Any:
    lower, upper, lower_inc, upper_inc, is_empty = parts
    return cls(lower, upper, lower_inc=lower_inc, upper_inc=upper_inc, empty=is_empty)


def _build_tuple(cls: Any, parts: list[Any]) -> Any:
    # Past the constructor, which would convert the parts.
    return tuple.__new__(cls, parts)


_GEOMETRY = "asyncpg.pgproto.types"

_LATE: dict[str, _Late] = {
    "psycopg.range": _Late("psycopg.types.range", "Range", _bounds, _build_range),
    "psycopg.multirange": _Late(
        "psycopg.types.multirange", "Multirange", iter, lambda cls, parts: cls(parts)
    ),
    **{
        f"psycopg2.{name}": _Late("psycopg2.extras", name, _bounds, _build_range)
        for name in ("NumericRange", "DateRange", "DateTimeRange", "DateTimeTZRange")
    },
    "asyncpg.range": _Late(
        "asyncpg.types",
        "Range",
        lambda v: (v.lower, v.upper, v.lower_inc, v.upper_inc, v.isempty),
        _build_inc_range,
    ),
    "asyncpg.uuid": _Late(
        "asyncpg.pgproto.pgproto", "UUID", lambda v: (v.bytes,), lambda cls, parts: cls(*parts)
    ),
    "asyncpg.bits": _Late(
        _GEOMETRY, "BitString", lambda v: (v.bytes, len(v)), lambda cls, parts: cls.frombytes(*parts)
    ),
    **{
        f"asyncpg.{name}": _Late(_GEOMETRY, name, iter, _build_tuple)
        for name in ("Point", "Box", "Line", "LineSegment", "Circle")
    },
    "asyncpg.Path": _Late(
        _GEOMETRY,
        "Path",
        lambda v: (v.is_closed, *v.points),
        lambda cls, parts: cls(*parts[1:], is_closed=parts[0]),
    ),
    "asyncpg.Polygon": _Late(_GEOMETRY, "Polygon", lambda v: v.points, lambda cls, parts: cls(*parts)),
}


def _late_packer(kind: type) -> _Pack:
    for tag, late in _LATE.items():
        # A value's module has been imported; one that wasn't needs no look.
        module = sys.modules.get(late.module)
        if module is not None and getattr(module, late.name, None) is kind:
            packer = _PACKERS[kind] = _packer_of_parts(tag, late)
            return packer
    raise Unrepresentable("a value of a type that isn't known")


def _packer_of_parts(tag: str, late: _Late) -> _Pack:
    def packer(value: Any, depth: int) -> Any:
        try:
            parts = list(late.parts(value))
        except AttributeError:
            # A version of the driver that keeps its parts elsewhere.
            raise Unrepresentable("a value of a driver's class of another version") from None
        return [tag, *[_pack(part, depth + 1) for part in parts]]

    return packer


def _unpacker_of_parts(late: _Late) -> _Unpack:
    def unpacker(node: list[Any]) -> Any:
        cls = getattr(importlib.import_module(late.module), late.name)
        return late.build(cls, [_unpack(part) for part in node[1:]])

    return unpacker


_UNPACKERS.update({tag: _unpacker_of_parts(late) for tag, late in _LATE.items()})
