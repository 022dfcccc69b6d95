"""The careful common rules: what is safe for an origin that nobody has described.

Projections, comparison of whole numbers, NULL tests, AND, OR, NOT. An unaliased expression
has a name that only the origin knows, so it is the origin's.
"""

from __future__ import annotations

from sqlmem.dialects.base import Semantics, result
from sqlmem.model import Kind

SEMANTICS = Semantics(
    name="common",
    sqlglot=None,
    comparison=result(Kind.OPAQUE, ""),
    count=result(Kind.OPAQUE, ""),
    integer=result(Kind.OPAQUE, ""),
)
