"""What the shop's owner looks at."""

from decimal import Decimal

from apps.shop.models import Category, Customer, Order, OrderLine, OrderStatus, Product, Review
from apps.shop.sessions import Database
from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import case, func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

router = APIRouter(prefix="/reports")


class Sales(BaseModel):
    category: str
    parent: str | None
    orders: int
    pieces: int
    revenue: Decimal


class Seller(BaseModel):
    id: int
    name: str
    pieces: int


class Spender(BaseModel):
    id: int
    name: str
    orders: int
    spent: Decimal
    cancelled: int


class Stock(BaseModel):
    products: int
    sold_out: int
    pieces: int
    cheapest: Decimal | None
    dearest: Decimal | None


@router.get("/sales")
def sales(session: Database) -> list[Sales]:
    parent = aliased(Category)
    rows = session.exec(
        select(
            Category.name,
            parent.name.label("parent"),
            func.count(func.distinct(Order.id)).label("orders"),
            func.sum(OrderLine.quantity).label("pieces"),
            func.sum(OrderLine.quantity * OrderLine.unit_price).label("revenue"),
        )
        .select_from(OrderLine)
        .join(Order)
        .join(Product)
        .join(Category)
        .outerjoin(parent, Category.parent_id == parent.id)
        .where(Order.status != OrderStatus.CANCELLED)
        .group_by(col(Category.id), Category.name, parent.name)
        .order_by(col(Category.id))
    )
    return [
        Sales(category=row[0], parent=row[1], orders=row[2], pieces=row[3], revenue=row[4]) for row in rows
    ]


@router.get("/best-sellers")
def best_sellers(session: Database, limit: int = 5) -> list[Seller]:
    sold = (
        select(OrderLine.product_id, func.sum(OrderLine.quantity).label("pieces"))
        .group_by(OrderLine.product_id)
        .subquery()
    )
    rows = session.exec(
        select(Product.id, Product.name, sold.c.pieces)
        .join(sold, sold.c.product_id == Product.id)
        .order_by(sold.c.pieces.desc(), Product.id)
        .limit(limit)
    )
    return [Seller(id=row[0], name=row[1], pieces=row[2]) for row in rows]


@router.get("/spenders")
def spenders(session: Database, least: Decimal = Decimal("50.00")) -> list[Spender]:
    spent = func.sum(OrderLine.quantity * OrderLine.unit_price)
    cancelled = func.sum(case((Order.status == OrderStatus.CANCELLED, 1), else_=0))
    rows = session.exec(
        select(Customer.id, Customer.name, func.count(func.distinct(Order.id)), spent, cancelled)
        .join(Order, col(Order.customer_id) == Customer.id)
        .join(OrderLine)
        .group_by(Customer.id, Customer.name)
        .having(spent > least)
        .order_by(spent.desc(), Customer.id)
        .limit(10)
    )
    return [Spender(id=row[0], name=row[1], orders=row[2], spent=row[3], cancelled=row[4]) for row in rows]


@router.get("/stock")
def stock(session: Database) -> Stock:
    row = session.exec(
        select(
            func.count(),
            func.sum(case((Product.stock == 0, 1), else_=0)),
            func.sum(Product.stock),
            func.min(Product.price),
            func.max(Product.price),
        ).where(col(Product.deleted_at).is_(None))
    ).one()
    return Stock(products=row[0], sold_out=row[1] or 0, pieces=row[2] or 0, cheapest=row[3], dearest=row[4])


@router.get("/unloved")
def unloved(session: Database) -> list[int]:
    """Products that nobody has ordered or reviewed."""
    ordered = select(OrderLine.id).where(OrderLine.product_id == Product.id).exists()
    reviewed = select(Review.product_id)
    rows = session.exec(
        select(Product.id).where(~ordered, col(Product.id).not_in(reviewed)).order_by(col(Product.id))
    )
    return list(rows)


@router.get("/each-customers-dearest")
def each_customers_dearest(session: Database) -> list[list[int]]:
    """Each customer's dearest order line, by a window."""
    place = (
        func.row_number()
        .over(partition_by=Order.customer_id, order_by=[col(OrderLine.unit_price).desc(), OrderLine.id])
        .label("place")
    )
    placed = select(Order.customer_id, OrderLine.id, place).join(OrderLine).subquery()
    rows = session.exec(
        select(placed.c.customer_id, placed.c.id).where(placed.c.place == 1).order_by(placed.c.customer_id)
    )
    return [list(row) for row in rows]
