"""What follows here from events; even from identity's own, so that a decision and its effect are two transactions."""

from campus.identity.v1 import events_pb2

from services.chassis.bus import Envelope, Subscription
from services.identity import commands
from services.identity.ports import Store
from services.kernel.clock import Clock


class Consumers:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    @property
    def subscriptions(self) -> list[Subscription]:
        return [
            Subscription(events_pb2.InstructorApplicationApproved, self.on_instructor_application_approved),
        ]

    def on_instructor_application_approved(
        self, message: events_pb2.InstructorApplicationApproved, envelope: Envelope
    ) -> None:
        commands.admit_instructor(commands.AdmitInstructor(message.user_id, envelope.actor), self._store, self._clock)
