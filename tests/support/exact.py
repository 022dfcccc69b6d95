"""Whether two values are the same: as the package itself decides it."""

from __future__ import annotations

from sqlmem.exactness import same

__all__ = ["same"]
