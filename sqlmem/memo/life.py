"""Fork and exit, told to what is only followed: a memo or store that nobody holds any more is gone."""

from __future__ import annotations

import weakref
from typing import Any

from sqlmem.process import join, leave


class Life:
    """Tells `owner` what happens to the process, for as long as it is there.

    The owner may have any of `flush_at_end`, `before_fork`, `after_fork_in_parent`, `after_fork_in_child`.
    """

    def __init__(self, owner: Any) -> None:
        self._owner = weakref.ref(owner)
        join(self, wants_flush=False)
        weakref.finalize(owner, leave, self).atexit = False

    def end(self) -> None:
        leave(self)

    def _tell(self, name: str, *arguments: Any) -> None:
        told = getattr(self._owner(), name, None)
        if told is not None:
            told(*arguments)

    def flush_at_end(self, seconds: float) -> None:
        self._tell("flush_at_end", seconds)

    def before_fork(self) -> None:
        self._tell("before_fork")

    def after_fork_in_parent(self) -> None:
        self._tell("after_fork_in_parent")

    def after_fork_in_child(self) -> None:
        self._tell("after_fork_in_child")
