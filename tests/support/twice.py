"""Asks statements of the bare engine and twice of a caching one, and says in what the answers differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from support.corpus import Statement
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine, last_status

Asked = tuple[str, Mapping[str, Any]]


def differences(origin: Origin, questions: Iterable[Asked | str], *, is_local: bool | None) -> list[str]:
    """One line for each answer that isn't the bare engine's, and for each that the other of the two gave.

    Rows (in order where the statement orders), values with their types, names and type codes are compared;
    an error by its class.

    Args:
        is_local: the second answer must be the store's (True), the origin's (False), or either's (None).
    """
    bare = origin.engine()
    found = []
    with CachingEngine(origin.engine(), cache_db="", max_results=0) as engine:
        for question in questions:
            sql, parameters = (question, {}) if isinstance(question, str) else question
            expected = _answer(bare, sql, parameters)
            for turn in ("first", "second"):
                got = _answer(engine, sql, parameters)
                if not same(got, expected):
                    found.append(f"{turn}: {sql} {dict(parameters)}: {got}, expected {expected}")
            outcome = last_status().outcome.value
            if is_local is not None and outcome != ("hit" if is_local else "bypass"):
                found.append(f"{outcome}: {sql} {dict(parameters)}: {last_status().reason}")
    return found


def _answer(engine: sa.Engine, sql: str, parameters: Mapping[str, Any]) -> Any:
    try:
        with engine.connect() as connection:
            result = connection.execute(sa.text(sql), dict(parameters))
            assert result.cursor is not None
            codes = [column[1] for column in result.cursor.description]
            rows = [tuple(row) for row in result]
            if not Statement("", None, "", sql, {}).is_ordered:
                rows.sort(key=repr)
            return rows, list(result.keys()), codes
    except sa.exc.DBAPIError as error:
        return type(error.orig)
