"""A sample database of the Chinook schema, filled with generated rows.

The schema (table and column names, types, keys, and the number of rows per table) is that of the
Chinook sample database by Luis Rocha, under the MIT licence: see SAMPLE_LICENCE.md beside this file.
Names are lower snake case. No row is Chinook's: every value comes from a fixed seed in this file.
`review` is no table of Chinook's; it adds the types that Chinook lacks (BOOLEAN, DATE, DOUBLE, BIGINT,
a TIMESTAMP with microseconds).

Rule 1: `rows()` returns the same values on every run, Python version and origin.
Rule 2: the rows hold what answers get wrong: NULL, duplicates, negative and zero amounts, trailing
blanks, mixed case, accents, characters of four bytes, integers past 2**53.
Rule 3: sums of doubles are exact (multiples of 0.25), so that an answer doesn't depend on row order.
"""

from __future__ import annotations

import datetime as dt
import random
import warnings
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

SEED = 20_110_305
CHUNK_ROWS = 2_000

# table -> number of rows, as in Chinook (review: ours)
ROW_COUNTS = {
    "artist": 275,
    "album": 347,
    "genre": 25,
    "media_type": 5,
    "track": 3503,
    "playlist": 18,
    "playlist_track": 8715,
    "employee": 8,
    "customer": 59,
    "invoice": 412,
    "invoice_line": 2240,
    "review": 900,
}

metadata = sa.MetaData()

# Without an explicit character set a MariaDB server may store three-byte UTF-8 only.
_MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}
_MONEY = sa.Numeric(10, 2)
_MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


