"""An instructor application: pending, then approved or rejected; a rejected one may be submitted again."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.identity.domain.errors import (
    AlreadyInstructor,
    ApplicationNotPending,
    ApplicationPending,
    TooMuchEvidence,
)
from services.kernel.events import Aggregate, DomainEvent

MOST_EVIDENCE = 10


class State(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Evidence:
    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class InstructorApplicationSubmitted(DomainEvent):
    application_id: str
    user_id: str


@dataclass(frozen=True, kw_only=True)
class InstructorApplicationApproved(DomainEvent):
    application_id: str
    user_id: str


@dataclass(frozen=True, kw_only=True)
class InstructorApplicationRejected(DomainEvent):
    application_id: str
    user_id: str


@dataclass(kw_only=True)
class InstructorApplication(Aggregate):
    user_id: str
    state: State
    motivation: str
    evidence: tuple[Evidence, ...]
    rejection_comment: str
    submitted_at: datetime
    decided_at: datetime | None = None

    @classmethod
    def submit(
        cls, application_id: str, user_id: str, motivation: str, evidence: tuple[Evidence, ...], now: datetime
    ) -> "InstructorApplication":
        application = cls(
            id=application_id,
            user_id=user_id,
            state=State.PENDING,
            motivation=motivation,
            evidence=_distinct(evidence),
            rejection_comment="",
            submitted_at=now,
        )
        application.record(InstructorApplicationSubmitted(application_id=application_id, user_id=user_id))
        return application

    def submit_again(self, motivation: str, evidence: tuple[Evidence, ...], now: datetime) -> None:
        if self.state is State.PENDING:
            raise ApplicationPending
        if self.state is State.APPROVED:
            raise AlreadyInstructor
        self.state, self.motivation, self.evidence = State.PENDING, motivation, _distinct(evidence)
        self.rejection_comment, self.submitted_at, self.decided_at = "", now, None
        self.record(InstructorApplicationSubmitted(application_id=self.id, user_id=self.user_id))

    def add_evidence(self, evidence: Evidence) -> None:
        self._must_be_pending()
        if any(known.url == evidence.url for known in self.evidence):
            return
        if len(self.evidence) >= MOST_EVIDENCE:
            raise TooMuchEvidence
        self.evidence = (*self.evidence, evidence)

    def approve(self, now: datetime) -> bool:
        """Whether that changed something."""
        if self.state is State.APPROVED:
            return False
        self._must_be_pending()
        self.state, self.decided_at = State.APPROVED, now
        self.record(InstructorApplicationApproved(application_id=self.id, user_id=self.user_id))
        return True

    def reject(self, comment: str, now: datetime) -> bool:
        """Whether that changed something."""
        if self.state is State.REJECTED and self.rejection_comment == comment:
            return False
        self._must_be_pending()
        self.state, self.rejection_comment, self.decided_at = State.REJECTED, comment, now
        self.record(InstructorApplicationRejected(application_id=self.id, user_id=self.user_id))
        return True

    def _must_be_pending(self) -> None:
        if self.state is not State.PENDING:
            raise ApplicationNotPending


def _distinct(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    return tuple({each.url: each for each in evidence}.values())
