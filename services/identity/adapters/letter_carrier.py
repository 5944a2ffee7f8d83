"""Sends the letters that are due, in a thread of its own."""

import threading
from collections.abc import Callable

from services.chassis.telemetry import logger

log = logger("campus.identity.letters")

POLL_SECONDS = 1.0
LEAVE_SECONDS = 10.0


class LetterCarrier:
    """`deliver_next` tries one letter and says whether there was one; several processes may run it at once."""

    def __init__(self, deliver_next: Callable[[], bool], poll_seconds: float = POLL_SECONDS) -> None:
        self._deliver_next, self._poll_seconds = deliver_next, poll_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="letters", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finishes the letter at hand; one that takes too long is tried again when its lease is over."""
        self._stopping.set()
        self._thread.join(LEAVE_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._tried_one():
                self._stopping.wait(self._poll_seconds)

    def _tried_one(self) -> bool:
        try:
            return self._deliver_next()
        except Exception as error:
            log.warning("a letter can't be sent", exc_info=error)
            return False
