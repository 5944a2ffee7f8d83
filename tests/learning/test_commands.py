"""The write side on memory adapters, neighbours that keep their contracts, and a clock that stands still."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.kernel.errors import StaleVersion
from services.kernel.ids import new_id
from services.learning import commands
from services.learning.adapters.memory import MemoryStore
from services.learning.adapters.places import RememberedPlaces
from services.learning.domain.enrollment import (
    CourseCompleted,
    Enrollment,
    EnrollmentCreated,
    Entitlement,
    LessonCompleted,
    Source,
    State,
)
from services.learning.domain.errors import (
    CourseNotAvailable,
    CourseNotFound,
    EnrollmentDropped,
    EnrollmentNotFound,
    LessonNotInCourse,
    NotEntitled,
)
from services.learning.domain.outline import Outline
from services.learning.domain.progress import Operation
from services.learning.domain.standing import CourseStanding
from tests.learning.conftest import START, DirectHeartbeats, FakeBilling, FakeCatalog, FakeClock

ADA = new_id()


class Learning:
    def __init__(self, store: MemoryStore, billing: FakeBilling, catalog: FakeCatalog, clock: FakeClock) -> None:
        self.store, self.billing, self.catalog, self.clock = store, billing, catalog, clock
        self.places, self.heartbeats = RememberedPlaces(store), DirectHeartbeats(store, clock)

    def enroll(self, course_id: str, user_id: str = ADA) -> Enrollment:
        command = commands.Enroll(user_id, course_id)
        return commands.enroll(command, self.store, self.billing, self.catalog, self.clock)

    def admit(self, course_id: str, entitlement: Entitlement, **times: timedelta) -> None:
        ends = START + times["ends"] if "ends" in times else None
        command = commands.Admit(ADA, course_id, entitlement, START + times.get("begins", timedelta()), ends)
        commands.admit(command, self.store, self.catalog, self.clock)

    def withdraw(self, course_id: str, entitlement: Entitlement) -> None:
        command = commands.Withdraw(ADA, course_id, entitlement.id)
        commands.withdraw(command, self.store, self.billing, self.clock)

    def record(self, enrollment_id: str, *operations: Operation, user_id: str = ADA) -> CourseStanding:
        return commands.record_progress(
            commands.RecordProgress(user_id, enrollment_id, operations), self.store, self.clock
        )

    def beat(self, enrollment_id: str, operation: Operation, user_id: str = ADA) -> bool:
        command = commands.RecordHeartbeat(user_id, enrollment_id, operation)
        return commands.record_heartbeat(command, self.places, self.heartbeats)

    @property
    def announced(self) -> list[type]:
        return [type(event) for event in self.store.state.announced]

    @property
    def only(self) -> Enrollment:
        (found,) = self.store.state.enrollments.values()
        return found

    @property
    def state(self) -> State:
        return self.only.state


@pytest.fixture
def learning(memory: MemoryStore, billing: FakeBilling, catalog: FakeCatalog, clock: FakeClock) -> Learning:
    return Learning(memory, billing, catalog, clock)


def priced(learning: Learning) -> Outline:
    course = learning.catalog.publish()
    learning.billing.priced.add(course.course_id)
    return course


def done(course: Outline, number: int) -> Operation:
    return Operation(new_id(), course.lessons[number].id, START)


def watched(course: Outline, number: int, end: int, id_: str = "") -> Operation:
    return Operation(id_ or new_id(), course.lessons[number].id, START, (0, end))


def test_a_free_course_is_entered_by_asking(learning: Learning) -> None:
    course = learning.catalog.publish()
    found = learning.enroll(course.course_id)
    assert (found.source, found.order_id, found.course_version) == (Source.FREE, "", 1)
    assert learning.enroll(course.course_id) == found
    assert learning.announced == [EnrollmentCreated]


def test_a_course_with_a_price_is_entered_by_paying(learning: Learning) -> None:
    course = priced(learning)
    with pytest.raises(NotEntitled):
        learning.enroll(course.course_id)
    sold = learning.billing.sell(ADA, course.course_id)
    found = learning.enroll(course.course_id)
    assert (found.source, found.entitlement_id, found.order_id) == (Source.PURCHASE, sold.id, sold.order_id)


def test_unknown_courses_and_drafts_take_nobody(learning: Learning) -> None:
    with pytest.raises(CourseNotFound):
        learning.enroll(new_id())
    with pytest.raises(CourseNotAvailable):
        learning.enroll(learning.catalog.draft())


def test_an_enrolment_stays_on_its_version(learning: Learning) -> None:
    course = learning.catalog.publish()
    found = learning.enroll(course.course_id)
    learning.catalog.publish((1000,), course.course_id)
    assert learning.enroll(course.course_id) == found
    assert learning.record(found.id, done(course, 0)).course_version == 1
    assert learning.enroll(course.course_id, new_id()).course_version == 2


@pytest.mark.parametrize("asks_first", [True, False])
def test_a_purchase_enrols_once_whoever_comes_first(learning: Learning, asks_first: bool) -> None:
    course = priced(learning)
    sold = learning.billing.sell(ADA, course.course_id)
    if asks_first:
        learning.enroll(course.course_id)
    learning.admit(course.course_id, sold)
    learning.enroll(course.course_id)
    assert learning.announced == [EnrollmentCreated]
    assert learning.only.entitlement_id == sold.id


def test_an_entitlement_that_holds_no_longer_or_not_yet_enrols_nobody(learning: Learning) -> None:
    course = priced(learning)
    sold = learning.billing.sell(ADA, course.course_id)
    learning.admit(course.course_id, sold, ends=timedelta(0))
    learning.admit(course.course_id, sold, begins=timedelta(hours=1))
    assert learning.store.state.enrollments == {}
    learning.admit(course.course_id, sold, begins=timedelta(seconds=5), ends=timedelta(days=1))
    assert learning.only.state is State.IN_PROGRESS


def test_a_refund_ends_access_and_keeps_progress(learning: Learning) -> None:
    course = priced(learning)
    sold = learning.billing.sell(ADA, course.course_id)
    found = learning.enroll(course.course_id)
    learning.record(found.id, done(course, 0))
    learning.billing.refund(ADA, course.course_id, sold)
    learning.withdraw(course.course_id, sold)
    assert learning.only.state is State.DROPPED
    with pytest.raises(EnrollmentDropped):
        learning.record(found.id, done(course, 1))
    with pytest.raises(EnrollmentDropped):
        learning.beat(found.id, done(course, 1))
    with pytest.raises(NotEntitled):
        learning.enroll(course.course_id)
    learning.billing.sell(ADA, course.course_id)
    assert learning.enroll(course.course_id).state is State.IN_PROGRESS
    assert learning.record(found.id, done(course, 1)).basis_points == 10_000


def test_a_refund_of_one_of_two_purchases_changes_nothing(learning: Learning) -> None:
    course = priced(learning)
    first, second = (learning.billing.sell(ADA, course.course_id) for _ in range(2))
    learning.admit(course.course_id, first)
    learning.billing.refund(ADA, course.course_id, first)
    learning.withdraw(course.course_id, first)
    assert (learning.only.state, learning.only.entitlement_id) == (State.IN_PROGRESS, second.id)
    learning.billing.refund(ADA, course.course_id, second)
    learning.withdraw(course.course_id, second)
    assert learning.only.state is State.DROPPED


def test_a_grant_that_is_told_after_its_revocation_has_no_effect(learning: Learning) -> None:
    course = priced(learning)
    sold = learning.billing.sell(ADA, course.course_id)
    learning.billing.refund(ADA, course.course_id, sold)
    learning.withdraw(course.course_id, sold)
    learning.admit(course.course_id, sold)
    assert learning.store.state.enrollments == {}


def test_the_revocation_of_an_entitlement_that_was_replaced_drops_nobody(learning: Learning) -> None:
    course = priced(learning)
    first = learning.billing.sell(ADA, course.course_id)
    learning.admit(course.course_id, first)
    learning.billing.refund(ADA, course.course_id, first)
    second = learning.billing.sell(ADA, course.course_id)
    learning.admit(course.course_id, second)
    learning.withdraw(course.course_id, first)
    assert (learning.only.state, learning.only.entitlement_id) == (State.IN_PROGRESS, second.id)


def test_an_answer_of_billing_that_is_older_than_the_event_is_asked_for_again(learning: Learning) -> None:
    course = priced(learning)
    sold = learning.billing.sell(ADA, course.course_id)
    learning.admit(course.course_id, sold)
    with pytest.raises(StaleVersion):
        learning.withdraw(course.course_id, sold)
    assert learning.announced == [EnrollmentCreated]
    learning.billing.refund(ADA, course.course_id, sold)
    learning.withdraw(course.course_id, sold)
    assert learning.state is State.DROPPED


def test_completing_every_lesson_completes_the_course_once(learning: Learning) -> None:
    course = learning.catalog.publish((100_000, 0))
    found = learning.enroll(course.course_id)
    operations = [watched(course, 0, 90_000), done(course, 1), done(course, 0)]
    standing = learning.record(found.id, *operations)
    assert (standing.state, standing.basis_points, standing.missing) == (State.COMPLETED, 10_000, [])
    assert standing.completed_at == START
    learning.clock.advance(timedelta(days=1))
    assert learning.record(found.id, *reversed(operations), done(course, 1)).completed_at == START
    assert learning.announced == [EnrollmentCreated, LessonCompleted, LessonCompleted, CourseCompleted]


def test_of_operations_with_the_same_id_the_first_one_stands(learning: Learning) -> None:
    course = learning.catalog.publish((100_000, 0))
    found = learning.enroll(course.course_id)
    first = watched(course, 0, 10_000)
    other = replace(first, watched=(0, 50_000))
    assert learning.record(found.id, first, other).lessons[0].watched_ms == 10_000
    assert learning.beat(found.id, other)
    assert learning.record(found.id, other).lessons[0].watched_ms == 10_000


def test_a_request_with_one_wrong_operation_records_nothing(learning: Learning) -> None:
    course = learning.catalog.publish()
    found = learning.enroll(course.course_id)
    with pytest.raises(LessonNotInCourse):
        learning.record(found.id, done(course, 1), Operation(new_id(), new_id(), START))
    assert learning.store.state.log == {}


def test_heartbeats_complete_a_course_too_and_say_when_they_came_before(learning: Learning) -> None:
    course = learning.catalog.publish((100_000,))
    found = learning.enroll(course.course_id)
    beats = [Operation(new_id(), course.lessons[0].id, START, (n * 10_000, n * 10_000 + 10_000)) for n in range(9)]
    assert [learning.beat(found.id, beat) for beat in (*beats, *beats)] == [False] * 9 + [True] * 9
    assert learning.only.state is State.COMPLETED
    assert learning.announced.count(CourseCompleted) == 1


def test_someone_elses_enrolment_looks_like_a_missing_one(learning: Learning) -> None:
    course = learning.catalog.publish()
    found = learning.enroll(course.course_id)
    for user_id, enrollment_id in ((new_id(), found.id), (ADA, new_id())):
        with pytest.raises(EnrollmentNotFound):
            learning.record(enrollment_id, done(course, 0), user_id=user_id)
        with pytest.raises(EnrollmentNotFound):
            learning.beat(enrollment_id, done(course, 0), user_id=user_id)
