"""`python -m benchmarks`: measure, print, and write `benchmarks/results/*.md`."""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks import costs, data, fills, hits, memo, shapes, threads

# in the order in which they run
_PARTS = {
    "hits": hits.run,
    "costs": costs.run,
    "shapes": shapes.run,
    "threads": threads.run,
    "fills": fills.run,
    "memo": memo.run,
}


def main(arguments: list[str] | None = None) -> int:
    """Run all parts, or those that are named; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(_PARTS)}; all if none")
    parser.add_argument(
        "--url", help="SQLAlchemy URL of the origin (default: a local PostgreSQL, else SQLite)"
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(_PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    began = time.perf_counter()
    with data.origin(options.url) as measured:
        data.make(measured.engine)
        for name, run in _PARTS.items():
            if not options.parts or name in options.parts:
                run(measured)
    print(f"{time.perf_counter() - began:.0f} s in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
