"""A music shop's database, generated from a fixed seed.

Rule 1: the same number of order lines gives the same rows, on every run and every origin.
Rule 2: people, artists and titles are made up from the lists in this file.
Rule 3: only tables that carry the prefix are made or dropped.
"""

from __future__ import annotations

import datetime as dt
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

SEED = 7
DEFAULT_LINES = 80_000
CHUNK_ROWS = 5_000

_FIRST_DAY = dt.datetime(2019, 1, 1)  # noqa: DTZ001 - the columns are TIMESTAMP without time zone
_DAYS = 6 * 365
_MONEY = sa.Numeric(10, 2)

# genre -> how often
_GENRES = {
    "Rock": 30,
    "Pop": 22,
    "Electronic": 14,
    "Jazz": 10,
    "Classical": 9,
    "Hip-Hop": 9,
    "Folk": 4,
    "Fado": 2,
}
_COUNTRIES = {"DE": 22, "FR": 17, "US": 17, "GB": 12, "NL": 8, "PT": 7, "SE": 6, "BR": 6, "JP": 5}
_STATUS = {"shipped": 83, "paid": 8, "new": 5, "cancelled": 3, "returned": 1}
_CITIES = (
    "Lisboa",
    "Köln",
    "Lyon",
    "Leeds",
    "Malmö",
    "Utrecht",
    "Recife",
    "Osaka",
    "Boston",
    "Porto",
    "Jena",
)
_FIRST = (
    "Ana",
    "Björn",
    "Chloé",
    "Dilan",
    "Elif",
    "Femke",
    "Gustav",
    "Hana",
    "Inês",
    "Jonas",
    "Kofi",
    "Lucía",
)
_LAST = (
    "Abreu",
    "Bakker",
    "Costa",
    "Dubois",
    "Ekström",
    "Fischer",
    "Grant",
    "Hansen",
    "Ito",
    "Jansen",
    "Kaya",
)
_ADJECTIVES = ("Blue", "Silent", "Electric", "Paper", "Golden", "Hollow", "Northern", "Slow", "Glass", "Wild")
_NOUNS = (
    "Rivers",
    "Engines",
    "Gardens",
    "Letters",
    "Foxes",
    "Mirrors",
    "Harbour",
    "Satellites",
    "Winters",
    "Choir",
)
_NOTES = ("gift wrap, please", "leave with the neighbour", "second try", "fragile", "call before delivery")


@dataclass(frozen=True)
class Shop:
    """The shop's tables, named with a prefix.

    Attributes:
        tables: plain name -> table, in the order in which they are filled.
    """

    metadata: sa.MetaData
    tables: dict[str, sa.Table]

    def sql(self, statement: str) -> str:
        """A statement with `{orders}` and the like replaced by the tables' names."""
        return statement.format_map({name: table.name for name, table in self.tables.items()})

    def existing(self, engine: sa.Engine) -> list[str]:
        """Which of the tables the database already has."""
        found = set(sa.inspect(engine).get_table_names())
        return sorted(table.name for table in self.tables.values() if table.name in found)

    def create(self, engine: sa.Engine, lines: int = DEFAULT_LINES) -> int:
        """Make and fill the tables in one transaction where the origin can.

        Args:
            lines: rows in `order_lines`; the other tables are in proportion.

        Returns:
            the number of rows in all tables.
        """
        total = 0
        with engine.begin() as connection, warnings.catch_warnings():
            # SQLAlchemy 2.0 warns that SQLite keeps a Decimal as a double: two places survive that.
            warnings.simplefilter("ignore", sa.exc.SAWarning)
            self.metadata.create_all(connection)
            for name, rows in _generate(lines):
                total += len(rows)
                for start in range(0, len(rows), CHUNK_ROWS):
                    connection.execute(sa.insert(self.tables[name]), rows[start : start + CHUNK_ROWS])
        return total

    def drop(self, engine: sa.Engine) -> None:
        """Drop the shop's tables; those that don't exist are no error."""
        self.metadata.drop_all(engine)


