"""Webhooks over real HTTP: signed, complete, in order, and again until they are accepted."""

import json
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import stripe

from tests.deploy.standins.stripe.orders import paid_intent, session_params
from tests.deploy.standins.stripe.receiver import Arrival, Receiver
from tests.deploy.standins.stripe.server import Standin
from tests.deploy.standins.stripe.specification import specification


@pytest.fixture
def secret(client: Any, receiver: Receiver) -> Iterator[str]:
    """The secret of an endpoint that hears everything for the length of a test."""
    endpoint = client.webhook_endpoints.create(params={"url": receiver.url, "enabled_events": ["*"]})
    yield endpoint.secret
    client.webhook_endpoints.delete(endpoint.id)


def types(arrivals: list[Arrival], secret: str) -> list[str]:
    return [str(arrival.event(secret).type) for arrival in arrivals]


def has(kind: str, times: int = 1) -> Callable[[list[Arrival]], bool]:
    return lambda arrivals: sum(json.loads(one.body)["type"] == kind for one in arrivals) >= times


def test_a_payment_is_announced_signed_and_in_order(
    standin: Standin, client: Any, receiver: Receiver, secret: str
) -> None:
    session = client.checkout.sessions.create(params=session_params(metadata={"order": "o1"}))
    standin.pay(session.id)
    arrivals = receiver.wait(has("charge.updated"))
    assert types(arrivals, secret) == [
        "product.created",
        "price.created",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
        "charge.updated",
    ]
    completed = arrivals[5].event(secret)
    assert (completed.data.object.id, completed.data.object.metadata.order) == (session.id, "o1")
    assert (completed.object, completed.livemode, completed.api_version) == ("event", False, "2026-10-28.endive")
    for arrival in arrivals:
        assert specification().problems_of_event(json.loads(arrival.body)) == []
    with pytest.raises(stripe.SignatureVerificationError):
        arrivals[0].event("whsec_another")


def test_a_delivered_event_waits_for_nobody(client: Any, receiver: Receiver, secret: str) -> None:
    receiver.answers = [500]
    client.customers.create()
    first = receiver.wait_for(1)[0].event(secret)
    assert first.pending_webhooks == 1
    receiver.wait_for(2)
    assert _settles(lambda: client.events.retrieve(first.id).pending_webhooks) == 0


def _settles(read: Callable[[], Any]) -> Any:
    """The value once the sender has written down what the receiver answered."""
    end = time.monotonic() + 5
    while read() != 0 and time.monotonic() < end:
        time.sleep(0.01)
    return read()


def test_a_refused_delivery_comes_again_later_and_later(client: Any, receiver: Receiver, secret: str) -> None:
    receiver.answers = [500, 302, 404]
    client.customers.create()
    arrivals = receiver.wait_for(4)
    assert len({arrival.event(secret).id for arrival in arrivals}) == 1
    pauses = [later.at - sooner.at for sooner, later in pairwise(arrivals)]
    assert pauses[0] >= 0.09
    assert all(pause >= 0.19 for pause in pauses[1:])


def test_a_receiver_that_was_down_gets_what_it_missed(own_client: Any, receiver: Receiver) -> None:
    secret = own_client.webhook_endpoints.create(params={"url": receiver.url, "enabled_events": ["*"]}).secret
    receiver.close()
    customers = [own_client.customers.create().id for _ in range(3)]
    back = Receiver(receiver.port)
    arrivals = back.wait_for(3)
    assert sorted(arrival.event(secret).data.object.id for arrival in arrivals) == sorted(customers)
    back.close()


