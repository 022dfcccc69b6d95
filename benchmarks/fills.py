"""Fills against the least that they could cost, the driver's own fetch; and the memory they take meanwhile.

`python -m benchmarks.fills URL TABLE` is the process of its own in which the memory is measured.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks import charts, report
from benchmarks.data import COLUMNS, MILLION, ROWS, Measured
from benchmarks.measure import Pace, seconds_each
from sqlmem import CachingEngine

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    time_aim, memory_aim = report.at_most(2.0), report.at_most(1.5)
    rows = []
    for count, rounds in ((ROWS, 9), (MILLION, 4)):
        table = measured.table(count)
        with CachingEngine(measured.engine, max_memory="4GB") as engine:
            contestants = {
                "fill": partial(_fill, engine, table),
                "fetch": partial(_fetch, measured.engine, table),
            }
            # Once beside the clock: what is learnt of the table, and of its size, is learnt once.
            for each in contestants.values():
                each(0)
            taken = seconds_each(contestants, rounds=pace.rounds(rounds), is_once=True).wall
        rows.append(
            report.Row(
                (f"{count:,}", "time", report.seconds(taken["fill"]), report.seconds(taken["fetch"])),
                taken["fill"] / taken["fetch"],
                time_aim if count == MILLION else None,
                label=f"{count:,} rows: time",
            )
        )
        if not _RESET.exists():
            print("no memory is measured: /proc/self/clear_refs isn't there\n")
            continue
        found = [_memory(measured.engine.url, table) for _ in range(pace.rounds(4) - 1)]
        peak, store = (statistics.median(each[name] for each in found) for name in ("peak", "store"))
        rows.append(
            report.Row(
                (f"{count:,}", "peak memory", report.megabytes(peak), report.megabytes(store)),
                peak / store,
                memory_aim if count == MILLION else None,
                label=f"{count:,} rows: peak memory",
            )
        )
    report.write(
        report.Result(
            name="fills",
            title="A fill, against the driver's fetchall and the finished store",
            about=f"All six columns of a table, with its three indexes, read from {measured.name}. *time*: "
            "`warm` after `invalidate`, against the driver's `execute` and `fetchall` of the same "
            "columns, which neither encodes nor keeps anything. *peak memory*: how much larger the "
            "process is at its largest (VmHWM) than before, in a process of its own, against "
            "`stats().bytes` of the finished store. Medians.",
            heading=("rows", "what", "fill", "against"),
            figure="ratio",
            rows=rows,
            versions=(measured.version,),
        ),
        folder,
        charts.bars("fill in multiples of fetchall's time, and of the store's bytes"),
    )


def _fill(engine: CachingEngine, table: str, _: int) -> None:
    engine.invalidate(table)
    engine.warm(table, COLUMNS)


def _fetch(engine: sa.Engine, table: str, _: int) -> object:
    with engine.connect() as connection:
        return connection.exec_driver_sql(f"SELECT {', '.join(COLUMNS)} FROM {table}").cursor.fetchall()


def _memory(url: sa.URL, table: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.fills", table]
    # The URL may have a password, which is nothing for a list of processes.
    given = url.render_as_string(hide_password=False)
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)  # noqa: S603
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _status(name: str) -> int:
    """Bytes."""
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def main() -> None:
    """The URL comes through standard input; says what a fill has taken, as JSON."""
    table = sys.argv[1]
    engine: Any = CachingEngine(sys.stdin.readline().strip(), cache_db="", max_memory="4GB")
    # What is imported and made for any fill isn't this one's.
    engine.execute(f"SELECT count(*) AS n FROM {table} WHERE id < 0", sqlmem="bypass")
    engine.explain(f"SELECT id, name FROM {table} WHERE id = 1")
    before = _status("VmRSS")
    _RESET.write_text("5")
    engine.warm(table, COLUMNS)
    print(json.dumps({"peak": _status("VmHWM") - before, "store": engine.stats().bytes}))
    engine.close()


if __name__ == "__main__":
    main()
