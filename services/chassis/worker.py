"""Threads that do what is due in the database: woken when there is something, and looking now and then anyway."""

import threading
import time
from collections.abc import Callable

from services.chassis.telemetry import in_trace, logger

log = logger("campus.worker")

LEAVE_SECONDS = 15.0


class Worker:
    """Calls `step` until it says that nothing is left to do, then waits to be woken, or for `pause` seconds. A step
    that fails comes again after the pause. Several threads, and several processes, may share the work."""

    def __init__(self, name: str, step: Callable[[], bool], pause: float, *, threads: int = 1) -> None:
        self._name, self._step, self._pause = name, step, pause
        self._alarm, self._stopping = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._run, name=f"{name}-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Something may be due; never blocks."""
        self._alarm.set()

    def stop(self) -> None:
        """Finishes the steps at hand; one that takes too long is left to whoever looks next."""
        self._stopping.set()
        self._alarm.set()
        until = time.monotonic() + LEAVE_SECONDS
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._stepped():
                self._alarm.wait(self._pause)
                self._alarm.clear()

    def _stepped(self) -> bool:
        try:
            with in_trace(None, None, actor=f"worker:{self._name}"):
                return self._step()
        except Exception as error:
            log.warning("will be tried again", exc_info=error, extra={"fields": {"worker": self._name}})
            # Deaf to alarms: each would otherwise try anew.
            return not self._stopping.wait(self._pause)
