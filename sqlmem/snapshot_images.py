"""A generation as a file, page by page: written once, and read into memory again.

Rule 1: an image is the generation's own database, with its table and its indexes. SQLite's backup
        API copies its pages; no row is taken apart.
Rule 2: nothing but bytes is read from an image before its size and its SHA-256 are those that the
        manifest names. What is in memory then is looked at as if an enemy had made both: exactly
        the expected objects, as many rows, and of each value the storage class.
Rule 3: each long use of SQLite lets a fork pass at each step (`Steps`).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sqlite3
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlmem.snapshot_folder import Folder, Stay
from sqlmem.snapshot_form import FILE_VFS, Unusable, open_file
from sqlmem.store import Generation, Store, open_database
from sqlmem.stored import DATA, quoted, table_text
from sqlmem.writing import kept_open, new_database

# Four megabytes, some five milliseconds: for so long a fork waits. Shorter steps would ask for the
# interpreter's lock more often than hits can bear.
_PAGES = 1024
_OPERATIONS = 500_000  # of SQLite's virtual machine, likewise
_CHUNK_BYTES = 1 << 20
_ALL_CLASSES = 4  # beside null
# Those that a STRICT table tells from all others; as REAL it takes integers too.
_STRICT_TYPES = frozenset({("integer",), ("text",), ("blob",)})
_WRONG_TYPES = "its image is malformed, or its values aren't of the types that they should be"
# What tells a file from another of its name.
_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Image:
    """A file that is whole and on the disk.

    Attributes:
        digest: SHA-256 of all of it, in hexadecimal.
        stamp: what its folder says of it: device, number, size, time of the last change.
    """

    name: str
    bytes: int
    digest: str
    stamp: _Stamp


class Images:
    """Which of an engine's generations have an image. For who writes or loads its snapshot."""

    def __init__(self, snapshot: Path) -> None:
        self.folder = Folder(snapshot)
        # serial of a generation -> its image, which another process may have removed since
        self.known: dict[int, Image] = {}

    def of(self, generation: Generation) -> Image | None:
        """The image that is there for it, untouched as far as its folder tells."""
        known = self.known.get(generation.serial)
        if known is None:
            return None
        try:
            is_there = _stamp((self.folder.path / known.name).lstat()) == known.stamp
        except OSError:
            is_there = False
        return known if is_there else None

    def forget_others(self, names: frozenset[str]) -> None:
        """Than those of the names: their generations went away, and their files will."""
        self.known = {serial: image for serial, image in self.known.items() if image.name in names}


class Writing:
    """One write of images. `image` may be called by several threads at once, the rest by one."""

    def __init__(self, images: Images, store: Store) -> None:
        """Raises as `Folder.enter`."""
        self._images = images
        self._store = store
        self._stay: Stay | None = images.folder.enter()
        # made in this write; a list's append is atomic
        self._made: list[tuple[Generation, Image]] = []

    def image(self, generation: Generation) -> Image | None:
        """The image of it, written unless it is there. None if the generation was retired.

        Raises:
            OSError, sqlite3.Error: no space, no permission; of this one nothing is left behind.
        """
        found = self._images.of(generation)
        if found is None:
            file = self._images.folder.new_file()
            try:
                found = _write(file, self._store, generation)
            except BaseException:
                file.unlink(missing_ok=True)
                raise
            if found is None:
                file.unlink(missing_ok=True)
                return None
            self._made.append((generation, found))
        return found

    @property
    def count(self) -> int:
        """How many were written, before `keep` or `end`."""
        return len(self._made)

    def sync(self) -> None:
        """Before a manifest names them."""
        if self._made:
            self._images.folder.sync()

    def keep(self) -> None:
        """A manifest names them: remember them."""
        self._images.known.update((generation.serial, image) for generation, image in self._made)
        self._made.clear()

    def end(self, *, is_failed: bool) -> None:
        """Leave the folder. Idempotent.

        Args:
            is_failed: leave nothing behind that isn't named by a manifest. Otherwise the images of
                those generations stay that are still somebody's, for the next write.
        """
        for generation, image in self._made:
            if is_failed or generation.is_retired:
                with contextlib.suppress(OSError):
                    (self._images.folder.path / image.name).unlink()
            else:
                self._images.known[generation.serial] = image
        self._made.clear()
        if self._stay is not None:
            self._stay.end()


