"""The gRPC servicers: message in, command or query out, message back."""

from collections.abc import Callable

import grpc
from campus.billing.v1 import (
    billing_internal_service_pb2 as internal_pb,
)
from campus.billing.v1 import (
    billing_internal_service_pb2_grpc,
    checkout_service_pb2_grpc,
    payment_service_pb2_grpc,
    webhook_service_pb2_grpc,
)
from campus.billing.v1 import (
    checkout_service_pb2 as checkout_pb,
)
from campus.billing.v1 import (
    payment_service_pb2 as payment_pb,
)
from campus.billing.v1 import (
    webhook_service_pb2 as webhook_pb,
)
from google.api import httpbody_pb2

from services.billing import commands, queries, wire
from services.billing.domain.terms import Terms
from services.billing.ports import Catalog, PaymentGateway, Store, WebhookReader
from services.chassis.access import principal
from services.kernel.clock import Clock
from services.kernel.rows import Rows


class CheckoutService(checkout_service_pb2_grpc.CheckoutServiceServicer):
    def __init__(self, store: Store, catalog: Catalog, gateway: PaymentGateway, terms: Terms, clock: Clock) -> None:
        self._store, self._catalog, self._gateway, self._terms, self._clock = store, catalog, gateway, terms, clock

    def StartCheckout(
        self, request: checkout_pb.StartCheckoutRequest, context: grpc.ServicerContext
    ) -> checkout_pb.Checkout:
        command = wire.to_start_checkout(principal().user_id, request)
        order = commands.start_checkout(command, self._store, self._catalog, self._gateway, self._terms, self._clock)
        return wire.checkout(order)


class PaymentService(payment_service_pb2_grpc.PaymentServiceServicer):
    def __init__(self, rows: Rows, clock: Clock) -> None:
        self._rows, self._clock = rows, clock

    def GetPayment(self, request: payment_pb.GetPaymentRequest, context: grpc.ServicerContext) -> payment_pb.Payment:
        caller = principal()
        query = queries.GetPayment(request.transaction_id, caller.user_id, sees_all="admin" in caller.roles)
        return wire.payment(queries.get_payment(query, self._rows))

    def ListPayments(
        self, request: payment_pb.ListPaymentsRequest, context: grpc.ServicerContext
    ) -> payment_pb.ListPaymentsResponse:
        query = queries.ListPayments(principal().user_id, wire.to_page(request))
        return wire.payments(queries.list_payments(query, self._rows))

    def ListEntitlements(
        self, request: payment_pb.ListEntitlementsRequest, context: grpc.ServicerContext
    ) -> payment_pb.ListEntitlementsResponse:
        query = queries.ListEntitlements(principal().user_id, wire.to_page(request))
        return wire.entitlements(queries.list_entitlements(query, self._rows), self._clock())

    def CheckAccess(
        self, request: payment_pb.CheckAccessRequest, context: grpc.ServicerContext
    ) -> payment_pb.CheckAccessResponse:
        query = queries.CheckAccess(principal().user_id, request.course_id)
        return wire.access(queries.check_access(query, self._rows, self._clock))


class WebhookService(webhook_service_pb2_grpc.WebhookServiceServicer):
    def __init__(self, store: Store, reader: WebhookReader, kept: Callable[[], None], clock: Clock) -> None:
        """`kept` is called when a message was stored: someone may act on it now."""
        self._store, self._reader, self._kept, self._clock = store, reader, kept, clock

    def ReceiveStripeWebhook(
        self, request: httpbody_pb2.HttpBody, context: grpc.ServicerContext
    ) -> webhook_pb.ReceiveStripeWebhookResponse:
        signature = dict(context.invocation_metadata()).get("stripe-signature", "")
        command = commands.ReceiveStripeWebhook(request.data, str(signature))
        receipt = commands.receive_stripe_webhook(command, self._store, self._reader, self._clock)
        self._kept()
        return webhook_pb.ReceiveStripeWebhookResponse(event_id=receipt.event_id, duplicate=receipt.duplicate)


class BillingInternalService(billing_internal_service_pb2_grpc.BillingInternalServiceServicer):
    def __init__(self, store: Store, rows: Rows, catalog: Catalog, clock: Clock) -> None:
        self._store, self._rows, self._catalog, self._clock = store, rows, catalog, clock

    def CheckEntitlement(
        self, request: internal_pb.CheckEntitlementRequest, context: grpc.ServicerContext
    ) -> internal_pb.CheckEntitlementResponse:
        query = queries.CheckEntitlement(request.user_id, request.course_id)
        return wire.entitled(queries.check_entitlement(query, self._rows, self._clock))

    def GrantFreeEntitlement(
        self, request: internal_pb.GrantFreeEntitlementRequest, context: grpc.ServicerContext
    ) -> payment_pb.Entitlement:
        command = commands.GrantFreeEntitlement(request.user_id, request.course_id)
        granted = commands.grant_free_entitlement(command, self._store, self._catalog, self._clock)
        return wire.entitlement(granted, self._clock())
