"""Columns of queries, and the ranks that these can give out beside them.

An order that SQLite doesn't have is a column of the table, and is lost where a derived table, a query of
WITH or an operand of a set operation gives out the value alone. So each column that holds one table's
values has a lane: where the list of the query goes on, and the value there. Only where somebody around
asks for it is the rank really given out (`expressions.fetched`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlmem.context import opening_mark
from sqlmem.values import Lane, Value


def given_out(values: Sequence[Value], opening: int) -> tuple[Value, ...]:
    """The columns of a SELECT, each with its lane. `opening`: where the SELECT's list goes on."""
    return tuple(
        value if value.source is None else replace(value, carried=("", Lane(((opening, value),))))
        for value in values
    )


def together(arms: Sequence[Value]) -> Value:
    """A column of several SELECTs one below the other, as the last of them says what it is."""
    lanes = [arm.carried[1] for arm in arms if arm.carried is not None]
    is_whole = len(lanes) == len(arms) and len({arm.source for arm in arms}) == 1
    lane = Lane(tuple(each for lane in lanes for each in lane.arms)) if is_whole else None
    return replace(arms[-1], carried=None if lane is None else ("", lane))


def taken_in(value: Value, sql: str) -> Value:
    """A query's column by its name in the query around."""
    carried = None if value.carried is None else (sql, value.carried[1])
    return replace(value, sql=sql, alias=None, carried=carried)


def closed(sql: str, values: Sequence[Value]) -> str:
    """A query that gives out its columns and nothing beside them, where one more would be an error."""
    for value in values:
        for opening, _ in value.carried[1].arms if value.carried is not None else ():
            sql = sql.replace(opening_mark(opening), "")
    return sql
