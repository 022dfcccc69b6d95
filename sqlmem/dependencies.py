"""Who wants to know which tables are read, and who must know when they are invalidated.

A *token* names an era of a table: whatever is read of it from one invalidation to the next. It has a random
part of its process, so that no two processes, restarts or tables ever mean the same era by chance, and it
says who began the era, so that others can see whether that one is still alive.

Tokens are per bare name, case folded: a table of that name in any schema. Beside them, of each origin:
`ANY` changes with every invalidation, `ALL` when everything is invalidated.

Rule: whoever listens is called outside every lock. With nobody listening a statement pays one
look-up of a ContextVar, and an invalidation one look at an empty set.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from sqlmem.model import TableName, TableSchema

ANY = "*"
ALL = "**"


class Source(Protocol):
    """The tables of one engine, as far as eras go; see `registry.Registry`."""

    @property
    def serial(self) -> int: ...

    @property
    def scope(self) -> str: ...

    def tokens(self, states: Iterable[Table] | None) -> dict[str, str]: ...

    def token(self, name: str) -> str: ...

    def known_token(self, name: str) -> str | None: ...

    def begun(self, name: str) -> int: ...

    def adopt(self, name: str, token: str) -> None: ...

    def age(self, read_at: float) -> float: ...

    def shortest_ttl(self, names: Iterable[str]) -> float | None: ...


class Table(Protocol):
    """What the registry knows of a table."""

    @property
    def name(self) -> TableName: ...

    @property
    def schema(self) -> TableSchema | None: ...


class Copy(Protocol):
    """One filled copy of a table."""

    @property
    def reading(self) -> Reading | None: ...

    @property
    def table(self) -> TableName: ...

    @property
    def read_at(self) -> float: ...


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Under which tokens a generation was read.

    Attributes:
        tokens: of the table, of those under it if it is a view, and `ALL`; taken before the origin was read.
    """

    registry: Source
    tokens: Mapping[str, str]


class Listener(Protocol):
    """Notes what is read in its context. No method raises."""

    def before_fill(self, registry: Source, states: Sequence[Table]) -> None:
        """Tables are about to be read from the origin, into the store."""

    def served(self, generations: Sequence[Copy]) -> None:
        """A statement was answered from these."""

    def bypassed(self, registry: Source, states: Sequence[Table] | None, *, sees_the_past: bool) -> None:
        """A statement is about to be answered by the origin.

        Args:
            states: the tables that it reads; None if they aren't known.
            sees_the_past: perhaps as of a moment before the last invalidation.
        """


class Observer(Protocol):
    """Hears of invalidations before any row is dropped. Never raises."""

    def invalidated(self, scope: str, tokens: Mapping[str, str]) -> None:
        """From now on these tokens are in force: name -> token."""


listening: ContextVar[Listener | None] = ContextVar("sqlmem_listening", default=None)

# By id and by serial; the first are looked at, but not changed, by others. Changed and copied by one atomic
# operation each: there is no lock that a fork could find held.
observers: dict[int, weakref.ref[Observer]] = {}
_registries: dict[int, weakref.ref[Source]] = {}


def observe(observer: Observer) -> None:
    """Tell it of invalidations from now on, for as long as it is there."""
    key = id(observer)
    observers[key] = weakref.ref(observer, lambda _: observers.pop(key, None))


def unobserve(observer: Observer) -> None:
    observers.pop(id(observer), None)


def announce(scope: str, tokens: Mapping[str, str]) -> None:
    for reference in list(observers.values()):
        observer = reference()
        if observer is not None:
            observer.invalidated(scope, tokens)


def enter(registry: Source) -> None:
    """Make a registry known; it is forgotten when it is closed or collected."""
    serial = registry.serial
    _registries[serial] = weakref.ref(registry, lambda _: _registries.pop(serial, None))


def leave(registry: Source) -> None:
    _registries.pop(registry.serial, None)


def registries(scope: str | None = None) -> list[Source]:
    """Those that are alive, of one origin or of all."""
    alive = [found for each in list(_registries.values()) if (found := each()) is not None]
    return alive if scope is None else [each for each in alive if each.scope == scope]


def bare(name: TableName) -> str:
    """The name under which a table has its token."""
    return name.name.casefold()


def names_under(states: Iterable[Table] | None) -> set[str]:
    """The names whose tokens an answer depends on that reads these tables at the origin."""
    names = {ALL}
    if states is None:
        return names | {ANY}
    for state in states:
        schema = state.schema
        names.add(bare(state.name))
        # A policy, a function, a view nobody could look into: it may read anything.
        if schema is None or schema.refusal is not None or schema.depends_on is None:
            names.add(ANY)
        else:
            names.update(map(bare, schema.depends_on))
    return names


# -- who made a token ------------------------------------------------------------------------


def _host() -> str:
    """Where process numbers mean the same: this boot of this machine, this namespace of processes."""
    parts = [os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _started(pid: int) -> str | None:
    """When a process began, so that its number isn't taken for a later one's; None if that can't be told."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


_HOST = _host()
# process number -> its own name; a child of a fork finds none and makes its own
_names: dict[int, str] = {}


def process_name() -> str:
    """A name for this process, which tells it from all others on all machines: host, number, start."""
    pid = os.getpid()
    name = _names.get(pid)
    if name is None:
        name = _names[pid] = f"{_HOST}.{pid}.{_started(pid) or 'unknown'}"
    return name


def is_alive(process: str) -> bool | None:
    """Whether the process of this name runs; None if that can't be told from here."""
    host, _, rest = process.partition(".")
    number, _, start = rest.partition(".")
    if process == process_name():
        return True
    if host != _HOST or not number.isdigit() or start == "unknown":
        return None
    return _started(int(number)) == start


class _Maker(NamedTuple):
    """What makes this process's tokens: two of them differ by the count, those of others by the rest."""

    pid: int
    random: str
    counts: Iterator[int]
    process: str


_maker: _Maker | None = None


def _new_maker() -> _Maker:
    global _maker  # noqa: PLW0603 - one per process; two threads that meet here make two, which is as well
    maker = _maker = _Maker(os.getpid(), os.urandom(8).hex(), itertools.count(), process_name())
    return maker


def _forget_maker() -> None:
    """In a forked child: a sibling that gets its number later would count from the same."""
    global _maker  # noqa: PLW0603 - likewise
    _maker = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_maker)


def new_token(serial: int) -> str:
    maker = _maker
    if maker is None or maker.pid != os.getpid():  # the second: forked by something that tells nobody
        maker = _new_maker()
    return f"{maker.random}-{next(maker.counts):x}.{serial}.{maker.process}"


def serial_of(token: str) -> str:
    """Which registry of its process began the era."""
    return token.split(".")[1]


def is_maker_alive(token: str) -> bool:
    """Whether who began this era can still have its rows; in doubt not."""
    _, _, rest = token.partition(".")
    serial, _, process = rest.partition(".")
    if process == process_name():
        return any(str(each.serial) == serial for each in registries())
    return is_alive(process) is True


Matches = Callable[[TableName], bool]


@dataclass(frozen=True, slots=True)
class Exactly:
    """Which tables an invalidation means, where it knows them by name: no others' tokens change."""

    tables: frozenset[TableName]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(map(bare, self.tables))

    def __call__(self, name: TableName) -> bool:
        return name in self.tables


def names_of(matches: Matches | None) -> frozenset[str] | None:
    """The bare names that an invalidation means; None if it doesn't say, or means everything."""
    return getattr(matches, "names", None)
