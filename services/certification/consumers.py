"""Learning's events in, our commands out; and the thread that prints what was issued."""

from collections.abc import Callable

from campus.learning.v1 import events_pb2

from services.certification import commands
from services.certification.domain.errors import NotEntitled
from services.certification.ports import Neighbours, Store
from services.chassis.bus import Envelope, Subscription
from services.chassis.telemetry import logger
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
