"""What a music library holds. Media are of several kinds, in joined tables."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Column, Engine, ForeignKey, Numeric, String, Table, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Database(SQLAlchemy):
    """Flask-SQLAlchemy, which takes a ready engine, too."""

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Any) -> Engine:
        given: Engine | None = app.config.get("ENGINE")
        return given if given is not None else super()._make_engine(bind_key, options, app)


db = Database(model_class=Base)

medium_genre = Table(
    "medium_genre",
    db.metadata,
    Column("medium_id", ForeignKey("medium.id", ondelete="CASCADE"), primary_key=True),
    Column("genre_id", ForeignKey("genre.id", ondelete="CASCADE"), primary_key=True),
)


class Genre(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)


class Artist(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), index=True)
    country: Mapped[str | None] = mapped_column(String(2))
    media: Mapped[list[Medium]] = relationship(back_populates="artist", order_by="Medium.id")


class Medium(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(120))
    released: Mapped[date | None]
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    artist_id: Mapped[int] = mapped_column(ForeignKey("artist.id"), index=True)
    deleted_at: Mapped[datetime | None]

    artist: Mapped[Artist] = relationship(back_populates="media")
    genres: Mapped[list[Genre]] = relationship(secondary=medium_genre, order_by=Genre.id)

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "medium"}  # noqa: RUF012


class Album(Medium):
    id: Mapped[int] = mapped_column(ForeignKey("medium.id", ondelete="CASCADE"), primary_key=True)
    label: Mapped[str | None] = mapped_column(String(60))
    tracks: Mapped[list[Track]] = relationship(
        back_populates="album", order_by="Track.position", cascade="all, delete-orphan", passive_deletes=True
    )

    __mapper_args__ = {"polymorphic_identity": "album"}  # noqa: RUF012


class AudioBook(Medium):
    id: Mapped[int] = mapped_column(ForeignKey("medium.id", ondelete="CASCADE"), primary_key=True)
    narrator: Mapped[str] = mapped_column(String(80))
    minutes: Mapped[int]
    is_abridged: Mapped[bool]

    __mapper_args__ = {"polymorphic_identity": "audiobook"}  # noqa: RUF012


class Track(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    album_id: Mapped[int] = mapped_column(ForeignKey("album.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    title: Mapped[str] = mapped_column(String(120))
    seconds: Mapped[int]
    album: Mapped[Album] = relationship(back_populates="tracks")


class Listener(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    version: Mapped[int] = mapped_column()
    playlists: Mapped[list[Playlist]] = relationship(back_populates="listener", order_by="Playlist.id")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Playlist(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    listener_id: Mapped[int] = mapped_column(ForeignKey("listener.id"), index=True)
    listener: Mapped[Listener] = relationship(back_populates="playlists")
    entries: Mapped[list[Entry]] = relationship(
        order_by="Entry.position", cascade="all, delete-orphan", lazy="selectin"
    )


class Entry(db.Model):
    """A track's place in a playlist."""

    playlist_id: Mapped[int] = mapped_column(ForeignKey("playlist.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    track_id: Mapped[int] = mapped_column(ForeignKey("track.id", ondelete="CASCADE"))
    track: Mapped[Track] = relationship(lazy="joined", innerjoin=True)


class Play(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    listener_id: Mapped[int] = mapped_column(ForeignKey("listener.id"), index=True)
    track_id: Mapped[int] = mapped_column(ForeignKey("track.id", ondelete="CASCADE"), index=True)
    played_at: Mapped[datetime]


class Rating(db.Model):
    __table_args__ = (UniqueConstraint("listener_id", "medium_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    listener_id: Mapped[int] = mapped_column(ForeignKey("listener.id"))
    medium_id: Mapped[int] = mapped_column(ForeignKey("medium.id", ondelete="CASCADE"), index=True)
    stars: Mapped[int]
