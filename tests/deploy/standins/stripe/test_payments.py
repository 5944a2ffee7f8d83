"""Payment intents through their states, with every test card, and the money they book."""

from typing import Any

import pytest
import stripe

from tests.deploy.standins.stripe.orders import CARD, error_of, event_types, paid_intent
from tests.deploy.standins.stripe.server import HTTP, Standin


def test_a_payment_succeeds_and_is_booked_a_moment_later(client: Any) -> None:
    intent = paid_intent(client, 10_000, metadata={"order": "o1"}, description="Latin")
    assert (intent.status, intent.amount_received, intent.next_action) == ("succeeded", 10_000, None)
    charge = client.charges.retrieve(intent.latest_charge, params={"expand": ["balance_transaction"]})
    assert (charge.paid, charge.captured, charge.status, charge.metadata.order) == (True, True, "succeeded", "o1")
    booked = charge.balance_transaction
    assert (booked.amount, booked.fee, booked.net, booked.status, booked.type) == (
        10_000,
        320,
        9_680,
        "pending",
        "charge",
    )
    assert event_types(client, intent.id) == ["payment_intent.created", "payment_intent.succeeded"]
    assert event_types(client, charge.id) == ["charge.succeeded", "charge.updated"]
    updated = client.events.list(params={"type": "charge.updated", "limit": 1}).data[0]
    assert updated.data.previous_attributes.to_dict() == {"balance_transaction": None}


def test_events_come_in_order_and_name_the_request(client: Any, judge: Any) -> None:
    intent = paid_intent(client)
    request = judge.headers["Request-Id"]
    events = client.events.list(params={"limit": 4}).data[::-1]
    mine = [
        event
        for event in events
        if intent.id in (event.data.object.id, getattr(event.data.object, "payment_intent", None))
    ]
    assert [event.type for event in mine][:3] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]
    assert mine[0].request.id == request
    assert mine[0].request.idempotency_key


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ],
)
def test_a_refused_card_leaves_the_attempt_on_record(client: Any, card: str, code: str, decline_code: str) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        paid_intent(client, payment_method=card)
    error = error_of(refusal.value)
    assert (refusal.value.http_status, error.code, error.decline_code) == (402, code, decline_code)
    intent = client.payment_intents.retrieve(error.payment_intent.id, params={"expand": ["latest_charge"]})
    assert (intent.status, intent.payment_method, intent.amount_received) == ("requires_payment_method", None, 0)
    assert intent.last_payment_error.decline_code == decline_code
    charge = intent.latest_charge
    assert (charge.id, charge.status, charge.failure_code, charge.paid) == (error.charge, "failed", code, False)
    assert charge.balance_transaction is None
    assert event_types(client, intent.id) == ["payment_intent.created", "payment_intent.payment_failed"]
    assert event_types(client, charge.id) == ["charge.failed"]


