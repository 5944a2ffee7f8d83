"""Courses as messages, whole, in lists and for neighbours, and the requests about them."""

from collections.abc import Iterable

from campus.catalog.v1 import catalog_internal_service_pb2 as internal_pb
from campus.catalog.v1 import course_service_pb2 as course_pb
from campus.types.v1 import money_pb2

from services.catalog import commands, queries
from services.catalog.domain.caller import Caller
from services.catalog.domain.course import Course
from services.catalog.domain.outline import Module
from services.catalog.wire.lessons import module
from services.catalog.wire.values import (
    DIFFICULTIES,
    DIFFICULTY_OF,
    STATE_OF,
    STATES,
    money,
    timestamp,
    to_money,
)
from services.chassis.requests import request_key
from services.kernel.pages import Page

_UPDATABLE = ("title", "description", "category", "language", "difficulty", "price")
_ORDERS = {
    course_pb.COURSE_ORDER_UNSPECIFIED: queries.CourseOrder.NEWEST,
    course_pb.COURSE_ORDER_NEWEST: queries.CourseOrder.NEWEST,
    course_pb.COURSE_ORDER_TITLE: queries.CourseOrder.TITLE,
    course_pb.COURSE_ORDER_PRICE: queries.CourseOrder.PRICE,
}
_PRICE_KINDS = {
    course_pb.PRICE_KIND_FREE: queries.PriceKind.FREE,
    course_pb.PRICE_KIND_PAID: queries.PriceKind.PAID,
}


def to_create_course(caller: Caller, request: course_pb.CreateCourseRequest) -> commands.CreateCourse:
    return commands.CreateCourse(
        caller=caller,
        title=request.title,
        description=request.description,
        category=request.category,
        language=request.language,
        difficulty=DIFFICULTY_OF[request.difficulty],
        price=to_money(request.price),
        request=request_key(request),
    )


def to_update_course(caller: Caller, request: course_pb.UpdateCourseRequest) -> commands.UpdateCourse:
    given = {name for name in _UPDATABLE if (request.HasField("price") if name == "price" else getattr(request, name))}
    changes = {path: getattr(request, path) for path in set(request.update_mask.paths) or given}
    if "difficulty" in changes:
        changes["difficulty"] = DIFFICULTY_OF[request.difficulty]
    if "price" in changes:
        changes["price"] = to_money(request.price)
    return commands.UpdateCourse(caller, request.course_id.lower(), changes, request.etag)


def to_list_courses(request: course_pb.ListCoursesRequest) -> queries.ListCourses:
    return queries.ListCourses(
        page_size=request.page_size,
        page_token=request.page_token,
        order=_ORDERS[request.order],
        category=request.category,
        language=request.language,
        difficulty=DIFFICULTY_OF.get(request.difficulty),
        price_kind=_PRICE_KINDS.get(request.price_kind),
        instructor_id=request.instructor_id.lower(),
    )


def to_list_my_courses(caller: Caller, request: course_pb.ListMyCoursesRequest) -> queries.ListMyCourses:
    return queries.ListMyCourses(caller, request.page_size, request.page_token, STATE_OF.get(request.state))


def course(found: Course) -> course_pb.Course:
    """A course as its owner sees it: with the outline as it stands."""
    return course_pb.Course(
        course_id=found.id,
        instructor_id=found.instructor_id,
        title=found.title,
        description=found.description,
        category=found.category,
        language=found.language,
        difficulty=DIFFICULTIES[found.difficulty],
        price=money(found.price),
        state=STATES[found.state],
        version=found.published_version,
        duration_seconds=found.duration_seconds,
        lesson_count=found.lesson_count,
        modules=map(module, found.modules),
        etag=found.etag,
        created_at=timestamp(found.created_at),
        updated_at=timestamp(found.updated_at),
        published_at=timestamp(found.published_at),
    )


def course_row(found: queries.CourseRow, caller: Caller) -> course_pb.Course:
    lessons, seconds = found.numbers_for(caller)
    return course_pb.Course(
        course_id=found.id,
        instructor_id=found.instructor_id,
        title=found.title,
        description=found.description,
        category=found.category,
        language=found.language,
        difficulty=DIFFICULTIES[found.difficulty],
        price=money_pb2.Money(currency=found.currency, amount_minor=found.amount_minor),
        state=STATES[found.state],
        version=found.published_version,
        duration_seconds=seconds,
        lesson_count=lessons,
        etag=str(found.version),
        created_at=timestamp(found.created_at),
        updated_at=timestamp(found.updated_at),
        published_at=timestamp(found.published_at),
    )


def course_bytes(found: queries.CourseView, caller: Caller) -> bytes:
    """A whole course in wire form: messages merge where their bytes are put together, so the outline goes in as it is
    kept."""
    return course_row(found.course, caller).SerializeToString() + (found.outline or outline_bytes(found.modules))


def outline_bytes(modules: Iterable[Module]) -> bytes:
    """An outline as it is kept: a Course that has nothing but modules."""
    return course_pb.Course(modules=map(module, modules)).SerializeToString()


def outline(found: queries.OutlineView) -> internal_pb.CourseOutline:
    kept = course_pb.Course.FromString(found.outline)
    lessons = [
        internal_pb.OutlineLesson(
            lesson_id=lesson.lesson_id,
            module_id=module.module_id,
            kind=lesson.kind,
            duration_seconds=lesson.duration_seconds,
        )
        for module in kept.modules
        for lesson in module.lessons
    ]
    return internal_pb.CourseOutline(course_id=found.course_id, version=found.version, lessons=lessons)


def facts(found: list[queries.CourseFactsRow]) -> internal_pb.BatchGetCoursesResponse:
    return internal_pb.BatchGetCoursesResponse(
        courses=[
            internal_pb.CourseFacts(
                course_id=row.id,
                title=row.title,
                instructor_id=row.instructor_id,
                state=STATES[row.state],
                price=money_pb2.Money(currency=row.currency, amount_minor=row.amount_minor),
                version=row.published_version,
            )
            for row in found
        ]
    )


def course_list(page: Page[queries.CourseRow], caller: Caller) -> course_pb.ListCoursesResponse:
    return course_pb.ListCoursesResponse(courses=_rows(page, caller), next_page_token=page.next_token)


def my_courses(page: Page[queries.CourseRow], caller: Caller) -> course_pb.ListMyCoursesResponse:
    return course_pb.ListMyCoursesResponse(courses=_rows(page, caller), next_page_token=page.next_token)


def found_courses(page: Page[queries.CourseRow], caller: Caller) -> course_pb.SearchCoursesResponse:
    return course_pb.SearchCoursesResponse(courses=_rows(page, caller), next_page_token=page.next_token)


def _rows(page: Page[queries.CourseRow], caller: Caller) -> list[course_pb.Course]:
    return [course_row(row, caller) for row in page.rows]
