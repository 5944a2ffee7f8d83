"""What learning needs from outside, in its own words."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from services.learning.domain.enrollment import Enrollment, Entitlement
from services.learning.domain.outline import Outline
from services.learning.domain.progress import Entry
from services.learning.domain.standing import CourseStanding


class Enrollments(Protocol):
    def get(self, enrollment_id: str) -> Enrollment | None: ...

    def of_learner(self, user_id: str, course_id: str) -> Enrollment | None:
        """Until the transaction ends nobody else enrols or drops this learner in this course, also if there is no
        enrolment yet."""
        ...

    def add(self, enrollment: Enrollment, outline: Outline) -> None:
        """Keeps the version's outline with it, unless it is known already."""
        ...

    def save(self, enrollment: Enrollment) -> None:
        """Raises StaleVersion when someone wrote since `enrollment` was read."""
        ...

    def outline(self, enrollment: Enrollment) -> Outline:
        """The version that is studied."""
        ...


class Revocations(Protocol):
    """Entitlements that were taken back. Without this memory a grant that is told late would revive them."""

    def add(self, entitlement_id: str, now: datetime) -> None: ...

    def __contains__(self, entitlement_id: object) -> bool: ...


class Outcome(Enum):
    """What became of an operation."""

    RECORDED = auto()
    DUPLICATE = auto()
    DROPPED = auto()


@dataclass(frozen=True, slots=True)
class Record:
    """An entry for the log of an enrolment."""

    enrollment_id: str
    entry: Entry


class ProgressLog(Protocol):
    def record(self, records: Sequence[Record], now: datetime) -> list[Outcome]:
        """Appends what is new and carries it into the progress of lessons and enrolments, with their events. Of several
        with the same operation_id the first stands. Enrolments that were dropped take nothing."""
        ...

    def standing(self, enrollment_id: str) -> CourseStanding: ...


class Tx(Protocol):
    @property
    def enrollments(self) -> Enrollments: ...

    @property
    def revocations(self) -> Revocations: ...

    @property
    def progress(self) -> ProgressLog: ...


class Store(Protocol):
    def begin(self) -> AbstractContextManager[Tx]:
        """One transaction: commits at the end of the block, leaves no trace when it raises."""
        ...


class Billing(Protocol):
    def live_entitlement(self, user_id: str, course_id: str) -> Entitlement | None:
        """The entitlement by which the user may take the course now, if there is one."""
        ...

    def grant_free(self, user_id: str, course_id: str) -> Entitlement:
        """Raises CourseNotFound, CourseNotAvailable, and NotEntitled when the course has a price."""
        ...


class Catalog(Protocol):
    def latest_outline(self, course_id: str) -> Outline:
        """Raises CourseNotFound, and CourseNotAvailable when no version was ever published."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """What never changes about an enrolment: whose it is, and the version that is studied."""

    user_id: str
    outline: Outline


class Places(Protocol):
    def find(self, enrollment_id: str) -> Place | None:
        """Quick: remembers what it found."""
        ...


class Heartbeats(Protocol):
    def record(self, record: Record) -> Outcome:
        """Returns once the record is durable."""
        ...