class Steps:
    """Around a long use of SQLite in steps: `Store.activity`, left and entered again between two of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._activity = store.activity()

    def __enter__(self) -> Self:
        self._activity.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._activity.__exit__(None, None, None)

    def step(self, *_: object) -> None:
        """Called by SQLite, where it holds no lock but that of a connection that nobody else has."""
        self._activity.__exit__(None, None, None)
        self._activity = self._store.activity()
        self._activity.__enter__()


def _write(file: Path, store: Store, generation: Generation) -> Image | None:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(file, flags, 0o600)
    try:
        with Steps(store) as steps, contextlib.closing(open_database(generation.uri)) as source:
            # Only after opening it: without its anchor the name opens a new and empty database.
            if generation.is_retired:
                return None
            # nolock: nobody else knows the file, and on some systems SQLite's lock and ours are one.
            uri = f"{file.as_uri()}?mode=rw&nolock=1&vfs={FILE_VFS}"
            with contextlib.closing(open_file(uri)) as target:
                # Nobody uses the file before it is whole: no journal, and one sync at the end.
                target.execute("PRAGMA journal_mode=OFF")
                target.execute("PRAGMA synchronous=OFF")
                source.backup(target, pages=_PAGES, progress=steps.step)
        size, digest = _digest(descriptor)
        os.fsync(descriptor)
        return Image(file.name, size, digest, _stamp(os.fstat(descriptor)))
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be in an image.

    Attributes:
        objects: name of an object -> its type and text in SQLite's catalogue.
        row_count: of its table.
        classes: stored column -> what SQLite's typeof may say of its values, beside null.
        key: the stored column that is the row id.
    """

    name: str
    bytes: int
    digest: str
    objects: Mapping[str, tuple[str, str]]
    row_count: int
    classes: Mapping[str, tuple[str, ...]]
    key: str | None


@dataclass(frozen=True, slots=True)
class InMemory:
    """An image's database in memory, kept by its anchor."""

    serial: int
    uri: str
    bytes: int
    anchor: sqlite3.Connection
    image: Image


def read_image(folder: Folder, store: Store, expected: Expected) -> InMemory:
    """Bring an image into memory, whoever made it.

    Raises:
        Unusable: why it can't be used; nothing is left of it.
    """
    if not folder.is_there():
        raise Unusable("its image is missing: there is no folder of that name")
    file = folder.path / expected.name
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        # A link could lead anywhere; without O_NONBLOCK the opening of a pipe would wait for a writer.
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(file, flags)
    except FileNotFoundError:
        raise Unusable("its image is missing") from None
    except OSError as error:
        raise Unusable(f"its image can't be opened ({error.strerror or type(error).__name__})") from None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise Unusable("its image isn't an ordinary file")
        if state.st_size != expected.bytes:
            raise Unusable("its image is torn: its size isn't the one that it was written with")
        size, digest = _digest(descriptor)
        if (size, digest) != (expected.bytes, expected.digest):
            raise Unusable(
                "its image is damaged or was changed: its digest isn't the one it was written with"
            )
        return _in_memory(file, store, expected, _stamp(state))
    except OSError as error:
        raise Unusable(f"its image can't be read ({error.strerror or type(error).__name__})") from None
    except sqlite3.Error as error:
        raise Unusable(f"SQLite can't read its image: {error}") from None
    finally:
        os.close(descriptor)


def _in_memory(file: Path, store: Store, expected: Expected, stamp: _Stamp) -> InMemory:
    with Steps(store) as steps:
        serial, uri, memory = new_database()
        try:
            # immutable: no lock, no journal, no WAL of a file that may be anybody's; mmap would turn
            # a file that is truncated meanwhile into a signal.
            opened = open_file(f"{file.as_uri()}?mode=ro&immutable=1&vfs={FILE_VFS}")
            with contextlib.closing(opened) as source:
                source.execute("PRAGMA mmap_size=0")
                source.backup(memory, pages=_PAGES, progress=steps.step)
                _check_unchanged(file, stamp)
            memory.set_progress_handler(steps.step, _OPERATIONS)
            _check(memory, expected)
            memory.set_progress_handler(None, 0)
            pages, page_bytes = (
                memory.execute(f"PRAGMA {each}").fetchone()[0] for each in ("page_count", "page_size")
            )
            anchor = kept_open(store, serial, uri, memory)
        except BaseException:
            memory.close()
            raise
    image = Image(expected.name, expected.bytes, expected.digest, stamp)
    return InMemory(serial, uri, pages * page_bytes, anchor, image)


def _check_unchanged(file: Path, stamp: _Stamp) -> None:
    """SQLite opened the file by its name: it must be the one whose digest is right, and as it was."""
    if _stamp(file.lstat()) != stamp:
        raise Unusable("its image was changed while it was read")


