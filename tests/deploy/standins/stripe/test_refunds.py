"""Refunds: in whole, in parts, never too much, and the one that fails."""

from typing import Any

import pytest
import stripe

from tests.deploy.standins.stripe.orders import event_types, paid_intent


def test_a_full_refund(client: Any) -> None:
    intent = paid_intent(client, 1000)
    refund = client.refunds.create(
        params={"payment_intent": intent.id, "reason": "requested_by_customer", "metadata": {"why": "moved"}}
    )
    assert (refund.amount, refund.status, refund.charge, refund.metadata.why) == (
        1000,
        "succeeded",
        intent.latest_charge,
        "moved",
    )
    charge = client.charges.retrieve(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 1000)
    booked = client.balance_transactions.retrieve(refund.balance_transaction)
    assert (booked.amount, booked.net, booked.type, booked.source) == (-1000, -1000, "refund", refund.id)
    with pytest.raises(stripe.InvalidRequestError) as again:
        client.refunds.create(params={"payment_intent": intent.id})
    assert again.value.code == "charge_already_refunded"


def test_partial_refunds_add_up_and_never_exceed(client: Any) -> None:
    intent = paid_intent(client, 1000)
    first = client.refunds.create(params={"payment_intent": intent.id, "amount": 400})
    with pytest.raises(
        stripe.InvalidRequestError, match=r"\$6.01\) is greater than unrefunded amount .*\$6.00"
    ) as over:
        client.refunds.create(params={"charge": intent.latest_charge, "amount": 601})
    assert over.value.param == "amount"
    assert client.charges.retrieve(intent.latest_charge).refunded is False
    second = client.refunds.create(params={"charge": intent.latest_charge, "amount": 600})
    charge = client.charges.retrieve(intent.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (1000, True)
    listed = client.refunds.list(params={"payment_intent": intent.id}).data
    assert [refund.id for refund in listed] == [second.id, first.id]


def test_a_refund_is_announced(client: Any) -> None:
    intent = paid_intent(client)
    refund = client.refunds.create(params={"payment_intent": intent.id, "amount": 100})
    concluded = client.refunds.retrieve(refund.id)
    assert concluded.destination_details.card.reference_status == "available"
    assert event_types(client, refund.id) == ["refund.created", "refund.updated"]
    assert event_types(client, intent.latest_charge)[-1] == "charge.refunded"
    event = client.events.list(params={"type": "charge.refunded", "limit": 1}).data[0]
    assert event.data.previous_attributes.amount_refunded == 0
    assert client.refunds.update(refund.id, params={"metadata": {"a": "b"}}).metadata.a == "b"


@pytest.mark.parametrize("params", [{}, {"charge": "ch_x", "payment_intent": "pi_x"}, {"charge": "ch_nobody"}])
def test_a_refund_needs_exactly_one_payment_that_exists(client: Any, params: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.refunds.create(params=params)


@pytest.mark.parametrize("amount", [0, -5])
def test_a_refund_of_nothing_is_refused(client: Any, amount: int) -> None:
    intent = paid_intent(client)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.refunds.create(params={"payment_intent": intent.id, "amount": amount})
    assert refusal.value.code == "parameter_invalid_integer"


def test_what_was_not_paid_cannot_be_refunded(client: Any) -> None:
    intent = client.payment_intents.create(params={"amount": 500, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        client.refunds.create(params={"payment_intent": intent.id})


def test_a_refund_can_fail_afterwards_and_the_money_comes_back(client: Any) -> None:
    intent = paid_intent(client, 1000, payment_method="pm_card_refundFail")
    refund = client.refunds.create(params={"payment_intent": intent.id})
    assert refund.status == "succeeded"
    failed = client.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert client.balance_transactions.retrieve(failed.failure_balance_transaction).amount == 1000
    assert client.charges.retrieve(intent.latest_charge).amount_refunded == 0
    assert event_types(client, refund.id) == ["refund.created", "refund.updated", "refund.failed"]
