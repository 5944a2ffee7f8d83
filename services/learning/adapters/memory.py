"""The store in memory, for tests; held to the same suite as the one in PostgreSQL."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.chassis.memory import MemoryState, MemoryTransactions
from services.kernel.errors import StaleVersion
from services.learning.domain.enrollment import Enrollment, State
from services.learning.domain.outline import Outline
from services.learning.domain.progress import Entry, LessonProgress
from services.learning.domain.standing import CourseStanding, LessonStanding
from services.learning.ports import Outcome, Record


@dataclass
class Memory(MemoryState):
    enrollments: dict[str, Enrollment] = field(default_factory=dict)
    outlines: dict[tuple[str, int], Outline] = field(default_factory=dict)
    revoked: dict[str, datetime] = field(default_factory=dict)
    log: dict[tuple[str, str], Entry] = field(default_factory=dict)
    lessons: dict[tuple[str, str], LessonProgress] = field(default_factory=dict)


class MemoryStore(MemoryTransactions[Memory]):
    def __init__(self) -> None:
        super().__init__(Memory())

    @contextmanager
    def begin(self) -> Iterator["MemoryTx"]:
        with self.begin_state() as state:
            yield MemoryTx(state)


class MemoryTx:
    def __init__(self, state: Memory) -> None:
        self.enrollments = MemoryEnrollments(state)
        self.revocations = MemoryRevocations(state)
        self.progress = MemoryProgress(state, self.enrollments)


class MemoryEnrollments:
    def __init__(self, state: Memory) -> None:
        self._state = state

    def get(self, enrollment_id: str) -> Enrollment | None:
        return copy.deepcopy(self._state.enrollments.get(enrollment_id))

    def of_learner(self, user_id: str, course_id: str) -> Enrollment | None:
        all_of_them = self._state.enrollments.values()
        matching = (e for e in all_of_them if (e.user_id, e.course_id) == (user_id, course_id))
        return copy.deepcopy(next(matching, None))

    def add(self, enrollment: Enrollment, outline: Outline) -> None:
        self._state.outlines.setdefault((outline.course_id, outline.version), outline)
        self._keep(enrollment)

    def save(self, enrollment: Enrollment) -> None:
        if self._state.enrollments[enrollment.id].version != enrollment.version:
            raise StaleVersion
        self._keep(enrollment)

    def outline(self, enrollment: Enrollment) -> Outline:
        return self._state.outlines[enrollment.course_id, enrollment.course_version]

    def _keep(self, enrollment: Enrollment) -> None:
        enrollment.version += 1
        self._state.announced += enrollment.take_events()
        self._state.enrollments[enrollment.id] = copy.deepcopy(enrollment)


class MemoryRevocations:
    def __init__(self, state: Memory) -> None:
        self._state = state

    def add(self, entitlement_id: str, now: datetime) -> None:
        self._state.revoked.setdefault(entitlement_id, now)

    def __contains__(self, entitlement_id: object) -> bool:
        return entitlement_id in self._state.revoked


class MemoryProgress:
    def __init__(self, state: Memory, kept: MemoryEnrollments) -> None:
        self._state, self._enrollments = state, kept

    def record(self, records: Sequence[Record], now: datetime) -> list[Outcome]:
        return [self._record(record.enrollment_id, record.entry, now) for record in records]

    def _record(self, enrollment_id: str, entry: Entry, now: datetime) -> Outcome:
        if (enrollment_id, entry.operation_id) in self._state.log:
            return Outcome.DUPLICATE
        enrollment = self._enrollments.get(enrollment_id)
        if enrollment is None or enrollment.state is State.DROPPED:
            return Outcome.DROPPED
        self._state.log[enrollment_id, entry.operation_id] = entry
        key = (enrollment_id, entry.lesson.id)
        after = self._state.lessons.get(key, LessonProgress(entry.lesson)).after(entry)
        if after.complete and after.completed_at is None:
            after = replace(after, completed_at=now)
            enrollment.complete_lesson(entry.lesson.id, now)
            self._enrollments.save(enrollment)
        self._state.lessons[key] = after
        return Outcome.RECORDED

    def standing(self, enrollment_id: str) -> CourseStanding:
        enrollment = self._state.enrollments[enrollment_id]
        lessons = self._enrollments.outline(enrollment).lessons
        found = [self._state.lessons.get((enrollment_id, lesson.id), LessonProgress(lesson)) for lesson in lessons]
        return CourseStanding(
            enrollment.id,
            enrollment.course_id,
            enrollment.course_version,
            enrollment.state,
            enrollment.completed_at,
            tuple(map(_standing, found)),
        )


def _standing(progress: LessonProgress) -> LessonStanding:
    accessed_at, operation_id = progress.last or (None, "")
    return LessonStanding(
        progress.lesson.id,
        progress.lesson.kind,
        progress.lesson.length_ms,
        progress.watched_ms,
        progress.spent_ms,
        progress.position_ms,
        accessed_at,
        operation_id,
        progress.completed_at,
    )
