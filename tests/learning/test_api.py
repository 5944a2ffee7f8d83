"""The servicers in a real server, with the real chain, certificates and tokens; codes and reasons asserted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from campus.learning.v1.enrollment_service_pb2 import (
    ENROLLMENT_SOURCE_FREE,
    Enrollment,
    EnrollRequest,
    GetEnrollmentRequest,
    ListEnrollmentsRequest,
)
from campus.learning.v1.enrollment_service_pb2_grpc import EnrollmentServiceStub
from campus.learning.v1.learning_internal_service_pb2 import CheckCompletionRequest, CheckEnrollmentRequest
from campus.learning.v1.learning_internal_service_pb2_grpc import LearningInternalServiceStub
from campus.learning.v1.progress_service_pb2 import (
    GetProgressRequest,
    LessonDone,
    ProgressOperation,
    RecordHeartbeatRequest,
    RecordProgressRequest,
    WatchedRange,
)
from campus.learning.v1.progress_service_pb2_grpc import ProgressServiceStub
from sqlalchemy import select

from deploy.local.pki import Pki
from services.chassis.db import Database
from services.chassis.tables import outbox
from services.kernel.clock import system_clock
from services.kernel.ids import new_id
from services.learning import api, commands, queries
from services.learning.adapters.heartbeats import GroupedHeartbeats
from services.learning.adapters.places import RememberedPlaces
from services.learning.adapters.postgres import PostgresStore
from services.learning.domain.outline import Outline
from services.learning.wire import timestamp
from tests.harness.databases import announced
from tests.harness.serving import Served, refused, served
from tests.learning.conftest import FakeBilling, FakeCatalog

Code = grpc.StatusCode
ADA, BOB = new_id(), new_id()


@pytest.fixture
def learning(database: Database, pki: Pki, billing: FakeBilling, catalog: FakeCatalog) -> Iterator[Served]:
    store, rows = PostgresStore(database.writer), database.reader
    heartbeats = GroupedHeartbeats(database.writer, system_clock)
    servicers = [
        api.EnrollmentService(store, rows, billing, catalog, system_clock),
        api.ProgressService(store, rows, RememberedPlaces(store), heartbeats, system_clock),
        api.LearningInternalService(rows),
    ]
    with served(servicers, commands, queries, pki) as found:
        yield found
    heartbeats.close()


@pytest.fixture
def course(catalog: FakeCatalog) -> Outline:
    return catalog.publish((100_000, 0))


def enroll(learning: Served, course: Outline, user_id: str = ADA) -> Enrollment:
    return learning.as_user(EnrollmentServiceStub, user_id).Enroll(EnrollRequest(course_id=course.course_id))


def watched(course: Outline, from_ms: int, to_ms: int) -> ProgressOperation:
    part = WatchedRange(from_ms=from_ms, to_ms=to_ms)
    return ProgressOperation(
        operation_id=new_id(),
        occurred_at=timestamp(datetime.now(UTC)),
        lesson_id=course.lessons[0].id,
        watched=part,
    )


def done(course: Outline, number: int) -> ProgressOperation:
    return ProgressOperation(
        operation_id=new_id(),
        occurred_at=timestamp(datetime.now(UTC)),
        lesson_id=course.lessons[number].id,
        completed=LessonDone(),
    )


def test_enrolling_answers_with_the_one_enrolment(learning: Served, course: Outline, database: Database) -> None:
    found = enroll(learning, course)
    assert (found.user_id, found.course_id, found.course_version) == (ADA, course.course_id, 1)
    assert (found.state, found.source) == (Enrollment.STATE_IN_PROGRESS, ENROLLMENT_SOURCE_FREE)
    shouted = EnrollRequest(course_id=course.course_id.upper())
    assert learning.as_user(EnrollmentServiceStub, ADA).Enroll(shouted) == found == enroll(learning, course)
    assert announced(database) == ["EnrollmentCreated"]


def test_enrolling_is_refused_with_the_reason(
    learning: Served, billing: FakeBilling, catalog: FakeCatalog, course: Outline
) -> None:
    stub = learning.as_user(EnrollmentServiceStub, ADA)
    billing.priced.add(course.course_id)
    with refused(Code.FAILED_PRECONDITION, "NOT_ENTITLED"):
        enroll(learning, course)
    with refused(Code.FAILED_PRECONDITION, "COURSE_NOT_AVAILABLE"):
        stub.Enroll(EnrollRequest(course_id=catalog.draft()))
    with refused(Code.NOT_FOUND, "COURSE_NOT_FOUND"):
        stub.Enroll(EnrollRequest(course_id=new_id()))
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "course_id"):
        stub.Enroll(EnrollRequest(course_id="no id"))
    with refused(Code.UNAUTHENTICATED, "TOKEN_MISSING"):
        learning.anonymous(EnrollmentServiceStub).Enroll(EnrollRequest(course_id=course.course_id))


def test_an_enrolment_is_the_learners_own(learning: Served, course: Outline) -> None:
    found = enroll(learning, course)
    request = GetEnrollmentRequest(enrollment_id=found.enrollment_id)
    assert learning.as_user(EnrollmentServiceStub, ADA).GetEnrollment(request) == found
    assert learning.as_user(EnrollmentServiceStub, BOB, "admin").GetEnrollment(request) == found
    with refused(Code.NOT_FOUND, "ENROLLMENT_NOT_FOUND"):
        learning.as_user(EnrollmentServiceStub, BOB).GetEnrollment(request)


def test_learners_list_their_own(learning: Served, catalog: FakeCatalog) -> None:
    made = [enroll(learning, catalog.publish()) for _ in range(3)]
    enroll(learning, catalog.publish(), BOB)
    stub = learning.as_user(EnrollmentServiceStub, ADA)
    first = stub.ListEnrollments(ListEnrollmentsRequest(page_size=2))
    rest = stub.ListEnrollments(ListEnrollmentsRequest(page_size=2, page_token=first.next_page_token))
    assert [*first.enrollments, *rest.enrollments] == sorted(made, key=lambda e: e.enrollment_id, reverse=True)
    completed = ListEnrollmentsRequest(state=Enrollment.STATE_COMPLETED)
    assert list(stub.ListEnrollments(completed).enrollments) == []
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "page_token"):
        stub.ListEnrollments(ListEnrollmentsRequest(page_token="abc"))


def test_progress_is_recorded_and_read(learning: Served, course: Outline, database: Database) -> None:
    found = enroll(learning, course)
    stub = learning.as_user(ProgressServiceStub, ADA)
    half, rest = watched(course, 0, 50_000), watched(course, 50_000, 99_500)
    progress = stub.RecordProgress(RecordProgressRequest(enrollment_id=found.enrollment_id, operations=[half]))
    assert (progress.progress_basis_points, progress.progress_percent) == (2500, "25.00")
    assert (progress.lessons[0].watched_ms, progress.lessons[0].position_ms) == (50_000, 50_000)
    assert progress.resume_point.lesson_id == course.lessons[0].id
    assert progress.resume_point.accessed_at == half.occurred_at
    both = RecordProgressRequest(enrollment_id=found.enrollment_id, operations=[rest, done(course, 1), half])
    progress = stub.RecordProgress(both)
    assert (progress.progress_basis_points, progress.state) == (10_000, Enrollment.STATE_COMPLETED)
    assert (progress.completed_lesson_count, progress.lesson_count, progress.time_spent_seconds) == (2, 2, 99)
    assert stub.RecordProgress(both) == progress
    assert stub.GetProgress(GetProgressRequest(enrollment_id=found.enrollment_id)) == progress
    told = announced(database)
    assert (told.count("LessonCompleted"), told.count("CourseCompleted"), len(told)) == (2, 1, 4)


def test_progress_is_refused_with_the_reason(learning: Served, course: Outline) -> None:
    found = enroll(learning, course)
    stub = learning.as_user(ProgressServiceStub, ADA)
    unwatchable, elsewhere, backwards, ahead = (watched(course, 0, 1000) for _ in range(4))
    unwatchable.lesson_id = course.lessons[1].id
    elsewhere.lesson_id = new_id()
    backwards.watched.from_ms = 5000
    ahead.occurred_at.FromDatetime(datetime.now(UTC) + timedelta(minutes=6))
    for operation, reason in [
        (unwatchable, "LESSON_NOT_WATCHABLE"),
        (elsewhere, "LESSON_NOT_IN_COURSE"),
        (backwards, "INVALID_REQUEST"),
        (ahead, "INVALID_REQUEST"),
    ]:
        with refused(Code.INVALID_ARGUMENT, reason):
            stub.RecordProgress(RecordProgressRequest(enrollment_id=found.enrollment_id, operations=[operation]))
        with refused(Code.INVALID_ARGUMENT, reason):
            stub.RecordHeartbeat(RecordHeartbeatRequest(enrollment_id=found.enrollment_id, operation=operation))
    with refused(Code.INVALID_ARGUMENT, "INVALID_REQUEST", "operations"):
        stub.RecordProgress(RecordProgressRequest(enrollment_id=found.enrollment_id))
    assert not stub.GetProgress(GetProgressRequest(enrollment_id=found.enrollment_id)).HasField("resume_point")


def test_another_students_progress_does_not_exist(learning: Served, course: Outline) -> None:
    found = enroll(learning, course)
    for who in (("student",), ("admin",)):
        stub = learning.as_user(ProgressServiceStub, BOB, *who)
        with refused(Code.NOT_FOUND, "ENROLLMENT_NOT_FOUND"):
            stub.GetProgress(GetProgressRequest(enrollment_id=found.enrollment_id))
        with refused(Code.NOT_FOUND, "ENROLLMENT_NOT_FOUND"):
            stub.RecordProgress(RecordProgressRequest(enrollment_id=found.enrollment_id, operations=[done(course, 0)]))
        with refused(Code.NOT_FOUND, "ENROLLMENT_NOT_FOUND"):
            stub.RecordHeartbeat(RecordHeartbeatRequest(enrollment_id=found.enrollment_id, operation=done(course, 0)))


def test_heartbeats_are_durable_and_complete_the_course(learning: Served, course: Outline, database: Database) -> None:
    found = enroll(learning, course)
    stub = learning.as_user(ProgressServiceStub, ADA)
    beats = [watched(course, n * 10_000, n * 10_000 + 10_000) for n in range(9)] + [done(course, 1)]
    for beat in beats:
        request = RecordHeartbeatRequest(enrollment_id=found.enrollment_id, operation=beat)
        assert not stub.RecordHeartbeat(request).duplicate
        assert stub.RecordHeartbeat(request).duplicate
    progress = stub.GetProgress(GetProgressRequest(enrollment_id=found.enrollment_id))
    assert (progress.state, progress.time_spent_seconds) == (Enrollment.STATE_COMPLETED, 90)
    told = announced(database)
    assert (told.count("LessonCompleted"), told.count("CourseCompleted")) == (2, 1)


def test_a_completion_by_heartbeat_belongs_to_the_request_that_caused_it(
    learning: Served, catalog: FakeCatalog, database: Database
) -> None:
    course = catalog.publish((0,))
    found = enroll(learning, course)
    token = learning.signer.token(ADA)
    metadata = (("authorization", f"Bearer {token}"), ("x-request-id", "the-last-beat"))
    stub = ProgressServiceStub(learning.channel("gateway", *metadata))
    stub.RecordHeartbeat(RecordHeartbeatRequest(enrollment_id=found.enrollment_id, operation=done(course, 0)))
    with database.writer.begin() as work:
        rows = work.execute(select(outbox.c.headers).where(outbox.c.subject.endswith("CourseCompleted"))).all()
    assert [(row.headers["correlation-id"], row.headers["actor"]) for row in rows] == [("the-last-beat", f"user:{ADA}")]


def test_certification_learns_what_is_missing(learning: Served, course: Outline) -> None:
    request = CheckCompletionRequest(user_id=ADA, course_id=course.course_id)
    stub = learning.as_service(LearningInternalServiceStub, "certification")
    assert stub.CheckCompletion(request).enrollment_id == ""
    found = enroll(learning, course)
    answer = stub.CheckCompletion(request)
    assert (answer.completed, answer.enrollment_id, answer.course_version) == (False, found.enrollment_id, 1)
    assert list(answer.missing_lesson_ids) == [lesson.id for lesson in course.lessons]
    operations = [done(course, 0), done(course, 1)]
    learning.as_user(ProgressServiceStub, ADA).RecordProgress(
        RecordProgressRequest(enrollment_id=found.enrollment_id, operations=operations)
    )
    answer = stub.CheckCompletion(request)
    assert (answer.completed, answer.progress_basis_points, list(answer.missing_lesson_ids)) == (True, 10_000, [])
    assert answer.HasField("completed_at")
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        learning.as_user(LearningInternalServiceStub, ADA, "admin").CheckCompletion(request)


def test_catalog_learns_who_is_enrolled(learning: Served, course: Outline) -> None:
    request = CheckEnrollmentRequest(user_id=ADA, course_id=course.course_id)
    stub = learning.as_service(LearningInternalServiceStub, "catalog")
    assert not stub.CheckEnrollment(request).enrolled
    found = enroll(learning, course)
    answer = stub.CheckEnrollment(request)
    assert (answer.enrolled, answer.enrollment_id, answer.course_version) == (True, found.enrollment_id, 1)
    with refused(Code.PERMISSION_DENIED, "ACCESS_DENIED"):
        learning.as_service(LearningInternalServiceStub, "certification").CheckEnrollment(request)
