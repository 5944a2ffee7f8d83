"""Courses for tests, made by catalog's own commands."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from services.catalog import commands
from services.catalog.domain.caller import Caller
from services.catalog.domain.course import Course, Difficulty
from services.catalog.domain.outline import Article, Content, Lesson, Module, Video
from services.catalog.ports import Store
from services.kernel.money import Money
from services.kernel.requests import RequestKey
from tests.catalog.conftest import FakeClock, instructor

EUR = Money("EUR", 4900)
ONCE = RequestKey("", "", "", b"")


def key(request_id: str, content: str = "", caller: str = "user:x", rpc: str = "R") -> RequestKey:
    return RequestKey(caller, rpc, request_id, content.encode())


@dataclass
class Making:
    """Runs catalog's commands on one store, for one owner unless told otherwise."""

    store: Store
    clock: FakeClock
    owner: Caller = field(default_factory=instructor)

    def course(self, title: str = "Python for beginners", request: RequestKey = ONCE, **other: Any) -> Course:
        given: dict[str, Any] = {
            "caller": self.owner,
            "description": "Variables, loops and functions",
            "category": "programming",
            "language": "en",
            "difficulty": Difficulty.BEGINNER,
            "price": EUR,
        }
        command = commands.CreateCourse(title=title, request=request, **(given | other))
        return commands.create_course(command, self.store, self.clock)

    def module(self, course_id: str, title: str = "Basics", request: RequestKey = ONCE) -> Module:
        command = commands.CreateModule(self.owner, course_id, title, request)
        return commands.create_module(command, self.store, self.clock)

    def lesson(
        self,
        course_id: str,
        module_id: str,
        title: str = "Variables",
        content: Content | None = None,
        request: RequestKey = ONCE,
        free_preview: bool = False,
    ) -> Lesson:
        content = content or Video(90)
        command = commands.CreateLesson(self.owner, course_id, module_id, title, free_preview, content, request)
        return commands.create_lesson(command, self.store, self.clock)

    def filled(self, title: str = "Python for beginners", **other: Any) -> Course:
        """A draft with a video, and an article that anyone may read."""
        course = self.course(title, **other)
        module = self.module(course.id)
        self.lesson(course.id, module.id)
        self.lesson(course.id, module.id, "Reading", Article("# Loops"), free_preview=True)
        return course

    def published(self, title: str = "Python for beginners", **other: Any) -> Course:
        """A published course, a minute later than the one before."""
        self.clock.advance(timedelta(minutes=1))
        return self.publish(self.filled(title, **other).id)

    def publish(self, course_id: str, caller: Caller | None = None) -> Course:
        command = commands.PublishCourse(caller or self.owner, course_id)
        return commands.publish_course(command, self.store, self.clock)

    def archive(self, course_id: str, caller: Caller | None = None) -> Course:
        command = commands.ArchiveCourse(caller or self.owner, course_id)
        return commands.archive_course(command, self.store, self.clock)

    def update(self, course_id: str, caller: Caller | None = None, etag: str = "", **changes: Any) -> Course:
        command = commands.UpdateCourse(caller or self.owner, course_id, changes, etag)
        return commands.update_course(command, self.store, self.clock)
