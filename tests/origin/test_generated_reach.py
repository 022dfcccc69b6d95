"""Invariant: what a write changes by foreign keys and triggers is among what it was said to change.

Schemas and writes are made by chance, new ones every day. A failure prints the seed and a script.
"""

from __future__ import annotations

import datetime as dt
import os
import random
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from support.origins import Origin
from support.reaching import Judge, names

SEED = int(os.environ.get("SQLMEM_TEST_SEED") or dt.datetime.now(dt.UTC).strftime("%Y%m%d"))
SCHEMAS = max(4, int(os.environ.get("SQLMEM_TEST_STATEMENTS") or "2000") // 500)
WRITES = 12
ACTIONS = ("NO ACTION", "CASCADE", "SET NULL")


class Maker:
    """One schema by chance: tables that refer to earlier ones, triggers that write later ones.

    Nothing goes round in a ring, so that no trigger runs for ever; a table may refer to itself.
    """

    def __init__(self, family: str, chance: random.Random, number: int) -> None:
        self.family = family
        self.chance = chance
        # Names of this process alone: an unqualified one means the tables of other runs' databases, too.
        self.tables = [f"rch_{os.getpid()}_{number}_{index}" for index in range(chance.randint(3, 6))]
        self.number = number

    def definitions(self) -> list[str]:
        out = [definition for index in range(len(self.tables)) for definition in self._table(index)]
        for index in range(self.chance.randint(0, 5)):
            out += self._trigger(index)
        return out

    def _table(self, index: int) -> list[str]:
        name = self.tables[index]
        columns = ["id INTEGER PRIMARY KEY", "p INTEGER", "x INTEGER"]
        parent = None
        if self.chance.random() < 0.8:
            parent = self.chance.choice(self.tables[: index + 1])
            columns.append(
                f"FOREIGN KEY (p) REFERENCES {parent} (id) ON DELETE {self.chance.choice(ACTIONS)}"
                f" ON UPDATE {self.chance.choice(ACTIONS)}"
            )
        rows = [f"({row}, {self.chance.choice([row, 1, 'NULL'])}, 0)" for row in range(1, 4)]
        return [f"CREATE TABLE {name} ({', '.join(columns)})", f"INSERT INTO {name} VALUES {', '.join(rows)}"]

    def _trigger(self, index: int) -> list[str]:
        name = f"rch_{self.number}_r{index}"
        place = self.chance.randrange(len(self.tables) - 1)
        verb = self.chance.choice(["INSERT", "UPDATE", "DELETE"])
        body = "; ".join(self._inner(place + 1) for _ in range(self.chance.randint(1, 2)))
        when = self.chance.choice(["BEFORE", "AFTER"])
        head = f"CREATE TRIGGER {name} {when} {verb} ON {self.tables[place]} FOR EACH ROW"
        if self.chance.random() < 0.3 and self.family != "sqlite":
            body = f"IF 1 = 1 THEN {body}; END IF"
        if self.family == "postgresql":
            row = "OLD" if verb == "DELETE" else "NEW"
            return [
                (
                    f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                    f"$$BEGIN {body}; RETURN {row}; END$$"
                ),
                f"{head} EXECUTE FUNCTION {name}()",
            ]
        return [f"{head} BEGIN {body}; END"]

    def _inner(self, least: int) -> str:
        """A write of a table from `least` on, as a trigger has it."""
        table = self.chance.choice(self.tables[least:])
        return self.chance.choice(
            [
                f"UPDATE {table} SET x = x + 1",
                f"DELETE FROM {table} WHERE id = 3",
                f"UPDATE {table} SET p = NULL WHERE id = 2",
                f"INSERT INTO {table} SELECT MAX(id) + 1, NULL, 0 FROM {table}",
            ]
        )

    def write(self) -> str:
        table, other = self.chance.choice(self.tables), self.chance.choice(self.tables)
        row = self.chance.randint(1, 3)
        forms = [
            f"INSERT INTO {table} VALUES (9, NULL, 0), (10, NULL, 1)",
            f"UPDATE {table} SET x = x + 1",
            f"UPDATE {table} SET id = id + 100 WHERE id = {row}",
            f"DELETE FROM {table} WHERE id = {row}",
            f"DELETE FROM {table}",
        ]
        match self.family:
            case "postgresql":
                forms += [
                    f"INSERT INTO {table} VALUES ({row}, NULL, 5) ON CONFLICT (id) DO UPDATE SET x = 5",
                    (
                        f"WITH gone AS (DELETE FROM {table} WHERE id = {row} RETURNING id) "
                        f"UPDATE {other} SET x = 7 FROM gone"
                    ),
                    f"TRUNCATE {table} CASCADE",
                    f"DELETE FROM {table} USING {other} AS o WHERE o.id = {table}.id AND o.id = {row}",
                ]
            case "mysql":
                forms += [
                    f"REPLACE INTO {table} VALUES ({row}, NULL, 5)",
                    f"INSERT INTO {table} VALUES ({row}, NULL, 5) ON DUPLICATE KEY UPDATE x = 5",
                    f"DELETE a, b FROM {table} AS a JOIN {other} AS b ON a.id = b.id WHERE a.id = {row}",
                    f"UPDATE {table} AS a JOIN {other} AS b ON a.id = b.id SET b.x = 9",
                ]
            case _:
                forms += [
                    f"REPLACE INTO {table} VALUES ({row}, NULL, 5)",
                    f"INSERT INTO {table} VALUES ({row}, NULL, 5) ON CONFLICT (id) DO UPDATE SET x = 5",
                    f"UPDATE OR REPLACE {table} SET id = {row} WHERE id = 1",
                    f"WITH x AS (SELECT {row} AS n) DELETE FROM {table} WHERE id IN (SELECT n FROM x)",
                ]
        return self.chance.choice(forms)


@pytest.mark.generated
def test_what_a_write_changes_had_been_said_to(origin: Origin, report: Callable[[str], None]) -> None:
    """And what was said is never everything: all of these the catalogue can tell."""
    chance = random.Random(f"{SEED} {origin.family}")
    engine = origin.engine()
    if origin.family == "sqlite":
        sa.event.listen(
            engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON")
        )
    changed = written = refused = 0
    with engine.connect() as connection:
        judge = Judge(origin, connection)
        for number in range(SCHEMAS):
            maker = Maker(judge.family, chance, number)
            definitions = maker.definitions()
            origin.execute(*definitions)
            reach = judge.reach()
            connection.rollback()
            for _ in range(WRITES):
                write = maker.write()
                change = judge.try_out(write, reach)
                written, changed = written + 1, changed + len(change.seen)
                refused += change.error is not None
                if not change.is_told or change.said is None:
                    script = ";\n".join([*definitions, write])
                    pytest.fail(
                        f"seed {SEED}: said {names(change)}, seen {sorted(change.seen)}\n\n{script};",
                        pytrace=False,
                    )

    assert refused < written / 2
    assert changed > written / 2
    report(f"reach, {origin.family}: {written} writes changed {changed} tables, as said, {refused} refused")