def describe(prefix: str = "") -> Shop:
    """The shop's tables, each name with the prefix in front."""
    metadata = sa.MetaData()

    def table(name: str, *columns: sa.Column[Any]) -> sa.Table:
        made: sa.Table = sa.Table(
            prefix + name, metadata, *columns, mysql_charset="utf8mb4", mariadb_charset="utf8mb4"
        )
        return made

    def key(name: str) -> sa.Column[int]:
        return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)

    def reference(name: str) -> sa.Column[int]:
        return sa.Column(name, sa.Integer, nullable=False, index=True)

    tables = {
        "artists": table(
            "artists",
            key("artist_id"),
            sa.Column("name", sa.String(80), nullable=False),
            sa.Column("country", sa.String(2)),
            sa.Column("formed_on", sa.Date),
        ),
        "albums": table(
            "albums",
            key("album_id"),
            reference("artist_id"),
            sa.Column("title", sa.String(120), nullable=False),
            sa.Column("released_on", sa.Date),
        ),
        "tracks": table(
            "tracks",
            key("track_id"),
            reference("album_id"),
            sa.Column("name", sa.String(120), nullable=False),
            sa.Column("genre", sa.String(20), nullable=False),
            sa.Column("seconds", sa.Integer, nullable=False),
            sa.Column("price", _MONEY, nullable=False),
            sa.Column("is_explicit", sa.Boolean),
        ),
        "customers": table(
            "customers",
            key("customer_id"),
            sa.Column("first_name", sa.String(40), nullable=False),
            sa.Column("last_name", sa.String(40), nullable=False),
            sa.Column("email", sa.String(120), nullable=False, unique=True),
            sa.Column("country", sa.String(2), nullable=False),
            sa.Column("city", sa.String(40)),
            sa.Column("gets_newsletter", sa.Boolean, nullable=False),
            sa.Column("joined_on", sa.Date, nullable=False),
        ),
        "orders": table(
            "orders",
            key("order_id"),
            reference("customer_id"),
            sa.Column("status", sa.String(12), nullable=False),
            sa.Column("item_count", sa.Integer, nullable=False),
            sa.Column("total", _MONEY, nullable=False),
            sa.Column("is_gift", sa.Boolean, nullable=False),
            sa.Column("ordered_at", sa.DateTime, nullable=False, index=True),
            sa.Column("shipped_on", sa.Date),
            sa.Column("note", sa.Text),
        ),
        "order_lines": table(
            "order_lines",
            key("line_id"),
            reference("order_id"),
            reference("track_id"),
            sa.Column("quantity", sa.Integer, nullable=False),
            sa.Column("unit_price", _MONEY, nullable=False),
            sa.Column("discount", _MONEY),
        ),
        "invoices": table(
            "invoices",
            key("invoice_id"),
            reference("order_id"),
            sa.Column("amount", _MONEY, nullable=False),
            sa.Column("issued_on", sa.Date, nullable=False),
            sa.Column("paid_at", sa.DateTime),
        ),
    }
    return Shop(metadata, tables)


_Rows = list[dict[str, Any]]


