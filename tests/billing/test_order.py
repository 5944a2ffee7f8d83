"""What an order allows, how its price is shared, and where a browser may return to."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.billing.domain import ledger
from services.billing.domain.errors import ReturnUrlNotAllowed
from services.billing.domain.order import KEY_LIFETIME, Order, OrderLine, OrderState
from services.billing.domain.provider import CheckoutFacts, ProviderContradiction
from services.billing.domain.terms import Terms
from services.kernel.money import Money
from tests.billing.conftest import START

LINE = OrderLine(
    id="l1",
    course_id="c1",
    course_title="Latin",
    instructor_id="i1",
    amount=Money("EUR", 4_999),
    instructor_share_bps=7_000,
)
FACTS = CheckoutFacts(
    session_id="cs_1",
    order_id="o1",
    url="https://pay.example/1",
    expires_at=START + timedelta(days=1),
    amount=LINE.amount,
    paid=False,
    over=False,
    refunded=False,
)


def order() -> Order:
    return Order.place("o1", "t1", user_id="u1", line=LINE, success_url="s", cancel_url="c", now=START)


def test_the_idempotency_key_comes_from_the_order_and_changes_only_when_it_is_spent() -> None:
    new = order()
    assert new.idempotency_key == "campus-order-o1-1"
    assert not new.key_is_too_old(START + KEY_LIFETIME - timedelta(seconds=1))
    assert new.key_is_too_old(START + KEY_LIFETIME)
    new.change_key(START + KEY_LIFETIME)
    assert (new.idempotency_key, new.key_is_too_old(START + KEY_LIFETIME)) == ("campus-order-o1-2", False)


def test_a_closed_page_keeps_the_address_it_had() -> None:
    shown = order()
    shown.show_page(FACTS)
    assert (shown.awaits_page, shown.checkout_url) == (False, FACTS.url)
    shown.show_page(replace(FACTS, url="", paid=True))
    assert shown.checkout_url == FACTS.url


def test_a_second_page_may_exist_but_must_not_be_paid() -> None:
    shown = order()
    shown.show_page(FACTS)
    shown.show_page(replace(FACTS, session_id="cs_2"))
    assert shown.session_id == "cs_1"
    with pytest.raises(ProviderContradiction):
        shown.show_page(replace(FACTS, session_id="cs_2", paid=True))
    with pytest.raises(ProviderContradiction):
        shown.show_page(replace(FACTS, order_id="o2"))


def test_an_order_is_paid_once_with_its_own_amount_and_even_after_its_time() -> None:
    paid = order()
    with pytest.raises(ProviderContradiction):
        paid.pay(replace(FACTS, amount=Money("EUR", 1)))
    with pytest.raises(ProviderContradiction):
        paid.pay(replace(FACTS, amount=Money("USD", 4_999)))
    assert paid.expire()
    assert [paid.pay(FACTS), paid.pay(FACTS)] == [True, False]
    assert not paid.expire()
    assert paid.state is OrderState.PAID


def test_what_does_not_divide_stays_with_the_platform() -> None:
    entry = ledger.sale(LINE, "t1", START)
    amounts = {posting.account.id: posting.amount_minor for posting in entry.postings}
    expected = {"stripe_clearing:EUR": 4_999, "instructor_payable:i1:EUR": -3_499, "platform_revenue:EUR": -1_500}
    assert amounts == expected
    back = {posting.account.id: posting.amount_minor for posting in ledger.refund(LINE, "t1", START).postings}
    assert back == {account: -amount for account, amount in expected.items()}


@pytest.mark.parametrize("bps", [0, 1, 3_333, 7_000, 9_999, 10_000])
@pytest.mark.parametrize("minor", [1, 2, 99, 100, 4_999, 99_999_999])
def test_every_share_of_every_price_sums_to_zero_and_owes_no_one_a_negative_amount(bps: int, minor: int) -> None:
    line = replace(LINE, amount=Money("JPY", minor), instructor_share_bps=bps)
    amounts = {posting.account.kind: posting.amount_minor for posting in ledger.sale(line, "t1", START).postings}
    assert sum(amounts.values()) == 0
    assert amounts.pop(ledger.AccountKind.STRIPE_CLEARING) == minor
    assert all(amount < 0 for amount in amounts.values())


def test_an_entry_that_does_not_sum_to_zero_cannot_be_made() -> None:
    entry = ledger.sale(LINE, "t1", START)
    with pytest.raises(ValueError, match="zero"):
        replace(entry, postings=entry.postings[:2])


@pytest.mark.parametrize(
    "url",
    ["https://campus.example/thanks?a=1", "https://campus.example:443/thanks", "HTTPS://CAMPUS.example/x#part"],
)
def test_a_browser_may_return_to_the_platforms_own_origin(url: str) -> None:
    assert Terms("https://campus.example").return_url(url, "success_url", "t1") == url


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "http://campus.example/",
        "https://campus.example:8443/",
        "https://campus.example.evil.example/",
        "https://campus.example@evil.example/",
        "https://user:pw@campus.example/",
        "https://evil.example\\@campus.example/",
        "https://campus.example\\.evil.example/",
        "https://campus.example:port/",
        "//campus.example/",
        "javascript:alert(1)",
    ],
)
def test_a_browser_may_not_be_sent_away(url: str) -> None:
    with pytest.raises(ReturnUrlNotAllowed) as refusal:
        Terms("https://campus.example").return_url(url, "cancel_url", "t1")
    assert refusal.value.field == "cancel_url"


def test_without_a_wish_the_browser_returns_to_the_platforms_page() -> None:
    terms = Terms("http://localhost:8080/")
    assert terms.return_url("", "success_url", "t1") == "http://localhost:8080/?checkout=success&transaction_id=t1"
    assert terms.return_url("", "cancel_url", "t1") == "http://localhost:8080/?checkout=cancel&transaction_id=t1"
