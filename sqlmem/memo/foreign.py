"""The canonical bytes of values of libraries that may not be there: numpy, pandas, SQLAlchemy.

Rule: nothing of them is imported. A value of theirs can only be here if they are.
"""

from __future__ import annotations

import os
import secrets
import sys
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlmem.memo.encoding import Encoder


def encode_foreign(encoder: Encoder, value: Any) -> bytes | None:
    """None if the value is of no type that is known here."""
    for base in type(value).__mro__:
        handler = _HANDLERS.get(f"{base.__module__.partition('.')[0]}.{base.__qualname__}")
        if handler is not None:
            found: bytes = handler(encoder, value)
            return found
    return None


def _parts(encoder: Encoder, tag: bytes, whole: Any, /, **parts: Any) -> bytes:
    from sqlmem.memo.encoding import name_of, tagged, text

    made = [name_of(type(whole))]
    for name, part in parts.items():
        made += [text(name), encoder.inside(f".{name}", part)]
    return tagged(tag, made)


# -- numpy -----------------------------------------------------------------------------------


def _array(encoder: Encoder, value: Any) -> bytes:
    kind = value.dtype
    if kind.hasobject:
        return _parts(encoder, b"A", value, shape=value.shape, items=value.ravel().tolist())
    if kind.names is not None:
        # By field: what lies between them is nobody's.
        fields = {name: value[name] for name in kind.names}
        return _parts(encoder, b"A", value, shape=value.shape, fields=list(fields.items()))
    return _parts(encoder, b"A", value, dtype=kind.str, shape=value.shape, data=value.tobytes())


def _masked(encoder: Encoder, value: Any) -> bytes:
    numpy = sys.modules["numpy"]
    mask = numpy.ma.getmaskarray(value)
    filled = value.filled(value.fill_value)
    return _parts(encoder, b"A", value, mask=mask, data=filled)


def _scalar(encoder: Encoder, value: Any) -> bytes:
    numpy = sys.modules["numpy"]
    return _parts(encoder, b"n", value, array=numpy.asarray(value))


def _dtype(encoder: Encoder, value: Any) -> bytes:
    return _parts(encoder, b"n", value, text=str(value.descr) if value.names else value.str)


# -- pandas ----------------------------------------------------------------------------------


def _frame(encoder: Encoder, value: Any) -> bytes:
    columns = [value.iloc[:, number].array for number in range(value.shape[1])]
    return _parts(encoder, b"p", value, columns=value.columns, index=value.index, data=columns)


def _series(encoder: Encoder, value: Any) -> bytes:
    return _parts(encoder, b"p", value, name=value.name, index=value.index, data=value.array)


def _index(encoder: Encoder, value: Any) -> bytes:
    more = {"freq": value.freqstr} if hasattr(value, "freqstr") else {}
    return _parts(encoder, b"p", value, name=value.name, data=value.array, **more)


def _range_index(encoder: Encoder, value: Any) -> bytes:
    return _parts(encoder, b"p", value, name=value.name, range=range(value.start, value.stop, value.step))


def _multi_index(encoder: Encoder, value: Any) -> bytes:
    levels = [value.get_level_values(number).array for number in range(value.nlevels)]
    return _parts(encoder, b"p", value, names=list(value.names), levels=levels)


def _column(encoder: Encoder, value: Any) -> bytes:
    numpy = sys.modules["numpy"]
    kind = value.dtype
    if isinstance(kind, numpy.dtype):
        data = value.to_numpy()
        if not kind.hasobject and kind.kind != "M":
            return _parts(encoder, b"p", value, data=data)
    more = {}
    if hasattr(kind, "categories"):
        more = {"categories": kind.categories, "ordered": kind.ordered}
    return _parts(encoder, b"p", value, dtype=str(kind), items=value.tolist(), **more)


def _timestamp(encoder: Encoder, value: Any) -> bytes:
    moment = {} if value.tzinfo is None else {"zone": value.tzinfo, "offset": value.utcoffset()}
    return _parts(encoder, b"p", value, value=value.value, unit=value.unit, fold=value.fold, **moment)


def _timedelta(encoder: Encoder, value: Any) -> bytes:
    return _parts(encoder, b"p", value, value=value.value, unit=value.unit)


def _interval(encoder: Encoder, value: Any) -> bytes:
    return _parts(encoder, b"p", value, left=value.left, right=value.right, closed=value.closed)


def _period(encoder: Encoder, value: Any) -> bytes:
    return _parts(encoder, b"p", value, ordinal=value.ordinal, freq=value.freqstr)


