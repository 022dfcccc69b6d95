"""`Memo`: where results are kept, and the decorator that keeps them there."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, overload

from sqlmem.clock import Clock, SystemClock
from sqlmem.dependencies import Source, listening
from sqlmem.engine import CachingEngine
from sqlmem.memo.flights import running
from sqlmem.memo.function import Function
from sqlmem.memo.identity import check
from sqlmem.memo.opening import beside, open_store
from sqlmem.memo.options import options as checked_options
from sqlmem.memo.shared import Shared, secret_of
from sqlmem.memo.surface import Memoized, decorated

P = ParamSpec("P")
R = TypeVar("R")


class _Unset:
    """No store was named."""


class Memo:
    """Remembers what functions return, across restarts, until a table that they read is invalidated.

        memo = Memo("memo.db")

        @memo
        def report(region, *, year): ...

    Safe for use by many threads, tasks and processes.

    Args:
        store: a path; a database URL or Engine; a Redis URL or any dogpile.cache region; any object with get,
            set and delete; a list of these, the fast ones first; None to remember nothing.
        engine: a CachingEngine, or several, that the functions read through. Without a store, results are
            kept beside the engine's snapshot. Functions may read through other engines too.
        secret: signs each record; what isn't signed by it is refused. Needed where others can write to the
            store: reading a pickle runs what is in it.
        clock: for tests.
    """

    def __init__(
        self,
        store: Any = _Unset,
        *,
        engine: CachingEngine | Sequence[CachingEngine] | None = None,
        secret: bytes | str | None = None,
        clock: Clock | None = None,
    ) -> None:
        engines = [engine] if isinstance(engine, CachingEngine) else list(engine or ())
        if not all(isinstance(each, CachingEngine) for each in engines):
            raise TypeError("engine must be a CachingEngine, or several")
        if store is _Unset:
            if not engines:
                raise TypeError(
                    "say where results are kept: Memo(path), Memo(url), Memo(engine=…) or Memo(None)"
                )
            store = beside(engines[0])
        opened = open_store(store)
        sources: list[Source] = [each._core.registry for each in engines]  # noqa: SLF001 - one package
        self._shared: Shared | None = None
        if opened is not None:
            self._shared = Shared(opened, clock or SystemClock(), secret_of(secret), sources)

    @overload
    def __call__(self, function: Callable[P, R], /) -> Memoized[P, R]: ...

    @overload
    def __call__(self, /, **options: Any) -> Callable[[Callable[P, R]], Memoized[P, R]]: ...

    def __call__(self, function: Any = None, /, **options: Any) -> Any:
        """Decorate a function.

        Args:
            name: stands for module and qualified name, so that the function can be moved.
            version: part of the key; another one forgets what was remembered.
            code: whether the function's source is part of the key.
            ignore: arguments that aren't part of the key; also names that an inner function closes over.
            require: arguments without which a call isn't remembered.
            typed: whether 1, 1.0 and True are different arguments.
            defaults: whether a default is part of the key where the argument is left out.
            key: from the arguments, what stands for them in the key.
            maxsize: how many results are kept, those used last; None for all, 0 for none.
            ttl: seconds for which a result is good.
            cache_if: from the value, whether to keep it.
            valid: from the record, whether it may still be served.
            exceptions: which are kept: True, types, or a function of the exception.
            reraise: which of those kept are raised again, likewise; else the function is called again.
            record: which arguments are kept as JSON beside the result, and "return" for the value: True for
                all, names, or a function of the arguments and the value that returns a dict.
            serializer: "pickle", "json", a module's name (dill, cloudpickle, …), or an object with dumps and
                loads.
            tables: that the function reads where it can't be seen, in threads that it starts.

        Raises:
            TypeError, ValueError: the function can't be memoized, or an option can't be used.
        """
        chosen = checked_options(options)

        def decorate(function: Callable[..., Any]) -> Any:
            check(function)
            if self._shared is None:
                shared = Shared(open_store(":memory:"), SystemClock(), None, ())  # type: ignore[arg-type]
                return decorated(function, Function(shared, function, chosen), is_off=True)
            memoized = Function(self._shared, function, chosen)
            self._shared.unwritten.append(memoized.write_used)
            return decorated(function, memoized)

        return decorate if function is None else decorate(function)

    def bind(self, function: Callable[P, R]) -> Callable[P, R]:
        """Carry the present call into a worker: what `function` reads there counts as read here."""
        listener, node = listening.get(), running.get()

        def enter() -> tuple[Any, Any]:
            return listening.set(listener), running.set(node)

        def leave(tokens: tuple[Any, Any]) -> None:
            listening.reset(tokens[0])
            running.reset(tokens[1])

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def bound_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                tokens = enter()
                try:
                    return await function(*args, **kwargs)
                finally:
                    leave(tokens)

            return bound_async  # type: ignore[return-value]

        @functools.wraps(function)
        def bound(*args: P.args, **kwargs: P.kwargs) -> R:
            tokens = enter()
            try:
                return function(*args, **kwargs)
            finally:
                leave(tokens)

        return bound

    def clear(self) -> None:
        """Forget everything in the store, of all functions."""
        if self._shared is not None:
            self._shared.store.clear(None)

    def close(self) -> None:
        """Write what isn't written yet and close the store. Idempotent. Functions then run without a memo."""
        if self._shared is not None:
            self._shared.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
