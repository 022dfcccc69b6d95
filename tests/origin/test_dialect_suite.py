"""SQLAlchemy's own dialect suite finds nothing wrong with a transparent engine that the bare one hasn't.

The suite's plugin wants a pytest of its own: each run is a process, in an empty folder, over a database of
its own.
"""

from __future__ import annotations

import faulthandler
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.origins import Origin, Servers

SUITE = Path(__file__).parent.parent / "dialect_suite"
_RESULT = re.compile(r"^(FAILED|ERROR) (\S+(?: \S+)*?)(?: - .*)?$", re.MULTILINE)
_SUMMARY = re.compile(r"(\d+) passed")


def run(origin: Origin, folder: Path, engines: str, schema: str) -> tuple[int, set[str]]:
    """How many tests passed, and those that didn't."""
    folder.mkdir()
    for file in SUITE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    # SQLAlchemy's own provisioning makes file names of this one.
    url = (
        f"{origin.url.drivername}:///suite.db"
        if origin.family == "sqlite"
        else origin.url.render_as_string(hide_password=False)
    )
    environment = {
        **os.environ,
        "SQLMEM_SUITE": engines,
        "SQLMEM_SUITE_SCHEMA": schema,
        "PYTHONPATH": os.pathsep.join([str(folder), str(SUITE.parent.parent), *filter(None, sys.path)]),
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", "setup.cfg", "--rootdir", ".", "-q", "-rfE", "--dburi", url],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    passed = _SUMMARY.search(done.stdout)
    assert passed, f"the suite didn't run: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return int(passed[1]), {name for _, name in _RESULT.findall(done.stdout)}


def test_no_failure_that_the_bare_engine_does_not_have(
    origin: Origin, tmp_path: Path, report: Callable[[str], None]
) -> None:
    """Every test that passes over the bare engine passes over the transparent one."""
    compare(origin, tmp_path, report)


@pytest.mark.parametrize("driver", ["asyncpg", "aiosqlite"])
def test_no_failure_in_an_event_loop_either(
    driver: str,
    _servers: Servers,  # noqa: PT019 - two drivers of its choice
    tmp_path: Path,
    report: Callable[[str], None],
) -> None:
    """The same for asyncio's drivers: SQLAlchemy runs its suite within a loop."""
    origin = _servers.origin(driver, tmp_path)
    try:
        compare(origin, tmp_path, report)
    finally:
        origin.dispose()


def compare(origin: Origin, tmp_path: Path, report: Callable[[str], None]) -> None:
    # A thousand tests, twice, may take longer than the watchdog lets a test; each run has a limit of its own.
    faulthandler.cancel_dump_traceback_later()
    # A schema of MariaDB's is a database: the server's, on which other runs have theirs.
    schema = f"{origin.url.database}_suite" if origin.family == "mariadb" else "test_schema"
    schemas = () if origin.family == "sqlite" else (schema, f"{schema}_2")
    origin.execute(*(f"CREATE SCHEMA {each}" for each in schemas))
    try:
        bare_passed, bare_failed = run(origin, tmp_path / "bare", "bare", schema)
        passed, failed = run(origin, tmp_path / "transparent", "transparent", schema)
    finally:
        if origin.family == "mariadb":
            origin.execute(*(f"DROP SCHEMA {each}" for each in schemas))

    report(
        f"SQLAlchemy's dialect suite on {origin.driver}: {passed} passed through a transparent engine, "
        f"{bare_passed} through the bare one; {len(failed - bare_failed)} failures of its own"
    )
    assert bare_passed > 500
    assert failed <= bare_failed, sorted(failed - bare_failed)
    assert passed == bare_passed
