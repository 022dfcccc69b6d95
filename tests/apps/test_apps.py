"""Applications as their authors wrote them, with only the engine swapped.

Each is migrated, filled and used twice on one origin: on the bare engine, and on a transparent
CachingEngine over it. Pages and rows are the same; of the statements few are left.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.origins import Origin
from support.swapping import Run, counted, fewer, rows_of_every_table, same, swapped

FOLDER = Path(__file__).parent


def ticking(start: Any) -> Callable[[], Any]:
    """A clock that goes on by a minute each time it is looked at."""
    ticks = itertools.count()
    return lambda: start + timedelta(minutes=next(ticks))


# -- the shop: FastAPI, SQLModel, Alembic ------------------------------------------------------


class Alembic:
    """Alembic's commands, on an engine."""

    def __init__(self, engine: Engine) -> None:
        from alembic import command
        from alembic.config import Config

        self._command = command
        self._config = Config()
        self._config.set_main_option("script_location", str(FOLDER / "shop" / "migrations"))
        self._config.attributes["engine"] = engine

    def upgrade(self, revision: str = "head") -> None:
        self._command.upgrade(self._config, revision)

    def downgrade(self, revision: str = "base") -> None:
        self._command.downgrade(self._config, revision)

    def check(self) -> None:
        """Fail if autogenerate would find anything to do."""
        self._command.check(self._config)


