"""What a server hasn't got: a collation or type of the tables that only some releases know.

Without it the tables could not be made; the columns get the next best, or go.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine, text

from sqlmem.testing.families import Family
from sqlmem.testing.tables import Column

_ICU = "und-x-icu"
_NOPAD, _MYSQLS = "utf8mb4_nopad_bin", "utf8mb4_0900_bin"
_UUID_SINCE = (10, 7)  # MariaDB's


def suited(family: Family, engine: Engine) -> Family:
    """The family as this server can have it."""
    if family.name == "postgresql" and not _has_icu(engine):
        return _changed(family, without=(), old=_ICU, new="C")
    if family.name == "mysql":
        with engine.connect() as connection:
            dialect = connection.dialect
        is_mariadb = getattr(dialect, "is_mariadb", False)
        version = dialect.server_version_info or ()
        has_uuid = is_mariadb and version >= _UUID_SINCE
        without = () if has_uuid else ("UUID",)
        return _changed(family, without=without, old=_NOPAD, new=_NOPAD if is_mariadb else _MYSQLS)
    return family


def _has_icu(engine: Engine) -> bool:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT 1 FROM pg_collation WHERE collname = :name"), {"name": _ICU})
        return found.first() is not None


def _changed(family: Family, *, without: tuple[str, ...], old: str, new: str) -> Family:
    changed = []
    for table in family.tables:
        kept = table.only([column.name for column in table.columns if column.type not in without])
        columns = tuple(_with_type(column, column.type.replace(old, new)) for column in kept.columns)
        changed.append(replace(kept, columns=columns))
    return replace(family, tables=tuple(changed))


def _with_type(column: Column, type_: str) -> Column:
    return replace(column, type=type_)
