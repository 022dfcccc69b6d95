"""Values as the server wrote them, where the driver makes an object of each that a codec takes apart again.

Also of which types the driver makes values of one type of Python's, so that nobody has to look at each.

psycopg reads a Decimal or a datetime out of the server's text, and the store holds almost that text. So for
the cursor of a fill, and no other, these types are read as text; the statement is the same.

Rule 1: a type is read so only if the driver's own loader is the one that it would be read by. A program
may have registered another; then its values are what that makes of them.
Rule 2: what isn't written in the usual form (NaN, infinity, a year before 1) is read by that loader after
all, and encoded, or refused with the driver's own exception, as without this module.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlmem.codecs import Codec, ListFunction, listed, lists

_DRIVERS = frozenset({"psycopg", "psycopg_async"})
_TEXTS = frozenset({str, bytes, type(None)})
_UTC = frozenset({"timestamptz:utc", "timestamptz:zoneinfo:UTC", "timestamptz:zoneinfo:Etc/UTC"})
_DATE, _TIMESTAMP, _TIMESTAMPTZ, _NUMERIC = 1082, 1114, 1184, 1700
# The type's number -> the module and the name of psycopg's own loader.
_LOADERS = {
    _DATE: ("psycopg.types.datetime", "DateLoader"),
    _TIMESTAMP: ("psycopg.types.datetime", "TimestampLoader"),
    _TIMESTAMPTZ: ("psycopg.types.datetime", "TimestamptzLoader"),
    _NUMERIC: ("psycopg.types.numeric", "NumericLoader"),
}
_BOOL, _INT8, _INT2, _INT4, _TEXT, _FLOAT4, _FLOAT8, _BPCHAR, _VARCHAR = (
    16,
    20,
    21,
    23,
    25,
    700,
    701,
    1042,
    1043,
)
# Likewise, and the type of Python's that it makes.
_KNOWN: dict[int, tuple[str, str, type]] = {
    _BOOL: ("psycopg.types.bool", "BoolLoader", bool),
    **dict.fromkeys((_INT2, _INT4, _INT8), ("psycopg.types.numeric", "IntLoader", int)),
    **dict.fromkeys((_FLOAT4, _FLOAT8), ("psycopg.types.numeric", "FloatLoader", float)),
    **dict.fromkeys((_TEXT, _BPCHAR, _VARCHAR), ("psycopg.types.string", "TextLoader", str)),
}
# The same loaders, compiled.
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

    def __init__(self, type_number: int, load: Callable[[bytes], Any]) -> None:
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
        return [
            None if text is None else load(text.encode() if type(text) is str else text) for text in texts
        ]


def known_of(cursor: Any, driver: str | None) -> Mapping[int, Known]:
    """Let a cursor that has executed give some types as texts, from its next fetch on.

    Returns:
        By the types' numbers, as `cursor.description` has them, what is known of the values to come.
    """
    if driver not in _DRIVERS:
        return {}
    cursor = getattr(cursor, "_cursor", cursor)  # SQLAlchemy's around an asynchronous one
    form = importlib.import_module("psycopg.pq").Format.TEXT

    def own_loader(number: int, module: str, name: str) -> Any:
        loader = cursor.adapters.get_loader(number, form)
        if loader is None or loader.__name__ != name or loader.__module__ not in _COMPILED | {module}:
            return None
        return loader

    found: dict[int, Known] = {
        number: Known(kind)
        for number, (module, name, kind) in _KNOWN.items()
        if own_loader(number, module, name)
    }
    style = cursor.connection.info.parameter_status("DateStyle")
    if style is None or not style.startswith("ISO"):
        return found
    text_loader = importlib.import_module("psycopg.types.string").TextLoader
    for number, (module, name) in _LOADERS.items():
        loader = own_loader(number, module, name)
        if loader is not None:
            found[number] = Texts(number, loader(number, cursor).load)
            cursor.adapters.register_loader(number, text_loader)
    return found


@functools.lru_cache(maxsize=256)
def _encoding(name: str, type_number: int) -> ListFunction | None:
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
