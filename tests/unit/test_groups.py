"""Which index GROUP BY may take."""

from __future__ import annotations

import pytest

from sqlmem.groups import by_sorting
from sqlmem.model import Index

KEY = Index(("id",), is_primary_key=True)
DAY = Index(("day",))
DAY_PRICE = Index(("Day", "price"))


@pytest.mark.parametrize(
    ("group", "text", "indexes", "expected"),
    [
        (' GROUP BY t1."day"', 'sum(t1."price")', (KEY, DAY), ' GROUP BY +t1."day"'),
        (' GROUP BY t1."day", t1."id"', "count(*)", (KEY, DAY), ' GROUP BY +t1."day", t1."id"'),
        (' GROUP BY t1."day"', "count(*)", (KEY, DAY), ' GROUP BY t1."day"'),
        (' GROUP BY t1."day"', 'sum(t1."price")', (KEY, DAY, DAY_PRICE), ' GROUP BY t1."day"'),
        (' GROUP BY t1."day"', 'sum(t1."price")', (KEY,), ' GROUP BY t1."day"'),
        (' GROUP BY t1."id"', 'sum(t1."price")', (KEY,), ' GROUP BY t1."id"'),
        (' GROUP BY lower(t1."day")', 'sum(t1."price")', (DAY,), ' GROUP BY lower(t1."day")'),
        (" GROUP BY NULL", 'sum(t1."price")', (DAY,), " GROUP BY NULL"),
        (' GROUP BY t1."day"', 'sum(t2."price")', (DAY,), ' GROUP BY t1."day"'),
    ],
)
def test_an_index_that_lacks_columns_is_not_taken(group, text, indexes, expected):
    """Unless it is the primary key's; an index that has all of them is."""
    assert by_sorting(group, (text,), indexes) == expected
