"""Calls that many tests make alike."""

from typing import Any

import stripe

CARD = {"confirm": True, "payment_method_types": ["card"]}


def session_params(amount: int = 4900, **more: Any) -> dict[str, Any]:
    price = {"currency": "usd", "unit_amount": amount, "product_data": {"name": "Latin for beginners"}}
    return {
        "mode": "payment",
        "success_url": "http://localhost:8080/done?session={CHECKOUT_SESSION_ID}",
        "line_items": [{"price_data": price, "quantity": 1}],
        **more,
    }


def paid_intent(client: Any, amount: int = 1000, **more: Any) -> Any:
    params = {"amount": amount, "currency": "usd", "payment_method": "pm_card_visa", **CARD, **more}
    return client.payment_intents.create(params=params)


def event_types(client: Any, object_id: str) -> list[str]:
    """What was announced of an object, oldest first."""
    events = client.events.list(params={"limit": 100}).data
    return [event.type for event in reversed(events) if event.data.object.id == object_id]


def error_of(refusal: stripe.StripeError) -> Any:
    """The error object that came with a refusal."""
    assert refusal.error is not None
    return refusal.error