def _missing(encoder: Encoder, value: Any) -> bytes:
    return _parts(encoder, b"p", value)


# -- SQLAlchemy ------------------------------------------------------------------------------

# A database in memory is told by its engine's pool: its address is everybody's.
_in_memory: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def _engine(encoder: Encoder, value: Any) -> bytes:
    """The database that an engine is connected to: address, user and options, not the password."""
    from sqlmem.connecting import beyond_address
    from sqlmem.memo.encoding import tagged, text

    value = getattr(value, "sync_engine", value)
    url = value.url
    origin = getattr(value, "_origin", None)  # of a CachingEngine
    more: dict[str, Any] = {}
    if ways := beyond_address(value if origin is None else origin.engine):
        more["ways"] = ways
    if url.get_backend_name() == "sqlite" and _is_in_memory(url):
        more["instance"] = _in_memory.setdefault(value.pool, secrets.token_hex(16))
    elif url.get_backend_name() == "sqlite":
        # A relative path is another database in another folder.
        url = url.set(database=os.path.realpath(url.database))
    options: Mapping[str, Any] = value.get_execution_options()
    if options.get("schema_translate_map"):
        more["schemas"] = dict(options["schema_translate_map"])
    # Not the password: a new one doesn't make another database.
    where = (url.drivername, url.username, url.host, url.port, url.database)
    address = "\0".join(str(part or "") for part in where)
    more["options"] = {name: value for name, value in url.query.items() if "password" not in name}
    parts = [text(address)]
    for name, part in more.items():
        parts += [text(name), encoder.inside(f".{name}", part)]
    return tagged(b"&", parts)


def _is_in_memory(url: Any) -> bool:
    database = url.database or ""
    return database in ("", ":memory:") or "mode=memory" in database or url.query.get("mode") == "memory"


def _connection(encoder: Encoder, value: Any) -> bytes:
    value = getattr(value, "sync_connection", value)
    if value is None:
        raise encoder.refuse("a connection that wasn't opened has no database")
    schemas = value.get_execution_options().get("schema_translate_map")
    if not schemas:
        return encoder.inside(".engine", value.engine)
    return _parts(encoder, b"&", value.engine, engine=value.engine, schemas=dict(schemas))


def _session(encoder: Encoder, value: Any) -> bytes:
    value = getattr(value, "sync_session", value)
    value = value() if hasattr(value, "registry") and callable(value) else value
    binds = getattr(value, "_Session__binds", None)
    if binds:
        named = {
            f"{key.__module__}:{key.__qualname__}" if isinstance(key, type) else str(key): bind
            for key, bind in binds.items()
        }
        return _parts(encoder, b"&", value, binds=named, bind=value.bind)
    if value.bind is None:
        raise encoder.refuse("a session that is bound to nothing has no database")
    return encoder.inside(".bind", value.bind)


def _row(encoder: Encoder, value: Any) -> bytes:
    """A result's row: its names and values."""
    from sqlmem.memo.encoding import tagged

    names = tuple(value._fields) if hasattr(value, "_fields") else tuple(value)
    values = tuple(value.values()) if hasattr(value, "values") else tuple(value)
    return tagged(b"W", [encoder.encode(names), encoder.inside("", values)])


def _rows(encoder: Encoder, value: Any) -> bytes:
    """What `CachingEngine.execute` returned: a list of dicts, however they were come by."""
    return encoder.inside("", list(value))


_HANDLERS: dict[str, Any] = {
    "sqlalchemy.Row": _row,
    "sqlalchemy.RowMapping": _row,
    "sqlmem.Rows": _rows,
    "numpy.MaskedArray": _masked,
    "numpy.ndarray": _array,
    "numpy.generic": _scalar,
    "numpy.dtype": _dtype,
    "pandas.DataFrame": _frame,
    "pandas.Series": _series,
    "pandas.MultiIndex": _multi_index,
    "pandas.RangeIndex": _range_index,
    "pandas.Index": _index,
    "pandas.ExtensionArray": _column,
    "pandas.Timestamp": _timestamp,
    "pandas.Timedelta": _timedelta,
    "pandas.Interval": _interval,
    "pandas.Period": _period,
    "pandas.NAType": _missing,
    "pandas.NaTType": _missing,
    "sqlalchemy.Engine": _engine,
    "sqlalchemy.AsyncEngine": _engine,
    "sqlalchemy.Connection": _connection,
    "sqlalchemy.AsyncConnection": _connection,
    "sqlalchemy.Session": _session,
    "sqlalchemy.AsyncSession": _session,
    "sqlalchemy.scoped_session": _session,
}
