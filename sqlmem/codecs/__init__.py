"""How a column's values go into the store and come back, equal in value and in type.

Lowest first: `base` (what a codec is), `lists` (many values at once), `opaque`, `numbers`, `moments`,
`scalars`, `dynamic` (the codecs), `choice` (which one a column gets), `rows` (whole rows, decoded by one
generated function).
"""

from __future__ import annotations

from sqlmem.codecs.base import Codec, ListFunction, Unrepresentable, encoded, listed
from sqlmem.codecs.choice import OPAQUE, codec_by_name, codec_for, codec_for_value
from sqlmem.codecs.rows import dict_decoder, row_decoder

__all__ = [
    "OPAQUE",
    "Codec",
    "ListFunction",
    "Unrepresentable",
    "codec_by_name",
    "codec_for",
    "codec_for_value",
    "dict_decoder",
    "encoded",
    "listed",
    "row_decoder",
]
