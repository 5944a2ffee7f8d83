"""What a course is made of: modules of lessons, in teaching order."""

import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar


class LessonKind(StrEnum):
    ARTICLE = "article"
    VIDEO = "video"


class LessonAccess(StrEnum):
    """Whether a caller may see what a lesson holds, and why."""

    LOCKED = "locked"
    PREVIEW = "preview"
    ENROLLED = "enrolled"
    OWNER = "owner"


@dataclass(frozen=True)
class Article:
    """A text in CommonMark."""

    body: str
    kind: ClassVar = LessonKind.ARTICLE
    duration_seconds: ClassVar = 0


@dataclass(frozen=True)
class Video:
    duration_seconds: int
    kind: ClassVar = LessonKind.VIDEO
    body: ClassVar = ""


Content = Article | Video


@dataclass(frozen=True, kw_only=True)
class LessonSummary:
    """A lesson as the outline shows it: without what it holds."""

    id: str
    title: str
    position: int
    kind: LessonKind
    duration_seconds: int
    free_preview: bool


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One step of a course."""

    id: str
    course_id: str
    module_id: str
    title: str
    position: int
    free_preview: bool
    content: Content

    @property
    def summary(self) -> LessonSummary:
        return LessonSummary(
            id=self.id,
            title=self.title,
            position=self.position,
            kind=self.content.kind,
            duration_seconds=self.content.duration_seconds,
            free_preview=self.free_preview,
        )


@dataclass(kw_only=True)
class Module:
    """A part of a course: lessons in order."""

    id: str
    course_id: str
    title: str
    position: int
    lessons: list[LessonSummary] = field(default_factory=list)


def normal_title(title: str) -> str:
    """A title as it is kept: composed (NFC), without blanks around it; something always remains."""
    return unicodedata.normalize("NFC", title).strip(" ")


def title_key(title: str) -> str:
    """What titles are ordered by, from A to Z: without regard to case and accents."""
    letters = unicodedata.normalize("NFKD", title.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
