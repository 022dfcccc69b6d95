"""Placing, paying and cancelling orders."""

from datetime import datetime
from decimal import Decimal

from apps.shop import clock
from apps.shop.models import Customer, Order, OrderLine, OrderStatus, Product
from apps.shop.sessions import Database
from fastapi import APIRouter, HTTPException
from pydantic import BaseModel
from sqlalchemy import update
from sqlmodel import Session, SQLModel, col, select

router = APIRouter()


class SoldOut(Exception):
    pass


class LineWrite(SQLModel):
    product_id: int
    quantity: int


class OrderWrite(SQLModel):
    customer_id: int
    lines: list[LineWrite]
    note: str | None = None


class LineRead(BaseModel):
    product: str
    quantity: int
    unit_price: Decimal


class OrderRead(BaseModel):
    id: int
    customer: str
    status: OrderStatus
    placed_at: datetime
    note: str | None
    lines: list[LineRead]
    total: Decimal
    sold_out: list[int] = []


def shown(order: Order, sold_out: list[int] | None = None) -> OrderRead:
    lines = [
        LineRead(product=line.product.name, quantity=line.quantity, unit_price=line.unit_price)
        for line in order.lines
    ]
    return OrderRead(
        id=order.id,
        customer=order.customer.name,
        status=order.status,
        placed_at=order.placed_at,
        note=order.note,
        lines=lines,
        total=sum((line.quantity * line.unit_price for line in lines), Decimal("0.00")),
        sold_out=sold_out or [],
    )


def add_line(session: Session, order: Order, given: LineWrite) -> None:
    product = session.get(Product, given.product_id, with_for_update=True)
    if product is None or product.deleted_at is not None:
        raise HTTPException(422, f"no such product: {given.product_id}")
    session.add(
        OrderLine(order_id=order.id, product_id=product.id, quantity=given.quantity, unit_price=product.price)
    )
    session.flush()
    taken = session.execute(
        update(Product)
        .where(Product.id == given.product_id, Product.stock >= given.quantity)
        .values(stock=Product.stock - given.quantity)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount == 0:
        raise SoldOut


@router.post("/orders", status_code=201)
def place(session: Database, given: OrderWrite) -> OrderRead:
    with session.begin():
        customer = session.get(Customer, given.customer_id)
        if customer is None or customer.deleted_at is not None:
            raise HTTPException(422, "no such customer")
        order = Order(customer_id=customer.id, placed_at=clock.now(), note=given.note)
        session.add(order)
        session.flush()
        sold_out = []
        for line in given.lines:
            try:
                with session.begin_nested():
                    add_line(session, order, line)
            except SoldOut:
                sold_out.append(line.product_id)
        if len(sold_out) == len(given.lines):
            raise HTTPException(409, "everything is sold out")  # takes the order back
        customer.points += 10 * (len(given.lines) - len(sold_out))
    session.refresh(order)
    return shown(order, sold_out)


@router.get("/orders/{order_id}")
def show(session: Database, order_id: int) -> OrderRead:
    order = session.get(Order, order_id)
    if order is None:
        raise HTTPException(404, "no such order")
    return shown(order)  # everything is loaded lazily


@router.post("/orders/{order_id}/{status}")
def advance(session: Database, order_id: int, status: OrderStatus) -> OrderRead:
    order = session.get(Order, order_id)
    if order is None:
        raise HTTPException(404, "no such order")
    if order.status is OrderStatus.CANCELLED:
        raise HTTPException(409, "it was cancelled")
    if status is OrderStatus.CANCELLED:
        for line in order.lines:
            line.product.stock += line.quantity
    order.status = status
    session.commit()
    return shown(order)


@router.delete("/orders/{order_id}")
def delete(session: Database, order_id: int) -> dict[str, int]:
    order = session.get(Order, order_id)
    if order is None:
        raise HTTPException(404, "no such order")
    lines = len(order.lines)
    session.delete(order)
    session.commit()
    return {"lines": lines}


@router.get("/orders")
def latest(session: Database, status: OrderStatus | None = None) -> list[int]:
    wanted = select(Order.id)
    if status is not None:
        wanted = wanted.where(Order.status == status)
    return list(session.exec(wanted.order_by(col(Order.id).desc()).limit(15)))
