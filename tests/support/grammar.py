"""Random SELECTs over one table of hostile values, for comparing sqlmem with the bare engine.

Everything comes from the `random.Random` passed in, so that a seed repeats it. Orders are made
total by the key, since the rows under a LIMIT would otherwise be the origin's free choice.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

TYPES = {
    "postgresql": {
        "i": "INTEGER", "j": "BIGINT", "n": "NUMERIC(10,2)", "w": "NUMERIC(30,5)", "b": "BOOLEAN",
        "t": "TEXT", "v": 'VARCHAR(20) COLLATE "C"', "d": "DATE", "s": "TIMESTAMP", "f": "DOUBLE PRECISION",
    },
    "mysql": {
        "i": "INT", "j": "BIGINT", "n": "DECIMAL(10,2)", "w": "DECIMAL(30,5)", "b": "BOOLEAN",
        "t": "VARCHAR(40)", "v": "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", "d": "DATE",
        "s": "DATETIME(6)", "f": "DOUBLE",
    },
    "sqlite": {
        "i": "INTEGER", "j": "BIGINT", "n": "NUMERIC(10,2)", "w": "NUMERIC", "b": "BOOLEAN",
        "t": "TEXT", "v": "VARCHAR(20) COLLATE NOCASE", "d": "DATE", "s": "TIMESTAMP", "f": "DOUBLE",
    },
}  # fmt: skip

LITERALS = {
    "i": ["0", "1", "-1", "2", "7", "2147483647", "NULL"],
    "j": ["0", "1", "9007199254740993", "-5", "NULL"],
    "n": ["0", "1.5", "1.50", "0.00", "-3.25", "99999999.99", "NULL"],
    "w": ["0", "1.5", "12345678901234567890.12345", "-1", "NULL"],
    "b": ["TRUE", "FALSE", "NULL"],
    "t": ["'a'", "'A'", "'a '", "''", "'é'", "'zz'", "'it''s'", "NULL"],
    "v": ["'a'", "'A'", "'a '", "''", "'é'", "'Zz'", "NULL"],
    "d": ["'2024-02-29'", "'1999-12-31'", "'2024-01-01'", "NULL"],
    "s": ["'2024-02-29 12:30:00'", "'1999-12-31 23:59:59.999999'", "'2024-01-01 00:00:00'", "NULL"],
    "f": ["0.0", "1.5", "-2.25", "0.1", "NULL"],
}
NUMBERS = ("i", "j", "n", "w", "f")


@dataclass(frozen=True)
class Statement:
    text: str
    is_ordered: bool
    parameters: Mapping[str, Any] = field(default_factory=dict)


def table_statements(family: str, rng: random.Random, rows: int) -> list[str]:
    columns = ", ".join(f"{name} {type_}" for name, type_ in TYPES[family].items())
    made = [f"CREATE TABLE g (id INTEGER PRIMARY KEY, {columns})", "CREATE INDEX g_i ON g (i)"]
    for key in range(rows):
        values = ", ".join(rng.choice(LITERALS[name]) for name in TYPES[family])
        made.append(f"INSERT INTO g VALUES ({key}, {values})")
    made.append(f"CREATE TABLE h (id INTEGER PRIMARY KEY, i {TYPES[family]['i']}, v {TYPES[family]['v']})")
    made += [
        f"INSERT INTO h VALUES ({key}, {rng.choice(LITERALS['i'])}, {rng.choice(LITERALS['v'])})"
        for key in range(rows // 2)
    ]
    return made


class Grammar:
    def __init__(self, rng: random.Random, family: str) -> None:
        self.rng = rng
        self.columns = list(TYPES[family])
        self.family = family
        self.parameters: dict[str, Any] = {}
        self.binds = False

    def statement(self) -> Statement:
        """The next statement; half of them have parameters instead of constants in their conditions."""
        self.parameters = {}
        self.binds = self.rng.random() < 0.5
        return replace(self._statement(), parameters=self.parameters)

    def _statement(self) -> Statement:
        kind = self.rng.randrange(10)
        if kind < 5:
            return self.plain()
        if kind < 8:
            return self.grouped()
        if kind < 9:
            return self.combined()
        return self.windowed()

    # -- shapes ------------------------------------------------------------------------------

    def plain(self) -> Statement:
        rng = self.rng
        items = [self.item() for _ in range(rng.randint(1, 4))]
        listed = ", ".join(f"{item} AS x{number}" for number, item in enumerate(items))
        if rng.random() < 0.2:
            return Statement(f"SELECT DISTINCT {listed} FROM {self.source()}{self.where()}", is_ordered=False)
        text = f"SELECT {listed}, id FROM {self.source()}{self.where()}"
        if rng.random() < 0.6:
            orders = [f"{rng.choice(self.columns)}{self.direction()}" for _ in range(rng.randint(0, 2))]
            text += f" ORDER BY {', '.join([*orders, 'id'])}"
            if rng.random() < 0.5:
                text += f" LIMIT {rng.randint(0, 9)}"
                if rng.random() < 0.5:
                    text += f" OFFSET {rng.randint(0, 5)}"
            return Statement(text, is_ordered=True)
        return Statement(text, is_ordered=False)

    def grouped(self) -> Statement:
        rng = self.rng
        keys = rng.sample(self.columns, rng.randint(0, 2))
        items = [*keys, *(self.aggregate() for _ in range(rng.randint(1, 3)))]
        listed = ", ".join(f"{item} AS x{number}" for number, item in enumerate(items))
        text = f"SELECT {listed} FROM {self.source()}{self.where()}"
        if keys:
            text += f" GROUP BY {', '.join(keys)}"
            if rng.random() < 0.4:
                text += f" HAVING count(*) {self.operator()} {rng.randint(0, 4)}"
            if rng.random() < 0.3:
                text += f" ORDER BY {', '.join(f'{key}{self.direction()}' for key in keys)}"
                return Statement(text, is_ordered=True)
        return Statement(text, is_ordered=False)

    def combined(self) -> Statement:
        rng = self.rng
        name = rng.choice(("i", "v"))
        operator = rng.choice(("UNION", "UNION ALL", "INTERSECT", "EXCEPT"))
        left = f"SELECT {name} AS x FROM g{self.where()}"
        right = f"SELECT {name} FROM h WHERE id < {rng.randint(0, 20)}"
        return Statement(f"{left} {operator} {right}", is_ordered=False)

    def windowed(self) -> Statement:
        rng = self.rng
        key = rng.choice(self.columns)
        call = rng.choice(
            ["row_number()", "rank()", "dense_rank()", "count(*)", f"min({key})", f"max({key})", "sum(i)",
             f"lag({key})", f"lead({key})", f"first_value({key})"]
        )  # fmt: skip
        partition = f"PARTITION BY {rng.choice(self.columns)} " if rng.random() < 0.6 else ""
        order = f"ORDER BY {rng.choice(self.columns)}{self.direction()}, id"
        text = f"SELECT id, {call} OVER ({partition}{order}) AS x FROM g{self.where()} ORDER BY id"
        return Statement(text, is_ordered=True)

    # -- parts -------------------------------------------------------------------------------

    def source(self) -> str:
        if self.rng.random() < 0.15:
            return f"(SELECT id, {', '.join(self.columns)} FROM g{self.where()}) AS g"
        return "g"

    def where(self) -> str:
        return f" WHERE {self.condition(2)}" if self.rng.random() < 0.7 else ""

    def condition(self, depth: int) -> str:
        rng = self.rng
        if depth and rng.random() < 0.4:
            joined = rng.choice(("AND", "OR"))
            text = f"({self.condition(depth - 1)} {joined} {self.condition(depth - 1)})"
            return f"NOT {text}" if rng.random() < 0.2 else text
        name = rng.choice(self.columns)
        kind = rng.randrange(8)
        if kind < 3:
            return f"{name} {self.operator()} {self.literal(name)}"
        if kind == 3:
            return f"{name} IS {rng.choice(('', 'NOT '))}NULL"
        if kind == 4:
            listed = ", ".join(self.literal(name) for _ in range(rng.randint(1, 3)))
            return f"{name} {rng.choice(('', 'NOT '))}IN ({listed})"
        if kind == 5 and name != "b":
            return f"{name} {rng.choice(('', 'NOT '))}BETWEEN {self.literal(name)} AND {self.literal(name)}"
        if kind == 6:
            inner = rng.choice(
                (
                    "SELECT i FROM h",
                    "SELECT max(i) FROM h",
                    f"SELECT i FROM h WHERE id > {rng.randint(0, 20)}",
                )
            )
            return f"i {rng.choice(('', 'NOT '))}IN ({inner})"
        return f"{rng.choice(('', 'NOT '))}EXISTS (SELECT 1 FROM h WHERE h.i = g.i)"

    def item(self) -> str:
        rng = self.rng
        name = rng.choice(self.columns)
        kind = rng.randrange(8)
        if kind < 5:
            return name
        if kind == 5:
            return f"coalesce({name}, {self.value(name)})"
        if kind == 6:
            return f"CASE WHEN {self.condition(0)} THEN {name} ELSE {self.literal(name)} END"
        return f"({self.condition(0)})" if rng.random() < 0.5 else "CASE WHEN i > 1 THEN 1 ELSE 0 END"

    def aggregate(self) -> str:
        rng = self.rng
        name = rng.choice(self.columns)
        number = rng.choice(NUMBERS)
        return rng.choice(
            ["count(*)", f"count({name})", f"count(DISTINCT {name})", f"min({name})", f"max({name})",
             f"sum({number})", "sum(i)", f"avg({number})", "sum(CASE WHEN i > 1 THEN 1 ELSE 0 END)"]
        )  # fmt: skip

    def literal(self, name: str) -> str:
        text = self.rng.choice(LITERALS[name])
        if not self.binds:
            return text
        key = f"p{len(self.parameters)}"
        self.parameters[key] = None if text == "NULL" else self._python(name, text)
        return f":{key}"

    def _python(self, name: str, text: str) -> Any:
        plain = text.strip("'").replace("''", "'")
        if name in ("i", "j"):
            return int(plain)
        if name in ("n", "w"):
            return float(plain) if self.family == "sqlite" else Decimal(plain)
        if name == "f":
            return float(plain)
        if name == "b":
            return plain == "TRUE"
        if self.family != "sqlite" and name == "d":
            return date.fromisoformat(plain)
        if self.family != "sqlite" and name == "s":
            return datetime.fromisoformat(plain)
        return plain

    def value(self, name: str) -> str:
        return self.rng.choice([literal for literal in LITERALS[name] if literal != "NULL"])

    def operator(self) -> str:
        return self.rng.choice(("=", "<>", "<", "<=", ">", ">="))

    def direction(self) -> str:
        text = self.rng.choice(("", " ASC", " DESC"))
        if self.family != "mysql" and self.rng.random() < 0.3:
            text += self.rng.choice((" NULLS FIRST", " NULLS LAST"))
        return text
