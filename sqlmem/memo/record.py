"""What is kept of a call, its signature, and what of it people can read.

Rule: `sign` covers all that a hit depends on, the key among it: a payload that is put under another
key, or given another age, is refused like a forged one.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

VALUE, EXCEPTION = 0, 1


class Stored(NamedTuple):
    """Of a record, what a hit needs. Times are in seconds since the epoch."""

    payload: bytes
    kind: int
    serializer: str
    reads: str  # JSON, see `Reads`; empty if the body read no table
    created: float
    expires: float | None
    signature: bytes | None
    runtime: float


class Row(NamedTuple):
    """A whole record."""

    key: str
    function: str
    stored: Stored
    used: float
    arguments: str | None  # JSON
    value: str | None  # JSON; of an exception its type and text


def sign(secret: bytes, key: str, stored: Stored) -> bytes:
    header = json.dumps(
        [key, stored.kind, stored.serializer, stored.reads, stored.created, stored.expires]
    ).encode()
    made = hmac.new(secret, b"%d:%b" % (len(header), header), hashlib.sha256)
    made.update(stored.payload)
    return made.digest()


def is_signed(secret: bytes, key: str, stored: Stored) -> bool:
    return stored.signature is not None and hmac.compare_digest(sign(secret, key, stored), stored.signature)


# -- what was read ---------------------------------------------------------------------------


@dataclass(slots=True)
class Reads:
    """Of one database: the tables, and under which tokens they were read.

    Attributes:
        read_at: seconds since the epoch at which the oldest of it was read.
        expires: when the first of it is older than its ttl; None if none has one.
        tables: as the origin's catalogue spells them.
    """

    read_at: float
    tokens: dict[str, str]
    tables: set[str] = field(default_factory=set)
    expires: float | None = None

    def merge(self, other: Reads) -> bool:
        """Add what somebody else has read. False if that was of another era."""
        is_same = all(self.tokens.setdefault(name, token) == token for name, token in other.tokens.items())
        self.read_at = min(self.read_at, other.read_at)
        self.expires = earlier(self.expires, other.expires)
        self.tables |= other.tables
        return is_same


def earlier(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)


def reads_to_text(reads: Mapping[str, Reads]) -> str:
    if not reads:
        return ""
    return json.dumps(
        {
            scope: [each.read_at, each.expires, dict(sorted(each.tokens.items())), sorted(each.tables)]
            for scope, each in sorted(reads.items())
        },
        separators=(",", ":"),
    )


@functools.lru_cache(maxsize=1000)
def reads_from_text(text: str) -> Mapping[str, Reads]:
    """Shared by those who ask for the same text; nobody changes it.

    Raises ValueError and its like for what `reads_to_text` hasn't written.
    """
    if not text:
        return {}
    return {
        scope: Reads(float(read_at), dict(tokens), set(tables), expires)
        for scope, (read_at, expires, tokens, tables) in json.loads(text).items()
    }


# -- one value for stores of keys and values -------------------------------------------------


def to_bytes(row: Row) -> bytes:
    stored = row.stored
    header = [
        row.function,
        stored.kind,
        stored.serializer,
        stored.reads,
        stored.created,
        stored.expires,
        None if stored.signature is None else stored.signature.hex(),
        stored.runtime,
        row.arguments,
        row.value,
    ]
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"sqlmem1 %d:%b" % (len(text), text) + stored.payload


def from_bytes(key: str, data: bytes) -> Row:
    """Raises ValueError and its like for what `to_bytes` hasn't written."""
    head, _, rest = bytes(data).partition(b":")
    mark, _, length = head.partition(b" ")
    if mark != b"sqlmem1":
        raise ValueError("not a record")
    text, payload = rest[: int(length)], rest[int(length) :]
    function, kind, serializer, reads, created, expires, signature, runtime, arguments, value = json.loads(
        text
    )
    signed = None if signature is None else bytes.fromhex(signature)
    stored = Stored(payload, kind, serializer, reads, created, expires, signed, runtime)
    return Row(key, function, stored, created, arguments, value)


# -- for people ------------------------------------------------------------------------------


class Record:
    """A stored call. `value` and `exception` are read when they are asked for, anew each time.

    Attributes:
        key: as `key()` of the function gives it.
        arguments: as recorded; None if they weren't.
        time: seconds since the epoch at which the body began.
        runtime: seconds that the body took.
        tables: those that it read.
    """

    __slots__ = ("_load", "_row", "arguments", "key", "runtime", "tables", "time")

    def __init__(self, row: Row, load: Callable[[str, Stored], Any]) -> None:
        self._row = row
        self._load = load
        self.key = row.key
        self.time = row.stored.created
        self.runtime = row.stored.runtime
        self.arguments: dict[str, Any] | None = None if row.arguments is None else json.loads(row.arguments)
        tables: set[str] = set()
        for reads in reads_from_text(row.stored.reads).values():
            tables |= reads.tables
        self.tables = tuple(sorted(tables))

    @property
    def is_exception(self) -> bool:
        return self._row.stored.kind == EXCEPTION

    @property
    def value(self) -> Any:
        """What the body returned; None if it raised."""
        return None if self.is_exception else self._load(self.key, self._row.stored)

    @property
    def exception(self) -> BaseException | None:
        found = self._load(self.key, self._row.stored) if self.is_exception else None
        return found if isinstance(found, BaseException) else None

    @property
    def used(self) -> float:
        """Seconds since the epoch at which it was last used, as far as that was written."""
        return self._row.used

    def __repr__(self) -> str:
        kind = "exception" if self.is_exception else "value"
        return f"Record({self._row.function}, {kind}, key={self.key[:8]}…, tables={self.tables})"


def to_json(value: Any) -> Any:
    """A value as JSON has it, for people and queries: what JSON hasn't got becomes its text."""
    if value is None or isinstance(value, bool | int | str):
        return value if type(value) in (bool, int, str, type(None)) else to_json(_plain(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((to_json(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if hasattr(type(value), "__dataclass_fields__"):
        return {name: to_json(getattr(value, name)) for name in type(value).__dataclass_fields__}
    return str(value)


def _plain(value: Any) -> Any:
    plain = getattr(value, "value", None)  # an enum's
    if plain is not None and type(plain) in (bool, int, str):
        return plain
    return str(value)


def json_text(value: Any) -> str:
    return json.dumps(to_json(value), ensure_ascii=False, separators=(",", ":"))