def _check(memory: sqlite3.Connection, expected: Expected) -> None:
    # Of what isn't as expected nothing is to be run, and no cell to be believed that points elsewhere.
    for setting in ("trusted_schema=OFF", "cell_size_check=ON"):
        memory.execute(f"PRAGMA {setting}")
    _check_objects(memory, expected)
    if memory.execute("PRAGMA encoding").fetchone() != ("UTF-8",):
        raise Unusable("its image isn't encoded as it should be")
    if memory.execute(f"SELECT count(*) FROM main.{DATA}").fetchone()[0] != expected.row_count:
        raise Unusable("its image doesn't have as many rows as it should")
    asked = dict(expected.classes)
    asked.pop(str(expected.key), None)  # a row id is an integer, whatever is in the file
    if _tells_types():
        _check_strictly(memory, expected)
        asked = {name: classes for name, classes in asked.items() if classes not in _STRICT_TYPES}
    wrong = [_wrong(name, classes) for name, classes in asked.items() if len(classes) < _ALL_CLASSES]
    # In groups: SQLite bounds how deep an expression is.
    for start in range(0, len(wrong), 100):
        part = " OR ".join(wrong[start : start + 100])
        # The first row that fails ends it: faster than asking all rows for all.
        if memory.execute(f"SELECT 1 FROM main.{DATA} AS t WHERE {part} LIMIT 1").fetchone():
            raise Unusable(_WRONG_TYPES)


def _check_objects(memory: sqlite3.Connection, expected: Expected) -> None:
    limit = len(expected.objects) + 1
    rows = memory.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchmany(limit)
    found = {name: (kind, text) for kind, name, _, text in rows}
    if found != expected.objects or len(rows) != len(found) or any(table != DATA for _, _, table, _ in rows):
        # A view, a trigger or an expression in a definition would be code.
        raise Unusable("its image has other objects than those that the snapshot lists")


def _check_strictly(memory: sqlite3.Connection, expected: Expected) -> None:
    """By SQLite's own check of the database, for which the table is said to be STRICT for a moment.

    It looks at types where they stand in a record, in half the time that typeof takes of each
    value, and it looks at the trees of pages as well.
    """
    columns = [
        (name, classes[0].upper() if classes in _STRICT_TYPES else "ANY")
        for name, classes in expected.classes.items()
    ]
    _define(memory, f"{table_text(columns, expected.key)} STRICT")
    found = memory.execute("PRAGMA quick_check(1)").fetchall()
    _define(memory, expected.objects[DATA][1])
    if found != [("ok",)]:
        raise Unusable(_WRONG_TYPES)
    _check_objects(memory, expected)


def _define(memory: sqlite3.Connection, text: str) -> None:
    memory.execute("PRAGMA writable_schema=ON")
    memory.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (text, DATA))
    memory.execute("PRAGMA writable_schema=RESET")  # and have it parsed again


@functools.cache
def _tells_types() -> bool:
    """Whether this SQLite knows STRICT tables, and lets us say that a table is one: not all builds do."""
    values = {"integer": 1, "real": 1.5, "text": "1", "blob": b"1"}
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for (right,) in _STRICT_TYPES:
            for kind, value in values.items():
                connection.execute(f"CREATE TABLE {DATA} (x)")
                connection.execute(f"INSERT INTO {DATA} VALUES (NULL), (?)", (value,))
                try:
                    _define(connection, f"{table_text([('x', right.upper())], None)} STRICT")
                    found = connection.execute("PRAGMA quick_check(1)").fetchall()
                except sqlite3.Error:
                    return False
                if (found == [("ok",)]) != (kind == right):
                    return False
                connection.execute(f"DROP TABLE {DATA}")
    return True


def _wrong(name: str, classes: tuple[str, ...]) -> str:
    """A condition that holds for a row whose value isn't of these storage classes or NULL."""
    value = f"t.{quoted(name)}"
    # The type first, by one comparison: nearly all values pass it, and the second half is seldom asked.
    compared = f"<> {classes[0]!r}" if len(classes) == 1 else f"NOT IN ({', '.join(map(repr, classes))})"
    return f"(typeof({value}) {compared} AND {value} IS NOT NULL)"


def _stamp(state: os.stat_result) -> _Stamp:
    return (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)


def _digest(descriptor: int) -> tuple[int, str]:
    """Size and digest of a whole file."""
    digest = hashlib.sha256()
    buffer = bytearray(_CHUNK_BYTES)
    view = memoryview(buffer)
    size = 0
    os.lseek(descriptor, 0, os.SEEK_SET)
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        while count := file.readinto(buffer):
            # Of more than some bytes it lets go of the interpreter's lock.
            digest.update(view[:count])
            size += count
    return size, digest.hexdigest()
