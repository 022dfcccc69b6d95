"""What a view reads, and why its rows may change though those of its tables don't."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from sqlmem.catalogue.base import Spelling
from sqlmem.dialects import BY_FAMILY
from sqlmem.with_names import definition as defined_by

_MOMENTS = frozenset(["DATE", "TIME", "TIMETZ", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPNTZ", "TIMESTAMPLTZ"])
_RANGES = frozenset(["TSRANGE", "TSTZRANGE", "DATERANGE", "TSMULTIRANGE", "TSTZMULTIRANGE", "DATEMULTIRANGE"])
# A type that somebody has made may be one of these under another name.
_UNKNOWN = frozenset(["USER-DEFINED", "UNKNOWN", "NULL", "STRUCT", "VARIANT", "OBJECT"])
# What has the type of the first thing in it.
_OF_THE_FIRST = (
    exp.Paren,
    exp.AtTimeZone,
    exp.TimestampTrunc,
    exp.Min,
    exp.Max,
    exp.Add,
    exp.Sub,
    exp.Window,
)


class View(NamedTuple):
    """A view's definition.

    Attributes:
        tree: None if it can't be parsed.
        tables: those that it names.
        refusal: why its rows may change without them, as far as that can be told of the text alone.
    """

    tree: exp.Expr | None
    tables: list[Spelling]
    refusal: str | None


def view(definition: str, family: str) -> View:
    semantics = BY_FAMILY[family]
    try:
        tree = parse_one(definition, read=semantics.sqlglot)
    except (SqlglotError, RecursionError):
        return View(None, [], "its definition can't be parsed")
    sees_later = family == "sqlite"
    tables = [
        (table.db or None, table.name)
        for table in tree.find_all(exp.Table)
        if table.name and defined_by(table, _folded, sees_later=sees_later) is None
    ]
    for function in tree.find_all(exp.Func):
        if isinstance(function, exp.TsOrDsToDate) and family == "mysql":
            continue  # the parser's own, around what YEAR() and its like are of
        name = function.name if isinstance(function, exp.Anonymous) else function.key
        if name.lower().replace("_", "") not in {pure.replace("_", "") for pure in semantics.pure_functions}:
            return View(tree, tables, f"it calls {name.lower()}, whose result may change between reads")
    if tree.find(exp.SessionParameter, exp.Parameter) is not None:
        return View(tree, tables, "it reads a variable of the session")
    return View(tree, tables, None)


def _folded(identifier: exp.Identifier) -> str:
    return str(identifier.this).lower()


def why_of_the_present(
    tree: exp.Expr, moments: Collection[str], *, has_moments_of_its_own: bool
) -> str | None:
    """PostgreSQL: why a view may depend on when it is read, though it calls nothing.

    Args:
        moments: names in lower case of columns that are dates or times in all that it reads.
        has_moments_of_its_own: a type that somebody has made, and that it uses, may be of dates.
    """
    for cast in tree.find_all(exp.Cast):
        if _may_be_of_the_present(cast, moments, has_moments_of_its_own=has_moments_of_its_own):
            return "it reads a text as a moment, and 'now' is one"
    return None


def _may_be_of_the_present(cast: exp.Cast, moments: Collection[str], *, has_moments_of_its_own: bool) -> bool:
    """Whether PostgreSQL reads a text when the view is read, to what may be the present.

    A constant it has read when the view was made.
    """
    source = cast.this
    while isinstance(source, exp.Paren):
        source = source.this
    if isinstance(source, exp.Literal | exp.Null):
        return False
    to = cast.args.get("to")
    names = set()
    for each in to.find_all(exp.DataType) if isinstance(to, exp.DataType) else ():
        names.add(each.this.value if isinstance(each.this, exp.DType) else "UNKNOWN")
    if names & _UNKNOWN:
        return has_moments_of_its_own
    return bool(names & (_MOMENTS | _RANGES)) and not _is_moment(source, moments)


def _is_moment(node: exp.Expr, moments: Collection[str]) -> bool:
    match node:
        case exp.Column():
            return node.name.lower() in moments
        case exp.Cast():
            return isinstance(node.to.this, exp.DType) and node.to.this.value in _MOMENTS
        case exp.Coalesce():
            return all(_is_moment(each, moments) for each in (node.this, *node.expressions))
        case exp.Case():
            results = [each.args["true"] for each in node.args["ifs"]]
            results += [node.args["default"]] if node.args.get("default") else []
            return all(isinstance(each, exp.Null) or _is_moment(each, moments) for each in results)
        case _ if isinstance(node, _OF_THE_FIRST):
            return _is_moment(node.this, moments)
        case _:
            return False


def why_completed(tree: exp.Expr, times: Collection[str]) -> str | None:
    """MariaDB: why a view may depend on the day when it is read: a TIME is completed by it to a moment.

    Args:
        times: names in lower case of columns that are TIMEs in anything that it reads.
    """
    return "it may complete a TIME with the present day" if _completes_a_time(tree, times) else None


def _completes_a_time(tree: exp.Expr, times: Collection[str]) -> bool:
    """Whether a moment may be wanted of a TIME: wherever it isn't given out as it is."""
    if any(cast.to.this == exp.DType.TIME for cast in tree.find_all(exp.Cast)):
        return True
    is_plain = isinstance(tree, exp.Select) and tree.find(exp.SetOperation, exp.Subquery, exp.CTE) is None
    for column in tree.find_all(exp.Column):
        if column.name.lower() not in times:
            continue
        parent: exp.Expr | None = column.parent
        if isinstance(parent, exp.Alias):
            parent = parent.parent
        if not is_plain or parent is not tree or not _is_given_out(tree, column):
            return True
    return False


def _is_given_out(select: exp.Expr, column: exp.Column) -> bool:
    return any(each is column or each is column.parent for each in select.expressions)
