"""What is known of a text: planned, bypassed, refused or passed through.

An entry notes the definitions that it was made with, by their versions, and holds only as long as
they do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from sqlmem.arguments import Parameters, arguments_of
from sqlmem.codecs import Codec, codec_by_name, codec_for, dict_decoder, row_decoder
from sqlmem.effects import Effect
from sqlmem.model import Rows
from sqlmem.paces import Pace
from sqlmem.plan import Plan
from sqlmem.registry import TableState
from sqlmem.store import Generation

StoredRows = list[tuple[Any, ...]]


class Described(NamedTuple):
    """A column as `cursor.description` has it (PEP 249); by name too, as psycopg's and psycopg2's cursors."""

    name: str
    type_code: Any
    display_size: int | None
    internal_size: int | None
    precision: int | None
    scale: int | None
    null_ok: bool | None


@dataclass(frozen=True, slots=True)
class Bound:
    """A plan together with the generations it is asked of: how their rows become the origin's.

    Attributes:
        decode: stored rows to the driver's tuples; None if they are the same.
        to_dicts: stored rows to new dicts.
        description: as PEP 249 has it, with the driver's type codes.
    """

    generations: tuple[Generation, ...]
    decode: Callable[[StoredRows], StoredRows] | None
    to_dicts: Callable[[StoredRows], list[dict[str, Any]]]
    description: tuple[Described, ...]


class Answering(Protocol):
    """How a bound plan answers, see `hot.Ready`."""

    bound: Bound
    measured: Pace | None
    over: dict[tuple[Any, ...], bool]
    stored: Callable[..., tuple[list[Any], float] | None]
    tuples: Callable[[Any], list[Any] | None]
    dicts: Callable[[Any], Rows | None]
    again: Callable[[Any], Rows | None]

    def few(self, statement: str, parameters: Any) -> list[Any] | None: ...

    def timed(self, ask: Callable[[Any], Any], statement: str, parameters: Any) -> Any: ...


def _are_current(states: Sequence[TableState], versions: Sequence[int]) -> bool:
    for state, version in zip(states, versions, strict=True):
        if state.version != version or state.schema is None:
            return False
    return True


@dataclass(eq=False)
class Planned:
    """The store can answer. `bound` is the last binding, replaced by reference."""

    plan: Plan
    states: tuple[TableState, ...]
    versions: tuple[int, ...]
    tables: tuple[str, ...]
    positions: int
    expressions: tuple[tuple[TableState, str], ...] = ()  # those that it needs, for their last use
    bound: Bound | None = None
    ready: Answering | None = None  # made for a binding when it is asked again; `ready.bound` tells for which
    # Of its answers by the origin: nothing but the tables can change them.
    is_lasting: bool = False
    # It holds for parameters of the types that it was made for, and is found by these only.
    is_by_types: bool = False
    # How long it takes, once it was asked over large tables.
    pace: Pace | None = None

    def is_current(self) -> bool:
        return _are_current(self.states, self.versions)

    def arguments(self, parameters: Parameters) -> list[Any]:
        """The store's arguments, see `arguments_of`."""
        return arguments_of(self.plan.arguments, self.positions, parameters)


@dataclass(frozen=True, slots=True)
class Bypassed:
    """The origin answers. `states` and `versions`: what that was decided with.

    Attributes:
        effect: what the statement may change beside; None for nothing, and in strict mode.
    """

    reason: str
    tables: tuple[str, ...] = ()
    states: tuple[TableState, ...] = ()
    versions: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    effect: Effect | None = None
    # All that it reads, also through what it calls; None if that isn't known.
    reads: tuple[TableState, ...] | None = None
    # The tables on which the origin's answer depends, and on nothing else; None if it may change by itself.
    keeps: tuple[TableState, ...] | None = None
    # Why that is None, if it was asked.
    unkept: str | None = None

    def is_current(self) -> bool:
        return _are_current(self.states, self.versions)


@dataclass(frozen=True, slots=True)
class Refused:
    """Strict mode doesn't run it."""

    error: str
    reason: str
    hint: str

    def is_current(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Passed:
    """Transparent mode: no read; it passes through to the origin."""

    effect: Effect

    def is_current(self) -> bool:
        return True


Entry = Planned | Bypassed | Refused | Passed


def bound_of(planned: Planned, generations: tuple[Generation, ...], driver: str | None) -> Bound:
    """A plan tied to generations that cover it."""
    codecs: list[Codec] = []
    description = []
    for output in planned.plan.outputs:
        if output.source is not None:
            column = generations[output.source[0]].columns[output.source[1]]
            code = output.result.code if output.result is not None else None
            codecs.append(column.codec)
            told = column.description
            if output.is_nulled and told[5] is False:
                told = (*told[:5], True)
            description.append(
                (output.name, *told) if code is None else (output.name, code, None, None, None, None, None)
            )
            continue
        result = output.result
        assert result is not None
        codec = codec_by_name(result.codec) if result.codec else codec_for(result.type, driver)
        assert codec is not None
        codecs.append(codec)
        description.append((output.name, result.code, None, None, None, None, None))
    return Bound(
        generations,
        row_decoder(codecs),
        dict_decoder(codecs, [output.name for output in planned.plan.outputs]),
        tuple(map(Described._make, description)),
    )
