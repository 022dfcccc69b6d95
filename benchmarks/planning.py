"""A text that the engine has never seen: how much longer it takes to be answered than one that it knows."""

from __future__ import annotations

import itertools
import statistics
import time
from pathlib import Path

from benchmarks import charts, report
from benchmarks.data import ROWS, Measured
from benchmarks.measure import Pace
from sqlmem import CachingEngine

_TEXTS = 120
_AIM = report.at_most(2.0, " ms")

# What differs from text to text: an alias, which no plan shares; or a constant, which they do.
_SHAPES: dict[str, str] = {
    "one row by its key": "SELECT id, customer, name AS n{n} FROM {a} WHERE id = 5",
    "filter, order, limit": """
        SELECT id AS n{n}, amount, placed_at FROM {a} WHERE customer = 7 AND amount > 10.50
        AND name LIKE 'customer%' AND placed_at >= '2020-01-05 00:00:00'
        ORDER BY placed_at DESC, id LIMIT 10""",
    "groups": """
        SELECT is_paid, count(*) AS n{n}, sum(amount) AS total, max(placed_at) AS last FROM {a}
        WHERE id BETWEEN 10 AND 30 GROUP BY is_paid HAVING count(*) > 1 ORDER BY total DESC""",
    "CASE, subquery, IN": """
        SELECT id AS n{n}, CASE WHEN amount > 100 THEN 'much' ELSE 'little' END AS kind FROM {a}
        WHERE id IN (1, 2, 3) AND customer IN (SELECT customer FROM {a} WHERE id < 9) ORDER BY id""",
    "join of two tables, groups": """
        SELECT o.customer AS n{n}, count(*) AS n, sum(p.amount) AS total FROM {a} o
        JOIN {b} p ON p.id = o.id WHERE o.id < 9 GROUP BY o.customer ORDER BY o.customer LIMIT 5""",
    "WITH, window": """
        WITH chosen AS (SELECT id, customer, amount FROM {a} WHERE id < 9)
        SELECT id AS n{n}, row_number() OVER (PARTITION BY customer ORDER BY id) AS nth
        FROM chosen ORDER BY id""",
    "a constant only: one row by its key": "SELECT id, customer, name FROM {a} WHERE id = {n}",
    "a constant only: filter, order, limit": """
        SELECT id, amount, placed_at FROM {a} WHERE customer = 7 AND amount > 10.50 AND id > {n}
        ORDER BY placed_at DESC, id LIMIT 10""",
}


def run(measured: Measured, pace: Pace, folder: Path) -> None:
    first, second = measured.table(), measured.table(10_000)
    rows = []
    with CachingEngine(measured.engine, mode="transparent", slow_statements="store") as engine:
        engine.warm(first)
        engine.warm(second)
        for label, shape in _SHAPES.items():
            rows.append(_row(engine, label, shape.replace("{a}", first).replace("{b}", second), pace))
    report.write(
        report.Result(
            name="planning",
            title="A text met for the first time",
            about=f"`engine.execute` of a text that the engine has never seen, over tables of {ROWS:,} and "
            "10,000 rows that are there: parsed, planned and answered. What differs from text to text is "
            "a column's alias, or, in the last lines, a constant: then the plan is another text's. Medians "
            "of single calls, CPU time. *again*: the same texts asked once more, which takes what the "
            "store takes to answer. The figure is the difference, what a text's being new costs: the aim "
            "is about that.",
            heading=("statement", "first time", "again"),
            figure="for being new, ms",
            rows=rows,
            versions=(measured.version,),
        ),
        folder,
        charts.bars("milliseconds"),
    )


def _row(engine: CachingEngine, label: str, shape: str, pace: Pace) -> report.Row:
    numbers = itertools.count(20)
    for _ in range(3):  # what belongs to the tables and not to the text
        engine.execute(shape.replace("{n}", str(next(numbers))))
    texts = [shape.replace("{n}", str(next(numbers))) for _ in range(pace.rounds(_TEXTS))]
    first = [_seconds(engine, text) for text in texts]
    again = [_seconds(engine, text) for text in texts]
    outcome = engine.execute(texts[0]).status.outcome
    if outcome != "hit":
        raise RuntimeError(f"{label}: {outcome}, expected a hit")
    met, known = statistics.median(first), statistics.median(again)
    shown = (label, report.seconds(met), report.seconds(known))
    return report.Row(shown, (met - known) * 1000, _AIM, label=label)


def _seconds(engine: CachingEngine, text: str) -> float:
    began = time.process_time()
    engine.execute(text)
    return time.process_time() - began
