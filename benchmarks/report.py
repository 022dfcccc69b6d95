"""A question's answer as a table and a chart: `<name>.md` and `<name>.svg`.

A result names versions and the number of processors, never a host, a user or a path. A row with an aim says
whether it was met: the last three columns are the figure, the aim, and `yes` or **no**. `summary` reads those
back from the files.
"""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"
_BEGIN, _END = "<!-- benchmarks: summary -->", "<!-- benchmarks: end -->"


@dataclass(frozen=True)
class Aim:
    """What a figure should be."""

    bound: float
    is_least: bool = False
    unit: str = ""

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.bound:g}{self.unit}"

    def is_met(self, value: float) -> bool:
        # As it is printed: 1.004 is called 1.00.
        shown = round(value, 2)
        return shown >= self.bound if self.is_least else shown <= self.bound


def at_most(bound: float, unit: str = "") -> Aim:
    return Aim(bound, unit=unit)


def at_least(bound: float, unit: str = "") -> Aim:
    return Aim(bound, is_least=True, unit=unit)


# A bypass may take 1.1 times as long as the bare engine: what is answered by the origin can't be ahead of it.
BYPASS = at_most(1.1)


def no_slower(outcome: str) -> Aim:
    """The store is to be ahead of the origin; what the origin answers may cost what a bypass may."""
    return at_least(round(1 / BYPASS.bound, 2) if outcome == "bypass" else 1)


@dataclass(frozen=True)
class Row:
    """One line.

    Attributes:
        cells: what is to be read before the figure.
        value: None where there is nothing to compare.
        more: columns behind the aim.
        label, series, panel: how the chart calls it; charts leave out what has no label.
        is_met: the caller's own verdict, where more than `value` decides.
    """

    cells: tuple[str, ...]
    value: float | None = None
    aim: Aim | None = None
    more: tuple[str, ...] = ()
    label: str | None = None
    series: str = ""
    panel: str = ""
    is_met: bool | None = None

    @property
    def verdict(self) -> str:
        if self.aim is None or self.value is None:
            return ""
        met = self.aim.is_met(self.value) if self.is_met is None else self.is_met
        return "yes" if met else "**no**"


@dataclass
class Result:
    """What `write` makes two files of."""

    name: str
    title: str
    about: str
    heading: tuple[str, ...]
    figure: str
    rows: list[Row]
    versions: tuple[str, ...] = ()
    after: tuple[str, ...] = ()  # headings of `Row.more`
    number: Callable[[float], str] = field(default_factory=lambda: plain)
    notes: tuple[str, ...] = ()


def seconds(value: float) -> str:
    if value < 1e-4:
        return f"{value * 1e6:,.1f} µs"
    if value < 1e-2:
        return f"{value * 1e6:,.0f} µs"
    return f"{value * 1e3:,.0f} ms" if value < 10 else f"{value:,.1f} s"


def plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def megabytes(count: float) -> str:
    return f"{count / 1e6:,.1f} MB"


def versions(*more: str) -> str:
    named = [f"{name} {metadata.version(name)}" for name in ("SQLAlchemy", "sqlglot")]
    return ", ".join(
        [
            f"{platform.python_implementation()} {platform.python_version()}",
            f"SQLite {sqlite3.sqlite_version}",
            *named,
            *more,
            f"{os.cpu_count()} processors",
        ]
    )


def write(result: Result, folder: Path, chart: Callable[[Result, Path], None] | None = None) -> None:
    """Print the table; keep it, and its chart where matplotlib is installed."""
    has_aims = any(row.aim is not None for row in result.rows)
    heading = [*result.heading, result.figure, *(("aim", "met") if has_aims else ()), *result.after]
    lines = [f"# {result.title}", "", result.about, "", versions(*result.versions), ""]
    lines.append(f"| {' | '.join(heading)} |")
    rule = [
        "---" if number < len(result.heading) - 1 or number == 0 else "---:" for number in range(len(heading))
    ]
    lines.append(f"| {' | '.join(rule)} |")
    for row in result.rows:
        cells = [*row.cells, "" if row.value is None else result.number(row.value)]
        if has_aims:
            cells += ["" if row.aim is None else str(row.aim), row.verdict]
        lines.append(f"| {' | '.join([*cells, *row.more])} |")
    for note in result.notes:
        lines += ["", note]
    folder.mkdir(exist_ok=True, parents=True)
    if chart is not None:
        try:
            chart(result, folder / f"{result.name}.svg")
        except ImportError:
            print("no chart: matplotlib isn't installed (make bench, or pip install '.[bench]')\n")
        else:
            lines[4:4] = [f"![{result.title}]({result.name}.svg)", ""]
    text = "\n".join(lines) + "\n"
    (folder / f"{result.name}.md").write_text(text, encoding="utf-8")
    print(text, flush=True)


# -- the summary in README.md ------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A result as its file says it: the figures by aim."""

    name: str
    title: str
    figure: str
    by_aim: dict[str, list[tuple[str, float, bool]]]


def read(path: Path) -> Kept | None:
    """None where a result has no aims."""
    lines = path.read_text(encoding="utf-8").splitlines()
    title = lines[0].removeprefix("# ")
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    heading, rows = table[0], table[2:]
    if "aim" not in heading:
        return None
    place = heading.index("aim")
    by_aim: dict[str, list[tuple[str, float, bool]]] = {}
    for row in rows:
        if row[place]:
            value = float(row[place - 1].replace(",", "").split()[0])
            by_aim.setdefault(row[place], []).append((", ".join(row[:2]), value, row[place + 1] == "yes"))
    return Kept(path.stem, title, heading[place - 1], by_aim)


def summary(names: Sequence[str], folder: Path = RESULTS, readme: Path = README) -> str:
    """One line per question and aim, put between the two comments of README.md where they are there."""
    lines = ["| question | figure | aim | from | to | met |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    for name in names:
        path = folder / f"{name}.md"
        kept = read(path) if path.exists() else None
        if kept is None:
            continue
        for aim, figures in kept.by_aim.items():
            values = [value for _, value, _ in figures]
            met = sum(is_met for _, _, is_met in figures)
            link = f"[{kept.title}](benchmarks/results/{name}.md)"
            shown = f"{met} of {len(figures)}"
            lines.append(
                f"| {link} | {kept.figure} | {aim} | {plain(min(values))} | {plain(max(values))} "
                f"| {shown if met == len(figures) else f'**{shown}**'} |"
            )
    table = "\n".join(lines)
    text = readme.read_text(encoding="utf-8")
    if _BEGIN in text and _END in text:
        before, rest = text.split(_BEGIN, 1)
        after = rest.split(_END, 1)[1]
        readme.write_text(f"{before}{_BEGIN}\n{table}\n{_END}{after}", encoding="utf-8")
    return table
