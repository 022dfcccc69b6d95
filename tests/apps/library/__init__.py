"""The library: `flask --app apps.library run`."""

from __future__ import annotations

import os
from typing import Any

from apps.library.models import db
from apps.library.pages import pages
from flask import Flask
from sqlalchemy import Engine, event


def create_app(engine: Engine | None = None) -> Flask:
    app = Flask(__name__)
    app.config["SECRET_KEY"] = "only for messages"
    app.config["ENGINE"] = engine
    app.config["SQLALCHEMY_DATABASE_URI"] = (
        engine.url if engine is not None else os.environ["LIBRARY_DATABASE"]
    )
    db.init_app(app)
    app.register_blueprint(pages)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            event.listen(db.engine, "connect", with_foreign_keys)
    return app


def with_foreign_keys(connection: Any, _: object) -> None:
    """SQLite looks at foreign keys only where it is told to."""
    connection.execute("PRAGMA foreign_keys = ON")
