"""A buyer's way through billing's commands, for tests that care about where it leads."""

from services.billing import commands
from services.billing.domain.order import Order
from services.billing.domain.provider import ProviderEvent
from services.billing.ports import Store
from services.kernel.clock import Clock
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey
from tests.billing.conftest import TERMS
from tests.billing.provider import FakeCatalog, FakeGateway


class Known:
    """Reads a message that was proven elsewhere."""

    def __init__(self, event: ProviderEvent) -> None:
        self._event = event

    def read(self, payload: bytes, signature: str, now: object) -> ProviderEvent:
        return self._event


class Shop:
    def __init__(self, store: Store, gateway: FakeGateway, catalog: FakeCatalog, clock: Clock) -> None:
        self.store, self.gateway, self.catalog, self.clock = store, gateway, catalog, clock
        self.user_id = new_id()

    def start(self, course_id: str, request_id: str = "", success_url: str = "") -> Order:
        key = RequestKey(self.user_id, "StartCheckout", request_id, (course_id + success_url).encode())
        command = commands.StartCheckout(self.user_id, course_id, success_url, "", key)
        return commands.start_checkout(command, self.store, self.catalog, self.gateway, TERMS, self.clock)

    def receive(self, event: ProviderEvent) -> commands.Receipt:
        command = commands.ReceiveStripeWebhook(b"", "")
        return commands.receive_stripe_webhook(command, self.store, Known(event), self.clock)

    def act(self) -> int:
        """Acts on everything that is due; how many messages that were."""
        count = 0
        while event := commands.take_webhook(self.store, self.clock):
            commands.act_on_webhook(event, self.store, self.gateway, self.clock)
            count += 1
        return count

    def hear(self, *events: ProviderEvent) -> None:
        for event in events:
            self.receive(event)
            self.act()

    def bought(self, course_id: str | None = None) -> Order:
        order = self.start(course_id or self.catalog.has())
        self.hear(*self.gateway.pay(order))
        return order

    def look_up(self) -> list[str]:
        found = commands.overdue_checkouts(self.store, self.clock)
        for order_id in found:
            commands.settle_checkout(order_id, self.store, self.gateway, self.clock)
        return found
