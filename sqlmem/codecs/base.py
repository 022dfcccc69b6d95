"""What a codec is, and how one is made.

Rule 1: what `decode` gives equals what `encode` took, in value, type, scale, time zone and fold. A value
that can't promise that is Unrepresentable, and its column is held under OPAQUE instead.
Rule 2: a codec says that it is ordered only if SQLite compares the stored values exactly as the origin
compares its own. Where the driver gives two of the origin's values as one, that isn't so.
Rule 3: names of codecs and stored values may come from a file that somebody tampered with. They are
parsed strictly; the worst that a bad one does is a ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

Function = Callable[[Any], Any]
ListFunction = Callable[[Sequence[Any]], Sequence[Any] | None]

INT64_LIMIT = 2**63


class Unrepresentable(Exception):
    """The value has no exact place in this codec. The message never contains the value."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One way to hold a column. Two codecs of one name are equal.

    Attributes:
        name: stable, with its arguments (``numeric:10:2``); `codec_by_name` reads it back.
        storage: the type of the store's column. Of DYNAMIC it is empty: the planner knows the affinity.
        types: the exact types of values it takes; `encode` relies on it. Empty: `encode` looks itself.
        encode: a driver's value, not None, to what is stored; None if it is stored as it is.
        decode: back, to a new object if it is mutable; raises ValueError only. None: as stored.
        is_ordered: the stored values are equal and ordered (BINARY) exactly as the origin's are. Of text
            that is: by code point; whether that is the origin's way is for the column's collation to say.
        parameter: a bind parameter to the stored form that compares with the column as the origin
            compares the two; raises Unrepresentable where that isn't certain. None: nothing does.
        is_null_exact: None from the driver always means NULL.
        raw_decode: `decode` without its guard, for a caller that guards many at once: may raise anything.
        encode_list: `encode` for many values of `types` at once, none of them None; it gives None where
            one by one will tell. None: there is no faster way.
    """

    name: str
    storage: str
    types: frozenset[type] = field(compare=False)
    encode: Function | None = field(compare=False)
    decode: Function | None = field(compare=False)
    is_ordered: bool = field(compare=False)
    parameter: Function | None = field(compare=False)
    is_null_exact: bool = field(compare=False, default=True)
    raw_decode: Function | None = field(compare=False, default=None)
    encode_list: ListFunction | None = field(compare=False, default=None)

    def takes(self, seen: AbstractSet[type]) -> bool:
        """Whether a column in which values of exactly these types were seen can be held so."""
        if type(None) in seen and self.is_ordered and not self.is_null_exact:
            # Some of the Nones may be values: they would compare, and NULL doesn't.
            return False
        return not self.types or seen <= self.types | {type(None)}


def guarded(function: Function) -> Function:
    def decode(stored: Any) -> Any:
        try:
            return function(stored)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001  # a damaged value: TypeError, InvalidOperation, KeyError …
            raise ValueError("a stored value isn't of its codec's form") from None

    return decode


def make_codec(
    name: str,
    storage: str,
    types: AbstractSet[type],
    encode: Function | None,
    decode: Function | None,
    *,
    parameter: Function | None = None,
    is_ordered: bool = True,
    is_null_exact: bool = True,
    encode_list: ListFunction | None = None,
) -> Codec:
    safe_decode = None if decode is None else guarded(decode)
    return Codec(
        name,
        storage,
        frozenset(types),
        encode,
        safe_decode,
        is_ordered,
        parameter,
        is_null_exact,
        decode,
        encode_list,
    )


def encoded(codec: Codec, values: Sequence[Any], *, has_nones: bool) -> Sequence[Any]:
    """Values that the codec takes, and None, as they are stored.

    Raises:
        Unrepresentable: one of them has no place in it.
    """
    if codec.encode_list is not None:
        found = listed(codec.encode_list, values, has_nones=has_nones)
        if found is not None:
            return found
    encode = codec.encode
    if encode is None:
        return values
    return [None if value is None else encode(value) for value in values]


def listed(encode_list: ListFunction, values: Sequence[Any], *, has_nones: bool) -> Sequence[Any] | None:
    """A function for many values over a column's; None stays as it is."""
    present = [value for value in values if value is not None] if has_nones else values
    if not present:
        return values
    found = encode_list(present)
    if not has_nones:
        return found
    if found is None or found is present:
        return None if found is None else values
    following = iter(found)
    return [None if value is None else next(following) for value in values]


def exactly(kind: type, encode: Function) -> Function:
    """A parameter of exactly this type, encoded as the column's values are."""

    def parameter(value: Any) -> Any:
        if type(value) is not kind:
            # True for 1, 1.0 for 1, a datetime for a date: each origin converts in its own way.
            raise Unrepresentable(f"a parameter that isn't of type {kind.__name__}")
        return encode(value)

    return parameter


def encode_integer(value: int) -> int:
    if -INT64_LIMIT <= value < INT64_LIMIT:
        return value
    raise Unrepresentable("an integer of more than 64 bits")


def encode_text(value: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unrepresentable("text with a lone surrogate") from None
    return value
