"""A library to look around in."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa
from apps.library.models import (
    Album,
    Artist,
    AudioBook,
    Entry,
    Genre,
    Listener,
    Play,
    Playlist,
    Rating,
    Track,
    db,
)

OPENED = datetime(2025, 1, 2, 10, 0, 0)
NAMES = ("Ada", "Brahms & Co", "Çelik", "the 50% Band", "dvořák", "Échos", "Fugue_State", "Grieg")


def seed() -> None:
    session = db.session
    genres = [Genre(name=name) for name in ("jazz", "folk", "opera", "crime")]
    artists = [
        Artist(name=f"{name} {number}" if number > 7 else name, country=("no", "de", "tr", None)[number % 4])
        for number, name in enumerate(NAMES * 2)
    ]
    session.add_all([*genres, *artists])
    for number in range(30):
        common = {
            "released": None if number % 9 == 8 else date(1990, 1, 31) + timedelta(days=number * 400 % 9001),
            "price": Decimal(1099 + number * 53 % 700) / 100,
            "artist": artists[number * 5 % 16],
            "genres": [genre for place, genre in enumerate(genres) if (number + place) % 3 == 0],
        }
        if number % 3:
            tracks = [
                Track(
                    position=place,
                    title=f"{('Song', 'Air', 'song')[place % 3]} {number}.{place}",
                    seconds=95 + number * place,
                )
                for place in range(1, 3 + number % 4)
            ]
            session.add(Album(title=f"Album {number}", label=f"Label {number % 4}", tracks=tracks, **common))
        else:
            session.add(
                AudioBook(
                    title=f"Book {number}",
                    narrator=f"Voice {number % 2}",
                    minutes=number * 17,
                    is_abridged=number % 2 == 0,
                    **common,
                )
            )
    listeners = [Listener(name=name) for name in ("mia", "noah", "zoë", "kim")]
    session.add_all(listeners)
    session.flush()
    tracks = session.scalars(sa.select(Track.id).order_by(Track.id)).all()
    for number, listener in enumerate(listeners):
        playlist = Playlist(name=f"list {number}", listener_id=listener.id)
        playlist.entries = [
            Entry(position=place, track_id=tracks[(number * 7 + place * 3) % len(tracks)])
            for place in range(1, 5)
        ]
        session.add(playlist)
    session.commit()
    session.execute(
        sa.insert(Play),
        [
            {
                "listener_id": listeners[number % 4].id,
                "track_id": tracks[number * number % len(tracks)],
                "played_at": OPENED + timedelta(minutes=number),
            }
            for number in range(150)
        ],
    )
    session.add_all(
        Rating(listener_id=listener.id, medium_id=1 + number * 7 % 30, stars=1 + number % 5)
        for listener in listeners
        for number in range(listener.id, 9)
    )
    session.commit()
