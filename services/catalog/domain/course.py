"""A course: a draft that its owner builds, versions of it that learners study, and an end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.catalog.domain import errors
from services.catalog.domain.caller import Caller
from services.catalog.domain.outline import Content, Lesson, Module, normal_title
from services.kernel.errors import StaleVersion
from services.kernel.events import Aggregate, DomainEvent
from services.kernel.money import Money

MAX_MODULES = 100
MAX_LESSONS = 1000


class State(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


class Difficulty(StrEnum):
    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"


@dataclass(frozen=True, kw_only=True)
class CoursePublished(DomainEvent):
    course_id: str
    version: int
    instructor_id: str
    title: str
    price: Money
    lesson_count: int


@dataclass(frozen=True, kw_only=True)
class CourseUpdated(DomainEvent):
    course_id: str
    instructor_id: str
    title: str
    price: Money


@dataclass(frozen=True, kw_only=True)
class CourseArchived(DomainEvent):
    course_id: str
    version: int
    instructor_id: str


@dataclass(frozen=True, kw_only=True)
class Publication:
    """One published version of a course; never changes."""

    course_id: str
    version: int
    modules: tuple[Module, ...]
    lesson_count: int
    duration_seconds: int
    published_at: datetime


@dataclass(kw_only=True)
class Course(Aggregate):
    """`published_version` counts the versions; `outline_changed` says that the last one shows another outline."""

    instructor_id: str
    title: str
    description: str
    category: str
    language: str
    difficulty: Difficulty
    price: Money
    state: State
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None = None
    published_version: int = 0
    outline_changed: bool = False
    modules: list[Module] = field(default_factory=list)

    @classmethod
    def create(
        cls,
        course_id: str,
        *,
        instructor_id: str,
        title: str,
        description: str,
        category: str,
        language: str,
        difficulty: Difficulty,
        price: Money,
        now: datetime,
    ) -> "Course":
        return cls(
            id=course_id,
            instructor_id=instructor_id,
            title=normal_title(title),
            description=description,
            category=category,
            language=language,
            difficulty=difficulty,
            price=price,
            state=State.DRAFT,
            created_at=now,
            updated_at=now,
        )

    @property
    def lesson_count(self) -> int:
        return sum(len(module.lessons) for module in self.modules)

    @property
    def duration_seconds(self) -> int:
        return sum(lesson.duration_seconds for module in self.modules for lesson in module.lessons)

    @property
    def etag(self) -> str:
        return str(self.version)

    def require(self, caller: Caller, *, or_admin: bool = False) -> None:
        """Refuses everyone but the owner; who may not even see the draft is not told that there is one."""
        if caller.owns(self.instructor_id) or (or_admin and caller.oversees(self.instructor_id)):
            return
        if self.published_version or caller.oversees(self.instructor_id):
            raise errors.CourseNotOwned(course_id=self.id)
        raise errors.CourseNotFound(course_id=self.id)

    def update(self, changes: Mapping[str, Any], etag: str, now: datetime) -> bool:
        """Sets these fields and says whether that changed anything; if not, neither etag nor state matters."""
        wanted = {**changes, "title": normal_title(changes["title"])} if "title" in changes else dict(changes)
        if all(getattr(self, name) == value for name, value in wanted.items()):
            return False
        self._refuse_archived()
        if etag and etag != self.etag:
            raise StaleVersion(field="etag")
        for name, value in wanted.items():
            setattr(self, name, value)
        self.updated_at = now
        if self.published_version:
            self.record(
                CourseUpdated(course_id=self.id, instructor_id=self.instructor_id, title=self.title, price=self.price)
            )
        return True

    def add_module(self, module_id: str, title: str, now: datetime) -> Module:
        self._refuse_archived()
        if len(self.modules) >= MAX_MODULES:
            raise errors.CourseFull(course_id=self.id, limit=str(MAX_MODULES))
        title, position = normal_title(title), len(self.modules) + 1
        module = Module(id=module_id, course_id=self.id, title=title, position=position)
        self.modules.append(module)
        self._outline_changes(now)
        return module

    def add_lesson(
        self, lesson_id: str, module_id: str, *, title: str, free_preview: bool, content: Content, now: datetime
    ) -> Lesson:
        self._refuse_archived()
        module = self.module(module_id)
        if self.lesson_count >= MAX_LESSONS:
            raise errors.CourseFull(course_id=self.id, limit=str(MAX_LESSONS))
        lesson = Lesson(
            id=lesson_id,
            course_id=self.id,
            module_id=module_id,
            title=normal_title(title),
            position=len(module.lessons) + 1,
            free_preview=free_preview,
            content=content,
        )
        module.lessons.append(lesson.summary)
        self._outline_changes(now)
        return lesson

    def module(self, module_id: str) -> Module:
        for module in self.modules:
            if module.id == module_id:
                return module
        raise errors.ModuleNotFound(module_id=module_id)

    def publish(self, now: datetime) -> Publication | None:
        """The new version, or None when the last one shows the same outline already."""
        self._refuse_archived()
        if not self.lesson_count:
            raise errors.CourseEmpty(course_id=self.id)
        if not self.outline_changed:
            return None
        self.state = State.PUBLISHED
        self.published_version += 1
        self.published_at = self.published_at or now
        self.updated_at = now
        self.outline_changed = False
        self.record(
            CoursePublished(
                course_id=self.id,
                version=self.published_version,
                instructor_id=self.instructor_id,
                title=self.title,
                price=self.price,
                lesson_count=self.lesson_count,
            )
        )
        return Publication(
            course_id=self.id,
            version=self.published_version,
            modules=tuple(self.modules),
            lesson_count=self.lesson_count,
            duration_seconds=self.duration_seconds,
            published_at=now,
        )

    def archive(self, now: datetime) -> bool:
        """Closes the course and says whether it was open."""
        if self.state is State.ARCHIVED:
            return False
        self.state = State.ARCHIVED
        self.updated_at = now
        version, owner = self.published_version, self.instructor_id
        self.record(CourseArchived(course_id=self.id, version=version, instructor_id=owner))
        return True

    def _refuse_archived(self) -> None:
        if self.state is State.ARCHIVED:
            raise errors.CourseArchived(course_id=self.id)

    def _outline_changes(self, now: datetime) -> None:
        self.outline_changed = True
        self.updated_at = now
