"""Checkout Sessions: made by the merchant, paid or not by the customer, run out by themselves."""

import time
from typing import Any

import pytest
import stripe

from tests.deploy.standins.stripe.orders import event_types, session_params
from tests.deploy.standins.stripe.server import Standin


def test_a_session_is_open_and_unpaid(standin: Standin, client: Any) -> None:
    session = client.checkout.sessions.create(
        params=session_params(
            client_reference_id="order-1",
            customer_email="ada@example.com",
            metadata={"order": "o1"},
            cancel_url="http://localhost:8080/cancel",
        )
    )
    assert (session.status, session.payment_status, session.mode) == ("open", "unpaid", "payment")
    assert (session.amount_total, session.amount_subtotal, session.currency) == (4900, 4900, "usd")
    assert (session.client_reference_id, session.metadata.order) == ("order-1", "o1")
    assert (session.payment_intent, session.customer, session.customer_details) == (None, None, None)
    assert session.url == f"{standin.url}/c/pay/{session.id}"
    assert session.expires_at == session.created + 86_400
    assert "line_items" not in session


def test_paying_completes_everything_in_order(standin: Standin, client: Any) -> None:
    wishes = {"metadata": {"order": "o2"}, "description": "Latin", "transfer_group": "g2"}
    session = client.checkout.sessions.create(params=session_params(payment_intent_data=wishes))
    paid = standin.pay(session.id, email="ada@example.com", name="Ada")
    assert paid.status_code == 200
    assert paid.json() == {"outcome": "paid", "redirect": f"http://localhost:8080/done?session={session.id}"}
    done = client.checkout.sessions.retrieve(
        session.id, params={"expand": ["payment_intent", "line_items.data.price.product"]}
    )
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert (done.customer_details.email, done.customer_details.name) == ("ada@example.com", "Ada")
    intent = done.payment_intent
    assert (intent.status, intent.amount_received, intent.metadata.order, intent.transfer_group) == (
        "succeeded",
        4900,
        "o2",
        "g2",
    )
    line = done.line_items.data[0]
    assert (line.amount_total, line.price.active, line.price.product.name) == (4900, False, "Latin for beginners")
    assert client.checkout.sessions.list(params={"payment_intent": intent.id}).data[0].id == session.id
    kinds = [event.type for event in client.events.list(params={"limit": 5}).data[::-1]]
    assert kinds == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
        "charge.updated",
    ]


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("4000 0000 0000 0002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4242424242424241", "incorrect_number", "incorrect_number"),
        ("4929939187355598", "card_declined", "test_mode_live_card"),
        ("hello", "incorrect_number", "incorrect_number"),
        ("", "incorrect_number", "incorrect_number"),
    ],
)
def test_a_refused_card_leaves_the_session_open(
    standin: Standin, client: Any, card: str, code: str, decline_code: str
) -> None:
    session = client.checkout.sessions.create(params=session_params())
    answer = standin.pay(session.id, card)
    assert answer.status_code == 402
    assert (answer.json()["outcome"], answer.json()["code"], answer.json()["decline_code"]) == (
        "declined",
        code,
        decline_code,
    )
    left = client.checkout.sessions.retrieve(session.id)
    assert (left.status, left.payment_status) == ("open", "unpaid")


def test_after_a_decline_the_same_intent_is_paid_with_another_card(standin: Standin, client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params())
    standin.pay(session.id, "4000000000000002")
    intent_id = client.checkout.sessions.retrieve(session.id).payment_intent
    assert standin.pay(session.id).json()["outcome"] == "paid"
    done = client.checkout.sessions.retrieve(session.id)
    assert (done.payment_intent, done.payment_status) == (intent_id, "paid")
    assert event_types(client, intent_id) == [
        "payment_intent.created",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
    ]
    assert event_types(client, session.id) == ["checkout.session.completed"]


def test_a_session_is_paid_once(standin: Standin, client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params())
    assert standin.pay(session.id).status_code == 200
    again = standin.pay(session.id)
    assert (again.status_code, again.json()) == (409, {"outcome": "closed", "status": "complete"})
    intent = client.checkout.sessions.retrieve(session.id).payment_intent
    assert len(client.charges.list(params={"payment_intent": intent}).data) == 1


@pytest.mark.parametrize(("decision", "outcome"), [("approve", "paid"), ("fail", "declined")])
def test_authentication_comes_in_between(standin: Standin, client: Any, decision: str, outcome: str) -> None:
    session = client.checkout.sessions.create(params=session_params())
    asked = standin.pay(session.id, "4000002500003155", email="ada@example.com").json()
    assert asked["outcome"] == "authentication_required"
    waiting = client.checkout.sessions.retrieve(session.id, params={"expand": ["payment_intent"]})
    assert (waiting.status, waiting.payment_intent.status) == ("open", "requires_action")
    assert asked["url"] == waiting.payment_intent.next_action.redirect_to_url.url
    answered = standin.control("POST", f"/sessions/{session.id}/authenticate", {"decision": decision})
    assert answered.json()["outcome"] == outcome
    done = client.checkout.sessions.retrieve(session.id)
    assert done.payment_status == ("paid" if decision == "approve" else "unpaid")
    assert done.customer_details.email == "ada@example.com"


def test_authentication_in_one_call_for_scripts(standin: Standin, client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params())
    assert standin.pay(session.id, "4000002500003155", authenticate="fail").json()["code"] == (
        "payment_intent_authentication_failure"
    )
    assert standin.pay(session.id, "4000002500003155", authenticate="approve").json()["outcome"] == "paid"


