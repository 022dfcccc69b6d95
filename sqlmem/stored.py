"""How tables and columns are called inside of the store and of a snapshot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from sqlmem.model import Collation, Column, Index, Kind, TableSchema

DATA = "data"  # the one table of a generation


def quoted(name: str) -> str:
    """An identifier for SQLite.

    Only ever behind a qualifier: alone, SQLite would take an unknown one for a string.
    """
    return '"' + name.replace('"', '""') + '"'


def declaration(column: Column) -> str:
    """How a column is declared in the store.

    A dynamic one as at the origin. Whole numbers as the row id is, or SQLite would look at no index of theirs
    where they are compared with it. All else without affinity: what is stored stays as it is.
    """
    if column.kind is Kind.INTEGER:
        return "INTEGER"
    if column.kind is not Kind.DYNAMIC:
        return ""
    return f"{column.affinity}{_COLLATIONS.get(column.collation, '')}"


_COLLATIONS = {Collation.NOCASE: " COLLATE NOCASE", Collation.RTRIM: " COLLATE RTRIM"}


def table_text(columns: Iterable[tuple[str, str]], key: str | None) -> str:
    """The statement that makes a generation's table, as SQLite's own catalogue then has it.

    Args:
        columns: stored names and declarations.
        key: the stored column that is the INTEGER PRIMARY KEY.
    """
    definitions = ", ".join(
        f"{quoted(name)} {'INTEGER PRIMARY KEY' if name == key else declaration}"
        for name, declaration in columns
    )
    return f"CREATE TABLE {DATA} ({definitions})"


def index_texts(indexes: Iterable[Sequence[str]], key: str | None) -> dict[str, str]:
    """Likewise its indexes: name -> statement.

    Args:
        indexes: the stored names of each one's columns.
    """
    return {
        # Never UNIQUE: the origin's notion of equal may be finer than the store's.
        f"i{number}": f"CREATE INDEX i{number} ON {DATA} ({', '.join(map(quoted, names))})"
        for number, names in enumerate(indexes)
        if list(names) != [key]  # the row id is one already
    }


def stored_names(schema: TableSchema) -> dict[str, str]:
    """Column -> its name in the store: its own, made unique without regard to case.

    PostgreSQL has tables with both "Id" and "id"; SQLite has not.
    """
    taken: set[str] = set()
    names: dict[str, str] = {}
    for column in schema.columns:
        # SQLite ends a name at NUL, and folds the case of ASCII only; lower() folds more, which
        # makes more names differ than must.
        name = base = column.name.replace("\0", "\ufffd")
        number = 2
        while name.lower() in taken:
            name = f"{base}__{number}"
            number += 1
        taken.add(name.lower())
        names[column.name] = name
    for column in schema.expressions:
        names.setdefault(column.name, expression_name(column.name))
    return names


def wanted_indexes(schema: TableSchema) -> tuple[Index, ...]:
    """What the store should have indexes on, as far as the columns are there: what the origin has, and ranks.

    A parameter finds its text's rank by one, and where the origin looks a text up by an index, the
    store looks its rank up by one.
    """
    leading = {index.columns[0] for index in schema.indexes if index.columns}
    indexes = list(schema.indexes)
    for column in schema.expressions:
        if column.rank_of is not None:
            indexes.append(Index((column.rank_of, column.name)))
            if column.rank_of in leading:
                indexes.append(Index((column.name,)))
        elif column.key_of in leading:
            indexes.append(Index((column.name,)))
    return tuple(indexes)


def expression_name(text: str) -> str:
    """The stored name of what the origin computes: its text, and what tells it from all others.

    It depends on nothing else, so that plans of different ages mean the same column by it.
    """
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{text.replace(chr(0), chr(0xFFFD))} #{digest}"
