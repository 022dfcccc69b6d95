"""How Alembic reaches the shop's database."""

import os

from alembic import context
from apps.shop import models  # noqa: F401 - the tables
from sqlalchemy import create_engine
from sqlmodel import SQLModel

engine = context.config.attributes.get("engine") or create_engine(os.environ["SHOP_DATABASE"])

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
