"""Between the contract's messages and billing's own types, both ways."""

from datetime import datetime

from campus.billing.v1 import billing_internal_service_pb2, checkout_service_pb2, events_pb2, payment_service_pb2
from campus.billing.v1.payment_service_pb2 import Payment as PaymentMessage
from campus.types.v1 import money_pb2
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.billing import commands, queries
from services.billing.domain.entitlement import (
    Entitlement,
    EntitlementGranted,
    EntitlementRevoked,
    Reason,
    Source,
)
from services.billing.domain.order import Order, OrderState
from services.billing.domain.payment import PaymentFailed, PaymentState, PaymentSucceeded
from services.billing.domain.provider import FailureCode
from services.billing.queries.entitlements import Access
from services.chassis.requests import request_key
from services.kernel.events import DomainEvent
from services.kernel.money import Money
from services.kernel.pages import Page, PageRequest

_CHECKOUT_STATES = {
    OrderState.OPEN: checkout_service_pb2.Checkout.STATE_OPEN,
    OrderState.PAID: checkout_service_pb2.Checkout.STATE_PAID,
    OrderState.EXPIRED: checkout_service_pb2.Checkout.STATE_EXPIRED,
    OrderState.REFUSED: checkout_service_pb2.Checkout.STATE_EXPIRED,
}
_PAYMENT_STATES = {
    PaymentState.PENDING: PaymentMessage.STATE_PENDING,
    PaymentState.COMPLETED: PaymentMessage.STATE_SUCCEEDED,
    PaymentState.FAILED: PaymentMessage.STATE_FAILED,
}
_FAILURES = {
    code: payment_service_pb2.PaymentFailureCode.Value(f"PAYMENT_FAILURE_CODE_{code.name}") for code in FailureCode
}
_SOURCES = {
    Source.PURCHASE: payment_service_pb2.ENTITLEMENT_SOURCE_PURCHASE,
    Source.FREE: payment_service_pb2.ENTITLEMENT_SOURCE_FREE,
}
_REASONS = {reason: payment_service_pb2.AccessReason.Value(f"ACCESS_REASON_{reason.name}") for reason in Reason}


def timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    found = Timestamp()
    found.FromDatetime(moment)
    return found


def money(amount: Money) -> money_pb2.Money:
    return money_pb2.Money(currency=amount.currency, amount_minor=amount.amount_minor)


def to_start_checkout(user_id: str, request: checkout_service_pb2.StartCheckoutRequest) -> commands.StartCheckout:
    key = request_key(request)
    return commands.StartCheckout(user_id, request.course_id, request.success_url, request.cancel_url, key)


def to_page(
    request: payment_service_pb2.ListPaymentsRequest | payment_service_pb2.ListEntitlementsRequest,
) -> PageRequest:
    return PageRequest(request.page_size, request.page_token, request.DESCRIPTOR.name)


def checkout(order: Order) -> checkout_service_pb2.Checkout:
    return checkout_service_pb2.Checkout(
        order_id=order.id,
        transaction_id=order.transaction_id,
        course_id=order.course_id,
        checkout_url=order.checkout_url,
        state=_CHECKOUT_STATES[order.state],
        amount=money(order.amount),
        expires_at=timestamp(order.expires_at),
        created_at=timestamp(order.created_at),
    )


def payment(row: queries.PaymentRow) -> PaymentMessage:
    failure = row.failure_code
    return PaymentMessage(
        transaction_id=row.id,
        order_id=row.order_id,
        user_id=row.user_id,
        course_id=row.course_id,
        course_title=row.course_title,
        amount=money(Money(row.currency, row.amount_minor)),
        state=_PAYMENT_STATES[PaymentState(row.state)],
        method=row.method,
        failure_code=_FAILURES[failure] if failure else payment_service_pb2.PAYMENT_FAILURE_CODE_UNSPECIFIED,
        created_at=timestamp(row.created_at),
        paid_at=timestamp(row.paid_at),
    )


def payments(page: Page[queries.PaymentRow]) -> payment_service_pb2.ListPaymentsResponse:
    found = [payment(row) for row in page.rows]
    return payment_service_pb2.ListPaymentsResponse(payments=found, next_page_token=page.next_token)


def entitlement(found: Entitlement | queries.EntitlementRow, now: datetime) -> payment_service_pb2.Entitlement:
    state = payment_service_pb2.Entitlement.STATE_ACTIVE
    if found.not_after is not None and found.not_after <= now:
        state = payment_service_pb2.Entitlement.STATE_EXPIRED
    if found.revoked_at is not None:
        state = payment_service_pb2.Entitlement.STATE_REVOKED
    return payment_service_pb2.Entitlement(
        entitlement_id=found.id,
        user_id=found.user_id,
        course_id=found.course_id,
        source=_SOURCES[Source(found.source)],
        order_id=found.order_id or "",
        state=state,
        not_before=timestamp(found.not_before),
        not_after=timestamp(found.not_after),
        granted_at=timestamp(found.granted_at),
        revoked_at=timestamp(found.revoked_at),
    )


def entitlements(page: Page[queries.EntitlementRow], now: datetime) -> payment_service_pb2.ListEntitlementsResponse:
    found = [entitlement(row, now) for row in page.rows]
    return payment_service_pb2.ListEntitlementsResponse(entitlements=found, next_page_token=page.next_token)


def access(found: Access) -> payment_service_pb2.CheckAccessResponse:
    return payment_service_pb2.CheckAccessResponse(
        allowed=found.reason is Reason.ENTITLED,
        reason=_REASONS[found.reason],
        source=_SOURCES[Source(found.by.source)] if found.by else payment_service_pb2.ENTITLEMENT_SOURCE_UNSPECIFIED,
        until=timestamp(found.until),
    )


def entitled(found: Access) -> billing_internal_service_pb2.CheckEntitlementResponse:
    return billing_internal_service_pb2.CheckEntitlementResponse(
        entitled=found.reason is Reason.ENTITLED,
        reason=_REASONS[found.reason],
        source=_SOURCES[Source(found.by.source)] if found.by else payment_service_pb2.ENTITLEMENT_SOURCE_UNSPECIFIED,
        entitlement_id=found.by.id if found.by else "",
        order_id=(found.by.order_id or "") if found.by else "",
        until=timestamp(found.until),
    )


def announced(event: DomainEvent) -> Message:
    """The event as the other services hear it."""
    match event:
        case PaymentSucceeded():
            return events_pb2.PaymentSucceeded(
                order_id=event.order_id,
                transaction_id=event.transaction_id,
                user_id=event.user_id,
                course_id=event.course_id,
                amount=money(event.amount),
                paid_at=timestamp(event.paid_at),
            )
        case PaymentFailed():
            return events_pb2.PaymentFailed(
                order_id=event.order_id,
                transaction_id=event.transaction_id,
                user_id=event.user_id,
                course_id=event.course_id,
                amount=money(event.amount),
                failure_code=_FAILURES[event.failure_code],
            )
        case EntitlementGranted():
            return events_pb2.EntitlementGranted(
                entitlement_id=event.entitlement_id,
                user_id=event.user_id,
                course_id=event.course_id,
                source=_SOURCES[event.source],
                order_id=event.order_id,
                not_before=timestamp(event.not_before),
                not_after=timestamp(event.not_after),
            )
        case EntitlementRevoked():
            return events_pb2.EntitlementRevoked(
                entitlement_id=event.entitlement_id,
                user_id=event.user_id,
                course_id=event.course_id,
                order_id=event.order_id,
                revoked_at=timestamp(event.revoked_at),
            )
    raise TypeError(type(event).__name__)
