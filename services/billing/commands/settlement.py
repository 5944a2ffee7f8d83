"""Settling a checkout: whatever the provider says of it now becomes true here, in one transaction."""

import copy
from datetime import datetime, timedelta

from services.billing.domain import ledger
from services.billing.domain.entitlement import Entitlement, Source
from services.billing.domain.order import KEY_LIFETIME, Order, OrderState
from services.billing.domain.payment import Payment
from services.billing.domain.provider import CheckoutFacts, FailedAttempt
from services.billing.ports import PaymentGateway, Store, Tx
from services.kernel.clock import Clock
from services.kernel.ids import new_id

LOOK_UP_EVERY = timedelta(minutes=1)


def overdue_checkouts(store: Store, clock: Clock, limit: int = 100) -> list[str]:
    """Open orders that nobody has asked the provider about for a minute; the next call names others."""
    now = clock()
    with store.begin() as tx:
        return tx.orders.take_overdue(now, now - LOOK_UP_EVERY, now - KEY_LIFETIME, limit)


def settle_checkout(order_id: str, store: Store, gateway: PaymentGateway, clock: Clock) -> None:
    """Asks the provider how a checkout stands, so that a message that was never received costs nobody a course."""
    with store.begin() as tx:
        order = tx.orders.get(order_id)
    if order is None or order.state is not OrderState.OPEN:
        return
    facts = gateway.checkout(order.session_id) if order.session_id else gateway.find_checkout(order)
    with store.begin() as tx:
        if facts is not None:
            settle(tx, facts, None, clock())
            return
        current = tx.orders.locked(order_id)
        # Nobody has seen a page of it, and from now on none will be made.
        if current and current.awaits_page and current.key_is_too_old(clock()):
            current.expire()
            tx.orders.save(current)
            if payment := tx.payments.get(current.transaction_id):
                payment.close()
                tx.payments.save(payment)


def settle(tx: Tx, facts: CheckoutFacts, failure: FailedAttempt | None, now: datetime) -> bool:
    """Brings order, payment, entitlements and ledger to what the facts say; False when the order isn't ours.

    Facts are no changes: the same ones again, or older ones after newer ones, change nothing.
    """
    order = tx.orders.locked(facts.order_id) if facts.order_id else None
    if order is None:
        return False
    payment = tx.payments.get(order.transaction_id)
    assert payment is not None, "order and payment are stored together"
    before = copy.copy(order), copy.copy(payment)
    order.show_page(facts)
    if failure and tx.payments.add_attempt(payment, failure):
        payment.fail(failure)
    bought, given_back = _follow(order, payment, facts, now)
    if order != before[0]:
        tx.orders.save(order)
    if payment != before[1]:
        tx.payments.save(payment)
    if bought:
        _grant(order, tx, now)
    if given_back:
        _take_back(order, tx, now)
    return True


def _follow(order: Order, payment: Payment, facts: CheckoutFacts, now: datetime) -> tuple[bool, bool]:
    """Whether the order was bought, and whether it was given back, just now. Either may be heard of first."""
    if order.session_id != facts.session_id:
        return False, False
    bought = facts.paid and order.pay(facts)
    if bought:
        payment.complete(paid_at=facts.paid_at or now, method=facts.method, intent_id=facts.intent_id)
    elif facts.over and order.expire():
        payment.lapse()
    return bought, facts.refunded and payment.refund(now)


def _grant(order: Order, tx: Tx, now: datetime) -> None:
    for line in order.lines:
        granted = Entitlement.grant(
            new_id(),
            user_id=order.user_id,
            course_id=line.course_id,
            source=Source.PURCHASE,
            now=now,
            order_id=order.id,
            order_line_id=line.id,
        )
        tx.entitlements.add(granted)
        tx.ledger.post(ledger.sale(line, order.transaction_id, now))


def _take_back(order: Order, tx: Tx, now: datetime) -> None:
    for entitlement in tx.entitlements.of_order(order.id):
        entitlement.revoke(now)
        tx.entitlements.save(entitlement)
    for line in order.lines:
        tx.ledger.post(ledger.refund(line, order.transaction_id, now))
