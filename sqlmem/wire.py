"""Values as the server wrote them, where the driver makes an object of each that a codec takes apart again.

Also of which types the driver makes values of one type of Python's, so that nobody has to look at each.

psycopg and psycopg2 read a Decimal or a datetime out of the server's text, and the store holds almost that
text. So for the cursor of a fill, and no other, these types are read as text; the statement is the same.

Rule 1: a type is read so only if the driver's own loader is the one that it would be read by. A program
may have registered another; then its values are what that makes of them.
Rule 2: what isn't written in the usual form (NaN, infinity, a year before 1) is read by that loader after
all, and encoded, or refused with the driver's own exception, as without this module.
Rule 3: no other value of the result may be made of such a one: arrays, ranges and composites read their
members by the same loaders.
"""

from __future__ import annotations

import functools
import importlib
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sqlmem.codecs import Codec, ListFunction, listed, lists

_TEXTS = frozenset({str, bytes, type(None)})
_UTC = frozenset({"timestamptz:utc", "timestamptz:zoneinfo:UTC", "timestamptz:zoneinfo:Etc/UTC"})
_DATE, _TIMESTAMP, _TIMESTAMPTZ, _NUMERIC = 1082, 1114, 1184, 1700
_CLAMPED = "-clamped"  # in a codec's name: the driver may have made these of infinity
# What it then makes of that is also a value of its own, which such a codec doesn't take.
_LIMITS = {
    _DATE: ("0001-01-01", "9999-12-31"),
    _TIMESTAMP: ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"),
    _TIMESTAMPTZ: ("0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"),
}
_BOOL, _INT8, _INT2, _INT4, _FLOAT4, _FLOAT8 = 16, 20, 21, 23, 700, 701
_TEXT, _BPCHAR, _VARCHAR = 25, 1042, 1043


class _Own(NamedTuple):
    """A loader of the driver's own: where psycopg has it and how it calls it, and how psycopg2 does."""

    module: str
    name: str
    name2: str


_LOADERS = {
    _DATE: _Own("psycopg.types.datetime", "DateLoader", "DATE"),
    _TIMESTAMP: _Own("psycopg.types.datetime", "TimestampLoader", "DATETIME"),
    _TIMESTAMPTZ: _Own("psycopg.types.datetime", "TimestamptzLoader", "DATETIMETZ"),
    _NUMERIC: _Own("psycopg.types.numeric", "NumericLoader", "DECIMAL"),
}
# Those that make values of one type of Python's.
_KNOWN: dict[int, tuple[_Own, type]] = {
    _BOOL: (_Own("psycopg.types.bool", "BoolLoader", "BOOLEAN"), bool),
    **dict.fromkeys((_INT2, _INT4), (_Own("psycopg.types.numeric", "IntLoader", "INTEGER"), int)),
    _INT8: (_Own("psycopg.types.numeric", "IntLoader", "LONGINTEGER"), int),
    **dict.fromkeys((_FLOAT4, _FLOAT8), (_Own("psycopg.types.numeric", "FloatLoader", "FLOAT"), float)),
    **dict.fromkeys((_TEXT, _BPCHAR, _VARCHAR), (_Own("psycopg.types.string", "TextLoader", "STRING"), str)),
}
# Types whose values have no members of another type: also bytea, char, name, oid, json, xml, cidr, money,
# macaddr, inet, time, interval, timetz, bit, varbit, uuid and jsonb, by their numbers in pg_type.
_PLAIN = frozenset(
    {
        *_KNOWN,
        *_LOADERS,
        *(17, 18, 19, 26, 114, 142, 650, 790, 829, 869, 1083, 1186, 1266, 1560, 1562, 2950, 3802),
    }
)
# psycopg's, compiled.
_COMPILED = frozenset({"psycopg_binary._psycopg", "psycopg_c._psycopg"})


class Known:
    """A type of which the driver makes values of one type of Python's, and None. For any thread."""

    def __init__(self, kind: type) -> None:
        self._types = frozenset({kind})

    def encoded(self, codec: Codec, values: Sequence[Any], *, has_nones: bool) -> Sequence[Any] | None:
        """As the codec would store the values; None if that isn't certain of one of them.

        Args:
            has_nones: whether some may be None; if not, it is seen on the way whether one is.
        """
        if has_nones or codec.encode_list is None or codec.types != self._types:
            return None
        try:
            return codec.encode_list(values)
        except TypeError:  # None; for text also bytes, of a database without an encoding
            return None


class Texts(Known):
    """How the texts of one type are read. For one thread, while its cursor's connection is open."""

    def __init__(self, type_number: int, load: Callable[[Any], Any]) -> None:
        """Read nothing yet.

        Args:
            load: the driver's value of a text that isn't None, as it was given.
        """
        super().__init__(str)
        self._type_number = type_number
        self._load = load

    def are_in(self, seen: set[type]) -> bool:
        """Whether values of these types are texts. What was fetched before is the driver's."""
        return seen <= _TEXTS

    def encoded(self, codec: Codec, values: Sequence[Any], *, has_nones: bool) -> Sequence[Any] | None:
        encode = _encoding(codec.name, self._type_number)
        if encode is None:
            return None
        try:
            return listed(encode, values, has_nones=has_nones)
        except TypeError:  # None, bytes, or a value that was fetched before
            return None

    def read(self, texts: Sequence[Any]) -> Sequence[Any]:
        """The driver's values.

        Raises:
            The driver's exceptions: it has none for one of them.
        """
        load = self._load
        return [None if text is None else load(text) for text in texts]


