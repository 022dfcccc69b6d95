"""Lines that tests add to the end of the run's report: `answered locally: 93.2 %`.

A line travels with its test's report: what a test says in another process comes home like its outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

SUMMARY = "sqlmem summary"  # the property of a test's report that holds one line


def summary_lines(stats: Mapping[str, Iterable[Any]]) -> list[str]:
    """What tests said, each line once, then why how many were skipped; both in the order of the alphabet.

    The order in which tests end is another one each time where several processes run them.

    Args:
        stats: what the terminal reporter has kept: the reports of each outcome, and other things.
    """
    said = {
        str(value)
        for reports in stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
        for name, value in report.user_properties
        if name == SUMMARY
    }
    skipped = Counter(
        report.longrepr[2].removeprefix("Skipped: ") for report in stats.get("skipped", ()) if report.longrepr
    )
    return [*sorted(said), *(f"{count} skipped, {reason}" for reason, count in sorted(skipped.items()))]
