"""What catalog needs from outside, in its own words."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from services.catalog.domain.course import Course, Publication
from services.catalog.domain.outline import Lesson, Module
from services.kernel.requests import RequestLog


class Courses(Protocol):
    def get(self, course_id: str) -> Course | None:
        """The course with its outline, kept for this transaction: whoever else wants to change it waits."""
        ...

    def add(self, course: Course) -> None: ...

    def save(self, course: Course, new: Module | Lesson | Publication | None = None) -> None:
        """Raises StaleVersion. `new` is what this change brought: a module, a lesson with its content, or a version."""
        ...

    def lesson(self, lesson_id: str) -> Lesson | None: ...


class Tx(Protocol):
    @property
    def courses(self) -> Courses: ...

    @property
    def requests(self) -> RequestLog: ...


class Store(Protocol):
    def begin(self) -> AbstractContextManager[Tx]:
        """One transaction: commits at the end of the block, leaves no trace when it raises."""
        ...


class Enrollments(Protocol):
    def enrolled(self, user_id: str, course_id: str) -> bool:
        """Whether learning knows this user as enrolled. Raises DependencyUnavailable when it can't be asked."""
        ...


@dataclass(frozen=True, slots=True)
class PublicPage:
    """A published course as anyone gets it, ready to be sent, and whom it belongs to."""

    content: bytes
    instructor_id: str


class PublicPages(Protocol):
    """The pages asked for most, kept for a short time. A page read before a change is never kept after it."""

    @property
    def seconds(self) -> int:
        """How old a page may be; 0 when none is kept."""
        ...

    def get(self, course_id: str) -> PublicPage | None: ...

    def reading(self) -> int:
        """Marks the moment before a page is read from the database; `keep` wants the mark back."""
        ...

    def keep(self, course_id: str, page: PublicPage, mark: int) -> None: ...

    def forget(self, course_id: str) -> None: ...
