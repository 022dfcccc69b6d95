"""Customers."""

from datetime import datetime
from decimal import Decimal

from apps.shop import clock
from apps.shop.models import Customer, Order, OrderLine, OrderStatus
from apps.shop.sessions import Database
from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import joinedload, selectinload
from sqlmodel import SQLModel, col, select

router = APIRouter()


class CustomerRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    email: str
    name: str
    points: int
    joined_at: datetime


class CustomerWrite(SQLModel):
    email: str
    name: str


class OrderShort(BaseModel):
    id: int
    status: OrderStatus
    placed_at: datetime
    products: list[str]
    total: Decimal


@router.get("/customers")
def customers(session: Database, after: int = 0) -> list[CustomerRead]:
    page = select(Customer).where(col(Customer.deleted_at).is_(None), col(Customer.id) > after)
    found = session.exec(page.order_by(col(Customer.id)).limit(10)).all()
    return [CustomerRead.model_validate(customer) for customer in found]


@router.get("/customers/{customer_id}")
def show(session: Database, customer_id: int) -> CustomerRead:
    customer = session.get(Customer, customer_id)
    if customer is None or customer.deleted_at is not None:
        raise HTTPException(404, "no such customer")
    return CustomerRead.model_validate(customer)


@router.put("/customers/{customer_id}")
def put(session: Database, customer_id: int, given: CustomerWrite) -> CustomerRead:
    known = session.get(Customer, customer_id)
    joined_at = clock.now() if known is None else known.joined_at
    merged = session.merge(Customer(id=customer_id, joined_at=joined_at, **given.model_dump()))
    session.commit()
    session.refresh(merged)
    return CustomerRead.model_validate(merged)


@router.delete("/customers/{customer_id}", status_code=204)
def delete(session: Database, customer_id: int) -> Response:
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise HTTPException(404, "no such customer")
    customer.deleted_at = clock.now()
    session.add(customer)
    session.commit()
    return Response(status_code=204)


@router.get("/customers/{customer_id}/orders")
def orders(session: Database, customer_id: int) -> list[OrderShort]:
    customer = session.exec(
        select(Customer)
        .where(Customer.id == customer_id)
        .options(selectinload(Customer.orders).selectinload(Order.lines).joinedload(OrderLine.product))
    ).one_or_none()
    if customer is None:
        raise HTTPException(404, "no such customer")
    return [
        OrderShort(
            id=order.id,
            status=order.status,
            placed_at=order.placed_at,
            products=[line.product.name for line in order.lines],
            total=sum((line.quantity * line.unit_price for line in order.lines), Decimal("0.00")),
        )
        for order in customer.orders
    ]


@router.get("/customers/{customer_id}/last-order")
def last_order(session: Database, customer_id: int) -> OrderShort | None:
    order = session.exec(
        select(Order)
        .where(Order.customer_id == customer_id, Order.status != OrderStatus.CANCELLED)
        .options(joinedload(Order.lines).joinedload(OrderLine.product, innerjoin=True))
        .order_by(col(Order.placed_at).desc(), col(Order.id).desc())
        .limit(1)
    )
    found = order.unique().first()
    if found is None:
        return None
    return OrderShort(
        id=found.id,
        status=found.status,
        placed_at=found.placed_at,
        products=[line.product.name for line in found.lines],
        total=sum((line.quantity * line.unit_price for line in found.lines), Decimal("0.00")),
    )
