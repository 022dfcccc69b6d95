"""How anything here is timed, and how a result is written down.

Rule 1: contestants take turns, round by round, so that a slow minute of the machine hits all.
Rule 2: what is quoted is a ratio of medians of one run. Absolute times are for orientation.
Rule 3: a result names versions and the number of processors, never a host, a user or a path.
"""

from __future__ import annotations

import gc
import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def seconds_each(
    contestants: Mapping[str, Callable[[int], object]], *, calls: int, rounds: int
) -> dict[str, float]:
    """The median over the rounds of the seconds that one call takes, for each contestant.

    Args:
        contestants: each is called with 0, 1, 2, …; a first call beside the clock warms it up.
        calls: per round and contestant.
    """
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for ask in contestants.values():
        ask(0)
        ask(1)
    gc.collect()
    for _ in range(rounds):
        for name, ask in contestants.items():
            began = time.perf_counter()
            for number in range(calls):
                ask(number)
            taken[name].append((time.perf_counter() - began) / calls)
    return {name: statistics.median(times) for name, times in taken.items()}


def microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f} µs" if seconds < 1e-4 else f"{seconds * 1e6:,.0f} µs"


def ratio(one: float, other: float) -> str:
    """`one` in multiples of `other`."""
    value = one / other
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def versions(*more: str) -> str:
    packages = ("SQLAlchemy", "sqlglot")
    named = [f"{name} {metadata.version(name)}" for name in packages]
    return ", ".join(
        [
            f"{platform.python_implementation()} {platform.python_version()}",
            f"SQLite {sqlite3.sqlite_version}",
            *named,
            *more,
            f"{os.cpu_count()} processors",
        ]
    )


def write_result(
    name: str, title: str, about: str, heading: Sequence[str], rows: Sequence[Sequence[str]], *more: str
) -> None:
    """Print a table, and keep it as `results/<name>.md`.

    Args:
        more: versions to name beside Python's, SQLite's and SQLAlchemy's.
    """
    lines = [f"# {title}", "", about, "", versions(*more), ""]
    lines.append(f"| {' | '.join(heading)} |")
    lines.append(f"| {' | '.join('---' if number == 0 else '---:' for number in range(len(heading)))} |")
    lines += [f"| {' | '.join(row)} |" for row in rows]
    text = "\n".join(lines) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    print(text, flush=True)
