"""One memoized function: its key, what is found under it, and the way of a call that isn't found.

    found: signature, ttl, tokens, serializer, `valid` ── in that order; whatever fails is a miss
    else: flight ── claim ── body, recorded ── stored if its tables are still of the eras that it read

Rule 1: what the store does wrong costs a computation. It is said once, and never raised.
Rule 2: no lock and no transaction is held while the body runs.
"""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlmem.dependencies import listening
from sqlmem.logs import log
from sqlmem.memo.binding import MISSING, make_binder
from sqlmem.memo.claims import NESTED_PATIENCE_SECONDS, PATIENCE_SECONDS
from sqlmem.memo.encoding import Encoder, Unkeyed, text
from sqlmem.memo.flights import Flight, Node, running
from sqlmem.memo.identity import identity, name_of
from sqlmem.memo.options import Options, check_names
from sqlmem.memo.record import (
    EXCEPTION,
    VALUE,
    Reads,
    Record,
    Row,
    Stored,
    earlier,
    is_signed,
    json_text,
    reads_from_text,
    reads_to_text,
    sign,
)
from sqlmem.memo.recording import Recording, first_end, sources_of
from sqlmem.memo.steps import Ask, Hang, Run, Sleep, Wait, Way

if TYPE_CHECKING:
    from sqlmem.memo.shared import Shared

# Of the times that records were last used, so many wait at most to be written.
_MOST_UNWRITTEN = 1000
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.001, 0.05


