"""Learning's events in, our commands out; and the thread that prints what was issued."""

import threading
from collections.abc import Callable

from campus.learning.v1 import events_pb2

from services.certification import commands
from services.certification.domain.errors import NotEntitled
from services.certification.ports import Neighbours, Store
from services.chassis.bus import Envelope, Subscription
from services.chassis.telemetry import in_trace, logger
from services.kernel.clock import Clock

log = logger("campus.certification")


class Consumers:
    """Who completes a course gets a certificate without asking."""

    def __init__(self, store: Store, neighbours: Neighbours, issued: Callable[[], None], clock: Clock) -> None:
        """`issued` is called when a certificate was issued: someone may print it now."""
        self._store, self._neighbours, self._issued, self._clock = store, neighbours, issued, clock

    @property
    def subscriptions(self) -> list[Subscription]:
        return [Subscription(events_pb2.CourseCompleted, self.on_course_completed)]

    def on_course_completed(self, message: events_pb2.CourseCompleted, envelope: Envelope) -> None:
        """Whoever lost their entitlement since gets none now, and may ask for it when they have one again."""
        command = commands.Issue(message.user_id, message.course_id)
        try:
            commands.issue(command, self._store, self._neighbours, self._clock)
        except NotEntitled:
            log.info("completed without an entitlement", extra={"fields": {"enrollment_id": message.enrollment_id}})
            return
        self._issued()


class PrintRoom:
    """A thread that calls `step` until nothing is left to print, then waits to be woken, or for `pause` seconds."""

    def __init__(self, step: Callable[[], bool], pause: float) -> None:
        """`step` says whether there was something to print."""
        self._step, self._pause = step, pause
        self._alarm, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="print-room", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something may be due; never blocks."""
        self._alarm.set()

    def stop(self) -> None:
        """Finishes what is being printed; the rest is for the next process."""
        self._stopping.set()
        self._alarm.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._alarm.clear()
            if not self._printed_one():
                self._alarm.wait(self._pause)

    def _printed_one(self) -> bool:
        try:
            with in_trace(None, None, actor="service:certification/print-room"):
                return self._step()
        except Exception as error:
            log.warning("not printed, and due again later", exc_info=error)
            return False
