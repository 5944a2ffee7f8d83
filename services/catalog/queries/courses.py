"""One course with its outline, and what the neighbours ask about courses."""

from dataclasses import dataclass, fields

from sqlalchemy import and_, bindparam, case, select
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from services.catalog import tables
from services.catalog.domain.caller import Caller
from services.catalog.domain.errors import CourseNotFound, CourseVersionNotFound
from services.catalog.domain.outline import LessonKind, LessonSummary, Module
from services.catalog.queries.rows import COLUMNS, COURSE, VERSION, WITH_VERSION, CourseRow
from services.kernel.rows import Rows


@dataclass(frozen=True, slots=True)
class PublishedRow(CourseRow):
    """A course and the outline of its version published last, as it is kept."""

    outline: bytes | None


@dataclass(frozen=True, slots=True)
class CourseView:
    """A course as one caller sees it: with the published outline as it is kept, or with the modules as they stand."""

    course: CourseRow
    public: bool
    outline: bytes = b""
    modules: tuple[Module, ...] = ()


@dataclass(frozen=True, slots=True)
class _PlaceRow:
    module_id: str
    module_title: str
    module_position: int
    lesson_id: str | None
    lesson_title: str
    lesson_position: int
    kind: str
    duration_seconds: int
    free_preview: bool


_PUBLISHED = select(*COLUMNS, VERSION.outline).select_from(WITH_VERSION).where(COURSE.id == bindparam("course_id"))
_m, _l = tables.modules.c, tables.lessons.c
_PLACES = (
    select(
        _m.id,
        _m.title,
        _m.position,
        _l.id.label("lesson_id"),
        _l.title.label("lesson_title"),
        _l.position.label("lesson_position"),
        _l.kind,
        _l.duration_seconds,
        _l.free_preview,
    )
    .select_from(tables.modules.outerjoin(tables.lessons, _l.module_id == _m.id))
    .where(_m.course_id == bindparam("course_id"))
    .order_by(_m.position, _l.position)
)


@dataclass(frozen=True)
class GetCourse:
    course_id: str
    caller: Caller


def get_course(query: GetCourse, rows: Rows) -> CourseView:
    found = rows.one(_PUBLISHED, PublishedRow, {"course_id": query.course_id})
    if found is None:
        raise CourseNotFound(course_id=query.course_id)
    if query.caller.oversees(found.instructor_id):
        places = rows.all(_PLACES, _PlaceRow, {"course_id": query.course_id})
        return CourseView(found, public=False, modules=_modules(query.course_id, places))
    if found.outline is None:
        raise CourseNotFound(course_id=query.course_id)
    return CourseView(found, public=True, outline=found.outline)


def _modules(course_id: str, places: list[_PlaceRow]) -> tuple[Module, ...]:
    found: dict[str, Module] = {}
    for place in places:
        title, position = place.module_title, place.module_position
        module = Module(id=place.module_id, course_id=course_id, title=title, position=position)
        module = found.setdefault(place.module_id, module)
        if place.lesson_id is not None:
            module.lessons.append(
                LessonSummary(
                    id=place.lesson_id,
                    title=place.lesson_title,
                    position=place.lesson_position,
                    kind=LessonKind(place.kind),
                    duration_seconds=place.duration_seconds,
                    free_preview=place.free_preview,
                )
            )
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class CourseFactsRow:
    """What the neighbours need to know of a course."""

    id: str
    title: str
    instructor_id: str
    state: str
    currency: str
    amount_minor: int
    published_version: int


_FACTS = select(*(COURSE[field.name] for field in fields(CourseFactsRow))).where(
    COURSE.id == bindparam("course_ids", type_=ARRAY(UUID(as_uuid=False))).any_()
)


@dataclass(frozen=True)
class BatchGetCourses:
    course_ids: tuple[str, ...]


def batch_get_courses(query: BatchGetCourses, rows: Rows) -> list[CourseFactsRow]:
    return rows.all(_FACTS, CourseFactsRow, {"course_ids": list(query.course_ids)})


@dataclass(frozen=True, slots=True)
class _OutlineRow:
    course_id: str
    version: int | None
    outline: bytes | None


@dataclass(frozen=True, slots=True)
class OutlineView:
    """One published version of a course, its outline as it is kept."""

    course_id: str
    version: int
    outline: bytes


_wanted = bindparam("version", type_=VERSION.version.type)
_OUTLINE = (
    select(COURSE.id, VERSION.version, VERSION.outline)
    .select_from(
        tables.courses.outerjoin(
            tables.course_versions,
            and_(
                VERSION.course_id == COURSE.id,
                VERSION.version == case((_wanted == 0, COURSE.published_version), else_=_wanted),
            ),
        )
    )
    .where(COURSE.id == bindparam("course_id"))
)


@dataclass(frozen=True)
class GetCourseOutline:
    """`version` 0 stands for the one published last."""

    course_id: str
    version: int


def get_course_outline(query: GetCourseOutline, rows: Rows) -> OutlineView:
    found = rows.one(_OUTLINE, _OutlineRow, {"course_id": query.course_id, "version": query.version})
    if found is None:
        raise CourseNotFound(course_id=query.course_id)
    if found.version is None or found.outline is None:
        raise CourseVersionNotFound(course_id=query.course_id, version=str(query.version))
    return OutlineView(found.course_id, found.version, found.outline)
