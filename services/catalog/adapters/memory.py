"""The store in memory, for tests; held to the same suite as the one in PostgreSQL."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from services.catalog.domain.course import Course, Publication
from services.catalog.domain.outline import Lesson, Module
from services.chassis.memory import MemoryRequests, MemoryState, MemoryTransactions
from services.kernel.errors import StaleVersion


@dataclass
class State(MemoryState):
    courses: dict[str, Course] = field(default_factory=dict)
    lessons: dict[str, Lesson] = field(default_factory=dict)
    publications: dict[tuple[str, int], Publication] = field(default_factory=dict)


class MemoryStore(MemoryTransactions[State]):
    def __init__(self) -> None:
        super().__init__(State())

    @contextmanager
    def begin(self) -> Iterator["MemoryTx"]:
        with self.begin_state() as state:
            yield MemoryTx(state)


class MemoryTx:
    def __init__(self, state: State) -> None:
        self.courses = MemoryCourses(state)
        self.requests = MemoryRequests(state)


class MemoryCourses:
    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, course_id: str) -> Course | None:
        return copy.deepcopy(self._state.courses.get(course_id))

    def add(self, course: Course) -> None:
        self._keep(course)

    def save(self, course: Course, new: Module | Lesson | Publication | None = None) -> None:
        if self._state.courses[course.id].version != course.version:
            raise StaleVersion
        if isinstance(new, Lesson):
            self._state.lessons[new.id] = new
        if isinstance(new, Publication):
            self._state.publications[new.course_id, new.version] = copy.deepcopy(new)
        self._keep(course)

    def lesson(self, lesson_id: str) -> Lesson | None:
        return self._state.lessons.get(lesson_id)

    def _keep(self, course: Course) -> None:
        course.version += 1
        self._state.announced += course.take_events()
        self._state.courses[course.id] = copy.deepcopy(course)
