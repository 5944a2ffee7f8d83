"""The provider's messages: kept first, acted upon after, however often and in whatever order they come."""

from dataclasses import dataclass, field
from datetime import timedelta

from services.billing.commands.settlement import settle
from services.billing.domain.provider import CheckoutFacts, ProviderEvent
from services.billing.ports import PaymentGateway, Store, WebhookReader
from services.kernel.clock import Clock

LEASE = timedelta(seconds=60)
LONGEST_PAUSE = timedelta(hours=1)
_ACTED_UPON = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.expired",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "charge.refunded",
    }
)


@dataclass(frozen=True)
class ReceiveStripeWebhook:
    payload: bytes = field(repr=False)
    signature: str = field(repr=False)


@dataclass(frozen=True)
class Receipt:
    event_id: str
    duplicate: bool


def receive_stripe_webhook(command: ReceiveStripeWebhook, store: Store, reader: WebhookReader, clock: Clock) -> Receipt:
    """Keeps the message, and no more: whoever sent it only has to know that it won't be lost."""
    now = clock()
    event = reader.read(command.payload, command.signature, now)
    with store.begin() as tx:
        new = tx.webhooks.add(event, now, due=event.type in _ACTED_UPON)
    return Receipt(event.id, duplicate=not new)


def take_webhook(store: Store, clock: Clock) -> ProviderEvent | None:
    """A message that is due. Whoever takes it and dies leaves it to the next after a while."""
    now = clock()
    with store.begin() as tx:
        return tx.webhooks.take_due(now, now + LEASE)


def act_on_webhook(event: ProviderEvent, store: Store, gateway: PaymentGateway, clock: Clock) -> None:
    """Asks the provider how the thing stands that the message is about, and settles it."""
    facts = _facts(event, gateway)
    now = clock()
    with store.begin() as tx:
        ours = facts is not None and settle(tx, facts, event.failure, now)
        tx.webhooks.done(event.id, "settled" if ours else "not ours", now)


def postpone_webhook(event: ProviderEvent, error: str, store: Store, clock: Clock) -> None:
    """What went wrong is kept; the pause doubles with every attempt."""
    pause = min(timedelta(seconds=2 ** min(event.attempts, 20)), LONGEST_PAUSE)
    with store.begin() as tx:
        tx.webhooks.failed(event.id, error, clock() + pause)


def _facts(event: ProviderEvent, gateway: PaymentGateway) -> CheckoutFacts | None:
    if event.object_kind == "checkout.session":
        return gateway.checkout(event.object_id)
    return gateway.checkout_of_intent(event.intent_id) if event.intent_id else None
