"""The Python program that shows a difference to whoever wants to see it.

It needs nothing but sqlmem and the driver: the tables, their rows and the statement are in it. The origin's
URL is its argument, so that no password stands in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmem.testing.asking import Question
from sqlmem.testing.families import Family
from sqlmem.testing.shrinking import Smallest
from sqlmem.testing.tables import creating, dropping

_PROGRAM = '''"""sqlmem answers otherwise than the bare engine: {kind}.

Usage: python {name} URL, of an empty {family} database. The exit status is 1 while the answers differ.
"""

import datetime
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from sqlmem import CachingEngine
from sqlmem.testing import same

MAKE = [
{make}
]
DROP = [
{drop}
]
# (way, text, parameters); the last one is answered in two ways.
ASKED = [
{asked}
]
IS_ORDERED = {is_ordered}


def ask(engine, way, statement, parameters):
    try:
        if way == "execute" and isinstance(engine, CachingEngine):
            rows = [tuple(row.items()) for row in engine.execute(statement, parameters)]
            return ["rows", [], [], rows]
        with engine.connect() as connection:
            if way == "driver":
                result = connection.exec_driver_sql(statement, parameters or None)
            else:
                lists = [name for name, value in parameters.items() if isinstance(value, list)]
                expanding = [sa.bindparam(name, expanding=True) for name in lists]
                clause = sa.text(statement).bindparams(*expanding)
                result = connection.execute(clause, parameters)
            names, codes = list(result.keys()), [item[1] for item in result.cursor.description]
            rows = [tuple(row) for row in result]
            if way == "execute":
                return ["rows", [], [], [tuple(dict(zip(names, row)).items()) for row in rows]]
            return ["rows", names, codes, rows if IS_ORDERED else sorted(rows, key=repr)]
    except Exception as error:
        return ["error", type(error), type(getattr(error, "orig", None))]


def run(engine, statements):
    with engine.connect() as connection:
        connection = connection.execution_options(no_parameters=True)
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


def main(url):
    base = sa.create_engine(url)
    differs = False
    run(base, MAKE)
    try:
        expected = ask(base, *ASKED[-1])
        print("bare       ", *expected)
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "cache.db")
            for phases in (("cold", "warm"), ("restarted", "invalidated")):
                with CachingEngine(base, cache_db=path, mode={mode}) as engine:
                    for phase in phases:
                        if phase == "cold":
                            for earlier in ASKED[:-1]:
                                ask(engine, *earlier)
                        if phase == "invalidated":
                            engine.invalidate()
                        got = ask(engine, *ASKED[-1])
                        print(phase.ljust(11), *got)
                        differs = differs or not same(got, expected)
    finally:
        run(base, DROP)
        base.dispose()
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
'''


def script_of(
    smallest: Smallest, family: Family, name: str = "difference.py", *, mode: str = "strict"
) -> str:
    """The program's text."""
    make = [*family.setting_up, *creating(smallest.tables)]
    drop = dropping(smallest.tables)
    return (
        _PROGRAM.replace("{kind}", smallest.seen.kind)
        .replace("{name}", name)
        .replace("{mode}", repr(mode))
        .replace("{family}", family.name)
        .replace("{make}", _lines(make))
        .replace("{drop}", _lines(drop))
        .replace("{asked}", "\n".join(f"    {_asked(question)}," for question in smallest.questions))
        .replace("{is_ordered}", repr(smallest.questions[-1].is_ordered))
    )


def _lines(statements: Sequence[str]) -> str:
    return "\n".join(f"    {_text(statement)}," for statement in statements)


def _text(statement: str) -> str:
    """The statement as a literal, its rows on lines of their own."""
    lines = statement.split("\n")
    if len(lines) == 1:
        return repr(statement)
    written = [repr(line + "\n") for line in lines[:-1]] + [repr(lines[-1])]
    return "\n    ".join(written)


def _asked(question: Question) -> str:
    return f"({question.way!r}, {question.text!r}, {_value(question.parameters)})"


def _value(value: Any) -> str:
    """What gives the value when it is run."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, tuple):
        return "(" + "".join(f"{_value(item)}, " for item in value) + ")"
    if isinstance(value, float) and repr(value) in ("nan", "inf", "-inf"):
        return f"float({repr(value)!r})"
    return repr(value)
