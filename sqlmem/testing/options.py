"""What a run can be told, and what it says where that can't be."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from sqlmem.engine import CachingEngine
from sqlmem.errors import SqlmemError

PHASES = ("cold", "warm", "restarted", "invalidated")
MODES = ("strict", "transparent")
MakeEngine = Callable[..., CachingEngine]


class RunError(SqlmemError):
    """A run can't be made as asked for."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run goes about it.

    Attributes:
        rows: of each large table.
        batch: statements that share an engine, at most; some engines get a twentieth of it.
        phases: which of `PHASES`, in that order.
        max_differences: the run ends with the batch in which so many are reached; None for never.
        shrunk: how many of the differences are reduced.
        on_progress: called after each batch with the statements asked and those wrong so far.
        mode: the engine's; in transparent mode joins and * are asked too.
        make_engine: what wraps the bare engine; for trying the harness itself.
    """

    statements: int = 1000
    seed: int = 0
    rows: int = 40
    batch: int = 400
    phases: tuple[str, ...] = PHASES
    max_differences: int | None = 5
    shrunk: int = 10
    on_progress: Callable[[int, int], None] | None = None
    mode: str = "strict"
    make_engine: MakeEngine = CachingEngine

    def __post_init__(self) -> None:
        for name, least in (("statements", 1), ("rows", 1), ("batch", 1), ("shrunk", 0)):
            if getattr(self, name) < least:
                raise RunError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.max_differences is not None and self.max_differences < 1:
            raise RunError(f"max_differences must be at least 1, got {self.max_differences}")
        if unknown := set(self.phases) - set(PHASES):
            raise RunError(f"phases must be among {', '.join(PHASES)}, got {', '.join(sorted(unknown))}")
        if self.mode not in MODES:
            raise RunError(f"mode must be one of {', '.join(MODES)}, got {self.mode!r}")
        if not self.phases:
            raise RunError(f"phases must be some of {', '.join(PHASES)}, got none")

    @property
    def making(self) -> MakeEngine:
        """What makes an engine of this mode."""
        if self.mode == "strict":
            return self.make_engine
        return functools.partial(self.make_engine, mode=self.mode)
