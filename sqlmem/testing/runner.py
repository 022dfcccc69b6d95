"""One run: make the tables, ask every statement on both sides and in every phase, drop the tables.

Statements go in batches. A batch is asked of a new engine (cold, and at once again: warm), of an engine that
came back from the first one's snapshot (restarted), and of that one after `invalidate()` (invalidated).
"""

from __future__ import annotations

import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, make_url

from sqlmem.engine import CachingEngine
from sqlmem.errors import SqlmemError
from sqlmem.model import Outcome
from sqlmem.statuses import last_status
from sqlmem.testing import asking, tables
from sqlmem.testing.asking import Answer
from sqlmem.testing.families import family_of
from sqlmem.testing.options import Options, RunError
from sqlmem.testing.report import Difference, Report
from sqlmem.testing.script import script_of
from sqlmem.testing.servers import suited
from sqlmem.testing.shrinking import Asked, Bench, Found, Smallest, shrunk
from sqlmem.testing.statements import Statements
from sqlmem.testing.tree import Statement

# The share of the batches in which sqlmem also verifies itself; it must find nothing.
_VERIFIED = 0.1
# How often the origin is asked again what it has answered through sqlmem otherwise than before: an order may
# hang on where rows happen to lie.
_ASKED_AGAIN = 10
_THE_ORIGINS = (Outcome.BYPASS, Outcome.RESULT_HIT)


@dataclass(slots=True)
class _Tally:
    """What a run counts; each statement once."""

    statements: int = 0
    errors: int = 0
    local: int = 0
    changing: set[int] = field(default_factory=set)
    bypasses: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    refused: set[int] = field(default_factory=set)
    found: list[Found] = field(default_factory=list)
    wrong: set[int] = field(default_factory=set)


# What puts values together, in the order in which they come if none is said.
_PUT_TOGETHER = re.compile(r"\b(group_concat|array_?agg|string_agg|json_agg)\b", re.IGNORECASE)
# What adds floats up, whose last digits depend on that order.
_ADDED_UP = re.compile(
    r"\b(sum|avg|total|std|stddev\w*|variance|(co)?var_(pop|samp)|corr|regr_\w+)\s*\(", re.IGNORECASE
)


def differs_by_order(question: asking.Question, one: Answer, other: Answer) -> bool:
    """Whether two answers may be those of the same rows, put together or added up in two orders."""
    is_put_together = _PUT_TOGETHER.search(question.text) is not None
    is_added_up = _ADDED_UP.search(question.text) is not None
    if not (is_put_together or is_added_up):
        return False

    def loosened(value: Any) -> Any:
        """Floats rounded to nine digits; letters of a text and items of a list sorted."""
        if is_added_up and isinstance(value, float):
            return float(f"{value:.9g}")
        if is_put_together and isinstance(value, str):
            return "".join(sorted(value))
        if isinstance(value, list | tuple):
            items = map(loosened, value)
            return tuple(sorted(items, key=repr) if is_put_together else items)
        return value

    loose = [
        replace(answer, rows=[tuple(map(loosened, row)) for row in answer.rows]) for answer in (one, other)
    ]
    return asking.difference(*loose, is_ordered=question.is_ordered) is None


def run(url: str | URL, **options: Any) -> Report:
    """Compare sqlmem with the bare engine on generated statements.

    The tables are made in the database of the URL, under names that begin with `sqlmem_testing_`, and
    dropped at the end, whatever happens.

    Args:
        url: of SQLite, PostgreSQL, MariaDB or MySQL, with a synchronous driver.
        **options: see `Options`.

    Raises:
        RunError: an option that can't be used.
        ExistingTable: a table of that name is there. Nothing was touched.
        UnknownOrigin: another dialect.
        sqlalchemy.exc.SQLAlchemyError: the database can't be reached, or the tables can't be made.
    """
    return Run(make_url(url), Options(**options)).report()


