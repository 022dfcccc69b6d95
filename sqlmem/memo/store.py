"""What a store of a memo must do, whatever it keeps things in.

Rule 1: nothing is locked between two calls; each is short, and never made while a body runs.
Rule 2: a store may raise whatever its database raises: `memo` takes that for a miss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from sqlmem.memo.record import Row, Stored

# Whether the owner of a claim is dead, by its name and until when it has the claim.
IsDead = Callable[[str, float], bool]


class Store(Protocol):
    """Safe for use by many threads, and after a fork.

    Attributes:
        is_quick: it answers in microseconds, so that an event loop may ask it itself.
        needs_lease: a claim's owner can't always be looked for, so that claims must be renewed.
        tells_owners: whether a claim's owner is dead can be told; else one waits for a while only.
    """

    is_quick: bool
    needs_lease: bool
    tells_owners: bool

    def get(self, key: str) -> Stored | None: ...

    def put(self, row: Row, *, owner: str | None) -> bool:
        """Keep a record in place of the one that is there, and end the owner's claim.

        Args:
            owner: store only while the claim is this one's; None to store in any case.

        Returns:
            False if the claim isn't the owner's any more: somebody deleted the key, cleared, or took it over.
        """
        ...

    def delete(self, keys: Iterable[str]) -> int:
        """Delete, and end the claims on them. Returns how many there were."""
        ...

    def clear(self, function: str | None) -> None:
        """Delete all records of a function, or all, and end the claims: what began before isn't stored."""
        ...

    def rows(self, function: str) -> Sequence[Row]: ...

    def count(self, function: str) -> int: ...

    def touch(self, used: Mapping[str, float]) -> None:
        """Note when records were last used."""
        ...

    def trim(self, function: str, keep: int) -> int:
        """Delete the least recently used; returns how many."""
        ...

    def tokens(self, scope: str, names: Iterable[str]) -> dict[str, str]:
        """Those in force; a name without one is left out."""
        ...

    def set_tokens(self, scope: str, tokens: Mapping[str, str]) -> None: ...

    def add_token(self, scope: str, name: str, token: str) -> str:
        """Put a token in force if there is none; returns the one in force."""
        ...

    def claim(self, key: str, function: str, owner: str, until: float, is_dead: IsDead) -> bool:
        """Whether the key is the owner's now. It is not while another's claim stands who isn't dead."""
        ...

    def renew(self, owner: str, until: float) -> None: ...

    def release(self, key: str, owner: str) -> None: ...

    def close(self) -> None: ...
