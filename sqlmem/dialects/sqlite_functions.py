"""SQLite's functions that depend on nothing but their arguments, as rows of a table.

The store is the same library, so that a row needs no meaning: only how many arguments there are,
what may come out, and where the present, or JSON's mark on a value, could come in. What has no row
(random(), changes(), last_insert_rowid(), an application's own, group_concat() with its order) is
the origin's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlmem.measures import (
    ANYTHING,
    BLOB,
    BLOBS,
    LENGTHS,
    REALS,
    TEXT,
    TEXTS,
    TRUTH,
    Combine,
    Span,
    absolute,
    either,
    rounded,
    whole,
)


@dataclass(frozen=True, slots=True)
class Function:
    """One row.

    Attributes:
        least, most: how many arguments it takes; None for any number.
        span: what comes out, whatever the arguments are; None: see `combine`.
        combine: what comes out, from the arguments' spans.
        handed_on: from which argument to before which `combine` looks at them.
        moments: which arguments are a time; the store refuses 'now' there. Behind the last there are
            modifiers.
        is_json: what comes out may bear JSON's mark.
        sees_json: an argument's mark makes a difference.
        may_fail: there are arguments for which it is an error.
        wrong: the case for which arguments that look local are the origin's.
    """

    least: int
    most: int | None
    span: Span | None = None
    combine: Combine | None = None
    handed_on: tuple[int, int | None] = (0, None)
    moments: tuple[int, ...] = ()
    is_json: bool = False
    sees_json: bool = False
    may_fail: bool = False
    wrong: str = ""


def integral(of: Span, *_more: Span) -> Span:
    """A whole number to itself, all else to a float."""
    if of.classes == 1:
        return of
    return rounded(of) if of.is_number and of.classes == 2 else ANYTHING


def rounded_to(of: Span, *places: Span) -> Span:
    return REALS if places else rounded(of)


_MOMENT = "'now' or a modifier 'localtime' or 'utc' makes it depend on the present or the time zone"
_JSON = "a value out of a derived table may have lost JSON's mark, or kept it"
_PARTS = Span(TEXT | BLOB, is_negative=False, has_signed_zero=False, is_distinct=True)
_MATH_ONE = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cos",
    "cosh",
    "degrees",
    "exp",
    "ln",
    "log10",
    "log2",
    "radians",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
]

FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(1, 1, combine=absolute, may_fail=True),
    "char": Function(0, None, TEXTS),
    "coalesce": Function(2, None, combine=either),
    "concat": Function(1, None, TEXTS),
    "concat_ws": Function(2, None, TEXTS),
    "format": Function(1, None, TEXTS, may_fail=True),
    "glob": Function(2, 2, TRUTH),
    "hex": Function(1, 1, TEXTS),
    "if": Function(2, None, combine=either, handed_on=(1, None)),
    "ifnull": Function(2, 2, combine=either),
    "iif": Function(2, None, combine=either, handed_on=(1, None)),
    "instr": Function(2, 2, LENGTHS),
    "length": Function(1, 1, LENGTHS),
    "like": Function(2, 3, TRUTH, may_fail=True),
    "likelihood": Function(2, 2, combine=either, handed_on=(0, 1)),
    "likely": Function(1, 1, combine=either),
    "lower": Function(1, 1, TEXTS),
    "ltrim": Function(1, 2, TEXTS),
    "nullif": Function(2, 2, combine=either, handed_on=(0, 1)),
    "octet_length": Function(1, 1, LENGTHS),
    "printf": Function(1, None, TEXTS, may_fail=True),
    "quote": Function(1, 1, TEXTS),
    "replace": Function(3, 3, TEXTS),
    "round": Function(1, 2, combine=rounded_to),
    "rtrim": Function(1, 2, TEXTS),
    "sign": Function(1, 1, whole(1, is_negative=True)),
    "soundex": Function(1, 1, TEXTS),
    "substr": Function(2, 3, _PARTS),
    "substring": Function(2, 3, _PARTS),
    "trim": Function(1, 2, TEXTS),
    "typeof": Function(1, 1, TEXTS),
    "unhex": Function(1, 2, BLOBS),
    "unicode": Function(1, 1, whole(0x10FFFF)),
    "unlikely": Function(1, 1, combine=either),
    "upper": Function(1, 1, TEXTS),
    "zeroblob": Function(1, 1, BLOBS, may_fail=True),
    # Mathematics: the C library's, which is the same one in the same process.
    **{name: Function(1, 1, REALS) for name in _MATH_ONE},
    "atan2": Function(2, 2, REALS),
    "ceil": Function(1, 1, combine=integral),
    "ceiling": Function(1, 1, combine=integral),
    "floor": Function(1, 1, combine=integral),
    "log": Function(1, 2, REALS),
    "mod": Function(2, 2, REALS),
    "pi": Function(0, 0, REALS),
    "pow": Function(2, 2, REALS),
    "power": Function(2, 2, REALS),
    "trunc": Function(1, 1, combine=integral),
    # Times. Without a time they mean the present.
    "date": Function(1, None, TEXTS, moments=(0,), wrong=_MOMENT),
    "datetime": Function(1, None, TEXTS, moments=(0,), wrong=_MOMENT),
    "julianday": Function(1, None, REALS, moments=(0,), wrong=_MOMENT),
    "strftime": Function(2, None, TEXTS, moments=(1,), wrong=_MOMENT),
    "time": Function(1, None, TEXTS, moments=(0,), wrong=_MOMENT),
    "timediff": Function(2, 2, TEXTS, moments=(0, 1), wrong=_MOMENT),
    "unixepoch": Function(1, None, ANYTHING, moments=(0,), wrong=_MOMENT),
    # JSON. What is wrong JSON is an error, and thereby the origin's.
    "json": Function(1, 1, TEXTS, is_json=True, may_fail=True),
    "json_array": Function(0, None, TEXTS, is_json=True, sees_json=True, may_fail=True, wrong=_JSON),
    "json_array_length": Function(1, 2, LENGTHS, may_fail=True),
    "json_error_position": Function(1, 1, LENGTHS),
    "json_extract": Function(2, None, ANYTHING, is_json=True, may_fail=True),
    "json_insert": Function(1, None, TEXTS, is_json=True, sees_json=True, may_fail=True, wrong=_JSON),
    "json_object": Function(0, None, TEXTS, is_json=True, sees_json=True, may_fail=True, wrong=_JSON),
    "json_patch": Function(2, 2, TEXTS, is_json=True, may_fail=True),
    "json_pretty": Function(1, 2, TEXTS, may_fail=True),
    "json_quote": Function(1, 1, TEXTS, is_json=True, sees_json=True, may_fail=True, wrong=_JSON),
    "json_remove": Function(1, None, TEXTS, is_json=True, may_fail=True),
    "json_replace": Function(1, None, TEXTS, is_json=True, sees_json=True, may_fail=True, wrong=_JSON),
    "json_set": Function(1, None, TEXTS, is_json=True, sees_json=True, may_fail=True, wrong=_JSON),
    "json_type": Function(1, 2, TEXTS, may_fail=True),
    "json_valid": Function(1, 2, TRUTH),
}

# What the present could come in by: a text that begins so, in any case, is refused as a time ...
PRESENT = ("now", "subsec")
# ... and so as a modifier.
ZONES = ("localtime", "utc")

# How the parser names a type -> one with the same affinity in the store. Rules of section 3.1 of
# https://sqlite.org/datatype3.html, applied to every way of writing what the parser reads as this.
CASTS: Mapping[str, str] = {
    **dict.fromkeys(("INT", "BIGINT", "SMALLINT", "TINYINT", "MEDIUMINT"), "INTEGER"),
    **dict.fromkeys(("TEXT", "VARCHAR", "CHAR"), "TEXT"),
    **dict.fromkeys(("DOUBLE", "FLOAT"), "REAL"),
    **dict.fromkeys(
        (
            "DECIMAL",
            "BOOLEAN",
            "DATE",
            "TIME",
            "DATETIME",
            "TIMESTAMP",
            "TIMESTAMPTZ",
            "UUID",
            "JSON",
            "JSONB",
        ),
        "NUMERIC",
    ),
    "VARBINARY": "BLOB",
}

# Operators whose meaning on dynamically typed values is the store's own are in `expressions.dynamic`.
