"""Between the contract's messages and learning's own types, both ways."""

from datetime import UTC, datetime, timedelta

from campus.learning.v1 import (
    enrollment_service_pb2,
    events_pb2,
    learning_internal_service_pb2,
    progress_service_pb2,
)
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.kernel.events import DomainEvent
from services.kernel.pages import Page
from services.learning import commands, queries
from services.learning.domain import enrollment as domain
from services.learning.domain.progress import Operation
from services.learning.domain.standing import CourseStanding, LessonStanding

_STATES = {
    domain.State.IN_PROGRESS: enrollment_service_pb2.Enrollment.STATE_IN_PROGRESS,
    domain.State.COMPLETED: enrollment_service_pb2.Enrollment.STATE_COMPLETED,
    domain.State.DROPPED: enrollment_service_pb2.Enrollment.STATE_DROPPED,
}
_STATES_BACK = {number: state for state, number in _STATES.items()}
_SOURCES = {
    domain.Source.PURCHASE: enrollment_service_pb2.ENROLLMENT_SOURCE_PURCHASE,
    domain.Source.FREE: enrollment_service_pb2.ENROLLMENT_SOURCE_FREE,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp(moment: datetime | None) -> Timestamp | None:
    """The moment as a message; an absent one stays absent."""
    if moment is None:
        return None
    found = Timestamp()
    found.FromDatetime(moment)
    return found


def to_list_enrollments(
    user_id: str, request: enrollment_service_pb2.ListEnrollmentsRequest
) -> queries.ListEnrollments:
    state = _STATES_BACK.get(request.state)
    return queries.ListEnrollments(user_id, request.course_id.lower(), state, request.page_size, request.page_token)


def to_record_progress(user_id: str, request: progress_service_pb2.RecordProgressRequest) -> commands.RecordProgress:
    operations = tuple(operation(sent) for sent in request.operations)
    return commands.RecordProgress(user_id, request.enrollment_id.lower(), operations)


def to_record_heartbeat(user_id: str, request: progress_service_pb2.RecordHeartbeatRequest) -> commands.RecordHeartbeat:
    return commands.RecordHeartbeat(user_id, request.enrollment_id.lower(), operation(request.operation))


def operation(sent: progress_service_pb2.ProgressOperation) -> Operation:
    """Ids in the one spelling by which they are compared."""
    occurred = sent.occurred_at
    watched = sent.watched if sent.HasField("watched") else None
    return Operation(
        sent.operation_id.lower(),
        sent.lesson_id.lower(),
        _EPOCH + timedelta(0, occurred.seconds, occurred.nanos // 1000),
        (watched.from_ms, watched.to_ms) if watched is not None else None,
        sent.position_ms if sent.HasField("position_ms") else None,
    )


def enrollment(found: domain.Enrollment | queries.EnrollmentRow) -> enrollment_service_pb2.Enrollment:
    return enrollment_service_pb2.Enrollment(
        enrollment_id=found.id,
        user_id=found.user_id,
        course_id=found.course_id,
        course_version=found.course_version,
        state=_STATES[domain.State(found.state)],
        source=_SOURCES[domain.Source(found.source)],
        entitlement_id=found.entitlement_id,
        order_id=found.order_id,
        enrolled_at=timestamp(found.enrolled_at),
        completed_at=timestamp(found.completed_at),
    )


def enrollments(page: Page[queries.EnrollmentRow]) -> enrollment_service_pb2.ListEnrollmentsResponse:
    return enrollment_service_pb2.ListEnrollmentsResponse(
        enrollments=map(enrollment, page.rows), next_page_token=page.next_token
    )


def progress(standing: CourseStanding) -> progress_service_pb2.Progress:
    return progress_service_pb2.Progress(
        enrollment_id=standing.enrollment_id,
        course_id=standing.course_id,
        course_version=standing.course_version,
        state=_STATES[standing.state],
        progress_basis_points=standing.basis_points,
        progress_percent=standing.percent,
        completed_lesson_count=len(standing.lessons) - len(standing.missing),
        lesson_count=len(standing.lessons),
        time_spent_seconds=standing.time_spent_seconds,
        lessons=map(_lesson, standing.lessons),
        resume_point=_resume_point(standing.resume_at),
        completed_at=timestamp(standing.completed_at),
    )


def _lesson(lesson: LessonStanding) -> progress_service_pb2.LessonProgress:
    return progress_service_pb2.LessonProgress(
        lesson_id=lesson.lesson_id,
        completed=lesson.completed_at is not None,
        completed_at=timestamp(lesson.completed_at),
        progress_basis_points=lesson.basis_points,
        watched_ms=lesson.watched_ms,
        time_spent_seconds=lesson.spent_ms // 1000,
        position_ms=lesson.position_ms,
        last_accessed_at=timestamp(lesson.accessed_at),
    )


def _resume_point(lesson: LessonStanding | None) -> progress_service_pb2.ResumePoint | None:
    if lesson is None:
        return None
    return progress_service_pb2.ResumePoint(
        lesson_id=lesson.lesson_id, position_ms=lesson.position_ms, accessed_at=timestamp(lesson.accessed_at)
    )


def completion(standing: CourseStanding | None) -> learning_internal_service_pb2.CheckCompletionResponse:
    if standing is None:
        return learning_internal_service_pb2.CheckCompletionResponse()
    return learning_internal_service_pb2.CheckCompletionResponse(
        completed=standing.completed_at is not None,
        enrollment_id=standing.enrollment_id,
        course_version=standing.course_version,
        completed_at=timestamp(standing.completed_at),
        progress_basis_points=standing.basis_points,
        missing_lesson_ids=standing.missing,
    )


def enrolled(found: queries.EnrollmentRow | None) -> learning_internal_service_pb2.CheckEnrollmentResponse:
    if found is None:
        return learning_internal_service_pb2.CheckEnrollmentResponse()
    return learning_internal_service_pb2.CheckEnrollmentResponse(
        enrolled=found.state != domain.State.DROPPED, enrollment_id=found.id, course_version=found.course_version
    )


def announced(event: DomainEvent) -> Message:
    """The event as the other services hear it."""
    match event:
        case domain.EnrollmentCreated():
            return events_pb2.EnrollmentCreated(
                enrollment_id=event.enrollment_id,
                user_id=event.user_id,
                course_id=event.course_id,
                course_version=event.course_version,
                source=_SOURCES[event.source],
            )
        case domain.LessonCompleted():
            return events_pb2.LessonCompleted(
                enrollment_id=event.enrollment_id,
                user_id=event.user_id,
                course_id=event.course_id,
                lesson_id=event.lesson_id,
                completed_at=timestamp(event.completed_at),
            )
        case domain.CourseCompleted():
            return events_pb2.CourseCompleted(
                enrollment_id=event.enrollment_id,
                user_id=event.user_id,
                course_id=event.course_id,
                course_version=event.course_version,
                completed_at=timestamp(event.completed_at),
            )
        case domain.EnrollmentDropped() | domain.EnrollmentResumed():
            message = getattr(events_pb2, type(event).__name__)
            found: Message = message(
                enrollment_id=event.enrollment_id, user_id=event.user_id, course_id=event.course_id
            )
            return found
    raise TypeError(type(event).__name__)
