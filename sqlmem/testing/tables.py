"""The tables of a run: what they are made of, and making and dropping them.

Rule 1: a table that is there already is never touched; `ExistingTable` says so.
Rule 2: values are written as SQL, as the origin reads it, so that a script can repeat them.

There are tame tables, whose values let most expressions have a value, and wild ones, whose values have
broken caches. Columns have a sort, by which the grammar chooses them. Sorts beginning with `loose_` are
those in which values that are equal may look different (`1.0` and `1.00`, `'a'` and `'A'`): grouping
them or taking their minimum leaves the origin a choice.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, inspect

from sqlmem.errors import SqlmemError

PREFIX = "sqlmem_testing_"


class ExistingTable(SqlmemError):
    """The database has a table with a name that the harness would use."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and the values that it may get, as SQL."""

    name: str
    sort: str
    type: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its rows; `rows` are SQL texts in the order of the columns.

    Attributes:
        keys: the columns after `id` that have an index.
        before, after: statements that make and remove what the table needs beside itself, a type; tables
            that need the same have the same statements.
        weight: how often a statement is about this table, in relation to the others.
        fraction: it gets this part of a run's rows, one of so many.
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...] = ()
    keys: tuple[str, ...] = ()
    options: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    weight: int = 1
    fraction: int = 1

    def create(self) -> list[str]:
        """The statements that make it, with its rows."""
        defined = [f"{column.name} {column.type}" for column in self.columns]
        made = [f"CREATE TABLE {self.name} ({', '.join(defined)}){self.options}"]
        names = {column.name for column in self.columns}
        made += [
            f"CREATE INDEX {self.name}_{key} ON {self.name} ({key})" for key in self.keys if key in names
        ]
        if self.rows:
            listed = ",\n  ".join(f"({', '.join(row)})" for row in self.rows)
            made.append(f"INSERT INTO {self.name} VALUES\n  {listed}")
        return made

    def only(self, columns: Sequence[str]) -> Table:
        """The same with fewer columns."""
        kept = [number for number, column in enumerate(self.columns) if column.name in columns]
        return replace(
            self,
            columns=tuple(self.columns[number] for number in kept),
            rows=tuple(tuple(row[number] for number in kept) for row in self.rows),
        )


def filled(table: Table, rng: random.Random, count: int, *, first: int = 1) -> Table:
    """The table with its part of so many rows, by chance, but for the first column, which counts.

    Every value of a column appears, as far as there are rows for it.
    """
    count = max(count // table.fraction, 1)
    columns = []
    for column in table.columns[1:]:
        values = list(column.values)
        rng.shuffle(values)
        values += [rng.choice(column.values) for _ in range(count - len(values))]
        rng.shuffle(values)
        columns.append(values[:count])
    rows = tuple((str(first + number), *row) for number, row in enumerate(zip(*columns, strict=True)))
    return replace(table, rows=rows)


def refuse_existing(engine: Engine, tables: Sequence[Table]) -> None:
    """Raise ExistingTable if any of them is there."""
    found_there = inspect(engine)
    there = {name.lower() for name in (*found_there.get_table_names(), *found_there.get_view_names())}
    found = sorted(table.name for table in tables if table.name.lower() in there)
    if found:
        raise ExistingTable(
            f"the database has tables {', '.join(found)} already, which the harness would make; "
            "drop them, or name another database"
        )


def creating(tables: Sequence[Table]) -> list[str]:
    """The statements that make the tables and what they need."""
    needed = dict.fromkeys(line for table in tables for line in table.before)
    return [*needed, *(line for table in tables for line in table.create())]


def dropping(tables: Sequence[Table]) -> list[str]:
    """The statements that remove them, whether they were made or not."""
    needed = dict.fromkeys(line for table in tables for line in table.after)
    return [*(f"DROP TABLE IF EXISTS {table.name}" for table in tables), *needed]


def run_all(connection: Connection, statements: Sequence[str]) -> None:
    """Run statements as they are: no colon and no per cent sign is a parameter's."""
    connection = connection.execution_options(no_parameters=True)
    for statement in statements:
        connection.exec_driver_sql(statement)


def make(engine: Engine, tables: Sequence[Table], setting_up: Sequence[str] = ()) -> None:
    """Make the tables, and commit. What was there under the names is dropped first."""
    with engine.begin() as connection:
        # The settings are this connection's; it isn't used again.
        connection.detach()
        run_all(connection, setting_up)
        run_all(connection, dropping(tables))
        run_all(connection, creating(tables))


def drop(engine: Engine, tables: Sequence[Table]) -> None:
    """Drop the tables and what they needed."""
    with engine.begin() as connection:
        run_all(connection, dropping(tables))
