"""sqlglot, kept quiet: a scanned text to its tree, a tree back to text.

Rule 1: whatever happens inside sqlglot, no exception of its own leaves this module.
Rule 2: its warnings are silenced in here only: the application may use sqlglot too.
"""

from __future__ import annotations

import functools
import logging
from contextvars import ContextVar

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel

from sqlmem.lexer import PLACEHOLDER_PREFIX, Family, Scan, Syntax

# sqlglot warns of what it doesn't know on its own logger; the verdict says it already.
_is_parsing: ContextVar[bool] = ContextVar("sqlmem_is_parsing", default=False)


def _is_from_elsewhere(_: logging.LogRecord) -> bool:
    return not _is_parsing.get()


logging.getLogger("sqlglot").addFilter(_is_from_elsewhere)

_DIALECTS: dict[Family, str] = {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql"}


def tree_of(scanned: Scan) -> exp.Expr | str:
    """The statement's tree, or why there is none."""
    token = _is_parsing.set(True)
    try:
        trees = _dialect(scanned.syntax).parse(scanned.sql, error_level=ErrorLevel.IMMEDIATE)
    except Exception:  # noqa: BLE001 - odd input makes sqlglot raise IndexError, ValueError, RecursionError, …
        return "sqlglot cannot parse it"
    finally:
        _is_parsing.reset(token)
    found = [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]
    if len(found) != 1:
        return "sqlglot sees another number of statements"
    return found[0]


def written_back(scanned: Scan) -> str | None:
    """The statement's tree, written as text; None if sqlglot can't."""
    # Writing changes a tree: it needs one of its own, and to parse again takes a quarter of a copy's time.
    tree = tree_of(scanned)
    if isinstance(tree, str):
        return None
    token = _is_parsing.set(True)
    try:
        return tree.sql(_dialect(scanned.syntax), copy=False, comments=False)
    except Exception:  # noqa: BLE001 - as above: whatever sqlglot raises, the origin answers
        return None
    finally:
        _is_parsing.reset(token)


@functools.cache
def groups_as_origins() -> bool:
    """Whether set operations without parentheses are grouped as each origin groups them.

    SQLite takes them from the left; PostgreSQL, MariaDB and MySQL take INTERSECT first.
    """
    return all(
        _shape(sqlglot.parse_one(text, read=dialect)) == shape
        for text, *shapes in _GROUPINGS
        for dialect, shape in zip(("sqlite", "postgres", "mysql"), shapes, strict=True)
    )


# Operands written 1, 2, 3, …; the grouping in each dialect.
_LEFT_FIRST = "((1 u 2) i 3)"
_GROUPINGS = (
    ("SELECT 1 UNION SELECT 2 INTERSECT SELECT 3", _LEFT_FIRST, "(1 u (2 i 3))", "(1 u (2 i 3))"),
    ("SELECT 1 INTERSECT SELECT 2 UNION SELECT 3", *["((1 i 2) u 3)"] * 3),
    ("SELECT 1 UNION SELECT 2 EXCEPT SELECT 3", *["((1 u 2) e 3)"] * 3),
    ("SELECT 1 EXCEPT SELECT 2 UNION SELECT 3", *["((1 e 2) u 3)"] * 3),
    (
        "SELECT 1 EXCEPT SELECT 2 INTERSECT SELECT 3 UNION SELECT 4",
        "(((1 e 2) i 3) u 4)",
        "((1 e (2 i 3)) u 4)",
        "((1 e (2 i 3)) u 4)",
    ),
    ("SELECT 1 INTERSECT SELECT 2 INTERSECT SELECT 3", *["((1 i 2) i 3)"] * 3),
)


def _shape(node: exp.Expr) -> str:
    while isinstance(node, exp.Subquery):
        node = node.this
    if isinstance(node, exp.SetOperation):
        return f"({_shape(node.this)} {node.key[0]} {_shape(node.expression)})"
    return str(node.expressions[0].this)


def placeholder_index(node: exp.Placeholder) -> int | None:
    """Which of the statement's placeholders, counted from zero, a node stands for; None if none."""
    name = node.name
    if not name.startswith(PLACEHOLDER_PREFIX) or not name[1:].isdigit():
        return None
    return int(name[1:])


def _dialect(syntax: Syntax) -> sqlglot.Dialect:
    """Raises ValueError for a dialect that sqlglot doesn't know."""
    return _named_dialect(_DIALECTS.get(syntax.family, syntax.sqlglot_dialect))


@functools.cache
def _named_dialect(name: str | None) -> sqlglot.Dialect:
    # It holds settings only; what parses and writes is made anew for each text.
    return sqlglot.Dialect.get_or_raise(name)


def expression_of(text: str, syntax: Syntax) -> exp.Expr | None:
    """The tree of one expression; None if the text isn't exactly one."""
    token = _is_parsing.set(True)
    try:
        tree = sqlglot.parse_one(f"SELECT {text}", read=_dialect(syntax), error_level=ErrorLevel.IMMEDIATE)
    except Exception:  # noqa: BLE001 - as above: then it is no expression
        return None
    finally:
        _is_parsing.reset(token)
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1:
        return None
    if any(value for key, value in tree.args.items() if key != "expressions"):
        return None
    found: exp.Expr = tree.expressions[0]
    return found
