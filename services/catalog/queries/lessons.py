"""A lesson, with what it holds for those who may see it."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from services.catalog import tables
from services.catalog.domain.caller import Caller
from services.catalog.domain.errors import LessonNotFound
from services.catalog.domain.outline import Article, Content, LessonAccess, LessonKind, Video
from services.catalog.ports import Enrollments
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class _LessonRow:
    id: str
    course_id: str
    module_id: str
    title: str
    position: int
    kind: str
    duration_seconds: int
    free_preview: bool
    body: str
    since_version: int | None
    instructor_id: str


@dataclass(frozen=True, slots=True)
class LessonView:
    """A lesson as one caller sees it. `content` is missing when it is locked for them."""

    id: str
    course_id: str
    module_id: str
    title: str
    position: int
    kind: LessonKind
    duration_seconds: int
    free_preview: bool
    access: LessonAccess
    content: Content | None


_l = tables.lessons.c
_LESSON = (
    select(
        _l.id,
        _l.course_id,
        _l.module_id,
        _l.title,
        _l.position,
        _l.kind,
        _l.duration_seconds,
        _l.free_preview,
        _l.body,
        _l.since_version,
        tables.courses.c.instructor_id,
    )
    .select_from(tables.lessons.join(tables.courses, tables.courses.c.id == _l.course_id))
    .where(_l.id == bindparam("lesson_id"))
)


@dataclass(frozen=True)
class GetLesson:
    lesson_id: str
    caller: Caller


def get_lesson(query: GetLesson, rows: Rows, enrollments: Enrollments) -> LessonView:
    found = rows.one(_LESSON, _LessonRow, {"lesson_id": query.lesson_id})
    if found is None or (found.since_version is None and not query.caller.oversees(found.instructor_id)):
        raise LessonNotFound(lesson_id=query.lesson_id)
    access, kind = _access(found, query.caller, enrollments), LessonKind(found.kind)
    content = Article(found.body) if kind is LessonKind.ARTICLE else Video(found.duration_seconds)
    return LessonView(
        id=found.id,
        course_id=found.course_id,
        module_id=found.module_id,
        title=found.title,
        position=found.position,
        kind=kind,
        duration_seconds=found.duration_seconds,
        free_preview=found.free_preview,
        access=access,
        content=None if access is LessonAccess.LOCKED else content,
    )


def _access(lesson: _LessonRow, caller: Caller, enrollments: Enrollments) -> LessonAccess:
    if caller.oversees(lesson.instructor_id):
        return LessonAccess.OWNER
    if lesson.free_preview:
        return LessonAccess.PREVIEW
    # Asked last, and only about somebody: a hop costs more than all the rest.
    if caller.user_id and enrollments.enrolled(caller.user_id, lesson.course_id):
        return LessonAccess.ENROLLED
    return LessonAccess.LOCKED
