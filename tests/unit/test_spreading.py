"""A run of several processes says what a run of one says, and its longest tests begin first."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import spreading
from support.summary import SUMMARY

TESTS = Path(__file__).parents[1]

SAID = """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_said(report, number):
    report(f"line {number % 2} of {NAME}")

@pytest.mark.skipif("True", reason="no such server")
def test_skipped():
    pass

def test_failed(report):
    report("said before it failed")
    assert NAME != "b"
"""


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """A pytest of its own over that folder, with these fixtures and hooks; its return code and output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-p", "conftest", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("processes", [None, 2])
def test_what_tests_say_comes_home_from_every_process_once(tmp_path: Path, processes: int | None) -> None:
    """Also what a failing test said; and the reasons to skip are counted over all processes."""
    if processes is not None:
        pytest.importorskip("xdist", reason="pytest-xdist isn't installed")
    for name in ("a", "b"):
        (tmp_path / f"test_{name}.py").write_text(f"NAME = {name!r}\n{SAID}")

    code, output = run(tmp_path, *([] if processes is None else [f"-n{processes}"]))

    section = re.search(r"^=+ sqlmem =+\n(.*?)^=", output, re.DOTALL | re.MULTILINE)
    assert section, output
    assert section[1].splitlines() == [
        "line 0 of a",
        "line 0 of b",
        "line 1 of a",
        "line 1 of b",
        "said before it failed",
        "2 skipped, no such server",
    ]
    assert code == pytest.ExitCode.TESTS_FAILED
    assert SUMMARY not in output


def test_the_files_that_take_long_are_there():
    """A renamed one would be begun in its turn, and the run would wait for it at its end."""
    named = [*spreading.TEST_BY_TEST, *spreading.LONG]

    assert [file for file in named if not (TESTS.parent / file).is_file()] == []
    assert len(named) == len(set(named))


def test_tests_of_a_module_with_fixtures_of_its_own_stay_together():
    """What a module's fixture makes would be made in each process."""
    shared = [
        file for file in spreading.TEST_BY_TEST if 'scope="module"' in (TESTS.parent / file).read_text()
    ]

    assert shared == []


@pytest.mark.parametrize(("count", "expected"), [(1, 0), (2, 2), (4, 2)])
def test_there_are_as_many_processes_as_processors_at_most_two(monkeypatch, count, expected):
    """One processor: pytest's own process does all."""
    monkeypatch.setattr(spreading, "processors", lambda: count)

    assert spreading.processes() == expected
