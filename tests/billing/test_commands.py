"""The write side on memory adapters, a provider that keeps Stripe's contract, and a clock that stands still."""

from datetime import timedelta
from itertools import permutations

import pytest

from services.billing import commands
from services.billing.adapters.memory import MemoryStore
from services.billing.domain.entitlement import Source
from services.billing.domain.errors import (
    AlreadyEntitled,
    AmountNotChargeable,
    CourseIsFree,
    CourseNotAvailable,
    CourseNotFound,
    CourseNotFree,
    ReturnUrlNotAllowed,
)
from services.billing.domain.ledger import EntryKind
from services.billing.domain.order import OrderState
from services.billing.domain.payment import PaymentFailed, PaymentState
from services.billing.domain.provider import FailureCode, ProviderEvent
from services.kernel.errors import DependencyUnavailable, RequestIdReused
from services.kernel.ids import new_id
from services.kernel.money import Money
from tests.billing.conftest import FakeClock
from tests.billing.provider import FakeCatalog, FakeGateway
from tests.billing.shop import Shop

FREE = Money("EUR", 0)
SUCCESS = ["PaymentSucceeded", "EntitlementGranted"]


@pytest.fixture
def shop(memory: MemoryStore, gateway: FakeGateway, catalog: FakeCatalog, clock: FakeClock) -> Shop:
    return Shop(memory, gateway, catalog, clock)


def announced(memory: MemoryStore) -> list[str]:
    return [type(event).__name__ for event in memory.state.announced]


def test_a_checkout_has_a_page_and_the_price_of_now(shop: Shop) -> None:
    course = shop.catalog.has(Money("EUR", 4_900))
    order = shop.start(course)
    assert (order.state, order.amount, order.checkout_url) == (
        OrderState.OPEN,
        Money("EUR", 4_900),
        "https://pay.example/page",
    )
    assert order.success_url == f"https://campus.example/?checkout=success&transaction_id={order.transaction_id}"


def test_the_same_request_answers_the_same_checkout_and_calls_nothing_again(shop: Shop) -> None:
    course = shop.catalog.has()
    first = shop.start(course, "r1")
    asked, called = shop.catalog.calls, list(shop.gateway.calls)
    assert shop.start(course, "r1") == first
    assert (shop.catalog.calls, shop.gateway.calls) == (asked, called)
    with pytest.raises(RequestIdReused):
        shop.start(shop.catalog.has(), "r1")
    assert shop.start(course).id != first.id


def test_everything_is_stored_before_the_provider_is_asked(shop: Shop, memory: MemoryStore) -> None:
    shop.gateway.unreachable = True
    with pytest.raises(DependencyUnavailable):
        shop.start(shop.catalog.has(), "r1")
    (order,) = memory.state.orders.values()
    assert shop.gateway.calls == [f"open {order.idempotency_key}"]
    assert (order.state, order.session_id) == (OrderState.OPEN, "")
    assert memory.state.payments[order.transaction_id].state is PaymentState.PENDING


def test_a_lost_reply_is_mended_by_the_same_key_and_makes_one_page(shop: Shop) -> None:
    course = shop.catalog.has()
    shop.gateway.lose_replies = 1
    with pytest.raises(DependencyUnavailable):
        shop.start(course, "r1")
    order = shop.start(course, "r1")
    assert list(shop.gateway.sessions) == [order.session_id]
    assert len(set(shop.gateway.calls)) == 1


@pytest.mark.parametrize("late", [timedelta(hours=22, minutes=59), timedelta(hours=23), timedelta(days=3)])
def test_a_lost_reply_of_yesterday_is_mended_by_looking_it_up(shop: Shop, clock: FakeClock, late: timedelta) -> None:
    course = shop.catalog.has()
    shop.gateway.lose_replies = 1
    with pytest.raises(DependencyUnavailable):
        shop.start(course, "r1")
    clock.advance(late)
    order = shop.start(course, "r1")
    assert list(shop.gateway.sessions) == [order.session_id]
    assert (shop.gateway.calls[-1] == "find") == (late >= timedelta(hours=23))


def test_an_order_that_never_got_a_page_is_over_after_a_day(shop: Shop, clock: FakeClock, memory: MemoryStore) -> None:
    course = shop.catalog.has()
    shop.gateway.unreachable = True
    with pytest.raises(DependencyUnavailable):
        shop.start(course, "r1")
    shop.gateway.unreachable = False
    clock.advance(timedelta(hours=23))
    assert shop.start(course, "r1").state is OrderState.EXPIRED
    assert (shop.gateway.sessions, announced(memory)) == ({}, [])


@pytest.mark.parametrize("made", [True, False])
def test_a_failure_that_the_provider_would_repeat_for_ever_is_left_behind(shop: Shop, made: bool) -> None:
    course = shop.catalog.has()
    shop.gateway.fail_inside, shop.gateway.made_before_failing = 1, made
    if made:
        order = shop.start(course, "r1")
    else:
        with pytest.raises(DependencyUnavailable):
            shop.start(course, "r1")
        order = shop.start(course, "r1")
    assert list(shop.gateway.sessions) == [order.session_id]
    assert order.idempotency_key.endswith("-1" if made else "-2")


