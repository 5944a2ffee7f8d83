"""Other services' events in, our commands out."""

from campus.billing.v1 import events_pb2 as billing
from campus.certification.v1 import events_pb2 as certification
from campus.identity.v1 import events_pb2 as identity
from campus.learning.v1 import events_pb2 as learning

from services.chassis.bus import Envelope, Subscription
from services.kernel.clock import Clock
from services.messaging import commands, wire
from services.messaging.domain import occasions
from services.messaging.ports import Announcer, Courses, Store


class Consumers:
    """What happens in the mesh that users are told of."""

    def __init__(self, store: Store, courses: Courses, announcer: Announcer, site: str, clock: Clock) -> None:
        self._store, self._courses, self._announcer, self._clock = store, courses, announcer, clock
        self._site = site

    @property
    def subscriptions(self) -> list[Subscription]:
        return [
            Subscription(identity.UserRegistered, self.on_user_registered),
            Subscription(billing.PaymentSucceeded, self.on_payment_succeeded),
            Subscription(billing.PaymentFailed, self.on_payment_failed),
            Subscription(learning.EnrollmentCreated, self.on_enrollment_created),
            Subscription(certification.CertificateIssued, self.on_certificate_issued),
        ]

    def on_user_registered(self, message: identity.UserRegistered, envelope: Envelope) -> None:
        self._notify(envelope, message.user_id, message.user_id, "", occasions.Welcome())

    def on_payment_succeeded(self, message: billing.PaymentSucceeded, envelope: Envelope) -> None:
        occasion = occasions.PaymentSucceeded(wire.money(message.amount), message.transaction_id)
        self._notify(envelope, message.user_id, message.transaction_id, message.course_id, occasion)

    def on_payment_failed(self, message: billing.PaymentFailed, envelope: Envelope) -> None:
        why = wire.why_it_failed(message.failure_code)
        occasion = occasions.PaymentFailed(wire.money(message.amount), message.transaction_id, why)
        self._notify(envelope, message.user_id, message.transaction_id, message.course_id, occasion)

    def on_enrollment_created(self, message: learning.EnrollmentCreated, envelope: Envelope) -> None:
        occasion = occasions.EnrollmentCreated()
        self._notify(envelope, message.user_id, message.enrollment_id, message.course_id, occasion)

    def on_certificate_issued(self, message: certification.CertificateIssued, envelope: Envelope) -> None:
        occasion = occasions.CertificateIssued(f"{self._site}/verify/{message.code}")
        self._notify(envelope, message.user_id, message.certificate_id, message.course_id, occasion)

    def _notify(
        self, envelope: Envelope, user_id: str, about_id: str, course_id: str, occasion: occasions.Occasion
    ) -> None:
        command = commands.Notify(envelope.event_id, user_id, about_id, course_id, occasion)
        commands.notify(command, self._store, self._courses, self._announcer, self._clock)
