"""What a run found, as values and as lines for a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """A statement that sqlmem answered otherwise than the bare engine.

    Attributes:
        phase: the first phase in which it was noticed.
        kind: in what the answers differ.
        statement: as the harness made it, with its parameters' values.
        reduced: the smallest that still differs; the same where that wasn't tried.
        after: statements that have to be asked of sqlmem first, if any.
        expected, got: both answers of the reduced statement, shortened.
        script: a Python program that shows the difference; None where it needs what went before.
    """

    phase: str
    kind: str
    statement: str
    reduced: str
    expected: str
    got: str
    after: tuple[str, ...] = ()
    script: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one run.

    Attributes:
        statements: generated and asked.
        wrong: those with a difference in any phase; must be 0.
        refused: those that the bare engine answers and sqlmem refuses with an error of its own.
        errors: those that fail alike on both sides.
        changing: those that the bare engine itself answers differently when asked twice.
        local: of the rest, those that the warm engine answered from its store.
        bypasses: reason -> statements, as the warm engine gave it.
        differences: the first of the wrong ones, taken apart.
        seconds: how long the run took.
    """

    family: str
    seed: int
    statements: int
    wrong: int
    refused: int
    errors: int
    changing: int
    local: int
    bypasses: Mapping[str, int]
    refusals: Mapping[str, int]
    differences: tuple[Difference, ...]
    seconds: float
    command: str

    @property
    def is_clean(self) -> bool:
        """Nothing was wrong and nothing refused."""
        return self.wrong == 0 and self.refused == 0

    @property
    def answered(self) -> int:
        """The statements with a deterministic answer that is no error."""
        return self.statements - self.errors - self.changing

    @property
    def local_share(self) -> float:
        """The part of `answered` that came from the store; 0.0 if there was none."""
        return self.local / self.answered if self.answered else 0.0

    def line(self) -> str:
        """The outcome in one line."""
        return (
            f"generated on {self.family}, seed {self.seed}: {self.wrong} of {self.statements} wrong, "
            f"{self.refused} refused, {self.errors} errors agreed, {self.local_share:.1%} from the store"
        )

    def text(self, *, reasons: int = 15) -> str:
        """The outcome in full; of the reasons to bypass the most frequent ones."""
        lines = [
            self.line(),
            f"  {self.changing} not deterministic, {self.answered} answers, {self.local} by the store",
            f"  {self.statements / self.seconds:.0f} statements a second" if self.seconds else "",
            f"  again: {self.command}",
        ]
        if self.bypasses:
            lines.append("  why the origin answered:")
            lines += _counted(self.bypasses, reasons)
        if self.refusals:
            lines.append("  refused:")
            lines += _counted(self.refusals, reasons)
        alike: dict[str, list[int]] = {}  # the statement without its names and constants -> numbers
        for number, found in enumerate(self.differences, 1):
            alike.setdefault(f"{found.kind} {_masked(found.reduced)}", []).append(number)
        for numbers in alike.values():
            found = self.differences[numbers[0] - 1]
            more = f"; also {', '.join(map(str, numbers[1:]))}" if len(numbers) > 1 else ""
            lines += [
                "",
                f"difference {numbers[0]}: {found.kind}, {found.phase}{more}",
                *(f"  after   {statement}" for statement in found.after),
                f"  {found.reduced}",
                f"  bare    {found.expected}",
                f"  sqlmem  {found.got}",
            ]
        return "\n".join(filter(None, lines)) + "\n"


def _masked(statement: str) -> str:
    statement = statement.partition("  -- ")[0]
    statement = re.sub(r"'(?:[^']|'')*'|:p\d+|%s|%\(p\d+\)s|\?|\b\d+(?:\.\d+)?\b", "?", statement)
    statement = re.sub(r"sqlmem_testing_\w+|\b[tdc]\.(?=\w)| AS x\d| x\d\b| (?:AS )?t\b", "", statement)
    return re.sub(r"\b[a-z]\w?\b", "column", statement).replace(".column", "column")


def _counted(counts: Mapping[str, int], most: int) -> list[str]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"  {count:7}  {reason}" for reason, count in ordered[:most]]
    if len(ordered) > most:
        lines.append(f"  {sum(count for _, count in ordered[most:]):7}  {len(ordered) - most} other reasons")
    return lines