def test_held_money_completes_the_session_unpaid(standin: Standin, client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params(payment_intent_data={"capture_method": "manual"}))
    assert standin.pay(session.id).json()["outcome"] == "paid"
    held = client.checkout.sessions.retrieve(session.id)
    assert (held.status, held.payment_status) == ("complete", "unpaid")
    assert client.payment_intents.capture(held.payment_intent).amount_received == 4900


def test_nothing_to_pay_needs_no_card(standin: Standin, client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params(0))
    assert standin.pay(session.id, "").json()["outcome"] == "paid"
    done = client.checkout.sessions.retrieve(session.id)
    assert (done.payment_status, done.payment_intent) == ("no_payment_required", None)


def test_a_customer_is_named_or_made(standin: Standin, client: Any) -> None:
    known = client.customers.create(params={"email": "ada@example.com"})
    named = client.checkout.sessions.create(params=session_params(customer=known.id))
    standin.pay(named.id)
    intent = client.payment_intents.retrieve(client.checkout.sessions.retrieve(named.id).payment_intent)
    assert intent.customer == known.id
    made = client.checkout.sessions.create(params=session_params(customer_creation="always"))
    standin.pay(made.id, email="eve@example.com", name="Eve")
    customer = client.checkout.sessions.retrieve(made.id, params={"expand": ["customer"]}).customer
    assert (customer.email, customer.name) == ("eve@example.com", "Eve")


def test_prices_and_quantities_add_up(client: Any) -> None:
    price = client.prices.create(params={"currency": "usd", "unit_amount": 1250, "product_data": {"name": "Greek"}})
    items = [{"price": price.id, "quantity": 3}, session_params(99)["line_items"][0]]
    session = client.checkout.sessions.create(params=session_params(line_items=items, expand=["line_items"]))
    assert session.amount_total == 3849
    assert [item.amount_total for item in session.line_items.data] == [3750, 99]


def _line(**price_data: Any) -> dict[str, Any]:
    data = {"currency": "usd", "unit_amount": 100, "product_data": {"name": "x"}, **price_data}
    return {"price_data": data, "quantity": 1}


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"success_url": "nowhere"}, "url_invalid", "success_url"),
        ({"line_items": [{"price": "price_nobody", "quantity": 1}]}, "resource_missing", "line_items[0][price]"),
        ({"line_items": [{"quantity": 1}]}, None, "line_items[0]"),
        ({"line_items": [_line(), _line(currency="eur")]}, None, "line_items"),
        ({"line_items": [_line(unit_amount=10)]}, "amount_too_small", "line_items"),
        ({"line_items": [_line(unit_amount="")]}, "parameter_invalid_empty", "line_items[0][price_data][unit_amount]"),
        (
            {"line_items": [_line(unit_amount=-1)]},
            "parameter_invalid_integer",
            "line_items[0][price_data][unit_amount]",
        ),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"expires_at": int(time.time()) + 60}, None, "expires_at"),
        ({"expires_at": int(time.time()) + 90_000}, None, "expires_at"),
        ({"mode": "gift"}, None, "mode"),
        ({"mode": "subscription"}, None, "mode"),
    ],
)
def test_a_bad_order_is_refused(client: Any, params: dict[str, Any], code: str | None, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.checkout.sessions.create(params=session_params(**params))
    assert (refusal.value.code, refusal.value.param) == (code, param)


def test_a_session_without_line_items_or_success_url_is_refused(client: Any) -> None:
    for name in ("line_items", "success_url", "mode"):
        params = {key: value for key, value in session_params().items() if key != name}
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            client.checkout.sessions.create(params=params)
        assert (refusal.value.code, refusal.value.param) == ("parameter_missing", name)


def test_a_session_is_expired_on_request(standin: Standin, client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params())
    standin.pay(session.id, "4000000000000002")
    expired = client.checkout.sessions.expire(session.id, params={"expand": ["payment_intent"]})
    assert (expired.status, expired.payment_status, expired.url) == ("expired", "unpaid", None)
    assert (expired.payment_intent.status, expired.payment_intent.cancellation_reason) == ("canceled", "expired")
    assert standin.pay(session.id).json() == {"outcome": "closed", "status": "expired"}
    with pytest.raises(stripe.InvalidRequestError, match="status of expired"):
        client.checkout.sessions.expire(session.id)


def test_a_paid_session_cannot_be_expired_nor_its_open_intent_cancelled(standin: Standin, client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params())
    standin.pay(session.id, "4000000000000002")
    intent = client.checkout.sessions.retrieve(session.id).payment_intent
    with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout Session"):
        client.payment_intents.cancel(intent)
    standin.pay(session.id)
    with pytest.raises(stripe.InvalidRequestError, match="status of complete"):
        client.checkout.sessions.expire(session.id)


def test_a_session_runs_out_by_itself(own: Standin, own_client: Any) -> None:
    soon = own_client.checkout.sessions.create(params=session_params(expires_at=int(time.time()) + 1860))
    late = own_client.checkout.sessions.create(params=session_params())
    own.advance(1900)
    assert own_client.checkout.sessions.retrieve(soon.id).status == "expired"
    assert own_client.checkout.sessions.retrieve(late.id).status == "open"
    assert event_types(own_client, soon.id) == ["checkout.session.expired"]
    own.advance(86_400)
    assert own_client.checkout.sessions.retrieve(late.id).status == "expired"


def test_metadata_of_a_session_can_be_changed(client: Any) -> None:
    session = client.checkout.sessions.create(params=session_params(metadata={"a": "1"}))
    assert client.checkout.sessions.update(session.id, params={"metadata": {"b": "2"}}).metadata.to_dict() == {
        "a": "1",
        "b": "2",
    }
