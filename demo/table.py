"""How the walk and the statistics are printed: plain text, at most 100 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH = 100
_INDENT = "    "


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, its width in characters, and which side its text keeps to."""

    heading: str
    width: int
    is_right: bool = field(default=False, kw_only=True)

    def cell(self, text: str) -> str:
        return text.rjust(self.width) if self.is_right else text.ljust(self.width)


def heading(columns: Sequence[Column]) -> str:
    return (
        _line(columns, [c.heading for c in columns]) + "\n" + _line(columns, ["-" * c.width for c in columns])
    )


def row(columns: Sequence[Column], cells: Sequence[str]) -> str:
    """One row; a text too long for its column goes on in the lines below it."""
    wrapped = [
        textwrap.wrap(cell, column.width, break_long_words=False) or [""]
        for column, cell in zip(columns, cells, strict=True)
    ]
    height = max(len(lines) for lines in wrapped)
    return "\n".join(_line(columns, [x[i] if i < len(x) else "" for x in wrapped]) for i in range(height))


def note(text: str, mark: str = "-> ", indent: str = "") -> str:
    """A remark under a row; `indent`: by how much more its further lines are set in."""
    first = _INDENT + mark
    further = " " * len(first) + indent
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=further)


def duration(seconds: float | None) -> str:
    """At most eight characters; empty for None."""
    if seconds is None:
        return ""
    if seconds >= 10:
        return f"{seconds:,.1f} s"
    value = seconds * 1000
    return f"{value:,.0f} ms" if value >= 100 else f"{value:.1f} ms" if value >= 1 else f"{value:.3f} ms"


def times(factor: float) -> str:
    """How many times faster: at most seven characters."""
    return f"{factor:,.0f}x" if factor >= 100 else f"{factor:.1f}x"


def bytes_(count: int) -> str:
    return f"{count / 1_000_000:,.1f} MB" if count >= 100_000 else f"{count:,} B"


def _line(columns: Sequence[Column], cells: Sequence[str]) -> str:
    return "  ".join(c.cell(text) for c, text in zip(columns, cells, strict=True)).rstrip()