def _text(name: str, length: int, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _reference(name: str, target: str, *, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(target), nullable=nullable, index=True)


artist = sa.Table("artist", metadata, _key("artist_id"), _text("name", 120), **_MYSQL)
album = sa.Table(
    "album",
    metadata,
    _key("album_id"),
    _text("title", 160, nullable=False),
    _reference("artist_id", "artist.artist_id", nullable=False),
    **_MYSQL,
)
genre = sa.Table("genre", metadata, _key("genre_id"), _text("name", 120), **_MYSQL)
media_type = sa.Table("media_type", metadata, _key("media_type_id"), _text("name", 120), **_MYSQL)
track = sa.Table(
    "track",
    metadata,
    _key("track_id"),
    _text("name", 200, nullable=False),
    _reference("album_id", "album.album_id"),
    _reference("media_type_id", "media_type.media_type_id", nullable=False),
    _reference("genre_id", "genre.genre_id"),
    _text("composer", 220),
    sa.Column("milliseconds", sa.Integer, nullable=False),
    sa.Column("bytes", sa.Integer),
    sa.Column("unit_price", _MONEY, nullable=False),
    **_MYSQL,
)
playlist = sa.Table("playlist", metadata, _key("playlist_id"), _text("name", 120), **_MYSQL)
playlist_track = sa.Table(
    "playlist_track",
    metadata,
    sa.Column("playlist_id", sa.Integer, sa.ForeignKey("playlist.playlist_id"), primary_key=True),
    sa.Column("track_id", sa.Integer, sa.ForeignKey("track.track_id"), primary_key=True, index=True),
    **_MYSQL,
)
employee = sa.Table(
    "employee",
    metadata,
    _key("employee_id"),
    _text("last_name", 20, nullable=False),
    _text("first_name", 20, nullable=False),
    _text("title", 30),
    _reference("reports_to", "employee.employee_id"),
    sa.Column("birth_date", sa.DateTime),
    sa.Column("hire_date", sa.DateTime),
    _text("address", 70),
    _text("city", 40),
    _text("state", 40),
    _text("country", 40),
    _text("postal_code", 10),
    _text("phone", 24),
    _text("fax", 24),
    _text("email", 60),
    **_MYSQL,
)
customer = sa.Table(
    "customer",
    metadata,
    _key("customer_id"),
    _text("first_name", 40, nullable=False),
    _text("last_name", 20, nullable=False),
    _text("company", 80),
    _text("address", 70),
    _text("city", 40),
    _text("state", 40),
    _text("country", 40),
    _text("postal_code", 10),
    _text("phone", 24),
    _text("fax", 24),
    _text("email", 60, nullable=False),
    _reference("support_rep_id", "employee.employee_id"),
    **_MYSQL,
)
invoice = sa.Table(
    "invoice",
    metadata,
    _key("invoice_id"),
    _reference("customer_id", "customer.customer_id", nullable=False),
    sa.Column("invoice_date", sa.DateTime, nullable=False),
    _text("billing_address", 70),
    _text("billing_city", 40),
    _text("billing_state", 40),
    _text("billing_country", 40),
    _text("billing_postal_code", 10),
    sa.Column("total", _MONEY, nullable=False),
    **_MYSQL,
)
invoice_line = sa.Table(
    "invoice_line",
    metadata,
    _key("invoice_line_id"),
    _reference("invoice_id", "invoice.invoice_id", nullable=False),
    _reference("track_id", "track.track_id", nullable=False),
    sa.Column("unit_price", _MONEY, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    **_MYSQL,
)
review = sa.Table(
    "review",
    metadata,
    _key("review_id"),
    _reference("customer_id", "customer.customer_id"),
    _reference("track_id", "track.track_id", nullable=False),
    sa.Column("rating", sa.Integer),
    sa.Column("is_public", sa.Boolean),
    sa.Column("is_verified", sa.Boolean, nullable=False),
    sa.Column("reviewed_on", sa.Date, index=True),
    sa.Column("created_at", _MOMENT, nullable=False),
    sa.Column("seconds_played", sa.Double),
    sa.Column("plays", sa.BigInteger, nullable=False),
    sa.Column("note", sa.Text),
    **_MYSQL,
)

# fmt: off
_SYLLABLES = (
    "ba", "co", "da", "el", "fa", "go", "hi", "jo", "ka", "lu", "mi", "no", "or", "pa", "qui", "ra", "sa",
    "tu", "va", "wi", "xe", "ya", "zo", "bré", "ñan", "øy", "ß",
)
_WORDS = (
    "river", "night", "paper", "winter", "señora", "blue", "glass", "MIDNIGHT", "Ghost", "silver", "Café",
    "garden", "échelle", "thunder", "naïve", "Über", "letters", "ocean", "quiet", "machine", "bread",
    "Straße", "dance", "summer", "wolf", "夜", "море", "honey", "north", "signal", "echo", "dust",
)
_TAGS = (
    "", "", "", "", " (Live)", " (live)", " [Remix]", " 🎵", "  ", " 100%", " a_b", " O'Neil", " \\o/", " 𝄞",
)
_COUNTRIES = (
    "USA", "USA", "USA", "Canada", "Canada", "Brazil", "Brazil", "France", "France", "Germany", "Chile",
    "Norway", "Türkiye", "India",
)
_CITIES = (
    "Oslo", "Paris", "Köln", "São Paulo", "Montréal", "Boston", "Fresno", "Santiago", "İzmir", "Delhi",
    "Lyon", "Halifax", "Recife", "Reno",
)
_STATES = (
    None, None, None, "CA", "NY", "SP", "QC", "ca",
)
_FIRST = (
    "Ana", "Björn", "Chloé", "Dag", "Emre", "Fatma", "Gwen", "Hugo", "Inês", "João", "Kara", "Luís", "Mona",
    "Nils", "Olga", "Pia", "Quinn", "Rosa", "Søren", "Tom",
)
_LAST = (
    "Alves", "Brandt", "Côté", "Dąbek", "Eide", "Fuchs", "Gray", "Holm", "Iyer", "Jansen", "King", "Lopes",
    "Muñoz", "Novák", "Okoye", "Petit", "Rossi",
)
_PLAYLISTS = ("Music", "Movies", "TV Shows", None, "Audiobooks", "90’s Music", "music ")
_LOOKALIKES = ("Aurora", "aurora", "AURORA", "Aurora ", "Auróra", "Motör", "Motor", "", None, "🎸")
# fmt: on


def rows() -> dict[str, list[dict[str, Any]]]:
    """All rows, by table, in an order in which the tables can be filled."""
    rng = random.Random(SEED)
    tables: dict[str, list[dict[str, Any]]] = {}
    tables["artist"] = _artists(rng)
    tables["album"] = [
        {"album_id": i, "title": _title(rng), "artist_id": min(275, 1 + int(rng.expovariate(1 / 70)))}
        for i in range(1, ROW_COUNTS["album"] + 1)
    ]
    tables["genre"] = [
        {"genre_id": i, "name": None if i == 25 else _WORDS[i].capitalize()}
        for i in range(1, ROW_COUNTS["genre"] + 1)
    ]
    tables["media_type"] = [
        {"media_type_id": i, "name": name}
        for i, name in enumerate(("MPEG file", "AAC file", "Protected AAC file", "Video file", "aac FILE"), 1)
    ]
    tables["track"] = _tracks(rng)
    tables["playlist"] = [
        # As in Chinook, some playlists share a name.
        {"playlist_id": i, "name": _PLAYLISTS[i % len(_PLAYLISTS)]}
        for i in range(1, ROW_COUNTS["playlist"] + 1)
    ]
    tables["playlist_track"] = _playlist_tracks(rng)
    tables["employee"] = _employees(rng)
    tables["customer"] = _customers(rng)
    tables["invoice"], tables["invoice_line"] = _invoices(rng, tables["track"])
    tables["review"] = _reviews(rng)
    return tables


def create(engine: sa.Engine) -> None:
    """Make and fill all tables in the default schema of an empty database."""
    data = rows()
    with engine.begin() as connection, warnings.catch_warnings():
        # SQLAlchemy 2.0 warns that SQLite keeps a Decimal as a double: two places survive that.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        metadata.create_all(connection)
        for name, table_rows in data.items():
            _insert(connection, metadata.tables[name], table_rows)


def drop(engine: sa.Engine) -> None:
    """Drop the tables that `create` made; those that don't exist are no error."""
    metadata.drop_all(engine)


def _insert(connection: sa.Connection, table: sa.Table, table_rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(table_rows), CHUNK_ROWS):
        connection.execute(sa.insert(table), list(table_rows[start : start + CHUNK_ROWS]))


def _title(rng: random.Random) -> str:
    title = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(1, 3)))
    return (title if rng.random() < 0.3 else title.title()) + rng.choice(_TAGS)


