"""Which of MariaDB's VIRTUAL columns may change though their row doesn't: those of which it isn't known."""

from __future__ import annotations

import pytest

from sqlmem.catalogue.generated import changing


@pytest.mark.parametrize(
    "expression",
    [
        "`a` + 1",
        "concat(`a`,_utf8mb4' x')",
        "json_value(`doc`,'$.a')",
        "json_unquote(json_extract(`doc`,'$.a.b'))",
        "timestampdiff(YEAR,`day`,`moment`)",
        "`day` + interval 1 day",
        "cast(`a` as char charset utf8mb4)",
        "case when `a` > 0 then 'now()' else NULL end",
        "if(`a` is null,0,lcase(`b`))",
        "year(`day`) * 100 + month(`day`)",
    ],
)
def test_what_depends_on_the_row_only_is_steady(expression: str) -> None:
    assert changing({"v": expression}, ["at"]) == frozenset()


@pytest.mark.parametrize(
    "expression",
    [
        "rand()",
        "curdate()",
        "timestampdiff(YEAR,`day`,curdate())",
        "sysdate(6)",
        "current_timestamp()",
        "unix_timestamp()",
        "uuid()",
        "connection_id()",
        "current_user()",
        "from_unixtime(`a`)",
        "never_heard_of(`a`)",
        "`never_heard_of`(`a`)",
        "@a",
        "CURRENT_DATE",
        "'it''s",
        # The present day completes a TIME.
        "cast(`at` as datetime)",
        "`moment` > `At`",
        "timestamp(`a`)",
    ],
)
def test_what_may_depend_on_more_is_not(expression: str) -> None:
    assert changing({"v": expression}, ["at"]) == {"v"}


def test_what_is_computed_from_what_changes_changes() -> None:
    """In whatever order they stand; names aren't told apart by case."""
    found = changing({"c": "`B` + 1", "b": "`a` * 2", "a": "rand()", "d": "`x` + 1"}, [])

    assert found == {"a", "b", "c"}