class _Cursor(Protocol):
    """What one driver's cursor is asked and told."""

    def has_own(self, number: int, own: _Own) -> bool:
        """Whether values of a type are read by this loader."""

    def has_loader(self, number: int) -> bool:
        """Whether the driver makes anything but a text of a type."""

    def give_texts(self, numbers: Sequence[int]) -> Mapping[int, Callable[[Any], Any]]:
        """Let these types, of which it has its own loaders, be given as texts; returns those loaders."""


class _Psycopg:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._text = importlib.import_module("psycopg.pq").Format.TEXT

    def has_own(self, number: int, own: _Own) -> bool:
        loader = self._cursor.adapters.get_loader(number, self._text)
        if loader is None or loader.__name__ != own.name:
            return False
        return loader.__module__ == own.module or loader.__module__ in _COMPILED

    def has_loader(self, number: int) -> bool:
        return self._cursor.adapters.get_loader(number, self._text) is not None

    def give_texts(self, numbers: Sequence[int]) -> Mapping[int, Callable[[Any], Any]]:
        adapters = self._cursor.adapters
        text_loader = importlib.import_module("psycopg.types.string").TextLoader
        found = {}
        for number in numbers:
            load = adapters.get_loader(number, self._text)(number, self._cursor).load
            found[number] = functools.partial(_loaded, load)
            adapters.register_loader(number, text_loader)
        return found


def _loaded(load: Callable[[bytes], Any], text: Any) -> Any:
    return load(text.encode() if type(text) is str else text)


class _Psycopg2:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._module: Any = importlib.import_module("psycopg2._psycopg")
        # Where it looks, the nearest first.
        self._types = ChainMap(
            *(dict(place.string_types or {}) for place in (cursor, cursor.connection, self._module))
        )

    def has_own(self, number: int, own: _Own) -> bool:
        caster = self._types.get(number)
        return caster is not None and caster is getattr(self._module, own.name2, None)

    def has_loader(self, number: int) -> bool:
        return number in self._types

    def give_texts(self, numbers: Sequence[int]) -> Mapping[int, Callable[[Any], Any]]:
        cursor, module = self._cursor, self._module
        found = {number: functools.partial(_cast, self._types[number], cursor) for number in numbers}
        if numbers:
            module.register_type(module.new_type(tuple(numbers), "SQLMEM_TEXT", _as_given), cursor)
        return found


def _cast(caster: Callable[[Any, Any], Any], cursor: Any, text: Any) -> Any:
    return caster(text, cursor)


def _as_given(text: Any, _: Any) -> Any:
    return text


_CURSORS: dict[str, Callable[[Any], _Cursor]] = {
    "psycopg": _Psycopg,
    "psycopg_async": _Psycopg,
    "psycopg2": _Psycopg2,
}


def known_of(cursor: Any, driver: str | None) -> Mapping[int, Known]:
    """Let a cursor that has executed give some types as texts, from its next fetch on.

    Returns:
        By the types' numbers, as `cursor.description` has them, what is known of the values to come.
    """
    if driver not in _CURSORS:
        return {}
    cursor = getattr(cursor, "_cursor", cursor)  # SQLAlchemy's around an asynchronous one
    its = _CURSORS[driver](cursor)
    found: dict[int, Known] = {
        number: Known(kind) for number, (own, kind) in _KNOWN.items() if its.has_own(number, own)
    }
    if any(item[1] not in _PLAIN and its.has_loader(item[1]) for item in cursor.description or ()):
        return found
    style = cursor.connection.info.parameter_status("DateStyle")
    if style is not None and style.startswith("ISO"):
        given = its.give_texts([number for number, own in _LOADERS.items() if its.has_own(number, own)])
        found.update((number, Texts(number, load)) for number, load in given.items())
    return found


@functools.lru_cache(maxsize=256)
def _encoding(name: str, type_number: int) -> ListFunction | None:
    exact = name.replace(_CLAMPED, "", 1)
    encode = _unclamped(exact, type_number)
    if encode is None or exact == name:
        return encode

    def encode_within_limits(texts: Sequence[Any]) -> Sequence[Any] | None:
        return None if any(limit in texts for limit in limits) else encode(texts)

    limits = _LIMITS[type_number]
    return encode_within_limits


def _unclamped(name: str, type_number: int) -> ListFunction | None:
    if type_number == _NUMERIC and name.startswith("numeric:"):
        precision, scale = map(int, name.split(":")[1:])
        return lists.decimals_of_texts(precision, scale) if precision <= lists.INT64_DIGITS else None
    if type_number == _NUMERIC and name == "decimal":
        return lists.written_decimals
    if type_number == _TIMESTAMP and name == "timestamp":
        return lists.timestamps_of_texts
    if type_number == _TIMESTAMPTZ and name in _UTC:
        return lists.utc_of_texts
    if type_number == _DATE and name == "date":
        return lists.dates_of_texts
    return None
