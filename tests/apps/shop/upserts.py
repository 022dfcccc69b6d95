"""INSERT, or UPDATE where there is such a row already, as each database has it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlmodel import Session, SQLModel


def upsert(session: Session, model: type[SQLModel], values: Mapping[str, Any], *, key: Sequence[str]) -> None:
    others = [name for name in values if name not in key]
    if session.get_bind().dialect.name in ("mysql", "mariadb"):
        inserted = mysql.insert(model).values(**values)
        session.execute(inserted.on_duplicate_key_update({name: inserted.inserted[name] for name in others}))
        return
    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(model).values(**values)
    session.execute(
        insert.on_conflict_do_update(
            index_elements=list(key), set_={name: insert.excluded[name] for name in others}
        )
    )
