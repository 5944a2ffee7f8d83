"""One published version of a course, as far as learning has to know it. It never changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class LessonKind(StrEnum):
    ARTICLE = "article"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Lesson:
    """`length_ms` is that of the video; an article has none."""

    id: str
    kind: LessonKind
    length_ms: int = 0


@dataclass(frozen=True)
class Outline:
    """The lessons of a version in teaching order."""

    course_id: str
    version: int
    lessons: tuple[Lesson, ...]

    @cached_property
    def by_id(self) -> Mapping[str, Lesson]:
        return {lesson.id: lesson for lesson in self.lessons}