def test_an_endpoint_hears_what_it_asked_for(client: Any, receiver: Receiver) -> None:
    params = {
        "url": receiver.url,
        "enabled_events": ["customer.created"],
        "api_version": "2026-08-26.dahlia",
        "metadata": {"for": "tests"},
        "description": "one kind",
    }
    endpoint = client.webhook_endpoints.create(params=params)
    assert endpoint.secret.startswith("whsec_")
    assert "secret" not in client.webhook_endpoints.retrieve(endpoint.id)
    assert endpoint.id in [one.id for one in client.webhook_endpoints.list().data]
    client.products.create(params={"name": "unheard"})
    client.customers.create()
    event = receiver.wait_for(1)[0].event(endpoint.secret)
    assert (event.type, event.api_version) == ("customer.created", "2026-08-26.dahlia")
    changed = client.webhook_endpoints.update(endpoint.id, params={"disabled": True})
    assert (changed.status, "secret" in changed) == ("disabled", False)
    client.customers.create()
    client.webhook_endpoints.update(endpoint.id, params={"disabled": False, "enabled_events": ["product.created"]})
    client.products.create(params={"name": "heard"})
    assert types(receiver.wait_for(2), endpoint.secret) == ["customer.created", "product.created"]
    assert client.webhook_endpoints.delete(endpoint.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError):
        client.webhook_endpoints.retrieve(endpoint.id)


def test_a_refund_is_announced(client: Any, receiver: Receiver, secret: str) -> None:
    intent = paid_intent(client)
    client.refunds.create(params={"payment_intent": intent.id, "amount": 100})
    kinds = types(receiver.wait(has("refund.updated")), secret)
    assert [kind for kind in kinds if "refund" in kind] == ["refund.created", "charge.refunded", "refund.updated"]


def test_an_event_is_sent_again_on_request(standin: Standin, client: Any, receiver: Receiver, secret: str) -> None:
    client.customers.create()
    first = receiver.wait_for(1)[0].event(secret)
    assert standin.control("POST", f"/events/{first.id}/resend", {}).status_code == 202
    assert receiver.wait_for(2)[1].event(secret).id == first.id
    assert standin.control("POST", "/events/evt_nobody/resend", {}).status_code == 404


def test_duplicates(standin: Standin, client: Any, receiver: Receiver, secret: str) -> None:
    standin.fault("webhook_duplicate", copies=2, event_type="customer.*")
    customer = client.customers.create()
    arrivals = receiver.wait_for(3)
    assert [arrival.event(secret).data.object.id for arrival in arrivals] == [customer.id] * 3
    assert len({arrival.event(secret).id for arrival in arrivals}) == 1


def test_disorder(standin: Standin, client: Any, receiver: Receiver, secret: str) -> None:
    standin.fault("webhook_reorder", seconds=0.3)
    paid_intent(client)
    kinds = types(receiver.wait_for(4), secret)
    assert kinds == ["charge.updated", "payment_intent.succeeded", "charge.succeeded", "payment_intent.created"]


def test_delay(standin: Standin, client: Any, receiver: Receiver, secret: str) -> None:
    standin.fault("webhook_delay", seconds=0.8, event_type="customer.created")
    client.customers.create()
    client.products.create(params={"name": "overtakes"})
    assert types(receiver.wait_for(2), secret) == ["product.created", "customer.created"]


def test_a_tampered_body_fails_verification_and_the_next_try_passes(
    standin: Standin, client: Any, receiver: Receiver, secret: str
) -> None:
    standin.fault("webhook_tamper")
    receiver.answers = [400]
    client.customers.create()
    tampered, good = receiver.wait_for(2)
    with pytest.raises(stripe.SignatureVerificationError, match="No signatures found matching"):
        tampered.event(secret)
    assert good.event(secret).type == "customer.created"


def test_an_old_timestamp_fails_verification(standin: Standin, client: Any, receiver: Receiver, secret: str) -> None:
    standin.fault("webhook_old_timestamp", seconds=301)
    receiver.answers = [400]
    client.customers.create()
    old, good = receiver.wait_for(2)
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        old.event(secret)
    assert good.event(secret).type == "customer.created"


def test_signatures_carry_the_receivers_time_however_far_the_clock_went(
    own: Standin, own_client: Any, receiver: Receiver
) -> None:
    secret = own_client.webhook_endpoints.create(params={"url": receiver.url, "enabled_events": ["*"]}).secret
    own.advance(30 * 86_400)
    customer = own_client.customers.create()
    event = receiver.wait_for(1)[0].event(secret)
    stamp = int(receiver.arrivals[0].signature.split(",")[0].removeprefix("t="))
    assert event.data.object.created == customer.created
    assert customer.created - stamp > 29 * 86_400