def test_what_cannot_be_bought_is_refused(shop: Shop, memory: MemoryStore) -> None:
    for refusal, course in [
        (CourseNotFound, new_id()),
        (CourseNotAvailable, shop.catalog.has(published=False)),
        (CourseIsFree, shop.catalog.has(FREE)),
    ]:
        with pytest.raises(refusal) as refused:
            shop.start(course)
        assert refused.value.metadata == {"course_id": course}
    with pytest.raises(ReturnUrlNotAllowed):
        shop.start(shop.catalog.has(), success_url="https://evil.example/")
    assert (memory.state.orders, shop.gateway.calls) == ({}, [])


def test_an_amount_that_is_not_taken_is_refused_again_and_again(shop: Shop, memory: MemoryStore) -> None:
    course = shop.catalog.has(Money("EUR", 10))
    for _ in range(2):
        with pytest.raises(AmountNotChargeable):
            shop.start(course, "r1")
    (payment,) = memory.state.payments.values()
    assert (payment.failure_code, len(shop.gateway.calls)) == (FailureCode.PROVIDER_ERROR, 1)
    assert announced(memory) == []


def test_who_has_access_does_not_pay_again(shop: Shop) -> None:
    course = shop.catalog.has()
    shop.bought(course)
    with pytest.raises(AlreadyEntitled) as refused:
        shop.start(course)
    assert set(refused.value.metadata) == {"course_id", "entitlement_id"}


def test_the_first_answer_stays_the_answer_after_the_payment(shop: Shop) -> None:
    course = shop.catalog.has()
    order = shop.start(course, "r1")
    shop.hear(*shop.gateway.pay(order))
    again = shop.start(course, "r1")
    assert (again.id, again.state) == (order.id, OrderState.PAID)


def test_a_payment_grants_and_books_in_one_go_and_once(shop: Shop, memory: MemoryStore) -> None:
    order = shop.start(shop.catalog.has())
    for event in shop.gateway.pay(order) * 3:
        shop.hear(event)
    state = memory.state
    assert announced(memory) == SUCCESS
    assert [entry.kind for entry in state.entries] == [EntryKind.SALE]
    (granted,) = state.entitlements.values()
    assert (granted.source, granted.order_line_id) == (Source.PURCHASE, order.lines[0].id)
    assert state.payments[order.transaction_id].state is PaymentState.COMPLETED
    assert {kept.outcome for kept in state.webhooks.values()} == {"settled"}


def test_a_failed_attempt_leaves_the_checkout_open_and_may_be_followed_by_a_success(
    shop: Shop, memory: MemoryStore, clock: FakeClock
) -> None:
    order = shop.start(shop.catalog.has())
    failure = shop.gateway.decline(order, FailureCode.INSUFFICIENT_FUNDS)
    shop.hear(failure, failure)
    assert announced(memory) == ["PaymentFailed"]
    assert memory.state.orders[order.id].state is OrderState.OPEN
    clock.advance(timedelta(seconds=1))
    shop.hear(shop.gateway.decline(order, FailureCode.CARD_EXPIRED))
    assert memory.state.payments[order.transaction_id].failure_code is FailureCode.CARD_EXPIRED
    shop.hear(*shop.gateway.pay(order))
    assert announced(memory) == ["PaymentFailed", "PaymentFailed", *SUCCESS]


def test_a_checkout_whose_time_ran_out_is_over(shop: Shop, memory: MemoryStore) -> None:
    order = shop.start(shop.catalog.has())
    expired = shop.gateway.run_out(order)
    shop.hear(expired, expired)
    (failed,) = memory.state.announced
    assert isinstance(failed, PaymentFailed)
    assert failed.failure_code is FailureCode.CHECKOUT_EXPIRED
    assert memory.state.orders[order.id].state is OrderState.EXPIRED


def test_a_full_refund_takes_the_course_back_and_posts_a_reversal(shop: Shop, memory: MemoryStore) -> None:
    course = shop.catalog.has()
    order = shop.bought(course)
    refund = shop.gateway.refund(order)
    shop.hear(refund, refund)
    assert announced(memory) == [*SUCCESS, "EntitlementRevoked"]
    balances: dict[str, int] = {}
    for entry in memory.state.entries:
        for posting in entry.postings:
            balances[posting.account.id] = balances.get(posting.account.id, 0) + posting.amount_minor
    assert len(memory.state.entries) == 2
    assert set(balances.values()) == {0}
    assert shop.start(course).state is OrderState.OPEN


def test_one_refund_leaves_another_purchase_alone(shop: Shop, memory: MemoryStore) -> None:
    course = shop.catalog.has()
    first, second = shop.start(course), shop.start(course)
    for order in (first, second):
        shop.hear(*shop.gateway.pay(order))
    shop.hear(shop.gateway.refund(first))
    with pytest.raises(AlreadyEntitled):
        shop.start(course)
    living = [each for each in memory.state.entitlements.values() if each.revoked_at is None]
    assert [each.order_id for each in living] == [second.id]


