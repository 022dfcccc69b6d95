"""The eras of one origin's tables: under which token each is read now (`dependencies`).

Rule: an era is counted as begun before anybody is told of its token, and a token is in force before any
row of the era before is dropped.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from sqlmem.dependencies import ALL, ANY, Table, names_under, new_token

_serials = itertools.count(1)


class Eras:
    """What the registry is one of. Safe for use by many threads."""

    def __init__(self, scope: str | None) -> None:
        """Know of no era yet.

        Args:
            scope: the database that the tables are in, as other processes call it too; None if nobody
                else can know it.
        """
        self.serial = next(_serials)
        self.scope = scope if scope is not None else f"{os.getpid()}.{self.serial}.{os.urandom(8).hex()}"
        self._lock = threading.Lock()
        # Guarded by it: name -> the token of its present era, None if nobody has asked for that yet; and how
        # often it was invalidated here, by name or with everything.
        self._tokens: dict[str, str | None] = {}
        self._begun: dict[str, int] = {}
        self._begun_all = 0

    def tokens(self, states: Iterable[Table] | None) -> dict[str, str]:
        """The tokens that an answer depends on which reads these tables (None: unknown ones) now."""
        with self._lock:
            return {name: self._token(name) for name in names_under(states)}

    def token(self, name: str) -> str:
        with self._lock:
            return self._token(name)

    def known_token(self, name: str) -> str | None:
        """As `token`; None if this registry knows of no era of it."""
        token = self._tokens.get(name)
        return self.token(name) if token is None and name in self._tokens else token

    def begun(self, name: str) -> int:
        """How many eras have begun by invalidations here. Counted before anybody is told."""
        return self._begun.get(name, 0) + self._begun_all

    def _token(self, name: str) -> str:
        token = self._tokens.get(name)
        if token is None:
            token = self._tokens[name] = new_token(self.serial)
        return token

    def _count(self, names: AbstractSet[str]) -> AbstractSet[str]:
        """Under the lock: an era of each of these begins."""
        begun = self._begun
        for name in names:
            begun[name] = begun.get(name, 0) + 1
        return names

    def _count_all(self) -> set[str]:
        """Under the lock: an era of everything begins; the names that had one."""
        self._begun_all += 1
        return {ALL, ANY, *self._tokens}

    def reset_after_fork(self) -> None:
        """In the child: a thread that it doesn't have may hold the lock."""
        self._lock = threading.Lock()
