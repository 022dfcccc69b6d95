"""docs/answers.md, held against the tables that it is made from."""

from __future__ import annotations

from docs.generate import PAGE, page


def test_the_page_is_what_the_tables_say():
    """`make docs` would change nothing."""
    assert PAGE.read_text(encoding="utf-8") == page()
