"""One column's way into the store, for one fill: which codec, and what is done where it has no place.

A value that its column's codec has no place for doesn't stop the fill: the column goes over to the opaque
codec, also what was stored of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlmem.codecs import OPAQUE, Codec, Unrepresentable, codec_for, codec_for_value, encoded
from sqlmem.model import Column, Kind
from sqlmem.stored import declaration
from sqlmem.wire import Known, Texts
from sqlmem.writing import Writer, bound


class Uncacheable(Exception):
    """A column holds a value that no codec has a place for."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(column, reason)
        self.column = column
        self.reason = reason


class Encoder:
    """For one thread.

    Attributes:
        known: what is known of the values that the driver gives, once it has given the first; None for
            nothing.
    """

    def __init__(self, column: Column, stored_name: str, driver: str | None) -> None:
        self.column = column
        self.name = stored_name
        self.went_opaque = False
        self.known: Known | None = None
        self._driver = driver
        self._may_be_cut = column.expression is not None and (
            (column.kind is Kind.NUMERIC and column.precision == _MOST_DIGITS and column.scale is not None)
            or (column.kind is Kind.FLOAT and column.precision is not None)
        )
        self.codec: Codec | None = OPAQUE if column.kind is Kind.OPAQUE else codec_for(column, driver)

    @property
    def declaration(self) -> str:
        """Of the store's column."""
        return declaration(self.column)

    def encode(self, writer: Writer, values: Sequence[Any]) -> Sequence[Any]:
        """What is stored for these values, in their order, as it is bound (`bound`).

        Raises:
            Uncacheable: one of them has no place in any codec.
            The driver's exceptions: it can't read one of them.
        """
        known, codec = self.known, self.codec
        if known is not None and codec is not None:
            # Most columns have no NULL and nothing unusual, and then nobody has to look at the types.
            found = known.encoded(codec, values, has_nones=False)
            if found is not None:
                return found
        seen = set(map(type, values))
        has_nones = type(None) in seen
        if isinstance(known, Texts) and known.are_in(seen):
            if codec is not None and has_nones:
                found = known.encoded(codec, values, has_nones=True)
                if found is not None:
                    return bound(found)
            values = known.read(values)
            seen = set(map(type, values))
        found = self._stored(writer, values, seen)
        return bound(found) if has_nones or self._has_bytes(seen) else found

    def _has_bytes(self, seen: set[type]) -> bool:
        """Whether bytes are stored for values of these types."""
        storage = "" if self.codec is None else self.codec.storage
        return storage == "BLOB" or (not storage and bytes in seen)

    def _stored(self, writer: Writer, values: Sequence[Any], seen: set[type]) -> Sequence[Any]:
        if self._may_be_cut and any(_reaches_limit(value, self.column) for value in values):
            # MariaDB: a number of more digits is given as it is, or cut, as its plan has it.
            raise Uncacheable(self.column.name, "a value at the limit of its type")
        has_nones = type(None) in seen
        if self.codec is None:
            sample = next((value for value in values if value is not None), None)
            if sample is None:
                return values
            self.codec = codec_for_value(self.column, sample, self._driver)
            if self.codec is OPAQUE:
                self._go_opaque(writer, None)
        try:
            if self.codec.takes(seen):
                return encoded(self.codec, values, has_nones=has_nones)
        except Unrepresentable:
            pass
        if self.codec is OPAQUE or self.column.kind is Kind.DYNAMIC:
            # A dynamic column's affinity would change the opaque form.
            raise Uncacheable(self.column.name, f"no exact form for values of {_type_names(seen)}")
        self._go_opaque(writer, self.codec)
        try:
            return encoded(OPAQUE, values, has_nones=has_nones)
        except Unrepresentable:
            raise Uncacheable(self.column.name, f"no exact form for values of {_type_names(seen)}") from None

    def _go_opaque(self, writer: Writer, before: Codec | None) -> None:
        self.codec = OPAQUE
        self.went_opaque = self.column.kind is not Kind.OPAQUE
        pack = OPAQUE.encode
        assert pack is not None
        if before is not None and writer.rows:
            unpack = before.decode
            writer.recode(self.name, pack if unpack is None else lambda stored: pack(unpack(stored)))


# The precision that MariaDB gives the result of a calculation at most.
_MOST_DIGITS = 65


def _reaches_limit(value: Any, column: Column) -> bool:
    """Whether all digits in front of the point are taken, and it may have had more."""
    if column.kind is Kind.FLOAT:
        return type(value) is float and abs(value) >= 10.0 ** (column.precision or 0)
    if type(value) is not Decimal or not value.is_finite():
        return False
    return value.adjusted() + 1 >= _MOST_DIGITS - (column.scale or 0)


def _type_names(seen: set[type]) -> str:
    return ", ".join(sorted(kind.__name__ for kind in seen if kind is not type(None)))
