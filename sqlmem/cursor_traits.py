"""What drivers' cursors have, and how they are asked for, that changes neither the database nor an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmem.origin import Origin

# What drivers' cursors have that does nothing to the database.
HARMLESS = frozenset(
    {
        "binary_types",
        "cast",
        "fetchall",
        "fetchmany",
        "fetchone",
        "format",
        "itersize",
        "mogrify",
        "name",
        "nextset",
        "pgresult",
        "query",
        "results",
        "rownumber",
        "scroll",
        "scrollable",
        "set_result",
        "setinputsizes",
        "setoutputsize",
        "statusmessage",
        "string_types",
        "tzinfo_factory",
        "typecaster",
        "warning_count",
        "withhold",
    }
)


# What dialects set on a cursor that changes no answer.
CHANGES_NOTHING = frozenset({"_invalidate_schema_cache_asof", "itersize"})
# How dialects and drivers are asked for a server-side cursor, whose rows are as others.
_SERVER_SIDE = frozenset({"name", "scrollable", "server_side", "withhold"})


def is_server_side(arguments: tuple[Any, ...], keywords: Mapping[str, Any], origin: Origin) -> bool:
    """Whether these ask for a server-side cursor, and for nothing else."""
    return keywords.keys() <= _SERVER_SIDE and all(
        argument is None
        or isinstance(argument, str)
        or argument is getattr(origin.dialect, "_sscursor", None)
        for argument in arguments
    )
