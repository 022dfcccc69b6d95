"""`same`, which the tests share with the harness that ships with the package."""

from __future__ import annotations

from sqlmem.testing.sameness import same

__all__ = ["same"]
