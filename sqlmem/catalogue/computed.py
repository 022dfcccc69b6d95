"""What the origin says of an expression that it would compute: whether it is immutable, and its type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sqlmem.dialects import BY_FAMILY
from sqlmem.dialects.immutable import Asked
from sqlmem.model import Collation, Column, Kind
from sqlmem.plan import Candidate

_VOLATILITIES = sa.text(
    "SELECT p.proname, p.provolatile::text, ARRAY(SELECT pg_catalog.format_type(t, NULL)"
    " FROM unnest(p.proargtypes) AS t), p.pronargdefaults, p.provariadic <> 0, p.proretset"
    " FROM pg_catalog.pg_proc p WHERE p.proname = ANY(:names) AND p.prokind = 'f'"
    " AND pg_catalog.pg_function_is_visible(p.oid)"
)
_FOREIGN = sa.text(
    "SELECT DISTINCT p.proname FROM pg_catalog.pg_proc p WHERE p.proname = ANY(:names)"
    " AND p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace"
)
_TYPE_NAMES = {
    Kind.DATE: "date",
    Kind.TIME: "time without time zone",
    Kind.TIMESTAMP: "timestamp without time zone",
    Kind.TIMESTAMPTZ: "timestamp with time zone",
    Kind.INTERVAL: "interval",
}


def not_immutable(connection: Connection, family: str, asked: Asked) -> str | None:
    """Why an expression's functions may give another result another time, or several; None if they can't."""
    if family != "postgresql" or not asked.functions:
        return None
    variants: dict[str, list[_Variant]] = {name: [] for name, _ in asked.functions}
    rows = connection.execute(_VOLATILITIES, {"names": list(variants)})
    for name, volatility, types, defaults, is_variadic, is_set in rows:
        if is_set:
            # In the select list of a fill it would make several rows of one, or none.
            return f"{name} may give any number of rows"
        names = tuple(str(type_) for type_ in types)
        variants[str(name)].append(_Variant(volatility == "i", names, int(defaults), bool(is_variadic)))
    wanted = [_TYPE_NAMES[kind] for kind in asked.moments]
    for name, arity in asked.functions:
        found = [variant for variant in variants[name] if variant.takes(arity)]
        if not found:
            return f"the origin's catalogue has no function {name}"
        if all(variant.is_immutable for variant in found):
            continue
        # Which variant is called depends on the operands' types: there must be an immutable one
        # for each kind of date and time among the columns, and none of another volatility.
        if not wanted:
            return f"{name} isn't immutable for all types"
        for type_ in wanted:
            if {variant.is_immutable for variant in found if type_ in variant.types} != {True}:
                return f"{name} isn't immutable for {type_}"
    return None


def foreign_functions(connection: Connection, names: Sequence[str]) -> set[str]:
    """PostgreSQL: those of the names under which there are functions that aren't the origin's own."""
    return {str(name) for (name,) in connection.execute(_FOREIGN, {"names": list(names)})}


@dataclass(frozen=True, slots=True)
class _Variant:
    """One of the functions of a name, with the types of its arguments."""

    is_immutable: bool
    types: tuple[str, ...]
    defaults: int
    is_variadic: bool

    def takes(self, arity: int | None) -> bool:
        if arity is None or self.is_variadic:
            return True
        return len(self.types) - self.defaults <= arity <= len(self.types)


def described(family: str, candidate: Candidate, expression: str, description: tuple[Any, ...]) -> Column:
    """The column that a candidate is, by the driver's description of its values.

    What the description doesn't tell is found out by the fill: values that aren't what was
    expected make the column an opaque one.
    """
    column = _typed(family, candidate, expression, description)
    return replace(column, description=description[1:7])


_MOST_DIGITS = 1000  # that PostgreSQL lets a numeric be declared with


def _typed(family: str, candidate: Candidate, expression: str, description: tuple[Any, ...]) -> Column:
    name = candidate.name
    if candidate.rank_of is not None:
        return Column(name, Kind.INTEGER, "BIGINT", expression=expression, rank_of=candidate.rank_of)
    if candidate.weighs is not None:
        return Column(
            name,
            Kind.TEXT,
            "weights",
            collation=Collation.BINARY,
            expression=expression,
            key_of=candidate.key_of,
        )
    code, precision, scale = description[1], description[4], description[5]
    if family == "postgresql":
        type_name, kind = _POSTGRESQL.get(code, (f"type {code}", Kind.OPAQUE))
        # Of a numeric of any scale psycopg2 says 65535 of both, the others nothing.
        is_any = precision is None or scale is None or not 0 <= scale <= precision <= _MOST_DIGITS
        if kind is Kind.NUMERIC and is_any:
            return Column(name, Kind.DECIMAL, type_name, expression=expression)
        if kind is Kind.NUMERIC:
            return Column(name, kind, type_name, precision, scale, expression=expression)
        collation = candidate.collation if kind is Kind.TEXT else Collation.UNKNOWN
        return Column(name, kind, type_name, collation=collation, expression=expression)
    type_name, kind, is_compared = _MYSQL.get(code, (f"type {code}", Kind.OPAQUE, True))
    if kind is Kind.NUMERIC:
        # The length is that of the text: sign and point included.
        length, scale = int(description[4] or 0), int(scale or 0)
        precision = length - (2 if scale else 1)
        if not 0 <= scale <= precision:
            return Column(name, Kind.OPAQUE, type_name, expression=expression)
        return Column(name, kind, type_name, precision, scale, expression=expression)
    if kind is Kind.FLOAT and scale is not None and int(scale) < _ANY_SCALE:
        # ROUND(f): what stands beside a window is gathered in a table, whose column has so many digits.
        return Column(name, kind, type_name, int(description[4] or 0) - int(scale), expression=expression)
    if kind is Kind.TEXT and description[3] == 0:
        # MariaDB makes a CHAR of it in some places, and a VARCHAR in others.
        return Column(name, kind, type_name, refusal="a text of no character", expression=expression)
    if kind is Kind.INTEGER and candidate.may_be_unsigned:
        # Nothing below zero can come of it: it is no operand for arithmetic of the store's.
        type_name += " UNSIGNED"
    collation = candidate.collation if candidate.collation is Collation.FOLDED else Collation.UNKNOWN
    return Column(name, kind, type_name, collation=collation, is_compared=is_compared, expression=expression)


# From this scale on, MariaDB and MySQL mean that a float has as many digits behind the point as it has.
_ANY_SCALE = 31

_POSTGRESQL: dict[Any, tuple[str, Kind]] = {
    BY_FAMILY["postgresql"].codes[type_name]: (type_name, kind)
    for type_name, kind in (
        ("BOOLEAN", Kind.BOOLEAN),
        ("BYTEA", Kind.BYTES),
        ("BIGINT", Kind.INTEGER),
        ("SMALLINT", Kind.INTEGER),
        ("INTEGER", Kind.INTEGER),
        ("TEXT", Kind.TEXT),
        ("VARCHAR", Kind.TEXT),
        ("DOUBLE PRECISION", Kind.FLOAT),
        ("DATE", Kind.DATE),
        ("TIME WITHOUT TIME ZONE", Kind.TIME),
        ("TIMESTAMP WITHOUT TIME ZONE", Kind.TIMESTAMP),
        ("NUMERIC", Kind.NUMERIC),
        ("UUID", Kind.UUID),
    )
} | {1184: ("TIMESTAMP WITH TIME ZONE", Kind.TIMESTAMPTZ)}
# Codes of the wire protocol -> name, kind, whether it is compared as the store would.
_MYSQL: dict[Any, tuple[str, Kind, bool]] = {
    1: ("TINYINT", Kind.INTEGER, True),
    2: ("SMALLINT", Kind.INTEGER, True),
    3: ("INTEGER", Kind.INTEGER, True),
    8: ("BIGINT", Kind.INTEGER, True),
    9: ("MEDIUMINT", Kind.INTEGER, True),
    5: ("DOUBLE", Kind.FLOAT, True),
    10: ("DATE", Kind.DATE, True),
    11: ("TIME", Kind.INTERVAL, True),
    12: ("DATETIME", Kind.TIMESTAMP, True),
    7: ("TIMESTAMP", Kind.TIMESTAMP, False),
    13: ("YEAR", Kind.INTEGER, False),
    246: ("DECIMAL", Kind.NUMERIC, True),
    252: ("TEXT", Kind.TEXT, True),
    253: ("VARCHAR", Kind.TEXT, True),
    254: ("CHAR", Kind.TEXT, True),
}
