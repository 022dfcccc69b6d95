"""Who lends planning a connection, where what is known isn't enough, and what it says when nobody can."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from sqlmem.origin_connection import OriginConnection
from sqlmem.plan import Refuse
from sqlmem.postponed import Lacks


class Borrower(Protocol):
    @property
    def past_reason(self) -> str | None: ...

    def borrowed(self) -> AbstractContextManager[OriginConnection]: ...


class Elsewhere(Exception):
    """Planning takes what only a connection can tell, and nobody has given one."""


class Nobody:
    """In a borrower's place: plans by what is known, and raises `Elsewhere` where that isn't enough.

    Nothing is remembered then of which a text's being met again would be told.
    """

    @property
    def past_reason(self) -> str | None:
        raise Elsewhere

    def borrowed(self) -> AbstractContextManager[OriginConnection]:
        raise Elsewhere


NOBODY = Nobody()


class NotNow(Exception):
    """The origin answers this time; the next time may be another.

    Attributes:
        lacks: whether what it takes to plan the statement still isn't known; None if that isn't why.
    """

    def __init__(self, reason: str, lacks: Lacks | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lacks = lacks


class NotAsked(Refuse):
    """The catalogue would have to be asked, and can't be now. `lacks`: as of `NotNow`."""

    def __init__(self, reason: str, lacks: Lacks) -> None:
        super().__init__(reason)
        self.lacks = lacks
