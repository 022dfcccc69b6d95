"""Whether two values are the same: equal in value and in type, all the way down.

Python's ``==`` says that 1, 1.0 and True are one, that Decimal('1.5') is Decimal('1.50'), that an instant
in Berlin is the same one in UTC, and that NaN isn't itself. Here it is the other way round.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import operator
import struct
import uuid
import zoneinfo
from collections.abc import Callable, Hashable
from decimal import Decimal
from typing import Any

# Values of exactly these types never change, so that everybody may have the same one.
UNCHANGING = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        str,
        bytes,
        Decimal,
        dt.date,
        dt.time,
        dt.datetime,
        dt.timedelta,
        uuid.UUID,
        ipaddress.IPv4Address,
        ipaddress.IPv4Interface,
        ipaddress.IPv4Network,
        ipaddress.IPv6Address,
        ipaddress.IPv6Interface,
        ipaddress.IPv6Network,
    }
)


def same(one: Any, other: Any) -> bool:
    """Whether no program could tell the two apart, other than by identity."""
    if type(one) is not type(other):
        return False
    compare = _COMPARE.get(type(one))
    if compare is not None:
        return compare(one, other)
    return _same_object(one, other)


def likeness(value: Any) -> Hashable:
    """Something hashable that is equal for values that are the same; of others it need not differ.

    What narrows a search, before `same` decides.
    """
    find = _LIKENESS.get(type(value))
    return type(value), None if find is None else find(value)


def _same_items(one: Any, other: Any) -> bool:
    return len(one) == len(other) and all(map(same, one, other))


def _same_set(one: Any, other: Any) -> bool:
    rest = list(other)
    for item in one:
        found = next((i for i, candidate in enumerate(rest) if same(item, candidate)), None)
        if found is None:
            return False
        del rest[found]
    return not rest


def _same_dict(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    # Order too: a program that prints it sees it.
    return _same_items(list(one.items()), list(other.items()))


def _same_zone(one: dt.tzinfo | None, other: dt.tzinfo | None) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, zoneinfo.ZoneInfo) and isinstance(other, zoneinfo.ZoneInfo):
        return one.key == other.key
    return repr(one) == repr(other)


def _same_time(one: Any, other: Any) -> bool:
    return (
        one.replace(tzinfo=None) == other.replace(tzinfo=None)
        and one.fold == other.fold
        and _same_zone(one.tzinfo, other.tzinfo)
    )


def _same_memoryview(one: memoryview, other: memoryview) -> bool:
    return (
        one.tobytes() == other.tobytes()
        and one.format == other.format
        and one.readonly == other.readonly
        and one.shape == other.shape
    )


def _same_uuid(one: uuid.UUID, other: uuid.UUID) -> bool:
    return one.int == other.int and one.is_safe is other.is_safe


def _same_repr(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


def _same_object(one: Any, other: Any) -> bool:
    """Of any other class: the slots and attributes if it shows some, else its own equality."""
    if isinstance(one, tuple):
        return _same_items(tuple(one), tuple(other))
    names = [name for cls in type(one).__mro__ for name in _slots(cls) if hasattr(one, name)]
    names += list(getattr(one, "__dict__", ()))
    names = [name for name in names if not name.startswith("__")]
    if names:
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    return bool(one == other)


def _slots(cls: type) -> tuple[str, ...]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


_COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    # Of one type already, so that equality is enough.
    **dict.fromkeys((int, str, bool, bytes, type(None)), operator.eq),
    float: lambda one, other: struct.pack(">d", one) == struct.pack(">d", other),
    Decimal: lambda one, other: one.as_tuple() == other.as_tuple(),
    list: _same_items,
    tuple: _same_items,
    dict: _same_dict,
    set: _same_set,
    frozenset: _same_set,
    dt.datetime: _same_time,
    dt.time: _same_time,
    memoryview: _same_memoryview,
    uuid.UUID: _same_uuid,
    # These cache what they were asked; their repr has all that they are.
    ipaddress.IPv4Address: _same_repr,
    ipaddress.IPv4Interface: _same_repr,
    ipaddress.IPv4Network: _same_repr,
    ipaddress.IPv6Address: _same_repr,
    ipaddress.IPv6Interface: _same_repr,
    ipaddress.IPv6Network: _same_repr,
}


def _itself(value: Any) -> Any:
    return value


def _likenesses(values: Any) -> tuple[Hashable, ...]:
    return tuple(map(likeness, values))


def _likeness_of_time(value: Any) -> Hashable:
    # Without the zone: two of one name may be unequal as keys.
    return value.replace(tzinfo=None), value.fold


_LIKENESS: dict[type, Callable[[Any], Hashable]] = {
    **dict.fromkeys((type(None), bool, int, str, bytes, dt.date, dt.timedelta), _itself),
    float: lambda value: struct.pack(">d", value),
    Decimal: lambda value: value.as_tuple(),
    list: _likenesses,
    tuple: _likenesses,
    dict: lambda value: _likenesses(value.items()),
    dt.datetime: _likeness_of_time,
    dt.time: _likeness_of_time,
    uuid.UUID: lambda value: value.int,
}
