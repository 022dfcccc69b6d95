"""The pages and the forms."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from apps.library import clock
from apps.library.models import (
    Album,
    Artist,
    AudioBook,
    Entry,
    Genre,
    Listener,
    Medium,
    Play,
    Playlist,
    Rating,
    Track,
    db,
    medium_genre,
)
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload, selectin_polymorphic, selectinload, with_polymorphic
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.wrappers import Response as Redirect

pages = Blueprint("pages", __name__)


# -- reading -----------------------------------------------------------------------------------


@pages.get("/")
def home() -> str:
    newest = db.session.scalars(
        sa.select(Medium)
        .where(Medium.deleted_at.is_(None))
        .order_by(Medium.released.desc(), Medium.id)
        .limit(8)
    ).all()
    counts = {
        "albums": db.session.scalar(sa.select(sa.func.count()).select_from(Album)),
        "audio books": db.session.query(AudioBook).count(),
        "artists": Artist.query.count(),
    }
    return render_template("home.html", newest=newest, counts=counts)


@pages.get("/artists")
def artists() -> str:
    page = db.paginate(sa.select(Artist).order_by(Artist.name, Artist.id), per_page=6, max_per_page=20)
    return render_template("artists.html", page=page)


@pages.get("/artists/<int:artist_id>")
def artist(artist_id: int) -> str:
    # The media are of every kind: their own tables are asked with the artist's.
    kinds = selectin_polymorphic(Medium, [Album, AudioBook])
    found = db.session.scalar(
        sa.select(Artist).where(Artist.id == artist_id).options(selectinload(Artist.media).options(kinds))
    )
    return render_template("artist.html", artist=found or abort(404))


@pages.get("/media")
def media() -> str:
    every = with_polymorphic(Medium, "*")
    wanted = sa.select(every).where(every.deleted_at.is_(None)).order_by(every.id)
    if kind := request.args.get("kind"):
        wanted = wanted.where(every.kind == kind)
    if genre := request.args.get("genre", type=int):
        wanted = wanted.join(medium_genre, medium_genre.c.medium_id == every.id).where(
            medium_genre.c.genre_id == genre
        )
    if least := request.args.get("minutes", type=int):
        wanted = wanted.where(every.AudioBook.minutes >= least)
    wanted = wanted.options(joinedload(every.artist), selectinload(every.genres))
    page = db.paginate(wanted, per_page=7)
    return render_template("media.html", page=page, genres=Genre.query.order_by(Genre.id).all())


@pages.get("/media/<int:medium_id>")
def medium(medium_id: int) -> str:
    found = db.get_or_404(Medium, medium_id)  # then its own table, its tracks and genres, lazily
    if found.deleted_at is not None:
        abort(404)
    stars = db.session.execute(
        sa.select(sa.func.count(), sa.func.sum(Rating.stars), sa.func.max(Rating.stars)).where(
            Rating.medium_id == medium_id
        )
    ).one()
    return render_template("medium.html", medium=found, stars=stars)


@pages.get("/albums/long")
def long_albums() -> str:
    length = sa.func.sum(Track.seconds).label("length")
    rows = db.session.execute(
        sa.select(Album, length)
        .join(Album.tracks)
        .group_by(*sa.inspect(Album).selectable.c)
        .having(sa.func.count(Track.id) > 2)
        .order_by(length.desc(), Album.id)
        .limit(5)
    ).all()
    return render_template("rows.html", rows=[(album.title, album.label, seconds) for album, seconds in rows])


@pages.get("/listeners/<name>")
def listener(name: str) -> str:
    found = db.one_or_404(sa.select(Listener).filter_by(name=name))
    plays = db.session.execute(
        sa.select(Play.played_at, Track.title, Album.title, Artist.name)
        .join(Track, Play.track_id == Track.id)
        .join(Album, Track.album_id == Album.id)
        .join(Artist)
        .where(Play.listener_id == found.id)
        .order_by(Play.played_at.desc(), Play.id.desc())
        .limit(10)
    ).all()
    return render_template("listener.html", listener=found, plays=plays)


@pages.get("/search")
def search() -> str:
    word = request.args["q"]
    found = db.session.execute(
        sa.union_all(
            sa.select(sa.literal("artist").label("what"), Artist.id, Artist.name.label("name")).where(
                Artist.name.contains(word, autoescape=True)
            ),
            sa.select(sa.literal("track"), Track.id, Track.title).where(Track.title.startswith(word)),
        ).order_by("what", "id")
    ).all()
    return render_template("rows.html", rows=[tuple(row) for row in found])


@pages.get("/charts")
def charts() -> str:
    plays = sa.func.count().label("plays")
    place = sa.func.rank().over(order_by=plays.desc()).label("place")
    rows = db.session.execute(
        sa.select(place, Track.title, plays)
        .join(Play, Play.track_id == Track.id)
        .group_by(Track.id, Track.title)
        .order_by(place, Track.id)
        .limit(10)
    ).all()
    best = (
        sa.select(Medium.id, Medium.title, sa.func.sum(Rating.stars).label("stars"))
        .outerjoin(Rating)
        .group_by(Medium.id, Medium.title)
        .cte("best")
    )
    loved = db.session.execute(
        sa.select(best).where(best.c.stars >= 4).order_by(best.c.stars.desc(), best.c.id)
    ).all()
    return render_template("rows.html", rows=[tuple(row) for row in (*rows, *loved)])


@pages.get("/prices.csv")
def prices() -> Response:
    rows = db.session.execute(
        sa.select(Medium.id, Medium.price).order_by(Medium.id).execution_options(yield_per=4)
    )
    return Response((f"{row.id};{row.price}\n" for row in rows.all()), mimetype="text/csv")


# -- forms -------------------------------------------------------------------------------------


def there(endpoint: str, **values: Any) -> Redirect:
    return redirect(url_for(f"pages.{endpoint}", **values))


@pages.post("/albums")
def add_album() -> Redirect:
    form = request.form
    album = Album(
        title=form["title"],
        label=form.get("label"),
        price=Decimal(form["price"]),
        released=date.fromisoformat(form["released"]),
        artist=db.get_or_404(Artist, int(form["artist"])),
        genres=list(db.session.scalars(sa.select(Genre).where(Genre.name.in_(form.getlist("genre"))))),
    )
    for position, title in enumerate(form.getlist("track"), 1):
        album.tracks.append(Track(position=position, title=title, seconds=60 * position))
    db.session.add(album)
    db.session.commit()
    flash(f"{album.title} was added")
    return there("medium", medium_id=album.id)


@pages.post("/media/<int:medium_id>/delete")
def delete_medium(medium_id: int) -> Redirect:
    found = db.get_or_404(Medium, medium_id)
    if "really" in request.form:
        db.session.delete(found)  # the tracks, plays and ratings go by the foreign keys
    else:
        found.deleted_at = clock.now()
    db.session.commit()
    return there("home")


@pages.post("/listeners")
def add_listener() -> Redirect:
    try:
        with db.session.begin_nested():
            db.session.add(Listener(name=request.form["name"]))
    except IntegrityError:
        flash("that name is taken")
    known = db.session.scalars(sa.select(Listener).filter_by(name=request.form["name"])).one()
    db.session.add(Playlist(name="favourites", listener_id=known.id))
    db.session.commit()
    return there("listener", name=request.form["name"])


@pages.post("/listeners/<int:listener_id>/rename")
def rename(listener_id: int) -> Redirect:
    given = Listener(id=listener_id, name=request.form["name"], version=int(request.form["version"]))
    try:
        found = db.session.merge(given)
        db.session.commit()
    except StaleDataError:
        db.session.rollback()
        flash("somebody else was faster")
        found = db.session.get_one(Listener, listener_id)
    db.session.refresh(found)
    return there("listener", name=found.name)


@pages.post("/plays")
def played() -> tuple[str, int]:
    tracks = request.form.getlist("track", type=int)
    db.session.execute(
        sa.insert(Play),
        [
            {"listener_id": int(request.form["listener"]), "track_id": track, "played_at": clock.now()}
            for track in tracks
        ],
    )
    db.session.commit()
    return f"{len(tracks)} noted", 201


@pages.post("/playlists/<int:playlist_id>")
def edit_playlist(playlist_id: int) -> Redirect:
    playlist = db.get_or_404(Playlist, playlist_id)
    playlist.entries.clear()
    db.session.flush()
    for position, track in enumerate(request.form.getlist("track", type=int), 1):
        playlist.entries.append(Entry(position=position, track_id=track))
    if "undo" in request.form:
        db.session.rollback()
    db.session.commit()
    return there("listener", name=playlist.listener.name)


@pages.post("/media/<int:medium_id>/rate")
def rate(medium_id: int) -> Redirect:
    given = {"listener_id": int(request.form["listener"]), "medium_id": medium_id}
    changed = db.session.execute(
        sa.update(Rating).filter_by(**given).values(stars=int(request.form["stars"]))
    )
    if changed.rowcount == 0 and not db.session.scalar(
        sa.select(
            sa.exists().where(Rating.listener_id == given["listener_id"], Rating.medium_id == medium_id)
        )
    ):
        db.session.add(Rating(**given, stars=int(request.form["stars"])))
    db.session.commit()
    return there("medium", medium_id=medium_id)


@pages.post("/prices/raise")
def raise_prices() -> tuple[str, int]:
    changed = db.session.execute(
        sa.update(Medium)
        .where(Medium.artist_id.in_(sa.select(Artist.id).where(Artist.country == request.form["country"])))
        .values(price=Medium.price + Decimal("0.50")),
        execution_options={"synchronize_session": False},
    )
    db.session.commit()
    return f"{changed.rowcount} are dearer now", 200
