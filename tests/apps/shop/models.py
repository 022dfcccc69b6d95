"""What the shop keeps."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Optional

from sqlalchemy import JSON, Column, DateTime, Index, Numeric, Text
from sqlmodel import Field, Relationship, SQLModel, UniqueConstraint

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class OrderStatus(StrEnum):
    OPEN = "open"
    PAID = "paid"
    SENT = "sent"
    CANCELLED = "cancelled"


class ProductTag(SQLModel, table=True):
    __tablename__ = "product_tag"

    product_id: int = Field(foreign_key="product.id", primary_key=True, ondelete="CASCADE")
    tag_id: int = Field(foreign_key="tag.id", primary_key=True, ondelete="CASCADE")


class Tag(SQLModel, table=True):
    __tablename__ = "tag"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=40, unique=True)

    products: list["Product"] = Relationship(back_populates="tags", link_model=ProductTag)


class Category(SQLModel, table=True):
    __tablename__ = "category"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=60)
    parent_id: int | None = Field(default=None, foreign_key="category.id", index=True)

    parent: Optional["Category"] = Relationship(
        back_populates="children", sa_relationship_kwargs={"remote_side": "Category.id"}
    )
    children: list["Category"] = Relationship(
        back_populates="parent", sa_relationship_kwargs={"order_by": "Category.id"}
    )
    products: list["Product"] = Relationship(back_populates="category")


class ProductBase(SQLModel):
    sku: str = Field(max_length=20, unique=True)
    name: str = Field(max_length=120)
    price: Decimal = Field(sa_type=Numeric(10, 2))
    stock: int = Field(default=0, ge=0)
    category_id: int = Field(foreign_key="category.id", index=True)


class Product(ProductBase, table=True):
    __tablename__ = "product"

    id: int | None = Field(default=None, primary_key=True)
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    attributes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(sa_type=DateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=DateTime)

    category: Category = Relationship(back_populates="products")
    tags: list[Tag] = Relationship(
        back_populates="products", link_model=ProductTag, sa_relationship_kwargs={"order_by": "Tag.id"}
    )
    reviews: list["Review"] = Relationship(
        back_populates="product", sa_relationship_kwargs={"order_by": "Review.id"}
    )


class Customer(SQLModel, table=True):
    __tablename__ = "customer"

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(max_length=120, unique=True)
    name: str = Field(max_length=80)
    points: int = 0
    joined_at: datetime = Field(sa_type=DateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=DateTime)

    orders: list["Order"] = Relationship(
        back_populates="customer", sa_relationship_kwargs={"order_by": "Order.id"}
    )


class Order(SQLModel, table=True):
    __tablename__ = "orders"

    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    status: OrderStatus = OrderStatus.OPEN
    placed_at: datetime = Field(index=True, sa_type=DateTime)
    note: str | None = Field(default=None, max_length=200)

    customer: Customer = Relationship(back_populates="orders")
    lines: list["OrderLine"] = Relationship(
        back_populates="order",
        sa_relationship_kwargs={"order_by": "OrderLine.id", "cascade": "all, delete-orphan"},
    )


class OrderLine(SQLModel, table=True):
    __tablename__ = "order_line"

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="orders.id", index=True, ondelete="CASCADE")
    product_id: int = Field(foreign_key="product.id", index=True)
    quantity: int
    unit_price: Decimal = Field(sa_type=Numeric(10, 2))

    order: Order = Relationship(back_populates="lines")
    product: Product = Relationship()


class Review(SQLModel, table=True):
    __tablename__ = "review"
    __table_args__ = (
        UniqueConstraint("product_id", "customer_id"),
        Index("ix_review_rating", "rating"),
    )

    id: int | None = Field(default=None, primary_key=True)
    product_id: int = Field(foreign_key="product.id", ondelete="CASCADE")
    customer_id: int = Field(foreign_key="customer.id", index=True)
    rating: int
    body: str = Field(default="", max_length=500)
    written_at: datetime = Field(sa_type=DateTime)

    product: Product = Relationship(back_populates="reviews")
    customer: Customer = Relationship()
