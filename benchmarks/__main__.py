"""`python -m benchmarks [PART...]`: measure, print, and write `benchmarks/results/<question>.md` and `.svg`.

`python -m benchmarks summary` measures nothing: it puts the results' summary into README.md.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import data
from benchmarks.measure import Pace
from benchmarks.report import RESULTS, summary

# In the order in which they run. Each is a module with `run(measured, pace, folder)`.
PARTS = (
    "hits",
    "ways",
    "questions",
    "joins",
    "planning",
    "passing",
    "fills",
    "sizes",
    "threads",
    "herd",
    "tails",
    "snapshots",
    "peers",
    "tpch",
    "costs",
    "memo",
)
# The questions, in the order of the summary; `results/<question>.md`.
QUESTIONS = (
    "hits",
    "repeats",
    "core",
    "orm",
    "questions",
    "joins",
    "tpch",
    "planning",
    "passing",
    "fills",
    "sizes",
    "threads",
    "tails",
    "herd",
    "snapshots",
    "peers_repeats",
    "peers_new",
)
Run = Callable[[data.Measured, Pace, Path], None]


def main(arguments: list[str] | None = None) -> int:
    """Run all parts, or those that are named; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}, or summary; all if none"
    )
    parser.add_argument("--url", help="SQLAlchemy URL of a PostgreSQL user who may create databases")
    parser.add_argument("--quick", action="store_true", help="few rounds: to try the benchmarks out")
    parser.add_argument("--full", action="store_true", help="a snapshot of about 1 GB (some minutes more)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    options = parser.parse_args(arguments)
    if options.parts == ["summary"]:
        print(summary(QUESTIONS, options.results))
        return 0
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    os.environ.setdefault("SQLMEM_CACHE_DB", "")  # no snapshot where none is measured
    began = time.perf_counter()
    pace = Pace(is_quick=options.quick, is_full=options.full)
    with data.origin(options.url) as measured:
        for name in PARTS:
            if options.parts and name not in options.parts:
                continue
            part_began = time.perf_counter()
            run: Run = importlib.import_module(f"benchmarks.{name}").run
            run(measured, pace, options.results)
            print(f"{name}: {time.perf_counter() - part_began:.0f} s\n", flush=True)
    print(f"{time.perf_counter() - began:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
