"""Whether groups are found in an index's order or by sorting.

SQLite takes an index for GROUP BY wherever there is one, also if each row must then be looked up in the
table: measured over a million rows 1.2 µs a row, where sorting takes 0.4 and an index of all columns 0.05.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from sqlmem.model import Index
from sqlmem.ranges import unindexed

_COLUMN = re.compile(r'\b([a-z]\d+)\."((?:[^"]|"")+)"')
BEGINNING = " GROUP BY "


def by_sorting(group_text: str, texts: Iterable[str], indexes: Sequence[Index]) -> str:
    """GROUP BY of a query over one table, so that no index is taken for it that lacks columns.

    Args:
        texts: all else that the query reads.
        indexes: the table's. Rows lie in the primary key's order, by which looking them up costs little.
    """
    key = _COLUMN.match(group_text, len(BEGINNING))
    if key is None:
        return group_text
    alias, first = key.groups()
    usual = [index for index in indexes if index.columns and _is(index.columns[0], first)]
    if not usual or any(index.is_primary_key for index in usual):
        return group_text
    read = {name for text in (group_text, *texts) for where, name in _COLUMN.findall(text) if where == alias}
    if any(all(any(_is(column, name) for column in index.columns) for name in read) for index in usual):
        return group_text
    return f"{BEGINNING}{unindexed(group_text.removeprefix(BEGINNING))}"


def _is(column: str, name: str) -> bool:
    return column.casefold() == name.replace('""', '"').casefold()
