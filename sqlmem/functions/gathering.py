"""Aggregates over values in an order: texts put together, lists, percentiles.

Each takes a value, its own settings, an order ("af,dl": ascending or descending, NULL first or last) and
one key per term of it. Where two values stand at one place of the order and aren't the same, which of
them comes first is the origin's choice: `Unsettled`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from sqlmem.codecs import codec_by_name
from sqlmem.codecs.opaque import pack


class Unsettled(Exception):
    """The order leaves open which value comes first."""


class Gathered:
    """Rows of a value and its keys, sorted in the end."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.order = ""

    def gather(self, value: Any, order: str, keys: tuple[Any, ...]) -> None:
        self.order = order
        self.rows.append((value, *keys))

    def values(self, *, is_distinct: bool = False) -> list[Any]:
        """The values in their order."""
        rows = self.rows
        terms = self.order.split(",") if self.order else []
        for place in range(len(terms), 0, -1):
            is_descending = terms[place - 1][0] == "d"
            # Reversed with the rest.
            null = 0 if (terms[place - 1][1] == "f") != is_descending else 2
            rows.sort(key=_key(place, null), reverse=is_descending)
        for one, other in pairwise(rows):
            if one[1:] == other[1:] and one[0] != other[0]:
                raise Unsettled
        values = [row[0] for row in rows]
        return list(dict.fromkeys(values)) if is_distinct else values


def _key(place: int, null: int) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    return lambda row: (null,) if row[place] is None else (1, row[place])


class Joined(Gathered):
    """STRING_AGG, GROUP_CONCAT: the texts that aren't NULL."""

    def __init__(self) -> None:
        super().__init__()
        self.separator, self.limit, self.is_distinct = "", 0, False

    def step(
        self, text: Any, separator: str, limit: int, is_distinct: int, order: str = "", *keys: Any
    ) -> None:
        self.separator, self.limit, self.is_distinct = separator, limit, bool(is_distinct)
        if text is None:
            return
        if limit and None in keys:
            # MariaDB orders by what stands in the place of a NULL, which it takes for 0 or ''.
            raise Unsettled
        self.gather(str(text), order, keys)

    def finalize(self) -> str | None:
        if not self.rows:
            return None
        joined = self.separator.join(self.values(is_distinct=self.is_distinct))
        if self.limit and len(joined.encode()) > self.limit:
            raise ValueError("a text that the origin would cut")
        return joined


class Listed(Gathered):
    """ARRAY_AGG: a list of values of one codec, in the form of values that are only given back."""

    def __init__(self) -> None:
        super().__init__()
        self.codec, self.is_distinct = "", False

    def step(self, value: Any, codec: str, is_distinct: int, order: str = "", *keys: Any) -> None:
        self.codec, self.is_distinct = codec, bool(is_distinct)
        self.gather(value, order, keys)

    def finalize(self) -> str | None:
        if not self.rows:
            return None
        decode = codec_by_name(self.codec).decode
        values = self.values(is_distinct=self.is_distinct)
        return pack([value if value is None or decode is None else decode(value) for value in values])


class JsonListed(Gathered):
    """JSON_AGG: of values that are JSON already."""

    def step(self, text: str, order: str = "", *keys: Any) -> None:
        self.gather(text, order, keys)

    def finalize(self) -> str | None:
        return f"[{','.join(self.values())}]" if self.rows else None


class Percentile(Gathered):
    """PERCENTILE_DISC: the first value of which so great a share of all is no further on."""

    def __init__(self) -> None:
        super().__init__()
        self.share: float | None = None

    def step(self, value: Any, share: float | None, order: str, key: Any) -> None:
        self.share = share
        if value is not None:
            self.gather(value, order, (key,))

    def finalize(self) -> Any:
        if self.share is None or not self.rows:
            return None
        values = self.values()
        return self.pick(values, self.share)

    def pick(self, values: list[Any], share: float) -> Any:
        return values[max(math.ceil(share * len(values)), 1) - 1]


class Interpolated(Percentile):
    """PERCENTILE_CONT of floats."""

    def pick(self, values: list[Any], share: float) -> float:
        place = share * (len(values) - 1)
        low, high = values[math.floor(place)], values[math.ceil(place)]
        if math.floor(place) == math.ceil(place):
            return float(low)
        return float(low + (place - math.floor(place)) * (high - low))


class Mode(Gathered):
    """MODE: the most frequent value; of several it is anybody's choice."""

    def step(self, value: Any, order: str, key: Any) -> None:
        if value is not None:
            self.gather(value, order, (key,))

    def finalize(self) -> Any:
        if not self.rows:
            return None
        most = Counter(self.values()).most_common(2)
        if len(most) > 1 and most[0][1] == most[1][1]:
            raise Unsettled
        return most[0][0]


AGGREGATES: Mapping[str, tuple[int, type[Any]]] = {
    "sqlmem_joined": (-1, Joined),
    "sqlmem_listed": (-1, Listed),
    "sqlmem_json_listed": (-1, JsonListed),
    "sqlmem_percentile": (4, Percentile),
    "sqlmem_interpolated": (4, Interpolated),
    "sqlmem_mode": (3, Mode),
}
