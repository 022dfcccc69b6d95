"""Several stores as one: the fast ones are asked first, the last one has the last word.

Rule: tokens, claims and `clear` are the last store's, which all share. What a fast one still holds is only
served if its tokens are in force there, so it need not hear of an invalidation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlmem.memo.record import Row, Stored
from sqlmem.memo.store import IsDead, Store


class Tiers:
    """Safe for use by many threads; see `store.Store`."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = tuple(stores)
        self._last = self._stores[-1]
        self.is_quick = all(store.is_quick for store in stores)
        self.needs_lease = self._last.needs_lease
        self.tells_owners = self._last.tells_owners

    def get(self, key: str) -> Stored | None:
        for number, store in enumerate(self._stores):
            found = store.get(key)
            if found is not None:
                if number:
                    self._copy(key, found, number)
                return found
        return None

    def _copy(self, key: str, found: Stored, number: int) -> None:
        # Of the function the fast ones need not know: `clear` reaches them by key or by being all of it.
        row = Row(key, _COPIED, found, found.created, None, None)
        for store in self._stores[:number]:
            store.put(row, owner=None)

    def put(self, row: Row, *, owner: str | None) -> bool:
        if not self._last.put(row, owner=owner):
            return False
        for store in self._stores[:-1]:
            store.put(row._replace(function=_COPIED), owner=None)
        return True

    def delete(self, keys: Iterable[str]) -> int:
        listed = list(keys)
        # The slow ones first: what is read in between would come back.
        count = self._last.delete(listed)
        for store in reversed(self._stores[:-1]):
            store.delete(listed)
        return count

    def clear(self, function: str | None) -> None:
        self._last.clear(function)
        for store in reversed(self._stores[:-1]):
            store.clear(None if function is None else _COPIED)

    def rows(self, function: str) -> Sequence[Row]:
        return self._last.rows(function)

    def count(self, function: str) -> int:
        return self._last.count(function)

    def touch(self, used: Mapping[str, float]) -> None:
        self._last.touch(used)

    def trim(self, function: str, keep: int) -> int:
        kept = sorted(self._last.rows(function), key=lambda row: (-row.used, -row.stored.created))[keep:]
        return self.delete([row.key for row in kept])

    def tokens(self, scope: str, names: Iterable[str]) -> dict[str, str]:
        return self._last.tokens(scope, names)

    def set_tokens(self, scope: str, tokens: Mapping[str, str]) -> None:
        self._last.set_tokens(scope, tokens)

    def add_token(self, scope: str, name: str, token: str) -> str:
        return self._last.add_token(scope, name, token)

    def claim(self, key: str, function: str, owner: str, until: float, is_dead: IsDead) -> bool:
        return self._last.claim(key, function, owner, until, is_dead)

    def renew(self, owner: str, until: float) -> None:
        self._last.renew(owner, until)

    def release(self, key: str, owner: str) -> None:
        self._last.release(key, owner)

    def close(self) -> None:
        for store in self._stores:
            store.close()


_COPIED = "copied"
