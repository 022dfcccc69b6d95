"""A shop to look around in."""

from datetime import datetime, timedelta
from decimal import Decimal

from apps.shop.models import Category, Customer, Order, OrderLine, OrderStatus, Product, Review, Tag
from sqlalchemy import insert
from sqlalchemy.engine import Engine
from sqlmodel import Session

FOUNDED = datetime(2024, 3, 1, 9, 0, 0)
ADJECTIVES = ("small", "large", "wooden", "plain", "Swedish", "used")
NOUNS = ("table", "lamp", "shelf", "cup", "plate", "chair", "Übertopf", "box")


def seed(engine: Engine) -> None:
    with Session(engine) as session:
        furniture = Category(name="Furniture", parent_id=1)
        kitchen = Category(name="Kitchen", parent_id=1)
        session.add_all([furniture, kitchen])
        session.flush()
        leaves = [Category(name=name, parent_id=furniture.id) for name in ("Tables", "Chairs")]
        leaves += [Category(name=name, parent_id=kitchen.id) for name in ("Cups", "Plates")]
        session.add_all(leaves)
        tags = [Tag(name=name) for name in ("new", "sale", "handmade", "gift", "100% wood")]
        session.add_all(tags)
        session.flush()
        for number in range(48):
            product = Product(
                sku=f"SKU-{number:04}",
                name=f"{ADJECTIVES[number % 6]} {NOUNS[number % 8]}",
                price=Decimal(199 + 37 * (number * 7 % 48)) / 100,
                stock=number * 5 % 23,
                category_id=leaves[number % 4].id,
                description=f"The best {NOUNS[number % 8]} there is.\nNo. {number}",
                attributes={"colour": ["red", "blue"][number % 2], "sizes": [number, number / 4], "é": None},
                created_at=FOUNDED + timedelta(hours=number),
            )
            product.tags = [tag for place, tag in enumerate(tags) if (number + place) % 4 == 0]
            session.add(product)
        session.add_all(
            Customer(email=f"c{number}@example.org", name=f"Customer {number}", joined_at=FOUNDED)
            for number in range(1, 26)
        )
        session.commit()
        lines = []
        for number in range(1, 61):
            order = Order(
                customer_id=1 + number * 3 % 20,
                status=list(OrderStatus)[number % 4],
                placed_at=FOUNDED + timedelta(days=number // 3),
                note=None if number % 5 else "leave it at the door",
            )
            session.add(order)
            session.flush()
            lines += [
                {
                    "order_id": order.id,
                    "product_id": 1 + (number * 5 + place * 11) % 40,
                    "quantity": 1 + (number + place) % 4,
                    "unit_price": Decimal(250 + 31 * ((number + place) % 30)) / 100,
                }
                for place in range(1 + number % 4)
            ]
        session.execute(insert(OrderLine), lines)
        session.execute(
            insert(Review),
            [
                {
                    "product_id": 1 + number % 30,
                    "customer_id": 1 + number // 30,
                    "rating": 1 + number * 3 % 5,
                    "body": "" if number % 3 else f"“Good”, says {number}",
                    "written_at": FOUNDED + timedelta(days=number),
                }
                for number in range(75)
            ],
        )
        session.commit()
