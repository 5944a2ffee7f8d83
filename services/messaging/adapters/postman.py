"""Sends what is due, in threads of its own: woken when there is something, and looking by itself now and then."""

import threading
import time
from collections.abc import Callable

from services.chassis.telemetry import logger

log = logger("campus.messaging.postman")

LEAVE_SECONDS = 15.0


class Postman:
    """`deliver_next` tries one delivery and says whether there was one; several processes may run it at once."""

    def __init__(self, deliver_next: Callable[[], bool], *, threads: int = 2, poll_seconds: float) -> None:
        self._deliver_next, self._poll_seconds = deliver_next, poll_seconds
        self._alarm, self._stopping = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._run, name=f"postman-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There is something to send; never blocks."""
        self._alarm.set()

    def stop(self) -> None:
        """Finishes the letters at hand. One that takes too long is left to its lease, and to another process."""
        self._stopping.set()
        self._alarm.set()
        until = time.monotonic() + LEAVE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._tried_one():
                self._alarm.wait(self._poll_seconds)
                self._alarm.clear()

    def _tried_one(self) -> bool:
        try:
            return self._deliver_next()
        except Exception as error:
            log.warning("a delivery can't be tried", exc_info=error)
            # Deaf to alarms: each would otherwise try anew.
            self._stopping.wait(self._poll_seconds)
            return False
