"""What a message must prove before it is believed, and what is kept of it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from stripe import WebhookSignature

from services.billing.adapters.stripe_webhooks import StripeWebhookReader
from services.billing.domain.errors import WebhookMalformed, WebhookSignatureExpired, WebhookSignatureInvalid
from services.billing.domain.provider import FailureCode, ProviderEvent
from tests.billing.conftest import START

SECRET = "whsec_of_the_test"


def body(kind: str = "checkout.session.completed", **subject: Any) -> dict[str, Any]:
    thing = {"id": "cs_1", "object": "checkout.session", "payment_intent": "pi_1", **subject}
    return {"id": "evt_1", "object": "event", "type": kind, "created": 1_772_366_400, "data": {"object": thing}}


def signed(payload: str, late: timedelta = timedelta(0), secret: str = SECRET) -> str:
    stamp = int((START - late).timestamp())
    return str(WebhookSignature.generate_signature_header(payload, secret, stamp))


def read(event: object, late: timedelta = timedelta(0)) -> ProviderEvent:
    payload = json.dumps(event)
    return StripeWebhookReader(SECRET).read(payload.encode(), signed(payload, late), START)


def test_a_signed_message_is_read_without_the_buyers_data() -> None:
    found = read(body(customer_details={"email": "ada@example.com", "name": "Ada"}))
    assert (found.id, found.object_kind, found.object_id, found.intent_id) == (
        "evt_1",
        "checkout.session",
        "cs_1",
        "pi_1",
    )
    assert "ada" not in repr(found).lower()


@pytest.mark.parametrize("seconds", [0, 299, 300, -299, -300])
def test_five_minutes_either_way_are_forgiven(seconds: int) -> None:
    assert read(body(), timedelta(seconds=seconds)).id == "evt_1"


@pytest.mark.parametrize("seconds", [301, 400, 86_400, -301, -86_400])
def test_the_old_and_the_future_are_refused(seconds: int) -> None:
    with pytest.raises(WebhookSignatureExpired):
        read(body(), timedelta(seconds=seconds))


@pytest.mark.parametrize("stamp", ["9" * 30, "-1"])
def test_an_impossible_time_is_refused(stamp: str) -> None:
    payload = json.dumps(body())
    header = WebhookSignature.generate_signature_header(payload, SECRET, int(stamp))
    with pytest.raises(WebhookSignatureExpired):
        StripeWebhookReader(SECRET).read(payload.encode(), header, START)


def test_a_second_time_in_the_header_does_not_count() -> None:
    payload = json.dumps(body())
    old, now = signed(payload, timedelta(days=1)), int(START.timestamp())
    for header in (f"{old},t={now}", f"t={now},{old}"):
        with pytest.raises((WebhookSignatureExpired, WebhookSignatureInvalid)):
            StripeWebhookReader(SECRET).read(payload.encode(), header, START)


@pytest.mark.parametrize(
    "header",
    ["", "nonsense", "t=1", "v1=abc", "t=,v1=", "t=abc,v1=def", f"t={int(START.timestamp())},v1={'0' * 64}"],
)
def test_a_bad_signature_is_refused(header: str) -> None:
    with pytest.raises(WebhookSignatureInvalid):
        StripeWebhookReader(SECRET).read(json.dumps(body()).encode(), header, START)


def test_a_changed_byte_and_another_secret_are_refused() -> None:
    payload = json.dumps(body())
    tampered = payload.replace("cs_1", "cs_2")
    for sent, header in [
        (tampered.encode(), signed(payload)),
        (payload.encode(), signed(payload, secret="whsec_other")),
        (b"\xff" + payload.encode(), signed(payload)),
        (payload.encode() + b" ", signed(payload)),
    ]:
        with pytest.raises(WebhookSignatureInvalid):
            StripeWebhookReader(SECRET).read(sent, header, START)


@pytest.mark.parametrize(
    "event",
    [
        [],
        "text",
        {},
        {"id": "evt_1"},
        body() | {"id": 5},
        body() | {"id": ""},
        body() | {"created": "yesterday"},
        body() | {"created": 10**30},
        body() | {"data": None},
        body() | {"data": {"object": []}},
        body() | {"type": "a\0b"},
        body() | {"id": "e" * 256},
    ],
)
def test_what_is_signed_and_yet_no_event_is_malformed(event: object) -> None:
    with pytest.raises(WebhookMalformed):
        read(event)


def test_signed_bytes_that_are_no_json_are_malformed() -> None:
    with pytest.raises(WebhookMalformed):
        StripeWebhookReader(SECRET).read(b"no json", signed("no json"), START)


def test_an_unknown_kind_is_read_too() -> None:
    assert read(body("something.new")).type == "something.new"
    assert read(body("balance.available", id=None, object="balance", payment_intent=None)).object_id == "none"


@pytest.mark.parametrize(
    ("error", "attempt_id", "code"),
    [
        ({"code": "card_declined", "decline_code": "generic_decline", "charge": "ch_1"}, "ch_1", "DECLINED"),
        (
            {"code": "card_declined", "decline_code": "insufficient_funds", "charge": "ch_1"},
            "ch_1",
            "INSUFFICIENT_FUNDS",
        ),
        ({"code": "card_declined", "decline_code": "lost_card", "charge": "ch_1"}, "ch_1", "DECLINED"),
        ({"code": "expired_card", "charge": "ch_1"}, "ch_1", "CARD_EXPIRED"),
        ({"code": "incorrect_cvc", "decline_code": "incorrect_cvc", "charge": "ch_1"}, "ch_1", "CARD_DATA_WRONG"),
        (
            {"code": "payment_intent_authentication_failure", "payment_method": {"id": "pm_1"}},
            "pm_1",
            "NOT_AUTHENTICATED",
        ),
        ({"code": "processing_error", "charge": "ch_1"}, "ch_1", "PROVIDER_ERROR"),
        ({}, "pi_9", "DECLINED"),
    ],
)
def test_a_failed_attempt_is_told_in_our_own_words(error: dict[str, Any], attempt_id: str, code: str) -> None:
    subject = {"id": "pi_9", "object": "payment_intent", "last_payment_error": error}
    failure = read(body("payment_intent.payment_failed", **subject)).failure
    assert failure
    assert (failure.attempt_id, failure.code) == (attempt_id, FailureCode[code])


def test_an_empty_secret_believes_nobody_and_does_not_start() -> None:
    with pytest.raises(SystemExit):
        StripeWebhookReader(" ")
