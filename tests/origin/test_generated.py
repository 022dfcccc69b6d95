"""Generated statements, each answered as by the bare engine: rows, types, names, descriptions, errors."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, exc, text
from support.exact import same
from support.grammar import Grammar, Statement, table_statements
from support.origins import Origin

from sqlmem import CachingEngine, Outcome, last_status

SEED = int(os.environ.get("SQLMEM_TEST_SEED", "20261121"))
STATEMENTS = int(os.environ.get("SQLMEM_TEST_STATEMENTS", "400"))
ROWS = 60


def ask(engine: Engine, statement: Statement) -> tuple[Any, ...]:
    # A literal's colon would be read as a parameter's.
    escaped = (
        statement.text.replace("0:", "0\\:").replace("3:", "3\\:").replace("9:", "9\\:").replace("2:", "2\\:")
    )
    with engine.connect() as connection:
        try:
            result = connection.execute(text(escaped), dict(statement.parameters))
            codes = [item[1] for item in result.cursor.description]
            rows = [tuple(row) for row in result.all()]
        except exc.SQLAlchemyError as error:
            return ("error", type(error), type(getattr(error, "orig", error)))
    if not statement.is_ordered:
        rows.sort(key=lambda row: repr([(value is None, type(value).__name__, str(value)) for value in row]))
    return ("rows", tuple(result.keys()), codes, rows)


def script(origin: Origin, seed: int, statement: Statement) -> str:
    """What repeats a difference, for whoever reads the failure."""
    made = ";\n".join(table_statements(family_of(origin), random.Random(seed), ROWS))
    return f"-- seed {seed}\n{made};\n{statement.text};\n-- parameters: {dict(statement.parameters)!r}"


def family_of(origin: Origin) -> str:
    return {"mariadb": "mysql"}.get(origin.family, origin.family)


@pytest.mark.generated
@pytest.mark.parametrize("number", range(2))
def test_generated_statement_is_answered_as_by_the_bare_engine(
    origin: Origin, number: int, report: Callable[[str], None]
) -> None:
    """Invariant: whatever the statement, sqlmem's answer is the bare engine's, in value and type."""
    seed = SEED + number
    rng = random.Random(seed)
    base = origin.engine()
    origin.execute(*table_statements(family_of(origin), rng, ROWS))
    grammar = Grammar(rng, family_of(origin))
    outcomes: Counter[Outcome] = Counter()
    with CachingEngine(base, cache_db="") as engine:
        for _ in range(STATEMENTS):
            statement = grammar.statement()

            expected = ask(base, statement)
            answer = ask(engine, statement)

            status = last_status()
            assert status is not None
            outcomes[status.outcome] += 1
            assert same(answer, expected), script(origin, seed, statement)
    hits = outcomes[Outcome.HIT] + outcomes[Outcome.MISS]
    report(
        f"generated on {origin.family}, seed {seed}: 0 of {STATEMENTS} wrong, "
        f"{hits / STATEMENTS:.0%} from the store"
    )
    assert hits > STATEMENTS / 2


FOUND = {
    "a date and a quoted constant are a text in MariaDB": "SELECT coalesce(d, '2024-01-01') AS x, id FROM g",
    "so is a CASE over them": "SELECT CASE WHEN i > 1 THEN d ELSE '1999-12-31' END AS x, id FROM g",
    "a constant of ten digits is a BIGINT in MariaDB": "SELECT coalesce(i, 2147483647) AS x, id FROM g",
    "a constant of another scale keeps its own": "SELECT coalesce(n, 0) AS x, id FROM g",
    "the larger scale is everybody's": "SELECT coalesce(n, 1.505) AS x, id FROM g",
    "IN over LIMIT is an error in MariaDB": "SELECT id FROM g WHERE i IN (SELECT i FROM h LIMIT 1)",
}


@pytest.mark.parametrize("name", FOUND)
def test_what_generated_statements_found_stays_answered_as_by_the_bare_engine(
    origin: Origin, name: str
) -> None:
    """Each of these once differed."""
    rng = random.Random(SEED)
    base = origin.engine()
    origin.execute(*table_statements(family_of(origin), rng, ROWS))
    statement = Statement(FOUND[name], is_ordered=False)
    with CachingEngine(base, cache_db="") as engine:
        expected = ask(base, statement)
        answers = [ask(engine, statement) for _ in range(2)]

    assert all(same(answer, expected) for answer in answers)
