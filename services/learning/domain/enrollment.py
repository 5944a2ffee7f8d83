"""A learner's place in a course."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kernel.events import Aggregate, DomainEvent
from services.learning.domain.outline import Outline


class State(StrEnum):
    """IN_PROGRESS becomes COMPLETED; both become DROPPED, and DROPPED becomes what it was before."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    DROPPED = "dropped"


class Source(StrEnum):
    PURCHASE = "purchase"
    FREE = "free"


@dataclass(frozen=True)
class Entitlement:
    """What billing grants: the right to take a course. `order_id` is empty when nothing was paid."""

    id: str
    source: Source
    order_id: str = ""


@dataclass(frozen=True, kw_only=True)
class EnrollmentCreated(DomainEvent):
    enrollment_id: str
    user_id: str
    course_id: str
    course_version: int
    source: Source


@dataclass(frozen=True, kw_only=True)
class LessonCompleted(DomainEvent):
    enrollment_id: str
    user_id: str
    course_id: str
    lesson_id: str
    completed_at: datetime


@dataclass(frozen=True, kw_only=True)
class CourseCompleted(DomainEvent):
    enrollment_id: str
    user_id: str
    course_id: str
    course_version: int
    completed_at: datetime


@dataclass(frozen=True, kw_only=True)
class EnrollmentDropped(DomainEvent):
    enrollment_id: str
    user_id: str
    course_id: str


@dataclass(frozen=True, kw_only=True)
class EnrollmentResumed(DomainEvent):
    enrollment_id: str
    user_id: str
    course_id: str


@dataclass(kw_only=True)
class Enrollment(Aggregate):
    """There is one per learner and course. It stays on the version of the course that it began with, and rests on one
    entitlement at a time."""

    user_id: str
    course_id: str
    course_version: int
    state: State
    source: Source
    entitlement_id: str
    order_id: str
    enrolled_at: datetime
    lesson_count: int
    completed_lessons: int = 0
    completed_at: datetime | None = None

    @classmethod
    def enrol(
        cls, enrollment_id: str, user_id: str, outline: Outline, entitlement: Entitlement, now: datetime
    ) -> "Enrollment":
        enrollment = cls(
            id=enrollment_id,
            user_id=user_id,
            course_id=outline.course_id,
            course_version=outline.version,
            state=State.IN_PROGRESS,
            source=entitlement.source,
            entitlement_id=entitlement.id,
            order_id=entitlement.order_id,
            enrolled_at=now,
            lesson_count=len(outline.lessons),
        )
        enrollment.record(
            EnrollmentCreated(
                enrollment_id=enrollment_id,
                user_id=user_id,
                course_id=outline.course_id,
                course_version=outline.version,
                source=entitlement.source,
            )
        )
        return enrollment

    def rest_on(self, entitlement: Entitlement) -> bool:
        """Holds by this entitlement from now on; who was dropped goes on where they were. Says whether that is news."""
        if self.state is not State.DROPPED and self.entitlement_id == entitlement.id:
            return False
        self.source, self.entitlement_id, self.order_id = entitlement.source, entitlement.id, entitlement.order_id
        if self.state is State.DROPPED:
            self.state = State.COMPLETED if self.completed_at else State.IN_PROGRESS
            self.record(EnrollmentResumed(enrollment_id=self.id, user_id=self.user_id, course_id=self.course_id))
        return True

    def drop(self) -> None:
        """Ends the access. What was learnt stays, and so does the moment of completion."""
        if self.state is not State.DROPPED:
            self.state = State.DROPPED
            self.record(EnrollmentDropped(enrollment_id=self.id, user_id=self.user_id, course_id=self.course_id))

    def complete_lesson(self, lesson_id: str, now: datetime) -> None:
        """Counts a lesson that was not complete before; the last one completes the course."""
        self.completed_lessons += 1
        self.record(
            LessonCompleted(
                enrollment_id=self.id,
                user_id=self.user_id,
                course_id=self.course_id,
                lesson_id=lesson_id,
                completed_at=now,
            )
        )
        if self.completed_lessons == self.lesson_count:
            self._complete(now)

    def _complete(self, now: datetime) -> None:
        self.completed_at = now
        if self.state is State.IN_PROGRESS:
            self.state = State.COMPLETED
        self.record(
            CourseCompleted(
                enrollment_id=self.id,
                user_id=self.user_id,
                course_id=self.course_id,
                course_version=self.course_version,
                completed_at=now,
            )
        )
