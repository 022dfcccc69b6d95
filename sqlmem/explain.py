"""What `explain()` says of a statement, and how a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlmem.model import Outcome


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would happen to a statement now. Its text is deterministic.

    Attributes:
        outcome: HIT, MISS, RESULT_HIT, BYPASS or REJECTED, as things are.
        reasons: why it is bypassed or rejected, all that were found; why it is a miss; why the store
            doesn't answer what the origin has answered before.
        tables: those read, as the origin's catalogue spells them, sorted.
        columns: per table, the columns needed.
        missing: per table, those that a fill would have to bring.
        store_statement: what the store would be asked; None if it wouldn't.
        origin_statements: what would reach the origin's data.
        hint: what to do instead, if rejected.
        unkept: of what the origin answers, why the answer isn't kept.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    store_statement: str | None = None
    origin_statements: tuple[str, ...] = ()
    hint: str | None = None
    unkept: str | None = None

    def __str__(self) -> str:
        lines = [f"outcome   {self.outcome}"]
        lines += [
            f"{'because' if number == 0 else '':<9} {reason}" for number, reason in enumerate(self.reasons)
        ]
        for table in self.tables:
            needed = ", ".join(self.columns.get(table, ()))
            missing = self.missing.get(table, ())
            lines.append(f"table     {table}{f' ({needed})' if needed else ''}")
            if missing:
                lines.append(f"missing   {', '.join(missing)}")
        if self.store_statement is not None:
            lines.append(f"store     {self.store_statement}")
        lines += [f"origin    {statement}" for statement in self.origin_statements]
        if self.unkept is not None:
            lines.append(f"not kept  {self.unkept}")
        if self.hint is not None:
            lines.append(f"instead   {self.hint}")
        return "\n".join(lines)
