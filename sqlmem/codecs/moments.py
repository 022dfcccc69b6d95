"""Codecs of dates, times, timestamps and intervals: text of one width that sorts as they do.

Some drivers give the origin's infinity as the greatest date, 24:00 as midnight, or 0000-00-00 as None.
A codec of a ``-clamped`` name refuses the values that may stand for two, one of a ``-zero`` name says
that None isn't only NULL.
"""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo
from typing import Any

from sqlmem.codecs import lists
from sqlmem.codecs.base import Codec, Unrepresentable, encode_integer, exactly, make_codec
from sqlmem.codecs.opaque import zone_of

_UTC = dt.UTC
_YEARS_OF_LIMITS = (1, 9999)
_TIMESTAMP_LIMITS = (dt.datetime.min, dt.datetime.max)  # noqa: DTZ901  # without zone, as compared


def _date(name: str, *, is_clamped: bool, is_zero: bool) -> Codec:
    def encode_within_limits(value: dt.date) -> str:
        if value.year in _YEARS_OF_LIMITS and value in (dt.date.min, dt.date.max):
            raise Unrepresentable("a date that may stand for infinity")
        return value.isoformat()

    encode = encode_within_limits if is_clamped else dt.date.isoformat
    parameter = exactly(dt.date, encode)
    return make_codec(
        name, "TEXT", {dt.date}, encode, dt.date.fromisoformat, parameter=parameter, is_null_exact=not is_zero
    )


def _time(name: str, *, is_clamped: bool) -> Codec:
    def encode(value: dt.time) -> str:
        if value.tzinfo is not None or value.fold:
            raise Unrepresentable("a time with a zone or a fold")
        if is_clamped and not (value.hour or value.minute or value.second or value.microsecond):
            raise Unrepresentable("midnight, which may stand for 24:00")
        return value.isoformat("microseconds")

    return make_codec(
        name, "TEXT", {dt.time}, encode, dt.time.fromisoformat, parameter=exactly(dt.time, encode)
    )


def _is_limit(value: dt.datetime) -> bool:
    return value.year in _YEARS_OF_LIMITS and value.replace(tzinfo=None) in _TIMESTAMP_LIMITS


def _timestamp(name: str, *, is_clamped: bool, is_zero: bool) -> Codec:
    def encode(value: dt.datetime) -> str:
        if value.tzinfo is not None or value.fold:
            raise Unrepresentable("a timestamp with a zone or a fold")
        if is_clamped and _is_limit(value):
            raise Unrepresentable("a timestamp that may stand for infinity")
        return value.isoformat(" ", "microseconds")

    return make_codec(
        name,
        "TEXT",
        {dt.datetime},
        encode,
        dt.datetime.fromisoformat,
        parameter=exactly(dt.datetime, encode),
        is_null_exact=not is_zero,
        encode_list=lists.timestamps(is_clamped=is_clamped),
    )


def _is_plain_offset(zone: dt.tzinfo | None) -> bool:
    """A zone that is only a whole number of seconds: no name that would be lost."""
    if type(zone) is not dt.timezone:
        return False
    offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]  # pickle's, not in typeshed
    return not name and not offset.microseconds


def _zone(key: str) -> dt.tzinfo:
    if key == "utc":
        return _UTC
    if key.startswith("fixed:"):
        seconds = int(key.removeprefix("fixed:"))
        if not 0 < abs(seconds) < 86400:
            raise ValueError("no codec of that name")
        return dt.timezone(dt.timedelta(seconds=seconds))
    return zone_of(key.removeprefix("zoneinfo:"))


def _is_same_zone(one: dt.tzinfo | None, other: dt.tzinfo) -> bool:
    if type(one) is zoneinfo.ZoneInfo and type(other) is zoneinfo.ZoneInfo:
        return one.key == other.key
    return _is_plain_offset(one) and one == other


