"""Enrolments and the outlines they are on, in PostgreSQL."""

from typing import Any

from sqlalchemy import Row, insert, select, text
from sqlalchemy.dialects import postgresql

from services.chassis.db import Work
from services.learning import wire
from services.learning.domain.enrollment import Enrollment, Source, State
from services.learning.domain.outline import Lesson, LessonKind, Outline
from services.learning.tables import enrollments, lessons, outlines

# A learner and a course, whether there is a row for them or not.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:learner, 0))")


class PostgresEnrollments:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, enrollment_id: str) -> Enrollment | None:
        return _enrollment(self._work.execute(select(enrollments).where(enrollments.c.id == enrollment_id)).first())

    def locked(self, enrollment_id: str) -> Enrollment:
        """One that is known to exist, as it is now and until the transaction ends."""
        query = select(enrollments).where(enrollments.c.id == enrollment_id).with_for_update(key_share=True)
        found = _enrollment(self._work.execute(query).first())
        assert found is not None
        return found

    def of_learner(self, user_id: str, course_id: str) -> Enrollment | None:
        self._work.execute(_LOCK, {"learner": f"{user_id} {course_id}"})
        this = (enrollments.c.user_id == user_id) & (enrollments.c.course_id == course_id)
        query = select(enrollments).where(this).with_for_update(key_share=True)
        return _enrollment(self._work.execute(query).first())

    def add(self, enrollment: Enrollment, outline: Outline) -> None:
        self._keep(outline)
        enrollment.version = 1
        self._work.execute(insert(enrollments).values(id=enrollment.id, version=1, **_values(enrollment)))
        self._announce(enrollment)

    def save(self, enrollment: Enrollment) -> None:
        self._work.update_version(enrollments, enrollment.id, enrollment.version, _values(enrollment))
        enrollment.version += 1
        self._announce(enrollment)

    def outline(self, enrollment: Enrollment) -> Outline:
        this = (lessons.c.course_id == enrollment.course_id) & (lessons.c.course_version == enrollment.course_version)
        query = select(lessons.c.lesson_id, lessons.c.kind, lessons.c.length_ms).where(this).order_by(lessons.c.place)
        found = tuple(Lesson(row.lesson_id, LessonKind(row.kind), row.length_ms) for row in self._work.execute(query))
        return Outline(enrollment.course_id, enrollment.course_version, found)

    def _keep(self, outline: Outline) -> None:
        key = {"course_id": outline.course_id, "course_version": outline.version}
        new = postgresql.insert(outlines).values(key).on_conflict_do_nothing().returning(outlines.c.course_id)
        if self._work.execute(new).first() is None:
            return
        rows = [
            {**key, "lesson_id": lesson.id, "place": place, "kind": lesson.kind, "length_ms": lesson.length_ms}
            for place, lesson in enumerate(outline.lessons)
        ]
        self._work.execute(insert(lessons), rows)

    def _announce(self, enrollment: Enrollment) -> None:
        for event in enrollment.take_events():
            self._work.announce(wire.announced(event), enrollment.id, enrollment.version)


def _values(enrollment: Enrollment) -> dict[str, Any]:
    names = (column.name for column in enrollments.c if column.name not in ("id", "version"))
    return {name: getattr(enrollment, name) for name in names}


def _enrollment(row: Row[Any] | None) -> Enrollment | None:
    if row is None:
        return None
    return Enrollment(**(dict(row._mapping) | {"state": State(row.state), "source": Source(row.source)}))
