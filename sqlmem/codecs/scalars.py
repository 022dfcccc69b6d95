"""Codecs of text, bytes, UUIDs, and JSON that the driver gives as a structure."""

from __future__ import annotations

import functools
import importlib
import json
import operator
import re
import sys
import uuid
from typing import Any

from sqlmem.codecs import lists
from sqlmem.codecs.base import Codec, Unrepresentable, encode_text, exactly, make_codec
from sqlmem.codecs.opaque import MAX_DEPTH


def _encode_text_parameter(value: str) -> str:
    if "\0" in value:
        # Some origins raise for it, others compare.
        raise Unrepresentable("a parameter with a NUL character")
    return encode_text(value)


def _encode_memoryview(value: memoryview) -> bytes:
    if value.format != "c" or value.ndim != 1 or not value.readonly:
        raise Unrepresentable("a memoryview of another form than the driver's")
    return value.tobytes()


def _decode_memoryview(stored: bytes) -> Any:
    return memoryview(stored).cast("c")


_new_object = object.__new__
_set_attribute = object.__setattr__
_UNKNOWN_SAFETY = uuid.SafeUUID.unknown


def _encode_uuid(value: uuid.UUID) -> bytes:
    if value.is_safe is not _UNKNOWN_SAFETY:
        raise Unrepresentable("a UUID that knows how it was made")
    return value.int.to_bytes(16, "big")


def _decode_uuid(stored: bytes) -> uuid.UUID:
    # The constructor's own work without its many checks, which cost three times as much.
    if type(stored) is not bytes or len(stored) != 16:
        raise ValueError("a UUID has 16 bytes")
    value = _new_object(uuid.UUID)
    _set_attribute(value, "int", int.from_bytes(stored, "big"))
    _set_attribute(value, "is_safe", _UNKNOWN_SAFETY)
    return value


_UUID_TEXT = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def _uuid_parameter(value: Any) -> bytes:
    if type(value) is str and _UUID_TEXT.fullmatch(value):
        return bytes.fromhex(value.replace("-", ""))
    if type(value) is uuid.UUID or type(value) is asyncpg_uuid_type():
        uuid_bytes: bytes = value.bytes
        return uuid_bytes
    raise Unrepresentable("a parameter that isn't a UUID")


_ASYNCPG_UUID = ("asyncpg.pgproto.pgproto", "UUID")


def asyncpg_uuid_type() -> Any:
    """The class of asyncpg's own UUID, if asyncpg was imported; a value of it can't be seen before."""
    module = sys.modules.get(_ASYNCPG_UUID[0])
    return None if module is None else getattr(module, _ASYNCPG_UUID[1], None)


@functools.lru_cache(maxsize=1)
def asyncpg_uuid() -> Codec:
    try:
        module = importlib.import_module(_ASYNCPG_UUID[0])
        kind = getattr(module, _ASYNCPG_UUID[1])
    except (ImportError, AttributeError):
        raise ValueError("asyncpg isn't installed") from None
    return make_codec(
        "uuid:asyncpg", "BLOB", {kind}, operator.attrgetter("bytes"), kind, parameter=_uuid_parameter
    )


_to_json = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), check_circular=False, allow_nan=False
).encode
_from_json = json.JSONDecoder().decode
_JSON_SCALARS = frozenset({type(None), bool, int, float, str})


def _check_json(value: Any, depth: int) -> None:
    kind = type(value)
    if kind in _JSON_SCALARS:
        return
    if depth > MAX_DEPTH:
        raise Unrepresentable("nested too deep")
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise Unrepresentable("a key that isn't text")
            if type(item) not in _JSON_SCALARS:
                _check_json(item, depth + 1)
    elif kind is list:
        for item in value:
            if type(item) not in _JSON_SCALARS:
                _check_json(item, depth + 1)
    else:
        raise Unrepresentable("a value that JSON has no form for")


def _encode_json(value: Any) -> str:
    _check_json(value, 0)
    try:
        return encode_text(_to_json(value))
    except (ValueError, RecursionError):
        # ValueError: NaN, infinity, or an integer of more digits than the interpreter is willing to write.
        raise Unrepresentable("a value that can't be written as JSON") from None


SCALARS = (
    make_codec(
        "text",
        "TEXT",
        {str},
        encode_text,
        None,
        parameter=exactly(str, _encode_text_parameter),
        encode_list=lists.texts,
    ),
    make_codec("bytes", "BLOB", {bytes}, None, None, parameter=exactly(bytes, bytes)),
    make_codec(
        "bytes:memoryview",
        "BLOB",
        {memoryview},
        _encode_memoryview,
        _decode_memoryview,
        parameter=exactly(bytes, bytes),
    ),
    make_codec("uuid", "BLOB", {uuid.UUID}, _encode_uuid, _decode_uuid, parameter=_uuid_parameter),
    # Not exact for NULL: the driver gives JSON's null as None too.
    make_codec(
        "json",
        "TEXT",
        (_JSON_SCALARS - {type(None)}) | {list, dict},
        _encode_json,
        _from_json,
        is_ordered=False,
        is_null_exact=False,
    ),
    make_codec(
        "json:text",
        "TEXT",
        {str},
        encode_text,
        None,
        is_ordered=False,
        is_null_exact=False,
        encode_list=lists.texts,
    ),
)
