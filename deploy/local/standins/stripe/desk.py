"""The desk: what every piece of work shares, and the timers that work by themselves."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from deploy.local.standins.stripe.call import Call
from deploy.local.standins.stripe.clock import Clock
from deploy.local.standins.stripe.faults import Faults
from deploy.local.standins.stripe.store import Store

log = logging.getLogger(__name__)

Timer = Callable[[Call, str], None]


class Desk:
    """State, time and faults of one stand-in; woken listeners look for what a piece of work has left them."""

    def __init__(self, store: Store, clock: Clock, faults: Faults, public_url: str) -> None:
        self.store = store
        self.clock = clock
        self.faults = faults
        self.public_url = public_url
        self._listeners: list[Callable[[], None]] = []

    def call(self, request_id: str | None = None, key: str | None = None, path: dict[str, str] | None = None) -> Call:
        return Call(self.store, self.clock, self.public_url, request_id, key, path or {})

    def on_work(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def worked(self) -> None:
        for listener in self._listeners:
            listener()


class Timers:
    """Runs what is due: settlements, expiries, and whatever else a resource has put off."""

    def __init__(self, desk: Desk, actions: Mapping[str, Timer]) -> None:
        self._desk = desk
        self._actions = actions
        self._next: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Look as soon as the answer under way is out, and before the next call is read."""
        asyncio.get_running_loop().call_soon(self._round)

    def stop(self) -> None:
        if self._next is not None:
            self._next.cancel()

    def _round(self) -> None:
        self.stop()
        if self.run_due():
            self._desk.worked()
        pause = self._pause()
        self._next = None if pause is None else asyncio.get_running_loop().call_later(pause, self._round)

    def run_due(self) -> int:
        """Run everything that is due now, the earliest first, each in a transaction of its own."""
        ran = 0
        while True:
            row = self._desk.store.sql.execute(
                "SELECT action, target FROM timers WHERE due <= ? ORDER BY due LIMIT 1", (self._desk.clock.now(),)
            ).fetchone()
            if row is None:
                return ran
            self._run(row["action"], row["target"])
            ran += 1

    def _run(self, action: str, target: str) -> None:
        sql = self._desk.store.sql
        with self._desk.store.transaction():
            sql.execute("DELETE FROM timers WHERE action = ? AND target = ?", (action, target))
            try:
                with self._desk.store.undo_on_error():
                    self._actions[action](self._desk.call(), target)
            except Exception:
                # A timer that cannot run is dropped with a line in the log; it must not stop the others.
                log.exception("timer %s of %s failed", action, target)

    def _pause(self) -> float | None:
        row = self._desk.store.sql.execute("SELECT min(due) AS due FROM timers").fetchone()
        return None if row["due"] is None else max(0.0, float(row["due"]) - self._desk.clock.now())