class Raised:
    """A stored exception, to be raised again."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Outcome:
    """What a body came to: a value or an error."""

    __slots__ = ("error", "is_kept", "is_outdated", "value")

    def __init__(self, value: Any, error: Exception | None) -> None:
        self.value = value
        self.error = error
        self.is_kept = False
        self.is_outdated = False


class Function:
    """Safe for use by many threads."""

    def __init__(self, shared: Shared, function: Callable[..., Any], options: Options) -> None:
        self.shared = shared
        self.function = function
        self.options = options
        self.name = options.name if options.name is not None else name_of(function)
        self.signature = inspect.signature(function)
        code = getattr(inspect.unwrap(function), "__code__", None)
        check_names(options, self.signature, code.co_freevars if code else ())
        self.identity = identity(
            function,
            name=options.name,
            version=options.version,
            code=options.code,
            ignore=options.ignore,
            typed=options.typed,
        )
        self._binder = make_binder(self.signature, defaults=options.defaults)
        self._given_binder = make_binder(self.signature, defaults=False)
        self._full_binder = make_binder(self.signature, defaults=True)
        # name, the name as it is encoded (None if it is ignored), whether names among its keywords may be
        self._parameters = [
            (
                name,
                None if name in options.ignore else text(name),
                bool(options.ignore) and parameter.kind is inspect.Parameter.VAR_KEYWORD,
            )
            for name, parameter in self.signature.parameters.items()
        ]
        self._hits = itertools.count()
        self._misses = itertools.count()
        self._hit_base = self._miss_base = 0
        self._has_warned: set[str] = set()
        self._used: dict[str, float] = {}  # key -> when, not written yet

    # -- the key ---------------------------------------------------------------------------

    def key_of(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> str | None:
        """The key; None if the call doesn't bind, or isn't to be remembered.

        Raises:
            Unkeyed: an argument has no canonical form.
        """
        options = self.options
        if options.require and not options.require <= self._given(arguments, keywords):
            return None
        try:
            values = self._binder(*arguments, **keywords)
        except TypeError:
            return None
        encoder = Encoder(typed=options.typed)
        get = encoder.table.get
        parts = [self.identity]
        name = "key"
        try:
            if options.key is not None:
                parts.append(encoder.encode(options.key(*arguments, **keywords)))
            else:
                for (name, encoded, is_filtered), value in zip(  # noqa: B007 - named in the error below
                    self._parameters, values, strict=True
                ):
                    if encoded is None or value is MISSING:
                        continue
                    parts.append(encoded)
                    handler = get(type(value))
                    if is_filtered:
                        kept = {key: value[key] for key in value if key not in options.ignore}
                        parts.append(encoder.encode(kept))
                    elif handler is not None:
                        parts.append(handler(encoder, value))
                    else:
                        parts.append(encoder.encode(value))
        except Unkeyed as unkeyed:
            raise Unkeyed(f"argument {name}{unkeyed.path} of {self.name}", unkeyed.reason) from None
        return sha256(b"".join(parts)).hexdigest()

    def check_call(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
        """Raise TypeError if the arguments aren't those of the function."""
        self._full_binder(*arguments, **keywords)

    def _given(self, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> set[str]:
        """The names of the arguments that a call gives itself, not by their defaults."""
        try:
            values = self._given_binder(*arguments, **keywords)
        except TypeError:
            return set()
        names = zip(self.signature.parameters, values, strict=True)
        return {name for name, value in names if value is not MISSING}

    # -- what is found ---------------------------------------------------------------------

    def look(self, key: str) -> Any:
        """The value, or what was raised (`Raised`); `MISSING` if there is none that may be served."""
        try:
            stored = self.shared.store.get(key)
        except Exception as error:  # noqa: BLE001 - whatever a database raises is a miss
            self.shared.failed(error)
            return MISSING
        if stored is None:
            return MISSING
        return self.open(key, stored)

    def open(self, key: str, stored: Stored) -> Any:
        """As `look`, for a record at hand."""
        reads = self._checked(key, stored)
        if reads is None:
            return MISSING
        value = self.load(key, stored)
        if value is MISSING:
            return MISSING
        options = self.options
        if stored.kind == EXCEPTION:
            if options.reraise is None or not isinstance(value, BaseException) or not options.reraise(value):
                return MISSING
            value = Raised(value)
        if options.valid is not None:
            row = Row(key, self.name, stored, stored.created, None, None)
            if not options.valid(Record(row, self.load)):
                return MISSING
        if reads:
            listener = listening.get()
            if isinstance(listener, Recording):
                listener.add_inner(self.shared.eras.restored(reads))
        self._used[key] = self.shared.clock.wall()
        if len(self._used) > _MOST_UNWRITTEN:
            self.shared.ask(self.write_used)
        return value

    def _checked(self, key: str, stored: Stored) -> Mapping[str, Reads] | None:
        """What a record was made from; None if it may not be served."""
        shared, options = self.shared, self.options
        if not self.is_trusted(key, stored):
            log.warning(
                "memo: a record of {} isn't signed by this secret, or is of another serializer", self.name
            )
            return None
        if stored.expires is not None or options.ttl is not None:
            now = shared.clock.wall()
            end = earlier(stored.expires, None if options.ttl is None else stored.created + options.ttl)
            # From the future: the clock was set back, and how old it is nobody knows.
            if end is None or now >= end or stored.created > now:
                return None
        if not stored.reads:
            return _NOTHING
        try:
            reads = reads_from_text(stored.reads)
            return reads if shared.eras.are_in_force(reads) else None
        except Exception as error:  # noqa: BLE001 - damage, or whatever a database raises
            shared.failed(error)
            return None

    def is_trusted(self, key: str, stored: Stored) -> bool:
        """Whether the bytes may be given to the serializer."""
        secret = self.shared.secret
        return stored.serializer == self.options.serializer_name and (
            secret is None or is_signed(secret, key, stored)
        )

    def load(self, key: str, stored: Stored) -> Any:
        """The value of a record; `MISSING` if it can't be read."""
        del key
        try:
            return self.options.serializer.loads(stored.payload)
        except Exception as error:  # noqa: BLE001 - damaged bytes, a class that is gone: whatever it raises
            log.warning("memo: a value of {} can't be read ({})", self.name, type(error).__name__)
            return MISSING

    # -- a call that isn't found -----------------------------------------------------------

    def way(
        self, key: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any], *, is_forced: bool = False
    ) -> Way:
        """See `steps`. Returns the value, or what is to be raised (`Raised`).

        Args:
            is_forced: compute in any case.
        """
        shared = self.shared
        node = Node(running.get())
        flight: Flight | None = None
        # What is not kept for another reason wouldn't be kept the next time either.
        may_retry = True
        try:
            while True:
                bell = yield Hang()
                flight = shared.flights.join(key, node, bell.ring, blocks=bell.blocks)
                if flight is not None and flight.node is node:
                    is_ours, found = yield from self._claimed(key, node, is_forced=is_forced)
                    if found is not MISSING:
                        return self.hit(found)
                    outcome = yield from self._compute(key, node, arguments, keywords, is_ours=is_ours)
                    may_retry = outcome.is_kept or outcome.is_outdated
                    return _result(outcome)
                if flight is not None:
                    yield Wait(bell)
                    shared.flights.leave(flight, node)
                    if is_forced:
                        continue
                    found = yield Ask(lambda: self.look(key))
                    if found is not MISSING:
                        return self.hit(found)
                    if flight.may_retry:
                        continue
                return _result((yield from self._compute(key, node, arguments, keywords, is_ours=False)))
        finally:
            # Wherever it was stopped: who leads ends the flight, who waits is no longer waited with.
            if shared.flights.leads(key, node):
                shared.claims.release(key)
                shared.flights.end(key, node, may_retry=may_retry)
            elif flight is not None:
                shared.flights.leave(flight, node)

    def _claimed(self, key: str, node: Node, *, is_forced: bool) -> Way:
        """Claim the key, or wait for who has. Returns whether it is ours, and what was found meanwhile."""
        shared = self.shared
        patience = PATIENCE_SECONDS if node.parent is None else NESTED_PATIENCE_SECONDS
        began, pause = shared.clock.monotonic(), _FIRST_PAUSE_SECONDS
        while True:
            is_ours = yield Ask(lambda: shared.ask(lambda: shared.claims.take(key, self.name)))
            # Also with the claim: its last owner may have stored the result just before.
            found = MISSING if is_forced else (yield Ask(lambda: self.look(key)))
            if is_ours is None or is_ours or found is not MISSING:
                return bool(is_ours), found
            yield Sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
            is_patient = node.parent is None and shared.store.tells_owners
            if not is_patient and shared.clock.monotonic() - began > patience:
                return False, MISSING

    def _compute(
        self,
        key: str,
        node: Node,
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        *,
        is_ours: bool,
    ) -> Way:
        """Run the body, and keep what it comes to if the claim is ours. Returns an `Outcome`."""
        shared, options = self.shared, self.options
        next(self._misses)
        recording = Recording(shared.clock, shared.eras.settle)
        if options.tables:
            yield Ask(lambda: recording.add_tables(options.tables, sources_of(shared.sources)))
        created, began = shared.clock.wall(), shared.clock.monotonic()
        error: Exception | None = None
        value = None
        try:
            value = yield Run(recording, node)
        except Exception as raised:  # noqa: BLE001 - the caller's; it is raised again
            error = raised
        runtime = shared.clock.monotonic() - began
        outcome = Outcome(value, error)
        reads = recording.reads()
        outer = listening.get()
        if isinstance(outer, Recording):
            outer.add_inner(reads)
            outer.obstacle = outer.obstacle or recording.obstacle
        if not is_ours or not self._is_wanted(value, error):
            return outcome
        payload = self._dumped(value if error is None else error)
        if payload is None:
            return outcome

        def keep() -> None:
            self._keep(key, outcome, payload, reads, recording, created, runtime, (arguments, keywords))

        yield Ask(lambda: shared.ask(keep))
        return outcome

    def _is_wanted(self, value: Any, error: Exception | None) -> bool:
        options = self.options
        if options.maxsize == 0:
            return False
        if error is not None:
            return options.exceptions is not None and options.exceptions(error)
        return options.cache_if is None or bool(options.cache_if(value))

    def _dumped(self, value: Any) -> bytes | None:
        try:
            return bytes(self.options.serializer.dumps(value))
        except Exception as error:  # noqa: BLE001 - whatever a serializer raises: the value is the caller's
            self.warn(
                "value",
                f"a {type(value).__qualname__} that {self.name} returned can't be stored with "
                f"{self.options.serializer_name} ({type(error).__name__}); it is computed each time",
            )
            return None

    def _keep(
        self,
        key: str,
        outcome: Outcome,
        payload: bytes,
        reads: Mapping[str, Reads],
        recording: Recording,
        created: float,
        runtime: float,
        call: tuple[tuple[Any, ...], Mapping[str, Any]],
    ) -> None:
        shared, options = self.shared, self.options
        end = earlier(first_end(reads), None if options.ttl is None else created + options.ttl)
        reads = shared.eras.translated(reads)
        if recording.obstacle is not None or not shared.eras.are_in_force(reads):
            outcome.is_outdated = True
            log.debug(
                "memo: {} isn't kept: {}", self.name, recording.obstacle or "what it read was invalidated"
            )
            return
        if end is not None and end <= shared.clock.wall():
            return
        row = self.row(key, outcome, payload, reads, created, end, runtime, call)
        outcome.is_kept = shared.store.put(row, owner=shared.claims.owner)
        shared.claims.ended(key)
        outcome.is_outdated = not outcome.is_kept
        self._bound()

    def row(
        self,
        key: str,
        outcome: Outcome,
        payload: bytes,
        reads: Mapping[str, Reads],
        created: float,
        end: float | None,
        runtime: float,
        call: tuple[tuple[Any, ...], Mapping[str, Any]],
    ) -> Row:
        kind = VALUE if outcome.error is None else EXCEPTION
        name = self.options.serializer_name
        stored = Stored(payload, kind, name, reads_to_text(reads), created, end, None, runtime)
        if self.shared.secret is not None:
            stored = stored._replace(signature=sign(self.shared.secret, key, stored))
        arguments, value = self._recorded(outcome, call)
        return Row(key, self.name, stored, self.shared.clock.wall(), arguments, value)

    def _recorded(
        self, outcome: Outcome, call: tuple[tuple[Any, ...], Mapping[str, Any]]
    ) -> tuple[str | None, str | None]:
        """The arguments and the value as JSON, as far as `record` asks for them."""
        record = self.options.record
        if record is None:
            return None, None
        arguments = dict(zip(self.signature.parameters, self._full_binder(*call[0], **call[1]), strict=True))
        error = outcome.error
        value = outcome.value if error is None else f"{type(error).__name__}: {error}"
        if callable(record):
            made = dict(record(arguments, value))
            shown = json_text(made.pop("return")) if "return" in made else None
            return json_text(made), shown
        if record is not True:
            arguments = {name: each for name, each in arguments.items() if name in record}
        return json_text(arguments), json_text(value) if record is True or "return" in record else None

    # -- counts and retention --------------------------------------------------------------

    def hit(self, found: Any) -> Any:
        next(self._hits)
        return found

    def counts(self) -> tuple[int, int]:
        """Hits and misses."""
        return _read(self._hits) - self._hit_base, _read(self._misses) - self._miss_base

    def reset_counts(self) -> None:
        self._hit_base, self._miss_base = _read(self._hits), _read(self._misses)

    def count_miss(self) -> None:
        next(self._misses)

    def write_used(self) -> None:
        """Write when records were last used."""
        used, self._used = self._used, {}
        if used:
            self.shared.store.touch(used)

    def _bound(self) -> None:
        """Keep `maxsize`, and what is unwritten within bounds."""
        maxsize = self.options.maxsize
        if maxsize is not None and self.shared.store.count(self.name) > maxsize:
            self.write_used()
            self.shared.store.trim(self.name, maxsize)

    def warn(self, about: str, message: str) -> None:
        if about not in self._has_warned:
            self._has_warned.add(about)
            warnings.warn(message, RuntimeWarning, stacklevel=2)


_NOTHING: Mapping[str, Reads] = {}


def _result(outcome: Outcome) -> Any:
    return outcome.value if outcome.error is None else Raised(outcome.error)


def _read(counter: Any) -> int:
    """What a counter would give next, without taking it."""
    return int(repr(counter)[6:-1])
