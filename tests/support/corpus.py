"""Reads the corpus: the statements in `tests/fixtures/corpus`, one file per family.

A block is one statement:

    -- name: tracks_of_a_genre
    -- params: {"genre": 3}
    SELECT track_id FROM track WHERE genre_id = :genre;

Rule 1: a name is unique over all files, and `-- params:` is one line of JSON (left out if there are none).
Rule 2: what JSON lacks is written {"decimal": "0.99"}, {"date": "2021-03-05"}, {"interval_days": 30} or
{"timestamp": "2021-03-05 00:00:00"}; `bind` turns it into what the origin's driver takes.
Rule 3: `{schema}` in a statement stands for the schema that holds the sample's tables.
Rule 4: a file whose family ends in `.sqlite`, `.postgresql` or `.mysql` is for that dialect only; a
family that begins with `errors` holds statements that the origin refuses.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "fixtures" / "corpus"
DIALECTS = ("sqlite", "postgresql", "mysql")

_HEAD = re.compile(r"^-- name: *(?P<name>\w+) *\n(?:-- params: *(?P<params>\{.*\}) *\n)?", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)
_OUTER_ORDER = re.compile(r"\bORDER\s+BY\b", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One statement of the corpus.

    Attributes:
        family: the name of its file, without the dialect.
        dialect: the only dialect it is for; None if for all.
        is_ordered: its outermost SELECT has an ORDER BY, so the order of the rows is part of the answer.
    """

    family: str
    dialect: str | None
    name: str
    sql: str
    parameters: Mapping[str, Any]

    @property
    def is_error(self) -> bool:
        return self.family.startswith("errors")

    @property
    def is_ordered(self) -> bool:
        return _OUTER_ORDER.search(_without_parentheses(self.sql)) is not None

    def text(self, schema: str) -> str:
        return self.sql.replace("{schema}", schema)

    def bind(self, dialect: str) -> dict[str, Any]:
        """The parameters as the dialect's driver takes them; a new dict at each call."""
        return {name: _bound(value, dialect) for name, value in self.parameters.items()}


def load(dialect: str | None = None) -> tuple[Statement, ...]:
    """All statements for a dialect (of every dialect if None), in a fixed order."""
    statements = [
        statement
        for path in sorted(FOLDER.glob("*.sql"))
        for statement in _read(path)
        if dialect is None or statement.dialect in (None, dialect)
    ]
    names = [statement.name for statement in statements]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"names of statements must be unique in {FOLDER}, these are not: {repeated}")
    return tuple(statements)


def _read(path: Path) -> Iterator[Statement]:
    family, _, dialect = path.stem.partition(".")
    if dialect not in ("", *DIALECTS):
        raise ValueError(f"{path} is for dialect {dialect!r}, expected one of {DIALECTS}")
    text = path.read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    if len(heads) != text.count("-- name:"):
        raise ValueError(f"{path}: a block's head doesn't read as '-- name: word' and '-- params: {{json}}'")
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = _COMMENT.sub("", text[head.end() : following.start() if following else len(text)]).strip()
        if not body.endswith(";"):
            raise ValueError(f"{path}: the statement {head['name']} must end in ';'")
        parameters = json.loads(head["params"] or "{}")
        yield Statement(family, dialect or None, head["name"], body[:-1].rstrip(), parameters)


def _bound(value: Any, dialect: str) -> Any:
    # The sqlite3 module takes no Decimal, and writes a datetime with fewer digits than SQLAlchemy stored.
    match value:
        case {"decimal": digits}:
            return float(digits) if dialect == "sqlite" else Decimal(digits)
        case {"date": day}:
            return day if dialect == "sqlite" else dt.date.fromisoformat(day)
        case {"timestamp": moment}:
            parsed = dt.datetime.fromisoformat(moment)
            return parsed.strftime("%Y-%m-%d %H:%M:%S.%f") if dialect == "sqlite" else parsed
        case {"interval_days": days}:
            return dt.timedelta(days=days)
        case _:
            return value


def _without_parentheses(sql: str) -> str:
    """The text outside parentheses and quotes: enough to see the outermost SELECT's clauses."""
    bare = re.sub(r"'(?:[^']|'')*'", "''", sql)
    while (inner := re.sub(r"\([^()]*\)", "", bare)) != bare:
        bare = inner
    return bare
