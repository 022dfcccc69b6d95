"""Hits asked of the origin too: who waits, who asks, and what is done about a difference.

Rule 1: whoever is answered is never kept waiting. A sample that finds no place is skipped.
Rule 2: one thread asks, one statement at a time, on one connection, which it takes only if the
        origin's pool has another to spare. It is started with the first sample.
Rule 3: whatever happens here, nobody but the log and the counters hears of it.
Rule 4: a quarantine lasts until the tables are defined otherwise, or the process ends.

What a sample comes to is decided in `second_look`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from sqlalchemy.util.concurrency import greenlet_spawn

from sqlmem.clock import Clock
from sqlmem.counters import Counters
from sqlmem.entries import Planned
from sqlmem.front import Front
from sqlmem.logs import heard, log
from sqlmem.model import TableSchema, Verdict
from sqlmem.origin import Origin, SessionDiffers
from sqlmem.reproduction import script
from sqlmem.residency import Residency
from sqlmem.sampling import Sample
from sqlmem.second_look import NO_CONNECTION, Finding, SecondLook
from sqlmem.store import Generation, Store

# What may wait: samples, and the rows of all of them together.
MOST_SAMPLES = 100
MOST_ROWS = 100_000
# How long `close` waits for a statement that the origin is at.
CLOSE_SECONDS = 2.0

_CLOSING = Finding(Verdict.SKIPPED, "the engine is being closed")


class LiveVerification:
    """Safe for use by many threads."""

    def __init__(
        self,
        *,
        origin: Origin,
        front: Front,
        store: Store,
        residency: Residency,
        counters: Counters,
        clock: Clock,
        check_values: Callable[[Planned, Sequence[Generation]], None],
    ) -> None:
        self._origin = origin
        self._front = front
        self._counters = counters
        self._look = SecondLook(
            origin=origin,
            front=front,
            store=store,
            residency=residency,
            clock=clock,
            check_values=check_values,
            goes_on=lambda: not self._is_closed,
        )
        self._has_warned = False
        self._is_closed = False
        self._begin()

    def _begin(self) -> None:
        """With nothing waiting and no thread."""
        self._lock = threading.Lock()
        self._is_done = threading.Condition(self._lock)
        # None wakes the thread for its end. Its `put` may be called while the same thread is in it,
        # as a finalizer may.
        self._queue: SimpleQueue[Sample | None] = SimpleQueue()
        self._samples = self._rows = 0  # waiting or under way; guarded by _lock
        self._thread: threading.Thread | None = None

    # -- where statements are answered -----------------------------------------------------

    def take(self, sample: Sample) -> None:
        """Let this be verified some time; never waits, never raises."""
        self._counters.sampled()
        with self._lock:
            reason = self._obstacle(sample)
            if reason is None:
                self._samples += 1
                self._rows += len(sample.rows)
                # Under the lock: what is put once `close` has emptied the queue would stay in it.
                self._queue.put(sample)
        if reason is not None:
            self._counters.verdict(Verdict.SKIPPED, reason)

    def _obstacle(self, sample: Sample) -> str | None:
        if self._is_closed:
            return _CLOSING.reason
        if self._samples >= MOST_SAMPLES or self._rows + len(sample.rows) > MOST_ROWS:
            return "too many others wait"
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._run, name="sqlmem-live-verification", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads, or the interpreter is ending
                return "no thread"
            self._thread = thread
        return None

    # -- life ------------------------------------------------------------------------------

    def follow(self, engine: object) -> None:
        """End with the engine, also if it is collected without a `close`."""
        weakref.finalize(engine, self._abandon).atexit = False

    def drain(self, seconds: float | None = None) -> bool:
        """Wait until nothing waits; False if the time was over first."""
        with self._is_done:
            return self._is_done.wait_for(lambda: not self._samples, seconds)

    def close(self) -> None:
        """Forget what waits, and end the thread; one that hangs in the network is left to itself."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        for sample in self._waiting():
            self._finish(sample, _CLOSING)
        self._queue.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_SECONDS)

    def _abandon(self) -> None:
        """Takes no lock: the garbage collector runs wherever it happens to."""
        self._is_closed = True
        self._queue.put(None)

    def reset_after_fork(self) -> None:
        """In the child: what waited is the parent's to verify, and so is its thread."""
        for _ in range(self._samples):
            self._counters.verdict(Verdict.SKIPPED, "the process was forked")
        self._begin()

    # -- the thread ------------------------------------------------------------------------

    def _waiting(self) -> list[Sample]:
        found = []
        with contextlib.suppress(Empty):
            while True:
                sample = self._queue.get_nowait()
                if sample is not None:
                    found.append(sample)
        return found

    def _run(self) -> None:
        while True:
            sample = self._queue.get()
            if sample is None:
                if self._is_closed:
                    return
                continue
            finding = _CLOSING if self._is_closed else self._find(sample)
            try:
                self._conclude(sample, finding)
            finally:
                self._finish(sample, finding)

    def _find(self, sample: Sample) -> Finding:
        try:
            if self._origin.is_async:
                return asyncio.run(greenlet_spawn(self._check_apart, sample))
            return self._look.check(sample, self._origin.connect)
        except SessionDiffers as error:
            return Finding(Verdict.SKIPPED, str(error))
        except Exception as error:  # noqa: BLE001 - the thread's task: whatever it is, the origin can't be asked now
            return Finding(Verdict.SKIPPED, f"the origin can't be asked ({type(error).__name__})")

    def _check_apart(self, sample: Sample) -> Finding:
        """On connections of its own: the pool's belong to the application's event loop."""
        apart = self._origin.apart()
        try:
            return self._look.check(sample, lambda: self._origin.connect(engine=apart))
        finally:
            with contextlib.suppress(Exception):
                apart.dispose()

    def _conclude(self, sample: Sample, finding: Finding) -> None:
        if finding.verdict is Verdict.DIFFERENT:
            assert finding.planned is not None
            self._front.quarantine(finding.planned)
            log.warning(
                "quarantined a statement over {}: {}. The origin answers it from now on. Script:\n\n{}",
                ", ".join(finding.planned.tables),
                finding.reason,
                self._script(sample, finding.planned),
            )
        elif finding.reason == NO_CONNECTION and not self._has_warned:
            self._has_warned = True
            log.warning("nothing is verified while {}", finding.reason)
        elif heard.debug:
            log.debug("verification {}{}", finding.verdict, f" ({finding.reason})" if finding.reason else "")

    def _script(self, sample: Sample, planned: Planned) -> str:
        tables = [
            (state.reflected, _own_columns(state.reflected, columns))
            for state, columns in zip(planned.states, planned.plan.columns, strict=True)
            if state.reflected is not None
        ]
        return script(
            tables,
            sample.statement,
            sample.parameters,
            has_parameters=sample.has_parameters,
            drivername=self._origin.engine.url.drivername,
            is_async=self._origin.is_async,
            quote=self._origin.dialect.identifier_preparer.quote,
        )

    def _finish(self, sample: Sample, finding: Finding) -> None:
        self._counters.verdict(finding.verdict, finding.reason)
        with self._is_done:
            self._samples -= 1
            self._rows -= len(sample.rows)
            self._is_done.notify_all()


def _own_columns(schema: TableSchema, columns: Sequence[str]) -> Sequence[str]:
    """A table's own columns among those that a plan needs; all, if it needs what is computed from some."""
    own = [column.name for column in schema.columns]
    return columns if set(columns) <= set(own) else own
