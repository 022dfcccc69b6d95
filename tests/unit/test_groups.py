"""Which index GROUP BY may take."""

from __future__ import annotations

import pytest

from sqlmem.groups import by_sorting, is_by_group
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


@pytest.mark.parametrize(
    ("group", "order", "expected"),
    [
        (' GROUP BY t1."day"', "", True),
        (' GROUP BY t1."day"', ' ORDER BY t1."day" DESC NULLS FIRST', True),
        (' GROUP BY t1."day", t1."id"', ' ORDER BY t1."day" ASC NULLS LAST, count(*) ASC', True),
        (' GROUP BY t1."day"', ' ORDER BY count(*) ASC NULLS LAST, t1."day" ASC', False),
        (' GROUP BY t1."day", t1."id"', ' ORDER BY t1."id" ASC NULLS LAST', False),
        (' GROUP BY t1."day"', ' ORDER BY t1."day" + 1 ASC NULLS LAST', True),
        (' GROUP BY lower(t1."day")', ' ORDER BY lower(t1."day") ASC', False),
    ],
)
def test_a_limit_is_reached_by_the_first_groups_only_in_their_order(group, order, expected):
    """An order by what is made of the column goes for one: only the way to the groups depends on it."""
    assert is_by_group(group, order) is expected