def shop_requests() -> list[tuple[str, str, Any]]:
    """What a day in the shop asks: mostly reads, with a write among some twenty."""
    asked: list[tuple[str, str, Any]] = []

    def get(path: str) -> None:
        asked.append(("GET", path, None))

    def read(turn: int) -> None:
        get(f"/products?page={1 + turn % 5}&order={('newest', 'cheapest', 'name')[turn % 3]}")
        get(f"/products?category={4 + turn % 4}&in_stock=true&size=5")
        get(f"/products?tag={('new', 'sale', 'gift', '100%25 wood')[turn % 4]}&below={3 + turn % 9}.50")
        get(f"/products/{1 + turn * 7 % 50}")
        get(f"/products/{1 + turn * 5 % 50}")
        get(f"/search?q={('lamp', 'ÜBER', 'wood', '%25', 'sm_ll')[turn % 5]}")
        get("/categories")
        get(f"/categories/{4 + turn % 4}/products")
        get(f"/customers?after={turn % 3 * 10}")
        get(f"/customers/{1 + turn % 26}")
        get(f"/customers/{1 + turn % 20}/orders")
        get(f"/customers/{1 + turn * 3 % 20}/last-order")
        get(f"/orders/{1 + turn * 11 % 62}")
        get(f"/orders/{1 + turn * 13 % 62}")
        get("/orders")
        get(f"/orders?status={('open', 'paid', 'sent', 'cancelled')[turn % 4]}")
        get("/reports/sales" if turn % 2 else f"/reports/spenders?least={turn}.25")
        for report in ("best-sellers?limit=7", "stock", "unloved", "each-customers-dearest"):
            get(f"/reports/{report}")

    lines = [{"product_id": 3, "quantity": 2}, {"product_id": 6, "quantity": 1}]
    writes: list[tuple[str, str, Any]] = [
        ("POST", "/orders", {"customer_id": 3, "lines": lines, "note": "soon, please"}),
        ("POST", "/products", {"sku": "SKU-0001", "name": "taken", "price": "1.00", "category_id": 4}),
        (
            "POST",
            "/products",
            {
                "sku": "N-1",
                "name": "new lamp",
                "price": "7.50",
                "stock": 4,
                "category_id": 5,
                "tags": ["gift", "x"],
            },
        ),
        ("POST", "/orders", {"customer_id": 5, "lines": [{"product_id": 3, "quantity": 9}, *lines]}),
        ("POST", "/orders", {"customer_id": 5, "lines": [{"product_id": 3, "quantity": 900}]}),
        ("PATCH", "/products/7", {"price": "12.00", "attributes": {"colour": "none"}, "tags": ["sale", "y"]}),
        ("POST", "/orders/4/cancelled", None),
        ("PUT", "/products/2/reviews/1", {"rating": 1, "body": "changed my mind"}),
        ("PUT", "/products/44/reviews/9", {"rating": 5}),
        ("PUT", "/customers/4", {"email": "new@example.org", "name": "Renamed"}),
        ("PUT", "/customers/77", {"email": "c77@example.org", "name": "Merged"}),
        ("DELETE", "/products/9", None),
        ("DELETE", "/customers/8", None),
        (
            "POST",
            "/products/import",
            {
                "rows": [
                    {"sku": f"I-{n}", "name": f"item {n}", "price": "0.99", "category_id": 6}
                    for n in range(9)
                ]
            },
        ),
        (
            "POST",
            "/products/import",
            {
                "rows": [
                    {"sku": f"I-{n}", "name": "again", "price": "0.98", "category_id": 6} for n in (20, 3)
                ]
            },
        ),
        ("DELETE", "/orders/12", None),
    ]
    for turn in range(32):
        read(turn)
        if turn % 2:
            asked.append(writes[turn // 2])
    return asked


def run_shop(origin: Origin, monkeypatch: pytest.MonkeyPatch, *, is_cached: bool) -> Run:
    from apps.shop import clock
    from apps.shop.main import create_app
    from apps.shop.seed import FOUNDED, seed
    from starlette.testclient import TestClient

    run = Run()
    monkeypatch.setattr(clock, "now", ticking(FOUNDED + timedelta(days=400)))
    with swapped(origin, is_cached=is_cached) as engine:
        alembic = Alembic(engine)
        alembic.upgrade()
        alembic.downgrade()
        alembic.upgrade("0001")
        alembic.upgrade()
        alembic.check()
        seed(engine)
        with TestClient(create_app(engine)) as client, counted(origin, run):
            for method, path, body in shop_requests():
                answer = client.request(method, path, json=body)
                run.page(f"{method} {path}", answer.status_code, answer.content)
        run.tables = rows_of_every_table(origin)
        alembic.downgrade()
    return run


def test_a_shop_of_fastapi_sqlmodel_and_alembic(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, report: Callable[[str], None]
) -> None:
    """Pages and rows are the same, and a tenth of the statements is left."""
    pytest.importorskip("fastapi", reason="FastAPI isn't installed")
    pytest.importorskip("sqlmodel", reason="SQLModel isn't installed")
    pytest.importorskip("alembic", reason="Alembic isn't installed")

    bare = run_shop(origin, monkeypatch, is_cached=False)
    cached = run_shop(origin, monkeypatch, is_cached=True)

    same(bare, cached)
    report(
        f"shop on {origin.family}: {len(bare.pages)} pages, {bare.sent} statements bare, "
        f"{cached.sent} cached ({fewer(bare, cached):.1%} fewer)"
    )
    assert fewer(bare, cached) >= 0.9


# -- the library: Flask, Flask-SQLAlchemy ------------------------------------------------------


def library_requests() -> list[tuple[str, str, dict[str, Any]]]:
    """What an evening in the library asks: mostly pages, with a form among some twenty."""
    asked: list[tuple[str, str, dict[str, Any]]] = []

    def get(path: str) -> None:
        asked.append(("GET", path, {}))

    def read(turn: int) -> None:
        get("/")
        get(f"/artists?page={1 + turn % 3}")
        get(f"/artists/{1 + turn * 3 % 17}")
        get(f"/artists/{1 + turn * 5 % 17}")
        get(f"/media?page={1 + turn % 4}")
        get(f"/media?kind={('album', 'audiobook')[turn % 2]}")
        get(f"/media?genre={1 + turn % 4}")
        get(f"/media?minutes={turn * 11}")
        for factor in (7, 11, 13, 17):
            get(f"/media/{1 + turn * factor % 32}")
        get("/albums/long")
        get(f"/listeners/{('mia', 'noah', 'zoë', 'nobody')[turn % 4]}")
        get(f"/listeners/{('zoë', 'mia', 'kim')[turn % 3]}")
        get(f"/search?q={('a', 'Song', '50%25', 'e_S', 'ÉCHOS')[turn % 5]}")
        get("/charts")
        get("/prices.csv")

    album = {"title": "New & <improved>", "label": "Label 9", "price": "9.99", "released": "2025-02-28"}
    forms: list[tuple[str, dict[str, Any]]] = [
        ("/plays", {"listener": 1, "track": [3, 5, 5, 8]}),
        ("/albums", {**album, "artist": 3, "genre": ["jazz", "opera"], "track": ["One", "Two", "Three"]}),
        ("/media/2/rate", {"listener": 2, "stars": 5}),
        ("/media/2/rate", {"listener": 2, "stars": 1}),
        ("/playlists/1", {"track": [9, 4, 2, 9, 1]}),
        ("/playlists/2", {"track": [1], "undo": "yes"}),
        ("/media/5/delete", {}),
        ("/media/6/delete", {"really": "yes"}),
        ("/listeners", {"name": "new"}),
        ("/listeners", {"name": "mia"}),
        ("/listeners/2/rename", {"name": "noah b.", "version": 1}),
        ("/listeners/2/rename", {"name": "late", "version": 1}),
        ("/prices/raise", {"country": "de"}),
    ]
    for turn in range(26):
        read(turn)
        if turn % 2:
            path, form = forms[turn // 2]
            asked.append(("POST", path, form))
    return asked


def run_library(origin: Origin, monkeypatch: pytest.MonkeyPatch, *, is_cached: bool) -> Run:
    from apps.library import clock, create_app
    from apps.library.models import db
    from apps.library.seed import OPENED, seed

    run = Run()
    monkeypatch.setattr(clock, "now", ticking(OPENED + timedelta(days=30)))
    with swapped(origin, is_cached=is_cached) as engine:
        app = create_app(engine)
        with app.app_context():
            db.create_all()
            seed()
        client = app.test_client()
        with counted(origin, run):
            for method, path, form in library_requests():
                answer = client.open(path, method=method, data=form or None, follow_redirects=True)
                run.page(f"{method} {path}", answer.status_code, answer.data)
        run.tables = rows_of_every_table(origin)
        with app.app_context():
            db.session.remove()
            db.drop_all()
    return run


def test_a_library_of_flask_and_flask_sqlalchemy(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, report: Callable[[str], None]
) -> None:
    """Pages and rows are the same, and a tenth of the statements is left."""
    pytest.importorskip("flask_sqlalchemy", reason="Flask-SQLAlchemy isn't installed")

    bare = run_library(origin, monkeypatch, is_cached=False)
    cached = run_library(origin, monkeypatch, is_cached=True)

    same(bare, cached)
    report(
        f"library on {origin.family}: {len(bare.pages)} pages, {bare.sent} statements bare, "
        f"{cached.sent} cached ({fewer(bare, cached):.1%} fewer)"
    )
    assert fewer(bare, cached) >= 0.9
