"""Which process of a run does which tests, and when, where pytest-xdist spreads them over several.

A file's tests stay together and in their order: what a module's fixtures make is made once, and what comes
before a test is what comes before it in a run of one process. Files whose single tests take long are spread
test by test. What takes longest begins first, so that none has much left when the others have nothing more.
"""

from __future__ import annotations

from typing import Any

import pytest

from sqlmem.workers import processors

# More of them are no faster: they would wait for the servers, and tests whose threads meet for a processor.
MOST_PROCESSES = 2
# Files whose single tests take long, up to a minute of processor time, and share no fixture of their module.
TEST_BY_TEST = (
    "tests/origin/test_dialect_suite.py",
    "tests/origin/test_generated.py",
    "tests/origin/test_history.py",
    "tests/apps/test_apps.py",
    "tests/origin/test_forms.py",
    "tests/process/test_kill.py",
)
# Files that take as long as a whole. Others follow as they are collected: tests/unit, all short, is last.
LONG = (
    "tests/origin/test_corpus.py",
    "tests/origin/test_numbers.py",
    "tests/memo/test_processes.py",
    "tests/origin/test_texts.py",
)
_ORDER = {file: place for place, file in enumerate((*TEST_BY_TEST, *LONG))}


def processes() -> int:
    """How many there are by default; 0 is pytest's own process, and no other."""
    worth = min(MOST_PROCESSES, processors())
    return worth if worth > 1 else 0


def unit(nodeid: str) -> str:
    """What stays together with this test: its file, or itself alone."""
    file, _, _ = nodeid.partition("::")
    return nodeid if file in TEST_BY_TEST else file


def longest_first(items: list[pytest.Item]) -> None:
    """Put them into the order in which units are handed out; the same one in each process."""
    items.sort(key=lambda item: _ORDER.get(item.nodeid.partition("::")[0], len(_ORDER)))


def scheduler(config: pytest.Config, log: Any) -> Any:
    """xdist's, which hands out unit after unit, in the order in which the tests were collected."""
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False  # by the number of tests, it would be
    scheduling = LoadScopeScheduling(config, log)
    scheduling._split_scope = unit
    return scheduling
