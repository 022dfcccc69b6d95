"""The snapshot's manifest as a file in a folder: who may write it, how it is replaced, whether it is whole.

Rule 1: a snapshot is written aside, synced, and renamed over the old one: whoever opens the
        path finds one whole file, also after a kill or a power cut.
Rule 2: nothing is read from a file by SQLite before its digest was checked here.
Rule 3: a lock file beside it (`<path>.lock`) says whose it is. Everybody who uses it holds a
        shared lock for as long as they live, however they end; who gets the exclusive one is
        alone, and writes its own origin into it. The lock file is never removed: two processes
        could hold two files of one name.

The digest is SHA-256 over the whole file with the digest itself as zeros. It stands in the
first table's only row, and so in the second page, where nothing of the user's ever is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_fcntl: Any
try:
    import fcntl as _fcntl
except ImportError:  # Windows
    _fcntl = None

PAGE_BYTES = 4096
APPLICATION_ID = int.from_bytes(b"sqlm")
MARK = b"sha256:"
UNSEALED = MARK.decode() + "0" * 64  # what the digest's row holds while the file is written

_CHUNK_BYTES = 1 << 20
_MAGIC = b"SQLite format 3\0"
# Another process holds the exclusive lock only while it writes 64 bytes.
_LOCK_ATTEMPTS = 50
_LOCK_PAUSE_SECONDS = 0.01
# A lock file that names another origin is looked at again: its holder may be just leaving.
_SECOND_LOOKS = 3

# Temporary files of this process: their pid says only that somebody of that number is alive.
_own_temporaries: set[str] = set()
# Where there are no file locks: path -> [fingerprint, how many engines], within this process.
_claims: dict[str, list[Any]] = {}


class Broken(Exception):
    """The file can't be used.

    Attributes:
        is_ours: it was one of ours once, or can't be told; only what certainly isn't is kept.
        is_file: there is an ordinary file, which a new snapshot may take the place of.
    """

    def __init__(self, reason: str, *, is_ours: bool = True, is_file: bool = True) -> None:
        super().__init__(reason)
        self.is_ours = is_ours
        self.is_file = is_file


class Taken(Exception):
    """An engine that is alive, on another origin, keeps its snapshot at this path."""


# -- whose it is -----------------------------------------------------------------------------


@dataclass(eq=False)
class Claim:
    """The right to use a path for one origin, until `release` or the end of the process.

    A forked child has it too, and each of the two may let go of it alone.
    """

    _path: str
    _descriptor: int | None

    def release(self) -> None:
        """Idempotent."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # Closed, not unlocked: a forked child shares the lock.
            os.close(descriptor)
        elif (known := _claims.get(self._path)) is not None:
            known[1] -= 1
            if known[1] <= 0:
                del _claims[self._path]
        self._path = ""


def claim(path: Path, fingerprint: str) -> Claim:
    """Say that this path is used for this origin.

    Raises:
        Taken: it is another's.
        OSError: the lock file can't be made.
    """
    if _fcntl is None:
        known = _claims.setdefault(str(path), [fingerprint, 0])
        if known[0] != fingerprint:
            raise Taken
        known[1] += 1
        return Claim(str(path), None)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(f"{path}.lock", flags, 0o600)
    try:
        _lock(descriptor, fingerprint.encode())
    except BaseException:
        os.close(descriptor)
        raise
    return Claim(str(path), descriptor)


def _lock(descriptor: int, fingerprint: bytes) -> None:
    second_looks = _SECOND_LOOKS
    for _ in range(_LOCK_ATTEMPTS):
        if _try_lock(descriptor, exclusive=True):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, fingerprint, 0)
        # From exclusive to shared isn't one step: another may come in between, hence the look.
        if _try_lock(descriptor, exclusive=False):
            if os.pread(descriptor, len(fingerprint) + 1, 0) == fingerprint:
                return
            second_looks -= 1
            if not second_looks:
                raise Taken
            _fcntl.flock(descriptor, _fcntl.LOCK_UN)
        time.sleep(_LOCK_PAUSE_SECONDS)
    raise Taken