def test_a_declined_payment_can_be_confirmed_with_another_card(client: Any) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        paid_intent(client, payment_method="pm_card_chargeDeclined")
    intent = client.payment_intents.confirm(
        error_of(refusal.value).payment_intent.id, params={"payment_method": "pm_card_visa"}
    )
    assert (intent.status, intent.last_payment_error) == ("succeeded", None)
    charges = client.charges.list(params={"payment_intent": intent.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


def test_an_intent_is_made_changed_and_confirmed_step_by_step(client: Any) -> None:
    intent = client.payment_intents.create(
        params={
            "amount": 500,
            "currency": "eur",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    assert intent.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        client.payment_intents.confirm(intent.id)
    changed = client.payment_intents.update(intent.id, params={"amount": 700, "payment_method": "pm_card_visa"})
    assert (changed.status, changed.amount) == ("requires_confirmation", 700)
    assert client.payment_intents.confirm(intent.id).amount_received == 700
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.payment_intents.update(intent.id, params={"amount": 800})
    assert refusal.value.code == "payment_intent_unexpected_state"
    assert client.payment_intents.update(intent.id, params={"metadata": {"late": "yes"}}).metadata.late == "yes"
    for forbidden in (client.payment_intents.confirm, client.payment_intents.cancel, client.payment_intents.capture):
        with pytest.raises(stripe.InvalidRequestError) as late:
            forbidden(intent.id)
        assert late.value.code == "payment_intent_unexpected_state"
    assert client.charges.list(params={"payment_intent": intent.id}).data[0].amount == 700


def test_automatic_methods_want_a_return_url(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.payment_intents.create(
            params={"amount": 500, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
        )
    assert refusal.value.param == "return_url"


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (49, "usd", "amount_too_small"),
        (29, "gbp", "amount_too_small"),
        (0, "jpy", "amount_too_small"),
        (100_000_000, "usd", "amount_too_large"),
    ],
)
def test_amounts_have_limits(client: Any, amount: int, currency: str, code: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.payment_intents.create(params={"amount": amount, "currency": currency})
    assert (refusal.value.code, refusal.value.param) == (code, "amount")


def test_money_can_be_held_and_taken_in_part(client: Any) -> None:
    intent = paid_intent(client, 2000, capture_method="manual")
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 2000, 0)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        client.refunds.create(params={"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.payment_intents.capture(intent.id, params={"amount_to_capture": 2001})
    assert refusal.value.code == "amount_too_large"
    taken = client.payment_intents.capture(intent.id, params={"amount_to_capture": 1500})
    assert (taken.status, taken.amount_received, taken.amount_capturable) == ("succeeded", 1500, 0)
    charge = client.charges.retrieve(taken.latest_charge, params={"expand": ["balance_transaction"]})
    assert (charge.amount, charge.amount_captured, charge.balance_transaction.amount) == (2000, 1500, 1500)
    assert event_types(client, intent.id) == [
        "payment_intent.created",
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
    ]


def test_held_money_is_released_by_cancelling_and_after_a_week(own: Standin, own_client: Any) -> None:
    cancelled = paid_intent(own_client, 2000, capture_method="manual")
    ended = own_client.payment_intents.cancel(cancelled.id, params={"cancellation_reason": "abandoned"})
    assert (ended.status, ended.cancellation_reason, ended.amount_capturable) == ("canceled", "abandoned", 0)
    held = paid_intent(own_client, 2000, capture_method="manual")
    own.advance(7 * 86_400 + 5)
    released = own_client.payment_intents.retrieve(held.id)
    assert (released.status, released.cancellation_reason) == ("canceled", "automatic")
    assert own_client.charges.retrieve(held.latest_charge).refunded is True


def test_booked_money_becomes_available(own: Standin, own_client: Any) -> None:
    intent = paid_intent(own_client, expand=["latest_charge"])
    source = {"source": intent.latest_charge.id}
    assert own_client.balance_transactions.list(params=source).data[0].status == "pending"
    own.advance(2 * 86_400 + 5)
    assert own_client.balance_transactions.list(params=source).data[0].status == "available"


def test_authentication_is_asked_for_approved_and_failed(standin: Standin, client: Any) -> None:
    for decision, status, result in (
        ("approve", "succeeded", "succeeded"),
        ("fail", "requires_payment_method", "failed"),
    ):
        intent = paid_intent(
            client, payment_method="pm_card_authenticationRequired", return_url="http://shop.test/back?a=1"
        )
        assert intent.status == "requires_action"
        page = intent.next_action.redirect_to_url.url
        assert "Approve" in HTTP.get(page).text.title()
        back = HTTP.post(page, data={"decision": decision})
        assert back.status_code == 303
        assert back.headers["location"].startswith(f"http://shop.test/back?a=1&payment_intent={intent.id}&")
        assert back.headers["location"].endswith(f"redirect_status={result}")
        assert client.payment_intents.retrieve(intent.id).status == status
        assert HTTP.post(page, data={"decision": "approve"}).status_code == 409
        assert "payment_intent.requires_action" in event_types(client, intent.id)
    failed = client.payment_intents.retrieve(intent.id)
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"


def test_the_banks_page_needs_the_whole_client_secret(standin: Standin, client: Any) -> None:
    intent = paid_intent(client, payment_method="pm_card_authenticationRequired", return_url="http://shop.test/")
    assert HTTP.get(f"{standin.url}/3ds/{intent.id}_secret_guess").status_code == 404


def test_off_session_a_card_that_needs_authentication_is_declined(client: Any) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        paid_intent(client, payment_method="pm_card_authenticationRequired", off_session=True)
    assert refusal.value.code == "authentication_required"


def test_a_saved_card_is_its_customers_only(client: Any) -> None:
    ada, eve = client.customers.create(), client.customers.create()
    intent = paid_intent(client, customer=ada.id, setup_future_usage="off_session")
    saved = client.customers.payment_methods.list(ada.id).data[0].id
    assert saved == intent.payment_method
    again = client.payment_intents.create(
        params={
            "amount": 900,
            "currency": "usd",
            "customer": ada.id,
            "payment_method": saved,
            "off_session": True,
            **CARD,
        }
    )
    assert again.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="belongs to the customer"):
        paid_intent(client, customer=eve.id, payment_method=saved)


def test_a_charge_can_be_described_later(client: Any) -> None:
    charge = client.charges.update(paid_intent(client).latest_charge, params={"description": "late"})
    assert charge.description == "late"
