"""Starting a checkout: everything that identifies it is stored before the provider is asked."""

from dataclasses import dataclass

from services.billing.commands.entitlements import available
from services.billing.domain.entitlement import Reason, decide
from services.billing.domain.errors import AlreadyEntitled, AmountNotChargeable, CourseIsFree
from services.billing.domain.order import Order, OrderLine, OrderState
from services.billing.domain.payment import Payment
from services.billing.domain.provider import CheckoutFacts
from services.billing.domain.terms import Terms
from services.billing.ports import Catalog, KeySpent, PaymentGateway, Store, Tx
from services.kernel.clock import Clock
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from services.kernel.requests import RequestKey


@dataclass(frozen=True)
class StartCheckout:
    user_id: str
    course_id: str
    success_url: str
    cancel_url: str
    request: RequestKey


def start_checkout(
    command: StartCheckout, store: Store, catalog: Catalog, gateway: PaymentGateway, terms: Terms, clock: Clock
) -> Order:
    with store.begin() as tx:
        # The request id stands for an order that may not be there yet: whoever comes next makes that very one.
        order_id = new_id()
        order_id = tx.requests.claim(command.request, order_id) or order_id
        order = tx.orders.get(order_id)
        if order is None:
            _refuse_entitled(command, tx, clock)
    order = order or _place(order_id, command, store, catalog, terms, clock)
    if order.state is OrderState.REFUSED:
        raise _not_chargeable(order)
    return _with_page(order, store, gateway, clock) if order.awaits_page else order


def _place(order_id: str, command: StartCheckout, store: Store, catalog: Catalog, terms: Terms, clock: Clock) -> Order:
    transaction_id, now = new_id(), clock()
    success_url = terms.return_url(command.success_url, "success_url", transaction_id)
    cancel_url = terms.return_url(command.cancel_url, "cancel_url", transaction_id)
    course = available(catalog, command.course_id)
    if course.price.amount_minor == 0:
        raise CourseIsFree(course_id=command.course_id)
    line = OrderLine(
        id=new_id(),
        course_id=course.course_id,
        course_title=course.title,
        instructor_id=course.instructor_id,
        amount=course.price,
        instructor_share_bps=terms.instructor_share_bps,
    )
    order = Order.place(
        order_id,
        transaction_id,
        user_id=command.user_id,
        line=line,
        success_url=success_url,
        cancel_url=cancel_url,
        now=now,
    )
    payment = Payment(
        id=transaction_id,
        order_id=order_id,
        user_id=command.user_id,
        course_id=course.course_id,
        amount=order.amount,
        created_at=now,
    )
    with store.begin() as tx:
        _refuse_entitled(command, tx, clock)
        if tx.orders.add(order):
            tx.payments.add(payment)
            return order
        # The same request came twice at once, and the other one was first.
        return _existing(tx.orders.get(order_id))


def _refuse_entitled(command: StartCheckout, tx: Tx, clock: Clock) -> None:
    reason, held, _ = decide(tx.entitlements.of(command.user_id, command.course_id), clock())
    if reason is Reason.ENTITLED and held is not None:
        raise AlreadyEntitled(course_id=command.course_id, entitlement_id=held.id)


def _with_page(order: Order, store: Store, gateway: PaymentGateway, clock: Clock) -> Order:
    """Asks the provider for the page. A crash or a lost answer here is mended by doing the same again."""
    try:
        facts = _ask(order, gateway, clock)
    except AmountNotChargeable:
        with store.begin() as tx:
            refused = _existing(tx.orders.locked(order.id))
            if refused.awaits_page:
                refused.refuse()
                tx.orders.save(refused)
                _close_payment(refused, tx)
        raise
    except KeySpent:
        with store.begin() as tx:
            spent = _existing(tx.orders.locked(order.id))
            if spent.awaits_page and spent.idempotency_key == order.idempotency_key:
                spent.change_key(clock())
                tx.orders.save(spent)
        raise DependencyUnavailable(dependency="payment provider") from None
    with store.begin() as tx:
        order = _existing(tx.orders.locked(order.id))
        if not order.awaits_page:
            return order
        if facts is None:
            order.expire()
            _close_payment(order, tx)
        else:
            order.show_page(facts)
        tx.orders.save(order)
    return order


def _ask(order: Order, gateway: PaymentGateway, clock: Clock) -> CheckoutFacts | None:
    if order.key_is_too_old(clock()):
        return gateway.find_checkout(order)
    try:
        return gateway.open_checkout(order)
    except KeySpent:
        # The failure may have come after the page was made.
        if found := gateway.find_checkout(order):
            return found
        raise


def _close_payment(order: Order, tx: Tx) -> None:
    payment = tx.payments.get(order.transaction_id)
    if payment is not None:
        payment.close()
        tx.payments.save(payment)


def _not_chargeable(order: Order) -> AmountNotChargeable:
    return AmountNotChargeable(currency=order.amount.currency, amount_minor=str(order.amount.amount_minor))


def _existing(order: Order | None) -> Order:
    assert order is not None, "an order is never deleted"
    return order
