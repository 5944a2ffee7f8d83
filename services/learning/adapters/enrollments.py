"""Enrolments and the outlines they are on, in PostgreSQL."""

from typing import Any

from sqlalchemy import Row, bindparam, insert, select, text
from sqlalchemy.dialects import postgresql

from services.chassis.db import Work
from services.learning import wire
from services.learning.domain.enrollment import Enrollment, Source, State
from services.learning.domain.outline import Lesson, LessonKind, Outline
from services.learning.tables import enrollments, lessons, outlines

# A learner and a course, whether there is a row for them or not.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:learner, 0))")
# Made once: to put a statement together costs as much as to run it.
_BY_ID = select(enrollments).where(enrollments.c.id == bindparam("enrollment_id"))
_LOCKED = _BY_ID.with_for_update(key_share=True)
_OF_LEARNER = (
    select(enrollments)
    .where(enrollments.c.user_id == bindparam("learner"), enrollments.c.course_id == bindparam("course"))
    .with_for_update(key_share=True)
)
_ADD = insert(enrollments)
_KEEP = postgresql.insert(outlines).on_conflict_do_nothing().returning(outlines.c.course_id)


class PostgresEnrollments:
    def __init__(self, work: Work) -> None:
        self._work = work

    def get(self, enrollment_id: str) -> Enrollment | None:
        return _enrollment(self._work.execute(_BY_ID, {"enrollment_id": enrollment_id}).first())

    def locked(self, enrollment_id: str) -> Enrollment:
        """One that is known to exist, as it is now and until the transaction ends."""
        found = _enrollment(self._work.execute(_LOCKED, {"enrollment_id": enrollment_id}).first())
        assert found is not None
        return found

    def of_learner(self, user_id: str, course_id: str) -> Enrollment | None:
        self._work.execute(_LOCK, {"learner": f"{user_id} {course_id}"})
        return _enrollment(self._work.execute(_OF_LEARNER, {"learner": user_id, "course": course_id}).first())

    def add(self, enrollment: Enrollment, outline: Outline) -> None:
        self._keep(outline)
        enrollment.version = 1
        self._work.execute(_ADD, {"id": enrollment.id, "version": 1, **_values(enrollment)})
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
        if self._work.execute(_KEEP, key).first() is None:
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
