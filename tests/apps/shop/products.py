"""Browsing, searching and keeping the catalogue."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from apps.shop import clock
from apps.shop.models import Category, Product, ProductBase, ProductTag, Review, Tag
from apps.shop.sessions import Database
from apps.shop.upserts import upsert
from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import contains_eager, joinedload, selectinload
from sqlmodel import Field, Session, SQLModel, col, select

router = APIRouter()

ORDERS = {
    "newest": (col(Product.created_at).desc(), col(Product.id).desc()),
    "cheapest": (col(Product.price), col(Product.id)),
    "name": (col(Product.name), col(Product.id)),
}


class Named(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str


class ProductShort(ProductBase):
    id: int
    category: Named
    tags: list[Named]


class ReviewRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    customer_id: int
    rating: int
    body: str
    written_at: datetime


class ProductFull(ProductShort):
    description: str
    attributes: dict[str, Any]
    created_at: datetime
    reviews: list[ReviewRead]
    rating: float | None
    related: list[Named]


class Page(BaseModel):
    total: int
    page: int
    pages: int
    items: list[ProductShort]


class ProductCreate(ProductBase):
    description: str = ""
    attributes: dict[str, Any] = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)


class ProductUpdate(SQLModel):
    name: str | None = None
    price: Decimal | None = None
    stock: int | None = None
    attributes: dict[str, Any] | None = None
    tags: list[str] | None = None


class ReviewWrite(SQLModel):
    rating: int
    body: str = ""


class Imported(BaseModel):
    rows: list[ProductBase]


def tags_named(session: Session, names: list[str]) -> list[Tag]:
    found = {tag.name: tag for tag in session.exec(select(Tag).where(col(Tag.name).in_(names)))}
    return [found.get(name) or Tag(name=name) for name in names]


@router.get("/products")
def browse(
    session: Database,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=50)] = 10,
    category: int | None = None,
    tag: str | None = None,
    below: Decimal | None = None,
    in_stock: bool = False,
    order: Literal["newest", "cheapest", "name"] = "newest",
) -> Page:
    wanted = select(Product).where(col(Product.deleted_at).is_(None))
    if category is not None:
        wanted = wanted.where(Product.category_id == category)
    if tag is not None:
        wanted = wanted.where(col(Product.tags).any(Tag.name == tag))
    if below is not None:
        wanted = wanted.where(Product.price < below)
    if in_stock:
        wanted = wanted.where(Product.stock > 0)
    total = session.exec(select(func.count()).select_from(wanted.subquery())).one()
    found = session.exec(
        wanted.options(joinedload(Product.category), selectinload(Product.tags))
        .order_by(*ORDERS[order])
        .limit(size)
        .offset((page - 1) * size)
    ).all()
    items = [ProductShort.model_validate(product, from_attributes=True) for product in found]
    return Page(total=total, page=page, pages=-(-total // size), items=items)


@router.get("/search")
def search(session: Database, q: str) -> list[Named]:
    words = select(Product.id, Product.name).where(
        col(Product.deleted_at).is_(None), col(Product.name).ilike(f"%{q}%")
    )
    found = session.exec(words.order_by(col(Product.id)).limit(20))
    return [Named(id=row.id, name=row.name) for row in found]


@router.get("/products/{product_id}")
def show(session: Database, product_id: int) -> ProductFull:
    product = session.get(Product, product_id, options=[joinedload(Product.category)])
    if product is None or product.deleted_at is not None:
        raise HTTPException(404, "no such product")
    rating = session.exec(select(func.avg(Review.rating)).where(Review.product_id == product_id)).one()
    shared = select(ProductTag.tag_id).where(ProductTag.product_id == product_id)
    related = session.exec(
        select(Product.id, Product.name)
        .join(ProductTag, col(ProductTag.product_id) == Product.id)
        .where(col(ProductTag.tag_id).in_(shared), Product.id != product_id)
        .where(col(Product.deleted_at).is_(None))
        .distinct()
        .order_by(col(Product.id))
        .limit(5)
    ).all()
    return ProductFull(
        **ProductShort.model_validate(product, from_attributes=True).model_dump(),
        description=product.description,
        attributes=product.attributes,
        created_at=product.created_at,
        reviews=[ReviewRead.model_validate(review) for review in product.reviews],  # loaded lazily
        rating=None if rating is None else round(float(rating), 2),
        related=[Named(id=row.id, name=row.name) for row in related],
    )


@router.post("/products", status_code=201)
def create(session: Database, given: ProductCreate) -> ProductShort:
    product = Product.model_validate(given, update={"created_at": clock.now(), "tags": []})
    product.tags = tags_named(session, given.tags)
    session.add(product)
    try:
        session.commit()
    except IntegrityError:
        session.rollback()
        raise HTTPException(409, f"the SKU {given.sku} is taken") from None
    session.refresh(product)
    return ProductShort.model_validate(product, from_attributes=True)


@router.patch("/products/{product_id}")
def update(session: Database, product_id: int, given: ProductUpdate) -> ProductShort:
    product = session.get(Product, product_id)
    if product is None or product.deleted_at is not None:
        raise HTTPException(404, "no such product")
    changes = given.model_dump(exclude_unset=True)
    if (names := changes.pop("tags", None)) is not None:
        product.tags = tags_named(session, names)
    product.sqlmodel_update(changes)
    session.add(product)
    session.commit()
    return ProductShort.model_validate(product, from_attributes=True)  # expired, so read again


@router.delete("/products/{product_id}", status_code=204)
def delete(session: Database, product_id: int) -> Response:
    product = session.get(Product, product_id)
    if product is None or product.deleted_at is not None:
        raise HTTPException(404, "no such product")
    product.deleted_at = clock.now()
    session.commit()
    return Response(status_code=204)


@router.post("/products/import")
def import_products(session: Database, given: Imported) -> dict[str, int]:
    rows = [
        row.model_dump() | {"description": "imported", "attributes": {}, "created_at": clock.now()}
        for row in given.rows
    ]
    try:
        session.execute(insert(Product), rows)
        session.commit()
    except IntegrityError:
        session.rollback()
        raise HTTPException(409, "nothing was imported: a SKU is taken") from None
    return {"imported": len(rows)}


@router.put("/products/{product_id}/reviews/{customer_id}")
def review(session: Database, product_id: int, customer_id: int, given: ReviewWrite) -> ReviewRead:
    values = {"product_id": product_id, "customer_id": customer_id, "written_at": clock.now()}
    upsert(session, Review, values | given.model_dump(), key=("product_id", "customer_id"))
    session.commit()
    written = session.exec(
        select(Review).where(Review.product_id == product_id, Review.customer_id == customer_id)
    ).one()
    return ReviewRead.model_validate(written)


class CategoryRead(BaseModel):
    id: int
    name: str
    products: int
    children: list["CategoryRead"]


@router.get("/categories")
def categories(session: Database) -> list[CategoryRead]:
    counted = session.exec(
        select(Product.category_id, func.count())
        .where(col(Product.deleted_at).is_(None))
        .group_by(Product.category_id)
    )
    counts = {category_id: count for category_id, count in counted}  # noqa: C416 - rows, made pairs

    def tree(category: Category) -> CategoryRead:
        assert category.id is not None
        return CategoryRead(
            id=category.id,
            name=category.name,
            products=counts.get(category.id, 0),
            children=[tree(child) for child in category.children],  # one lazy load for each
        )

    roots = session.exec(select(Category).where(col(Category.parent_id).is_(None)).order_by(col(Category.id)))
    return [tree(category) for category in roots.all()]


@router.get("/categories/{category_id}/products")
def products_of(session: Database, category_id: int) -> list[Named]:
    found = session.exec(
        select(Category)
        .join(Product)
        .where(Category.id == category_id, col(Product.deleted_at).is_(None))
        .options(contains_eager(Category.products))
        .order_by(col(Product.id))
    )
    category = found.unique().one_or_none()
    return [] if category is None else [Named.model_validate(product) for product in category.products]