def _try_lock(descriptor: int, *, exclusive: bool) -> bool:
    try:
        _fcntl.flock(descriptor, (_fcntl.LOCK_EX if exclusive else _fcntl.LOCK_SH) | _fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# -- writing ---------------------------------------------------------------------------------


class Temporary:
    """A file beside the snapshot that becomes it, or goes. For one thread."""

    def __init__(self, path: Path) -> None:
        """Make it, for nobody else to read.

        Raises:
            OSError: no such folder, no permission.
        """
        self._target = path
        self._state: os.stat_result | None = None  # what it was when it was renamed
        name = f".{path.name}.{os.getpid()}.{secrets.token_hex(8)}.tmp"
        self.path = path.with_name(name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        _own_temporaries.add(name)
        try:
            self._descriptor: int | None = os.open(self.path, flags, 0o600)
        except BaseException:
            _own_temporaries.discard(name)
            raise
        if _fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks
                # So that `remove_leftovers` of a process that can't see our pid lets it be.
                _fcntl.flock(self._descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB)

    def seal(self) -> int:
        """Enter the digest and bring the file to the disk; SQLite has closed it.

        Returns:
            Its size in bytes.

        Raises:
            OSError: no space.
        """
        descriptor = self._descriptor
        if descriptor is None:
            raise ValueError("this file was sealed, or is gone")
        place = _digest_place(_read_at(descriptor, PAGE_BYTES, PAGE_BYTES))
        _write_all(descriptor, _digest(descriptor, place), place)
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size

    def replace(self) -> None:
        """Become the snapshot.

        Raises:
            OSError: the old one stands.
        """
        self._close()  # Windows renames no open file
        self._state = self.path.lstat()
        self.path.replace(self._target)
        _own_temporaries.discard(self.path.name)

    def is_in_place(self) -> bool:
        """Whether this very file is the snapshot: it became it, and nobody has replaced it since."""
        try:
            now, was = self._target.lstat(), self._state
        except OSError:
            return False
        return was is not None and _same(now, was)

    def remove(self) -> None:
        """Leave nothing behind. Idempotent, also after `replace`."""
        self._close()
        with contextlib.suppress(OSError):
            self.path.unlink()
        _own_temporaries.discard(self.path.name)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Bring a rename to the disk, where folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def set_aside(path: Path) -> Path:
    """Move a file that isn't ours out of the way: it may be somebody's database.

    Raises:
        OSError: it can't be moved, or there are too many already.
    """
    for number in range(1, 10):
        aside = path.with_name(f"{path.name}.set-aside{'' if number == 1 else f'-{number}'}")
        if not os.path.lexists(aside):
            path.rename(aside)
            return aside
    raise FileExistsError(f"{path.name}.set-aside-9 exists already")


def remove_leftovers(path: Path) -> int:
    """Remove what killed processes were writing when they were killed; how many files."""
    pattern = re.compile(re.escape(f".{path.name}.") + r"(\d{1,9})\.[0-9a-f]{16}\.tmp")
    removed = 0
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return 0
    for name in names:
        found = pattern.fullmatch(name)
        if found and name not in _own_temporaries and not _is_other_process(int(found[1])):
            with contextlib.suppress(OSError):
                removed += _remove_if_unlocked(path.with_name(name))
    return removed


def _is_other_process(pid: int) -> bool:
    if pid == os.getpid():
        # Not one of ours: left by a process of the same number, as the first of a container is.
        return False
    if _fcntl is None:
        return True  # Windows' os.kill would end it; what is left there stays
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _remove_if_unlocked(path: Path) -> int:
    # A process of another container isn't seen by its pid, but by its lock.
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not _try_lock(descriptor, exclusive=True):
            return 0
        path.unlink()
        return 1
    finally:
        os.close(descriptor)


# -- reading ---------------------------------------------------------------------------------


class Opened:
    """A snapshot that is whole: its digest is right. Holds the file open, so that it can't be reused."""

    def __init__(self, path: Path, version: int) -> None:
        """Open and check it.

        Raises:
            FileNotFoundError: there is none.
            Broken: it can't be used.
        """
        self._path = path
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        try:
            # Without O_NONBLOCK the opening of a pipe would wait for somebody to write into it.
            self._descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Broken(f"it can't be opened ({error.strerror or type(error).__name__})") from None
        try:
            self._state = os.fstat(self._descriptor)
            self._check(version)
        except OSError as error:
            self.close()
            raise Broken(f"it can't be read ({error.strerror or type(error).__name__})") from None
        except BaseException:
            self.close()
            raise

    def _check(self, version: int) -> None:
        if not stat.S_ISREG(self._state.st_mode):
            raise Broken("it isn't an ordinary file", is_ours=False, is_file=False)
        size = self._state.st_size
        head = _read_at(self._descriptor, 2 * PAGE_BYTES, 0)
        if len(head) < 100:
            raise Broken("it is truncated" if head else "it is empty")
        if not head.startswith(_MAGIC) or int.from_bytes(head[68:72]) != APPLICATION_ID:
            raise Broken("it isn't a snapshot of sqlmem", is_ours=False)
        # Before the digest: another version may have it elsewhere.
        found = int.from_bytes(head[60:64])
        if found != version:
            raise Broken(f"it has format version {found}, this is version {version}")
        pages = int.from_bytes(head[28:32])
        if int.from_bytes(head[16:18]) != PAGE_BYTES or size != pages * PAGE_BYTES or pages < 2:
            raise Broken("it is torn: its size isn't the one that it was written with")
        try:
            place = _digest_place(head[PAGE_BYTES:])
        except ValueError:
            raise Broken("it is damaged: it has no digest") from None
        sealed = head[place : place + 64]
        if not secrets.compare_digest(sealed, _digest(self._descriptor, place)):
            raise Broken("it is damaged or was changed: its digest isn't the one that it was written with")

    def is_unchanged(self) -> bool:
        """Whether the path still leads to the very file whose digest was checked."""
        try:
            now = self._path.stat()
        except OSError:
            return False
        return _same(now, self._state)

    @property
    def bytes(self) -> int:
        return self._state.st_size

    def close(self) -> None:
        os.close(self._descriptor)


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether these are of one file that nobody has written to in between."""
    return (one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns) == (
        other.st_dev,
        other.st_ino,
        other.st_size,
        other.st_mtime_ns,
    )


def _digest_place(page: bytes) -> int:
    """Where in the file the digest's 64 digits are.

    Raises:
        ValueError: the page doesn't have exactly one mark with digits behind it.
    """
    found = re.findall(re.escape(MARK) + rb"[0-9a-f]{64}", page)
    if len(found) != 1 or page.count(MARK) != 1:
        raise ValueError("no digest")
    return PAGE_BYTES + page.index(MARK) + len(MARK)


def _digest(descriptor: int, place: int) -> bytes:
    """The file's digest, its own digits taken as zeros."""
    digest = hashlib.sha256()
    offset = 0
    while chunk := _read_at(descriptor, _CHUNK_BYTES, offset):
        # The digits are in the second page, and so all in the first chunk.
        digest.update(chunk if offset else chunk[:place] + b"0" * 64 + chunk[place + 64 :])
        offset += len(chunk)
    return digest.hexdigest().encode()


# Not pread and pwrite, which Windows doesn't have.


def _read_at(descriptor: int, size: int, offset: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, size)


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    os.lseek(descriptor, offset, os.SEEK_SET)
    while data:
        data = data[os.write(descriptor, data) :]