def _name(rng: random.Random) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4))).capitalize()


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def _moment(rng: random.Random, first_year: int, years: int) -> dt.datetime:
    return dt.datetime(first_year, 1, 1) + dt.timedelta(seconds=rng.randrange(years * 365 * 86_400))


def _artists(rng: random.Random) -> list[dict[str, Any]]:
    names: list[str | None] = [_name(rng) for _ in range(ROW_COUNTS["artist"])]
    # Equal under one collation and different under another: case, accents, trailing blanks.
    for place, name in enumerate(_LOOKALIKES):
        names[10 + 7 * place] = name
    return [{"artist_id": i, "name": name} for i, name in enumerate(names, 1)]


def _tracks(rng: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "track_id": i,
            "name": _title(rng),
            "album_id": None if rng.random() < 0.03 else rng.randint(1, ROW_COUNTS["album"]),
            "media_type_id": rng.choices((1, 2, 3, 4, 5), (80, 8, 6, 5, 1))[0],
            "genre_id": None if rng.random() < 0.05 else min(25, 1 + int(rng.expovariate(1 / 5))),
            "composer": None if rng.random() < 0.28 else f"{rng.choice(_FIRST)} {rng.choice(_LAST)}",
            "milliseconds": max(1_071, int(rng.lognormvariate(12.4, 0.5))),
            "bytes": None if rng.random() < 0.04 else rng.randrange(38_747, 1_059_546_140),
            "unit_price": _money(rng.choices((99, 199, 0, 1000), (93, 5, 1, 1))[0]),
        }
        for i in range(1, ROW_COUNTS["track"] + 1)
    ]


def _playlist_tracks(rng: random.Random) -> list[dict[str, Any]]:
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < ROW_COUNTS["playlist_track"]:
        # Playlists 2 and 4 stay empty, as some of Chinook's are.
        chosen = rng.choices((1, 3, 5, 8, 9, 10, 11, 12, 17), (33, 2, 15, 33, 1, 2, 1, 1, 1))[0]
        pairs.add((chosen, rng.randint(1, ROW_COUNTS["track"])))
    return [{"playlist_id": one, "track_id": other} for one, other in sorted(pairs)]


def _place(rng: random.Random, prefix: str = "") -> dict[str, Any]:
    return {
        f"{prefix}address": f"{rng.randint(1, 9999)} {rng.choice(_WORDS).title()} St.",
        f"{prefix}city": rng.choice(_CITIES),
        f"{prefix}state": rng.choice(_STATES),
        f"{prefix}country": rng.choice(_COUNTRIES),
        f"{prefix}postal_code": None if rng.random() < 0.2 else f"{rng.randint(0, 99999):05d}",
    }


