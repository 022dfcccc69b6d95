"""What an engine has done so far, and what it keeps."""

from __future__ import annotations

from sqlmem.clock import Clock
from sqlmem.counters import Counters
from sqlmem.executor import Executor
from sqlmem.model import Outcome, Stats, TableStats, Verdict, VerificationStats
from sqlmem.registry import Registry
from sqlmem.results import Results


def overview(
    registry: Registry, counters: Counters, executor: Executor, results: Results, clock: Clock
) -> Stats:
    """Of one moment for each counter; not of one for all."""
    hits, others, reasons, table_hits = counters.read()
    misses = others.get(Outcome.MISS, 0)
    bypasses = others.get(Outcome.BYPASS, 0)
    now = clock.monotonic()
    tables = {}
    for state in sorted(registry.states(), key=lambda known: str(known.name)):
        generation = state.generation
        tables[str(state.name)] = TableStats(
            columns=tuple(name for name in state.needed if name not in state.expressions),
            expressions=tuple(name for name in state.needed if name in state.expressions),
            rows=generation.rows if generation else 0,
            bytes=generation.bytes if generation else 0,
            generation=generation.serial if generation else 0,
            epoch=state.epoch,
            age=max(0.0, now - generation.read_at) if generation else None,
            hits=table_hits.get(str(state.name), 0),
            fills=state.fills,
            refusal=executor.refusal_of(state) or (state.schema.refusal if state.schema else None),
        )
    result_hits = others.get(Outcome.RESULT_HIT, 0)
    answered = hits + misses + result_hits + bypasses
    kept, result_bytes = results.size()
    sampled, verdicts, skipped = counters.read_verdicts()
    return Stats(
        hits=hits,
        misses=misses,
        bypasses=bypasses,
        rejected=others.get(Outcome.REJECTED, 0),
        result_hits=result_hits,
        fills=sum(table.fills for table in tables.values()),
        rows=sum(table.rows for table in tables.values()),
        bytes=sum(table.bytes for table in tables.values()),
        hit_ratio=(hits + result_hits) / answered if answered else 0.0,
        passed=others.get(Outcome.PASSED, 0),
        results=kept,
        result_bytes=result_bytes,
        bypass_reasons=reasons,
        tables=tables,
        verification=VerificationStats(
            sampled=sampled,
            verified=verdicts.get(Verdict.VERIFIED, 0),
            differences=verdicts.get(Verdict.DIFFERENT, 0),
            stale=verdicts.get(Verdict.STALE, 0),
            superseded=verdicts.get(Verdict.SUPERSEDED, 0),
            skipped=verdicts.get(Verdict.SKIPPED, 0),
            skip_reasons=skipped,
        ),
    )
