"""Writes docs/answers.md, what is answered by whom, from the tables that the planner works with.

`make docs` runs it; a test holds the page against it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlmem.dialects import BY_FAMILY, immutable
from sqlmem.dialects.base import Semantics
from sqlmem.dialects.rules import Operand, Result, Rule, Way
from sqlmem.dialects.sqlite_functions import FUNCTIONS, Function

PAGE = Path(__file__).with_name("answers.md")

_TITLES = {"postgresql": "PostgreSQL", "mysql": "MariaDB and MySQL"}
_INTRODUCTION = """\
# Who answers what

Made by `make docs` from the tables in `sqlmem/dialects`, which the planner works with. Don't edit it.

A statement is answered by the store if all its parts are. For each part, in this order:

1. **the store**, where SQLite's meaning is exactly the origin's, or a function of sqlmem's own on the
   store's connections has that meaning;
2. **the origin, as a column**: an expression over one row that has no parameter and is immutable is
   computed by the origin once per row and fetched like a column, in the statement's own words; and
   an order that SQLite doesn't have is fetched as a rank;
3. **the origin**: the statement bypasses the store, with the reason in its status and in `explain()`.

What isn't named here is the origin's, as a column where that is possible, each time where it isn't.
"""
_FETCHED = {
    "postgresql": """\
### As a column

Any expression over one row, without a parameter, whose functions PostgreSQL's own catalogue calls
immutable (`pg_proc.provolatile`) for the operands at hand, and whose operators and casts depend on no
setting of the session: no `timestamptz` but in `AT TIME ZONE 'a constant'` or a NULL test, no date
or time to text or from it, `||` between texts only.

Orders and equality of texts under any collation, enums, arrays, unconstrained NUMERIC and all else
that has an order: by rank. A parameter beside such a text takes the rank of the stored text that it
is identical to; if there is none, the origin answers.
""",
    "mysql": """\
### As a column

Any expression over one row, without a parameter, of operators, casts and these functions, which
depend on nothing but their arguments; not beside a TIME column, which is completed with the present
day where a moment is wanted:

{functions}

Orders and equality of texts under any collation: by rank. A parameter beside such a text takes the
rank of the stored text that it is identical to; if there is none, the origin answers. Under
…_general_ci, where a character has one weight, MariaDB's own weights are fetched as a text of one
character each: then LIKE, and equality with a text of ASCII's characters that no row has, are the
store's too.
""",
}


_MOMENTS = {
    "postgresql": """\
### Dates, times and intervals

- Dates and timestamps moved by INTERVAL '…' of numbers of units, by n * INTERVAL '…', by
  make_interval of one unit, and by a timedelta that is given; dates by whole numbers. A timestamp with
  a time zone by less than a day, as a constant or given: a day is 23 hours long there once a year.
- What lies between two moments, and its comparison with a timedelta. INTERVAL columns are
  compared by what PostgreSQL compares, which is fetched: there a month has 30 days, and a year 360.
- to_char of a moment in forms of numbers, names of months and days, and signs between them.
""",
    "mysql": """\
### Dates, times and intervals

- Dates and timestamps moved by INTERVAL n of one unit, n a constant or a whole number that is given.
- TIME columns compared with each other, with a time, a timedelta or 'hh:mm:ss'. Beside a moment the
  present day is added to them: that is the origin's.
""",
}


def page() -> str:
    """The page's text."""
    parts = [_INTRODUCTION]
    for family in ("sqlite", "postgresql", "mysql"):
        semantics = BY_FAMILY[family]
        parts.append("\n".join(_sqlite() if semantics.is_dynamic else _typed(semantics)))
    return "\n".join(parts)


def _sqlite() -> Iterator[str]:
    yield "## SQLite\n"
    yield "The store is the same library: operators, comparisons, casts and collations mean the same"
    yield "there, and these functions:\n"
    yield "| function | arguments | not where |"
    yield "| --- | --- | --- |"
    for name, function in sorted(FUNCTIONS.items()):
        yield f"| `{name}` | {_arguments(function)} | {_cell(function.wrong) or '–'} |"
    yield from _refusals(BY_FAMILY["sqlite"])


def _typed(semantics: Semantics) -> Iterator[str]:
    yield f"## {_TITLES[semantics.name]}\n"
    yield "### Operators and functions\n"
    yield "| of | operands | by | result | at the origin, because |"
    yield "| --- | --- | --- | --- | --- |"
    for name, rules in sorted(semantics.rules.items()):
        for rule in rules:
            operands = ", ".join(_operand(operand) for operand in rule.operands)
            if rule.is_variadic:
                operands += ", …"
            cells = (f"`{_cell(name)}`", operands, rule.way.value, _result(rule), _cell(rule.wrong) or "–")
            yield f"| {' | '.join(cells)} |"
    yield "\n### Aggregates\n"
    yield "| of | values | by | result | at the origin |"
    yield "| --- | --- | --- | --- | --- |"
    for name, row in sorted(semantics.aggregates.items()):
        values = " or ".join(sorted(kind.value for kind in row.kinds)) or "–"
        by = Way.FUNCTION.value if row.store else Way.ORIGIN.value
        yield f"| `{name}` | {values} | {by} | {row.told or '–'} | {row.wrong or '–'} |"
    yield ""
    yield f"- SUM of {_listed(semantics.sums)} and of NUMERIC with a scale."
    yield f"- MIN and MAX of {_listed(sorted(kind.value for kind in semantics.minmax))}."
    yield f"- AVG of whole numbers and of NUMERIC: {'the store' if semantics.mean else 'the origin'}."
    yield "- SUM and AVG of floats where every step of the addition is exact, or with"
    yield '  `float_aggregates="local"`.\n'
    yield _MOMENTS[semantics.name]
    functions = ", ".join(f"`{name}`" for name in sorted(immutable.MYSQL_FUNCTIONS))
    yield _FETCHED[semantics.name].format(functions=functions)
    yield from _refusals(semantics)


def _refusals(semantics: Semantics) -> Iterator[str]:
    if semantics.refused:
        yield "\n### What looks local and isn't\n"
        for name, why in sorted(semantics.refused.items()):
            yield f"- {name}: {why}."
    yield ""


def _arguments(function: Function) -> str:
    if function.most is None:
        return f"{function.least} or more"
    return str(function.least) if function.least == function.most else f"{function.least} to {function.most}"


def _operand(operand: Operand) -> str:
    return " or ".join(sorted(kind.value for kind in operand.kinds))


def _result(rule: Rule) -> str:
    if rule.way in (Way.COLUMN, Way.ORIGIN):
        return "–"
    if rule.told:
        return _cell(rule.told)
    if isinstance(rule.result, Result):
        return rule.result.type.type_name
    if rule.result is None and rule.render is None:
        return "as the first operand"
    made_by = rule.result or rule.render
    return _cell((inspect.getdoc(made_by) or "by the operands").partition("\n")[0].rstrip("."))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
