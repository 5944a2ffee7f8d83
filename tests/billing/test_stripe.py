"""The adapter with the official client against a stand-in that speaks Stripe's protocol."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from services.billing.adapters.stripe import RETRIES, TIMEOUT_SECONDS, StripeGateway
from services.billing.domain.errors import AmountNotChargeable
from services.billing.domain.order import Order, OrderLine
from services.billing.ports import KeySpent
from services.chassis.errors import Overloaded
from services.chassis.interceptors import DEFAULT_DEADLINE_SECONDS
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from services.kernel.money import Money
from tests.deploy.standins.stripe.server import KEY, Standin


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    running = Standin(tmp_path_factory.mktemp("stripe")).start()
    yield running
    running.stop()


@pytest.fixture
def gateway(standin: Standin) -> Iterator[StripeGateway]:
    yield StripeGateway(KEY, standin.url)
    standin.control("DELETE", "/faults")


@pytest.fixture
def client(standin: Standin) -> Any:
    """A look past the code under test."""
    return stripe.StripeClient(KEY, base_addresses={"api": standin.url}).v1


def order(amount: Money = Money("EUR", 4_999)) -> Order:  # noqa: B008  # frozen
    line = OrderLine(
        id=new_id(),
        course_id=new_id(),
        course_title="Latin for beginners",
        instructor_id=new_id(),
        amount=amount,
        instructor_share_bps=7_000,
    )
    return Order.place(
        new_id(),
        new_id(),
        user_id=new_id(),
        line=line,
        success_url="http://localhost:8080/?done",
        cancel_url="http://localhost:8080/?cancelled",
        now=datetime.now(UTC),
    )


def sessions_of(client: Any, wanted: Order) -> list[Any]:
    found = client.checkout.sessions.list({"limit": 100}).auto_paging_iter()
    return [session for session in found if session.client_reference_id == wanted.id]


def test_a_page_is_made_for_an_order(gateway: StripeGateway, client: Any) -> None:
    wanted = order()
    facts = gateway.open_checkout(wanted)
    assert (facts.order_id, facts.amount, facts.paid, facts.over) == (wanted.id, wanted.amount, False, False)
    assert facts.url.startswith("http")
    assert timedelta(hours=23) < facts.expires_at - datetime.now(UTC) <= timedelta(hours=24)
    session = client.checkout.sessions.retrieve(facts.session_id, {"expand": ["line_items"]})
    assert session.success_url == wanted.success_url
    assert [item.description for item in session.line_items.data] == ["Latin for beginners"]
    assert session.metadata["transaction_id"] == wanted.transaction_id


def test_what_is_asked_twice_is_made_once(gateway: StripeGateway, client: Any) -> None:
    wanted = order()
    assert gateway.open_checkout(wanted).session_id == gateway.open_checkout(wanted).session_id
    assert len(sessions_of(client, wanted)) == 1


@pytest.mark.parametrize("times", [1, 2])
def test_a_lost_reply_is_mended_by_the_client_itself(
    gateway: StripeGateway, client: Any, standin: Standin, times: int
) -> None:
    wanted = order()
    standin.fault("drop_reply", method="POST", path="/v1/checkout/sessions", times=times)
    facts = gateway.open_checkout(wanted)
    assert [session.id for session in sessions_of(client, wanted)] == [facts.session_id]


def test_when_every_reply_is_lost_the_page_is_there_for_the_next_call(
    gateway: StripeGateway, client: Any, standin: Standin
) -> None:
    wanted = order()
    standin.fault("drop_reply", method="POST", path="/v1/checkout/sessions", times=3)
    with pytest.raises(DependencyUnavailable):
        gateway.open_checkout(wanted)
    facts = gateway.open_checkout(wanted)
    assert [session.id for session in sessions_of(client, wanted)] == [facts.session_id]


@pytest.mark.parametrize("made", [True, False])
def test_a_failure_that_is_remembered_is_told_apart(gateway: StripeGateway, standin: Standin, made: bool) -> None:
    wanted = order()
    standin.fault("server_error", method="POST", path="/v1/checkout/sessions", after_commit=made)
    with pytest.raises(KeySpent):
        gateway.open_checkout(wanted)
    with pytest.raises(KeySpent):
        gateway.open_checkout(wanted)
    assert (gateway.find_checkout(wanted) is not None) is made
    wanted.change_key(datetime.now(UTC))
    assert gateway.open_checkout(wanted).order_id == wanted.id


def test_a_page_is_found_without_its_key(gateway: StripeGateway) -> None:
    wanted, others = order(), [order() for _ in range(3)]
    assert gateway.find_checkout(wanted) is None
    for other in others:
        gateway.open_checkout(other)
    facts = gateway.open_checkout(wanted)
    assert gateway.find_checkout(wanted) == facts


def test_a_paid_page_says_how_and_when(gateway: StripeGateway, standin: Standin) -> None:
    wanted = order()
    made = gateway.open_checkout(wanted)
    assert standin.pay(made.session_id).status_code == 200
    facts = gateway.checkout(made.session_id)
    assert facts
    assert (facts.paid, facts.over, facts.refunded, facts.method, facts.url) == (True, False, False, "card", "")
    assert facts.paid_at
    assert abs(facts.paid_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert gateway.checkout_of_intent(facts.intent_id) == facts == gateway.find_checkout(wanted)


def test_a_declined_card_leaves_the_page_open(gateway: StripeGateway, standin: Standin) -> None:
    made = gateway.open_checkout(order())
    assert standin.pay(made.session_id, "4000000000000002").status_code == 402
    facts = gateway.checkout(made.session_id)
    assert facts
    assert (facts.paid, facts.over, facts.paid_at) == (False, False, None)
    assert standin.pay(made.session_id).status_code == 200
    paid = gateway.checkout(made.session_id)
    assert paid
    assert paid.paid


def test_only_a_full_refund_counts_as_given_back(gateway: StripeGateway, client: Any, standin: Standin) -> None:
    made = gateway.open_checkout(order())
    standin.pay(made.session_id)
    paid = gateway.checkout(made.session_id)
    assert paid
    for amount, whole in [(1_000, False), (3_999, True)]:
        client.refunds.create({"payment_intent": paid.intent_id, "amount": amount})
        facts = gateway.checkout(made.session_id)
        assert facts
        assert (facts.paid, facts.refunded) == (True, whole)


def test_a_page_that_ran_out_is_over(gateway: StripeGateway, client: Any) -> None:
    made = gateway.open_checkout(order())
    client.checkout.sessions.expire(made.session_id)
    facts = gateway.checkout(made.session_id)
    assert facts
    assert (facts.over, facts.paid) == (True, False)


def test_what_does_not_exist_is_nothing(gateway: StripeGateway) -> None:
    assert gateway.checkout("cs_test_unknown") is None
    assert gateway.checkout_of_intent("pi_unknown") is None


def test_a_session_of_another_shop_has_no_order_of_ours(gateway: StripeGateway, client: Any) -> None:
    price = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "A hat"}}
    theirs = client.checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": "https://hats.example/",
            "line_items": [{"price_data": price, "quantity": 1}],
            "client_reference_id": "hat-17",
        }
    )
    facts = gateway.checkout(theirs.id)
    assert facts
    assert facts.order_id == ""


@pytest.mark.parametrize("amount", [Money("EUR", 49), Money("EUR", 100_000_000)])
def test_an_amount_that_stripe_does_not_take_is_refused(gateway: StripeGateway, amount: Money) -> None:
    with pytest.raises(AmountNotChargeable) as refused:
        gateway.open_checkout(order(amount))
    assert refused.value.metadata == {"currency": amount.currency, "amount_minor": str(amount.amount_minor)}


@pytest.mark.parametrize(("currency", "counted"), [("JPY", 5_000), ("UGX", 500_000), ("EUR", 5_000)])
def test_amounts_arrive_in_the_units_that_stripe_counts_in(
    gateway: StripeGateway, client: Any, currency: str, counted: int
) -> None:
    facts = gateway.open_checkout(order(Money(currency, 5_000)))
    assert client.checkout.sessions.retrieve(facts.session_id).amount_total == counted
    assert facts.amount == Money(currency, 5_000)


@pytest.mark.parametrize("kind", ["rate_limit", "delay"])
def test_a_provider_that_does_not_answer_in_time_is_unavailable(
    gateway: StripeGateway, standin: Standin, kind: str
) -> None:
    standin.fault(kind, method="GET", path="/v1/checkout/sessions/*", times=None, seconds=20)
    began = time.monotonic()
    with pytest.raises(DependencyUnavailable):
        StripeGateway(KEY, standin.url, timeout=0.2).checkout("cs_test_unknown")
    assert time.monotonic() - began < 3 * 0.2 + 2


def test_all_tries_together_end_before_the_callers_patience_does() -> None:
    pauses = [min(stripe.HTTPClient.INITIAL_DELAY * 2**n, stripe.HTTPClient.MAX_DELAY) for n in range(RETRIES)]
    assert (RETRIES + 1) * TIMEOUT_SECONDS + sum(pauses) < DEFAULT_DEADLINE_SECONDS


def test_more_callers_than_places_are_refused_instead_of_kept(gateway: StripeGateway, standin: Standin) -> None:
    standin.fault("delay", method="GET", path="/v1/checkout/sessions/*", times=None, seconds=1)
    narrow = StripeGateway(KEY, standin.url, at_once=1, waiting=1)

    def look(_: int) -> str:
        try:
            return str(narrow.checkout("cs_test_unknown"))
        except Overloaded:
            return "refused"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(look, range(4))) == ["None", "None", "refused", "refused"]


def test_an_address_where_nobody_listens_is_unavailable() -> None:
    with pytest.raises(DependencyUnavailable):
        StripeGateway(KEY, "http://127.0.0.1:9").open_checkout(order())
