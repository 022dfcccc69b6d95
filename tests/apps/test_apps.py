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
            {"sku": "N-1", "name": "new lamp", "price": "7.50", "stock": 4, "category_id": 5, "tags": ["gift", "x"]},
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
            {"rows": [{"sku": f"I-{n}", "name": f"item {n}", "price": "0.99", "category_id": 6} for n in range(9)]},
        ),
        (
            "POST",
            "/products/import",
            {"rows": [{"sku": f"I-{n}", "name": "again", "price": "0.98", "category_id": 6} for n in (20, 3)]},
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
