"""Events of the other services: each is told to its user once, in whatever company it comes."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from campus.billing.v1.events_pb2 import PaymentFailed, PaymentSucceeded
from campus.billing.v1.payment_service_pb2 import PAYMENT_FAILURE_CODE_INSUFFICIENT_FUNDS
from campus.certification.v1.events_pb2 import CertificateIssued
from campus.identity.v1.events_pb2 import UserRegistered
from campus.learning.v1.events_pb2 import EnrollmentCreated
from campus.types.v1.money_pb2 import Money
from google.protobuf.message import Message
from sqlalchemy import delete

from services.chassis.consumer import Consumer
from services.chassis.db import Database
from services.chassis.tables import inbox
from services.kernel.errors import DependencyUnavailable
from services.kernel.ids import new_id
from services.messaging import queries
from services.messaging.adapters.postgres import PostgresStore
from services.messaging.consumers import Consumers
from tests.messaging.conftest import SITE, START, FakeClock, FakeCourses, Heard

ADA, COURSE, ABOUT = new_id(), new_id(), new_id()
PRICE = Money(currency="EUR", amount_minor=4990)


@dataclass(frozen=True)
class Case:
    """An event about ABOUT, and what Ada is told of it."""

    message: Message
    kind: str
    subject: str
    says: str


CASES = [
    Case(UserRegistered(user_id=ADA), "welcome", "Welcome to Campus", "Your account is ready."),
    Case(
        PaymentSucceeded(transaction_id=ABOUT, user_id=ADA, course_id=COURSE, amount=PRICE),
        "payment_succeeded",
        "Payment received: Latin",
        '49.90 EUR for the course "Latin"',
    ),
    Case(
        PaymentFailed(
            transaction_id=ABOUT,
            user_id=ADA,
            course_id=COURSE,
            amount=PRICE,
            failure_code=PAYMENT_FAILURE_CODE_INSUFFICIENT_FUNDS,
        ),
        "payment_failed",
        "Payment failed: Latin",
        "there is not enough money on the account",
    ),
    Case(
        EnrollmentCreated(enrollment_id=ABOUT, user_id=ADA, course_id=COURSE),
        "enrollment_created",
        "You are enrolled: Latin",
        'You are enrolled in the course "Latin"',
    ),
    Case(
        CertificateIssued(certificate_id=ABOUT, user_id=ADA, course_id=COURSE, code="C-1"),
        "certificate_issued",
        "Your certificate is ready: Latin",
        f"{SITE}/verify/C-1",
    ),
]


class Told:
    """Hands events to the service as the bus does: with their headers, and a mark in the inbox."""

    def __init__(self, database: Database, courses: FakeCourses, heard: Heard, clock: FakeClock) -> None:
        self.database, self.courses, self.heard = database, courses, heard
        consumers = Consumers(PostgresStore(database.writer), courses, heard, SITE, clock)
        self._consumer = Consumer("messaging", database.writer, consumers.subscriptions)

    def __call__(self, message: Message, event_id: str = "") -> None:
        headers = {
            "Nats-Msg-Id": event_id or new_id(),
            "occurred-at": START.isoformat(),
            "aggregate-id": new_id(),
            "aggregate-version": "1",
        }
        self._consumer.handle(message.DESCRIPTOR.full_name, headers, message.SerializeToString())

    @property
    def shown(self) -> list[queries.NotificationRow]:
        query = queries.ListNotifications(ADA, False, 100, "")
        return list(queries.list_notifications(query, self.database.reader).page.rows)

    @property
    def deliveries(self) -> list[str]:
        query = queries.ListDeliveries(ADA, None, None, 100, "")
        return sorted(row.channel for row in queries.list_deliveries(query, self.database.reader).rows)


@pytest.fixture
def told(database: Database, courses: FakeCourses, heard: Heard, clock: FakeClock) -> Told:
    courses.kept[COURSE] = "Latin"
    return Told(database, courses, heard, clock)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_an_event_is_told_once_on_both_channels_however_often_it_comes(told: Told, case: Case) -> None:
    event_id = new_id()
    for _ in range(3):
        told(case.message, event_id)
    (row,) = told.shown
    about = ADA if case.kind == "welcome" else ABOUT
    assert (row.kind, row.about_id, row.subject) == (case.kind, about, case.subject)
    assert case.says in row.message
    assert told.deliveries == ["email", "in_app"]
    assert [made.id for made in told.heard.notifications] == [row.id]


def test_an_event_that_the_inbox_has_forgotten_is_still_not_told_twice(told: Told) -> None:
    event_id = new_id()
    told(CASES[0].message, event_id)
    with told.database.writer.begin() as work:
        work.execute(delete(inbox))
    told(CASES[0].message, event_id)
    assert len(told.shown) == len(told.heard.notifications) == 1


def test_every_failed_attempt_to_pay_is_told(told: Told) -> None:
    for _ in range(2):
        told(CASES[2].message)
    assert [row.kind for row in told.shown] == ["payment_failed"] * 2


def test_events_in_any_order_are_each_told(told: Told) -> None:
    for case in reversed(CASES):
        told(case.message)
    assert {row.kind for row in told.shown} == {case.kind for case in CASES}


def test_an_event_is_told_once_the_catalog_answers(told: Told) -> None:
    event_id = new_id()
    told.courses.away = True
    with pytest.raises(DependencyUnavailable):
        told(CASES[3].message, event_id)
    assert told.shown == []
    told.courses.away = False
    told(CASES[3].message, event_id)
    assert [row.subject for row in told.shown] == ["You are enrolled: Latin"]


def test_nothing_is_stored_that_the_user_is_not_told(told: Told, everything_stored: Callable[[], str]) -> None:
    for case in CASES:
        told(case.message)
    stored = everything_stored()
    assert "Welcome to Campus" in stored
    assert "@" not in stored, "no address is kept"
