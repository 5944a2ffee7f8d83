"""How far a learner is in a course: percentages, what is missing, and where to go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.learning.domain.enrollment import State
from services.learning.domain.outline import LessonKind

WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class LessonStanding:
    """A lesson's progress in figures. `operation_id` is that of the operation that occurred last, empty for none."""

    lesson_id: str
    kind: LessonKind
    length_ms: int
    watched_ms: int = 0
    spent_ms: int = 0
    position_ms: int = 0
    accessed_at: datetime | None = None
    operation_id: str = ""
    completed_at: datetime | None = None

    @property
    def basis_points(self) -> int:
        if self.completed_at:
            return WHOLE
        return WHOLE * self.watched_ms // self.length_ms if self.kind is LessonKind.VIDEO else 0


@dataclass(frozen=True, slots=True)
class CourseStanding:
    """Lessons are in teaching order and count the same."""

    enrollment_id: str
    course_id: str
    course_version: int
    state: State
    completed_at: datetime | None
    lessons: Sequence[LessonStanding]

    @property
    def basis_points(self) -> int:
        return sum(lesson.basis_points for lesson in self.lessons) // len(self.lessons)

    @property
    def percent(self) -> str:
        whole, rest = divmod(self.basis_points, 100)
        return f"{whole}.{rest:02}"

    @property
    def time_spent_seconds(self) -> int:
        return sum(lesson.spent_ms for lesson in self.lessons) // 1000

    @property
    def missing(self) -> list[str]:
        return [lesson.lesson_id for lesson in self.lessons if lesson.completed_at is None]

    @property
    def resume_at(self) -> LessonStanding | None:
        """The lesson of the operation that occurred last; of several at one time, the one with the greatest id."""
        visited = [(lesson.accessed_at, lesson.operation_id, lesson) for lesson in self.lessons if lesson.accessed_at]
        return max(visited, key=lambda visit: visit[:2])[2] if visited else None