def _employees(rng: random.Random) -> list[dict[str, Any]]:
    managers = (None, 1, 2, 2, 2, 1, 6, 6)
    titles = (
        "General Manager",
        "Sales Manager",
        "Sales Agent",
        "Sales Agent",
        "sales agent",
        "IT Manager",
        "IT",
    )
    return [
        {
            "employee_id": i,
            "last_name": rng.choice(_LAST),
            "first_name": rng.choice(_FIRST),
            "title": titles[i - 1] if i <= len(titles) else None,
            "reports_to": managers[i - 1],
            "birth_date": dt.datetime(1947 + 4 * i, i, 2 * i),
            "hire_date": None if i == 8 else dt.datetime(2002 + i // 3, 1 + i, 14),
            **_place(rng),
            "phone": f"+1 (403) {rng.randint(200, 999)}-{rng.randint(0, 9999):04d}",
            "fax": None if i % 3 == 0 else f"+1 (403) {rng.randint(200, 999)}-0000",
            "email": f"employee{i}@shop.example",
        }
        for i in range(1, ROW_COUNTS["employee"] + 1)
    ]


def _customers(rng: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "customer_id": i,
            "first_name": rng.choice(_FIRST) + ("  " if i % 17 == 0 else ""),
            "last_name": rng.choice(_LAST).upper() if i % 11 == 0 else rng.choice(_LAST),
            "company": f"{_name(rng)} Ltd." if i % 6 == 0 else None,
            **_place(rng),
            "phone": None if i % 13 == 0 else f"+{rng.randint(1, 90)} {rng.randint(100_000, 999_999)}",
            "fax": f"+{rng.randint(1, 90)} 555" if i % 5 == 0 else None,
            "email": f"Customer.{i}@mail.example" if i % 2 else f"customer.{i}@mail.example",
            "support_rep_id": None if i == 59 else 3 + i % 3,
        }
        for i in range(1, ROW_COUNTS["customer"] + 1)
    ]


def _invoices(
    rng: random.Random, tracks: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    # Each invoice has at least one line.
    more = rng.choices(
        range(3, ROW_COUNTS["invoice"] + 1), k=ROW_COUNTS["invoice_line"] - ROW_COUNTS["invoice"]
    )
    owners = sorted([*range(1, ROW_COUNTS["invoice"] + 1), *more])
    totals = dict.fromkeys(range(1, ROW_COUNTS["invoice"] + 1), Decimal("0.00"))
    lines = []
    for line_id, invoice_id in enumerate(owners, 1):
        sold = rng.choice(tracks)
        # A negative quantity is a refund, zero a cancelled line.
        quantity = rng.choices((1, 2, -1, 0), (90, 6, 3, 1))[0]
        totals[invoice_id] += sold["unit_price"] * quantity
        lines.append(
            {
                "invoice_line_id": line_id,
                "invoice_id": invoice_id,
                "track_id": sold["track_id"],
                "unit_price": sold["unit_price"],
                "quantity": quantity,
            }
        )
    day = dt.datetime(2009, 1, 1)
    invoices = []
    for invoice_id, total in totals.items():
        # Most of Chinook's moments are midnight; some of these have a time of day.
        day += dt.timedelta(days=rng.randint(1, 8))
        moment = day + dt.timedelta(seconds=rng.randrange(86_400)) if invoice_id % 9 == 0 else day
        owner = rng.randint(1, ROW_COUNTS["customer"])
        invoices.append(
            {
                "invoice_id": invoice_id,
                "customer_id": owner,
                "invoice_date": moment,
                **_place(rng, "billing_"),
                "total": total,
            }
        )
    return invoices, lines


def _reviews(rng: random.Random) -> list[dict[str, Any]]:
    special_notes = (
        "",
        " ",
        "NULL",
        "true",
        "1",
        "1.0",
        "01",
        "ok",
        "OK",
        "ok ",
        "tab\there",
        "a\nb",
        "%",
        "_",
    )
    special_seconds = (-1.5, 0.0, -0.0, 1e15, 0.25)
    special_plays = (9_007_199_254_740_993, -9_007_199_254_740_993, 2**62, 0, -1)
    made = []
    for i in range(1, ROW_COUNTS["review"] + 1):
        moment = _moment(rng, 2019, 5).replace(microsecond=rng.choice((0, 0, 500_000, 1, 123_456)))
        at = i - 1
        made.append(
            {
                "review_id": i,
                "customer_id": None if rng.random() < 0.1 else rng.randint(1, ROW_COUNTS["customer"]),
                "track_id": rng.randint(1, ROW_COUNTS["track"]),
                "rating": rng.choices((None, 1, 2, 3, 4, 5, -1), (8, 5, 8, 20, 30, 28, 1))[0],
                "is_public": rng.choice((True, True, True, False, None)),
                "is_verified": rng.random() < 0.4,
                "reviewed_on": None if rng.random() < 0.07 else moment.date(),
                "created_at": moment,
                "seconds_played": (
                    special_seconds[at]
                    if at < len(special_seconds)
                    else (None if rng.random() < 0.1 else rng.randrange(0, 2400) * 0.25)
                ),
                "plays": special_plays[at] if at < len(special_plays) else rng.randrange(0, 5000),
                "note": (
                    special_notes[at]
                    if at < len(special_notes)
                    else (None if rng.random() < 0.4 else _title(rng))
                ),
            }
        )
    return made
