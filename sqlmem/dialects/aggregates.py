"""Aggregates beside COUNT, MIN, MAX, SUM and AVG, as rows: who computes them, of what, and what they give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmem.dialects.rules import Kinds, Result, result
from sqlmem.model import Collation, Column, Kind


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One row.

    Attributes:
        kinds: of the values that the store's takes.
        store: the function of ours; empty where the origin computes it.
        result: what it gives; None: a value of the type that it was given, or a list of them.
        told: that in words.
        wrong: the case that would be wrong in the store.
    """

    kinds: Kinds = frozenset()
    store: str = ""
    result: Result | None = None
    told: str = ""
    wrong: str = ""


# name -> its row
Aggregates = Mapping[str, Aggregate]

_ORDERED = frozenset(
    {Kind.INTEGER, Kind.NUMERIC, Kind.FLOAT, Kind.DATE, Kind.TIMESTAMP, Kind.TEXT, Kind.BOOLEAN}
)
_EXACT = frozenset({Kind.INTEGER, Kind.NUMERIC, Kind.DECIMAL})
_INTEGERS = frozenset({Kind.INTEGER})
_TIES = "values at one place of the order: which comes first is the origin's choice"
_DECIMAL = result(Kind.DECIMAL, "NUMERIC", 1700)
_TEXT = result(Kind.TEXT, "TEXT", 25, collation=Collation.DETERMINISTIC)
_JSON = Result(Column("", Kind.JSON, "JSON"), 114, "json")

# `type_code` of a value -> that of a list of such
ARRAYS: Mapping[int, int] = {
    16: 1000,
    20: 1016,
    21: 1005,
    23: 1007,
    25: 1009,
    701: 1022,
    1043: 1015,
    1082: 1182,
    1114: 1115,
    1700: 1231,
}

POSTGRESQL: Aggregates = {
    "string_agg": Aggregate(frozenset({Kind.TEXT}), "sqlmem_joined", _TEXT, "text", _TIES),
    "array_agg": Aggregate(_ORDERED, "sqlmem_listed", None, "an array", _TIES),
    "json_agg": Aggregate(_ORDERED - {Kind.FLOAT} | {Kind.JSON}, "sqlmem_json_listed", _JSON, "json", _TIES),
    "percentile_disc": Aggregate(_ORDERED, "sqlmem_percentile", None, "the value's type"),
    "percentile_cont": Aggregate(
        frozenset({Kind.INTEGER, Kind.NUMERIC, Kind.FLOAT}),
        "sqlmem_interpolated",
        result(Kind.FLOAT, "DOUBLE PRECISION", 701),
        "double precision",
    ),
    "mode": Aggregate(
        _ORDERED, "sqlmem_mode", None, "the value's type", "two most frequent values: it is either"
    ),
    **{
        name: Aggregate(
            _EXACT,
            f"sqlmem_{name}",
            _DECIMAL,
            "numeric of 16 digits or more",
            "floats: the order of addition shows",
        )
        for name in ("var_samp", "var_pop", "stddev_samp", "stddev_pop")
    },
    **{
        name: Aggregate(_INTEGERS, f"sqlmem_{name}", None, "the value's type")
        for name in ("bit_and", "bit_or", "bit_xor")
    },
}

_RUNNING = "they are added up as floats, one after the other: the order shows in the last digit"
_BITS = "64 bits without sign, all set where there is no row"
MYSQL: Aggregates = {
    "group_concat": Aggregate(
        frozenset({Kind.INTEGER, Kind.NUMERIC, Kind.TEXT, Kind.DATE}),
        "sqlmem_joined",
        result(Kind.TEXT, "TEXT of GROUP_CONCAT", 252),
        "text",
        _TIES + "; and a text beyond group_concat_max_len, which is cut",
    ),
    **{name: Aggregate(wrong=_RUNNING) for name in ("var_samp", "var_pop", "stddev_samp", "stddev_pop")},
    **{name: Aggregate(wrong=_BITS) for name in ("bit_and", "bit_or", "bit_xor")},
}
