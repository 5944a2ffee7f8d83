"""The servicers in a real server, with the real chain, certificates and tokens; codes and reasons asserted."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import grpc
import psycopg
import pytest
from campus.billing.v1.billing_internal_service_pb2 import CheckEntitlementRequest, GrantFreeEntitlementRequest
from campus.billing.v1.billing_internal_service_pb2_grpc import BillingInternalServiceStub
from campus.billing.v1.checkout_service_pb2 import Checkout, StartCheckoutRequest
from campus.billing.v1.checkout_service_pb2_grpc import CheckoutServiceStub
from campus.billing.v1.payment_service_pb2 import (
    ACCESS_REASON_ENTITLED,
    ACCESS_REASON_NO_ENTITLEMENT,
    ENTITLEMENT_SOURCE_FREE,
    ENTITLEMENT_SOURCE_PURCHASE,
    ENTITLEMENT_SOURCE_UNSPECIFIED,
    PAYMENT_FAILURE_CODE_CARD_EXPIRED,
    CheckAccessRequest,
    Entitlement,
    GetPaymentRequest,
    ListEntitlementsRequest,
    ListPaymentsRequest,
    Payment,
)
from campus.billing.v1.payment_service_pb2_grpc import PaymentServiceStub
from campus.billing.v1.webhook_service_pb2 import ReceiveStripeWebhookResponse
from campus.billing.v1.webhook_service_pb2_grpc import WebhookServiceStub
from google.api.httpbody_pb2 import HttpBody
from stripe import WebhookSignature

from deploy.local.pki import Pki
from services.billing import api, commands, queries
from services.billing.adapters.postgres import PostgresStore
from services.billing.adapters.stripe_webhooks import StripeWebhookReader
from services.billing.consumers import StripeConsumer
from services.billing.domain.order import Order
from services.billing.domain.provider import FailureCode
from services.chassis.db import Database
from services.kernel.ids import new_id
from services.kernel.money import Money
from tests.billing.conftest import START, TERMS, FakeClock
from tests.billing.provider import FakeCatalog, FakeGateway
from tests.harness.serving import Served, refused, served

Code = grpc.StatusCode
SECRET = "whsec_of_the_test"
FREE = Money("EUR", 0)


class Billing:
    def __init__(self, served: Served, consumer: StripeConsumer, store: PostgresStore, database: Database) -> None:
        self.served, self.store, self.database = served, store, database
        self._consumer = consumer
        self.kept = 0

    def note(self) -> None:
        """As the worker does when it is woken."""
        self.kept += 1
        while self._consumer.on_stripe_webhook():
            pass

    def order(self, checkout: Checkout) -> Order:
        with self.store.begin() as tx:
            found = tx.orders.get(checkout.order_id)
        assert found
        return found

    def post(self, body: bytes, signature: str | None = None) -> ReceiveStripeWebhookResponse:
        stamp = int(START.timestamp())
        header = signature or WebhookSignature.generate_signature_header(body.decode(), SECRET, stamp)
        stub = self.served.anonymous(WebhookServiceStub, ("stripe-signature", header))
        return stub.ReceiveStripeWebhook(HttpBody(content_type="application/json", data=body))

    def stored(self) -> int:
        with psycopg.connect(self.database.writer.url) as connection:
            return int(connection.execute("SELECT count(*) FROM webhook_events").fetchall()[0][0])


@pytest.fixture
def billing(
    database: Database, pki: Pki, gateway: FakeGateway, catalog: FakeCatalog, clock: FakeClock
) -> Iterator[Billing]:
    store = PostgresStore(database.writer)
    consumer = StripeConsumer(store, gateway, clock)
    wakes: list[Callable[[], None]] = []
    servicers = [
        api.CheckoutService(store, catalog, gateway, TERMS, clock),
        api.PaymentService(database.reader, clock),
        api.WebhookService(store, StripeWebhookReader(SECRET), lambda: wakes[0](), clock),
        api.BillingInternalService(store, database.reader, catalog, clock),
    ]
    with served(servicers, commands, queries, pki) as found:
        whole = Billing(found, consumer, store, database)
        wakes.append(whole.note)
        yield whole


def message(session_id: str, event_id: str = "evt_1") -> bytes:
    subject = {"id": session_id, "object": "checkout.session", "payment_intent": None}
    event = {"id": event_id, "object": "event", "type": "checkout.session.completed", "created": 1, "data": {}}
    return json.dumps(event | {"data": {"object": subject}}, indent=2).encode()


def bought(billing: Billing, gateway: FakeGateway, user_id: str, course_id: str) -> Checkout:
    stub = billing.served.as_user(CheckoutServiceStub, user_id)
    checkout = stub.StartCheckout(StartCheckoutRequest(course_id=course_id))
    gateway.pay(billing.order(checkout))
    billing.post(message(billing.order(checkout).session_id, f"evt_{checkout.order_id}"))
    return checkout


def test_a_checkout_is_started_once_per_request_id(billing: Billing, catalog: FakeCatalog) -> None:
    course, user = catalog.has(), new_id()
    stub = billing.served.as_user(CheckoutServiceStub, user)
    request = StartCheckoutRequest(course_id=course, request_id="r1", success_url="https://campus.example/thanks")
    checkout = stub.StartCheckout(request)
    assert checkout.state == Checkout.STATE_OPEN
    assert (checkout.amount.currency, checkout.amount.amount_minor) == ("EUR", 5_000)
    assert checkout.checkout_url == "https://pay.example/page"
    assert checkout.expires_at.ToDatetime(START.tzinfo) == START + timedelta(days=1)
    assert stub.StartCheckout(request) == checkout
    with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED", "request_id"):
        stub.StartCheckout(StartCheckoutRequest(course_id=catalog.has(), request_id="r1"))
    other = billing.served.as_user(CheckoutServiceStub, new_id()).StartCheckout(request)
    assert other.order_id != checkout.order_id


def test_a_checkout_is_refused_for_what_cannot_be_bought(
    billing: Billing, catalog: FakeCatalog, gateway: FakeGateway
) -> None:
    user, owned = new_id(), catalog.has()
    bought(billing, gateway, user, owned)
    stub = billing.served.as_user(CheckoutServiceStub, user)
    for code, reason, course in [
        (Code.NOT_FOUND, "COURSE_NOT_FOUND", new_id()),
        (Code.FAILED_PRECONDITION, "COURSE_NOT_AVAILABLE", catalog.has(published=False)),
        (Code.FAILED_PRECONDITION, "COURSE_IS_FREE", catalog.has(FREE)),
        (Code.ALREADY_EXISTS, "ALREADY_ENTITLED", owned),
        (Code.FAILED_PRECONDITION, "AMOUNT_NOT_CHARGEABLE", catalog.has(Money("EUR", 10))),
        (Code.INVALID_ARGUMENT, "INVALID_REQUEST", "no id"),
    ]:
        with refused(code, reason):
            stub.StartCheckout(StartCheckoutRequest(course_id=course))
    for field in ("success_url", "cancel_url"):
        with refused(Code.INVALID_ARGUMENT, "RETURN_URL_NOT_ALLOWED", field):
            stub.StartCheckout(StartCheckoutRequest(course_id=catalog.has(), **{field: "https://evil.example/"}))
    with refused(Code.UNAUTHENTICATED, "TOKEN_MISSING"):
        billing.served.anonymous(CheckoutServiceStub).StartCheckout(StartCheckoutRequest(course_id=owned))


def test_a_provider_that_is_away_is_said_to_be(billing: Billing, catalog: FakeCatalog, gateway: FakeGateway) -> None:
    gateway.unreachable = True
    stub = billing.served.as_user(CheckoutServiceStub, new_id())
    request = StartCheckoutRequest(course_id=catalog.has(), request_id="r1")
    with refused(Code.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
        stub.StartCheckout(request)
    gateway.unreachable = False
    assert stub.StartCheckout(request).checkout_url


def test_a_message_opens_the_course_and_its_repetition_changes_nothing(
    billing: Billing, catalog: FakeCatalog, gateway: FakeGateway
) -> None:
    user, course = new_id(), catalog.has()
    checkout = billing.served.as_user(CheckoutServiceStub, user).StartCheckout(StartCheckoutRequest(course_id=course))
    payments = billing.served.as_user(PaymentServiceStub, user)
    assert payments.CheckAccess(CheckAccessRequest(course_id=course)).reason == ACCESS_REASON_NO_ENTITLEMENT
    gateway.pay(billing.order(checkout))
    body = message(billing.order(checkout).session_id)
    assert [billing.post(body).duplicate for _ in range(3)] == [False, True, True]
    access = payments.CheckAccess(CheckAccessRequest(course_id=course))
    assert (access.allowed, access.reason, access.source) == (
        True,
        ACCESS_REASON_ENTITLED,
        ENTITLEMENT_SOURCE_PURCHASE,
    )
    payment = payments.GetPayment(GetPaymentRequest(transaction_id=checkout.transaction_id))
    assert (payment.state, payment.method, payment.course_title) == (
        Payment.STATE_SUCCEEDED,
        "card",
        "Latin for beginners",
    )
    assert payment.paid_at.ToDatetime(START.tzinfo) == START


def test_a_message_that_proves_nothing_is_refused_and_leaves_no_row(billing: Billing) -> None:
    body = message("cs_1")
    stamp = int(START.timestamp())
    good = WebhookSignature.generate_signature_header(body.decode(), SECRET, stamp)
    old = WebhookSignature.generate_signature_header(body.decode(), SECRET, stamp - 301)
    future = WebhookSignature.generate_signature_header(body.decode(), SECRET, stamp + 301)
    for sent, signature, reason in [
        (body + b" ", good, "WEBHOOK_SIGNATURE_INVALID"),
        (body, "t=1,v1=0", "WEBHOOK_SIGNATURE_INVALID"),
        (body, old, "WEBHOOK_SIGNATURE_EXPIRED"),
        (body, future, "WEBHOOK_SIGNATURE_EXPIRED"),
        (b"{}", WebhookSignature.generate_signature_header("{}", SECRET, stamp), "WEBHOOK_MALFORMED"),
    ]:
        with refused(Code.INVALID_ARGUMENT, reason):
            billing.post(sent, signature)
    with refused(Code.INVALID_ARGUMENT, "WEBHOOK_SIGNATURE_INVALID"):
        billing.served.anonymous(WebhookServiceStub).ReceiveStripeWebhook(HttpBody(data=body))
    assert (billing.stored(), billing.kept) == (0, 0)


def test_a_message_that_cannot_be_acted_upon_now_is_received_all_the_same(
    billing: Billing, catalog: FakeCatalog, gateway: FakeGateway, clock: FakeClock
) -> None:
    user, course = new_id(), catalog.has()
    checkout = billing.served.as_user(CheckoutServiceStub, user).StartCheckout(StartCheckoutRequest(course_id=course))
    gateway.pay(billing.order(checkout))
    gateway.unreachable = True
    assert not billing.post(message(billing.order(checkout).session_id)).duplicate
    with psycopg.connect(billing.database.writer.url) as connection:
        row = connection.execute("SELECT error, processed_at, attempts FROM webhook_events").fetchone()
    assert row
    assert (row[0].partition(":")[0], row[1:]) == ("DependencyUnavailable", (None, 1))
    gateway.unreachable = False
    clock.advance(timedelta(seconds=2))
    billing.note()
    payments = billing.served.as_user(PaymentServiceStub, user)
    assert payments.CheckAccess(CheckAccessRequest(course_id=course)).allowed


def test_payments_and_entitlements_are_the_callers_own(
    billing: Billing, catalog: FakeCatalog, gateway: FakeGateway
) -> None:
    user, other = new_id(), new_id()
    checkouts = [bought(billing, gateway, user, catalog.has()) for _ in range(3)]
    bought(billing, gateway, other, catalog.has())
    mine = billing.served.as_user(PaymentServiceStub, user)
    first = mine.ListPayments(ListPaymentsRequest(page_size=2))
    rest = mine.ListPayments(ListPaymentsRequest(page_size=2, page_token=first.next_page_token))
    listed = [payment.transaction_id for payment in (*first.payments, *rest.payments)]
    assert listed == [checkout.transaction_id for checkout in reversed(checkouts)]
    held = mine.ListEntitlements(ListEntitlementsRequest()).entitlements
    assert {each.order_id for each in held} == {checkout.order_id for checkout in checkouts}
    assert {each.state for each in held} == {Entitlement.STATE_ACTIVE}
    gateway.refund(billing.order(checkouts[0]))
    billing.post(message(billing.order(checkouts[0]).session_id, "evt_refund"))
    states = [each.state for each in mine.ListEntitlements(ListEntitlementsRequest()).entitlements]
    assert states.count(Entitlement.STATE_REVOKED) == 1
    for stub, method in [(mine.ListPayments, ListPaymentsRequest), (mine.ListEntitlements, ListEntitlementsRequest)]:
        with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "page_token"):
            stub(method(page_token="abc"))  # type: ignore[operator]
        with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "page_size"):
            stub(method(page_size=-1))  # type: ignore[operator]


def test_a_payment_of_someone_else_looks_like_none(
    billing: Billing, catalog: FakeCatalog, gateway: FakeGateway
) -> None:
    user = new_id()
    checkout = bought(billing, gateway, user, catalog.has())
    request = GetPaymentRequest(transaction_id=checkout.transaction_id)
    payment = billing.served.as_user(PaymentServiceStub, user).GetPayment(request)
    assert payment.user_id == user
    assert billing.served.as_user(PaymentServiceStub, new_id(), "admin").GetPayment(request) == payment
    for caller, wanted in [(new_id(), checkout.transaction_id), (user, new_id())]:
        with refused(Code.NOT_FOUND, "PAYMENT_NOT_FOUND"):
            stub = billing.served.as_user(PaymentServiceStub, caller, "instructor")
            stub.GetPayment(GetPaymentRequest(transaction_id=wanted))


def test_a_failed_payment_says_why(billing: Billing, catalog: FakeCatalog, gateway: FakeGateway) -> None:
    user = new_id()
    stub = billing.served.as_user(CheckoutServiceStub, user)
    checkout = stub.StartCheckout(StartCheckoutRequest(course_id=catalog.has()))
    event = gateway.decline(billing.order(checkout), FailureCode.CARD_EXPIRED)
    with billing.store.begin() as tx:
        tx.webhooks.add(event, START, due=True)
    billing.note()
    request = GetPaymentRequest(transaction_id=checkout.transaction_id)
    payment = billing.served.as_user(PaymentServiceStub, user).GetPayment(request)
    assert (payment.state, payment.failure_code) == (Payment.STATE_FAILED, PAYMENT_FAILURE_CODE_CARD_EXPIRED)


def test_neighbours_ask_whether_a_user_may(billing: Billing, catalog: FakeCatalog, gateway: FakeGateway) -> None:
    user, course = new_id(), catalog.has()
    checkout = bought(billing, gateway, user, course)
    for service in ("learning", "certification", "catalog"):
        stub = billing.served.as_service(BillingInternalServiceStub, service)
        found = stub.CheckEntitlement(CheckEntitlementRequest(user_id=user, course_id=course))
        assert (found.entitled, found.order_id) == (True, checkout.order_id)
        assert not found.HasField("until")
        nobody = stub.CheckEntitlement(CheckEntitlementRequest(user_id=new_id(), course_id=course))
        assert (nobody.entitled, nobody.reason, nobody.source, nobody.entitlement_id) == (
            False,
            ACCESS_REASON_NO_ENTITLEMENT,
            ENTITLEMENT_SOURCE_UNSPECIFIED,
            "",
        )
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        stub = billing.served.as_service(BillingInternalServiceStub, "messaging")
        stub.CheckEntitlement(CheckEntitlementRequest(user_id=user, course_id=course))


def test_learning_grants_free_courses_and_no_others(billing: Billing, catalog: FakeCatalog) -> None:
    user, free = new_id(), catalog.has(FREE)
    stub = billing.served.as_service(BillingInternalServiceStub, "learning")
    granted = stub.GrantFreeEntitlement(GrantFreeEntitlementRequest(user_id=user, course_id=free))
    assert (granted.source, granted.state, granted.order_id) == (
        ENTITLEMENT_SOURCE_FREE,
        Entitlement.STATE_ACTIVE,
        "",
    )
    assert stub.GrantFreeEntitlement(GrantFreeEntitlementRequest(user_id=user, course_id=free)) == granted
    for code, reason, course in [
        (Code.FAILED_PRECONDITION, "COURSE_NOT_FREE", catalog.has()),
        (Code.NOT_FOUND, "COURSE_NOT_FOUND", new_id()),
        (Code.FAILED_PRECONDITION, "COURSE_NOT_AVAILABLE", catalog.has(FREE, published=False)),
    ]:
        with refused(code, reason):
            stub.GrantFreeEntitlement(GrantFreeEntitlementRequest(user_id=user, course_id=course))
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        other = billing.served.as_service(BillingInternalServiceStub, "catalog")
        other.GrantFreeEntitlement(GrantFreeEntitlementRequest(user_id=user, course_id=free))