class Run:
    """A run under way."""

    def __init__(self, url: URL, options: Options) -> None:
        self.url = url
        self.options = options
        self._rng = random.Random(options.seed)
        self.family = family_of(url.get_backend_name(), self._rng, options.rows)
        self._tally = _Tally()

    def report(self) -> Report:
        """Do it all."""
        started = perf_counter()
        with self._engines() as (base, wrapped):
            self.family = suited(self.family, base)
            tables.refuse_existing(base, self.family.tables)
            bench = Bench(base, wrapped, self.family, self.options.making)
            try:
                bench.make(self.family.tables)
                self._all_batches(base, wrapped)
                differences = self._differences(bench)
            finally:
                tables.drop(base, self.family.tables)
        return self._reported(differences, perf_counter() - started)

    @contextmanager
    def _engines(self) -> Iterator[tuple[Engine, Engine]]:
        # Two, so that nothing that sqlmem does to its own is done to the bare one.
        base, wrapped = create_engine(self.url), create_engine(self.url)
        with ExitStack() as stack:
            stack.callback(base.dispose)
            stack.callback(wrapped.dispose)
            if base.dialect.is_async:
                raise RunError(f"the URL must name a synchronous driver, got {self.url.drivername}")
            yield base, wrapped

    def _all_batches(self, base: Engine, wrapped: Engine) -> None:
        options = self.options
        supply = Statements(self._rng, self.family, with_joins=options.mode == "transparent")
        paramstyle = asking.paramstyle_of(base)
        with base.connect() as bare, tempfile.TemporaryDirectory(prefix="sqlmem-testing-") as folder:
            while self._tally.statements < options.statements:
                # Small batches too: in a large one, few statements find their columns missing.
                size = max(options.batch // self._rng.choice((1, 1, 1, 4, 20)), 1)
                count = min(size, options.statements - self._tally.statements)
                batch = [self._ask_bare(bare, supply.next(), paramstyle) for _ in range(count)]
                self._batch(bare, wrapped, batch, Path(folder))
                self._tally.statements += count
                if options.on_progress is not None:
                    options.on_progress(self._tally.statements, len(self._tally.wrong))
                most = options.max_differences
                if most is not None and len(self._tally.wrong) >= most:
                    return

    def _ask_bare(self, bare: Connection, statement: Statement, paramstyle: str) -> Asked:
        asked = asking.question(statement, paramstyle)
        return Asked(statement, asked, asking.ask_bare(bare, asked))

    def _batch(self, bare: Connection, wrapped: Engine, batch: Sequence[Asked], folder: Path) -> None:
        phases = self.options.phases
        path = folder / f"{self._tally.statements}.db"
        self._tally.errors += sum(asked.expected.error is not None for asked in batch)
        again: list[int] = []
        with self.options.making(wrapped, cache_db=str(path)) as engine:
            for number, asked in enumerate(batch):
                if "cold" in phases:
                    self._compare(bare, engine, batch, number, "cold")
                if "warm" in phases:
                    self._compare(bare, engine, batch, number, "warm")
                # What the origin answers is its own answer in the later phases too: a few will do.
                if self._is_local(asked) or number % 10 == 0:
                    again.append(number)
        if "restarted" not in phases and "invalidated" not in phases:
            return
        settings = {"verify": 1.0} if self._rng.random() < _VERIFIED else {}
        with self.options.making(wrapped, cache_db=str(path), **settings) as engine:
            if "restarted" in phases:
                for number in again:
                    self._compare(bare, engine, batch, number, "restarted")
            if "invalidated" in phases:
                engine.invalidate()
                for number in again:
                    self._compare(bare, engine, batch, number, "invalidated")
            if settings and asking.has_quarantined(engine):
                for number in again:
                    self._compare(bare, engine, batch, number, "verified")
        path.unlink(missing_ok=True)

    def _is_local(self, asked: Asked) -> bool:
        """Whether the store gave the last answer, which is counted."""
        status = last_status()
        if asked.expected.error is not None or status is None:
            return False
        if status.outcome in (Outcome.HIT, Outcome.MISS):
            self._tally.local += 1
            return True
        if status.reason is not None:
            self._tally.bypasses[status.reason] += 1
        return False

    def _compare(
        self, bare: Connection, engine: CachingEngine, batch: Sequence[Asked], number: int, phase: str
    ) -> None:
        asked = batch[number]
        got = asking.ask_cached(engine, asked.question)
        kind = asking.difference(asked.expected, got, is_ordered=asked.question.is_ordered)
        if kind is None:
            return
        key = self._tally.statements + number
        bare.rollback()  # the time of a transaction stands still
        again = asking.ask_bare(bare, asked.question)
        if asking.difference(
            asked.expected, again, is_ordered=asked.question.is_ordered
        ) is not None or self._is_by_chance(bare, asked, got):
            self._tally.changing.add(key)
            return
        if got.error is not None and issubclass(got.error[0], SqlmemError):
            if asked.expected.error is not None:
                return  # an error at the origin too, refused by the words
            if key not in self._tally.refused:
                self._tally.refusals[got.message] += 1
            self._tally.refused.add(key)
            return
        if key not in self._tally.wrong:
            before = tuple(each.statement for each in batch[:number])
            self._tally.found.append(Found(asked, phase, kind, got, before))
        self._tally.wrong.add(key)

    def _is_by_chance(self, bare: Connection, asked: Asked, got: Answer) -> bool:
        """Whether the origin itself gives this answer too, on another connection: it chose otherwise."""
        status = last_status()
        if got.error is not None or status is None or status.outcome not in _THE_ORIGINS:
            return False
        for number in range(_ASKED_AGAIN):
            with bare.engine.connect() as other:
                if number % 2 and bare.dialect.name in ("mysql", "mariadb"):
                    other.exec_driver_sql("START TRANSACTION READ ONLY")  # as sqlmem asks
                again = asking.ask_bare(other, asked.question)
            if asking.difference(got, again, is_ordered=asked.question.is_ordered) is None:
                return True
        # Of many groups whose rows come in any order each, no two answers are the same.
        return differs_by_order(asked.question, got, asked.expected)

    def _differences(self, bench: Bench) -> tuple[Difference, ...]:
        made: list[Difference] = []
        attempts = 0
        messages: set[str] = set()  # of errors that were reduced already, without their numbers
        for found in self._tally.found:
            message = re.sub(r"\d+", "#", found.got.message or found.asked.expected.message)
            is_new = not message or message not in messages
            messages.add(message)
            shown = asking.shown(found.asked.question)
            whole = Difference(
                phase=found.phase,
                kind=found.kind,
                statement=shown,
                reduced=shown,
                expected=asking.told(found.asked.expected),
                got=asking.told(found.got),
            )
            smallest = None
            if is_new and attempts < self.options.shrunk:
                attempts += 1
                smallest = shrunk(bench, found)
            made.append(whole if smallest is None else self._reduced(whole, smallest))
        return tuple(made)

    def _reduced(self, whole: Difference, smallest: Smallest) -> Difference:
        return replace(
            whole,
            kind=smallest.seen.kind,
            reduced=asking.shown(smallest.questions[-1]),
            after=tuple(map(asking.shown, smallest.questions[:-1])),
            expected=asking.told(smallest.seen.expected),
            got=asking.told(smallest.seen.got),
            script=script_of(smallest, self.family, mode=self.options.mode),
        )

    def _reported(self, differences: tuple[Difference, ...], seconds: float) -> Report:
        tally = self._tally
        options = self.options
        shown = self.url.render_as_string(hide_password=True)
        return Report(
            family=self.family.name,
            seed=options.seed,
            statements=tally.statements,
            wrong=len(tally.wrong),
            refused=len(tally.refused),
            errors=tally.errors,
            changing=len(tally.changing),
            local=tally.local,
            bypasses=dict(tally.bypasses),
            refusals=dict(tally.refusals),
            differences=differences,
            seconds=seconds,
            command=(
                f"python -m sqlmem.testing '{shown}' --statements {options.statements} --seed {options.seed} "
                f"--rows {options.rows} --batch {options.batch}"
                + (f" --mode {options.mode}" if options.mode != "strict" else "")
            ),
        )
