"""What fails where the origin would report an error, or might."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def at_most(count: int, bound: int) -> int:
    """1 if there are no more than so many; else the statement is the origin's."""
    if count > bound:
        raise ValueError("more rows than the statement may have here")
    return 1


SCALARS: Mapping[str, tuple[int, Callable[..., Any]]] = {"sqlmem_at_most": (2, at_most)}