def test_the_end_is_the_same_whatever_comes_first(gateway: FakeGateway, catalog: FakeCatalog, clock: FakeClock) -> None:
    ends = set()
    first = Shop(MemoryStore(), gateway, catalog, clock)
    order = first.start(catalog.has())
    start = first.store
    assert isinstance(start, MemoryStore)
    news: list[ProviderEvent] = [gateway.decline(order)]
    clock.advance(timedelta(minutes=1))
    news += [gateway.decline(order, FailureCode.CARD_EXPIRED), *gateway.pay(order), gateway.refund(order)]
    for events in permutations(news):
        store = MemoryStore()
        store.state = start.state
        shop = Shop(store, gateway, catalog, clock)
        for event in events:
            shop.receive(event)
        shop.hear(*reversed(events))
        state = store.state
        (granted,) = state.entitlements.values()
        payment = state.payments[order.transaction_id]
        kinds = tuple(entry.kind for entry in state.entries)
        ends.add((payment.state, payment.failure, payment.refunded_at, granted.revoked_at, kinds, len(state.attempts)))
        assert announced(store).count("PaymentSucceeded") == 1
        assert announced(store).count("EntitlementRevoked") == 1
    assert len(ends) == 1


def test_a_message_of_another_shop_and_of_an_unknown_kind_is_kept_and_left_alone(
    shop: Shop, memory: MemoryStore
) -> None:
    order = shop.start(shop.catalog.has())
    facts = shop.gateway.session_of(order)
    shop.gateway.sessions.clear()
    shop.hear(shop.gateway.event("checkout.session.completed", facts))
    shop.hear(shop.gateway.event("customer.created", facts))
    assert sorted(kept.outcome for kept in memory.state.webhooks.values()) == ["ignored", "not ours"]
    assert announced(memory) == []


def test_a_message_whose_subject_cannot_be_asked_about_comes_again_later(
    shop: Shop, memory: MemoryStore, clock: FakeClock
) -> None:
    order = shop.start(shop.catalog.has())
    event = shop.gateway.pay(order)[1]
    shop.receive(event)
    taken = commands.take_webhook(shop.store, clock)
    assert taken
    assert shop.act() == 0, "somebody else has it"
    commands.postpone_webhook(taken, "DependencyUnavailable", shop.store, clock)
    assert memory.state.webhooks[event.id].error == "DependencyUnavailable"
    assert shop.act() == 0
    clock.advance(timedelta(seconds=2))
    assert shop.act() == 1
    assert announced(memory) == SUCCESS


def test_who_dies_while_acting_leaves_the_message_to_the_next(shop: Shop, clock: FakeClock) -> None:
    shop.receive(shop.gateway.pay(shop.start(shop.catalog.has()))[0])
    assert commands.take_webhook(shop.store, clock)
    assert shop.act() == 0
    clock.advance(commands.webhooks.LEASE)
    assert shop.act() == 1


def test_a_lost_message_costs_nobody_the_course(shop: Shop, memory: MemoryStore, clock: FakeClock) -> None:
    order = shop.start(shop.catalog.has())
    shop.gateway.pay(order)
    assert shop.look_up() == []
    clock.advance(timedelta(minutes=1))
    assert shop.look_up() == [order.id]
    assert announced(memory) == SUCCESS
    clock.advance(timedelta(minutes=1))
    assert shop.look_up() == []


def test_an_open_checkout_is_looked_up_every_minute_and_one_without_a_page_after_a_day(
    shop: Shop, memory: MemoryStore, clock: FakeClock
) -> None:
    waiting = shop.start(shop.catalog.has())
    shop.gateway.unreachable = True
    with pytest.raises(DependencyUnavailable):
        shop.start(shop.catalog.has())
    shop.gateway.unreachable = False
    for _ in range(2):
        clock.advance(timedelta(minutes=1))
        assert shop.look_up() == [waiting.id]
        assert shop.look_up() == []
    clock.advance(timedelta(hours=23))
    assert len(shop.look_up()) == 2
    states = {order.id: order.state for order in memory.state.orders.values()}
    assert states.pop(waiting.id) is OrderState.OPEN
    assert set(states.values()) == {OrderState.EXPIRED}


def test_a_free_course_is_granted_once_and_a_priced_one_never(shop: Shop, memory: MemoryStore) -> None:
    free = shop.catalog.has(FREE)

    def grant(course: str) -> str:
        command = commands.GrantFreeEntitlement(shop.user_id, course)
        return commands.grant_free_entitlement(command, memory, shop.catalog, shop.clock).id

    assert grant(free) == grant(free)
    assert announced(memory) == ["EntitlementGranted"]
    for refusal, course in [
        (CourseNotFree, shop.catalog.has()),
        (CourseNotFound, new_id()),
        (CourseNotAvailable, shop.catalog.has(FREE, published=False)),
    ]:
        with pytest.raises(refusal):
            grant(course)
    bought = shop.catalog.has()
    shop.bought(bought)
    assert grant(bought) in memory.state.entitlements, "who has access gets what gives it"
