"""The store in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row, insert, select, update

from services.catalog import wire
from services.catalog.domain.course import Course, Difficulty, Publication, State
from services.catalog.domain.outline import Article, Lesson, LessonKind, LessonSummary, Module, Video, title_key
from services.catalog.tables import course_versions, courses, lessons, modules
from services.chassis.db import Work, Writer
from services.kernel.money import Money
from services.kernel.requests import RequestLog


class PostgresStore:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    @contextmanager
    def begin(self) -> Iterator["PostgresTx"]:
        with self._writer.begin() as work:
            yield PostgresTx(work)


class PostgresTx:
    def __init__(self, work: Work) -> None:
        self.courses = PostgresCourses(work)
        self.requests: RequestLog = work.requests


class PostgresCourses:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, course_id: str) -> Course | None:
        # Locked, so that changes of one course take turns instead of failing: adding is then safe to do at once.
        row = self._work.execute(select(courses).where(courses.c.id == course_id).with_for_update()).first()
        return _course(row, self._modules(course_id)) if row else None

    def add(self, course: Course) -> None:
        course.version = 1
        row = {"id": course.id, "version": 1, "instructor_id": course.instructor_id, "created_at": course.created_at}
        self._work.execute(insert(courses).values(row | _values(course)))
        self._announce(course)

    def save(self, course: Course, new: Module | Lesson | Publication | None = None) -> None:
        self._work.update_version(courses, course.id, course.version, _values(course))
        course.version += 1
        match new:
            case Module():
                row = {"id": new.id, "course_id": course.id, "title": new.title, "position": new.position}
                self._work.execute(insert(modules).values(row))
            case Lesson():
                self._work.execute(insert(lessons).values(_lesson_values(new)))
            case Publication():
                self._publish(new)
        self._announce(course)

    def lesson(self, lesson_id: str) -> Lesson | None:
        row = self._work.execute(select(lessons).where(lessons.c.id == lesson_id)).first()
        if row is None:
            return None
        content = Article(row.body) if row.kind == LessonKind.ARTICLE else Video(row.duration_seconds)
        kept = ("id", "course_id", "module_id", "title", "position", "free_preview")
        return Lesson(content=content, **{name: row._mapping[name] for name in kept})

    def _publish(self, new: Publication) -> None:
        row = {
            "course_id": new.course_id,
            "version": new.version,
            "outline": wire.outline_bytes(new.modules),
            "lesson_count": new.lesson_count,
            "duration_seconds": new.duration_seconds,
            "published_at": new.published_at,
        }
        self._work.execute(insert(course_versions).values(row))
        unseen = update(lessons).where(lessons.c.course_id == new.course_id, lessons.c.since_version.is_(None))
        self._work.execute(unseen.values(since_version=new.version))

    def _modules(self, course_id: str) -> list[Module]:
        found = select(modules).where(modules.c.course_id == course_id).order_by(modules.c.position)
        made = {row.id: Module(**row._mapping) for row in self._work.execute(found)}
        # Without their bodies, which may be long.
        columns: list[Any] = [lessons.c.module_id, *(lessons.c[field.name] for field in fields(LessonSummary))]
        places = select(*columns).where(lessons.c.course_id == course_id).order_by(lessons.c.position)
        for row in self._work.execute(places):
            made[row.module_id].lessons.append(_summary(row))
        return list(made.values())

    def _announce(self, course: Course) -> None:
        for event in course.take_events():
            self._work.announce(wire.announced(event), course.id, course.version)


def _values(course: Course) -> dict[str, Any]:
    return {
        "title": course.title,
        "title_key": title_key(course.title),
        "description": course.description,
        "category": course.category,
        "language": course.language,
        "difficulty": course.difficulty,
        "currency": course.price.currency,
        "amount_minor": course.price.amount_minor,
        "state": course.state,
        "updated_at": course.updated_at,
        "published_at": course.published_at,
        "published_version": course.published_version,
        "outline_changed": course.outline_changed,
        "lesson_count": course.lesson_count,
        "duration_seconds": course.duration_seconds,
    }


_COURSE_FIELDS = (
    "id",
    "version",
    "instructor_id",
    "title",
    "description",
    "category",
    "language",
    "created_at",
    "updated_at",
    "published_at",
    "published_version",
    "outline_changed",
)


def _course(row: Row[Any], found: list[Module]) -> Course:
    return Course(
        difficulty=Difficulty(row.difficulty),
        price=Money(row.currency, row.amount_minor),
        state=State(row.state),
        modules=found,
        **{name: row._mapping[name] for name in _COURSE_FIELDS},
    )


def _lesson_values(lesson: Lesson) -> dict[str, Any]:
    place = {"course_id": lesson.course_id, "module_id": lesson.module_id, "body": lesson.content.body}
    return asdict(lesson.summary) | place


def _summary(row: Row[Any]) -> LessonSummary:
    found = {field.name: row._mapping[field.name] for field in fields(LessonSummary)}
    return LessonSummary(**(found | {"kind": LessonKind(row.kind)}))
