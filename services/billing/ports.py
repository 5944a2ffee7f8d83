"""What billing needs from outside, in its own words."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.billing.domain.entitlement import Entitlement
from services.billing.domain.ledger import Entry
from services.billing.domain.order import Order
from services.billing.domain.payment import Payment
from services.billing.domain.provider import CheckoutFacts, FailedAttempt, ProviderEvent
from services.kernel.money import Money
from services.kernel.requests import RequestLog


class Orders(Protocol):
    def get(self, order_id: str) -> Order | None: ...

    def locked(self, order_id: str) -> Order | None:
        """As `get`, and nobody else gets it so until the transaction ends."""
        ...

    def add(self, order: Order) -> bool:
        """False when an order with this id is there already."""
        ...

    def save(self, order: Order) -> None:
        """Raises StaleVersion when someone wrote since `order` was read."""
        ...

    def take_overdue(self, now: datetime, since: datetime, keys_since: datetime, limit: int) -> list[str]:
        """The ids of open orders that nobody looked up after `since`, the longest neglected first; notes that they are
        looked up `now`. Those without a page only if their key is from before `keys_since`."""
        ...


class Payments(Protocol):
    def get(self, transaction_id: str) -> Payment | None: ...

    def add(self, payment: Payment) -> None: ...

    def add_attempt(self, payment: Payment, attempt: FailedAttempt) -> bool:
        """Remembers a failed attempt; False when it is known."""
        ...

    def save(self, payment: Payment) -> None:
        """Raises StaleVersion."""
        ...


class Entitlements(Protocol):
    def of(self, user_id: str, course_id: str) -> list[Entitlement]: ...

    def of_order(self, order_id: str) -> list[Entitlement]: ...

    def add(self, entitlement: Entitlement) -> bool:
        """False when there is one for the same order line or, without an order, a free one for the same user and
        course that wasn't taken back."""
        ...

    def save(self, entitlement: Entitlement) -> None:
        """Raises StaleVersion."""
        ...


class Ledger(Protocol):
    def post(self, entry: Entry) -> None: ...


class Webhooks(Protocol):
    """The provider's messages: each kept once, and acted upon until that succeeds."""

    def add(self, event: ProviderEvent, now: datetime, *, due: bool) -> bool:
        """False when it is known. What isn't due is kept and left alone."""
        ...

    def take_due(self, now: datetime, until: datetime) -> ProviderEvent | None:
        """One that is due, which nobody else takes before `until`."""
        ...

    def done(self, event_id: str, outcome: str, now: datetime) -> None: ...

    def failed(self, event_id: str, error: str, due_at: datetime) -> None: ...


class Tx(Protocol):
    @property
    def orders(self) -> Orders: ...

    @property
    def payments(self) -> Payments: ...

    @property
    def entitlements(self) -> Entitlements: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def webhooks(self) -> Webhooks: ...

    @property
    def requests(self) -> RequestLog: ...


class Store(Protocol):
    def begin(self) -> AbstractContextManager[Tx]:
        """One transaction: commits at the end of the block, leaves no trace when it raises."""
        ...


@dataclass(frozen=True)
class CourseFacts:
    """What catalog says of a course now."""

    course_id: str
    title: str
    instructor_id: str
    published: bool
    price: Money


class Catalog(Protocol):
    def course(self, course_id: str) -> CourseFacts | None: ...


class KeySpent(Exception):
    """The provider answers a failure of its own under this idempotency key, and repeats it as long as it remembers."""


class PaymentGateway(Protocol):
    """The payment provider. Every method may raise DependencyUnavailable: then nothing is known."""

    def open_checkout(self, order: Order) -> CheckoutFacts:
        """Makes the page for an order, or finds the one that an earlier call with the order's key made.

        Raises AmountNotChargeable, KeySpent.
        """
        ...

    def find_checkout(self, order: Order) -> CheckoutFacts | None:
        """The page that was made for an order, looked for without its key."""
        ...

    def checkout(self, session_id: str) -> CheckoutFacts | None: ...

    def checkout_of_intent(self, intent_id: str) -> CheckoutFacts | None: ...


class WebhookReader(Protocol):
    def read(self, payload: bytes, signature: str, now: datetime) -> ProviderEvent:
        """Raises WebhookSignatureInvalid, WebhookSignatureExpired or WebhookMalformed."""
        ...
