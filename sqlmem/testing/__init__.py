"""A differential harness: generated statements, asked of the bare engine and of sqlmem, compared strictly.

    report = sqlmem.testing.run("postgresql+psycopg://…/scratch", statements=10_000, seed=1)
    assert report.is_clean, report.text()

From a shell: `python -m sqlmem.testing URL --statements 10000 --seed 1`.
"""

from __future__ import annotations

from sqlmem.exactness import same
from sqlmem.testing.families import UnknownOrigin
from sqlmem.testing.options import Options, RunError
from sqlmem.testing.report import Difference, Report
from sqlmem.testing.runner import run
from sqlmem.testing.tables import ExistingTable

__all__ = ["Difference", "ExistingTable", "Options", "Report", "RunError", "UnknownOrigin", "run", "same"]
