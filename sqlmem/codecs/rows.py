"""Whole rows from the store to the caller: one generated function for the columns at hand.

Rule: the generated source contains positions and nothing else. Names of columns and functions are
handed to it as arguments.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from sqlmem.codecs.base import Codec

_Rows = list[tuple[Any, ...]]


def row_decoder(codecs: Sequence[Codec]) -> Callable[[_Rows], _Rows] | None:
    """From stored rows to rows as the driver gives them; None if there is nothing to decode.

    The function raises ValueError if a stored value isn't of its codec's form.
    """
    decodes = [codec.raw_decode for codec in codecs]
    if not any(decodes):
        return None
    make = _maker(tuple(decode is not None for decode in decodes), is_dict=False)
    decoder: Callable[[_Rows], _Rows] = make(*decodes)
    return decoder


def dict_decoder(codecs: Sequence[Codec], names: Sequence[str]) -> Callable[[_Rows], list[dict[str, Any]]]:
    """From stored rows to new dicts. Of a name that occurs twice the last column stands.

    The function raises ValueError if a stored value isn't of its codec's form.
    """
    if len(codecs) != len(names):
        raise ValueError(f"{len(codecs)} codecs for {len(names)} names")
    decodes = [codec.raw_decode for codec in codecs]
    make = _maker(tuple(decode is not None for decode in decodes), is_dict=True)
    decoder: Callable[[_Rows], list[dict[str, Any]]] = make(*decodes, *names)
    return decoder


@functools.lru_cache(maxsize=512)
def _maker(is_decoded: tuple[bool, ...], *, is_dict: bool) -> Callable[..., Any]:
    """A function of decode functions and names that makes the decoder. Depends on positions only."""
    positions = range(len(is_decoded))
    values = [f"(None if r{i} is None else d{i}(r{i}))" if is_decoded[i] else f"r{i}" for i in positions]
    if is_dict:
        row = "{" + ", ".join(f"n{i}: {values[i]}" for i in positions) + "}"
    else:
        row = "(" + "".join(f"{value}, " for value in values) + ")"
    arguments = [f"d{i}" for i in positions] + ([f"n{i}" for i in positions] if is_dict else [])
    columns = "".join(f"r{i}, " for i in positions)
    target = f"({columns})" if columns else "_"
    source = f"""
def make({", ".join(arguments)}):
    def decode(rows):
        try:
            return [{row} for {target} in rows]
        except MemoryError:
            raise
        except Exception:
            raise ValueError("a stored value isn't of its codec's form") from None
    return decode
"""
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # noqa: S102  # positions only, see the module's rule
    make: Callable[..., Any] = namespace["make"]
    return make
