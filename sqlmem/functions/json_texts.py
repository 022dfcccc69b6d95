"""JSON that a driver takes apart: what is parsed from it counts, and not how it is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlmem.functions.choices import decimal


def json_of(value: Any, kind: str, precision: int | None, scale: int | None) -> str:
    """A stored value as JSON, as PostgreSQL's to_json has it."""
    return "null" if value is None else _WRITERS[kind](value, precision, scale)


def _moment(value: str, _precision: object, _scale: object) -> str:
    # 2024-01-31T10:00:00.5
    day, _, time = value.partition(" ")
    whole, _, digits = time.partition(".")
    digits = digits.rstrip("0")
    return f'"{day}T{whole}{"." if digits else ""}{digits}"'


def _text(value: str, _precision: object, _scale: object) -> str:
    return json.dumps(value, ensure_ascii=False)


_WRITERS: Mapping[str, Callable[[Any, Any, Any], str]] = {
    "integer": lambda value, _precision, _scale: str(value),
    "boolean": lambda value, _precision, _scale: "true" if value else "false",
    "numeric": lambda value, precision, scale: str(decimal(value, precision, scale)),
    "text": _text,
    "date": lambda value, _precision, _scale: f'"{value}"',
    "timestamp": _moment,
    "json": lambda value, _precision, _scale: str(value),
}
KINDS = frozenset(_WRITERS)


def json_object(*pairs: Any) -> str:
    """Keys, and values that are JSON already."""
    return f"{{{','.join(f'{json.dumps(key)}:{value}' for key, value in _pairs(pairs))}}}"


def jsonb_object(*pairs: Any) -> str:
    """The same in JSONB's order: by length and then by bytes; of one key the last value counts."""
    ordered = sorted(dict(_pairs(pairs)).items(), key=lambda pair: (len(pair[0].encode()), pair[0].encode()))
    return f"{{{','.join(f'{json.dumps(key)}:{value}' for key, value in ordered)}}}"


def _pairs(flat: tuple[Any, ...]) -> list[tuple[str, str]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "sqlmem_json": (4, json_of),
    "sqlmem_json_object": (-1, json_object),
    "sqlmem_jsonb_object": (-1, jsonb_object),
}
