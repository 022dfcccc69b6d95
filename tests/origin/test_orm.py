"""What SQLAlchemy's ORM emits: the same objects, values and types as on the bare engine, and from the store.

Each scenario runs in a session of its own on the bare engine, on a cold engine in transparent mode and on
the same one warm, when nothing may reach the origin; unless the scenario says which origins answer it.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import ForeignKey, func, select
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    aliased,
    column_property,
    contains_eager,
    joinedload,
    mapped_column,
    relationship,
    selectin_polymorphic,
    selectinload,
    subqueryload,
    with_loader_criteria,
    with_polymorphic,
)
from support.exact import same
from support.origins import Origin

from sqlmem import CachingEngine


class Base(DeclarativeBase):
    pass


class Mood(enum.Enum):
    CALM = "calm"
    CROSS = "cross"


tagging = sa.Table(
    "tagging",
    Base.metadata,
    sa.Column("product_id", ForeignKey("product.id"), primary_key=True),
    sa.Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class Tag(Base):
    __tablename__ = "tag"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(sa.String(20))


class Product(Base):
    __tablename__ = "product"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.String(40))
    price: Mapped[Decimal] = mapped_column(sa.Numeric(10, 2))
    is_sold: Mapped[bool]
    tags: Mapped[list[Tag]] = relationship(secondary=tagging, order_by=Tag.id)

    @hybrid_property
    def is_dear(self) -> bool:
        return self.price > 10

    @is_dear.inplace.expression
    @classmethod
    def _is_dear(cls) -> Any:
        return cls.price > 10


class Customer(Base):
    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    mood: Mapped[Mood | None]
    born: Mapped[dt.date | None]
    orders: Mapped[list[Order]] = relationship(back_populates="customer", order_by="Order.id")
    addresses: Mapped[list[Address]] = relationship(order_by="Address.id")


class Address(Base):
    __tablename__ = "address"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    town: Mapped[str] = mapped_column(sa.String(40))


class Order(Base):
    __tablename__ = "purchase"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    made_at: Mapped[dt.datetime]
    customer: Mapped[Customer | None] = relationship(back_populates="orders")
    lines: Mapped[list[Line]] = relationship(back_populates="order", order_by="Line.position")


class Line(Base):
    __tablename__ = "line"
    order_id: Mapped[int] = mapped_column(ForeignKey("purchase.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    quantity: Mapped[int]
    order: Mapped[Order] = relationship(back_populates="lines")
    product: Mapped[Product] = relationship()


Customer.order_count = column_property(  # type: ignore[attr-defined]
    select(func.count(Order.id))
    .where(Order.customer_id == Customer.id)
    .correlate_except(Order)
    .scalar_subquery()
)


class Category(Base):
    __tablename__ = "category"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("category.id"))
    title: Mapped[str] = mapped_column(sa.String(40))
    children: Mapped[list[Category]] = relationship(order_by="Category.id")


class Employee(Base):
    """Joined-table inheritance."""

    __tablename__ = "employee"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    kind: Mapped[str] = mapped_column(sa.String(20))
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "employee"}  # noqa: RUF012


class Manager(Employee):
    __tablename__ = "manager"
    id: Mapped[int] = mapped_column(ForeignKey("employee.id"), primary_key=True)
    budget: Mapped[Decimal] = mapped_column(sa.Numeric(12, 2))
    __mapper_args__ = {"polymorphic_identity": "manager"}  # noqa: RUF012


class Engineer(Employee):
    __tablename__ = "engineer"
    id: Mapped[int] = mapped_column(ForeignKey("employee.id"), primary_key=True)
    language: Mapped[str] = mapped_column(sa.String(20))
    __mapper_args__ = {"polymorphic_identity": "engineer"}  # noqa: RUF012


class Vehicle(Base):
    """Single-table inheritance."""

    __tablename__ = "vehicle"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(20))
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}  # noqa: RUF012


class Car(Vehicle):
    seats: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "car"}  # noqa: RUF012


class Lorry(Vehicle):
    tons: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "lorry"}  # noqa: RUF012


def _fill(session: Session) -> None:
    tags = [Tag(id=number, word=word) for number, word in enumerate(("new", "red", "small"), 1)]
    products = [
        Product(id=1, title="Lamp", price=Decimal("12.50"), is_sold=True, tags=tags[:2]),
        Product(id=2, title="Chair", price=Decimal("80.00"), is_sold=False, tags=tags[1:]),
        Product(id=3, title="Pen", price=Decimal("1.05"), is_sold=True),
    ]
    customers = [
        Customer(id=1, name="Ada", mood=Mood.CALM, born=dt.date(1990, 2, 28)),
        Customer(id=2, name="Bo", mood=Mood.CROSS),
        Customer(id=3, name="Cy", born=dt.date(2001, 1, 1)),
    ]
    session.add_all([*tags, *products, *customers])
    session.flush()
    session.add_all(
        [Address(id=number, customer_id=1 + number % 2, town=f"Town {number}") for number in range(1, 5)]
    )
    for number in range(1, 7):
        customer_id = (1, 1, 1, 2, 2, None)[number - 1]
        session.add(Order(id=number, customer_id=customer_id, made_at=dt.datetime(2024, number, 1, 12, 30)))
        session.flush()
        for position in range(1, 1 + number % 3):
            session.add(
                Line(
                    order_id=number,
                    position=position,
                    product_id=1 + (number + position) % 3,
                    quantity=number * position,
                )
            )
    parents = (None, 1, 1, 2, None)
    for number, parent in enumerate(parents, 1):
        session.add(Category(id=number, parent_id=parent, title=f"Category {number}"))
        session.flush()
    session.add_all(
        [
            Employee(id=1, name="Ed"),
            Manager(id=2, name="Mo", budget=Decimal("1000.00")),
            Engineer(id=3, name="En", language="C"),
            Engineer(id=4, name="Ev", language="SQL"),
            Car(id=1, seats=4),
            Lorry(id=2, tons=12),
            Vehicle(id=3),
        ]
    )
    session.commit()


# -- scenarios -----------------------------------------------------------------------------

Scenario = Callable[[Session], Any]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__] = function
    return function


def _product(product: Product) -> Any:
    return (product.id, product.title, product.price, product.is_sold, product.is_dear)


def _customer(customer: Customer | None) -> Any:
    if customer is None:
        return None
    return (customer.id, customer.name, customer.mood, customer.born, customer.order_count)  # type: ignore[attr-defined]


def _employee(employee: Employee) -> Any:
    more = getattr(employee, "budget", None), getattr(employee, "language", None)
    return (type(employee).__name__, employee.id, employee.name, *more)


@scenario
def get(session: Session) -> Any:
    return _customer(session.get(Customer, 1)), session.get(Customer, 99)


@scenario
def get_by_a_key_of_two(session: Session) -> Any:
    line = session.get(Line, (2, 1))
    return line.quantity if line is not None else None


@scenario
def lazy_loads(session: Session) -> Any:
    customer = session.get_one(Customer, 1)
    return [(order.id, order.made_at, [line.quantity for line in order.lines]) for order in customer.orders]


@scenario
def lazy_many_to_one(session: Session) -> Any:
    order = session.get_one(Order, 4)
    return _customer(order.customer), session.get_one(Order, 6).customer


@scenario
def joined_eager_load(session: Session) -> Any:
    statement = select(Customer).options(joinedload(Customer.orders)).order_by(Customer.id)
    customers = session.scalars(statement).unique().all()
    return [(_customer(each), [order.id for order in each.orders]) for each in customers]


@scenario
def joined_eager_load_of_several(session: Session) -> Any:
    options = joinedload(Customer.orders).joinedload(Order.lines).joinedload(Line.product)
    statement = select(Customer).options(options, joinedload(Customer.addresses)).order_by(Customer.id)
    return [
        (
            _customer(each),
            [(order.id, [_product(line.product) for line in order.lines]) for order in each.orders],
            [address.town for address in each.addresses],
        )
        for each in session.scalars(statement).unique()
    ]


@scenario
def joined_eager_load_with_a_limit(session: Session) -> Any:
    """A LEFT OUTER JOIN of an aliased subquery that has the LIMIT."""
    statement = select(Customer).options(joinedload(Customer.orders)).order_by(Customer.id).limit(2)
    return [(each.name, [order.id for order in each.orders]) for each in session.scalars(statement).unique()]


@scenario
def inner_joined_eager_load(session: Session) -> Any:
    statement = (
        select(Line).options(joinedload(Line.product, innerjoin=True)).order_by(Line.order_id, Line.position)
    )
    return [(line.quantity, _product(line.product)) for line in session.scalars(statement)]


@scenario
def select_in_load(session: Session) -> Any:
    statement = select(Customer).options(selectinload(Customer.orders).selectinload(Order.lines))
    return [
        (each.name, [(order.id, len(order.lines)) for order in each.orders])
        for each in session.scalars(statement.order_by(Customer.id))
    ]


@scenario
def subquery_load(session: Session) -> Any:
    statement = select(Customer).options(subqueryload(Customer.orders)).order_by(Customer.id)
    return [(each.name, [order.id for order in each.orders]) for each in session.scalars(statement)]


@scenario
def many_to_many(session: Session) -> Any:
    product = session.get_one(Product, 2)
    eager = session.scalars(select(Product).options(joinedload(Product.tags)).order_by(Product.id)).unique()
    return [tag.word for tag in product.tags], [[tag.word for tag in each.tags] for each in eager]


@scenario
def many_to_many_by_select_in(session: Session) -> Any:
    statement = select(Product).options(selectinload(Product.tags)).order_by(Product.id)
    return [[tag.word for tag in each.tags] for each in session.scalars(statement)]


@scenario
def has_any_tag(session: Session) -> Any:
    statement = select(Product).where(Product.tags.any(Tag.id == 2)).order_by(Product.id)
    other = select(Product.id).where(~Product.tags.any()).order_by(Product.id)
    return [_product(each) for each in session.scalars(statement)], session.scalars(other).all()


@scenario
def has_a_customer(session: Session) -> Any:
    statement = select(Order.id).where(Order.customer.has(Customer.id == 2)).order_by(Order.id)
    return session.scalars(statement).all()


@scenario
def exists_of_a_join(session: Session) -> Any:
    inner = select(Line).join(Line.order).where(Line.product_id == Product.id, Order.id > 3).exists()
    return session.scalars(select(Product.id).where(inner).order_by(Product.id)).all()


@scenario
def contains_eager_with_a_filter(session: Session) -> Any:
    statement = (
        select(Customer)
        .join(Customer.orders)
        .where(Order.id >= 2)
        .options(contains_eager(Customer.orders))
        .order_by(Customer.id, Order.id)
        .execution_options(populate_existing=True)
    )
    return [(each.name, [order.id for order in each.orders]) for each in session.scalars(statement).unique()]


@scenario
def loader_criteria(session: Session) -> Any:
    statement = (
        select(Customer)
        .options(selectinload(Customer.orders), with_loader_criteria(Order, Order.id > 2))
        .order_by(Customer.id)
    )
    return [(each.name, [order.id for order in each.orders]) for each in session.scalars(statement)]


@scenario
def aliases_of_one_class(session: Session) -> Any:
    one, other = aliased(Customer), aliased(Customer)
    statement = select(one.id, other.id).join(other, one.id < other.id).order_by(one.id, other.id)
    return session.execute(statement).all()


@scenario
def aliased_subquery(session: Session) -> Any:
    recent = aliased(Order, select(Order).where(Order.id > 2).subquery())
    statement = select(recent, Customer.name).outerjoin(Customer, Customer.id == recent.customer_id)
    rows = session.execute(statement.order_by(recent.id))
    return [(order.id, order.made_at, name) for order, name in rows]


@scenario
def self_referential(session: Session) -> Any:
    statement = (
        select(Category)
        .where(Category.parent_id.is_(None))
        .options(joinedload(Category.children))
        .order_by(Category.id)
    )
    roots = session.scalars(statement).unique()
    return [(each.title, [child.title for child in each.children]) for each in roots]


@scenario
def aggregates_over_a_join(session: Session) -> Any:
    statement = (
        select(Customer.id, func.count(Line.position), func.sum(Line.quantity))
        .outerjoin(Customer.orders)
        .outerjoin(Order.lines)
        .group_by(Customer.id)
        .having(func.count() > 0)
        .order_by(Customer.id)
    )
    return session.execute(statement).all()


@scenario
def totals_of_prices(session: Session) -> Any:
    statement = (
        select(Line.order_id, func.sum(Product.price), func.max(Product.price))
        .join(Line.product)
        .group_by(Line.order_id)
        .order_by(Line.order_id)
    )
    return session.execute(statement).all()


@scenario
def distinct_over_a_join(session: Session) -> Any:
    statement = select(Customer.id).join(Customer.orders).distinct().order_by(Customer.id)
    return session.scalars(statement).all()


@scenario
def hybrid_in_a_filter(session: Session) -> Any:
    return session.scalars(select(Product.title).where(Product.is_dear).order_by(Product.id)).all()


@scenario
def joined_inheritance(session: Session) -> Any:
    """The base class first, and what the others have when it is asked for."""
    return [_employee(each) for each in session.scalars(select(Employee).order_by(Employee.id))]


@scenario
def joined_inheritance_of_one_class(session: Session) -> Any:
    return [_employee(each) for each in session.scalars(select(Engineer).order_by(Engineer.id))]


@scenario
def polymorphic_over_all_tables(session: Session) -> Any:
    everyone = with_polymorphic(Employee, "*")
    statement = select(everyone).order_by(everyone.id)
    return [_employee(each) for each in session.scalars(statement)]


@scenario
def polymorphic_by_select_in(session: Session) -> Any:
    options = selectin_polymorphic(Employee, [Manager, Engineer])
    return [
        _employee(each) for each in session.scalars(select(Employee).options(options).order_by(Employee.id))
    ]


@scenario
def polymorphic_with_a_filter(session: Session) -> Any:
    everyone = with_polymorphic(Employee, [Manager, Engineer])
    condition = sa.or_(everyone.Manager.budget > 500, everyone.Engineer.id == 4)
    return [
        _employee(each) for each in session.scalars(select(everyone).where(condition).order_by(everyone.id))
    ]


@scenario
def single_table_inheritance(session: Session) -> Any:
    vehicles = session.scalars(select(Vehicle).order_by(Vehicle.id))
    cars = session.scalars(select(Car))
    return [(type(each).__name__, each.id) for each in vehicles], [(car.id, car.seats) for car in cars]


@scenario
def concrete_union(session: Session) -> Any:
    """What concrete inheritance asks: UNION ALL of several tables under one name."""
    managers = select(Manager.__table__.c.id, sa.literal(1).label("rank"))
    engineers = select(Engineer.__table__.c.id, sa.literal(2).label("rank"))
    union = managers.union_all(engineers).subquery("pjoin")
    statement = select(Employee.name, union.c.rank).join(union, union.c.id == Employee.id)
    return session.execute(statement.order_by(Employee.id)).all()


@scenario
def yield_per(session: Session) -> Any:
    statement = select(Order).order_by(Order.id).execution_options(yield_per=2)
    return [[order.id for order in part] for part in session.scalars(statement).partitions()]


@scenario
def first_of_a_join(session: Session) -> Any:
    statement = select(Order).join(Order.customer).where(Customer.id == 2).order_by(Order.id.desc())
    order = session.scalars(statement).first()
    return order.id if order is not None else None


@scenario
def legacy_query(session: Session) -> Any:
    query = session.query(Customer.name, Order.made_at).join(Order, isouter=True)
    return query.order_by(Customer.id, Order.id).offset(1).limit(3).all(), session.query(Order).count()


@scenario
def window_over_a_join(session: Session) -> Any:
    number = func.row_number().over(partition_by=Customer.id, order_by=Order.id)
    statement = select(Customer.id, Order.id, number).join(Customer.orders)
    return session.execute(statement.order_by(Customer.id, Order.id)).all()


@scenario
def lateral_as_a_scalar(session: Session) -> Any:
    """The latest order of each customer, by a correlated scalar subquery."""
    latest = (
        select(Order.id)
        .where(Order.customer_id == Customer.id)
        .order_by(Order.made_at.desc(), Order.id)
        .limit(1)
        .scalar_subquery()
    )
    return session.execute(select(Customer.name, latest).order_by(Customer.id)).all()


@pytest.fixture
def bare(origin: Origin) -> Iterator[sa.Engine]:
    engine = sa.create_engine(origin.url)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        _fill(session)
    yield engine
    engine.dispose()


def test_orm_is_answered_as_by_the_bare_engine(origin: Origin, bare: sa.Engine):
    """Objects, values and types are the bare engine's, cold and warm; warm, nothing reaches the origin."""
    wrong, reached = [], []
    with CachingEngine(origin.engine(), mode="transparent", cache_db="") as engine:
        for name, ask in SCENARIOS.items():
            expected = _asked(bare, ask)
            cold = _asked(engine, ask)
            before = len(origin.counter.data)
            warm = _asked(engine, ask)
            if len(origin.counter.data) != before:
                reached.append(name)
            wrong += [
                f"{name}, {when}: {got!r}, expected {expected!r}"
                for when, got in (("cold", cold), ("warm", warm))
                if not same(got, expected)
            ]
        reasons = engine.stats().bypass_reasons

    assert not wrong, "\n".join(wrong)
    assert reached == [], reasons


def _asked(engine: sa.Engine, ask: Scenario) -> Any:
    with Session(engine) as session:
        return _plain(ask(session))


def _plain(answer: Any) -> Any:
    if isinstance(answer, sa.Row | tuple):
        return tuple(map(_plain, answer))
    return [_plain(each) for each in answer] if isinstance(answer, list) else answer
