"""Idempotency keys: one effect and one answer under a key, for a day."""

import threading
from typing import Any

import pytest
import stripe

from tests.deploy.standins.stripe.orders import error_of
from tests.deploy.standins.stripe.server import Judge, Standin
from tests.deploy.standins.stripe.specification import specification


def key(name: str) -> dict[str, str]:
    return {"idempotency_key": name}


def test_the_first_answer_is_replayed(client: Any, judge: Judge) -> None:
    first = client.customers.create(params={"name": "Ada"}, options=key("replay-1"))
    original = judge.headers["Request-Id"]
    assert "Idempotent-Replayed" not in judge.headers
    again = client.customers.create(params={"name": "Ada"}, options=key("replay-1"))
    assert again.id == first.id
    assert judge.headers["Idempotent-Replayed"] == "true"
    assert judge.headers["Original-Request"] == original
    assert judge.headers["Request-Id"] != original


def test_other_parameters_or_another_endpoint_under_the_same_key_are_refused(client: Any) -> None:
    client.customers.create(params={"name": "Ada"}, options=key("mismatch-1"))
    with pytest.raises(stripe.IdempotencyError, match="same parameters") as refusal:
        client.customers.create(params={"name": "Eve"}, options=key("mismatch-1"))
    assert refusal.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.products.create(params={"name": "Ada"}, options=key("mismatch-1"))


def test_a_call_under_way_makes_the_same_key_conflict(standin: Standin, client: Any, judge: Judge) -> None:
    standin.fault("delay", seconds=1, path="/v1/customers")
    slow = standin.client(Judge(specification()))
    answers: list[Any] = []
    first = threading.Thread(
        target=lambda: answers.append(slow.customers.create(params={"name": "Slow"}, options=key("busy-1")))
    )
    first.start()
    while standin.control("GET", "/faults").json()["faults"]:
        pass  # until the slow call has taken the rule, and with it the key
    with pytest.raises(stripe.APIError) as refusal:
        client.customers.create(params={"name": "Slow"}, options=key("busy-1"))
    assert (refusal.value.http_status, error_of(refusal.value).code) == (409, "idempotency_key_in_use")
    assert judge.headers["Stripe-Should-Retry"] == "true"
    first.join()
    assert client.customers.create(params={"name": "Slow"}, options=key("busy-1")).id == answers[0].id


def test_a_declined_payment_is_remembered(client: Any, judge: Judge) -> None:
    params = {
        "amount": 500,
        "currency": "usd",
        "confirm": True,
        "payment_method": "pm_card_visa_chargeDeclined",
        "payment_method_types": ["card"],
    }
    charges = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refusal:
            client.payment_intents.create(params=params, options=key("declined-1"))
        charges.append(error_of(refusal.value).charge)
    assert charges[0] == charges[1]
    assert judge.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("wrong", [{"nickname": "Ada"}, {"name": "Ada", "expand": ["nickname"]}])
def test_a_request_that_never_began_is_not_remembered(client: Any, wrong: dict[str, Any]) -> None:
    name = f"invalid-{len(wrong)}"
    with pytest.raises(stripe.InvalidRequestError):
        client.customers.create(params=wrong, options=key(name))
    assert client.customers.create(params={"name": "Ada"}, options=key(name)).name == "Ada"


def test_a_rate_limited_call_is_not_remembered(standin: Standin, client: Any) -> None:
    standin.fault("rate_limit", method="POST")
    with pytest.raises(stripe.RateLimitError):
        client.customers.create(params={"name": "Ada"}, options=key("limited-1"))
    assert client.customers.create(params={"name": "Ada"}, options=key("limited-1")).name == "Ada"


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_server_error_is_remembered_whether_or_not_anything_was_done(
    standin: Standin, client: Any, judge: Judge, after_commit: bool
) -> None:
    email = f"broken-{after_commit}@example.com".lower()
    standin.fault("server_error", method="POST", after_commit=after_commit)
    for _ in range(2):
        with pytest.raises(stripe.APIError) as refusal:
            client.customers.create(params={"email": email}, options=key(f"error-{after_commit}"))
        assert refusal.value.http_status == 500
    assert judge.headers["Idempotent-Replayed"] == "true"
    assert len(client.customers.list(params={"email": email}).data) == (1 if after_commit else 0)


def test_a_key_is_forgotten_after_a_day(own: Standin, own_client: Any) -> None:
    first = own_client.customers.create(params={"name": "Ada"}, options=key("day-1"))
    own.advance(86_390)
    assert own_client.customers.create(params={"name": "Ada"}, options=key("day-1")).id == first.id
    own.advance(20)
    assert own_client.customers.create(params={"name": "Ada"}, options=key("day-1")).id != first.id


def test_a_lost_reply_is_recovered_by_the_clients_own_retry(standin: Standin, judge: Judge, client: Any) -> None:
    standin.fault("drop_reply", path="/v1/customers", method="POST")
    with pytest.raises(stripe.APIConnectionError):
        client.customers.create(params={"email": "lost@example.com"})
    assert len(client.customers.list(params={"email": "lost@example.com"}).data) == 1
    standin.fault("drop_reply", path="/v1/customers", method="POST")
    patient = standin.client(judge, retries=2)
    recovered = patient.customers.create(params={"email": "found@example.com"})
    assert judge.headers["Idempotent-Replayed"] == "true"
    assert [one.id for one in client.customers.list(params={"email": "found@example.com"}).data] == [recovered.id]
