"""The folder of a snapshot's images: which files in it are ours, and who may remove which.

`<path>.tables/` holds one file per generation, under a name made by chance, and the file `lock`.

Rule 1: an image is written once and never changed. It means nothing before the manifest, the file
        at the path, names it.
Rule 2: who writes images, or counts on some that no manifest names, holds the shared lock until
        its own manifest is in place. What the manifest doesn't name is removed under the
        exclusive lock, which is only tried: where another process is writing, it will clean up.
Rule 3: nothing is removed or overwritten but files whose names are of our form.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlmem.logs import log
from sqlmem.snapshot_file import set_aside, sync_folder

_fcntl: Any
try:
    import fcntl as _fcntl
except ImportError:  # Windows
    _fcntl = None

_NAME = re.compile(r"[0-9a-f]{32}\.db")
_LOCK = "lock"
# The exclusive lock is held while files are removed, which may be gigabytes.
_LOCK_ATTEMPTS = 500
_LOCK_PAUSE_SECONDS = 0.01


# Of the stays of this process that aren't over; changed by single, atomic operations.
_stays: set[Stay] = set()


def forget_stays() -> None:
    """In the child: let go of the locks of threads that it doesn't have. They are still the parent's."""
    for stay in list(_stays):
        stay.forget()


def is_image_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


class Folder:
    """Safe for use by many threads."""

    def __init__(self, snapshot: Path) -> None:
        self.path = snapshot.with_name(f"{snapshot.name}.tables")

    def is_there(self) -> bool:
        """Whether it is a folder, and no link to one."""
        try:
            return stat.S_ISDIR(self.path.lstat().st_mode)
        except OSError:
            return False

    def new_file(self) -> Path:
        return self.path / f"{secrets.token_hex(16)}.db"

    def enter(self) -> Stay:
        """Make it if need be, and let nobody remove anything until the stay is over.

        Something else under its name isn't ours: it is moved out of the way, as with the snapshot's file.

        Raises:
            OSError: no permission, no space.
        """
        if os.path.lexists(self.path) and not self.is_there():
            aside = set_aside(self.path)
            log.warning("{} was no folder of a snapshot; it is kept as {}", self.path, aside)
        self.path.mkdir(mode=0o700, exist_ok=True)
        if _fcntl is None:
            return Stay(None)
        stay = Stay(self._open_lock())
        try:
            stay.begin()
        except BaseException:
            stay.end()
            raise
        return stay

    def sync(self) -> None:
        """Bring the files' names to the disk, and the folder's own."""
        sync_folder(self.path / _LOCK)
        sync_folder(self.path)

    def clean(self, named: frozenset[str], is_current: Callable[[], bool]) -> None:
        """Remove the images that the manifest doesn't name, if nobody is writing.

        Args:
            named: the names that are in it.
            is_current: whether that is still so, asked where nobody else can be about to change it.
        """
        if not self.is_there():
            return
        with contextlib.suppress(OSError):
            if not self._others(named):
                return
            stay = Stay(None if _fcntl is None else self._open_lock())
            try:
                if stay.is_alone() and is_current():
                    for file in self._others(named):
                        with contextlib.suppress(OSError):
                            file.unlink()
            finally:
                stay.end()

    def _others(self, named: frozenset[str]) -> list[Path]:
        return [file for file in self.path.iterdir() if is_image_name(file.name) and file.name not in named]

    def _open_lock(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        return os.open(self.path / _LOCK, flags, 0o600)


class Stay:
    """The time for which nobody removes anything from a folder, or, under the exclusive lock, we do."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        _stays.add(self)

    def begin(self) -> None:
        """Take the lock.

        Raises:
            OSError: another process has held the exclusive one for seconds.
        """
        for _ in range(_LOCK_ATTEMPTS):
            if self._descriptor is None or _try_lock(self._descriptor, _fcntl.LOCK_SH):
                return
            time.sleep(_LOCK_PAUSE_SECONDS)
        raise TimeoutError(errno.ETIMEDOUT, "another process keeps the folder of its images locked")

    def is_alone(self) -> bool:
        """Take the lock for itself, if nobody has it."""
        return self._descriptor is None or _try_lock(self._descriptor, _fcntl.LOCK_EX)

    def end(self) -> None:
        """Idempotent."""
        if self._descriptor is not None:
            # Unlocked, not only closed: a child that was forked meanwhile would keep the lock.
            with contextlib.suppress(OSError):
                _fcntl.flock(self._descriptor, _fcntl.LOCK_UN)
        self.forget()

    def forget(self) -> None:
        """Close the descriptor; if another process has it too, the lock stays that one's. Idempotent."""
        _stays.discard(self)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        _fcntl.flock(descriptor, kind | _fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
