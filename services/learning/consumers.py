"""Other services' events in, our commands out."""

from datetime import UTC

from campus.billing.v1 import events_pb2, payment_service_pb2

from services.chassis.bus import Envelope, Subscription
from services.kernel.clock import Clock
from services.learning import commands
from services.learning.domain.enrollment import Entitlement, Source
from services.learning.ports import Billing, Catalog, Store

_SOURCES = {
    payment_service_pb2.ENTITLEMENT_SOURCE_PURCHASE: Source.PURCHASE,
    payment_service_pb2.ENTITLEMENT_SOURCE_FREE: Source.FREE,
}


class Consumers:
    """What billing grants and takes back decides who is enrolled."""

    def __init__(self, store: Store, billing: Billing, catalog: Catalog, clock: Clock) -> None:
        self._store, self._billing, self._catalog, self._clock = store, billing, catalog, clock

    @property
    def subscriptions(self) -> list[Subscription]:
        return [
            Subscription(events_pb2.EntitlementGranted, self.on_entitlement_granted),
            Subscription(events_pb2.EntitlementRevoked, self.on_entitlement_revoked),
        ]

    def on_entitlement_granted(self, message: events_pb2.EntitlementGranted, envelope: Envelope) -> None:
        entitlement = Entitlement(message.entitlement_id, _SOURCES[message.source], message.order_id)
        command = commands.Admit(
            message.user_id,
            message.course_id,
            entitlement,
            message.not_before.ToDatetime(UTC),
            message.not_after.ToDatetime(UTC) if message.HasField("not_after") else None,
        )
        commands.admit(command, self._store, self._catalog, self._clock)

    def on_entitlement_revoked(self, message: events_pb2.EntitlementRevoked, envelope: Envelope) -> None:
        command = commands.Withdraw(message.user_id, message.course_id, message.entitlement_id)
        commands.withdraw(command, self._store, self._billing, self._clock)
