"""Order threads by named steps instead of by sleeping.

    sequence = Sequencer()
    reader = sequence.spawn(read)           # … which calls sequence.reach("reading")
    sequence.wait("reading")                #     and sequence.wait("invalidated")
    engine.invalidate("orders")
    sequence.reach("invalidated")
    rows = reader.result()

A wait that isn't met fails the test with the steps that were reached, and with it every
other wait, so that no thread hangs until its own deadline.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# Far above any scheduling delay: only a test that has already failed waits this long.
DEADLINE_SECONDS = 30.0


class SequenceError(AssertionError):
    """A step was not reached in time; the message has those that were."""


class Sequencer:
    """Steps by which threads are ordered. A step is reached once, and stays so."""

    def __init__(self, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self.deadline_seconds = deadline_seconds
        self._changed = threading.Condition()
        self._reached: list[str] = []
        self._waiting: list[str] = []
        self._failure: str | None = None

    @property
    def reached(self) -> tuple[str, ...]:
        """The steps in the order in which they were reached."""
        with self._changed:
            return tuple(self._reached)

    def reach(self, step: str) -> None:
        """Let those go on who wait for this step. Reaching it again changes nothing."""
        with self._changed:
            if step not in self._reached:
                self._reached.append(step)
                self._changed.notify_all()

    def wait(self, step: str) -> None:
        """Return once the step is reached.

        Raises:
            SequenceError: it wasn't in time, or another wait of this sequence wasn't met.
        """
        with self._changed:
            self._waiting.append(step)
            try:
                is_met = self._changed.wait_for(
                    lambda: step in self._reached or self._failure is not None, self.deadline_seconds
                )
                if step in self._reached:
                    return
                if not is_met and self._failure is None:
                    self._failure = (
                        f"step {step!r} was not reached in {self.deadline_seconds:g} s; "
                        f"reached: {self._reached}, waited for: {self._waiting}"
                    )
                    self._changed.notify_all()
                raise SequenceError(self._failure)
            finally:
                self._waiting.remove(step)

    def spawn(self, function: Callable[..., T], *arguments: Any) -> Task[T]:
        """Run the function in a thread of its own, started now."""
        return Task(function, arguments, self.deadline_seconds)


class Task(Generic[T]):
    """A function that runs in a thread of its own."""

    def __init__(
        self, function: Callable[..., T], arguments: tuple[Any, ...], deadline_seconds: float
    ) -> None:
        self._deadline_seconds = deadline_seconds
        self._value: T
        self._error: BaseException | None = None
        context = contextvars.copy_context()

        def run() -> None:
            try:
                self._value = context.run(function, *arguments)
            except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
                self._error = error

        # A daemon: a test that has failed must not keep the run from ending.
        self._thread = threading.Thread(target=run, name=f"test-{function.__name__}", daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> T:
        """What the function returned; what it raised is raised here.

        Raises:
            SequenceError: it doesn't return.
        """
        self._thread.join(self._deadline_seconds)
        if self._thread.is_alive():
            raise SequenceError(f"{self._thread.name} is still running after {self._deadline_seconds:g} s")
        if self._error is not None:
            raise self._error
        return self._value
