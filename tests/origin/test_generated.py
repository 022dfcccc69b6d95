"""Invariant: whatever the statement, sqlmem's answer is the bare engine's, in value and in type.

The statements are `sqlmem.testing`'s: new ones every day, the same ones all day. A failure prints the
seed, and a script for each difference; what it found goes into test_found.py.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable

import pytest
from support.origins import Origin

import sqlmem.testing

SEED = int(os.environ.get("SQLMEM_TEST_SEED") or dt.datetime.now(dt.UTC).strftime("%Y%m%d"))
STATEMENTS = int(os.environ.get("SQLMEM_TEST_STATEMENTS") or "2000")


@pytest.mark.generated
@pytest.mark.parametrize("mode", ["strict", "transparent"])
def test_generated_statements_are_answered_as_by_the_bare_engine(
    origin: Origin, report: Callable[[str], None], mode: str
) -> None:
    """Cold, warm, after a restart and after an invalidation; in transparent mode with joins and *."""
    count = STATEMENTS if mode == "strict" else STATEMENTS // 2
    outcome = sqlmem.testing.run(origin.url, statements=count, seed=SEED, mode=mode, max_differences=None)

    report(f"{mode}: {outcome.line()}")
    if not outcome.is_clean:
        scripts = [found.script for found in outcome.differences if found.script]
        pytest.fail("\n\n".join([outcome.text(), *scripts[:3]]), pytrace=False)
