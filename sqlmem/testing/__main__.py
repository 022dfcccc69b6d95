"""`python -m sqlmem.testing URL`: generated statements, each answered by sqlmem as by the bare engine?

The exit status is 0 only if every answer was the bare engine's, 1 if one wasn't, 2 if the run couldn't
be made.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from sqlmem.errors import SqlmemError
from sqlmem.testing.options import MODES, PHASES
from sqlmem.testing.report import Report
from sqlmem.testing.runner import run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sqlmem.testing",
        description="Compare sqlmem with the bare engine on generated statements.",
    )
    parser.add_argument("url", help="a database to make tables in; they are dropped at the end")
    parser.add_argument("--statements", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed, the same statements")
    parser.add_argument("--rows", type=int, default=40, metavar="N", help="of the large tables")
    parser.add_argument(
        "--batch", type=int, default=400, metavar="N", help="statements to an engine, at most"
    )
    parser.add_argument(
        "--mode", choices=MODES, default="strict", help="transparent: joins and * are asked too"
    )
    parser.add_argument(
        "--phase", action="append", choices=PHASES, help="only this phase; may be given several times"
    )
    parser.add_argument(
        "--max-differences", type=int, default=5, metavar="N", help="end after so many; the default is 5"
    )
    parser.add_argument("--keep-going", action="store_true", help="don't end before the last statement")
    parser.add_argument("--scripts", type=Path, metavar="FOLDER", help="where scripts go; else to the output")
    parser.add_argument("--shrink", type=int, default=10, metavar="N", help="how many differences to reduce")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and write the report to standard output."""
    given = _parser().parse_args(arguments)
    try:
        report = run(
            given.url,
            statements=given.statements,
            seed=given.seed,
            rows=given.rows,
            batch=given.batch,
            phases=tuple(phase for phase in PHASES if phase in given.phase) if given.phase else PHASES,
            max_differences=None if given.keep_going else given.max_differences,
            shrunk=given.shrink,
            mode=given.mode,
            on_progress=_Teller().tell,
        )
    except (SqlmemError, SQLAlchemyError) as error:
        # SQLAlchemy's errors go on with the statement, which may be all rows of a table.
        sys.stderr.write(f"{type(error).__name__}: {str(error).splitlines()[0]}\n")
        return 2
    sys.stdout.write(report.text())
    _write_scripts(report, given.scripts)
    return 0 if report.is_clean else 1


class _Teller:
    """Says how far a run has come, every ten thousand statements."""

    def __init__(self) -> None:
        self._told = 0

    def tell(self, asked: int, wrong: int) -> None:
        if asked // 10_000 > self._told:
            self._told = asked // 10_000
            sys.stderr.write(f"{asked} asked, {wrong} wrong\n")


def _write_scripts(report: Report, folder: Path | None) -> None:
    for number, found in enumerate(report.differences, 1):
        if found.script is None:
            continue
        if folder is None:
            sys.stdout.write(f"\n# ---- script of difference {number} ----\n{found.script}")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{report.family}_{report.seed}_{number}.py"
        path.write_text(found.script, encoding="utf-8")
        sys.stdout.write(f"script of difference {number}: {path}\n")


if __name__ == "__main__":
    sys.exit(main())
