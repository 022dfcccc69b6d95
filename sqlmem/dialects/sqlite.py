"""SQLite's semantics: the store's own, so that whatever depends only on stored values is local.

The store runs in the same process on the same library as an origin behind `sqlite3`, its
columns have the origin's affinities and collations, and its rows are in the origin's order.
What stays the origin's: what an application replaced, what depends on the present, and sums of
floats, where the order of addition shows in the last digit. Functions and types: `sqlite_functions`.
"""

from __future__ import annotations

from sqlmem.dialects.base import PURE_FUNCTIONS, Semantics, result
from sqlmem.dialects.shapes import SQLITE
from sqlmem.model import Collation, Kind

INTEGER = result(Kind.DYNAMIC, "INTEGER", collation=Collation.BINARY)
TEXT = result(Kind.DYNAMIC, "TEXT", collation=Collation.BINARY)

SEMANTICS = Semantics(
    name="sqlite",
    sqlglot="sqlite",
    comparison=INTEGER,
    count=INTEGER,
    integer=INTEGER,
    text=TEXT,
    is_dynamic=True,
    folds_constants=True,
    ignores_column_case=True,
    ignores_table_case=True,
    booleans_are_integers=True,
    window_functions=dict.fromkeys(
        ("row_number", "rank", "dense_rank", "ntile", "percent_rank", "cume_dist"), INTEGER
    ),
    shapes=SQLITE,
    names_are_text=True,
    text_order=frozenset({Collation.BINARY, Collation.NOCASE, Collation.RTRIM}),
    pure_functions=PURE_FUNCTIONS | {"ifnull", "iif", "typeof", "total"},
    refused={
        "float sum": "the order of addition shows in the last digit",
    },
)
