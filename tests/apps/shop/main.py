"""The shop: `uvicorn --factory apps.shop.main:create_app`."""

import os

from apps.shop import customers, orders, products, reports
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine


def create_app(engine: Engine | None = None) -> FastAPI:
    app = FastAPI(title="Shop")
    app.state.engine = engine if engine is not None else create_engine(os.environ["SHOP_DATABASE"])
    for module in (products, customers, orders, reports):
        app.include_router(module.router)
    return app
