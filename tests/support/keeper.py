"""What an engine has of persistence, without the engine, for scripts that tests run as processes.

keeper = Keeper(sys.argv[1])
keeper.publish(3)            # a table of three rows, unwritten
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from support.held import FACTS, ORDERS, OWNER, orders

from sqlmem.clock import SystemClock
from sqlmem.logs import log
from sqlmem.maintenance import Maintenance
from sqlmem.registry import Registry
from sqlmem.store import Store


class Keeper:
    def __init__(self, path: str, **more: Any) -> None:
        log.add(lambda message: say("warning", message.record["message"]), level="WARNING")
        self.clock = SystemClock()
        self.store = Store()
        self.registry = Registry(self.clock, lambda _table: None)
        self.maintenance = Maintenance(
            store=self.store,
            registry=self.registry,
            clock=self.clock,
            path=Path(path),
            interval_seconds=3600,
            owner=OWNER,
            facts=lambda: FACTS,
            **more,
        )
        self.maintenance.start()

    def publish(self, rows: int) -> None:
        held = orders(self.store, self.clock, range(rows))
        state = self.registry.define((None, "orders"), ORDERS)
        assert state is not None
        if state.generation is not None:
            old = state.generation
            self.registry.evict(state, old)  # what is fresh isn't filled again
            self.store.retire(old)
        lease: Any = self.registry.lease(state, list(held.generation.columns), version=state.version)
        self.registry.publish(lease, held.generation)

    def rows(self) -> int:
        """How many rows the store answers with."""
        state = self.registry.resolve((None, "orders"))
        assert state is not None
        assert state.generation is not None
        found = self.store.query((state.generation,), "SELECT count(*) FROM main.data", ())
        return int(found[0][0])


def say(*words: object) -> None:
    """One line to the test; nothing is buffered, so that nothing is said twice after a fork."""
    os.write(1, " ".join(map(str, words)).encode() + b"\n")


def environment() -> dict[str, str]:
    """For a process that imports what this one can."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