def _timestamptz_parameter(is_clamped: bool, value: Any) -> str:  # noqa: FBT001  # bound by position
    offset = value.utcoffset() if type(value) is dt.datetime else None
    # Without a zone the origin reads it in the session's; below seconds it reads no offset at all.
    if offset is None or offset.microseconds:
        raise Unrepresentable("a parameter that isn't a datetime with a time zone")
    if is_clamped and _is_limit(value):
        raise Unrepresentable("a timestamp that may stand for infinity")
    try:
        return str(value.astimezone(_UTC).isoformat(" ", "microseconds"))
    except (OverflowError, ValueError):
        raise Unrepresentable("a parameter beyond the years 1 to 9999 in UTC") from None


def timestamptz_name(value: Any) -> str | None:
    """The codec's name for a column of which this is a value; None if its zone can't be kept by name."""
    zone = value.tzinfo if type(value) is dt.datetime else None
    if zone is _UTC:
        return "timestamptz:utc"
    if _is_plain_offset(zone):
        return f"timestamptz:fixed:{value.utcoffset() // dt.timedelta(seconds=1)}"
    if type(zone) is zoneinfo.ZoneInfo and zone.key:
        try:
            zone_of(zone.key)
        except ValueError:
            return None
        return f"timestamptz:zoneinfo:{zone.key}"
    return None


@functools.lru_cache(maxsize=256)
def timestamptz(clamped: str | None, key: str) -> Codec:
    """Held as UTC, in text of one width that ends with +00:00; all values have one and the same zone."""
    zone = _zone(key)
    is_clamped = clamped is not None
    from_text = dt.datetime.fromisoformat

    def encode(value: dt.datetime) -> str:
        if value.tzinfo is not zone and not _is_same_zone(value.tzinfo, zone):
            raise Unrepresentable("a timestamp of another time zone than the column's others")
        if is_clamped and _is_limit(value):
            raise Unrepresentable("a timestamp that may stand for infinity")
        # Of one and the same zone object, so that == below compares the wall times.
        value = value if value.tzinfo is zone else value.replace(tzinfo=zone)
        try:
            instant = value.astimezone(_UTC)
            back = instant.astimezone(zone)
        except (OverflowError, ValueError):
            raise Unrepresentable("a timestamp beyond the years 1 to 9999 in UTC") from None
        # A wall time that the zone skips, or a fold where nothing repeats, wouldn't come back.
        if back.fold != value.fold or back != value:
            raise Unrepresentable("a timestamp that doesn't exist in its time zone")
        return instant.isoformat(" ", "microseconds")

    def encode_utc(value: dt.datetime) -> str:
        if value.tzinfo is not _UTC or value.fold or (is_clamped and _is_limit(value)):
            return encode(value)
        return value.isoformat(" ", "microseconds")

    def decode(stored: str) -> dt.datetime:
        return from_text(stored).astimezone(zone)

    return make_codec(
        f"timestamptz{clamped or ''}:{key}",
        "TEXT",
        {dt.datetime},
        encode_utc if zone is _UTC else encode,
        from_text if zone is _UTC else decode,
        parameter=functools.partial(_timestamptz_parameter, is_clamped),
    )


def _encode_interval(value: dt.timedelta) -> int:
    return encode_integer((value.days * 86400 + value.seconds) * 1_000_000 + value.microseconds)


_FLAVOURS = ("", "-clamped", "-zero", "-clamped-zero")

MOMENTS = (
    *(_date(f"date{f}", is_clamped="clamped" in f, is_zero="zero" in f) for f in _FLAVOURS),
    *(_timestamp(f"timestamp{f}", is_clamped="clamped" in f, is_zero="zero" in f) for f in _FLAVOURS),
    _time("time", is_clamped=False),
    _time("time-clamped", is_clamped=True),
    make_codec(
        "interval",
        "INTEGER",
        {dt.timedelta},
        _encode_interval,
        functools.partial(dt.timedelta, 0, 0),
        parameter=exactly(dt.timedelta, _encode_interval),
    ),
)
