"""Whether what a record was made from is still in force: this process's tokens against the store's.

A token in the store is in force for everybody who uses the store. An engine's own says of which era its
rows are. A record counts only if its tokens are in force, and this process knows of nothing newer.

Rule 1: a token is put in force before anything is read under it: first it is written, then the engine's
        rows are dropped. An invalidation does the same (`registry.invalidate`).
Rule 2: another's era is taken over only while who began it is alive, and has its rows. Else nobody has them
        any more, and a new era begins: that is a restart without a snapshot.
Rule 3: what the store can't say is not in force.
Rule 4: an engine may have several stores. Where one of them made it begin a new era, another's token that
        hasn't changed meanwhile goes on, and stands for the engine's here: it was in force before the new
        rows were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlmem.clock import Clock
from sqlmem.dependencies import (
    Source,
    is_maker_alive,
    new_token,
    observe,
    registries,
    serial_of,
    unobserve,
)
from sqlmem.logs import log
from sqlmem.memo.record import Reads
from sqlmem.memo.store import Store

_NEVER = -1


class Eras:
    """Safe for use by many threads."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        # (serial of a registry, name) -> the token that was in force here when we last looked, and how many
        # of the registry's invalidations this store has been told. Single assignments only.
        self._known: dict[tuple[str, str], str] = {}
        self._told: dict[tuple[str, str], int] = {}
        # The same -> an engine's token, and the one that stands for it in this store.
        self._standing: dict[tuple[str, str], tuple[str, str]] = {}
        # Those that were looked at since the last invalidation here.
        self._settled: set[tuple[str, str]] = set()
        observe(self)

    def invalidated(self, scope: str, tokens: Mapping[str, str]) -> None:
        """See `dependencies.Observer`."""
        # Counted before: of an invalidation that comes meanwhile we are told after this.
        counts = {
            (str(source.serial), name): source.begun(name)
            for source in registries(scope)
            for name, token in tokens.items()
            if str(source.serial) == serial_of(token)
        }
        try:
            self._store.set_tokens(scope, tokens)
        except Exception as error:  # noqa: BLE001 - whatever a database raises: an invalidation goes on
            # What isn't told is newer than whatever the store says, until an era begins there.
            log.warning("memo: an invalidation could not be written ({})", type(error).__name__)
            for key in counts:
                self._told[key] = _NEVER
            return
        finally:
            self._settled = set()
        for key, count in counts.items():
            self._known[key] = tokens[key[1]]
            self._told[key] = count

    def close(self) -> None:
        """Hear no more of invalidations: who opens the store later finds its engine's count, and is told."""
        unobserve(self)

    # -- before and while the body reads ---------------------------------------------------

    def settle(self, registry: Source, names: Iterable[str]) -> None:
        """Make the engine's tokens and the store's agree, before something is read. Never raises."""
        try:
            settled, serial = self._settled, str(registry.serial)
            unknown = [
                name
                for name in names
                if (serial, name) not in settled
                or self._known.get((serial, name)) != self._here(registry, name)
            ]
            if unknown:
                shared = self._store.tokens(registry.scope, unknown)
                for name in unknown:
                    self._settle(registry, name, shared.get(name))
                    settled.add((serial, name))
        except Exception as error:  # noqa: BLE001 - whatever a database raises: then nothing is kept
            log.warning("memo: tokens could not be read ({})", type(error).__name__)

    def _settle(self, registry: Source, name: str, shared: str | None) -> str:
        """The token in force afterwards, which is also the engine's."""
        key, count = (str(registry.serial), name), registry.begun(name)
        own = registry.known_token(name)
        is_newer = self._is_newer(registry, name)
        if shared is None:
            own = registry.token(name)
            shared = self._store.add_token(registry.scope, name, own)
            # Nobody had remembered anything of this table here: nothing is older than our invalidations.
            is_newer = is_newer and shared != own
        if shared != own or is_newer:
            if not is_newer and own is not None and self._known.get(key) == shared:
                self._standing[key] = (own, shared)
                return shared
            if is_newer or not is_maker_alive(shared):
                shared = new_token(registry.serial)
                self._store.set_tokens(registry.scope, {name: shared})
            registry.adopt(name, shared)
        self._known[key] = shared
        self._told[key] = count
        return shared

    def _here(self, source: Source, name: str) -> str | None:
        """The engine's token, as this store calls it."""
        known = source.known_token(name)
        standing = self._standing.get((str(source.serial), name))
        return standing[1] if standing is not None and standing[0] == known else known

    def translated(self, reads: Mapping[str, Reads]) -> dict[str, Reads]:
        """What was read under the engines' tokens, under this store's."""
        return self._renamed(reads, lambda source, name: (source.known_token(name), self._here(source, name)))

    def restored(self, reads: Mapping[str, Reads]) -> dict[str, Reads]:
        """The other way: what a record says, under the engines' tokens."""
        return self._renamed(reads, lambda source, name: (self._here(source, name), source.known_token(name)))

    def _renamed(
        self, reads: Mapping[str, Reads], names: Callable[[Source, str], tuple[str | None, str | None]]
    ) -> dict[str, Reads]:
        if not self._standing:
            return dict(reads)
        found = {}
        for scope, each in reads.items():
            tokens = dict(each.tokens)
            for source in registries(scope):
                for name, token in each.tokens.items():
                    before, after = names(source, name)
                    if token == before and after is not None:
                        tokens[name] = after
            found[scope] = Reads(each.read_at, tokens, each.tables, each.expires)
        return found

    def _is_newer(self, registry: Source, name: str) -> bool:
        """Whether the engine has invalidated, and the store wasn't told."""
        return registry.begun(name) != self._told.get((str(registry.serial), name), 0)

    # -- before a record is stored or served -----------------------------------------------

    def are_in_force(self, reads: Mapping[str, Reads]) -> bool:
        """Whether all that a record was made from may be served now.

        Where this process is behind, or nobody has the rows any more, its engine is brought to the
        era in force: what the body then reads can be kept.
        """
        is_right = True
        for scope, each in reads.items():
            is_right = self._is_in_force(scope, each) and is_right
        return is_right

    def _is_in_force(self, scope: str, reads: Reads) -> bool:
        shared = self._store.tokens(scope, reads.tokens)
        sources = registries(scope)
        is_right = True
        for name, token in reads.tokens.items():
            in_force = self._in_force(name, token, shared.get(name), sources)
            if token == in_force:
                continue
            is_right = False
            for source in sources:
                # What an engine that is behind would answer now would be from before, too.
                if in_force is not None and self._here(source, name) not in (None, in_force):
                    self._settle(source, name, in_force)
        if not is_right:
            return False
        ttl = min(
            (limit for each in sources if (limit := each.shortest_ttl(reads.tokens)) is not None),
            default=None,
        )
        return ttl is None or self._clock.wall() - reads.read_at <= ttl

    def _in_force(self, name: str, token: str, shared: str | None, sources: Sequence[Source]) -> str | None:
        """The token that a record must have, where this process knows of nothing newer.

        Args:
            token: the one that it has.
        """
        own = [self._here(source, name) for source in sources]
        for source in sources:
            if self._is_newer(source, name):
                return self._settle(source, name, shared)
        if shared is not None and shared in own:
            return shared
        if sources:
            # Of several engines that nobody has settled yet each has an era of its own: the record's is one.
            source = next((each for each in sources if self._here(each, name) == token), sources[0])
            return self._settle(source, name, shared)
        return shared if shared is not None and is_maker_alive(shared) else None
