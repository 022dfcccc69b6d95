"""What a body reads while it runs, in its own context and in those that are bound to it.

Rule: a token is noted as it was when the rows were read. Two reads of one table under two tokens mean that it
was invalidated in between: the result is of no one moment, and isn't kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlmem.clock import Clock
from sqlmem.dependencies import ALL, Copy, Reading, Source, Table, names_under, registries
from sqlmem.memo.record import Reads, earlier

Settle = Callable[[Source, Iterable[str]], None]


class Recording:
    """A `dependencies.Listener`. Used by several threads where a body shares its context with them."""

    def __init__(self, clock: Clock, settle: Settle) -> None:
        self._clock = clock
        self._settle = settle
        self._seen: dict[int, Copy] = {}  # a generation's id -> itself, so that the id stays its own
        self._asked: list[tuple[Source, Mapping[str, str], set[str], float]] = []
        self._inner: list[Mapping[str, Reads]] = []
        # Why the result can't be kept, whatever its tokens say; None if it can.
        self.obstacle: str | None = None

    # -- the engine's side -----------------------------------------------------------------

    def before_fill(self, registry: Source, states: Sequence[Table]) -> None:
        self._settle(registry, names_under(states))

    def served(self, generations: Sequence[Copy]) -> None:
        for generation in generations:
            self._seen[id(generation)] = generation

    def bypassed(self, registry: Source, states: Sequence[Table] | None, *, sees_the_past: bool) -> None:
        if sees_the_past:
            self.obstacle = "its transaction began before an invalidation"
        names = names_under(states)
        self._settle(registry, names)
        # After settling: the era may have changed by it, and what is read now is of the new one.
        tokens = {name: registry.token(name) for name in names}
        tables = {str(state.name) for state in states or ()}
        self._asked.append((registry, tokens, tables, self._clock.wall()))

    # -- the memo's side -------------------------------------------------------------------

    def add_tables(self, names: Iterable[str], sources: Iterable[Source]) -> None:
        """Tables that the body reads where nobody sees it. Called before it runs."""
        listed = list(names)
        wanted = {name.rpartition(".")[2].casefold() for name in listed} | {ALL}
        for source in sources:
            self._settle(source, wanted)
            tokens = {name: source.token(name) for name in wanted}
            self._asked.append((source, tokens, set(listed), self._clock.wall()))

    def add_inner(self, reads: Mapping[str, Reads]) -> None:
        """What a memoized function has read, now or when its result was made."""
        if reads:
            self._inner.append(reads)

    def reads(self) -> dict[str, Reads]:
        """All of it, by database; sets `obstacle` where it doesn't fit together."""
        found: dict[str, Reads] = {}
        for generation in list(self._seen.values()):
            reading: Reading | None = generation.reading
            if reading is None:
                self.obstacle = "rows of no known era"
                continue
            age = reading.registry.age(generation.read_at)
            self._add(
                found, reading.registry, reading.tokens, {str(generation.table)}, self._clock.wall() - age
            )
        for registry, tokens, tables, read_at in list(self._asked):
            self._add(found, registry, tokens, tables, read_at)
        for inner in list(self._inner):
            for scope, reads in inner.items():
                self._merge(found, scope, reads)
        return found

    def _add(
        self,
        found: dict[str, Reads],
        registry: Source,
        tokens: Mapping[str, str],
        tables: set[str],
        read_at: float,
    ) -> None:
        ttl = registry.shortest_ttl(tokens)
        expires = None if ttl is None else read_at + ttl
        self._merge(found, registry.scope, Reads(read_at, dict(tokens), set(tables), expires))

    def _merge(self, found: dict[str, Reads], scope: str, reads: Reads) -> None:
        mine = found.get(scope)
        if mine is None:
            found[scope] = Reads(reads.read_at, dict(reads.tokens), set(reads.tables), reads.expires)
        elif not mine.merge(reads):
            self.obstacle = "a table was invalidated while the function ran"


def first_end(reads: Mapping[str, Reads]) -> float | None:
    """When the first of what was read is older than its ttl."""
    end = None
    for each in reads.values():
        end = earlier(end, each.expires)
    return end


def sources_of(given: Sequence[Any]) -> list[Source]:
    """The engines that `tables=` means: those that the memo was made with, else all that are alive."""
    return list(given) if given else registries()


__all__ = ["Recording", "first_end", "sources_of"]
