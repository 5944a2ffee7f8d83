"""How a payment becomes what it is, whichever news comes first."""

from datetime import timedelta
from itertools import permutations

import pytest

from services.billing.domain.payment import Payment, PaymentFailed, PaymentState, PaymentSucceeded
from services.billing.domain.provider import FailedAttempt, FailureCode
from services.kernel.money import Money
from tests.billing.conftest import START

FIRST = FailedAttempt(START, "ch_1", FailureCode.INSUFFICIENT_FUNDS)
SECOND = FailedAttempt(START + timedelta(minutes=1), "ch_2", FailureCode.CARD_EXPIRED)


def payment() -> Payment:
    return Payment(id="t1", order_id="o1", user_id="u1", course_id="c1", amount=Money("EUR", 5_000), created_at=START)


def complete(found: Payment) -> None:
    found.complete(paid_at=START, method="card", intent_id="pi_1")


def test_success_is_announced_once() -> None:
    paid = payment()
    complete(paid)
    complete(paid)
    assert [type(event) for event in paid.take_events()] == [PaymentSucceeded]
    assert (paid.state, paid.failure_code, paid.method) == (PaymentState.COMPLETED, None, "card")


def test_each_refusal_is_announced_and_the_latest_one_shown() -> None:
    refused = payment()
    refused.fail(SECOND)
    refused.fail(FIRST)
    codes = [event.failure_code for event in refused.take_events() if isinstance(event, PaymentFailed)]
    assert codes == [SECOND.code, FIRST.code]
    assert refused.failure_code is FailureCode.CARD_EXPIRED


def test_a_refused_attempt_may_be_followed_by_a_success() -> None:
    paid = payment()
    paid.fail(FIRST)
    complete(paid)
    assert (paid.state, paid.failure_code) == (PaymentState.COMPLETED, None)


def test_what_is_heard_too_late_is_not_announced() -> None:
    for end in (complete, Payment.lapse):
        over = payment()
        end(over)
        over.take_events()
        over.fail(FIRST)
        assert over.take_events() == []


@pytest.mark.parametrize("last", [complete, Payment.lapse])
def test_the_state_does_not_depend_on_the_order_of_the_news(last: object) -> None:
    states = []
    for order in permutations([lambda p: p.fail(FIRST), lambda p: p.fail(SECOND), last]):
        found = payment()
        for news in order:
            assert callable(news)
            news(found)
        states.append(found)
    assert all(state == states[0] for state in states)


def test_only_what_was_paid_is_given_back_and_once() -> None:
    paid = payment()
    assert not paid.refund(START)
    complete(paid)
    assert [paid.refund(START), paid.refund(START)] == [True, False]
