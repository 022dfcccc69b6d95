"""What is found out of a table's columns: expressions that the origin computes, values without a place.

Rule: everything here is done to a `TableState` under the registry's lock, by the registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlmem.model import Column, Kind
from sqlmem.table_state import TableState

# Of columns that the origin computes, per table: each makes the table's copy wider.
MAX_EXPRESSIONS = 32
# So many are admitted when they are first met, others when they are met again.
_FREELY_ADMITTED = 16
_REMEMBERED = 500


def admits(state: TableState, name: str, *, has_constants: bool) -> bool:
    """Whether an expression may become one more column that the origin computes.

    A table has many of them only if they come again: one with a constant of its own would cost
    a fetch of the table each time.
    """
    count = sum(needed in state.expressions for needed in state.needed)
    if name in state.expressions or not has_constants or count < _FREELY_ADMITTED or name in state.met:
        return True
    state.met[name] = None
    if len(state.met) > _REMEMBERED:
        state.met.pop(next(iter(state.met)))
    return False


def know(state: TableState, column: Column) -> None:
    """Enter what the origin said of an expression; the schema is known."""
    assert state.schema is not None
    state.expressions[column.name] = column
    if len(state.expressions) > _REMEMBERED:
        # Those that nobody registered; the origin can be asked again.
        held = state.generation.columns if state.generation is not None else {}
        for name in list(state.expressions)[: _REMEMBERED // 2]:
            if name not in state.needed and name not in held and name != column.name:
                del state.expressions[name]
    state.schema = replace(state.schema, expressions=tuple(state.expressions.values()))


def learn(state: TableState, column: str, refusal: str | None) -> bool:
    """Enter that a column is only projected (None), or not cached at all; whether that is new."""
    if state.schema is None:
        return False
    known = state.schema.by_name.get(column)
    if known is None:
        return False
    learned = replace(known, kind=known.kind if refusal else Kind.OPAQUE, refusal=refusal)
    if learned == known:
        return False
    columns = tuple(learned if each is known else each for each in state.schema.columns)
    if column in state.expressions:
        state.expressions[column] = learned
    state.schema = replace(state.schema, columns=columns, expressions=tuple(state.expressions.values()))
    state.has_learned = True
    if refusal:
        state.needed.pop(column, None)
    return True


def keep_bound(state: TableState, columns: Sequence[str], now: float) -> None:
    """Register no more expressions than there may be, the least recently used go first.

    Those without a text go too.
    """
    assert state.schema is not None
    for name in [name for name in state.needed if name in state.expressions]:
        if name in columns:
            state.used[name] = now
        elif state.schema.by_name[name].expression is None:
            # It came from a snapshot, and no statement has said yet what it is.
            del state.needed[name]
    held = [name for name in state.needed if name in state.expressions]
    spare = sorted((name for name in held if name not in columns), key=lambda name: state.used.get(name, 0.0))
    for name in spare[: max(0, len(held) - MAX_EXPRESSIONS)]:
        del state.needed[name]
        state.used.pop(name, None)
