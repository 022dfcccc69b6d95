"""When the snapshot is loaded, written and dropped, and by whom: one engine's own thread.

Rule 1: nothing here raises what happens to the file; it costs one warning, and the engine goes
        on without. The next one comes only after a write has succeeded in between.
Rule 2: the registry is only read, and never while a lock of this module's waits for the disk.
Rule 3: no data that was invalidated comes back from the file: `lost` removes the manifest before
        it returns, and one that is being written at that moment is thrown away. An image that no
        manifest names is nothing; those of the other tables serve the next manifest.

Two locks: `_writing` is held by whoever writes a snapshot, for as long as that takes; `_disk`
only for the rename or the removal of the file, and so by an invalidation.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from queue import Empty, SimpleQueue

from sqlmem.clock import Clock
from sqlmem.dialects import Facts
from sqlmem.errors import StoreError
from sqlmem.keeping import Keeper
from sqlmem.logs import log
from sqlmem.process import EXIT_SECONDS, FORK_SECONDS, join, leave
from sqlmem.registry import Registry
from sqlmem.snapshot import Discarded, Held, Loaded, Owner, load, prepare
from sqlmem.snapshot_file import Claim, Taken, claim, set_aside
from sqlmem.snapshot_folder import forget_stays
from sqlmem.snapshot_images import Images
from sqlmem.snapshot_results import NO_RESULTS
from sqlmem.store import Store
from sqlmem.workers import processors

# After data was lost the file is gone: a new one is written before the interval is over, but
# an engine that is invalidated all the time mustn't write all the time.
SOON_SECONDS = 10.0
SOON_TIMES_LAST_WRITE = 20
# A thread looks at the clock at least so often: the machine may have slept.
_LONGEST_WAIT_SECONDS = 3600.0
_ATTEMPTS_AT_END = 3
# Who may remove a file goes by these, where there are others.
_KNOWS_EFFECTIVE_IDS = os.access in os.supports_effective_ids


class Maintenance:
    """Safe for use by many threads."""

    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        clock: Clock,
        path: Path | None,
        interval_seconds: float,
        owner: Owner,
        facts: Callable[[], Facts | None],
        max_bytes: int | None = None,
        keeper: Keeper | None = None,
        origin_file: str | None = None,
        on_child: Iterable[Callable[[], None]] = (),
    ) -> None:
        """Do nothing yet; see `start`.

        Args:
            path: None to keep nothing on disk; forks are still seen to.
            keeper: of the answers that are kept; None if none are.
            origin_file: the file of an SQLite origin, which is never written to.
            on_child: called in a forked child, after the store and the registry were. These must
                not hold the engine itself: it could not be collected then.
        """
        self._store = store
        self._registry = registry
        self._clock = clock
        # A link is followed now, once: it is its target that is replaced, and that has the lock.
        self._path = None if path is None else Path(os.path.realpath(path))
        self._file = str(self._path)
        # Which generations have an image; guarded by _writing.
        self._images = None if self._path is None else Images(self._path)
        self._interval = interval_seconds
        self._owner = owner
        self._facts = facts
        self._max_bytes = max_bytes
        self._keeper = keeper
        self._origin_file = origin_file
        self._on_child = list(on_child)
        self._writing = threading.Lock()
        self._disk = threading.Lock()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._claim: Claim | None = None
        self._due = clock.monotonic() + interval_seconds
        self._is_due_soon = False  # whether nothing that is lost makes it due any earlier
        self._written = self._changes()  # the counter when the file was last as it is
        self._losses = 0  # calls of `lost`; guarded by _disk
        self._last_write_seconds = 0.0
        self._must_set_aside = False
        self._has_warned = False
        self._is_closed = False
        self._is_abandoned = False

    # -- life ------------------------------------------------------------------------------

    def start(self, engine: object = None) -> Loaded | None:
        """Load the snapshot into the registry, and keep it from now on. Call it once.

        Args:
            engine: when this is collected without a `close`, the thread flushes and ends.

        Returns:
            What was loaded, already entered in the registry, unverified; None if nothing was.
        """
        loaded = None
        if self._path is not None and self._take():
            loaded = self._load(self._path)
        if engine is not None:
            weakref.finalize(engine, self.abandon).atexit = False
        join(self, wants_flush=self._path is not None)
        self._start_thread()
        return loaded

    def close(self) -> None:
        """Write what isn't written yet, stop the thread, let go of the file. Idempotent."""
        if self._is_closed:
            return
        self.flush_at_end(EXIT_SECONDS)
        self._is_closed = True
        self._wake.put(None)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(EXIT_SECONDS)
        leave(self)
        self._path = None
        if self._writing.acquire(timeout=1.0):  # else a write hangs, and lets go of nothing either
            try:
                if self._claim is not None:
                    self._claim.release()
                    self._claim = None
            finally:
                self._writing.release()
        if self._is_abandoned:
            # Only now: until here the flush was reading what the store holds.
            self._store.abandon()

    def abandon(self) -> None:
        """The engine was collected: let the thread close this.

        Takes no lock: the garbage collector runs wherever it happens to.
        """
        self._is_abandoned = True
        if self._thread is None and self._path is None:
            self._is_closed = True
            leave(self)
            self._store.abandon()
        self._wake.put(None)

    # -- whose file it is ------------------------------------------------------------------

    def _take(self) -> bool:
        """Whether the file may be read."""
        path = self._path
        if path is None:
            return False
        if self._origin_file is not None and _is_same_file(path, self._origin_file):
            log.warning(
                "snapshot {}: that is the origin itself; nothing is kept on disk. Set SQLMEM_CACHE_DB", path
            )
            self._path = None
            return False
        try:
            self._claim = claim(path, self._owner.fingerprint)
        except Taken:
            log.warning(
                "snapshot {}: an engine on another origin than {} keeps its snapshot there; "
                "nothing is kept on disk here. Give each origin its own SQLMEM_CACHE_DB",
                path,
                self._owner.identity,
            )
            self._path = None
            return False
        except OSError as error:
            # Perhaps only for now; a file that is there is good, whoever else may use it.
            self._warn(f"can't be written: no lock file ({error.strerror or error})")
        return True

    def _load(self, path: Path) -> Loaded | None:
        found = load(
            path,
            self._store,
            owner=self._owner,
            clock=self._clock,
            max_bytes=self._max_bytes,
            max_result_bytes=0 if self._keeper is None else self._keeper.results.max_bytes,
        )
        match found:
            case None:
                return None
            case Discarded():
                self._must_set_aside = not found.is_ours
                if not found.is_file:
                    self._path = None
                return None
            case Loaded():
                pass
        for held in found.tables:
            # Defined under each spelling, so that statements find it before the origin was met.
            states = [self._registry.define(each, held.schema) for each in held.spellings or (None,)]
            if states[0] is not None:
                self._registry.restore(states[0], held.generation, tokens=dict(held.tokens))
        if self._images is not None:
            self._images.known.update(found.images)
        if self._keeper is not None:
            self._keeper.restore(found.results)
        log.info(
            "snapshot {} loaded: {}", path, ", ".join(str(t.schema.name) for t in found.tables) or "no table"
        )
        self._written = self._changes()
        return found

    def _changes(self) -> int:
        return self._registry.changes + (0 if self._keeper is None else self._keeper.results.changes)

    # -- writing ---------------------------------------------------------------------------

    def run_pending(self) -> None:
        """Write the snapshot if it is due and anything changed."""
        now = self._clock.monotonic()
        if now < self._due:
            return
        self._due = now + self._interval
        # What is lost before this is lost before the snapshot is begun; what is lost later asks for another.
        self._is_due_soon = False
        self.flush()

    def flush(self, seconds: float = -1, *, threads: int = 1) -> bool:
        """Write the snapshot now if anything changed since it was last written.

        Args:
            seconds: how long to wait for a write that another thread is at; -1 for its end.
            threads: how many may write. More than one takes the processors from those who hit.

        Returns:
            Whether the file is now as the store was when this was called.
        """
        if not self._writing.acquire(timeout=seconds):
            return False
        try:
            if self._path is None or self._changes() == self._written:
                return self._path is not None
            return self._write(self._path, threads)
        finally:
            self._writing.release()

    def _write(self, path: Path, threads: int) -> bool:
        changes = self._changes()
        with self._disk:
            losses = self._losses
        began = self._clock.monotonic()
        prepared = None
        is_outdated = False
        try:
            if self._claim is None:
                self._claim = claim(path, self._owner.fingerprint)
            prepared = prepare(
                path,
                self._store,
                owner=self._owner,
                facts=self._facts(),
                held=self._held(),
                clock=self._clock,
                results=NO_RESULTS if self._keeper is None else self._keeper.held(),
                images=self._images,
                threads=threads,
            )
            with self._disk:
                if losses != self._losses:
                    # What was written aside may hold rows from before the invalidation.
                    is_outdated = True
                    return False
                if self._must_set_aside:
                    aside = set_aside(path)
                    self._must_set_aside = False
                    log.warning("{} was no snapshot; it is kept as {}", path, aside)
                prepared.replace()
        except (OSError, StoreError) as error:
            self._warn(f"can't be written: {getattr(error, 'strerror', None) or error}")
            return False
        except Taken:
            self._warn("can't be written: an engine on another origin keeps its snapshot there")
            self._path = None
            return False
        finally:
            if prepared is not None:
                prepared.end(is_outdated=is_outdated)
        prepared.settle()
        self._written = changes
        self._has_warned = False
        self._last_write_seconds = self._clock.monotonic() - began
        log.info(
            "snapshot {} written: {} tables, {} of them anew, {} bytes",
            path,
            len(prepared.tables),
            prepared.written,
            prepared.bytes,
        )
        return True

    def _held(self) -> list[Held]:
        held = []
        # What was used last first: it is loaded as far as there is room.
        for state in sorted(self._registry.states(), key=lambda state: -state.last_used):
            # As the catalogue gave it: what fills taught is seen from the columns' codecs.
            schema, generation = state.reflected, state.generation
            if (
                state.schema is not None
                and schema is not None
                and generation is not None
                and not generation.is_retired
            ):
                # Their texts stay here: one that comes from a file is never sent to an origin.
                expressions = tuple(
                    replace(column, expression=None)
                    for name, column in list(state.expressions.items())
                    if name in generation.columns
                )
                whole = replace(schema, expressions=expressions)
                held.append(Held(whole, generation, tuple(self._registry.spellings(state))))
        return held

    def lost(self) -> None:
        """Something was invalidated: when this returns, no file brings it back.

        Call it after the registry's own invalidation. A process that is killed before the next
        write starts empty.
        """
        path = self._path
        with self._disk:
            self._losses += 1
            is_ours = path is not None and self._claim is not None and not self._must_set_aside
            # Each commit comes here. Also where it was removed before: another process on the same origin may
            # have written it. To look for it first takes a third of what a vain removal does.
            if is_ours and os.access(self._file, os.F_OK, effective_ids=_KNOWS_EFFECTIVE_IDS):
                with contextlib.suppress(OSError):
                    os.unlink(self._file)  # noqa: PTH108 - as it was looked for
        if path is not None and not self._is_due_soon:
            self._is_due_soon = True
            pause = max(SOON_SECONDS, SOON_TIMES_LAST_WRITE * self._last_write_seconds)
            due = self._clock.monotonic() + pause
            if due < self._due:
                self._due = due
                self._wake.put(None)

    def _warn(self, reason: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.warning("snapshot {} {}; the cache goes on without it", self._path, reason)

    # -- the thread ------------------------------------------------------------------------

    def _start_thread(self) -> None:
        if self._path is None or self._is_closed:
            return
        thread = threading.Thread(target=self._run, name="sqlmem-snapshot", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # No more threads, or the interpreter is ending: the flush at the end remains.
            log.warning("no thread for the snapshot: {}", error)
        else:
            self._thread = thread

    def _run(self) -> None:
        while not self._is_closed:
            wait = min(max(0.0, self._due - self._clock.monotonic()), _LONGEST_WAIT_SECONDS)
            with contextlib.suppress(Empty):
                self._wake.get(timeout=wait)
            try:
                if self._is_abandoned:
                    self.close()
                elif not self._is_closed:
                    self.run_pending()
            except Exception as error:  # noqa: BLE001 - the thread's task: the next one may succeed
                self._warn(f"can't be written: {type(error).__name__}: {error}")

    # -- the process -----------------------------------------------------------------------

    def flush_at_end(self, seconds: float) -> None:
        """At exit or SIGTERM: as `flush`, and again if an invalidation came in between."""
        try:
            for _ in range(_ATTEMPTS_AT_END):
                losses = self._losses
                if self.flush(seconds, threads=processors()) or losses == self._losses:
                    return
        except Exception as error:  # noqa: BLE001 - nothing of ours keeps the process from ending
            self._warn(f"can't be written: {type(error).__name__}: {error}")

    def before_fork(self) -> None:
        self._store.pause(FORK_SECONDS)

    def after_fork_in_parent(self) -> None:
        self._store.resume()

    def after_fork_in_child(self) -> None:
        """Locks and thread anew; the lock file's lock is shared with the parent."""
        forget_stays()
        self._store.reset_after_fork()
        self._registry.reset_after_fork()
        self._writing = threading.Lock()
        self._disk = threading.Lock()
        self._wake = SimpleQueue()
        self._thread = None
        # What the parent hasn't written yet is the parent's to write.
        self._written = self._registry.changes
        self._due = self._clock.monotonic() + self._interval
        self._is_due_soon = False
        for callback in self._on_child:
            callback()
        self._start_thread()


def _is_same_file(path: Path, other: str) -> bool:
    if os.path.realpath(other) == str(path):
        return True
    try:
        return path.samefile(other)
    except OSError:
        return False
