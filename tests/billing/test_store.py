"""One suite for the store in memory and the one in PostgreSQL."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.billing.domain import ledger
from services.billing.domain.entitlement import Entitlement, Source
from services.billing.domain.order import Order, OrderLine
from services.billing.domain.payment import Payment
from services.billing.domain.provider import FailedAttempt, FailureCode, ProviderEvent
from services.billing.ports import Store, Tx
from services.chassis.driver import ConstraintBroken
from services.kernel.errors import StaleVersion
from services.kernel.events import Aggregate
from services.kernel.ids import new_id
from services.kernel.money import Money
from tests.billing.conftest import START

MINUTE = timedelta(minutes=1)


def placed(store: Store) -> tuple[Order, Payment]:
    line = OrderLine(
        id=new_id(),
        course_id=new_id(),
        course_title="Latin",
        instructor_id=new_id(),
        amount=Money("EUR", 4_999),
        instructor_share_bps=7_000,
    )
    order = Order.place(new_id(), new_id(), user_id=new_id(), line=line, success_url="s", cancel_url="c", now=START)
    payment = Payment(
        id=order.transaction_id,
        order_id=order.id,
        user_id=order.user_id,
        course_id=line.course_id,
        amount=order.amount,
        created_at=START,
    )
    with store.begin() as tx:
        assert tx.orders.add(order)
        tx.payments.add(payment)
    return order, payment


def event(name: str, kind: str = "charge.refunded", failure: FailedAttempt | None = None) -> ProviderEvent:
    return ProviderEvent(
        id=name,
        type=kind,
        created_at=START,
        object_kind="charge",
        object_id="ch_1",
        intent_id="pi_1",
        failure=failure,
    )


def purchase(order: Order) -> Entitlement:
    return Entitlement.grant(
        new_id(),
        user_id=order.user_id,
        course_id=order.course_id,
        source=Source.PURCHASE,
        now=START,
        order_id=order.id,
        order_line_id=order.lines[0].id,
    )


def test_an_order_and_its_payment_are_kept_as_they_are(store: Store) -> None:
    order, payment = placed(store)
    order.session_id, order.checkout_url, order.expires_at = "cs_1", "https://pay.example", START + MINUTE
    payment.fail(FailedAttempt(START, "ch_1", FailureCode.CARD_EXPIRED))
    payment.complete(paid_at=START + MINUTE, method="card", intent_id="pi_1")
    payment.refund(START + 2 * MINUTE)
    with store.begin() as tx:
        tx.orders.save(order)
        tx.payments.save(payment)
    with store.begin() as tx:
        assert tx.orders.get(order.id) == tx.orders.locked(order.id) == order
        assert tx.payments.get(payment.id) == payment
        assert (tx.orders.get(new_id()), tx.payments.get(new_id())) == (None, None)


def test_an_order_is_added_once(store: Store) -> None:
    order, _ = placed(store)
    with store.begin() as tx:
        assert not tx.orders.add(replace(order, success_url="other"))
        assert tx.orders.get(order.id) == order


@pytest.mark.parametrize("what", ["orders", "payments", "entitlements"])
def test_the_second_of_two_writers_is_told_to_read_again(store: Store, what: str) -> None:
    order, payment = placed(store)
    granted = purchase(order)
    with store.begin() as tx:
        tx.entitlements.add(granted)
    aggregates: dict[str, Aggregate] = {"orders": order, "payments": payment, "entitlements": granted}
    mine = aggregates[what]
    theirs = replace(mine)

    def save(aggregate: Aggregate) -> Callable[[Tx], None]:
        return lambda tx: getattr(tx, what).save(aggregate)

    with store.begin() as tx:
        save(mine)(tx)
    with pytest.raises(StaleVersion), store.begin() as tx:
        save(theirs)(tx)


def test_a_line_is_entitled_once(store: Store) -> None:
    order, _ = placed(store)
    first = purchase(order)
    with store.begin() as tx:
        assert tx.entitlements.add(first)
        assert not tx.entitlements.add(purchase(order))
    with store.begin() as tx:
        assert tx.entitlements.of(order.user_id, order.course_id) == tx.entitlements.of_order(order.id) == [first]
        assert tx.entitlements.of(order.user_id, new_id()) == []


def test_a_course_is_granted_freely_once_until_it_is_taken_back(store: Store) -> None:
    user, course = new_id(), new_id()

    def free() -> Entitlement:
        return Entitlement.grant(new_id(), user_id=user, course_id=course, source=Source.FREE, now=START)

    first = free()
    with store.begin() as tx:
        assert tx.entitlements.add(first)
        assert not tx.entitlements.add(free())
        first.revoke(START + MINUTE)
        tx.entitlements.save(first)
        assert tx.entitlements.add(free())
    with store.begin() as tx:
        assert {each.revoked_at for each in tx.entitlements.of(user, course)} == {START + MINUTE, None}


def test_a_failed_attempt_is_remembered_once(store: Store) -> None:
    _, payment = placed(store)
    attempt = FailedAttempt(START, "ch_1", FailureCode.DECLINED)
    with store.begin() as tx:
        assert [tx.payments.add_attempt(payment, attempt) for _ in range(2)] == [True, False]
        assert tx.payments.add_attempt(payment, replace(attempt, attempt_id="ch_2"))


def test_a_line_has_one_sale_and_one_refund_and_no_second_of_either(store: Store) -> None:
    order, payment = placed(store)
    with store.begin() as tx:
        tx.ledger.post(ledger.sale(order.lines[0], payment.id, START))
        tx.ledger.post(ledger.refund(order.lines[0], payment.id, START))
    for entry in (ledger.sale, ledger.refund):
        with pytest.raises((AssertionError, ConstraintBroken)), store.begin() as tx:
            tx.ledger.post(entry(order.lines[0], payment.id, START))


def test_a_message_is_kept_once_and_taken_by_one_at_a_time(store: Store) -> None:
    failure = FailedAttempt(START, "ch_1", FailureCode.CARD_EXPIRED)
    kept = event("evt_1", "payment_intent.payment_failed", failure)
    with store.begin() as tx:
        assert [tx.webhooks.add(kept, START, due=True) for _ in range(2)] == [True, False]
        assert tx.webhooks.add(event("evt_2", "customer.created"), START, due=False)
    with store.begin() as tx:
        assert tx.webhooks.take_due(START, START + MINUTE) == replace(kept, attempts=1)
        assert tx.webhooks.take_due(START, START + MINUTE) is None
        again = tx.webhooks.take_due(START + MINUTE, START + 2 * MINUTE)
        assert again == replace(kept, attempts=2)
        tx.webhooks.failed(kept.id, "why", START + 3 * MINUTE)
        assert tx.webhooks.take_due(START + 2 * MINUTE, START + 9 * MINUTE) is None
        assert tx.webhooks.take_due(START + 3 * MINUTE, START + 4 * MINUTE) == replace(kept, attempts=3)
        tx.webhooks.done(kept.id, "settled", START)
        tx.webhooks.failed(kept.id, "too late", START)
    with store.begin() as tx:
        assert tx.webhooks.take_due(START + timedelta(days=9), START + timedelta(days=10)) is None


def test_open_orders_are_looked_up_in_turn(store: Store) -> None:
    first, second, unseen = (placed(store)[0] for _ in range(3))
    with store.begin() as tx:
        for order in (first, second):
            order.session_id = f"cs_{order.id}"
            tx.orders.save(order)
    now = START + MINUTE
    with store.begin() as tx:
        assert tx.orders.take_overdue(now, START - MINUTE, START - MINUTE, 10) == []
        one = tx.orders.take_overdue(now, START, START - MINUTE, 1)
        other = tx.orders.take_overdue(now, START, START - MINUTE, 10)
        assert sorted(one + other) == sorted([first.id, second.id])
        assert tx.orders.take_overdue(now, START, START, 10) == [unseen.id]
        second.expire()
        tx.orders.save(second)
        assert tx.orders.take_overdue(now + MINUTE, now, START - MINUTE, 10) == [first.id]
