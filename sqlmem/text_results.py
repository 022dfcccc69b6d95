"""What SQLAlchemy makes of the columns of a text's answer, made once for as long as they are the same.

Of a statement that SQLAlchemy has written itself it keeps with the compiled statement how the columns are
named, found in a row and converted. Of a text it finds that out anew for each answer, since the next one of
SELECT * may have other columns: a quarter of what an answer of one row takes. Here they are compared.

It leans on what SQLAlchemy calls `_cached_metadata`: what a compiled statement has there, its results get.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy.engine import Dialect
from sqlalchemy.engine.cursor import CursorResultMetaData
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.engine.interfaces import CacheStats

# Options by which the same columns get other names.
_NAMING = frozenset({"driver_column_names", "sqlite_raw_colnames"})
_CACHE_HIT = CacheStats.CACHE_HIT  # an enum's members take longer to look up


class _Known(NamedTuple):
    """Of a text.

    Attributes:
        compiled: as it was executed.
        description: of its answer (PEP 249).
        twin: a copy of what was compiled, with what was made of the description.
    """

    compiled: Any
    description: tuple[Any, ...]
    twin: Any


class TextResults:
    """Safe for use by many threads.

    Args:
        dialect: whose contexts they are.
        capacity: how many texts are remembered; all are dropped when it is full.
    """

    def __init__(self, dialect: Dialect, capacity: int) -> None:
        self._capacity = capacity
        self._known: dict[str, _Known] = {}
        # A dialect of somebody else's may name and convert columns by what isn't looked at here.
        context: Any = getattr(dialect, "execution_ctx_cls", DefaultExecutionContext)
        self._is_known = (
            context.__module__.startswith("sqlalchemy.")
            and context.get_result_processor is DefaultExecutionContext.get_result_processor
            and hasattr(CursorResultMetaData, "_safe_for_cache")
        )

    def result(self, context: Any, description: tuple[Any, ...]) -> Any:
        """What SQLAlchemy's context makes of the answer that its cursor has.

        Args:
            context: of a text.
            description: the cursor's. Drivers that have none of tuples have objects that can't be compared.
        """
        compiled = context.compiled
        if (
            not self._is_known
            or context.cache_hit is not _CACHE_HIT
            or compiled._result_columns
            or not _NAMING.isdisjoint(context.execution_options)
        ):
            return context._setup_result_proxy()
        known = self._known.get(context.statement)
        if known is not None and known.compiled is compiled and known.description == description:
            context.compiled = known.twin
            return context._setup_result_proxy()
        result = context._setup_result_proxy()
        metadata = result._metadata
        if type(metadata) is CursorResultMetaData:
            twin = compiled.__class__.__new__(compiled.__class__)
            vars(twin).update(vars(compiled))
            twin._cached_metadata = metadata
            if len(self._known) >= self._capacity:
                self._known = {}
            self._known[context.statement] = _Known(compiled, description, twin)
        return result
