"""The stand-in stopped, killed and started again: nothing answered is lost, nothing owed is forgotten."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.deploy.standins.stripe.orders import paid_intent, session_params
from tests.deploy.standins.stripe.receiver import Receiver
from tests.deploy.standins.stripe.server import SECRET, Judge, Standin

Start = Callable[..., Standin]


def test_everything_survives_a_restart(own: Standin, own_client: Any) -> None:
    session = own_client.checkout.sessions.create(params=session_params(), options={"idempotency_key": "restart-1"})
    intent = paid_intent(own_client)
    own.advance(500)
    created = own_client.customers.create().created
    assert own.stop() == 0
    own.start()
    again = own_client.checkout.sessions.create(params=session_params(), options={"idempotency_key": "restart-1"})
    assert (again.id, again.url) == (session.id, session.url)
    assert own_client.payment_intents.retrieve(intent.id).status == "succeeded"
    assert own_client.customers.create().created >= created
    assert own.pay(session.id).json()["outcome"] == "paid"


def test_stopping_is_quick_even_with_connections_open_and_deliveries_owed(start: Start, judge: Judge) -> None:
    standin = start("--webhook-url", "http://127.0.0.1:9/", "--webhook-secret", SECRET)
    standin.client(judge).customers.create()
    began = time.monotonic()
    assert standin.stop() == 0
    assert time.monotonic() - began < 5


def test_owed_deliveries_survive_a_kill(start: Start, judge: Judge, receiver: Receiver) -> None:
    receiver.close()
    standin = start("--webhook-url", receiver.url, "--webhook-secret", SECRET)
    customers = {standin.client(judge).customers.create().id for _ in range(5)}
    standin.kill()
    back = Receiver(receiver.port)
    standin.start()
    arrivals = back.wait_for(5)
    assert {arrival.event(SECRET).data.object.id for arrival in arrivals} == customers
    back.close()


def test_the_configured_endpoint_follows_the_command_line(start: Start, judge: Judge, receiver: Receiver) -> None:
    first = start("--webhook-url", "http://127.0.0.1:9/", "--webhook-secret", SECRET)
    customer = first.client(judge).customers.create()
    first.stop()
    second = start("--webhook-url", receiver.url, "--webhook-secret", "whsec_rotated")
    assert receiver.wait_for(1)[0].event("whsec_rotated").data.object.id == customer.id
    assert len(second.client(judge).webhook_endpoints.list().data) == 1


def test_what_was_answered_survives_kills_and_what_was_not_is_done_at_most_once(own: Standin, judge: Judge) -> None:
    """Customers are made without pause while the stand-in is killed; each lost answer is asked for again."""
    made: dict[str, str] = {}
    ended = threading.Event()

    def work() -> None:
        client = own.client(judge)
        number = 0
        while not ended.is_set():
            name = f"kill-{number}"
            try:
                made[name] = client.customers.create(params={"name": name}, options={"idempotency_key": name}).id
            except stripe.APIConnectionError:
                continue
            number += 1

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    for _ in range(3):
        enough = len(made) + 20
        while len(made) < enough:
            assert worker.is_alive(), "a call failed in a way that asking again does not heal"
            time.sleep(0.005)
        own.kill()
        own.start()
    ended.set()
    worker.join()
    kept = list(own.client(judge).customers.list(params={"limit": 100}).auto_paging_iter())
    assert {customer.name: customer.id for customer in kept} == made
    assert len(kept) == len(made) >= 60


def test_half_a_webhook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended before it was ready"):
        Standin(tmp_path, "--webhook-url", "http://127.0.0.1:9/").start()