def _generate(lines: int) -> Iterator[tuple[str, _Rows]]:
    """Each table's plain name and its rows, in an order in which they can be inserted."""
    rng = random.Random(SEED)
    artists = _artists(rng, max(5, lines // 100))
    albums = _albums(rng, len(artists), max(10, lines // 40))
    tracks = _tracks(rng, len(albums), max(50, lines // 6))
    customers = _customers(rng, max(20, lines // 14))
    orders, order_lines = _orders(rng, tracks, len(customers), lines)
    yield "artists", artists
    yield "albums", albums
    yield "tracks", tracks
    yield "customers", customers
    yield "orders", orders
    yield "order_lines", order_lines
    yield "invoices", _invoices(rng, orders)


def _pick(rng: random.Random, weighted: dict[str, int], count: int) -> list[str]:
    return rng.choices(list(weighted), list(weighted.values()), k=count)


def _skewed(rng: random.Random, count: int, power: float) -> int:
    """1 to count; low numbers more often, as a few customers and songs make most of the trade."""
    return 1 + int(count * rng.random() ** power)


def _title(rng: random.Random) -> str:
    return f"{rng.choice(_ADJECTIVES)} {rng.choice(_NOUNS)}"


def _artists(rng: random.Random, count: int) -> _Rows:
    return [
        {
            "artist_id": i,
            "name": f"{_title(rng)} {i}"
            if rng.random() < 0.6
            else f"{rng.choice(_FIRST)} {rng.choice(_LAST)}",
            "country": country if rng.random() < 0.9 else None,
            "formed_on": dt.date(rng.randint(1960, 2018), rng.randint(1, 12), 1)
            if rng.random() < 0.7
            else None,
        }
        for i, country in enumerate(_pick(rng, _COUNTRIES, count), 1)
    ]


def _albums(rng: random.Random, artists: int, count: int) -> _Rows:
    return [
        {
            "album_id": i,
            "artist_id": _skewed(rng, artists, 1.4),
            "title": _title(rng),
            "released_on": dt.date(rng.randint(1965, 2024), rng.randint(1, 12), rng.randint(1, 28)),
        }
        for i in range(1, count + 1)
    ]


def _tracks(rng: random.Random, albums: int, count: int) -> _Rows:
    return [
        {
            "track_id": i,
            "album_id": 1 + i * albums // (count + 1),
            "name": f"{_title(rng)} (Live)" if rng.random() < 0.08 else _title(rng),
            "genre": genre,
            "seconds": max(31, int(rng.gauss(228, 70))),
            "price": Decimal(rng.choices((99, 129, 199), (70, 25, 5))[0]).scaleb(-2),
            "is_explicit": None if rng.random() < 0.2 else rng.random() < 0.1,
        }
        for i, genre in enumerate(_pick(rng, _GENRES, count), 1)
    ]


def _customers(rng: random.Random, count: int) -> _Rows:
    made = []
    for i, country in enumerate(_pick(rng, _COUNTRIES, count), 1):
        first, last = rng.choice(_FIRST), rng.choice(_LAST)
        made.append(
            {
                "customer_id": i,
                "first_name": first,
                "last_name": last,
                "email": f"{first}.{last}.{i}@mail.example".lower(),
                "country": country,
                "city": rng.choice(_CITIES) if rng.random() < 0.85 else None,
                "gets_newsletter": rng.random() < 0.35,
                "joined_on": (_FIRST_DAY + dt.timedelta(days=rng.randrange(_DAYS))).date(),
            }
        )
    return made


def _orders(rng: random.Random, tracks: _Rows, customers: int, lines: int) -> tuple[_Rows, _Rows]:
    orders: _Rows = []
    order_lines: _Rows = []
    while len(order_lines) < lines:
        order_id = len(orders) + 1
        total, items = Decimal("0.00"), 0
        for _ in range(min(lines - len(order_lines), 1 + int(rng.expovariate(0.55)))):
            track = tracks[_skewed(rng, len(tracks), 2.2) - 1]
            quantity = rng.choices((1, 2, 3, 10), (90, 7, 2, 1))[0]
            discount = Decimal(rng.choice((10, 20, 50))).scaleb(-2) if rng.random() < 0.12 else None
            total += track["price"] * quantity - (discount or 0)
            items += quantity
            order_lines.append(
                {
                    "line_id": len(order_lines) + 1,
                    "order_id": order_id,
                    "track_id": track["track_id"],
                    "quantity": quantity,
                    "unit_price": track["price"],
                    "discount": discount,
                }
            )
        # The shop grows: later days have more orders. More orders in the evening than at night.
        ordered_at = _FIRST_DAY + dt.timedelta(
            days=int(_DAYS * rng.random() ** 0.6),
            hours=int(rng.triangular(0, 24, 20)),
            seconds=rng.randrange(3600),
        )
        status = _pick(rng, _STATUS, 1)[0]
        is_sent = status in ("shipped", "returned")
        orders.append(
            {
                "order_id": order_id,
                "customer_id": _skewed(rng, customers, 1.8),
                "status": status,
                "item_count": items,
                "total": total,
                "is_gift": rng.random() < 0.06,
                "ordered_at": ordered_at,
                "shipped_on": (ordered_at + dt.timedelta(days=rng.randint(1, 5))).date() if is_sent else None,
                "note": rng.choice(_NOTES) if rng.random() < 0.05 else None,
            }
        )
    return orders, order_lines


def _invoices(rng: random.Random, orders: _Rows) -> _Rows:
    billed = [order for order in orders if order["status"] not in ("new", "cancelled")]
    return [
        {
            "invoice_id": i,
            "order_id": order["order_id"],
            "amount": order["total"],
            "issued_on": order["ordered_at"].date(),
            "paid_at": (
                order["ordered_at"] + dt.timedelta(minutes=rng.randrange(20_000))
                if rng.random() < 0.97
                else None
            ),
        }
        for i, order in enumerate(billed, 1)
    ]
