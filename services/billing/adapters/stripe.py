"""Stripe as the payment provider: Checkout Sessions made and looked up with the official client."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import stripe

from services.billing.domain.errors import AmountNotChargeable
from services.billing.domain.order import Order, OrderLine
from services.billing.domain.provider import CheckoutFacts
from services.billing.ports import KeySpent
from services.chassis.bulkhead import Bulkhead
from services.kernel.errors import DependencyUnavailable
from services.kernel.money import Money

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams, SessionListParams, SessionRetrieveParams

_REFUSALS_OF_AMOUNT = {"amount_too_small", "amount_too_large", "invalid_currency"}
_EXPANDED = "payment_intent.latest_charge"
_PAID = ("paid", "no_payment_required")
# ISO 4217 knows no minor unit for these, Stripe counts in hundredths.
_COUNTED_IN_HUNDREDTHS = ("ISK", "UGX")
# Their clock and ours may differ by this much.
_CLOCKS_APART = timedelta(minutes=5)
# With the retries and the pauses between them, a call stays within the default deadline of ten seconds.
TIMEOUT_SECONDS, RETRIES = 2.5, 2


class StripeGateway:
    """Calls are few and slow: a bulkhead keeps them from taking the threads of everybody else."""

    def __init__(
        self, api_key: str, api_url: str, *, timeout: float = TIMEOUT_SECONDS, at_once: int = 6, waiting: int = 4
    ) -> None:
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_url},
            http_client=stripe.RequestsClient(timeout=timeout),
            max_network_retries=RETRIES,
        )
        self._bulkhead = Bulkhead(at_once, waiting)

    def open_checkout(self, order: Order) -> CheckoutFacts:
        with self._calling():
            try:
                options: stripe.RequestOptions = {"idempotency_key": order.idempotency_key}
                return _facts(self._client.v1.checkout.sessions.create(_params(order), options))
            except stripe.InvalidRequestError as error:
                if error.code in _REFUSALS_OF_AMOUNT or "currency" in (error.param or ""):
                    minor = str(order.amount.amount_minor)
                    raise AmountNotChargeable(currency=order.amount.currency, amount_minor=minor) from None
                raise
            except stripe.APIError as error:
                if error.http_status == 500:
                    raise KeySpent from None
                raise

    def find_checkout(self, order: Order) -> CheckoutFacts | None:
        first, last = order.created_at - _CLOCKS_APART, order.key_made_at + timedelta(days=1) + _CLOCKS_APART
        params: SessionListParams = {
            "limit": 100,
            "created": {"gte": int(first.timestamp()), "lte": int(last.timestamp())},
            "expand": [f"data.{_EXPANDED}"],
        }
        with self._calling():
            sessions = self._client.v1.checkout.sessions.list(params).auto_paging_iter()
            made = [_facts(session) for session in sessions if session.client_reference_id == order.id]
        return next((facts for facts in made if facts.paid), made[0] if made else None)

    def checkout(self, session_id: str) -> CheckoutFacts | None:
        params: SessionRetrieveParams = {"expand": [_EXPANDED]}
        with self._calling():
            try:
                return _facts(self._client.v1.checkout.sessions.retrieve(session_id, params))
            except stripe.InvalidRequestError as error:
                if error.http_status == 404:
                    return None
                raise

    def checkout_of_intent(self, intent_id: str) -> CheckoutFacts | None:
        params: SessionListParams = {"payment_intent": intent_id, "limit": 1, "expand": [f"data.{_EXPANDED}"]}
        with self._calling():
            try:
                found = self._client.v1.checkout.sessions.list(params).data
            except stripe.InvalidRequestError as error:
                if error.code == "resource_missing":
                    return None
                raise
        return _facts(found[0]) if found else None

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """What went wrong on the way says nothing of what was done: the caller is told to try again."""
        with self._bulkhead.entered():
            try:
                yield
            except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
                raise DependencyUnavailable(dependency="stripe", request=error.request_id or "") from None


def _params(order: Order) -> "SessionCreateParams":
    """Made of what is stored alone: the same key must come with the same parameters."""
    reference = {"order_id": order.id, "transaction_id": order.transaction_id}
    return {
        "mode": "payment",
        "client_reference_id": order.id,
        "metadata": reference,
        "payment_intent_data": {"metadata": reference},
        "success_url": order.success_url,
        "cancel_url": order.cancel_url,
        "line_items": [_item(line) for line in order.lines],
    }


def _item(line: OrderLine) -> Any:
    price = {
        "currency": line.amount.currency.lower(),
        "unit_amount": line.amount.amount_minor * _scale(line.amount.currency),
        "product_data": {"name": line.course_title, "metadata": {"course_id": line.course_id}},
    }
    return {"quantity": 1, "price_data": price}


def _facts(session: Any) -> CheckoutFacts:
    intent = session.payment_intent
    # Not expanded in what `create` answers; a session that was just made has none anyway.
    intent = None if isinstance(intent, str) else intent
    charge = intent.latest_charge if intent else None
    taken = charge if charge and charge.paid else None
    paid = session.status == "complete" and session.payment_status in _PAID
    dead = intent is not None and intent.status in ("requires_payment_method", "canceled")
    currency = session.currency.upper()
    details = taken.payment_method_details if taken else None
    return CheckoutFacts(
        session_id=session.id,
        order_id=_uuid(session.client_reference_id),
        url=session.url or "",
        expires_at=_moment(session.expires_at),
        amount=Money(currency, session.amount_total // _scale(currency)),
        paid=paid,
        over=session.status == "expired" or (session.status == "complete" and not paid and dead),
        refunded=bool(taken and taken.refunded),
        intent_id=intent.id if intent else "",
        method=details.type if details else "",
        paid_at=_moment(taken.created) if taken else None,
    )


def _uuid(reference: str | None) -> str:
    """Whose session it is; empty for those that somebody else makes with the same account."""
    try:
        return str(UUID(reference)) if reference else ""
    except ValueError:
        return ""


def _scale(currency: str) -> int:
    return 100 if currency in _COUNTED_IN_HUNDREDTHS else 1


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
