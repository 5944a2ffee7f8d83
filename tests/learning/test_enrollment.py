"""The states of an enrolment and the events that they are announced by."""

from services.learning.domain.enrollment import (
    CourseCompleted,
    Enrollment,
    EnrollmentCreated,
    EnrollmentDropped,
    EnrollmentResumed,
    Entitlement,
    LessonCompleted,
    Source,
    State,
)
from tests.learning.conftest import START, outline

COURSE = outline((1000, 0))
BOUGHT = Entitlement("bought", Source.PURCHASE, "order")


def enrollment() -> Enrollment:
    found = Enrollment.enrol("e", "u", COURSE, BOUGHT, START)
    assert [type(event) for event in found.take_events()] == [EnrollmentCreated]
    return found


def completed() -> Enrollment:
    found = enrollment()
    for lesson in COURSE.lessons:
        found.complete_lesson(lesson.id, START)
    return found


def test_who_enrols_is_in_progress_on_the_version_of_that_moment() -> None:
    found = enrollment()
    assert (found.state, found.course_id, found.course_version) == (State.IN_PROGRESS, COURSE.course_id, 1)
    assert (found.entitlement_id, found.order_id, found.lesson_count) == ("bought", "order", 2)


def test_the_last_lesson_completes_the_course_once() -> None:
    found = enrollment()
    found.complete_lesson(COURSE.lessons[0].id, START)
    assert (found.state, found.completed_at) == (State.IN_PROGRESS, None)
    found.complete_lesson(COURSE.lessons[1].id, START)
    assert (found.state, found.completed_at) == (State.COMPLETED, START)
    assert [type(event) for event in found.take_events()] == [LessonCompleted, LessonCompleted, CourseCompleted]


def test_a_dropped_enrolment_becomes_what_it_was_before() -> None:
    for found, before in ((enrollment(), State.IN_PROGRESS), (completed(), State.COMPLETED)):
        found.take_events()
        found.drop()
        found.drop()
        assert found.state is State.DROPPED
        assert found.rest_on(Entitlement("again", Source.FREE))
        assert (found.state, found.entitlement_id, found.order_id) == (before, "again", "")
        assert [type(event) for event in found.take_events()] == [EnrollmentDropped, EnrollmentResumed]


def test_the_same_entitlement_again_is_no_news() -> None:
    found = enrollment()
    assert not found.rest_on(BOUGHT)
    assert found.rest_on(Entitlement("another", Source.PURCHASE, "order-2"))
    assert found.take_events() == []


def test_a_course_completed_in_the_moment_of_being_dropped_stays_dropped_and_is_not_forgotten() -> None:
    found = enrollment()
    found.drop()
    for lesson in COURSE.lessons:
        found.complete_lesson(lesson.id, START)
    assert (found.state, found.completed_at) == (State.DROPPED, START)
