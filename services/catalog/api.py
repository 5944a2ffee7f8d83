"""The gRPC servicers: message in, command or query out, message back."""

import grpc
from campus.catalog.v1 import (
    catalog_internal_service_pb2 as internal_pb,
)
from campus.catalog.v1 import (
    catalog_internal_service_pb2_grpc,
    course_service_pb2_grpc,
    lesson_service_pb2_grpc,
)
from campus.catalog.v1 import (
    course_service_pb2 as course_pb,
)
from campus.catalog.v1 import (
    lesson_service_pb2 as lesson_pb,
)

from services.catalog import commands, queries, wire
from services.catalog.domain.caller import Caller
from services.catalog.ports import Enrollments, PublicPage, PublicPages, Store
from services.chassis.access import principal
from services.chassis.interceptors import serialised
from services.kernel.clock import Clock
from services.kernel.rows import Rows

# What the gateway's transcoder adds to every call that came as REST.
TRANSCODED = "x-envoy-original-path"


def _caller() -> Caller:
    who = principal()
    return Caller(who.user_id, who.roles)


def _say_how_long_it_holds(context: grpc.ServicerContext, caller: Caller, seconds: int) -> None:
    """Tells HTTP caches what they may keep. Owners see more than others: what signed-in users get is theirs alone.
    gRPC callers have no such caches, and to them a header of its own costs a fifth of a quick answer."""
    if not any(name == TRANSCODED for name, _ in context.invocation_metadata()):
        return
    said = f"public, max-age={seconds}" if seconds and not caller.user_id else "private, no-cache"
    context.send_initial_metadata((("cache-control", said), ("vary", "authorization")))


class CourseService(course_service_pb2_grpc.CourseServiceServicer):
    def __init__(self, store: Store, rows: Rows, pages: PublicPages, clock: Clock) -> None:
        self._store, self._rows, self._pages, self._clock = store, rows, pages, clock

    def CreateCourse(self, request: course_pb.CreateCourseRequest, context: grpc.ServicerContext) -> course_pb.Course:
        command = wire.to_create_course(_caller(), request)
        return wire.course(commands.create_course(command, self._store, self._clock))

    def UpdateCourse(self, request: course_pb.UpdateCourseRequest, context: grpc.ServicerContext) -> course_pb.Course:
        command = wire.to_update_course(_caller(), request)
        changed = commands.update_course(command, self._store, self._clock)
        self._pages.forget(changed.id)
        return wire.course(changed)

    def GetCourse(self, request: course_pb.GetCourseRequest, context: grpc.ServicerContext) -> course_pb.Course:
        query = queries.GetCourse(request.course_id.lower(), _caller())
        content = self._course(query)
        _say_how_long_it_holds(context, query.caller, self._pages.seconds)
        return serialised(content, course_pb.Course)

    def _course(self, query: queries.GetCourse) -> bytes:
        kept = self._pages.get(query.course_id)
        if kept and not query.caller.oversees(kept.instructor_id):
            return kept.content
        mark = self._pages.reading()
        found = queries.get_course(query, self._rows)
        content = wire.course_bytes(found, query.caller)
        if found.public:
            self._pages.keep(query.course_id, PublicPage(content, found.course.instructor_id), mark)
        return content

    def ListCourses(
        self, request: course_pb.ListCoursesRequest, context: grpc.ServicerContext
    ) -> course_pb.ListCoursesResponse:
        caller, found = _caller(), queries.list_courses(wire.to_list_courses(request), self._rows)
        _say_how_long_it_holds(context, caller, self._pages.seconds)
        return wire.course_list(found, caller)

    def ListMyCourses(
        self, request: course_pb.ListMyCoursesRequest, context: grpc.ServicerContext
    ) -> course_pb.ListMyCoursesResponse:
        query = wire.to_list_my_courses(_caller(), request)
        return wire.my_courses(queries.list_my_courses(query, self._rows), query.caller)

    def SearchCourses(
        self, request: course_pb.SearchCoursesRequest, context: grpc.ServicerContext
    ) -> course_pb.SearchCoursesResponse:
        query = queries.SearchCourses(request.q, request.page_size, request.page_token)
        caller, found = _caller(), queries.search_courses(query, self._rows)
        _say_how_long_it_holds(context, caller, self._pages.seconds)
        return wire.found_courses(found, caller)

    def PublishCourse(self, request: course_pb.PublishCourseRequest, context: grpc.ServicerContext) -> course_pb.Course:
        command = commands.PublishCourse(_caller(), request.course_id.lower())
        published = commands.publish_course(command, self._store, self._clock)
        self._pages.forget(published.id)
        return wire.course(published)

    def ArchiveCourse(self, request: course_pb.ArchiveCourseRequest, context: grpc.ServicerContext) -> course_pb.Course:
        command = commands.ArchiveCourse(_caller(), request.course_id.lower())
        archived = commands.archive_course(command, self._store, self._clock)
        self._pages.forget(archived.id)
        return wire.course(archived)


class LessonService(lesson_service_pb2_grpc.LessonServiceServicer):
    def __init__(self, store: Store, rows: Rows, enrollments: Enrollments, clock: Clock) -> None:
        self._store, self._rows, self._enrollments, self._clock = store, rows, enrollments, clock

    def CreateModule(self, request: lesson_pb.CreateModuleRequest, context: grpc.ServicerContext) -> lesson_pb.Module:
        command = wire.to_create_module(_caller(), request)
        return wire.module(commands.create_module(command, self._store, self._clock))

    def CreateLesson(self, request: lesson_pb.CreateLessonRequest, context: grpc.ServicerContext) -> lesson_pb.Lesson:
        command = wire.to_create_lesson(_caller(), request)
        return wire.created_lesson(commands.create_lesson(command, self._store, self._clock))

    def GetLesson(self, request: lesson_pb.GetLessonRequest, context: grpc.ServicerContext) -> lesson_pb.Lesson:
        query = queries.GetLesson(request.lesson_id, _caller())
        return wire.lesson(queries.get_lesson(query, self._rows, self._enrollments))


class CatalogInternalService(catalog_internal_service_pb2_grpc.CatalogInternalServiceServicer):
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def BatchGetCourses(
        self, request: internal_pb.BatchGetCoursesRequest, context: grpc.ServicerContext
    ) -> internal_pb.BatchGetCoursesResponse:
        return wire.facts(queries.batch_get_courses(queries.BatchGetCourses(tuple(request.course_ids)), self._rows))

    def GetCourseOutline(
        self, request: internal_pb.GetCourseOutlineRequest, context: grpc.ServicerContext
    ) -> internal_pb.CourseOutline:
        query = queries.GetCourseOutline(request.course_id, request.version)
        return wire.outline(queries.get_course_outline(query, self._rows))
