"""Billing's events: each has its effect once, in whatever order and company they come."""

from datetime import timedelta

import pytest
from campus.billing.v1.events_pb2 import EntitlementGranted, EntitlementRevoked
from campus.billing.v1.payment_service_pb2 import ENTITLEMENT_SOURCE_FREE, ENTITLEMENT_SOURCE_PURCHASE
from google.protobuf.message import Message

from services.chassis.consumer import Consumer
from services.chassis.db import Database
from services.kernel.ids import new_id
from services.learning import commands, queries
from services.learning.adapters.postgres import PostgresStore
from services.learning.consumers import Consumers
from services.learning.domain.enrollment import Entitlement, Source, State
from services.learning.domain.errors import CourseNotFound
from services.learning.domain.outline import Outline
from services.learning.wire import timestamp
from tests.harness.databases import announced
from tests.learning.conftest import START, FakeBilling, FakeCatalog, FakeClock

ADA = new_id()


class Told:
    """Hands events to the service as the bus does: with their headers, and a mark in the inbox."""

    def __init__(self, database: Database, billing: FakeBilling, catalog: FakeCatalog, clock: FakeClock) -> None:
        self.database, self.store = database, PostgresStore(database.writer)
        self.billing, self.catalog, self.clock = billing, catalog, clock
        consumers = Consumers(self.store, billing, catalog, clock)
        self._consumer = Consumer("learning", database.writer, consumers.subscriptions)

    def __call__(self, message: Message, event_id: str = "") -> None:
        headers = {
            "Nats-Msg-Id": event_id or new_id(),
            "occurred-at": START.isoformat(),
            "aggregate-id": new_id(),
            "aggregate-version": "1",
        }
        self._consumer.handle(message.DESCRIPTOR.full_name, headers, message.SerializeToString())

    def state(self, course: Outline) -> State | None:
        found = queries.check_enrollment(queries.CheckEnrollment(ADA, course.course_id), self.database.reader)
        return State(found.state) if found else None


@pytest.fixture
def told(database: Database, billing: FakeBilling, catalog: FakeCatalog, clock: FakeClock) -> Told:
    return Told(database, billing, catalog, clock)


def granted(course: Outline, entitlement: Entitlement) -> EntitlementGranted:
    paid = entitlement.source is Source.PURCHASE
    return EntitlementGranted(
        entitlement_id=entitlement.id,
        user_id=ADA,
        course_id=course.course_id,
        source=ENTITLEMENT_SOURCE_PURCHASE if paid else ENTITLEMENT_SOURCE_FREE,
        order_id=entitlement.order_id,
        not_before=timestamp(START),
    )


def revoked(course: Outline, entitlement: Entitlement) -> EntitlementRevoked:
    return EntitlementRevoked(entitlement_id=entitlement.id, user_id=ADA, course_id=course.course_id)


def test_a_grant_enrols_once_however_often_it_is_told(told: Told) -> None:
    course = told.catalog.publish()
    sold, event_id = told.billing.sell(ADA, course.course_id), new_id()
    for same in (event_id, event_id, new_id()):
        told(granted(course, sold), same)
    assert announced(told.database) == ["EnrollmentCreated"]
    row = queries.check_enrollment(queries.CheckEnrollment(ADA, course.course_id), told.database.reader)
    assert row
    assert (row.source, row.entitlement_id, row.order_id) == ("purchase", sold.id, sold.order_id)


def test_a_grant_finds_the_enrolment_that_the_learner_asked_for_meanwhile(told: Told) -> None:
    course = told.catalog.publish()
    enroll = commands.Enroll(ADA, course.course_id)
    made = commands.enroll(enroll, told.store, told.billing, told.catalog, told.clock)
    told(granted(course, Entitlement(made.entitlement_id, Source.FREE)))
    assert announced(told.database) == ["EnrollmentCreated"]


def test_a_revocation_drops_and_a_new_grant_resumes_each_once(told: Told) -> None:
    course = told.catalog.publish()
    sold, event_id = told.billing.sell(ADA, course.course_id), new_id()
    told(granted(course, sold))
    told.billing.refund(ADA, course.course_id, sold)
    for same in (event_id, event_id, new_id()):
        told(revoked(course, sold), same)
    assert told.state(course) is State.DROPPED
    again = told.billing.sell(ADA, course.course_id)
    for _ in range(2):
        told(granted(course, again))
    assert told.state(course) is State.IN_PROGRESS
    assert announced(told.database) == ["EnrollmentCreated", "EnrollmentDropped", "EnrollmentResumed"]


def test_a_revocation_spares_who_has_another_entitlement(told: Told) -> None:
    course = told.catalog.publish()
    first, second = (told.billing.sell(ADA, course.course_id) for _ in range(2))
    told(granted(course, first))
    told.billing.refund(ADA, course.course_id, first)
    told(revoked(course, first))
    told(granted(course, second))
    assert told.state(course) is State.IN_PROGRESS
    assert announced(told.database) == ["EnrollmentCreated"]


def test_a_revocation_that_overtakes_its_grant_leaves_nobody_enrolled(told: Told) -> None:
    course = told.catalog.publish()
    sold = told.billing.sell(ADA, course.course_id)
    told.billing.refund(ADA, course.course_id, sold)
    told(revoked(course, sold))
    told(granted(course, sold))
    assert told.state(course) is None
    assert announced(told.database) == []


def test_a_grant_that_failed_is_handled_when_it_comes_again(told: Told) -> None:
    course = told.catalog.publish()
    sold, event_id = told.billing.sell(ADA, course.course_id), new_id()
    hidden = told.catalog.versions.pop(course.course_id)
    with pytest.raises(CourseNotFound):
        told(granted(course, sold), event_id)
    told.catalog.versions[course.course_id] = hidden
    told(granted(course, sold), event_id)
    assert told.state(course) is State.IN_PROGRESS


def test_a_grant_that_ran_out_before_it_was_told_enrols_nobody(told: Told) -> None:
    course = told.catalog.publish()
    message = granted(course, told.billing.sell(ADA, course.course_id))
    ended = timestamp(START - timedelta(seconds=1))
    assert ended
    message.not_after.CopyFrom(ended)
    told(message)
    assert told.state(course) is None
