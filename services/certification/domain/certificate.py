"""Proof that someone completed a course."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kernel.events import Aggregate, DomainEvent


class State(StrEnum):
    """ISSUED becomes REVOKED, for good."""

    ISSUED = "issued"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Completion:
    """What learning knows of someone in a course. `completed_at` is absent until they completed it."""

    completed_at: datetime | None
    enrollment_id: str
    course_version: int
    progress_basis_points: int
    missing_lesson_count: int


@dataclass(frozen=True, kw_only=True)
class CertificateIssued(DomainEvent):
    certificate_id: str
    user_id: str
    course_id: str
    course_version: int
    enrollment_id: str
    code: str
    issued_at: datetime


@dataclass(kw_only=True)
class Certificate(Aggregate):
    """There is one per learner and course. Name and title stand as they were when it was issued."""

    user_id: str
    holder_name: str
    course_id: str
    course_title: str
    course_version: int
    enrollment_id: str
    code: str
    state: State
    completed_at: datetime
    issued_at: datetime

    @classmethod
    def issue(
        cls,
        certificate_id: str,
        code: str,
        holder: tuple[str, str],
        course: tuple[str, str],
        completion: Completion,
        now: datetime,
    ) -> "Certificate":
        """`holder` and `course` are an id and the name or title that goes with it."""
        assert completion.completed_at is not None
        certificate = cls(
            id=certificate_id,
            user_id=holder[0],
            holder_name=holder[1],
            course_id=course[0],
            course_title=course[1],
            course_version=completion.course_version,
            enrollment_id=completion.enrollment_id,
            code=code,
            state=State.ISSUED,
            completed_at=completion.completed_at,
            issued_at=now,
        )
        certificate.record(
            CertificateIssued(
                certificate_id=certificate_id,
                user_id=certificate.user_id,
                course_id=certificate.course_id,
                course_version=certificate.course_version,
                enrollment_id=certificate.enrollment_id,
                code=code,
                issued_at=now,
            )
        )
        return certificate

    def revoke(self) -> None:
        """Ends its validity. Doing it again changes nothing."""
        self.state = State.REVOKED
