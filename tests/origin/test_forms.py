"""Forms of every dialect, asked of each origin: answered, or reported as an error, as by the bare engine."""

from __future__ import annotations

import random
from collections.abc import Iterator

from support.forms import EXPRESSIONS, STATEMENTS
from support.origins import Origin
from support.statements import statement_of

from sqlmem import CachingEngine
from sqlmem.errors import SqlmemError
from sqlmem.testing import asking, tables
from sqlmem.testing.asking import Answer
from sqlmem.testing.families import family_of
from sqlmem.testing.servers import suited


def statements() -> Iterator[str]:
    yield from STATEMENTS
    for expression in EXPRESSIONS:
        yield f"SELECT {expression} FROM tame"
        yield f"SELECT id FROM tame WHERE {expression}"
        yield f"SELECT id FROM tame ORDER BY {expression} DESC, id"


def is_refused_alike(expected: Answer, given: Answer) -> bool:
    """Strict mode refuses by the words what the origin reports as an error too."""
    return expected.error is not None and given.error is not None and issubclass(given.error[0], SqlmemError)


def test_form_is_answered_as_by_the_bare_engine(origin: Origin) -> None:
    """Whatever the parser makes of it: the same rows, names and types, or the same class of error."""
    base = origin.engine()
    family = suited(family_of(origin.dialect_name, random.Random(1), 40), base)
    tables.make(base, family.tables, family.setting_up)
    style = asking.paramstyle_of(base)
    wrong = []

    with CachingEngine(origin.engine(), cache_db="") as engine:
        for text in statements():
            question = asking.question(statement_of(text), style)
            with base.connect() as connection:
                expected = asking.ask_bare(connection, question)
            given = asking.ask_cached(engine, question)
            kind = asking.difference(expected, given, is_ordered=question.is_ordered)
            if kind is not None and not is_refused_alike(expected, given):
                told = asking.told(expected), asking.told(given)
                wrong.append(f"{kind}: {text}\n  bare {told[0]}\n  here {told[1]}")

    origin.dispose()
    assert not wrong, "\n".join(wrong)
